//! What becomes of a task whose run was cut off before its verdict. The attempt is never to blame;
//! what is cut off again and again waits for a person all the same.

use crate::base::text::counted;
use crate::domain::event::{AttemptCount, FollowUp};
use crate::domain::task::{BlockReason, Hold, Note};
use crate::domain::time::WallMs;

/// Whose doing it was that a run was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOffBy {
    /// A person stopped it.
    Person,
    /// The machine, or nobody knows.
    Machine,
}

/// A run that was cut off, as far as that decides what becomes of its task.
#[derive(Debug, Clone, Copy)]
pub struct CutOff<'a> {
    /// Whose doing it was.
    pub by: CutOffBy,
    /// Lapses of the task in a row before this one.
    pub lapses: u32,
    /// Lapses in a row before a task waits for a person.
    pub max_lapses: u32,
    /// The event in words.
    pub summary: &'a str,
}

impl CutOff<'_> {
    /// Decides what becomes of the task. `note` is for whoever goes on.
    pub fn after(&self, now_ms: WallMs, note: Option<Note>) -> FollowUp {
        let attempt = match self.by {
            CutOffBy::Person => AttemptCount::Free,
            CutOffBy::Machine => AttemptCount::Lapse,
        };
        let lapses = self.lapses.saturating_add(1);
        if attempt == AttemptCount::Lapse && lapses >= self.max_lapses {
            let reason = format!(
                "its runs were cut off {} in a row; the last: {}",
                counted(lapses, "time"),
                self.summary
            );
            let hold = Hold {
                kind: BlockReason::Parked,
                reason,
                since_ms: now_ms,
            };
            return FollowUp::Hold { hold, attempt };
        }
        FollowUp::Requeue {
            attempt,
            not_before_ms: None,
            note,
        }
    }
}

#[cfg(test)]
#[path = "cut_off_tests.rs"]
mod tests;
