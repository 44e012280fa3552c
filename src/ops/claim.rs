//! Claiming: task, path locks, lease and event in one transaction, or nothing.

use crate::base::id;
use crate::base::text::counted;
use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::event::{Event, HeldLock};
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::{Lease, LeaseLiveness, Token};
use crate::domain::task::{BlockReason, Hold, Task, TaskState};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::{mutant, patterns};
use crate::store::{Store, Tx};

/// A granted claim.
#[derive(Debug)]
pub struct Claimed {
    /// The task as it stands now.
    pub task: Task,
    /// The lease.
    pub lease: Lease,
    /// The proof of it.
    pub token: Token,
    /// Warnings of the policy.
    pub warnings: Vec<String>,
}

/// The choice of a task to claim.
#[derive(Clone, Debug)]
pub enum Which {
    /// This one.
    Task(String),
    /// The most urgent ready one whose paths are free.
    Next,
}

/// Claims a task for `ttl_ms` in one transaction.
pub fn run(store: &mut dyn Store, cx: &Cx, which: &Which, ttl_ms: i64) -> Result<Claimed, OpError> {
    if mutant::reads_then_claims() {
        let (task, locks) = store.read(|tx| pick(tx, cx, which))?;
        return commit(store, cx, |tx, cx| grant(tx, cx, task, locks, ttl_ms));
    }
    commit(store, cx, |tx, cx| {
        let lapsed = take_all_lapsed(tx, cx, which)?;
        match take(tx, cx, which, ttl_ms) {
            // What has lapsed has lapsed, whether or not this claim gets anything. Otherwise a task
            // that lapsed too often would never be seen as parked: the very claim that parks it is
            // refused.
            Err(OpError::Refused(refused)) if lapsed == Lapsed::Some => {
                refused
                    .record
                    .iter()
                    .try_for_each(|event| cx.record(tx, event))?;
                Ok(Err(refused.why))
            }
            other => other.map(Ok),
        }
    })?
    .map_err(OpError::from)
}

/// Claims a task for `ttl_ms`. A refusal undoes the lapses that were found on the way, unless the
/// caller commits them.
pub fn claim(tx: &mut dyn Tx, cx: &Cx, which: &Which, ttl_ms: i64) -> Result<Claimed, OpError> {
    take_all_lapsed(tx, cx, which)?;
    take(tx, cx, which, ttl_ms)
}

/// Takes away what has lapsed, as an act of its own, before an operation that claims and may be
/// refused for other reasons.
pub fn record_lapses(store: &mut dyn Store, cx: &Cx, which: &Which) -> Result<(), OpError> {
    if store.read(|tx| tx.lapsed(&cx.now))?.is_empty() {
        return Ok(());
    }
    match commit(store, cx, |tx, cx| take_all_lapsed(tx, cx, which)) {
        // Somebody holds it, or a run must be recovered first: the claim itself says so.
        Err(OpError::Refused(_)) => Ok(()),
        other => other.map(drop),
    }
}

/// The result of looking for lapsed leases before a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lapsed {
    None,
    Some,
}

fn take_all_lapsed(tx: &mut dyn Tx, cx: &Cx, which: &Which) -> Result<Lapsed, OpError> {
    let mut found = Lapsed::None;
    for id in reclaimable(tx, cx, which)? {
        if take_lapsed(tx, cx, &id)? == Lapsed::Some {
            found = Lapsed::Some;
        }
    }
    Ok(found)
}

fn take(tx: &mut dyn Tx, cx: &Cx, which: &Which, ttl_ms: i64) -> Result<Claimed, OpError> {
    let (task, locks) = pick(tx, cx, which)?;
    grant(tx, cx, task, locks, ttl_ms)
}

/// The tasks whose lapsed leases this claim may take away first. A run's lease is left to recovery,
/// which looks after its work.
fn reclaimable(tx: &mut dyn Tx, cx: &Cx, which: &Which) -> Result<Vec<TaskId>, OpError> {
    if let Which::Task(typed) = which {
        return Ok(vec![cx::resolve(tx, typed)?]);
    }
    let mut ids = Vec::new();
    for id in tx
        .lapsed(&cx.now)?
        .iter()
        .filter_map(|lease| lease.subject.task())
    {
        if !matches!(cx::load(tx, &id)?.state, TaskState::Running { .. }) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// The task to claim, with the locks that it takes.
fn pick(tx: &mut dyn Tx, cx: &Cx, which: &Which) -> Result<(Task, Vec<HeldLock>), OpError> {
    let Which::Task(typed) = which else {
        return pick_next(tx, cx);
    };
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    claimable(tx, cx, &task)?;
    let locks = patterns::locks_for(cx, &id.subject(), &task.paths)?;
    patterns::refuse_conflicts(tx, cx, &locks)?;
    Ok((task, locks))
}

/// The task that a claim of the next one would take now.
pub fn next(tx: &mut dyn Tx, cx: &Cx) -> Result<Task, OpError> {
    pick_next(tx, cx).map(|(task, _)| task)
}

/// Tries the ready tasks in order, more of them with every round: nearly always the first one is
/// free. One that this actor cannot have, whatever the reason, does not keep the others from it.
fn pick_next(tx: &mut dyn Tx, cx: &Cx) -> Result<(Task, Vec<HeldLock>), OpError> {
    let (mut seen, mut locked, mut refused) = (0, 0, None);
    for limit in [1, 64, 4_096, usize::MAX] {
        let ready = tx.ready(&cx.now, limit)?;
        let found = ready.len();
        for task in ready.into_iter().skip(seen) {
            match obtainable(tx, cx, &task) {
                Ok(Some(locks)) => return Ok((task, locks)),
                Ok(None) => locked += 1,
                Err(OpError::Store(error)) => return Err(error.into()),
                Err(why) => refused = refused.or(Some(why)),
            }
        }
        seen = found;
        if found < limit {
            break;
        }
    }
    Err(refused
        .filter(|_| locked == 0)
        .unwrap_or_else(|| Refusal::NothingReady { locked }.into()))
}

/// The locks that a claim of this task would take; nothing where somebody holds one of them.
fn obtainable(tx: &mut dyn Tx, cx: &Cx, task: &Task) -> Result<Option<Vec<HeldLock>>, OpError> {
    let locks = patterns::locks_for(cx, &task.id.subject(), &task.paths)?;
    if patterns::first_conflict(tx, cx, &locks)?.is_some() {
        return Ok(None);
    }
    ask::look_ahead(tx, cx, &Question::on_task(Action::TaskClaim, task))?;
    Ok(Some(locks))
}

/// Takes a lapsed lease away, so that the task can be had again.
fn take_lapsed(tx: &mut dyn Tx, cx: &Cx, id: &TaskId) -> Result<Lapsed, OpError> {
    let Some(lease) = tx.lease(&id.subject())? else {
        return Ok(Lapsed::None);
    };
    match lease.liveness(&cx.now) {
        LeaseLiveness::Live(left_ms) => {
            return Err(Refusal::Taken {
                task: id.clone(),
                holder: lease.holder.to_string(),
                left_ms,
            }
            .into());
        }
        LeaseLiveness::Unknown => return Err(Refusal::OtherClock(id.to_string()).into()),
        LeaseLiveness::Lapsed => {}
    }
    let task = cx::load(tx, id)?;
    if let TaskState::Running { run } = &task.state {
        return Err(Refusal::NeedsRecovery(run.clone()).into());
    }
    cx.record(tx, &lapsed_event(cx, &task, lease.epoch))?;
    Ok(Lapsed::Some)
}

/// The event that takes a lapsed lease away, and parks a task that lapsed too often.
pub fn lapsed_event(cx: &Cx, task: &Task, epoch: u64) -> Event {
    let lapses = task.lapses + 1;
    let park = (lapses >= cx.rules.max_lapses).then(|| Hold {
        kind: BlockReason::Parked,
        reason: format!(
            "its lease lapsed {} in a row without a release",
            counted(lapses, "time")
        ),
        since_ms: cx.now.wall_ms,
    });
    Event::LeaseLapsed {
        subject: task.id.subject(),
        epoch,
        park,
    }
}

fn claimable(tx: &mut dyn Tx, cx: &Cx, task: &Task) -> Result<(), OpError> {
    let (why, hint) = match &task.state {
        TaskState::Queued => {
            return match task
                .not_before_ms
                .map(|at| at - cx.now.wall_ms)
                .filter(|wait| *wait > 0)
            {
                Some(_) if is_anothers_pause(tx, cx, task)? => Ok(()),
                Some(wait_ms) => Err(Refusal::TooEarly {
                    what: task.id.to_string(),
                    wait_ms,
                }
                .into()),
                None => Ok(()),
            };
        }
        TaskState::Blocked { .. } => (
            crate::ops::gates::blocked_text(tx, task)?,
            format!("`ai why {}`", task.id),
        ),
        TaskState::Review { run } => (
            format!("run {run} waits for a review"),
            format!(
                "`ai review {0}`, then `ai accept {0}` or `ai reject {0}`",
                task.id
            ),
        ),
        TaskState::Done { .. } => (
            "it is finished".into(),
            format!("`ai task reopen {}` opens it again", task.id),
        ),
        TaskState::Failed { failed_because } => (
            failed_because.clone(),
            format!("`ai task retry {}` gives it fresh attempts", task.id),
        ),
        TaskState::Cancelled { cancelled_because } => (
            cancelled_because.clone(),
            format!("`ai task retry {}` takes it up again", task.id),
        ),
        TaskState::Claimed | TaskState::Running { .. } => {
            ("it has no lease".into(), "`ai doctor`".into())
        }
    };
    Err(Refusal::WrongState {
        task: task.id.clone(),
        state: task.status_text().into(),
        why,
        hint,
    }
    .into())
}

/// True where the task pauses because a provider has refused some other agent. Such a pause binds
/// that agent; whoever is named for the task by its id need not wait for it.
fn is_anothers_pause(tx: &mut dyn Tx, cx: &Cx, task: &Task) -> Result<bool, OpError> {
    let last = tx.runs(&task.id)?.pop();
    let Some((run, until)) =
        last.and_then(|run| Some((run.agent.clone(), run.end?.paused_until_ms?)))
    else {
        return Ok(false);
    };
    let is_its_own = cx.actor.kind == ActorKind::Agent && cx.actor.name.as_str() == run;
    Ok(!is_its_own && task.not_before_ms.is_some_and(|at| at <= until))
}

fn grant(
    tx: &mut dyn Tx,
    cx: &Cx,
    task: Task,
    locks: Vec<HeldLock>,
    ttl_ms: i64,
) -> Result<Claimed, OpError> {
    let question = Question::on_task(Action::TaskClaim, &task);
    let warnings = ask::or_refuse(tx, cx, question)?;
    let (lease, token) = new_lease(cx, task.id.subject(), task.epoch + 1, ttl_ms);
    cx.record(
        tx,
        &Event::LeaseGranted {
            lease: lease.clone(),
            locks,
        },
    )?;
    let task = cx::load(tx, &task.id)?;
    Ok(Claimed {
        task,
        lease,
        token,
        warnings,
    })
}

/// A lease on `subject` for this actor, and the only copy of its secret.
pub fn new_lease(cx: &Cx, subject: Subject, epoch: u64, ttl_ms: i64) -> (Lease, Token) {
    let token = Token::new(subject.clone(), epoch, id::random_text(26));
    let lease = Lease {
        subject,
        epoch,
        holder: cx.actor.clone(),
        secret_hash: token.secret_hash(),
        granted_ms: cx.now.wall_ms,
        ttl_ms,
        expires: cx.now.lease.plus(ttl_ms),
        expires_ms: cx.now.wall_ms.saturating_add(ttl_ms),
    };
    (lease, token)
}
