//! What is worth a notice: in one event of the log, and in what stands beside it.

use crate::base::shown_time;
use crate::domain::approval::decision_in;
use crate::domain::budget::BudgetLevel;
use crate::domain::decision::Effect;
use crate::domain::event::{Event, FollowUp};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::notice::NoticeType;
use crate::domain::recurring::RecurringWord;
use crate::domain::run::RunEnd;
use crate::domain::task::{BlockReason, Hold, Proof};

/// The share of a budget from which on it is nearly used up, in percent.
const NEAR: u64 = 80;

/// Something worth a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeCause {
    /// The type.
    pub kind: NoticeType,
    /// The task.
    pub task: Option<TaskId>,
    /// The run.
    pub run: Option<RunId>,
    /// In a few words, before the title of the task.
    pub what: String,
    /// More of it.
    pub text: String,
    /// The exact next command.
    pub next: String,
    /// The same for two that say the same.
    pub same: String,
    /// The decision that has to wait for a person still, or there is nothing to tell.
    pub question: Option<String>,
}

impl NoticeCause {
    fn of_task(kind: NoticeType, task: &TaskId, what: &str, next: String) -> NoticeCause {
        NoticeCause {
            kind,
            run: None,
            what: format!("{task} {what}"),
            text: String::new(),
            next,
            same: format!("{} {task}", kind.as_str()),
            question: None,
            task: Some(task.clone()),
        }
    }

    /// The same with a text, by which two are told apart.
    fn saying(self, text: &str) -> NoticeCause {
        NoticeCause {
            text: text.to_owned(),
            same: format!("{} {text}", self.same),
            ..self
        }
    }

    fn in_run(self, run: &RunId) -> NoticeCause {
        NoticeCause {
            run: Some(run.clone()),
            ..self
        }
    }
}

/// The first to look at work that has come to its review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reviewer {
    /// A person.
    Person,
    /// A daemon that lands by itself: a person hears of the work when it has landed, or was left to them.
    Daemon,
}

/// Finds what is worth a notice in an event: nothing in most of them.
pub fn cause_of(event: &Event, reviewer: Reviewer) -> Option<NoticeCause> {
    match event {
        Event::TaskDone { task, proof } => {
            let (what, text) = match proof {
                Proof::Verdict {
                    commit: Some(commit),
                    ..
                } => ("is done", format!("proven, commit {}", short(commit))),
                Proof::Verdict { .. } => ("is done", "proven".to_owned()),
                Proof::Overridden { reason, by } => (
                    "is done (overridden)",
                    format!("{} took it without a proof: {reason}", by.label()),
                ),
            };
            let next = format!("ai task show {task}");
            Some(NoticeCause::of_task(NoticeType::Done, task, what, next).saying(&text))
        }
        Event::TaskFailed { task, reason } => Some(failed(task, reason)),
        Event::TaskHeld { task, hold } => held(task, hold),
        Event::LeaseLapsed { subject, park, .. } => held(&subject.task()?, park.as_ref()?),
        Event::RunEnded { run, end, then } => {
            after_run(run, (end, then), reviewer).map(|cause| cause.in_run(run))
        }
        Event::Decided { record } if record.effect == Effect::RequireApproval => {
            let task = record.resource.task.clone().map(TaskId);
            let about = task
                .as_ref()
                .map_or(String::new(), |task| format!("{task} "));
            Some(NoticeCause {
                kind: NoticeType::NeedsApproval,
                run: None,
                what: format!("{about}wants your yes to {}", record.action),
                text: record.reason.clone(),
                next: format!("ai approve {}", record.id),
                same: format!("needs-approval {}", record.id),
                question: Some(record.id.clone()),
                task,
            })
        }
        Event::RecurringTold { said } => match &**said {
            // A question for people has been told of as that.
            RecurringWord::Refused {
                name,
                why,
                decision: None,
                again: false,
                ..
            } => Some(NoticeCause {
                kind: NoticeType::Blocked,
                task: None,
                run: None,
                what: format!("recurring {name} could create no task"),
                text: why.clone(),
                next: format!("ai recurring show {name}"),
                same: format!("recurring {name} {why}"),
                question: None,
            }),
            RecurringWord::Refused { .. }
            | RecurringWord::Enabled { .. }
            | RecurringWord::Disabled { .. }
            | RecurringWord::Rescheduled { .. }
            | RecurringWord::Fired { .. }
            | RecurringWord::Skipped { .. } => None,
        },
        Event::Decided { .. }
        | Event::StoreCreated { .. }
        | Event::StoreRestored { .. }
        | Event::QueueFull { .. }
        | Event::CheckFlaky { .. }
        | Event::TaskImported { .. }
        | Event::TaskCreated { .. }
        | Event::TaskEdited { .. }
        | Event::DepAdded { .. }
        | Event::DepRemoved { .. }
        | Event::TaskUnheld { .. }
        | Event::TaskCancelled { .. }
        | Event::TaskRetried { .. }
        | Event::TaskNoted { .. }
        | Event::TaskReopened { .. }
        | Event::LeaseGranted { .. }
        | Event::LeaseReleased { .. }
        | Event::Checkpoint { .. }
        | Event::StaleRefused { .. }
        | Event::RunStarted { .. }
        | Event::RunStep { .. }
        | Event::RunUsed { .. }
        | Event::AcceptStarted { .. }
        | Event::UndoStarted { .. }
        | Event::EvidenceRecorded { .. }
        | Event::TaskRejected { .. }
        | Event::TaskUndone { .. }
        | Event::Approved { .. }
        | Event::Answered { .. }
        | Event::BypassFound { .. }
        | Event::PolicyOverridden { .. }
        | Event::FrictionTold { .. }
        | Event::OutputPruned { .. }
        | Event::MessageSent { .. }
        | Event::MessageGiven { .. }
        | Event::MessageSeen { .. } => None,
    }
}

fn failed(task: &TaskId, reason: &str) -> NoticeCause {
    let next = format!("ai why {task}");
    NoticeCause::of_task(NoticeType::Failed, task, "has failed", next).saying(reason)
}

fn held(task: &TaskId, hold: &Hold) -> Option<NoticeCause> {
    let (kind, what, next) = match hold.kind {
        BlockReason::Hold => (
            NoticeType::Blocked,
            "is on hold",
            format!("ai task unhold {task}"),
        ),
        BlockReason::Parked => (NoticeType::Parked, "is parked", format!("ai why {task}")),
        BlockReason::Approval => return Some(wants_yes(task, &hold.reason)),
        BlockReason::Dependency => return None,
    };
    Some(NoticeCause::of_task(kind, task, what, next).saying(&hold.reason))
}

/// A task that waits for a yes, which its hold names.
fn wants_yes(task: &TaskId, reason: &str) -> NoticeCause {
    let decision = decision_in(reason);
    let next = match decision {
        Some(decision) => format!("ai approve {decision}"),
        None => format!("ai why {task}"),
    };
    NoticeCause {
        text: reason.to_owned(),
        same: format!("needs-approval {}", decision.unwrap_or(reason)),
        ..NoticeCause::of_task(NoticeType::NeedsApproval, task, "waits for your yes", next)
    }
}

fn after_run(
    run: &RunId,
    (end, then): (&RunEnd, &FollowUp),
    reviewer: Reviewer,
) -> Option<NoticeCause> {
    let task = run.task();
    match then {
        FollowUp::Review { .. } => match reviewer {
            Reviewer::Person => Some(waits_for_review(run, &end.summary)),
            Reviewer::Daemon => None,
        },
        FollowUp::Fail { reason } => Some(failed(&task, reason)),
        FollowUp::Hold { hold, .. } => held(&task, hold),
        FollowUp::Requeue { .. } => {
            let until_ms = end.paused_until_ms?;
            let what = format!(
                "rests: its agent is left alone until {}",
                shown_time::time(until_ms)
            );
            let next = format!("ai why {task}");
            let cause = NoticeCause::of_task(NoticeType::QuotaPause, &task, &what, next);
            Some(NoticeCause {
                text: end.summary.clone(),
                ..cause
            })
        }
    }
}

/// The work of a run that waits for a person. However it comes to be told, it is told as the same.
fn waits_for_review(run: &RunId, why: &str) -> NoticeCause {
    let task = run.task();
    let next = format!("ai review {task}");
    let what = "waits for your review";
    NoticeCause {
        text: format!("{run}: {why}"),
        same: format!("needs-approval {run}"),
        ..NoticeCause::of_task(NoticeType::NeedsApproval, &task, what, next)
    }
}

/// Work that a daemon which lands by itself has left to a person, for this reason.
pub fn cause_of_left(run: &RunId, why: &str) -> NoticeCause {
    waits_for_review(run, why).in_run(run)
}

/// A budget that is nearly used up, or all of it; `of` is the agent or the task, where it is about one.
pub fn cause_of_budget(of: Option<&str>, level: &BudgetLevel) -> Option<NoticeCause> {
    let is_near = level.limit > 0 && level.spent.saturating_mul(100) / level.limit >= NEAR;
    let of = of.map(|of| format!(" of {of}")).unwrap_or_default();
    let standing = if level.is_used_up() {
        "is used up"
    } else {
        "is nearly used up"
    };
    is_near.then(|| NoticeCause {
        kind: NoticeType::BudgetNear,
        task: None,
        run: None,
        what: format!("the budget {}{of} {standing}", level.name()),
        text: level.to_string(),
        next: "ai budget".to_owned(),
        same: format!("budget-near {}{of} {standing}", level.name()),
        question: None,
    })
}

/// The trouble of a daemon, in its own words.
pub fn cause_of_trouble(words: &str) -> NoticeCause {
    NoticeCause {
        kind: NoticeType::DaemonTrouble,
        task: None,
        run: None,
        what: "the daemon starts nothing until this is mended".to_owned(),
        text: words.to_owned(),
        next: "ai daemon status".to_owned(),
        same: format!("daemon-trouble {words}"),
        question: None,
    }
}

/// The end of a daemon's trouble of which somebody was told.
pub fn cause_of_mending() -> NoticeCause {
    NoticeCause {
        what: "what kept the daemon from starting anything is mended".to_owned(),
        same: "daemon-trouble is mended".to_owned(),
        ..cause_of_trouble("")
    }
}

/// The beginning of a commit's name.
fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
