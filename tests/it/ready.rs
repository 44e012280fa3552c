//! What `ai task ready` shows of a long queue, and that it never hides the rest silently, nor needs room
//! on a disk for it.

use crate::snapshot;
use crate::support::{Sandbox, run};

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

#[test]
fn all_that_is_ready_comes_by_urgency_even_where_nothing_can_be_put_aside() {
    let sandbox = Sandbox::project();
    // More than stays in memory.
    let body = "long ".repeat(5_000);
    let lines: Vec<String> = (0..250)
        .map(|n| format!(r#"{{"title":"{n}","body":"{body}","priority":{}}}"#, n % 5))
        .collect();
    sandbox.write("tasks.jsonl", lines.join("\n").as_bytes());
    sandbox.ai_ok(&["task", "create", "--from", "tasks.jsonl"]);
    let mut expected: Vec<usize> = (0..250).collect();
    expected.sort_by_key(|n| n % 5);

    let nowhere = sandbox.root().join("nowhere");
    for place in [sandbox.base().join("tmp"), nowhere] {
        let mut command = sandbox.ai_command(&["task", "ready", "--all", "--json"]);
        let all = run(command.env("TMPDIR", &place));
        let titles: Vec<usize> = all
            .json_lines()
            .iter()
            .map(|task| task["title"].as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(titles, expected, "{}", place.display());
        assert_eq!((all.code, all.stderr.as_str()), (Some(0), ""));
    }
}
