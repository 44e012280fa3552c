//! Writing the whole store down as JSON Lines that lose nothing: a header, every record of the log
//! as it is stored, and the expiry of every lease, which no record holds. The tables are not
//! written: they are the fold of the log.
//!
//! Two exports of the same state are the same bytes. No secret is in them: of a lease token the
//! store keeps only a digest.

use serde::{Deserialize, Serialize};

use crate::base::meter;
use crate::domain::event_chain::CHAIN_START;
use crate::domain::ids::Subject;
use crate::domain::lease::Lease;
use crate::domain::time::{LeaseInstant, WallMs};
use crate::store::{EventFilter, Flow, StoreError, StoredEvent, Tx};

/// The name of this format in the header.
pub const FORMAT: &str = "ai-export";
/// The version of the format that is written, and the newest that is read.
pub const VERSION: u32 = 1;
/// The separator before the text of an event in its line. It cannot occur earlier: a quote inside a
/// JSON string is escaped.
pub const BODY: &str = ",\"body\":";

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// Id of the store.
    pub store: String,
    /// Number of lines with events that follow.
    pub events: u64,
    /// Number of lines with leases that follow them.
    pub leases: u64,
    /// Number of tasks that the events create.
    pub tasks: u64,
    /// Hash of the newest event.
    pub head: String,
}

/// An event's line, without the event itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventHead {
    /// Position.
    pub seq: u64,
    /// Time of the event, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// Stable kind name.
    pub kind: String,
    /// Hash of the record before.
    pub prev: String,
    /// Hash of this record.
    pub hash: String,
    /// The actor, as JSON.
    pub actor: serde_json::Value,
}

/// A lease's line: what heartbeats have moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeaseRow {
    /// About what.
    pub lease: Subject,
    /// The epoch of the grant.
    pub epoch: u64,
    /// Duration of a renewal, in milliseconds.
    pub ttl_ms: i64,
    /// Time of expiry on the lease clock.
    pub expires: LeaseInstant,
    /// The same instant for people.
    pub expires_ms: WallMs,
}

/// Gives the export a line at a time, without line ends. Returns its header, also where `each`
/// ended it early.
pub fn export(
    tx: &mut dyn Tx,
    each: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
) -> Result<Header, StoreError> {
    let leases = tx.leases()?;
    let header = header(tx, leases.len() as u64)?;
    let mut flow = each(&json(&header)?)?;
    if flow == Flow::More {
        let work = meter::begin(
            "writing the store down",
            usize::try_from(header.events).unwrap_or(0),
        );
        tx.events(&EventFilter::default(), &mut |event| {
            work.step();
            flow = each(&event_line(&event)?)?;
            Ok(flow)
        })?;
    }
    for lease in leases {
        if flow == Flow::More {
            flow = each(&json(&LeaseRow::of(lease))?)?;
        }
    }
    Ok(header)
}

impl LeaseRow {
    fn of(lease: Lease) -> LeaseRow {
        LeaseRow {
            lease: lease.subject,
            epoch: lease.epoch,
            ttl_ms: lease.ttl_ms,
            expires: lease.expires,
            expires_ms: lease.expires_ms,
        }
    }
}

fn header(tx: &mut dyn Tx, leases: u64) -> Result<Header, StoreError> {
    let (mut events, mut head) = (0, CHAIN_START.to_owned());
    tx.events(&EventFilter::default(), &mut |event| {
        events += 1;
        head = event.hash;
        Ok(Flow::More)
    })?;
    let store = tx.meta("store")?.unwrap_or_default();
    let tasks = tx.tally()?.into_iter().map(|(_, n)| n).sum();
    Ok(Header {
        format: FORMAT.into(),
        version: VERSION,
        store,
        events,
        leases,
        tasks,
        head,
    })
}

/// The text of the event is put in as it is stored: what was hashed must come back to the byte.
fn event_line(event: &StoredEvent) -> Result<String, StoreError> {
    let actor = serde_json::from_str(&event.actor)
        .map_err(|source| unwritable(format!("event {}", event.seq), source))?;
    let StoredEvent {
        seq,
        at_ms,
        kind,
        prev,
        hash,
        body,
        ..
    } = event.clone();
    let mut line = json(&EventHead {
        seq,
        at_ms,
        kind,
        prev,
        hash,
        actor,
    })?;
    line.pop();
    line.extend([BODY, &body, "}"]);
    Ok(line)
}

fn json<T: Serialize>(object: &T) -> Result<String, StoreError> {
    serde_json::to_string(object).map_err(|source| unwritable("export".to_owned(), source))
}

fn unwritable(row: String, source: serde_json::Error) -> StoreError {
    StoreError::Row {
        row,
        source: source.into(),
    }
}
