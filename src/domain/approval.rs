//! Approvals: what a yes takes, and what people have said to one question so far.
//!
//! A question is asked as often as somebody tries the same thing; what was said to any of its
//! records counts for all of them, for as long as the rule that asks says. The last no takes back
//! every yes before it; a yes after it counts anew. Who may answer at all is decided elsewhere.

use serde::{Deserialize, Serialize};

use crate::domain::actor::Actor;
use crate::domain::decision::{DecisionRecord, Effect, Override};
use crate::domain::time::WallMs;

/// Milliseconds for which a yes or a no holds where the rule does not say: seven days.
pub const HOLDS_MS: i64 = 7 * 86_400_000;

/// The yes that a rule takes.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct ApprovalNeed {
    /// Number of different people who have to say it.
    pub people: u32,
    /// Globs over people, as `human:ann@example.com`; anybody where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// For how long it holds, in milliseconds.
    pub holds_ms: i64,
}

impl Default for ApprovalNeed {
    fn default() -> Self {
        Self {
            people: 1,
            by: Vec::new(),
            holds_ms: HOLDS_MS,
        }
    }
}

/// A yes or a no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// It may be done.
    Yes,
    /// It may not.
    No,
}

/// One person's answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Reply {
    /// Yes or no.
    pub says: Says,
    /// The person, the reason, and the time.
    #[serde(flatten)]
    pub word: Override,
}

/// The decision that a task waits for, by the reason of its hold.
pub fn decision_in(reason: &str) -> Option<&str> {
    let at = reason.find("d-")?;
    let id = &reason[at..];
    Some(
        &id[..id
            .find(|c: char| c != '-' && !c.is_ascii_alphanumeric())
            .unwrap_or(id.len())],
    )
}

/// The standing of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalStanding {
    /// Everybody who has to has said yes.
    Approved,
    /// Somebody said no, and nobody yes since.
    SaidNo(Override),
    /// Yes is wanted of more people; a need of each rule that is not met.
    Waits(Vec<Missing>),
}

/// The rest of the yes that one rule takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Missing {
    /// The rule.
    pub rule: String,
    /// Number of people who have yet to say yes.
    pub people: u32,
    /// Globs over people of whom they must be; anybody where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
}

/// Decides how a question stands. `asked` is its newest record, whose rules say what it takes;
/// `earlier` are records of the same question, in any order, `asked` among them or not. `is_one_of`
/// holds a person against globs.
pub fn standing<'a>(
    asked: &DecisionRecord,
    earlier: impl IntoIterator<Item = &'a DecisionRecord>,
    now_ms: WallMs,
    is_one_of: impl Fn(&Actor, &[String]) -> bool,
) -> ApprovalStanding {
    let mut answers: Vec<Reply> = earlier.into_iter().flat_map(answers_of).collect();
    answers.sort_by_key(|answer| answer.word.at_ms);
    let needs = needs_of(asked);
    let holds = |answer: &Reply, ms: i64| answer.word.at_ms.saturating_add(ms) > now_ms;
    let longest = needs.iter().map(|(_, need)| need.holds_ms).max();
    let last_no = answers
        .iter()
        .rposition(|answer| answer.says == Says::No && holds(answer, longest.unwrap_or(HOLDS_MS)));
    let since = last_no.map_or(0, |at| at + 1);
    let missing: Vec<Missing> = needs
        .iter()
        .filter_map(|(rule, need)| {
            let mut people: Vec<&Actor> = Vec::new();
            for answer in &answers[since..] {
                let by = &answer.word.by;
                let counts = answer.says == Says::Yes
                    && holds(answer, need.holds_ms)
                    && (need.by.is_empty() || is_one_of(by, &need.by));
                if counts && !people.iter().any(|known| is_same_person(known, by)) {
                    people.push(by);
                }
            }
            let said = u32::try_from(people.len()).unwrap_or(u32::MAX);
            (said < need.people).then(|| Missing {
                rule: (*rule).to_owned(),
                people: need.people - said,
                by: need.by.clone(),
            })
        })
        .collect();
    match last_no.filter(|_| since == answers.len()) {
        Some(at) => ApprovalStanding::SaidNo(answers[at].word.clone()),
        None if missing.is_empty() => ApprovalStanding::Approved,
        None => ApprovalStanding::Waits(missing),
    }
}

/// True where the actor's own yes counts already and will for at least half of its time: another one
/// would only add a second reason.
pub fn has_fresh_yes<'a>(
    asked: &DecisionRecord,
    earlier: impl IntoIterator<Item = &'a DecisionRecord>,
    actor: &Actor,
    now_ms: WallMs,
) -> bool {
    let needs = needs_of(asked);
    let shortest = needs.iter().map(|(_, need)| need.holds_ms).min();
    let half = shortest.unwrap_or(HOLDS_MS) / 2;
    let mut answers: Vec<Reply> = earlier.into_iter().flat_map(answers_of).collect();
    answers.sort_by_key(|answer| answer.word.at_ms);
    let since = answers.iter().rposition(|answer| answer.says == Says::No);
    answers[since.map_or(0, |at| at + 1)..]
        .iter()
        .any(|answer| {
            is_same_person(&answer.word.by, actor)
                && answer.word.at_ms.saturating_add(half) > now_ms
        })
}

/// The need of each rule that asks for a yes; one person's where it is a limit that asks.
pub fn needs_of(asked: &DecisionRecord) -> Vec<(&str, ApprovalNeed)> {
    let asking = asked
        .matched
        .iter()
        .filter(|rule| rule.effect == Effect::RequireApproval);
    let mut needs: Vec<(&str, ApprovalNeed)> = asking
        .map(|rule| (rule.rule.as_str(), rule.needs.clone().unwrap_or_default()))
        .collect();
    if needs.is_empty() {
        needs.push((asked.rule.as_str(), ApprovalNeed::default()));
    }
    needs
}

/// The answers to one record. The yes that made a question answered stands apart, as it
/// did before there could be several.
fn answers_of(record: &DecisionRecord) -> Vec<Reply> {
    let last = record.overridden.iter().map(|word| Reply {
        says: Says::Yes,
        word: word.clone(),
    });
    record.answers.iter().cloned().chain(last).collect()
}

/// True where both are one person: under one name, or under the login of whom Git names.
pub fn is_same_person(one: &Actor, other: &Actor) -> bool {
    let under = |actor: &Actor| actor.by_login().unwrap_or_else(|| actor.clone()).label();
    one.label() == other.label() || under(one) == under(other)
}

#[cfg(test)]
#[path = "approval_tables.rs"]
mod tables;
