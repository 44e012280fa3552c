//! The output of a command: counted, redacted, cut into lines for whoever listens, and kept with a
//! cap. Memory stays flat.

mod kept;
pub(crate) mod lines;
mod output;
mod shorten;

#[cfg(test)]
pub use lines::LineExtent;
#[cfg(test)]
pub(in crate::process) use lines::MAX_TEXT;
pub use lines::OutputLine;
pub(in crate::process) use lines::{LineBounds, LineSplitter};
pub(in crate::process) use output::OutputCapture;
