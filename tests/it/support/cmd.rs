//! Running a command and keeping all that came of it.

use std::fmt;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

/// What a command left: the whole of it, so that a test sees what it did not expect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// As UTF-8, with replacement characters where it is not.
    pub stdout: String,
    /// Likewise.
    pub stderr: String,
}

impl Outcome {
    /// The one JSON object on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|e| panic!("no JSON on stdout: {e}\n{self}"))
    }

    /// The JSON objects on stdout, one a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("no JSON: {e}: {line}"));
        self.stdout.lines().map(parse).collect()
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self
            .code
            .map_or("by a signal".to_owned(), |code| code.to_string());
        write!(
            f,
            "exit: {code}\n----- stdout -----\n{}----- stderr -----\n{}",
            self.stdout, self.stderr
        )
    }
}

/// Runs a command to its end, with nothing to read.
pub fn run(command: &mut Command) -> Outcome {
    run_with_input(command, "")
}

/// Runs a command to its end, with `input` on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Outcome {
    let piped = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    // A command that reads nothing may have closed its end already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Replaces what differs from run to run by words that do not: `[PATH]`, `[TOKEN]`, `[TASK]`,
/// `[RUN]`, `[LOCK]`, `[UID]`, `[DECISION]`, `[HASH]`, `[TIME]`, `[MS]`, `[LEFT]`.
pub fn mask(text: &str) -> String {
    const FILTERS: &[(&str, &str)] = &[
        (r"/[^\s`'\x22]*/ai-it-[A-Za-z0-9]+", "[PATH]"),
        (
            r"(/\.cache/ai/[A-Za-z0-9._-]+)-[0-9a-f]{10}\b",
            "$1-[PLACES]",
        ),
        (r"\b[tl]-[a-z0-9]{8}\.\d+\.[a-z0-9]{26}\b", "[TOKEN]"),
        (r"\bt-[a-z0-9]{8}\.\d+\b", "[RUN]"),
        (r"\bt-[a-z0-9]{8}\b", "[TASK]"),
        (r"\bl-[a-z0-9]{8}\b", "[LOCK]"),
        (r"\bd-[a-z0-9]{10}\b", "[DECISION]"),
        (r"\b[0-9a-z]{26}\b", "[UID]"),
        (r"\b[0-9a-f]{40}([0-9a-f]{24})?\b", "[HASH]"),
        (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
        (r"\b1[6-9]\d{11}\b", "[MS]"),
        (r"for another \d+[smh]( \d+m)?", "for another [LEFT]"),
    ];
    FILTERS
        .iter()
        .fold(text.to_owned(), |text, (pattern, word)| {
            regex::Regex::new(pattern)
                .unwrap()
                .replace_all(&text, *word)
                .into_owned()
        })
}

/// Compares a whole [`Outcome`] (or any text) with a snapshot, masked. With `@"…"` the snapshot
/// stands in the test, else in a file beside it. `INSTA_UPDATE=always` rewrites the files; a
/// snapshot in the test is copied by hand from the difference that is shown.
#[macro_export]
macro_rules! snapshot {
    ($outcome:expr, @$inline:literal) => {
        insta::assert_snapshot!($crate::support::mask(&$outcome.to_string()), @$inline)
    };
    ($outcome:expr) => {
        insta::assert_snapshot!($crate::support::mask(&$outcome.to_string()))
    };
    ($name:expr, $outcome:expr) => {
        insta::assert_snapshot!($name, $crate::support::mask(&$outcome.to_string()))
    };
}
