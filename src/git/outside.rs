//! The directory outside of every checkout in which the worktrees and the places of checks of one
//! repository lie.
//!
//! Tools look upwards from where they run: Node for `node_modules`, Cargo for a workspace, pytest
//! for its settings, agents for AGENTS.md. Were these places inside of the main checkout, a check
//! would find the main checkout's files and judge another tree than the one it was given. A place
//! below the git directory is no better, since that lies in the checkout too.
//!
//! ```text
//! <cache>/<name>-<hash>/owner              which repository it belongs to, for people and for `discover`
//!                       worktrees/<slot>   linked worktrees
//!                       checks/<place>/    tree/ (what is judged), git/ (its own git directory), tmp/
//! ```
//!
//! The hash is of the git directory and the checkout's root, so that a copy of a repository never
//! takes the worktrees of the original for its own. Nothing is made before [`OutsideDir::make`];
//! nothing is removed here.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::base::{hash, path};
use crate::git::path::path_of_line;

/// The directory of worktrees below the one of the repository.
const WORKTREES: &str = "worktrees";
/// The file that names the owner: a line for the git directory, one for the root.
const OWNER: &str = "owner";
/// Two paths and their line ends fit.
const OWNER_CAP: u64 = 32 << 10;

/// The directory of one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutsideDir {
    dir: PathBuf,
    owner: WorktreeOwner,
}

/// The repository to which worktrees in the cache belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorktreeOwner {
    /// The git directory that all worktrees share.
    pub common_dir: PathBuf,
    /// The checkout whose `.ai/` counts.
    pub root: PathBuf,
}

impl OutsideDir {
    /// The directory below `cache` of the repository at `common_dir` with the checkout `root`.
    pub fn at(cache: &Path, common_dir: &Path, root: &Path) -> OutsideDir {
        let owner = WorktreeOwner {
            common_dir: common_dir.to_owned(),
            root: root.to_owned(),
        };
        // The user's cache may be a link to a larger disk.
        let dir = path::resolved(cache).join(format!(
            "{}-{}",
            readable(root.file_name()),
            owner.digest()
        ));
        OutsideDir { dir, owner }
    }

    /// Returns the directory of all of it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of the worktrees.
    pub fn worktrees(&self) -> PathBuf {
        self.dir.join(WORKTREES)
    }

    /// The directory of the place of checks `name`.
    pub fn checks(&self, name: &str) -> PathBuf {
        self.dir.join("checks").join(name)
    }

    /// Makes it, readable by its user alone, with a word on whose it is.
    pub fn make(&self) -> Result<(), FsError> {
        fs::create_private_dir(&self.dir)?;
        let text = self.owner.text();
        match fs::read_capped(&self.dir.join(OWNER), OWNER_CAP) {
            Ok(bytes) if bytes == text => Ok(()),
            _ => fs::write_atomic(&self.dir.join(OWNER), &text),
        }
    }
}

impl WorktreeOwner {
    /// The file that names the owner of the pool at `worktrees`; `None` where that is no directory of
    /// ours.
    pub fn file_of_pool(worktrees: &Path) -> Option<PathBuf> {
        let is_ours = worktrees.file_name()? == WORKTREES;
        worktrees
            .parent()
            .filter(|_| is_ours)
            .map(|dir| dir.join(OWNER))
    }

    /// The owner of the pool at `worktrees`; `None` where that is no directory of ours.
    pub fn of_pool(worktrees: &Path) -> Option<WorktreeOwner> {
        let bytes = fs::read_capped(&Self::file_of_pool(worktrees)?, OWNER_CAP).ok()?;
        let mut lines = bytes.split(|byte| *byte == b'\n');
        let (common_dir, root) = (path_of_line(lines.next()?), path_of_line(lines.next()?));
        (common_dir.is_absolute() && root.is_absolute())
            .then_some(WorktreeOwner { common_dir, root })
    }

    fn text(&self) -> Vec<u8> {
        [
            self.common_dir.as_os_str().as_bytes(),
            b"\n",
            self.root.as_os_str().as_bytes(),
            b"\n",
        ]
        .concat()
    }

    fn digest(&self) -> String {
        hash::sha256_hex(&self.text())[..10].to_owned()
    }
}

/// Keeps of a name the characters that people and every shell can read.
fn readable(name: Option<&OsStr>) -> String {
    let name = name.unwrap_or_default().to_string_lossy();
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "._".contains(c) {
                c
            } else {
                '-'
            }
        })
        .collect();
    let plain: String = plain
        .trim_start_matches(['.', '-'])
        .chars()
        .take(40)
        .collect();
    if plain.is_empty() {
        "repository".to_owned()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_repository_has_its_own_and_a_copy_another() {
        let at = |common: &str, root: &str| {
            OutsideDir::at(Path::new("/c/ai"), Path::new(common), Path::new(root))
        };
        let one = at("/r/.git", "/r");
        assert_eq!(one, at("/r/.git", "/r"));
        assert_ne!(one.dir(), at("/copy/r/.git", "/copy/r").dir());
        assert_ne!(
            at("/b.git", "/x").dir(),
            at("/b.git", "/y").dir(),
            "two checkouts of a bare repository"
        );
        assert!(one.worktrees().starts_with("/c/ai") && one.checks("w1").ends_with("checks/w1"));
    }

    #[test]
    fn names_are_readable() {
        for (name, shown) in [
            ("repo", "repo"),
            (".dot", "dot"),
            ("a b/ö", "a-b--"),
            ("-", "repository"),
            ("", "repository"),
        ] {
            assert_eq!(readable(Some(OsStr::new(name))), shown, "{name:?}");
        }
        assert_eq!(readable(Some(OsStr::new(&"x".repeat(300)))).len(), 40);
    }

    #[test]
    fn a_pool_knows_its_owner_and_a_foreign_directory_none() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&base, base.join("link")).unwrap();
        let outside = OutsideDir::at(
            &base.join("link/not/yet"),
            Path::new("/r\u{e9}/.git"),
            Path::new("/r\u{e9}"),
        );
        assert!(
            outside.dir().starts_with(base.join("not/yet")),
            "{outside:?}"
        );
        assert_eq!(
            WorktreeOwner::of_pool(&outside.worktrees()),
            None,
            "nothing was made"
        );
        outside.make().unwrap();
        outside.make().unwrap();
        assert_eq!(
            WorktreeOwner::of_pool(&outside.worktrees()),
            Some(outside.owner.clone())
        );
        assert_eq!(WorktreeOwner::of_pool(&outside.dir().join("checks")), None);
        std::fs::write(outside.dir().join(OWNER), "relative\n").unwrap();
        assert_eq!(WorktreeOwner::of_pool(&outside.worktrees()), None);
    }
}
