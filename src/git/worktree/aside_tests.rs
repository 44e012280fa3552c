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
