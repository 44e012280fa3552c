//! The one policy function.
//!
//! Every part of what is asked about (each path, each pattern, or the action itself where there are
//! none) gets an answer from each layer: from its rules that match it, else from its default. The
//! decision is the strictest of all answers. So a rule that allows `docs/` never lets a change of
//! `src/` through a policy whose default is deny, nor one of another layer (ADR 0049).

use crate::domain::action::{Action, Nature};
use crate::domain::actor::ActorKind;
use crate::domain::decision::{Decision, Effect, MatchedRule, MetCondition, PolicyLayer};
use crate::policy::asked::{AskedPaths, Request};
use crate::policy::bounds;
use crate::policy::builtin;
use crate::policy::guards;
use crate::policy::model::{self, LayerRules, PolicyState, Unreadable};
use crate::policy::outside;
use crate::policy::rule::{PolicyRule, RuleAnswer, RuleForce, RuleStanding};
use std::cmp::Reverse;

/// The id under which the default stands among the [matched rules](MatchedRule).
pub const DEFAULT_RULE: &str = "default";
/// The id under which a policy that cannot be read stands among the [matched rules](MatchedRule).
pub const UNREADABLE_RULE: &str = "policy.unreadable";
/// The id under which conditions that take too long stand among the [matched rules](MatchedRule).
const CONDITIONS_RULE: &str = "policy.conditions";
/// So many letters of a condition are kept in a record.
const SHOWN_CONDITION: usize = 400;

/// Answers a question. Total, pure and independent of the order of rules.
///
/// # Examples
///
/// With `default: deny`, a rule that allows `docs/`, and one that wants a person's yes for `docs/api/`:
///
/// ```text
/// docs/a.md                    allow             the rule about docs/
/// docs/a.md, docs/api/b.md     require_approval  the stricter rule
/// docs/a.md, src/main.rs       deny              no rule answers for src/main.rs: the default
/// ```
pub fn decide(state: &PolicyState, request: &Request<'_>) -> Decision {
    let agent = model::agent_of(request.actor);
    let mut all = answers(state, request);
    if let Some(beneath) = state.committed(agent) {
        all.join(answers(beneath, request));
    }
    conclude(all, state, request)
}

fn answers(state: &PolicyState, request: &Request<'_>) -> Answers {
    match state.layers(model::agent_of(request.actor)) {
        Err(unreadable) => Answers {
            matched: match_unreadable(unreadable, request),
            observed: Vec::new(),
        },
        Ok(layers) => {
            let mut all = match_messages(&layers, request);
            let (matched, observed) = guards::answers(&layers, request);
            all.matched.extend(matched);
            all.observed.extend(observed);
            all.observed.sort();
            all
        }
    }
}

/// Rules are held against each message by itself, so that several at once get no milder an answer than one after
/// the other would; guards name all that are wrong in one reason.
fn match_messages(layers: &[&LayerRules], request: &Request<'_>) -> Answers {
    let each = request.each_message();
    let mut each = each.iter().map(|facts| {
        let one = Request { facts, ..*request };
        match_rules(layers, &one)
    });
    let Some(mut all) = each.next() else {
        return match_rules(layers, request);
    };
    each.for_each(|one| all.join(one));
    all
}

/// All answers to a question.
struct Answers {
    /// Those that decide; never empty.
    matched: Vec<MatchedRule>,
    /// Those of rules that only observe.
    observed: Vec<MatchedRule>,
}

impl Answers {
    /// Adds those of another policy; what both say alike is said once.
    fn join(&mut self, other: Answers) {
        for (own, more) in [
            (&mut self.matched, other.matched),
            (&mut self.observed, other.observed),
        ] {
            own.extend(more);
            own.sort();
            own.dedup();
        }
    }
}

/// Each layer answers by itself, and the strictest answer of all counts; so a lower layer can only
/// tighten, but where a rule above lets itself be overridden.
fn match_rules(layers: &[&LayerRules], request: &Request<'_>) -> Answers {
    let Some(rules) = model::standing_builtin(layers) else {
        let broken = "the built-in policy is broken; install ai again".to_owned();
        return Answers {
            matched: vec![own_rule(UNREADABLE_RULE, Effect::Deny, broken)],
            observed: Vec::new(),
        };
    };
    let asked = AskedPaths::of(request.resource, request.facts.path_case);
    let (mut met, mut gaps, mut observed) = (Vec::new(), Vec::new(), Vec::new());
    for rule in rules {
        met.push((rule, rule.hold(request, &asked)));
    }
    for layer in layers {
        let mut coverage = Coverage::of(&asked);
        for rule in &layer.rules {
            let held = rule.hold(request, &asked);
            if rule.force == RuleForce::Observes {
                observed.extend(matched_rule(rule, held));
                continue;
            }
            coverage.add(&held);
            if held.says_something() {
                met.push((rule, held));
            }
        }
        let default = layer.default.filter(|_| coverage.has_gap());
        gaps.extend(default.map(|effect| default_answer(layer.layer, effect, request.action)));
    }
    let overridden: Vec<bool> = met.iter().map(|one| is_overridden(one, &met)).collect();
    let standing = met.into_iter().zip(overridden).filter(|(_, gone)| !gone);
    let mut matched: Vec<MatchedRule> = standing
        .filter_map(|((rule, held), _)| matched_rule(rule, held))
        .collect();
    if asked.steps().is_used_up() {
        matched.push(own_rule(
            CONDITIONS_RULE,
            Effect::Deny,
            "the conditions of the policy take too many steps together".to_owned(),
        ));
    }
    matched.extend(gaps);
    if layers.iter().all(|layer| layer.default.is_none()) {
        matched.push(default_answer(
            PolicyLayer::BuiltIn,
            Effect::Allow,
            request.action,
        ));
    }
    matched.extend(bounds::answers(layers, request));
    matched.extend(builtin::credentials_in_change(request.facts));
    matched.extend(outside::answer(layers, request.action, request.facts));
    for layer in layers {
        let limits = &layer.limits;
        matched.extend(limits.exceeded(layer.layer, request.action, request.facts));
    }
    Answers { matched, observed }
}

/// True where a rule lets lower layers answer in its place, and one does: by a rule of the same id
/// that certainly answers for all that this one may be about. Where it does not match, the rule stands.
/// A built-in rule that may be replaced is gone already, or stands.
fn is_overridden(of: &(&PolicyRule, RuleAnswer), met: &[(&PolicyRule, RuleAnswer)]) -> bool {
    let (rule, held) = of;
    rule.standing == RuleStanding::Overridable
        && rule.layer != PolicyLayer::BuiltIn
        && met.iter().any(|(lower, answer)| {
            lower.layer > rule.layer && lower.id == rule.id && answer.covers(held)
        })
}

fn matched_rule(rule: &PolicyRule, held: RuleAnswer) -> Option<MatchedRule> {
    let (path, by, failed) = match held {
        RuleAnswer::Whole => (None, None, None),
        RuleAnswer::Parts { first, by, .. } => (Some(first), by, None),
        RuleAnswer::Failed { first, why } => (first, None, Some(why)),
        _ => return None,
    };
    let (effect, reason) = match &failed {
        Some(why) => (
            Effect::Deny,
            format!("the condition of the rule has no value, so it denies: {why}"),
        ),
        None => (rule.effect, with_importer(&rule.reason, by.as_deref())),
    };
    Some(MatchedRule {
        layer: rule.layer,
        rule: rule.id.clone(),
        effect,
        reason,
        path,
        needs: rule.needs.clone().filter(|_| failed.is_none()),
        when: rule.when.as_ref().map(|when| MetCondition {
            text: when.text().chars().take(SHOWN_CONDITION).collect(),
            failed,
        }),
    })
}

/// The reason of a rule, with the file by which a path is among those that it is about.
fn with_importer(reason: &str, by: Option<&str>) -> String {
    match by {
        Some(by) => format!("{reason}; {by} imports it"),
        None => reason.to_owned(),
    }
}

fn default_answer(layer: PolicyLayer, default: Effect, action: Action) -> MatchedRule {
    // A policy that denies what it does not name would keep people in what they want to be out of.
    let is_open = action.is_open_to_defaults() && !default.lets_through();
    let (effect, reason) = match layer {
        PolicyLayer::BuiltIn => (
            default,
            "there is no policy file and no built-in rule says otherwise",
        ),
        _ if action.is_answered_by_rules_alone() => (
            Effect::Allow,
            "no rule of the policy matches; about this a rule alone has a say",
        ),
        _ if is_open => (
            Effect::Allow,
            "no rule of the policy matches; to give back or to stop is denied by a rule only",
        ),
        _ => (
            default,
            "no rule of the policy matches; its default says so",
        ),
    };
    MatchedRule {
        layer,
        rule: DEFAULT_RULE.to_owned(),
        effect,
        reason: reason.to_owned(),
        path: None,
        needs: None,
        when: None,
    }
}

/// The parts of a resource for which the rules of a layer answer.
struct Coverage {
    parts: Vec<bool>,
}

impl Coverage {
    fn of(asked: &AskedPaths<'_>) -> Self {
        // An action without paths is one part, which only rules about the whole action answer for.
        Self {
            parts: vec![false; asked.len().max(1)],
        }
    }

    fn add(&mut self, held: &RuleAnswer) {
        match held {
            RuleAnswer::Whole => self.parts.fill(true),
            RuleAnswer::Parts { covered, .. } => self
                .parts
                .iter_mut()
                .zip(covered)
                .for_each(|(part, hit)| *part |= hit),
            _ => {}
        }
    }

    fn has_gap(&self) -> bool {
        self.parts.contains(&false)
    }
}

/// Answers where the policy cannot be read: what only gives back or stops stays open, and so does
/// its repair by a human.
fn match_unreadable(unreadable: &Unreadable, request: &Request<'_>) -> Vec<MatchedRule> {
    let problem = unreadable.problems.summary();
    let mut answer = if request.action.nature() == Nature::Harmless {
        own_rule(
            UNREADABLE_RULE,
            Effect::Warn,
            format!("harmless, though the policy cannot be read: {problem}"),
        )
    } else if repairs(request, &unreadable.problems.file) {
        own_rule(
            UNREADABLE_RULE,
            Effect::Warn,
            format!("a human repairs the policy, which cannot be read: {problem}"),
        )
    } else {
        // A line of a commit is mended by another commit, and not seen in the checkout.
        let next = match unreadable.problems.version() {
            Some(_) => "commit the mended file",
            None => "see `ai policy validate`",
        };
        own_rule(
            UNREADABLE_RULE,
            Effect::Deny,
            format!("the policy cannot be read, so this is not allowed; {next}: {problem}"),
        )
    };
    answer.layer = unreadable.layer;
    vec![answer]
}

/// True where a human changes the policy file and nothing else.
fn repairs(request: &Request<'_>, file: &str) -> bool {
    let resource = request.resource;
    request.actor.kind == ActorKind::Human
        && matches!(request.action, Action::Edit | Action::Commit)
        && resource.patterns.is_empty()
        && !resource.paths.is_empty()
        && resource
            .paths
            .iter()
            .all(|path| path.as_bytes() == file.as_bytes())
}

fn own_rule(rule: &str, effect: Effect, reason: String) -> MatchedRule {
    MatchedRule {
        layer: PolicyLayer::Project,
        rule: rule.to_owned(),
        effect,
        reason,
        path: None,
        needs: None,
        when: None,
    }
}

/// Makes the decision out of all answers.
fn conclude(answers: Answers, state: &PolicyState, request: &Request<'_>) -> Decision {
    let Answers {
        mut matched,
        observed,
    } = answers;
    matched.sort();
    let winner = winner(&matched)
        .unwrap_or_else(|| own_rule(UNREADABLE_RULE, Effect::Deny, "nothing answered".to_owned()));
    let reason = winner.told();
    Decision {
        effect: winner.effect,
        layer: winner.layer,
        rule: winner.rule,
        reason,
        matched,
        observed,
        policy_digest: state.digest(model::agent_of(request.actor)),
        facts_digest: request.facts.digest(),
        facts: request.facts.clone(),
    }
}

/// The answer that counts: the strictest; among equals a rule before the default, then the outermost layer.
pub(super) fn winner(matched: &[MatchedRule]) -> Option<MatchedRule> {
    let key = |m: &&MatchedRule| {
        (
            Reverse(m.effect),
            m.rule == DEFAULT_RULE,
            m.layer,
            m.rule.clone(),
        )
    };
    matched.iter().min_by_key(key).cloned()
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
