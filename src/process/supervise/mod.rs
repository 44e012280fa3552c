//! Runs one command under a keeper, with limits on time, silence and output, and says how it ended.
//!
//! What the command prints passes the redactor before anything else sees it: the files and the line
//! observer alike.

mod cancel;
mod ending;
mod outcome;
mod run;
mod spec;
mod stillness;
#[cfg(test)]
mod tests;
mod voice;
mod watch;

pub use crate::domain::process_end::StopReason;
pub use cancel::CancelToken;
pub use outcome::{
    CaptureStats, End, Exit, OomHint, Outcome, SpawnFailure, SpawnFailureKind, Timeout,
};
pub use run::{SuperviseError, supervise};
pub use spec::{
    After, Heard, Limits, Observer, OutputTo, Quiet, Saying, SpawnSpec, StdinSource, Stream,
};

pub use crate::process::capture::Line;
