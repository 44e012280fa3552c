//! What a command prints: counted, redacted, cut into lines for whoever listens, and kept with a
//! cap. Memory stays flat.

mod kept;
mod lines;
mod output;
mod shorten;

#[cfg(test)]
pub use lines::Extent;
pub use lines::Line;
#[cfg(test)]
pub(in crate::process) use lines::MAX_TEXT;
pub(in crate::process) use lines::{Bounds, Splitter};
pub(in crate::process) use output::Capture;
