//! What an event says to people: one sentence in plain words, without the time, the actor and the
//! subject, which stand beside it.
//!
//! Every event must say here what it means; the match is without a wildcard so that none is shown as
//! fields and brackets. What people and agents wrote is taken as it is: whoever shows the sentence
//! makes it one safe line.

use crate::base::text::{counted, size};
use crate::domain::approval::Says;
use crate::domain::check::CheckResult;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::event::{Event, FollowUp, HeldLock, TaskEdit};
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::lease::OTHER_HOLDER;
use crate::domain::path_lock::LockMode;
use crate::domain::run::{Accepting, Run, RunEnd, RunStep};
use crate::domain::task::{Hold, LockRequest, Proof};

/// The sentence for an event.
pub fn told(event: &Event) -> String {
    match event {
        Event::StoreCreated { .. } => "the store was made".to_owned(),
        Event::StoreRestored { backup, .. } => format!("the store was restored from {backup}"),
        Event::TaskImported { task, from, .. } => {
            format!("came in from the store {from}: {}", task.title)
        }
        Event::TaskCreated { task, deps } => {
            let after = list(deps.iter().map(TaskId::as_str), "; waits for ");
            format!("created: {}{after}", task.title)
        }
        Event::TaskEdited { edit, .. } => format!("changed {}", edited(edit)),
        Event::DepAdded { on, .. } => format!("waits for {on}"),
        Event::DepRemoved { on, .. } => format!("no longer waits for {on}"),
        Event::TaskHeld { hold, .. } => format!("on hold: {}", hold.reason),
        Event::TaskUnheld { .. } => "no longer on hold".to_owned(),
        Event::TaskCancelled { reason, .. } => format!("cancelled: {reason}"),
        Event::TaskRetried { .. } => "queued again with fresh attempts".to_owned(),
        Event::TaskNoted { note, .. } => format!("note: {}", note.text),
        Event::TaskReopened { note, .. } | Event::TaskRejected { note, .. } => note.text.clone(),
        Event::LeaseGranted { lease, locks } => granted(&lease.subject, locks),
        Event::LeaseReleased {
            subject, next_step, ..
        } => {
            let next = next_step.as_ref().map(|next| format!(": {next}"));
            let what = of_lease(subject, "given back", "unlocked");
            format!("{what}{}", next.unwrap_or_default())
        }
        Event::LeaseLapsed { subject, park, .. } => lapsed(subject, park.as_ref()),
        Event::Checkpoint { next_step, .. } => format!("next step: {next_step}"),
        Event::StaleRefused { tried, why, .. } => {
            format!("refused to {tried}: {}", stale(why))
        }
        Event::RunStarted { run } => started(run),
        Event::RunStep { run, step, .. } => format!("run {run}: {}", stepped(*step)),
        Event::RunUsed { run, used } => {
            format!("run {run} has used {}", counted(used.tokens, "token"))
        }
        Event::AcceptStarted { run, accepting } => {
            format!(
                "the work of run {run} is about to land: {}",
                landing(accepting)
            )
        }
        Event::UndoStarted { run, undoing } => {
            format!(
                "the work of run {run} is about to be taken back: {}",
                landing(undoing)
            )
        }
        Event::RunEnded { run, end, then } => ended(run, end, then),
        Event::EvidenceRecorded { evidence } => recorded(evidence),
        Event::TaskFailed { reason, .. } => format!("failed: {reason}"),
        Event::TaskUndone { undone, note, .. } => {
            format!("{}, by {}", note.text, short(&undone.commit))
        }
        Event::TaskDone { proof, .. } => done(proof),
        Event::Approved { decision, word } => {
            let why = if word.reason.is_empty() { "" } else { ": " };
            format!("said yes to decision {decision}{why}{}", word.reason)
        }
        Event::Answered {
            decision, answer, ..
        } => {
            let says = match answer.says {
                Says::Yes => "yes",
                Says::No => "no",
            };
            format!("said {says} to decision {decision}: {}", answer.word.reason)
        }
        Event::QueueFull {
            waiting,
            limit,
            refused,
        } => format!(
            "refused {}: {waiting} of at most {limit} waited",
            counted(*refused, "new task")
        ),
        Event::CheckFlaky { check, tree } => format!(
            "check {check} is flaky: it has failed and passed on tree {}",
            short(tree)
        ),
        Event::BypassFound { bypass } => bypass.told(),
        Event::PolicyOverridden { said } => said.told(),
        Event::FrictionTold { said } => said.told(),
        Event::RecurringTold { said } => said.told(),
        Event::OutputPruned { run, pieces, bytes } => format!(
            "gave up the output of run {run}: {} of {}",
            counted(pieces.len(), "file"),
            size(*bytes)
        ),
        Event::MessageSent { message } => {
            format!("message {} to {}: {}", message.id, message.to, message.text)
        }
        Event::MessageGiven { message, run } => format!("message {message} was given to run {run}"),
        Event::MessageSeen {
            message, sighting, ..
        } => format!("message {message} was seen {}", sighting.way.told()),
        Event::Decided { record } => decided(record),
    }
}

/// The part of a digest by which people know it.
fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// The texts behind `before`; nothing where there are none.
fn list<'a>(texts: impl Iterator<Item = &'a str>, before: &str) -> String {
    let texts: Vec<&str> = texts.collect();
    if texts.is_empty() {
        String::new()
    } else {
        format!("{before}{}", texts.join(", "))
    }
}

fn of_lease<'a>(subject: &Subject, task: &'a str, by_hand: &'a str) -> &'a str {
    if subject.task().is_some() {
        task
    } else {
        by_hand
    }
}

fn granted(subject: &Subject, locks: &[HeldLock]) -> String {
    let shown: Vec<String> = locks
        .iter()
        .map(|lock| match lock.mode {
            LockMode::Exclusive => lock.pattern.clone(),
            LockMode::Shared => format!("{} (shared)", lock.pattern),
        })
        .collect();
    let before = of_lease(subject, "; locks ", " ");
    let locks = list(shown.iter().map(String::as_str), before);
    format!("{}{locks}", of_lease(subject, "claimed", "locked"))
}

fn lapsed(subject: &Subject, park: Option<&Hold>) -> String {
    let what = of_lease(
        subject,
        "the lease lapsed without a heartbeat",
        "the lock lapsed",
    );
    let park = park.map(|hold| format!("; it waits for a person now: {}", hold.reason));
    format!("{what}{}", park.unwrap_or_default())
}

/// The reason of a refused token, which records keep as one word.
fn stale(why: &str) -> &str {
    match why {
        "NoLease" => "the lease has ended",
        "Superseded" => "the lease was granted anew",
        "Lapsed" => "the lease has lapsed",
        "WrongSecret" => "the token is not the one that was granted",
        OTHER_HOLDER => "the lease is somebody else's",
        other => other,
    }
}

fn edited(edit: &TaskEdit) -> String {
    let text = |name: &str, new: &Option<String>| {
        new.as_ref().map(|new| match new.as_str() {
            "" => format!("the {name} to none"),
            new => format!("the {name} to {new}"),
        })
    };
    let number = |name: &str, new: Option<u32>| new.map(|new| format!("the {name} to {new}"));
    let patterns = |paths: &[LockRequest]| {
        let paths = paths.iter().map(|path| path.pattern.as_str());
        list(paths, "the paths to ")
    };
    let checks = |checks: &[String]| list(checks.iter().map(String::as_str), "the checks to ");
    let or_none = |text: String, none: &str| {
        if text.is_empty() {
            none.to_owned()
        } else {
            text
        }
    };
    let labels = |sign: char, labels: &[String]| {
        let shown: Vec<String> = labels
            .iter()
            .map(|label| format!("{sign}{label}"))
            .collect();
        (!shown.is_empty()).then(|| format!("the labels: {}", shown.join(" ")))
    };
    let parts = [
        text("title", &edit.title),
        edit.body.as_ref().map(|_| "the body".to_owned()),
        text("type", &edit.kind),
        number("priority", edit.priority.map(u32::from)),
        labels('+', &edit.add_labels),
        labels('-', &edit.remove_labels),
        edit.paths
            .as_ref()
            .map(|paths| or_none(patterns(paths), "the paths to none")),
        edit.checks
            .as_ref()
            .map(|names| or_none(checks(names), "the checks to the project's")),
        text("agent", &edit.agent),
        edit.not_before_ms.map(|at| match at {
            0 => "the time before which it rests to none".to_owned(),
            _ => "the time before which it rests".to_owned(),
        }),
        edit.max_attempts.map(|max| match max {
            0 => "the number of attempts to the project's".to_owned(),
            max => format!("the number of attempts to {max}"),
        }),
        text(
            "parent",
            &edit.parent.as_ref().map(|parent| parent.0.clone()),
        ),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    or_none(parts.join(", "), "nothing")
}

fn started(run: &Run) -> String {
    let model = run.model.as_ref().map(|model| format!(" ({model})"));
    let adopted = run.adopted.as_ref();
    let adopted = adopted.map(|lost| format!("; takes up the work of {lost}"));
    let resumed = run.resumed.as_ref();
    let resumed =
        resumed.map(|from| format!("; continues session {} of {}", from.session, from.run));
    format!(
        "run {} began: {}{} on branch {}{}{}",
        run.id,
        run.agent,
        model.unwrap_or_default(),
        run.branch,
        adopted.unwrap_or_default(),
        resumed.unwrap_or_default()
    )
}

/// The work of a run at a step, as it follows on its name.
pub fn stepped(step: RunStep) -> &'static str {
    match step {
        RunStep::Claimed => "the task is claimed",
        RunStep::Worktree => "its worktree is made ready",
        RunStep::Agent => "the agent works",
        RunStep::Snapshot => "the agent has ended; its work is saved",
        RunStep::Checks => "the checks run",
        RunStep::Evidence => "the evidence is filed",
        RunStep::Judged => "the verdict is in",
    }
}

fn landing(landing: &Accepting) -> String {
    let branch = &landing.target;
    let branch = branch.strip_prefix("refs/heads/").unwrap_or(branch);
    format!("{} in {branch}", short(&landing.commit))
}

fn ended(run: &RunId, end: &RunEnd, then: &FollowUp) -> String {
    let lines = end.summary.lines().map(str::trim);
    let summary = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let summary = summary.join("; ");
    // What stopped it stands in the summary of most.
    let untold = |what: &&String| !summary.contains(what.as_str());
    let budget = end.budget.iter().filter(untold);
    let stall = end.stall.iter().filter(untold);
    let mut parts = vec![
        summary.clone(),
        list(budget.map(String::as_str), "used up its budget "),
        list(stall.map(String::as_str), "stalled: "),
    ];
    let refused = end.resume_refused.as_ref();
    parts.extend(refused.map(|why| format!("its session was not continued: {why}")));
    parts.push(match then {
        FollowUp::Review { .. } => "it waits for a review".to_owned(),
        FollowUp::Requeue { .. } => "the task is queued again".to_owned(),
        FollowUp::Hold { hold, .. } => format!("the task waits for a person: {}", hold.reason),
        FollowUp::Fail { reason } => format!("the task has failed: {reason}"),
    });
    parts.retain(|part| !part.is_empty());
    // The summary of today begins with what the outcome means.
    let how = if summary.starts_with(end.outcome.meaning()) {
        String::new()
    } else {
        format!(", {}", end.outcome.short())
    };
    format!("run {run} ended{how}: {}", parts.join("; "))
}

fn recorded(piece: &Evidence) -> String {
    let what = match piece.kind {
        EvidenceKind::Adoption => "the worktree that was taken up".to_owned(),
        EvidenceKind::Diff => "the change".to_owned(),
        EvidenceKind::Check => {
            let result: Result<CheckResult, _> = serde_json::from_value(piece.summary.clone());
            let result = result.map_or_else(|_| "has run".to_owned(), |told| told.in_words());
            return format!("check {} {result}", piece.name);
        }
        EvidenceKind::Setup => "the log of the setup".to_owned(),
        EvidenceKind::Log => format!("the agent's {}", piece.name),
        EvidenceKind::Events => "what the agent did".to_owned(),
        EvidenceKind::Prompt => "the prompt".to_owned(),
        EvidenceKind::Record => format!("the record `{}`", piece.name),
        EvidenceKind::Statement => "the statement".to_owned(),
    };
    format!("filed {what} as evidence {}", piece.id)
}

fn done(proof: &Proof) -> String {
    match proof {
        Proof::Verdict {
            commit: Some(commit),
            run: Some(run),
            ..
        } => format!("done: run {run} is accepted as {}", short(commit)),
        Proof::Verdict { tree, .. } => {
            format!("done: the checks passed on tree {}", short(tree))
        }
        Proof::Overridden { reason, .. } => {
            format!("done (overridden), without a passing verdict: {reason}")
        }
    }
}

fn decided(record: &DecisionRecord) -> String {
    let word = match record.effect {
        Effect::Allow => {
            return format!("the policy allows {} (rule {})", record.action, record.rule);
        }
        Effect::Warn => "allows, with a warning,",
        Effect::RequireApproval => "wants a person's yes for",
        Effect::Deny => "denies",
    };
    format!(
        "the policy {word} {}: {} (rule {}, decision {})",
        record.action, record.reason, record.rule, record.id
    )
}

#[cfg(test)]
#[path = "event_words_tests.rs"]
mod tests;
