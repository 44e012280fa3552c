//! What the worktree's own Git tracks is where a snapshot begins.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::base::onlooker::Onlooker;
use crate::domain::repo_path::RepoPath;
use crate::git::diff::PathChange;
use crate::git::repo::CommitIdentity;
use crate::git::testing::{Run, TestRepo};
use crate::git::worktree::{KnownRescue, Rescue, RescueAs};

fn changes(snapshot: &Snapshot) -> Vec<(PathChange, String)> {
    snapshot
        .changed
        .iter()
        .map(|c| (c.change, c.path.to_string()))
        .collect()
}

fn told(snapshot: &Snapshot) -> Vec<String> {
    snapshot.reports.iter().map(ToString::to_string).collect()
}

fn show(run: &Run, snapshot: &Snapshot, path: &str) -> String {
    run.test
        .git(&["show", &format!("{}:{path}", snapshot.tree)])
}

/// A repository whose own configuration has a filter, as git-crypt and a local LFS set it up.
fn with_filter() -> TestRepo {
    let test = TestRepo::new();
    test.git(&["config", "filter.veil.clean", "tr a-z A-Z"]);
    test.git(&["config", "filter.veil.smudge", "tr A-Z a-z"]);
    test.write(".gitattributes", "*.veiled filter=veil\n");
    test.write("key.veiled", "open\n");
    test.commit("veiled");
    assert_eq!(test.git(&["show", "HEAD:key.veiled"]), "OPEN");
    test
}

#[test]
fn what_was_staged_counts_and_what_was_untracked_is_gone() {
    use PathChange::{Added, Deleted};
    let run = Run::new();
    run.write("target/shipped", "x");
    run.write("target/left", "x");
    run.agent_git(&["add", "-f", "target/shipped"]);
    run.write(".gitignore", "target/\nREADME\n");
    run.agent_git(&["rm", "-q", "--cached", "README"]);
    let wanted = [
        (PathChange::Modified, ".gitignore".to_owned()),
        (Deleted, "README".to_owned()),
        (Added, "target/shipped".to_owned()),
    ];
    // Committed or not.
    assert_eq!(changes(&run.snapshot()), wanted);
    run.agent_git(&["add", ".gitignore"]);
    run.agent_git(&["commit", "-qm", "x"]);
    let snapshot = run.snapshot();
    assert_eq!(
        (changes(&snapshot), told(&snapshot)),
        (wanted.to_vec(), vec![])
    );
}

#[test]
fn what_stands_in_the_index_alone_is_told_and_a_rescue_keeps_it() {
    let run = Run::new();
    let staged = |path: &str, text: &str| {
        run.write(path, text);
        run.agent_git(&["add", path]);
    };
    staged("changed", "first thought\n");
    run.write("changed", "second thought\n");
    staged("gone", "written once\n");
    std::fs::remove_file(run.slot.path.join("gone")).unwrap();
    staged("README", "staged\n");
    run.write("README", "worked on\n");
    // These stand elsewhere, or are nothing.
    staged("moved", "carried on\n");
    std::fs::rename(run.slot.path.join("moved"), run.slot.path.join("here")).unwrap();
    staged("filled", "");
    run.write("filled", "later\n");
    staged("whole", "as it is\n");
    let alone = |path: &str| {
        format!(
            "what is staged of {path} stands neither in a commit nor on the disk, and is not taken"
        )
    };
    for _ in 0..2 {
        let snapshot = run.snapshot();
        assert_eq!(told(&snapshot), ["README", "changed", "gone"].map(alone));
        assert_eq!(show(&run, &snapshot, "changed"), "second thought");
        assert_eq!(snapshot.left_behind().count(), 0);
    }
    for _ in 0..2 {
        let rescued = run.rescue();
        assert!(rescued.cleared.is_some());
        let Rescue::Saved {
            reference, tips, ..
        } = rescued.rescue
        else {
            panic!("nothing was saved");
        };
        assert_eq!((reference.as_str(), tips), ("refs/ai/rescue/t-1/1", 1));
        let show = |spec: &str| run.test.git(&["show", &format!("{reference}{spec}")]);
        assert_eq!(show(":changed"), "second thought");
        assert_eq!(show("^2:changed"), "first thought");
        assert_eq!(show("^2:gone"), "written once");
        assert_eq!(show("^2:README"), "staged");
    }
    // Committed, it is part of the history, whatever stands on the disk.
    run.agent_git(&["commit", "-qm", "what was staged"]);
    assert_eq!(told(&run.snapshot()), [""; 0]);
}

#[test]
fn what_takes_long_is_told_before_it_is_done() {
    let run = Run::new();
    let said = std::cell::RefCell::new(Vec::new());
    let tell = |text: &str| said.borrow_mut().push(text.to_owned());
    let pool = run.pool().watched_by(Onlooker::patient(&tell));
    let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
    let save = RescueAs {
        reference: "refs/ai/rescue/t-1/1",
        message: "rescue",
        who: &who,
        when_ms: 0,
        known: KnownRescue::UnderItsName,
    };
    run.write("one", "x");
    pool.rescue("one", Some(&run.base), &run.shadow, &save)
        .unwrap();
    assert_eq!(*said.borrow(), [""; 0]);
    for n in 0..2_001 {
        run.write(format!("many/{n}"), "x");
    }
    pool.rescue("one", Some(&run.base), &run.shadow, &save)
        .unwrap();
    let expected = format!(
        "storing 2001 changed files of {}, which may take a while",
        run.slot.path.display()
    );
    assert_eq!(*said.borrow(), [expected]);
}

#[test]
fn a_rescue_that_nobody_waits_for_changes_nothing_and_is_whole_the_next_time() {
    let run = Run::new();
    for n in 0..1_001 {
        run.write(format!("many/{n}"), "x");
    }
    let who = CommitIdentity::new("ai", "ai@localhost").unwrap();
    let save = RescueAs {
        reference: "refs/ai/rescue/t-1/1",
        message: "rescue",
        who: &who,
        when_ms: 0,
        known: KnownRescue::UnderItsName,
    };
    // After the first of two batches.
    let asked = std::cell::Cell::new(0);
    let has_left = || asked.replace(asked.get() + 1) == 1;
    let pool = run.pool().watched_by(Onlooker::new(&|_| (), &has_left));
    let stopped = pool.rescue("one", Some(&run.base), &run.shadow, &save);
    let stopped = stopped.unwrap_err().to_string();
    assert_eq!(stopped, "stopped before it was done");
    assert_eq!(run.test.git(&["for-each-ref", "refs/ai/"]), "");
    let saved = run
        .pool()
        .rescue("one", Some(&run.base), &run.shadow, &save)
        .unwrap();
    assert!(saved.left_behind.is_empty() && saved.cleared.is_some());
    let files = [
        "ls-tree",
        "-r",
        "--name-only",
        "refs/ai/rescue/t-1/1",
        "many/",
    ];
    assert_eq!(run.test.git(&files).lines().count(), 1_001);
}

#[test]
fn a_filtered_file_keeps_what_its_own_git_committed() {
    let run = Run::of(with_filter());
    assert_eq!(run.snapshot().changed, []);
    run.write("key.veiled", "secret\n");
    run.agent_git(&["commit", "-qam", "mine"]);
    let committed = run.snapshot();
    assert_eq!(show(&run, &committed, "key.veiled"), "SECRET");
    assert_eq!((told(&committed), committed.filtered.len()), (vec![], 1));
    // Worked on after that, and another one that was never committed.
    run.write("key.veiled", "later secret\n");
    run.write("new.veiled", "secret\n");
    let later = run.snapshot();
    assert_eq!(later.tree, committed.tree);
    let told_of = |path: &str| {
        format!(
            "{path} goes through filter veil, which ai does not run; it is not taken (commit it with git)"
        )
    };
    assert_eq!(told(&later), ["key.veiled", "new.veiled"].map(told_of));
    assert_eq!(later.left_behind().count(), 2);
    // A rescue saves no clear text either, and clears nothing.
    assert!(run.rescue().cleared.is_none());
}

#[test]
fn taking_the_filter_away_lands_no_clear_text() {
    let run = Run::of(with_filter());
    run.write(".gitattributes", "");
    run.write("key.veiled", "secret\n");
    let snapshot = run.snapshot();
    assert_eq!(show(&run, &snapshot, "key.veiled"), "OPEN");
    assert_eq!(snapshot.left_behind().count(), 1);
}

#[test]
fn line_ends_follow_the_rules_of_the_tree() {
    let test = TestRepo::new();
    test.write("list.txt", "1\r\n2\r\n");
    test.commit("dos");
    let run = Run::of(test);
    run.write(".gitattributes", "*.txt text\n");
    run.agent_git(&["add", "--renormalize", "."]);
    run.agent_git(&["add", ".gitattributes"]);
    run.agent_git(&["commit", "-qm", "normal"]);
    run.write("more.txt", "3\r\n");
    let snapshot = run.snapshot();
    assert_eq!(show(&run, &snapshot, "list.txt"), "1\n2");
    assert_eq!(show(&run, &snapshot, "more.txt"), "3");
}

#[test]
fn what_was_tracked_before_the_rules_changed_stays_so() {
    let run = Run::new();
    run.write("dos.txt", "1\r\n");
    run.agent_git(&["add", "dos.txt"]);
    run.write(".gitattributes", "*.txt text\n");
    for _ in 0..2 {
        let snapshot = run.snapshot();
        let name = format!("{}:dos.txt", snapshot.tree);
        assert_eq!(run.test.git(&["cat-file", "-s", &name]), "3");
    }
}

#[test]
fn a_large_file_that_was_committed_stays() {
    let run = Run::new();
    let limits = SnapshotLimits {
        file_bytes: 1000,
        ..SnapshotLimits::default()
    };
    run.write("film", vec![b'x'; 2000]);
    run.agent_git(&["add", "film"]);
    run.agent_git(&["commit", "-qm", "large"]);
    for _ in 0..2 {
        let snapshot = run.snapshot_by(&run.shadow, limits).unwrap();
        assert_eq!((changes(&snapshot).len(), told(&snapshot)), (1, vec![]));
    }
    run.write("film", vec![b'y'; 3000]);
    let snapshot = run.snapshot_by(&run.shadow, limits).unwrap();
    assert_eq!(
        told(&snapshot),
        ["film is too big (3000 bytes) and not taken"]
    );
    assert_eq!(show(&run, &snapshot, "film").len(), 2000);
}

#[test]
fn a_conflict_is_told_and_its_files_are_taken() {
    let test = TestRepo::new();
    test.git(&["switch", "-q", "-c", "feature"]);
    test.write("README", "feature\n");
    test.commit("feature");
    test.git(&["switch", "-q", "main"]);
    test.write("README", "main\n");
    test.commit("main");
    let run = Run::of(test);
    assert!(
        !run.test
            .try_git(&run.slot.path, &["merge", "feature"])
            .status
            .success()
    );
    for _ in 0..2 {
        let snapshot = run.snapshot();
        assert_eq!(snapshot.unmerged, ["README".into()]);
        assert!(show(&run, &snapshot, "README").starts_with("<<<<<<< "));
    }
}

#[test]
fn what_a_cone_of_its_own_leaves_out_is_no_deletion() {
    let test = TestRepo::new();
    for (path, text) in [("in/a", "1"), ("out/b", "1")] {
        test.write(path, text);
    }
    test.commit("one");
    for (path, text) in [("in/a", "2"), ("out/b", "2")] {
        test.write(path, text);
    }
    test.commit("two");
    let run = Run::of(test);
    run.agent_git(&["sparse-checkout", "set", "--cone", "in"]);
    run.agent_git(&["revert", "--no-edit", "HEAD"]);
    assert!(!run.slot.path.join("out").exists());
    let snapshot = run.snapshot();
    assert_eq!(
        (
            show(&run, &snapshot, "in/a"),
            show(&run, &snapshot, "out/b")
        ),
        ("1".into(), "1".into())
    );
    run.slot.show_taken(&run.shadow).unwrap();
    assert_eq!(run.snapshot().tree, snapshot.tree);
    // The next task gets everything.
    let cleared = run.rescue().cleared.unwrap();
    run.reuse(cleared, "ai/t-2/1").unwrap();
    assert_eq!(
        fs::read_to_string(run.slot.path.join("out/b")).unwrap(),
        "2"
    );
}

#[test]
fn files_below_a_submodule_that_is_not_there_are_told() {
    let test = TestRepo::new();
    let first = test.oid("HEAD");
    fs::create_dir(test.root.join("lib")).unwrap();
    let entry = format!("160000,{first},lib");
    test.git(&["update-index", "--add", "--cacheinfo", &entry]);
    test.git(&["commit", "-qm", "submodule"]);
    let run = Run::of(test);
    run.write("lib/patched.c", "x");
    assert_eq!(
        run.agent_git(&["status", "--porcelain"]),
        "",
        "Git passes over them"
    );
    let snapshot = run.snapshot();
    assert_eq!(
        told(&snapshot),
        ["lib holds files although the submodule is not checked out; they are not taken"]
    );
    assert!(run.rescue().cleared.is_none());
}

#[test]
fn an_index_that_cannot_be_read_leaves_what_was_committed() {
    let run = Run::new();
    run.write("target/shipped", "x");
    run.agent_git(&["add", "-f", "target/shipped"]);
    run.agent_git(&["commit", "-qm", "x"]);
    let wanted = run.snapshot().tree;
    let index = run.slot.admin.join("index");
    for broken in [Some("DIRC rubbish"), None] {
        fs::remove_file(&index).unwrap();
        if let Some(text) = broken {
            fs::write(&index, text).unwrap();
        }
        assert_eq!(run.snapshot().tree, wanted, "{broken:?}");
        fs::write(&index, "").unwrap();
    }
    // A pipe would be waited at for ever.
    fs::remove_file(&index).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o644);
    rustix::fs::mknodat(rustix::fs::CWD, &index, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    assert_eq!(run.snapshot().tree, wanted);
}

#[test]
fn a_directory_that_cannot_be_read_is_told() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    let run = Run::new();
    run.write("shut/inside", "x");
    let shut = run.slot.path.join("shut");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).unwrap();
    let src = run.slot.path.join("src");
    fs::set_permissions(&src, fs::Permissions::from_mode(0o000)).unwrap();
    let snapshot = run.snapshot();
    for dir in [shut, src] {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let cannot = |path: &str| format!("{path} cannot be read and is not taken");
    assert_eq!(told(&snapshot), ["shut", "src", "src/lib.rs"].map(cannot));
    assert_eq!(changes(&snapshot), []);
}

#[test]
fn a_file_over_which_its_git_passes_is_taken_as_it_stands_and_told() {
    let told_of = |mark: &str| {
        vec![format!(
            "README is taken as it stands on the disk, although its own Git was told to pass over it ({mark})"
        )]
    };
    let changed = |run: &Run| run.write("README", "changed\n");
    let removed = |run: &Run| fs::remove_file(run.slot.path.join("README")).unwrap();
    type Act<'a> = &'a dyn Fn(&Run);
    let cases: [(&str, Act<'_>, Vec<String>, usize); 5] = [
        ("skip-worktree", &changed, told_of("skip-worktree"), 1),
        ("assume-unchanged", &changed, told_of("assume-unchanged"), 1),
        ("assume-unchanged", &removed, told_of("assume-unchanged"), 1),
        // As in a commit of its own: it is left out of the disk, and not of the tree.
        ("skip-worktree", &removed, Vec::new(), 0),
        ("skip-worktree", &|_| {}, Vec::new(), 0),
    ];
    for (mark, act, reports, changes) in cases {
        let run = Run::new();
        run.agent_git(&["update-index", &format!("--{mark}"), "README"]);
        act(&run);
        for round in ["once", "again"] {
            let snapshot = run.snapshot();
            assert_eq!(told(&snapshot), reports, "{mark} {round}");
            assert_eq!(snapshot.changed.len(), changes, "{mark} {round}");
            assert_eq!(snapshot.left_behind().count(), 0, "{mark} {round}");
        }
    }
}

#[test]
fn files_below_a_submodule_that_is_not_checked_out_are_no_clean_slot() {
    let run = Run::new();
    let head = run.test.oid("HEAD");
    let link = format!("160000,{head},sub");
    run.agent_git(&["update-index", "--add", "--cacheinfo", &link]);
    run.agent_git(&["commit", "-qm", "a submodule"]);
    fs::create_dir(run.slot.path.join("sub")).unwrap();
    let tree = run.snapshot().tree;
    let looked = || run.shadow.peek(&run.slot.path, &tree, &tree).unwrap();
    assert!(looked().is_empty());
    run.write("sub/work", "work\n");
    assert_eq!(Vec::from_iter(looked()), [RepoPath::from("sub")]);
    assert_eq!(
        run.rescue().left_behind,
        [TreeReport::InSubmodule { path: "sub".into() }]
    );
}
