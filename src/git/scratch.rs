//! A directory outside of the repository for somebody who only looks: what is computed there, and Git's own files for
//! it, go when the look ends. The repository itself is read and nothing else, also where it cannot be written.
//!
//! Whoever is killed leaves the directory behind, for the machine to put away like all that lies there.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{env, fs, id};
use crate::git::cmd::Git;
use crate::git::discover::RepoLocation;
use crate::git::error::GitError;
use crate::git::repo::Repo;

/// The directory of one look; removed when dropped.
#[derive(Debug)]
pub struct Scratch {
    dir: PathBuf,
}

impl Scratch {
    /// Makes it among the temporary files of this machine, for nobody else to see.
    pub fn make() -> Result<Scratch, GitError> {
        let dir = env::temp_dir().join(format!("ai-look-{}", id::random_text(16)));
        fs::create_own_dir(&dir)?;
        Ok(Scratch { dir })
    }

    /// The place of a shadow directory.
    pub fn shadow_dir(&self) -> PathBuf {
        self.dir.join("shadow.git")
    }

    /// The place of a copy of an index.
    pub fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Opens a repository so that nothing new is written into it: commits and trees that are made go here.
    pub fn repository(&self, location: &RepoLocation, git: &Git) -> Result<Repo, GitError> {
        let objects = self.dir.join("objects");
        for part in ["info", "pack"] {
            fs::create_dir_all(&objects.join(part))?;
        }
        let real = location.common_dir.join("objects");
        fs::write_atomic(&objects.join("info/alternates"), &alternate(&real))?;
        Repo::open_writing_to(location, git, &objects)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is small, and nobody reads it.
        let _left = fs::remove_dir_all(&self.dir);
    }
}

/// A line that names another object store. Git reads one that begins with a quotation mark as a string of C.
fn alternate(objects: &Path) -> Vec<u8> {
    let mut line = vec![b'"'];
    for byte in objects.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => line.extend([b'\\', *byte]),
            b'\n' => line.extend(b"\\n"),
            other => line.push(*other),
        }
    }
    line.extend(b"\"\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::repo::{CommitIdentity, NewCommit};
    use crate::git::shadow::ShadowRepo;
    use crate::git::testing::TestRepo;

    #[test]
    fn what_is_made_in_it_is_seen_there_and_nowhere_else() {
        let test = TestRepo::new();
        test.write("a", "one\n");
        let tip = test.commit("one");
        let real = test.open();
        let scratch = Scratch::make().unwrap();
        let repo = scratch.repository(real.location(), real.git()).unwrap();
        let who = CommitIdentity::new("n", "n@example.com").unwrap();
        let made = repo.commit_tree(&NewCommit {
            tree: &real.tree_of(&tip).unwrap(),
            parents: std::slice::from_ref(&tip),
            message: "made",
            author: &who,
            committer: &who,
            when_ms: 0,
        });
        let made = made.unwrap();
        assert!(repo.has_object(&made).unwrap() && repo.has_object(&tip).unwrap());
        assert!(repo.is_ancestor(&tip, &made).unwrap());
        assert!(!test.open().has_object(&made).unwrap());
        let shadow = ShadowRepo::create(&repo, &scratch.shadow_dir()).unwrap();
        assert_eq!(shadow.changed_paths(&tip, &made).unwrap(), []);
        let dir = scratch.dir.clone();
        drop(scratch);
        assert!(!dir.exists());
    }

    #[test]
    fn names_of_directories_are_written_so_that_git_reads_them() {
        for (name, line) in [
            ("/a b", "\"/a b\"\n"),
            ("/a\"b\\c", "\"/a\\\"b\\\\c\"\n"),
            ("/a\nb", "\"/a\\nb\"\n"),
        ] {
            let written = alternate(Path::new(name));
            assert_eq!(String::from_utf8(written).unwrap(), line);
        }
    }
}
