use crate::base::rules::rules;
use crate::domain::eligibility::StandIn::{Nobody, WhileRefused};
use crate::domain::eligibility::*;

fn set(words: &[&str]) -> std::collections::BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn task(kind: &str, labels: &[&str], agent: Option<&str>) -> Task {
    serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": kind, "priority": 2,
        "labels": labels, "agent": agent,
        "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
    }))
    .unwrap()
}

/// In this project a bug needs `rust`, and whatever bears `ui` needs `web`.
fn demands(kind: &str, labels: &[&str], agent: Option<&str>) -> TaskDemands {
    let by_word = [("bug", "rust"), ("ui", "web")];
    let by_word = by_word.map(|(word, needs)| (word.to_owned(), vec![needs.to_owned()]));
    TaskDemands::of(&task(kind, labels, agent), &by_word.into())
}

fn with(capabilities: &[&str], labels: &[&str]) -> AgentTraits {
    AgentTraits::Registered {
        capabilities: set(capabilities),
        labels: set(labels),
    }
}

/// Why `codex` cannot have it.
fn why(demands: TaskDemands, traits: AgentTraits, stand_in: StandIn) -> Option<String> {
    let unfit = demands.unmet_by("codex", &traits, stand_in);
    unfit.map(|unfit| unfit.to_string())
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

rules! {
    a_task_without_demands_is_for_everybody: why(demands("task", &["fast"], None), with(&[], &[]), Nobody) => None;
    also_for_an_agent_without_a_file:
        why(demands("task", &[], None), AgentTraits::Unregistered, Nobody) => None;
    a_disabled_agent_can_have_nothing:
        why(demands("task", &[], None), AgentTraits::Disabled, Nobody) => some("it is disabled in its file");
    nor_can_one_whose_file_cannot_be_read:
        why(demands("task", &[], None), AgentTraits::Unreadable("line 3".into()), Nobody)
        => some("its file cannot be used: line 3");
    the_named_agent_can_have_it: why(demands("task", &[], Some("codex")), with(&[], &[]), Nobody) => None;
    also_where_it_has_no_file:
        why(demands("task", &[], Some("codex")), AgentTraits::Unregistered, Nobody) => None;
    another_one_cannot:
        why(demands("task", &[], Some("claude")), with(&[], &[]), Nobody) => some("the task names claude");
    a_name_is_the_whole_name:
        why(demands("task", &[], Some("codex-2")), with(&[], &[]), Nobody) => some("the task names codex-2");
    a_fallback_can_while_the_named_one_is_refused:
        why(demands("task", &[], Some("claude")), with(&[], &[]), WhileRefused) => None;
    but_it_needs_what_the_task_asks_for:
        why(demands("bug", &[], Some("claude")), with(&[], &[]), WhileRefused) => some("lacks rust");
    being_named_is_no_capability:
        why(demands("bug", &[], Some("codex")), with(&[], &[]), Nobody) => some("lacks rust");
    a_type_asks_for_capabilities: why(demands("bug", &[], None), with(&["go"], &[]), Nobody) => some("lacks rust");
    who_has_them_may: why(demands("bug", &[], None), with(&["go", "rust"], &[]), Nobody) => None;
    a_label_asks_for_capabilities: why(demands("task", &["ui"], None), with(&[], &["ui"]), Nobody) => some("lacks web");
    a_mark_asks_for_one: why(demands("task", &["needs:go"], None), with(&[], &[]), Nobody) => some("lacks go");
    all_that_are_missing_are_named:
        why(demands("bug", &["ui", "needs:go"], None), with(&["go"], &[]), Nobody) => some("lacks rust, web");
    a_mark_asks_for_a_label: why(demands("task", &["on:fast"], None), with(&["fast"], &[]), Nobody) => some("does not bear fast");
    who_bears_it_may: why(demands("task", &["on:fast"], None), with(&[], &["fast"]), Nobody) => None;
    without_a_file_nothing_is_known:
        why(demands("task", &["needs:go", "on:fast"], None), AgentTraits::Unregistered, Nobody) => some("lacks go");
}

#[test]
fn who_stands_in_for_whom_is_followed_once() {
    let names = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let (of_a, of_b): (Vec<String>, Vec<String>) = (names(&["b", "c"]), names(&["a", "d", "c"]));
    let next = |name: &str| match name {
        "a" => of_a.as_slice(),
        "b" => of_b.as_slice(),
        _ => &[],
    };
    assert_eq!(stand_ins("a", next), ["a", "b", "c", "d"]);
    assert_eq!(stand_ins("c", next), ["c"]);
}
