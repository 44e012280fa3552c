//! Verifying the log: the chain of hashes, the numbering, and that the tables are the fold of it.

use crate::domain::event::{CHAIN_START, Event, record_hash};
use crate::domain::fold;
use crate::store::memory::MemoryTables;
use crate::store::{EventFilter, Flow, StoreError, StoredEvent, Tx};

/// What a verification found.
pub struct Report {
    /// Records read.
    pub events: u64,
    /// Hash of the newest record.
    pub head: String,
    /// The first thing that is wrong.
    pub fault: Option<String>,
}

/// Reads the whole log, follows its chain and replays it.
pub fn verify(tx: &mut dyn Tx) -> Result<Report, StoreError> {
    let (mut head, mut events, mut fault) = (CHAIN_START.to_owned(), 0, None);
    let mut tables = MemoryTables::default();
    tx.events(&EventFilter::default(), &mut |event| {
        fault = check(&event, events + 1, &head).or_else(|| replay(&mut tables, &event));
        if fault.is_some() {
            return Ok(Flow::Stop);
        }
        events += 1;
        head = event.hash;
        Ok(Flow::More)
    })?;
    if fault.is_none() {
        fault = difference(tables.without_heartbeats(), MemoryTables::load(tx)?.without_heartbeats());
    }
    Ok(Report { events, head, fault })
}

/// What is wrong with a record that should stand at `seq` after the record with the hash `prev`.
pub(super) fn check(event: &StoredEvent, seq: u64, prev: &str) -> Option<String> {
    if event.seq != seq {
        return Some(format!("the log has a gap: record {seq} is missing"));
    }
    if event.prev != prev {
        return Some(format!("the chain is broken at record {seq}: it does not follow the record before"));
    }
    let expected = record_hash(&event.prev, event.seq, event.at_ms, &event.actor, &event.body);
    (event.hash != expected).then(|| format!("record {seq} was changed after it was written"))
}

fn replay(tables: &mut MemoryTables, event: &StoredEvent) -> Option<String> {
    match serde_json::from_str::<Event>(&event.body) {
        Ok(known) => match fold::apply(tables, event.at_ms, &known) {
            Ok(()) => None,
            Err(never) => match never {},
        },
        Err(error) => Some(format!("record {} cannot be read by this version: {error}", event.seq)),
    }
}

/// The first table in which the replay and the store differ.
fn difference(replayed: MemoryTables, stored: MemoryTables) -> Option<String> {
    let names = [
        ("task", replayed.tasks == stored.tasks),
        ("dep", replayed.deps == stored.deps),
        ("lease", replayed.leases == stored.leases),
        ("path_lock", replayed.locks == stored.locks),
        ("run", replayed.runs == stored.runs),
        ("evidence", replayed.evidence == stored.evidence),
        ("decision", replayed.decisions == stored.decisions),
    ];
    let (table, _) = names.into_iter().find(|(_, same)| !same)?;
    Some(format!("the table `{table}` is not what the log says: something changed it without an event"))
}

/// The fields of an event in one line for people, without its kind.
pub fn detail(body: &str) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(body) else { return String::new() };
    let shown = fields.iter().filter(|(name, _)| *name != "kind").map(|(name, value)| match value {
        serde_json::Value::String(text) => format!("{name}={text}"),
        serde_json::Value::Object(inner) => format!("{name}={}", summary(inner)),
        other => format!("{name}={other}"),
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// What a person recognises of a nested object.
fn summary(object: &serde_json::Map<String, serde_json::Value>) -> String {
    let known = ["id", "subject", "title", "action", "effect", "rule", "outcome", "name", "kind", "text", "reason"];
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parts: Vec<String> = known.iter().filter_map(|name| object.get(*name)).map(text).collect();
    format!("({})", parts.join(", "))
}
