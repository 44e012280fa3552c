//! The question about the commits of a range, wherever there is a clone: no store, no hooks, no worktree.
//!
//! Each commit is asked about as one that passed no hook is at a push, and the range as the push that it
//! would be. The policy is the one of the commit at which the range begins, so that a branch is not judged by
//! what it makes of the policy. A clone that does not have all of the range is an error, never a range
//! without commits.
//!
//! Deliberately absent: records, locks and approvals, which a store would have.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use crate::base::fs;
use crate::base::text::one_line;
use crate::config::Trees;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::agent::Name;
use crate::domain::decision::{Decision, Effect};
use crate::domain::git_hook::PushedRef;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::git::history::{AuthoredCommit, CommitLine};
use crate::git::{GitError, Oid, Repo};
use crate::ops::ask::Question;
use crate::ops::error::{Bug as _, OpError};
use crate::ops::hooks::message;
use crate::ops::hooks::push::{imported_in, of_commits, of_push};
use crate::ops::policy_files;
use crate::policy::{self, PolicyState, Request};

/// Git keeps the commits here whose parents a shallow clone does not have.
const SHALLOW: &str = "shallow";
/// The person of a commit without an address that can be a name.
const NOBODY: &str = "unknown";
/// Longest file of such commits that is read.
const CAP: u64 = 64 << 20;

/// A range that is to be judged.
pub struct RangeAsked<'a> {
    /// The commit at which it begins, and which does not count.
    pub from: &'a str,
    /// The last commit.
    pub to: &'a str,
    /// The reference to which it goes, where that is asked about, too.
    pub branch: Option<&'a str>,
    /// The actor of every commit, in place of those that the commits name.
    pub actor: Option<Actor>,
    /// The comparison of names in the repository.
    pub case: CaseMode,
}

/// One question about a range with its answer.
pub struct JudgedPart {
    /// The commit; nothing for the push of all of them.
    pub commit: Option<AuthoredCommit>,
    /// The actor who is asked about.
    pub actor: Actor,
    /// The paths.
    pub paths: Vec<RepoPath>,
    /// The answer.
    pub decision: Decision,
}

/// A range with all answers.
pub struct RangeJudged {
    /// The commit whose policy answered.
    pub policy_of: Oid,
    /// The last commit.
    pub tip: Oid,
    /// False where that commit has no policy, so that the built-in rules alone answered.
    pub has_policy: bool,
    /// The answers: the commits, oldest first, then the push.
    pub parts: Vec<JudgedPart>,
}

impl RangeJudged {
    /// The strictest answer.
    pub fn effect(&self) -> Effect {
        let effects = self.parts.iter().map(|part| part.decision.effect);
        effects.max().unwrap_or(Effect::Allow)
    }
}

/// A range that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum RangeError {
    /// An end of the range that names no commit.
    #[error("`{}` names no commit in this repository{}", one_line(rev), in_a_shallow_one(*is_shallow))]
    End {
        /// The end as it was given.
        rev: String,
        /// True where the clone does not have all of the history.
        is_shallow: bool,
    },
    /// A commit of the range whose parents are not there.
    #[error(
        "this clone is shallow: what stands before {commit} was not fetched, so the range cannot be judged"
    )]
    CutOff {
        /// The commit, in short.
        commit: String,
    },
    /// Anything else.
    #[error(transparent)]
    Operation(#[from] OpError),
}

fn in_a_shallow_one(is_shallow: bool) -> &'static str {
    if is_shallow {
        ", which is a shallow clone"
    } else {
        ""
    }
}

/// Judges every commit of a range by the policy at its beginning.
pub fn judge(
    (root, repo): (&Path, &Repo),
    asked: &RangeAsked<'_>,
) -> Result<RangeJudged, RangeError> {
    let (from, to) = (found(repo, asked.from)?, found(repo, asked.to)?);
    let beyond = repo.commits_beyond(&to, std::slice::from_ref(&from));
    let lines = beyond.map_err(OpError::from)?;
    refuse_cut_off(repo, &lines)?;
    let pushed = asked.branch.map(|branch| PushedRef {
        name: branch.to_owned(),
        new: Some(to.to_string()),
        old: Some(from.to_string()),
    });
    let (has_policy, parts) = answers(
        (root, repo),
        &CommitsAsked {
            policy_of: &from,
            lines: &lines,
            push: pushed.as_ref(),
            moved: &BTreeSet::new(),
            actor: asked.actor.as_ref(),
            case: asked.case,
        },
    )?;
    Ok(RangeJudged {
        policy_of: from,
        tip: to,
        has_policy,
        parts,
    })
}

/// Commits that are asked about, and the push that brings them.
pub(super) struct CommitsAsked<'a> {
    /// The commit whose policy answers.
    pub(super) policy_of: &'a Oid,
    /// The commits, newest first.
    pub(super) lines: &'a [CommitLine],
    /// The push, where that is asked about, too.
    pub(super) push: Option<&'a PushedRef>,
    /// The paths that the push changes in its reference, beside those of the commits.
    pub(super) moved: &'a BTreeSet<RepoPath>,
    /// The actor of all, in place of those that the commits name.
    pub(super) actor: Option<&'a Actor>,
    /// The comparison of names in the repository.
    pub(super) case: CaseMode,
}

/// The answers about commits, oldest first, then about the push. Also returns whether there is a policy
/// beside the built-in rules.
pub(super) fn answers(
    (root, repo): (&Path, &Repo),
    asked: &CommitsAsked<'_>,
) -> Result<(bool, Vec<JudgedPart>), OpError> {
    let lines = asked.lines;
    let names: Vec<Oid> = lines.iter().rev().map(|one| one.id.clone()).collect();
    let commits = repo.authored(&names)?;
    let actors: Vec<Actor> = commits
        .iter()
        .map(|one| asked.actor.cloned().map_or_else(|| author_of(one), Ok))
        .collect::<Result<_, _>>()?;
    let pusher = match asked.actor.or(actors.last()) {
        Some(actor) => actor.clone(),
        None => nobody()?,
    };
    let named = actors.iter().chain([&pusher]);
    let state = policy_files::of_base(
        root,
        &Trees::none(),
        (repo, asked.policy_of),
        &agents(named),
    )?;
    let branch = asked.push.map(|pushed| pushed.name.as_str());
    let messages = message::questions((repo, &state), lines)?;
    let messages: HashMap<Oid, Question> = messages.into_iter().collect();
    let mut parts = Vec::new();
    let mut all = asked.moved.clone();
    for ((commit, line), actor) in commits.into_iter().zip(lines.iter().rev()).zip(&actors) {
        let question = of_commits((repo, &state), branch, std::slice::from_ref(line))?;
        all.extend(question.resource.paths.iter().cloned());
        let of_message = messages.get(&commit.id);
        let of_message = of_message.map(|question| (commit.clone(), question.clone()));
        parts.push(answer(
            (&state, asked.case),
            (Some(commit), actor),
            question,
        ));
        if let Some((commit, mut question)) = of_message {
            // What the commit changes is where a host can show what is wrong with its message.
            question.resource.paths = parts.last().map_or(Vec::new(), |part| part.paths.clone());
            let part = answer((&state, asked.case), (Some(commit), actor), question);
            // A message against which nothing speaks is no line of its own.
            let is_silent =
                part.decision.effect == Effect::Allow && part.decision.observed.is_empty();
            parts.extend((!is_silent).then_some(part));
        }
    }
    if let Some(pushed) = asked.push {
        let mut question = of_push((pushed, &all), "");
        question.facts.imported_paths = imported_in((repo, &state), pushed, &all)?;
        parts.push(answer((&state, asked.case), (None, &pusher), question));
    }
    Ok((!state.is_absent(), parts))
}

fn answer(
    (state, case): (&PolicyState, CaseMode),
    (commit, actor): (Option<AuthoredCommit>, &Actor),
    question: Question,
) -> JudgedPart {
    let Question {
        action,
        resource,
        mut facts,
    } = question;
    facts.path_case = case;
    let decision = policy::decide(
        state,
        &Request {
            action,
            actor,
            resource: &resource,
            facts: &facts,
        },
    );
    JudgedPart {
        commit,
        actor: actor.clone(),
        paths: resource.paths,
        decision,
    }
}

/// The commit that a name of the range means.
fn found(repo: &Repo, rev: &str) -> Result<Oid, RangeError> {
    match repo.resolve_commit(rev) {
        Err(GitError::NoCommit { rev }) => Err(RangeError::End {
            rev,
            is_shallow: repo.common_dir().join(SHALLOW).exists(),
        }),
        other => Ok(other.map_err(OpError::from)?),
    }
}

/// A commit whose parents were not fetched would look as if it had added every file, and those behind
/// it as if they were not there.
fn refuse_cut_off(repo: &Repo, lines: &[CommitLine]) -> Result<(), RangeError> {
    let file = repo.common_dir().join(SHALLOW);
    let text = fs::read_text_if_there(&file, CAP).map_err(OpError::from)?;
    let Some(text) = text else {
        return Ok(());
    };
    let cut: BTreeSet<&str> = text.lines().collect();
    match lines.iter().find(|one| cut.contains(one.id.as_str())) {
        Some(one) => Err(RangeError::CutOff {
            commit: one.id.short().to_owned(),
        }),
        None => Ok(()),
    }
}

/// The actor that a commit names. It says so by itself: anybody can write what they like into one.
fn author_of(commit: &AuthoredCommit) -> Result<Actor, OpError> {
    let agent = commit.agent.as_deref();
    let agent = agent.and_then(|name| Actor::new(ActorKind::Agent, name).ok());
    match agent.or_else(|| Actor::by_git(&commit.email, None)) {
        Some(actor) => Ok(actor),
        None => nobody(),
    }
}

fn nobody() -> Result<Actor, OpError> {
    Actor::new(ActorKind::Human, NOBODY).bug("there is no name for nobody")
}

fn agents<'a>(actors: impl Iterator<Item = &'a Actor>) -> Vec<String> {
    let named = actors.filter_map(policy::agent_of);
    // One that nobody can register has no layer.
    let named = named.filter(|name| Name::new(*name).is_ok());
    let names: BTreeSet<String> = named.map(str::to_owned).collect();
    names.into_iter().collect()
}
