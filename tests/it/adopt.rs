//! `ai worktree adopt`: a worktree that a person or another tool made goes the way of a run, and
//! nothing in it is touched.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::runs::{CONFIG, GOOD};
use crate::support::{Sandbox, run, tree};

fn scene() -> Sandbox {
    let sandbox = Sandbox::with_script(GOOD);
    sandbox.configure(CONFIG);
    sandbox
}

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

/// The sentence with which it is refused, with the code 4.
#[track_caller]
fn refused(sandbox: &Sandbox, place: &str, expected: &str) {
    let outcome = sandbox.ai(&["worktree", "adopt", place]);
    assert!(
        outcome.code == Some(4) && outcome.stderr.contains(expected),
        "{expected}: {outcome}"
    );
    assert_eq!(outcome.stderr.matches("error:").count(), 1, "{outcome}");
    assert_eq!(
        sandbox.ai_json_lines(&["task", "list"]).len(),
        0,
        "a task was made"
    );
}

#[test]
fn the_work_of_another_tool_is_judged_reviewed_and_accepted_like_a_run() {
    let sandbox = scene();
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
    assert_eq!(done.code, Some(0), "{done}");
    assert!(
        done.stdout.contains("review") && done.stderr.contains(&format!("ai accept {id}")),
        "{done}"
    );
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
        ["check unit", "diff diff", "statement statement"]
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
    let review = sandbox.ai_ok(&["review", &id]).stdout;
    assert!(
        review.contains("outside of `ai`") && review.contains("later.txt"),
        "{review}"
    );
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
    let sandbox = scene();
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
    assert_eq!(
        (&look["files"], &look["dirty"]),
        (&2.into(), &2.into()),
        "{look}"
    );
    assert_eq!(
        (&look["title"], &look["branch"]),
        (&"Work of worktree-fix".into(), &"worktree-fix".into())
    );
    let said = sandbox.ai_in(&dir, &["worktree", "adopt", "--dry-run"]);
    assert!(
        said.code == Some(0) && said.stdout.contains("2 files changed since"),
        "{said}"
    );
    assert_eq!(state(), before);
    assert!(!sandbox.root().join(".git/ai/adopted").exists());
}

#[test]
fn what_cannot_be_taken_up_is_refused_in_one_sentence() {
    let sandbox = scene();
    let dir = made(&sandbox);
    let name = dir.to_str().unwrap().to_owned();
    refused(&sandbox, ".", "is the main checkout");
    refused(&sandbox, "main", "is the main checkout");
    sandbox.git(&["worktree", "lock", "--reason", "mine", &name]);
    refused(&sandbox, &name, "is locked: mine");
    sandbox.git(&["worktree", "unlock", &name]);
    for (sign, what) in [
        ("MERGE_HEAD", "a merge"),
        ("rebase-merge", "a rebase"),
        ("CHERRY_PICK_HEAD", "a cherry-pick"),
    ] {
        let sign = sandbox.root().join(".git/worktrees/fix").join(sign);
        std::fs::write(&sign, "x").unwrap();
        refused(&sandbox, &name, &format!("{what} is going on"));
        std::fs::remove_file(sign).unwrap();
    }
    sandbox.git_in(&dir, &["init", "-q", "nested"]);
    std::fs::write(dir.join("nested/file"), "x").unwrap();
    refused(&sandbox, &name, "nested is a repository of its own");
    refused(
        &sandbox,
        dir.join("nested").to_str().unwrap(),
        "is a repository of its own, not a worktree of this one",
    );
    std::fs::remove_dir_all(dir.join("nested")).unwrap();
    sandbox.git(&["branch", "lonely"]);
    let lonely = sandbox.ai(&["worktree", "adopt", "lonely"]);
    assert!(
        lonely.code == Some(3) && lonely.stderr.contains("git worktree add ../lonely lonely"),
        "{lonely}"
    );
    let nothing = sandbox.ai(&["worktree", "adopt", "no-such"]);
    assert!(
        nothing.code == Some(3) && nothing.stderr.contains("no worktree or branch `no-such`"),
        "{nothing}"
    );
    sandbox.git_in(&dir, &["checkout", "-q", "--orphan", "other"]);
    sandbox.git_in(&dir, &["commit", "-q", "-m", "no parent"]);
    refused(&sandbox, &name, "shares no history with refs/heads/main");
}

#[test]
fn a_submodule_that_is_checked_out_is_not_half_saved() {
    let sandbox = scene();
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
    refused(&sandbox, "worktree-fix", "submodule sub is checked out");
}

#[test]
fn a_worktree_of_a_run_and_one_that_is_held_are_left_alone() {
    let sandbox = scene();
    let dir = made(&sandbox);
    let adopted = adopt(&sandbox, &["worktree-fix"]);
    let id = id_of(&adopted);
    let again = sandbox.ai(&["worktree", "adopt", "worktree-fix"]);
    assert!(
        again.code == Some(4) && again.stderr.contains("held by human:tester"),
        "{again}"
    );
    let held = sandbox.ai(&["run", &id]);
    assert_eq!(held.code, Some(4), "{held}");
    // Given up, it can be taken up anew, for the same task and under a new epoch.
    assert_eq!(sandbox.ai_in(&dir, &["task", "release", &id]).code, Some(0));
    assert_eq!(
        adopt(&sandbox, &["worktree-fix", "--task", &id])["lease"]["epoch"],
        2
    );

    let other = sandbox.task("Other", &[]);
    assert_eq!(sandbox.run(&other).code, Some(0));
    let own = sandbox.ai(&["worktree", "adopt", sandbox.slot("w1").to_str().unwrap()]);
    assert!(
        own.code == Some(4) && own.stderr.contains("that `ai` itself makes for runs"),
        "{own}"
    );
}

#[test]
fn a_detached_head_is_no_hindrance() {
    let sandbox = scene();
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
    let sandbox = scene();
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
    let nothing = sandbox.ai_in(&dir, &["task", "done", &id]);
    assert!(
        nothing.code == Some(6) && nothing.stderr.contains("nothing was changed"),
        "{nothing}"
    );
    std::fs::write(dir.join("other.txt"), "x").unwrap();
    let failed = sandbox.ai_in(&dir, &["task", "done", &id]);
    assert!(
        failed.code == Some(6) && failed.stderr.contains("unit"),
        "{failed}"
    );
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
    let sandbox = scene();
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
    let unknown = sandbox.ai(&["worktree", "open", "nowhere"]);
    assert!(
        unknown.code == Some(3) && unknown.stderr.contains("no worktree and no task `nowhere`"),
        "{unknown}"
    );
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
        let sandbox = scene();
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
