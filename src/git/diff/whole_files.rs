//! The patch of files that came or went as a whole, made in this process.
//!
//! No lines are compared there, so that it is the same bytes as Git's for certain. Only plain names
//! and text, and only where no attribute has a say in what text is. As soon as one file was changed,
//! Git makes the whole patch.

use crate::git::diff::patch::{DiffStats, Patch};
use crate::git::diff::{ChangeSide, ChangedPath};
use crate::git::oid::Oid;
use crate::git::repo::read_blobs;
use crate::git::shadow::ShadowRepo;

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
/// More content is for Git.
const CONTENT_CAP: u64 = 1 << 20;
/// A NUL within so many bytes makes a file binary.
const LOOKED_AT: usize = 8_000;

/// A file that stands on one side only.
struct WholeFile<'a> {
    path: &'a str,
    side: &'a ChangeSide,
    way: Way,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Came,
    Went,
}

impl ShadowRepo {
    /// The patch between two trees; none where Git has to make it, or where it would be longer than
    /// `cap`.
    pub(super) fn patch_of_whole_files(
        &self,
        old: &Oid,
        new: &Oid,
        cap: usize,
    ) -> Option<(Patch, DiffStats)> {
        if self.is_partial() || !self.has_plain_rules() {
            return None;
        }
        let changed = self.changed_paths(old, new).ok()?;
        let files: Option<Vec<WholeFile<'_>>> = changed.iter().map(whole_file).collect();
        let files = files?;
        let names: Vec<&Oid> = files.iter().map(|file| &file.side.oid).collect();
        let contents = read_blobs(self.objects_dir(), &names, CONTENT_CAP)?;
        let mut text = Vec::new();
        let mut stats = DiffStats::default();
        for (file, content) in files.iter().zip(&contents) {
            let lines = file.patch(content, &self.format().zero(), &mut text)?;
            stats.files += 1;
            match file.way {
                Way::Came => stats.insertions += lines,
                Way::Went => stats.deletions += lines,
            }
        }
        let truncated = false;
        (text.len() <= cap).then_some((Patch { text, truncated }, stats))
    }
}

fn whole_file(change: &ChangedPath) -> Option<WholeFile<'_>> {
    let (side, way) = match (&change.old, &change.new) {
        (None, Some(side)) => (side, Way::Came),
        (Some(side), None) => (side, Way::Went),
        _ => return None,
    };
    let path = std::str::from_utf8(change.path.as_bytes()).ok()?;
    // Others are quoted, or have something behind them.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    let is_ours = matches!(side.mode, FILE | PROGRAM) && path.bytes().all(is_plain);
    is_ours.then_some(WholeFile { path, side, way })
}

impl WholeFile<'_> {
    /// Appends the part of this file, and returns its lines.
    fn patch(&self, content: &[u8], zero: &Oid, text: &mut Vec<u8>) -> Option<u64> {
        if content[..content.len().min(LOOKED_AT)].contains(&0) {
            return None;
        }
        let Self { path, side, way } = self;
        let (mode, name) = (side.mode, &side.oid);
        let head = match way {
            Way::Came => format!("new file mode {mode:o}\nindex {zero}..{name}\n"),
            Way::Went => format!("deleted file mode {mode:o}\nindex {name}..{zero}\n"),
        };
        text.extend_from_slice(format!("diff --git a/{path} b/{path}\n{head}").as_bytes());
        if content.is_empty() {
            return Some(0);
        }
        let lines: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
        let count = if lines.len() == 1 {
            String::new()
        } else {
            format!(",{}", lines.len())
        };
        let (head, sign) = match way {
            Way::Came => (
                format!("--- /dev/null\n+++ b/{path}\n@@ -0,0 +1{count} @@\n"),
                b'+',
            ),
            Way::Went => (
                format!("--- a/{path}\n+++ /dev/null\n@@ -1{count} +0,0 @@\n"),
                b'-',
            ),
        };
        text.extend_from_slice(head.as_bytes());
        for line in &lines {
            text.push(sign);
            text.extend_from_slice(line);
        }
        if !content.ends_with(b"\n") {
            text.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
        Some(lines.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use proptest::prelude::*;

    use super::*;
    use crate::git::testing::{TestRepo, shadow};

    /// What this process makes of two trees, and what Git makes of them.
    fn both(
        test: &TestRepo,
        old: &Oid,
        new: &Oid,
    ) -> (Option<(Patch, DiffStats)>, (Patch, DiffStats)) {
        let shadow = shadow(&test.open(), "patch");
        let asked = shadow.patch_and_stats(old, new, 1 << 20).unwrap();
        let plain = shadow.known_to_be_plain();
        (plain.patch_of_whole_files(old, new, 1 << 20), asked)
    }

    #[test]
    fn what_is_no_plain_text_that_came_or_went_is_for_git() {
        type Change = (&'static str, fn(&TestRepo), bool);
        let changes: [Change; 9] = [
            ("a new file", |test| test.write("new", "x\n"), true),
            (
                "a program",
                |test| {
                    test.write("new", "x");
                    let mode = std::fs::Permissions::from_mode(0o755);
                    std::fs::set_permissions(test.root.join("new"), mode).unwrap();
                },
                true,
            ),
            (
                "a file less",
                |test| std::fs::remove_file(test.root.join("README")).unwrap(),
                true,
            ),
            ("another content", |test| test.write("README", "x"), false),
            ("a binary file", |test| test.write("new", "x\0\n"), false),
            (
                "a long file",
                |test| test.write("new", "x".repeat(1 << 21)),
                false,
            ),
            (
                "a name with a blank",
                |test| test.write("a file", "x"),
                false,
            ),
            (
                "a name of other letters",
                |test| test.write("\u{e9}", "x"),
                false,
            ),
            (
                "a link",
                |test| symlink("README", test.root.join("new")).unwrap(),
                false,
            ),
        ];
        for (what, change, is_ours) in changes {
            let test = TestRepo::new();
            let old = test.oid("HEAD^{tree}");
            change(&test);
            test.commit("change");
            let new = test.oid("HEAD^{tree}");
            let (made, asked) = both(&test, &old, &new);
            assert_eq!(made.is_some(), is_ours, "{what}");
            assert!(made.is_none_or(|made| made == asked), "{what}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_is_the_same_bytes_as_gits(
            files in prop::collection::btree_map("[a-c](/[a-c.~$-]{1,2}[x-z])?", "[ab\n\r\t\u{e9}]{0,9}", 1..7),
        ) {
            let test = TestRepo::new();
            let old = test.oid("HEAD^{tree}");
            for (name, content) in &files {
                // One of a file and a directory of the same name.
                let path = test.root.join(format!("all-{}", name.replace('/', "x/")));
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
            test.commit("change");
            let new = test.oid("HEAD^{tree}");
            for (old, new) in [(&old, &new), (&new, &old)] {
                let (made, asked) = both(&test, old, new);
                prop_assert_eq!(made, Some(asked));
            }
        }
    }
}
