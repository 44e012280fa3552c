//! A task with parts: it is not done while one of them is open, unless somebody says so for the
//! record.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::runs::{CONFIG, GOOD};

#[test]
fn a_task_with_an_open_part_is_done_by_a_recorded_word_only() {
    let sandbox = Sandbox::with_agent(CONFIG, GOOD);
    let whole = sandbox.reviewed("Whole");
    let part = sandbox.task("Part", &["--parent", &whole]);
    snapshot!(sandbox.ai(&["accept", &whole]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is in review: parts of it are open: [TASK] (queued)
      next: `ai task list --parent [TASK]` shows them; end or cancel them first, or say why not: `ai accept [TASK] --override 'REASON'`
    ");
    assert_eq!(sandbox.status(&whole), "review");
    sandbox.ai_ok(&["task", "cancel", &part, "--reason", "not wanted"]);
    sandbox.ai_ok(&["accept", &whole]);
    assert_eq!(sandbox.status(&whole), "done");
}

#[test]
fn a_person_says_why_a_task_ends_before_its_parts() {
    let sandbox = Sandbox::project();
    let whole = sandbox.task("Whole", &[]);
    sandbox.task("Part", &["--parent", &whole]);
    snapshot!(sandbox.ai(&["task", "done", &whole]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is queued: parts of it are open: [TASK] (queued)
      next: `ai task list --parent [TASK]` shows them; end or cancel them first, or say why not: `ai task done [TASK] --override 'REASON'`
    ");
    sandbox.ai_ok(&[
        "task",
        "done",
        &whole,
        "--override",
        "the rest is for later",
    ]);
    let task = sandbox.show(&whole);
    assert_eq!(task["proof"]["reason"], "the rest is for later");
}

#[test]
fn a_task_that_is_done_takes_no_open_part_without_a_word() {
    let sandbox = Sandbox::with_agent(CONFIG, GOOD);
    let whole = sandbox.task("Whole", &[]);
    let part = sandbox.task("Part", &["--parent", &whole]);
    let other = sandbox.task("Other", &[]);
    sandbox.ai_ok(&["task", "cancel", &part, "--reason", "not wanted"]);
    sandbox.ai_ok(&["task", "done", &whole, "--override", "by hand"]);
    snapshot!(sandbox.ai(&["task", "create", "Late", "--parent", &whole]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is done: it would be done with a part that is open
      next: `ai task reopen [TASK]` opens it again, then the same command; a task of its own needs no parent
    ");
    let file = sandbox.base().join("entries.yaml");
    std::fs::write(&file, format!("- {{title: Late, parent: {whole}}}\n")).unwrap();
    let refused = [
        // An entry of a file that cannot be created is bad input.
        (&["task", "create", "--from", file.to_str().unwrap()][..], 2),
        (&["task", "edit", &other, "--parent", &whole], 4),
        (&["task", "reopen", &part], 4),
        (&["task", "retry", &part], 4),
    ];
    for (args, code) in refused {
        assert_eq!(sandbox.ai(args).code, Some(code), "{args:?}");
    }
    assert_eq!(
        sandbox
            .ai_ok(&["task", "list", "--parent", &whole])
            .stdout
            .lines()
            .count(),
        1
    );
    // What has ended may be put below it, and what is open below one that is open.
    sandbox.ai_ok(&["task", "cancel", &other, "--reason", "no"]);
    sandbox.ai_ok(&["task", "edit", &other, "--parent", &whole]);
    sandbox.ai_ok(&["task", "reopen", &whole]);
    sandbox.ai_ok(&["task", "reopen", &part]);
    sandbox.ai_ok(&["task", "create", "Late", "--parent", &whole]);
}

#[test]
fn an_accept_is_not_taken_back_below_a_task_that_is_done() {
    let sandbox = Sandbox::with_agent(CONFIG, GOOD);
    let whole = sandbox.task("Whole", &[]);
    let part = sandbox.reviewed("Part");
    sandbox.ai_ok(&["task", "edit", &part, "--parent", &whole]);
    sandbox.ai_ok(&["accept", &part]);
    sandbox.ai_ok(&["task", "done", &whole, "--override", "by hand"]);
    let tip = sandbox.git(&["rev-parse", "main"]);
    assert_eq!(sandbox.ai(&["undo", &part]).code, Some(4));
    assert_eq!(sandbox.git(&["rev-parse", "main"]), tip);
    sandbox.ai_ok(&["task", "reopen", &whole]);
    sandbox.ai_ok(&["undo", &part, "--override", "it broke"]);
}
