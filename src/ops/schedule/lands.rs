//! What waits for a landing that is at work: a daemon that lands by its own hand begins nothing on paths of work that is about to
//! come in, since what began now would begin without it.
//!
//! Read by who asks from outside, so it is as much as the landing might bring in: which of the works the last one has left to a
//! person, only the daemon knows. Changes nothing.

use crate::domain::schedule::{QueueWait, WantedPath};
use crate::domain::task::{Task, TaskState};
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, READY};
use crate::ops::land;
use crate::ops::schedule::queue::paths_of;
use crate::ops::schedule::words::gate_of;
use crate::ops::world::World;
use crate::store::Store;

/// Tasks whose work a landing at work may bring in, where the daemon lands by its own hand.
pub fn about_to_land(world: &World, store: &mut dyn Store) -> Result<Vec<Task>, OpError> {
    if !world.config.daemon.land || !land::is_at_work(&world.state())? {
        return Ok(Vec::new());
    }
    let reviewed = land::reviewed_tasks(store)?;
    Ok(reviewed.into_iter().map(|(task, _)| task).collect())
}

/// Says of a task that is ready that it waits for a landing, in place of that.
pub fn add_landing(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    gates: &mut Vec<Gate>,
) -> Result<(), OpError> {
    if task.state != TaskState::Queued || gates.iter().any(|gate| gate.gate != READY) {
        return Ok(());
    }
    let landing = about_to_land(world, store)?;
    if landing.is_empty() {
        return Ok(());
    }
    let cx = world.cx(&world.checkout_policy())?;
    let wanted = paths_of(&cx, task)?;
    for by in &landing {
        let met = WantedPath::clash(&wanted, &paths_of(&cx, by)?, &cx.rules.harmless);
        let wait = met.map(|example| QueueWait::Landing {
            by: by.id.clone(),
            example,
        });
        let gate = wait.and_then(|wait| gate_of(&task.id, &wait, cx.now.wall_ms));
        if let Some(gate) = gate {
            *gates = vec![gate];
            return Ok(());
        }
    }
    Ok(())
}
