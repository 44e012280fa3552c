//! Answers about the store: its log, backups, the way back, the end.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::text::path_bytes;
use crate::ops::backup::BackupInfo;
use crate::ops::uninstall::{Farewell, UninstallPlan};

/// The answer to `ai log verify`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LogVerified<'a> {
    /// Records read.
    pub(in crate::cli) events: u64,
    /// Hash of the newest record.
    pub(in crate::cli) head: &'a str,
    /// False where something is wrong.
    pub(in crate::cli) ok: bool,
    /// The first thing that is wrong.
    pub(in crate::cli) fault: Option<&'a str>,
}

/// A backup: the answer to `ai backup`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct BackupAnswer {
    /// The file.
    pub(in crate::cli) path: String,
    /// Tasks in it.
    pub(in crate::cli) tasks: u64,
    /// Records of the log in it.
    pub(in crate::cli) events: u64,
    /// Time at which the newest of them was written, in milliseconds since 1970.
    pub(in crate::cli) newest_ms: Option<i64>,
}

/// The answer to `ai restore`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct RestoreAnswer<'a> {
    /// False where it was only tried.
    pub(in crate::cli) restored: bool,
    /// The backup that is put in place.
    pub(in crate::cli) backup: BackupAnswer,
    /// State of the store before: `missing`, `readable` or `unreadable`.
    pub(in crate::cli) current: &'a str,
    /// The reason why the store cannot be read.
    pub(in crate::cli) why: Option<&'a str>,
    /// Records that the store has and the backup does not; null where nobody can say.
    pub(in crate::cli) lost_events: Option<u64>,
    /// Path under which the replaced store is kept.
    pub(in crate::cli) kept: Option<String>,
}

/// The answer to `ai uninstall`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct UninstallAnswer<'a> {
    /// The plan: files that go and files that stay.
    pub(in crate::cli) plan: &'a UninstallPlan,
    /// The work done; null where the plan was only shown.
    pub(in crate::cli) done: Option<Farewell>,
}

impl BackupAnswer {
    pub(in crate::cli) fn new(info: &BackupInfo) -> BackupAnswer {
        BackupAnswer {
            path: path_bytes(info.path.as_os_str().as_encoded_bytes()),
            tasks: info.tasks,
            events: info.events,
            newest_ms: info.newest_ms,
        }
    }
}
