//! A decision that was made before, held against the policy again: which rules were about it and had a
//! condition that was not true. Their number is not bounded, so records do not keep them.

use crate::domain::decision::{DecisionRecord, PolicyLayer, subject_digest};
use crate::policy::asked::{AskedPaths, Request};
use crate::policy::model::{PolicyState, agent_of};
use crate::policy::rule::RuleAnswer;

/// A rule that was about a question, but for its condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmetCondition {
    /// The layer of the rule.
    pub layer: PolicyLayer,
    /// The rule.
    pub rule: String,
    /// The condition, as it is written.
    pub text: String,
}

/// The rules that were about a decision and whose condition was false; `None` where that cannot be told any more: the
/// policy is another one, or the record does not hold all that was asked (long lists are cut, secrets taken out).
pub fn unmet_conditions(
    state: &PolicyState,
    record: &DecisionRecord,
) -> Option<Vec<UnmetCondition>> {
    let facts = record.facts.clone().unwrap_or_default();
    let agent = agent_of(&record.actor);
    let is_whole = state.digest(agent) == record.policy_digest
        && facts.digest() == record.facts_digest
        && subject_digest(record.action, &record.actor, &record.resource) == record.subject_digest;
    if !is_whole {
        return None;
    }
    let request = Request {
        action: record.action,
        actor: &record.actor,
        resource: &record.resource,
        facts: &facts,
    };
    let asked = AskedPaths::of(request.resource, facts.path_case);
    let layers = state.layers(agent).ok()?;
    let rules = layers.iter().flat_map(|layer| &layer.rules);
    let unmet = rules.filter_map(|rule| {
        let when = rule.when.as_ref()?;
        (rule.hold(&request, &asked) == RuleAnswer::OtherCase).then(|| UnmetCondition {
            layer: rule.layer,
            rule: rule.id.clone(),
            text: when.text().to_owned(),
        })
    });
    Some(unmet.collect())
}
