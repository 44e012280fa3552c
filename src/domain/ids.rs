//! Ids as types, so that a task cannot be passed where a run is meant.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id_type!(
    /// A task: `t-` and eight characters.
    TaskId
);
id_type!(
    /// The subject of a lease: a task (`t-…`) or a lock held by hand (`l-…`).
    Subject
);
id_type!(
    /// A run: `<task>.<epoch>`.
    RunId
);
id_type!(
    /// A piece of evidence: `e-` and eight characters.
    EvidenceId
);

impl TaskId {
    /// The lease subject of this task.
    pub fn subject(&self) -> Subject {
        Subject(self.0.clone())
    }

    /// The run of this task under lease epoch `epoch`.
    pub fn run(&self, epoch: u64) -> RunId {
        RunId(format!("{}.{epoch}", self.0))
    }
}

impl Subject {
    /// The task, where the subject is one.
    pub fn task(&self) -> Option<TaskId> {
        self.0.starts_with("t-").then(|| TaskId(self.0.clone()))
    }
}

impl RunId {
    /// The task that the run is an attempt at.
    pub fn task(&self) -> TaskId {
        TaskId(
            self.0
                .rsplit_once('.')
                .map_or(self.0.as_str(), |(task, _)| task)
                .to_owned(),
        )
    }

    /// The branch of the run, as Git's porcelain names it.
    pub fn branch(&self) -> String {
        format!("ai/{}/{}", self.task(), self.epoch())
    }

    /// The reference on which its work is saved when it was cut off.
    pub fn rescue_ref(&self) -> String {
        format!("refs/ai/rescue/{}/{}", self.task(), self.epoch())
    }

    /// The lease epoch under which it ran.
    pub fn epoch(&self) -> u64 {
        self.0
            .rsplit_once('.')
            .and_then(|(_, epoch)| epoch.parse().ok())
            .unwrap_or(0)
    }
}
