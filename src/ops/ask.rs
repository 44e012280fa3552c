//! The one gate: every operation that policy guards asks here, and every answer leaves a decision
//! record.

use std::cmp::Reverse;

use crate::base::id;
use crate::domain::action::Action;
use crate::domain::approval::{ApprovalStanding, needs_of};
use crate::domain::decision::{Decision, DecisionRecord, Effect, Resource};
use crate::domain::event::Event;
use crate::domain::facts::Facts;
use crate::domain::ids::TaskId;
use crate::domain::path_lock::LockMode;
use crate::domain::task::{LockRequest, Task};
use crate::domain::time::WallMs;
use crate::ops::create::NewTask;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::overridden;
use crate::ops::refusal::Refusal;
use crate::ops::standing::standing;
use crate::policy::{self, DEFAULT_RULE, Request};
use crate::store::{Access, StorePlace, Tx};

/// A question to the policy.
#[derive(Clone)]
pub struct Question {
    /// The action.
    pub action: Action,
    /// On what.
    pub resource: Resource,
    /// Facts that `ai` has measured.
    pub facts: Facts,
}

impl Question {
    /// A question about an action alone.
    pub fn about(action: Action) -> Question {
        Question {
            action,
            resource: Resource::default(),
            facts: Facts::default(),
        }
    }

    /// A question about an action on a task.
    pub fn on_task(action: Action, task: &Task) -> Question {
        let mut question = Question::about(action);
        question.resource.task = Some(task.id.to_string());
        question.resource.task_type = Some(task.kind.clone());
        question.resource.labels = task.labels.iter().cloned().collect();
        question.resource.patterns = task.paths.iter().map(|p| p.pattern.clone()).collect();
        question.facts.attempts_used = Some(task.attempts);
        question.facts.task_priority = Some(task.priority);
        if matches!(action, Action::TaskClaim | Action::RunStart) {
            question.facts.exclusive_patterns = Some(alone(&task.paths));
        }
        question
    }
}

/// The questions about an action on each of these tasks, or one about none: a rule about one of them binds
/// whoever holds others beside it.
pub fn for_each(action: Action, tasks: &[Task]) -> Vec<Question> {
    if tasks.is_empty() {
        return vec![Question::about(action)];
    }
    let each = tasks.iter();
    each.map(|task| Question::on_task(action, task)).collect()
}

/// The number of patterns that would be held alone.
pub(super) fn alone(requests: &[LockRequest]) -> u32 {
    let alone = requests
        .iter()
        .filter(|one| one.mode == LockMode::Exclusive);
    u32::try_from(alone.count()).unwrap_or(u32::MAX)
}

/// Asks, records the answer in this transaction where it lets the action through, and returns what
/// it warns of. Otherwise refuses, with the answer as the one thing that is recorded.
pub fn or_refuse(tx: &mut dyn Tx, cx: &Cx, question: Question) -> Result<Vec<String>, OpError> {
    Ok(warning(&require(tx, cx, &question)?))
}

/// The warning of an answer that is one.
pub fn warning(record: &DecisionRecord) -> Vec<String> {
    let text = || format!("{} (rule `{}`)", record.reason, record.rule);
    (record.effect == Effect::Warn)
        .then(text)
        .into_iter()
        .collect()
}

/// The same, with the record of the answer.
pub fn require(tx: &mut dyn Tx, cx: &Cx, question: &Question) -> Result<DecisionRecord, OpError> {
    let record = answer_here(tx, cx, question)?;
    record_or_refuse(tx, cx, record)
}

fn record_or_refuse(
    tx: &mut dyn Tx,
    cx: &Cx,
    record: DecisionRecord,
) -> Result<DecisionRecord, OpError> {
    if !record.effect.lets_through() && !approved(tx, cx.now.wall_ms, &record)? {
        return Err(refusal(tx, cx, Box::new(record))?);
    }
    cx.record(
        tx,
        &Event::Decided {
            record: Box::new(record.clone()),
        },
    )?;
    Ok(record)
}

/// Asks about an action of which policies of before knew nothing, and returns the warnings: where no rule speaks of
/// it, nothing is asked and nothing recorded, and a default refuses nobody.
pub fn where_rules_speak(
    tx: &mut dyn Tx,
    cx: &Cx,
    question: &Question,
) -> Result<Vec<String>, OpError> {
    match answer_of_rules(tx, cx, question)? {
        Some(record) => Ok(warning(&record_or_refuse(tx, cx, record)?)),
        None => Ok(Vec::new()),
    }
}

/// The same, but that an answer without a word to say leaves no record.
pub fn unless_silent(
    tx: &mut dyn Tx,
    cx: &Cx,
    question: &Question,
) -> Result<Vec<String>, OpError> {
    match answer_of_rules(tx, cx, question)? {
        Some(record) if record.effect != Effect::Allow => {
            Ok(warning(&record_or_refuse(tx, cx, record)?))
        }
        _ => Ok(Vec::new()),
    }
}

/// The same, but that nothing is recorded where it may be done.
pub fn refused_where_rules_speak(
    tx: &mut dyn Tx,
    cx: &Cx,
    question: &Question,
) -> Result<(), OpError> {
    match answer_of_rules(tx, cx, question)? {
        Some(record) if !record.effect.lets_through() => {
            if approved(tx, cx.now.wall_ms, &record)? {
                return Ok(());
            }
            Err(refusal(tx, cx, Box::new(record))?)
        }
        _ => Ok(()),
    }
}

/// The answer of the rules alone; nothing where none of them speaks of it.
fn answer_of_rules(
    tx: &mut dyn Tx,
    cx: &Cx,
    question: &Question,
) -> Result<Option<DecisionRecord>, OpError> {
    if !cx.policy.state().speaks_of(question.action, &cx.actor) {
        return Ok(None);
    }
    let record = by_rules(answer_here(tx, cx, question)?);
    Ok(Some(record).filter(|record| record.rule != DEFAULT_RULE))
}

/// The answer without the default: the strictest of the rules that matched.
pub(super) fn by_rules(record: DecisionRecord) -> DecisionRecord {
    if record.rule != DEFAULT_RULE {
        return record;
    }
    let rules = record.matched.iter().filter(|one| one.rule != DEFAULT_RULE);
    let strictest = rules.min_by_key(|one| (Reverse(one.effect), one.layer, one.rule.as_str()));
    match strictest.cloned() {
        Some(one) => DecisionRecord {
            effect: one.effect,
            layer: one.layer,
            reason: match &one.path {
                Some(path) => format!("{} ({path})", one.reason),
                None => one.reason,
            },
            rule: one.rule,
            ..record
        },
        None => DecisionRecord {
            effect: Effect::Allow,
            ..record
        },
    }
}

/// Refuses whatever the policy does not let through by itself, and leaves no record: a yes that people have given does not
/// count, since somebody who asks so is to do nothing that people are asked about.
pub fn unasked(tx: &mut dyn Tx, cx: &Cx, question: &Question) -> Result<(), OpError> {
    let record = answer_here(tx, cx, question)?;
    if record.effect.lets_through() {
        return Ok(());
    }
    Err(refused(tx, cx.now.wall_ms, Box::new(record))?.into())
}

/// Refuses where [`or_refuse`] would, and leaves no record where it would not: for a choice among
/// several, of which one is asked about.
pub fn look_ahead(tx: &mut dyn Tx, cx: &Cx, question: &Question) -> Result<(), OpError> {
    if effect(cx, question).lets_through() {
        return Ok(());
    }
    let record = Box::new(answer_here(tx, cx, question)?);
    if record.effect.lets_through() || approved(tx, cx.now.wall_ms, &record)? {
        Ok(())
    } else {
        Err(refusal(tx, cx, record)?)
    }
}

/// The newest record by which the same question waits for people already: nobody is asked twice.
pub(super) fn asked_already(
    tx: &mut dyn Tx,
    now_ms: WallMs,
    record: &DecisionRecord,
) -> Result<Option<DecisionRecord>, OpError> {
    let Some(task) = record.resource.task.clone().map(TaskId) else {
        return Ok(None);
    };
    let asks = record.effect == Effect::RequireApproval
        && matches!(standing(tx, record, now_ms)?, ApprovalStanding::Waits(_));
    if !asks {
        return Ok(None);
    }
    let is_same = |old: &DecisionRecord| {
        record.asks_again(old)
            && (&old.rule, &old.reason) == (&record.rule, &record.reason)
            && needs_of(old) == needs_of(record)
    };
    let same = tx.asks(Some(&task), None)?.into_iter().filter(is_same);
    Ok(same.max_by_key(|old| old.at_ms))
}

fn refusal(tx: &mut dyn Tx, cx: &Cx, record: Box<DecisionRecord>) -> Result<OpError, OpError> {
    if let Some(open) = asked_already(tx, cx.now.wall_ms, &record)? {
        return Ok(Refusal::NeedsApproval(Box::new(open)).into());
    }
    let why = refused(tx, cx.now.wall_ms, record.clone())?;
    Ok(OpError::recorded(why, vec![Event::Decided { record }]))
}

/// The refusal of what a record does not let through.
pub fn refused(
    tx: &mut dyn Tx,
    now_ms: WallMs,
    record: Box<DecisionRecord>,
) -> Result<Refusal, OpError> {
    if record.effect != Effect::RequireApproval {
        return Ok(Refusal::Denied(record));
    }
    Ok(match standing(tx, &record, now_ms)? {
        ApprovalStanding::SaidNo(word) => Refusal::SaidNo { record, word },
        ApprovalStanding::Approved | ApprovalStanding::Waits(_) => Refusal::NeedsApproval(record),
    })
}

/// The answers about the new tasks of one file. A thousand entries that are allowed for the same
/// reason leave one record; the first that is not allowed refuses all.
#[derive(Default)]
pub(super) struct Asked {
    seen: Vec<(String, Effect)>,
}

impl Asked {
    /// Asks about one more.
    pub(super) fn or_refuse(
        &mut self,
        tx: &mut dyn Tx,
        cx: &Cx,
        new: &NewTask,
    ) -> Result<(), OpError> {
        let question = Question::create(new);
        let decision = decide(cx, &question);
        let is_known = |(rule, effect): &(String, Effect)| {
            *rule == decision.rule && *effect == decision.effect
        };
        if !decision.effect.lets_through() || !self.seen.iter().any(is_known) {
            or_refuse(tx, cx, question)?;
            self.seen.push((decision.rule, decision.effect));
        }
        Ok(())
    }
}

/// The policy's answer as a record, without storing it.
pub fn answer(cx: &Cx, question: &Question) -> DecisionRecord {
    let id = format!("d-{}", id::random_text(10));
    decide(cx, question).record(
        id,
        cx.now.wall_ms,
        question.action,
        &cx.actor,
        &question.resource,
    )
}

/// The same under the overrides in force.
pub fn answer_here(
    tx: &mut dyn Tx,
    cx: &Cx,
    question: &Question,
) -> Result<DecisionRecord, OpError> {
    answer_softened(tx, cx, answer(cx, question))
}

/// The same where no transaction is open: the store is looked at only where the answer would refuse. One that
/// cannot be read knows of no override.
pub fn answer_outside(place: &StorePlace, cx: &Cx, question: &Question) -> DecisionRecord {
    let mut record = answer(cx, question);
    if !record.effect.lets_through()
        && let Ok(mut store) = place.open(Access::Read)
    {
        let softened = store.read(|tx| answer_softened(tx, cx, record.clone()));
        record = softened.unwrap_or(record);
    }
    record
}

fn answer_softened(
    tx: &mut dyn Tx,
    cx: &Cx,
    mut record: DecisionRecord,
) -> Result<DecisionRecord, OpError> {
    overridden::apply(tx, cx, &mut record)?;
    Ok(record)
}

/// The bare effect of the policy's answer, for looking at many actors.
pub fn effect(cx: &Cx, question: &Question) -> Effect {
    decide(cx, question).effect
}

fn decide(cx: &Cx, question: &Question) -> Decision {
    let facts = Facts {
        path_case: cx.rules.case,
        ..question.facts.clone()
    };
    let request = Request {
        action: question.action,
        actor: &cx.actor,
        resource: &question.resource,
        facts: &facts,
    };
    policy::decide(cx.policy.state(), &request)
}

/// True where everybody who has to has said yes to exactly this: same action, actor and resource.
pub fn approved(tx: &mut dyn Tx, now_ms: WallMs, record: &DecisionRecord) -> Result<bool, OpError> {
    Ok(record.effect == Effect::RequireApproval
        && standing(tx, record, now_ms)? == ApprovalStanding::Approved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::path_pattern::CaseMode;
    use crate::ops::cx::Rules;
    use crate::ops::testing::World;
    use crate::policy::PolicyState;
    use std::sync::Arc;

    #[test]
    fn rules_and_locks_compare_names_alike() {
        let world = World::new();
        let policy = "version: 1\ndefault: allow\nrules:\n  - {id: keys, on: [edit], paths: [secrets/], \
                      effect: deny, reason: keys are not for agents}\n";
        let ask = |case, paths: &[&str], patterns: &[&str]| {
            let cx = Cx {
                policy: PolicyState::from_bytes(Some(policy.as_bytes()), policy::FILE).into(),
                rules: Arc::new(Rules {
                    case,
                    ..(*world.cx.rules).clone()
                }),
                ..world.cx.clone()
            };
            let mut question = Question::about(Action::Edit);
            question.resource.paths = paths.iter().copied().map(Into::into).collect();
            question.resource.patterns = patterns.iter().map(|p| (*p).to_owned()).collect();
            effect(&cx, &question)
        };
        for (paths, patterns, sensitive, folding) in [
            (
                ["secrets/key"].as_slice(),
                [].as_slice(),
                Effect::Deny,
                Effect::Deny,
            ),
            (&["Secrets/key"], &[], Effect::Allow, Effect::Deny),
            (&[], &["SECRETS/*.pem"], Effect::Allow, Effect::Deny),
            (&[], &["docs"], Effect::Allow, Effect::Allow),
        ] {
            let answers =
                [CaseMode::Sensitive, CaseMode::Folding].map(|case| ask(case, paths, patterns));
            assert_eq!(answers, [sensitive, folding], "{paths:?} {patterns:?}");
        }
    }
}
