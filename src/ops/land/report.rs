//! What a landing came to.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::CombinedTree;
use crate::ops::error::OpError;

/// The outcome of a landing.
#[derive(Debug, Default)]
pub struct LandReport {
    /// Tasks that are done now, in the order in which they landed.
    pub landed: Vec<LandedTask>,
    /// Tasks that went back.
    pub sent_back: Vec<SentBackTask>,
    /// Tasks that stay in review.
    pub left_out: Vec<StayingWork>,
    /// Checks that gave both answers on one tree.
    pub flaky: Vec<FlakyTold>,
    /// Times that the checks ran, on whatever tree.
    pub check_runs: usize,
    /// The checks have kept something out that did not go back.
    pub is_blocked: bool,
}

/// A task that has landed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LandedTask {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The run whose work it is.
    pub run: RunId,
    /// The commit by which its work came in.
    pub commit: String,
    /// The branch, as people name it.
    pub target: String,
    /// The state of the branch that was checked; absent where its own tree was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub combined: Option<CombinedTree>,
}

/// A task that went back.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SentBackTask {
    /// The task, queued again.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The run whose work it is.
    pub run: RunId,
    /// The tasks with one of which it fails together; with several, the search was not gone on with.
    pub with: Vec<TaskId>,
    /// The proof, as the next attempt reads it.
    pub note: String,
}

/// A task that stays in review.
#[derive(Debug)]
pub struct StayingWork {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The reason, with the next command.
    pub why: OpError,
}

/// A check that gave both answers on one tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FlakyTold {
    /// The check.
    pub check: String,
    /// The tree.
    pub tree: String,
    /// Times that it did so before, on whatever tree.
    pub before: usize,
}
