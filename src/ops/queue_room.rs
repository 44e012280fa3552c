//! Room in the queue: as many tasks may wait as `scheduler.max_queue_size` says, and new ones beyond are
//! refused, whoever makes them. What goes back to the queue is not new, and always has a place.

use crate::base::text::counted;
use crate::domain::event::Event;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::store::{StoreError, Tx};

/// The states of tasks that wait for their turn.
const WAITING: [&str; 2] = ["queued", "blocked"];

/// The room before something is added.
pub(super) struct QueueRoom {
    /// The most that may wait, and how many do.
    bounds: Option<(u32, u64)>,
}

impl QueueRoom {
    /// Looks; without a limit, at nothing.
    pub(super) fn of(tx: &mut dyn Tx, cx: &Cx) -> Result<QueueRoom, StoreError> {
        let bounds = match cx.rules.max_queue_size {
            Some(limit) => Some((limit, waiting(tx)?)),
            None => None,
        };
        Ok(QueueRoom { bounds })
    }

    /// Refuses so many new tasks, where there is no room for all of them.
    pub(super) fn refuse_more(&self, more: usize) -> Result<(), OpError> {
        let more = u64::try_from(more).unwrap_or(u64::MAX);
        match self.bounds {
            Some((limit, waiting)) if waiting.saturating_add(more) > u64::from(limit) => {
                Err(full(limit, waiting, more))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what has been added since, where that is more than there was room for.
    pub(super) fn refuse_overfull(&self, tx: &mut dyn Tx) -> Result<(), OpError> {
        let Some((limit, before)) = self.bounds else {
            return Ok(());
        };
        let added = waiting(tx)?.saturating_sub(before);
        if added > 0 && before.saturating_add(added) > u64::from(limit) {
            return Err(full(limit, before, added));
        }
        Ok(())
    }
}

/// Counts the tasks that wait for their turn.
pub(super) fn waiting(tx: &mut dyn Tx) -> Result<u64, StoreError> {
    let counts = tx.tally()?.into_iter();
    let waiting = counts.filter(|(state, _)| WAITING.contains(&state.as_str()));
    Ok(waiting.map(|(_, count)| count).sum())
}

fn full(limit: u32, waiting: u64, more: u64) -> OpError {
    let why = Refusal::TryLater {
        why: format!(
            "the queue is full: {waiting} of at most {} wait, and {more} more {} no room; nothing was changed",
            counted(limit, "task"),
            if more == 1 { "has" } else { "have" },
        ),
        hint: "work some of it with `ai run --all`, give some up with `ai task cancel TASK`, or raise `scheduler.max_queue_size` in .ai/config.yaml".to_owned(),
    };
    let event = Event::QueueFull {
        waiting,
        limit,
        refused: more,
    };
    OpError::recorded(why, vec![event])
}
