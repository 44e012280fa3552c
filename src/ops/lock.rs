//! Path locks by hand: acquire, release, list, check.

use crate::base::id;
use crate::domain::action::Action;
use crate::domain::event::{Event, HeldLock};
use crate::domain::guarded_path::PathChange;
use crate::domain::ids::Subject;
use crate::domain::lease::{Lease, ShownToken, Token};
use crate::domain::path_lock::LockMode;
use crate::domain::path_pattern::{PathPattern, prefix_candidates};
use crate::domain::task::LockRequest;
use crate::ops::ask::{self, Question};
use crate::ops::by_id;
use crate::ops::claim::new_lease;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::lease;
use crate::ops::patterns;
use crate::ops::refusal::{HOLDERS_ALONE, Refusal, Thing};
use crate::store::Tx;

/// A lock that was acquired by hand.
pub struct Acquired {
    /// The lease.
    pub lease: Lease,
    /// The proof of it.
    pub token: Token,
    /// The expanded patterns.
    pub locks: Vec<HeldLock>,
}

/// Locks paths for `ttl_ms` without a task.
pub fn acquire(
    tx: &mut dyn Tx,
    cx: &Cx,
    written: &[String],
    mode: LockMode,
    ttl_ms: i64,
) -> Result<Acquired, OpError> {
    sweep(tx, cx)?;
    let subject = Subject(format!("l-{}", id::random_text(8)));
    let requests: Vec<LockRequest> = written
        .iter()
        .map(|pattern| LockRequest {
            pattern: pattern.clone(),
            mode,
        })
        .collect();
    let locks = patterns::locks_for(cx, &subject, &requests)?;
    patterns::refuse_conflicts(tx, cx, &locks)?;
    let mut question = Question::about(Action::LockAcquire);
    question.resource.patterns = written.to_vec();
    question.facts.exclusive_patterns = Some(ask::alone(&requests));
    ask::or_refuse(tx, cx, question)?;
    let (lease, token) = new_lease(cx, subject, 1, ttl_ms);
    cx.record(
        tx,
        &Event::LeaseGranted {
            lease: lease.clone(),
            locks: locks.clone(),
        },
    )?;
    Ok(Acquired {
        lease,
        token,
        locks,
    })
}

/// Takes away the locks by hand that have lapsed: nobody else would, and they would be looked at
/// for ever.
fn sweep(tx: &mut dyn Tx, cx: &Cx) -> Result<(), OpError> {
    for lease in tx
        .lapsed(&cx.now)?
        .into_iter()
        .filter(|lease| lease.subject.task().is_none())
    {
        cx.record(
            tx,
            &Event::LeaseLapsed {
                subject: lease.subject,
                epoch: lease.epoch,
                park: None,
            },
        )?;
    }
    Ok(())
}

/// Gives a lock back. With its token, or by the same session of the same actor: a lock by hand
/// guards against others, not against its owner.
pub fn release(
    tx: &mut dyn Tx,
    cx: &Cx,
    typed: &str,
    shown: Option<&ShownToken>,
) -> Result<Subject, OpError> {
    let lease = find(tx, typed)?;
    if let Some(shown) = shown.filter(|shown| shown.token.subject == lease.subject) {
        if let Some(refused) = lease::foreign(cx, shown, Some(&lease), "release") {
            return Err(refused);
        }
        lease::fenced(tx, cx, &shown.token, "release")?;
    } else if !lease.may_be_given_back_by(&cx.actor, &cx.now) {
        return Err(Refusal::MergeConflict {
            why: format!("{} is held by {}, not by you", lease.subject, lease.holder),
            hint: HOLDERS_ALONE.to_owned(),
        }
        .into());
    }
    let mut question = Question::about(Action::LockRelease);
    let held = tx.locks(&lease.subject)?;
    question.resource.patterns = held.into_iter().map(|lock| lock.pattern).collect();
    ask::or_refuse(tx, cx, question)?;
    cx.record(
        tx,
        &Event::LeaseReleased {
            subject: lease.subject.clone(),
            epoch: lease.epoch,
            next_step: None,
        },
    )?;
    Ok(lease.subject)
}

fn find(tx: &mut dyn Tx, typed: &str) -> Result<Lease, OpError> {
    by_id::one_of((Thing::Lock, "l-", typed), tx.leases()?, |lease| {
        lease.subject.as_str()
    })
}

/// A [held lock](HeldLock) as lists show it.
pub struct Held {
    /// The lock.
    pub lock: HeldLock,
    /// The lease.
    pub lease: Lease,
}

/// All locks whose lease binds.
pub fn list(tx: &mut dyn Tx, cx: &Cx) -> Result<Vec<Held>, OpError> {
    let mut held = Vec::new();
    for lease in tx
        .leases()?
        .into_iter()
        .filter(|lease| lease.binds(&cx.now))
    {
        for lock in tx.locks(&lease.subject)? {
            held.push(Held {
                lock,
                lease: lease.clone(),
            });
        }
    }
    Ok(held)
}

/// The subjects whose leases the actor can open with the tokens at hand, whoever else works where
/// those are kept.
pub fn opened_by(tx: &mut dyn Tx, cx: &Cx, shown: &[ShownToken]) -> Result<Vec<Subject>, OpError> {
    let mut held = Vec::new();
    for one in shown {
        let subject = &one.token.subject;
        let lease = tx.lease(subject)?;
        if lease.is_some_and(|lease| one.opens(&cx.actor, &lease)) {
            held.push(subject.clone());
        }
    }
    Ok(held)
}

/// A path that somebody else has locked.
pub struct Blocked {
    /// The path that was asked about.
    pub path: String,
    /// The lock that covers it.
    pub lock: HeldLock,
    /// The lease.
    pub lease: Lease,
}

/// Finds foreign locks on these paths: `own` names the subjects whose locks do not count.
pub fn check(
    tx: &mut dyn Tx,
    cx: &Cx,
    paths: &[String],
    own: &[Subject],
) -> Result<Vec<Blocked>, OpError> {
    let change = PathChange {
        actor: &cx.actor,
        own,
        now: &cx.now,
        harmless: &cx.rules.harmless,
        case: cx.rules.case,
    };
    let mut blocked = Vec::new();
    for path in paths {
        let wanted = PathPattern::literal(path, cx.rules.case)?;
        let held = tx.lock_candidates(&prefix_candidates(&wanted))?;
        if let Some((lock, lease)) = change.blocked_by(path, held)? {
            blocked.push(Blocked {
                path: path.clone(),
                lock,
                lease,
            });
        }
    }
    Ok(blocked)
}
