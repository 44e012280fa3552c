//! The command line: parsing, dispatch, and nothing of the work itself.

mod args;
mod cmd;
mod context;
mod error;
pub(crate) mod exit;
mod start;
mod token;
mod ui;

use crate::base::env;
use crate::process::guard;

/// Runs the command line.
pub fn main() -> ExitCode {
    let args = env::args();
    // Before anything else: a keeper shares nothing with the command line but the binary.
    if args.get(1).is_some_and(|first| first == guard::ARGUMENT) {
        return guard::main(&args[2..]);
    }
    ExitCode::SUCCESS
}
