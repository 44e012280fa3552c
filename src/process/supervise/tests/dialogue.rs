//! Conversations over standard input and output.

use super::*;

/// A conversation by a function from what is heard to what is said.
struct Talker<F: FnMut(CommandHeard<'_>) -> CommandReply>(F);

impl<F: FnMut(CommandHeard<'_>) -> CommandReply> CommandObserver for Talker<F> {
    fn talk(&mut self, heard: CommandHeard<'_>) -> CommandReply {
        (self.0)(heard)
    }
}

/// `sh` that is talked to, within `grace`.
fn talked_to(dir: &Path, script: &str, grace: Duration) -> SpawnSpec {
    let limits = CommandLimits {
        grace,
        ..sh("").limits
    };
    SpawnSpec {
        limits,
        ..reading(StdinSource::Talk(dir.join("stdin")), &["sh", "-c", script])
    }
}

fn tells(lines: &[&str], after: AfterReply) -> CommandReply {
    CommandReply {
        lines: lines.iter().map(|line| line.as_bytes().to_vec()).collect(),
        after,
    }
}

#[test]
fn a_conversation_goes_line_by_line_and_ends_with_standard_input() {
    let dir = tempfile::tempdir().unwrap();
    let script = "read a; echo \"got $a\"; read b; echo \"got $b\"; read c || echo end; exit 4";
    let mut heard = Vec::new();
    let outcome = run_with(
        &talked_to(dir.path(), script, FOREVER),
        &mut Talker(|what: CommandHeard<'_>| match what {
            CommandHeard::Start => tells(&["one"], AfterReply::Listen),
            CommandHeard::Line(line) => {
                heard.push(text(line.bytes).to_owned());
                if heard.len() == 1 {
                    tells(&["two"], AfterReply::Close)
                } else {
                    tells(&["too late"], AfterReply::Close)
                }
            }
            CommandHeard::Stopping => unreachable!(),
        }),
        &CancelToken::new(),
    );
    assert_eq!(outcome.end, CommandEnd::Exited(4));
    assert_eq!(text(&outcome.stdout.memory), "got one\ngot two\nend\n");
    assert_eq!(heard, ["got one", "got two", "end"]);
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        0,
        "the pipe is gone"
    );
}

#[test]
fn the_conversation_hears_what_the_log_must_not_hold() {
    let dir = tempfile::tempdir().unwrap();
    let secret = "hunter2-hunter2";
    let redactor = Redactor::new(&[Secret::new("K", secret.as_bytes())]);
    let mut heard = Vec::new();
    let mut talker = Talker(|what: CommandHeard<'_>| match what {
        CommandHeard::Line(line) => {
            heard.push(text(line.bytes).to_owned());
            tells(&[], AfterReply::Close)
        }
        _ => tells(&[], AfterReply::Listen),
    });
    // The last line is answered although the redactor may still hold its end back.
    let spec = talked_to(dir.path(), &format!("echo {secret}; read x"), FOREVER);
    let outcome = block_on(supervise(
        &spec,
        &redactor,
        &mut talker,
        &CancelToken::new(),
    ))
    .unwrap();
    assert_eq!(heard, [secret]);
    assert!(!text(&outcome.stdout.memory).contains(secret));
}

#[test]
fn one_that_stays_after_the_last_word_is_dismissed() {
    let dir = tempfile::tempdir().unwrap();
    let mut talker = Talker(|_: CommandHeard<'_>| tells(&["bye"], AfterReply::Close));
    let spec = talked_to(dir.path(), "sleep 1000", Duration::from_millis(100));
    let outcome = run_with(&spec, &mut talker, &CancelToken::new());
    assert_eq!(outcome.end, CommandEnd::Dismissed);
}

#[test]
fn one_that_does_not_read_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let huge = "x".repeat(1 << 20);
    let mut talker = Talker(|_: CommandHeard<'_>| tells(&[&huge], AfterReply::Listen));
    let spec = talked_to(
        dir.path(),
        "for i in 1 2 3 4 5 6 7 8; do echo $i; done; exit 3",
        FOREVER,
    );
    let outcome = run_with(&spec, &mut talker, &CancelToken::new());
    assert_eq!(outcome.end, CommandEnd::Exited(3));
    assert_eq!(text(&outcome.stdout.memory), "1\n2\n3\n4\n5\n6\n7\n8\n");
}

#[test]
fn a_long_message_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let huge = "x".repeat(3 << 20);
    let mut talker = Talker(|_: CommandHeard<'_>| tells(&[&huge], AfterReply::Close));
    let outcome = run_with(
        &talked_to(dir.path(), "wc -c", FOREVER),
        &mut talker,
        &CancelToken::new(),
    );
    assert_eq!(
        text(&outcome.stdout.memory).trim(),
        ((3 << 20) + 1).to_string()
    );
}

#[test]
fn the_last_word_before_the_end_is_still_sent() {
    let dir = tempfile::tempdir().unwrap();
    let cancel = CancelToken::new();
    let stop = cancel.clone();
    let mut talker = Talker(|what: CommandHeard<'_>| match what {
        CommandHeard::Start => tells(&[], AfterReply::Listen),
        CommandHeard::Line(_) => {
            stop.cancel(StopReason::Interrupted);
            tells(&[], AfterReply::Listen)
        }
        CommandHeard::Stopping => tells(&["cancel"], AfterReply::Close),
    });
    let spec = talked_to(
        dir.path(),
        "trap 'T=1' TERM; echo up; read a || read a; echo \"$a\"; until [ $T ]; do sleep 0.01; done",
        FOREVER,
    );
    let outcome = run_with(&spec, &mut talker, &cancel);
    assert_eq!(outcome.end, CommandEnd::Cancelled(StopReason::Interrupted));
    assert_eq!(text(&outcome.stdout.memory), "up\ncancel\n");
}

#[test]
fn last_words_are_heard_though_the_end_is_known_before() {
    for _ in 0..8 {
        let dir = tempfile::tempdir().unwrap();
        let mut heard = Vec::new();
        let mut talker = Talker(|what: CommandHeard<'_>| {
            if let CommandHeard::Line(line) = what {
                heard.push(text(line.bytes).to_owned());
            }
            tells(&[], AfterReply::Listen)
        });
        run_with(
            &talked_to(dir.path(), "echo one; echo two", FOREVER),
            &mut talker,
            &CancelToken::new(),
        );
        assert_eq!(heard, ["one", "two"]);
    }
}
