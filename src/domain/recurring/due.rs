//! The decision whether recurring work is due: a function of its clock, of what was done before, and of now.
//!
//! Each moment is dealt with once: work is created for it, or it is passed over for a reason. A clock that is set
//! back makes none of them come again.

use serde::{Deserialize, Serialize};

use crate::domain::ids::TaskId;
use crate::domain::recurring::clock::RecurringClock;
use crate::domain::time::WallMs;

/// A moment that is older than this was missed, for who catches nothing up: whoever looks every few minutes is in time.
pub const PUNCTUAL_MS: i64 = 10 * 60_000;
/// Most moments for which work is created after the fact, where all are caught up.
pub const MOST_CAUGHT_UP: usize = 10;

/// Conduct while the last task of the same name is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverlapRule {
    /// The moment is passed over.
    #[default]
    Skip,
    /// Another task is created, which waits its turn in the queue.
    Queue,
}

/// Conduct with moments at which nobody looked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CatchUpRule {
    /// Nothing is created for them.
    None,
    /// One task is created for all of them.
    #[default]
    Last,
    /// A task is created for each, for the ten newest at most.
    All,
}

/// The rules of recurring work beside its clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecurringRules {
    /// Conduct while the last task is open.
    pub overlap: OverlapRule,
    /// Conduct with what was missed.
    pub catch_up: CatchUpRule,
}

/// Everything that the decision is made of, beside clock and rules.
#[derive(Debug, Clone, Copy)]
pub struct DueSight<'a> {
    /// Now.
    pub now_ms: WallMs,
    /// The time from which moments count.
    pub began_ms: WallMs,
    /// The newest moment that was dealt with.
    pub last_ms: Option<WallMs>,
    /// The last task, while it is neither done nor given up.
    pub open: Option<&'a TaskId>,
    /// The moment for which policy wanted a yes, where nobody has said no.
    pub asked: Option<AskedMoment>,
}

/// A moment about which people were asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskedMoment {
    /// Enough people have said yes.
    Approved {
        /// The moment.
        at_ms: WallMs,
    },
    /// Nobody has answered, or not enough of them.
    Waits {
        /// The time at which the question lapses.
        until_ms: WallMs,
    },
}

/// The reason for which a moment is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum RecurringSkip {
    /// The last task is still open.
    StillOpen {
        /// The task.
        task: TaskId,
    },
    /// Nobody looked when it was due, and nothing is to be caught up.
    Missed,
}

impl RecurringSkip {
    /// The reason in words, as they follow on "passed over:".
    pub fn told(&self) -> String {
        match self {
            RecurringSkip::StillOpen { task } => format!("{task} is still open"),
            RecurringSkip::Missed => "nobody looked when it was due".to_owned(),
        }
    }
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecurringDue {
    /// Nothing is due before this time; nothing at all any more where it is absent.
    NotYet(Option<WallMs>),
    /// Create a task.
    Fire {
        /// The moment that it is for.
        at_ms: WallMs,
        /// Number of moments before it that are given up for it.
        passed: u32,
    },
    /// Create none.
    Skip {
        /// The newest moment that is passed over.
        at_ms: WallMs,
        /// Number of moments before it that are passed over as well.
        passed: u32,
        /// The reason.
        why: RecurringSkip,
    },
}

/// Decides.
pub fn due(clock: &RecurringClock, rules: RecurringRules, sight: &DueSight<'_>) -> RecurringDue {
    let DueSight {
        now_ms, began_ms, ..
    } = *sight;
    let after_ms = sight.last_ms.unwrap_or(began_ms).max(began_ms);
    match sight.asked {
        Some(AskedMoment::Approved { at_ms }) => return RecurringDue::Fire { at_ms, passed: 0 },
        // One question at a time: another one would have the answer to the first go nowhere.
        Some(AskedMoment::Waits { until_ms }) if now_ms < until_ms => {
            return RecurringDue::NotYet(Some(until_ms));
        }
        Some(AskedMoment::Waits { .. }) | None => {}
    }
    let Some(newest) = clock.newest(began_ms, (after_ms, now_ms)) else {
        return RecurringDue::NotYet(clock.next_after(began_ms, after_ms.max(now_ms)));
    };
    let passed_before = |at_ms| clock.count(began_ms, (after_ms, at_ms));
    let skip = |why| RecurringDue::Skip {
        at_ms: newest,
        passed: passed_before(newest),
        why,
    };
    if let (OverlapRule::Skip, Some(task)) = (rules.overlap, sight.open) {
        return skip(RecurringSkip::StillOpen { task: task.clone() });
    }
    let at_ms = match rules.catch_up {
        CatchUpRule::None if now_ms - newest > PUNCTUAL_MS => return skip(RecurringSkip::Missed),
        CatchUpRule::None | CatchUpRule::Last => newest,
        CatchUpRule::All => {
            let mut oldest = newest;
            for _ in 1..MOST_CAUGHT_UP {
                match clock.newest(began_ms, (after_ms, oldest - 1)) {
                    Some(before) => oldest = before,
                    None => break,
                }
            }
            oldest
        }
    };
    RecurringDue::Fire {
        at_ms,
        passed: passed_before(at_ms),
    }
}

#[cfg(test)]
#[path = "due_tables.rs"]
mod tables;
