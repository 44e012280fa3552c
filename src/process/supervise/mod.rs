//! Runs one command under a keeper, with limits on time, silence and output, and says how it ended.
//!
//! What the command prints passes the redactor before anything else sees it: the files and the line
//! observer alike.

mod cancel;
mod ending;
mod outcome;
mod run;
mod spec;
mod stdin_pipe;
pub(crate) mod stillness;
#[cfg(test)]
mod tests;
mod watch;

pub use crate::domain::process_end::StopReason;
pub use cancel::CancelToken;
pub use outcome::{
    CaptureStats, CommandEnd, CommandOutcome, OomHint, ProcessExit, SpawnFailure, SpawnFailureKind,
    TimeoutKind,
};
pub use run::{SuperviseError, supervise};
pub use spec::{
    AfterReply, CommandHeard, CommandLimits, CommandObserver, CommandReply, OutputStream, OutputTo,
    QuietObserver, SpawnSpec,
};

pub use crate::process::capture::OutputLine;
pub use crate::process::child_command::ChildCommand;
