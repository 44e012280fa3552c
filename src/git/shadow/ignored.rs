//! What Git ignores in a tree, kept from one look to the next.
//!
//! A walk knows no rules of ignoring, and a person's checkout nearly always holds something that is
//! ignored: the link to the store of `ai`, what was built. So Git is asked once, and its answer holds
//! as long as the rules are the very same: the files of patterns outside of the tree by their content,
//! those within it by the names of their blobs, which the walk compares with the disk. It holds for
//! the paths that Git named, each as the kind of file that it was, since a pattern may mean
//! directories only; everything else is unknown, as ever. A directory is passed over only where it is
//! ignored itself, and not merely all that stood in it. Deliberately absent: any comparison of a
//! pattern with a name (ADR 0088).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rustix::fs::FileType;

use crate::base::{fs, hash};
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::index_file::{self, IndexEntry};
use crate::git::shadow::plain_rules::{PlainRules, os_path};
use crate::git::shadow::untouched::{is_known, is_named};

/// The file in which the answer is kept.
const KEPT_AS: &str = "ignored";
/// The name of a file of patterns within a tree.
const PATTERNS: &[u8] = b".gitignore";
/// More paths are not kept.
const MOST: usize = 4_096;
/// The largest answer that is read back.
const CAP: u64 = 1 << 20;
/// The largest index that is read here.
const INDEX_CAP: u64 = 64 << 20;
/// Fields that `check-ignore -z -v` prints of a path: the file of patterns, the line, the pattern, the
/// path.
const FIELDS: usize = 4;
/// The beginning of a path that starts at the root.
const HERE: &[u8] = b"./";

/// What Git said that it ignores, under rules that are still in force.
pub(super) struct KnownIgnored {
    /// The paths in their order; a directory has a slash behind it.
    paths: BTreeSet<Vec<u8>>,
}

impl KnownIgnored {
    /// True where Git ignores what stands at this path, as far as it is known.
    pub(super) fn holds(&self, path: &[u8], kind: FileType) -> bool {
        match kind {
            FileType::RegularFile | FileType::Symlink => self.paths.contains(path),
            FileType::Directory => self.paths.contains(&[path, b"/"].concat()),
            _ => false,
        }
    }
}

/// True for a path at which rules of ignoring stand.
pub(super) fn is_patterns(path: &[u8]) -> bool {
    is_named(path, PATTERNS)
}

impl ShadowRepo {
    /// Lists the paths that Git ignores at `root`; of a directory that is ignored itself, its name with
    /// `/`. Of one in which merely everything is ignored that stands there, that: work may come to stand
    /// beside it.
    pub fn list_ignored(&self, root: &Path, tree: &Oid) -> Result<Vec<RepoPath>, GitError> {
        let _guard = self.guard()?;
        if let Some(known) = self.ignored_as_before(root) {
            return Ok(known.paths.into_iter().map(RepoPath::new).collect());
        }
        let rules = self.rules_in_force(root);
        let args = [
            "ls-files",
            "-z",
            "-o",
            "-i",
            "--exclude-standard",
            "--directory",
        ];
        let out = self.in_tree(root, tree, args)?.run()?;
        let mut paths: Vec<&[u8]> = NulFields::of(&out).collect();
        let merely_full = self.merely_full(root, tree, &paths)?;
        let is_lasting = merely_full.as_ref().is_some_and(BTreeSet::is_empty);
        self.keep_ignored(root, (rules, &paths), is_lasting)?;
        // Git names what stands in such a directory besides.
        let merely_full = merely_full.unwrap_or_default();
        paths.retain(|path| !merely_full.contains(*path));
        Ok(paths.into_iter().map(RepoPath::new).collect())
    }

    /// What is ignored by the rules that were in force when Git was asked, where these entries of an
    /// index say that they still are.
    pub(super) fn known_ignored(&self, entries: &[IndexEntry<'_>]) -> Option<KnownIgnored> {
        let kept = fs::read_capped(&self.kept_ignored(), CAP).ok()?;
        let end = kept.iter().position(|byte| *byte == b'\n')?;
        let (made_from, paths) = (&kept[..end], &kept[end + 1..]);
        if digest(&self.plain_rules()?, entries).as_bytes() != made_from {
            return None;
        }
        let paths = paths.split(|byte| *byte == 0);
        Some(KnownIgnored {
            paths: paths
                .filter(|path| !path.is_empty())
                .map(<[u8]>::to_vec)
                .collect(),
        })
    }

    /// The paths, where nothing was touched at `root` and everything besides that stands there is
    /// known to be ignored, nothing less.
    fn ignored_as_before(&self, root: &Path) -> Option<KnownIgnored> {
        let seen = self.look_at_disk(root, 0)?;
        let known = seen.ignored?;
        (seen.passed == known.paths.len()).then_some(known)
    }

    /// The digest of the rules, where every file of patterns within the tree stands on the disk as the
    /// index has seen it.
    fn rules_in_force(&self, root: &Path) -> Option<String> {
        if self.format != ObjectFormat::Sha1 || self.partial {
            return None;
        }
        let rules = self.plain_rules()?;
        let bytes = fs::read_capped(&self.index_path(), INDEX_CAP).ok()?;
        let entries = index_file::entries(&bytes)?;
        let mut patterns = entries.iter().filter(|entry| is_patterns(entry.path));
        let is_as_seen = patterns.all(|entry| {
            let stat = rustix::fs::lstat(root.join(os_path(entry.path)));
            stat.is_ok_and(|stat| is_known(&stat, entry))
        });
        is_as_seen.then(|| digest(&rules, &entries))
    }

    /// Keeps an answer that was given under these rules, where it can be told when it ends. `is_lasting`
    /// says that each directory in it is ignored itself.
    fn keep_ignored(
        &self,
        root: &Path,
        (rules, paths): (Option<String>, &[&[u8]]),
        is_lasting: bool,
    ) -> Result<(), GitError> {
        let file = self.kept_ignored();
        let is_fit = is_lasting && is_fit_to_keep(paths);
        let still = |rules: &String| is_fit && self.rules_in_force(root).as_ref() == Some(rules);
        let Some(rules) = rules.filter(still) else {
            return Ok(fs::remove_file(&file)?);
        };
        let text = [rules.as_bytes(), b"\n", &paths.join(&0)].concat();
        Ok(fs::write_atomic(&file, &text)?)
    }

    /// The directories among these paths that no rule means, nor one above them: merely all that stands
    /// in them is ignored. None where Git does not tell.
    fn merely_full<'p>(
        &self,
        root: &Path,
        tree: &Oid,
        paths: &[&'p [u8]],
    ) -> Result<Option<BTreeSet<&'p [u8]>>, GitError> {
        let dirs: Vec<&'p [u8]> = paths
            .iter()
            .copied()
            .filter(|path| path.ends_with(b"/"))
            .collect();
        if dirs.is_empty() {
            return Ok(Some(BTreeSet::new()));
        }
        // With what says that it is no pattern in front of it, whatever the name begins with.
        let asked: Vec<u8> = dirs
            .iter()
            .flat_map(|dir| [HERE, without_slash(dir), b"\0"].concat())
            .collect();
        let out = self
            .in_tree(root, tree, ["check-ignore", "-z", "-v", "--stdin"])?
            .env("GIT_LITERAL_PATHSPECS", "0")
            .input(asked)
            .run_any()?;
        // Exit code 1 says that none is ignored.
        if out.code > 1 {
            return Ok(None);
        }
        let fields: Vec<&[u8]> = NulFields::of(&out).collect();
        let ignored: BTreeSet<&[u8]> = fields
            .chunks_exact(FIELDS)
            .filter(|rule| !rule[2].starts_with(b"!"))
            .filter_map(|rule| rule[3].strip_prefix(HERE))
            .collect();
        Ok(Some(
            dirs.into_iter()
                .filter(|dir| !ignored.contains(without_slash(dir)))
                .collect(),
        ))
    }

    fn kept_ignored(&self) -> PathBuf {
        self.dir.join(KEPT_AS)
    }
}

fn without_slash(dir: &[u8]) -> &[u8] {
    dir.strip_suffix(b"/").unwrap_or(dir)
}

/// True for paths that say all there is to say: none of them holds rules itself, and each stands where
/// it is looked for.
fn is_fit_to_keep(paths: &[&[u8]]) -> bool {
    let is_short =
        paths.len() <= MOST && paths.iter().map(|path| path.len() + 1).sum::<usize>() < 1 << 19;
    is_short && paths.is_sorted() && !paths.iter().any(|path| is_patterns(path))
}

/// A digest of everything from which it follows what is ignored.
fn digest(rules: &PlainRules, entries: &[IndexEntry<'_>]) -> String {
    let mut text = Vec::new();
    for outside in rules.outside() {
        text.extend_from_slice(&outside.len().to_be_bytes());
        text.extend_from_slice(outside);
    }
    for entry in entries.iter().filter(|entry| is_patterns(entry.path)) {
        let mut head = String::new();
        let _ = write!(head, "{:o} ", entry.mode);
        for part in [head.as_bytes(), entry.id, entry.path, b"\0"] {
            text.extend_from_slice(part);
        }
    }
    hash::sha256_hex(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::cmd::started_here;
    use crate::git::snapshot::OwnState;
    use crate::git::snapshot::{Snapshot, SnapshotLimits, TreeLook};
    use crate::git::testing::{TestRepo, shadow};

    /// A checkout with things that are ignored, and the shadow that has been told of them.
    struct KnownCheckout {
        test: TestRepo,
        shadow: ShadowRepo,
        tree: Oid,
    }

    impl KnownCheckout {
        fn new() -> Self {
            let test = TestRepo::new();
            test.write(".gitignore", "target/\n*.log\n/src/out/\n:x/\n");
            test.write("src/.gitignore", "made\n");
            test.commit("rules");
            for file in [
                "target/a",
                "target/deep/b",
                "x.log",
                "src/made",
                "src/out/o",
            ] {
                test.write(file, file);
            }
            let repo = test.open();
            let tree = repo.tree_of(&test.oid("HEAD")).unwrap();
            let shadow = shadow(&repo, "checkout").known_to_be_plain();
            shadow.adopt(&test.root, &tree, &tree).unwrap();
            let found = Self { test, shadow, tree };
            found.look();
            found.listed();
            found
        }

        fn listed(&self) -> Vec<String> {
            let found = self.shadow.list_ignored(&self.test.root, &self.tree);
            found.unwrap().iter().map(ToString::to_string).collect()
        }

        fn look(&self) -> Snapshot {
            let look = TreeLook {
                root: &self.test.root,
                base: &self.tree,
                attributes: &self.tree,
                own: Some(OwnState {
                    index: &self.test.root.join(".git/index"),
                    head: Some(&self.test.oid("HEAD")),
                }),
                limits: SnapshotLimits::default(),
            };
            self.shadow.snapshot(&look).unwrap()
        }

        /// The paths that changed and the ignored ones, and whether Git was started to tell.
        fn seen(&self) -> (Vec<String>, Vec<String>, bool) {
            let before = started_here();
            let changed = self.look().changed;
            let changed = changed
                .iter()
                .map(|change| change.path.to_string())
                .collect();
            let listed = self.listed();
            (changed, listed, started_here() > before)
        }

        /// The same by Git alone.
        fn asked(&self) -> (Vec<String>, Vec<String>) {
            let git = |args: &[&str]| -> Vec<String> {
                let out = self.test.git(args);
                let names = out.split('\0').filter(|name| !name.is_empty());
                names.map(str::to_owned).collect()
            };
            let mut changed = git(&["ls-files", "-z", "-o", "-m", "-d", "--exclude-standard"]);
            changed.sort();
            changed.dedup();
            let ignored = [
                "ls-files",
                "-z",
                "-o",
                "-i",
                "--exclude-standard",
                "--directory",
            ];
            (changed, git(&ignored))
        }
    }

    #[test]
    fn what_is_known_to_be_ignored_needs_no_process() {
        let checkout = KnownCheckout::new();
        let listed = ["src/made", "src/out/", "target/", "x.log"]
            .map(str::to_owned)
            .to_vec();
        assert_eq!(checkout.seen(), (Vec::new(), listed.clone(), false));
        // What comes to stand in a directory that is ignored itself is ignored.
        checkout.test.write("target/new", "x");
        std::fs::remove_file(checkout.test.root.join("target/a")).unwrap();
        assert_eq!(checkout.seen(), (Vec::new(), listed, false));
    }

    #[test]
    fn whatever_is_not_known_to_be_ignored_is_what_git_says_that_it_is() {
        type Change = (&'static str, fn(&TestRepo));
        let changes: [Change; 11] = [
            ("another ignored file", |test| test.write("y.log", "y")),
            ("a file of that name that no rule means", |test| {
                test.write("src/target", "y")
            }),
            ("a new file", |test| test.write("new", "y")),
            ("one fewer", |test| {
                std::fs::remove_file(test.root.join("x.log")).unwrap()
            }),
            ("a file in the place of a directory", |test| {
                std::fs::remove_dir_all(test.root.join("target")).unwrap();
                test.write("target", "y");
            }),
            ("a directory in the place of a file", |test| {
                std::fs::remove_file(test.root.join("src/made")).unwrap();
                test.write("src/made/file", "y");
            }),
            ("other rules at the top", |test| {
                test.write(".gitignore", "*.log\n")
            }),
            ("other rules below", |test| test.write("src/.gitignore", "")),
            ("no rules", |test| {
                std::fs::remove_file(test.root.join(".gitignore")).unwrap();
            }),
            ("new rules", |test| test.write("src/new/.gitignore", "x")),
            ("rules that take something back", |test| {
                test.write("src/.gitignore", "made\n!x.log\n");
            }),
        ];
        for (what, change) in changes {
            let checkout = KnownCheckout::new();
            change(&checkout.test);
            let asked = checkout.asked();
            let (changed, ignored, _) = checkout.seen();
            assert_eq!((changed, ignored), asked, "{what}");
        }
    }

    #[test]
    fn rules_outside_of_the_tree_end_the_answer() {
        let checkout = KnownCheckout::new();
        // What the shadow was told to leave out besides.
        checkout.shadow.ignore_also(&["README".to_owned()]).unwrap();
        assert!(checkout.seen().2);
        assert!(!checkout.seen().2);
    }

    #[test]
    fn a_directory_is_passed_over_only_where_it_is_ignored_itself() {
        let checkout = KnownCheckout::new();
        checkout.test.write("logs/a.log", "a");
        let before = checkout.seen();
        assert_eq!(before.1.first().map(String::as_str), Some("logs/a.log"));
        // All that stood there was ignored, what comes is not.
        checkout.test.write("logs/work", "work");
        assert_eq!(checkout.seen().0, ["logs/work"]);
    }

    #[test]
    fn a_directory_in_which_merely_everything_is_ignored_is_listed_by_what_stands_there() {
        let checkout = KnownCheckout::new();
        for file in [
            "full/a.log",
            "full/deep/b.log",
            "full/target/c",
            "d/e/f.log",
        ] {
            checkout.test.write(file, file);
        }
        assert_eq!(
            checkout.listed(),
            [
                "d/e/f.log",
                "full/a.log",
                "full/deep/b.log",
                "full/target/",
                "src/made",
                "src/out/",
                "target/",
                "x.log"
            ]
        );
    }

    #[test]
    fn an_answer_that_cannot_be_told_to_last_is_not_kept() {
        for paths in [
            &[&b"a/.gitignore"[..]][..],
            &[b"b", b"a"],
            &[&[b'x'; 1 << 20]],
        ] {
            assert!(!is_fit_to_keep(paths));
        }
        assert!(is_fit_to_keep(&[b"a", b"b/"]));
    }
}
