//! Answers about worktrees.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ids::{RunId, TaskId};

/// The answer to `ai worktree open`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct WorktreeOpened<'a> {
    /// The slot.
    pub(in crate::cli) slot: &'a str,
    /// The directory.
    pub(in crate::cli) path: &'a Path,
    /// The run that worked there last; null where none has.
    pub(in crate::cli) run: Option<&'a RunId>,
    /// Its task.
    pub(in crate::cli) task: Option<&'a TaskId>,
}
