//! Accepting work: what lands, where, on which proof, and what is refused.

use std::os::unix::fs::PermissionsExt;

use crate::snapshot;
use crate::support::runs::{Background, CONFIG, GOOD, wait_for};
use crate::support::scene::refused;
use crate::support::{Outcome, Sandbox};

/// A task in review.
fn reviewed(config: &str, script: &str) -> (Sandbox, String) {
    let sandbox = Sandbox::with_agent(config, script);
    let id = sandbox.reviewed("One");
    (sandbox, id)
}

/// `ai accept ID`, which must be refused: the target stays where it is, and the work in review.
#[track_caller]
fn refuses(sandbox: &Sandbox, id: &str) -> Outcome {
    let target = || (sandbox.git(&["rev-parse", "main"]), sandbox.status(id));
    let outcome = refused(sandbox, &["accept", id], target);
    assert_eq!(sandbox.status(id), "review");
    outcome
}

#[test]
fn an_unmoved_target_goes_forward_to_the_judged_commit() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    let judged = sandbox.git(&["rev-parse", &format!("ai/{id}/1")]);
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.git(&["rev-parse", "main"]), judged);
    assert_eq!(sandbox.read("work.txt"), "work\n");
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    let task = sandbox.show(&id);
    assert_eq!(
        (&task["status"], &task["proof"]["commit"]),
        (&"done".into(), &judged.into())
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_target_that_moves_each_time_is_a_matter_of_later() {
    // A check that commits to the target whenever it runs: whatever is tried, somebody was faster.
    let config = "version: 1\nchecks: {unit: {run: 'test -f work.txt && test ! -f \"$HOME/moving\" || sh \"$HOME/../move.sh\"'}}\n";
    let (sandbox, id) = reviewed(config, GOOD);
    sandbox.set_script(
        "move",
        "echo >> \"$HOME/moving\"; cd \"$BASE/repo\"; echo >> moved; git add moved
git -c user.name=N -c user.email=n@example.com commit -qm moved",
    );
    let moving = sandbox.base().join("home/moving");
    std::fs::write(&moving, "").unwrap();
    sandbox.write("moved", "");
    sandbox.commit("moved before");
    snapshot!(sandbox.ai(&["accept", &id]), @r#"
    exit: 75
    ----- stdout -----
    ----- stderr -----
    what would land is another tree than the one that was judged; checking it
    check unit: test -f work.txt && test ! -f "$HOME/moving" || sh "$HOME/../move.sh"
    check unit: passed
    what would land is another tree than the one that was judged; checking it
    check unit: test -f work.txt && test ! -f "$HOME/moving" || sh "$HOME/../move.sh"
    check unit: passed
    what would land is another tree than the one that was judged; checking it
    check unit: test -f work.txt && test ! -f "$HOME/moving" || sh "$HOME/../move.sh"
    check unit: passed
    what would land is another tree than the one that was judged; checking it
    check unit: test -f work.txt && test ! -f "$HOME/moving" || sh "$HOME/../move.sh"
    check unit: passed
    what would land is another tree than the one that was judged; checking it
    check unit: test -f work.txt && test ! -f "$HOME/moving" || sh "$HOME/../move.sh"
    check unit: passed
    error: the target of [TASK] moved 5 times while it was being landed
      next: `ai accept [TASK]`
    "#);
    let tries = std::fs::read_to_string(&moving).unwrap().lines().count();
    assert_eq!((tries, sandbox.status(&id)), (5, "review".to_owned()));
    sandbox.is_at_rest(&id);
    std::fs::remove_file(&moving).unwrap();
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.status(&id), "done");
}

#[test]
fn a_moved_target_is_merged_and_the_merged_tree_is_checked() {
    // The check passes only on a tree with both changes, or with the work alone.
    let config = "version: 1\nchecks: {unit: {run: 'ls > \"$HOME/seen\"; test -f work.txt'}}\n";
    let (sandbox, id) = reviewed(config, GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    sandbox.ai_ok(&["accept", &id]);
    let seen = std::fs::read_to_string(sandbox.base().join("home/seen")).unwrap();
    assert_eq!(seen, "README.md\nother.txt\nwork.txt\n");
    assert_eq!(
        sandbox.git(&["rev-list", "--merges", "--count", "main"]),
        "1"
    );
    let message = sandbox.git(&["log", "-1", "--format=%B", "main"]);
    assert!(
        message.starts_with(&format!("Merge {id}: One\n\nAI-Task: {id}")),
        "{message}"
    );
}

#[test]
fn a_merged_tree_that_fails_its_checks_does_not_land() {
    let config = "version: 1\nchecks: {unit: {run: 'test ! -f other.txt'}}\n";
    let (sandbox, id) = reviewed(config, GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    snapshot!(refuses(&sandbox, &id), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    what would land is another tree than the one that was judged; checking it
    check unit: test ! -f other.txt
    check unit: failed (exit code 1)
    error: the checks are `failed` on tree [SHORT] of [TASK]: unit failed (exit code 1) (log: [PATH]/repo/.git/ai/runs/[RUN]/accept-[SHORT]/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/runs/[RUN]/accept-[SHORT]/unit.log` shows the end of its output; `ai reject [TASK] --note TEXT` has it done again
    ");
}

#[test]
fn a_review_shows_what_lines_alone_do_not() {
    let script = "cat >/dev/null; : > empty.txt; ln -s /etc/passwd link; chmod +x README.md; echo work > work.txt";
    let (sandbox, id) = reviewed(CONFIG, script);
    snapshot!(sandbox.ai(&["review", &id]));
}

#[test]
fn a_conflict_is_named_with_the_way_on() {
    let (sandbox, id) = reviewed(
        CONFIG,
        "cat >/dev/null; echo mine > README.md; echo work > work.txt",
    );
    sandbox.write("README.md", "theirs\n");
    sandbox.commit("meanwhile");
    snapshot!(refuses(&sandbox, &id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: 1 path conflicts: README.md
      next: `ai reject [TASK] --note TEXT`, so that the next run begins on what the target is now
    ");
    sandbox.ai_ok(&["reject", &id, "--note", "do it on the new base"]);
    snapshot!(sandbox.ai(&["why", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  One
      ready      nothing holds it; human:tester sent run [RUN] back: do it on the new base
      next       ai run [TASK]
    ----- stderr -----
    ");
    assert_eq!(sandbox.run(&id).code, Some(0));
    sandbox.ai_ok(&["accept", &id]);
    snapshot!(sandbox.run_file(&format!("{id}.2"), "prompt.md"));
}

#[test]
fn why_says_who_opened_a_task_again_and_that_its_verdict_counts_no_more() {
    let (sandbox, id) = reviewed(CONFIG, "cat >/dev/null; echo work > work.txt");
    sandbox.ai_ok(&["accept", &id]);
    sandbox.ai_ok(&[
        "task",
        "reopen",
        &id,
        "--reason",
        "the second half is missing",
    ]);
    snapshot!(sandbox.ai(&["why", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  One
      ready      nothing holds it; human:tester opened it again after run [RUN] had ended, whose verdict counts no more: the second half is missing
      next       ai run [TASK]
    ----- stderr -----
    ");
    // Without a run: a task that was given up, and is wanted again.
    let other = sandbox.task("Two", &[]);
    sandbox.ai_ok(&["task", "cancel", &other, "--reason", "no"]);
    sandbox.ai_ok(&["task", "reopen", &other, "--reason", "yes, after all"]);
    snapshot!(sandbox.ai(&["why", &other]), @"
    exit: 0
    ----- stdout -----
    [TASK]  queued  Two
      ready      nothing holds it; human:tester opened it again: yes, after all
      next       ai run [TASK]
    ----- stderr -----
    ");
}

#[test]
fn changes_of_a_person_in_the_way_are_not_overwritten() {
    let (sandbox, id) = reviewed(
        CONFIG,
        "cat >/dev/null; echo work > work.txt; echo agent > README.md",
    );
    sandbox.write("README.md", "by hand\n");
    snapshot!(refuses(&sandbox, &id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: refs/heads/main is checked out in [PATH]/repo with changes in the way: Entry 'README.md' not uptodate. Cannot merge.
      next: commit or stash the changes there, then try again
    ");
    assert_eq!(sandbox.read("README.md"), "by hand\n");
    sandbox.git(&["checkout", "-q", "README.md"]);
    sandbox.write("work.txt", "untracked, by hand\n");
    snapshot!(refuses(&sandbox, &id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: refs/heads/main is checked out in [PATH]/repo with changes in the way: untracked files stand in the way: work.txt
      next: commit or stash the changes there, then try again
    ");
    assert_eq!(sandbox.read("work.txt"), "untracked, by hand\n");
    std::fs::remove_file(sandbox.root().join("work.txt")).unwrap();
    sandbox.write("elsewhere.txt", "not in the way\n");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        (sandbox.read("README.md"), sandbox.read("elsewhere.txt")),
        ("agent\n".into(), "not in the way\n".into())
    );
}

#[test]
fn what_is_in_the_way_is_told_before_the_checks_and_looked_for_again_after_them() {
    // The check counts itself; where the home has `late`, that brings a file into the way.
    let check = "echo ran >> \"$HOME/ran\"; test ! -e \"$HOME/late\" || sh \"$HOME/late\"";
    let config = crate::support::scene::config_with_check(check);
    let (sandbox, id) = reviewed(&config, GOOD);
    let home = sandbox.base().join("home");
    let ran = || std::fs::read_to_string(home.join("ran")).unwrap();
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    sandbox.write("work.txt", "by hand\n");
    snapshot!(refuses(&sandbox, &id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: refs/heads/main is checked out in [PATH]/repo with changes in the way: untracked files stand in the way: work.txt
      next: commit or stash the changes there, then try again
    ");
    assert_eq!(ran(), "ran\n", "by the run alone");
    std::fs::remove_file(sandbox.root().join("work.txt")).unwrap();
    let late = format!("echo by hand > '{}/work.txt'\n", sandbox.root().display());
    std::fs::write(home.join("late"), late).unwrap();
    snapshot!(refuses(&sandbox, &id), @r#"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    what would land is another tree than the one that was judged; checking it
    check unit: echo ran >> "$HOME/ran"; test ! -e "$HOME/late" || sh "$HOME/late"
    check unit: passed
    error: refs/heads/main is checked out in [PATH]/repo with changes in the way: untracked files stand in the way: work.txt
      next: commit or stash the changes there, then try again
    "#);
    assert_eq!(
        (sandbox.read("work.txt"), ran()),
        ("by hand\n".into(), "ran\nran\n".into())
    );
    std::fs::remove_file(home.join("late")).unwrap();
    std::fs::remove_file(sandbox.root().join("work.txt")).unwrap();
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.read("work.txt"), "work\n");
    assert!(!sandbox.root().join(".git/ai/accept.index").exists());
}

#[test]
fn a_branch_that_moved_after_it_was_judged_proves_nothing() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    let branch = format!("refs/heads/ai/{id}/1");
    let more = sandbox.git(&[
        "commit-tree",
        "-p",
        &branch,
        "-m",
        "more",
        &format!("{branch}^{{tree}}"),
    ]);
    sandbox.git(&["update-ref", &branch, &more]);
    snapshot!(refuses(&sandbox, &id), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: branch ai/[TASK]/1 was moved to [SHORT] after it was judged at [SHORT]; what was judged can no longer be told from what was not
      next: `git log [SHORT]..ai/[TASK]/1` shows what came after; `ai reject [TASK] --note TEXT` has it done again
    ");
}

#[test]
fn evidence_that_was_touched_proves_nothing() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    let dir = sandbox.root().join(format!(".git/ai/runs/{id}.1"));
    std::fs::write(dir.join("diff.patch"), "nothing to see here").unwrap();
    std::fs::remove_file(dir.join("stdout.log")).unwrap();
    snapshot!(refuses(&sandbox, &id), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: the evidence of run [RUN] is not what was recorded: diff diff (changed), log stdout (missing)
      next: `ai evidence verify [RUN]` shows it; `ai reject [TASK]` has it done again
    ");
    snapshot!(sandbox.ai(&["accept", &id, "--override", "seen elsewhere"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done (overridden): [SHORT] is in main
    ----- stderr -----
    warning: the evidence of run [RUN] is not what was recorded: diff diff (changed), log stdout (missing)
    ");
}

#[test]
fn unverified_work_needs_a_recorded_override() {
    let (sandbox, id) = reviewed("version: 1\n", GOOD);
    snapshot!(refuses(&sandbox, &id), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    the checks have not passed on this work; running them again
    error: no required check has run on [TASK]: configure one (checks: in .ai/config.yaml), or accept with --override REASON
      next: write one below `checks:` in .ai/config.yaml, such as {test: {run: make test}}
    ");
    snapshot!(sandbox.ai(&["accept", &id, "--override", " "]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: an override needs a reason
      next: say why, for the record: `ai accept [TASK] --override 'seen by hand'`
    ");
    snapshot!(sandbox.ai(&["accept", &id, "--override", "it is only text"]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done (overridden): [SHORT] is in main
    ----- stderr -----
    ");
    let task = sandbox.show(&id);
    assert_eq!(task["proof"]["reason"], "it is only text", "{task}");
    snapshot!(sandbox.ai(&["task", "show", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  One
      status     done (overridden)
      done       done (overridden) by human:tester: it is only text
      type       task
      priority   2
      attempts   1
      created    [TIME] by human:tester
      changed    [TIME]
    ----- stderr -----
    ");
    sandbox.ai_ok(&["log", "verify"]);
}

#[test]
fn a_target_that_is_not_checked_out_moves_without_touching_the_checkout() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.git(&["checkout", "-q", "-b", "elsewhere"]);
    sandbox.write("open.txt", "in progress");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.file_at("main", "work.txt"), "work");
    assert!(!sandbox.root().join("work.txt").exists());
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "?? open.txt");
}

#[test]
fn a_target_in_a_linked_worktree_brings_its_files_along() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.git(&["checkout", "-q", "-b", "elsewhere"]);
    let dir = sandbox.base().join("linked");
    sandbox.git(&["worktree", "add", "-q", dir.to_str().unwrap(), "main"]);
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        std::fs::read_to_string(dir.join("work.txt")).unwrap(),
        "work\n"
    );
    assert_eq!(sandbox.git_in(&dir, &["status", "--porcelain"]), "");
}

#[test]
fn the_branch_mode_leaves_the_target_to_a_pull_request() {
    let (sandbox, id) = reviewed(&format!("{CONFIG}accept: {{mode: branch}}\n"), GOOD);
    let before = sandbox.git(&["rev-parse", "main"]);
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done: [SHORT] stays on its own branch
    ----- stderr -----
    ");
    assert_eq!(sandbox.git(&["rev-parse", "main"]), before);
    assert_eq!(sandbox.status(&id), "done");
}

#[test]
fn ff_only_refuses_a_merge() {
    let (sandbox, id) = reviewed(&format!("{CONFIG}accept: {{mode: ff-only}}\n"), GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    snapshot!(refuses(&sandbox, &id), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: refs/heads/main has moved on; it cannot fast-forward to [SHORT]
      next: `ai reject [TASK] --note TEXT`, so that the next run begins on what the target is now
    ");
    sandbox.git(&["reset", "-q", "--hard", "HEAD~1"]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn another_target_can_be_configured() {
    let sandbox = Sandbox::with_agent(&format!("{CONFIG}accept: {{target: next}}\n"), GOOD);
    sandbox.git(&["branch", "next"]);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.file_at("next", "work.txt"), "work");
    assert_eq!(
        sandbox
            .try_git(&sandbox.root(), &["show", "main:work.txt"])
            .code,
        Some(128)
    );
}

#[test]
fn work_that_a_person_merged_by_hand_is_done() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.git(&[
        "merge",
        "-q",
        "--no-ff",
        "-m",
        "by hand",
        &format!("ai/{id}/1"),
    ]);
    let head = sandbox.git(&["rev-parse", "main"]);
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  done: [SHORT] is in main
    ----- stderr -----
    ");
    assert_eq!(sandbox.git(&["rev-parse", "main"]), head);
    assert_eq!(sandbox.status(&id), "done");
}

#[test]
fn a_detached_head_needs_a_target() {
    let sandbox = Sandbox::with_script(GOOD);
    sandbox.git(&["checkout", "-q", "--detach"]);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    snapshot!(refuses(&sandbox, &id), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: the run started from a detached HEAD, so there is no branch to accept into
      next: set accept.target in .ai/config.yaml
    ");
    sandbox.configure(&format!("{CONFIG}accept: {{target: main}}\n"));
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(sandbox.file_at("main", "work.txt"), "work");
}

#[test]
fn the_first_commit_of_a_repository_can_be_an_agents() {
    let sandbox = Sandbox::empty();
    sandbox.git(&["init", "-q", "-b", "main"]);
    sandbox.ai_ok(&["init", "--yes"]);
    sandbox.add_agent("fake", GOOD);
    sandbox.write(".ai/config.yaml", CONFIG);
    sandbox.ai_ok(&["trust"]);
    let id = sandbox.task("One", &[]);
    let outcome = sandbox.run(&id);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        sandbox.git(&["ls-tree", "-r", "--name-only", "main"]),
        "work.txt"
    );
    assert_eq!(sandbox.git(&["rev-list", "--count", "main"]), "1");
    assert_eq!(sandbox.read("work.txt"), "work\n");
    sandbox.is_at_rest(&id);
    let next = sandbox.task("Two", &[]);
    sandbox.set_script("fake", "cat > /dev/null; echo more > more.txt");
    let outcome = sandbox.run(&next);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    sandbox.ai_ok(&["accept", &next]);
    assert_eq!(sandbox.read("more.txt"), "more\n");
}

#[test]
fn a_bare_repository_with_linked_worktrees_works() {
    let sandbox = Sandbox::repository();
    let (bare, tree) = (sandbox.base().join("bare.git"), sandbox.base().join("tree"));
    sandbox.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    sandbox.git_in(
        &bare,
        &["worktree", "add", "-q", tree.to_str().unwrap(), "main"],
    );
    let ai = |args: &[&str]| sandbox.ai_in(&tree, args);
    let ok = |args: &[&str]| {
        let outcome = ai(args);
        assert_eq!(outcome.code, Some(0), "{args:?}\n{outcome}");
        outcome
    };
    ok(&["init", "--yes"]);
    sandbox.set_script("fake", GOOD);
    let script = sandbox.base().join("fake.sh");
    ok(&[
        "agent",
        "register",
        "fake",
        "--connector",
        "command",
        "--",
        "/bin/sh",
        script.to_str().unwrap(),
    ]);
    std::fs::write(tree.join(".ai/config.yaml"), CONFIG).unwrap();
    ok(&["trust"]);
    sandbox.git_in(&tree, &["add", "-A"]);
    sandbox.git_in(&tree, &["commit", "-q", "-m", "set up"]);
    let id = ok(&["task", "create", "One", "--json"]).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    ok(&["run", &id]);
    ok(&["accept", &id]);
    assert_eq!(
        std::fs::read_to_string(tree.join("work.txt")).unwrap(),
        "work\n"
    );
    assert_eq!(sandbox.git_in(&bare, &["show", "main:work.txt"]), "work");
    assert_eq!(sandbox.git_in(&tree, &["status", "--porcelain"]), "");
}

#[test]
fn of_several_accepts_at_once_one_lands() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    let commands: Vec<_> = (0..3)
        .map(|n| sandbox.start(&["accept", &id, "--as", &format!("p{n}")]))
        .collect();
    let codes: Vec<_> = commands.into_iter().map(|command| command.wait()).collect();
    // One that comes late may find the work landed, and complete what the first had begun.
    let fine = |code: Option<i32>| matches!(code, Some(0 | 4));
    assert!(codes.iter().all(|outcome| fine(outcome.code)), "{codes:?}");
    assert!(
        codes.iter().any(|outcome| outcome.code == Some(0)),
        "{codes:?}"
    );
    assert_eq!(
        sandbox.git(&["rev-list", "--merges", "--count", "main"]),
        "1"
    );
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
    let done = sandbox.rows("SELECT body FROM event WHERE kind = 'task.done'");
    assert_eq!(done.len(), 1, "{done:?}");
    assert_eq!(
        sandbox.show(&id)["proof"]["commit"],
        sandbox.git(&["rev-parse", "main"])
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn a_cleaned_checkout_costs_nothing() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    std::fs::remove_dir_all(sandbox.places()).unwrap();
    std::fs::remove_file(sandbox.root().join(".ai/state")).unwrap();
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    sandbox.ai_ok(&["accept", &id]);
    let next = sandbox.task("Two", &[]);
    sandbox.set_script("fake", "cat > /dev/null; echo more > more.txt");
    let outcome = sandbox.run(&next);
    assert_eq!(outcome.code, Some(0), "{outcome}");
}

#[test]
fn only_a_review_can_be_accepted() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is queued: only work that waits for a review can be accepted or rejected
      next: `ai why [TASK]`
    ");
    snapshot!(sandbox.ai(&["reject", &id, "--note", "x"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is queued: only work that waits for a review can be accepted or rejected
      next: `ai why [TASK]`
    ");
    snapshot!(sandbox.ai(&["accept", "t-nosuch"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no task `t-nosuch`
      next: `ai task list` shows the tasks
    ");
}

#[test]
fn a_large_change_needs_one_yes_and_not_two() {
    let sandbox = Sandbox::with_script("cat >/dev/null; seq 1 50 > work.txt");
    sandbox.write(
        ".ai/policy.yaml",
        "version: 1\ndefault: allow\nlimits: {max_diff_lines: 10}\n",
    );
    sandbox.commit("policy");
    let id = sandbox.task("One", &[]);
    snapshot!(sandbox.run(&id), @"
    exit: 8
    ----- stdout -----
    [RUN]  needs_approval  review
      checks passed on this tree; the policy wants a person's yes first: 50 changed lines; the limit is 10, so split the work or let a human say yes
    ----- stderr -----
    run [RUN]: fake on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check unit: test -f work.txt
    check unit: passed
    look at it with `ai review [TASK]`; `ai accept [TASK]` names the decision that waits for your yes
    ");
    let decision = sandbox
        .rows("SELECT data FROM decision WHERE data LIKE '%run.finish%'")
        .pop()
        .unwrap();
    sandbox.ai_ok(&["policy", "approve", decision["id"].as_str().unwrap()]);
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn ctrl_c_while_the_checks_run_leaves_everything_as_it_was() {
    let slow = "if test -f late.txt; then touch checking; sleep 600; fi; test -f work.txt";
    let config = format!("version: 1\nruns: {{grace: 1s}}\nchecks: {{unit: {{run: '{slow}'}}}}\n");
    let (sandbox, id) = reviewed(&config, GOOD);
    sandbox.write("late.txt", "x");
    let tip = sandbox.commit("late");
    let command = sandbox.start(&["accept", &id]);
    wait_for(&sandbox.check_place("accept").join("checking"));
    command.signal("INT");
    snapshot!(command.wait(), @"
    exit: 130
    ----- stdout -----
    ----- stderr -----
    what would land is another tree than the one that was judged; checking it
    check unit: if test -f late.txt; then touch checking; sleep 600; fi; test -f work.txt
    error: stopped while the checks of [TASK] ran; nothing was changed
    ");
    assert_eq!(
        (sandbox.status(&id), sandbox.git(&["rev-parse", "main"])),
        ("review".to_owned(), tip)
    );
    sandbox.is_at_rest(&id);
}

#[test]
fn of_accepts_at_once_each_lands_on_what_the_others_have_left() {
    let sandbox = Sandbox::with_script("cat >/dev/null; echo work > work.txt; echo x > $AI_TASK");
    let ids: Vec<String> = (0..3)
        .map(|n| sandbox.task(&format!("task {n}"), &[]))
        .collect();
    for id in &ids {
        assert_eq!(sandbox.run(id).code, Some(0));
    }
    let commands: Vec<Background> = ids
        .iter()
        .map(|id| sandbox.start(&["accept", id]))
        .collect();
    for command in commands {
        let outcome = command.wait();
        assert_eq!(outcome.code, Some(0), "{outcome}");
    }
    for id in &ids {
        assert_eq!(
            (sandbox.status(id), sandbox.read(id)),
            ("done".into(), "x\n".into())
        );
    }
    assert_eq!(sandbox.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_lock_that_nobody_holds_is_named_with_what_helps() {
    let sandbox = Sandbox::with_script(GOOD);
    let id = sandbox.task("One", &[]);
    assert_eq!(sandbox.run(&id).code, Some(0));
    let lock = sandbox.root().join(".git/index.lock");
    std::fs::write(&lock, "").unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3_600);
    let file = std::fs::File::options().write(true).open(&lock).unwrap();
    file.set_modified(long_ago).unwrap();
    drop(file);
    snapshot!(sandbox.ai(&["accept", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: refs/heads/main is checked out in [PATH]/repo, where another git command is running, or was killed (index.lock is there)
      next: try again when it has ended; `ai doctor` says whether a process holds the lock, and how to be rid of one that nobody holds
    ");
    let findings = sandbox.ai(&["doctor", "--json"]).json_lines();
    let told = findings
        .iter()
        .find(|found| found["check"] == "locks")
        .unwrap();
    let next = told["next"].as_str().unwrap().to_owned();
    snapshot!(told, @r#"{"check":"locks","level":"warn","text":"[PATH]/repo/.git/index.lock is 60m old, and no process of yours has it open","next":"rm [PATH]/repo/.git/index.lock, unless a git command waits for an editor"}"#);
    // The hint is true.
    let command = next.split(',').next().unwrap();
    let done = std::process::Command::new("sh")
        .args(["-c", command])
        .status();
    assert!(done.unwrap().success());
    sandbox.ai_ok(&["accept", &id]);
}

#[test]
fn what_lands_is_not_signed_and_that_is_said() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    let key = sandbox.base().join("key");
    let made = sandbox
        .command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(&key)
        .status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("skipped: there is no ssh-keygen");
        return;
    }
    sandbox.git(&["config", "commit.gpgSign", "true"]);
    sandbox.git(&["config", "gpg.format", "ssh"]);
    sandbox.git(&["config", "user.signingKey", key.to_str().unwrap()]);
    sandbox.write("other.txt", "x");
    sandbox.commit("meanwhile");
    let own = sandbox.git(&["cat-file", "commit", "main"]);
    assert_eq!(own.matches("gpgsig").count(), 1, "the user's own is signed");
    let outcome = sandbox.ai_ok(&["accept", &id]);
    let warnings = outcome
        .stderr
        .matches("is not signed, although commit.gpgSign is set");
    assert_eq!(warnings.count(), 1, "{outcome}");
    let landed = sandbox.git(&["cat-file", "commit", "main"]);
    assert_eq!(landed.matches("gpgsig").count(), 0, "{landed}");
}

#[test]
fn a_review_of_what_is_done_offers_no_accept() {
    let (sandbox, id) = reviewed(CONFIG, GOOD);
    sandbox.ai_ok(&["accept", &id]);
    let review = sandbox.ai(&["review", &id, "--no-diff"]).stdout;
    let told: Vec<&str> = review.lines().take(6).collect();
    snapshot!(told.join("\n"), @"
    [TASK]  done  One
      run        [RUN] by fake on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allowed it
    ");
}

#[test]
fn an_accept_that_passes_over_hooks_of_the_user_says_so() {
    let (sandbox, id) = reviewed(CONFIG, "cat >/dev/null; echo work > work.txt");
    let hook = |name: &str, mode: u32| {
        let file = sandbox.root().join(".git/hooks").join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    // Git starts no file that cannot be executed, and `pre-push` has nothing to do with a commit.
    for (name, mode) in [
        ("pre-commit", 0o755),
        ("commit-msg", 0o644),
        ("post-merge", 0o755),
        ("pre-push", 0o755),
    ] {
        hook(name, mode);
    }
    let accepted = sandbox.ai_ok(&["accept", &id]);
    let told = accepted
        .stderr
        .lines()
        .find_map(|line| line.split_once("has passed"));
    assert_eq!(
        told.unwrap().1,
        " none of your hooks (pre-commit, post-merge): `ai` starts no hook; what they look for can be a check in .ai/config.yaml"
    );
}
