//! A thing that may be pruned, and what is said of it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ids::RunId;
use crate::domain::pruning::Fate;
use crate::git::Oid;
use crate::ops::run::files::RUNS;
use crate::ops::worktree::prune_reason::{PruneReason, Settled};

/// The kind of a thing that may be pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A worktree of the pool.
    Worktree,
    /// The branch of a run.
    Branch,
    /// A rescue reference.
    Rescue,
    /// A directory that was moved out of the way of a run.
    Kept,
    /// A thing that an earlier pruning took away.
    Pruned,
    /// The output of the agent of a run.
    Output,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Worktree => "worktree",
            Kind::Branch => "branch",
            Kind::Rescue => "rescue",
            Kind::Kept => "kept",
            Kind::Pruned => "pruned",
            Kind::Output => "output",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Item {
    /// The kind.
    pub kind: Kind,
    /// The name: of a slot, a reference, or a path below the state directory.
    pub name: String,
    /// True where it goes, or is gone.
    pub removes: bool,
    /// The reason why it goes or stays.
    pub why: PruneReason,
    /// The size on the disk, in bytes; null where that is next to nothing.
    pub bytes: Option<u64>,
    /// The command that brings it back; null where it stays where it was, or was kept for long enough.
    pub back: Option<String>,
    /// The object at which a reference stood when it was looked at.
    #[serde(skip)]
    pub(super) oid: Option<Oid>,
}

impl Item {
    /// The output of the agent of a run, and what becomes of it.
    pub(in crate::ops) fn of_output(
        run: &RunId,
        fate: Fate,
        bytes: u64,
        back: Option<String>,
    ) -> Item {
        let Settled { removes, why } = fate.into();
        Item {
            kind: Kind::Output,
            name: format!("{RUNS}/{run}"),
            removes,
            why,
            bytes: Some(bytes),
            back,
            oid: None,
        }
    }
}
