//! The effect of an import, as it is told.

use serde::Serialize;

use crate::domain::ids::TaskId;

/// The effect of an import that was done or tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Report")]
pub struct ImportReport {
    /// Id of the exported store.
    pub from: String,
    /// Events of the export.
    pub events: u64,
    /// True where this store was empty and is now the exported one.
    pub reproduced: bool,
    /// Tasks that are new here, by their id here; of a reproduced store only their number is told,
    /// in `tasks`.
    pub created: Vec<TaskId>,
    /// The tasks that got another id, since another task bears theirs here.
    pub renamed: Vec<Renamed>,
    /// Tasks that are here already, just the same.
    pub unchanged: Vec<TaskId>,
    /// Tasks that are here already, with other content: they are left as they are here.
    pub conflicts: Vec<TaskId>,
    /// Tasks in the export.
    pub tasks: u64,
}

/// A task that got another id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Renamed {
    /// The id in the export.
    pub from: TaskId,
    /// The id in this project.
    pub to: TaskId,
}
