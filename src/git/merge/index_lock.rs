//! The lock of a checkout's index while `ai` brings it along.
//!
//! It is Git's own lock file, so that no Git comes between, with a word inside that says who took
//! it: one that was left by a process that is dead can be told from anybody else's, and is taken
//! away. Git itself works on a copy of the index meanwhile, which takes the place of the real one
//! when it is whole.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::git::merge::MergeError;

/// The first line of such a lock; Git's begin with the signature of an index, or are empty.
const MARK: &str = "ai accept";
/// Name of the copy, beside the index.
const COPY: &str = "index.ai";
/// More than mark and word ever take.
const CAP: u64 = 4096;

/// The process that lands, as whoever finds its traces has to know it.
#[derive(Clone, Copy)]
pub struct Lander<'a> {
    /// One line that names the process.
    pub name: &'a str,
    /// Tells of such a line whether its process has certainly ended.
    pub has_ended: &'a dyn Fn(&str) -> bool,
    /// Hears of each step that was done, for crashes on purpose.
    pub reached: &'a dyn Fn(&'static str),
    /// Makes the move, its argument, while nobody can object to it any more; where somebody does, it
    /// makes none and says [`MergeError::Refused`].
    pub unopposed: &'a Unopposed<'a>,
}

/// Makes a move, or refuses to.
pub type Unopposed<'a> = dyn Fn(Move<'_>) -> Result<(), MergeError> + 'a;
/// The last steps of a landing, by which files and branch change.
pub type Move<'a> = Box<dyn FnOnce() -> Result<(), MergeError> + 'a>;

/// What the lock of an index says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexHolder {
    /// A process of `ai`, by its line.
    Ai(String),
    /// Somebody else.
    Other,
}

/// The state in which the one who held the lock last left the checkout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormerLander {
    /// Nobody of ours was at work there.
    None,
    /// He was killed in the middle.
    Killed,
}

/// The lock; given back when dropped, with the copy.
#[derive(Debug)]
pub(super) struct IndexLock {
    git_dir: PathBuf,
}

/// Reads who holds the index of the checkout with this git directory; `None` where nobody does.
pub fn index_holder(git_dir: &Path) -> Option<IndexHolder> {
    let path = lock_of(git_dir);
    let bytes = match fs::read_capped(&path, CAP) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return None,
        // A whole index is larger than any word of ours.
        Err(_) => return Some(IndexHolder::Other),
    };
    let text = String::from_utf8_lossy(&bytes);
    Some(match text.strip_prefix(MARK) {
        Some(rest) => IndexHolder::Ai(rest.trim().to_owned()),
        None => IndexHolder::Other,
    })
}

impl IndexLock {
    /// Takes the lock, from a dead lander too; `None` where somebody else holds it.
    pub fn take(
        git_dir: &Path,
        lander: &Lander<'_>,
    ) -> Result<Option<(IndexLock, FormerLander)>, FsError> {
        let mut former = FormerLander::None;
        if let Some(IndexHolder::Ai(name)) = index_holder(git_dir)
            && (lander.has_ended)(&name)
        {
            fs::remove_file(&lock_of(git_dir))?;
            former = FormerLander::Killed;
        }
        let path = lock_of(git_dir);
        match make(git_dir, &path, lander.name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(None),
            Err(source) => {
                return Err(FsError {
                    action: "lock",
                    path,
                    source,
                });
            }
        }
        let lock = IndexLock {
            git_dir: git_dir.to_owned(),
        };
        lock.renew_copy()?;
        (lander.reached)("accept-locked");
        Ok(Some((lock, former)))
    }

    /// Takes away the lock that a dead lander has left, and nobody else's.
    pub fn clear_left(git_dir: &Path, lander: &Lander<'_>) -> Result<(), FsError> {
        match index_holder(git_dir) {
            Some(IndexHolder::Ai(name)) if (lander.has_ended)(&name) => {
                IndexLock::take(git_dir, lander).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// The copy that Git is to work on.
    pub fn copy(&self) -> PathBuf {
        self.git_dir.join(COPY)
    }

    /// Makes the copy anew from the index.
    pub fn renew_copy(&self) -> Result<(), FsError> {
        self.remove_copy()?;
        fs::copy_if_there(&self.git_dir.join("index"), &self.copy())
    }

    /// Puts the copy in the place of the index, and makes another.
    pub fn publish(&self) -> Result<(), FsError> {
        fs::rename(&self.copy(), &self.git_dir.join("index"))?;
        self.renew_copy()
    }

    fn remove_copy(&self) -> Result<(), FsError> {
        fs::remove_file(&self.git_dir.join(format!("{COPY}.lock")))?;
        fs::remove_file(&self.copy())
    }
}

impl Drop for IndexLock {
    fn drop(&mut self) {
        // What stays is known by its word, and removed by the next.
        let _removed = self.remove_copy();
        let _unlocked = fs::remove_file(&lock_of(&self.git_dir));
    }
}

/// Makes the lock with its word inside in one step, where the file system can.
#[expect(
    clippy::disallowed_methods,
    reason = "the lock is made as Git makes it: by a link, which fails where one stands"
)]
fn make(git_dir: &Path, path: &Path, name: &str) -> io::Result<()> {
    let text = format!("{MARK}\n{name}\n");
    let draft = git_dir.join(format!("{COPY}.word"));
    std::fs::write(&draft, &text)?;
    let linked = std::fs::hard_link(&draft, path);
    let _removed = std::fs::remove_file(&draft);
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
            file.write_all(text.as_bytes())
        }
        other => other,
    }
}

fn lock_of(git_dir: &Path) -> PathBuf {
    git_dir.join("index.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lander<'a>(name: &'a str, has_ended: &'a dyn Fn(&str) -> bool) -> Lander<'a> {
        Lander {
            name,
            has_ended,
            reached: &|_| {},
            unopposed: &|go| go(),
        }
    }

    #[test]
    fn a_lock_is_taken_over_from_the_dead_alone() {
        let dir = tempfile::tempdir().unwrap();
        let git_dir = dir.path();
        std::fs::write(git_dir.join("index"), "one").unwrap();
        let first = IndexLock::take(git_dir, &lander("a", &|_| false)).unwrap();
        let (lock, former) = first.unwrap();
        assert_eq!(former, FormerLander::None);
        assert_eq!(index_holder(git_dir), Some(IndexHolder::Ai("a".into())));
        assert!(
            IndexLock::take(git_dir, &lander("b", &|_| false))
                .unwrap()
                .is_none()
        );
        std::fs::write(lock.copy(), "two").unwrap();
        // As a kill would leave it.
        std::mem::forget(lock);
        let of_a = |name: &str| name == "a";
        let (lock, former) = IndexLock::take(git_dir, &lander("b", &of_a))
            .unwrap()
            .unwrap();
        assert_eq!(former, FormerLander::Killed);
        assert_eq!(std::fs::read(lock.copy()).unwrap(), b"one");
        std::fs::write(lock.copy(), "three").unwrap();
        lock.publish().unwrap();
        drop(lock);
        let mut left: Vec<_> = std::fs::read_dir(git_dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["index"]);
        assert_eq!(std::fs::read(git_dir.join("index")).unwrap(), b"three");
    }

    #[test]
    fn the_lock_of_a_git_stays() {
        let dir = tempfile::tempdir().unwrap();
        for content in ["", "DIRC\0\0\0\u{2}"] {
            std::fs::write(dir.path().join("index.lock"), content).unwrap();
            assert!(
                IndexLock::take(dir.path(), &lander("b", &|_| true))
                    .unwrap()
                    .is_none()
            );
            assert_eq!(index_holder(dir.path()), Some(IndexHolder::Other));
        }
    }
}
