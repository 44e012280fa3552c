//! What a command prints: counted, redacted, cut into lines for whoever listens, and kept with a cap. Memory stays flat.

mod kept;
mod lines;
mod output;

pub use lines::{Extent, Line, MAX_LINE};
pub(in crate::process) use output::Capture;
