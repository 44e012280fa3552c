use crate::base::rules::rules;
use crate::domain::budget::*;

fn level(unit: Unit, spent: u64, limit: u64) -> BudgetLevel {
    BudgetLevel {
        scope: BudgetScope::Day,
        unit,
        spent,
        limit,
    }
}

fn used(tokens: u64, cost: Option<u64>) -> RunUsage {
    RunUsage {
        tokens,
        cost: cost.map(Usd),
        at_least: false,
    }
}

fn reached_at(levels: &[BudgetLevel], usage: RunUsage) -> Option<(String, u64)> {
    reached(levels, &usage).map(|level| (level.name(), level.spent))
}

rules! {
    a_budget_below_its_limit_is_not_used_up: level(Unit::Tokens, 9, 10).is_used_up() => false;
    a_budget_at_its_limit_is_used_up: level(Unit::Tokens, 10, 10).is_used_up() => true;
    a_budget_beyond_its_limit_is_used_up: level(Unit::Tokens, 11, 10).is_used_up() => true;
    a_budget_of_nothing_is_used_up_at_once: level(Unit::Money, 0, 0).is_used_up() => true;
    nothing_is_left_beyond_the_limit: level(Unit::Tokens, 11, 10).left() => 0;
    what_is_left_is_the_rest: level(Unit::Tokens, 4, 10).left() => 6;
    one_token_is_told_as_one: level(Unit::Tokens, 0, 1).to_string() => "0 of 1 token";
    minutes_are_told_whole: level(Unit::Minutes, 119_999, 180_000).to_string() => "1 of 3 minutes";
    money_is_told_in_dollars: level(Unit::Money, 1, 1_500_000).to_string() => "$0.00 of $1.50";
    attempts_are_told_as_runs: level(Unit::Attempts, 3, 3).to_string() => "3 of 3 runs";
    a_level_is_named_by_scope_and_unit: level(Unit::Minutes, 0, 1).name() => "day.minutes";
    midnight_fills_the_budget_of_a_day: BudgetScope::Day.is_daily() => true;
    midnight_fills_the_budget_of_an_agent: BudgetScope::Agent.is_daily() => true;
    midnight_fills_no_budget_of_a_task: BudgetScope::Task.is_daily() => false;
    midnight_fills_no_budget_of_a_run: BudgetScope::Run.is_daily() => false;
    midnight_fills_no_budget_of_the_repository: BudgetScope::Repository.is_daily() => false;
}

rules! {
    a_run_below_every_ceiling_goes_on:
        reached_at(&[level(Unit::Tokens, 90, 100)], used(9, None)) => None;
    a_run_that_fills_a_ceiling_is_stopped:
        reached_at(&[level(Unit::Tokens, 90, 100)], used(10, None))
        => Some(("day.tokens".to_owned(), 100));
    a_run_that_used_nothing_is_not_stopped_by_what_others_used:
        reached_at(&[level(Unit::Tokens, 100, 100)], used(0, None)) => None;
    money_alone_stops_a_run:
        reached_at(&[level(Unit::Money, 5, 10)], used(0, Some(5)))
        => Some(("day.money".to_owned(), 10));
    a_run_of_unknown_price_is_not_stopped_by_money:
        reached_at(&[level(Unit::Money, 9, 10)], used(1_000, None)) => None;
    time_stops_no_run_here: reached_at(&[level(Unit::Minutes, 9, 10)], used(9, Some(9))) => None;
    attempts_stop_no_run_that_has_started:
        reached_at(&[level(Unit::Attempts, 9, 10)], used(9, Some(9))) => None;
    of_many_ceilings_the_first_that_is_met_is_told:
        reached_at(
            &[
                level(Unit::Tokens, 0, 100),
                level(Unit::Money, 0, 5),
                level(Unit::Tokens, 0, 1),
            ],
            used(50, Some(5)),
        ) => Some(("day.money".to_owned(), 5));
    sums_beyond_all_numbers_stay_numbers:
        reached_at(&[level(Unit::Tokens, u64::MAX, u64::MAX)], used(1, None))
        => Some(("day.tokens".to_owned(), u64::MAX));
    without_ceilings_nobody_is_stopped: reached_at(&[], used(u64::MAX, Some(u64::MAX))) => None;
}

fn usage(input: u64, output: u64, cache_read: u64, cache_write: u64) -> u64 {
    let reported = Usage {
        input_tokens: input,
        output_tokens: output,
        cache_read,
        cache_write,
        cost_usd: None,
        at_least: false,
    };
    RunUsage::from(&reported).tokens
}

fn cost(dollars: f64) -> Option<Usd> {
    let reported = Usage {
        cost_usd: Some(dollars),
        ..Usage::default()
    };
    RunUsage::from(&reported).cost
}

rules! {
    sent_produced_and_cached_tokens_count: usage(1, 2, 0, 4) => 7;
    tokens_read_from_the_cache_do_not_count: usage(0, 0, 1_000, 0) => 0;
    a_number_beyond_belief_is_cut: usage(u64::MAX, u64::MAX, 0, 1) => MOST_TOKENS;
    a_price_is_kept: cost(1.5) => Some(Usd(1_500_000));
    a_negative_price_is_none: cost(-1.0) => None;
    a_price_that_is_no_number_is_none: cost(f64::NAN) => None;
    two_unknown_prices_stay_unknown: used(1, None).plus(used(2, None)) => used(3, None);
    a_known_price_stands_beside_an_unknown: used(1, Some(5)).plus(used(2, None)) => used(3, Some(5));
    prices_are_summed: used(0, Some(5)).plus(used(0, Some(6))) => used(0, Some(11));
    a_session_counts_from_what_it_had_used:
        used(130, Some(9)).since(used(100, Some(5))) => used(30, Some(4));
    a_session_that_begins_anew_counts_from_zero:
        used(40, Some(1)).since(used(100, Some(5))) => used(40, Some(1));
    the_day_of_the_epoch_is_the_first: day_of(0) => 0;
    the_last_moment_of_a_day_is_in_it: day_of(DAY_MS - 1) => 0;
    midnight_is_in_the_next_day: day_of(DAY_MS) => 1;
    days_before_the_epoch_count_backwards: day_of(-1) => -1;
    a_day_ends_at_the_next_midnight: day_ends_ms(DAY_MS) => 2 * DAY_MS;
}
