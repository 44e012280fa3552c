//! News of what others write to the store, for a front end that shows what is there: it is told by the files that
//! each write changes, and looks only then.
//!
//! Invariants: nothing is looked at while nothing is written; many writes are one look; a write whose record is not
//! to be seen yet when it is told is looked for again, a few times. Absent: reading. Whoever is told reads the
//! position of the log, and the rest only if that has moved.

use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use crate::base::clock;
use crate::base::fs::DirWatch;
use crate::domain::daemon::UnsettledWrite;

/// Time between two looks where the system grants no watch.
const BLIND_MS: i64 = 1_000;
/// Longest time between two looks. What was not told, by another machine on a shared disk, is found by this one.
const BACKSTOP_MS: i64 = 30_000;

/// A source of news about one store.
pub struct StoreNews {
    watch: DirWatch,
    unsettled: Option<UnsettledWrite>,
    /// The time of the next look of which nobody has told.
    backstop_ms: i64,
}

impl StoreNews {
    /// News of the store in this state directory from now on.
    pub fn over(state: &Path) -> StoreNews {
        let mut news = StoreNews {
            watch: DirWatch::over(state),
            unsettled: None,
            backstop_ms: 0,
        };
        news.set_backstop(clock::boot_ms());
        news
    }

    /// The same with news of another directory that is shown beside it.
    pub fn and(self, dir: &Path) -> StoreNews {
        StoreNews {
            watch: self.watch.and(dir),
            ..self
        }
    }

    /// The descriptor that can be read once something was written; nothing where time alone tells.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.watch.descriptor()
    }

    /// The time of the next look, by the boot clock.
    pub fn next_ms(&self) -> i64 {
        let settled = self.unsettled.map(|write| write.next_ms());
        settled.map_or(self.backstop_ms, |at| at.min(self.backstop_ms))
    }

    /// Takes in what was told. Returns true if the position of the log should be looked at now.
    pub fn look_is_due(&mut self, now_ms: i64) -> bool {
        // A look that is still to come sees this write, too; were it put off, steady writers would hide everything.
        let is_fresh = |write: UnsettledWrite| write.is_fresh();
        if self.watch.take_in() && !self.unsettled.is_some_and(is_fresh) {
            self.unsettled = Some(UnsettledWrite::told_at(now_ms));
        }
        if self.next_ms() > now_ms {
            return false;
        }
        self.unsettled = match self.unsettled {
            Some(write) if write.next_ms() <= now_ms => write.tried(),
            other => other,
        };
        self.set_backstop(now_ms);
        true
    }

    /// Waits until the position of the log should be looked at.
    pub fn wait(&mut self) {
        loop {
            let now_ms = clock::boot_ms();
            if self.look_is_due(now_ms) {
                return;
            }
            let left = u64::try_from(self.next_ms() - now_ms).unwrap_or(0);
            self.watch.wait_for_news(Duration::from_millis(left));
        }
    }

    fn set_backstop(&mut self, now_ms: i64) {
        let after = if self.watch.descriptor().is_some() {
            BACKSTOP_MS
        } else {
            BLIND_MS
        };
        self.backstop_ms = now_ms + after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_writes_are_one_look_and_steady_writers_hide_nothing() {
        let temp = tempfile::tempdir().unwrap();
        let mut news = StoreNews::over(temp.path());
        let begun = news.next_ms() - BACKSTOP_MS;
        let write = || std::fs::write(temp.path().join("ai.db-wal"), "x").unwrap();
        assert!(!news.look_is_due(begun), "nothing was written");
        let mut looks = Vec::new();
        for ms in 0..60 {
            write();
            if news.look_is_due(begun + ms) {
                looks.push(ms);
            }
        }
        assert_eq!(looks, [20, 41]);
        let after = (60..30_000).filter(|ms| news.look_is_due(begun + ms));
        assert_eq!(after.collect::<Vec<_>>(), [62, 242, 1042, 5042]);
        assert!(news.look_is_due(begun + 5042 + BACKSTOP_MS));
    }

    #[test]
    fn a_write_ends_the_waiting() {
        let temp = tempfile::tempdir().unwrap();
        let mut news = StoreNews::over(temp.path());
        std::fs::write(temp.path().join("ai.db-wal"), "x").unwrap();
        // Were the write not seen, the backstop would end this test as one that hangs.
        news.backstop_ms = i64::MAX;
        news.wait();
    }
}
