//! Locks of references that a Git of ours has left, since it was killed together with `ai`.
//!
//! Such a lock holds the commit to which the reference was to move, and that commit stands in the
//! record of an accept. Others are anybody's, and stay.

use std::path::Path;
use std::time::Duration;

use crate::base::fs::FsError;
use crate::base::{clock, fs};
use crate::git::merge::Lander;

/// A Git whose `ai` has died gives its locks back at once.
const PATIENCE: u32 = 50;
const STEP: Duration = Duration::from_millis(20);
/// The lock of HEAD, which is empty, was taken in the same moment.
const SAME_MOMENT: Duration = Duration::from_secs(2);
/// More than an object id.
const CAP: u64 = 256;

/// Takes away the lock of `target` that is proven to be of an accept that was killed, and that of
/// HEAD beside it. To be called while no other accept can be at work.
pub(super) fn clear_left(
    common_dir: &Path,
    target: &str,
    lander: &Lander<'_>,
) -> Result<(), FsError> {
    let lock = common_dir.join(format!("{target}.lock"));
    for _ in 0..PATIENCE {
        if !lock.exists() {
            return Ok(());
        }
        clock::pause(STEP);
    }
    let content = fs::read_capped(&lock, CAP).unwrap_or_default();
    let commit = String::from_utf8_lossy(&content).trim().to_owned();
    if !lander.intended.contains(&commit) {
        return Ok(());
    }
    let head = common_dir.join("HEAD.lock");
    let taken = |path: &Path| std::fs::metadata(path).and_then(|meta| meta.modified());
    if let (Ok(of_head), Ok(of_target)) = (taken(&head), taken(&lock)) {
        let apart = of_target
            .duration_since(of_head)
            .unwrap_or_else(|e| e.duration());
        let is_empty = std::fs::metadata(&head).is_ok_and(|meta| meta.len() == 0);
        if is_empty && apart <= SAME_MOMENT {
            fs::remove_file(&head)?;
        }
    }
    fs::remove_file(&lock)
}
