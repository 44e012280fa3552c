//! What to run, within which limits, and who listens.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::process::capture::Line;
use crate::process::identity::ProcessIdentity;
use crate::process::sandbox::Fence;

/// A command to supervise.
#[derive(Debug, Clone)]
pub struct SpawnSpec {
    /// Program and arguments; a program without a slash is looked up in the `PATH` of `env`.
    pub argv: Vec<OsString>,
    /// Working directory.
    pub cwd: PathBuf,
    /// The whole environment; nothing else is inherited but the run's mark, which is added here.
    pub env: Vec<(OsString, OsString)>,
    /// Standard input.
    pub stdin: StdinSource,
    /// The run for which this is started, if any; marks every process of it in its environment.
    pub run_id: Option<String>,
    /// What it may reach; `None` is all that the user may.
    pub fence: Option<Fence>,
    /// When to end it.
    pub limits: Limits,
    /// Where standard output goes.
    pub stdout: OutputTo,
    /// Where standard error goes.
    pub stderr: OutputTo,
}

/// Where a command reads from. Never a pipe: a command that does not read would block its writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StdinSource {
    /// `/dev/null`.
    Null,
    /// This file, from its start.
    File(PathBuf),
}

/// Where output goes, always redacted and capped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputTo {
    /// A new file, readable by its owner only; one that is there is replaced.
    File(PathBuf),
    /// Memory; see `CaptureStats::memory`. For small caps.
    Memory,
}

/// When a command is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Longest run; `None` is without end.
    pub total: Option<Duration>,
    /// Longest time without a byte on either output; `None` is without end.
    pub silence: Option<Duration>,
    /// From `SIGTERM` to `SIGKILL`.
    pub grace: Duration,
    /// Bytes kept of each output: the first half and the last half.
    pub output_cap: u64,
}

impl Default for Limits {
    /// No end, 10 s grace, 64 MiB of each output.
    fn default() -> Self {
        Self { total: None, silence: None, grace: Duration::from_secs(10), output_cap: 64 << 20 }
    }
}

/// One of the two outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Hears what happens while a command runs. While it works, the command's output waits: a slow observer slows the command.
pub trait Observer {
    /// The keeper runs; as long as it is alive, so may be the command. For the record that another process checks after a crash.
    fn started(&mut self, _keeper: &ProcessIdentity) {}

    /// A line of redacted output, without its end.
    fn line(&mut self, _stream: Stream, _line: Line<'_>) {}
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Observer for Quiet {}
