//! The standing of recurring work: the log has every word on it, and the store remembers of itself how it stands after
//! the last, written in the same transaction, so that nobody reads a long log for it.
//!
//! A store that is made anew from its log has none: there, everything is off until somebody switches it on.

use crate::domain::event::Event;
use crate::domain::recurring::{RecurringMemory, RecurringWord};
use crate::ops::cx::Cx;
use crate::ops::error::{Kept as _, OpError};
use crate::store::{StoreError, Tx};

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
        memory.see(cx.now.wall_ms, *said);
    }
    let text = serde_json::to_string(memory).kept("the standing of recurring work")?;
    Ok(tx.set_meta(KEY, &text)?)
}
