//! Overrides against the answers of a policy: which rule one may take back, and what a decision is under those
//! in force.
//!
//! Invariants: a rule that is locked is never taken back, in whatever layer it stands; nor is anything of `ai`
//! itself but guards and `outside_paths`, which are settings of the policy; nor a default, a limit, a bound of an
//! agent, or a policy that cannot be read. What is taken back warns, and is named. Time is the caller's.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::decision::{
    Decision, DecisionRecord, Effect, MatchedRule, PolicyLayer, UsedOverride,
};
use crate::domain::guards::Guard;
use crate::domain::path_pattern::CaseMode;
use crate::domain::policy_override::PolicyOverride;
use crate::policy::asked::AskedPattern;
use crate::policy::builtin;
use crate::policy::committed::Committed;
use crate::policy::engine::{DEFAULT_RULE, winner};
use crate::policy::model::{self, AgentLayer, PolicyState};
use crate::policy::outside::OUTSIDE_RULE;
use crate::policy::path_globs::PathGlobs;
use crate::policy::rule::{PolicyRule, RuleStanding};

/// The reason why a rule cannot be overridden.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOverridable {
    /// No rule of the policy has this id.
    #[error("no rule of the policy is called `{0}`")]
    Unknown(String),
    /// The rule is locked.
    #[error("the rule `{rule}` is locked ({layer}), and nothing weakens it")]
    Locked {
        /// The rule.
        rule: String,
        /// The layer in which it is locked.
        layer: PolicyLayer,
    },
    /// The rule belongs to `ai`.
    #[error("`{0}` is part of ai, and no override takes it back")]
    OfAi(String),
}

/// Says whether a rule can be overridden for an agent, or for everybody: then that of no agent may be locked.
pub fn may_override(
    state: &PolicyState,
    rule: &str,
    agent: Option<&str>,
) -> Result<(), NotOverridable> {
    if is_setting(rule) {
        return Ok(());
    }
    if rule == DEFAULT_RULE || is_of_ai(rule) {
        return Err(NotOverridable::OfAi(rule.to_owned()));
    }
    let rules = rules_named(state, rule, whose(agent));
    let locked = rules
        .iter()
        .find(|one| one.standing == RuleStanding::Locked);
    match locked {
        Some(locked) => Err(NotOverridable::Locked {
            rule: rule.to_owned(),
            layer: locked.layer,
        }),
        None if rules.is_empty() => Err(NotOverridable::Unknown(rule.to_owned())),
        None => Ok(()),
    }
}

/// An override that has not ended, and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShownOverride {
    /// The override.
    #[serde(flatten)]
    pub given: PolicyOverride,
    /// The reason why it takes nothing back by the policy of now; absent where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub void: Option<String>,
}

impl ShownOverride {
    /// The override with how it stands to a policy, where one is known.
    pub fn of(state: Option<&PolicyState>, given: PolicyOverride) -> ShownOverride {
        let void = state.and_then(|state| void(state, &given));
        let void = void.map(|why| why.to_string());
        ShownOverride { given, void }
    }

    /// The reason that was given for it, behind the one why it does not count.
    pub fn reason(&self) -> String {
        match &self.void {
            Some(why) => format!("not in force, since {why}: {}", self.given.reason),
            None => self.given.reason.clone(),
        }
    }
}

/// The reason why an override takes nothing back, though it could when it was given: its rule has gone since, or
/// is locked wherever it stands. Of a policy that cannot be read nobody can tell.
fn void(state: &PolicyState, one: &PolicyOverride) -> Option<NotOverridable> {
    if is_setting(&one.rule) || matches!(state, PolicyState::Unreadable(_)) {
        return None;
    }
    let rules = rules_named(state, &one.rule, whose(one.agent.as_deref()));
    let Some(first) = rules.first() else {
        return Some(NotOverridable::Unknown(one.rule.clone()));
    };
    let is_locked = |rule: &&PolicyRule| rule.standing == RuleStanding::Locked;
    rules.iter().all(is_locked).then(|| NotOverridable::Locked {
        rule: one.rule.clone(),
        layer: first.layer,
    })
}

/// The layers that an override for an agent, or for everybody, is about.
fn whose(agent: Option<&str>) -> Whose<'_> {
    agent.map_or(Whose::Anybodys, |name| Whose::Of(Some(name)))
}

/// Takes back in a record what overrides in force take back of its rules. An answer that does not stand among
/// its matched rules is not the policy's, and stays.
pub fn soften(
    state: &PolicyState,
    record: &mut DecisionRecord,
    active: &[PolicyOverride],
    case: CaseMode,
) {
    let is_of_rules = |one: &MatchedRule| one.rule == record.rule && one.effect == record.effect;
    if record.effect.lets_through() || !record.matched.iter().any(is_of_rules) {
        return;
    }
    let task = record.resource.task.as_deref();
    let about: Vec<&PolicyOverride> = active
        .iter()
        .filter(|one| one.is_for(&record.actor, task) && covers(&one.paths, record, case))
        .collect();
    let agent = model::agent_of(&record.actor).map(str::to_owned);
    let mut used = Vec::new();
    for matched in &mut record.matched {
        let Some(one) = about.iter().find(|one| one.rule == matched.rule) else {
            continue;
        };
        if matched.effect.lets_through()
            || !may_weaken(state, agent.as_deref(), &matched.rule, matched.layer)
        {
            continue;
        }
        used.push(one.used(matched.layer, matched.effect));
        matched.effect = Effect::Warn;
        matched.needs = None;
        matched.reason = format!(
            "{}, which {} has overridden ({}): {}",
            matched.reason, one.by, one.id, one.reason
        );
    }
    if used.is_empty() {
        return;
    }
    record.matched.sort();
    if let Some(won) = winner(&record.matched) {
        record.effect = won.effect;
        record.layer = won.layer;
        record.reason = won.told();
        record.rule = won.rule;
    }
    record.overrides = used;
}

/// Takes back in a decision that is made again what was taken back when it was made, as far as that may still be.
pub(super) fn soften_again(state: &PolicyState, decision: &mut Decision, then: &DecisionRecord) {
    let agent = model::agent_of(&then.actor).map(str::to_owned);
    let mut is_changed = false;
    for matched in &mut decision.matched {
        let is_it = |one: &&UsedOverride| one.rule == matched.rule && one.layer == matched.layer;
        if !matched.effect.lets_through()
            && then.overrides.iter().any(|one| is_it(&one))
            && may_weaken(state, agent.as_deref(), &matched.rule, matched.layer)
        {
            matched.effect = Effect::Warn;
            matched.needs = None;
            is_changed = true;
        }
    }
    if let Some(won) = winner(&decision.matched).filter(|_| is_changed) {
        decision.matched.sort();
        decision.effect = won.effect;
        decision.layer = won.layer;
        decision.reason = won.told();
        decision.rule = won.rule;
    }
}

/// True where a matched rule of a layer may be weakened.
fn may_weaken(state: &PolicyState, agent: Option<&str>, rule: &str, layer: PolicyLayer) -> bool {
    let rules = rules_named(state, rule, Whose::Of(agent));
    let mut of_layer = rules.iter().filter(|one| one.layer == layer).peekable();
    is_setting(rule)
        || !is_of_ai(rule)
            && of_layer.peek().is_some()
            && of_layer.all(|one| one.standing != RuleStanding::Locked)
}

/// The layers that are looked at.
#[derive(Clone, Copy)]
enum Whose<'a> {
    /// Those of everybody, agents of every name included.
    Anybodys,
    /// Those of one agent, or of somebody who has no layer of their own.
    Of(Option<&'a str>),
}

/// The rules of an id, also of the policy that answers beside this one.
fn rules_named<'a>(state: &'a PolicyState, rule: &str, whose: Whose<'_>) -> Vec<&'a PolicyRule> {
    let mut found = all_rules(state, whose);
    found.retain(|one| one.id == rule);
    found
}

/// All rules, also of the policy that answers beside this one.
fn all_rules<'a>(state: &'a PolicyState, whose: Whose<'_>) -> Vec<&'a PolicyRule> {
    let PolicyState::Loaded(policy) = state else {
        return Vec::new();
    };
    let own = policy
        .agents
        .iter()
        .filter_map(|(name, layer)| match (whose, layer) {
            (Whose::Of(one), _) if one != Some(name.as_str()) => None,
            (_, AgentLayer::Read { rules, .. }) => Some(rules),
            (_, AgentLayer::Unreadable(_)) => None,
        });
    let layers = policy.layers.iter().chain(own);
    let mut found: Vec<&PolicyRule> = layers.flat_map(|layer| &layer.rules).collect();
    let beneath = policy.committed.as_ref().and_then(Committed::policy);
    found.extend(
        beneath
            .into_iter()
            .flat_map(|state| all_rules(state, whose)),
    );
    found
}

/// True for what is named like a rule of `ai` and is a setting of the policy.
fn is_setting(rule: &str) -> bool {
    rule == OUTSIDE_RULE || Guard::ALL.iter().any(|guard| guard.rule_id() == rule)
}

impl PolicyState {
    /// The names that rules of any layer, guards and other settings have in decisions; nothing of a policy that cannot
    /// be read.
    pub fn rule_ids(&self) -> BTreeSet<String> {
        let guards = Guard::ALL.iter().map(|one| one.rule_id().to_owned());
        let mut ids: BTreeSet<String> = guards.collect();
        ids.insert(OUTSIDE_RULE.to_owned());
        ids.insert(DEFAULT_RULE.to_owned());
        let rules = all_rules(self, Whose::Anybodys).into_iter();
        ids.extend(rules.map(|one| one.id.clone()));
        ids
    }
}

/// True for the name of a rule that belongs to `ai`, or would.
pub fn is_of_ai(rule: &str) -> bool {
    builtin::RESERVED
        .iter()
        .any(|prefix| rule.starts_with(prefix))
}

/// True where the patterns cover every path and pattern of a question that names some.
fn covers(patterns: &[String], record: &DecisionRecord, case: CaseMode) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let resource = &record.resource;
    // A record keeps some paths of many: nobody knows whether the others are covered.
    let is_whole = record.path_count == resource.paths.len() as u64;
    let Ok(globs) = PathGlobs::new(patterns.iter().map(String::as_str)) else {
        return false;
    };
    let covered = |text: &String| globs.certainly_cover(&AskedPattern::read(text, case));
    is_whole
        && !(resource.paths.is_empty() && resource.patterns.is_empty())
        && resource
            .paths
            .iter()
            .all(|path| globs.matches(path, case) == Some(true))
        && resource.patterns.iter().all(covered)
}

#[cfg(test)]
#[path = "overrides_tests.rs"]
mod tests;
