//! Evidence: every file of a run that proves something, with its SHA-256, in the store and in the
//! run's directory.

use std::path::Path;

use crate::base::{fs, id};
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::ids::{EvidenceId, RunId, TaskId};
use crate::ops::refusal::OpError;
use crate::ops::world::{World, environment};

/// What a piece of evidence is about.
pub struct Filed<'a> {
    /// The task.
    pub task: &'a TaskId,
    /// The run, where there is one.
    pub run: Option<&'a RunId>,
    /// The tree that it was measured on.
    pub tree: Option<&'a str>,
}

/// Digests a file and makes the piece of evidence for it.
pub fn file_evidence(
    world: &World,
    filed: &Filed<'_>,
    kind: EvidenceKind,
    name: &str,
    file: &Path,
    summary: serde_json::Value,
) -> Result<Evidence, OpError> {
    let (sha256, bytes) = fs::digest(file).map_err(environment)?;
    Ok(Evidence {
        id: EvidenceId(format!("e-{}", id::random_text(10))),
        task: filed.task.clone(),
        run: filed.run.cloned(),
        kind,
        name: name.to_owned(),
        file: world.below_state(file),
        sha256,
        bytes,
        tree: filed.tree.map(str::to_owned),
        at_ms: (world.clock)().wall_ms,
        summary,
    })
}
