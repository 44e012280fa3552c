//! The description of a command to run: its limits, its sandbox and who listens.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::stall::StallState;
use crate::process::capture::OutputLine;
use crate::process::cgroup::Cgroup;
use crate::process::child_command::ChildCommand;
use crate::process::identity::ProcessIdentity;
use crate::process::sandbox::SandboxPolicy;

/// A command to supervise.
#[derive(Debug, Clone)]
pub struct SpawnSpec {
    /// The command itself.
    pub command: ChildCommand,
    /// The whole environment; nothing else is inherited but the run's mark, which is added here.
    pub env: Vec<(OsString, OsString)>,
    /// The run for which this is started, if any; marks every process of it in its environment.
    pub run_id: Option<String>,
    /// The files that it works on: changes to them are signs of work.
    pub files: Option<PathBuf>,
    /// The cgroup that holds its processes together; it is ended and removed with them.
    pub cgroup: Option<Cgroup>,
    /// The [sandbox policy](SandboxPolicy); `None` is all that the user may.
    pub sandbox: Option<SandboxPolicy>,
    /// Limits at which it is ended.
    pub limits: CommandLimits,
    /// The target of standard output.
    pub stdout: OutputTo,
    /// The target of standard error.
    pub stderr: OutputTo,
}

/// The target of an output, which is always redacted and capped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputTo {
    /// A new file, readable by its owner only; one that is there is replaced.
    File(PathBuf),
    /// Memory; see `CaptureStats::memory`. For small caps.
    Memory,
}

/// Limits at which a command is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLimits {
    /// Longest run; `None` is without end.
    pub total: Option<Duration>,
    /// Longest time without a sign of work; `None` is without end. Silence alone is no proof: see
    /// [`crate::domain::stall`].
    pub silence: Option<Duration>,
    /// From `SIGTERM` to `SIGKILL`.
    pub grace: Duration,
    /// Bytes kept of each output: the first half and the last half.
    pub output_cap: u64,
}

impl Default for CommandLimits {
    /// No end, 10 s grace, 64 MiB of each output.
    fn default() -> Self {
        Self {
            total: None,
            silence: None,
            grace: Duration::from_secs(10),
            output_cap: 64 << 20,
        }
    }
}

/// One of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hears what happens while a command runs. While it works, the command's output waits: a slow
/// observer slows the command.
pub trait CommandObserver {
    /// The keeper runs; as long as it is alive, so may be the command. For the record that another
    /// process checks after a crash.
    fn started(&mut self, _keeper: &ProcessIdentity) {}

    /// A line of redacted output, without its end.
    fn line(&mut self, _stream: OutputStream, _line: OutputLine<'_>) {}

    /// The command is suspected of having stalled, or works again; where it has stalled, it is
    /// about to be ended.
    fn standing(&mut self, _standing: &StallState) {}

    /// Answers the command, where its standard input is
    /// [`StdinSource::Talk`](crate::process::child_command::StdinSource::Talk). To be answered at
    /// once: everything waits.
    fn talk(&mut self, _heard: CommandHeard<'_>) -> CommandReply {
        CommandReply::default()
    }
}

/// An occasion to answer in a conversation with a command.
#[derive(Debug, Clone, Copy)]
pub enum CommandHeard<'a> {
    /// The command was started.
    Start,
    /// A line of its standard output as it came: not redacted, so never to be stored.
    Line(OutputLine<'a>),
    /// The command is about to be ended before its time. What is said now is sent as far as it can
    /// be without waiting.
    Stopping,
}

/// An answer to a command.
#[derive(Debug, Default)]
pub struct CommandReply {
    /// Lines without their ends.
    pub lines: Vec<Vec<u8>>,
    /// The action that follows.
    pub after: AfterReply,
}

/// The action that follows an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterReply {
    /// The command's standard input ends behind the last line. If it does not end within the grace
    /// then, it is dismissed.
    #[default]
    Close,
    /// The conversation goes on.
    Listen,
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuietObserver;

impl CommandObserver for QuietObserver {}
