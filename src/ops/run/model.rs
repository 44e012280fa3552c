//! The nouns of a run: what its steps are given, and what they hand on to each other.
//!
//! This file lies below all steps and imports none of them, so that a step can be read without the
//! one that comes before it. Deliberately absent: decisions, and effects but the record of a step.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::connector::registry::ConnectorRegistry;
use crate::domain::actor::Actor;
use crate::domain::aftermath::{AttemptEnd, CheckEnd, Parked};
use crate::domain::agent_event::AgentResult;
use crate::domain::budget::BudgetLevel;
use crate::domain::check::{CheckResult, CheckSpec};
use crate::domain::decision::DecisionRecord;
use crate::domain::egress::HostSeen;
use crate::domain::event::Event;
use crate::domain::lease::{ShownToken, Token};
use crate::domain::process_end::ProcessEnd;
use crate::domain::repo_path::RepoPath;
use crate::domain::routing::Relief;
use crate::domain::run::{Run, RunStep};
use crate::domain::sandbox::SandboxUsed;
use crate::domain::task::Task;
use crate::domain::verdict::{Cell, Lifecycle, Outcome};
use crate::git::diff::{ChangedPath, DiffStats};
use crate::git::{Oid, Repo, shadow::ShadowRepo};
use crate::ops::cx::{Cx, commit_as};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::hosts::JudgeSlot;
use crate::ops::lease;
use crate::ops::refusal::Refusal;
use crate::ops::run::files::RunDir;
use crate::ops::world::{Glimpse, World};
use crate::policy::PolicyState;
use crate::process::supervise::{CancelToken, StopReason};
use crate::store::{Lasting, Store};

/// The surroundings that all runs of one `ai run` share.
pub(crate) struct CommandCx<'a> {
    /// The machine and the project.
    pub(crate) world: &'a World,
    /// The repository.
    pub(crate) repo: &'a Repo,
    /// The start of runs, and the target of their work.
    pub(crate) origin: &'a Origin,
    /// The policy of the base commit.
    pub(crate) policy: &'a PolicyState,
    /// The connectors that are installed.
    pub(crate) connectors: &'a ConnectorRegistry,
}

/// A run in progress, as every step sees it.
pub(crate) struct RunCx<'a> {
    /// The machine and the project.
    pub(crate) world: &'a World,
    /// The repository.
    pub(crate) repo: &'a Repo,
    /// The policy of the base commit.
    pub(crate) policy: &'a PolicyState,
    /// In whose name the run writes into the store.
    pub(crate) actor: Actor,
    /// The run, its task and the proof of its lease.
    pub(crate) started: &'a Started,
    /// The tokens that the actor has at hand.
    pub(crate) kept: &'a [ShownToken],
    /// The files of the run.
    pub(crate) files: RunDir,
    /// Stops the run.
    pub(crate) cancel: CancelToken,
    /// Decides about hosts, made when it is first wanted.
    pub(crate) hosts: JudgeSlot,
}

/// The commit that work starts from and the branch that it goes into.
#[derive(Debug)]
pub struct Origin {
    /// The commit; absent on an unborn branch.
    pub base: Option<String>,
    /// The branch it was read from, into which the work goes; absent where HEAD is detached.
    pub target: Option<String>,
}

/// A run whose task is held.
pub struct Started {
    /// The run.
    pub run: Run,
    /// The task as it was claimed.
    pub task: Task,
    /// The proof of the lease.
    pub token: Token,
    /// Ceilings that the run has to stay below.
    pub budget: Vec<BudgetLevel>,
}

/// The end of a run, for the terminal.
pub struct RunReport {
    /// The run.
    pub run: Run,
    /// The task as it stands now.
    pub task: Task,
    /// The cell of the verdict table.
    pub cell: Cell,
    /// The outcome that follows from the cell.
    pub outcome: Outcome,
    /// One line or a few for people.
    pub summary: String,
    /// The run's directory.
    pub dir: PathBuf,
    /// Remarks that a reviewer should look at.
    pub warnings: Vec<String>,
    /// The agents that could go on, where the provider has refused this one.
    pub relief: Relief,
}

/// The end of the agent's step, as it is kept for a run that takes the work up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentEnd {
    /// The end of the process.
    #[serde(flatten)]
    pub process: AgentProcess,
    /// The conclusions from its stream.
    #[serde(flatten)]
    pub stream: AgentStream,
    /// Things that it reached besides its worktree.
    #[serde(flatten)]
    pub reach: AgentReach,
}

/// The end of an agent's process, as the supervisor saw it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentProcess {
    /// The end itself.
    pub end: ProcessEnd,
    /// Milliseconds that it took.
    pub duration_ms: u64,
    /// The reason why `ai` stopped it, where it did.
    pub stopped: Option<StopReason>,
    /// The number of processes that it left behind and that were ended.
    pub leftovers: usize,
    /// The budget that ended it, such as `run.tokens`.
    #[serde(default)]
    pub budget: Option<String>,
    /// The signs by which it was found to have stalled.
    #[serde(default)]
    pub stall: Vec<String>,
    /// The merge, rebase or conflict in the middle of which it ended, in words.
    #[serde(default)]
    pub unfinished: Option<String>,
    /// A place that its sandbox hides and that it named when it ended before it had begun, as `runs.allow_read` wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<String>,
    /// The reason, with what to do, for which its program refused to start as it was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// The means by which its processes were held together.
    #[serde(default)]
    pub held: HeldBy,
    /// The reason why nothing held it to the resources that it has declared, where nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlimited: Option<String>,
    /// The logs that are not whole, and why.
    #[serde(default)]
    pub unwritten: Vec<String>,
}

/// The conclusions from an agent's stream and from its questions.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AgentStream {
    /// The conclusion of its connector.
    pub result: AgentResult,
    /// True where its model did something.
    #[serde(default)]
    pub at_work: bool,
    /// The reason why the session that it was to continue was not continued.
    #[serde(default)]
    pub resume_refused: Option<String>,
    /// The question that only a person can answer; it ended there.
    #[serde(default)]
    pub parked: Option<Parked>,
    /// Names of the tools that it has used without asking, each once.
    #[serde(default)]
    pub tools: Vec<String>,
    /// Lines by which its CLI has told that it did not take its settings.
    #[serde(default)]
    pub unheeded: Vec<String>,
}

/// The sandbox of an agent, and what the agent reached besides its worktree.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AgentReach {
    /// The sandbox that kept it in.
    #[serde(default)]
    pub sandbox: SandboxUsed,
    /// Files outside of its worktree that it says itself it changed, and that did change.
    #[serde(default)]
    pub trespasses: Vec<String>,
    /// References that it moved although they are not its own; they were put back where nobody else had followed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub moved_refs: Vec<String>,
    /// Remarks about files that its program may only read, and on places that its sandbox could not hide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub planted: Vec<String>,
    /// The hosts that it asked for, where it may reach listed ones only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<HostSeen>,
}

impl AgentEnd {
    /// The part of it that decides what follows.
    pub fn attempt(&self) -> AttemptEnd<'_> {
        AttemptEnd {
            process: &self.process.end,
            stream: &self.stream.result.outcome,
            stopped: self.process.stopped.as_ref(),
            parked: self.stream.parked.as_ref(),
            stall: &self.process.stall,
            unfinished: self.process.unfinished.as_deref(),
            hidden: self.process.hidden.as_deref(),
            refused: self.process.refused.as_deref(),
        }
    }

    /// The same end, with the operation of Git that was left half done and the paths in conflict.
    pub(crate) fn left_undone(mut self, operation: Option<&str>, unmerged: &[RepoPath]) -> Self {
        const SHOWN: usize = 5;
        let names: Vec<String> = unmerged
            .iter()
            .take(SHOWN)
            .map(ToString::to_string)
            .collect();
        let more = if unmerged.len() > SHOWN { ", …" } else { "" };
        let conflicts = (!names.is_empty())
            .then(|| format!("conflicts are not resolved in {}{more}", names.join(", ")));
        let parts: Vec<String> = operation
            .map(str::to_owned)
            .into_iter()
            .chain(conflicts)
            .collect();
        self.process.unfinished = (!parts.is_empty()).then(|| parts.join(", "));
        self
    }
}

/// The means by which the processes of a run are held together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// A cgroup, besides the subreaper.
    Cgroup,
    /// The keeper, a child subreaper.
    #[default]
    Subreaper,
}

/// The judged tree.
pub(crate) struct Sealed {
    /// The tree of the base.
    pub(crate) base_tree: Oid,
    /// The tree of the work.
    pub(crate) tree: Oid,
    /// The commit; absent where nothing was changed.
    pub(crate) commit: Option<Oid>,
    /// Commits that the agent made itself.
    pub(crate) own_commits: usize,
}

/// A tree as it was found and committed.
pub(crate) struct Taken {
    /// The tree and its commit.
    pub(crate) sealed: Sealed,
    /// The paths that differ from the base.
    pub(crate) changed: Vec<ChangedPath>,
    /// Remarks that are worth a look, in words.
    pub(crate) remarks: Vec<String>,
    /// The paths that were left in conflict.
    pub(crate) unmerged: Vec<RepoPath>,
    /// True where some of it is known by the word of the worktree's own Git alone.
    pub(crate) rests_on_own: bool,
}

/// An agent's work as it was found when it had ended.
pub(crate) struct Worked {
    /// The agent's end.
    pub(crate) end: AgentEnd,
    /// The lifecycle that follows.
    pub(crate) lifecycle: Lifecycle,
    /// The tree and its commit.
    pub(crate) sealed: Sealed,
    /// The paths that differ from the base.
    pub(crate) changed: Vec<ChangedPath>,
    /// Remarks that are worth a look, in words.
    pub(crate) remarks: Vec<String>,
}

/// A check that has run.
pub struct Checked {
    /// The check.
    pub spec: CheckSpec,
    /// The result.
    pub result: CheckResult,
    /// The log, standard output and standard error one after the other.
    pub log: PathBuf,
}

impl Checked {
    /// The part of it that decides what follows.
    pub fn end(&self) -> CheckEnd<'_> {
        CheckEnd {
            spec: &self.spec,
            result: &self.result,
        }
    }
}

/// Everything that was measured before the verdict.
pub(crate) struct Findings {
    /// The agent's end; absent where the work was done outside of `ai`.
    pub(crate) end: Option<AgentEnd>,
    /// The end of its process.
    pub(crate) lifecycle: Lifecycle,
    /// The tree and its commit.
    pub(crate) sealed: Sealed,
    /// The paths that differ from the base.
    pub(crate) changed: Vec<ChangedPath>,
    /// Remarks that are worth a look, in words.
    pub(crate) remarks: Vec<String>,
    /// The patch file.
    pub(crate) patch: PathBuf,
    /// The size of the change.
    pub(crate) stats: DiffStats,
    /// The checks that have run.
    pub(crate) checked: Vec<Checked>,
}

impl Findings {
    /// The end of the attempt, as far as it decides what follows.
    pub(crate) fn attempt(&self) -> AttemptEnd<'_> {
        self.end
            .as_ref()
            .map_or(AttemptEnd::OUTSIDE, AgentEnd::attempt)
    }

    /// The sandbox around the agent; none around work that was done outside of `ai`.
    pub(crate) fn sandbox(&self) -> SandboxUsed {
        self.end
            .as_ref()
            .map_or(SandboxUsed::NONE, |end| end.reach.sandbox)
    }

    /// Returns the reason why the session that the agent was to continue was not continued.
    pub(crate) fn resume_refused(&self) -> Option<&str> {
        self.end.as_ref()?.stream.resume_refused.as_deref()
    }
}

/// The verdict on a run.
pub(crate) struct RunVerdict {
    /// The cell of the verdict table.
    pub(crate) cell: Cell,
    /// The outcome that follows from the cell.
    pub(crate) outcome: Outcome,
    /// The decision of the policy on the change.
    pub(crate) decision: DecisionRecord,
    /// The decisions on the tools that were used.
    pub(crate) tools: Vec<DecisionRecord>,
    /// One line or a few for people.
    pub(crate) summary: String,
    /// Remarks that a reviewer should look at.
    pub(crate) warnings: Vec<String>,
}

/// The place where the work of a run that was cut off is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeptWork {
    /// The run had done no work.
    Nothing,
    /// On this branch or rescue reference.
    On(String),
    /// Still in its worktree: it could not be saved, for this reason. Nothing touches it before it is.
    InPlace(String),
}

impl KeptWork {
    /// The place as the end of a sentence: `; its work stands on …`.
    pub fn clause(&self) -> String {
        match self {
            KeptWork::Nothing => String::new(),
            KeptWork::On(name) => format!(
                "; its work stands on {}",
                name.trim_start_matches("refs/heads/")
            ),
            KeptWork::InPlace(why) => {
                format!("; its work is still in its worktree, since it could not be saved: {why}")
            }
        }
    }

    /// The reference, where there is one.
    pub fn reference(&self) -> Option<&str> {
        match self {
            KeptWork::On(name) => Some(name),
            KeptWork::Nothing | KeptWork::InPlace(_) => None,
        }
    }
}

impl RunCx<'_> {
    /// True where a person has stopped the run.
    pub(crate) fn was_stopped(&self) -> bool {
        matches!(
            self.cancel.reason(),
            Some(StopReason::Interrupted | StopReason::Shutdown)
        )
    }

    /// The commit that the run starts from.
    pub(crate) fn base(&self) -> Result<Option<Oid>, OpError> {
        self.started
            .run
            .base
            .as_deref()
            .map(Oid::parse)
            .transpose()
            .kept("the base of the run")
    }

    /// The tree of that commit, which is empty on an unborn branch.
    pub(crate) fn base_tree(&self, shadow: &ShadowRepo) -> Result<Oid, OpError> {
        match self.base()? {
            Some(base) => self.repo.tree_of(&base).map_err(OpError::from),
            None => Ok(shadow.format().empty_tree()),
        }
    }

    /// The surroundings of an operation in the agent's name, now.
    pub(crate) fn cx(&self) -> Result<Cx, OpError> {
        self.world.cx_as(self.policy, self.actor.clone())
    }

    /// Records that a step is about to be done. Fenced: a run that lost its lease goes no further.
    pub(crate) fn step(&self, store: &mut dyn Store, step: RunStep) -> Result<(), OpError> {
        if let Some(reason) = self.cancel.reason() {
            return Err(OpError::from(Refusal::Environment(format!(
                "stopped before step {}: {reason}",
                step.name()
            ))));
        }
        self.record_step(store, step, None)
    }

    /// Records a step that a stopped run still does: looking at what the agent left, and saying so.
    pub(crate) fn step_even_if_stopped(
        &self,
        store: &mut dyn Store,
        step: RunStep,
    ) -> Result<(), OpError> {
        self.record_step(store, step, None)
    }

    /// Records that the work stands as a commit.
    pub(crate) fn step_sealed(
        &self,
        store: &mut dyn Store,
        sealed: &Sealed,
    ) -> Result<(), OpError> {
        self.record_step(store, RunStep::Checks, Some(sealed))
    }

    fn record_step(
        &self,
        store: &mut dyn Store,
        step: RunStep,
        sealed: Option<&Sealed>,
    ) -> Result<(), OpError> {
        let (cx, run) = (self.cx()?, &self.started.run.id);
        self.world.glimpse(Glimpse::Step(run, step));
        let event = Event::RunStep {
            run: run.clone(),
            step,
            tree: sealed.map(|sealed| sealed.tree.to_string()),
            commit: sealed.and_then(|sealed| Some(sealed.commit.as_ref()?.to_string())),
        };
        let lasting = if step.lasts_at_once() {
            Lasting::AtOnce
        } else {
            Lasting::WithTheNext
        };
        commit_as(store, &cx, lasting, |tx, cx| {
            lease::fenced(tx, cx, &self.started.token, step.name())?;
            cx.record(tx, &event)
        })
    }
}
