//! Answers about the project as a whole, and errors.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::yaml::YamlProblem;
use crate::cli::answer::work::AgentStatus;
use crate::domain::actor::Actor;
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::message::Message;
use crate::domain::run::RunStep;
use crate::domain::task::RecurringOrigin;
use crate::ops::gates::Gate;
use crate::ops::needs_you::Need;
use crate::ops::trust::Change;

/// The answer to `ai status`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct StatusAnswer<'a> {
    /// Number of tasks in each state; states without tasks are left out.
    pub(in crate::cli) tasks: BTreeMap<&'a str, u64>,
    /// Live leases with their holders.
    pub(in crate::cli) leases: Vec<StatusLease<'a>>,
    /// Tasks that wait for a review.
    pub(in crate::cli) reviews: Vec<&'a str>,
    /// Tasks that are blocked until a person does something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) held: Vec<&'a str>,
    /// Everything that waits for a person, with the command that answers it.
    pub(in crate::cli) needs_you: &'a [Need],
    /// The health of each agent.
    pub(in crate::cli) agents: Vec<StatusAgent<'a>>,
}

/// An agent, as `ai status` shows it.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct StatusAgent<'a> {
    /// The agent.
    pub(in crate::cli) name: &'a str,
    /// The health of the agent.
    #[serde(flatten)]
    pub(in crate::cli) status: AgentStatus,
}

/// A lease, as `ai status` shows it.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct StatusLease<'a> {
    /// The task or lock.
    pub(in crate::cli) subject: &'a Subject,
    /// The holder.
    pub(in crate::cli) holder: &'a Actor,
    /// Grows with every grant.
    pub(in crate::cli) epoch: u64,
    /// Time of expiry by the wall clock, in milliseconds since 1970.
    pub(in crate::cli) expires_ms: i64,
    /// False where it has lapsed.
    pub(in crate::cli) live: bool,
    /// The task's title; null for a lock.
    pub(in crate::cli) title: Option<&'a str>,
    /// The task's state; null for a lock.
    pub(in crate::cli) status: Option<&'a str>,
    /// The run that works on it; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) run: Option<StatusRun<'a>>,
}

/// A run at work, as `ai status` shows it.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct StatusRun<'a> {
    /// The run.
    pub(in crate::cli) id: &'a RunId,
    /// The last recorded step.
    pub(in crate::cli) step: RunStep,
    /// Whole minutes since it began.
    pub(in crate::cli) minutes: u64,
}

/// The answer to `ai why`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct WhyAnswer<'a> {
    /// The task.
    pub(in crate::cli) task: &'a TaskId,
    /// The state.
    pub(in crate::cli) status: &'a str,
    /// The recurring work for which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) recurring: Option<&'a RecurringOrigin>,
    /// Gates that hold the task, the decisive one first.
    pub(in crate::cli) gates: &'a [Gate],
    /// Messages to the task that nobody has seen.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(in crate::cli) messages: &'a [Message],
}

/// The answer to `ai init`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct InitAnswer<'a> {
    /// Files that were written.
    pub(in crate::cli) written: &'a [String],
    /// Files that stood already and were left.
    pub(in crate::cli) kept: &'a [String],
    /// True where the store is new.
    pub(in crate::cli) new_store: bool,
    /// True where there is no checkout, and so no files.
    pub(in crate::cli) bare: bool,
    /// Files that would run code and are not trusted yet.
    pub(in crate::cli) untrusted: &'a [Change],
    /// The directory for worktrees and places of checks; null where there is none, or no checkout.
    pub(in crate::cli) places: Option<&'a std::path::Path>,
    /// The commit on which the detected checks were tried; null where they were not.
    pub(in crate::cli) commit: Option<String>,
    /// The checks that were detected and tried, or are proposed.
    pub(in crate::cli) checks: Vec<InitCheck<'a>>,
}

/// A check that `ai init` has detected.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct InitCheck<'a> {
    /// The name.
    pub(in crate::cli) name: &'a str,
    /// The shell line.
    pub(in crate::cli) run: &'a str,
    /// The setup that it needs; null for none.
    pub(in crate::cli) setup: Option<&'a str>,
    /// The file that gave it away.
    pub(in crate::cli) because: &'a str,
    /// True where it passed and was taken in, false where it did not and was left out; null where it
    /// was not tried.
    pub(in crate::cli) passed: Option<bool>,
    /// The reason why it was left out.
    pub(in crate::cli) why: Option<String>,
}

/// An error, on standard error.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ErrorAnswer<'a> {
    /// The error.
    pub(in crate::cli) error: ErrorBody<'a>,
}

/// The failure and its reason.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ErrorBody<'a> {
    /// The exit code.
    pub(in crate::cli) code: u8,
    /// The name, such as `conflict`.
    pub(in crate::cli) kind: &'a str,
    /// The failure and its reason.
    pub(in crate::cli) message: &'a str,
    /// The next command, where one helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) next: Option<Cow<'a, str>>,
    /// With `--verbose`: what caused it, from the nearest cause to the deepest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) causes: Vec<String>,
}

/// The answer to `ai policy validate`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct PolicyValidated<'a> {
    /// The file.
    pub(in crate::cli) file: &'a str,
    /// True where nothing is wrong.
    pub(in crate::cli) ok: bool,
    /// Everything that is wrong with it.
    pub(in crate::cli) problems: &'a [YamlProblem],
    /// Other files of the policy in which something is wrong: what it extends, and other layers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) others: Vec<BadPolicyFile<'a>>,
}

/// A file in which something is wrong.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct BadPolicyFile<'a> {
    /// The file.
    pub(in crate::cli) file: &'a str,
    /// The version of the file where it is that of a commit, as `at HEAD (1e1a5ed)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) version: Option<&'a str>,
    /// Everything that is wrong with it.
    pub(in crate::cli) problems: &'a [YamlProblem],
}

/// A line of `ai schema`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct SchemaLine<'a> {
    /// For `ai schema NAME`.
    pub(in crate::cli) name: &'a str,
    /// The command that prints or reads it.
    pub(in crate::cli) about: &'a str,
}
