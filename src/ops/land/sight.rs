//! What there is to land, in little: whether it is another than at an earlier look, and nothing more.

use std::path::Path;

use crate::domain::daemon::LandSight;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::task::{Task, TaskState};
use crate::ops::error::OpError;
use crate::ops::land::at_work;
use crate::ops::run::origin::{self, Destination};
use crate::ops::run::recovery::liveness;
use crate::ops::world::World;
use crate::process::identity::ProcessIdentity;
use crate::store::{Flow, Store, TaskFilter};

/// True while somebody lands in the repository of this state directory.
pub fn is_at_work(state: &Path) -> Result<bool, OpError> {
    at_work::is_any(state)
}

/// The process of the landing that is at work, where it has said so.
pub fn process_at_work(state: &Path) -> Result<Option<ProcessIdentity>, OpError> {
    let found = at_work::found(state)?.filter(|word| !word.is_cut_off);
    Ok(found.map(|word| liveness::identity(&word.process)))
}

/// Every task that waits for a review, with the run whose work is to be reviewed.
pub fn reviewed_tasks(store: &mut dyn Store) -> Result<Vec<(Task, RunId)>, OpError> {
    let filter = TaskFilter {
        statuses: vec!["review".to_owned()],
        ..TaskFilter::default()
    };
    store.read(|tx| -> Result<_, OpError> {
        let mut waiting = Vec::new();
        tx.list(&filter, &mut |line| {
            waiting.push(TaskId(line.id.to_owned()));
            Ok(Flow::More)
        })?;
        let mut reviewed = Vec::new();
        for id in waiting {
            let Some(task) = tx.task(&id)? else {
                continue;
            };
            if let TaskState::Review { run } = &task.state {
                let run = run.clone();
                reviewed.push((task, run));
            }
        }
        Ok(reviewed)
    })
}

/// Reads it. Asks neither the policy nor anybody.
pub fn sight(world: &World, store: &mut dyn Store) -> Result<LandSight, OpError> {
    let reviewed = reviewed_tasks(store)?;
    let runs = store.read(|tx| -> Result<_, OpError> {
        let mut runs = Vec::new();
        for (_, run) in &reviewed {
            runs.extend(tx.run(run)?);
        }
        Ok(runs)
    })?;
    let mut sight = LandSight::default();
    if runs.is_empty() {
        return Ok(sight);
    }
    let repo = world.repo()?;
    for run in runs {
        if let Destination::Branch(target) = origin::destination(&world.config.accept, &run) {
            let tip = repo.find_ref(&target)?;
            let tip = tip.map_or(String::new(), |tip| tip.to_string());
            sight.targets.insert(target, tip);
        }
        sight.reviewed.insert(run.id);
    }
    Ok(sight)
}
