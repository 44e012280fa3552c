//! Answers of `ai land`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::app::daemon_words::{DaemonLastLanding, DaemonLeftOut};
use crate::app::error::AppError;
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;
use crate::ops::land::{
    CutOffLanding, FlakyTold, LandPlan, LandReport, LandedTask, LandingAtWork, PlannedLanding,
    SentBackTask, StayingWork,
};
use crate::ops::refusal::{Refusal, seconds};

/// The answer to `ai land`, and to `ai accept` of several tasks.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LandAnswer {
    /// Tasks that are done now, in the order in which they landed.
    landed: Vec<LandedTask>,
    /// Tasks that went back with the proof.
    sent_back: Vec<SentBackTask>,
    /// Tasks that stay in review.
    left_out: Vec<LeftOutTask>,
    /// Checks that have failed and passed on one tree.
    flaky: Vec<FlakyTold>,
    /// Times that the checks ran, on whatever tree.
    check_runs: usize,
}

/// The answer to `ai land status` and `ai land --dry-run`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LandStatusAnswer {
    /// The landing that is at work, or was cut off; null where there is none.
    at_work: Option<LandingAtWork>,
    /// Works that are in their branch already, by a landing that was cut off; the next one completes them.
    cut_off: Vec<CutOffLanding>,
    /// What would be combined and checked, in its order.
    would_land: Vec<PlannedLanding>,
    /// Tasks that would stay in review.
    left_out: Vec<LeftOutTask>,
}

/// A task that stays in review.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct LeftOutTask {
    /// The task.
    pub(in crate::cli) task: TaskId,
    /// The title.
    pub(in crate::cli) title: String,
    /// The exit code that landing it alone would end with.
    pub(in crate::cli) code: u8,
    /// The name of that code.
    kind: &'static str,
    /// The reason.
    pub(in crate::cli) message: String,
    /// The next command, where one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) next: Option<String>,
}

impl LeftOutTask {
    pub(in crate::cli) fn of(left: StayingWork) -> LeftOutTask {
        let error = AppError::from(left.why);
        LeftOutTask {
            task: left.task,
            title: left.title,
            code: error.code(),
            kind: error.class.name(),
            message: error.message,
            next: error.hint,
        }
    }
}

impl LeftOutTask {
    /// The same where the policy was asked without a record: the decision that it names is nowhere.
    pub(in crate::cli) fn looked_at(left: StayingWork) -> LeftOutTask {
        let told = match left.why.refusal() {
            Some(Refusal::NeedsApproval(record)) => Some((record, "wants a person's yes for")),
            Some(Refusal::Denied(record)) => Some((record, "denies")),
            _ => None,
        };
        let mut told = told.map(|(record, verb)| {
            let (action, reason) = (&record.action, &record.reason);
            format!("policy {verb} {action}: {reason} (rule `{}`)", record.rule)
        });
        let mut next = format!("`ai land {}` asks, on record", left.task);
        if let Some(Refusal::LandingMessage { record, again }) = left.why.refusal() {
            let (reason, rule) = (&record.reason, &record.rule);
            told = Some(format!(
                "policy denies the message of the commit that would land: {reason} (rule `{rule}`)"
            ));
            next = format!("`{again}` gives it another");
        }
        let shown = LeftOutTask::of(left);
        match told {
            Some(message) => LeftOutTask {
                message,
                next: Some(next),
                ..shown
            },
            None => shown,
        }
    }
}

impl LeftOutTask {
    /// One that a landing of the daemon has left out, as the daemon tells it at this time.
    pub(in crate::cli) fn by_daemon(
        left: DaemonLeftOut,
        last: &DaemonLastLanding,
        now_ms: WallMs,
    ) -> LeftOutTask {
        let class = ErrorClass::of_code(left.code).unwrap_or(ErrorClass::Failed);
        let ago = seconds(now_ms - last.ended_ms);
        let again = match last.again_ms {
            Some(again_ms) => format!("tried again in {}", seconds((again_ms - now_ms).max(0))),
            None => "tried again when something else is reviewed, or its target moves".to_owned(),
        };
        LeftOutTask {
            task: left.task,
            title: left.title,
            code: left.code,
            kind: class.name(),
            message: format!(
                "the landing {ago} ago has left it out: {}; {again}",
                left.message
            ),
            next: left.next,
        }
    }
}

impl LandAnswer {
    pub(in crate::cli) fn of(report: LandReport, left_out: Vec<LeftOutTask>) -> LandAnswer {
        LandAnswer {
            landed: report.landed,
            sent_back: report.sent_back,
            left_out,
            flaky: report.flaky,
            check_runs: report.check_runs,
        }
    }
}

impl LandStatusAnswer {
    pub(in crate::cli) fn of(plan: LandPlan, left_out: Vec<LeftOutTask>) -> LandStatusAnswer {
        LandStatusAnswer {
            at_work: plan.at_work,
            cut_off: plan.cut_off,
            would_land: plan.would_land,
            left_out,
        }
    }
}
