use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::contained::{Containment, containment};
use super::land::LandedMerge;
use super::*;
use crate::git::oid::Oid;
use crate::git::repo::CommitIdentity;
use crate::git::repo::ExpectedRef;
use crate::git::repo::RefError;
use crate::git::repo::Repo;
use crate::git::testing::{Run, TestRepo, write};

const MAIN: &str = "refs/heads/main";
/// A lander that has left nothing and finds nobody dead.
const NOBODY: Lander<'static> = Lander {
    name: "nobody",
    has_ended: &|_| false,
    reached: &|_| {},
    unopposed: &|go| go(),
};

/// A branch with one commit on top of the base, and the means to land it.
struct Work {
    run: Run,
    commit: Oid,
    who: CommitIdentity,
}

impl Work {
    fn new(changes: &[(&str, &str)]) -> Self {
        Self::of(TestRepo::new(), changes)
    }

    fn of(test: TestRepo, changes: &[(&str, &str)]) -> Self {
        let run = Run::of(test);
        for (path, text) in changes {
            run.write(path, text);
        }
        run.agent_git(&["add", "-A"]);
        run.agent_git(&["commit", "-q", "--allow-empty", "-m", "work"]);
        let commit = run.test.oid("ai/t-1/1");
        let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
        // The pool lies inside of the checkout; a real repository ignores it.
        write(&run.repo.common_dir().join("info/exclude"), "/.ai/\n");
        Self { run, commit, who }
    }

    fn prepare(&self, mode: MergeMode) -> Result<PreparedMerge, MergeError> {
        let message = "Merge work\n\nAI-Task: t-1\n";
        let proposal = MergeProposal {
            target: MAIN,
            commit: &self.commit,
            mode,
            message,
            who: &self.who,
            when_ms: 0,
        };
        prepare(&self.run.repo, &self.run.shadow, &proposal)
    }

    fn plan(&self, mode: MergeMode) -> MergePlan {
        match self.prepare(mode).unwrap() {
            PreparedMerge::Ready(plan) => plan,
            PreparedMerge::AlreadyMerged => panic!("already merged"),
        }
    }

    fn land(&self, plan: &MergePlan) -> Result<LandedMerge, MergeError> {
        let pool = self.run.pool().dir().to_owned();
        land(
            &self.run.repo,
            &self.run.shadow,
            &[pool],
            plan,
            ("ai: accept t-1", &NOBODY),
        )
    }

    fn root(&self, path: &str) -> PathBuf {
        self.run.test.root.join(path)
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.root(path)).unwrap()
    }

    fn status(&self) -> String {
        self.run.test.git(&["status", "--porcelain"])
    }

    /// Refused, and nothing is different from before.
    fn refused(&self, plan: &MergePlan) -> MergeError {
        let before = (self.status(), self.run.test.oid("main"));
        let error = self.land(plan).unwrap_err();
        assert_eq!((self.status(), self.run.test.oid("main")), before);
        assert!(
            !self
                .run
                .repo
                .common_dir()
                .join("refs/heads/main.lock")
                .exists()
        );
        error
    }
}

fn advance(work: &Work, path: &str, text: &str) -> Oid {
    work.run.test.write(path, text);
    work.run.test.git(&["add", path]);
    work.run.test.git(&["commit", "-qm", "meanwhile"]);
    work.run.test.oid("main")
}

#[test]
fn a_checked_out_branch_is_brought_along() {
    let work = Work::new(&[("README", "new\n"), ("added/deep", "x\n")]);
    fs::remove_file(work.run.slot.path.join("src/lib.rs")).unwrap();
    work.run.agent_git(&["commit", "-qam", "remove"]);
    let work = Work {
        commit: work.run.test.oid("ai/t-1/1"),
        ..work
    };
    work.run.test.write("untracked", "mine");
    let plan = work.plan(MergeMode::FastForwardOrMerge);
    let landed = work.land(&plan).unwrap();
    assert_eq!(
        landed,
        LandedMerge {
            commit: work.commit.clone(),
            updated: Some(work.run.test.root.clone())
        }
    );
    assert_eq!(
        (work.read("README"), work.read("added/deep")),
        ("new\n".into(), "x\n".into())
    );
    assert!(!work.root("src").exists());
    assert_eq!(work.status(), "?? untracked");
    assert_eq!(
        work.run
            .test
            .git(&["log", "-1", "-g", "--format=%gs", "HEAD"]),
        "ai: accept t-1"
    );
    // Landing again, as after a crash, does nothing.
    assert_eq!(work.land(&plan).unwrap().updated, None);
    assert_eq!(
        work.prepare(MergeMode::FastForwardOrMerge).unwrap(),
        PreparedMerge::AlreadyMerged
    );
}

#[test]
fn a_branch_that_is_not_checked_out_leaves_files_alone() {
    let work = Work::new(&[("README", "new\n")]);
    work.run.test.git(&["checkout", "-q", "-b", "elsewhere"]);
    work.run.test.write("README", "dirty\n");
    let landed = work.land(&work.plan(MergeMode::FastForwardOnly)).unwrap();
    assert_eq!(
        (landed.updated, work.run.test.oid("main")),
        (None, work.commit.clone())
    );
    assert_eq!(work.read("README"), "dirty\n");
}

#[test]
fn bare_and_sha256_repositories() {
    let work = Work::of(TestRepo::sha256(), &[("README", "new\n")]);
    advance(&work, "other", "x\n");
    let plan = work.plan(MergeMode::FastForwardOrMerge);
    work.land(&plan).unwrap();
    assert_eq!(
        (work.read("README"), work.status()),
        ("new\n".into(), String::new())
    );

    let test = TestRepo::new();
    let bare = test.base().join("bare.git");
    test.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let repo = Repo::open(
        &super::super::discover::discover(&bare).unwrap(),
        test.git_program(),
    )
    .unwrap();
    let shadow = super::super::testing::shadow(&repo, "t-1.1");
    let commit = Oid::parse(&test.git_in(
        &bare,
        &["commit-tree", "-p", "main", "-m", "x", "main^{tree}"],
    ))
    .unwrap();
    let who = CommitIdentity::new("ai", "a@b").unwrap();
    let proposal = MergeProposal {
        target: MAIN,
        commit: &commit,
        mode: MergeMode::FastForwardOnly,
        message: "",
        who: &who,
        when_ms: 0,
    };
    let PreparedMerge::Ready(plan) = prepare(&repo, &shadow, &proposal).unwrap() else {
        panic!()
    };
    land(
        &repo,
        &shadow,
        &[bare.join(".ai/worktrees")],
        &plan,
        ("x", &NOBODY),
    )
    .unwrap();
    assert_eq!(repo.find_ref(MAIN).unwrap(), Some(commit));
}

#[test]
fn every_mode_makes_the_history_it_promises() {
    let work = Work::new(&[("a", "1\n")]);
    let old = advance(&work, "b", "2\n");
    work.land(&work.plan(MergeMode::FastForwardOrMerge))
        .unwrap();
    assert_eq!(
        (work.read("a"), work.read("b"), work.status()),
        ("1\n".into(), "2\n".into(), String::new())
    );
    let last = work
        .run
        .test
        .git(&["log", "-1", "--format=%P %s %an %cn", "main"]);
    assert_eq!(last, format!("{old} {} Merge work ai ai", work.commit));
    work.run.test.git(&["fsck", "--strict"]);
    let work = Work::new(&[("a", "1\n")]);
    advance(&work, "b", "2\n");
    assert!(matches!(
        work.prepare(MergeMode::FastForwardOnly),
        Err(MergeError::NotFastForward { .. })
    ));
}

#[test]
fn conflicts_are_listed_and_nothing_moves() {
    let work = Work::new(&[("README", "theirs\n"), ("b", "theirs\n"), ("fine", "x\n")]);
    advance(&work, "README", "ours\n");
    advance(&work, "b", "ours\n");
    let error = work.prepare(MergeMode::FastForwardOrMerge).unwrap_err();
    assert_eq!(error.to_string(), "2 paths conflicts: README, b");
}

#[test]
fn the_union_driver_of_the_target_serves() {
    let test = TestRepo::new();
    test.write(".gitattributes", "LOG merge=union\n");
    test.write("LOG", "one\n");
    test.commit("log");
    let work = Work::of(test, &[("LOG", "one\ntheirs\n")]);
    advance(&work, "LOG", "one\nours\n");
    work.land(&work.plan(MergeMode::FastForwardOrMerge))
        .unwrap();
    assert_eq!(work.read("LOG"), "one\nours\ntheirs\n");
}

#[test]
fn work_of_a_person_is_never_overwritten() {
    let change = |work: &Work| work.plan(MergeMode::FastForwardOrMerge);
    // Changed, and changed and staged.
    for stage in [false, true] {
        let work = Work::new(&[("README", "new\n")]);
        work.run.test.write("README", "mine\n");
        if stage {
            work.run.test.git(&["add", "README"]);
        }
        let error = work.refused(&change(&work));
        assert!(
            matches!(&error, MergeError::Dirty { what, .. } if what.contains("README")),
            "{error}"
        );
        assert_eq!(work.read("README"), "mine\n");
    }
    // Untracked, ignored, a file in place of a directory, a directory in place of a file.
    for (added, mine) in [
        ("x", "x"),
        ("x.log", "x.log"),
        ("d/e", "d"),
        ("d", "d/e"),
        ("target/x", "target"),
    ] {
        let work = Work::new(&[]);
        work.run.write(added, "agent\n");
        work.run.agent_git(&["add", "-f", added]);
        work.run.agent_git(&["commit", "-qm", "more"]);
        let work = Work {
            commit: work.run.test.oid("ai/t-1/1"),
            ..work
        };
        work.run.test.write(mine, "mine\n");
        let error = work.refused(&change(&work));
        assert!(
            matches!(&error, MergeError::Dirty { what, .. } if what.contains(mine)),
            "{added}: {error}"
        );
        assert_eq!(work.read(mine), "mine\n");
    }
    // Changes elsewhere do not hinder and stay.
    let work = Work::new(&[("README", "new\n")]);
    work.run.test.write("src/lib.rs", "mine\n");
    work.run.test.write("staged", "x");
    work.run.test.git(&["add", "staged"]);
    work.land(&change(&work)).unwrap();
    assert_eq!(
        (work.read("README"), work.read("src/lib.rs")),
        ("new\n".into(), "mine\n".into())
    );
    assert_eq!(work.status(), " M src/lib.rs\nA  staged");
}

#[test]
fn a_file_that_was_only_touched_is_no_change() {
    let work = Work::new(&[("README", "new\n")]);
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(100);
    fs::File::options()
        .write(true)
        .open(work.root("README"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    work.land(&work.plan(MergeMode::FastForwardOnly)).unwrap();
    assert_eq!(work.read("README"), "new\n");
}

#[test]
fn an_unfinished_operation_is_not_disturbed() {
    let work = Work::new(&[("README", "new\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    for (sign, text) in [
        ("MERGE_HEAD", "merge"),
        ("REVERT_HEAD", "revert"),
        ("BISECT_LOG", "bisect"),
    ] {
        let path = work.run.repo.common_dir().join(sign);
        fs::write(&path, "").unwrap();
        let error = work.land(&plan).unwrap_err();
        assert!(
            matches!(&error, MergeError::InProgress { what, .. } if what.contains(text)),
            "{error}"
        );
        assert!(path.exists());
        fs::remove_file(path).unwrap();
    }
    // A rebase detaches HEAD; its branch is still spoken for.
    work.run.test.git(&["checkout", "-q", "--detach"]);
    write(
        &work.run.repo.common_dir().join("rebase-merge/head-name"),
        "refs/heads/main\n",
    );
    assert!(matches!(
        work.land(&plan),
        Err(MergeError::InProgress { .. })
    ));
    fs::remove_dir_all(work.run.repo.common_dir().join("rebase-merge")).unwrap();
    work.land(&plan).unwrap();
}

#[test]
fn the_index_lock_of_somebody_else_is_left_alone() {
    let work = Work::new(&[("README", "new\n")]);
    let path = work.run.repo.common_dir().join("index.lock");
    fs::write(&path, "").unwrap();
    let error = work
        .land(&work.plan(MergeMode::FastForwardOnly))
        .unwrap_err();
    assert!(matches!(&error, MergeError::IndexLocked { .. }), "{error}");
    assert!(path.exists());
}

/// The note that a killed lander has left of the reference which he was about to move.
fn noted(work: &Work, plan: &MergePlan) {
    let dir = work.run.repo.common_dir().join("ai/ref-moves");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("7-0"), format!("{MAIN} {}\n", plan.new)).unwrap();
}

#[test]
fn what_a_killed_lander_has_left_is_put_away() {
    let work = Work::new(&[("README", "new\n"), ("added", "x\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    let git = work.run.repo.common_dir().to_owned();
    fs::write(git.join("index.lock"), "ai accept\nof the dead\n").unwrap();
    fs::write(git.join("index.ai"), "half").unwrap();
    fs::write(git.join("index.ai.lock"), "").unwrap();
    // One file was written before the kill.
    fs::write(work.root("README"), "new\n").unwrap();
    noted(&work, &plan);
    fs::write(git.join("refs/heads/main.lock"), format!("{}\n", plan.new)).unwrap();
    fs::write(git.join("HEAD.lock"), "").unwrap();
    let lander = Lander {
        name: "the next",
        has_ended: &|name| name == "of the dead",
        ..NOBODY
    };
    let pool = work.run.pool().dir().to_owned();
    let (repo, shadow) = (&work.run.repo, &work.run.shadow);
    land(repo, shadow, &[pool], &plan, ("x", &lander)).unwrap();
    assert_eq!(
        (work.status(), work.run.test.oid("main")),
        (String::new(), plan.new)
    );
    for left in ["index.lock", "index.ai", "index.ai.lock", "HEAD.lock"] {
        assert!(!git.join(left).exists(), "{left}");
    }
}

#[test]
fn what_a_lander_has_left_who_was_killed_at_the_end_is_put_away_too() {
    let work = Work::new(&[("README", "new\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    let git = work.run.repo.common_dir().to_owned();
    work.land(&plan).unwrap();
    fs::write(git.join("index.lock"), "ai accept\nof the dead\n").unwrap();
    fs::write(git.join("index.ai"), "copy").unwrap();
    noted(&work, &plan);
    fs::write(git.join("HEAD.lock"), "").unwrap();
    let lander = Lander {
        name: "the next",
        has_ended: &|name| name == "of the dead",
        ..NOBODY
    };
    let pool = work.run.pool().dir().to_owned();
    let (repo, shadow) = (&work.run.repo, &work.run.shadow);
    land(repo, shadow, &[pool], &plan, ("x", &lander)).unwrap();
    for left in ["index.lock", "index.ai", "HEAD.lock"] {
        assert!(!git.join(left).exists(), "{left}");
    }
    assert_eq!(
        (work.status(), work.run.test.oid("main")),
        (String::new(), plan.new)
    );
}

#[test]
fn a_branch_that_moved_meanwhile_is_not_moved() {
    let work = Work::new(&[("README", "new\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    let moved = advance(&work, "b", "2\n");
    let error = work.refused(&plan);
    assert!(
        matches!(&error, MergeError::Ref(RefError::Conflict { actual: Some(at), .. }) if *at == moved),
        "{error}"
    );
    assert_eq!(work.read("README"), "hello\n");
    work.run.test.git(&["checkout", "-q", "--detach"]);
    assert!(matches!(
        work.land(&plan),
        Err(MergeError::Ref(RefError::Conflict { .. }))
    ));
}

#[test]
fn a_crash_before_the_last_step_is_completed_by_a_repetition() {
    let work = Work::new(&[("README", "new\n"), ("added", "x\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    let old = plan.old.as_ref().unwrap();
    // What a crash leaves: files and index are new, the reference is not.
    work.run
        .test
        .git(&["read-tree", "-m", "-u", old.as_str(), plan.new.as_str()]);
    assert_eq!(work.status(), "M  README\nA  added");
    let locked = work
        .run
        .repo
        .lock_ref(MAIN, &plan.new, &ExpectedRef::At(old.clone()), "x")
        .unwrap();
    assert!(
        work.run
            .repo
            .common_dir()
            .join("refs/heads/main.lock")
            .exists()
    );
    drop(locked);
    assert!(
        !work
            .run
            .repo
            .common_dir()
            .join("refs/heads/main.lock")
            .exists()
    );
    assert_eq!(&work.run.test.oid("main"), old);
    work.land(&plan).unwrap();
    assert_eq!(
        (work.status(), work.run.test.oid("main")),
        (String::new(), plan.new)
    );
}

#[test]
fn nobody_can_commit_while_the_reference_is_locked() {
    let work = Work::new(&[("README", "new\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    let locked = work
        .run
        .repo
        .lock_ref(
            MAIN,
            &plan.new,
            &ExpectedRef::At(plan.old.clone().unwrap()),
            "x",
        )
        .unwrap();
    let commit = work
        .run
        .test
        .try_git(&work.run.test.root, &["commit", "--allow-empty", "-m", "x"]);
    assert!(!commit.status.success());
    assert!(matches!(
        work.land(&plan),
        Err(MergeError::Ref(RefError::Blocked { .. }))
    ));
    assert_eq!(
        (work.read("README"), work.status()),
        ("hello\n".into(), String::new())
    );
    locked.commit().unwrap();
    assert_eq!(work.run.test.oid("main"), plan.new);
}

#[test]
fn an_update_that_fails_half_way_is_put_back() {
    let work = Work::new(&[
        ("README", "new\n"),
        ("zz/added", "x\n"),
        ("src/lib.rs", "new\n"),
    ]);
    // A directory that cannot be written makes Git stop after the first files.
    let plan = work.plan(MergeMode::FastForwardOnly);
    if rustix::process::geteuid().is_root() {
        // The superuser writes everywhere; an immutable target is out of reach here, so a planted
        // object does it.
        let blob = work.run.test.oid(&format!("{}:zz/added", plan.new));
        let (dir, file) = blob.as_str().split_at(2);
        fs::remove_file(
            work.run
                .repo
                .common_dir()
                .join("objects")
                .join(dir)
                .join(file),
        )
        .unwrap();
    } else {
        fs::set_permissions(work.root("src"), fs::Permissions::from_mode(0o555)).unwrap();
    }
    let error = work.refused(&plan);
    assert!(matches!(error, MergeError::Git(_)), "{error}");
    assert_eq!(
        (work.read("README"), work.status()),
        ("hello\n".into(), String::new())
    );
    assert!(!work.root("zz/added").exists());
}

#[test]
fn a_linked_worktree_of_a_person_is_brought_along() {
    let work = Work::new(&[("README", "new\n")]);
    let linked = work.run.test.base().join("mine");
    work.run.test.git(&["checkout", "-q", "--detach"]);
    work.run
        .test
        .git(&["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    let landed = work.land(&work.plan(MergeMode::FastForwardOnly)).unwrap();
    assert_eq!(landed.updated.as_ref(), Some(&linked));
    assert_eq!(fs::read_to_string(linked.join("README")).unwrap(), "new\n");
    assert_eq!(
        work.run
            .test
            .git_in(&linked, &["status", "--porcelain", "--branch"]),
        "## main"
    );
}

#[test]
fn an_agent_that_claims_the_branch_or_a_checkout_changes_nothing() {
    let work = Work::new(&[("README", "new\n")]);
    let plan = work.plan(MergeMode::FastForwardOnly);
    work.run.test.git(&["checkout", "-q", "-b", "elsewhere"]);
    work.run.test.write("README", "mine\n");
    write(&work.run.slot.admin.join("HEAD"), "ref: refs/heads/main\n");
    for claim in [work.root(".git"), work.run.slot.path.join(".git")] {
        write(
            &work.run.slot.admin.join("gitdir"),
            format!("{}\n", claim.display()),
        );
        assert_eq!(work.run.repo.find_ref(MAIN).unwrap(), plan.old);
        assert_eq!(work.land(&plan).unwrap().updated, None);
        assert_eq!(work.read("README"), "mine\n");
        let back = ExpectedRef::At(plan.new.clone());
        work.run
            .repo
            .swap_ref(MAIN, plan.old.as_ref(), &back, "back")
            .unwrap();
    }
}

#[test]
fn an_unborn_branch_takes_the_first_commit() {
    let test = TestRepo::unborn(&[]);
    test.write("mine", "x");
    let repo = test.open();
    let shadow = super::super::testing::shadow(&repo, "t-1.1");
    let blob = test.git(&["hash-object", "-w", "mine"]);
    let tree = test
        .git_program()
        .command(["mktree"])
        .git_dir(repo.common_dir());
    let tree = tree
        .input(format!("100644 blob {blob}\tfirst\n"))
        .run()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let commit = Oid::parse(&test.git(&["commit-tree", "-m", "root", tree.trim()])).unwrap();
    let who = CommitIdentity::new("ai", "a@b").unwrap();
    let proposal = MergeProposal {
        target: MAIN,
        commit: &commit,
        mode: MergeMode::FastForwardOrMerge,
        message: "",
        who: &who,
        when_ms: 0,
    };
    let PreparedMerge::Ready(plan) = prepare(&repo, &shadow, &proposal).unwrap() else {
        panic!()
    };
    assert_eq!(plan.old, None);
    land(
        &repo,
        &shadow,
        &[test.root.join(".ai/worktrees")],
        &plan,
        ("x", &NOBODY),
    )
    .unwrap();
    assert_eq!(test.git(&["status", "--porcelain"]), "?? mine");
    assert!(test.root.join("first").exists());
}

#[test]
fn local_filters_are_neither_run_nor_skipped_in_silence() {
    let test = TestRepo::new();
    test.write(".gitattributes", "*.bin filter=local\n");
    test.commit("attributes");
    let work = Work::of(test, &[("x.bin", "content\n")]);
    let marker = work.run.test.base().join("marker");
    for side in ["clean", "smudge"] {
        work.run.test.git(&[
            "config",
            &format!("filter.local.{side}"),
            &format!("tee {}", marker.display()),
        ]);
    }
    let plan = work.plan(MergeMode::FastForwardOnly);
    let error = work.land(&plan).unwrap_err();
    assert!(
        matches!(&error, MergeError::NeedsFilter { filter, .. } if filter == "local"),
        "{error}"
    );
    assert!(!marker.exists());
    work.run.test.git(&["checkout", "-q", "--detach"]);
    work.land(&plan).unwrap();
}

#[test]
fn hooks_and_monitors_of_the_repository_do_not_run() {
    let work = Work::new(&[("README", "new\n")]);
    advance(&work, "b", "2\n");
    let marker = work.run.test.base().join("marker");
    let script = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let hooks = work.run.repo.common_dir().join("hooks");
    for name in [
        "reference-transaction",
        "post-checkout",
        "post-merge",
        "post-index-change",
        "monitor",
    ] {
        write(&hooks.join(name), &script);
        fs::set_permissions(hooks.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let plan = work.plan(MergeMode::FastForwardOrMerge);
    work.run.test.git(&[
        "config",
        "core.fsmonitor",
        hooks.join("monitor").to_str().unwrap(),
    ]);
    work.run.test.git(&["config", "merge.default", "evil"]);
    work.run.test.git(&[
        "config",
        "merge.evil.driver",
        hooks.join("monitor").to_str().unwrap(),
    ]);
    let _ = fs::remove_file(&marker);
    work.land(&plan).unwrap();
    assert!(!marker.exists());
    let _ = work.run.test.try_git(&work.run.test.root, &["status"]);
    assert!(marker.exists(), "the plant is alive");
}

#[test]
fn containment_knows_every_way_in() {
    let work = Work::new(&[("a", "1\n")]);
    let Work { run, commit, .. } = &work;
    let look = || containment(&run.repo, &run.shadow, &run.test.oid("main"), commit).unwrap();
    assert_eq!(look(), Containment::No);
    advance(&work, "b", "2\n");
    assert_eq!(look(), Containment::No);
    run.test.git(&["cherry-pick", commit.as_str()]);
    assert_eq!(look(), Containment::PatchEquivalent);
    advance(&work, "a", "1\n2\n");
    run.test.git(&["reset", "-q", "--hard", "HEAD~2"]);
    run.test.git(&["merge", "-q", "--squash", commit.as_str()]);
    run.test.write("c", "with something else");
    run.test.git(&["add", "c"]);
    run.test.git(&["commit", "-qm", "squashed"]);
    assert_eq!(look(), Containment::Absorbed);
    run.test.git(&["merge", "-q", "-m", "m", commit.as_str()]);
    assert_eq!(look(), Containment::Ancestor);
    let orphan = Oid::parse(&run.test.git(&["commit-tree", "-m", "x", "main^{tree}"])).unwrap();
    assert_eq!(
        containment(&run.repo, &run.shadow, &run.test.oid("main"), &orphan).unwrap(),
        Containment::No
    );
}

#[test]
fn a_squash_is_known_although_its_lines_were_worked_on_since() {
    let work = Work::new(&[("a", "1\n")]);
    let Work { run, commit, .. } = &work;
    run.test.git(&["switch", "-q", "--detach", commit.as_str()]);
    run.test.write("b", "2\n");
    run.test.git(&["add", "b"]);
    run.test.git(&["commit", "-qm", "second"]);
    let both = run.test.oid("HEAD");
    run.test.git(&["switch", "-q", "main"]);
    let look = || containment(&run.repo, &run.shadow, &run.test.oid("main"), &both).unwrap();
    run.test.git(&["merge", "-q", "--squash", both.as_str()]);
    run.test.git(&["commit", "-qm", "squashed"]);
    advance(&work, "a", "worked on\n");
    assert_eq!(look(), Containment::Squashed);
    run.test.git(&["reset", "-q", "--hard", "HEAD~2"]);
    advance(&work, "a", "something else\n");
    assert_eq!(look(), Containment::No);
}

#[test]
fn binary_files_are_never_taken_for_each_other() {
    let work = Work::new(&[("a", "1\0\n")]);
    let Work { run, commit, .. } = &work;
    advance(&work, "a", "2\0\n");
    assert_eq!(
        containment(&run.repo, &run.shadow, &run.test.oid("main"), commit).unwrap(),
        Containment::No
    );
}
