//! Links that stand in the place of a tracked directory, out of the way before files are put back.
//!
//! Git compares a file with its index by what stands at its path, links on the way followed. Where
//! somebody moved a directory and left a link to it, every file in it looks untouched: Git puts none
//! of them back, and they go with what is cleaned away afterwards.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::fs::{self, FsError};
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::index_file;
use crate::git::shadow::plain_rules::os_path;

/// The largest index that is read here; Git is asked about others.
const INDEX_CAP: u64 = 1 << 30;

impl ShadowRepo {
    /// Takes away each link at `root` that stands where the index knows a directory. What such a link
    /// leads to is left alone.
    pub(super) fn free_directories(&self, root: &Path, attributes: &Oid) -> Result<(), GitError> {
        if self.format == ObjectFormat::Sha1 {
            match fs::read_capped(&self.index_path(), INDEX_CAP) {
                Ok(bytes) => {
                    if let Some(entries) = index_file::entries(&bytes) {
                        return Ok(free(root, entries.iter().map(|entry| entry.path))?);
                    }
                }
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        let listed = self.in_tree(root, attributes, ["ls-files", "-z"])?.run()?;
        Ok(free(root, NulFields::of(&listed))?)
    }
}

/// The same for tracked paths below `root`.
pub(super) fn free<'a>(
    root: &Path,
    tracked: impl Iterator<Item = &'a [u8]>,
) -> Result<(), FsError> {
    let mut dirs = BTreeSet::new();
    for path in tracked {
        let mut rest = path;
        while let Some(at) = rest.iter().rposition(|byte| *byte == b'/') {
            rest = &rest[..at];
            if !dirs.insert(rest) {
                break;
            }
        }
    }
    // One above comes first, so that nothing is looked for behind a link.
    for dir in dirs {
        let path = root.join(os_path(dir));
        if fs::is_link(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::git::testing::{TestRepo, shadow};

    /// A way to have the files of a tree stand again.
    type PutBack = fn(&TestRepo, &crate::git::shadow::ShadowRepo, &crate::git::Oid);

    #[test]
    fn files_behind_a_link_that_stands_for_their_directory_are_put_back() {
        let ways: [(&str, PutBack); 2] = [
            ("reset", |test, shadow, tree| {
                shadow.reset(&test.root, tree, &[]).map(drop).unwrap();
            }),
            ("put_back", |test, shadow, tree| {
                let index = test.root.join(".git/index");
                shadow.put_back(&test.root, &index, tree).unwrap();
            }),
        ];
        for (name, put_back) in ways {
            for is_plain in ["plain", "not known"] {
                let test = TestRepo::new();
                test.write("tests/a", "a");
                test.write("tests/deep/b", "b");
                test.commit("tests");
                let repo = test.open();
                let tree = repo.tree_of(&test.oid("HEAD")).unwrap();
                let mut shadow = shadow(&repo, "place");
                if is_plain == "plain" {
                    shadow = shadow.known_to_be_plain();
                }
                shadow.adopt(&test.root, &tree, &tree).unwrap();
                let at = |path: &str| test.root.join(path);
                std::fs::rename(at("tests/deep"), at("elsewhere")).unwrap();
                std::os::unix::fs::symlink("../elsewhere", at("tests/deep")).unwrap();
                std::fs::rename(at("tests"), at("moved")).unwrap();
                std::os::unix::fs::symlink("moved", at("tests")).unwrap();
                put_back(&test, &shadow, &tree);
                for path in ["tests", "tests/deep"] {
                    let there = std::fs::symlink_metadata(at(path)).unwrap();
                    assert!(there.is_dir(), "{name}, {is_plain}: {path}");
                }
                let read = |path: &str| std::fs::read_to_string(at(path)).unwrap();
                assert_eq!(
                    (read("tests/a"), read("tests/deep/b")),
                    ("a".into(), "b".into())
                );
            }
        }
    }
}
