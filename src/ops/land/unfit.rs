//! Work in review that no landing can take: it does not fit onto what its target is now. A landing leaves it out and
//! says so; whoever asks later is told here, from the same look.

use crate::domain::landing::PartnerSearch;
use crate::domain::task::{Task, TaskState};
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, gate};
use crate::ops::land::order::{LandOrder, LandingBy};
use crate::ops::land::status::{LandingLook, plan};
use crate::ops::world::World;
use crate::store::Store;

/// Says of a task that waits for a review that a landing leaves its work out because of a conflict, before what else it
/// waits for. Nothing is written in the repository.
pub fn add_conflict(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    gates: &mut Vec<Gate>,
) -> Result<(), OpError> {
    let TaskState::Review { run } = &task.state else {
        return Ok(());
    };
    if gates.iter().any(|gate| gate.gate == "cut_off") {
        return Ok(());
    }
    let order = LandOrder {
        tasks: &[task.id.to_string()],
        batch: 1,
        partner: PartnerSearch::WithinBound,
        kept: &[],
        by: LandingBy::Command,
    };
    let left_out = match plan(world, store, &order, LandingLook::Combined) {
        Ok(plan) => plan.left_out,
        // Somebody uses a checkout, or the work cannot be looked at now: that is no word about a conflict.
        Err(OpError::Refused(_)) => return Ok(()),
        Err(other) => return Err(other),
    };
    for one in left_out.iter().filter(|one| one.task == task.id) {
        let OpError::Merge { source, .. } = &one.why else {
            continue;
        };
        if source.wants_new_attempt() {
            let text = format!("no landing takes it: {}", one.why);
            gates.insert(
                0,
                gate("conflict", text, Some(run.to_string()), one.why.hint()),
            );
        }
    }
    Ok(())
}
