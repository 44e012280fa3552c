//! What a holder does with a lease: heartbeat, checkpoint, release, hand over. Every one of them
//! presents the token.

use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::eligibility::UnmetDemand;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::lease::{self, Lease, OTHER_HOLDER, ShownToken, Stale, Token};
use crate::domain::task::Task;
use crate::domain::task_rules::TaskAct;
use crate::domain::time::WallMs;
use crate::ops::ask::{self, Question};
use crate::ops::claim::{Claimed, new_lease};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::fit;
use crate::ops::fitness::{AgentRoster, Fitness};
use crate::ops::mutant;
use crate::ops::refusal::Refusal;
use crate::store::{EventFilter, Flow, Store, Tx};

/// The lease that `token` opens, or a refusal that is recorded and says who holds the subject now.
pub fn fenced(tx: &mut dyn Tx, cx: &Cx, token: &Token, tried: &str) -> Result<Lease, OpError> {
    let lease = tx.lease(&token.subject)?;
    match lease::fence(lease.as_ref(), token, &cx.now) {
        Ok(()) => {}
        Err(_) if mutant::skips_fence() => {}
        Err(why) => return Err(lost(cx, lease.as_ref(), token, why, tried)),
    }
    lease.ok_or_else(|| lost(cx, None, token, Stale::NoLease, tried))
}

/// The grant with which the holder of a lease began to work on its task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkBegun {
    /// Its time, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// The commit at which HEAD of the holder's checkout was, where that is known.
    pub head: Option<String>,
}

impl WorkBegun {
    fn of(lease: &Lease) -> WorkBegun {
        WorkBegun {
            at_ms: lease.granted_ms,
            head: lease.head.clone(),
        }
    }
}

/// The begin of the work of the holder of a lease: the first grant to it since the task was created or
/// opened again. Who gives a task back and claims it anew has not begun anew.
pub fn work_begun(tx: &mut dyn Tx, lease: &Lease) -> Result<WorkBegun, OpError> {
    let filter = EventFilter {
        subject: Some(lease.subject.to_string()),
        ..EventFilter::default()
    };
    let mut begun: Option<WorkBegun> = None;
    tx.events(&filter, &mut |stored| {
        match stored.kind.as_str() {
            "task.reopened" => begun = None,
            "lease.granted" => {
                if let Ok(Event::LeaseGranted { lease: granted, .. }) =
                    serde_json::from_str(&stored.body)
                    && granted.holder.label() == lease.holder.label()
                {
                    begun.get_or_insert_with(|| WorkBegun::of(&granted));
                }
            }
            _ => {}
        }
        Ok(Flow::More)
    })?;
    Ok(begun.unwrap_or_else(|| WorkBegun::of(lease)))
}

fn lost(cx: &Cx, lease: Option<&Lease>, token: &Token, why: Stale, tried: &str) -> OpError {
    let holder = lease
        .filter(|l| l.binds(&cx.now))
        .map(|l| l.holder.to_string());
    let event = Event::StaleRefused {
        subject: token.subject.clone(),
        epoch: token.epoch,
        tried: tried.to_owned(),
        why: why.word().to_owned(),
    };
    OpError::recorded(
        Refusal::LeaseLost {
            subject: token.subject.to_string(),
            why,
            holder,
        },
        vec![event],
    )
}

/// Refuses a token of a lease that somebody else holds, and records who showed it. A grant never
/// changes its holder, so this need not be asked in the transaction in which the token then serves.
pub fn refuse_foreign(
    store: &mut dyn Store,
    cx: &Cx,
    shown: &ShownToken,
    tried: &str,
) -> Result<(), OpError> {
    let lease = store.read(|tx| tx.lease(&shown.token.subject))?;
    match foreign(cx, shown, lease.as_ref(), tried) {
        Some(refused) => commit(store, cx, |_, _| Err(refused)),
        None => Ok(()),
    }
}

/// The refusal of a token that is somebody else's, with its record.
pub(crate) fn foreign(
    cx: &Cx,
    shown: &ShownToken,
    lease: Option<&Lease>,
    tried: &str,
) -> Option<OpError> {
    let holder = shown.foreign_to(&cx.actor, lease)?;
    let subject = &shown.token.subject;
    let event = Event::StaleRefused {
        subject: subject.clone(),
        epoch: shown.token.epoch,
        tried: tried.to_owned(),
        why: OTHER_HOLDER.to_owned(),
    };
    let why = Refusal::OtherHolder {
        subject: subject.to_string(),
        holder: holder.to_string(),
        actor: cx.actor.to_string(),
    };
    Some(OpError::recorded(why, vec![event]))
}

/// Renews a lease, for `ttl_ms` where given. Writes one row and no event.
pub fn heartbeat(
    tx: &mut dyn Tx,
    cx: &Cx,
    token: &Token,
    ttl_ms: Option<i64>,
) -> Result<Lease, OpError> {
    let lease = fenced(tx, cx, token, "heartbeat")?;
    let renewed = lease.renewed_for(&cx.now, ttl_ms.unwrap_or(lease.ttl_ms));
    tx.put_lease(&renewed)?;
    Ok(renewed)
}

/// Leaves word for a stranger, and renews.
pub fn checkpoint(
    tx: &mut dyn Tx,
    cx: &Cx,
    token: &Token,
    next_step: String,
) -> Result<Lease, OpError> {
    let lease = heartbeat(tx, cx, token, None)?;
    let task = task_of(token)?;
    cx.record(
        tx,
        &Event::Checkpoint {
            task,
            epoch: token.epoch,
            next_step,
        },
    )?;
    Ok(lease)
}

/// Gives a task back to the queue.
pub fn release(
    tx: &mut dyn Tx,
    cx: &Cx,
    token: &Token,
    next_step: Option<String>,
) -> Result<(), OpError> {
    let lease = fenced(tx, cx, token, "release")?;
    if let Some(task) = token.subject.task() {
        refuse_running(tx, &task)?;
        let task = cx::load(tx, &task)?;
        ask::or_refuse(tx, cx, Question::on_task(Action::TaskRelease, &task))?;
    }
    cx.record(
        tx,
        &Event::LeaseReleased {
            subject: lease.subject,
            epoch: lease.epoch,
            next_step,
        },
    )
}

/// Hands a task over: the old lease ends and the new holder's begins in one transaction, so that
/// nobody can step between.
pub fn handoff(
    tx: &mut dyn Tx,
    cx: &Cx,
    token: &Token,
    to: Actor,
    next_step: Option<String>,
) -> Result<Claimed, OpError> {
    let lease = fenced(tx, cx, token, "handoff")?;
    let id = task_of(token)?;
    refuse_running(tx, &id)?;
    let locks = tx.locks(&token.subject)?;
    cx.record(
        tx,
        &Event::LeaseReleased {
            subject: lease.subject,
            epoch: lease.epoch,
            next_step,
        },
    )?;
    let task = cx::load(tx, &id)?;
    let receiver = Cx {
        actor: to,
        ..cx.clone()
    };
    let mut warnings = ask::or_refuse(tx, &receiver, Question::on_task(Action::TaskClaim, &task))?;
    let roster = AgentRoster::read(&receiver)?;
    if let Some(why) = Fitness::of(tx, &receiver, &roster)?.unmet(&task) {
        warnings.push(by_a_persons_word(cx, &receiver.actor, &task, why)?);
    }
    let (lease, token) = new_lease(
        &receiver,
        token.subject.clone(),
        task.epoch + 1,
        lease.ttl_ms,
    );
    cx.record(
        tx,
        &Event::LeaseGranted {
            lease: lease.clone(),
            locks,
        },
    )?;
    Ok(Claimed {
        task: cx::load(tx, &id)?,
        lease,
        token,
        warnings,
    })
}

/// The warning about a receiver for whom the task does not ask: a person may name anybody, an agent
/// hands over to nobody who could not have claimed.
fn by_a_persons_word(
    cx: &Cx,
    receiver: &Actor,
    task: &Task,
    why: UnmetDemand,
) -> Result<String, OpError> {
    if cx.actor.kind == ActorKind::Human {
        return Ok(format!(
            "{} was named all the same: {why}",
            receiver.label()
        ));
    }
    Err(Refusal::UnmetDemand {
        task: task.id.clone(),
        actor: receiver.label(),
        why,
    }
    .into())
}

/// Gives a task up as failed.
pub fn fail(tx: &mut dyn Tx, cx: &Cx, token: &Token, reason: String) -> Result<(), OpError> {
    fenced(tx, cx, token, "fail")?;
    let task = task_of(token)?;
    refuse_running(tx, &task)?;
    cx.record(tx, &Event::TaskFailed { task, reason })
}

fn task_of(token: &Token) -> Result<TaskId, OpError> {
    let lock = &token.subject;
    let not_a_task = || Refusal::Unclear {
        why: format!("{lock} is a lock, not a task"),
        hint: format!("`ai lock release {lock}` gives it back"),
    };
    Ok(token.subject.task().ok_or_else(not_a_task)?)
}

/// A run gives its lease back itself when it ends.
fn refuse_running(tx: &mut dyn Tx, id: &TaskId) -> Result<(), OpError> {
    let task = cx::load(tx, id)?;
    fit::require(TaskAct::GiveBack, &task)
}
