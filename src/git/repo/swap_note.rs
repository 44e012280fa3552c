//! Notes of references that are being moved, and the locks that a killed command has left on them.
//!
//! Git locks a reference by a file that nobody takes away once its maker was killed. So a note of the
//! reference, and of what it moves to, lies in `.git/ai/ref-moves/` for as long as one of ours is
//! moved, and its maker holds it by a lock that the kernel releases. A note that nobody holds is that
//! of a killed command, and proves a lock to be its own: the one that holds what the note says, or
//! nothing yet and was made moments after it. Others are anybody's, and stay. Reference tables have
//! locks of another kind, and no notes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::base::fs::{self, FsError};
use crate::base::{clock, file_lock};
use crate::git::oid::Oid;
use crate::git::repo::refs::is_valid_ref_name;

/// Below the common directory.
const DIR: &str = "ai/ref-moves";
/// Stands in a note for "is deleted".
const NOTHING: &str = "-";
/// A reference name and an object name.
const CAP: u64 = 8_192;
/// From the note to the last of its locks, on a machine that has much to do.
const MOMENTS: Duration = Duration::from_secs(10);
/// A Git that outlives its `ai` is through by then, or will never be.
const LONG_ENOUGH: Duration = Duration::from_secs(1);

/// The note of one reference that is being moved. It goes when it is dropped.
#[derive(Debug)]
pub(super) struct SwapNote {
    path: PathBuf,
    #[expect(dead_code, reason = "the open file is the lock")]
    held: File,
}

impl SwapNote {
    /// Notes that `name` is about to move to `new`, or to be deleted.
    pub(super) fn write(common_dir: &Path, name: &str, new: Option<&Oid>) -> Result<Self, FsError> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let dir = common_dir.join(DIR);
        if fs::is_missing(&dir) {
            fs::create_private_dir(&dir)?;
        }
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let path = dir.join(format!("{}-{number}", std::process::id()));
            let failed = |source| FsError {
                action: "write",
                path: path.clone(),
                source,
            };
            let mut held = match OpenOptions::new().write(true).create_new(true).open(&path) {
                // Of a killed process of the same number.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                file => file.map_err(failed)?,
            };
            // Who looks for notes of killed commands may have found it in the moment before.
            if !is_taken(&held, &path)? || !fs::stands_at(&held, &path)? {
                continue;
            }
            let line = format!("{name} {}\n", new.map_or(NOTHING, Oid::as_str));
            held.write_all(line.as_bytes()).map_err(failed)?;
            return Ok(Self { path, held });
        }
    }
}

impl Drop for SwapNote {
    fn drop(&mut self) {
        // One that stays proves nothing once its lock is gone, and the next look takes it away.
        let _ = fs::remove_file(&self.path);
    }
}

/// Takes the lock of a note; false where somebody holds it.
fn is_taken(file: &File, path: &Path) -> Result<bool, FsError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(source)) => Err(FsError {
            action: "lock",
            path: path.to_owned(),
            source,
        }),
    }
}

/// A note that a killed command has left.
struct LeftNote {
    path: PathBuf,
    #[expect(dead_code, reason = "the open file is the lock")]
    /// Held while one looks at it, so that nobody else takes a lock away for it.
    held: File,
    written: SystemTime,
    text: String,
}

/// Lists the notes that nobody holds.
fn left(common_dir: &Path) -> Result<Vec<LeftNote>, FsError> {
    let mut found = Vec::new();
    for path in fs::list_dir(&common_dir.join(DIR))? {
        // Gone meanwhile, or another user's who does not share it: nothing that could be seen to.
        let Ok(held) = OpenOptions::new().read(true).open(&path) else {
            continue;
        };
        if !is_taken(&held, &path)? || !fs::stands_at(&held, &path)? {
            continue;
        }
        let written = held.metadata().and_then(|meta| meta.modified());
        found.push(LeftNote {
            written: written.map_err(|source| FsError {
                action: "read",
                path: path.clone(),
                source,
            })?,
            text: String::from_utf8_lossy(&fs::read_capped(&path, CAP).unwrap_or_default())
                .into_owned(),
            held,
            path,
        });
    }
    Ok(found)
}

impl LeftNote {
    /// The lock files that are proven to be of the killed command, the one of its reference first.
    fn locks(&self, common_dir: &Path) -> Vec<PathBuf> {
        let Some((name, new)) = self.text.strip_suffix('\n').and_then(|l| l.split_once(' ')) else {
            // Killed before it had written, so before it took a lock.
            return Vec::new();
        };
        if !is_valid_ref_name(name) {
            return Vec::new();
        }
        let own = common_dir.join(format!("{name}.lock"));
        if made(&own).is_some() && !self.is_own(&own, new) {
            return Vec::new();
        }
        let beside = locked_beside(common_dir, name, new).into_iter();
        let beside = beside.filter(|lock| self.is_just_before(lock));
        let own = Some(own).filter(|own| made(own).is_some());
        own.into_iter().chain(beside).collect()
    }

    /// True for the lock of the reference that holds what the note says, or was made moments after
    /// the note and holds nothing yet.
    fn is_own(&self, lock: &Path, new: &str) -> bool {
        let content = fs::read_capped(lock, CAP).unwrap_or_default();
        if content.is_empty() {
            self.is_just_before(lock)
        } else {
            new != NOTHING && content.trim_ascii() == new.as_bytes()
        }
    }

    fn is_just_before(&self, lock: &Path) -> bool {
        made(lock)
            .and_then(|at| at.duration_since(self.written).ok())
            .is_some_and(|between| between <= MOMENTS)
    }

    /// Takes its locks away, where they have stood for long enough, and then the note. While another
    /// is at work, a lock that it may have taken beside its own waits for the next look.
    fn clear(self, common_dir: &Path) -> Result<usize, FsError> {
        let standing = || {
            self.locks(common_dir)
                .into_iter()
                .map(|path| (made(&path), path))
        };
        let mut locks: Vec<_> = standing().collect();
        if !locks.is_empty() {
            clock::pause(LONG_ENOUGH);
            let still: Vec<_> = standing().collect();
            locks.retain(|lock| still.contains(lock));
        }
        let has_others = locks
            .iter()
            .any(|(_, lock)| !lock.starts_with(common_dir.join("refs")));
        if has_others && is_any_other_at_work(common_dir, &self.path)? {
            return Ok(0);
        }
        // The lock of the reference last: it proves the others.
        for (_, lock) in locks.iter().rev() {
            fs::remove_file(lock)?;
        }
        fs::remove_file(&self.path)?;
        Ok(locks.len())
    }
}

/// Takes away the locks of references that are proven to be of killed commands of ours; returns how
/// many. Each is looked at for a second.
pub(super) fn clear_left(common_dir: &Path) -> Result<usize, FsError> {
    let mut cleared = 0;
    for note in left(common_dir)? {
        cleared += note.clear(common_dir)?;
    }
    Ok(cleared)
}

/// Lists the locks of references that are proven to be of killed commands of ours, which
/// [`clear_left_locks`](crate::git::Repo::clear_left_locks) takes away.
pub fn left_locks(common_dir: &Path) -> Result<Vec<PathBuf>, FsError> {
    let notes = left(common_dir)?;
    Ok(notes
        .iter()
        .flat_map(|note| note.locks(common_dir))
        .collect())
}

/// The locks that Git takes beside that of a reference, and gives back after it: that of HEAD, whose
/// log is written where it stands on the reference, and that of packed references for a deletion.
fn locked_beside(common_dir: &Path, name: &str, new: &str) -> Vec<PathBuf> {
    let head = fs::read_capped(&common_dir.join("HEAD"), CAP).unwrap_or_default();
    let is_at_head = head.trim_ascii() == format!("ref: {name}").as_bytes();
    let of_head = Some("HEAD.lock").filter(|_| is_at_head);
    let of_packed = Some("packed-refs.lock").filter(|_| new == NOTHING);
    let names = of_head.into_iter().chain(of_packed);
    names.map(|name| common_dir.join(name)).collect()
}

/// True while somebody holds another note.
fn is_any_other_at_work(common_dir: &Path, own: &Path) -> Result<bool, FsError> {
    for path in fs::list_dir(&common_dir.join(DIR))? {
        if path != own && file_lock::is_held(&path)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn made(lock: &Path) -> Option<SystemTime> {
    std::fs::symlink_metadata(lock)
        .and_then(|meta| meta.modified())
        .ok()
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    const OURS: &str = "1111111111111111111111111111111111111111";
    const OURS_LINE: &str = "1111111111111111111111111111111111111111\n";
    const OTHER: &str = "2222222222222222222222222222222222222222";
    const REF: &str = "refs/ai/rescue/t-1/1";

    fn write_at(path: &Path, text: &str, at: SystemTime) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_modified(at).unwrap();
    }

    /// The names of the locks that stay where a killed command left this note, and each lock was made
    /// so many seconds after it.
    fn stays(note: &str, locks: &[(&str, &str, f64)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let written = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        write_at(&dir.path().join("HEAD"), "ref: refs/heads/main\n", written);
        write_at(&dir.path().join(DIR).join("1-1"), note, written);
        for (name, text, after) in locks {
            let at = if *after < 0.0 {
                written - Duration::from_secs_f64(-after)
            } else {
                written + Duration::from_secs_f64(*after)
            };
            write_at(&dir.path().join(name), text, at);
        }
        let seen = left_locks(dir.path()).unwrap().len();
        assert_eq!(clear_left(dir.path()).unwrap(), seen);
        assert_eq!(fs::list_dir(&dir.path().join(DIR)).unwrap().len(), 0);
        let names = locks.iter().map(|(name, ..)| (*name).to_owned());
        names
            .filter(|name| dir.path().join(name).exists())
            .collect()
    }

    #[test]
    fn only_locks_that_a_note_proves_go() {
        const LOCK: &str = "refs/ai/rescue/t-1/1.lock";
        const MAIN: &str = "refs/heads/main.lock";
        const HEAD: &str = "HEAD.lock";
        const PACKED: &str = "packed-refs.lock";
        let moves = format!("{REF} {OURS}\n");
        let deletes = format!("{REF} {NOTHING}\n");
        let of_head = format!("refs/heads/main {OURS}\n");
        type Row<'a> = (&'a str, &'a [(&'a str, &'a str, f64)], &'a [&'a str]);
        let table: [Row<'_>; 18] = [
            (&moves, &[], &[]),
            (&moves, &[(LOCK, "", 0.5)], &[]),
            (&moves, &[(LOCK, OURS, 0.5)], &[]),
            (&moves, &[(LOCK, OURS_LINE, 60.0)], &[]),
            (&moves, &[(LOCK, OTHER, 0.5)], &[LOCK]),
            // Before it, or long after.
            (&moves, &[(LOCK, "", -1.0)], &[LOCK]),
            (&moves, &[(LOCK, "", 11.0)], &[LOCK]),
            (&moves, &[(MAIN, OURS, 0.5)], &[MAIN]),
            (&deletes, &[(LOCK, "", 0.5)], &[]),
            (&deletes, &[(LOCK, NOTHING, 0.5)], &[LOCK]),
            // Those beside it, also where its own has gone already.
            (&deletes, &[(LOCK, "", 0.5), (PACKED, "# pack", 1.0)], &[]),
            (&deletes, &[(PACKED, "", 1.0)], &[]),
            (&moves, &[(LOCK, OURS, 0.5), (PACKED, "", 0.5)], &[PACKED]),
            (&of_head, &[(MAIN, OURS, 0.5), (HEAD, "", 0.5)], &[]),
            (&of_head, &[(HEAD, "", 0.5)], &[]),
            (
                &of_head,
                &[(MAIN, OTHER, 0.5), (HEAD, "", 0.5)],
                &[MAIN, HEAD],
            ),
            (&moves, &[(HEAD, "", 0.5)], &[HEAD]),
            // Cut off while it was written.
            (&moves[..30], &[(LOCK, "", 0.5)], &[LOCK]),
        ];
        for (note, locks, stay) in table {
            assert_eq!(stays(note, locks), stay, "{note:?} {locks:?}");
        }
    }

    #[test]
    fn a_note_is_there_and_held_while_a_reference_moves_and_gone_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let lock = dir.path().join(format!("{REF}.lock"));
        let new = Oid::parse(OURS).unwrap();
        let note = SwapNote::write(dir.path(), REF, Some(&new)).unwrap();
        let other = SwapNote::write(dir.path(), REF, None).unwrap();
        write_at(&lock, "", UNIX_EPOCH);
        assert_eq!(clear_left(dir.path()).unwrap(), 0, "both are at work");
        assert_eq!(
            std::fs::read_to_string(&note.path).unwrap(),
            format!("{REF} {OURS}\n")
        );
        drop((note, other));
        assert_eq!(clear_left(dir.path()).unwrap(), 0);
        assert!(lock.exists(), "nobody says whose it is");
        assert_eq!(fs::list_dir(&dir.path().join(DIR)).unwrap().len(), 0);
    }
}
