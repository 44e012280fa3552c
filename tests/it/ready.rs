//! What `ai task ready` shows of a long queue, and that it never hides the rest silently.

use crate::snapshot;
use crate::support::Sandbox;

#[test]
fn ready_shows_the_most_urgent_and_says_that_there_are_more() {
    let sandbox = Sandbox::project();
    let lines: Vec<String> = (0..25)
        .map(|n| format!(r#"{{"title":"task {n}","priority":{}}}"#, n % 5))
        .collect();
    sandbox.write("tasks.jsonl", lines.join("\n").as_bytes());
    sandbox.ai_ok(&["task", "create", "--from", "tasks.jsonl"]);

    let first = sandbox.ai_ok(&["task", "ready", "--json"]);
    let priorities: Vec<u64> = first
        .json_lines()
        .iter()
        .map(|task| task["priority"].as_u64().unwrap())
        .collect();
    assert_eq!(priorities.len(), 20);
    assert!(priorities.is_sorted(), "{priorities:?}");
    assert_eq!(
        first.stderr,
        "more are ready; `ai task ready --all` shows all of them\n"
    );

    for all in [
        &["task", "ready", "--all"][..],
        &["task", "ready", "-n", "25"],
    ] {
        let all = sandbox.ai_ok(all);
        assert_eq!((all.stdout.lines().count(), all.stderr.as_str()), (25, ""));
    }
    snapshot!(sandbox.ai(&["task", "ready", "--all", "--limit", "3"]), @"
    exit: 2
    ----- stdout -----
    ----- stderr -----
    error: the argument '--all' cannot be used with '--limit <N>'

    Usage: ai task ready --all

    For more information, try '--help'.
    ");
}
