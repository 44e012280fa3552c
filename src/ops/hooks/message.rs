//! The question about the message of a commit: at the hook `commit-msg`, and for commits that passed none.
//!
//! It stands beside the question about the commit, which is asked before there is a message. It is asked where
//! the policy speaks of messages, and of no merge, whose message Git writes. Many commits are one
//! question and one record, whose answer is the strictest of those about each message.

use std::collections::HashMap;

use crate::base::hash;
use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::git::history::CommitLine;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit, commit_as};
use crate::ops::error::OpError;
use crate::ops::messages;
use crate::ops::refusal::Refusal;
use crate::policy::PolicyState;
use crate::store::{Lasting, Store, Tx};

/// Refuses a cleaned message that a commit may not have; nothing where the policy has no word on messages.
pub fn judge(
    store: &mut dyn Store,
    cx: &Cx,
    message: &str,
) -> Result<Option<DecisionRecord>, OpError> {
    if !cx.policy.state().looks_at_messages() {
        return Ok(None);
    }
    let question = question(&[message.to_owned()]);
    commit_as(store, cx, Lasting::WithTheNext, |tx, cx| {
        ask::require(tx, cx, &question)
    })
    .map(Some)
}

/// Refuses the messages of commits that went past that hook, all at once and in one record: those that are let
/// through, those to which somebody has said yes one by one, and those that are left, which are one question.
pub(super) fn judge_all(
    store: &mut dyn Store,
    cx: &Cx,
    (repo, commits): (&Repo, &[CommitLine]),
) -> Result<Vec<DecisionRecord>, OpError> {
    if !cx.policy.state().looks_at_messages() {
        return Ok(Vec::new());
    }
    let mut at = HashMap::new();
    let mut texts: Vec<(String, Vec<Oid>)> = Vec::new();
    for (id, text) in messages::of_commits(repo, commits)? {
        let at = *at.entry(text.clone()).or_insert(texts.len());
        match texts.get_mut(at) {
            Some((_, commits)) => commits.push(id),
            None => texts.push((text, vec![id])),
        }
    }
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    commit(store, cx, |tx, cx| {
        let (mut passed, mut said_yes, mut open) = (Vec::new(), Vec::new(), Vec::new());
        let mut denied = Vec::new();
        for (text, commits) in &texts {
            let one = question(std::slice::from_ref(text));
            if ask::effect(cx, &one).lets_through() {
                passed.push(text.clone());
                continue;
            }
            // Under the overrides that hold: what they let through is asked by itself, and names them.
            match ask::answer_here(tx, cx, &one)?.effect {
                Effect::Allow | Effect::Warn => {
                    said_yes.push(one);
                    continue;
                }
                Effect::Deny => {
                    denied.push((text.clone(), commits.clone()));
                    continue;
                }
                Effect::RequireApproval => {}
            }
            match ask::look_ahead(tx, cx, &one) {
                Ok(()) => said_yes.push(one),
                Err(OpError::Refused(refused))
                    if !matches!(refused.why, Refusal::SaidNo { .. }) =>
                {
                    open.push(text.clone());
                }
                Err(error) => return Err(error),
            }
        }
        // Where some are denied, nothing is gained by a yes to the others.
        if !denied.is_empty() {
            refuse(tx, cx, &denied)?;
        }
        let open = Some(open).filter(|open| !open.is_empty());
        let passed = Some(passed).filter(|passed| !passed.is_empty());
        let questions = open.iter().map(|texts| question(texts));
        let questions = questions.chain(said_yes);
        questions
            .chain(passed.iter().map(|texts| question(texts)))
            .map(|one| ask::require(tx, cx, &one))
            .collect()
    })
}

/// Asks about messages that the policy denies, and says whose they are.
fn refuse(
    tx: &mut dyn Tx,
    cx: &Cx,
    denied: &[(String, Vec<Oid>)],
) -> Result<DecisionRecord, OpError> {
    let texts: Vec<String> = denied.iter().map(|(text, _)| text.clone()).collect();
    let asked = ask::require(tx, cx, &question(&texts));
    asked.map_err(|error| {
        let OpError::Refused(mut refused) = error else {
            return error;
        };
        if let Refusal::Denied(record) = refused.why {
            let commits = denied.iter().flat_map(|(_, commits)| commits);
            let commits = commits.map(|id| id.short().to_owned());
            refused.why = Refusal::Messages {
                record,
                commits: commits.collect(),
            };
        }
        OpError::Refused(refused)
    })
}

/// The question about cleaned messages, at least one. A yes is for these very texts.
pub(crate) fn question(messages: &[String]) -> Question {
    let digest = |text: &String| hash::sha256_hex(text.as_bytes());
    let mut question = Question::about(Action::CommitMessage);
    question.resource.input = Some(match messages {
        [one] => digest(one),
        all => {
            let each: Vec<String> = all.iter().map(digest).collect();
            hash::sha256_hex(each.join("\n").as_bytes())
        }
    });
    question.facts.messages = Some(messages.to_vec());
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
    Ok(all.map(|(id, text)| (id, question(&[text]))).collect())
}
