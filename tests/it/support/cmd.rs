//! Running a command and keeping all that came of it.

use std::fmt;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::Sandbox;

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

/// What differs from run to run, and the word that stands for it. Each is looked for in turn.
const FILTERS: &[(&str, &str)] = &[
    (r"/[^\s`'\x22]*/ai-it-[A-Za-z0-9]+", "[PATH]"),
    (
        r"(/\.cache/ai/[A-Za-z0-9._-]+)-[0-9a-f]{10}\b",
        "$1-[PLACES]",
    ),
    (r"\b[tl]-[a-z0-9]{8}\.\d+\.[a-z0-9]{26}\b", "[TOKEN]"),
    (r"\bt-[a-z0-9]{8}\.\d+-[a-z0-9]{6}\b", "[RUN]-[ANY]"),
    (r"\bt-[a-z0-9]{8}\.\d+\b", "[RUN]"),
    (r"\bt-[a-z0-9]{8}\b", "[TASK]"),
    (r"\bl-[a-z0-9]{8}\b", "[LOCK]"),
    (r"\bd-[a-z0-9]{10}\b", "[DECISION]"),
    (r"\be-[a-z0-9]{10}\b", "[EVIDENCE]"),
    (r"\b[0-9a-z]{26}\b", "[UID]"),
    (r"\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b", "[HASH]"),
    (r"\b[0-9a-f]{12}\b|\b[0-9a-f]{10}\b", "[SHORT]"),
    (r"\btrial-[a-z0-9]{8}\.0\b", "[TRIAL]"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[TIME]"),
    (r"\b1[6-9]\d{11}\b", "[MS]"),
    (r"\b\d+m left\b", "[N]m left"),
    (
        r"(\bfor another|\bleft alone for|\) for|\bwait|, in|\basked again in) \d+[smh]( \d+[sm])?\b",
        "$1 [LEFT]",
    ),
    (
        r"\b(agent|human):([a-z0-9-]+)#[a-z0-9]{6}\b",
        "$1:$2#[SESSION]",
    ),
    (r"\(process \d+\)", "(process [PID])"),
    (r"\bleft \d+ process(es)? behind", "left [N] behind"),
    (r"\(\d+ KiB\)", "([N] KiB)"),
    (r"\bpython3\.\d+\b", "python3.[N]"),
    (r"\(([a-z]+), \d+ min\)", "($1, [N] min)"),
    (r"\bnewer git than \d+(\.\d+)*", "newer git than [GIT]"),
];

/// Replaces what differs from run to run by the words of [`FILTERS`]: `[PATH]` is the sandbox,
/// `[SHORT]` a hash that was cut off, `[LEFT]` a time that runs.
pub fn mask(text: &str) -> String {
    static COMPILED: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| compiled(FILTERS));
    replaced(text, &COMPILED)
}

/// Replaces what else differs where one test looks: `(pattern, word)`, in turn.
pub fn mask_also(text: impl fmt::Display, filters: &[(&'static str, &'static str)]) -> String {
    replaced(&text.to_string(), &compiled(filters))
}

fn compiled(filters: &[(&'static str, &'static str)]) -> Vec<(Regex, &'static str)> {
    filters
        .iter()
        .map(|(pattern, word)| (Regex::new(pattern).unwrap(), *word))
        .collect()
}

fn replaced(text: &str, filters: &[(Regex, &str)]) -> String {
    filters
        .iter()
        .fold(text.to_owned(), |text, (pattern, word)| {
            pattern.replace_all(&text, *word).into_owned()
        })
}

/// The lines of a text, masked and sorted: for what goes on side by side.
pub fn sorted(text: &str) -> String {
    let text = mask(text);
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Several commands with all that came of them, one after the other: a table of refusals, or a
/// story, as one snapshot. A line of stderr stands behind `! `, an exit code other than 0 in
/// brackets at the end.
#[derive(Default)]
pub struct Transcript(String);

impl Transcript {
    /// Adds what came of a command. `shown` is how the reader sees it.
    pub fn add(&mut self, shown: &str, outcome: &Outcome) {
        self.0.push_str(&format!("$ {shown}\n{}", outcome.stdout));
        for line in outcome.stderr.lines() {
            self.0.push_str(format!("! {line}").trim_end());
            self.0.push('\n');
        }
        match outcome.code {
            Some(0) => {}
            Some(code) => self.0.push_str(&format!("[{code}]\n")),
            None => self.0.push_str("[ended by a signal]\n"),
        }
    }

    /// Runs `ai` in the repository, adds what came of it, and returns it.
    pub fn ai(&mut self, sandbox: &Sandbox, args: &[&str]) -> Outcome {
        let outcome = sandbox.ai(args);
        let quoted = args.iter().map(|arg| match arg {
            arg if arg.is_empty() || arg.contains(char::is_whitespace) => format!("'{arg}'"),
            arg => (*arg).to_owned(),
        });
        self.add(
            &format!("ai {}", quoted.collect::<Vec<_>>().join(" ")),
            &outcome,
        );
        outcome
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// With `AI_GENERATE` set, what is compared is rewritten instead: the one switch for everything
/// that was recorded. Insta has a switch of its own, which it reads once; so the test binary starts
/// itself again with it. Called before anything is made or compared.
pub fn heed_the_switch() {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if is_set("AI_GENERATE") && !is_set("INSTA_UPDATE") {
        let error = Command::new(std::env::current_exe().unwrap())
            .args(std::env::args_os().skip(1))
            .envs([("INSTA_UPDATE", "always"), ("INSTA_FORCE_PASS", "1")])
            .exec();
        panic!("the tests could not start themselves again: {error}");
    }
}

/// Compares a whole [`Outcome`] (or any text) with a snapshot, masked. With `@"…"` the snapshot
/// stands in the test, and in a loop it must be the same each time; else in a file beside it. `make gen` rewrites both (`make gen ONLY=accept::`
/// those of one module); review the difference like code.
#[macro_export]
macro_rules! snapshot {
    ($outcome:expr, @$inline:literal) => {
        insta::allow_duplicates! {
            insta::assert_snapshot!($crate::support::mask(&$outcome.to_string()), @$inline)
        }
    };
    ($outcome:expr) => {
        insta::assert_snapshot!($crate::support::mask(&$outcome.to_string()))
    };
    ($name:expr, $outcome:expr) => {
        insta::assert_snapshot!($name, $crate::support::mask(&$outcome.to_string()))
    };
}
