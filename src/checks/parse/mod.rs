//! Reads the output of test tools into counts, failed tests and excerpts.
//!
//! Each parser is a pure function of the output (and the exit code, where the tool gives it a
//! meaning). None decides: a parser says what it saw, the judge weighs it against the exit code.
//! Output is hostile: a test may print anything.

mod auto;
mod cargo;
mod choice;
mod exit_code;
mod go;
mod junit;
mod nextest;
mod output;
mod parsed;
mod pytest;

pub use choice::parse;
pub use exit_code::end_of;
pub use junit::ReportsTold;
pub use output::{CheckOutput, machine_trouble};
pub use parsed::ParsedTests;
