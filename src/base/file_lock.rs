//! Locks on files that end with the process. Whoever holds one may work for long, and others wait as
//! long as he does; but not for one that was stopped, who may never go on.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::base::clock;
use crate::base::fs::{self, FsError};
use crate::base::holders::{self, Holder};

/// Between two tries.
const STEP: Duration = Duration::from_millis(10);
/// Tries of a lock that is to be had at once or not at all.
const MOMENTS: u32 = 20;
/// Between two looks at who holds it.
const LOOK_MS: i64 = 500;
/// The time for which a holder must have been seen stopped: a debugger stops a process for moments.
const STOPPED_MS: i64 = 5_000;

/// Held until it is dropped, or the process ends.
#[derive(Debug)]
pub struct FileLock(File);

impl FileLock {
    /// True while the locked file is what stands at `path`: whoever made another one there locks that.
    pub fn stands_at(&self, path: &Path) -> Result<bool, FsError> {
        fs::stands_at(&self.0, path)
    }
}

/// The process that holds a lock and was stopped.
#[derive(Debug, thiserror::Error)]
#[error("process {0} holds it")]
pub struct StoppedHolder(pub Holder);

/// Takes the lock of a file, which is made where it is not there; waits for others. The file stays:
/// whoever removed it would let two in.
pub fn lock(path: &Path) -> Result<FileLock, FsError> {
    let mut wait = Wait::default();
    let file = open(path)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(FileLock(file)),
            Err(TryLockError::Error(source)) => return Err(failed(path, source)),
            Err(TryLockError::WouldBlock) => {}
        }
        let look = || holders::flocked_by(path).into_iter().next();
        if let Some(holder) = wait.stopped_holder(clock::boot_ms(), look) {
            let stopped = StoppedHolder(holder);
            return Err(failed(
                path,
                io::Error::new(io::ErrorKind::WouldBlock, stopped),
            ));
        }
        clock::pause(STEP);
    }
}

/// The same without a wait: nothing where somebody holds it.
pub fn try_lock(path: &Path) -> Result<Option<FileLock>, FsError> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(FileLock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(source)) => Err(failed(path, source)),
    }
}

/// The same, but that a holder who lets go of it within a moment is waited for: whoever asks whether it is held
/// ([`is_held`]) holds it for as long as that takes.
pub fn try_lock_for_a_moment(path: &Path) -> Result<Option<FileLock>, FsError> {
    for _ in 0..MOMENTS {
        if let Some(lock) = try_lock(path)? {
            return Ok(Some(lock));
        }
        clock::pause(STEP);
    }
    try_lock(path)
}

/// Tells whether any process holds the lock of a file, without making one and without a right to write it.
pub fn is_held(path: &Path) -> Result<bool, FsError> {
    let file = match OpenOptions::new().read(true).open(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(false),
        file => file.map_err(|source| failed(path, source))?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(source)) => Err(failed(path, source)),
    }
}

fn open(path: &Path) -> Result<File, FsError> {
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).write(true);
    options.open(path).map_err(|source| failed(path, source))
}

fn failed(path: &Path, source: io::Error) -> FsError {
    FsError {
        action: "lock",
        path: path.to_owned(),
        source,
    }
}

/// The holder as he was seen while one waited.
#[derive(Default)]
struct Wait {
    looked_ms: Option<i64>,
    /// A holder that is stopped, and since when he was seen so.
    stopped: Option<(u32, i64)>,
}

impl Wait {
    /// The holder, once he has been stopped for too long.
    fn stopped_holder(
        &mut self,
        now_ms: i64,
        look: impl FnOnce() -> Option<Holder>,
    ) -> Option<Holder> {
        // The first look comes late: most waits are short.
        let due = self.looked_ms.get_or_insert(now_ms);
        if now_ms - *due < LOOK_MS {
            return None;
        }
        *due = now_ms;
        let Some(holder) = look().filter(|holder| holder.is_stopped) else {
            self.stopped = None;
            return None;
        };
        match self.stopped {
            Some((pid, since_ms)) if pid == holder.pid => {
                (now_ms - since_ms >= STOPPED_MS).then_some(holder)
            }
            _ => {
                self.stopped = Some((holder.pid, now_ms));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(pid: u32, is_stopped: bool) -> Option<Holder> {
        Some(Holder {
            pid,
            command: "ai".into(),
            is_stopped,
        })
    }

    #[test]
    fn only_one_who_stays_stopped_is_given_up_on() {
        /// Milliseconds, who holds it then, and who is given up on.
        type Row = (i64, Option<Holder>, Option<u32>);
        let tables: [&[Row]; 4] = [
            // At work, however long.
            &[
                (0, None, None),
                (500, holder(1, false), None),
                (900_000, holder(1, false), None),
            ],
            // Stopped for long enough.
            &[
                (0, None, None),
                (500, holder(1, true), None),
                (5_400, holder(1, true), None),
                (5_900, holder(1, true), Some(1)),
            ],
            // Went on meanwhile.
            &[
                (0, None, None),
                (500, holder(1, true), None),
                (5_400, holder(1, false), None),
                (5_900, holder(1, true), None),
            ],
            // Another one by then, or nobody who can be seen.
            &[
                (0, None, None),
                (500, holder(1, true), None),
                (5_500, holder(2, true), None),
                (6_100, None, None),
                (12_000, holder(2, true), None),
            ],
        ];
        for rows in tables {
            let mut wait = Wait::default();
            for (now_ms, holds, expected) in rows {
                let found = wait.stopped_holder(*now_ms, || holds.clone());
                assert_eq!(found.map(|holder| holder.pid), *expected, "at {now_ms}");
            }
        }
    }

    #[test]
    fn whether_it_is_held_is_asked_without_holding_or_making_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        assert!(!is_held(&path).unwrap());
        assert!(!path.exists());
        let held = try_lock_for_a_moment(&path).unwrap().unwrap();
        assert!(is_held(&path).unwrap());
        assert!(try_lock_for_a_moment(&path).unwrap().is_none());
        drop(held);
        assert!(!is_held(&path).unwrap());
    }

    #[test]
    fn a_lock_of_a_stopped_process_is_refused_and_names_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        drop(lock(&path).unwrap());
        let script = "import fcntl, os, signal, sys\nf = open(sys.argv[1], 'w')\n\
                      fcntl.flock(f, fcntl.LOCK_EX)\nprint('held', flush=True)\n\
                      os.kill(os.getpid(), signal.SIGSTOP)\n";
        let mut child = std::process::Command::new("python3")
            .args(["-c", script])
            .arg(&path)
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = io::BufReader::new(child.stdout.take().unwrap());
        io::BufRead::read_line(&mut out, &mut said).unwrap();
        let refused = lock(&path).err().unwrap();
        let expected = format!("process {} (python3, stopped) holds it", child.id());
        assert_eq!(refused.source.to_string(), expected);
        child.kill().unwrap();
        child.wait().unwrap();
        lock(&path).unwrap();
    }
}
