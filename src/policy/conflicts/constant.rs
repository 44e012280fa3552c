//! Actions that have one answer for one kind of actor, whatever else is asked.
//!
//! Only the plain cases are seen: a rule about the action as a whole, and a default that nothing stands
//! before. Credentials in a change and limits are measured, so actions that know them are never told to be
//! always allowed.

use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::decision::Effect;
use crate::policy::conflicts::names::covers_actors;
use crate::policy::model::{self, LayerRules};
use crate::policy::name_globs::NameGlobs;
use crate::policy::rule::{PolicyRule, RuleForce, RuleStanding};

/// The one answer to an action, of everybody of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OneAnswer {
    pub(super) action: Action,
    pub(super) kind: ActorKind,
    pub(super) effect: Effect,
}

/// The actions with which limits, credentials or messages are measured, which may have a say.
const MEASURED: [Action; 6] = [
    Action::RunStart,
    Action::RunFinish,
    Action::TaskAccept,
    Action::TaskOverride,
    Action::Commit,
    Action::CommitMessage,
];

/// All of them, for people and for agents.
pub(super) fn one_answers(layers: &[&LayerRules]) -> Vec<OneAnswer> {
    let Some(builtin) = model::standing_builtin(layers) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for action in Action::ALL
        .iter()
        .filter(|one| !Action::UNASKED.contains(one))
    {
        for kind in [ActorKind::Human, ActorKind::Agent] {
            let Ok(everybody) = NameGlobs::new([format!("{}:*", kind.as_str()).as_str()]) else {
                continue;
            };
            let asked = AskedOfAll {
                action: *action,
                kind,
                everybody: &everybody,
            };
            let effect = if asked.is_always_denied(layers, &builtin) {
                Effect::Deny
            } else if asked.is_always_allowed(layers, &builtin) {
                Effect::Allow
            } else {
                continue;
            };
            found.push(OneAnswer {
                action: *action,
                kind,
                effect,
            });
        }
    }
    found
}

/// An action, asked by everybody of a kind.
struct AskedOfAll<'a> {
    action: Action,
    kind: ActorKind,
    everybody: &'a NameGlobs,
}

impl AskedOfAll<'_> {
    fn is_always_denied(&self, layers: &[&LayerRules], builtin: &[&PolicyRule]) -> bool {
        let denies = |rule: &&PolicyRule| {
            rule.effect == Effect::Deny && self.binds_everybody(rule) && self.stands(rule, layers)
        };
        let by_rule = builtin.iter().copied().any(|rule| denies(&rule))
            || layers
                .iter()
                .any(|layer| layer.rules.iter().any(|rule| denies(&rule)));
        by_rule || layers.iter().any(|layer| self.falls_to_the_default(layer))
    }

    /// True where the default of a layer denies, and no rule of the layer can answer before it.
    fn falls_to_the_default(&self, layer: &LayerRules) -> bool {
        layer.default == Some(Effect::Deny)
            && !self.action.is_open_to_defaults()
            && !layer.rules.iter().any(|rule| self.may_bind_somebody(rule))
    }

    fn is_always_allowed(&self, layers: &[&LayerRules], builtin: &[&PolicyRule]) -> bool {
        let is_silent = |rule: &PolicyRule| {
            let allows = rule.effect == Effect::Allow && rule.when.is_none();
            allows || !self.may_bind_somebody(rule)
        };
        !MEASURED.contains(&self.action)
            && builtin.iter().all(|rule| is_silent(rule))
            && layers.iter().all(|layer| {
                let default = layer.default.unwrap_or(Effect::Allow);
                layer.rules.iter().all(is_silent)
                    && (default == Effect::Allow
                        || self.action.is_answered_by_rules_alone()
                        || self.action.is_open_to_defaults() && !default.lets_through())
            })
    }

    /// True where a rule decides about the action, of some of the actors.
    fn may_bind_somebody(&self, rule: &PolicyRule) -> bool {
        rule.force == RuleForce::Binds
            && rule.on.iter().any(|on| on.matches(self.action))
            && rule.actors.as_ref().is_none_or(|globs| {
                // The kind stands written out in front, or anybody may be meant.
                globs.texts().any(|text| match text.split_once(':') {
                    Some((kind, _)) => kind.contains(['*', '?']) || kind == self.kind.as_str(),
                    None => true,
                })
            })
    }

    /// True where a rule is about the action as a whole, of all of the actors.
    fn binds_everybody(&self, rule: &PolicyRule) -> bool {
        self.may_bind_somebody(rule)
            && rule.paths.is_none()
            && rule.labels.is_none()
            && rule.types.is_none()
            && rule.kinds.is_none()
            && rule.tools.is_none()
            && rule.when.is_none()
            && covers_actors(rule.actors.as_ref(), Some(self.everybody))
    }

    /// True where no lower layer can answer in place of a rule.
    fn stands(&self, rule: &PolicyRule, layers: &[&LayerRules]) -> bool {
        rule.standing != RuleStanding::Overridable
            || !layers.iter().any(|layer| {
                layer.layer > rule.layer && layer.rules.iter().any(|lower| lower.id == rule.id)
            })
    }
}
