//! Locks of references that a Git of ours has left, since it was killed together with `ai`.
//!
//! Such a lock holds the commit to which the reference was to move, and that commit stands in the
//! record of an accept; or it is empty, as that of HEAD always is, and was made in the moments after
//! an accept that was killed had set out to land. Others are anybody's, and stay.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::base::fs::FsError;
use crate::base::{clock, fs};
use crate::git::merge::Lander;

/// A Git whose `ai` has died gives its locks back at once.
const PATIENCE: u32 = 50;
const STEP: Duration = Duration::from_millis(20);
/// The lock of HEAD, which is empty, was taken in the same moment.
const SAME_MOMENT: Duration = Duration::from_secs(2);
/// A landing takes moments.
const LANDING: Duration = Duration::from_secs(30);
/// More than an object id.
const CAP: u64 = 256;

/// An accept that was killed while it landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KilledLanding {
    /// The reference that it was to move.
    pub target: String,
    /// The moment at which it set out, by the clock of the files.
    pub since: SystemTime,
}

/// Takes away the lock of `target` that is proven to be of an accept that was killed, and that of
/// HEAD beside it. To be called while no other accept can be at work.
pub(super) fn clear_left(
    common_dir: &Path,
    target: &str,
    lander: &Lander<'_>,
) -> Result<(), FsError> {
    let lock = common_dir.join(format!("{target}.lock"));
    if waited_for(&lock) {
        let content = fs::read_capped(&lock, CAP).unwrap_or_default();
        let commit = String::from_utf8_lossy(&content).trim().to_owned();
        if lander.intended.contains(&commit) {
            let head = common_dir.join("HEAD.lock");
            if let (Some(of_head), Some(of_target)) = (made(&head), made(&lock))
                && is_empty(&head)
                && apart(of_head, of_target) <= SAME_MOMENT
            {
                fs::remove_file(&head)?;
            }
            fs::remove_file(&lock)?;
        }
    }
    let Some(killed) = lander.killed else {
        return Ok(());
    };
    let of_killed = format!("{}.lock", killed.target);
    for name in [of_killed.as_str(), "HEAD.lock"] {
        let lock = common_dir.join(name);
        if waited_for(&lock) && is_empty(&lock) && is_of(killed, &lock) {
            fs::remove_file(&lock)?;
        }
    }
    Ok(())
}

/// Gives whoever holds a lock the time to end; true where it stays.
fn waited_for(lock: &Path) -> bool {
    for _ in 0..PATIENCE {
        if !lock.exists() {
            return false;
        }
        clock::pause(STEP);
    }
    true
}

fn made(lock: &Path) -> Option<SystemTime> {
    std::fs::metadata(lock)
        .and_then(|meta| meta.modified())
        .ok()
}

fn is_empty(lock: &Path) -> bool {
    std::fs::metadata(lock).is_ok_and(|meta| meta.len() == 0)
}

fn is_of(killed: &KilledLanding, lock: &Path) -> bool {
    let since = made(lock).and_then(|made| made.duration_since(killed.since).ok());
    since.is_some_and(|since| since <= LANDING)
}

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|e| e.duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The locks that stay of those of `main` and HEAD, with their contents, where an accept that
    /// set out for a reference was killed so many seconds before they were made.
    fn stays(locks: &[(&str, &str)], killed: Option<(&str, i64)>) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("refs/heads")).unwrap();
        let mut newest = SystemTime::now();
        for (name, content) in locks {
            std::fs::write(dir.path().join(name), content).unwrap();
            newest = made(&dir.path().join(name)).unwrap();
        }
        let killed = killed.map(|(target, before)| {
            let apart = Duration::from_secs(before.unsigned_abs());
            KilledLanding {
                target: format!("refs/heads/{target}"),
                since: if before < 0 {
                    newest + apart
                } else {
                    newest - apart
                },
            }
        });
        let lander = Lander {
            name: "the next",
            has_ended: &|_| false,
            intended: &["c0ffee".to_owned()],
            killed: killed.as_ref(),
            reached: &|_| {},
            unopposed: &|go| go(),
        };
        clear_left(dir.path(), "refs/heads/main", &lander).unwrap();
        let names = locks.iter().map(|(name, _)| (*name).to_owned());
        names
            .filter(|name| dir.path().join(name).exists())
            .collect()
    }

    #[test]
    fn only_the_locks_of_an_accept_that_was_killed_go() {
        const HEAD: (&str, &str) = ("HEAD.lock", "");
        const EMPTY: (&str, &str) = ("refs/heads/main.lock", "");
        const OURS: (&str, &str) = ("refs/heads/main.lock", "c0ffee\n");
        const OTHER: (&str, &str) = ("refs/heads/main.lock", "decaf\n");
        const TOPIC: (&str, &str) = ("refs/heads/topic.lock", "");
        type Row<'a> = (
            &'a [(&'a str, &'a str)],
            Option<(&'a str, i64)>,
            &'a [&'a str],
        );
        let table: [Row<'_>; 10] = [
            (&[HEAD, OURS], None, &[]),
            (&[HEAD], None, &["HEAD.lock"]),
            (&[HEAD], Some(("main", 1)), &[]),
            (&[HEAD, EMPTY], Some(("main", 1)), &[]),
            (&[HEAD, EMPTY], None, &["HEAD.lock", "refs/heads/main.lock"]),
            (&[HEAD, TOPIC], Some(("topic", 1)), &[]),
            (&[TOPIC], Some(("main", 1)), &["refs/heads/topic.lock"]),
            (&[OTHER], Some(("main", 1)), &["refs/heads/main.lock"]),
            // Made before it set out, and long after.
            (&[HEAD], Some(("main", -5)), &["HEAD.lock"]),
            (&[HEAD], Some(("main", 60)), &["HEAD.lock"]),
        ];
        for (locks, killed, stay) in table {
            assert_eq!(stays(locks, killed), stay, "{locks:?} {killed:?}");
        }
    }
}
