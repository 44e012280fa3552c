//! Answers about leases and locks.

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::in_run::LeaseTold;
use crate::base::shown_time::time;
use crate::domain::actor::Actor;
use crate::domain::ids::Subject;
use crate::domain::lease::{Lease, Token};
use crate::domain::message::Message;
use crate::domain::path_lock::LockMode;
use crate::domain::task::Task;
use crate::domain::time::Now;
use crate::ops::lock::Held;

/// The answer to a claim or a hand-over.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ClaimAnswer<'a> {
    /// The task as it stands now.
    pub(in crate::cli) task: &'a Task,
    /// The lease on it.
    pub(in crate::cli) lease: Granted,
}

/// A task: the answer to `ai task show`, and a line of `ai task list`. What changes a task prints it
/// without the lease.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct TaskAnswer<'a> {
    /// The task.
    #[serde(flatten)]
    pub(in crate::cli) task: &'a Task,
    /// The lease on it; absent where nobody holds one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) lease: Option<TaskLease<'a>>,
    /// Messages to it that nobody has seen, in the answer to `ai task show`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in crate::cli) messages: &'a [Message],
}

/// A lease on a task, as everybody may see it.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct TaskLease<'a> {
    /// The holder.
    pub(in crate::cli) holder: &'a Actor,
    /// Grows with every grant.
    pub(in crate::cli) epoch: u64,
    /// Time of expiry by the wall clock, in milliseconds since 1970.
    pub(in crate::cli) expires_ms: i64,
    /// False where it has lapsed.
    pub(in crate::cli) live: bool,
}

impl TaskLease<'_> {
    /// The lease as it stands at `now`.
    pub(in crate::cli) fn of<'a>(lease: &'a Lease, now: &Now) -> TaskLease<'a> {
        TaskLease {
            holder: &lease.holder,
            epoch: lease.epoch,
            expires_ms: lease.expires_ms,
            live: lease.binds(now),
        }
    }
}

/// A lease that was just granted, with its token: the only time that it is shown.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Granted {
    /// The secret that every later write under this lease presents, as `--lease` or `AI_LEASE`.
    pub(in crate::cli) token: String,
    /// Grows with every grant.
    pub(in crate::cli) epoch: u64,
    /// The holder.
    pub(in crate::cli) holder: Actor,
    /// Time that the lease lasts without a heartbeat, in milliseconds.
    pub(in crate::cli) ttl_ms: i64,
    /// Time of expiry by the wall clock, for display, in milliseconds since 1970.
    pub(in crate::cli) expires_ms: i64,
    /// The time of expiry as RFC 3339.
    pub(in crate::cli) expires_at: String,
}

/// The answer to a heartbeat or a checkpoint.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LeaseAnswer {
    /// The renewed lease.
    pub(in crate::cli) lease: Renewed,
}

/// A lease that was renewed.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct Renewed {
    /// The task or lock.
    pub(in crate::cli) subject: Subject,
    /// Grows with every grant; a renewal leaves it.
    pub(in crate::cli) epoch: u64,
    /// The holder.
    pub(in crate::cli) holder: Actor,
    /// Time that the lease lasts without a heartbeat, in milliseconds.
    pub(in crate::cli) ttl_ms: i64,
    /// Time of expiry by the wall clock, for display, in milliseconds since 1970.
    pub(in crate::cli) expires_ms: i64,
    /// The time of expiry as RFC 3339.
    pub(in crate::cli) expires_at: String,
}

/// The answer to `ai lock acquire`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LockAnswer {
    /// The lock.
    pub(in crate::cli) lock: LockedByHand,
    /// The lease under which it stands.
    pub(in crate::cli) lease: Granted,
}

/// Paths that were locked by hand.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LockedByHand {
    /// Id, for `ai lock release`.
    pub(in crate::cli) id: Subject,
    /// The mode in which they are held.
    pub(in crate::cli) mode: LockMode,
    /// The globs.
    pub(in crate::cli) patterns: Vec<String>,
}

/// A line of `ai lock list`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LockLine<'a> {
    /// The task or lock that holds it.
    pub(in crate::cli) id: &'a Subject,
    /// The glob.
    pub(in crate::cli) pattern: &'a str,
    /// The mode in which it is held.
    pub(in crate::cli) mode: LockMode,
    /// The holder.
    pub(in crate::cli) holder: &'a Actor,
    /// Time of expiry by the wall clock, in milliseconds since 1970.
    pub(in crate::cli) expires_ms: i64,
    /// The time of expiry as RFC 3339.
    pub(in crate::cli) expires_at: String,
}

/// A line of `ai lock check`: a path that somebody else has locked.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LockedPath<'a> {
    /// The path that was asked about.
    pub(in crate::cli) path: &'a str,
    /// The task or lock that holds it.
    pub(in crate::cli) locked_by: &'a Subject,
    /// The glob that matches.
    pub(in crate::cli) pattern: &'a str,
    /// The mode in which it is held.
    pub(in crate::cli) mode: LockMode,
    /// The holder.
    pub(in crate::cli) holder: &'a Actor,
    /// Time of expiry by the wall clock, in milliseconds since 1970.
    pub(in crate::cli) expires_ms: i64,
}

impl Granted {
    pub(in crate::cli) fn new(lease: &Lease, token: &Token) -> Granted {
        Granted {
            token: token.reveal(),
            epoch: lease.epoch,
            holder: lease.holder.clone(),
            ttl_ms: lease.ttl_ms,
            expires_ms: lease.expires_ms,
            expires_at: time(lease.expires_ms),
        }
    }
}

impl LeaseAnswer {
    pub(in crate::cli) fn new(lease: &LeaseTold) -> LeaseAnswer {
        LeaseAnswer {
            lease: Renewed {
                subject: lease.subject.clone(),
                epoch: lease.epoch,
                holder: lease.holder.clone(),
                ttl_ms: lease.ttl_ms,
                expires_ms: lease.expires_ms,
                expires_at: time(lease.expires_ms),
            },
        }
    }
}

impl<'a> LockLine<'a> {
    pub(in crate::cli) fn new(one: &'a Held) -> LockLine<'a> {
        LockLine {
            id: &one.lock.subject,
            pattern: &one.lock.pattern,
            mode: one.lock.mode,
            holder: &one.lease.holder,
            expires_ms: one.lease.expires_ms,
            expires_at: time(one.lease.expires_ms),
        }
    }
}

/// The answer to `ai lock release`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LockReleased {
    /// The lock.
    pub(in crate::cli) released: Subject,
}
