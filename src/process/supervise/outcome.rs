//! The end of a supervised command. The exit code is a fact about the command, not a judgement on
//! its work.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::text::path_bytes;
use crate::domain::resources::ByteSize;
use crate::process::supervise::StopReason;

/// Everything that is known about a command that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutcome {
    /// The end as `ai` saw it.
    pub end: CommandEnd,
    /// The exit of the command itself, also where it was stopped; `None` if it never ran or was not
    /// seen to end.
    pub exit: Option<ProcessExit>,
    /// From the start until everything below the command had ended.
    pub duration: Duration,
    /// Statistics of standard output.
    pub stdout: CaptureStats,
    /// Statistics of standard error.
    pub stderr: CaptureStats,
    /// Processes that the command left behind and that were ended after it.
    pub leftovers: usize,
    /// Pids that could not be killed. Not empty: something of this command may still run.
    pub survivors: Vec<i32>,
    /// A hint that the kernel may have killed it for want of memory.
    pub oom: OomHint,
    /// The signs by which it was found to have stalled.
    #[serde(default)]
    pub stall: Vec<String>,
    /// Places that its sandbox was to cover and could not, so that they were in its sight.
    #[serde(default)]
    pub uncovered: usize,
}

/// The end of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By a signal that `ai` did not send.
    Signaled(i32),
    /// Ended by `ai` at a time limit.
    TimedOut(TimeoutKind),
    /// Ended by `ai` on request.
    Cancelled(StopReason),
    /// Ended by `ai` because the conversation was over and it stayed.
    Dismissed,
    /// The command never ran.
    SpawnFailed(SpawnFailure),
    /// The keeper was killed; what it kept was ended, its exit is not known.
    KeeperLost,
}

/// The exit of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessExit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl ProcessExit {
    /// The code that a shell shows: the exit code, or 128 plus the signal.
    pub fn shell_code(self) -> u8 {
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(signal) => 128 + signal,
        };
        u8::try_from(code & 0xff).unwrap_or(u8::MAX)
    }
}

/// The time limit that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeoutKind {
    /// The whole run took too long.
    Total,
    /// The command has stalled.
    Silence,
}

/// Statistics of one output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptureStats {
    /// Bytes that the command wrote.
    pub bytes_seen: u64,
    /// Bytes that were kept, after redaction and without the line that marks a cut.
    pub bytes_kept: u64,
    /// Secrets that were replaced.
    pub redactions: u64,
    /// True if the middle was cut out, if the end was given up, or if it could not be written.
    pub truncated: bool,
    /// The reason why the file could not be written, if so (a full disk); the command was not
    /// stopped for it.
    pub write_error: Option<String>,
    /// The part that was kept, for [`super::OutputTo::Memory`]; else empty.
    #[serde(skip)]
    pub memory: Vec<u8>,
}

/// A hint that the kernel ran out of memory while the command ran. Only a hint: the kernel does not
/// say whom it killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OomHint {
    /// No sign of it.
    None,
    /// The command died by `SIGKILL`, which was not ours, and the kernel's count of such kills rose
    /// meanwhile.
    Likely,
    /// Its cgroup had so much memory, and the kernel has ended it for that; this is no guess.
    Limit(ByteSize),
}

/// A command that never ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("cannot start `{command}`: {kind}: {message}")]
pub struct SpawnFailure {
    /// The kind of failure, to decide on.
    pub kind: SpawnFailureKind,
    /// The command line, escaped and shortened for display.
    pub command: String,
    /// The words of the operating system.
    pub message: String,
}

/// Reasons for which a command never ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpawnFailureKind {
    /// No such program, or its interpreter is missing.
    NotFound,
    /// The program may not be executed.
    NotExecutable,
    /// The file is no program for this machine.
    WrongFormat,
    /// Arguments and environment together are too long.
    TooLong,
    /// The working directory is not there.
    NoDirectory,
    /// The file for standard input cannot be opened.
    NoInput,
    /// The keeper could not be set up.
    Keeper,
}

impl SpawnFailureKind {
    /// Reads an error of starting a program.
    pub(in crate::process) fn of(error: &io::Error) -> Self {
        use rustix::io::Errno;
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::NOENT | Errno::NOTDIR) => Self::NotFound,
            Some(Errno::ACCESS | Errno::PERM | Errno::ISDIR) => Self::NotExecutable,
            Some(Errno::NOEXEC) => Self::WrongFormat,
            Some(Errno::TOOBIG) => Self::TooLong,
            _ => Self::Keeper,
        }
    }
}

impl fmt::Display for SpawnFailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "no such program",
            Self::NotExecutable => "not executable",
            Self::WrongFormat => "not a program for this machine",
            Self::TooLong => "arguments and environment are too long",
            Self::NoDirectory => "no such working directory",
            Self::NoInput => "its input file cannot be opened",
            Self::Keeper => "its keeper could not be set up",
        })
    }
}

impl SpawnFailure {
    /// The failure of a command line, by the error of the system.
    pub(in crate::process) fn new(
        kind: SpawnFailureKind,
        argv: &[OsString],
        error: &io::Error,
    ) -> Self {
        Self {
            kind,
            command: show(argv),
            message: error.to_string(),
        }
    }
}

/// A command line for people: escaped, and cut where it is long.
fn show(argv: &[OsString]) -> String {
    const MOST: usize = 300;
    let words: Vec<String> = argv
        .iter()
        .map(|word| path_bytes(word.as_bytes()))
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_codes_are_those_of_shells() {
        assert_eq!(ProcessExit::Code(3).shell_code(), 3);
        assert_eq!(ProcessExit::Signal(9).shell_code(), 137);
    }

    #[test]
    fn a_failure_names_the_command_and_the_cause() {
        let error = io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error());
        let failure = SpawnFailure::new(
            SpawnFailureKind::of(&error),
            &["no\u{1b}such".into(), "x".repeat(999).into()],
            &error,
        );
        let text = failure.to_string();
        assert!(text.starts_with("cannot start `no\\esuch xxx"), "{text}");
        assert!(
            text.contains("no such program") && text.len() < 500,
            "{text}"
        );
    }
}
