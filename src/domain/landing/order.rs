//! The order in which works land.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;

/// A work that waits to land, as far as that decides its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingWork {
    /// The task.
    pub task: TaskId,
    /// The priority; 0 is the most urgent.
    pub priority: u8,
    /// Since when it waits for a review.
    pub since_ms: WallMs,
    /// Tasks that it depends on.
    pub needs: Vec<TaskId>,
}

/// Sorts works: the more urgent first, then whoever has waited longer; what another one depends on
/// always before that one. Those that depend on each other in a circle keep the order of the rest.
pub fn landing_order(works: Vec<WaitingWork>) -> Vec<WaitingWork> {
    let mut waiting: BTreeMap<(u8, WallMs, TaskId), WaitingWork> = works
        .into_iter()
        .map(|work| ((work.priority, work.since_ms, work.task.clone()), work))
        .collect();
    let mut sorted = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let open: BTreeSet<TaskId> = waiting.keys().map(|key| key.2.clone()).collect();
        let is_free = |work: &WaitingWork| !work.needs.iter().any(|one| open.contains(one));
        let next = waiting.iter().find(|(_, work)| is_free(work));
        let next = next.or_else(|| waiting.first_key_value());
        let Some(key) = next.map(|(key, _)| key.clone()) else {
            break;
        };
        sorted.extend(waiting.remove(&key));
    }
    sorted
}
