//! The sections `router` and `budgets`.

use crate::base::yaml::{self, MappingFields, YamlNode, YamlProblem, YamlValue};
use crate::config::model::{Config, Router};
use crate::config::reader::ConfigSection;
use crate::domain::agent::Name;
use crate::domain::budget::{Amounts, BudgetScope};
use crate::domain::money::Usd;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Reads the section `router`.
pub(super) fn router(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slot = &mut config.router;
    section.texts("prefer", &mut slot.prefer, check_agent);
    section.set("capabilities", &mut slot.capabilities, words_by_name);
    section.set("fallback", &mut slot.fallback, agents_by_name);
    let weights = &mut slot.weights;
    section.set("weights", weights, |node, _, problems| {
        let mut fields = MappingFields::of(node, "weights", problems)?;
        let mut read = Router::default().weights;
        let slots = [
            ("success", &mut read.success),
            ("labels", &mut read.labels),
            ("prefer", &mut read.prefer),
            ("health", &mut read.health),
            ("load", &mut read.load),
            ("cost", &mut read.cost),
        ];
        for (key, slot) in slots {
            let Some(node) = fields.take(key) else {
                continue;
            };
            let weight = yaml::count_of(node, &format!("`{key}`"), 0, problems);
            if weight.is_some_and(|weight| weight > 1000) {
                problems.push(YamlProblem::new(
                    node.place,
                    format!("`{key}` is more than 1000"),
                ));
            }
            *slot = weight.unwrap_or(*slot);
        }
        fields.finish(problems);
        Some(read)
    });
}

/// Reads the section `budgets`.
pub(super) fn budgets(section: &mut ConfigSection<'_, '_>, config: &mut Config) {
    let slots = &mut config.budgets;
    let all = [
        (BudgetScope::Run, &mut slots.run),
        (BudgetScope::Task, &mut slots.task),
        (BudgetScope::Agent, &mut slots.agent),
        (BudgetScope::Day, &mut slots.day),
        (BudgetScope::Repository, &mut slots.repository),
    ];
    for (scope, slot) in all {
        section.set(scope.name(), slot, |node, _, problems| {
            amounts(node, scope, problems)
        });
    }
}

fn amounts(
    node: &YamlNode,
    scope: BudgetScope,
    problems: &mut Vec<YamlProblem>,
) -> Option<Amounts> {
    let mut fields = MappingFields::of(node, scope.name(), problems)?;
    let tokens = fields
        .take("tokens")
        .and_then(|node| tokens_of(node, problems));
    let money = fields
        .take("money")
        .and_then(|node| money_of(node, problems));
    let minutes = fields
        .take("minutes")
        .and_then(|node| yaml::count_of(node, "`minutes`", 1, problems));
    let attempts = match scope {
        BudgetScope::Run => {
            fields.refuse(
                "attempts",
                "a run is one attempt; give `task` a budget of attempts",
                problems,
            );
            None
        }
        _ => fields
            .take("attempts")
            .and_then(|node| yaml::count_of(node, "`attempts`", 1, problems)),
    };
    fields.finish(problems);
    Some(Amounts {
        tokens,
        money,
        minutes,
        attempts,
    })
}

/// A whole number, which may be larger than other counts.
fn tokens_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<u64> {
    let number = match &node.value {
        YamlValue::Plain(text)
            if !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            text.parse().ok()
        }
        _ => None,
    };
    // What the store sums up must stay far below the largest number that it holds.
    let number = number.filter(|n: &u64| *n < 1 << 53);
    if number.is_none() {
        problems.push(YamlProblem::new(
            node.place,
            "`tokens` must be a whole number of at least 1",
        ));
    }
    number
}

fn money_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<Usd> {
    let number = match &node.value {
        YamlValue::Plain(text) if text.bytes().all(|b| b.is_ascii_digit() || b == b'.') => {
            text.parse().ok()
        }
        _ => None,
    };
    let usd = number.and_then(Usd::from_dollars).filter(|usd| usd.0 > 0);
    if usd.is_none() {
        problems.push(YamlProblem::new(
            node.place,
            "`money` must be a number of US dollars such as 2.50",
        ));
    }
    usd
}

fn words_by_name(
    node: &YamlNode,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Option<BTreeMap<String, Vec<String>>> {
    let YamlValue::Map(entries) = &node.value else {
        problems.push(YamlProblem::new(
            node.place,
            format!("{what} must be a mapping of names to lists of names"),
        ));
        return None;
    };
    let one = |(name, _, value): &(Cow<'_, str>, yaml::SourcePlace, YamlNode<'_>),
               problems: &mut Vec<YamlProblem>| {
        (
            name.clone().into_owned(),
            yaml::names_of(value, what, problems),
        )
    };
    Some(entries.iter().map(|entry| one(entry, problems)).collect())
}

fn agents_by_name(
    node: &YamlNode,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Option<BTreeMap<String, Vec<String>>> {
    let found = words_by_name(node, what, problems)?;
    for name in found
        .iter()
        .flat_map(|(name, others)| std::iter::once(name).chain(others))
    {
        if let Err(why) = check_agent(name) {
            problems.push(YamlProblem::new(node.place, why));
        }
    }
    Some(found)
}

fn check_agent(name: &str) -> Result<(), String> {
    Name::new(name).map(drop).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;
    use crate::domain::money::Usd;

    #[test]
    fn budgets_and_routing_are_read() {
        let text = "version: 1
router:
  prefer: [b, a]
  capabilities: {bug: [rust], ui: web}
  fallback: {a: [b]}
  weights: {cost: 0}
budgets:
  run: {tokens: 5000000000, money: 2.50, minutes: 30}
  day: {attempts: 9}
";
        let config = parse(text.as_bytes(), "f").unwrap();
        assert_eq!(config.router.prefer, ["b", "a"]);
        assert_eq!(config.router.capabilities["ui"], ["web"]);
        assert_eq!(
            (config.router.weights.cost, config.router.weights.success),
            (0, 4)
        );
        assert_eq!(config.budgets.run.tokens, Some(5_000_000_000));
        assert_eq!(config.budgets.run.money, Some(Usd(2_500_000)));
        assert_eq!(config.budgets.day.attempts, Some(9));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, why) in [
            ("budgets: {run: {attempts: 2}}", "a run is one attempt"),
            ("budgets: {day: {tokens: 0}}", "`tokens` must be"),
            ("budgets: {day: {money: -1}}", "`money` must be"),
            ("budgets: {week: {}}", "no field `week`"),
            ("router: {weights: {cost: 2000}}", "more than 1000"),
            ("router: {fallback: {a: [B]}}", "not a valid name"),
        ] {
            let problems = parse(format!("version: 1\n{text}\n").as_bytes(), "f")
                .unwrap_err()
                .to_string();
            assert!(problems.contains(why), "{text}: {problems}");
        }
    }
}
