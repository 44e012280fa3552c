//! What a command prints: counted, redacted, cut into lines for whoever listens, and kept with a cap. Memory stays flat.

mod kept;
mod lines;
mod output;

#[cfg(test)]
pub use lines::Extent;
pub use lines::Line;
pub use lines::MAX_LINE;
pub(in crate::process) use lines::Splitter;
pub(in crate::process) use output::Capture;
