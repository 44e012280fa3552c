//! Takes in an export: a store without a history becomes the exported one, any other gets the tasks.

use std::io::BufRead;

use crate::domain::action::Action;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::OpError;
use crate::ops::import::{ImportReport, merge, reproduce};
use crate::ops::queue_room::QueueRoom;
use crate::ops::refusal::Refusal;
use crate::store::{EventFilter, Flow, Store, StoreError, Tx};

/// The intent of an operation: to be done, or only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Say what would happen.
    DryRun,
    /// Do it.
    Apply,
}

/// Takes in the export that `input` holds.
pub fn import(
    store: &mut dyn Store,
    cx: &Cx,
    input: &mut dyn BufRead,
    intent: Intent,
) -> Result<ImportReport, OpError> {
    let mut found = None;
    let done = commit(store, cx, |tx, cx| {
        found = Some(bring(tx, cx, input, intent)?);
        match intent {
            Intent::Apply => Ok(()),
            // Refused, so that the transaction is undone.
            Intent::DryRun => Err(Refusal::Invalid("only tried".into()).into()),
        }
    });
    match (found, done) {
        (Some(report), Ok(())) => Ok(report),
        (Some(report), Err(OpError::Refused(_))) if intent == Intent::DryRun => Ok(report),
        (_, Err(error)) => Err(error),
        // A transaction that succeeded has found something.
        (None, Ok(())) => Err(OpError::internal("the import left no report")),
    }
}

fn bring(
    tx: &mut dyn Tx,
    cx: &Cx,
    input: &mut dyn BufRead,
    intent: Intent,
) -> Result<ImportReport, OpError> {
    let question = Question::about(Action::Import);
    if is_untouched(tx)? {
        // The log becomes that of the exported store, to the byte: the answer has no place in it.
        ask::look_ahead(tx, cx, &question)?;
        reproduce::reproduce(tx, input)
    } else {
        ask::or_refuse(tx, cx, question)?;
        let room = QueueRoom::of(tx, cx)?;
        let report = merge::merge(tx, cx, input)?;
        match (room.refuse_overfull(tx), intent) {
            (Ok(()), _) => Ok(report),
            (Err(full), Intent::Apply) => Err(full),
            // Trying leaves no record.
            (Err(full), Intent::DryRun) => Err(full.unrecorded()),
        }
    }
}

/// True where nothing has happened in this store but its creation.
fn is_untouched(tx: &mut dyn Tx) -> Result<bool, StoreError> {
    let (mut untouched, mut seen) = (true, 0);
    tx.events(&EventFilter::default(), &mut |event| {
        seen += 1;
        untouched = seen == 1 && event.seq == 1 && event.kind == "store.created";
        Ok(if untouched { Flow::More } else { Flow::Stop })
    })?;
    Ok(untouched)
}
