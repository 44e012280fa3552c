//! Lock files that stay behind: who holds them, how old they are, and what to do.

use std::time::Duration;

use crate::base::text::path_bytes;
use crate::git::locks::{LockFile, LockMaker, lock_files};
use crate::ops::doctor::store::open_in;
use crate::ops::doctor::{Finding, Patient};
use crate::ops::landing::has_ended;
use crate::ops::refusal::seconds;

/// Git holds a lock for moments, but for one that waits for an editor.
const YOUNG: Duration = Duration::from_secs(10);

pub(super) fn look(patient: &Patient<'_>) -> Vec<Finding> {
    let found = lock_files(&patient.place.common_dir);
    found.iter().filter_map(finding).collect()
}

fn finding(lock: &LockFile) -> Option<Finding> {
    let path = path_bytes(lock.path.as_os_str().as_encoded_bytes());
    let age = seconds(i64::try_from(lock.age.as_millis()).unwrap_or(i64::MAX));
    match &lock.maker {
        LockMaker::Lander(name) if has_ended(name) => {
            let text = format!("{path}, {age} old, was left by an `ai accept` that was killed");
            return Some(
                Finding::warn("locks", text).next("`ai accept` of any task takes it away"),
            );
        }
        LockMaker::Lander(_) => return None,
        LockMaker::KilledSwap => {
            let text = format!("{path}, {age} old, was left by an `ai` that was killed");
            return Some(Finding::warn("locks", text).next("`ai recover` takes it away"));
        }
        LockMaker::Other => {}
    }
    if lock.age < YOUNG {
        return None;
    }
    let open = open_in(&lock.path);
    if !open.is_empty() {
        let text = format!("{path} is {age} old{open}");
        return Some(Finding::warn("locks", text).next("wait for that process, or end it"));
    }
    let text = format!("{path} is {age} old, and no process of yours has it open");
    let next = format!("rm {path}, unless a git command waits for an editor");
    Some(Finding::warn("locks", text).next(next))
}
