//! Limits of silence and of length, and what is thought of one who says nothing.

use super::*;

/// Hears what is thought of a command.
#[derive(Default)]
struct Thoughts(Vec<StallState>);

impl CommandObserver for Thoughts {
    fn standing(&mut self, standing: &StallState) {
        self.0.push(standing.clone());
    }
}

#[test]
fn stillness_and_length_are_limited_separately() {
    let mut silent = sh("echo one; sleep 1000");
    silent.limits.silence = Some(Duration::from_millis(300));
    let mut thoughts = Thoughts::default();
    let outcome = run_with(&silent, &mut thoughts, &CancelToken::new());
    assert_eq!(outcome.end, CommandEnd::TimedOut(TimeoutKind::Silence));
    assert_eq!(text(&outcome.stdout.memory), "one\n");
    let words: Vec<&str> = outcome
        .stall
        .iter()
        .map(|sign| sign.rsplit_once(" for ").unwrap().0)
        .collect();
    assert_eq!(words, ["no output", "no CPU time used"]);
    assert_eq!(thoughts.0.last(), Some(&StallState::Stalled(outcome.stall)));

    let mut endless = sh("while :; do echo x >&2; done");
    endless.limits = CommandLimits {
        silence: Some(FOREVER),
        total: Some(Duration::from_millis(300)),
        ..endless.limits
    };
    let outcome = run(&endless);
    assert_eq!(
        (outcome.end, outcome.stall.len()),
        (CommandEnd::TimedOut(TimeoutKind::Total), 0)
    );
}

#[test]
fn one_that_computes_without_a_word_is_suspected_and_left_at_work() {
    let mut busy = sh(
        "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done; while [ ! -e $SEEN ]; do :; done; echo done",
    );
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    busy.env.push(("SEEN".into(), seen.clone().into()));
    busy.limits.silence = Some(Duration::from_millis(200));
    /// Lets the command end once it is suspected.
    struct Lets(std::path::PathBuf, Vec<StallState>);
    impl CommandObserver for Lets {
        fn standing(&mut self, standing: &StallState) {
            self.1.push(standing.clone());
            std::fs::write(&self.0, "").unwrap();
        }
    }
    let mut lets = Lets(seen, Vec::new());
    let outcome = run_with(&busy, &mut lets, &CancelToken::new());
    assert_eq!(outcome.end, CommandEnd::Exited(0), "{:?}", lets.1);
    assert!(
        matches!(&lets.1[0], StallState::Suspect(signs) if signs.len() == 1),
        "{:?}",
        lets.1
    );
}

#[test]
fn one_that_changes_files_without_a_word_is_left_at_work() {
    let dir = tempfile::tempdir().unwrap();
    let script =
        "i=0; while [ $i -lt 12 ]; do i=$((i+1)); sleep 0.05; echo $i > $DIR/x; done; echo done";
    let mut writes = sh(script);
    writes.env.push(("DIR".into(), dir.path().into()));
    writes.files = Some(dir.path().to_owned());
    writes.limits.silence = Some(Duration::from_millis(400));
    let outcome = run(&writes);
    assert_eq!(
        (outcome.end, text(&outcome.stdout.memory)),
        (CommandEnd::Exited(0), "done\n")
    );
}

#[test]
fn unchanged_files_are_the_third_sign() {
    let dir = tempfile::tempdir().unwrap();
    let mut silent = sh("sleep 1000");
    silent.files = Some(dir.path().to_owned());
    silent.limits.silence = Some(Duration::from_millis(200));
    let outcome = run(&silent);
    assert_eq!(outcome.stall.len(), 3, "{:?}", outcome.stall);
}
