//! The standing of recurring work: the log has every word on it, and the store remembers of itself how it stands after
//! the last, written in the same transaction, so that nobody reads a long log for it.
//!
//! A store that is made anew from its log has none: there, everything is off until somebody switches it on.

use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::recurring::{RecurringMemory, RecurringStanding, RecurringWord};
use crate::domain::task::TaskState;
use crate::ops::cx::Cx;
use crate::ops::error::{Kept as _, OpError};
use crate::store::{StoreError, Tx};

/// Open tasks of a name that are remembered beside its last one.
const MOST_OPEN: usize = 32;
/// The place in the store's memory.
const KEY: &str = "recurring";

/// The standing as of now. One that cannot be read is that of a store where everything is off.
pub fn memory(tx: &mut dyn Tx) -> Result<RecurringMemory, StoreError> {
    let text = tx.meta(KEY)?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Records a word, and how it stands after it.
pub(super) fn say(
    tx: &mut dyn Tx,
    cx: &Cx,
    memory: &mut RecurringMemory,
    word: RecurringWord,
) -> Result<(), OpError> {
    let said = Box::new(word);
    let event = Event::RecurringTold { said };
    // Without the secrets that stand in it.
    let event = cx.scrub.event(&event).unwrap_or(event);
    cx.record(tx, &event)?;
    if let Event::RecurringTold { said } = event {
        let standing = memory.of(said.name());
        let is_new = matches!(*said, RecurringWord::Fired { .. });
        let (name, now_ms) = (said.name().to_owned(), cx.now.wall_ms);
        memory.see(now_ms, *said);
        if is_new {
            let mut open = open_tasks(tx, &standing)?;
            let surplus = open.len().saturating_sub(MOST_OPEN);
            open.drain(..surplus);
            memory.keep_open(&name, open);
        }
    }
    let text = serde_json::to_string(memory).kept("the standing of recurring work")?;
    Ok(tx.set_meta(KEY, &text)?)
}

/// The tasks of a name that are neither done nor given up, the newest last.
pub(super) fn open_tasks(
    tx: &mut dyn Tx,
    standing: &RecurringStanding,
) -> Result<Vec<TaskId>, StoreError> {
    let mut open = Vec::new();
    for id in standing.before.iter().chain(&standing.task) {
        let task = tx.task(id)?;
        let is_open = task.is_some_and(|task| {
            !task.state.is_final() && !matches!(task.state, TaskState::Failed { .. })
        });
        if is_open {
            open.push(id.clone());
        }
    }
    Ok(open)
}
