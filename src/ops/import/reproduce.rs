//! Making an untouched store the exported one: the same log, and tables that are its fold.

use std::io::BufRead;

use crate::domain::lease::Lease;
use crate::ops::error::OpError;
use crate::ops::export::{Header, LeaseRow};
use crate::ops::import::{ImportReport, read};
use crate::ops::refusal::Refusal;
use crate::store::Tx;

/// Replaces the log of a store in which nothing has happened.
pub(super) fn reproduce(tx: &mut dyn Tx, input: &mut dyn BufRead) -> Result<ImportReport, OpError> {
    tx.forget_creation()?;
    let (header, leases) = read::read(input, &mut |stored, _| Ok(tx.import_event(stored)?))?;
    let granted = tx.leases()?;
    if granted.len() != leases.len() {
        return Err(wrong("its leases are not those of its log"));
    }
    for (lease, row) in granted.into_iter().zip(leases) {
        tx.put_lease(&moved(lease, row)?)?;
    }
    let tasks = tx.tally()?.into_iter().map(|(_, n)| n).sum();
    if tasks != header.tasks {
        return Err(wrong(
            "its log does not make as many tasks as the header says",
        ));
    }
    tx.set_meta("store", &header.store)?;
    let Header { store, events, .. } = header;
    Ok(ImportReport {
        from: store,
        events,
        tasks,
        reproduced: true,
        ..ImportReport::default()
    })
}

/// The lease as heartbeats left it.
fn moved(lease: Lease, row: LeaseRow) -> Result<Lease, OpError> {
    if row.lease != lease.subject || row.epoch != lease.epoch {
        return Err(wrong(&format!(
            "the lease on {} is not in its log",
            row.lease
        )));
    }
    Ok(Lease {
        ttl_ms: row.ttl_ms,
        expires: row.expires,
        expires_ms: row.expires_ms,
        ..lease
    })
}

fn wrong(why: &str) -> OpError {
    Refusal::Unclear {
        why: format!("the export does not fit together: {why}; nothing was imported"),
        hint: "make the export again where it came from, by `ai export FILE`".into(),
    }
    .into()
}
