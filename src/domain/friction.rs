//! A friction: what got in somebody's way while working here, written down so that a later task can mend it.
//!
//! The log has every one, and what was said of it since; nothing else keeps them. A friction is closed by the task that
//! mends it, once that is done, or by a word with a reason.

use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;

/// The longest text of a friction, in bytes.
pub const LONGEST: usize = 4_000;

/// A friction as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Friction {
    /// The id, `f-…`.
    pub id: String,
    /// The text, in the words of whoever met it.
    pub text: String,
    /// Whoever met it.
    pub by: Actor,
    /// Time at which it was told, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// The task at which it was met, where it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The task that mends it, where somebody named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended_by: Option<TaskId>,
}

/// A word on a friction, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum FrictionWord {
    /// Somebody met it.
    Met {
        /// The friction.
        friction: Friction,
    },
    /// A task is to mend it.
    MendedBy {
        /// The id of the friction.
        id: String,
        /// The task.
        task: TaskId,
    },
    /// Nobody will mend it, or it is none any more.
    Dropped {
        /// The id of the friction.
        id: String,
        /// The reason.
        reason: String,
    },
}

impl FrictionWord {
    /// The sentence for people.
    pub fn told(&self) -> String {
        match self {
            FrictionWord::Met { friction } => {
                format!("friction {}: {}", friction.id, friction.text)
            }
            FrictionWord::MendedBy { id, task } => {
                format!("friction {id} is to be mended by {task}")
            }
            FrictionWord::Dropped { id, reason } => format!("dropped friction {id}: {reason}"),
        }
    }

    /// The task that the word is about.
    pub fn task(&self) -> Option<&TaskId> {
        match self {
            FrictionWord::Met { friction } => friction.task.as_ref(),
            FrictionWord::MendedBy { task, .. } => Some(task),
            FrictionWord::Dropped { .. } => None,
        }
    }
}

/// Frictions as the words on them follow one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frictions {
    all: Vec<Friction>,
}

impl Frictions {
    /// Takes in the next word. One about a friction that is not there changes nothing.
    pub fn see(&mut self, word: FrictionWord) {
        match word {
            FrictionWord::Met { friction } => self.all.push(friction),
            FrictionWord::MendedBy { id, task } => {
                let named = self.all.iter_mut().find(|one| one.id == id);
                if let Some(friction) = named {
                    friction.mended_by = Some(task);
                }
            }
            FrictionWord::Dropped { id, .. } => self.all.retain(|one| one.id != id),
        }
    }

    /// Those that nobody dropped, in the order in which they were met.
    pub fn in_order(self) -> Vec<Friction> {
        self.all
    }
}

#[cfg(test)]
#[path = "friction_tables.rs"]
mod tests;
