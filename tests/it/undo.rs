//! Taking an accept back: what the branch is then, on which proof, and what is refused.

use crate::snapshot;
use crate::support::runs::{CONFIG, GOOD, wait_for};
use crate::support::scene::{Agent, Scene, refused};
use crate::support::{Outcome, Sandbox, run};

/// A check that does not need the work.
const CHECK: &str = "test -f README.md";

/// A task whose work is accepted.
fn accepted(check: &str, script: &str) -> (Sandbox, String) {
    let config = format!("version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: '{check}'}}}}\n");
    let sandbox = Sandbox::with_agent(&config, script);
    let id = sandbox.reviewed("One");
    sandbox.ai_ok(&["accept", &id]);
    (sandbox, id)
}

/// `ai undo ID`, which must be refused: branch, files and task stay.
#[track_caller]
fn refuses(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let state = || {
        let task = sandbox.show(args[1]);
        let tip = sandbox.git(&["rev-parse", "main"]);
        (task, tip, sandbox.git(&["status", "--porcelain"]))
    };
    refused(sandbox, args, state)
}

#[test]
fn an_accept_is_taken_back_by_a_commit_and_the_work_waits_for_a_review_again() {
    let (sandbox, id) = accepted(CHECK, GOOD);
    let landed = sandbox.git(&["rev-parse", "main"]);
    snapshot!(sandbox.ai(&["undo", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review: [SHORT] in main takes [SHORT] back
    ----- stderr -----
    checking the tree of main without [TASK]
    check unit: test -f README.md
    check unit: passed
    `ai accept [TASK]` brings it in again, `ai reject [TASK] --note TEXT` has it done anew
    ");
    assert_eq!(sandbox.git(&["rev-parse", "main^"]), landed);
    assert!(!sandbox.root().join("work.txt").exists());
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    snapshot!(sandbox.git(&["log", "-1", "--format=%B", "main"]), @"
    Revert [TASK]: One

    This reverts the work up to commit [HASH].

    AI-Task: [TASK]
    AI-Run: [RUN]
    AI-Agent: fake
    ");
    snapshot!(sandbox.ai(&["why", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  One
      review     run [RUN] has finished and waits for a person; its accept was taken back in main by [SHORT]; accepted, it goes into main
      next       ai review [TASK]
    ----- stderr -----
    ");
    let review = sandbox.ai(&["review", &id, "--no-diff"]).stdout;
    let told: Vec<&str> = review.lines().take(5).collect();
    snapshot!(told.join("\n"), @"
    [TASK]  review  One
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it goes into main
      undone     its accept was taken back in main by [SHORT]
      verdict    ready_for_review
    ");
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is in review: the accept of run [RUN] was taken back already
      next: `ai accept [TASK]` brings it in again, `ai reject [TASK] --note TEXT` has it done anew
    ");
    sandbox.ai_ok(&["log", "verify"]);
    sandbox.is_at_rest(&id);
}

#[test]
fn what_was_taken_back_can_be_accepted_and_taken_back_again() {
    let (sandbox, id) = accepted(CHECK, GOOD);
    for round in 0..2 {
        sandbox.ai_ok(&["undo", &id]);
        sandbox.write(format!("{round}.txt"), "meanwhile");
        sandbox.commit("meanwhile");
        assert!(!sandbox.root().join("work.txt").exists());
        sandbox.ai_ok(&["accept", &id]);
        let task = sandbox.show(&id);
        assert_eq!(task["status"], "done", "{task}");
        assert_eq!(task["proof"]["commit"], sandbox.git(&["rev-parse", "main"]));
        assert_eq!(sandbox.read("work.txt"), "work\n");
        assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    }
    snapshot!(sandbox.git(&["log", "--format=%s", "main"]), @"
    Reapply [TASK]: One
    meanwhile
    Revert [TASK]: One
    Reapply [TASK]: One
    meanwhile
    Revert [TASK]: One
    One
    configure
    first
    ");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn a_merge_is_taken_back_and_what_others_did_stays() {
    let sandbox = Scene::new()
        .check(CHECK)
        .agent(Agent::new("fake", GOOD))
        .build();
    let id = sandbox.reviewed("One");
    sandbox.write("before.txt", "b\n");
    sandbox.commit("before the merge");
    sandbox.ai_ok(&["accept", &id]);
    sandbox.write("after.txt", "a\n");
    sandbox.commit("after the merge");
    let undone = sandbox.ai_ok(&["undo", &id, "--json"]).json();
    assert_eq!(undone["commit"], sandbox.git(&["rev-parse", "main"]));
    assert_eq!(undone["landed"], sandbox.git(&["rev-parse", "main~2"]));
    assert_eq!(
        sandbox.git(&[
            "ls-tree",
            "--name-only",
            "main",
            "before.txt",
            "after.txt",
            "work.txt"
        ]),
        "after.txt\nbefore.txt"
    );
}

#[test]
fn several_commits_and_changes_of_files_go_as_one() {
    let script = "cat >/dev/null; git rm -q gone.txt; git commit -qm one; echo new > README.md; chmod +x run.sh; git add -A; \
                  git commit -qm two; mkdir d; echo x > d/deep.txt";
    let sandbox = Scene::new()
        .check(CHECK)
        .file("gone.txt", "gone\n")
        .file("run.sh", "run\n")
        .agent(Agent::new("fake", script))
        .build();
    let before = sandbox.git(&["rev-parse", "main^{tree}"]);
    let id = sandbox.reviewed("One");
    sandbox.ai_ok(&["accept", &id]);
    let landed = sandbox.git(&["rev-parse", "main^{tree}"]);
    sandbox.ai_ok(&["undo", &id]);
    assert_eq!(sandbox.git(&["rev-parse", "main^{tree}"]), before);
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.git(&["rev-parse", "main^{tree}"]), landed);
}

#[test]
fn later_changes_of_the_same_lines_stand_in_the_way() {
    let (sandbox, id) = accepted(
        CHECK,
        "cat >/dev/null; echo agent > README.md; echo w > w.txt",
    );
    sandbox.write("README.md", "later\n");
    sandbox.commit("later");
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: later changes in main stand in the way, and nothing was changed: 1 path conflicts: README.md
      next: take it back by hand on a branch of your own, by `git revert`; `ai task reopen [TASK]` opens the task again
    ");
    assert_eq!(refuses(&sandbox, &["undo", &id, "--dry-run"]).code, Some(4));
}

#[test]
fn a_dry_run_shows_the_change_and_makes_none() {
    let (sandbox, id) = accepted(CHECK, GOOD);
    snapshot!(refuses_nothing(&sandbox, &["undo", &id, "--dry-run"]), @"
    exit: 0
    ----- stdout -----
    [TASK]: it would take [SHORT] back in main, by a commit that changes 1 file

    diff --git a/work.txt b/work.txt
    deleted file mode 100644
    --- a/work.txt
    +++ /dev/null
    @@ -1 +0,0 @@
    -work
    ----- stderr -----
    ");
    let told = refuses_nothing(&sandbox, &["undo", &id, "--dry-run", "--json"]).json();
    snapshot!(told["changes"], @r#"[{"path":"work.txt","change":"deleted","diff":"diff --git a/work.txt b/work.txt\ndeleted file mode 100644\n--- a/work.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-work\n"}]"#);
}

/// A command that succeeds and changes nothing.
#[track_caller]
fn refuses_nothing(sandbox: &Sandbox, args: &[&str]) -> Outcome {
    let state = || (sandbox.show(args[1]), sandbox.git(&["rev-parse", "main"]));
    let before = state();
    let outcome = sandbox.ai_ok(args);
    assert_eq!(state(), before);
    outcome
}

#[test]
fn a_tree_that_fails_without_the_work_stays_as_it_is() {
    let (sandbox, id) = accepted("test -f work.txt", GOOD);
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    checking the tree of main without [TASK]
    check unit: test -f work.txt
    check unit: failed (exit code 1)
    error: the checks are `failed` on tree [SHORT] of [TASK]: unit failed (exit code 1) (log: [PATH]/repo/.git/ai/runs/[RUN]/undo-[SHORT]/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/runs/[RUN]/undo-[SHORT]/unit.log` shows the end of its output; `ai undo [TASK] --override REASON` takes it back all the same
    ");
    snapshot!(refuses(&sandbox, &["undo", &id, "--override", ""]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: an override needs a reason
      next: say why, for the record: `ai undo [TASK] --override 'seen by hand'`
    ");
    snapshot!(sandbox.ai(&["undo", &id, "--override", "it was wrong"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review: [SHORT] in main takes [SHORT] back
    ----- stderr -----
    `ai accept [TASK]` brings it in again, `ai reject [TASK] --note TEXT` has it done anew
    ");
    snapshot!(sandbox.show(&id)["notes"], @r#"[{"at_ms":[MS],"by":"human:tester","text":"the accept of run [RUN] was taken back in main: it was wrong"}]"#);
    snapshot!(sandbox.last_run(&id)["undone"]["overridden"]["reason"], @r#""it was wrong""#);
}

#[test]
fn what_was_not_accepted_is_told_with_the_way_on() {
    let sandbox = Sandbox::with_agent(&format!("{CONFIG}accept: {{mode: branch}}\n"), GOOD);
    let queued = sandbox.task("Queued", &[]);
    snapshot!(refuses(&sandbox, &["undo", &queued]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is queued: only work that was accepted can be taken back
      next: `ai why [TASK]`
    ");
    let by_hand = sandbox.task("By hand", &[]);
    sandbox.ai_ok(&["task", "done", &by_hand, "--override", "done"]);
    snapshot!(refuses(&sandbox, &["undo", &by_hand]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is done (overridden): a person ended it, and nothing was accepted
      next: `ai task reopen [TASK]` opens it again
    ");
    let own = sandbox.reviewed("Own branch");
    snapshot!(refuses(&sandbox, &["undo", &own]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is in review: only work that was accepted can be taken back
      next: `ai why [TASK]`
    ");
    sandbox.ai_ok(&["accept", &own]);
    snapshot!(refuses(&sandbox, &["undo", &own]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is done: its work was left on its own branch
      next: `ai task reopen [TASK]` opens it again
    ");
    snapshot!(sandbox.ai(&["undo", "t-nosuch"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `t-nosuch`
      next: `ai task list` shows the tasks
    ");
}

#[test]
fn what_the_branch_has_not_any_more_is_not_taken_out_of_it() {
    let (sandbox, id) = accepted(CHECK, GOOD);
    sandbox.git(&["revert", "--no-edit", "HEAD"]);
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: nothing of [TASK] is left in main
      next: `ai task reopen [TASK]` opens the task again
    ");
    sandbox.git(&["reset", "-q", "--hard", "HEAD~2"]);
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: commit [SHORT] is not in main any more
      next: `ai task reopen [TASK]` opens the task again
    ");
}

#[test]
fn files_of_a_person_and_paths_that_are_locked_are_left_alone() {
    let (sandbox, id) = accepted(CHECK, "cat >/dev/null; echo agent > README.md");
    sandbox.write("README.md", "by hand\n");
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: refs/heads/main is checked out in [PATH]/repo with changes in the way: Entry 'README.md' not uptodate. Cannot merge.
      next: commit or stash the changes there, then try again
    ");
    sandbox.git(&["checkout", "-q", "README.md"]);
    sandbox.ai_ok(&["lock", "acquire", "README.md", "--as", "bob"]);
    snapshot!(refuses(&sandbox, &["undo", &id, "--as", "ann"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: taking it back changes README.md, locked exclusively by human:bob ([LOCK], `README.md`) for another [LEFT]
      next: wait, or ask human:bob to give it back (`ai lock release [LOCK]`); then `ai undo [TASK]`
    ");
}

#[test]
fn the_policy_is_asked_as_for_an_accept() {
    let sandbox = Scene::new()
        .check(CHECK)
        .policy("version: 1\ndefault: allow\n")
        .agent(Agent::new("fake", "cat >/dev/null; echo agent > README.md"))
        .build();
    let id = sandbox.reviewed("One");
    sandbox.ai_ok(&["accept", &id]);
    // Before, the rule would have kept the work out.
    let rule =
        "{id: no-docs, on: [task.accept], paths: [README.md], effect: deny, reason: readme stays}";
    sandbox.write(
        ".ai/policy.yaml",
        format!("version: 1\ndefault: allow\nrules:\n  - {rule}\n"),
    );
    sandbox.commit("a rule");
    snapshot!(refuses(&sandbox, &["undo", &id]), @"
    exit: 5
    ----- stdout -----
    ----- stderr -----
    error: policy denies task.accept: readme stays (README.md) (rule `no-docs`, decision [DECISION])
      next: `ai policy explain [DECISION]` shows the rules that matched
    ");
}

#[test]
fn what_waits_for_the_task_waits_again() {
    let sandbox = Scene::new()
        .check(CHECK)
        .agent(Agent::new("fake", GOOD))
        .build();
    let id = sandbox.reviewed("One");
    let next = sandbox.task("Two", &["--dep", &id]);
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.status(&next), "queued");
    sandbox.ai_ok(&["undo", &id]);
    assert_eq!(sandbox.status(&next), "blocked");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.status(&next), "queued");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn of_several_at_once_one_takes_it_back() {
    let (sandbox, id) = accepted(CHECK, GOOD);
    let commands: Vec<_> = (0..3).map(|_| sandbox.start(&["undo", &id])).collect();
    let mut codes: Vec<_> = commands.into_iter().map(|one| one.wait().code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(4), Some(4)]);
    assert_eq!(sandbox.git(&["log", "-1", "--format=%s", "main^"]), "One");
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    sandbox.ai_ok(&["log", "verify"]);
    sandbox.is_at_rest(&id);
}

#[test]
fn ctrl_c_while_the_checks_run_leaves_everything_as_it_was() {
    let slow = "if test ! -f work.txt; then touch checking; sleep 600; fi";
    let (sandbox, id) = accepted(slow, GOOD);
    let tip = sandbox.git(&["rev-parse", "main"]);
    let command = sandbox.start(&["undo", &id]);
    wait_for(&sandbox.check_place("accept").join("checking"));
    command.signal("INT");
    assert_eq!(command.wait().code, Some(130));
    assert_eq!(
        (sandbox.status(&id), sandbox.git(&["rev-parse", "main"])),
        ("done".to_owned(), tip)
    );
    sandbox.is_at_rest(&id);
}

fn crash(step: &str, how: &str) {
    let case = format!("{step}:{how}");
    let (sandbox, id) = accepted(CHECK, GOOD);
    sandbox.write("other.txt", "by a person\n");
    let tip = sandbox.commit("meanwhile");
    let undo = ["undo", id.as_str()];
    let cut = run(sandbox.ai_command(&undo).env("AI_TEST_FAILPOINT", &case));
    let expected = if how == "kill" { None } else { Some(1) };
    assert_eq!(cut.code, expected, "{case}\n{cut}");
    let again = sandbox.ai(&undo);
    let expected = if step == "undo-done" { 4 } else { 0 };
    assert_eq!(again.code, Some(expected), "{case}\n{again}");
    assert_eq!(sandbox.status(&id), "review", "{case}");
    assert_eq!(sandbox.git(&["rev-parse", "main^"]), tip, "{case}: once");
    assert_eq!(
        sandbox.last_run(&id)["undone"]["commit"],
        sandbox.git(&["rev-parse", "main"]),
        "{case}"
    );
    assert_eq!(
        sandbox.git(&["ls-tree", "--name-only", "main", "other.txt", "work.txt"]),
        "other.txt",
        "{case}"
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "", "{case}");
    let checks = sandbox.evidence_of(&format!("{id}.1"));
    let checks = checks.iter().filter(|name| *name == "check unit").count();
    assert!(checks >= 2, "{case}: the tree without it was checked");
    sandbox.ai_ok(&["log", "verify"]);
    sandbox.is_at_rest(&id);
}

#[test]
fn one_that_was_cut_off_is_completed_once() {
    for step in ["undo-intent", "undo-merged", "undo-done"] {
        crash(step, "kill");
        crash(step, "error");
    }
    for step in ["accept-locked", "accept-files", "accept-index"] {
        crash(step, "kill");
    }
}
