//! A decision that was made before, held against a policy again: what it would be now, and which rules had
//! a say, or were about something else. The number of those is not bounded, so records do not keep them.

use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::{
    Decision, DecisionRecord, Effect, KEPT_PATHS, PolicyLayer, subject_digest,
};
use crate::domain::facts::Facts;
use crate::policy::asked::{AskedPaths, Request};
use crate::policy::engine::decide;
use crate::policy::model::{self, LayerRules, PolicyState, agent_of};
use crate::policy::overrides::soften_again;
use crate::policy::rule::{PolicyRule, RuleAnswer, RuleForce};
use serde::Serialize;

/// A decision that cannot be made again from its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotReplayable {
    /// The question had longer lists than a record keeps.
    Cut,
    /// The record is not what was asked: secrets were taken out of it, or an older `ai` wrote fewer facts.
    Incomplete,
    /// Something else than the policy decided: a lock, a list of hosts, or what `ai` itself never lets happen.
    ByOthers,
}

impl NotReplayable {
    /// The reason in words.
    pub const fn told(self) -> &'static str {
        match self {
            Self::Cut => "longer lists were asked about than a record keeps",
            Self::Incomplete => {
                "a secret was taken out of the record, or it is of an `ai` that kept no facts"
            }
            Self::ByOthers => {
                "a lock of somebody else, the list of hosts or `ai` itself decided, not the policy"
            }
        }
    }
}

/// A rule as it stands to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct HeldRule {
    /// The layer of the rule.
    pub layer: PolicyLayer,
    /// The rule.
    pub rule: String,
    /// The effect that it has, or would have where it only observes.
    pub effect: Effect,
    /// True where it only observes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observes: bool,
    /// The file that it stands in; absent for a built-in rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in its file; zero for a built-in rule.
    pub line: u64,
    /// Its answer: `matched`, `failed` where its condition has no value, or what it is about instead.
    pub answer: &'static str,
    /// The first path or pattern that it matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The condition, as it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// A decision that was made again.
#[derive(Debug)]
pub struct Replay {
    /// The answer.
    pub decision: Decision,
    /// Every rule as it stands to the question.
    pub rules: Vec<HeldRule>,
}

impl HeldRule {
    /// True where it is about the question, but for a condition that was false.
    pub fn is_unmet(&self) -> bool {
        self.answer == OTHER_CASE
    }
}

/// What stands in records in the place of a rule where a policy was not what decided: locks, Git's own files, the
/// tree of a session, the list of hosts.
const NO_RULES: [&str; 4] = [
    "built-in.locked-paths",
    "built-in.git-files",
    "built-in.inside-worktree",
    "runs.network",
];
const OTHER_CASE: &str = "condition_false";

/// The answer of a policy to the question of a record.
pub fn replay(state: &PolicyState, record: &DecisionRecord) -> Result<Decision, NotReplayable> {
    let asked = whole(record)?;
    let mut decision = decide(state, &request(record, &asked));
    soften_again(state, &mut decision, record);
    Ok(decision)
}

/// The same, with every rule of the policy.
pub fn replay_with_rules(
    state: &PolicyState,
    record: &DecisionRecord,
) -> Result<Replay, NotReplayable> {
    Ok(Replay {
        decision: replay(state, record)?,
        rules: held_rules(state, record)?,
    })
}

/// Every rule of a policy as it stands to the question of a record; none where the policy cannot be read.
fn held_rules(
    state: &PolicyState,
    record: &DecisionRecord,
) -> Result<Vec<HeldRule>, NotReplayable> {
    let whole = whole(record)?;
    let request = request(record, &whole);
    let asked = AskedPaths::of(request.resource, request.facts.path_case);
    let agent = agent_of(&record.actor);
    let layers: Vec<&LayerRules> = state.layers(agent).unwrap_or_default();
    let builtin = match state {
        PolicyState::Unreadable(_) => Vec::new(),
        _ => model::standing_builtin(&layers).unwrap_or_default(),
    };
    let of_layers = layers.iter().flat_map(|layer| &layer.rules);
    let all = builtin.into_iter().chain(of_layers);
    let each = request.each_message();
    let each: Vec<Request<'_>> = each
        .iter()
        .map(|facts| Request { facts, ..request })
        .collect();
    let mut rules: Vec<HeldRule> = all
        .map(|rule| {
            let says = |one: &&Request<'_>| rule.hold(one, &asked).says_something();
            held(rule, each.iter().find(says).unwrap_or(&request), &asked)
        })
        .collect();
    if let Some(beneath) = state.committed(agent) {
        let mut more = held_rules(beneath, record)?;
        more.retain(|rule| !rules.contains(rule));
        rules.append(&mut more);
    }
    Ok(rules)
}

fn held(rule: &PolicyRule, request: &Request<'_>, asked: &AskedPaths<'_>) -> HeldRule {
    let (answer, path) = match rule.hold(request, asked) {
        RuleAnswer::Whole => ("matched", None),
        RuleAnswer::Parts { first, .. } => ("matched", Some(first)),
        RuleAnswer::OtherAction => ("other_action", None),
        RuleAnswer::OtherActor => ("other_actor", None),
        RuleAnswer::OtherType => ("other_type", None),
        RuleAnswer::OtherLabels => ("other_labels", None),
        RuleAnswer::OtherKind => ("other_kind", None),
        RuleAnswer::OtherTool => ("other_tool", None),
        RuleAnswer::OtherPaths => ("other_paths", None),
        RuleAnswer::OtherCase => (OTHER_CASE, None),
        RuleAnswer::Failed { first, .. } => ("failed", first),
    };
    HeldRule {
        layer: rule.layer,
        rule: rule.id.clone(),
        effect: rule.effect,
        observes: rule.force == RuleForce::Observes,
        file: (!rule.file.is_empty()).then(|| rule.file.to_string()),
        line: rule.place.line,
        answer,
        path,
        when: rule.when.as_ref().map(|when| when.text().to_owned()),
    }
}

fn request<'a>(record: &'a DecisionRecord, (actor, facts): &'a (Actor, Facts)) -> Request<'a> {
    Request {
        action: record.action,
        actor,
        resource: &record.resource,
        facts,
    }
}

/// The actor and the facts of a record that holds all that was asked.
fn whole(record: &DecisionRecord) -> Result<(Actor, Facts), NotReplayable> {
    if is_by_others(record) {
        return Err(NotReplayable::ByOthers);
    }
    let facts = record.facts.clone().unwrap_or_default();
    let has_facts = facts.digest() == record.facts_digest;
    let has_subject =
        subject_digest(record.action, &record.actor, &record.resource) == record.subject_digest;
    if has_facts && has_subject {
        let actor = Actor {
            login: record.login.clone(),
            ..record.actor.clone()
        };
        return Ok((actor, facts));
    }
    let outside = facts.outside_paths.as_ref().map_or(0, Vec::len);
    let found = facts.findings.as_ref().map_or(0, Vec::len);
    let moves = facts.moves.len();
    let messages = facts.messages.as_ref().map_or(0, Vec::len);
    let kinds = facts.change_kinds.as_ref().map_or(0, String::len);
    let is_cut = record.path_count > record.resource.paths.len() as u64
        || !has_facts && outside.max(kinds).max(found).max(messages).max(moves) == KEPT_PATHS;
    Err(if is_cut {
        NotReplayable::Cut
    } else {
        NotReplayable::Incomplete
    })
}

/// True where the record names what is no rule of a policy, or the rule that was to be overridden and may not be.
fn is_by_others(record: &DecisionRecord) -> bool {
    let is_of_override = record.action == Action::PolicyOverride
        && record.resource.tool.as_deref() == Some(record.rule.as_str());
    is_of_override || NO_RULES.contains(&record.rule.as_str())
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
