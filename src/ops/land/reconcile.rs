//! What a landing, or an accept, that was cut off has moved already is brought to its end: the store
//! says nothing else of the branch than what is there.

use crate::domain::ids::TaskId;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::{Task, TaskState};
use crate::ops::accept_case::{complete, own_branch};
use crate::ops::error::OpError;
use crate::ops::land::landing_run::LandingRun;
use crate::ops::land::report::{LandedTask, StayingWork};
use crate::ops::run::origin;
use crate::ops::{landing, testimony};
use crate::store::{Flow, Store, TaskFilter};

impl LandingRun<'_> {
    /// Completes every task in review whose work has landed.
    pub(super) fn reconcile(&mut self, store: &mut dyn Store) -> Result<(), OpError> {
        for (task, run, started) in begun(store)? {
            if !landing::landed(self.on.0, &started)? {
                continue;
            }
            match self.complete(store, (&task, &run), &started) {
                Ok(landed) => {
                    self.at_work.says(&format!(
                        "{} had landed already, by a landing that was cut off",
                        landed.task
                    ))?;
                    self.report.landed.push(landed);
                }
                Err(why @ OpError::Refused(_)) => self.report.left_out.push(StayingWork {
                    task: task.id,
                    title: task.title,
                    why,
                }),
                Err(other) => return Err(other),
            }
        }
        Ok(())
    }

    fn complete(
        &self,
        store: &mut dyn Store,
        (task, run): (&Task, &Run),
        started: &Accepting,
    ) -> Result<LandedTask, OpError> {
        let overridden = started.overridden.as_ref().map(|word| word.reason.as_str());
        testimony::require(self.world, store, &task.id, overridden)?;
        let of_run = own_branch(run);
        origin::refuse_branch_of_run(
            Some(started.target.as_str()).filter(|target| *target != of_run),
        )?;
        let task = complete(self.world, store, task, run, started)?;
        Ok(LandedTask {
            task: task.id,
            title: task.title,
            run: run.id.clone(),
            commit: started.commit.clone(),
            target: origin::shown(&started.target).to_owned(),
            combined: started.combined.clone(),
        })
    }
}

/// The landings that were begun of tasks that still wait.
pub(super) fn begun(store: &mut dyn Store) -> Result<Vec<(Task, Run, Accepting)>, OpError> {
    let filter = TaskFilter {
        statuses: vec!["review".to_owned()],
        ..TaskFilter::default()
    };
    store.read(|tx| -> Result<_, OpError> {
        let mut waiting = Vec::new();
        tx.list(&filter, &mut |line| {
            waiting.push(line.id.to_owned());
            Ok(Flow::More)
        })?;
        let mut begun = Vec::new();
        for id in waiting {
            let task = tx.task(&TaskId(id))?;
            let Some(task) = task else { continue };
            let TaskState::Review { run } = &task.state else {
                continue;
            };
            if let Some(run) = tx.run(run)?
                && let Some(started) = run.accepting.clone()
            {
                begun.push((task, run, started));
            }
        }
        Ok(begun)
    })
}
