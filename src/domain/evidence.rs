//! Evidence: what `ai` itself recorded about a run, each piece with its digest.

use serde::{Deserialize, Serialize};

use crate::domain::ids::{EvidenceId, RunId, TaskId};
use crate::domain::time::WallMs;

/// One recorded piece.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Evidence {
    /// Id.
    pub id: EvidenceId,
    /// The task it speaks of.
    pub task: TaskId,
    /// The run; absent for checks that a person's `done` ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The kind.
    pub kind: EvidenceKind,
    /// The name within the kind: the check's name, the log's name.
    pub name: String,
    /// File below the state directory.
    pub file: String,
    /// SHA-256 of the file's bytes.
    pub sha256: String,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// The tree it was measured on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// Time of filing, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// The short of it: counts and status of a check, files and lines of a diff.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub summary: serde_json::Value,
}

/// The kind of a piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    /// A worktree that somebody else made, taken up for a task; the summary says which.
    Adoption,
    /// The patch from base to snapshot.
    Diff,
    /// A check's log; the summary holds its result.
    Check,
    /// The log of the setup command; the summary says how it ended.
    Setup,
    /// The agent's output.
    Log,
    /// The normalized event stream of the agent.
    Events,
    /// The prompt as it was given.
    Prompt,
    /// A file of its own that `ai` wrote about the run: the summary, the results of the checks, the
    /// agent's end, the choice of the agent. Runs of before have none.
    Record,
    /// The in-toto statement over all of them.
    Statement,
}

impl EvidenceKind {
    /// The stable word for this kind.
    pub fn name(self) -> &'static str {
        match self {
            EvidenceKind::Adoption => "adoption",
            EvidenceKind::Diff => "diff",
            EvidenceKind::Check => "check",
            EvidenceKind::Setup => "setup",
            EvidenceKind::Log => "log",
            EvidenceKind::Events => "events",
            EvidenceKind::Prompt => "prompt",
            EvidenceKind::Record => "record",
            EvidenceKind::Statement => "statement",
        }
    }
}
