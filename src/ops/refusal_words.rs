//! The words of refusals that take more than a line: locks of others that a change meets, and tasks
//! that ask for somebody else.

use crate::base::text;
use crate::domain::eligibility::UnmetDemand;
use crate::domain::ids::TaskId;
use crate::ops::refusal::seconds;

/// Beside a check whose name is none.
pub(super) const OTHER_CHECK: &str =
    "give it another name below `checks` in .ai/config.yaml, such as `unit-tests`";
/// Beside a file of an agent with an error.
pub(super) const OTHER_AGENT_FILE: &str =
    "correct it in an editor; `ai agent list` reads all of them again";
/// Beside a command line that a connector cannot make.
pub(super) const OTHER_CONNECTOR: &str =
    "`ai agent doctor` says of each agent whether it could start";
/// Beside a file of credentials with an error.
pub(super) const OTHER_CREDENTIALS: &str =
    "correct the file: one `NAME: {provider: P, env: VARIABLE}` a line below `credentials`";
/// Beside entries that cannot be created together.
pub(super) const OTHER_ENTRIES: &str =
    "change `deps` and `parent` in the file; `ai schema new-task` describes them";
/// Beside a line of an export that cannot be read.
pub(super) const OTHER_EXPORT: &str = "make the export again where it came from, by `ai export FILE`; `ai import FILE --dry-run` reads it and changes nothing";
/// Beside a pattern for which nothing better is known.
pub(super) const OTHER_PATTERN: &str =
    "write paths from the repository root, with `*`, `**` and `{a,b}` where several are meant";
/// Beside a name that is none.
pub(super) const OTHER_NAME: &str = "write it in lower-case letters, such as `my-agent`";

/// So many locks, and paths beneath each, are named.
const SHOWN_HELD: usize = 3;

/// A lock of somebody with the paths of a change that it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldPaths {
    /// The holder.
    pub holder: String,
    /// The holder's task or lock.
    pub subject: String,
    /// The pattern that is held.
    pub pattern: String,
    /// The paths, safe to show.
    pub paths: Vec<String>,
    /// For how much longer, in milliseconds.
    pub left_ms: i64,
}

/// The messages of these commits, of which some are named.
pub(super) fn messages_of(commits: &[String]) -> String {
    let what = match commits.len() {
        1 => "the message of commit",
        _ => "the messages of commits",
    };
    format!("{what} {}", some_of(commits, ", "))
}

/// The locks, as they follow on what changes the paths.
pub(super) fn holds_in_words(held: &[HeldPaths]) -> String {
    let hold = |one: &HeldPaths| {
        format!(
            "{}, locked exclusively by {} ({}, `{}`) for another {}",
            some_of(&one.paths, ", "),
            one.holder,
            one.subject,
            text::one_line(&one.pattern),
            seconds(one.left_ms)
        )
    };
    some_of(&held.iter().map(hold).collect::<Vec<_>>(), "; ")
}

/// The first few, and how many more there are.
fn some_of(all: &[String], between: &str) -> String {
    let shown = all[..all.len().min(SHOWN_HELD)].join(between);
    match all.len().saturating_sub(SHOWN_HELD) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The way on where somebody holds what a change touches.
pub(super) fn after_held(held: &[HeldPaths], again: &str) -> String {
    let first = held.first();
    match first.filter(|one| one.subject.starts_with("l-")) {
        // Taken by hand: there is no task to wait for.
        Some(one) => format!(
            "wait, or ask {} to give it back (`ai lock release {}`); then {again}",
            one.holder, one.subject
        ),
        None => format!(
            "`ai why {}` shows the work that holds it; when that has ended, {again}",
            first.map_or("TASK", |one| one.subject.as_str())
        ),
    }
}

/// The way on where a task asks for somebody else.
pub(super) fn after_unmet(task: &TaskId, why: &UnmetDemand) -> String {
    let other = format!("`ai route explain {task}` says who can have this one");
    match why {
        UnmetDemand::Disabled | UnmetDemand::Unreadable(_) => other,
        _ => format!("`ai task claim --next` takes one that it can have; {other}"),
    }
}

/// The way on where a task asks for another agent than the one that was named for its run.
pub(crate) fn after_unfit(task: &TaskId, agent: &str, why: &UnmetDemand) -> String {
    let other = format!("`ai route explain {task}` says who can have it");
    match why {
        UnmetDemand::Disabled | UnmetDemand::Unreadable(_) => other,
        UnmetDemand::Named(_) => {
            format!("`ai task edit {task} --agent {agent}` gives it to {agent}; {other}")
        }
        UnmetDemand::Lacks(_) | UnmetDemand::Unmarked(_) => {
            format!(
                "change what the task asks for (`ai task edit {task}`), or what is written down of {agent}; {other}"
            )
        }
    }
}

/// So many tasks that were passed over are named.
const SHOWN_UNFIT: usize = 3;

/// Ready tasks that were passed over, and why.
pub(super) fn passed_over(locked: usize, unfit: &[(TaskId, UnmetDemand)]) -> String {
    let mut told = Vec::new();
    if locked > 0 {
        told.push(format!("{locked} ready, but their paths are locked"));
    }
    if !unfit.is_empty() {
        let some: Vec<String> = unfit
            .iter()
            .take(SHOWN_UNFIT)
            .map(|(task, why)| format!("{task}: {why}"))
            .collect();
        let more = if unfit.len() > SHOWN_UNFIT {
            "; …"
        } else {
            ""
        };
        told.push(format!(
            "{} ready, but for others: {}{more}",
            unfit.len(),
            some.join("; ")
        ));
    }
    if told.is_empty() {
        String::new()
    } else {
        format!(" ({})", told.join("; "))
    }
}
