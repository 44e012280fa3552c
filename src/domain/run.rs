//! Runs: one attempt at a task by one agent, in one worktree.

use serde::{Deserialize, Serialize};

use crate::domain::aftermath::CutOffBy;
use crate::domain::budget::RunUsage;
use crate::domain::decision::Override;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::resources::ResourceAmounts;
use crate::domain::sandbox::Isolation;
use crate::domain::time::{Elapsed, LeaseInstant, Now, WallMs};
use crate::domain::verdict::{Cell, Outcome};

/// One attempt at a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Run {
    /// `<task>.<epoch>`.
    pub id: RunId,
    /// The task.
    pub task: TaskId,
    /// The agent's registered name.
    pub agent: String,
    /// The connector that drove it.
    pub connector: String,
    /// The model asked for, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The commit that the work starts from; absent on an unborn branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// The branch that `base` was read from and that accept goes into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The run's own branch, `ai/<task>/<epoch>`.
    pub branch: String,
    /// The worktree's name in the pool.
    pub worktree: String,
    /// The process that supervises (or supervised) it.
    pub supervisor: ProcessRef,
    /// Time of its start, in milliseconds since 1970.
    pub started_ms: WallMs,
    /// The same by the clock that nobody sets; absent in a run of before, and where another clock
    /// measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<LeaseInstant>,
    /// The last recorded step.
    pub step: RunStep,
    /// The tree that `ai` snapshotted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
    /// The commit of that tree on the run's branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Resources of the machine that are taken while it is at work: enough for its agent, and for each of its checks.
    #[serde(default, skip_serializing_if = "ResourceAmounts::is_nothing")]
    pub resources: ResourceAmounts,
    /// The lost run whose snapshot this one takes up, instead of asking an agent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<RunId>,
    /// The session of an interrupted run that this one was started to continue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resumed: Option<Resumed>,
    /// The use so far, as far as the CLI has told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<RunUsage>,
    /// The choice of its agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed: Option<Routed>,
    /// The landing that a started accept is about to make; the effect can be looked up by it after
    /// a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepting: Option<Accepting>,
    /// The landing by which its accept is about to be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoing: Option<Accepting>,
    /// The landing by which its newest accept but the present one was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<Accepting>,
    /// The end; absent while the run goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<RunEnd>,
}

impl Run {
    /// The name in the place of a worktree's, for a run in the main checkout.
    pub const CHECKOUT: &str = "checkout";

    /// True where the run works in the main checkout itself.
    pub fn is_in_place(&self) -> bool {
        self.worktree == Run::CHECKOUT
    }

    /// The landing that took its work out of a branch again, where that is how things stand.
    pub fn taken_back(&self) -> Option<&Accepting> {
        self.undone.as_ref().filter(|_| self.accepting.is_none())
    }

    /// The isolation of the run, as its evidence says it.
    pub fn isolation(&self) -> Isolation {
        if self.is_in_place() {
            Isolation::None
        } else {
            Isolation::Worktree
        }
    }

    /// The agent that it was first given to, before any fallback.
    pub fn first_agent(&self) -> &str {
        let routed = self.routed.as_ref();
        routed
            .and_then(|routed| routed.fallback_of.as_deref())
            .unwrap_or(&self.agent)
    }

    /// Until when the refusal by its provider stands; absent where it ended otherwise, or where
    /// that time is over at `now_ms`.
    pub fn refused_until_ms(&self, now_ms: WallMs) -> Option<WallMs> {
        let end = self.end.as_ref()?;
        end.paused_until_ms
            .filter(|until| *until > now_ms && end.cell.lifecycle.is_refused_by_provider())
    }

    /// True where it has ended and was an attempt at all: neither a provider, a machine nor an
    /// account was in the way.
    pub fn was_an_attempt(&self) -> bool {
        self.end
            .as_ref()
            .is_some_and(|end| end.outcome.is_attempt())
    }

    /// Returns its age by now, in milliseconds. A wall clock that was set meanwhile does not count,
    /// as far as the machine has not been started anew.
    pub fn age_ms(&self, now: &Now) -> u64 {
        let ms = match self.started.as_ref().map(|then| now.lease.since(then)) {
            Some(Elapsed::Ms(ms)) => ms,
            _ => now.wall_ms - self.started_ms,
        };
        u64::try_from(ms).unwrap_or(0)
    }
}

/// A session of an agent's CLI that goes on in another run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Resumed {
    /// The run that was interrupted.
    pub run: RunId,
    /// The CLI's own name of the session.
    pub session: String,
    /// The commit that holds what that run had done; absent where it had done nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    /// Earlier use of the CLI's sessions, for CLIs that go on counting.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub used: RunUsage,
}

fn is_nothing(used: &RunUsage) -> bool {
    *used == RunUsage::default()
}

/// The choice of a run's agent; the whole trace stands in `routing.json` of the run's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Routed {
    /// By what.
    pub by: RoutedBy,
    /// The reason in words.
    pub why: String,
    /// The agent in whose place it stands, where it is a fallback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_of: Option<String>,
    /// Agents that would take over, in order, should its quota end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallbacks: Vec<String>,
}

/// The ground on which an agent was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoutedBy {
    /// A person named it with `--agent`.
    Override,
    /// The task asks for it.
    Task,
    /// The agent is the project's default.
    Default,
    /// The agent stands in for one that is out of quota or not logged in.
    Fallback,
    /// The agent had the best score, or was the only one that could.
    Score,
}

/// A process, told from a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ProcessRef {
    /// Boot and time namespace.
    pub boot_id: String,
    /// The pid namespace in which `pid` means something.
    pub pid_namespace: String,
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
}

/// An accept that was begun, or the undoing of one: the swap of one reference, named so that it can be
/// found done or not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Accepting {
    /// The branch.
    pub target: String,
    /// The commit that goes there.
    pub commit: String,
    /// The tree, on which the checks have passed where it lands by itself.
    pub tree: String,
    /// The commit of the work, where it was given another message than the one that was judged; absent else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reworded: Option<String>,
    /// The reason why it lands without a passing verdict, where it does: the word stands, whoever
    /// completes what was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<Override>,
    /// The state of the branch that was checked, where the work lands together with other work; absent
    /// where it lands by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub combined: Option<CombinedTree>,
}

/// Works of several tasks in one tree, on which the checks have passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CombinedTree {
    /// The commit to which the branch goes with all of them.
    pub commit: String,
    /// The tree of that commit.
    pub tree: String,
}

/// The steps of a run, in order. A step is recorded before it is begun: what comes after the
/// recorded one has not happened.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Step")]
pub enum RunStep {
    /// Task, locks and lease are held.
    Claimed,
    /// The worktree is being made or taken from the pool.
    Worktree,
    /// The agent is being started, or works.
    Agent,
    /// The agent has ended; the tree is being snapshotted.
    Snapshot,
    /// The snapshot stands as a commit on the run's branch; the checks run.
    Checks,
    /// Evidence is being written.
    Evidence,
    /// The verdict is in.
    Judged,
}

impl RunStep {
    /// The stable word for this step.
    pub fn name(self) -> &'static str {
        match self {
            RunStep::Claimed => "claimed",
            RunStep::Worktree => "worktree",
            RunStep::Agent => "agent",
            RunStep::Snapshot => "snapshot",
            RunStep::Checks => "checks",
            RunStep::Evidence => "evidence",
            RunStep::Judged => "judged",
        }
    }

    /// True where the record of the step has to last through a power cut before the step is begun.
    /// Of the others, the one before says as much to whoever finds the run dead: until the agent
    /// works nobody has done any work, and what it did is looked for from then on.
    pub fn lasts_at_once(self) -> bool {
        match self {
            RunStep::Worktree | RunStep::Snapshot | RunStep::Evidence => false,
            RunStep::Claimed | RunStep::Agent | RunStep::Checks | RunStep::Judged => true,
        }
    }
}

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RunEnd {
    /// Time of the end, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// The cell of the verdict table.
    #[serde(flatten)]
    pub cell: Cell,
    /// The outcome.
    pub outcome: Outcome,
    /// One line for people.
    pub summary: String,
    /// The duration, in milliseconds; absent in a run of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// The use, where the CLI told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<RunUsage>,
    /// Until when its agent is not to be asked again: its provider has refused for quota or login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_until_ms: Option<WallMs>,
    /// The budget that ended it, such as `run.tokens`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// The session of its CLI, by which a later run may continue it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The reason why the session that it was to continue was not continued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_refused: Option<String>,
    /// The signs by which it was found to be stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stall: Vec<String>,
    /// Whose doing it was that it did not come to its verdict, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<CutOffBy>,
}

impl RunEnd {
    /// The summary as it reads when nobody waits for a judgement of the run any more: what could be
    /// accepted once cannot be again.
    pub fn told_afterwards(&self) -> &str {
        match self.outcome {
            Outcome::ReadyForReview => "checks passed on this tree and the policy allowed it",
            _ => &self.summary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_makes_no_run_longer() {
        let run = |started: serde_json::Value| -> Run {
            let mut json = serde_json::json!({
                "id": "t-1.1", "task": "t-1", "agent": "a", "connector": "command", "branch": "ai/t-1/1", "worktree": "w1",
                "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
                "started_ms": 1_000_000, "step": "agent",
            });
            json["started"] = started;
            serde_json::from_value(json).unwrap()
        };
        let at = |wall_ms, epoch: &str, ms| Now {
            wall_ms,
            lease: LeaseInstant {
                epoch: epoch.into(),
                ms,
            },
        };
        let measured = run(serde_json::json!({ "epoch": "b/n", "ms": 500 }));
        for wall_ms in [1_002_000, 1_000_000 + 7_200_000, 1_000_000 - 7_200_000] {
            assert_eq!(measured.age_ms(&at(wall_ms, "b/n", 2_500)), 2_000);
        }
        assert_eq!(
            measured.age_ms(&at(1_003_000, "c/n", 9)),
            3_000,
            "the machine was started anew"
        );
        let before = run(serde_json::Value::Null);
        assert_eq!(before.age_ms(&at(1_004_000, "b/n", 2_500)), 4_000);
        assert_eq!(before.age_ms(&at(0, "b/n", 2_500)), 0);
    }
}

#[cfg(test)]
#[path = "run_tables.rs"]
mod tables;
