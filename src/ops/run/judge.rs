//! From what was measured to the cell of the verdict table, and from its outcome to what becomes of the task.

use crate::domain::action::Action;
use crate::domain::agent_event::StreamOutcome;
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
use crate::ops::run::agent::AgentEnd;
use crate::ops::run::checks::{Checked, result_text};
use crate::process::redact::Redactor;
use crate::process::supervise::StopReason;

/// How long a task waits after a quota refusal that names no time, in milliseconds.
const QUOTA_PAUSE_MS: i64 = 300_000;
/// The longest pause between attempts, in milliseconds.
const LONGEST_PAUSE_MS: i64 = 600_000;

/// What became of the agent's process and its stream; the diff decides whether anything was done.
pub fn lifecycle(end: &AgentEnd, changed: &[ChangedPath]) -> Lifecycle {
    match (&end.stopped, &end.end) {
        (Some(_), _) => return Lifecycle::Killed,
        (None, ProcessEnd::NotStarted { .. }) => return Lifecycle::NotStarted,
        (None, ProcessEnd::TimedOut { .. } | ProcessEnd::Silent { .. }) => return Lifecycle::TimedOut,
        (None, ProcessEnd::Signaled { .. } | ProcessEnd::OutOfMemory | ProcessEnd::TooMuchOutput { .. }) => {
            return Lifecycle::Killed;
        }
        _ => {}
    }
    match &end.result.outcome {
        StreamOutcome::Quota { .. } => Lifecycle::Quota,
        StreamOutcome::Auth { .. } => Lifecycle::Auth,
        StreamOutcome::Completed | StreamOutcome::Refused { .. } if changed.is_empty() => Lifecycle::NoChanges,
        StreamOutcome::Completed | StreamOutcome::Refused { .. } => Lifecycle::Finished,
        StreamOutcome::Failed { .. } | StreamOutcome::Truncated | StreamOutcome::NoResult => Lifecycle::Failed,
    }
}

/// What the checks said together: the worst required one decides.
pub fn verification(checked: &[Checked]) -> Verification {
    let required: Vec<&Checked> = checked.iter().filter(|check| check.spec.required).collect();
    let any = |wanted: fn(&CheckStatus) -> bool| required.iter().any(|check| wanted(&check.result.status));
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
    question.resource.paths = changed.iter().map(|c| RepoPath(c.path.as_bytes().to_vec())).collect();
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

/// Takes secrets out of what is stored of an answer: an agent can write one into the name of a file. What the answer is bound to was
/// digested before.
pub fn blacken(record: &mut DecisionRecord, redactor: &Redactor) {
    let text = |text: &mut String| *text = redactor.redact_text(text);
    let path = |path: &mut RepoPath| path.0 = redactor.redact(&path.0);
    record.resource.paths.iter_mut().for_each(path);
    text(&mut record.reason);
    for rule in &mut record.matched {
        text(&mut rule.reason);
        rule.path.iter_mut().for_each(text);
    }
}

/// The note that the next attempt reads: which checks failed and how, or what the policy said.
pub fn summary(outcome: Outcome, end: &AgentEnd, checked: &[Checked], policy_reason: &str) -> String {
    let failed = checked.iter().filter(|c| !matches!(c.result.status, CheckStatus::Passed));
    let failures: Vec<String> = failed.map(check_note).collect();
    match outcome {
        Outcome::SendBackChecks | Outcome::Environment if !failures.is_empty() => failures.join("\n"),
        Outcome::Denied | Outcome::NeedsApproval => format!("{}: {policy_reason}", outcome.meaning()),
        Outcome::Retry | Outcome::RetryUncounted | Outcome::Environment | Outcome::SendBackNoChanges => {
            let why = agent_words(end);
            if why.is_empty() { outcome.meaning().to_owned() } else { format!("{}: {why}", outcome.meaning()) }
        }
        _ => outcome.meaning().to_owned(),
    }
}

fn check_note(checked: &Checked) -> String {
    let mut note = format!("check `{}` {}", checked.spec.name, result_text(&checked.result));
    for failure in checked.result.failures.iter().take(5) {
        let message: String = failure.message.chars().take(600).collect();
        note.push_str(&format!("\n  {}: {}", failure.name, message.trim()));
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
    if let Some(trouble) = end.end.trouble() {
        return trouble;
    }
    match &end.result.outcome {
        StreamOutcome::Failed { message, .. } | StreamOutcome::Auth { message } => message.clone(),
        StreamOutcome::Quota { .. } => "the provider asks to come back later".to_owned(),
        StreamOutcome::Refused { denials } => format!("{} tool calls were denied", denials.len()),
        StreamOutcome::Truncated => "its output ended without a result".to_owned(),
        StreamOutcome::NoResult => "its output was not understood".to_owned(),
        StreamOutcome::Completed => String::new(),
    }
}

/// What becomes of the task.
pub fn after(cx: &Cx, task: &Task, outcome: Outcome, lifecycle: Lifecycle, end: &AgentEnd, summary: &str) -> After {
    let now = cx.now.wall_ms;
    let note = || Some(Note { at_ms: now, by: cx.actor.clone(), text: summary.to_owned() });
    let hold = |reason: String| Hold { kind: BlockReason::Hold, reason, since_ms: now };
    let max = task.max_attempts.unwrap_or(cx.rules.max_attempts);
    match outcome {
        Outcome::ReadyForReview | Outcome::NeedsApproval | Outcome::Unverified | Outcome::NeedsRecheck => After::Review,
        Outcome::Environment if lifecycle == Lifecycle::Finished => After::Review,
        Outcome::Environment => After::Hold { hold: hold(summary.to_owned()), attempt: Attempt::Free },
        Outcome::RetryUncounted => {
            After::Requeue { attempt: Attempt::Free, not_before_ms: Some(resume_at(now, end)), note: None }
        }
        _ if lifecycle == Lifecycle::Killed && end.stopped.is_some() => {
            After::Requeue { attempt: Attempt::Free, not_before_ms: None, note: note() }
        }
        _ if task.attempts + 1 >= max => {
            After::Fail { reason: format!("{} attempts are used up; the last: {summary}", task.attempts + 1) }
        }
        Outcome::Retry => {
            let pause = (10_000_i64 << task.attempts.min(6)).min(LONGEST_PAUSE_MS);
            After::Requeue { attempt: Attempt::Counts, not_before_ms: Some(now + pause), note: note() }
        }
        _ => After::Requeue { attempt: Attempt::Counts, not_before_ms: None, note: note() },
    }
}

/// When a provider that refused for quota may be asked again.
fn resume_at(now: i64, end: &AgentEnd) -> i64 {
    match &end.result.outcome {
        StreamOutcome::Quota { retry_at_ms: Some(at), .. } => *at,
        StreamOutcome::Quota { after_ms: Some(ms), .. } => now + i64::try_from(*ms).unwrap_or(QUOTA_PAUSE_MS),
        _ => now + QUOTA_PAUSE_MS,
    }
}
