//! `ai task done` by people: their tree is checked as it stands, and only a passing verdict ends
//! the task.

use crate::snapshot;
use crate::support::Sandbox;
use crate::support::runs::CONFIG;

fn claimed() -> (Sandbox, String) {
    let sandbox = Sandbox::project();
    sandbox.configure(CONFIG);
    let id = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "claim", &id]);
    (sandbox, id)
}

#[test]
fn a_tree_that_passes_ends_the_task() {
    let (sandbox, id) = claimed();
    snapshot!(sandbox.ai(&["task", "done", &id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    check unit: test -f work.txt
    check unit: failed (exit code 1)
    error: the checks are `failed` on tree [SHORT] of [TASK]: unit failed (exit code 1) (log: [PATH]/repo/.git/ai/done/[RUN]/checks/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/done/[RUN]/checks/unit.log` shows the end of its output; mend it, then `ai task done [TASK]`
    ");
    assert_eq!(sandbox.status(&id), "claimed");
    sandbox.write("work.txt", "not committed yet");
    let before = std::fs::read(sandbox.root().join(".git/index")).unwrap();
    sandbox.ai_ok(&["task", "done", &id]);
    assert_eq!(
        std::fs::read(sandbox.root().join(".git/index")).unwrap(),
        before,
        "the person's index was touched"
    );
    let task = sandbox.show(&id);
    assert_eq!(task["status"], "done", "{task}");
    assert_eq!(
        task["proof"].get("commit"),
        None,
        "what is not committed has no commit: {task}"
    );
    let tree = task["proof"]["tree"].as_str().unwrap();
    assert_eq!(
        sandbox.git(&["show", &format!("{tree}:work.txt")]),
        "not committed yet"
    );
    let evidence = sandbox.rows("SELECT data FROM evidence");
    assert_eq!(
        (evidence.len(), &evidence[0]["kind"], evidence[0].get("run")),
        (1, &"check".into(), None)
    );
    assert_eq!(evidence[0]["tree"], tree);
    assert!(
        sandbox
            .root()
            .join(".git/ai")
            .join(evidence[0]["file"].as_str().unwrap())
            .is_file()
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_committed_tree_is_named_by_its_commit() {
    let (sandbox, id) = claimed();
    sandbox.write("work.txt", "x");
    let commit = sandbox.commit("work");
    sandbox.ai_ok(&["task", "done", &id]);
    assert_eq!(sandbox.show(&id)["proof"]["commit"], commit);
}

#[test]
fn a_linked_worktree_is_checked_and_not_the_main_checkout() {
    let (sandbox, _) = claimed();
    let id = sandbox.task("Two", &[]);
    let mine = sandbox.worktree("mine");
    assert_eq!(sandbox.ai_in(&mine, &["task", "claim", &id]).code, Some(0));
    sandbox.write("work.txt", "in the main checkout alone");
    snapshot!(sandbox.ai_in(&mine, &["task", "done", &id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    check unit: test -f work.txt
    check unit: failed (exit code 1)
    error: the checks are `failed` on tree [SHORT] of [TASK]: unit failed (exit code 1) (log: [PATH]/repo/.git/ai/done/[RUN]/checks/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/done/[RUN]/checks/unit.log` shows the end of its output; mend it, then `ai task done [TASK]`
    ");
    std::fs::write(mine.join("work.txt"), "here").unwrap();
    let outcome = sandbox.ai_in(&mine, &["task", "done", &id]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn without_checks_only_an_override_ends_a_task() {
    let sandbox = Sandbox::project();
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.ai(&["task", "done", &id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: no required check has run on [TASK]: configure one (checks: in .ai/config.yaml), or end it with --override REASON
      next: write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
    sandbox.ai_ok(&["task", "done", &id, "--override", "talked it through"]);
    snapshot!(sandbox.ai(&["task", "show", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  One
      status     done (overridden)
      done       done (overridden) by human:tester: talked it through
      type       task
      priority   2
      attempts   0
      created    [TIME] by human:tester
      changed    [TIME]
    ----- stderr -----
    ");
}

#[test]
fn untrusted_checks_do_not_run() {
    let (sandbox, id) = claimed();
    sandbox.write("work.txt", "x");
    sandbox.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: 'touch \"$HOME/ran\"'}}\n",
    );
    snapshot!(sandbox.ai(&["task", "done", &id]), @"
    exit: 8
    ----- stdout -----
    ----- stderr -----
    error: the checks (.ai/config.yaml was changed) would run code that came with this repository, and this machine has not been told to trust it
      next: look at it with `ai trust --show`, then say `ai trust`
    ");
    assert!(!sandbox.base().join("home/ran").exists());
}

#[test]
fn planted_settings_do_not_run() {
    let (sandbox, id) = claimed();
    let evil = sandbox.program("evil", "touch \"$BASE/ran\"; cat");
    for key in [
        "core.fsmonitor",
        "filter.x.clean",
        "filter.x.smudge",
        "diff.external",
    ] {
        sandbox.git(&["config", key, evil.to_str().unwrap()]);
    }
    sandbox.write(".gitattributes", "*.veiled filter=x\n");
    sandbox.write("work.txt", "x");
    sandbox.write("work.veiled", "x");
    let told = sandbox.ai_ok(&["task", "done", &id]);
    snapshot!(told.stderr, @"
    warning: work.veiled goes through filter x, which ai does not run; it is not taken (commit it with git)
    check unit: test -f work.txt
    check unit: passed
    ");
    assert!(!sandbox.base().join("ran").exists());
    // They would have run, had anybody let them.
    sandbox.git(&["add", "work.veiled"]);
    assert!(sandbox.base().join("ran").exists());
}

#[test]
fn somebody_elses_task_is_refused_before_anything_runs() {
    let (sandbox, id) = claimed();
    let mine = sandbox.worktree("mine");
    std::fs::write(mine.join("work.txt"), "x").unwrap();
    snapshot!(sandbox.ai_in(&mine, &["task", "done", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by human:tester for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    ");
    assert!(
        !sandbox.root().join(".git/ai/done").exists(),
        "checks ran for nothing"
    );
}

/// A policy that lets nobody change what is below `ci/`.
const NO_CI: &str = "version: 1
default: allow
rules:
  - id: no-ci
    on: [edit, run.finish]
    paths: [ci/]
    effect: deny
    reason: ours
";

#[test]
fn what_is_really_changed_is_asked_about() {
    let sandbox = Sandbox::project();
    sandbox.write(".ai/policy.yaml", NO_CI);
    sandbox.configure(CONFIG);
    let mine = sandbox.worktree("mine");
    let id = sandbox.task("One", &["--path", "work.txt"]);
    assert_eq!(sandbox.ai_in(&mine, &["task", "claim", &id]).code, Some(0));
    std::fs::write(mine.join("work.txt"), "x").unwrap();
    std::fs::create_dir(mine.join("ci")).unwrap();
    std::fs::write(mine.join("ci/build"), "x").unwrap();
    // Committed or not, it is part of the work.
    for _ in 0..2 {
        snapshot!(sandbox.ai_in(&mine, &["task", "done", &id]), @"
        exit: 5
        ----- stdout -----
        ----- stderr -----
        check unit: test -f work.txt
        check unit: passed
        error: policy denies run.finish: ours (ci/build) (rule `no-ci`, decision [DECISION])
          next: `ai policy explain [DECISION]` shows the rules that matched
        ");
        sandbox.git_in(&mine, &["add", "-A"]);
        sandbox.git_in(&mine, &["commit", "-q", "--allow-empty", "-m", "all"]);
    }
    assert_eq!(sandbox.status(&id), "claimed");
    sandbox.git_in(&mine, &["rm", "-q", "-r", "ci"]);
    let done = sandbox.ai_in(&mine, &["task", "done", &id]);
    assert_eq!(done.code, Some(0), "{done}");
}

/// The work of a task is what came after its claim, whatever date a commit bears, however Git keeps the
/// branch, and where a commit from before the claim was written anew.
#[test]
fn a_commit_with_an_early_date_is_part_of_the_work() {
    for prepare in [
        &["status", "--short"][..],
        &["pack-refs", "--all"],
        &["checkout", "-q", "--detach"],
    ] {
        let (sandbox, _) = claimed();
        sandbox.write(".ai/policy.yaml", NO_CI);
        sandbox.write("work.txt", "x");
        sandbox.commit("before");
        sandbox.git(prepare);
        let id = sandbox.task("Two", &[]);
        sandbox.ai_ok(&["task", "claim", &id]);
        sandbox.write("ci/build", "x");
        sandbox.git(&["add", "-A"]);
        let early = "alias.early=!GIT_COMMITTER_DATE=2001-01-01T00:00:00Z git commit";
        for anew in [0, 2] {
            sandbox.git(&["reset", "-q", "--soft", &format!("HEAD~{anew}")]);
            sandbox.git(&["-c", early, "early", "-q", "-m", "early"]);
            snapshot!(sandbox.ai(&["task", "done", &id]), @"
            exit: 5
            ----- stdout -----
            ----- stderr -----
            check unit: test -f work.txt
            check unit: passed
            error: policy denies run.finish: ours (ci/build) (rule `no-ci`, decision [DECISION])
              next: `ai policy explain [DECISION]` shows the rules that matched
            ");
        }
    }
}

/// Before the first commit there is nothing that the work could begin with.
#[test]
fn the_first_commit_of_all_is_part_of_the_work() {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.ai_ok(&["init", "--yes"]);
    sandbox.write(".ai/config.yaml", CONFIG);
    sandbox.write(".ai/policy.yaml", NO_CI);
    sandbox.ai_ok(&["trust"]);
    let id = sandbox.task("One", &[]);
    sandbox.ai_ok(&["task", "claim", &id]);
    sandbox.write("work.txt", "x");
    sandbox.write("ci/build", "x");
    sandbox.git(&["add", "-A"]);
    let early = "alias.early=!GIT_COMMITTER_DATE=2001-01-01T00:00:00Z git commit";
    sandbox.git(&["-c", early, "early", "-q", "-m", "early"]);
    let outcome = sandbox.ai(&["task", "done", &id]);
    assert_eq!(outcome.code, Some(5), "{outcome}");
}

#[test]
fn what_somebody_else_has_locked_is_not_done() {
    let (sandbox, id) = claimed();
    sandbox.write("work.txt", "x");
    let other = sandbox.worktree("other");
    let lock = sandbox.ai_in(&other, &["lock", "acquire", "work.txt", "--as", "ben"]);
    assert_eq!(lock.code, Some(0), "{lock}");
    snapshot!(sandbox.ai(&["task", "done", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    check unit: test -f work.txt
    check unit: passed
    error: the work changes work.txt, locked exclusively by human:ben ([LOCK], `work.txt`) for another [LEFT]
      next: wait, or ask human:ben to give it back (`ai lock release [LOCK]`); then `ai task done [TASK]`
    ");
    let by_word = ["task", "done", &id, "--override", "seen by hand"];
    assert_eq!(sandbox.ai(&by_word).code, Some(4));
    assert_eq!(sandbox.status(&id), "claimed");
    let lock = lock.stdout.split_whitespace().next().unwrap().to_owned();
    assert_eq!(
        sandbox
            .ai_in(&other, &["lock", "release", &lock, "--as", "ben"])
            .code,
        Some(0)
    );
    sandbox.ai_ok(&["task", "done", &id]);
}
