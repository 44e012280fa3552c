//! Why a decision is what it is: every rule, and where it stopped to match.

use super::engine::{Overlap, Request, decide};
use super::model::PolicyState;
use super::rule::Held;
use crate::domain::decision::{Decision, Effect, Layer};
use serde::Serialize;

/// A decision with everything that led to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// Every rule that was looked at, built-in ones first; none where the policy cannot be read.
    pub considered: Vec<Considered>,
    /// Why the winner won, as one sentence.
    pub why: String,
}

/// One rule that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Considered {
    /// Its layer.
    pub layer: Layer,
    /// Its id.
    pub rule: String,
    /// What it would say.
    pub effect: Effect,
    /// The line of the policy file; zero for built-in rules.
    pub line: u64,
    /// What it is about that the question is not; `None` where it matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<Miss>,
}

/// What a rule that did not match is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Miss {
    /// Other actions.
    Action,
    /// Other actors.
    Actor,
    /// Other types of task.
    Type,
    /// Other labels.
    Labels,
    /// Tools of other kinds.
    Kinds,
    /// Other tools.
    Tools,
    /// Other paths.
    Paths,
}

/// Answers a question and says how the answer came about.
pub fn explain(state: &PolicyState, request: &Request<'_>, overlap: Overlap<'_>) -> Explanation {
    let decision = decide(state, request, overlap);
    let considered = match state {
        PolicyState::Unreadable(_) => Vec::new(),
        PolicyState::Absent | PolicyState::Loaded(_) => consider(state, request, overlap),
    };
    let why = why(&decision);
    Explanation { decision, considered, why }
}

fn consider(state: &PolicyState, request: &Request<'_>, overlap: Overlap<'_>) -> Vec<Considered> {
    let one = |rule: &&super::rule::Rule| Considered {
        layer: rule.layer,
        rule: rule.id.clone(),
        effect: rule.effect,
        line: rule.place.line,
        missed: miss(&rule.hold(request, overlap)),
    };
    state.rules().unwrap_or_default().iter().map(one).collect()
}

fn miss(held: &Held) -> Option<Miss> {
    match held {
        Held::Whole | Held::Parts { .. } => None,
        Held::OtherAction => Some(Miss::Action),
        Held::OtherActor => Some(Miss::Actor),
        Held::OtherType => Some(Miss::Type),
        Held::OtherLabels => Some(Miss::Labels),
        Held::OtherKind => Some(Miss::Kinds),
        Held::OtherTool => Some(Miss::Tools),
        Held::OtherPaths => Some(Miss::Paths),
    }
}

fn why(decision: &Decision) -> String {
    let Decision { effect, layer, rule, .. } = decision;
    let weaker = decision.matched.iter().filter(|m| m.effect < *effect).count();
    match (decision.matched.len(), weaker) {
        (0 | 1, _) => format!("`{rule}` ({layer}) is the only answer: {effect}"),
        (all, 0) => format!("all {all} answers say {effect}; `{rule}` ({layer}) is named for them"),
        (all, _) => format!("`{rule}` ({layer}) says {effect}, the strictest of {all} answers"),
    }
}
