//! Changes that meet the locks of others at the doors to a branch: whoever took a path after the work was
//! judged is asked, and nobody can take one in the moment in which the branch moves.

use std::time::Duration;

use crate::snapshot;
use crate::support::runs::{Background, CONFIG, GOOD, PATIENCE};
use crate::support::scene::refused;
use crate::support::{Outcome, Sandbox, poll, run};

/// A task in review whose work is `work.txt`.
fn reviewed() -> (Sandbox, String) {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.reviewed("One");
    (sandbox, id)
}

fn lock(sandbox: &Sandbox, args: &[&str]) -> String {
    let taken = sandbox.ai_json(&[&["lock", "acquire"][..], args].concat());
    taken["lock"]["id"].as_str().unwrap().to_owned()
}

/// `ai accept` or `ai undo`, which must be refused: branch, files and task stay.
#[track_caller]
fn refuses(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let state = || {
        let tip = sandbox.git(&["rev-parse", "main"]);
        (
            tip,
            sandbox.git(&["status", "--porcelain"]),
            sandbox.show(args[1]),
        )
    };
    refused(sandbox, args, state)
}

#[test]
fn what_a_task_has_claimed_after_the_run_keeps_the_work_out_until_it_ends() {
    let (sandbox, id) = reviewed();
    let other = sandbox.task("Two", &["--path", "*.txt"]);
    sandbox.ai_ok(&["task", "claim", &other, "--as", "agent:ben"]);
    snapshot!(refuses(&sandbox, &["accept", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: what would land changes work.txt, locked exclusively by agent:ben ([TASK], `*.txt`) for another [LEFT]
      next: `ai why [TASK]` shows the work that holds it; when that has ended, `ai accept [TASK]`
    ");
    sandbox.ai_ok(&["task", "release", &other, "--as", "agent:ben"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn an_override_is_no_way_past_a_lock() {
    let (sandbox, id) = reviewed();
    let held = lock(&sandbox, &["work.txt", "--as", "ben"]);
    snapshot!(refuses(&sandbox, &["accept", &id, "--override", "seen by hand"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: what would land changes work.txt, locked exclusively by human:ben ([LOCK], `work.txt`) for another [LEFT]
      next: wait, or ask human:ben to give it back (`ai lock release [LOCK]`); then `ai accept [TASK]`
    ");
    sandbox.ai_ok(&["lock", "release", &held, "--as", "ben"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn only_an_exclusive_lock_of_somebody_else_over_what_changes_counts() {
    let table: [(&[&str], Option<i32>); 7] = [
        (&["work.txt", "--as", "ben"], Some(4)),
        (&["w*.txt", "--as", "ben"], Some(4)),
        (&["work.txt", "--as", "ben", "--shared"], Some(0)),
        (&["README.md", "--as", "ben"], Some(0)),
        (&["CHANGELOG.md", "--as", "ben"], Some(0)),
        (&["work.txt"], Some(0)),
        (&["work.txt", "--as", "ben", "--ttl", "1ms"], Some(0)),
    ];
    for (args, code) in table {
        let script = "cat >/dev/null; echo work > work.txt; echo more > CHANGELOG.md";
        let config = format!("{CONFIG}locks: {{shared: [CHANGELOG.md]}}\n");
        let sandbox = Sandbox::with_agent(&config, script);
        let id = sandbox.reviewed("One");
        lock(&sandbox, args);
        let outcome = sandbox.ai(&["accept", &id]);
        assert_eq!(outcome.code, code, "{args:?}\n{outcome}");
    }
}

#[test]
fn what_changes_is_what_the_branch_has_not_yet() {
    let script = "cat >/dev/null; echo work > work.txt; git mv README.md READ.md";
    let sandbox = Sandbox::with_agent(CONFIG, script);
    let id = sandbox.reviewed("One");
    // One of the files came another way meanwhile.
    sandbox.write("work.txt", "work\n");
    sandbox.commit("the same");
    lock(&sandbox, &["work.txt", "--as", "ben"]);
    let held = lock(&sandbox, &["README.md", "--as", "eve"]);
    snapshot!(refuses(&sandbox, &["accept", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: what would land changes README.md, locked exclusively by human:eve ([LOCK], `README.md`) for another [LEFT]
      next: wait, or ask human:eve to give it back (`ai lock release [LOCK]`); then `ai accept [TASK]`
    ");
    sandbox.ai_ok(&["lock", "release", &held, "--as", "eve"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn work_that_stays_on_its_branch_is_asked_about_and_what_came_by_hand_is_not() {
    let sandbox = Sandbox::with_agent(&format!("{CONFIG}accept: {{mode: branch}}\n"), GOOD);
    let id = sandbox.reviewed("One");
    lock(&sandbox, &["work.txt", "--as", "ben"]);
    assert_eq!(refuses(&sandbox, &["accept", &id]).code, Some(4));
    let (sandbox, id) = reviewed();
    sandbox.git(&["merge", "-q", "--ff-only", &format!("ai/{id}/1")]);
    lock(&sandbox, &["work.txt", "--as", "ben"]);
    sandbox.ai_ok(&["accept", &id]);
}

/// Starts a command that stops after this step, waits for that, and takes the lock.
fn stopped_then_locked(sandbox: &Sandbox, args: &[&str], step: &str) -> Background {
    let planted = format!("{step}:stop");
    let command = sandbox.start_with(args, &[("AI_TEST_FAILPOINT", &planted)]);
    command.until_stopped();
    lock(sandbox, &["work.txt", "--as", "ben"]);
    command
}

#[test]
fn a_lock_that_is_taken_after_the_last_question_but_one_is_seen_by_the_last() {
    let (sandbox, id) = reviewed();
    let tip = sandbox.git(&["rev-parse", "main"]);
    let command = stopped_then_locked(&sandbox, &["accept", &id], "accept-intent");
    command.signal("CONT");
    snapshot!(command.wait(), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: what would land changes work.txt, locked exclusively by human:ben ([LOCK], `work.txt`) for another [LEFT]
      next: wait, or ask human:ben to give it back (`ai lock release [LOCK]`); then `ai accept [TASK]`
    ");
    assert_eq!(
        (sandbox.git(&["rev-parse", "main"]), sandbox.status(&id)),
        (tip, "review".to_owned())
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn an_undo_asks_in_the_last_moment_too() {
    let sandbox = Sandbox::with_agent("version: 1\nchecks: {unit: {run: 'true'}}\n", GOOD);
    let id = sandbox.reviewed("One");
    sandbox.ai_ok(&["accept", &id]);
    let tip = sandbox.git(&["rev-parse", "main"]);
    let command = stopped_then_locked(&sandbox, &["undo", &id], "undo-intent");
    command.signal("CONT");
    assert_eq!(command.wait().code, Some(4));
    assert_eq!(
        (
            sandbox.git(&["rev-parse", "main"]),
            sandbox.read("work.txt")
        ),
        (tip, "work\n".to_owned())
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
}

#[test]
fn nobody_gets_a_lock_while_the_branch_moves() {
    let (sandbox, id) = reviewed();
    let planted = [("AI_TEST_FAILPOINT", "accept-index:stop")];
    let landing = sandbox.start_with(&["accept", &id], &planted);
    landing.until_stopped();
    let mut other = sandbox.start(&["lock", "acquire", "work.txt", "--as", "ben"]);
    // Whoever could have it would have it by then.
    assert!(!poll::within(Duration::from_millis(400), || other.is_over()));
    landing.signal("CONT");
    assert_eq!(landing.wait().code, Some(0));
    assert_eq!(other.wait().code, Some(0));
    let moved = sandbox.git(&["rev-parse", "main"]);
    assert_eq!(sandbox.show(&id)["proof"]["commit"], moved);
}

#[test]
fn an_accept_that_was_killed_asks_again_before_the_move_and_never_after_it() {
    for (step, code) in [("accept-intent", Some(4)), ("accept-merged", Some(0))] {
        let (sandbox, id) = reviewed();
        let planted = format!("{step}:kill");
        let accept = ["accept", id.as_str()];
        let cut = run(sandbox
            .ai_command(&accept)
            .env("AI_TEST_FAILPOINT", planted));
        assert_eq!(cut.code, None, "{step}\n{cut}");
        let held = lock(&sandbox, &["work.txt", "--as", "ben"]);
        let again = sandbox.ai(&accept);
        assert_eq!(again.code, code, "{step}\n{again}");
        sandbox.ai_ok(&["lock", "release", &held, "--as", "ben"]);
        if code != Some(0) {
            sandbox.ai_ok(&accept);
        }
        assert_eq!(sandbox.read("work.txt"), "work\n", "{step}");
        sandbox.is_at_rest(&id);
    }
}

#[test]
fn of_locks_and_accepts_at_once_each_lock_is_seen_or_comes_after() {
    let sandbox = Sandbox::with_script("cat >/dev/null; echo work > work.txt; echo x > $AI_TASK");
    let ids: Vec<String> = (0..4)
        .map(|n| sandbox.task(&format!("task {n}"), &[]))
        .collect();
    for id in &ids {
        assert_eq!(sandbox.run(id).code, Some(0));
    }
    let accepts: Vec<Background> = ids
        .iter()
        .map(|id| sandbox.start(&["accept", id]))
        .collect();
    let locks: Vec<Background> = ids
        .iter()
        .map(|id| sandbox.start(&["lock", "acquire", id, "--as", "ben"]))
        .collect();
    for one in locks {
        assert_eq!(one.wait().code, Some(0));
    }
    // What is in the branch by now came before the lock; later than this, nothing comes.
    let landed = |id: &String| sandbox.root().join(id).exists();
    let early: Vec<&String> = ids.iter().filter(|id| landed(id)).collect();
    let codes: Vec<_> = accepts.into_iter().map(|one| one.wait().code).collect();
    for (id, code) in ids.iter().zip(codes) {
        let by_now = early.iter().any(|one| **one == *id);
        assert_eq!(
            (landed(id), code == Some(0)),
            (by_now, by_now),
            "{id}: {code:?}"
        );
        assert!(matches!(code, Some(0 | 4)), "{id}: {code:?}");
    }
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn ones_own_lock_hinders_no_work_that_is_handed_in() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = sandbox.worktree("fix");
    std::fs::write(dir.join("work.txt"), "by hand").unwrap();
    let at = dir.to_str().unwrap();
    let adopted = sandbox.ai_json(&["worktree", "adopt", at, "--title", "Fix it"]);
    let id = adopted["task"]["id"].as_str().unwrap().to_owned();
    let here = |args: &[&str]| sandbox.ai_in(&dir, args);
    let held = lock(&sandbox, &["work.txt", "--as", "ben"]);
    snapshot!(here(&["task", "done", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    check unit: test -f work.txt
    check unit: passed
    error: the work changes work.txt, locked exclusively by human:ben ([LOCK], `work.txt`) for another [LEFT]
      next: wait, or ask human:ben to give it back (`ai lock release [LOCK]`); then `ai task done [TASK]`
    ");
    sandbox.ai_ok(&["lock", "release", &held, "--as", "ben"]);
    assert_eq!(here(&["lock", "acquire", "work.txt"]).code, Some(0));
    let done = here(&["task", "done", &id]);
    assert_eq!(
        (done.code, sandbox.status(&id)),
        (Some(0), "review".to_owned()),
        "{done}"
    );
    assert_eq!(here(&["accept", &id]).code, Some(0));
}

#[test]
fn each_question_at_an_accept_leaves_its_record() {
    let (sandbox, id) = reviewed();
    sandbox.ai_ok(&["accept", &id]);
    let asked = sandbox.rows("SELECT data FROM decision ORDER BY rowid");
    let asked: Vec<String> = asked
        .iter()
        .map(|one| format!("{} by {}", one["action"], one["actor"]))
        .collect();
    snapshot!(asked.join("\n"), @r#"
    "agent.register" by "human:tester"
    "task.create" by "human:tester"
    "task.claim" by "agent:fake#[SESSION]"
    "run.start" by "agent:fake#[SESSION]"
    "run.finish" by "agent:fake#[SESSION]"
    "run.finish" by "agent:fake"
    "task.accept" by "human:tester"
    "#);
}

#[test]
fn who_gives_a_task_back_and_claims_it_anew_has_not_begun_anew() {
    let sandbox = Sandbox::project();
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\noutside_paths: deny\n",
    );
    sandbox.write(
        ".ai/config.yaml",
        "version: 1\nchecks: {unit: {run: 'true'}}\n",
    );
    sandbox.ai_ok(&["trust"]);
    sandbox.git(&["add", "-A"]);
    sandbox.git(&["commit", "-qm", "project"]);
    let id = sandbox.task("One", &["--path", "near/"]);
    sandbox.ai_ok(&["task", "claim", &id]);
    sandbox.write("far.txt", "far\n");
    sandbox.git(&["add", "-A"]);
    // Commits are dated by the second: this one is after the claim for certain.
    let mut commit = sandbox.command("git");
    commit
        .current_dir(sandbox.root())
        .args(["commit", "-qm", "far"]);
    run(commit.env("GIT_COMMITTER_DATE", "2100-01-01T00:00:00Z"));
    assert_eq!(sandbox.ai(&["task", "done", &id]).code, Some(5));
    sandbox.ai_ok(&["task", "release", &id]);
    sandbox.ai_ok(&["task", "claim", &id]);
    assert_eq!(sandbox.ai(&["task", "done", &id]).code, Some(5));
}

/// One that is killed as it begins anew would leave the other nothing to look at.
#[test]
fn who_looks_at_a_checkout_waits_for_the_one_who_does() {
    let sandbox = Sandbox::project();
    lock(&sandbox, &["elsewhere/", "--as", "ben"]);
    let [one, two] = ["One", "Two"].map(|title| sandbox.task(title, &["--path", title]));
    for id in [&one, &two] {
        sandbox.ai_ok(&["task", "claim", id]);
    }
    sandbox.ai_ok(&["task", "done", &one, "--override", "seen"]);
    let slots = sandbox.root().join(".git/ai/slots");
    let mut found = std::fs::read_dir(slots).unwrap().flatten();
    let held = found.find_map(|slot| std::fs::File::open(slot.path().join("shadow.lock")).ok());
    let held = held.unwrap();
    held.lock().unwrap();
    let mut command = sandbox.start(&["task", "done", &two, "--override", "seen"]);
    let open = format!("/proc/{}/fd", command.pid());
    poll::until("it stands at the lock", PATIENCE, || {
        let files = std::fs::read_dir(&open).into_iter().flatten().flatten();
        let mut names = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        names.any(|name| name.ends_with("shadow.lock"))
    });
    assert!(!command.is_over());
    drop(held);
    let outcome = command.wait();
    assert_eq!(outcome.code, Some(0), "{outcome}");
}
