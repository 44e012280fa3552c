//! What becomes of a task whose run was cut off before its verdict. The attempt is never to blame;
//! what is cut off again and again waits for a person all the same. A run whose supervisor stood
//! still, as on a machine that slept, costs its task not even a lapse: only a long row of them is
//! no accident any more.

use serde::{Deserialize, Serialize};

use crate::base::text::counted;
use crate::domain::event::{AttemptCount, FollowUp};
use crate::domain::task::{BlockReason, Hold, Note};
use crate::domain::time::WallMs;

/// So many times the lapses after which a task waits for a person, runs may stand still in a row.
pub const STANDSTILLS_PER_LAPSE: u32 = 10;

/// Whose doing it was that a run was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CutOffBy {
    /// A person stopped it.
    Person,
    /// The machine, or nobody knows.
    Machine,
    /// The supervisor stood still until the lease was over: the machine slept, or somebody stopped its processes.
    Standstill,
}

/// The number of times that a task was cut off before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOffCounts {
    /// Lapses of the task in a row before this one.
    pub lapses: u32,
    /// Runs of the task in a row that stood still before this one.
    pub standstills: u32,
}

/// A run that was cut off, as far as that decides what becomes of its task.
#[derive(Debug, Clone, Copy)]
pub struct CutOff<'a> {
    /// Whose doing it was.
    pub by: CutOffBy,
    /// The times before.
    pub before: CutOffCounts,
    /// Lapses in a row before a task waits for a person.
    pub max_lapses: u32,
    /// The event in words.
    pub summary: &'a str,
}

impl CutOff<'_> {
    /// Decides what becomes of the task. `note` is for whoever goes on.
    pub fn after(&self, now_ms: WallMs, note: Option<Note>) -> FollowUp {
        let (attempt, too_often) = match self.by {
            CutOffBy::Person => (AttemptCount::Free, None),
            CutOffBy::Machine => {
                let lapses = self.before.lapses.saturating_add(1);
                let is_too_often = lapses >= self.max_lapses;
                (
                    AttemptCount::Lapse,
                    is_too_often.then_some(("were cut off", lapses)),
                )
            }
            CutOffBy::Standstill => {
                let stood = self.before.standstills.saturating_add(1);
                let most = self.max_lapses.max(1).saturating_mul(STANDSTILLS_PER_LAPSE);
                // Whoever lets the task go on after that gives it as many again.
                let is_too_often = stood.is_multiple_of(most);
                (
                    AttemptCount::Free,
                    is_too_often.then_some(("stood still", stood)),
                )
            }
        };
        if let Some((what, times)) = too_often {
            let reason = format!(
                "its runs {what} {} in a row; the last: {}",
                counted(times, "time"),
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

/// True where somebody who has to renew a lease of length `ttl_ms` has slept for so long that it could not hold: two
/// thirds of it are over, after which the command is ended.
pub fn is_standstill(slept_ms: i64, ttl_ms: i64) -> bool {
    slept_ms.saturating_mul(3) >= ttl_ms.saturating_mul(2)
}

#[cfg(test)]
#[path = "cut_off_tests.rs"]
mod tests;
