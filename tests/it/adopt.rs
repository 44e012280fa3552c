//! `ai worktree adopt`: a worktree that a person or another tool made goes the way of a run, and
//! nothing in it is touched.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::snapshot;
use crate::support::runs::GOOD;
use crate::support::scene::refused;
use crate::support::{Sandbox, Transcript, run, tree};

/// Another tool's worktree, as `claude --worktree` makes them: inside of the main checkout, with a
/// commit and files that are none yet.
fn made(sandbox: &Sandbox) -> PathBuf {
    let dir = sandbox.root().join(".claude/worktrees/fix");
    sandbox.git(&[
        "worktree",
        "add",
        "-q",
        "-b",
        "worktree-fix",
        dir.to_str().unwrap(),
    ]);
    std::fs::write(dir.join("work.txt"), "committed").unwrap();
    sandbox.git_in(&dir, &["add", "-A"]);
    sandbox.git_in(&dir, &["commit", "-q", "-m", "by the tool"]);
    std::fs::write(dir.join("work.txt"), "and changed").unwrap();
    std::fs::write(dir.join("new file"), "untracked").unwrap();
    dir
}

fn adopt(sandbox: &Sandbox, more: &[&str]) -> Value {
    sandbox.ai_json(&[&["worktree", "adopt"][..], more].concat())
}

fn id_of(adopted: &Value) -> String {
    adopted["task"]["id"].as_str().unwrap().to_owned()
}

fn files(dir: &Path) -> impl PartialEq + std::fmt::Debug {
    tree(dir, |path| !path.starts_with(".git"))
}

#[test]
fn the_work_of_another_tool_is_judged_reviewed_and_accepted_like_a_run() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = made(&sandbox);
    let base = sandbox.git(&["rev-parse", "main"]);
    sandbox.write("meanwhile.txt", "on main");
    sandbox.git(&["add", "meanwhile.txt"]);
    sandbox.git(&["commit", "-q", "-m", "meanwhile"]);
    let status = sandbox.git_in(&dir, &["status", "--porcelain=v2", "--branch"]);
    let adopted = adopt(&sandbox, &[".claude/worktrees/fix", "--title", "Fix it"]);
    let (id, one) = (id_of(&adopted), &adopted["adoption"]);
    assert_eq!(
        (&one["base"], &one["target"], &one["files"]),
        (&base.into(), &"refs/heads/main".into(), &2.into())
    );
    let saved = one["rescue"].as_str().unwrap();
    assert_eq!(sandbox.file_at(saved, "new file"), "untracked");
    assert_eq!(
        (sandbox.status(&id).as_str(), &adopted["lease"]["epoch"]),
        ("claimed", &1.into())
    );
    assert_eq!(
        sandbox.git_in(&dir, &["status", "--porcelain=v2", "--branch"]),
        status,
        "it was touched"
    );

    // Commands there act under the lease.
    assert_eq!(
        sandbox.ai_in(&dir, &["task", "heartbeat", &id]).code,
        Some(0)
    );
    std::fs::write(dir.join("later.txt"), "after it was taken up").unwrap();
    let before = files(&dir);
    let done = sandbox.ai_in(&dir, &["task", "done", &id]);
    snapshot!(done, @"
    exit: 0
    ----- stdout -----
    [TASK]  review  checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    check unit: test -f work.txt
    check unit: passed
    warning: the work was done outside of `ai`, in [PATH]/repo/.claude/worktrees/fix: no log of it and no sandbox around it is known
    hint: `ai review [TASK]`, then `ai accept [TASK]` or `ai reject [TASK]`
    ");
    assert_eq!(files(&dir), before);

    let run = sandbox.last_run(&id);
    let (run_id, branch) = (run["id"].as_str().unwrap(), run["branch"].as_str().unwrap());
    assert_eq!(
        (sandbox.status(&id).as_str(), &run["end"]["outcome"]),
        ("review", &"ready_for_review".into()),
        "{run}"
    );
    assert_eq!(
        sandbox.evidence_of(run_id),
        [
            "check unit",
            "diff diff",
            "record checks",
            "record run",
            "statement statement"
        ]
    );
    assert!(
        sandbox
            .rows("SELECT data FROM evidence")
            .iter()
            .any(|piece| piece["kind"] == "adoption")
    );
    assert_eq!(
        sandbox.git(&["rev-parse", branch]),
        run["commit"].as_str().unwrap()
    );
    assert_eq!(
        sandbox.git(&["log", "-1", "--format=%s", &format!("{branch}^")]),
        "by the tool",
        "its commits are kept"
    );
    snapshot!(sandbox.ai(&["review", &id]), @"
    exit: 0
    ----- stdout -----
    [TASK]  review  Fix it
      run        [RUN] by tester on branch ai/[TASK]/1
      accepted   it goes into main
      verdict    ready_for_review
      because    finished, checks passed, policy allow, current
                 checks passed on this tree and the policy allows it; it may be accepted
      sandbox    none, network on
      warning    the work was done outside of `ai`, in [PATH]/repo/.claude/worktrees/fix: no log of it and no sandbox around it is known
      check      unit passed  (runs/[RUN]/checks/unit.log, sha256 [SHORT])
      decision   [DECISION] task.claim allow: no rule of the policy matches; its default says so
      decision   [DECISION] task.done allow: no rule of the policy matches; its default says so
      decision   [DECISION] run.finish allow: no rule of the policy matches; its default says so
      tree       [HASH]

    diff --git a/later.txt b/later.txt
    new file mode 100644
    --- /dev/null
    +++ b/later.txt
    @@ -0,0 +1 @@
    +after it was taken up

    diff --git a/new file b/new file
    new file mode 100644
    --- /dev/null
    +++ b/new file
    @@ -0,0 +1 @@
    +untracked

    diff --git a/work.txt b/work.txt
    new file mode 100644
    --- /dev/null
    +++ b/work.txt
    @@ -0,0 +1 @@
    +and changed
    ----- stderr -----
    ");
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        (sandbox.status(&id), sandbox.read("work.txt")),
        ("done".into(), "and changed".into())
    );
    assert_eq!(
        (sandbox.read("new file"), sandbox.read("meanwhile.txt")),
        ("untracked".into(), "on main".into())
    );
    assert_eq!(files(&dir), before, "the worktree is its owner's");
    sandbox.is_at_rest(&id);
}

#[test]
fn a_dry_run_says_it_all_and_leaves_no_trace() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = made(&sandbox);
    let state = || {
        (
            sandbox.git(&["for-each-ref"]),
            sandbox.rows("SELECT data FROM task"),
            files(&dir),
        )
    };
    let before = state();
    let look = adopt(&sandbox, &["worktree-fix", "--dry-run"]);
    snapshot!(look, @r#"{"path":"[PATH]/repo/.claude/worktrees/fix","branch":"worktree-fix","task":null,"title":"Work of worktree-fix","base":"[HASH]","target":"refs/heads/main","files":2,"dirty":2}"#);
    snapshot!(sandbox.ai_in(&dir, &["worktree", "adopt", "--dry-run"]), @r#"
    exit: 0
    ----- stdout -----
    would take up [PATH]/repo/.claude/worktrees/fix for a new task "Work of worktree-fix"
      2 files changed since [SHORT] of main
      2 files not committed
    ----- stderr -----
    "#);
    assert_eq!(state(), before);
    assert!(!sandbox.root().join(".git/ai/adopted").exists());
}

#[test]
fn what_cannot_be_taken_up_is_refused_in_one_sentence() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = made(&sandbox);
    let name = dir.to_str().unwrap().to_owned();
    let mut told = Transcript::default();
    let mut refuses = |case: &str, place: &str| {
        let tasks = || sandbox.ai_json_lines(&["task", "list"]);
        let outcome = refused(&sandbox, &["worktree", "adopt", place], tasks);
        told.add(&format!("ai worktree adopt {place}  # {case}"), &outcome);
    };
    refuses("the main checkout", ".");
    refuses("its branch", "main");
    sandbox.git(&["worktree", "lock", "--reason", "mine", &name]);
    refuses("locked", &name);
    sandbox.git(&["worktree", "unlock", &name]);
    for sign in ["MERGE_HEAD", "rebase-merge", "CHERRY_PICK_HEAD"] {
        let file = sandbox.root().join(".git/worktrees/fix").join(sign);
        std::fs::write(&file, "x").unwrap();
        refuses(sign, &name);
        std::fs::remove_file(file).unwrap();
    }
    sandbox.git_in(&dir, &["init", "-q", "nested"]);
    std::fs::write(dir.join("nested/file"), "x").unwrap();
    refuses("another repository in it", &name);
    refuses("another repository", dir.join("nested").to_str().unwrap());
    std::fs::remove_dir_all(dir.join("nested")).unwrap();
    sandbox.git(&["branch", "lonely"]);
    refuses("a branch that is checked out nowhere", "lonely");
    refuses("nothing of that name", "no-such");
    sandbox.git_in(&dir, &["checkout", "-q", "--orphan", "other"]);
    sandbox.git_in(&dir, &["commit", "-q", "-m", "no parent"]);
    refuses("another history", &name);
    snapshot!(told);
}

#[test]
fn a_submodule_that_is_checked_out_is_not_half_saved() {
    let sandbox = Sandbox::with_script(GOOD);
    let inner = sandbox.base().join("inner");
    sandbox.git_in(&sandbox.base(), &["init", "-q", "inner"]);
    sandbox.git_in(&inner, &["commit", "-q", "--allow-empty", "-m", "x"]);
    let file = ["-c", "protocol.file.allow=always"];
    sandbox.git(
        &[
            &file[..],
            &["submodule", "add", "-q", inner.to_str().unwrap(), "sub"],
        ]
        .concat(),
    );
    sandbox.commit("submodule");
    let dir = made(&sandbox);
    // One that nobody has checked out is only a line of the tree.
    assert_eq!(adopt(&sandbox, &["worktree-fix", "--dry-run"])["files"], 2);
    sandbox.git_in(
        &dir,
        &[&file[..], &["submodule", "update", "-q", "--init"]].concat(),
    );
    snapshot!(sandbox.ai(&["worktree", "adopt", "worktree-fix"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/repo/.claude/worktrees/fix cannot be saved whole: submodule sub is checked out; its content is not taken
      next: move that elsewhere, then the same command again
    ");
}

#[test]
fn a_worktree_of_a_run_and_one_that_is_held_are_left_alone() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = made(&sandbox);
    let adopted = adopt(&sandbox, &["worktree-fix"]);
    let id = id_of(&adopted);
    snapshot!(sandbox.ai(&["worktree", "adopt", "worktree-fix"]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is claimed: [PATH]/repo/.claude/worktrees/fix belongs to it, held by human:tester
      next: `ai task done [TASK]` there hands its work in, `ai task release [TASK]` gives it up
    ");
    snapshot!(sandbox.ai(&["run", &id]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [TASK] is held by human:tester for another [LEFT]
      next: wait, take another (`ai task claim --next`), or see `ai why [TASK]`
    ");
    // Given up, it can be taken up anew, for the same task and under a new epoch.
    assert_eq!(sandbox.ai_in(&dir, &["task", "release", &id]).code, Some(0));
    assert_eq!(
        adopt(&sandbox, &["worktree-fix", "--task", &id])["lease"]["epoch"],
        2
    );

    let other = sandbox.task("Other", &[]);
    assert_eq!(sandbox.run(&other).code, Some(0));
    snapshot!(sandbox.ai(&["worktree", "adopt", sandbox.slot("w1").to_str().unwrap()]), @"
    exit: 4
    ----- stdout -----
    ----- stderr -----
    error: [PATH]/home/.cache/ai/repo-[PLACES]/worktrees/w1 is one of the worktrees that `ai` itself makes for runs
      next: `ai worktree list` says whose it is; `ai worktree rescue` saves what stands there
    ");
}

#[test]
fn a_detached_head_is_no_hindrance() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = sandbox.base().join("mine");
    sandbox.git(&["worktree", "add", "-q", "--detach", dir.to_str().unwrap()]);
    std::fs::write(dir.join("work.txt"), "held by nobody").unwrap();
    sandbox.git_in(&dir, &["add", "-A"]);
    sandbox.git_in(&dir, &["commit", "-q", "-m", "detached"]);
    let commit = sandbox.git_in(&dir, &["rev-parse", "HEAD"]);
    let adopted = adopt(&sandbox, &[dir.to_str().unwrap()]);
    assert_eq!(
        (&adopted["adoption"]["branch"], &adopted["adoption"]["head"]),
        (&Value::Null, &commit.as_str().into())
    );
    let saved = adopted["adoption"]["rescue"].as_str().unwrap();
    assert_eq!(sandbox.git(&["rev-parse", saved]), commit);
    let id = id_of(&adopted);
    assert_eq!(sandbox.ai_in(&dir, &["task", "done", &id]).code, Some(0));
    sandbox.ai_ok(&["accept", &id]);
    assert_eq!(
        sandbox.git(&["rev-parse", "main"]),
        commit,
        "nothing is committed twice"
    );
}

#[test]
fn whoever_hands_in_too_early_goes_on_working() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = sandbox.worktree("mine");
    let id = sandbox.task("One", &["--path", "*.txt"]);
    assert_eq!(sandbox.ai_in(&dir, &["task", "claim", &id]).code, Some(0));
    // The lease that was granted here is gone on with.
    let adopted = sandbox
        .ai_in(&dir, &["worktree", "adopt", "--task", &id, "--json"])
        .json();
    assert_eq!(
        (&adopted["lease"]["epoch"], &adopted["adoption"]["rescue"]),
        (&1.into(), &Value::Null),
        "{adopted}"
    );
    snapshot!(sandbox.ai_in(&dir, &["task", "done", &id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    error: nothing was changed in [PATH]/mine
      next: do the work there, then `ai task done [TASK]`; `ai task release [TASK]` gives the task back
    ");
    std::fs::write(dir.join("other.txt"), "x").unwrap();
    snapshot!(sandbox.ai_in(&dir, &["task", "done", &id]), @"
    exit: 6
    ----- stdout -----
    ----- stderr -----
    check unit: test -f work.txt
    check unit: failed (exit code 1)
    check unit on the base commit: test -f work.txt
    check unit on the base commit: failed (exit code 1)
    error: the checks are `check_broken` on [TASK]: unit broken (it fails on the base commit [SHORT], too, and nothing of the failure is new, so nothing is held against the work; see `ai check --base`, mend it there and accept the work then, or reject the work where mending it was the task) (exit code 1) (log: [PATH]/repo/.git/ai/runs/[RUN]/checks/unit.log)
      next: `tail -n 50 [PATH]/repo/.git/ai/runs/[RUN]/checks/unit.log` shows the end of its output; mend it, then `ai task done [TASK]`
    ");
    assert_eq!(
        (sandbox.status(&id).as_str(), sandbox.runs_of(&id).len()),
        ("claimed", 0)
    );
    std::fs::write(dir.join("work.txt"), "x").unwrap();
    // From anywhere: what counts is the worktree, not where the command is typed.
    let token = adopted["lease"]["token"].as_str().unwrap();
    sandbox.ai_ok(&["task", "done", &id, "--lease", token]);
    assert_eq!(sandbox.status(&id), "review");
    sandbox.ai_ok(&["reject", &id, "--note", "not yet"]);
    assert_eq!(sandbox.status(&id), "queued");
    assert_eq!(
        adopt(&sandbox, &["mine", "--task", &id])["lease"]["epoch"],
        2
    );
}

#[test]
fn it_is_listed_opened_and_rescued_by_name_and_task() {
    let sandbox = Sandbox::with_script(GOOD);
    let dir = made(&sandbox);
    let id = id_of(&adopt(&sandbox, &["worktree-fix"]));
    let listed = sandbox.ai_json_lines(&["worktree", "list"]);
    assert_eq!(listed.len(), 1);
    let expected = [
        ("slot", "fix"),
        ("use", "adopted"),
        ("task", &id),
        ("branch", "worktree-fix"),
    ];
    expected
        .iter()
        .for_each(|(key, value)| assert_eq!(listed[0][*key], *value, "{listed:?}"));
    assert_eq!(listed[0]["dirty"], 2);
    for typed in ["fix", &id] {
        assert_eq!(
            sandbox.ai_ok(&["worktree", "open", typed]).stdout.trim(),
            dir.to_str().unwrap()
        );
    }
    snapshot!(sandbox.ai(&["worktree", "open", "nowhere"]), @"
    exit: 3
    ----- stdout -----
    ----- stderr -----
    error: there is no worktree and no task `nowhere`
      next: `ai worktree list` shows the worktrees, `ai task list` the tasks
    ");
    std::fs::write(dir.join("newer"), "x").unwrap();
    let saved = sandbox.ai_json(&["worktree", "rescue", &id]);
    assert_eq!(
        (&saved["files"], &saved["task"]),
        (&3.into(), &id.as_str().into()),
        "{saved}"
    );
    assert_eq!(
        sandbox.file_at(saved["reference"].as_str().unwrap(), "newer"),
        "x"
    );
    let planned = sandbox.ai_json_lines(&["worktree", "prune", "--idle=0s", "--dry-run"]);
    assert!(
        planned.iter().all(|item| item["kind"] != "worktree"),
        "{planned:?}"
    );
}

#[test]
fn a_hand_in_that_is_cut_off_is_given_back_and_loses_nothing() {
    for (step, state) in [
        ("snapshot", "claimed"),
        ("evidence", "running"),
        ("judged", "review"),
    ] {
        let sandbox = Sandbox::with_script(GOOD);
        let dir = made(&sandbox);
        let id = id_of(&adopt(&sandbox, &["worktree-fix"]));
        let before = files(&dir);
        let killed = run(sandbox
            .ai_command(&["task", "done", &id])
            .current_dir(&dir)
            .env("AI_TEST_FAILPOINT", format!("{step}:kill")));
        assert_eq!(killed.code, None, "{step}: {killed}");
        assert_eq!(sandbox.status(&id), state, "{step}");
        assert_eq!(files(&dir), before, "{step}");
        if state == "running" {
            sandbox.ai_ok(&["recover"]);
            assert_eq!(sandbox.status(&id), "queued", "{step}");
            adopt(&sandbox, &["worktree-fix", "--task", &id]);
        }
        if state != "review" {
            let done = sandbox.ai_in(&dir, &["task", "done", &id]);
            assert_eq!(done.code, Some(0), "{step}: {done}");
        }
        sandbox.ai_ok(&["accept", &id]);
        assert_eq!(sandbox.read("work.txt"), "and changed", "{step}");
        sandbox.is_at_rest(&id);
    }
}
