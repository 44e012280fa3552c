//! A policy in its normal form: what stands, rule by rule, with the layer each rule comes from.

use crate::base::yaml::YamlProblem;
use crate::domain::approval::ApprovalNeed;
use crate::domain::decision::{Effect, PolicyLayer};
use crate::domain::tool_kind::ToolKind;
use crate::policy::limits::PolicyLimits;
use crate::policy::model::PolicyState;
use crate::policy::rule::{PolicyRule, RuleForce};
use serde::Serialize;

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Shown {
    /// `absent`, `loaded` or `unreadable`.
    pub state: &'static str,
    /// The name of the policy in decision records.
    pub digest: String,
    /// The effect where no rule matches.
    pub default: Effect,
    /// Limits in force.
    pub limits: PolicyLimits,
    /// The effect of a change beyond the paths of its task.
    pub outside_paths: Effect,
    /// Rules in force by layer and id; none where the policy cannot be read.
    pub rules: Vec<ShownRule>,
    /// Problems of a policy that cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<YamlProblem>,
}

/// One rule; empty lists mean "all".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ShownRule {
    /// The layer.
    pub layer: PolicyLayer,
    /// The id.
    pub id: String,
    /// The actions, as in the file.
    pub on: Vec<String>,
    /// The path patterns, normalised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The actors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// The labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// The kinds of tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<ToolKind>,
    /// The tools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    /// The condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// The effect.
    pub effect: Effect,
    /// True where the rule only observes, and would have this effect.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub observes: bool,
    /// The yes that it takes; absent for one person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub needs: Option<ApprovalNeed>,
    /// The reason.
    pub reason: String,
    /// The line in its file; zero for built-in rules.
    pub line: u64,
}

/// The policy in force, in its normal form.
pub fn show(state: &PolicyState) -> Shown {
    let (name, default) = match state {
        PolicyState::Absent => ("absent", Effect::Allow),
        PolicyState::Loaded(policy) => ("loaded", policy.default),
        PolicyState::Unreadable(_) => ("unreadable", Effect::Deny),
    };
    let (mut rules, problems): (Vec<ShownRule>, _) = match state {
        PolicyState::Unreadable(unreadable) => (Vec::new(), unreadable.problems.list.clone()),
        _ => (
            state
                .rules()
                .unwrap_or_default()
                .into_iter()
                .map(shown_rule)
                .collect(),
            Vec::new(),
        ),
    };
    rules.sort_by(|a, b| (a.layer, &a.id).cmp(&(b.layer, &b.id)));
    Shown {
        state: name,
        digest: state.digest().to_owned(),
        default,
        limits: state.limits(),
        outside_paths: match state {
            PolicyState::Unreadable(_) => Effect::Deny,
            _ => state.outside_paths().1,
        },
        rules,
        problems,
    }
}

fn shown_rule(rule: &PolicyRule) -> ShownRule {
    fn list<'a>(texts: Option<impl Iterator<Item = &'a str>>) -> Vec<String> {
        texts.into_iter().flatten().map(str::to_owned).collect()
    }
    ShownRule {
        layer: rule.layer,
        id: rule.id.clone(),
        on: rule.on.iter().map(ToString::to_string).collect(),
        paths: list(rule.paths.as_ref().map(|globs| globs.texts())),
        actors: list(rule.actors.as_ref().map(|globs| globs.texts())),
        labels: list(rule.labels.as_ref().map(|globs| globs.texts())),
        types: list(rule.types.as_ref().map(|globs| globs.texts())),
        kinds: rule.kinds.clone().unwrap_or_default(),
        tools: list(rule.tools.as_ref().map(|globs| globs.texts())),
        when: rule.when.as_ref().map(|when| when.text().to_owned()),
        effect: rule.effect,
        observes: rule.force == RuleForce::Observes,
        needs: rule.needs.clone(),
        reason: rule.reason.clone(),
        line: rule.place.line,
    }
}
