//! Answers about runs, their evidence, and what became of them.

use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::agent::Agent;
use crate::domain::agent_event::AgentEvent;
use crate::domain::approval::Missing;
use crate::domain::budget::{BudgetScope, Unit};
use crate::domain::check::CheckResult;
use crate::domain::decision::DecisionRecord;
use crate::domain::evidence::Evidence;
use crate::domain::history::AgentLast;
use crate::domain::ids::{EvidenceId, RunId, TaskId};
use crate::domain::mode::AgentMode;
use crate::domain::run::{Run, RunStep};
use crate::domain::task::Task;
use crate::domain::verdict::{Cell, Outcome, Verification};
use crate::git::diff::PathChange;
use crate::ops::agent_log::Said;
use crate::ops::evidence::EvidenceState;
use crate::ops::health::Health;
use crate::ops::review::FileChange;
use crate::ops::run::model::Checked;
use crate::process::redact::Redactor;
use crate::router::Trace;

/// The answer to `ai run`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct RunAnswer<'a> {
    /// The run.
    pub(in crate::cli) run: &'a Run,
    /// The task as it stands now.
    pub(in crate::cli) task: &'a Task,
    /// The cell of the verdict table.
    pub(in crate::cli) verdict: &'a Cell,
    /// The consequence for the task.
    pub(in crate::cli) outcome: &'a Outcome,
    /// The short of it, for people.
    pub(in crate::cli) summary: &'a str,
    /// Remarks for a reviewer.
    pub(in crate::cli) warnings: &'a [String],
    /// The directory with the run's files.
    pub(in crate::cli) dir: &'a Path,
}

/// A line of `ai logs`: one of `event` and `stderr`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct SaidLine<'a> {
    /// The run.
    pub(in crate::cli) run: &'a RunId,
    /// What its agent said, in the words that all agents share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) event: Option<&'a AgentEvent>,
    /// A line that it wrote on standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) stderr: Option<&'a str>,
}

impl SaidLine<'_> {
    /// The line of something that was said in a run.
    pub(in crate::cli) fn of<'a>(run: &'a RunId, said: &'a Said) -> SaidLine<'a> {
        let (event, stderr) = match said {
            Said::Event(event) => (Some(event), None),
            Said::Stderr(line) => (None, Some(line.as_str())),
        };
        SaidLine { run, event, stderr }
    }
}

/// The answer to `ai check`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct CheckAnswer<'a> {
    /// The tree on which they ran.
    pub(in crate::cli) tree: String,
    /// The commit that was asked for, or on which the worktree stands; null before the first one.
    pub(in crate::cli) commit: Option<String>,
    /// The word of all required checks together.
    pub(in crate::cli) verification: Verification,
    /// Each check, in the order in which they ran.
    pub(in crate::cli) checks: Vec<CheckedLine<'a>>,
}

/// A check that has run.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct CheckedLine<'a> {
    /// Its result.
    #[serde(flatten)]
    pub(in crate::cli) result: &'a CheckResult,
    /// False for an advisory one.
    pub(in crate::cli) required: bool,
    /// Its log.
    pub(in crate::cli) log: &'a Path,
}

impl CheckedLine<'_> {
    /// The line of a check.
    pub(in crate::cli) fn of(checked: &Checked) -> CheckedLine<'_> {
        CheckedLine {
            result: &checked.result,
            required: checked.spec.required,
            log: &checked.log,
        }
    }
}

/// The answer to `ai route explain`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct RouteAnswer<'a> {
    /// The task.
    pub(in crate::cli) task: &'a TaskId,
    /// The type.
    #[serde(rename = "type")]
    pub(in crate::cli) kind: &'a str,
    /// The choice with its reasons.
    pub(in crate::cli) trace: &'a Trace,
}

/// The answer to `ai approve` and `ai deny`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ApprovalAnswer<'a> {
    /// The decision, with the answers.
    pub(in crate::cli) decision: &'a DecisionRecord,
    /// `approved`, `denied`, or `waits` where more people have to say yes.
    pub(in crate::cli) standing: &'static str,
    /// The yes that is missing, by rule.
    pub(in crate::cli) missing: &'a [Missing],
}

/// A line of `ai budget`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct BudgetLine<'a> {
    /// The name, such as `day.tokens`.
    pub(in crate::cli) budget: String,
    /// The agent or task, where it is about one.
    pub(in crate::cli) of: Option<&'a str>,
    /// The spender that is limited.
    pub(in crate::cli) scope: BudgetScope,
    /// The unit that is counted: tokens, US dollars, minutes, or runs.
    pub(in crate::cli) unit: Unit,
    /// Used.
    pub(in crate::cli) spent: f64,
    /// Allowed.
    pub(in crate::cli) limit: f64,
    /// Left.
    pub(in crate::cli) left: f64,
    /// Runs whose price nobody knows.
    pub(in crate::cli) unpriced_runs: u64,
    /// Runs whose CLI left something out, so that they used at least what is counted.
    pub(in crate::cli) lower_bound_runs: u64,
    /// The time at which a daily budget is filled again, in milliseconds since 1970.
    pub(in crate::cli) filled_ms: Option<i64>,
}

/// A line of `ai agent list`, and the answer to `ai agent show`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct AgentLine<'a> {
    /// The agent as its file says.
    #[serde(flatten)]
    pub(in crate::cli) agent: &'a Agent,
    /// The health; null where there is no store yet.
    pub(in crate::cli) status: Option<AgentStatus>,
    /// The reason why it cannot be started on this machine; absent where it can, as far as one can
    /// see without starting it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) cannot_start: Option<&'a str>,
    /// The mode that binds it: the narrowest of its file and of all layers of the policy; absent where none
    /// names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) mode_in_force: Option<AgentMode>,
    /// The command line of a run, with the placeholders that only a run can fill; `ai agent show`
    /// alone tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) command: Option<&'a [String]>,
}

/// The health of an agent.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct AgentStatus {
    /// Runs that it is at work on.
    pub(in crate::cli) load: u32,
    /// `ok`, `failing`, `no_quota` or `no_login`.
    pub(in crate::cli) health: &'static str,
    /// Until when its provider wants to be left alone, in milliseconds since 1970; null where it
    /// does not.
    pub(in crate::cli) until_ms: Option<i64>,
    /// The end of its last run.
    pub(in crate::cli) last: Option<AgentLast>,
}

impl AgentStatus {
    /// From what is known.
    pub(in crate::cli) fn of(health: Health) -> AgentStatus {
        AgentStatus {
            load: health.load,
            health: health.word,
            until_ms: health.until_ms,
            last: health.last,
        }
    }
}

/// A line of `ai agent stats`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct AgentStats<'a> {
    /// The agent.
    pub(in crate::cli) agent: &'a str,
    /// The type of task.
    #[serde(rename = "type")]
    pub(in crate::cli) kind: &'a str,
    /// Ended runs.
    pub(in crate::cli) runs: u64,
    /// Runs whose work went on to a person.
    pub(in crate::cli) good: u64,
    /// Runs that failed or were sent back; the rest was nobody's fault.
    pub(in crate::cli) bad: u64,
    /// Good ones among good and bad, from 0 to 1; null where there are none.
    pub(in crate::cli) success: Option<f64>,
    /// Average time of a run in milliseconds.
    pub(in crate::cli) average_ms: u64,
    /// Tokens of all runs.
    pub(in crate::cli) tokens: u64,
    /// Money of all runs, where it is known.
    pub(in crate::cli) cost_usd: f64,
    /// Runs whose price nobody knows.
    pub(in crate::cli) unpriced_runs: u64,
    /// Runs whose CLI left something out, so that they used at least what is counted.
    pub(in crate::cli) lower_bound_runs: u64,
}

/// The answer to `ai review`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ReviewAnswer<'a> {
    /// The task.
    pub(in crate::cli) task: &'a Task,
    /// The run that waits, or the last one.
    pub(in crate::cli) run: &'a Run,
    /// The evidence of the run.
    pub(in crate::cli) evidence: &'a [Evidence],
    /// The decisions on the task since the run began.
    pub(in crate::cli) decisions: &'a [DecisionRecord],
    /// The files that the run changed; empty with `--no-diff`.
    pub(in crate::cli) changes: Vec<ReviewedFile>,
}

/// A file that a run changed.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct ReviewedFile {
    /// The path, escaped where it is not plain text.
    pub(in crate::cli) path: String,
    /// The kind of change.
    pub(in crate::cli) change: PathChange,
    /// The change as a unified diff.
    pub(in crate::cli) diff: String,
}

impl ReviewedFile {
    /// The changed files, without the secrets in them.
    pub(in crate::cli) fn all(changes: &[FileChange], redactor: &Redactor) -> Vec<ReviewedFile> {
        let one = |change: &FileChange| ReviewedFile {
            path: change.path.path.to_string(),
            change: change.path.change,
            diff: change.text(redactor),
        };
        changes.iter().map(one).collect()
    }
}

/// The answer to `ai undo`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct UndoAnswer<'a> {
    /// The task, in review again.
    pub(in crate::cli) task: &'a Task,
    /// The commit that had landed.
    pub(in crate::cli) landed: &'a str,
    /// The commit that takes it back.
    pub(in crate::cli) commit: &'a str,
    /// The branch.
    pub(in crate::cli) target: &'a str,
    /// The checkout whose files were brought along.
    pub(in crate::cli) updated: Option<&'a Path>,
}

/// The answer to `ai undo --dry-run`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct UndoPreviewed<'a> {
    /// The task, done.
    pub(in crate::cli) task: &'a Task,
    /// The commit that had landed.
    pub(in crate::cli) landed: &'a str,
    /// The branch.
    pub(in crate::cli) target: &'a str,
    /// The files that would change.
    pub(in crate::cli) changes: Vec<ReviewedFile>,
}

/// The answer to `ai accept`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct AcceptAnswer<'a> {
    /// The task, done.
    pub(in crate::cli) task: &'a Task,
    /// The commit that is in the target now.
    pub(in crate::cli) commit: &'a str,
    /// The branch; null where the work stays on its own.
    pub(in crate::cli) target: Option<&'a str>,
    /// The checkout whose files were brought along.
    pub(in crate::cli) updated: Option<&'a Path>,
}

/// A line of `ai recover`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct RecoverLine<'a> {
    /// The run that was cut off.
    pub(in crate::cli) run: &'a RunId,
    /// The task.
    pub(in crate::cli) task: &'a TaskId,
    /// The last recorded step.
    pub(in crate::cli) step: RunStep,
    /// The ref on which its work stands.
    pub(in crate::cli) work: Option<&'a str>,
    /// Processes of it that were still there and were ended.
    pub(in crate::cli) ended_processes: usize,
}

/// The answer to `ai evidence show`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct EvidenceAnswer<'a> {
    /// The piece.
    pub(in crate::cli) evidence: &'a Evidence,
    /// The state of its file now.
    pub(in crate::cli) file: &'a EvidenceState,
}

/// A line of `ai evidence verify`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct EvidenceChecked<'a> {
    /// The piece.
    pub(in crate::cli) id: &'a EvidenceId,
    /// The file, below the state directory.
    pub(in crate::cli) file: &'a str,
    /// The state of the file now.
    pub(in crate::cli) found: &'a EvidenceState,
}

/// The answer to `ai evidence export`.
#[derive(Serialize, JsonSchema)]
pub(in crate::cli) struct EvidenceExported<'a> {
    /// The new directory.
    pub(in crate::cli) to: &'a Path,
    /// Number of files in it.
    pub(in crate::cli) files: usize,
}
