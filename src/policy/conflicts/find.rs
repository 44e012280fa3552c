//! The findings about a policy.

use serde::Serialize;

use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Effect, PolicyLayer};
use crate::policy::builtin;
use crate::policy::conflicts::constant::one_answers;
use crate::policy::conflicts::example::ExampleQuestion;
use crate::policy::conflicts::names::{SearchBudget, covers_actors, covers_names};
use crate::policy::engine::decide;
use crate::policy::model::{LayerRules, PolicyState, standing_builtin};
use crate::policy::rule::{PolicyRule, RuleForce, RuleImports, RuleStanding};

/// So many pairs of rules are looked at.
const MOST_PAIRS: usize = 200_000;
/// So many of them are held against one another, pattern by pattern.
const MOST_SEARCHES: usize = 5_000;
/// So many states are gone through for names that patterns share.
const MOST_STATES: usize = 200_000;
/// So many places are gone through for paths that patterns share, and to ask the questions that are found: a second
/// of work at most.
const MOST_PLACES: usize = 6_000_000;
/// So many pairs that were not decided are named.
const MOST_UNDECIDED: usize = 100;
/// So many pairs that meet are told.
const MOST_MEETINGS: usize = 500;

/// The kind of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Two rules with different effects are about one question.
    Meet,
    /// Another rule answers at least as strictly wherever this one matches.
    Shadowed,
    /// The rule allows what would be allowed without it.
    Redundant,
    /// The rule matches nobody, or nothing that is asked yet.
    NeverMatches,
    /// Whether the rules are about one question was not found out: their patterns are too large.
    Undecided,
    /// The action is denied, whatever else is asked.
    AlwaysDenied,
    /// The action is allowed, whatever else is asked.
    AlwaysAllowed,
}

/// A rule by its name and place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RuleName {
    /// The layer.
    pub layer: PolicyLayer,
    /// The id.
    pub id: String,
    /// The effect.
    pub effect: Effect,
    /// The file that it stands in; absent for a built-in rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The line in its file; zero for a built-in rule.
    pub line: u64,
}

/// A finding about a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct FoundConflict {
    /// The kind.
    pub kind: ConflictKind,
    /// The rules; the first is the one that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleName>,
    /// True where a rule has a condition, so that they may meet, and need not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub may: bool,
    /// The action, of a finding about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// The kind of actor, of a finding about an action.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_kind: Option<ActorKind>,
    /// A question that shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<ExampleQuestion>,
    /// The effect of the policy on that question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
}

/// All findings.
#[derive(Debug, Default)]
pub struct Conflicts {
    /// The findings, in the order of the rules.
    pub found: Vec<FoundConflict>,
    /// True where the policy has more pairs of rules than are looked at, or told.
    pub is_cut: bool,
    /// The number of rules and pairs that were not decided, named or not.
    pub undecided: usize,
}

impl Conflicts {
    fn leave_undecided(&mut self, rules: &[&PolicyRule]) {
        self.undecided += 1;
        if self.undecided <= MOST_UNDECIDED {
            self.found.push(about(ConflictKind::Undecided, rules));
        }
    }
}

/// Looks at a policy for an agent, or for everybody else. One that cannot be read has no rules.
pub fn conflicts(state: &PolicyState, agent: Option<&str>) -> Conflicts {
    let Ok(layers) = state.layers(agent) else {
        return Conflicts::default();
    };
    let builtin = standing_builtin(&layers).unwrap_or_default();
    let of_layers = layers.iter().flat_map(|layer| &layer.rules);
    let all: Vec<&PolicyRule> = builtin.iter().copied().chain(of_layers).collect();
    let look = PolicyLook {
        state,
        layers: &layers,
        agent,
        budget: SearchBudget::new(MOST_STATES, MOST_PLACES),
    };
    let mut out = Conflicts::default();
    look.at_each(&all[builtin.len()..], &mut out);
    look.at_pairs(&all, &mut out);
    look.at_actions(&mut out);
    out
}

struct PolicyLook<'a> {
    state: &'a PolicyState,
    layers: &'a [&'a LayerRules],
    agent: Option<&'a str>,
    budget: SearchBudget,
}

impl PolicyLook<'_> {
    fn at_each(&self, rules: &[&PolicyRule], out: &mut Conflicts) {
        let mut looked = 0;
        for rule in rules.iter().filter(|rule| rule.force == RuleForce::Binds) {
            if never_matches(rule) {
                out.found.push(about(ConflictKind::NeverMatches, &[rule]));
                continue;
            }
            let Some(example) = self.own_example(rule) else {
                if self.budget.has_given_up() {
                    out.leave_undecided(&[rule]);
                }
                continue;
            };
            if self.is_redundant(rule) {
                let found = about(ConflictKind::Redundant, &[rule]);
                self.tell(found, example, &[rule], out);
                continue;
            }
            looked += rules.len();
            if looked > MOST_PAIRS {
                out.is_cut = true;
                return;
            }
            if let Some(by) = rules.iter().find(|by| self.shadows(by, rule)) {
                let found = about(ConflictKind::Shadowed, &[rule, by]);
                self.tell(found, example, &[rule, by], out);
            }
        }
    }

    fn at_pairs(&self, rules: &[&PolicyRule], out: &mut Conflicts) {
        let (mut looked, mut searched, mut told) = (0, 0, 0);
        for (at, a) in rules.iter().enumerate() {
            for b in &rules[at + 1..] {
                looked += 1;
                if looked > MOST_PAIRS || searched > MOST_SEARCHES || told == MOST_MEETINGS {
                    out.is_cut = true;
                    return;
                }
                let binds = a.force == RuleForce::Binds && b.force == RuleForce::Binds;
                let meets = binds && a.effect != b.effect && share_an_action(a, b);
                if !meets || overrides(a, b) || overrides(b, a) {
                    continue;
                }
                searched += 1;
                let Some(example) =
                    self.of_this_agent(ExampleQuestion::of(a, b, &self.budget), [a, b])
                else {
                    if self.budget.has_given_up() {
                        out.leave_undecided(&[a, b]);
                    }
                    continue;
                };
                let mut found = about(ConflictKind::Meet, &[a, b]);
                found.may = a.when.is_some() || b.when.is_some();
                told += 1;
                self.tell(found, example, &[a, b], out);
            }
        }
    }

    fn at_actions(&self, out: &mut Conflicts) {
        for one in one_answers(self.layers) {
            let kind = match one.effect {
                Effect::Deny => ConflictKind::AlwaysDenied,
                _ => ConflictKind::AlwaysAllowed,
            };
            let name = self.agent.filter(|_| one.kind == ActorKind::Agent);
            let Ok(actor) = Actor::new(one.kind, name.unwrap_or("x")) else {
                continue;
            };
            let found = FoundConflict {
                action: Some(one.action),
                actor_kind: Some(one.kind),
                ..about(kind, &[])
            };
            let found = self.shown(found, ExampleQuestion::plain(one.action, actor));
            // What is told was asked.
            if found.as_ref().and_then(|found| found.effect) == Some(one.effect) {
                out.found.extend(found);
            }
        }
    }

    /// The finding with a question that shows it, and what the policy says of that; nothing where it would take
    /// too long to ask.
    fn shown(&self, found: FoundConflict, example: ExampleQuestion) -> Option<FoundConflict> {
        let rules = self.layers.iter().flat_map(|layer| &layer.rules);
        let work = rules.map(|rule| example.work(rule)).sum();
        if !self.budget.pays(work) {
            return None;
        }
        let decision = example.ask(|request| decide(self.state, request));
        Some(FoundConflict {
            effect: Some(decision.effect),
            example: Some(example),
            ..found
        })
    }

    /// Tells a finding, or that it was not decided.
    fn tell(
        &self,
        found: FoundConflict,
        example: ExampleQuestion,
        rules: &[&PolicyRule],
        out: &mut Conflicts,
    ) {
        match self.shown(found, example) {
            Some(found) => out.found.push(found),
            None => {
                self.budget.has_given_up();
                out.leave_undecided(rules);
            }
        }
    }

    fn own_example(&self, rule: &PolicyRule) -> Option<ExampleQuestion> {
        self.of_this_agent(ExampleQuestion::of(rule, rule, &self.budget), [rule, rule])
    }

    /// The question, as the agent whose layer is looked at would ask it; nothing where the rules would not
    /// be about that.
    fn of_this_agent(
        &self,
        example: Option<ExampleQuestion>,
        rules: [&PolicyRule; 2],
    ) -> Option<ExampleQuestion> {
        let example = example?;
        let Some(agent) = self.agent else {
            return Some(example);
        };
        let own = ExampleQuestion {
            actor: Actor::new(ActorKind::Agent, agent).ok()?,
            ..example
        };
        rules.iter().all(|rule| own.meets(rule)).then_some(own)
    }

    /// True where a rule allows what its layer allows anyway.
    fn is_redundant(&self, rule: &PolicyRule) -> bool {
        rule.effect == Effect::Allow
            && rule.when.is_none()
            && self
                .default_of(rule)
                .is_none_or(|default| default == Effect::Allow)
            && !self.replaces(rule)
    }

    /// True where `by` answers at least as strictly for all that `rule` answers for.
    fn shadows(&self, by: &PolicyRule, rule: &PolicyRule) -> bool {
        let is_itself = std::ptr::eq(by, rule);
        let first = (by.file.as_ref(), by.place) < (rule.file.as_ref(), rule.place);
        let is_stricter = by.effect > rule.effect || by.effect == rule.effect && first;
        let is_plain = by.when.is_none() && rule.when.is_none() && by.force == RuleForce::Binds;
        let fills_no_gap = rule.paths.is_none()
            || self
                .default_of(rule)
                .is_none_or(|default| default <= by.effect);
        !is_itself
            && by.layer == rule.layer
            && is_stricter
            && is_plain
            && fills_no_gap
            && (rule.needs.is_none() || by.effect == Effect::Deny || by.needs == rule.needs)
            && by.standing != RuleStanding::Overridable
            && !self.replaces(rule)
            && covers(by, rule)
    }

    fn default_of(&self, rule: &PolicyRule) -> Option<Effect> {
        let mut layers = self.layers.iter();
        layers.find(|layer| layer.layer == rule.layer)?.default
    }

    /// True where a rule may answer in place of another one, built in or of a layer above.
    fn replaces(&self, rule: &PolicyRule) -> bool {
        let above = self.layers.iter().flat_map(|layer| &layer.rules);
        rule.id.starts_with(builtin::PREFIX)
            || above.into_iter().any(|other| overrides(rule, other))
    }
}

/// True where a rule answers in place of another one, where both match.
fn overrides(lower: &PolicyRule, upper: &PolicyRule) -> bool {
    lower.id == upper.id && lower.layer > upper.layer && upper.standing == RuleStanding::Overridable
}

/// True where something that is asked is an action of both.
fn share_an_action(a: &PolicyRule, b: &PolicyRule) -> bool {
    let on = |rule: &PolicyRule, action: Action| rule.on.iter().any(|on| on.matches(action));
    let mut actions = Action::ALL.iter();
    actions.any(|action| on(a, *action) && on(b, *action) && !Action::UNASKED.contains(action))
}

/// True where the rule is about nobody, or about nothing that is asked yet.
fn never_matches(rule: &PolicyRule) -> bool {
    let mut asked = Action::ALL
        .iter()
        .filter(|one| !Action::UNASKED.contains(one));
    let is_asked = asked.any(|action| rule.on.iter().any(|on| on.matches(*action)));
    let is_nobody = |pattern: &str| {
        let kind = pattern.split_once(':').map(|(kind, _)| kind);
        let known = |kind: &str| ActorKind::ALL.iter().any(|one| one.as_str() == kind);
        kind.is_some_and(|kind| !kind.contains(['*', '?']) && !known(kind))
    };
    let actors = rule.actors.as_ref();
    !is_asked || actors.is_some_and(|globs| globs.texts().all(is_nobody))
}

/// True where `wide` is certainly about every question that `narrow` is about.
fn covers(wide: &PolicyRule, narrow: &PolicyRule) -> bool {
    let mut actions = Action::ALL.iter();
    let on = |rule: &PolicyRule, action: Action| rule.on.iter().any(|on| on.matches(action));
    actions.all(|action| on(wide, *action) || !on(narrow, *action))
        && covers_actors(wide.actors.as_ref(), narrow.actors.as_ref())
        && covers_names(wide.types.as_ref(), narrow.types.as_ref())
        && covers_names(wide.labels.as_ref(), narrow.labels.as_ref())
        && covers_names(wide.tools.as_ref(), narrow.tools.as_ref())
        && match (&wide.kinds, &narrow.kinds) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => narrow.iter().all(|kind| wide.contains(kind)),
        }
        && match (&wide.paths, &narrow.paths) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(wide), Some(narrow)) => wide.cover_all_of(narrow),
        }
        && (wide.paths.is_none()
            || wide.imports == narrow.imports
            || narrow.imports == RuleImports::Others)
}

fn about(kind: ConflictKind, rules: &[&PolicyRule]) -> FoundConflict {
    let name = |rule: &&PolicyRule| RuleName {
        layer: rule.layer,
        id: rule.id.clone(),
        effect: rule.effect,
        file: (!rule.file.is_empty()).then(|| rule.file.to_string()),
        line: rule.place.line,
    };
    FoundConflict {
        kind,
        rules: rules.iter().map(name).collect(),
        may: false,
        action: None,
        actor_kind: None,
        example: None,
        effect: None,
    }
}
