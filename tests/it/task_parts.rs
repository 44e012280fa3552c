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
