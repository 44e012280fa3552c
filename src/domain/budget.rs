//! Budgets: ceilings on tokens, money, time and runs, and how far they are used up. Pure arithmetic
//! over what runs have reported.
//!
//! What counts is what ended runs used and what runs at work have told so far; a run is stopped
//! when all of them together, or it alone, reach what is allowed. Tokens read from a provider's
//! cache are not counted. Whatever a CLI does not report cannot be held against a budget: where it
//! tells only a lower bound, that much has been used for certain, and what it reaches is reached.

use crate::base::text::counted;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::agent_event::Usage;
use crate::domain::money::Usd;
use crate::domain::time::WallMs;

/// Milliseconds of a day; days are those of UTC.
pub const DAY_MS: i64 = 86_400_000;

/// The most tokens that are believed of one run. What a stream says is anybody's number: sums have
/// to stay numbers.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// The use of a run, as its CLI reported it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct RunUsage {
    /// Tokens sent, written to the cache, and produced; those read from the cache do not count.
    pub tokens: u64,
    /// Money, where the CLI knows its price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Usd>,
    /// True where its CLI left something out, so that both are a lower bound.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub at_least: bool,
}

impl RunUsage {
    /// Both together.
    pub fn plus(self, other: RunUsage) -> RunUsage {
        let cost = match (self.cost, other.cost) {
            (None, None) => None,
            (one, two) => Some(Usd(one
                .unwrap_or_default()
                .0
                .saturating_add(two.unwrap_or_default().0))),
        };
        RunUsage {
            tokens: self.tokens.saturating_add(other.tokens),
            cost,
            at_least: self.at_least || other.at_least,
        }
    }

    /// Computes the use of a run whose CLI counts its session on, where the session had used
    /// `before`. A number that is smaller than the one before was counted from zero, and stands.
    pub fn since(self, before: RunUsage) -> RunUsage {
        let of = |now: u64, before: u64| now.checked_sub(before).unwrap_or(now);
        let cost = self
            .cost
            .map(|cost| Usd(of(cost.0, before.cost.unwrap_or_default().0)));
        RunUsage {
            tokens: of(self.tokens, before.tokens),
            cost,
            at_least: self.at_least,
        }
    }
}

impl From<&Usage> for RunUsage {
    fn from(usage: &Usage) -> RunUsage {
        let tokens = usage
            .input_tokens
            .saturating_add(usage.output_tokens)
            .saturating_add(usage.cache_write);
        RunUsage {
            tokens: tokens.min(MOST_TOKENS),
            cost: usage.cost_usd.and_then(Usd::from_dollars),
            at_least: usage.at_least,
        }
    }
}

/// Ceilings; what is absent is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Amounts {
    /// Tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// Money.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<Usd>,
    /// Minutes of runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
}

/// A sum of use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Runs that have ended.
    pub runs: u64,
    /// The attempts that count: quota, login and machines that failed are not held
    /// against a budget.
    pub attempts: u64,
    /// Milliseconds that they took.
    pub ms: u64,
    /// Tokens.
    pub tokens: u64,
    /// Money.
    pub cost: Usd,
    /// Runs whose price is not known.
    pub unpriced: u64,
    /// Runs whose CLI left something out, so that `tokens` and `cost` are a lower bound.
    pub bounded: u64,
}

impl Spent {
    /// Both together.
    pub fn plus(self, other: Spent) -> Spent {
        Spent {
            runs: self.runs.saturating_add(other.runs),
            attempts: self.attempts.saturating_add(other.attempts),
            ms: self.ms.saturating_add(other.ms),
            tokens: self.tokens.saturating_add(other.tokens),
            cost: Usd(self.cost.0.saturating_add(other.cost.0)),
            unpriced: self.unpriced.saturating_add(other.unpriced),
            bounded: self.bounded.saturating_add(other.bounded),
        }
    }
}

/// The spender that a budget limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Scope")]
pub enum BudgetScope {
    /// One run.
    Run,
    /// All runs of a task.
    Task,
    /// All runs of an agent on one day.
    Agent,
    /// All runs of one day.
    Day,
    /// All runs of the repository.
    Repository,
}

impl BudgetScope {
    /// The key in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            BudgetScope::Run => "run",
            BudgetScope::Task => "task",
            BudgetScope::Agent => "agent",
            BudgetScope::Day => "day",
            BudgetScope::Repository => "repository",
        }
    }

    /// True where midnight fills the budget again.
    pub fn is_daily(self) -> bool {
        matches!(self, BudgetScope::Agent | BudgetScope::Day)
    }
}

/// The counted unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Tokens.
    Tokens,
    /// Millionths of a US dollar.
    Money,
    /// Milliseconds.
    Minutes,
    /// Runs.
    Attempts,
}

/// The level up to which one ceiling is used, in the smallest unit of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetLevel {
    /// The spender.
    pub scope: BudgetScope,
    /// The counted unit.
    pub unit: Unit,
    /// Used.
    pub spent: u64,
    /// Allowed.
    pub limit: u64,
}

impl BudgetLevel {
    /// Returns the rest below the ceiling.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.spent)
    }

    /// True where nothing is left.
    pub fn is_used_up(&self) -> bool {
        self.spent >= self.limit
    }

    /// The name by which messages call it, such as `day.tokens`.
    pub fn name(&self) -> String {
        let unit = match self.unit {
            Unit::Tokens => "tokens",
            Unit::Money => "money",
            Unit::Minutes => "minutes",
            Unit::Attempts => "attempts",
        };
        format!("{}.{unit}", self.scope.name())
    }
}

impl fmt::Display for BudgetLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit {
            Unit::Tokens => write!(f, "{} of {}", self.spent, counted(self.limit, "token")),
            Unit::Money => write!(f, "{} of {}", Usd(self.spent), Usd(self.limit)),
            Unit::Minutes => write!(
                f,
                "{} of {}",
                self.spent / 60_000,
                counted(self.limit / 60_000, "minute")
            ),
            Unit::Attempts => write!(f, "{} of {}", self.spent, counted(self.limit, "run")),
        }
    }
}

/// Every ceiling of a scope with what was used of it.
pub fn levels(scope: BudgetScope, amounts: &Amounts, spent: &Spent) -> Vec<BudgetLevel> {
    let level = |unit, spent, limit: Option<u64>| {
        limit.map(|limit| BudgetLevel {
            scope,
            unit,
            spent,
            limit,
        })
    };
    let all = [
        level(Unit::Tokens, spent.tokens, amounts.tokens),
        level(Unit::Money, spent.cost.0, amounts.money.map(|usd| usd.0)),
        level(
            Unit::Minutes,
            spent.ms,
            amounts.minutes.map(|minutes| u64::from(minutes) * 60_000),
        ),
        level(
            Unit::Attempts,
            spent.attempts,
            amounts.attempts.map(u64::from),
        ),
    ];
    all.into_iter().flatten().collect()
}

/// The first ceiling that a run which has used this much has reached, counted from what stood when
/// it started.
pub fn reached(levels: &[BudgetLevel], used: &RunUsage) -> Option<BudgetLevel> {
    levels.iter().find_map(|level| {
        let more = match level.unit {
            Unit::Tokens => used.tokens,
            Unit::Money => used.cost.unwrap_or_default().0,
            Unit::Minutes | Unit::Attempts => return None,
        };
        let now = BudgetLevel {
            spent: level.spent.saturating_add(more),
            ..*level
        };
        (more > 0 && now.is_used_up()).then_some(now)
    })
}

/// The day of a wall time, counted from the epoch.
pub fn day_of(at_ms: WallMs) -> i64 {
    at_ms.div_euclid(DAY_MS)
}

/// Returns the end of the day of a wall time.
pub fn day_ends_ms(at_ms: WallMs) -> WallMs {
    (day_of(at_ms) + 1) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Amounts = Amounts {
        tokens: Some(100),
        money: Some(Usd(2_000_000)),
        minutes: Some(1),
        attempts: Some(2),
    };

    #[test]
    fn a_level_says_its_name_and_how_far_it_is() {
        let spent = Spent {
            runs: 1,
            attempts: 1,
            ms: 60_000,
            tokens: 40,
            cost: Usd(1_500_000),
            unpriced: 0,
            bounded: 0,
        };
        let all = levels(BudgetScope::Day, &LIMITS, &spent);
        let text: Vec<String> = all
            .iter()
            .map(|level| format!("{}: {level}", level.name()))
            .collect();
        assert_eq!(
            text,
            [
                "day.tokens: 40 of 100 tokens",
                "day.money: $1.50 of $2.00",
                "day.minutes: 1 of 1 minute",
                "day.attempts: 1 of 2 runs"
            ]
        );
        assert_eq!(all.iter().filter(|level| level.is_used_up()).count(), 1);
        assert_eq!(levels(BudgetScope::Day, &Amounts::default(), &spent), []);
    }

    #[test]
    fn a_run_is_stopped_by_what_was_left_for_it() {
        let spent = Spent {
            tokens: 90,
            ..Spent::default()
        };
        let all = levels(BudgetScope::Task, &LIMITS, &spent);
        let used = |tokens, cost| RunUsage {
            tokens,
            cost,
            at_least: false,
        };
        assert_eq!(reached(&all, &used(9, None)), None);
        assert_eq!(
            reached(&all, &used(10, None))
                .map(|level| level.name())
                .as_deref(),
            Some("task.tokens")
        );
        assert_eq!(
            reached(&all, &used(0, Some(Usd(2_000_000)))).map(|l| l.spent),
            Some(2_000_000)
        );
    }

    #[test]
    fn a_session_that_counts_on_is_counted_once() {
        let usage = |tokens, cost: Option<u64>| RunUsage {
            tokens,
            cost: cost.map(Usd),
            at_least: false,
        };
        let before = usage(100, Some(5));
        assert_eq!(usage(130, Some(9)).since(before), usage(30, Some(4)));
        assert_eq!(usage(130, None).since(before), usage(30, None));
        assert_eq!(
            usage(40, Some(9)).since(before),
            usage(40, Some(4)),
            "counted from zero"
        );
        assert_eq!(
            usage(7, Some(1)).since(RunUsage::default()),
            usage(7, Some(1))
        );
        assert_eq!(before.plus(usage(30, None)), usage(130, Some(5)));
        assert_eq!(usage(1, None).plus(usage(2, None)), usage(3, None));
        let floor = RunUsage {
            at_least: true,
            ..usage(130, None)
        };
        assert!(floor.since(before).at_least && !usage(130, None).since(floor).at_least);
        assert!(floor.plus(before).at_least && before.plus(floor).at_least);
    }

    #[test]
    fn days_end_at_midnight() {
        assert_eq!(
            (day_of(0), day_of(DAY_MS - 1), day_of(DAY_MS), day_of(-1)),
            (0, 0, 1, -1)
        );
        assert_eq!(day_ends_ms(5), DAY_MS);
    }

    proptest! {
        #[test]
        fn using_more_never_gives_a_budget_back(spent in 0_u64..200, more in 0_u64..200, limit in 0_u64..200) {
            let at = |tokens| levels(BudgetScope::Day, &Amounts { tokens: Some(limit), ..Amounts::default() },
                &Spent { tokens, ..Spent::default() })[0];
            prop_assert!(at(spent + more).is_used_up() || !at(spent).is_used_up());
            prop_assert!(at(spent + more).left() <= at(spent).left());
            prop_assert_eq!(at(spent).left() == 0, at(spent).is_used_up());
        }
    }
}

#[cfg(test)]
#[path = "budget_tables.rs"]
mod tables;
