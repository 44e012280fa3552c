//! Claiming: task, path locks, lease and event in one transaction, or nothing.

use crate::base::id;
use crate::domain::action::Action;
use crate::domain::claiming::{hold_after_lapse, pause_left_ms};
use crate::domain::event::{Event, HeldLock};
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::{Lease, LeaseLiveness, Token};
use crate::domain::task::{Task, TaskState};
use crate::domain::task_rules::TaskAct;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::fitness::{AgentRoster, Fitness};
use crate::ops::refusal::Refusal;
use crate::ops::{fit, gates, mutant, patterns};
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
    /// The task with this id.
    Task(String),
    /// The most urgent ready one whose paths are free.
    Next,
}

/// Claims a task for `ttl_ms` in one transaction.
pub fn run(store: &mut dyn Store, cx: &Cx, which: &Which, ttl_ms: i64) -> Result<Claimed, OpError> {
    let roster = AgentRoster::read(cx)?;
    if mutant::reads_then_claims() {
        let (task, locks) = store.read(|tx| pick(tx, cx, which, Door::Open(&roster)))?;
        return commit(store, cx, |tx, cx| grant(tx, cx, task, locks, ttl_ms));
    }
    commit(store, cx, |tx, cx| {
        let lapsed = take_all_lapsed(tx, cx, which)?;
        let taken = take(tx, cx, (which, Door::Open(&roster)), ttl_ms);
        match taken {
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
    let roster = AgentRoster::read(cx)?;
    take_all_lapsed(tx, cx, which)?;
    take(tx, cx, (which, Door::Open(&roster)), ttl_ms)
}

/// The same for a run, whose agent the router or a person has chosen.
pub fn claim_for_run(
    tx: &mut dyn Tx,
    cx: &Cx,
    which: &Which,
    ttl_ms: i64,
) -> Result<Claimed, OpError> {
    take_all_lapsed(tx, cx, which)?;
    take(tx, cx, (which, Door::Decided), ttl_ms)
}

/// The way by which somebody comes to a task.
#[derive(Clone, Copy)]
enum Door<'a> {
    /// Whoever acts takes it, where it does not ask for somebody else.
    Open(&'a AgentRoster),
    /// Who gets it is decided.
    Decided,
}

impl<'a> Door<'a> {
    fn fitness(self, tx: &mut dyn Tx, cx: &'a Cx) -> Result<Option<Fitness<'a>>, OpError> {
        match self {
            Door::Open(roster) => Fitness::of(tx, cx, roster).map(Some),
            Door::Decided => Ok(None),
        }
    }
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

fn take(
    tx: &mut dyn Tx,
    cx: &Cx,
    (which, door): (&Which, Door<'_>),
    ttl_ms: i64,
) -> Result<Claimed, OpError> {
    let (task, locks) = pick(tx, cx, which, door)?;
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
fn pick(
    tx: &mut dyn Tx,
    cx: &Cx,
    which: &Which,
    door: Door<'_>,
) -> Result<(Task, Vec<HeldLock>), OpError> {
    let Which::Task(typed) = which else {
        return pick_next(tx, cx, door);
    };
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    claimable(tx, cx, &task)?;
    if let Some(fitness) = door.fitness(tx, cx)? {
        fitness.or_refuse(&task)?;
    }
    let locks = patterns::locks_for(cx, &id.subject(), &task.paths)?;
    patterns::refuse_conflicts(tx, cx, &locks)?;
    Ok((task, locks))
}

/// The task that a claim of the next one would take now.
pub fn next(tx: &mut dyn Tx, cx: &Cx) -> Result<Task, OpError> {
    let roster = AgentRoster::read(cx)?;
    pick_next(tx, cx, Door::Open(&roster)).map(|(task, _)| task)
}

/// The task for which a run would be started now: whoever will do it, or by the one agent of this roster that
/// acts, where somebody has named it.
pub fn next_for_run(
    tx: &mut dyn Tx,
    cx: &Cx,
    named: Option<&AgentRoster>,
) -> Result<Task, OpError> {
    let door = named.map_or(Door::Decided, Door::Open);
    pick_next(tx, cx, door).map(|(task, _)| task)
}

/// Tries the ready tasks in order, more of them with every round: nearly always the first one is
/// free. One that this actor cannot have, whatever the reason, does not keep the others from it.
fn pick_next(tx: &mut dyn Tx, cx: &Cx, door: Door<'_>) -> Result<(Task, Vec<HeldLock>), OpError> {
    let fitness = door.fitness(tx, cx)?;
    let (mut seen, mut locked, mut refused, mut unfit) = (0, 0, None, Vec::new());
    for limit in [1, 64, 4_096, usize::MAX] {
        let ready = tx.ready(&cx.now, limit)?;
        let found = ready.len();
        for task in ready.into_iter().skip(seen) {
            if let Some(why) = fitness.as_ref().and_then(|fitness| fitness.unmet(&task)) {
                unfit.push((task.id, why));
                continue;
            }
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
        .unwrap_or_else(|| Refusal::NothingReady { locked, unfit }.into()))
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
    Event::LeaseLapsed {
        subject: task.id.subject(),
        epoch,
        park: hold_after_lapse(task.lapses, cx.rules.max_lapses, cx.now.wall_ms),
    }
}

fn claimable(tx: &mut dyn Tx, cx: &Cx, task: &Task) -> Result<(), OpError> {
    if let Some(mut misfit) = TaskAct::Claim.misfit(task) {
        if matches!(task.state, TaskState::Blocked { .. }) {
            misfit.why = gates::blocked_text(tx, task)?;
        }
        return Err(fit::refusal(task, misfit));
    }
    let last = match task.not_before_ms {
        Some(_) => tx.runs(&task.id)?.pop(),
        None => None,
    };
    match pause_left_ms(task, last.as_ref(), &cx.actor, cx.now.wall_ms) {
        None => Ok(()),
        Some(wait_ms) => Err(Refusal::TooEarly {
            what: task.id.to_string(),
            wait_ms,
        }
        .into()),
    }
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
    let (mut lease, token) = new_lease(cx, task.id.subject(), task.epoch + 1, ttl_ms);
    lease.head = cx.head.commit();
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
        head: None,
        ttl_ms,
        expires: cx.now.lease.plus(ttl_ms),
        expires_ms: cx.now.wall_ms.saturating_add(ttl_ms),
    };
    (lease, token)
}
