//! What an accept brings into its target, computed from objects alone, with the message for which `ai`, or whoever
//! accepts, answers.
//!
//! The agent's own commits land as they are. Where `ai` has taken up what the agent left in its worktree, the last commit
//! is its own, and a message that was given takes the place of that commit's: another commit of the same tree. Else it is
//! that of the merge, where there is one.

use crate::config::AcceptMode;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::git::merge::{self, MergeError, MergePlan, MergeProposal, PreparedMerge};
use crate::git::repo::{CommitIdentity, NewCommit};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::landing_message::{self, LandingMessage};
use crate::ops::refusal::Refusal;
use crate::ops::run::origin::{self, Destination};
use crate::ops::world::{World, identity};
use crate::ops::{landing, messages};

/// The way in which the work reaches its target.
pub(super) enum Landing {
    /// Nowhere: the configuration leaves it on its own branch.
    Stay,
    /// The target has it already.
    Already(String),
    /// Into the target.
    Move(Box<PlannedMove>),
}

/// A move of the target that is computed.
pub(super) struct PlannedMove {
    /// The merge.
    pub(super) plan: MergePlan,
    /// The message that the policy is asked about.
    pub(super) message: Option<LandingMessage>,
    /// The commit of the work, where it was given another message.
    pub(super) reworded: Option<Oid>,
}

impl Landing {
    /// The message that the policy is asked about.
    pub(super) fn message(&self) -> Option<&LandingMessage> {
        match self {
            Landing::Move(planned) => planned.message.as_ref(),
            Landing::Stay | Landing::Already(_) => None,
        }
    }

    /// The commit of the work, where it was given another message.
    pub(super) fn reworded(&self) -> Option<&Oid> {
        match self {
            Landing::Move(planned) => planned.reworded.as_ref(),
            Landing::Stay | Landing::Already(_) => None,
        }
    }
}

/// The commit on which work is to land.
#[derive(Clone, Copy)]
pub(super) enum Onto<'a> {
    /// The tip of its target.
    Target,
    /// One at which the target is to be by then; none where it has none yet.
    Commit(Option<&'a Oid>),
}

/// Work that is to land.
pub(super) struct WorkToLand<'a> {
    /// The world.
    pub(super) world: &'a World,
    /// The repository.
    pub(super) repo: &'a Repo,
    /// The store of objects for what is computed.
    pub(super) shadow: &'a ShadowRepo,
    /// The task.
    pub(super) task: &'a Task,
    /// The run.
    pub(super) run: &'a Run,
    /// The commit that was judged.
    pub(super) commit: &'a Oid,
    /// The commit below it.
    pub(super) onto: Onto<'a>,
    /// The message that was given.
    pub(super) given: Option<&'a str>,
    /// The command that lands it.
    pub(super) command: &'a str,
}

impl WorkToLand<'_> {
    /// Finds the change that would land.
    pub(super) fn landing(&self) -> Result<Landing, OpError> {
        let config = &self.world.config.accept;
        let mode = match config.mode {
            AcceptMode::Branch => {
                self.refuse_message("the work stays on its own branch (accept.mode: branch)")?;
                return Ok(Landing::Stay);
            }
            AcceptMode::FfOnly => merge::MergeMode::FastForwardOnly,
            AcceptMode::Merge => merge::MergeMode::FastForwardOrMerge,
        };
        let Destination::Branch(target) = origin::destination(config, self.run) else {
            let why =
                "the run started from a detached HEAD, so there is no branch to accept into".into();
            return Err(Refusal::Missing {
                why,
                hint: "set accept.target in .ai/config.yaml".into(),
            }
            .into());
        };
        origin::refuse_branch_of_run(Some(&target))?;
        let who = match self.repo.identity()? {
            Some(user) => user,
            None => identity()?,
        };
        let tip = match self.onto {
            Onto::Target => self.repo.find_ref(&target)?,
            Onto::Commit(commit) => commit.cloned(),
        };
        // What is brought in again is there already, and not in the tree.
        let is_there = self.is_in(tip.as_ref())?
            || landing::taken_back(self.repo, self.run, &target)?.is_some();
        let own = self.own_message()?;
        let reworded = match (&own, self.given) {
            (Some(_), Some(words)) if !is_there => Some(self.reword(words, &who)?),
            _ => None,
        };
        let given = self.given.filter(|_| reworded.is_none());
        let verb = match self.run.undone {
            Some(_) => "Reapply",
            None => "Merge",
        };
        let subject = format!("{verb} {}: {}", self.task.id, self.task.title);
        let of = (self.task, self.run);
        let message = landing_message::worded(self.world, of, given, (&subject, ""));
        let (commit, of_work) = match &reworded {
            Some((commit, message)) => (commit, Some(message)),
            None => (self.commit, own.as_ref()),
        };
        let proposal = MergeProposal {
            target: &target,
            commit,
            mode,
            message: &message,
            who: &who,
            when_ms: (self.world.clock)().wall_ms,
        };
        let on = (self.repo, self.shadow);
        let prepared = landing::prepare(on, self.run, &proposal, tip)?;
        let plan = match prepared.map_err(|error| self.not_landed(error))? {
            PreparedMerge::Ready(plan) => plan,
            PreparedMerge::AlreadyMerged => {
                self.refuse_message("the target has the work already")?;
                return Ok(Landing::Already(target));
            }
        };
        let is_forward = plan.new == *commit;
        if is_forward && given.is_some() {
            self.refuse_message("the work lands as the commits that its agent has made itself")?;
        }
        // A commit that brings in again what was taken back has one parent, and its own message.
        let asked = if is_forward || self.is_merge(&plan.new)? {
            of_work
        } else {
            Some(&message)
        };
        let asked = asked.map(|text| LandingMessage::of(text, self.run, self.command));
        Ok(Landing::Move(Box::new(PlannedMove {
            message: asked.transpose()?,
            reworded: reworded.map(|(commit, _)| commit),
            plan,
        })))
    }

    /// The message of the last commit, where `ai` has made it and somebody asks.
    fn own_message(&self) -> Result<Option<String>, OpError> {
        if self.given.is_none() && !self.world.checkout_policy().looks_at_messages() {
            return Ok(None);
        }
        messages::taken_up(self.repo, self.run, self.commit)
    }

    /// True where the work is in the history of a commit.
    fn is_in(&self, tip: Option<&Oid>) -> Result<bool, OpError> {
        match tip {
            Some(tip) => Ok(self.repo.is_ancestor(self.commit, tip)?),
            None => Ok(false),
        }
    }

    fn is_merge(&self, commit: &Oid) -> Result<bool, OpError> {
        let lines = self.repo.commits_named(std::slice::from_ref(commit))?;
        Ok(lines.iter().any(|one| one.parents.len() > 1))
    }

    /// The commit of the work under another message, with that.
    fn reword(&self, words: &str, who: &CommitIdentity) -> Result<(Oid, String), OpError> {
        let of = (self.task, self.run);
        let message = landing_message::worded(self.world, of, Some(words), ("", ""));
        let lines = self.repo.commits_named(std::slice::from_ref(self.commit))?;
        let parents = lines.into_iter().flat_map(|one| one.parents);
        let commit = self.repo.commit_tree(&NewCommit {
            tree: &self.repo.tree_of(self.commit)?,
            parents: &parents.collect::<Vec<Oid>>(),
            message: &message,
            author: &identity()?,
            committer: who,
            when_ms: (self.world.clock)().wall_ms,
        })?;
        Ok((commit, message))
    }

    /// Refuses a message that no commit could have.
    fn refuse_message(&self, why: &str) -> Result<(), OpError> {
        match self.given {
            None => Ok(()),
            Some(_) => Err(Refusal::Unclear {
                why: format!("{why}: `ai` makes no commit that could have a message"),
                hint: format!("`{} {}` takes it as it is", self.command, self.task.id),
            }
            .into()),
        }
    }

    fn not_landed(&self, source: MergeError) -> OpError {
        OpError::Merge {
            task: self.task.id.clone(),
            source: Box::new(source),
        }
    }
}
