//! An override: a person's word that a rule of the policy does not hold for a while, for some part of what
//! it is about.
//!
//! An override always ends. What it let through names it for ever.

use serde::{Deserialize, Serialize};

use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Effect, PolicyLayer, UsedOverride};
use crate::domain::time::WallMs;

/// An override that was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PolicyOverride {
    /// The id, `o-…`.
    pub id: String,
    /// The id of the rule.
    pub rule: String,
    /// The one agent for which it counts; absent for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The one task for which it counts; absent for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// Patterns that have to cover every path of a question; none for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// The reason as given.
    pub reason: String,
    /// The person who gave it.
    pub by: Actor,
    /// Time in milliseconds since the epoch.
    pub at_ms: WallMs,
    /// The end, in milliseconds since the epoch.
    pub until_ms: WallMs,
}

/// The word on an override, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "word", rename_all = "snake_case")]
pub enum OverrideWord {
    /// The override was given.
    Given {
        /// The override.
        granted: PolicyOverride,
    },
    /// The override was taken away before its end.
    TakenAway {
        /// The id.
        id: String,
        /// The rule, which holds again.
        rule: String,
    },
}

impl OverrideWord {
    /// The sentence for people.
    pub fn told(&self) -> String {
        match self {
            OverrideWord::Given { granted } => format!(
                "rule `{}` is overridden for {} ({}): {}",
                granted.rule,
                granted.scope(),
                granted.id,
                granted.reason
            ),
            OverrideWord::TakenAway { id, rule } => {
                format!("took override {id} away: rule `{rule}` holds again")
            }
        }
    }
}

impl PolicyOverride {
    /// True where it has not ended. At the very end it has.
    pub fn is_active(&self, now_ms: WallMs) -> bool {
        now_ms < self.until_ms
    }

    /// True where it counts for what this actor asks about this task.
    pub fn is_for(&self, actor: &Actor, task: Option<&str>) -> bool {
        let is_agent =
            |name: &String| actor.kind == ActorKind::Agent && actor.name.as_str() == name.as_str();
        self.agent.as_ref().is_none_or(is_agent)
            && self.task.as_deref().is_none_or(|own| task == Some(own))
    }

    /// The scope in words.
    pub fn scope(&self) -> String {
        let mut words = Vec::new();
        words.extend(self.agent.as_ref().map(|name| format!("agent:{name}")));
        words.extend(self.task.clone());
        words.extend((!self.paths.is_empty()).then(|| self.paths.join(" ")));
        if words.is_empty() {
            "everything".to_owned()
        } else {
            words.join(", ")
        }
    }

    /// The override as a decision names it that it let through.
    pub fn used(&self, layer: PolicyLayer, was: Effect) -> UsedOverride {
        UsedOverride {
            id: self.id.clone(),
            rule: self.rule.clone(),
            layer,
            was,
            by: self.by.clone(),
            reason: self.reason.clone(),
            until_ms: self.until_ms,
        }
    }
}

#[cfg(test)]
#[path = "policy_override_tables.rs"]
mod tables;
