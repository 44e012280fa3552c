//! Answers about worktrees.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::answer::lease::Granted;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::task::Task;
use crate::ops::worktree::Adoption;

/// The answer to `ai worktree open`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct WorktreeOpened<'a> {
    /// The slot.
    pub(in crate::cli) slot: &'a str,
    /// The directory.
    pub(in crate::cli) path: &'a Path,
    /// The run that worked there last; null where none has.
    pub(in crate::cli) run: Option<&'a RunId>,
    /// The task.
    pub(in crate::cli) task: Option<&'a TaskId>,
}

/// The answer to `ai worktree adopt`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct WorktreeAdopted<'a> {
    /// The task, claimed.
    pub(in crate::cli) task: &'a Task,
    /// The lease on it.
    pub(in crate::cli) lease: Granted,
    /// The worktree and the work that was taken up.
    pub(in crate::cli) adoption: &'a Adoption,
}

/// The answer to `ai worktree adopt --dry-run`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct WorktreeLook<'a> {
    /// The worktree.
    pub(in crate::cli) path: &'a Path,
    /// The branch that it stands on; null where HEAD is detached.
    pub(in crate::cli) branch: Option<&'a str>,
    /// The task, as typed; null for a new one.
    pub(in crate::cli) task: Option<&'a str>,
    /// The title of the new task.
    pub(in crate::cli) title: Option<String>,
    /// The commit at which its work left the target.
    pub(in crate::cli) base: Option<String>,
    /// The branch that its work is to go into.
    pub(in crate::cli) target: Option<&'a str>,
    /// Files that differ from the base.
    pub(in crate::cli) files: usize,
    /// Files that differ from its last commit.
    pub(in crate::cli) dirty: usize,
}
