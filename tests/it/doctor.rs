//! `ai doctor`: one line a thing, the command that helps, the exit code, and not a byte written.

use std::path::Path;

use rusqlite::Connection;

use crate::snapshot;
use crate::support::{Outcome, Sandbox, tree};

/// What does not depend on the machine: without the user's line, with its numbers masked.
fn examined(scene: &Sandbox, args: &[&str]) -> Outcome {
    let mut outcome = scene.ai(&[&["doctor"], args].concat());
    outcome.stdout = without_user(&outcome.stdout);
    for (pattern, word) in [
        (r"version \d+\.\d+, \S+", "version [VERSION]"),
        (r"\d+ MiB free(: a worktree may not fit)?", "[FREE]"),
        (r"time:\[\d+\]", "time:[N]"),
        (r"id [a-z0-9]{26}", "id [ID]"),
        (r"head [0-9a-f]{12,64}", "head [HASH]"),
        (r"newest \S+ old", "newest [AGE] old"),
    ] {
        outcome.stdout = regex::Regex::new(pattern).unwrap().replace_all(&outcome.stdout, word).into_owned();
    }
    outcome
}

fn without_user(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    if let Some(at) = lines.iter().position(|line| line.starts_with("warn  user")) {
        lines.drain(at..at + 2);
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The findings that are not as they should be.
fn troubles(scene: &Sandbox) -> String {
    let findings = scene.ai(&["doctor", "--json"]).json_lines();
    let odd = findings.iter().filter(|f| f["level"] != "ok" && f["check"] != "user");
    odd.map(|f| format!("{} {}: {} -> {}\n", f["level"], f["check"], f["text"], f["next"]).replace('"', "")).collect()
}

#[test]
fn a_healthy_project_is_found_healthy() {
    let scene = Sandbox::project();
    snapshot!(examined(&scene, &[]), @"");
    scene.task("one", &[]);
    snapshot!(examined(&scene, &["--deep"]), @"");
}

#[test]
fn nothing_is_written() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    // The shared-memory file is SQLite's own scratch, which every reader of a WAL database touches.
    let look = || tree(&scene.base(), |path| !path.to_string_lossy().ends_with("ai.db-shm"));
    let before = look();
    scene.ai_ok(&["doctor", "--deep"]);
    assert_eq!(look(), before);
}

#[test]
fn broken_files_of_the_project_are_named_with_what_helps() {
    let scene = Sandbox::project();
    scene.write(".ai/config.yaml", "version: 1\nnonsense: 1\n");
    scene.write(".ai/policy.yaml", "rules: [");
    scene.write(".ai/agents/x.yaml", "name: [");
    std::fs::remove_file(scene.root().join(".ai/state")).unwrap();
    assert_eq!(scene.ai(&["doctor"]).code, Some(1));
    snapshot!(troubles(&scene), @"");
}

#[test]
fn a_store_that_cannot_be_used_is_exit_9() {
    let scene = Sandbox::repository();
    let code = |what: &str| assert_eq!(scene.ai(&["doctor"]).code, Some(9), "{what}");
    code("never made");
    snapshot!(troubles(&scene), @"");
    scene.ai_ok(&["init"]);
    scene.task("one", &[]);
    let (store, aside) = (scene.store(), scene.base().join("aside.db"));
    std::fs::rename(&store, &aside).unwrap();
    code("gone");
    snapshot!(troubles(&scene), @"");
    std::fs::write(&store, "").unwrap();
    code("empty");
    std::fs::write(&store, "not a database, but long enough to be looked at as one").unwrap();
    code("foreign");
    snapshot!(troubles(&scene), @"");
}

#[test]
fn a_record_that_was_changed_is_found_by_a_deep_look() {
    let scene = Sandbox::project();
    scene.task("one", &[]);
    scene.task("two", &[]);
    let db = Connection::open(scene.store()).unwrap();
    db.execute("UPDATE event SET body = replace(body, 'one', 'uno') WHERE seq = 2", []).unwrap();
    drop(db);
    let deep = scene.ai(&["doctor", "--deep"]);
    assert_eq!(deep.code, Some(1));
    assert!(deep.stdout.contains("record 2 was changed after it was written"), "{deep}");
}

#[test]
fn what_the_repository_brings_and_what_lapsed_is_said() {
    let scene = Sandbox::project();
    let task = scene.task("one", &[]);
    scene.ai_ok(&["task", "claim", &task, "--ttl", "1ms"]);
    scene.write(".ai/agents/new.yaml", "version: 1\nname: new\nconnector: command\nargv: [true]\n");
    crate::support::poll::until("the lease lapses", std::time::Duration::from_secs(5), || {
        troubles(&scene).contains("lapsed without a word")
    });
    snapshot!(troubles(&scene), @"");
    assert_eq!(scene.ai(&["doctor"]).code, Some(0), "a warning is no failure");
}

#[test]
fn hooks_that_vanish_in_worktrees_are_named() {
    let scene = Sandbox::project();
    scene.write(".husky/_/pre-commit", "#!/bin/sh\n");
    scene.git(&["config", "core.hooksPath", ".husky/_"]);
    assert!(troubles(&scene).contains("hooks"), "{}", troubles(&scene));
    scene.git(&["add", "-f", ".husky/_/pre-commit"]);
    scene.git(&["commit", "-q", "--no-verify", "-m", "hooks"]);
    assert!(!troubles(&scene).contains("hooks"), "every worktree has them now: {}", troubles(&scene));
}

#[test]
fn odd_worktrees_are_named() {
    let scene = Sandbox::project();
    scene.write(".ai/worktrees/mine/file", "x");
    snapshot!(troubles(&scene), @"");
    assert!(Path::new(&scene.root().join(".ai/worktrees/mine/file")).exists());
}

#[test]
fn bare_repositories_and_linked_worktrees_are_examined() {
    let scene = Sandbox::empty();
    scene.git(&["init", "-q", "--bare"]);
    scene.ai_ok(&["init"]);
    snapshot!(examined(&scene, &[]), @"");
    let scene = Sandbox::project();
    let other = scene.worktree("other");
    let outcome = scene.ai_in(&other, &["doctor"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("a linked worktree of"), "{outcome}");
}
