//! A notice on the desktop is a courtesy: a run never waits for it, and never fails because of it.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::support::{Outcome, Sandbox, run};

fn project() -> Sandbox {
    let sandbox = Sandbox::repository();
    sandbox.write("Makefile", "test:\n\ttrue\n");
    sandbox.commit("a check");
    sandbox.ai_ok(&["init", "--yes"]);
    let config = sandbox.read(".ai/config.yaml");
    sandbox.write(
        ".ai/config.yaml",
        config.replace("desktop: false", "desktop: true"),
    );
    sandbox.ai_ok(&[
        "agent",
        "register",
        "bot",
        "--connector",
        "command",
        "--",
        "sh",
        "-c",
        "echo x >a",
    ]);
    sandbox.commit("set up");
    sandbox
}

fn run_with_bus(sandbox: &Sandbox, bus: &str) -> Outcome {
    let task = sandbox.task("One", &[]);
    run(sandbox
        .ai_command(&["run", &task])
        .env("DBUS_SESSION_BUS_ADDRESS", bus))
}

#[test]
fn a_missing_desktop_is_said_and_changes_nothing() {
    let sandbox = project();
    let outcome = run_with_bus(
        &sandbox,
        &format!("unix:path={}", sandbox.base().join("none").display()),
    );
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(outcome.stdout.contains("ready_for_review"), "{outcome}");
    assert!(
        outcome.stderr.contains("no notice on the desktop: "),
        "{outcome}"
    );
}

#[test]
fn a_silent_desktop_is_given_up() {
    let sandbox = project();
    let socket = sandbox.base().join("bus");
    let _silent = UnixListener::bind(&socket).unwrap();
    let begun = Instant::now();
    let outcome = run_with_bus(&sandbox, &format!("unix:path={}", socket.display()));
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(
        outcome.stderr.contains("did not answer for 2 seconds"),
        "{outcome}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "the run waited for {:?}",
        begun.elapsed()
    );
}

#[test]
fn nobody_is_told_unless_it_is_asked_for() {
    let sandbox = project();
    let config = sandbox.read(".ai/config.yaml");
    sandbox.write(
        ".ai/config.yaml",
        config.replace("desktop: true", "desktop: false"),
    );
    let outcome = run_with_bus(&sandbox, "unix:path=/nonexistent");
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert!(!outcome.stderr.contains("desktop"), "{outcome}");
}
