//! What a command is started with, what it may not see, and what comes back.

use super::*;

#[test]
fn exit_code_outputs_and_counts_come_back() {
    let outcome = run(&sh("echo out; echo err >&2; exit 7"));
    assert_eq!(
        (outcome.end, outcome.exit),
        (CommandEnd::Exited(7), Some(ProcessExit::Code(7)))
    );
    assert_eq!(
        (text(&outcome.stdout.memory), text(&outcome.stderr.memory)),
        ("out\n", "err\n")
    );
    assert_eq!(
        (
            outcome.stdout.bytes_seen,
            outcome.stdout.bytes_kept,
            outcome.stdout.truncated
        ),
        (4, 4, false)
    );
    assert_eq!((outcome.leftovers, outcome.oom), (0, OomHint::None));
}

#[test]
fn the_environment_is_what_was_given_the_mark_and_the_place() {
    let mut spec = spec(&["env", "-0"]);
    spec.env.push(("ODD".into(), "a\nb=c".into()));
    let outcome = run(&spec);
    let mut found: Vec<&str> = text(&outcome.stdout.memory)
        .split_terminator('\0')
        .collect();
    found.sort_unstable();
    let mark = format!("AI_RUN={}", spec.run_id.as_ref().unwrap());
    assert_eq!(
        found,
        [
            &mark,
            "ODD=a\nb=c",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "PWD=/"
        ]
    );
}

/// A program on Node that exits loses what does not fit in its pipe.
#[test]
#[cfg(target_os = "linux")]
fn its_pipes_have_as_much_room_as_there_may_be() {
    let script = "
import fcntl
most = min(1 << 20, int(open('/proc/sys/fs/pipe-max-size').read()))
# Widened right after the start, which may be now.
while min(fcntl.fcntl(1, 1032), fcntl.fcntl(2, 1032)) < most: pass
";
    assert_eq!(run(&python(script)).end, CommandEnd::Exited(0));
}

#[test]
fn standard_input_is_empty_or_a_file_and_there_is_no_terminal_to_ask() {
    assert_eq!(
        text(
            &run(&sh("wc -c; (: </dev/tty) 2>/dev/null || echo none"))
                .stdout
                .memory
        ),
        "0\nnone\n"
    );
    let dir = tempfile::tempdir().unwrap();
    let prompt = dir.path().join("prompt.md");
    std::fs::write(&prompt, vec![b'x'; 2 << 20]).unwrap();
    let whole = reading(StdinSource::File(prompt.clone()), &["wc", "-c"]);
    assert_eq!(text(&run(&whole).stdout.memory), "2097152\n");
    // One who does not read it is not waited for.
    let unread = reading(StdinSource::File(prompt), &["true"]);
    assert_eq!(run(&unread).end, CommandEnd::Exited(0));
}

#[test]
fn what_cannot_start_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain");
    std::fs::write(&plain, "x").unwrap();
    let plain = plain.to_str().unwrap();
    let long = "x".repeat(130 << 10);
    let mut elsewhere = spec(&["true"]);
    elsewhere.command.cwd = "/no/such".into();
    let cases = [
        (spec(&["no-such-program"]), SpawnFailureKind::NotFound),
        (spec(&[plain]), SpawnFailureKind::NotExecutable),
        (spec(&["true", &long]), SpawnFailureKind::TooLong),
        (elsewhere, SpawnFailureKind::NoDirectory),
        (
            reading(StdinSource::File("/no/such".into()), &["true"]),
            SpawnFailureKind::NoInput,
        ),
    ];
    for (spec, kind) in cases {
        match run(&spec).end {
            CommandEnd::SpawnFailed(failure) => assert_eq!(failure.kind, kind, "{failure}"),
            other => panic!("{kind:?}: {other:?}"),
        }
    }
    assert!(matches!(run(&spec(&[])).end, CommandEnd::SpawnFailed(_)));
}

#[test]
fn an_argument_that_is_a_secret_is_not_in_the_error() {
    let redactor = Redactor::new(&[Secret::new("PW", b"hunter2-hunter2")]);
    let spec = spec(&["no-such-program", "--password=hunter2-hunter2"]);
    let outcome = block_on(supervise(
        &spec,
        &redactor,
        &mut QuietObserver,
        &CancelToken::new(),
    ))
    .unwrap();
    let CommandEnd::SpawnFailed(failure) = outcome.end else {
        panic!("{:?}", outcome.end)
    };
    assert_eq!(failure.command, "no-such-program --password=[REDACTED:PW]");
}

#[test]
fn no_descriptor_of_the_keeper_or_of_whoever_started_it_reaches_the_command() {
    let list = "import os; print(sorted(n for n in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + n)))";
    assert_eq!(text(&run(&python(list)).stdout.memory), "['0', '1', '2']\n");
}

#[test]
fn a_log_that_cannot_be_made_is_an_error_and_starts_nothing() {
    let spec = SpawnSpec {
        stdout: OutputTo::File("/no/such/dir/out".into()),
        ..sh("echo x")
    };
    let result = block_on(supervise(
        &spec,
        &Redactor::new(&[]),
        &mut QuietObserver,
        &CancelToken::new(),
    ));
    assert!(result.unwrap_err().to_string().contains("/no/such/dir/out"));
}

#[test]
fn a_signal_of_its_own_is_told_apart() {
    assert_eq!(run(&sh("kill -SEGV $$")).end, CommandEnd::Signaled(11));
}
