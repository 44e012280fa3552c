//! Whether the queue passes a task over that nothing else holds, since what comes free of the machine is kept for one
//! before it.
//!
//! Only tasks that have waited long enough to have something kept are looked up, and those only where some agent or check
//! declares anything. Changes nothing.

use std::collections::HashMap;

use crate::domain::ids::TaskId;
use crate::domain::schedule::{
    HeldPathsBy, MachineWait, Outlook, QueueAction, QueueWait, QueuedTask, TaskLook, TaskStart,
    TickScope, tick_by,
};
use crate::domain::task::{Task, TaskState};
use crate::ops::admission;
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, READY};
use crate::ops::route::{self, Wish};
use crate::ops::run::choose::Registered;
use crate::ops::schedule::queue::{QueueView, limits_of, look_of, paths_of};
use crate::ops::schedule::words::gate_of;
use crate::ops::world::World;
use crate::store::Store;

/// The most urgent tasks that are looked at.
const LOOKED_AT: usize = 16_384;

/// Says of a task that is ready that room is kept for another one, in place of that.
pub fn add_kept(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    gates: &mut Vec<Gate>,
) -> Result<(), OpError> {
    if task.state != TaskState::Queued || gates.iter().any(|gate| gate.gate != READY) {
        return Ok(());
    }
    let (config, registered) = (&world.config, Registered::read(world)?);
    let agents = registered.agents();
    if agents.is_empty() || !admission::declares((config, agents)) {
        return Ok(());
    }
    let cx = world.cx(&world.checkout_policy())?;
    let machine = admission::sight(config, agents, &world.pool_dir());
    let keep_ms = i64::try_from(config.scheduler.keep_paths.as_millis()).unwrap_or(i64::MAX);
    let now_ms = cx.now.wall_ms;
    let actions = store.read(|tx| -> Result<_, OpError> {
        let tasks = tx.ready(&cx.now, LOOKED_AT)?;
        let view = QueueView {
            config,
            machine: &machine,
            tasks: &tasks,
            agents,
            named: None,
            starting: &[],
            landing: &[],
        };
        let state = view.state(tx, &cx)?;
        let limits = limits_of(&config.scheduler, usize::MAX, 0);
        let by_id: HashMap<&TaskId, &Task> = tasks.iter().map(|task| (&task.id, task)).collect();
        let field = registered.field(world);
        let mut look = |queued: &QueuedTask, _: &[TaskStart]| -> Result<TaskLook, OpError> {
            let found = by_id
                .get(&queued.id)
                .ok_or_else(|| OpError::internal("a task of the queue was not looked up"))?;
            let waited = now_ms.saturating_sub(queued.since_ms());
            if waited >= keep_ms || queued.id == task.id {
                let trace = route::trace(tx, &cx, &field, found, Wish::Open)?;
                let look = look_of(tx, &cx, found, &trace)?;
                if !matches!(look.outlook, Outlook::Try { .. }) {
                    return Ok(look);
                }
            }
            Ok(TaskLook {
                outlook: Outlook::Held {
                    paths: HeldPathsBy::Other,
                },
                paths: paths_of(&cx, found)?,
            })
        };
        tick_by(now_ms, &state, &limits, TickScope::WholeQueue, &mut look)
    })?;
    let kept = actions.iter().find_map(|action| match action {
        QueueAction::Wait { task: id, wait } if *id == task.id => is_kept(wait).then_some(wait),
        QueueAction::Wait { .. } | QueueAction::Start(_) => None,
    });
    if let Some(gate) = kept.and_then(|wait| gate_of(&task.id, wait, now_ms)) {
        *gates = vec![gate];
    }
    Ok(())
}

fn is_kept(wait: &QueueWait) -> bool {
    matches!(
        wait,
        QueueWait::Machine {
            wait: MachineWait::Kept { .. },
            ..
        }
    )
}
