//! Verifying the log: the chain of hashes, the numbering, and that the tables are the fold of it.

use crate::base::meter;
use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::domain::event_chain::CHAIN_START;
use crate::domain::{event_words, fold};
use crate::store::{EventFilter, Flow, ReplayedTables, StoreError, StoredEvent, Tx};

/// The result of a verification.
pub struct LogReport {
    /// Records read.
    pub events: u64,
    /// Hash of the newest record.
    pub head: String,
    /// The first thing that is wrong.
    pub fault: Option<String>,
}

/// Reads the whole log, follows its chain and replays it.
pub fn verify(tx: &mut dyn Tx) -> Result<LogReport, StoreError> {
    let (mut head, mut events, mut fault) = (CHAIN_START.to_owned(), 0, None);
    let mut tables = ReplayedTables::default();
    let work = meter::begin(
        "checking the log",
        usize::try_from(tx.last_event()?).unwrap_or(0),
    );
    tx.events(&EventFilter::default(), &mut |event| {
        work.step();
        fault = match check(&event, events + 1, &head) {
            None => replay(&mut tables, &event)?,
            broken => broken,
        };
        if fault.is_some() {
            return Ok(Flow::Stop);
        }
        events += 1;
        head = event.hash;
        Ok(Flow::More)
    })?;
    if fault.is_none() {
        fault = tables.difference(tx)?.map(|table| {
            format!(
                "the table `{table}` is not what the log says: something changed it without an event"
            )
        });
    }
    Ok(LogReport {
        events,
        head,
        fault,
    })
}

/// Returns the fault of a record that should stand at `seq` after the record with the hash `prev`.
pub(super) fn check(event: &StoredEvent, seq: u64, prev: &str) -> Option<String> {
    if event.seq != seq {
        return Some(format!("the log has a gap: record {seq} is missing"));
    }
    if event.prev != prev {
        return Some(format!(
            "the chain is broken at record {seq}: it does not follow the record before"
        ));
    }
    (event.hash != event.expected_hash())
        .then(|| format!("record {seq} was changed after it was written"))
}

/// Applies a record. Says what is wrong with it; what is wrong with the machine is an error.
fn replay(tables: &mut ReplayedTables, event: &StoredEvent) -> Result<Option<String>, StoreError> {
    match serde_json::from_str::<Event>(&event.body) {
        Ok(known) => fold::apply(tables, event.at_ms, &known).map(|()| None),
        Err(error) => Ok(Some(format!(
            "record {} cannot be read by this version: {error}",
            event.seq
        ))),
    }
}

/// A stored event as people read it.
pub struct LogLine {
    /// The person or program that acted, without its session.
    pub who: String,
    /// The task or lock that it is about, where it is about one.
    pub subject: Option<String>,
    /// The sentence.
    pub what: String,
}

impl LogLine {
    /// Reads a stored event. What this version cannot read is told as such.
    pub fn of(event: &StoredEvent) -> LogLine {
        let actor = serde_json::from_str::<Actor>(&event.actor);
        let known = serde_json::from_str::<Event>(&event.body).ok();
        LogLine {
            who: actor.map_or_else(|_| event.actor.clone(), |actor| actor.label()),
            subject: known
                .as_ref()
                .and_then(|known| known.subject().map(str::to_owned)),
            what: known.as_ref().map_or_else(
                || format!("{}: this version of `ai` cannot read it", event.kind),
                event_words::told,
            ),
        }
    }
}
