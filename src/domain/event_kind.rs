//! The stable name of an event, as the log has it. Every event must say it here; the
//! match is without a wildcard.

use crate::domain::event::Event;

impl Event {
    /// The stable kind name.
    pub fn kind(&self) -> &'static str {
        match self {
            Event::StoreCreated { .. } => "store.created",
            Event::StoreRestored { .. } => "store.restored",
            Event::QueueFull { .. } => "queue.full",
            Event::CheckFlaky { .. } => "check.flaky",
            Event::TaskImported { .. } => "task.imported",
            Event::TaskCreated { .. } => "task.created",
            Event::TaskEdited { .. } => "task.edited",
            Event::DepAdded { .. } => "dep.added",
            Event::DepRemoved { .. } => "dep.removed",
            Event::TaskHeld { .. } => "task.held",
            Event::TaskUnheld { .. } => "task.unheld",
            Event::TaskCancelled { .. } => "task.cancelled",
            Event::TaskRetried { .. } => "task.retried",
            Event::TaskNoted { .. } => "task.noted",
            Event::TaskReopened { .. } => "task.reopened",
            Event::LeaseGranted { .. } => "lease.granted",
            Event::LeaseReleased { .. } => "lease.released",
            Event::LeaseLapsed { .. } => "lease.lapsed",
            Event::Checkpoint { .. } => "lease.checkpoint",
            Event::StaleRefused { .. } => "lease.refused",
            Event::RunStarted { .. } => "run.started",
            Event::RunStep { .. } => "run.step",
            Event::RunUsed { .. } => "run.used",
            Event::AcceptStarted { .. } => "accept.started",
            Event::UndoStarted { .. } => "undo.started",
            Event::RunEnded { .. } => "run.ended",
            Event::EvidenceRecorded { .. } => "evidence.recorded",
            Event::TaskRejected { .. } => "task.rejected",
            Event::TaskFailed { .. } => "task.failed",
            Event::TaskUndone { .. } => "task.undone",
            Event::TaskDone { .. } => "task.done",
            Event::Approved { .. } => "policy.approved",
            Event::Answered { .. } => "policy.answered",
            Event::BypassFound { .. } => "bypass.found",
            Event::PolicyOverridden { .. } => "policy.overridden",
            Event::FrictionTold { .. } => "friction.told",
            Event::RecurringTold { .. } => "recurring.told",
            Event::OutputPruned { .. } => "output.pruned",
            Event::MessageSent { .. } => "message.sent",
            Event::MessageGiven { .. } => "message.given",
            Event::MessageSeen { .. } => "message.seen",
            Event::Decided { .. } => "policy.decided",
        }
    }
}
