//! Files that were read before.
//!
//! Every command reads the configuration, most read the policy, and both change once a week:
//! parsing them again cost a short command a tenth of its time. So the tree of a file is kept under
//! the SHA-256 of its bytes (ADR 0017). What was kept answers for exactly these bytes as this file
//! and this version of `ai`; anything else is parsed, and a tree that cannot be kept is no problem.
//!
//! Only a file without a problem is kept, so that what is found needs no second check: patterns are
//! not read, nor examples tried, unless somebody asks about them (ADR 0039).
//!
//! It lies beside the records of trust, outside of every repository and of what agents may write in
//! a sandbox: whoever writes there could as well trust what they like.

use std::path::{Path, PathBuf};

use crate::base::yaml::{self, TreeStanding, YamlNode, YamlProblems};
use crate::base::{env, fs, hash};

/// Smaller files are parsed as fast as the kept tree is found.
const WORTH_KEEPING: usize = 400;
/// Most files in the directory; one more, and all of them go.
const MOST: usize = 64;
/// Largest kept tree. It is at most some times as large as its file.
const CAP: u64 = 8 << 20;

/// The trees that were kept, in a directory.
#[derive(Debug, Clone)]
pub struct Trees {
    dir: Option<PathBuf>,
}

impl Trees {
    /// The trees that this user keeps on this machine.
    pub fn of_user() -> Trees {
        Trees { dir: dir() }
    }

    /// Keeps nothing and finds nothing: every file is parsed.
    pub const fn none() -> Trees {
        Trees { dir: None }
    }

    /// The trees that are kept in a directory.
    #[cfg(test)]
    pub(crate) fn in_dir(dir: &Path) -> Trees {
        Trees {
            dir: Some(dir.to_owned()),
        }
    }

    /// Reads a file with these bytes by its tree; `file` is its name in messages.
    pub fn read<T>(
        &self,
        file: &str,
        bytes: &[u8],
        read: impl FnOnce(&YamlNode, TreeStanding) -> Result<T, YamlProblems>,
    ) -> Result<T, YamlProblems> {
        self.read_digested(file, (bytes, &hash::sha256_hex(bytes)), read)
    }

    /// The same, where the SHA-256 of the bytes is known.
    pub fn read_digested<T>(
        &self,
        file: &str,
        (bytes, digest): (&[u8], &str),
        read: impl FnOnce(&YamlNode, TreeStanding) -> Result<T, YamlProblems>,
    ) -> Result<T, YamlProblems> {
        self.read_kept(file, (bytes, digest), read)
            .map_err(|problems| problems.within(bytes))
    }

    fn read_kept<T>(
        &self,
        file: &str,
        (bytes, digest): (&[u8], &str),
        read: impl FnOnce(&YamlNode, TreeStanding) -> Result<T, YamlProblems>,
    ) -> Result<T, YamlProblems> {
        let parse = || yaml::parse(bytes).map_err(|problem| YamlProblems::new(file, vec![problem]));
        let Some(dir) = self.dir.as_deref().filter(|_| bytes.len() >= WORTH_KEEPING) else {
            return read(&parse()?, TreeStanding::New);
        };
        let head = head_of(file, digest);
        let path = dir.join(&head[..32]);
        let kept = fs::read_capped(&path, CAP).unwrap_or_default();
        if let Some(tree) = kept.strip_prefix(head.as_bytes()).and_then(yaml::unpack) {
            return read(&tree, TreeStanding::Proven);
        }
        let tree = parse()?;
        let made = read(&tree, TreeStanding::New)?;
        keep(dir, &path, &head, &tree);
        Ok(made)
    }
}

/// Returns the directory in which trees are kept on this machine.
pub fn dir() -> Option<PathBuf> {
    Some(env::user_config_dir()?.join("trees"))
}

/// Returns the first line of a kept tree, which is also its name: the bytes that it stands for, who
/// found them in order, and as which file.
fn head_of(file: &str, digest: &str) -> String {
    format!("{digest} ai {} {file}\n", env!("CARGO_PKG_VERSION"))
}

/// Keeps a tree. Where that fails, the next command parses again.
fn keep(dir: &Path, path: &Path, head: &str, tree: &YamlNode) {
    if fs::list_dir(dir).is_ok_and(|kept| kept.len() >= MOST) {
        let _ = fs::remove_dir_all(dir);
    }
    let _ = fs::write_private(path, &[head.as_bytes(), &yaml::pack(tree)].concat());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(n: usize) -> Vec<u8> {
        format!("version: 1\n# {}\nn: {n}\n", "x".repeat(WORTH_KEEPING)).into_bytes()
    }

    /// The tree that is read, as bytes, and its standing.
    fn read(trees: &Trees, bytes: &[u8]) -> Result<(Vec<u8>, TreeStanding), YamlProblems> {
        trees.read("f", bytes, |tree, standing| {
            Ok((yaml::pack(tree), standing))
        })
    }

    fn new(bytes: &[u8]) -> (Vec<u8>, TreeStanding) {
        (yaml::pack(&yaml::parse(bytes).unwrap()), TreeStanding::New)
    }

    fn proven(bytes: &[u8]) -> (Vec<u8>, TreeStanding) {
        (
            yaml::pack(&yaml::parse(bytes).unwrap()),
            TreeStanding::Proven,
        )
    }

    fn trees() -> (tempfile::TempDir, Trees, PathBuf) {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("ai/trees");
        (
            home,
            Trees {
                dir: Some(dir.clone()),
            },
            dir,
        )
    }

    #[test]
    fn a_file_is_parsed_once_and_a_changed_one_again() {
        let (_home, trees, dir) = trees();
        assert_eq!(read(&trees, &file(1)).unwrap(), new(&file(1)));
        let kept = fs::list_dir(&dir).unwrap();
        assert_eq!(kept.len(), 1);
        // What is kept answers, not the parser: another tree under the same name comes back.
        let other = b"planted: 1\n";
        let tree = yaml::pack(&yaml::parse(other).unwrap());
        let bytes = [head_of("f", &hash::sha256_hex(&file(1))).as_bytes(), &tree].concat();
        std::fs::write(&kept[0], bytes).unwrap();
        assert_eq!(read(&trees, &file(1)).unwrap(), proven(other));
        assert_eq!(read(&trees, &file(2)).unwrap(), new(&file(2)));
    }

    #[test]
    fn what_is_not_the_tree_of_these_bytes_is_parsed_and_replaced() {
        let (_home, trees, dir) = trees();
        read(&trees, &file(1)).unwrap();
        let path = &fs::list_dir(&dir).unwrap()[0];
        let whole = std::fs::read(path).unwrap();
        let planted = |head: String, of: &[u8]| {
            let tree = yaml::pack(&yaml::parse(of).unwrap());
            [head.as_bytes(), &tree].concat()
        };
        let other = planted(head_of("f", &hash::sha256_hex(&file(2))), &file(2));
        let as_other_file = planted(head_of("g", &hash::sha256_hex(&file(1))), &file(1));
        for wrong in [
            &whole[..whole.len() - 1],
            b"",
            b"no tree at all",
            &other,
            &as_other_file,
        ] {
            std::fs::write(path, wrong).unwrap();
            assert_eq!(read(&trees, &file(1)).unwrap(), new(&file(1)));
            assert_eq!(std::fs::read(path).unwrap(), whole);
        }
    }

    #[test]
    fn small_files_and_those_with_problems_are_not_kept() {
        let (_home, trees, dir) = trees();
        read(&trees, b"version: 1\n").unwrap();
        read(&trees, &[&file(1)[..], b"\tx: [\n"].concat()).unwrap_err();
        let disliked = || YamlProblems::whole("f", "n may not be 1");
        for _ in 0..2 {
            let outcome = trees.read("f", &file(1), |_, standing| {
                assert_eq!(standing, TreeStanding::New);
                Err::<(), _>(disliked())
            });
            assert_eq!(outcome.unwrap_err(), disliked().within(&file(1)));
        }
        assert!(!dir.exists());
    }

    #[test]
    fn the_directory_does_not_grow_without_bound() {
        let (_home, trees, dir) = trees();
        (0..MOST + 3).for_each(|n| drop(read(&trees, &file(n)).unwrap()));
        assert_eq!(fs::list_dir(&dir).unwrap().len(), 3);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_problem() {
        let home = tempfile::tempdir().unwrap();
        let in_the_way = home.path().join("file");
        std::fs::write(&in_the_way, "").unwrap();
        let trees = Trees {
            dir: Some(in_the_way.join("trees")),
        };
        assert_eq!(read(&trees, &file(1)).unwrap(), new(&file(1)));
    }
}
