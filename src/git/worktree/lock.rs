//! One checkout at a time: parallel ones on one disk take many times as long for each.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::WorktreeError;
use crate::base::fs::{self, FsError};

/// Held while a slot is made, reset or removed; the kernel releases it with the process.
#[derive(Debug)]
pub(super) struct CheckoutLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl CheckoutLock {
    pub(super) fn acquire(common_dir: &Path, patience: Duration) -> Result<Self, WorktreeError> {
        let dir = common_dir.join("ai");
        fs::create_dir_all(&dir)?;
        let path = dir.join("checkout.lock");
        let failed = |source| WorktreeError::from(FsError { action: "lock", path: path.clone(), source });
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                Err(TryLockError::Error(source)) => return Err(failed(source)),
                Err(TryLockError::WouldBlock) if start.elapsed() >= patience => {
                    return Err(WorktreeError::Busy(patience));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}
