//! The list that every client sends to its model, and the refusals of calls that make no sense.

use serde_json::{Value, json};

use super::tools::{Surroundings, ToolCall, offered};

/// A model's tokens are hardly ever shorter than this many bytes of JSON.
const BYTES_A_TOKEN: usize = 3;

fn list(surroundings: Surroundings) -> Value {
    serde_json::to_value(offered(surroundings)).unwrap()
}

#[test]
fn the_list_is_as_documented_and_costs_few_tokens() {
    let all = list(Surroundings::Outside);
    assert!(all.to_string().len() / BYTES_A_TOKEN < 2_000);
    insta::assert_snapshot!(serde_json::to_string_pretty(&all).unwrap());
}

#[test]
fn the_page_lists_every_tool_in_its_own_words() {
    let page = include_str!("../../docs/mcp.md");
    let rows: Vec<&str> = page.lines().filter(|l| l.starts_with("| `")).collect();
    let listed: Vec<String> = offered(Surroundings::Outside)
        .iter()
        .map(|tool| {
            let about = tool.description.as_deref().unwrap_or_default();
            format!("| `{}` | {about} |", tool.name)
        })
        .collect();
    assert_eq!(rows, listed);
}

#[test]
fn within_a_run_only_what_is_about_its_own_task_is_offered() {
    let names: Vec<String> = offered(Surroundings::WithinRun)
        .into_iter()
        .map(|tool| tool.name.into_owned())
        .collect();
    assert_eq!(
        names,
        [
            "show",
            "why",
            "heartbeat",
            "checkpoint",
            "submit",
            "note",
            "send",
            "inbox",
            "check_path"
        ]
    );
}

#[test]
fn a_call_that_makes_no_sense_is_refused_with_the_next_step() {
    let refused = |name: &str, given: Value| {
        let given = given.as_object().unwrap().clone();
        let error = ToolCall::read(name, given).unwrap_err();
        format!("{} | {}", error.message, error.hint.unwrap_or_default())
    };
    let cases = [
        ("clam", json!({})),
        ("dance", json!({})),
        ("show", json!({"tasks": "t-a"})),
        ("show", json!({"task": 7})),
        ("release", json!({})),
        ("lock", json!({"globs": "src/"})),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(name, given)| refused(name, given))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_call_that_asks_for_too_much_or_for_nothing_is_refused_with_the_next_step() {
    let many = |count: usize| vec!["a"; count];
    let cases = [
        ("lock", json!({"globs": many(0)})),
        ("lock", json!({"globs": many(256)})),
        ("lock", json!({"globs": many(257)})),
        ("check_path", json!({"paths": many(0)})),
        ("check_path", json!({"paths": many(256)})),
        ("check_path", json!({"paths": many(257)})),
        ("ready", json!({"limit": 1_000})),
        ("ready", json!({"limit": 1_001})),
    ];
    let told: Vec<String> = cases
        .into_iter()
        .map(|(name, given)| {
            let read = ToolCall::read(name, given.as_object().unwrap().clone());
            let said = read.map_or_else(
                |error| format!("{} | {}", error.message, error.hint.unwrap_or_default()),
                |_| "taken".to_owned(),
            );
            format!("{name}: {said}")
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    lock: `globs` is empty | name at least one, from the root of the repository
    lock: taken
    lock: `globs` has 257 entries, and a call takes at most 256 | ask in several calls, or name a directory as `src/`
    check_path: `paths` is empty | name at least one, from the root of the repository
    check_path: taken
    check_path: `paths` has 257 entries, and a call takes at most 256 | ask in several calls, or name a directory as `src/`
    ready: taken
    ready: `limit` is 1001, and `ready` lists at most 1000 tasks | call it with a `limit` of 1 to 1000
    ");
}
