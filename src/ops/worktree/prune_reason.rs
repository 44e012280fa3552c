//! The reason why pruning takes a thing away or leaves it, with the error still in it where one is
//! the reason.

use std::fmt;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use crate::domain::pruning::Fate;
use crate::ops::error::OpError;

/// The reason why a thing goes or stays.
#[derive(Debug, JsonSchema)]
#[schemars(with = "String")]
pub enum PruneReason {
    /// What was found about the thing.
    Found(String),
    /// What kept it from being found out, or from going.
    Failed(OpError),
}

impl fmt::Display for PruneReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PruneReason::Found(why) => f.write_str(why),
            PruneReason::Failed(error) => error.fmt(f),
        }
    }
}

impl Serialize for PruneReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The fate of a thing, with the reason.
#[derive(Debug)]
pub(super) struct Settled {
    /// True where it goes.
    pub(super) removes: bool,
    /// The reason.
    pub(super) why: PruneReason,
}

impl From<Fate> for Settled {
    fn from(fate: Fate) -> Settled {
        let (removes, why) = match fate {
            Fate::Goes(why) => (true, why),
            Fate::Stays(why) => (false, why),
        };
        Settled {
            removes,
            why: PruneReason::Found(why),
        }
    }
}

/// Where nobody can tell, the thing stays.
impl From<OpError> for Settled {
    fn from(error: OpError) -> Settled {
        Settled {
            removes: false,
            why: PruneReason::Failed(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::refusal::Refusal;

    #[test]
    fn an_error_keeps_the_thing_and_reads_as_text() {
        let error = OpError::from(Refusal::Conflict {
            why: "a checkout stands on it now".into(),
            hint: "look at it".into(),
        });
        let settled = Settled::from(error);
        assert!(!settled.removes);
        assert_eq!(
            serde_json::to_string(&settled.why).unwrap(),
            "\"a checkout stands on it now\""
        );
    }
}
