//! The question about the message of a commit: at the hook `commit-msg`, and for commits that passed none.
//!
//! It stands beside the question about the commit, which is asked before there is a message. It is asked where
//! the policy speaks of messages, and of no merge, whose message Git writes.

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::decision::DecisionRecord;
use crate::git::history::CommitLine;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit_as};
use crate::ops::error::OpError;
use crate::ops::messages;
use crate::policy::PolicyState;
use crate::store::{Lasting, Store};

/// Refuses a cleaned message that a commit may not have; nothing where the policy has no word on messages.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    message: &str,
) -> Result<Option<DecisionRecord>, OpError> {
    if !cx.policy.state().looks_at_messages() {
        return Ok(None);
    }
    let question = question(message);
    commit_as(store, cx, Lasting::WithTheNext, |tx, cx| {
        ask::require(tx, cx, &question)
    })
    .map(Some)
}

/// The question about a cleaned message. A yes is for this very text.
pub(super) fn question(message: &str) -> Question {
    let mut question = Question::about(Action::CommitMessage);
    question.resource.input = Some(hash::sha256_hex(message.as_bytes()));
    question.facts.messages = Some(vec![message.to_owned()]);
    question
}

/// The questions about the messages of these commits, merges aside; none where the policy has no word on messages.
pub(super) fn questions(
    (repo, policy): (&Repo, &PolicyState),
    commits: &[CommitLine],
) -> Result<Vec<(Oid, Question)>, OpError> {
    if !policy.looks_at_messages() {
        return Ok(Vec::new());
    }
    let all = messages::of_commits(repo, commits)?.into_iter();
    Ok(all.map(|(id, text)| (id, question(&text))).collect())
}
