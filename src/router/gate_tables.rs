use std::collections::BTreeSet;

use crate::base::rules::rules;
use crate::domain::eligibility::TaskDemands;
use crate::domain::routing::Weights;
use crate::router::*;

const NOW: i64 = 1_000_000;

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn demands(capabilities: BTreeSet<String>, labels: BTreeSet<String>) -> TaskDemands {
    TaskDemands {
        named: None,
        capabilities,
        labels,
    }
}

fn ask(pin: Pin) -> RouteRequest {
    RouteRequest {
        labels: set(&[]),
        demands: demands(set(&["rust"]), set(&["fast"])),
        pin,
        prefer: Vec::new(),
        weights: Weights::default(),
        now_ms: NOW,
    }
}

/// An agent that passes every gate.
fn able(name: &str) -> Candidate {
    Candidate {
        name: name.into(),
        capabilities: set(&["rust", "go"]),
        labels: set(&["fast"]),
        max_attempts: 3,
        parallel: 2,
        ..Candidate::default()
    }
}

/// The gate at which an agent is turned away after a change, with the reason.
fn lost(change: impl FnOnce(&mut Candidate)) -> Option<(&'static str, String)> {
    let mut one = able("a");
    change(&mut one);
    let trace = route(&ask(Pin::Nobody), &[one]);
    let lost = trace.considered[0].lost.as_ref()?;
    Some((lost.gate.as_str(), lost.why.clone()))
}

fn at(gate: &'static str, why: &str) -> Option<(&'static str, String)> {
    Some((gate, why.to_owned()))
}

rules! {
    who_passes_every_gate_is_not_turned_away: lost(|_| ()) => None;
    a_disabled_agent_is_not_usable:
        lost(|c| c.unusable = Some("it is disabled".into())) => at("usable", "it is disabled");
    one_that_is_not_able_is_told_what_it_lacks:
        lost(|c| c.capabilities = set(&["go"])) => at("capability", "lacks rust");
    one_without_the_label_is_told_which:
        lost(|c| c.labels.clear()) => at("label", "does not bear fast");
    one_that_policy_refuses_is_told_why:
        lost(|c| c.denied = Some("policy denies".into())) => at("policy", "policy denies");
    one_without_quota_is_told_for_how_long:
        lost(|c| c.quota_until_ms = Some(NOW + 90_000)) => at("quota", "out of quota, or its provider down, for another 90s");
    a_quota_that_opens_now_turns_nobody_away: lost(|c| c.quota_until_ms = Some(NOW)) => None;
    minutes_are_told_as_such:
        lost(|c| c.quota_until_ms = Some(NOW + 600_000))
        => at("quota", "out of quota, or its provider down, for another 10m");
    hours_are_told_as_such:
        lost(|c| c.quota_until_ms = Some(NOW + 7_320_000))
        => at("quota", "out of quota, or its provider down, for another 2h 2m");
    one_whose_login_was_refused_is_left_alone:
        lost(|c| c.login_until_ms = Some(NOW + 1))
        => at("login", "its login was refused; left alone for another 1s");
    a_login_pause_that_is_over_turns_nobody_away: lost(|c| c.login_until_ms = Some(NOW)) => None;
    one_without_a_budget_is_told_which:
        lost(|c| c.budget = Some(("used up".into(), NOW + 5))) => at("budget", "used up");
    one_that_has_made_its_attempts_is_told_so:
        lost(|c| c.attempts = 3) => at("attempts", "has made its 3 attempts at this task");
    one_attempt_left_is_enough: lost(|c| c.attempts = 2) => None;
    one_that_works_on_all_it_may_has_no_room:
        lost(|c| c.load = 2) => at("room", "at work on 2 of 2 runs");
    room_for_one_more_is_enough: lost(|c| c.load = 1) => None;
}

/// Who is chosen for a pin out of `a`, which is changed, and `b`, which stands in for it where told.
fn chosen(pin: Pin, fallback: &[&str], change: impl FnOnce(&mut Candidate)) -> Option<String> {
    let mut a = able("a");
    a.fallback = fallback.iter().map(|name| (*name).to_owned()).collect();
    change(&mut a);
    route(&ask(pin), &[a, able("b")]).chosen
}

fn task_pin() -> Pin {
    Pin::Task("a".into())
}

rules! {
    whom_the_task_asks_for_has_it: chosen(task_pin(), &[], |_| ()) => Some("a".to_owned());
    nobody_takes_over_unless_told: chosen(task_pin(), &[], |a| a.quota_until_ms = Some(NOW + 9))
        => None;
    a_fallback_takes_over_for_quota:
        chosen(task_pin(), &["b"], |a| a.quota_until_ms = Some(NOW + 9)) => Some("b".to_owned());
    a_fallback_takes_over_for_a_login:
        chosen(task_pin(), &["b"], |a| a.login_until_ms = Some(NOW + 9)) => Some("b".to_owned());
    a_fallback_does_not_take_over_for_policy:
        chosen(task_pin(), &["b"], |a| a.denied = Some("no".into())) => None;
    a_fallback_does_not_take_over_for_a_missing_capability:
        chosen(task_pin(), &["b"], |a| a.capabilities.clear()) => None;
    a_fallback_does_not_take_over_for_want_of_room:
        chosen(task_pin(), &["b"], |a| a.load = 2) => None;
    a_fallback_does_not_take_over_for_attempts:
        chosen(task_pin(), &["b"], |a| a.attempts = 3) => None;
    a_fallback_does_not_take_over_for_a_budget:
        chosen(task_pin(), &["b"], |a| a.budget = Some(("used up".into(), NOW))) => None;
    the_default_has_it: chosen(Pin::Default("a".into()), &[], |_| ()) => Some("a".to_owned());
    who_was_interrupted_goes_on: chosen(Pin::Interrupted("a".into()), &["b"], |_| ())
        => Some("a".to_owned());
    an_agent_that_nobody_knows_is_not_chosen: chosen(Pin::Task("z".into()), &[], |_| ()) => None;
    a_person_may_name_one_that_is_out_of_quota:
        chosen(Pin::Override("a".into()), &[], |a| a.quota_until_ms = Some(NOW + 9))
        => Some("a".to_owned());
    a_person_may_not_name_one_that_is_not_able:
        chosen(Pin::Override("a".into()), &[], |a| a.capabilities.clear()) => None;
    a_person_may_not_name_one_that_cannot_start:
        chosen(Pin::Override("a".into()), &["b"], |a| a.unusable = Some("off".into())) => None;
    where_nobody_is_named_anybody_able_has_it:
        chosen(Pin::Nobody, &[], |a| a.load = 2) => Some("b".to_owned());
}
