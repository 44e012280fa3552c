//! Notices to a program, as JSON on its standard input.
//!
//! It is supervised like a check: everything that it has started is ended with it, at its time limit or at its end.

use std::io::Write as _;

use crate::base::duration;
use crate::base::text::one_line;
use crate::domain::notice::{CommandSink, Notice, SinkEnd, clipped};
use crate::notify::teller::Teller;
use crate::process::captured::{CapturedTool, run_captured};
use crate::process::supervise::{CommandEnd, CommandOutcome};

/// The beginning of the name of the file that is its standard input.
pub const INPUT: &str = "input-";

/// Bytes of what it says that are kept, to say why it failed.
const SAID: u64 = 4 << 10;

/// Runs the program with the notice.
pub(super) fn run(teller: &Teller, sink: &CommandSink, notice: &Notice) -> SinkEnd {
    let mut input = match tempfile::Builder::new()
        .prefix(INPUT)
        .tempfile_in(&teller.dir)
    {
        Ok(input) => input,
        Err(error) => return SinkEnd::Failed(format!("cannot write the notice down: {error}")),
    };
    if let Err(error) = writeln!(input, "{}", notice.to_json()) {
        return SinkEnd::Failed(format!("cannot write the notice down: {error}"));
    }
    let tool = CapturedTool {
        env: teller.env.clone(),
        cap: SAID,
        timeout: sink.timeout,
        input: Some(input.path().to_owned()),
        ..CapturedTool::new(&sink.run, &teller.root)
    };
    match run_captured(&tool) {
        Ok(outcome) => end_of(sink, &outcome),
        Err(error) => SinkEnd::Failed(error.to_string()),
    }
}

fn end_of(sink: &CommandSink, outcome: &CommandOutcome) -> SinkEnd {
    let program = sink.run.first().map(String::as_str).unwrap_or_default();
    let program = clipped(&one_line(program), 80);
    let said = String::from_utf8_lossy(&outcome.stderr.memory);
    let said = said.lines().next_back().map(str::trim).unwrap_or_default();
    let said = match clipped(&one_line(said), 120).as_str() {
        "" => String::new(),
        said => format!(": {said}"),
    };
    SinkEnd::Failed(match &outcome.end {
        CommandEnd::Exited(0) => return SinkEnd::Taken,
        CommandEnd::Exited(code) => format!("`{program}` ended with code {code}{said}"),
        CommandEnd::Signaled(signal) => format!("`{program}` was ended by signal {signal}"),
        CommandEnd::TimedOut(_) => format!(
            "`{program}` took longer than {} and was ended with all that it had started",
            duration::format(sink.timeout)
        ),
        CommandEnd::SpawnFailed(failure) => format!("`{program}` cannot be started: {failure}"),
        CommandEnd::Cancelled(_) | CommandEnd::Dismissed | CommandEnd::KeeperLost => {
            format!("`{program}` was ended from outside")
        }
    })
}
