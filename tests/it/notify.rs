//! A notice on the desktop is a courtesy: a run never waits for it, and never fails because of it.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use crate::snapshot;
use crate::support::{Outcome, Sandbox, run};

/// A project that wants notices on the desktop.
fn notified() -> Sandbox {
    let sandbox = Sandbox::with_a_found_check("default", "echo x >a");
    desktop(&sandbox, "false", "true");
    sandbox
}

/// Changes whether there are notices.
fn desktop(sandbox: &Sandbox, from: &str, to: &str) {
    let config = sandbox.read(".ai/config.yaml");
    let changed = config.replace(&format!("desktop: {from}"), &format!("desktop: {to}"));
    assert_ne!(changed, config);
    sandbox.write(".ai/config.yaml", changed);
}

fn run_with_bus(sandbox: &Sandbox, bus: &str) -> Outcome {
    let task = sandbox.task("One", &[]);
    run(sandbox
        .ai_command(&["run", &task])
        .env("DBUS_SESSION_BUS_ADDRESS", bus))
}

#[test]
fn a_missing_desktop_is_said_and_changes_nothing() {
    let sandbox = notified();
    let outcome = run_with_bus(
        &sandbox,
        &format!("unix:path={}", sandbox.base().join("none").display()),
    );
    snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: bot on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check make-test: make test
    check make-test: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    no notice on the desktop: failed to connect to `unix:path=[PATH]/none`: No such file or directory (os error 2)
    ");
}

#[test]
fn a_silent_desktop_is_given_up() {
    let sandbox = notified();
    let socket = sandbox.base().join("bus");
    let _silent = UnixListener::bind(&socket).unwrap();
    let begun = Instant::now();
    snapshot!(run_with_bus(&sandbox, &format!("unix:path={}", socket.display())), @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: bot on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check make-test: make test
    check make-test: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    no notice on the desktop: the desktop did not answer for 2 seconds
    ");
    assert!(
        begun.elapsed() < Duration::from_secs(60),
        "the run waited for {:?}",
        begun.elapsed()
    );
}

#[test]
fn nobody_is_told_unless_it_is_asked_for() {
    let sandbox = notified();
    desktop(&sandbox, "true", "false");
    let outcome = run_with_bus(&sandbox, "unix:path=/nonexistent");
    snapshot!(outcome, @"
    exit: 0
    ----- stdout -----
    [RUN]  ready_for_review  review
      checks passed on this tree and the policy allows it; it may be accepted
    ----- stderr -----
    run [RUN]: bot on branch ai/[TASK]/1, for main
    sandbox of [RUN]: none, network on
    check make-test: make test
    check make-test: passed
    look at it with `ai review [TASK]`, take it with `ai accept [TASK]`
    ");
}
