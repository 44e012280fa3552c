//! Whatever somebody does with Git in a worktree, the snapshot is what `git add -A && git commit`
//! would make there, or a report names the difference. `AI_SNAPSHOT_CASES` asks for more histories.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::git::testing::{Run, TestRepo};

/// What an agent can do next.
#[derive(Debug, Clone)]
enum Step {
    Write(&'static str, &'static str),
    Remove(&'static str),
    Link(&'static str),
    Chmod(&'static str, u32),
    Git(&'static [&'static str]),
    /// Another commit for the submodule, in the index alone.
    Bump,
}

const FILES: [&str; 12] = [
    "README",
    "src/lib.rs",
    "in/a",
    "out/b",
    "out/new",
    "target/ignored",
    "x.log",
    "new/n",
    "lines.txt",
    "sub/inner",
    "in/a/below",
    "kept.log",
];

const TEXTS: [&str; 4] = ["one\n", "two\n", "dos\r\nlines\r\n", ""];

const RULES: [&str; 5] = [
    "target/\n*.log\n",
    "",
    "README\nin/\n",
    "out/\n!x.log\n",
    "*.txt\n",
];

const ATTRIBUTES: [&str; 4] = [
    "*.txt text eol=crlf\n",
    "* text=auto\n",
    "* -text\n",
    "*.txt ident\n",
];

const COMMANDS: [&[&str]; 30] = [
    &["add", "-A"],
    &["add", "-u"],
    &["add", "-f", "target/ignored", "x.log"],
    &["add", "-f", "x.log"],
    &["add", "-N", "new/n"],
    &["add", "-f", "-N", "kept.log"],
    &["add", "--renormalize", "."],
    &["rm", "-q", "--cached", "README"],
    &["rm", "-r", "-q", "--cached", "in"],
    &["rm", "-q", "-f", "src/lib.rs"],
    &["mv", "README", "renamed"],
    &["mv", "src", "moved"],
    &["update-index", "--chmod=+x", "README"],
    &["commit", "-q", "-m", "x"],
    &["commit", "-q", "-a", "-m", "all"],
    &["commit", "-q", "--amend", "--allow-empty", "-m", "amended"],
    &["revert", "--no-edit", "HEAD"],
    &["stash", "-q"],
    &["stash", "-q", "-u"],
    &["stash", "pop", "-q"],
    &["switch", "-q", "-C", "other"],
    &["switch", "-q", "--detach", "HEAD~1"],
    &["reset", "-q", "--soft", "HEAD~1"],
    &["reset", "-q", "--mixed", "HEAD~1"],
    &["reset", "-q", "--hard", "HEAD~1"],
    &["checkout", "-q", "HEAD", "--", "."],
    &["sparse-checkout", "set", "--cone", "in"],
    &["sparse-checkout", "set", "--cone", "in", "out"],
    &["sparse-checkout", "disable"],
    &["rm", "-q", "--cached", "sub"],
];

fn step() -> impl Strategy<Value = Step> {
    use proptest::sample::select;
    prop_oneof![
        4 => (select(&FILES[..]), select(&TEXTS[..])).prop_map(|(file, text)| Step::Write(file, text)),
        1 => select(&RULES[..]).prop_map(|text| Step::Write(".gitignore", text)),
        1 => select(&ATTRIBUTES[..]).prop_map(|text| Step::Write(".gitattributes", text)),
        1 => select(&FILES[..]).prop_map(Step::Remove),
        1 => select(&FILES[..]).prop_map(Step::Link),
        1 => (select(&FILES[..]), select(&[0o644, 0o755][..])).prop_map(|(file, mode)| Step::Chmod(file, mode)),
        8 => select(&COMMANDS[..]).prop_map(Step::Git),
        1 => Just(Step::Bump),
    ]
}

impl Step {
    /// Does it, as far as that can be done as things stand.
    fn perform(&self, run: &Run) {
        let at = |file: &str| run.slot.path.join(file);
        let clear = |path: &Path| {
            let _ = std::fs::remove_file(path);
            let _ = std::fs::remove_dir_all(path);
        };
        match self {
            Self::Write(file, text) => {
                let path = at(file);
                let above = path.parent().unwrap();
                if std::fs::create_dir_all(above).is_err() {
                    clear(above);
                    let _ = std::fs::create_dir_all(above);
                }
                if path.is_dir() || path.is_symlink() {
                    clear(&path);
                }
                let _ = std::fs::write(path, text);
            }
            Self::Remove(file) => clear(&at(file)),
            Self::Link(file) => {
                clear(&at(file));
                let _ = symlink("README", at(file));
            }
            Self::Chmod(file, mode) => {
                let _ = std::fs::set_permissions(at(file), PermissionsExt::from_mode(*mode));
            }
            Self::Git(args) => _ = run.test.try_git(&run.slot.path, args),
            Self::Bump => {
                let commit = run.test.git(&["rev-parse", "main~1"]);
                let entry = format!("160000,{commit},sub");
                let args = ["update-index", "--add", "--cacheinfo", &entry];
                let _ = run.test.try_git(&run.slot.path, &args);
                let _ = std::fs::create_dir(at("sub"));
            }
        }
    }
}

fn start() -> Run {
    let test = TestRepo::new();
    let first = test.oid("HEAD");
    for (path, text) in [("in/a", "a\n"), ("out/b", "b\n"), ("lines.txt", "1\n2\n")] {
        test.write(path, text);
    }
    test.git(&["add", "-A"]);
    test.git(&["commit", "-q", "-m", "second"]);
    std::fs::create_dir(test.root.join("sub")).unwrap();
    let entry = format!("160000,{first},sub");
    test.git(&["update-index", "--add", "--cacheinfo", &entry]);
    test.git(&["commit", "-q", "-m", "submodule"]);
    Run::of(test)
}

/// Paths in which the tree of the snapshot differs from what Git makes there now.
fn differences(run: &Run, snapshot: &Snapshot) -> Vec<String> {
    run.agent_git(&["add", "-A", "--sparse"]);
    let wanted = run.agent_git(&["write-tree"]);
    let args = [
        "diff-tree",
        "-r",
        "--name-only",
        snapshot.tree.as_str(),
        &wanted,
    ];
    let names = run.agent_git(&args);
    names.lines().map(str::to_owned).collect()
}

fn is_told(snapshot: &Snapshot, path: &str) -> bool {
    let named = snapshot.reports.iter().filter_map(TreeReport::path);
    named.into_iter().any(|told| {
        let told = told.to_string();
        path == told || path.starts_with(&format!("{told}/"))
    })
}

fn cases() -> u32 {
    let wanted = std::env::var("AI_SNAPSHOT_CASES").ok();
    wanted.and_then(|n| n.parse().ok()).unwrap_or(8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_is_what_git_would_commit(steps in prop::collection::vec(step(), 1..14)) {
        let run = start();
        for step in &steps {
            step.perform(&run);
        }
        let snapshot = run.snapshot();
        let again = run.snapshot();
        prop_assert_eq!(&again.tree, &snapshot.tree, "a second look differs");
        let untold: Vec<String> = differences(&run, &snapshot)
            .into_iter()
            .filter(|path| !is_told(&snapshot, path))
            .collect();
        prop_assert_eq!(untold, Vec::<String>::new());
    }
}
