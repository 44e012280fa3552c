//! Overrides: a rule of the policy that a person has not hold for a while.
//!
//! The policy is asked about each, by the action `policy.override`; the log has every one, given and taken away.
//!
//! Deliberately absent: a network. Whether a run has one, and which hosts it reaches, is decided beside the store.

use crate::base::duration::LONGEST_MS;
use crate::base::hash;
use crate::base::id;
use crate::base::text::one_line;
use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule, PolicyLayer};
use crate::domain::event::Event;
use crate::domain::policy_override::{OverrideWord, PolicyOverride};
use crate::domain::time::WallMs;
use crate::ops::ask::{self, Question};
use crate::ops::by_id;
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::overridden::{active, remember};
use crate::ops::refusal::{Refusal, Thing};
use crate::policy::{self, NotOverridable, check_path_pattern};
use crate::store::Tx;

/// Most overrides in force.
const MOST: usize = 200;

/// An override as it is ordered.
#[derive(Debug, Clone)]
pub struct NewOverride {
    /// The rule.
    pub rule: String,
    /// The one agent for which it is to count.
    pub agent: Option<String>,
    /// The one task, as it was typed.
    pub task: Option<String>,
    /// Patterns of the paths.
    pub paths: Vec<String>,
    /// The reason.
    pub reason: String,
    /// The end.
    pub end: OverrideEnd,
}

/// The end of an override, as it is ordered.
#[derive(Debug, Clone, Copy)]
pub enum OverrideEnd {
    /// So many milliseconds after it was given.
    After(i64),
    /// At this time.
    At(WallMs),
}

/// Gives an override, and returns it with what the policy warns of.
pub fn add(
    tx: &mut dyn Tx,
    cx: &Cx,
    order: &NewOverride,
) -> Result<(PolicyOverride, Vec<String>), OpError> {
    let mut given = read(tx, cx, order)?;
    let mut question = Question::about(Action::PolicyOverride);
    let resource = &mut question.resource;
    resource.tool = Some(given.rule.clone());
    resource.task.clone_from(&given.task);
    resource.patterns.clone_from(&given.paths);
    // A yes is for this rule, this scope and this end as it was ordered, and for nothing else: a moment
    // passes between the question and the command that is given again with the yes.
    let end = match order.end {
        OverrideEnd::After(length) => format!("for {length}"),
        OverrideEnd::At(time) => format!("until {time}"),
    };
    let who = given.agent.as_deref().unwrap_or_default();
    let whole = format!("{who}\n{end}\n{}", given.reason);
    resource.input = Some(hash::sha256_hex(whole.as_bytes()));
    let agent = given.agent.as_deref();
    if let Err(why) = policy::may_override(cx.policy.state(), &given.rule, agent) {
        return Err(refusal(cx, &question, why));
    }
    let mut all = active(tx, cx.now.wall_ms)?;
    if all.len() >= MOST {
        return Err(Refusal::Unclear {
            why: format!("{MOST} overrides are in force, and no more can be"),
            hint: "change the rule itself, or take some away: `ai policy override list`".to_owned(),
        }
        .into());
    }
    let warnings = ask::or_refuse(tx, cx, question)?;
    let event = Event::PolicyOverridden {
        said: Box::new(OverrideWord::Given {
            granted: given.clone(),
        }),
    };
    cx.record(tx, &event)?;
    if let Some(Event::PolicyOverridden { said }) = cx.scrub.event(&event)
        && let OverrideWord::Given { granted } = *said
    {
        given = granted;
    }
    all.push(given.clone());
    remember(tx, &all)?;
    Ok((given, warnings))
}

/// Takes an override away. Whoever gave it always may; for others the policy is asked.
pub fn remove(
    tx: &mut dyn Tx,
    cx: &Cx,
    typed: &str,
) -> Result<(PolicyOverride, Vec<String>), OpError> {
    let mut all = active(tx, cx.now.wall_ms)?;
    let gone = by_id::one_of((Thing::Override, "o-", typed), all.clone(), |one| &one.id)?;
    all.retain(|one| one.id != gone.id);
    let mut warnings = Vec::new();
    if !gone.by.same_session(&cx.actor) && gone.by.label() != cx.actor.label() {
        let mut question = Question::about(Action::PolicyOverride);
        question.resource.tool = Some(gone.rule.clone());
        question.resource.input = Some(hash::sha256_hex(gone.id.as_bytes()));
        warnings = ask::or_refuse(tx, cx, question)?;
    }
    cx.record(
        tx,
        &Event::PolicyOverridden {
            said: Box::new(OverrideWord::TakenAway {
                id: gone.id.clone(),
                rule: gone.rule.clone(),
            }),
        },
    )?;
    remember(tx, &all)?;
    Ok((gone, warnings))
}

/// The override that is ordered, once it makes sense.
fn read(tx: &mut dyn Tx, cx: &Cx, order: &NewOverride) -> Result<PolicyOverride, OpError> {
    let unclear = |why: String, hint: &str| Refusal::Unclear {
        why,
        hint: hint.to_owned(),
    };
    if order.reason.trim().is_empty() {
        return Err(unclear(
            "an override needs a reason".to_owned(),
            "say why, for the record: `--reason 'the release of today'`",
        )
        .into());
    }
    let until_ms = match order.end {
        OverrideEnd::After(length) => cx.now.wall_ms.saturating_add(length),
        OverrideEnd::At(time) => time,
    };
    if until_ms <= cx.now.wall_ms {
        return Err(unclear(
            "the override would have ended already".to_owned(),
            "give a time that is to come: `--for 2h`",
        )
        .into());
    }
    let length = until_ms.saturating_sub(cx.now.wall_ms).unsigned_abs();
    if length > LONGEST_MS {
        return Err(unclear(
            "the override would last longer than a hundred years".to_owned(),
            "give an end that is nearer: `--for 2h`",
        )
        .into());
    }
    for pattern in &order.paths {
        if let Err(why) = check_path_pattern(pattern) {
            let why = format!("`{}`: {why}", one_line(pattern));
            return Err(unclear(why, "patterns are those of rules: `docs/`, `src/**/*.rs`").into());
        }
    }
    let task = match &order.task {
        Some(typed) => Some(cx::resolve(tx, typed)?.to_string()),
        None => None,
    };
    Ok(PolicyOverride {
        id: format!("o-{}", id::random_text(8)),
        rule: order.rule.clone(),
        agent: order.agent.clone(),
        task,
        paths: order.paths.clone(),
        reason: order.reason.trim().to_owned(),
        by: cx.actor.clone(),
        at_ms: cx.now.wall_ms,
        until_ms,
    })
}

/// The refusal of a rule that cannot be overridden. One for a locked rule is an answer, and is recorded.
fn refusal(cx: &Cx, question: &Question, why: NotOverridable) -> OpError {
    let (rule, layer) = match &why {
        NotOverridable::Locked { rule, layer } => (rule.clone(), *layer),
        NotOverridable::OfAi(rule) => (rule.clone(), PolicyLayer::BuiltIn),
        NotOverridable::Unknown(_) => {
            return Refusal::Missing {
                why: why.to_string(),
                hint: "`ai policy show` has the rules with their ids".to_owned(),
            }
            .into();
        }
    };
    let mut record = ask::answer(cx, question);
    record.effect = Effect::Deny;
    record.layer = layer;
    record.rule = rule;
    record.reason = why.to_string();
    record.matched.push(MatchedRule {
        layer,
        rule: record.rule.clone(),
        effect: Effect::Deny,
        reason: record.reason.clone(),
        path: None,
        needs: None,
        when: None,
    });
    let record = Box::new(record);
    OpError::recorded(
        Refusal::Denied(record.clone()),
        vec![Event::Decided { record }],
    )
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
