//! Takes in an export: a store without a history becomes the exported one, any other gets the tasks.

use std::io::BufRead;

use serde::Serialize;

use crate::domain::action::Action;
use crate::domain::ids::TaskId;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::import::{merge, reproduce};
use crate::ops::refusal::{OpError, Refusal};
use crate::store::{EventFilter, Flow, Store, StoreError, Tx};

/// The intent of an operation: to be done, or only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Say what would happen.
    DryRun,
    /// Do it.
    Apply,
}

/// The effect of an import that was done or tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Report {
    /// Id of the exported store.
    pub from: String,
    /// Events of the export.
    pub events: u64,
    /// True where this store was empty and is now the exported one.
    pub reproduced: bool,
    /// Tasks that are new here, by their id here; of a reproduced store only their number is told,
    /// in `tasks`.
    pub created: Vec<TaskId>,
    /// Those of them that got another id, since another task bears theirs here.
    pub renamed: Vec<Renamed>,
    /// Tasks that are here already, just the same.
    pub unchanged: Vec<TaskId>,
    /// Tasks that are here already, with other content: they are left as they are here.
    pub conflicts: Vec<TaskId>,
    /// Tasks in the export.
    pub tasks: u64,
}

/// A task that got another id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Renamed {
    /// Its id in the export.
    pub from: TaskId,
    /// Its id here.
    pub to: TaskId,
}

/// Takes in the export that `input` holds.
pub fn import(
    store: &mut dyn Store,
    cx: &Cx,
    input: &mut dyn BufRead,
    intent: Intent,
) -> Result<Report, OpError> {
    let mut found = None;
    let done = commit(store, cx, |tx, cx| {
        found = Some(bring(tx, cx, input)?);
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

fn bring(tx: &mut dyn Tx, cx: &Cx, input: &mut dyn BufRead) -> Result<Report, OpError> {
    let question = Question::about(Action::Import);
    if is_untouched(tx)? {
        // The log becomes that of the exported store, to the byte: the answer has no place in it.
        ask::look_ahead(tx, cx, &question)?;
        reproduce::reproduce(tx, input)
    } else {
        ask::or_refuse(tx, cx, question)?;
        merge::merge(tx, cx, input)
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
