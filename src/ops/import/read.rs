//! Reading an export: line by line, each checked before anything is made of it.

use crate::base::meter;
use crate::base::text::counted;
use std::io::BufRead;

use crate::base::fs::{self, BadLine, LineEnd};
use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::domain::event_chain::CHAIN_START;
use crate::ops::error::OpError;
use crate::ops::export::{BODY, EventHead, FORMAT, Header, LeaseRow, VERSION};
use crate::ops::log;
use crate::ops::refusal::{AnyError, Refusal};
use crate::store::{StoreError, StoredEvent};

/// Longest line: the largest task with room to spare.
const MAX_LINE: u64 = 16 << 20;

/// Reads a whole export and gives each event to `each`, in order. Returns the header and the
/// leases.
///
/// What is wrong with a line is refused with its number; so is what `each` refuses, and what the
/// store finds wrong with the row.
pub(super) fn read(
    input: &mut dyn BufRead,
    each: &mut dyn FnMut(&StoredEvent, &Event) -> Result<(), OpError>,
) -> Result<(Header, Vec<LeaseRow>), OpError> {
    let mut lines = InputLines { input, number: 0 };
    let header = header(&mut lines)?;
    let mut head = CHAIN_START.to_owned();
    let work = meter::begin(
        "reading the export",
        usize::try_from(header.events).unwrap_or(0),
    );
    for seq in 1..=header.events {
        let line = lines.expect(|| {
            format!(
                "the export ends after {} of {}",
                seq - 1,
                counted(header.events, "event")
            )
        })?;
        let (stored, event) = event_line(&line).map_err(|why| lines.wrong(why))?;
        if let Some(fault) = log::check(&stored, seq, &head) {
            return Err(lines.wrong(LineFault::Said(fault)));
        }
        each(&stored, &event).map_err(|error| lines.at_line(error))?;
        head = stored.hash;
        work.step();
    }
    if head != header.head {
        return Err(lines.wrong("the log does not end where the header says"));
    }
    let mut leases = Vec::new();
    for n in 0..header.leases {
        let line = lines.expect(|| {
            format!(
                "the export ends after {n} of {}",
                counted(header.leases, "lease")
            )
        })?;
        let lease = serde_json::from_str(&line).map_err(LineFault::NoLease);
        leases.push(lease.map_err(|why| lines.wrong(why))?);
    }
    match lines.next()? {
        None => Ok((header, leases)),
        Some(_) => Err(lines.wrong("there are more lines than the header says")),
    }
}

fn header(lines: &mut InputLines<'_>) -> Result<Header, OpError> {
    let line = lines.expect(|| "the export is empty".into())?;
    let header = serde_json::from_str(&line).map_err(LineFault::NoExport);
    let header: Header = header.map_err(|why| lines.wrong(why))?;
    if header.format != FORMAT {
        return Err(lines.wrong("this is no export of `ai`"));
    }
    if header.version > VERSION {
        let why = format!(
            "the export has version {}, and this `ai` reads up to {VERSION}",
            header.version
        );
        return Err(lines.wrong(LineFault::Said(why)));
    }
    Ok(header)
}

/// What is wrong with one line.
#[derive(Debug, thiserror::Error)]
enum LineFault {
    #[error("this is no export of `ai`: {0}")]
    NoExport(#[source] serde_json::Error),
    #[error("no event: {0}")]
    NoEvent(#[source] serde_json::Error),
    #[error("no actor: {0}")]
    NoActor(#[source] serde_json::Error),
    #[error("no lease: {0}")]
    NoLease(#[source] serde_json::Error),
    #[error("this version cannot read the event: {0}")]
    UnknownEvent(#[source] serde_json::Error),
    #[error(transparent)]
    Unreadable(#[from] BadLine),
    #[error("the store does not take it: {0}")]
    NotStored(#[source] AnyError),
    #[error("{0}")]
    BadRow(#[source] AnyError),
    #[error("{0}")]
    Said(String),
}

impl From<&str> for LineFault {
    fn from(why: &str) -> LineFault {
        LineFault::Said(why.to_owned())
    }
}

fn event_line(line: &str) -> Result<(StoredEvent, Event), LineFault> {
    let (head, body) = line
        .split_once(BODY)
        .and_then(|(head, rest)| Some((format!("{head}}}"), rest.strip_suffix('}')?)))
        .ok_or_else(|| LineFault::from("no event"))?;
    let head: EventHead = serde_json::from_str(&head).map_err(LineFault::NoEvent)?;
    let actor = head.actor.to_string();
    serde_json::from_str::<Actor>(&actor).map_err(LineFault::NoActor)?;
    let event: Event = serde_json::from_str(body).map_err(LineFault::UnknownEvent)?;
    if event.kind() != head.kind {
        return Err(LineFault::Said(format!(
            "the kind says {}, the event {}",
            head.kind,
            event.kind()
        )));
    }
    let EventHead {
        seq,
        at_ms,
        kind,
        prev,
        hash,
        ..
    } = head;
    Ok((
        StoredEvent {
            seq,
            at_ms,
            actor,
            kind,
            body: body.to_owned(),
            prev,
            hash,
        },
        event,
    ))
}

/// The lines of the input, counted.
struct InputLines<'a> {
    input: &'a mut dyn BufRead,
    number: u64,
}

impl InputLines<'_> {
    /// The next line without its end; nothing at the end of the input.
    fn next(&mut self) -> Result<Option<String>, OpError> {
        self.number += 1;
        match fs::read_line(self.input, MAX_LINE).map_err(|why| self.wrong(why))? {
            None => Ok(None),
            Some((line, LineEnd::There)) => Ok(Some(line)),
            Some((_, LineEnd::Missing)) => Err(self.wrong("it is cut off")),
        }
    }

    fn expect(&mut self, otherwise: impl FnOnce() -> String) -> Result<String, OpError> {
        match self.next()? {
            Some(line) => Ok(line),
            None => Err(self.wrong(LineFault::Said(otherwise()))),
        }
    }

    fn wrong(&self, why: impl Into<LineFault>) -> OpError {
        Refusal::Line {
            number: self.number,
            source: Box::new(why.into()),
        }
        .into()
    }

    /// An error about the line that was read last. What is wrong with the store or the disk is not
    /// the line's fault.
    fn at_line(&self, error: OpError) -> OpError {
        match error {
            OpError::Store(StoreError::Row { source, .. }) => self.wrong(LineFault::BadRow(source)),
            OpError::Store(StoreError::Backend(e)) => self.wrong(LineFault::NotStored(e)),
            other => other,
        }
    }
}
