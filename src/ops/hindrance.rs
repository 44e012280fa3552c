//! What keeps a command from its work wherever it comes upon it, and is told in one way: a full disk
//! (of a file of ours, Git's library, the `git` program, the keeper, a merge), and a lock of a
//! process that was stopped.

use std::error::Error;
use std::io;

use crate::base::file_lock::StoppedHolder;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::store::StoreError;

/// The way on where a disk is full.
pub const NO_ROOM: &str = "free some space and run the command again";

/// A state of the machine that an operation came upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hindrance {
    /// The disk is full, or the user's share of it.
    NoRoom,
    /// This process holds a lock, and was stopped.
    StoppedHolder(u32),
}

impl Hindrance {
    /// The command to type next.
    pub(super) fn hint(self) -> String {
        match self {
            Hindrance::NoRoom => NO_ROOM.to_owned(),
            Hindrance::StoppedHolder(pid) => {
                format!(
                    "`kill -CONT {pid}` lets it go on; `kill -KILL {pid}` ends it and loses nothing"
                )
            }
        }
    }
}

/// Finds what an operation failed by, where it is one of these.
pub(super) fn hindrance(error: &OpError) -> Option<Hindrance> {
    let stopped = |cause: &(dyn Error + 'static)| {
        let inner = cause.downcast_ref::<io::Error>()?.get_ref()?;
        let holder = inner.downcast_ref::<StoppedHolder>()?;
        Some(Hindrance::StoppedHolder(holder.0.pid))
    };
    if let OpError::Store(StoreError::Busy {
        stopped: Some(pid), ..
    }) = error
    {
        return Some(Hindrance::StoppedHolder(*pid));
    }
    causes(error)
        .find_map(stopped)
        .or_else(|| is_no_room(error).then_some(Hindrance::NoRoom))
}

/// The words of the system for it, which is all that another program hands on.
const WORDS: [&str; 2] = ["No space left on device", "Disk quota exceeded"];

/// Returns true if an operation failed for want of room on the disk.
fn is_no_room(error: &OpError) -> bool {
    let by_words = match error {
        // What these say is Git's, or of the system; a refusal may quote anybody.
        OpError::Git(_)
        | OpError::Place(_)
        | OpError::Repository(_)
        | OpError::Reference(_)
        | OpError::Worktree(_)
        | OpError::Snapshot(_)
        | OpError::Merge { .. }
        | OpError::Supervise(_)
        | OpError::System { .. } => true,
        OpError::Refused(refused) => matches!(refused.why, Refusal::Environment(_)),
        OpError::Store(_)
        | OpError::File(_)
        | OpError::Foreign(_)
        | OpError::Hooks(_)
        | OpError::Settings(_)
        | OpError::Credential(_)
        | OpError::Kept { .. }
        | OpError::Internal { .. } => false,
    };
    by_words && says_so(&error.to_string()) || causes(error).any(is_by_kind)
}

fn says_so(text: &str) -> bool {
    WORDS.iter().any(|words| text.contains(words))
}

fn causes<'a>(error: &'a OpError) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause: &&(dyn Error + 'static)| {
        (*cause).source()
    })
}

fn is_by_kind(cause: &(dyn Error + 'static)) -> bool {
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fs::FsError;
    use crate::base::holders::Holder;
    use crate::git::GitError;
    use crate::ops::error::Doing as _;

    fn full() -> io::Error {
        io::Error::from(io::ErrorKind::StorageFull)
    }

    fn file(source: io::Error) -> FsError {
        FsError {
            action: "write",
            path: "x".into(),
            source,
        }
    }

    fn git(stderr: &str) -> OpError {
        OpError::Git(GitError::Failed {
            argv: "git commit-tree".into(),
            status: "exit 128".into(),
            stderr: stderr.into(),
        })
    }

    #[test]
    fn a_stopped_holder_is_known_by_whomever_it_was_met() {
        let locked = || {
            let holder = Holder {
                pid: 12,
                command: "ai run".into(),
                is_stopped: true,
            };
            file(io::Error::new(
                io::ErrorKind::WouldBlock,
                StoppedHolder(holder),
            ))
        };
        let busy = StoreError::Busy {
            seconds: 30,
            holders: "; 12 (ai run, stopped) writes it".into(),
            stopped: Some(12),
        };
        let met: [OpError; 4] = [
            busy.into(),
            locked().into(),
            GitError::from(locked()).into(),
            StoreError::from(locked()).into(),
        ];
        for error in met {
            assert_eq!(
                hindrance(&error),
                Some(Hindrance::StoppedHolder(12)),
                "{error:?}"
            );
        }
        let other = file(io::Error::from(io::ErrorKind::WouldBlock));
        assert_eq!(hindrance(&other.into()), None);
    }

    #[test]
    fn a_full_disk_is_known_by_whomever_it_was_met() {
        let other = || io::Error::from(io::ErrorKind::PermissionDenied);
        let said = "fatal: write error: No space left on device";
        let native = |text: &str| {
            OpError::Git(GitError::Native {
                what: "write a reference".into(),
                source: git2::Error::from_str(text),
            })
        };
        let table: [(OpError, bool); 10] = [
            (file(full()).into(), true),
            (
                file(io::Error::from(io::ErrorKind::QuotaExceeded)).into(),
                true,
            ),
            (file(other()).into(), false),
            (GitError::from(file(full())).into(), true),
            (git(said), true),
            (git("fatal: not a tree"), false),
            (native("failed to write: No space left on device"), true),
            (native("failed to lock"), false),
            (
                Err::<(), _>(full())
                    .doing("start the keeper")
                    .err()
                    .unwrap(),
                true,
            ),
            // Words of somebody else in a refusal.
            (Refusal::Invalid(said.into()).into(), false),
        ];
        for (error, expected) in table {
            assert_eq!(is_no_room(&error), expected, "{error:?}");
        }
    }
}
