//! The end of a command and of everything that it started, whoever dies first.

use super::*;

#[test]
fn a_polite_command_ends_itself_and_its_last_words_are_kept() {
    let (outcome, _) = cancelling(&sh(
        "trap 'echo bye; exit 3' TERM; echo ready; sleep 1000 & wait",
    ));
    assert_eq!(outcome.exit, Some(ProcessExit::Code(3)));
    assert_eq!(text(&outcome.stdout.memory), "ready\nbye\n");
}

#[test]
fn each_process_gets_one_term_only() {
    let script = "
import os, signal, sys
def term(*_): os.write(1, b'term\\n')
signal.signal(signal.SIGTERM, term)
print('ready', flush=True)
while True: signal.pause()
";
    let mut spec = python(script);
    spec.limits.grace = Duration::from_millis(300);
    let (outcome, _) = cancelling(&spec);
    assert_eq!(text(&outcome.stdout.memory), "ready\nterm\n");
}

#[test]
fn one_who_ignores_term_is_killed_after_the_grace() {
    let mut spec = sh("trap '' TERM; echo ready; while :; do sleep 1000; done");
    spec.limits.grace = Duration::from_millis(200);
    let (outcome, _) = cancelling(&spec);
    assert_eq!(outcome.exit, Some(ProcessExit::Signal(9)));
    assert!(
        outcome.duration >= spec.limits.grace
            && outcome.duration < spec.limits.grace + Duration::from_secs(2)
    );
}

#[test]
fn what_is_started_while_it_is_being_ended_ends_too() {
    let mut spec = sh(
        "trap 'setsid sh -c \"trap : TERM; while :; do sleep 1000; done\" & ' TERM; echo ready; while :; do sleep 1000; done",
    );
    spec.limits.grace = Duration::from_millis(300);
    cancelling(&spec);
}

#[test]
fn a_stopped_process_ends_as_well() {
    let mut spec = sh("sh -c 'echo pid $$; kill -STOP $$'; echo never");
    spec.limits.grace = FOREVER;
    let (outcome, _) = cancelling(&spec);
    assert!(outcome.duration < FOREVER);
}

#[test]
fn a_daemon_does_not_outlive_its_command() {
    let mut spec = python(DAEMON);
    spec.limits.grace = Duration::from_millis(100);
    let mut observer = OnFirstLine::new(|_: &ProcessIdentity| ());
    let outcome = run_with(&spec, &mut observer, &CancelToken::new());
    assert_eq!(outcome.end, CommandEnd::Exited(0));
    assert!(outcome.leftovers >= 1);
    assert_eq!(observer.named.len(), 1);
    assert_eq!(
        observer.named[0].liveness(),
        crate::process::identity::ProcessLiveness::Dead
    );
}

/// Git keeps house behind a command, here with a fetch that waits for a remote which never answers.
#[test]
fn what_git_does_in_the_background_was_not_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let behind = |last: &str| {
        let script = format!(
            "cd \"$1\"; export HOME=\"$1\" GIT_CONFIG_NOSYSTEM=1
[ -e never ] || mkfifo never up
printf '#!/bin/sh\\necho up >up\\nread word <never\\n' >ssh; chmod +x ssh
git init -q . && git config remote.far.url host:path && git config remote.far.fetch '+refs/*:refs/far/*'
{last}
read word <up"
        );
        let mut spec = sh(&script);
        let dir = dir.path().as_os_str().to_owned();
        spec.command.argv.extend(["sh".into(), dir]);
        run(&spec)
    };
    let keeps_house = "git -c core.sshCommand=\"$1/ssh\" maintenance run --task=prefetch & ";
    let outcome = behind(keeps_house);
    assert_eq!((outcome.end, outcome.leftovers), (CommandEnd::Exited(0), 0));
    let outcome = behind("./ssh & ");
    assert_eq!((outcome.end, outcome.leftovers), (CommandEnd::Exited(0), 1));
}

#[test]
fn a_background_process_that_holds_the_output_is_not_waited_for() {
    let outcome = run(&sh("sleep 1000 & echo done"));
    assert_eq!(
        (outcome.end, text(&outcome.stdout.memory)),
        (CommandEnd::Exited(0), "done\n")
    );
    assert!(!outcome.stdout.truncated);
}

#[test]
fn a_killed_keeper_leaves_nothing() {
    // The daemon has no mark, is in a session of its own, and has lost its parent; it falls to this
    // process.
    let mut spec = python(&format!("{DAEMON}\nimport time\ntime.sleep(1000)"));
    spec.limits.grace = Duration::from_millis(100);
    let mut observer = OnFirstLine::new(|keeper: &ProcessIdentity| {
        kill_process(Pid::from_raw(keeper.pid).unwrap(), Signal::KILL).unwrap();
    });
    let outcome = run_with(&spec, &mut observer, &CancelToken::new());
    assert_eq!((outcome.end, outcome.exit), (CommandEnd::KeeperLost, None));
    assert!(outcome.leftovers >= 2);
    assert_eq!(observer.named.len(), 1);
    assert_eq!(
        observer.named[0].liveness(),
        crate::process::identity::ProcessLiveness::Dead
    );
}

#[test]
fn a_stuck_keeper_is_killed_and_its_work_done() {
    let mut spec = sh("echo ready; sleep 1000");
    spec.limits.grace = Duration::ZERO;
    let cancel = CancelToken::new();
    let mut observer = OnFirstLine::new(|keeper: &ProcessIdentity| {
        kill_process(Pid::from_raw(keeper.pid).unwrap(), Signal::STOP).unwrap();
        cancel.cancel(StopReason::Interrupted);
    });
    let outcome = run_with(&spec, &mut observer, &cancel);
    assert_eq!(outcome.end, CommandEnd::Cancelled(StopReason::Interrupted));
}

#[test]
fn a_signal_to_the_keeper_ends_the_command_in_order() {
    let spec = sh("trap 'exit 0' TERM; echo ready; sleep 1000 & wait");
    let mut observer = OnFirstLine::new(|keeper: &ProcessIdentity| {
        kill_process(Pid::from_raw(keeper.pid).unwrap(), Signal::TERM).unwrap();
    });
    let outcome = run_with(&spec, &mut observer, &CancelToken::new());
    assert!(
        matches!(outcome.end, CommandEnd::Cancelled(StopReason::Other(_))),
        "{:?}",
        outcome.end
    );
    assert_eq!(outcome.exit, Some(ProcessExit::Code(0)));
}

#[test]
fn a_dropped_supervision_ends_its_command() {
    let spec = sh("trap '' HUP; echo ready; sleep 1000");
    let cancel = CancelToken::new();
    let mut observer = OnFirstLine::new(|_: &ProcessIdentity| cancel.cancel(StopReason::Shutdown));
    let unused = CancelToken::new();
    block_on(async {
        let redactor = Redactor::new(&[]);
        tokio::select! {
            _ = supervise(&spec, &redactor, &mut observer, &unused) => panic!("it ended by itself"),
            _ = cancel.cancelled() => {}
        }
    });
    let begun = Instant::now();
    while !marked(spec.run_id.as_ref().unwrap()).is_empty() {
        assert!(begun.elapsed() < FOREVER);
        std::thread::yield_now();
    }
}
