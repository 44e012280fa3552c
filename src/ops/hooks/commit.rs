//! The question before a commit: whether others hold what it changes, whether it stays within the
//! task at hand, and what policy says of it.
//!
//! It is asked about the index, never about the worktree. In the worktree of a task a merge is judged by
//! what it adds to both sides: what it brings along was judged where it was made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect, MatchedRule, PolicyLayer};
use crate::domain::event::Event;
use crate::domain::guards::GuardFinding;
use crate::domain::lease::ShownToken;
use crate::domain::repo_path::RepoPath;
use crate::domain::task::{LockRequest, Task};
use crate::git::diff::{ChangeSide, ChangedPath, StagedChange};
use crate::git::{Oid, Repo, RepoLocation, discover};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit_as};
use crate::ops::error::{Doing as _, OpError};
use crate::ops::findings::LookAt;
use crate::ops::held_paths::{Touching, TryAgain};
use crate::ops::hooks::{doors, place};
use crate::ops::moves::moves;
use crate::ops::{lock, patterns};
use crate::policy;
use crate::store::{Lasting, Store, Tx};

/// The directory in which the search for the repository of a hook begins: `here`, unless Git names a git
/// directory that is another's.
pub fn start_of(here: &Path, named: &Path) -> Result<PathBuf, OpError> {
    let around = discover::discover(here).ok().map(|place| place.git_dir);
    let named = std::fs::canonicalize(named).doing("find the git directory that Git names")?;
    Ok(if around.as_ref() == Some(&named) {
        here.to_owned()
    } else {
        named
    })
}

/// The rule under which a lock of somebody else stands in a record.
pub const LOCK_RULE: &str = "built-in.locked-paths";

/// A commit that is about to be made.
#[derive(Clone, Copy)]
pub struct CommitAsked<'a> {
    /// The worktree.
    pub place: &'a RepoLocation,
    /// The change.
    pub staged: &'a StagedChange,
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
    /// The command by which it is tried again.
    pub command: &'a str,
}

/// Refuses a commit that may not be made; else notes that it may, and returns the records of the answers.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    (repo, state_dir): (&Repo, &Path),
    asked: CommitAsked<'_>,
) -> Result<Vec<DecisionRecord>, OpError> {
    // Before the store is held: a large change takes a while to look at.
    let look = LookAt {
        repo,
        policy: cx.policy.state(),
        base: asked.staged.head.commit().map(Oid::as_str),
    };
    let found = look.findings(&asked.staged.changed)?;
    let imported = look.imported(&asked.staged.changed)?;
    // Only agents have a mode by which it matters.
    let moved = match policy::agent_of(&cx.actor) {
        Some(_) => moves(repo, &asked.staged.changed)?,
        None => Vec::new(),
    };
    // The record of a yes acknowledges nothing: where the power goes, the commit may be gone, too.
    let records = commit_as(store, cx, Lasting::WithTheNext, |tx, cx| {
        let tasks = tasks_at_hand(tx, cx, &asked)?;
        let changed = own_change(asked.staged, &tasks);
        let mut questions = questions(cx, &asked, &tasks, &changed);
        for question in &mut questions {
            question.facts.moves.clone_from(&moved);
            question.facts.imported_paths.clone_from(&imported);
            question.facts.findings = found.clone().map(|found| of_these(found, &changed));
        }
        let paths: Vec<Vec<u8>> = changed
            .iter()
            .map(|one| one.path.as_bytes().to_vec())
            .collect();
        let touching = Touching {
            what: "the commit",
            again: TryAgain::Command(asked.command),
            task: tasks.first().map(|task| &task.id),
            paths: &paths,
            kept: asked.kept,
        };
        if let Some(question) = questions.first() {
            held_or_not(touching.or_refuse(tx, cx), cx, question)?;
        }
        let each = questions.iter();
        each.map(|question| ask::require(tx, cx, question))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let zero = repo.format().objects.zero();
    let head = asked.staged.head.commit().unwrap_or(&zero);
    doors::passed(state_dir, &asked.staged.tree, head)?;
    Ok(records)
}

/// The refusal for a lock, with a record of its own: it is an answer like that of the policy.
pub(crate) fn held_or_not(
    found: Result<(), OpError>,
    cx: &Cx,
    question: &Question,
) -> Result<(), OpError> {
    let refused = match found {
        Err(OpError::Refused(refused)) => refused,
        other => return other,
    };
    let mut record = ask::answer(cx, question);
    record.effect = Effect::Deny;
    record.layer = PolicyLayer::BuiltIn;
    record.rule = LOCK_RULE.to_owned();
    record.reason = refused.why.to_string();
    record.matched.push(MatchedRule {
        layer: PolicyLayer::BuiltIn,
        rule: LOCK_RULE.to_owned(),
        effect: Effect::Deny,
        reason: record.reason.clone(),
        path: None,
        needs: None,
        when: None,
    });
    let record = Box::new(record);
    Err(OpError::recorded(
        refused.why,
        vec![Event::Decided { record }],
    ))
}

/// The tasks for which the commit is made: that of the run whose worktree this is, or those that the actor
/// holds here. A branch can have any name, so the name alone opens nothing.
fn tasks_at_hand(tx: &mut dyn Tx, cx: &Cx, asked: &CommitAsked<'_>) -> Result<Vec<Task>, OpError> {
    let named = place::run_of(&asked.staged.head);
    let ids = match named {
        Some(run) if place::is_worktree_of(tx, asked.place, &run)? => vec![run.task()],
        _ => lock::opened_by(tx, cx, asked.kept)?
            .iter()
            .filter_map(|subject| subject.task())
            .collect(),
    };
    let mut tasks = Vec::new();
    for id in ids {
        tasks.extend(tx.task(&id)?);
    }
    Ok(tasks)
}

/// The change that is judged.
fn own_change<'a>(staged: &'a StagedChange, tasks: &[Task]) -> Vec<&'a ChangedPath> {
    let all = staged.changed.iter();
    all.filter(|one| tasks.is_empty() || !staged.brought.contains(&one.path))
        .collect()
}

/// A question for each task at hand, or one about none: what may not be done for one of them is not done by
/// holding another as well.
fn questions(
    cx: &Cx,
    asked: &CommitAsked<'_>,
    tasks: &[Task],
    changed: &[&ChangedPath],
) -> Vec<Question> {
    let mut questions = ask::for_each(Action::Commit, tasks);
    for question in &mut questions {
        complete(question, cx, asked, (tasks, changed));
    }
    questions
}

fn complete(
    question: &mut Question,
    cx: &Cx,
    asked: &CommitAsked<'_>,
    (tasks, changed): (&[Task], &[&ChangedPath]),
) {
    question.resource.patterns.clear();
    question.resource.paths = changed.iter().map(|one| one.path.clone()).collect();
    question.resource.branch = asked.staged.head.branch().map(str::to_owned);
    question.resource.input = Some(digest_of(changed));
    question.facts.diff_files = Some(changed.len() as u64);
    question.facts.change_kinds = Some(changed.iter().map(|one| one.change.letter()).collect());
    question.facts.outside_paths = outside(cx, tasks, changed);
}

/// The findings in these files, and those of no file.
fn of_these(mut found: Vec<GuardFinding>, changed: &[&ChangedPath]) -> Vec<GuardFinding> {
    let paths: BTreeSet<&RepoPath> = changed.iter().map(|one| &one.path).collect();
    found.retain(|one| one.path.as_bytes().is_empty() || paths.contains(&one.path));
    found
}

/// The paths beyond those of every task at hand; none where one of them names none.
fn outside(cx: &Cx, tasks: &[Task], changed: &[&ChangedPath]) -> Option<Vec<RepoPath>> {
    if tasks.iter().any(|task| task.paths.is_empty()) {
        return Some(Vec::new());
    }
    let own: Vec<LockRequest> = tasks.iter().flat_map(|task| task.paths.clone()).collect();
    let paths = changed.iter().map(|one| one.path.as_bytes());
    patterns::outside(&cx.rules, &own, paths)
}

/// SHA-256 of the change: a yes is for this content, and not for whatever is put into the same paths.
pub(super) fn digest_of(changed: &[&ChangedPath]) -> String {
    let mut text = Vec::new();
    for one in changed {
        text.extend_from_slice(one.path.as_bytes());
        for side in [&one.old, &one.new] {
            let told = |side: &ChangeSide| format!("\0{:o} {}", side.mode, side.oid);
            text.extend_from_slice(side.as_ref().map_or("\0".to_owned(), told).as_bytes());
        }
        text.push(b'\n');
    }
    hash::sha256_hex(&text)
}
