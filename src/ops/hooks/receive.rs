//! The question on a server, before a push updates a reference: no store, no worktree, and nobody who could
//! say yes.
//!
//! The policy is the one of the commit at which the server's HEAD is, whatever branch is pushed: a branch that
//! begins at an old commit is not judged by an old policy. Commits that the server has under any name were
//! judged when they came; what they change in a reference is asked about when they come into that one. An
//! empty server has no policy, and lets the first push through; one whose HEAD names a branch that is not
//! there is not empty, and refuses.
//!
//! Git asks here and not at `pre-receive` since the objects are where they will be by then; what is refused
//! stays as objects that nothing names.
//!
//! Deliberately absent: records, locks and approvals, which a store would have.

use std::path::Path;

use crate::base::text::one_line;
use crate::config::Trees;
use crate::domain::actor::Actor;
use crate::domain::git_hook::PushedRef;
use crate::domain::path_pattern::CaseMode;
use crate::git::{GitError, Oid, Repo};
use crate::ops::error::OpError;
use crate::ops::hooks::push::changed_in;
use crate::ops::hooks::range::{self, CommitsAsked, JudgedPart};
use crate::ops::policy_files;
use crate::ops::refusal::Refusal;

/// All references, whatever they are for.
const ALL: &str = "refs/";
/// All branches.
const BRANCHES: &str = "refs/heads/";

/// An update of a reference that somebody pushes.
pub struct UpdateAsked<'a> {
    /// The reference, with the objects before and after.
    pub pushed: &'a PushedRef,
    /// Whoever pushes, where the server says so; else the commits do.
    pub actor: Option<Actor>,
    /// The comparison of names in the repository.
    pub case: CaseMode,
}

/// Judges an update of a reference: the answers about each commit that is new here, then about the push.
pub fn judge(
    (root, repo): (&Path, &Repo),
    asked: &UpdateAsked<'_>,
) -> Result<Vec<JudgedPart>, OpError> {
    let head = repo.head_of(repo.common_dir())?;
    let Some(policy_of) = head.commit() else {
        let is_first = Some(asked.pushed.name.as_str()) == head.branch();
        return match repo.list_refs(BRANCHES)?.first() {
            Some((other, _)) if !is_first => Err(nobody_answers(head.branch(), other)),
            _ => Ok(Vec::new()),
        };
    };
    let lines = match &asked.pushed.new {
        None => Vec::new(),
        // A reference can name what is no commit, and brings none then.
        Some(new) => match repo.resolve_commit(new) {
            Ok(tip) => {
                if head.branch() == Some(asked.pushed.name.as_str()) {
                    refuse_unreadable((root, repo), &tip)?;
                }
                let known = repo.list_refs(ALL)?.into_iter();
                let known: Vec<Oid> = known.map(|(_, oid)| oid).collect();
                repo.commits_beyond(&tip, &known)?
            }
            Err(GitError::NoCommit { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        },
    };
    let asked = CommitsAsked {
        policy_of,
        lines: &lines,
        push: Some(asked.pushed),
        moved: &changed_in(repo, asked.pushed)?,
        actor: asked.actor.as_ref(),
        case: asked.case,
    };
    Ok(range::answers((root, repo), &asked)?.1)
}

/// The refusal where HEAD names no commit, in a repository that has some: no policy would ever answer.
fn nobody_answers(head: Option<&str>, other: &str) -> OpError {
    let named = one_line(head.unwrap_or("nothing"));
    let other = one_line(other);
    Refusal::Unclear {
        why: format!(
            "HEAD of that repository names {named}, which is not there, so that no policy answers"
        ),
        hint: format!("in that repository: `git symbolic-ref HEAD {other}`, or push {named} first"),
    }
    .into()
}

/// Refuses a policy that would answer from then on and cannot be read: it would deny each later push, the one
/// that mends it, too.
fn refuse_unreadable((root, repo): (&Path, &Repo), tip: &Oid) -> Result<(), OpError> {
    let next = policy_files::of_base(root, &Trees::none(), (repo, tip), &[])?;
    match next.bad_files().first() {
        None => Ok(()),
        Some(problems) => Err(Refusal::Unclear {
            why: format!(
                "the policy of {} cannot be read, and would deny each later push: {problems}",
                tip.short()
            ),
            hint: "`ai policy validate` in your checkout tells what is wrong; commit it mended, and push again"
                .into(),
        }
        .into()),
    }
}
