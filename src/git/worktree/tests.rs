use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::git::discover::discover;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::Head;
use crate::git::repo::Repo;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{SnapshotLimits, TreeReport};
use crate::git::testing::{BRANCH, Run, TestRepo, look, pool, shadow, write};

fn saved(rescued: &RescueResult) -> (String, Oid, usize, usize) {
    match &rescued.rescue {
        Rescue::Saved {
            reference,
            commit,
            files,
            tips,
        } => (reference.clone(), commit.clone(), *files, *tips),
        Rescue::Nothing => panic!("nothing was saved"),
    }
}

fn states(run: &Run) -> Vec<(String, SlotState)> {
    run.pool()
        .list()
        .unwrap()
        .into_iter()
        .map(|info| (info.name, info.state))
        .collect()
}

#[test]
fn a_new_slot_is_an_ordinary_locked_worktree() {
    let run = Run::new();
    assert_eq!(
        run.slot.head(&run.repo).unwrap(),
        Head::Branch {
            name: "refs/heads/ai/t-1/1".into(),
            commit: run.base.clone()
        }
    );
    assert_eq!(
        run.agent_git(&["status", "--porcelain", "--branch"]),
        "## ai/t-1/1"
    );
    assert_eq!(
        fs::read_to_string(run.slot.path.join("README")).unwrap(),
        "hello\n"
    );
    run.test.git(&["worktree", "prune", "--expire=now"]);
    assert!(
        run.test
            .git(&["worktree", "list", "--porcelain"])
            .contains("locked managed by ai")
    );
    assert_eq!(
        discover(&run.slot.path).unwrap().common_dir,
        run.repo.common_dir()
    );
    assert_eq!(states(&run), [("one".to_owned(), SlotState::Ready)]);
    assert_eq!(
        run.test
            .git(&["status", "--porcelain", "--", "src", "README"]),
        ""
    );
    let no_upstream = run
        .test
        .try_git(&run.slot.path, &["rev-parse", "@{upstream}"]);
    assert!(!no_upstream.status.success());
}

#[test]
fn a_taken_name_branch_or_place_is_refused() {
    let run = Run::new();
    let start = SlotStart::Commit(run.base.clone());
    let other = shadow(&run.repo, "other");
    let create = |name: &str, branch: &str| run.pool().create(name, branch, &start, &other);
    assert!(matches!(
        create("one", "ai/t-2/1"),
        Err(WorktreeError::NotFree {
            state: SlotState::Ready,
            ..
        })
    ));
    assert!(matches!(
        create("two", BRANCH),
        Err(WorktreeError::BranchExists(_))
    ));
    for bad in ["", "..", "a/b", "-x", ".trash-x", "a b", "é"] {
        assert!(
            matches!(create(bad, "ai/t-2/1"), Err(WorktreeError::BadName(_))),
            "{bad}"
        );
    }
    fs::create_dir(run.pool().dir().join("two")).unwrap();
    assert!(matches!(
        create("two", "ai/t-2/1"),
        Err(WorktreeError::NotFree {
            state: SlotState::Unregistered,
            ..
        })
    ));
    // A branch in the way of the branch: Git's own reason, and nothing half-made stays.
    run.test.git(&["branch", "ai/t-3"]);
    assert!(create("three", "ai/t-3/1").is_err());
    assert_eq!(run.pool().find("three").unwrap(), None);
    let full = WorktreePool::new(
        &run.repo,
        run.pool().dir(),
        PoolLimits {
            reserve_bytes: u64::MAX,
            ..PoolLimits::default()
        },
    );
    assert!(matches!(
        full.create("four", "ai/t-4/1", &start, &other),
        Err(WorktreeError::NoSpace { .. })
    ));
}

#[test]
fn a_pool_that_leads_elsewhere_is_refused() {
    let test = TestRepo::new();
    let outside = test.base().join("outside");
    fs::create_dir(&outside).unwrap();
    symlink(&outside, test.root.join(".ai")).unwrap();
    let repo = test.open();
    let start = SlotStart::Commit(test.oid("HEAD"));
    let error = pool(&repo)
        .create("one", BRANCH, &start, &shadow(&repo, "x"))
        .unwrap_err();
    assert!(matches!(error, WorktreeError::Elsewhere { .. }), "{error}");
    assert_eq!(test.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn every_hand_made_state_is_named() {
    let run = Run::new();
    let path = run.slot.path.clone();
    let aside = run.pool().dir().join("aside");
    let one = |run: &Run| {
        states(run)
            .into_iter()
            .find(|(name, _)| name == "one")
            .map(|(_, state)| state)
    };

    fs::rename(&path, &aside).unwrap();
    let registered = path.clone();
    assert_eq!(
        states(&run),
        [
            ("aside".to_owned(), SlotState::Moved { registered }),
            ("one".to_owned(), SlotState::Missing)
        ]
    );
    fs::write(&path, "").unwrap();
    assert_eq!(one(&run), Some(SlotState::ReplacedByFile));
    fs::remove_file(&path).unwrap();
    symlink(&aside, &path).unwrap();
    assert_eq!(one(&run), Some(SlotState::ReplacedByLink));
    fs::remove_file(&path).unwrap();
    fs::rename(&aside, &path).unwrap();

    let link = fs::read(path.join(".git")).unwrap();
    fs::remove_file(path.join(".git")).unwrap();
    assert_eq!(one(&run), Some(SlotState::Redirected));
    run.agent_git(&["init", "-q"]);
    assert_eq!(one(&run), Some(SlotState::OwnRepository));
    fs::remove_dir_all(path.join(".git")).unwrap();
    fs::write(path.join(".git"), link).unwrap();
    assert_eq!(one(&run), Some(SlotState::Ready));
    write(&run.slot.admin.join("commondir"), "/elsewhere");
    assert_eq!(one(&run), Some(SlotState::Redirected));
}

#[test]
fn a_slot_deleted_by_hand_is_made_again() {
    let run = Run::new();
    fs::remove_dir_all(&run.slot.path).unwrap();
    let again = shadow(&run.repo, "t-1.2");
    let slot = run
        .pool()
        .create(
            "one",
            "ai/t-1/2",
            &SlotStart::Commit(run.base.clone()),
            &again,
        )
        .unwrap();
    assert!(slot.path.join("README").exists());
    assert_eq!(states(&run), [("one".to_owned(), SlotState::Ready)]);
}

#[test]
fn detached_commits_of_a_missing_slot_are_not_forgotten() {
    let run = Run::new();
    run.agent_git(&["checkout", "-q", "--detach"]);
    run.agent_git(&["commit", "-q", "--allow-empty", "-m", "only here"]);
    let commit = Oid::parse(&run.agent_git(&["rev-parse", "HEAD"])).unwrap();
    fs::remove_dir_all(&run.slot.path).unwrap();
    let again = shadow(&run.repo, "t-1.2");
    let refused = run.pool().create(
        "one",
        "ai/t-1/2",
        &SlotStart::Commit(run.base.clone()),
        &again,
    );
    assert!(
        matches!(
            refused,
            Err(WorktreeError::NotFree {
                state: SlotState::Missing,
                ..
            })
        ),
        "{refused:?}"
    );
    assert_eq!(
        saved(&run.rescue()),
        ("refs/ai/rescue/t-1/1".to_owned(), commit, 0, 1)
    );
}

#[test]
fn a_clean_slot_has_nothing_to_rescue_and_is_reused() {
    let run = Run::new();
    run.write("target/cache", "warm");
    let rescued = run.rescue();
    assert_eq!(rescued.rescue, Rescue::Nothing);
    let slot = run.reuse(rescued.cleared.unwrap(), "ai/t-2/1").unwrap();
    assert_eq!(slot, run.slot);
    assert!(slot.path.join("target/cache").exists());
    assert_eq!(
        run.agent_git(&["status", "--porcelain", "--branch"]),
        "## ai/t-2/1"
    );
    assert_eq!(run.test.git(&["for-each-ref", "refs/ai"]), "");
}

#[test]
fn dirty_untracked_and_committed_work_is_saved_before_a_reuse() {
    let run = Run::new();
    run.write("committed", "1");
    run.agent_git(&["add", "-A"]);
    run.agent_git(&["commit", "-qm", "mine"]);
    run.write("README", "dirty\n");
    run.write("untracked/deep", "2");
    run.write("x.log", "ignored");
    run.write("target/built", "ignored and kept");
    run.write("src/target/built", "ignored");
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    for pipe in ["pipe", "src/pipe", "only-a-pipe/pipe"] {
        let pipe = run.slot.path.join(pipe);
        fs::create_dir_all(pipe.parent().unwrap()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    }
    let _socket = std::os::unix::net::UnixListener::bind(run.slot.path.join("sock")).unwrap();
    fs::remove_file(run.slot.path.join("src/lib.rs")).unwrap();
    let rescued = run.rescue();
    let (reference, commit, files, tips) = saved(&rescued);
    assert_eq!(
        (reference.as_str(), files, tips),
        ("refs/ai/rescue/t-1/1", 3, 0)
    );
    let tree = run
        .test
        .git(&["ls-tree", "-r", "--name-only", commit.as_str()]);
    assert_eq!(tree, ".gitignore\nREADME\ncommitted\nuntracked/deep");
    assert_eq!(
        run.test.git(&["show", &format!("{commit}:README")]),
        "dirty"
    );
    assert_eq!(run.test.oid(&format!("{commit}~1")), run.test.oid(BRANCH));
    // Asked again, as after a crash, it finds its own work.
    let again = run.rescue();
    assert_eq!(saved(&again).1, commit);
    assert_eq!(
        run.test
            .git(&["for-each-ref", "--format=%(refname)", "refs/ai"]),
        "refs/ai/rescue/t-1/1"
    );

    let slot = run.reuse(again.cleared.unwrap(), "ai/t-2/1").unwrap();
    assert_eq!(
        run.agent_git(&["status", "--porcelain", "--ignored"]),
        "!! target/",
        "what one task left is no business of another's"
    );
    let mut left: Vec<_> = fs::read_dir(&run.slot.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, [".git", ".gitignore", "README", "src", "target"]);
    assert!(!slot.path.join("src/pipe").exists() && !slot.path.join("src/target").exists());
    assert_eq!(slot.head(&run.repo).unwrap().commit(), Some(&run.base));
    assert!(!slot.path.join("untracked").exists() && slot.path.join("src/lib.rs").exists());
}

#[test]
fn a_second_rescue_of_other_work_gets_another_name() {
    let run = Run::new();
    run.write("a", "1");
    assert_eq!(saved(&run.rescue()).0, "refs/ai/rescue/t-1/1");
    run.write("a", "2");
    assert_eq!(saved(&run.rescue()).0, "refs/ai/rescue/t-1/1-2");
}

#[test]
fn work_whose_branch_was_deleted_is_found_in_the_log() {
    let run = Run::new();
    run.agent_git(&["commit", "-q", "--allow-empty", "-m", "lost?"]);
    let commit = run.test.oid(BRANCH);
    run.test.git(&["update-ref", "-d", "refs/heads/ai/t-1/1"]);
    assert_eq!(saved(&run.rescue()).1, commit);
}

#[test]
fn merged_commits_are_not_saved_again() {
    let run = Run::new();
    run.agent_git(&["commit", "-q", "--allow-empty", "-m", "landed"]);
    run.test.git(&["merge", "-q", "--ff-only", BRANCH]);
    assert_eq!(run.rescue().rescue, Rescue::Nothing);
}

#[test]
fn what_cannot_be_saved_keeps_the_slot() {
    let run = Run::new();
    run.write("nested/work", "x");
    run.test
        .git_in(&run.slot.path.join("nested"), &["init", "-q"]);
    let rescued = run.rescue();
    assert!(rescued.cleared.is_none());
    assert_eq!(rescued.left_behind.len(), 1);

    fs::remove_dir_all(run.slot.path.join("nested")).unwrap();
    fs::remove_file(run.slot.path.join(".git")).unwrap();
    run.agent_git(&["init", "-q"]);
    let rescued = run.rescue();
    assert!(rescued.cleared.is_none());
    assert_eq!(rescued.left_behind, [TreeReport::OwnRepository]);
}

#[test]
fn a_failed_look_clears_nothing() {
    let run = Run::new();
    fs::write(run.slot.admin.join("HEAD"), "ref: ../../evil\n").unwrap();
    let who = super::super::repo::CommitIdentity::new("ai", "a@b").unwrap();
    let save = RescueAs {
        reference: "refs/ai/rescue/t-1/1",
        message: "m",
        who: &who,
        when_ms: 0,
        known: KnownRescue::UnderItsName,
    };
    let failed = run
        .pool()
        .rescue("one", Some(&run.base), &run.shadow, &save)
        .unwrap_err();
    assert!(
        failed.to_string().contains("names no valid reference"),
        "{failed}"
    );
    fs::write(run.slot.admin.join("HEAD"), "ref: refs/heads/ai/t-1/1\n").unwrap();
    fs::write(run.shadow.index_path(), "rubbish").unwrap();
    assert!(
        run.pool()
            .rescue("one", Some(&run.base), &run.shadow, &save)
            .is_err()
    );
    assert!(run.slot.path.join("README").exists());
}

#[test]
fn work_after_the_rescue_stops_reuse_and_removal() {
    let run = Run::new();
    let cleared = run.rescue().cleared.unwrap();
    run.write("late", "x");
    let refused = run.reuse(cleared, "ai/t-2/1");
    assert!(
        matches!(refused, Err(WorktreeError::ChangedSince { .. })),
        "{refused:?}"
    );
    let cleared = run.rescue().cleared.unwrap();
    run.agent_git(&["commit", "-q", "--allow-empty", "-m", "late"]);
    let refused = run.pool().remove(cleared);
    assert!(
        matches!(refused, Err(WorktreeError::ChangedSince { .. })),
        "{refused:?}"
    );
    assert!(run.slot.path.join("late").exists());
}

#[test]
fn a_reuse_undoes_what_was_done_to_the_git_directory() {
    let run = Run::new();
    write(
        &run.slot.admin.join("config.worktree"),
        "[core]\n\tfsmonitor = /bin/evil\n",
    );
    write(&run.slot.admin.join("commondir"), "/elsewhere");
    write(&run.slot.admin.join("MERGE_HEAD"), "x");
    write(&run.slot.admin.join("hooks/pre-commit"), "x");
    write(&run.slot.path.join(".git"), "gitdir: /elsewhere");
    let cleared = run.rescue().cleared.unwrap();
    let slot = run.reuse(cleared, "ai/t-2/1").unwrap();
    let mut left: Vec<_> = fs::read_dir(&slot.admin)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(
        left,
        [
            "HEAD",
            "commondir",
            "gitdir",
            "index",
            "locked",
            "logs",
            "refs"
        ]
    );
    assert_eq!(
        run.agent_git(&["status", "--porcelain", "--branch"]),
        "## ai/t-2/1"
    );
    assert_eq!(states(&run), [("one".to_owned(), SlotState::Ready)]);
}

#[test]
fn a_reuse_follows_a_base_that_moved() {
    let run = Run::new();
    run.write("target/cache", "warm");
    run.write("left", "over");
    run.test.write("README", "newer\n");
    run.test.write("added", "x");
    fs::remove_file(run.test.root.join("src/lib.rs")).unwrap();
    run.test.git(&["add", "README", "added", "src/lib.rs"]);
    run.test.git(&["commit", "-qm", "newer"]);
    let slot = run
        .reuse(run.rescue().cleared.unwrap(), "ai/t-2/1")
        .unwrap();
    assert_eq!(
        fs::read_to_string(slot.path.join("README")).unwrap(),
        "newer\n"
    );
    assert!(
        slot.path.join("added").exists()
            && !slot.path.join("src").exists()
            && !slot.path.join("left").exists()
    );
    assert!(slot.path.join("target/cache").exists());
    assert_eq!(run.agent_git(&["status", "--porcelain"]), "");
}

#[test]
fn a_removed_slot_leaves_its_branch_and_nothing_else() {
    let run = Run::new();
    run.write("a", "1");
    run.write("target/ro/f", "x");
    fs::set_permissions(
        run.slot.path.join("target/ro"),
        fs::Permissions::from_mode(0o555),
    )
    .unwrap();
    let plan = run.pool().plan_removal("one").unwrap().unwrap();
    assert_eq!(
        (plan.path.as_path(), plan.branch.as_deref()),
        (run.slot.path.as_path(), Some("refs/heads/ai/t-1/1"))
    );
    let removed = run.pool().remove(run.rescue().cleared.unwrap()).unwrap();
    assert_eq!(removed, plan);
    assert_eq!(run.pool().list().unwrap(), []);
    assert_eq!(fs::read_dir(run.pool().dir()).unwrap().count(), 0);
    assert!(!run.slot.admin.exists());
    assert_eq!(run.test.oid(BRANCH), run.base);
    fs::create_dir(run.pool().dir().join(".trash-one-x")).unwrap();
    assert_eq!(run.pool().sweep().unwrap(), 1);
}

#[test]
fn a_rescue_without_the_runs_shadow_reads_everything_anew() {
    let run = Run::new();
    run.write("README", "dirty\n");
    // The agent hides its change from its own index; ours does not ask that one.
    run.agent_git(&["update-index", "--assume-unchanged", "README"]);
    let fresh = ShadowRepo::create(&run.repo, &run.repo.common_dir().join("ai/other.git")).unwrap();
    let who = super::super::repo::CommitIdentity::new("ai", "a@b").unwrap();
    let save = RescueAs {
        reference: "refs/ai/rescue/t-1/1",
        message: "m",
        who: &who,
        when_ms: 0,
        known: KnownRescue::UnderItsName,
    };
    let rescued = run
        .pool()
        .rescue("one", Some(&run.base), &fresh, &save)
        .unwrap();
    assert_eq!(saved(&rescued).2, 1);
    assert!(rescued.cleared.is_some());
}

#[test]
fn an_unborn_repository_gives_an_orphan_branch() {
    let test = TestRepo::unborn(&[]);
    let repo = test.open();
    let shadow = shadow(&repo, "t-1.1");
    let slot = pool(&repo)
        .create("one", BRANCH, &SlotStart::Unborn, &shadow)
        .unwrap();
    assert_eq!(
        slot.head(&repo).unwrap(),
        Head::Unborn {
            name: "refs/heads/ai/t-1/1".into()
        }
    );
    write(&slot.path.join("first"), "x");
    let empty = repo.format().objects.empty_tree();
    assert_eq!(
        look(&repo, (&shadow, &slot), &empty, SnapshotLimits::default())
            .unwrap()
            .changed
            .len(),
        1
    );
}

#[test]
fn bare_repositories_have_pools_too() {
    let test = TestRepo::new();
    let bare = test.base().join("bare.git");
    test.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let repo = Repo::open(&discover(&bare).unwrap(), test.git_program()).unwrap();
    let shadow = shadow(&repo, "t-1.1");
    let slot = pool(&repo)
        .create("one", BRANCH, &SlotStart::Commit(test.oid("HEAD")), &shadow)
        .unwrap();
    assert_eq!(
        test.git_in(&slot.path, &["status", "--porcelain", "--branch"]),
        "## ai/t-1/1"
    );
    assert!(discover(&slot.path).unwrap().is_bare);
}

#[test]
fn sha256_and_reftable_slots_are_reused() {
    let reftable = TestRepo::unborn(&["--ref-format=reftable"]);
    reftable.write("README", "x");
    reftable.commit("first");
    for test in [TestRepo::sha256(), reftable] {
        let run = Run::of(test);
        run.write("new", "x");
        run.agent_git(&["add", "-A"]);
        run.agent_git(&["commit", "-qm", "mine"]);
        run.write("README", "dirty");
        let rescued = run.rescue();
        assert_eq!((saved(&rescued).2, saved(&rescued).3), (1, 0));
        run.reuse(rescued.cleared.unwrap(), "ai/t-2/1").unwrap();
        assert_eq!(
            run.agent_git(&["status", "--porcelain", "--branch"]),
            "## ai/t-2/1"
        );
    }
}

#[test]
fn a_sparse_cone_survives_the_reuse() {
    let test = TestRepo::new();
    test.write("inside/a", "x");
    test.write("outside/b", "x");
    test.commit("dirs");
    test.git(&["sparse-checkout", "set", "--cone", "inside"]);
    let run = Run::of(test);
    run.write("outside/b", "work");
    run.write("inside/a", "work");
    let slot = run
        .reuse(run.rescue().cleared.unwrap(), "ai/t-2/1")
        .unwrap();
    assert_eq!(fs::read_to_string(slot.path.join("inside/a")).unwrap(), "x");
    assert_eq!(
        run.agent_git(&["status", "--porcelain", "--branch"]),
        "## ai/t-2/1"
    );
    assert_eq!(run.agent_git(&["sparse-checkout", "list"]), "inside");
}

#[test]
fn a_shallow_clone_gives_slots() {
    let test = TestRepo::new();
    test.commit("second");
    let shallow = test.base().join("shallow");
    let url = format!("file://{}", test.root.display());
    test.git_in(
        test.base(),
        &["clone", "-q", "--depth=1", &url, shallow.to_str().unwrap()],
    );
    let repo = Repo::open(&discover(&shallow).unwrap(), test.git_program()).unwrap();
    let base = repo.resolve_commit("HEAD").unwrap();
    let slot = pool(&repo)
        .create("one", BRANCH, &SlotStart::Commit(base), &shadow(&repo, "x"))
        .unwrap();
    assert!(slot.path.join("README").exists());
}

#[test]
fn slots_are_made_by_many_threads_at_once() {
    let test = TestRepo::new();
    let base = test.oid("HEAD");
    std::thread::scope(|scope| {
        for n in 0..4 {
            let (test, base) = (&test, base.clone());
            scope.spawn(move || {
                let repo = test.open();
                let shadow = shadow(&repo, &format!("t-{n}.1"));
                pool(&repo)
                    .create(
                        &format!("s{n}"),
                        &format!("ai/t-{n}/1"),
                        &SlotStart::Commit(base),
                        &shadow,
                    )
                    .unwrap();
            });
        }
    });
    let repo = test.open();
    let ready = pool(&repo).list().unwrap();
    assert!(ready.len() == 4 && ready.iter().all(|info| info.state == SlotState::Ready));
}

#[test]
fn a_partial_clone_works_with_what_it_has_and_never_fetches() {
    let test = TestRepo::new();
    test.git(&["config", "uploadpack.allowFilter", "true"]);
    let first = test.oid("HEAD");
    test.write("README", "second\n");
    test.commit("second");
    let partial = test.base().join("partial");
    let url = format!("file://{}", test.root.display());
    test.git_in(
        test.base(),
        &[
            "clone",
            "-q",
            "--filter=blob:none",
            &url,
            partial.to_str().unwrap(),
        ],
    );
    let repo = Repo::open(&discover(&partial).unwrap(), test.git_program()).unwrap();
    assert!(!repo.is_native());
    let base = repo.resolve_commit("HEAD").unwrap();
    let tree = repo.tree_of(&base).unwrap();
    let shadow = shadow(&repo, "t-1.1");
    let slot = pool(&repo)
        .create("one", BRANCH, &SlotStart::Commit(base), &shadow)
        .unwrap();
    write(&slot.path.join("new"), "x");
    let snapshot = look(&repo, (&shadow, &slot), &tree, SnapshotLimits::default()).unwrap();
    assert_eq!(snapshot.changed.len(), 1);
    // The first README was never fetched.
    let missing = test.oid(&format!("{first}:README"));
    assert!(matches!(repo.blob(&missing), Err(GitError::Missing { .. })));
    let other = ShadowRepo::create(&repo, &repo.common_dir().join("ai/two.git")).unwrap();
    assert!(
        pool(&repo)
            .create("two", "ai/t-2/1", &SlotStart::Commit(first), &other)
            .is_err()
    );
    assert_eq!(pool(&repo).list().unwrap().len(), 1);
    assert!(!repo.has_object(&missing).unwrap());
    assert_eq!(
        test.try_git(
            &partial,
            &["rev-parse", "--verify", "-q", "refs/heads/ai/t-2/1"]
        )
        .status
        .code(),
        Some(1)
    );
}

#[test]
fn a_slot_follows_the_cone_of_the_main_checkout() {
    let test = TestRepo::new();
    test.write("a/f", "x");
    test.write("b/f", "x");
    test.commit("dirs");
    let run = Run::of(test);
    let steps: [(&[&str], [bool; 2]); 3] = [
        (&["set", "--cone", "a"], [true, false]),
        (&["set", "--cone", "b"], [false, true]),
        (&["disable"], [true, true]),
    ];
    for (n, (cone, expected)) in steps.into_iter().enumerate() {
        run.test.git(&[&["sparse-checkout"], cone].concat());
        run.reuse(run.rescue().cleared.unwrap(), &format!("ai/t-{}/1", n + 2))
            .unwrap();
        assert_eq!(
            ["a/f", "b/f"].map(|name| run.slot.path.join(name).exists()),
            expected,
            "{cone:?}"
        );
        assert_eq!(run.agent_git(&["status", "--porcelain"]), "", "{cone:?}");
    }
}

#[test]
fn a_draft_is_cleared_away_when_its_maker_is_gone() {
    let run = Run::new();
    let draft = WorktreePool::draft(&run.slot.path);
    let left = run
        .pool()
        .dir()
        .join(format!(".trash-draft-{}-x", i32::MAX));
    fs::create_dir(&draft).unwrap();
    fs::create_dir(&left).unwrap();
    assert_eq!(run.pool().sweep().unwrap(), 1);
    assert!(draft.exists() && !left.exists());
    assert_eq!(
        states(&run),
        [("one".to_owned(), SlotState::Ready)],
        "neither is a slot"
    );
}
