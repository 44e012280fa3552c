//! Secrets that somebody types: none of them comes into the store, and the one who typed it is
//! told.

use crate::snapshot;
use crate::support::{Outcome, Sandbox, run};

/// A token by its shape, cut so that this file holds none.
fn token() -> String {
    ["ghp", "_", &"a1".repeat(18)].concat()
}

/// A value that is known only by its variable.
const KNOWN: &str = "correct-horse-battery";

fn stored(sandbox: &Sandbox) -> Vec<u8> {
    let log = std::fs::read(sandbox.store().with_extension("db-wal")).unwrap_or_default();
    [std::fs::read(sandbox.store()).unwrap(), log].concat()
}

/// Every sentence that a command takes, with a secret in it.
#[test]
fn no_secret_that_is_typed_comes_into_the_store() {
    let sandbox = Sandbox::with_agent("version: 1\n", "echo x >>work.txt");
    let token = token();
    let words = |n: u32| format!("word{n} {token} and {KNOWN} end{n}");
    let say = |args: &[&str]| -> Outcome {
        let outcome = run(sandbox.ai_command(args).env("MY_API_TOKEN", KNOWN));
        assert_eq!(outcome.code, Some(0), "{outcome}");
        let told = "warning: a secret was typed (MY_API_TOKEN, github-token) and was not stored";
        assert!(
            outcome.stderr.lines().any(|line| line.starts_with(told)),
            "{outcome}"
        );
        for secret in [token.as_str(), KNOWN] {
            assert_eq!(outcome.to_string().matches(secret).count(), 0, "{outcome}");
        }
        outcome
    };
    let created = say(&[
        "task",
        "create",
        &words(1),
        "--body",
        &words(2),
        "--hold",
        &words(3),
        "--json",
    ]);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        created.json()["title"],
        "word1 [REDACTED:github-token] and [REDACTED:MY_API_TOKEN] end1"
    );
    sandbox.ai_ok(&["task", "unhold", &id]);
    say(&[
        "task",
        "edit",
        &id,
        "--title",
        &words(4),
        "--body",
        &words(5),
    ]);
    say(&["task", "hold", &id, "--reason", &words(6)]);
    sandbox.ai_ok(&["task", "unhold", &id]);
    sandbox.ai_ok(&["task", "claim", &id]);
    say(&["task", "checkpoint", &id, "--next-step", &words(7)]);
    say(&["task", "release", &id, "--next-step", &words(8)]);
    sandbox.ai_ok(&["run", &id]);
    say(&["reject", &id, "--note", &words(9)]);
    sandbox.ai_ok(&["run", &id]);
    say(&["accept", &id, "--override", &words(10)]);
    say(&["task", "reopen", &id, "--reason", &words(11)]);
    say(&["task", "cancel", &id, "--reason", &words(12)]);
    let stored = stored(&sandbox);
    for n in 1..=12 {
        let kept = format!("end{n}");
        assert!(
            stored.windows(kept.len()).any(|w| w == kept.as_bytes()),
            "the words around secret {n} are gone"
        );
    }
    for secret in [token.as_str(), KNOWN] {
        let at = stored
            .windows(secret.len())
            .position(|w| w == secret.as_bytes());
        let around = at
            .map(|at| String::from_utf8_lossy(&stored[at.saturating_sub(300)..at + secret.len()]));
        assert_eq!(around, None, "a secret is in the store");
    }
    sandbox.ai_ok(&["log", "verify"]);
}

/// A whole file of tasks, as other programs write it.
#[test]
fn a_file_of_tasks_is_cleaned_too() {
    let sandbox = Sandbox::project();
    let token = token();
    sandbox.write(
        "tasks.jsonl",
        format!("{{\"title\":\"One {token}\"}}\n{{\"title\":\"Two\",\"labels\":[\"{token}\"]}}\n"),
    );
    snapshot!(sandbox.ai(&["task", "create", "--from", "tasks.jsonl"]), @"
    exit: 0
    ----- stdout -----
    [TASK]
    [TASK]
    ----- stderr -----
    created 2 tasks
    warning: a secret was typed (github-token) and was not stored; its place says [REDACTED:…]
    hint: give it to the agents that need it by `.ai/credentials.yaml`, and change it if others may have seen it
    ");
    assert!(
        !stored(&sandbox)
            .windows(token.len())
            .any(|w| w == token.as_bytes())
    );
}
