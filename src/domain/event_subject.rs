//! What an event is about. Every event must say it here; the match is without a wildcard.

use crate::domain::event::Event;
use crate::domain::message::Addressee;

impl Event {
    /// The task or lock that the event is about, for `ai log TASK`.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Event::StoreCreated { .. }
            | Event::StoreRestored { .. }
            | Event::QueueFull { .. }
            | Event::CheckFlaky { .. }
            | Event::Approved { .. }
            | Event::PolicyOverridden { .. }
            | Event::BypassFound { .. } => None,
            Event::TaskCreated { task, .. } | Event::TaskImported { task, .. } => {
                Some(task.id.as_str())
            }
            Event::TaskEdited { task, .. }
            | Event::DepAdded { task, .. }
            | Event::DepRemoved { task, .. }
            | Event::TaskHeld { task, .. }
            | Event::TaskUnheld { task }
            | Event::TaskCancelled { task, .. }
            | Event::TaskRetried { task }
            | Event::TaskNoted { task, .. }
            | Event::TaskReopened { task, .. }
            | Event::Checkpoint { task, .. }
            | Event::TaskRejected { task, .. }
            | Event::TaskFailed { task, .. }
            | Event::TaskUndone { task, .. }
            | Event::TaskDone { task, .. } => Some(task.as_str()),
            Event::LeaseGranted { lease, .. } => Some(lease.subject.as_str()),
            Event::LeaseReleased { subject, .. }
            | Event::LeaseLapsed { subject, .. }
            | Event::StaleRefused { subject, .. } => Some(subject.as_str()),
            Event::RunStarted { run } => Some(run.task.as_str()),
            Event::RunStep { run, .. }
            | Event::RunUsed { run, .. }
            | Event::RunEnded { run, .. }
            | Event::MessageGiven { run, .. }
            | Event::AcceptStarted { run, .. }
            | Event::OutputPruned { run, .. }
            | Event::UndoStarted { run, .. } => run.0.rsplit_once('.').map(|(task, _)| task),
            Event::EvidenceRecorded { evidence } => Some(evidence.task.as_str()),
            Event::Answered { task, .. } => task.as_ref().map(|task| task.as_str()),
            Event::FrictionTold { said } => said.task().map(|task| task.as_str()),
            Event::RecurringTold { said } => said.task().map(|task| task.as_str()),
            Event::MessageSent { message } => match &message.to {
                Addressee::Task(task) => Some(task.as_str()),
                Addressee::Agent(_) | Addressee::Person(_) | Addressee::People => None,
            },
            Event::MessageSeen { task, .. } => task.as_ref().map(|task| task.as_str()),
            Event::Decided { record } => record.resource.task.as_deref(),
        }
    }
}
