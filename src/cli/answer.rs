//! What commands print with `--json` where it is not an object of the domain itself: one type an answer, so that the schema that
//! `ai schema` prints is that of the very type that is printed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::text::path_bytes;
use crate::cli::ui::time;
use crate::domain::actor::Actor;
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::{Lease, Token};
use crate::domain::path_lock::LockMode;
use crate::domain::task::Task;
use crate::ops::lock::Held;
use crate::ops::trust::Change;
use crate::ops::uninstall::{Farewell, Plan};
use crate::ops::why::Gate;
use crate::store::sqlite::BackupInfo;

/// The answer to a claim or a hand-over.
#[derive(Serialize, JsonSchema)]
pub(super) struct ClaimAnswer<'a> {
    /// The task as it stands now.
    pub(super) task: &'a Task,
    /// The lease on it.
    pub(super) lease: Granted,
}

/// A lease that was just granted, with its token: the only time that it is shown.
#[derive(Serialize, JsonSchema)]
pub(super) struct Granted {
    /// What every later write under this lease presents, as `--lease` or `AI_LEASE`.
    pub(super) token: String,
    /// Grows with every grant.
    pub(super) epoch: u64,
    /// Who holds it.
    pub(super) holder: Actor,
    /// How long it lasts without a heartbeat, in milliseconds.
    pub(super) ttl_ms: i64,
    /// When it lapses by the wall clock, for display, in milliseconds since 1970.
    pub(super) expires_ms: i64,
    /// The same as RFC 3339.
    pub(super) expires_at: String,
}

/// The answer to a heartbeat or a checkpoint.
#[derive(Serialize, JsonSchema)]
pub(super) struct LeaseAnswer {
    /// The renewed lease.
    pub(super) lease: Renewed,
}

/// A lease that was renewed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Renewed {
    /// The task or lock.
    pub(super) subject: Subject,
    /// Grows with every grant; a renewal leaves it.
    pub(super) epoch: u64,
    /// Who holds it.
    pub(super) holder: Actor,
    /// How long it lasts without a heartbeat, in milliseconds.
    pub(super) ttl_ms: i64,
    /// When it lapses by the wall clock, for display, in milliseconds since 1970.
    pub(super) expires_ms: i64,
    /// The same as RFC 3339.
    pub(super) expires_at: String,
}

/// The answer to `ai lock acquire`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LockAnswer {
    /// The lock.
    pub(super) lock: LockedByHand,
    /// The lease under which it stands.
    pub(super) lease: Granted,
}

/// Paths that were locked by hand.
#[derive(Serialize, JsonSchema)]
pub(super) struct LockedByHand {
    /// Id, for `ai lock release`.
    pub(super) id: Subject,
    /// How they are held.
    pub(super) mode: LockMode,
    /// The globs.
    pub(super) patterns: Vec<String>,
}

/// A line of `ai lock list`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LockLine<'a> {
    /// The task or lock that holds it.
    pub(super) id: &'a Subject,
    /// The glob.
    pub(super) pattern: &'a str,
    /// How it is held.
    pub(super) mode: LockMode,
    /// Who.
    pub(super) holder: &'a Actor,
    /// When it lapses by the wall clock, in milliseconds since 1970.
    pub(super) expires_ms: i64,
    /// The same as RFC 3339.
    pub(super) expires_at: String,
}

/// A line of `ai lock check`: a path that somebody else has locked.
#[derive(Serialize, JsonSchema)]
pub(super) struct LockedPath<'a> {
    /// The path that was asked about.
    pub(super) path: &'a str,
    /// The task or lock that holds it.
    pub(super) locked_by: &'a Subject,
    /// The glob that matches.
    pub(super) pattern: &'a str,
    /// How it is held.
    pub(super) mode: LockMode,
    /// Who.
    pub(super) holder: &'a Actor,
    /// When it lapses by the wall clock, in milliseconds since 1970.
    pub(super) expires_ms: i64,
}

/// The answer to `ai status`.
#[derive(Serialize, JsonSchema)]
pub(super) struct StatusAnswer<'a> {
    /// How many tasks stand in each state; states without tasks are left out.
    pub(super) tasks: BTreeMap<&'a str, u64>,
    /// Who works on what.
    pub(super) leases: Vec<StatusLease<'a>>,
    /// Tasks that wait for a review.
    pub(super) reviews: Vec<&'a str>,
}

/// A lease, as `ai status` shows it.
#[derive(Serialize, JsonSchema)]
pub(super) struct StatusLease<'a> {
    /// The task or lock.
    pub(super) subject: &'a Subject,
    /// Who holds it.
    pub(super) holder: &'a Actor,
    /// Grows with every grant.
    pub(super) epoch: u64,
    /// When it lapses by the wall clock, in milliseconds since 1970.
    pub(super) expires_ms: i64,
    /// False where it has lapsed.
    pub(super) live: bool,
    /// The task's title; null for a lock.
    pub(super) title: Option<&'a str>,
    /// The task's state; null for a lock.
    pub(super) status: Option<&'a str>,
}

/// The answer to `ai why`.
#[derive(Serialize, JsonSchema)]
pub(super) struct WhyAnswer<'a> {
    /// The task.
    pub(super) task: &'a TaskId,
    /// Its state.
    pub(super) status: &'a str,
    /// What holds it, the decisive gate first.
    pub(super) gates: &'a [Gate],
}

/// The answer to `ai init`.
#[derive(Serialize, JsonSchema)]
pub(super) struct InitAnswer<'a> {
    /// Files that were written.
    pub(super) written: &'a [String],
    /// Files that stood already and were left.
    pub(super) kept: &'a [String],
    /// True where the store is new.
    pub(super) new_store: bool,
    /// True where there is no checkout, and so no files.
    pub(super) bare: bool,
    /// What would run code and is not trusted yet.
    pub(super) untrusted: &'a [Change],
}

/// The answer to `ai log verify`.
#[derive(Serialize, JsonSchema)]
pub(super) struct LogVerified<'a> {
    /// Records read.
    pub(super) events: u64,
    /// Hash of the newest record.
    pub(super) head: &'a str,
    /// False where something is wrong.
    pub(super) ok: bool,
    /// The first thing that is wrong.
    pub(super) fault: Option<&'a str>,
}

/// A backup: the answer to `ai backup`.
#[derive(Serialize, JsonSchema)]
pub(super) struct BackupAnswer {
    /// The file.
    pub(super) path: String,
    /// Tasks in it.
    pub(super) tasks: u64,
    /// Records of the log in it.
    pub(super) events: u64,
    /// When the newest of them was written, in milliseconds since 1970.
    pub(super) newest_ms: Option<i64>,
}

/// The answer to `ai restore`.
#[derive(Serialize, JsonSchema)]
pub(super) struct RestoreAnswer<'a> {
    /// False where it was only tried.
    pub(super) restored: bool,
    /// What is put in place.
    pub(super) backup: BackupAnswer,
    /// What stands there before: `missing`, `readable` or `unreadable`.
    pub(super) current: &'a str,
    /// Why it cannot be read.
    pub(super) why: Option<&'a str>,
    /// Records that the store has and the backup does not; null where nobody can say.
    pub(super) lost_events: Option<u64>,
    /// Where what stood there is kept.
    pub(super) kept: Option<String>,
}

/// The answer to `ai uninstall`.
#[derive(Serialize, JsonSchema)]
pub(super) struct UninstallAnswer<'a> {
    /// What would go and what stays.
    pub(super) plan: &'a Plan,
    /// What was done; null where the plan was only shown.
    pub(super) done: Option<Farewell>,
}

/// An error, on standard error.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorAnswer<'a> {
    /// The error.
    pub(super) error: ErrorBody<'a>,
}

/// What failed and why.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody<'a> {
    /// The exit code.
    pub(super) code: u8,
    /// Its name, such as `conflict`.
    pub(super) kind: &'a str,
    /// What failed and why.
    pub(super) message: &'a str,
    /// The next command, where one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next: Option<Cow<'a, str>>,
}

impl Granted {
    pub(super) fn new(lease: &Lease, token: &Token) -> Granted {
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

impl BackupAnswer {
    pub(super) fn new(info: &BackupInfo) -> BackupAnswer {
        BackupAnswer {
            path: path_bytes(info.path.as_os_str().as_encoded_bytes()),
            tasks: info.tasks,
            events: info.events,
            newest_ms: info.newest_ms,
        }
    }
}

impl LeaseAnswer {
    pub(super) fn new(lease: &Lease) -> LeaseAnswer {
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
    pub(super) fn new(one: &'a Held) -> LockLine<'a> {
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
