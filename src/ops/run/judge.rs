//! From what was measured to the cell of the verdict table, and from its outcome to what becomes of
//! the task.

use crate::base::text::counted;
use crate::domain::action::Action;
use crate::domain::agent_event::StreamOutcome;
use crate::domain::backoff::{self, Trouble};
use crate::domain::check::CheckStatus;
use crate::domain::decision::{DecisionRecord, Effect, RepoPath};
use crate::domain::event::{After, Attempt};
use crate::domain::process_end::ProcessEnd;
use crate::domain::run::Run;
use crate::domain::task::{BlockReason, Hold, Note, Task};
use crate::domain::verdict::{Lifecycle, Outcome, PolicyVerdict, Verification};
use crate::git::diff::ChangedPath;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::run::agent::launch::AgentEnd;
use crate::ops::run::checks::runner::{Checked, result_text};
use crate::process::supervise::StopReason;
use crate::router::Relief;

/// How long an agent is left alone whose login was refused, in milliseconds: a person must act, and
/// other tasks need not fail meanwhile.
const LOGIN_PAUSE_MS: i64 = 900_000;

/// What became of the agent's process and its stream; the diff decides whether anything was done.
pub fn lifecycle(end: &AgentEnd, changed: &[ChangedPath]) -> Lifecycle {
    match (&end.stopped, &end.end) {
        (Some(_), _) => return Lifecycle::Killed,
        (None, ProcessEnd::NotStarted { .. }) => return Lifecycle::NotStarted,
        (None, ProcessEnd::TimedOut { .. } | ProcessEnd::Silent { .. }) => {
            return Lifecycle::TimedOut;
        }
        (
            None,
            ProcessEnd::Signaled { .. }
            | ProcessEnd::OutOfMemory
            | ProcessEnd::TooMuchOutput { .. },
        ) => {
            return Lifecycle::Killed;
        }
        _ => {}
    }
    if end.parked.is_some() {
        return Lifecycle::Parked;
    }
    match &end.result.outcome {
        StreamOutcome::Quota { .. } => Lifecycle::Quota,
        StreamOutcome::Auth { .. } => Lifecycle::Auth,
        StreamOutcome::Completed | StreamOutcome::Refused { .. } if changed.is_empty() => {
            Lifecycle::NoChanges
        }
        StreamOutcome::Completed | StreamOutcome::Refused { .. } => Lifecycle::Finished,
        StreamOutcome::Failed { .. } | StreamOutcome::Truncated | StreamOutcome::NoResult => {
            Lifecycle::Failed
        }
    }
}

/// What the checks said together: the worst required one decides.
pub fn verification(checked: &[Checked]) -> Verification {
    let required: Vec<&Checked> = checked.iter().filter(|check| check.spec.required).collect();
    let any = |wanted: fn(&CheckStatus) -> bool| {
        required.iter().any(|check| wanted(&check.result.status))
    };
    if required.is_empty() {
        Verification::Unverified
    } else if any(|status| matches!(status, CheckStatus::Failed)) {
        Verification::Failed
    } else if any(|status| matches!(status, CheckStatus::Broken { .. })) {
        Verification::CheckBroken
    } else if any(|status| matches!(status, CheckStatus::NotRun)) {
        Verification::Unverified
    } else {
        Verification::Passed
    }
}

/// What policy says of the changed paths, with its record.
pub fn policy_verdict(
    cx: &Cx,
    task: &Task,
    run: &Run,
    changed: &[ChangedPath],
    lines: u64,
) -> (PolicyVerdict, DecisionRecord) {
    let mut question = Question::on_task(Action::RunFinish, task);
    question.resource.run = Some(run.id.to_string());
    question.resource.patterns.clear();
    question.resource.paths = changed
        .iter()
        .map(|c| RepoPath(c.path.as_bytes().to_vec()))
        .collect();
    question.facts.diff_files = Some(changed.len() as u64);
    question.facts.diff_lines = Some(lines);
    let record = ask::answer(cx, &question);
    let verdict = match record.effect {
        Effect::Allow | Effect::Warn => PolicyVerdict::Allow,
        Effect::RequireApproval => PolicyVerdict::NeedsApproval,
        Effect::Deny => PolicyVerdict::Deny,
    };
    (verdict, record)
}

/// The note that the next attempt reads: which checks failed and how, or what the policy said.
pub fn summary(
    outcome: Outcome,
    end: &AgentEnd,
    checked: &[Checked],
    policy_reason: &str,
) -> String {
    if let Some(parked) = &end.parked {
        return parked.waits();
    }
    let failed = checked
        .iter()
        .filter(|c| !matches!(c.result.status, CheckStatus::Passed));
    let failures: Vec<String> = failed.map(check_note).collect();
    match outcome {
        Outcome::SendBackChecks | Outcome::Environment if !failures.is_empty() => {
            failures.join("\n")
        }
        Outcome::Denied | Outcome::NeedsApproval => {
            format!("{}: {policy_reason}", outcome.meaning())
        }
        Outcome::Retry
        | Outcome::RetryUncounted
        | Outcome::Environment
        | Outcome::SendBackNoChanges => {
            let why = agent_words(end);
            if why.is_empty() {
                outcome.meaning().to_owned()
            } else {
                format!("{}: {why}", outcome.meaning())
            }
        }
        _ => outcome.meaning().to_owned(),
    }
}

fn check_note(checked: &Checked) -> String {
    let mut note = format!(
        "check `{}` {}",
        checked.spec.name,
        result_text(&checked.result)
    );
    for failure in checked.result.failures.iter().take(5) {
        let message: String = failure.message.chars().take(600).collect();
        match failure.name.starts_with("exit code ") {
            // The line above has said so already.
            true if message.trim().is_empty() => {}
            true => note.push_str(&format!("\n  {}", message.trim())),
            false => note.push_str(&format!("\n  {}: {}", failure.name, message.trim())),
        }
    }
    note
}

/// Why the agent did not get to its end, in its connector's words.
fn agent_words(end: &AgentEnd) -> String {
    if let Some(reason) = &end.stopped {
        return match reason {
            StopReason::Interrupted => "stopped by Ctrl-C".to_owned(),
            StopReason::LeaseLost => "its lease was lost".to_owned(),
            StopReason::Shutdown => "ai was asked to stop".to_owned(),
            StopReason::Limit(text) | StopReason::Other(text) => text.clone(),
        };
    }
    if let Some(parked) = &end.parked {
        return parked.waits();
    }
    if !end.stall.is_empty() {
        return format!("stopped as stalled: {}", end.stall.join(", "));
    }
    if let Some(trouble) = end.end.trouble() {
        return trouble;
    }
    match &end.result.outcome {
        StreamOutcome::Failed { message, .. } | StreamOutcome::Auth { message } => message.clone(),
        StreamOutcome::Quota { .. } => {
            "rate limit or quota: the provider asks to come back later".to_owned()
        }
        StreamOutcome::Refused { denials } => {
            format!("denied: {}", counted(denials.len(), "tool call"))
        }
        StreamOutcome::Truncated => "its output ended without a result".to_owned(),
        StreamOutcome::NoResult => "its output was not understood".to_owned(),
        StreamOutcome::Completed => String::new(),
    }
}

/// A run that has ended, with everything that decides about its task.
pub struct Ended<'a> {
    /// The task as it was claimed.
    pub task: &'a Task,
    /// The run.
    pub run: &'a Run,
    /// What the verdict table says.
    pub outcome: Outcome,
    /// What became of the agent.
    pub lifecycle: Lifecycle,
    /// How it ended.
    pub end: &'a AgentEnd,
    /// For people and the next prompt.
    pub summary: &'a str,
    /// It changed something, which stands on its branch.
    pub changed: Changed,
    /// Until when its agent is left alone.
    pub paused_until_ms: Option<i64>,
    /// Who else could go on, where its provider has refused it.
    pub relief: Relief,
}

/// Whether a run left anything on its branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It did.
    Something,
    /// It did not.
    Nothing,
}

impl Ended<'_> {
    /// The note for the next attempt: why this one did not get to its end, and where to find what
    /// it had done.
    fn with_its_work(&self) -> String {
        let cut_off = matches!(
            self.outcome,
            Outcome::Retry | Outcome::RetryUncounted | Outcome::Environment
        );
        match (cut_off, self.changed) {
            (true, Changed::Something) => {
                format!(
                    "{}; what it had done stands on {}",
                    self.summary.trim_end_matches('.'),
                    self.run.branch
                )
            }
            _ => self.summary.to_owned(),
        }
    }

    /// Its provider refused it, and somebody is configured to take over: then no person is needed.
    fn has_relief(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Quota | Lifecycle::Auth)
            && self.relief != Relief::Nobody
    }

    /// Stopped by somebody or something else than a limit that it met.
    fn was_interrupted(&self) -> bool {
        self.lifecycle == Lifecycle::Killed
            && self
                .end
                .stopped
                .as_ref()
                .is_some_and(|reason| !matches!(reason, StopReason::Limit(_)))
    }
}

/// What becomes of the task.
pub fn after(cx: &Cx, ended: &Ended<'_>) -> After {
    let (task, summary) = (ended.task, ended.summary);
    let now = cx.now.wall_ms;
    let said = |text: String| {
        Some(Note {
            at_ms: now,
            by: cx.actor.clone(),
            text,
        })
    };
    let note = || said(ended.with_its_work());
    // Whoever goes on wants to know of what is there; that nothing is there says the run itself.
    let left = || {
        if ended.changed == Changed::Something {
            note()
        } else {
            None
        }
    };
    let hold = |reason: String| Hold {
        kind: BlockReason::Hold,
        reason,
        since_ms: now,
    };
    let again = |attempt, not_before_ms, note| After::Requeue {
        attempt,
        not_before_ms,
        note,
    };
    let max = task.max_attempts.unwrap_or(cx.rules.max_attempts);
    if let (Lifecycle::Parked, Some(parked)) = (ended.lifecycle, &ended.end.parked) {
        let hold = Hold {
            kind: BlockReason::Approval,
            reason: parked.waits(),
            since_ms: now,
        };
        return After::Hold {
            hold,
            attempt: Attempt::Free,
        };
    }
    match ended.outcome {
        Outcome::ReadyForReview
        | Outcome::NeedsApproval
        | Outcome::Unverified
        | Outcome::NeedsRecheck => After::Review,
        Outcome::Environment if ended.lifecycle == Lifecycle::Finished => After::Review,
        Outcome::Environment | Outcome::RetryUncounted if ended.has_relief() => again(
            Attempt::Free,
            ended.relief.pause(ended.paused_until_ms),
            left(),
        ),
        Outcome::Environment => After::Hold {
            hold: hold(summary.to_owned()),
            attempt: Attempt::Free,
        },
        Outcome::RetryUncounted => again(Attempt::Free, ended.paused_until_ms, left()),
        _ if ended.was_interrupted() => again(Attempt::Free, None, note()),
        _ if task.attempts + 1 >= max => After::Fail {
            reason: format!(
                "used up: {}; the last: {summary}",
                counted(task.attempts + 1, "attempt")
            ),
        },
        Outcome::Retry => {
            let pause = backoff::pause_ms(trouble(ended.end), task.attempts, ended.run.id.as_str());
            again(Attempt::Counts, Some(now + pause), note())
        }
        _ => again(Attempt::Counts, None, note()),
    }
}

/// What kind of failure a pause is for.
fn trouble(end: &AgentEnd) -> Trouble {
    match (&end.end, &end.result.outcome) {
        (ProcessEnd::TimedOut { .. } | ProcessEnd::Silent { .. }, _) => Trouble::Time,
        (_, StreamOutcome::Failed { class, .. }) => Trouble::Failure(*class),
        _ => Trouble::Other,
    }
}

/// How often in a row a task was refused for quota, by its runs so far.
pub fn refused_in_a_row(runs: &[Run]) -> u32 {
    let ended = runs.iter().rev().filter_map(|run| run.end.as_ref());
    let refused = ended.take_while(|end| end.cell.lifecycle == Lifecycle::Quota);
    u32::try_from(refused.count()).unwrap_or(u32::MAX)
}

/// Until when an agent is not to be asked again whose provider has refused it, for quota or login.
/// Where the provider names no time, the pause grows with each refusal `before` this one.
pub fn paused_until(cx: &Cx, run: &Run, end: &AgentEnd, before: u32) -> Option<i64> {
    let now = cx.now.wall_ms;
    match &end.result.outcome {
        StreamOutcome::Quota {
            retry_at_ms: Some(at),
            ..
        } => Some(*at),
        StreamOutcome::Quota {
            after_ms: Some(ms), ..
        } => Some(now.saturating_add(i64::try_from(*ms).unwrap_or(i64::MAX))),
        StreamOutcome::Quota { .. } => {
            Some(now + backoff::pause_ms(Trouble::Quota, before, run.id.as_str()))
        }
        StreamOutcome::Auth { .. } => Some(now + LOGIN_PAUSE_MS),
        _ => None,
    }
}
