//! Changes beyond the paths that a task names: a fact of every change that is judged, and one
//! setting of the policy on what it means.

use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule, PolicyLayer};
use crate::domain::facts::Facts;
use crate::policy::model::PolicyState;

/// The id under which the answer stands among the matched rules.
pub const OUTSIDE_RULE: &str = "built-in.outside-paths";
/// The key of the setting in a policy file.
pub const OUTSIDE_KEY: &str = "outside_paths";
/// So many paths are named.
const SHOWN: usize = 5;

impl PolicyState {
    /// The effect of a change beyond the paths of its task, and the layer that says so.
    pub fn outside_paths(&self) -> (PolicyLayer, Effect) {
        let set = self.loaded().and_then(|policy| policy.outside_paths);
        match set {
            Some(effect) => (PolicyLayer::Project, effect),
            None => (PolicyLayer::BuiltIn, Effect::Warn),
        }
    }
}

/// The answer to a change that goes beyond the paths of its task. It is asked about the work
/// (`run.finish`), at the end of a run and again at accept, and before a commit.
pub(super) fn answer(state: &PolicyState, action: Action, facts: &Facts) -> Option<MatchedRule> {
    let (layer, effect) = state.outside_paths();
    if !matches!(action, Action::RunFinish | Action::Commit) || effect == Effect::Allow {
        return None;
    }
    let reason = match &facts.outside_paths {
        Some(paths) if paths.is_empty() => return None,
        Some(paths) => {
            let shown: Vec<String> = paths.iter().take(SHOWN).map(ToString::to_string).collect();
            let more = paths.len().saturating_sub(SHOWN);
            let more = if more == 0 {
                String::new()
            } else {
                format!(" and {more} more")
            };
            format!(
                "the change goes beyond the task's own paths: {}{more}; name them in the task where they belong to it",
                shown.join(", ")
            )
        }
        None if effect.lets_through() => return None,
        None => {
            "whether the change goes beyond the task's own paths could not be told, since those cannot be read"
                .to_owned()
        }
    };
    Some(MatchedRule {
        layer,
        rule: OUTSIDE_RULE.to_owned(),
        effect,
        reason,
        path: None,
        needs: None,
        when: None,
    })
}

#[cfg(test)]
#[path = "outside_tables.rs"]
mod tables;
