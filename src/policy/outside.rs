//! Changes beyond the paths that a task names: a fact of every change that is judged, and one
//! setting of the policy on what it means.

use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule, PolicyLayer};
use crate::domain::facts::Facts;
use crate::policy::model::LayerRules;

/// The id under which the answer stands among the matched rules.
pub const OUTSIDE_RULE: &str = "built-in.outside-paths";
/// The key of the setting in a policy file.
pub const OUTSIDE_KEY: &str = "outside_paths";
/// So many paths are named.
const SHOWN: usize = 5;

/// The effect of a change beyond the paths of its task, and the layer that says so: the strictest of
/// all that say something, else a warning. Only user and project may turn the warning off.
pub(super) fn effect(layers: &[&LayerRules]) -> (PolicyLayer, Effect) {
    let mut said: Option<(PolicyLayer, Effect)> = None;
    for layer in layers {
        let Some(effect) = layer.outside_paths else {
            continue;
        };
        let least = match said {
            Some((_, above)) => Some(above),
            None if layer.layer == PolicyLayer::Agent => Some(Effect::Warn),
            None => None,
        };
        if least.is_none_or(|least| effect > least) {
            said = Some((layer.layer, effect));
        }
    }
    said.unwrap_or((PolicyLayer::BuiltIn, Effect::Warn))
}

/// The answer to a change that goes beyond the paths of its task. It is asked about the work
/// (`run.finish`), at the end of a run and again at accept, before a commit, and where an agent asks before it
/// edits.
pub(super) fn answer(layers: &[&LayerRules], action: Action, facts: &Facts) -> Option<MatchedRule> {
    let (layer, effect) = effect(layers);
    if !matches!(action, Action::RunFinish | Action::Commit | Action::Edit)
        || effect == Effect::Allow
    {
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
        // Whoever asks for an agent measures; the tests of a policy ask about an edit of no task at all.
        None if effect.lets_through() || action == Action::Edit => return None,
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
