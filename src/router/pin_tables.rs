use std::collections::BTreeMap;

use crate::base::rules::rules;
use crate::domain::run::RoutedBy;
use crate::router::*;

fn pin(wish: Wish<'_>, task: Option<&str>, refused: Option<&str>, default: Option<&str>) -> Pin {
    Pin::of(wish, task, refused, default)
}

const A: Option<&str> = Some("a");
const B: Option<&str> = Some("b");
const C: Option<&str> = Some("c");

rules! {
    without_a_word_nobody_is_named: pin(Wish::Open, None, None, None) => Pin::Nobody;
    a_person_stands_above_everything:
        pin(Wish::Named("p"), A, B, C) => Pin::Override("p".into());
    who_was_just_refused_stands_above_the_task:
        pin(Wish::After("r"), A, B, C) => Pin::Interrupted("r".into());
    the_task_stands_above_an_earlier_refusal: pin(Wish::Open, A, B, C) => Pin::Task("a".into());
    an_earlier_refusal_stands_above_the_default:
        pin(Wish::Open, None, B, C) => Pin::Interrupted("b".into());
    the_default_stands_where_nothing_else_does:
        pin(Wish::Open, None, None, C) => Pin::Default("c".into());
}

fn candidate(name: &str, unusable: Option<&str>) -> Candidate {
    Candidate {
        name: name.into(),
        unusable: unusable.map(str::to_owned),
        ..Candidate::default()
    }
}

/// Why `a` and `b` cannot be used, where these are not ready on this machine.
fn passed_over(unready: &[&str], pin: &Pin, disabled: Option<&str>) -> [Option<String>; 2] {
    let unready: BTreeMap<String, String> = unready
        .iter()
        .map(|name| ((*name).to_owned(), "no program".to_owned()))
        .collect();
    let mut all = [candidate("a", None), candidate("b", disabled)];
    pass_over_unready(&unready, pin, &mut all);
    all.map(|one| one.unusable)
}

fn no_program() -> Option<String> {
    Some("no program".to_owned())
}

rules! {
    where_all_are_ready_nobody_is_passed_over:
        passed_over(&[], &Pin::Nobody, None) => [None, None];
    one_that_is_not_ready_is_passed_over_for_another:
        passed_over(&["a"], &Pin::Nobody, None) => [no_program(), None];
    where_nobody_is_ready_the_start_says_what_is_missing:
        passed_over(&["a", "b"], &Pin::Nobody, None) => [None, None];
    where_the_other_is_disabled_the_start_says_what_is_missing:
        passed_over(&["a"], &Pin::Nobody, Some("disabled")) => [None, Some("disabled".to_owned())];
    one_that_was_named_is_told_by_the_start:
        passed_over(&["a"], &Pin::Task("a".into()), None) => [None, None];
    one_that_is_disabled_keeps_its_reason:
        passed_over(&["b"], &Pin::Nobody, Some("disabled")) => [None, Some("disabled".to_owned())];
}

/// The one to start with, where these were turned away at these gates.
fn last_resort(lost: &[(&str, RouteGate)]) -> Option<String> {
    let considered = lost
        .iter()
        .map(|(agent, gate)| model::Considered {
            agent: (*agent).to_owned(),
            model: None,
            standing: model::RouteStanding::Out,
            why: String::new(),
            lost: Some(model::Lost {
                gate: *gate,
                why: String::new(),
                until_ms: None,
            }),
            score: None,
        })
        .collect();
    let trace = Trace {
        chosen: None,
        by: RoutedBy::Score,
        why: String::new(),
        fallback_of: None,
        fallbacks: Vec::new(),
        warnings: Vec::new(),
        considered,
    };
    trace.last_resort().map(str::to_owned)
}

rules! {
    one_without_room_says_best_what_is_missing:
        last_resort(&[("a", RouteGate::Login), ("b", RouteGate::Policy), ("c", RouteGate::Room)])
        => Some("c".to_owned());
    one_that_policy_refuses_says_it_before_a_login:
        last_resort(&[("a", RouteGate::Login), ("b", RouteGate::Policy)]) => Some("b".to_owned());
    a_login_may_have_been_renewed:
        last_resort(&[("a", RouteGate::Quota), ("b", RouteGate::Login)]) => Some("b".to_owned());
    of_two_at_one_gate_the_better_is_tried:
        last_resort(&[("a", RouteGate::Room), ("b", RouteGate::Room)]) => Some("a".to_owned());
    a_quota_is_not_tried: last_resort(&[("a", RouteGate::Quota)]) => None;
    one_that_is_not_able_is_not_tried: last_resort(&[("a", RouteGate::Capability)]) => None;
    used_up_attempts_are_not_tried: last_resort(&[("a", RouteGate::Attempts)]) => None;
    nobody_is_nobody: last_resort(&[]) => None;
}
