//! The fold from the log to the tables. It is the only code that changes a table, in the store and
//! in the replay alike; a table that anything else had touched would differ from the replay of its
//! log.

use crate::domain::decision::DecisionRecord;
use crate::domain::event::{AttemptCount, Event, FollowUp, HeldLock, TaskEdit};
use crate::domain::evidence::Evidence;
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::run::Run;
use crate::domain::task::{BlockReason, Hold, Note, Proof, Task, TaskState};
use crate::domain::time::WallMs;

/// The tables, as rows of the domain.
pub trait Tables {
    /// The error of a failed access.
    type Error;

    /// A task by its full id.
    fn task(&mut self, id: &TaskId) -> Result<Option<Task>, Self::Error>;
    /// Adds a new task.
    fn add_task(&mut self, task: &Task) -> Result<(), Self::Error>;
    /// Writes a changed task.
    fn put_task(&mut self, task: &Task) -> Result<(), Self::Error>;
    /// Records that `task` waits for `on`.
    fn add_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), Self::Error>;
    /// Forgets that `task` waits for `on`.
    fn remove_dep(&mut self, task: &TaskId, on: &TaskId) -> Result<(), Self::Error>;
    /// The tasks that wait for `on`, in id order.
    fn dependents(&mut self, on: &TaskId) -> Result<Vec<TaskId>, Self::Error>;
    /// The lease on a subject, live or lapsed.
    fn lease(&mut self, subject: &Subject) -> Result<Option<Lease>, Self::Error>;
    /// Writes a lease.
    fn put_lease(&mut self, lease: &Lease) -> Result<(), Self::Error>;
    /// Removes the lease on a subject and every lock that it holds.
    fn remove_lease(&mut self, subject: &Subject) -> Result<(), Self::Error>;
    /// Adds a lock.
    fn put_lock(&mut self, lock: &HeldLock) -> Result<(), Self::Error>;
    /// A run.
    fn run(&mut self, id: &RunId) -> Result<Option<Run>, Self::Error>;
    /// Writes a run, new or changed.
    fn put_run(&mut self, run: &Run) -> Result<(), Self::Error>;
    /// Adds a piece of evidence.
    fn put_evidence(&mut self, evidence: &Evidence) -> Result<(), Self::Error>;
    /// A [decision record](DecisionRecord).
    fn decision(&mut self, id: &str) -> Result<Option<DecisionRecord>, Self::Error>;
    /// Writes a [decision record](DecisionRecord), new or approved.
    fn put_decision(&mut self, record: &DecisionRecord) -> Result<(), Self::Error>;
}

/// Applies one event to the tables. An event about a row that is not there changes nothing: the log
/// of a damaged store must still replay to its end.
pub fn apply<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    event: &Event,
) -> Result<(), T::Error> {
    match event {
        Event::StoreCreated { .. }
        | Event::StaleRefused { .. }
        | Event::QueueFull { .. }
        | Event::CheckFlaky { .. }
        | Event::BypassFound { .. }
        | Event::PolicyOverridden { .. }
        | Event::OutputPruned { .. }
        | Event::FrictionTold { .. }
        | Event::RecurringTold { .. }
        | Event::MessageSent { .. }
        | Event::MessageGiven { .. }
        | Event::MessageSeen { .. } => Ok(()),
        Event::StoreRestored { epochs, .. } => epochs.iter().try_for_each(|(task, epoch)| {
            change(tables, at_ms, task, |t| t.epoch = t.epoch.max(*epoch))
        }),
        Event::TaskCreated { task, deps } | Event::TaskImported { task, deps, .. } => {
            tables.add_task(task)?;
            deps.iter().try_for_each(|on| tables.add_dep(&task.id, on))
        }
        Event::TaskEdited { task, edit } => change(tables, at_ms, task, |t| apply_edit(t, edit)),
        Event::DepAdded { task, on } => add_dep(tables, at_ms, task, on),
        Event::DepRemoved { task, on } => remove_dep(tables, at_ms, task, on),
        Event::TaskHeld { task, hold } => change(tables, at_ms, task, |t| {
            t.hold = Some(hold.clone());
            t.settle_if_waiting();
        }),
        Event::TaskUnheld { task } => change(tables, at_ms, task, |t| {
            t.hold = None;
            t.lapses = 0;
            t.settle_if_waiting();
        }),
        Event::TaskCancelled { task, reason } => {
            tables.remove_lease(&task.subject())?;
            change(tables, at_ms, task, |t| {
                t.state = TaskState::Cancelled {
                    cancelled_because: reason.clone(),
                }
            })
        }
        Event::TaskRetried { task } => change(tables, at_ms, task, |t| {
            (t.attempts, t.lapses, t.hold, t.not_before_ms) = (0, 0, None, None);
            t.settle();
        }),
        Event::TaskNoted { task, note } => {
            change(tables, at_ms, task, |t| t.notes.push(note.clone()))
        }
        Event::TaskReopened { task, note } => reopen(tables, at_ms, task, note.clone()),
        Event::LeaseGranted { lease, locks } => grant(tables, at_ms, lease, locks),
        Event::LeaseReleased {
            subject, next_step, ..
        } => {
            tables.remove_lease(subject)?;
            with_task(tables, at_ms, subject, |t| {
                t.lapses = 0;
                t.next_step = next_step.clone().or(t.next_step.take());
                settle_unless_judged(t);
            })
        }
        Event::LeaseLapsed { subject, park, .. } => {
            tables.remove_lease(subject)?;
            with_task(tables, at_ms, subject, |t| lapse(t, park.as_ref()))
        }
        Event::Checkpoint {
            task, next_step, ..
        } => change(tables, at_ms, task, |t| {
            t.next_step = Some(next_step.clone())
        }),
        Event::RunStarted { run } => {
            tables.put_run(run)?;
            change(tables, at_ms, &run.task, |t| {
                t.state = TaskState::Running {
                    run: run.id.clone(),
                }
            })
        }
        Event::RunStep {
            run,
            step,
            tree,
            commit,
        } => change_run(tables, run, |r| {
            r.step = *step;
            r.tree = tree.clone().or(r.tree.take());
            r.commit = commit.clone().or(r.commit.take());
        }),
        Event::RunUsed { run, used } => change_run(tables, run, |r| r.used = Some(*used)),
        Event::AcceptStarted { run, accepting } => {
            change_run(tables, run, |r| r.accepting = Some(accepting.clone()))
        }
        Event::UndoStarted { run, undoing } => {
            change_run(tables, run, |r| r.undoing = Some(undoing.clone()))
        }
        Event::RunEnded { run, end, then } => {
            change_run(tables, run, |r| r.end = Some((**end).clone()))?;
            end_run(tables, at_ms, run, then)
        }
        Event::EvidenceRecorded { evidence } => tables.put_evidence(evidence),
        Event::TaskRejected { task, note } => change(tables, at_ms, task, |t| {
            t.notes.push(note.clone());
            t.settle();
        }),
        Event::TaskFailed { task, reason } => {
            tables.remove_lease(&task.subject())?;
            change(tables, at_ms, task, |t| {
                t.state = TaskState::Failed {
                    failed_because: reason.clone(),
                }
            })
        }
        Event::TaskUndone {
            task,
            run,
            undone,
            note,
        } => {
            change_run(tables, run, |r| {
                (r.accepting, r.undoing) = (None, None);
                r.undone = Some(undone.clone());
            })?;
            unfinish(tables, at_ms, task, |t| {
                t.notes.push(note.clone());
                t.state = TaskState::Review { run: run.clone() };
            })
        }
        Event::TaskDone { task, proof } => finish(tables, at_ms, task, proof.clone()),
        Event::Decided { record } => tables.put_decision(record),
        Event::Answered {
            decision, answer, ..
        } => {
            let Some(mut record) = tables.decision(decision)? else {
                return Ok(());
            };
            record.answers.push(answer.clone());
            tables.put_decision(&record)
        }
        Event::Approved { decision, word } => {
            let Some(record) = tables.decision(decision)? else {
                return Ok(());
            };
            tables.put_decision(&DecisionRecord {
                overridden: Some(word.clone()),
                ..record
            })
        }
    }
}

/// Applies the end of a run to its task. A run that lost its lease ends for itself alone: the task
/// is somebody else's by now.
fn end_run<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    run: &RunId,
    then: &FollowUp,
) -> Result<(), T::Error> {
    let id = run.task();
    if tables
        .lease(&id.subject())?
        .is_some_and(|lease| lease.epoch == run.epoch())
    {
        tables.remove_lease(&id.subject())?;
    }
    let ours = TaskState::Running { run: run.clone() };
    match tables.task(&id)? {
        Some(task) if task.state == ours => change(tables, at_ms, &id, |t| after_run(t, run, then)),
        _ => Ok(()),
    }
}

fn change<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    id: &TaskId,
    edit: impl FnOnce(&mut Task),
) -> Result<(), T::Error> {
    let Some(mut task) = tables.task(id)? else {
        return Ok(());
    };
    edit(&mut task);
    task.updated_ms = at_ms;
    tables.put_task(&task)
}

fn with_task<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    subject: &Subject,
    edit: impl FnOnce(&mut Task),
) -> Result<(), T::Error> {
    match subject.task() {
        Some(id) => change(tables, at_ms, &id, edit),
        None => Ok(()),
    }
}

fn change_run<T: Tables + ?Sized>(
    tables: &mut T,
    id: &RunId,
    edit: impl FnOnce(&mut Run),
) -> Result<(), T::Error> {
    let Some(mut run) = tables.run(id)? else {
        return Ok(());
    };
    edit(&mut run);
    tables.put_run(&run)
}

fn grant<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    lease: &Lease,
    locks: &[HeldLock],
) -> Result<(), T::Error> {
    tables.remove_lease(&lease.subject)?;
    tables.put_lease(lease)?;
    locks.iter().try_for_each(|lock| tables.put_lock(lock))?;
    with_task(tables, at_ms, &lease.subject, |t| {
        t.epoch = lease.epoch;
        t.state = TaskState::Claimed;
    })
}

fn add_dep<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    task: &TaskId,
    on: &TaskId,
) -> Result<(), T::Error> {
    tables.add_dep(task, on)?;
    if !is_done(tables, on)? {
        change(tables, at_ms, task, |t| {
            t.open_deps += 1;
            t.settle_if_waiting();
        })?;
    }
    Ok(())
}

fn remove_dep<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    task: &TaskId,
    on: &TaskId,
) -> Result<(), T::Error> {
    tables.remove_dep(task, on)?;
    if !is_done(tables, on)? {
        change(tables, at_ms, task, close_one_dep)?;
    }
    Ok(())
}

fn is_done<T: Tables + ?Sized>(tables: &mut T, id: &TaskId) -> Result<bool, T::Error> {
    Ok(tables
        .task(id)?
        .is_some_and(|t| matches!(t.state, TaskState::Done { .. })))
}

fn close_one_dep(task: &mut Task) {
    task.open_deps = task.open_deps.saturating_sub(1);
    task.settle_if_waiting();
}

fn finish<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    id: &TaskId,
    proof: Proof,
) -> Result<(), T::Error> {
    tables.remove_lease(&id.subject())?;
    change(tables, at_ms, id, |t| {
        t.state = TaskState::Done {
            proof,
            done_ms: at_ms,
        };
        (t.lapses, t.hold) = (0, None);
    })?;
    for waiting in tables.dependents(id)? {
        change(tables, at_ms, &waiting, close_one_dep)?;
    }
    Ok(())
}

fn reopen<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    id: &TaskId,
    note: Note,
) -> Result<(), T::Error> {
    unfinish(tables, at_ms, id, |t| {
        t.notes.push(note);
        (t.attempts, t.lapses, t.hold) = (0, 0, None);
        t.settle();
    })
}

/// Takes a task out of its end. What waits for it waits again, unless it was begun meanwhile.
fn unfinish<T: Tables + ?Sized>(
    tables: &mut T,
    at_ms: WallMs,
    id: &TaskId,
    edit: impl FnOnce(&mut Task),
) -> Result<(), T::Error> {
    let was_done = is_done(tables, id)?;
    change(tables, at_ms, id, edit)?;
    if was_done {
        for waiting in tables.dependents(id)? {
            change(tables, at_ms, &waiting, |t| {
                t.open_deps += 1;
                t.settle_if_waiting();
            })?;
        }
    }
    Ok(())
}

fn lapse(task: &mut Task, park: Option<&Hold>) {
    task.lapses += 1;
    if let Some(hold) = park {
        task.hold = Some(hold.clone());
    }
    settle_unless_judged(task);
}

/// A lease that ends sends the task back to the queue, but not out of review or an end.
fn settle_unless_judged(task: &mut Task) {
    if task.state.is_leased() || matches!(task.state, TaskState::Queued | TaskState::Blocked { .. })
    {
        task.settle();
    }
}

fn after_run(task: &mut Task, run: &RunId, then: &FollowUp) {
    match then {
        FollowUp::Review { attempt } => {
            count(task, *attempt);
            task.lapses = 0;
            task.state = TaskState::Review { run: run.clone() };
        }
        FollowUp::Requeue {
            attempt,
            not_before_ms,
            note,
        } => {
            count(task, *attempt);
            task.not_before_ms = not_before_ms.or(task.not_before_ms);
            task.notes.extend(note.clone());
            task.settle();
        }
        FollowUp::Hold { hold, attempt } => {
            count(task, *attempt);
            task.hold = Some(hold.clone());
            task.settle();
        }
        FollowUp::Fail { reason } => {
            task.attempts += 1;
            task.state = TaskState::Failed {
                failed_because: reason.clone(),
            };
        }
    }
}

fn count(task: &mut Task, attempt: AttemptCount) {
    match attempt {
        AttemptCount::Counts => (task.attempts, task.lapses) = (task.attempts + 1, 0),
        AttemptCount::Free => {}
        AttemptCount::Lapse => task.lapses += 1,
    }
}

fn apply_edit(task: &mut Task, edit: &TaskEdit) {
    let edit = edit.clone();
    task.title = edit.title.unwrap_or(std::mem::take(&mut task.title));
    task.body = edit.body.unwrap_or(std::mem::take(&mut task.body));
    task.kind = edit.kind.unwrap_or(std::mem::take(&mut task.kind));
    task.priority = edit.priority.unwrap_or(task.priority);
    task.labels.extend(edit.add_labels);
    for label in &edit.remove_labels {
        task.labels.remove(label);
    }
    task.paths = edit.paths.unwrap_or(std::mem::take(&mut task.paths));
    task.checks = edit.checks.unwrap_or(std::mem::take(&mut task.checks));
    if let Some(agent) = edit.agent {
        task.agent = Some(agent).filter(|a| !a.is_empty());
    }
    if let Some(at) = edit.not_before_ms {
        task.not_before_ms = Some(at).filter(|at| *at != 0);
    }
    if let Some(max) = edit.max_attempts {
        task.max_attempts = Some(max).filter(|max| *max != 0);
    }
    if let Some(parent) = edit.parent {
        task.parent = Some(parent).filter(|p| !p.0.is_empty());
    }
}

/// The reason that a dependent shows when what it waits for has failed or was cancelled.
pub fn dependency_trouble(on: &Task) -> Option<String> {
    match &on.state {
        TaskState::Failed { failed_because } => Some(format!("failed: {failed_because}")),
        TaskState::Cancelled { cancelled_because } => {
            Some(format!("was cancelled: {cancelled_because}"))
        }
        TaskState::Blocked {
            blocked_by: BlockReason::Parked,
        } => Some(match &on.hold {
            Some(hold) => format!("was parked: {}", hold.reason),
            None => "was parked".into(),
        }),
        _ => None,
    }
}

#[cfg(test)]
#[path = "fold_tables.rs"]
mod tables;
