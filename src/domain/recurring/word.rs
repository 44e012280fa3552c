//! What was said and done about recurring work, as it is recorded, and how it stands by that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::text::counted;
use crate::domain::ids::TaskId;
use crate::domain::recurring::clock::MOST_COUNTED;
use crate::domain::recurring::due::RecurringSkip;
use crate::domain::time::WallMs;

/// A word on recurring work, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum RecurringWord {
    /// A person switched it on; its moments count from now.
    Enabled {
        /// The name.
        name: String,
        /// The schedule, and the place whose clock counts.
        clock: String,
    },
    /// A person switched it off.
    Disabled {
        /// The name.
        name: String,
    },
    /// The file has another schedule; its moments count from now.
    Rescheduled {
        /// The name.
        name: String,
        /// The schedule, and the place whose clock counts.
        clock: String,
    },
    /// A task was created.
    Fired {
        /// The name.
        name: String,
        /// The task.
        task: TaskId,
        /// The moment that it is for, in milliseconds since 1970; absent where somebody asked for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        due_ms: Option<WallMs>,
        /// Number of moments before it that were given up for it.
        #[serde(default, skip_serializing_if = "is_zero")]
        passed: u32,
    },
    /// A moment was passed over.
    Skipped {
        /// The name.
        name: String,
        /// The moment, in milliseconds since 1970.
        due_ms: WallMs,
        /// Number of moments before it that were passed over as well.
        #[serde(default, skip_serializing_if = "is_zero")]
        passed: u32,
        /// The reason.
        why: RecurringSkip,
    },
    /// A task was to be created, and was refused.
    Refused {
        /// The name.
        name: String,
        /// The moment that it was for, in milliseconds since 1970.
        due_ms: WallMs,
        /// The reason.
        why: String,
        /// The decision of the policy that waits for a yes, where one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<String>,
        /// True where the time before was refused for the same reason.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
}

impl RecurringWord {
    /// The name of the recurring work.
    pub fn name(&self) -> &str {
        match self {
            RecurringWord::Enabled { name, .. }
            | RecurringWord::Disabled { name }
            | RecurringWord::Rescheduled { name, .. }
            | RecurringWord::Fired { name, .. }
            | RecurringWord::Skipped { name, .. }
            | RecurringWord::Refused { name, .. } => name,
        }
    }

    /// The task that the word is about.
    pub fn task(&self) -> Option<&TaskId> {
        match self {
            RecurringWord::Fired { task, .. } => Some(task),
            RecurringWord::Enabled { .. }
            | RecurringWord::Disabled { .. }
            | RecurringWord::Rescheduled { .. }
            | RecurringWord::Skipped { .. }
            | RecurringWord::Refused { .. } => None,
        }
    }

    /// The sentence for people.
    pub fn told(&self) -> String {
        match self {
            RecurringWord::Enabled { name, clock } => {
                format!("switched recurring {name} on: {clock}")
            }
            RecurringWord::Disabled { name } => format!("switched recurring {name} off"),
            RecurringWord::Rescheduled { name, clock } => {
                format!("recurring {name} has another schedule and begins anew: {clock}")
            }
            RecurringWord::Fired {
                name, task, passed, ..
            } => format!(
                "recurring {name} created {task}{}",
                earlier(*passed, "instead of")
            ),
            RecurringWord::Skipped {
                name, passed, why, ..
            } => format!(
                "recurring {name} was passed over{}: {}",
                earlier(*passed, "with"),
                why.told()
            ),
            RecurringWord::Refused { name, why, .. } => {
                format!("recurring {name} could create no task: {why}")
            }
        }
    }
}

fn earlier(passed: u32, how: &str) -> String {
    match passed {
        0 => String::new(),
        n if n >= MOST_COUNTED => format!(" ({how} {n} or more missed times before)"),
        n => format!(" ({how} {} before)", counted(n, "missed time")),
    }
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// The state of being switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecurringSwitch {
    /// A person has switched it on.
    On,
    /// Nobody has, or somebody has switched it off.
    #[default]
    Off,
}

/// The standing of recurring work by the words on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecurringStanding {
    /// The state of being switched on.
    pub switch: RecurringSwitch,
    /// The time from which its moments count.
    pub began_ms: WallMs,
    /// Schedule and place, as they were then.
    pub clock: String,
    /// The newest moment that was dealt with since.
    pub last_ms: Option<WallMs>,
    /// The last task.
    pub task: Option<TaskId>,
    /// Tasks before it that were open when it was created.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<TaskId>,
    /// The last word on a moment, with the time at which it was said.
    pub last_word: Option<(WallMs, RecurringWord)>,
}

impl RecurringStanding {
    /// The moment for which a yes of people was wanted, with the decision that waits for it.
    pub fn asked(&self) -> Option<(WallMs, &str)> {
        match &self.last_word {
            Some((
                _,
                RecurringWord::Refused {
                    due_ms,
                    decision: Some(decision),
                    ..
                },
            )) => Some((*due_ms, decision)),
            _ => None,
        }
    }

    /// True where the clock of the machine stands before what was seen by it, so that nothing comes for long. A minute is
    /// what clocks are set by all the time.
    pub fn is_ahead_of(&self, now_ms: WallMs) -> bool {
        self.last_ms.unwrap_or(self.began_ms).max(self.began_ms) > now_ms.saturating_add(60_000)
    }

    /// True where the last time was refused for this reason as well. The decision that each names is its own.
    pub fn was_refused_so(&self, why: &str) -> bool {
        fn words(text: &str) -> impl Iterator<Item = &str> {
            let is_own = |word: &&str| word.starts_with("d-");
            let all = text.split([' ', ')', ',']);
            all.filter(move |word| !is_own(word))
        }
        let before = self.refused();
        before.is_some_and(|before| words(before).eq(words(why)))
    }

    /// The reason for which no task could be created the last time.
    pub fn refused(&self) -> Option<&str> {
        match &self.last_word {
            Some((_, RecurringWord::Refused { why, .. })) => Some(why),
            _ => None,
        }
    }

    fn begin(&mut self, at_ms: WallMs, clock: String) {
        (self.began_ms, self.clock) = (at_ms, clock);
        (self.last_ms, self.last_word) = (None, None);
    }

    fn see(&mut self, at_ms: WallMs, word: RecurringWord) {
        match &word {
            RecurringWord::Enabled { clock, .. } => {
                self.begin(at_ms, clock.clone());
                self.switch = RecurringSwitch::On;
                return;
            }
            RecurringWord::Disabled { .. } => {
                self.switch = RecurringSwitch::Off;
                return;
            }
            RecurringWord::Rescheduled { clock, .. } => {
                self.begin(at_ms, clock.clone());
                return;
            }
            RecurringWord::Fired { task, due_ms, .. } => {
                self.task = Some(task.clone());
                self.last_ms = self.last_ms.max(*due_ms);
            }
            RecurringWord::Skipped { due_ms, .. } | RecurringWord::Refused { due_ms, .. } => {
                self.last_ms = self.last_ms.max(Some(*due_ms));
            }
        }
        self.last_word = Some((at_ms, word));
    }
}

/// The standing of all recurring work.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RecurringMemory {
    by_name: BTreeMap<String, RecurringStanding>,
}

impl RecurringMemory {
    /// Takes in the next word.
    pub fn see(&mut self, at_ms: WallMs, word: RecurringWord) {
        let standing = self.by_name.entry(word.name().to_owned()).or_default();
        standing.see(at_ms, word);
    }

    /// Takes note of the tasks of a name that are open beside its last one.
    pub fn keep_open(&mut self, name: &str, before: Vec<TaskId>) {
        if let Some(standing) = self.by_name.get_mut(name) {
            standing.before = before;
        }
    }

    /// The standing of a name; that of one of which nobody has spoken where there is none.
    pub fn of(&self, name: &str) -> RecurringStanding {
        self.by_name.get(name).cloned().unwrap_or_default()
    }

    /// The names that are switched on.
    pub fn switched_on(&self) -> impl Iterator<Item = &str> {
        let on =
            |(_, standing): &(&String, &RecurringStanding)| standing.switch == RecurringSwitch::On;
        self.by_name
            .iter()
            .filter(on)
            .map(|(name, _)| name.as_str())
    }
}

#[cfg(test)]
#[path = "word_tables.rs"]
mod tables;
