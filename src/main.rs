//! The `ai` binary: everything is in the library, so that tests and docs see it.

use std::process::ExitCode;

fn main() -> ExitCode {
    ai::cli::main(ai::Doors {
        hatch: ai::hatch::open,
        mcp: ai::mcp::serve,
        daemon: ai::daemon::serve,
        board: ai::board::serve,
    })
}
