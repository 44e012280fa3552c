//! Decisions of the past, judged by another policy: what it would have changed.

use std::collections::BTreeMap;

use crate::base::meter;
use crate::domain::decision::{Decision, DecisionRecord};
use crate::domain::time::WallMs;
use crate::ops::error::OpError;
use crate::policy::{self, NotReplayable, PolicyState};
use crate::store::Tx;

/// A decision that another policy would have made otherwise.
pub struct ChangedDecision {
    /// The decision as it was made.
    pub record: DecisionRecord,
    /// The decision as it would be.
    pub now: Decision,
}

/// Decisions of the past under another policy.
#[derive(Default)]
pub struct Replayed {
    /// Those that would have another effect, oldest first.
    pub changed: Vec<ChangedDecision>,
    /// The number of those that would have the same.
    pub same: usize,
    /// The numbers of those that cannot be made again, by the reason.
    pub not_replayable: BTreeMap<NotReplayable, usize>,
}

/// Judges every decision since a time by another policy.
pub fn replay(
    tx: &mut dyn Tx,
    state: &PolicyState,
    since_ms: Option<WallMs>,
) -> Result<Replayed, OpError> {
    let mut found = Replayed::default();
    let decisions = tx.decisions(None, None)?;
    let work = meter::begin("asking again what was asked", decisions.len());
    for record in decisions {
        work.step();
        if since_ms.is_some_and(|since| record.at_ms < since) {
            continue;
        }
        match policy::replay(state, &record) {
            Ok(now) if now.effect == record.effect => found.same += 1,
            Ok(now) => found.changed.push(ChangedDecision { record, now }),
            Err(why) => *found.not_replayable.entry(why).or_default() += 1,
        }
    }
    Ok(found)
}
