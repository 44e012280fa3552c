//! One checkout at a time: parallel ones on one disk take many times as long for each. So there is
//! one lock for each repository, which keeps slots from being made and removed at once, and one for
//! each disk, in the user's own directory, which all repositories share. Both are held by open
//! files: the kernel releases them with the process, however it ends. A lock of a disk may be removed
//! by whoever holds it; so one counts only while it stands under its name.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::base::clock;
use crate::base::fs::{self, FsError};
use crate::base::text::one_line;
use crate::git::worktree::WorktreeError;

/// After so long, whoever waits is told for whom.
const SILENCE: Duration = Duration::from_millis(700);
const PAUSE: Duration = Duration::from_millis(20);

/// The directory of the locks of disks, and the receiver of words about a wait.
#[derive(Clone)]
pub struct DiskLocks<'r> {
    /// A directory of the user's own.
    pub dir: PathBuf,
    /// Told once a wait has become noticeable.
    pub say: &'r dyn Fn(&str),
    /// The longest wait.
    pub patience: Duration,
}

/// Held while many files are written on a disk.
#[derive(Debug)]
pub struct DiskLock(#[expect(dead_code, reason = "the open file is the lock")] Option<File>);

/// Held while a slot is made, reset or removed.
#[derive(Debug)]
pub(super) struct CheckoutLock(
    #[expect(dead_code, reason = "the open file is the lock")] File,
    #[expect(dead_code, reason = "the open file is the lock")] Option<DiskLock>,
);

impl CheckoutLock {
    /// The lock of the repository, and that of the disk on which `place` lies.
    pub(super) fn acquire(
        common_dir: &Path,
        patience: Duration,
        place: &Path,
        disk: Option<&DiskLocks<'_>>,
    ) -> Result<Self, WorktreeError> {
        let dir = common_dir.join("ai");
        fs::create_dir_all(&dir)?;
        let repository = wait(open(&dir.join("checkout.lock"))?, &dir, patience, None)?;
        Ok(Self(
            repository,
            disk.map(|disk| disk.acquire(place)).transpose()?,
        ))
    }
}

impl DiskLocks<'_> {
    /// Waits until nobody else of this user fills the disk on which `place` lies, or will lie.
    /// Where the user has no directory that can be written, nobody waits: it would only have been
    /// faster.
    pub fn acquire(&self, place: &Path) -> Result<DiskLock, WorktreeError> {
        let existing = place
            .ancestors()
            .find_map(|dir| std::fs::metadata(dir).ok());
        let Some(device) = existing.map(|meta| meta.dev()) else {
            return Ok(DiskLock(None));
        };
        let path = self.dir.join(format!("disk-{device:x}.lock"));
        let mut file = loop {
            let Ok(file) = fs::create_private_dir(&self.dir)
                .map_err(WorktreeError::from)
                .and_then(|()| open(&path))
            else {
                return Ok(DiskLock(None));
            };
            let file = wait(file, &path, self.patience, Some(self.say))?;
            if fs::stands_at(&file, &path)? {
                break file;
            }
        };
        // For those who wait; nothing depends on it.
        let _told = file.set_len(0).and_then(|()| {
            file.rewind()?;
            writeln!(file, "process {}, {}", std::process::id(), place.display())
        });
        Ok(DiskLock(Some(file)))
    }
}

/// Removes the locks of disks that nobody holds, and the directory where nothing is left in it.
/// Another repository that needs one makes it again; one that cannot be removed does no harm.
pub fn remove_idle(dir: &Path) {
    for path in fs::list_dir(dir).unwrap_or_default() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !(name.starts_with("disk-") && name.ends_with(".lock")) {
            continue;
        }
        // Held until it is removed, so that nobody can have taken it.
        let held = open(&path).ok().filter(|file| file.try_lock().is_ok());
        if held.is_some() {
            let _removed = fs::remove_file(&path);
        }
    }
    let _removed = fs::remove_empty_dir(dir);
}

fn failed(path: &Path, source: std::io::Error) -> WorktreeError {
    FsError {
        action: "lock",
        path: path.to_owned(),
        source,
    }
    .into()
}

fn open(path: &Path) -> Result<File, WorktreeError> {
    let mut options = OpenOptions::new();
    options
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| failed(path, source))
}

fn wait(
    mut file: File,
    path: &Path,
    patience: Duration,
    mut say: Option<&dyn Fn(&str)>,
) -> Result<File, WorktreeError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(failed(path, source)),
            Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                return Err(WorktreeError::Busy(patience));
            }
            Err(TryLockError::WouldBlock) => clock::pause(PAUSE),
        }
        if start.elapsed() >= SILENCE
            && let Some(say) = say.take()
        {
            let mut holder = String::new();
            let _read = file
                .rewind()
                .and_then(|()| (&mut file).take(1_000).read_to_string(&mut holder));
            let holder = one_line(holder.trim());
            say(&format!(
                "waiting for another checkout on this disk ({holder})"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn two_repositories_on_one_disk_wait_for_each_other() {
        let temp = tempfile::tempdir().unwrap();
        let said = RefCell::new(Vec::new());
        let say = |text: &str| said.borrow_mut().push(text.to_owned());
        let locks = DiskLocks {
            dir: temp.path().join("user"),
            say: &say,
            patience: SILENCE * 2,
        };
        let place = |name: &str| temp.path().join(name).join("not/there/yet");
        let take = |name: &str| {
            CheckoutLock::acquire(&temp.path().join(name), SILENCE, &place(name), Some(&locks))
        };
        let first = take("one").unwrap();
        assert!(matches!(take("two"), Err(WorktreeError::Busy(_))));
        let text = said.borrow().join("\n");
        assert!(
            text.contains(&format!("process {}", std::process::id()))
                && text.contains("one/not/there"),
            "{text}"
        );
        assert_eq!(said.borrow().len(), 1, "said once");
        drop(first);
        take("two").unwrap();
        // Nobody waits for a directory that cannot be had.
        std::fs::write(temp.path().join("file"), "x").unwrap();
        let none = DiskLocks {
            dir: temp.path().join("file/user"),
            ..locks.clone()
        };
        let _held = locks.acquire(temp.path()).unwrap();
        none.acquire(temp.path()).unwrap();
    }

    #[test]
    fn only_idle_locks_are_removed_and_nobody_gets_one_that_is_gone() {
        let temp = tempfile::tempdir().unwrap();
        let dir = temp.path().join("user");
        let locks = || DiskLocks {
            dir: dir.clone(),
            say: &|_| {},
            patience: Duration::from_secs(60),
        };
        remove_idle(&dir);
        let held = locks().acquire(temp.path()).unwrap();
        let path = fs::list_dir(&dir).unwrap().remove(0);
        remove_idle(&dir);
        assert!(path.exists(), "it is held");
        // Somebody waits for the lock while it is removed by its holder, as an uninstall does.
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| locks().acquire(temp.path()).map(|_held| path.exists()));
            std::fs::remove_file(&path).unwrap();
            drop(held);
            assert!(waits.join().unwrap().unwrap(), "the lock counts for others");
        });
        remove_idle(&dir);
        assert!(!dir.exists());
    }
}
