//! The sinks of notices: what each has not taken, and what was given up.

use std::path::Path;

use crate::base::text::{counted, one_line, shell_words};
use crate::config::Trees;
use crate::domain::notice::{NoticeSink, SinkStanding};
use crate::ops::doctor::{Finding, Patient};
use crate::ops::error::OpError;
use crate::ops::notices::{self, NoticePaths};
use crate::ops::{project, trust};

pub(super) fn look(patient: &Patient<'_>, root: &Path, findings: &mut Vec<Finding>) {
    // A configuration that cannot be read has been told of.
    let Ok(config) = project::config(root, &Trees::none()) else {
        return;
    };
    let sinks = &config.notices.sinks;
    if sinks.is_empty() {
        return;
    }
    let paths = NoticePaths::of(&project::state_dir(&patient.place.common_dir));
    let outbox = match notices::read(&paths) {
        Ok(outbox) => outbox,
        Err(error) => {
            findings.push(unreadable(&error, &paths));
            return;
        }
    };
    if let Some(text) = notices::set_aside(&paths) {
        let next = "take the file away once you have looked at it";
        findings.push(Finding::warn("notices", text).next(next));
    }
    let is_trusted =
        trust::missing(root, &patient.place.common_dir).is_ok_and(|missing| missing.is_empty());
    let before = findings.len();
    for (name, sink) in sinks {
        let standing = outbox.sinks.get(name).cloned().unwrap_or_default();
        findings.extend(of_sink(name, sink, &standing, is_trusted));
    }
    if findings.len() == before {
        let text = format!("{}, none of which has failed", counted(sinks.len(), "sink"));
        findings.push(Finding::ok("notices", text));
    }
}

/// The word on an outbox that cannot be read. A delivery sets aside what holds something else; what it cannot look
/// at stays, and nothing is delivered until it can.
fn unreadable(error: &OpError, paths: &NoticePaths) -> Finding {
    if notices::is_set_aside_next(paths) {
        let text = format!("{error}; the next delivery sets it aside and begins another");
        return Finding::warn("notices", text);
    }
    let text = format!("{error}; until it can be read, nobody is told of anything");
    let next = format!(
        "ls -ld {}",
        shell_words([paths.outbox_file().to_string_lossy().as_ref()])
    );
    Finding::bad("notices", text).next(format!(
        "{next}, then give yourself the right to read it, or move it away"
    ))
}

fn of_sink(
    name: &str,
    sink: &NoticeSink,
    standing: &SinkStanding,
    is_trusted: bool,
) -> Option<Finding> {
    if sink.needs_trust() && !is_trusted {
        let text = format!("{name} is told of nothing: it waits for your trust");
        return Some(Finding::warn("notices", text).next("ai trust --show, then ai trust"));
    }
    let error = standing.error.as_deref().map(one_line);
    let test = format!("ai notify test {name}");
    match (standing.failed_in_row, standing.dropped) {
        (0, 0) => None,
        (0, dropped) => {
            let text = format!(
                "{name} takes notices again; {} given up before",
                counted(dropped, "notice")
            );
            Some(Finding::ok("notices", text))
        }
        (failed, dropped) => {
            let why = error.map_or(String::new(), |why| format!(": {why}"));
            let lost = match dropped {
                0 => String::new(),
                n => format!("; {} given up", counted(n, "notice")),
            };
            let text = format!(
                "{name} has failed {} in a row{why}{lost}",
                counted(failed, "time")
            );
            Some(Finding::warn("notices", text).next(test))
        }
    }
}
