//! Taking over the tasks of another store. A task is told by its uid: an id is short, and two
//! stores may give it to two tasks.
//!
//! Only tasks come over, as they stood, with what they wait for. Leases, runs and evidence belong
//! to the machine that made them, so a task that was being worked on there waits here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::BufRead;

use crate::domain::event::Event;
use crate::domain::fold;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::imported::settled_here;
use crate::domain::task::{Proof, Task, TaskState};
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::import::{ImportReport, Renamed, read};
use crate::store::memory::MemoryTables;
use crate::store::{Flow, StoreError, TaskFilter, Tx};

/// Brings over what is not here.
pub(super) fn merge(
    tx: &mut dyn Tx,
    cx: &Cx,
    input: &mut dyn BufRead,
) -> Result<ImportReport, OpError> {
    let (mut tables, mut order) = (MemoryTables::default(), Vec::new());
    let (header, _) = read::read(input, &mut |stored, event| {
        if let Event::TaskCreated { task, .. } | Event::TaskImported { task, .. } = event {
            order.push(task.id.clone());
        }
        match fold::apply(&mut tables, stored.at_ms, event) {
            Ok(()) => Ok(()),
            Err(never) => match never {},
        }
    })?;
    let tasks = tables.tasks.len() as u64;
    let mut report = ImportReport {
        from: header.store,
        events: header.events,
        tasks,
        ..ImportReport::default()
    };
    let theirs = Theirs::of(tx, tables)?;
    for (was, here) in theirs
        .names
        .iter()
        .filter(|(was, here)| **was != here.id && here.known == KnownTask::No)
    {
        report.renamed.push(Renamed {
            from: was.clone(),
            to: here.id.clone(),
        });
    }
    for id in order {
        theirs.bring(tx, cx, &id, &mut report)?;
    }
    Ok(report)
}

/// The tasks of the export, and what each is called here.
struct Theirs {
    tasks: BTreeMap<TaskId, Task>,
    /// Dependencies by task.
    waits: BTreeMap<TaskId, Vec<TaskId>>,
    names: BTreeMap<TaskId, Here>,
}

/// A task of theirs, as it is known here.
struct Here {
    id: TaskId,
    known: KnownTask,
}

/// The relation of an imported task to this store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KnownTask {
    Yes,
    No,
}

impl Theirs {
    fn of(tx: &mut dyn Tx, tables: MemoryTables) -> Result<Theirs, OpError> {
        let mut waits: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
        for (on, task) in tables.deps {
            waits.entry(task).or_default().push(on);
        }
        let names = names(tx, &tables.tasks)?;
        Ok(Theirs {
            tasks: tables.tasks,
            waits,
            names,
        })
    }

    fn bring(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        id: &TaskId,
        report: &mut ImportReport,
    ) -> Result<(), OpError> {
        let (Some(task), Some(here)) = (self.tasks.get(id), self.names.get(id)) else {
            return Ok(());
        };
        let deps: BTreeSet<TaskId> = self.on(id).map(|on| self.name(on)).collect();
        let renamed = self.renamed(task);
        let arrived = self.arrived(tx, id, renamed.clone())?;
        if here.known == KnownTask::No {
            let was = (here.id != *id).then(|| id.clone());
            let (task, deps, from) = (
                Box::new(arrived),
                deps.into_iter().collect(),
                report.from.clone(),
            );
            cx.record(
                tx,
                &Event::TaskImported {
                    task,
                    deps,
                    from,
                    was,
                },
            )?;
            report.created.push(here.id.clone());
            return Ok(());
        }
        let same_deps = tx.deps(&here.id)?.into_iter().eq(deps);
        let ours = cx::load(tx, &here.id)?;
        if same_deps && (ours == renamed || ours == arrived) {
            report.unchanged.push(here.id.clone())
        } else {
            report.conflicts.push(here.id.clone())
        }
        Ok(())
    }

    fn on(&self, id: &TaskId) -> impl Iterator<Item = &TaskId> {
        self.waits
            .get(id)
            .into_iter()
            .flatten()
            .filter(|on| self.names.contains_key(on))
    }

    /// Returns the id that an imported task has here; any other id stays what it is.
    fn name(&self, id: &TaskId) -> TaskId {
        self.names
            .get(id)
            .map_or_else(|| id.clone(), |here| here.id.clone())
    }

    fn run(&self, run: &RunId) -> RunId {
        self.name(&run.task()).run(run.epoch())
    }

    /// The task with the ids of this store in it.
    fn renamed(&self, task: &Task) -> Task {
        let mut task = task.clone();
        task.id = self.name(&task.id);
        task.parent = task.parent.map(|parent| self.name(&parent));
        match &mut task.state {
            TaskState::Running { run } | TaskState::Review { run } => *run = self.run(run),
            TaskState::Done {
                proof: Proof::Verdict { run: Some(run), .. },
                ..
            } => *run = self.run(run),
            _ => {}
        }
        task
    }

    /// The task as it stands here, where what it waits for may be done or not.
    fn arrived(&self, tx: &mut dyn Tx, id: &TaskId, task: Task) -> Result<Task, OpError> {
        let mut open_deps = 0;
        for on in self.on(id) {
            open_deps += u32::from(!self.is_done(tx, on)?);
        }
        Ok(settled_here(task, open_deps))
    }

    /// Returns true if an imported task is done, as this store sees it where it has the task.
    fn is_done(&self, tx: &mut dyn Tx, id: &TaskId) -> Result<bool, OpError> {
        let ours = match self.names.get(id) {
            Some(here) if here.known == KnownTask::Yes => tx.task(&here.id)?,
            _ => None,
        };
        let state = ours
            .as_ref()
            .or_else(|| self.tasks.get(id))
            .map(|task| &task.state);
        Ok(matches!(state, Some(TaskState::Done { .. })))
    }
}

fn names(
    tx: &mut dyn Tx,
    theirs: &BTreeMap<TaskId, Task>,
) -> Result<BTreeMap<TaskId, Here>, OpError> {
    let (mut by_uid, mut taken) = (HashMap::new(), BTreeSet::new());
    tx.list(&TaskFilter::default(), &mut |line| {
        let task: Task = serde_json::from_str(line.json).map_err(|source| StoreError::Row {
            row: format!("task {}", line.id),
            source: source.into(),
        })?;
        taken.insert(task.id.clone());
        by_uid.insert(task.uid, task.id);
        Ok(Flow::More)
    })?;
    let mut names = BTreeMap::new();
    for task in theirs.values() {
        let here = match by_uid.get(&task.uid) {
            Some(id) => Here {
                id: id.clone(),
                known: KnownTask::Yes,
            },
            None if !taken.contains(&task.id) => Here {
                id: task.id.clone(),
                known: KnownTask::No,
            },
            None => {
                let mut id = cx::fresh_task_id(tx)?;
                // Nor may it be one of theirs, or two of them would meet under it.
                while theirs.contains_key(&id) || !taken.insert(id.clone()) {
                    id = cx::fresh_task_id(tx)?;
                }
                Here {
                    id,
                    known: KnownTask::No,
                }
            }
        };
        names.insert(task.id.clone(), here);
    }
    Ok(names)
}
