//! Taking over the tasks of another store. A task is told by its uid: an id is short, and two
//! stores may give it to two tasks.
//!
//! Only tasks come over, as they stood, with what they wait for. Leases, runs and evidence belong
//! to the machine that made them, so a task that was being worked on there waits here.

use std::collections::{BTreeSet, HashSet};
use std::io::BufRead;

use crate::base::hash;
use crate::domain::event::Event;
use crate::domain::fold::{self, Tables};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::imported::settled_here;
use crate::domain::task::{Proof, Task, TaskState};
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::import::{ImportReport, Renamed, read};
use crate::store::{Flow, ReplayedTables, StoreError, TaskFilter, Tx};

/// Brings over what is not here.
pub(super) fn merge(
    tx: &mut dyn Tx,
    cx: &Cx,
    input: &mut dyn BufRead,
) -> Result<ImportReport, OpError> {
    let (mut tables, mut created) = (ReplayedTables::default(), Vec::new());
    let (header, _) = read::read(input, &mut |stored, event| {
        fold::apply(&mut tables, stored.at_ms, event)?;
        if let Event::TaskCreated { task, .. } | Event::TaskImported { task, .. } = event
            && let Some(number) = tables.task_number(&task.id)
        {
            created.push((uid_sum(&task.uid), number));
        }
        Ok(())
    })?;
    let mut report = ImportReport {
        from: header.store,
        events: header.events,
        tasks: tables.task_count(),
        ..ImportReport::default()
    };
    let order: Vec<u32> = created.iter().map(|(_, number)| *number).collect();
    let mut theirs = Theirs::of(tx, tables, created)?;
    report.renamed = theirs.renamings();
    for number in order {
        theirs.bring(tx, cx, number, &mut report)?;
    }
    Ok(report)
}

/// A short stand-in for a uid: there may be very many of them.
fn uid_sum(uid: &str) -> [u8; 16] {
    let mut sum = [0; 16];
    let digest = hash::sha256(uid.as_bytes());
    sum.copy_from_slice(&digest[..16]);
    sum
}

/// The tasks of the export, and what each is called here. A task is told by its number, since there
/// may be more of them than fit into memory in full.
struct Theirs {
    tables: ReplayedTables,
    /// Dependencies `(task, on)`, sorted.
    waits: Vec<(u32, u32)>,
    /// By the numbers of the tasks.
    here: Vec<Here>,
}

/// A task of theirs, as it is known here.
#[derive(Clone)]
struct Here {
    /// Its id here, where that is another one.
    id: Option<Box<str>>,
    known: KnownTask,
}

/// The relation of an imported task to this store.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KnownTask {
    Yes,
    No,
}

impl Theirs {
    fn of(
        tx: &mut dyn Tx,
        tables: ReplayedTables,
        mut created: Vec<([u8; 16], u32)>,
    ) -> Result<Theirs, OpError> {
        created.sort_unstable();
        let numbers = created.iter().map(|(_, number)| *number as usize + 1);
        let unknown = Here {
            id: None,
            known: KnownTask::No,
        };
        let mut here = vec![unknown; numbers.max().unwrap_or(0)];
        // Ids of theirs that another task bears here.
        let mut taken: BTreeSet<u32> = BTreeSet::new();
        tx.list(&TaskFilter::default(), &mut |line| {
            let task: Task = serde_json::from_str(line.json).map_err(|source| StoreError::Row {
                row: format!("task {}", line.id),
                source: source.into(),
            })?;
            taken.extend(tables.task_number(&task.id));
            let sum = uid_sum(&task.uid);
            let first = created.partition_point(|(uid, _)| *uid < sum);
            let same = created[first..].iter().take_while(|(uid, _)| *uid == sum);
            for (_, number) in same {
                let is_same = tables.task_id(*number).as_ref() == Some(&task.id);
                here[*number as usize] = Here {
                    id: (!is_same).then(|| task.id.as_str().into()),
                    known: KnownTask::Yes,
                };
            }
            Ok(Flow::More)
        })?;
        let mut fresh = HashSet::new();
        for number in taken {
            let place = &mut here[number as usize];
            if place.known == KnownTask::Yes {
                continue;
            }
            let mut id = cx::fresh_task_id(tx)?;
            // Nor may it be one of theirs, or two of them would meet under it.
            while tables.task_number(&id).is_some() || !fresh.insert(id.clone()) {
                id = cx::fresh_task_id(tx)?;
            }
            place.id = Some(id.as_str().into());
        }
        Ok(Theirs {
            waits: tables.waits(),
            tables,
            here,
        })
    }

    /// The tasks that get another id here, in the order of their ids.
    fn renamings(&self) -> Vec<Renamed> {
        let all = (0..).zip(&self.here);
        let new = all.filter(|(_, here)| here.known == KnownTask::No);
        let mut renamed: Vec<Renamed> = new
            .filter_map(|(number, here)| {
                let to = here.id.as_ref()?;
                Some(Renamed {
                    from: self.tables.task_id(number)?,
                    to: TaskId(to.to_string()),
                })
            })
            .collect();
        renamed.sort_by(|one, other| one.from.cmp(&other.from));
        renamed
    }

    fn bring(
        &mut self,
        tx: &mut dyn Tx,
        cx: &Cx,
        number: u32,
        report: &mut ImportReport,
    ) -> Result<(), OpError> {
        let Some(id) = self.tables.task_id(number) else {
            return Ok(());
        };
        let (Some(task), Some(here)) = (
            self.tables.task(&id)?,
            self.here.get(number as usize).cloned(),
        ) else {
            return Ok(());
        };
        let on = self.on(number);
        let deps: BTreeSet<TaskId> = on.iter().map(|on| self.name(on)).collect();
        let renamed = self.renamed(&task);
        let arrived = self.arrived(tx, &on, renamed.clone())?;
        if here.known == KnownTask::No {
            let was = here.id.is_some().then(|| id.clone());
            let name = arrived.id.clone();
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
            report.created.push(name);
            return Ok(());
        }
        let name = self.name(&id);
        let same_deps = tx.deps(&name)?.into_iter().eq(deps);
        let ours = cx::load(tx, &name)?;
        if same_deps && (ours == renamed || ours == arrived) {
            report.unchanged.push(name)
        } else {
            report.conflicts.push(name)
        }
        Ok(())
    }

    /// The tasks of theirs for which one waits.
    fn on(&self, number: u32) -> Vec<TaskId> {
        let first = self.waits.partition_point(|(task, _)| *task < number);
        let of_it = self.waits[first..].iter();
        of_it
            .take_while(|(task, _)| *task == number)
            .filter_map(|(_, on)| self.tables.task_id(*on))
            .filter(|on| self.tables.task_number(on).is_some())
            .collect()
    }

    fn here(&self, id: &TaskId) -> Option<&Here> {
        self.here.get(self.tables.task_number(id)? as usize)
    }

    /// Returns the id that an imported task has here; any other id stays what it is.
    fn name(&self, id: &TaskId) -> TaskId {
        let other = self.here(id).and_then(|here| here.id.as_ref());
        other.map_or_else(|| id.clone(), |other| TaskId(other.to_string()))
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
    fn arrived(&mut self, tx: &mut dyn Tx, on: &[TaskId], task: Task) -> Result<Task, OpError> {
        let mut open_deps = 0;
        for on in on {
            open_deps += u32::from(!self.is_done(tx, on)?);
        }
        Ok(settled_here(task, open_deps))
    }

    /// Returns true if an imported task is done, as this store sees it where it has the task.
    fn is_done(&mut self, tx: &mut dyn Tx, id: &TaskId) -> Result<bool, OpError> {
        let ours = match self.here(id) {
            Some(here) if here.known == KnownTask::Yes => tx.task(&self.name(id))?,
            _ => None,
        };
        let task = match ours {
            Some(ours) => Some(ours),
            None => self.tables.task(id)?,
        };
        let state = task.map(|task| task.state);
        Ok(matches!(state, Some(TaskState::Done { .. })))
    }
}
