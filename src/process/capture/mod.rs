//! What a command prints: counted, redacted, cut into lines for whoever listens, and kept with a cap. Memory stays flat.

mod kept;
mod lines;
mod output;

pub use lines::Line;
#[cfg(test)]
pub use lines::{Extent, MAX_LINE};
pub(in crate::process) use output::Capture;
