//! Repositories inside of a slot: moved out of the way with their commits, never removed.

use std::fs;

use super::*;
use crate::git::snapshot::TreeReport;
use crate::git::testing::Run;

#[test]
fn repositories_of_submodules_are_never_removed() {
    let run = Run::new();
    let commit = run.slot.admin.join("modules/lib/objects/ab/cdef");
    let lay = || {
        fs::create_dir_all(commit.parent().unwrap()).unwrap();
        fs::write(&commit, "a commit that is nowhere else").unwrap();
    };
    for (round, is_there) in [("one", true), ("two", false)] {
        lay();
        let cleared = run.rescue().cleared;
        if !is_there {
            fs::remove_dir_all(&run.slot.path).unwrap();
        }
        let rescued = run.rescue();
        assert!(cleared.is_none() && rescued.cleared.is_none(), "{round}");
        assert_eq!(rescued.left_behind, [TreeReport::SubmoduleStores]);
        let to = run.test.base().join(round);
        let moved = run
            .pool()
            .set_aside("one", &rescued.left_behind, &to)
            .unwrap();
        assert_eq!(moved[0].1, to.join("submodules.git"));
        assert_eq!(
            fs::read(to.join("submodules.git/lib/objects/ab/cdef")).unwrap(),
            b"a commit that is nowhere else"
        );
        assert_eq!(run.rescue().left_behind, []);
    }
    let run = Run::new();
    let cleared = run.rescue().cleared.unwrap();
    fs::create_dir(run.slot.admin.join("modules")).unwrap();
    assert!(
        matches!(
            run.reuse(cleared, "ai/t-2/1"),
            Err(WorktreeError::ChangedSince { .. })
        ),
        "made meanwhile"
    );
}

#[test]
fn a_repository_in_a_tracked_directory_is_moved_aside_with_its_commits() {
    let run = Run::new();
    let src = run.slot.path.join("src");
    run.test.git_in(&src, &["init", "-q"]);
    run.test.git_in(
        &src,
        &["commit", "-q", "--allow-empty", "-m", "nowhere else"],
    );
    run.write("src/lib.rs", "changed\n");
    let rescued = run.rescue();
    assert!(rescued.cleared.is_none(), "its commits stand nowhere else");
    let to = run.test.base().join("kept");
    run.pool()
        .set_aside("one", &rescued.left_behind, &to)
        .unwrap();
    assert!(!src.join(".git").exists() && src.join("lib.rs").exists());
    assert_eq!(
        run.test
            .git_in(&to.join("src"), &["log", "-1", "--format=%s"]),
        "nowhere else"
    );
    let again = run.rescue();
    run.reuse(again.cleared.unwrap(), "ai/t-2/1").unwrap();
}

#[test]
fn much_that_is_left_is_moved_aside_and_not_read() {
    let run = Run::new();
    let heavy = |path: &str, bytes: u64| {
        let path = run.slot.path.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).unwrap().set_len(bytes).unwrap();
    };
    (0..20).for_each(|n| heavy(&format!("built/{n}/out"), 2 << 20));
    heavy("film", 3 << 20);
    run.write("new/work", "work\n");
    run.write("src/lib.rs", "changed\n");
    let rescued = run.rescue();
    let left = TreeReport::TooBig {
        path: "built".into(),
        bytes: 40 << 20,
    };
    assert_eq!(rescued.left_behind, [left]);
    assert!(rescued.cleared.is_none(), "it is not to be touched");
    let Rescue::Saved { commit, .. } = &rescued.rescue else {
        panic!("nothing was saved");
    };
    let saved = run
        .test
        .git(&["ls-tree", "-r", "--name-only", commit.as_str()]);
    let saved: Vec<&str> = saved.lines().collect();
    assert_eq!(
        saved,
        [".gitignore", "README", "film", "new/work", "src/lib.rs"]
    );
    let to = run.test.base().join("kept");
    let moved = run.pool().set_aside("one", &rescued.left_behind, &to);
    assert_eq!(moved.unwrap()[0].1, to.join("built"));
    assert_eq!(fs::metadata(to.join("built/7/out")).unwrap().len(), 2 << 20);
    assert!(run.rescue().cleared.is_some());
}

#[test]
fn what_was_committed_is_not_moved_aside_however_much_it_is() {
    let run = Run::new();
    for n in 0..20 {
        run.write(format!("data/{n}"), vec![n; 2 << 20]);
    }
    run.agent_git(&["add", "-A"]);
    run.agent_git(&["commit", "-qm", "data"]);
    let rescued = run.rescue();
    assert_eq!(rescued.left_behind, []);
    assert!(rescued.cleared.is_some());
}

#[test]
fn a_slot_that_its_agent_has_closed_is_opened_to_be_saved() {
    use std::os::unix::fs::PermissionsExt as _;
    for closed in [0o000, 0o555] {
        let run = Run::new();
        run.write("new", "work\n");
        let mode = |bits| fs::set_permissions(&run.slot.path, fs::Permissions::from_mode(bits));
        mode(closed).unwrap();
        let rescued = run.rescue();
        assert!(
            matches!(rescued.rescue, Rescue::Saved { files: 1, .. }),
            "{closed:o}"
        );
        let now = fs::metadata(&run.slot.path).unwrap().permissions().mode();
        assert_eq!(now & 0o700, 0o700, "{closed:o}");
        run.reuse(rescued.cleared.unwrap(), "ai/t-2/1").unwrap();
    }
}
