//! Landings that were begun and that nobody brings to their end: whoever looks at their tasks is told so, and which
//! command completes them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::Accepting;
use crate::domain::task::{Task, TaskState};
use crate::git::Repo;
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, gate};
use crate::ops::land::{at_work, reconcile};
use crate::ops::landing;
use crate::ops::run::origin;
use crate::ops::world::World;
use crate::store::Store;

/// A work that is in its branch, while its task still waits for a review.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct CutOffLanding {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The run whose work it is.
    pub run: RunId,
    /// The branch, as people name it.
    pub target: String,
    /// The commit by which the work came in.
    pub commit: String,
}

/// Finds them all; none while a landing is at work, which may come to its end.
pub(super) fn all(
    world: &World,
    store: &mut dyn Store,
    repo: &Repo,
) -> Result<Vec<CutOffLanding>, OpError> {
    if at_work::is_any(&world.state())? {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for (task, run, started) in reconcile::begun(store)? {
        if landing::landed(repo, &started)? {
            all.push(CutOffLanding {
                task: task.id,
                title: task.title,
                run: run.id,
                target: origin::shown(&started.target).to_owned(),
                commit: started.commit,
            });
        }
    }
    Ok(all)
}

/// Says of a task in review that its landing was cut off, in place of what it else waits for.
pub fn add_gate(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    gates: &mut Vec<Gate>,
) -> Result<(), OpError> {
    let TaskState::Review { run } = &task.state else {
        return Ok(());
    };
    let begun = store.read(|tx| tx.run(run))?.and_then(|run| run.accepting);
    let Some(begun) = begun else { return Ok(()) };
    if at_work::is_any(&world.state())? {
        return Ok(());
    }
    let text = words(&begun, landing::landed(&world.repo()?, &begun)?);
    let next = Some(format!("ai land {}", task.id));
    gates.retain(|gate| gate.gate != "review");
    gates.insert(0, gate("cut_off", text, Some(run.to_string()), next));
    Ok(())
}

fn words(begun: &Accepting, has_landed: bool) -> String {
    let target = origin::shown(&begun.target);
    if has_landed {
        let short = begun.commit.get(..12).unwrap_or(&begun.commit);
        return format!(
            "its landing was cut off: the work is in {target} already, by {short}, and the task is not done yet"
        );
    }
    format!("its landing was begun and did not come to its end: nothing of it is in {target}")
}
