//! Snapshots and resets that start no Git come to the same as Git's own: whatever was touched, and
//! whichever of the two does it.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::git::shadow::{OwnLook, Reset, ShadowRepo};
use crate::git::testing::{Run, TestRepo};

/// What can happen in a worktree.
#[derive(Debug, Clone)]
enum Step {
    Write(&'static str, &'static str),
    Remove(&'static str),
    Link(&'static str),
    Chmod(&'static str, u32),
    EmptyDir(&'static str),
    Look,
    Reset,
}

const FILES: [&str; 12] = [
    "README",
    "a",
    "a/b",
    "a-b",
    "a.b/c",
    "dir/one",
    "dir/two",
    "dir/deep/three",
    "new/n",
    "x.log",
    "target/out",
    ".gitignore",
];

const TEXTS: [&str; 5] = ["one\n", "two\n", "dos\r\nlines\r\n", "", "dir/\n*.b\n"];

fn step() -> impl Strategy<Value = Step> {
    use proptest::sample::select;
    prop_oneof![
        8 => (select(&FILES[..]), select(&TEXTS[..])).prop_map(|(file, text)| Step::Write(file, text)),
        3 => select(&FILES[..]).prop_map(Step::Remove),
        1 => select(&FILES[..]).prop_map(Step::Link),
        2 => (select(&FILES[..]), select(&[0o644, 0o755][..])).prop_map(|(file, mode)| Step::Chmod(file, mode)),
        1 => select(&["empty", "dir/empty"][..]).prop_map(Step::EmptyDir),
        4 => Just(Step::Look),
        2 => Just(Step::Reset),
    ]
}

/// A run in a tree with files on several levels, whose settings are known to be plain.
fn scene() -> Run {
    let test = TestRepo::new();
    for path in ["a-b", "a/b", "dir/one", "dir/two", "dir/deep/three"] {
        test.write(path, path);
    }
    test.commit("second");
    let mut run = Run::of(test);
    run.shadow = run.shadow.clone().known_to_be_plain();
    run
}

fn clear(path: &Path) {
    let _ = std::fs::remove_file(path);
    let _ = std::fs::remove_dir_all(path);
}

impl Step {
    fn perform(&self, run: &Run) {
        let at = |file: &str| run.slot.path.join(file);
        match self {
            Self::Write(file, text) => {
                let path = at(file);
                let above = path.parent().unwrap();
                if std::fs::create_dir_all(above).is_err() {
                    clear(above);
                    std::fs::create_dir_all(above).unwrap();
                }
                if path.is_dir() || path.is_symlink() {
                    clear(&path);
                }
                std::fs::write(path, text).unwrap();
            }
            Self::Remove(file) => clear(&at(file)),
            Self::Link(file) => {
                clear(&at(file));
                let _ = symlink("README", at(file));
            }
            Self::Chmod(file, mode) => {
                let _ = std::fs::set_permissions(at(file), PermissionsExt::from_mode(*mode));
            }
            Self::EmptyDir(dir) => _ = std::fs::create_dir_all(at(dir)),
            Self::Look => look_as_git_does(run),
            Self::Reset => reset_as_git_does(run),
        }
    }
}

/// What Git itself would commit, seen through a copy of the worktree's own index.
fn asked(run: &Run) -> String {
    let own = run.slot.admin.join("index");
    let kept = std::fs::read(&own).unwrap();
    run.agent_git(&["add", "-A"]);
    let tree = run.agent_git(&["write-tree"]);
    std::fs::write(own, kept).unwrap();
    tree
}

/// The tree that Git finds in the shadow's index.
fn tree_of_index(run: &Run) -> String {
    let command = run.shadow.in_tree_as_it_is(&run.slot.path, ["write-tree"]);
    let out = command.run().unwrap();
    // The library looks at the checksum, too.
    git2::Index::open(&run.shadow.index_path()).unwrap();
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn look_as_git_does(run: &Run) {
    let snapshot = run.snapshot();
    assert_eq!(snapshot.tree.as_str(), asked(run));
    assert_eq!(snapshot.tree.as_str(), tree_of_index(run));
    assert_eq!(snapshot, run.snapshot(), "a second look differs");
    let fresh = crate::git::testing::shadow(&run.repo, "fresh");
    fresh
        .adopt(&run.slot.path, &run.base_tree, &run.base_tree)
        .unwrap();
    let by_git = run.snapshot_by(&fresh, SnapshotLimits::default()).unwrap();
    assert_eq!(snapshot, by_git);
}

fn reset_as_git_does(run: &Run) {
    run.snapshot();
    let (root, tree) = (&run.slot.path, &run.base_tree);
    run.shadow.reset(root, tree, &[]).unwrap();
    let left = run.agent_git(&["status", "--porcelain", "-uall", "--ignored"]);
    assert_eq!(left, "");
    let stands = taken(run, SnapshotLimits::default());
    assert_eq!(stands.as_deref(), Some(tree.as_str()));
    assert_eq!(tree.as_str(), tree_of_index(run));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_makes_no_difference_who_looks_and_who_resets(steps in prop::collection::vec(step(), 1..12)) {
        let run = scene();
        for step in &steps {
            step.perform(&run);
        }
        look_as_git_does(&run);
        reset_as_git_does(&run);
    }
}

fn cases() -> u32 {
    let wanted = std::env::var("AI_SNAPSHOT_CASES").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(6)
}

/// The tree that stands there, where no Git is needed to say so.
fn taken(run: &Run, limits: SnapshotLimits) -> Option<String> {
    let taken = run.shadow.take_in_process(&OwnLook {
        root: &run.slot.path,
        known: &run.base_tree,
        attributes: &run.base_tree,
        files: limits.files,
        file_bytes: limits.file_bytes,
    });
    taken.unwrap().map(|tree| tree.to_string())
}

type Change = (&'static str, fn(&Run));

#[test]
fn plain_changes_are_taken_without_git() {
    let changes: [Change; 9] = [
        ("nothing", |_| {}),
        ("a new file", |run| run.write("work", "x")),
        ("a new file in new directories", |run| {
            run.write("new/er/est", "x")
        }),
        ("an empty new file", |run| run.write("work", "")),
        ("other content", |run| run.write("dir/one", "x")),
        ("a file less", |run| clear(&run.slot.path.join("dir/two"))),
        ("a directory less", |run| clear(&run.slot.path.join("dir"))),
        ("a program", |run| {
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(run.slot.path.join("a-b"), mode).unwrap();
        }),
        ("other patterns", |run| {
            run.write(".gitignore", "elsewhere\n")
        }),
    ];
    for (what, change) in changes {
        let run = scene();
        change(&run);
        let wanted = asked(&run);
        assert_eq!(
            taken(&run, SnapshotLimits::default()),
            Some(wanted.clone()),
            "{what}"
        );
        assert_eq!(tree_of_index(&run), wanted, "{what}");
        assert!(run.shadow.is_untouched(&run.slot.path), "{what}");
    }
}

#[test]
fn what_a_rule_may_have_a_say_in_is_for_git() {
    let changes: [Change; 17] = [
        ("an ignored file", |run| run.write("x.log", "x")),
        ("an ignored directory", |run| run.write("target/x", "x")),
        ("a name that a new pattern may match", |run| {
            run.write(".gitignore", "w[a-z]rk\n");
            run.write("work", "x");
        }),
        ("a pattern further down", |run| {
            run.write("new/.gitignore", "er/\n");
            run.write("new/er/file", "x");
        }),
        ("a private pattern", |run| {
            let exclude = run.shadow.dir().join("info/exclude");
            std::fs::write(exclude, "work\n").unwrap();
            run.write("work", "x");
        }),
        ("a pattern of the user", |run| {
            let file = run.test.base().join("home/.config/git/ignore");
            crate::git::testing::write(&file, "work\n");
            run.write("work", "x");
        }),
        ("attributes", |run| run.write(".gitattributes", "* text\n")),
        ("attributes further down", |run| {
            run.write("dir/.gitattributes", "* text\n")
        }),
        ("private attributes", |run| {
            let file = run.shadow.dir().join("info/attributes");
            std::fs::write(file, "* text\n").unwrap();
            run.write("work", "x");
        }),
        ("attributes of the user", |run| {
            let file = run.test.base().join("home/.config/git/attributes");
            crate::git::testing::write(&file, "* text\n");
            run.write("work", "x");
        }),
        ("submodules", |run| run.write(".gitmodules", "")),
        ("a new link", |run| {
            symlink("README", run.slot.path.join("link")).unwrap();
        }),
        ("a link in the place of a file", |run| {
            clear(&run.slot.path.join("dir/one"));
            symlink("two", run.slot.path.join("dir/one")).unwrap();
        }),
        ("a directory in the place of a file", |run| {
            clear(&run.slot.path.join("dir/one"));
            run.write("dir/one/file", "x");
        }),
        ("an empty directory", |run| {
            std::fs::create_dir(run.slot.path.join("empty")).unwrap();
        }),
        ("a repository of its own", |run| {
            run.write("new/.git/HEAD", "x")
        }),
        ("a pipe", |run| {
            let pipe = run.slot.path.join("pipe");
            rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
        }),
    ];
    for (what, change) in changes {
        let run = scene();
        let index = std::fs::read(run.shadow.index_path()).unwrap();
        change(&run);
        assert_eq!(taken(&run, SnapshotLimits::default()), None, "{what}");
        assert_eq!(
            std::fs::read(run.shadow.index_path()).unwrap(),
            index,
            "{what}"
        );
    }
}

#[test]
fn more_than_a_few_small_files_are_for_git() {
    let limits = SnapshotLimits {
        files: 2,
        file_bytes: 10,
        ..SnapshotLimits::default()
    };
    let changes: [(&str, usize, &str, bool); 4] = [
        ("few", 2, "x", true),
        ("many", 3, "x", false),
        ("as long as they may be", 1, "0123456789", true),
        ("long", 1, "0123456789a", false),
    ];
    for (what, files, text, is_taken) in changes {
        let run = scene();
        for n in 0..files {
            run.write(format!("work-{n}"), text);
        }
        assert_eq!(taken(&run, limits).is_some(), is_taken, "{what}");
    }
}

#[test]
fn other_attributes_than_the_trusted_ones_are_for_git() {
    let test = TestRepo::new();
    test.write(".gitattributes", "*.txt text eol=crlf\n");
    let with = test.commit("with attributes");
    let mut run = Run::of(test);
    run.shadow = run.shadow.clone().known_to_be_plain();
    run.write("work.txt", "x\r\n");
    assert_eq!(taken(&run, SnapshotLimits::default()), None);
    // The index has none, the trusted tree does.
    let with = run.repo.tree_of(&with).unwrap();
    let run = scene();
    run.write("work", "x");
    let without = run.base_tree.clone();
    let made = run.test.root.clone();
    std::fs::write(made.join(".gitattributes"), "* text\n").unwrap();
    let trusted = run.repo.tree_of(&run.test.commit("attributes")).unwrap();
    assert_ne!(with, trusted);
    let look = OwnLook {
        root: &run.slot.path,
        known: &without,
        attributes: &trusted,
        files: 10,
        file_bytes: 10,
    };
    assert_eq!(run.shadow.take_in_process(&look).unwrap(), None);
}

#[test]
fn a_reset_goes_through_no_link() {
    let run = scene();
    run.write("dir/one", "changed");
    run.snapshot();
    let elsewhere = run.test.base().join("elsewhere");
    std::fs::rename(run.slot.path.join("dir"), &elsewhere).unwrap();
    symlink(&elsewhere, run.slot.path.join("dir")).unwrap();
    let reset = |shadow: &ShadowRepo| shadow.reset(&run.slot.path, &run.base_tree, &[]);
    // The link goes first, and everything that stood behind it is put back.
    assert_eq!(reset(&run.shadow).unwrap(), Reset::Exact);
    assert_eq!(run.agent_git(&["status", "--porcelain", "--ignored"]), "");
    assert_eq!(std::fs::read(elsewhere.join("one")).unwrap(), b"changed");
}

#[test]
fn a_reset_sees_what_came_after_the_last_look() {
    let run = scene();
    run.write("dir/one", "looked at");
    run.snapshot();
    run.write("dir/two", "not looked at");
    run.write("x.log", "neither");
    let reset = run
        .shadow
        .reset(&run.slot.path, &run.base_tree, &[])
        .unwrap();
    assert_eq!(reset, Reset::Cleaned);
    let status = run.agent_git(&["status", "--porcelain", "--ignored"]);
    assert_eq!(status, "");
}
