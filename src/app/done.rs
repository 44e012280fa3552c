//! The end of a task by the word of whoever holds it: proven by its checks on the tree of the caller,
//! handed in where the work stands in a worktree that was taken up, or overridden for a reason.
//!
//! Here and not among the operations, since it needs the tokens and the tree of a workspace; every
//! front end ends tasks by it.

use crate::app::error::AppError;
use crate::app::token::{self, TokenAsk};
use crate::app::workspace::Workspace;
use crate::domain::ids::TaskId;
use crate::domain::lease::Token;
use crate::domain::task::{Proof, Task};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::finish::{self, Changed, Ending, Right};
use crate::ops::lease::WorkBegun;
use crate::ops::refusal::Refusal;
use crate::ops::worktree::{self, Adoption};
use crate::ops::world::World;
use crate::ops::{cx, held_paths, lease, prove, tokens};
use crate::store::{Store, Tx};

/// A task that somebody says is done.
pub struct DoneAsk<'a> {
    /// The task; any unique prefix of its id.
    pub task: &'a str,
    /// The token as it was given by hand.
    pub lease: Option<&'a str>,
    /// The reason for an end without a passing verdict.
    pub overridden: Option<&'a str>,
}

/// What came of it.
pub struct DoneReport {
    /// The task as it stands now: done, or in review where it was handed in.
    pub task: Task,
    /// The short of the verdict, where the work was handed in.
    pub handed_in: Option<String>,
    /// What else whoever asked should know.
    pub warnings: Vec<String>,
}

/// Ends a task, or refuses and changes nothing.
pub fn end(
    workspace: &Workspace,
    world: &World,
    store: &mut dyn Store,
    ask: &DoneAsk<'_>,
) -> Result<DoneReport, AppError> {
    let id = store.read(|tx| -> Result<_, OpError> { cx::resolve(tx, ask.task) })?;
    let wanted = TokenAsk {
        subject: &id.subject(),
        flag: ask.lease,
        tried: "done",
    };
    let token = token::look(workspace, store, wanted)?;
    let right = token.as_ref().map_or(Right::Unclaimed, Right::Token);
    let cx = workspace.cx()?;
    if let (None, Some(token)) = (&ask.overridden, &token)
        && let Some(adoption) = worktree::of_epoch(&workspace.state_dir()?, &id, token.epoch)?
    {
        return hand_in(workspace, world, store, (token, &adoption));
    }
    let (proof, evidence, changed) = match ask.overridden {
        Some(reason) if reason.trim().is_empty() => {
            return Err(Refusal::no_reason(&format!("ai task done {id}")).into());
        }
        Some(reason) => (
            Proof::Overridden {
                reason: reason.to_owned(),
                by: cx.actor.clone(),
            },
            Vec::new(),
            overridden_change(workspace, (world, &cx), store, (&id, token.as_ref()))?,
        ),
        None => {
            let task = store.read(|tx| finish::may_end(tx, &cx, &id, &right))?;
            finish::may_judge(store, &cx, &task)?;
            let begun = store.read(|tx| begun(tx, &id))?;
            let proven = prove::here(world, &task, begun.as_ref())?;
            let changed = Changed {
                own: token::at_hand(workspace)?,
                ..proven.changed
            };
            (proven.proof, proven.evidence, Some(changed))
        }
    };
    let ending = Ending {
        right: &right,
        proof,
        evidence: &evidence,
        changed: changed.as_ref(),
    };
    let (task, warnings) = finish::done(store, &cx, &id, ending)?;
    if let Some(token) = &token {
        token::forget(workspace, token)?;
    }
    Ok(DoneReport {
        task,
        handed_in: None,
        warnings,
    })
}

/// The work of a worktree that was taken up goes the way of a run: it is judged, and waits for a
/// review.
fn hand_in(
    workspace: &Workspace,
    world: &World,
    store: &mut dyn Store,
    (token, adoption): (&Token, &Adoption),
) -> Result<DoneReport, AppError> {
    let kept = token::at_hand(workspace)?;
    let report = worktree::hand_in(world, store, (token, &kept), adoption)?;
    tokens::forget(&adoption.git_dir, token)?;
    Ok(DoneReport {
        task: report.task,
        handed_in: Some(report.summary),
        warnings: report.warnings,
    })
}

/// The work that is ended under an override, where it was claimed here and somebody else holds
/// paths: nothing else is asked about it.
fn overridden_change(
    workspace: &Workspace,
    (world, cx): (&World, &Cx),
    store: &mut dyn Store,
    (task, token): (&TaskId, Option<&Token>),
) -> Result<Option<Changed>, AppError> {
    let own = token::at_hand(workspace)?;
    let (others_hold, begun) = store.read(|tx| -> Result<_, OpError> {
        let others_hold = held_paths::any_of_others(tx, cx, task, &own)?;
        Ok((others_hold, begun(tx, task)?))
    })?;
    if token.is_none() || !others_hold {
        return Ok(None);
    }
    let changed = prove::change_here(world, begun.as_ref())?;
    Ok(changed.map(|changed| Changed { own, ..changed }))
}

/// The begin of the work of whoever holds the task.
fn begun(tx: &mut dyn Tx, task: &TaskId) -> Result<Option<WorkBegun>, OpError> {
    let lease = tx.lease(&task.subject())?;
    lease.map(|lease| lease::work_begun(tx, &lease)).transpose()
}
