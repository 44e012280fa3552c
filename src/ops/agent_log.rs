//! What the agent of a run said: found, read while the run is at work, and put into words.
//!
//! Everything here was redacted when it was captured. Nothing is judged by it, and what the agent
//! wrote drives no terminal.

use std::path::Path;
use std::time::Duration;

use crate::base::fs::{DirWatch, FsError, Tail};
use crate::base::text::{multi_line, one_line};
use crate::domain::agent_event::{AgentEvent, FileChangeKind};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::{Run, RunEnd, RunStep};
use crate::domain::time::Now;
use crate::ops::cx;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::files::RunDir;
use crate::ops::run::recovery::liveness;
use crate::store::Tx;

/// Most letters of what a tool was asked and has answered.
const CLIP: usize = 160;

/// The run that was typed, else the newest of the task.
pub fn find(tx: &mut dyn Tx, typed: &str) -> Result<Run, OpError> {
    let id = cx::resolve(tx, typed)?;
    let mut all = tx.runs(&id)?;
    let Some(epoch) = cx::epoch_in(typed) else {
        return all.pop().ok_or_else(|| never_run(&id));
    };
    let found = all.into_iter().find(|run| run.id.epoch() == epoch);
    found.ok_or_else(|| {
        Refusal::NotFound {
            what: Thing::Run,
            id: one_line(typed),
        }
        .into()
    })
}

fn never_run(id: &TaskId) -> OpError {
    Refusal::Missing {
        why: format!("{id} has not been run yet, so no agent has said anything"),
        hint: format!("ai run {id}"),
    }
    .into()
}

/// The progress of a run, as somebody sees it who follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// At work, at this step.
    At(RunStep),
    /// Ended, and judged.
    Ended(RunEnd),
    /// Cut off: nobody supervises it any more.
    CutOff(&'static str),
}

/// Looks how far a run is. `state` is the directory of the store.
pub fn progress(tx: &mut dyn Tx, id: &RunId, now: &Now, state: &Path) -> Result<Progress, OpError> {
    let Some(run) = tx.run(id)? else {
        return Err(Refusal::NotFound {
            what: Thing::Run,
            id: id.to_string(),
        }
        .into());
    };
    if let Some(loss) = liveness::loss(tx, &run, now, state)?.filter(|_| run.end.is_none()) {
        return Ok(Progress::CutOff(loss.cause()));
    }
    Ok(run.end.map_or(Progress::At(run.step), Progress::Ended))
}

/// Something that an agent said.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// In the words that all agents share.
    Event(AgentEvent),
    /// On its standard error.
    Stderr(String),
}

/// The words of the agent of one run, which may still be at work.
pub struct AgentLog {
    events: Tail,
    stderr: Tail,
    watch: DirWatch,
}

impl AgentLog {
    /// The log of a run from its beginning. `state` is the directory of the store.
    pub fn open(state: &Path, run: &RunId) -> AgentLog {
        let dir = RunDir::below(state, run);
        AgentLog {
            events: Tail::of(dir.events()),
            stderr: Tail::of(dir.stderr()),
            watch: DirWatch::over(dir.path()),
        }
    }

    /// Waits until there may be more, at most so long.
    pub fn wait(&self, at_most: Duration) {
        self.watch.wait(at_most);
    }

    /// The watch that tells when there may be more, for whoever waits for other things, too.
    pub fn watch(&self) -> &DirWatch {
        &self.watch
    }

    /// What was said since the last call and is whole; a line that is no event is passed over.
    pub fn next(&mut self) -> Result<Option<Said>, FsError> {
        while let Some(line) = self.events.line()? {
            if let Ok(event) = serde_json::from_slice(&line) {
                return Ok(Some(Said::Event(event)));
            }
        }
        Ok(self.stderr.line()?.map(said_on_stderr))
    }

    /// What stands behind the last whole line of a run that has ended.
    pub fn rest(&mut self) -> Option<Said> {
        self.stderr.rest().map(said_on_stderr)
    }
}

fn said_on_stderr(line: Vec<u8>) -> Said {
    Said::Stderr(String::from_utf8_lossy(&line).into_owned())
}

/// A saying for a person; nothing for what only machines want.
pub fn text(said: &Said) -> Option<String> {
    Some(match said {
        Said::Stderr(line) => format!("stderr: {}", one_line(line)),
        Said::Event(event) => return text_of(event),
    })
}

fn text_of(event: &AgentEvent) -> Option<String> {
    Some(match event {
        AgentEvent::SessionStarted { model, version, .. } => {
            let of = |what: &Option<String>, before| {
                what.as_ref()
                    .map_or(String::new(), |what| format!("{before}{}", one_line(what)))
            };
            format!(
                "-- session{}{}",
                of(model, " with "),
                of(version, ", version ")
            )
        }
        AgentEvent::Message { text } => multi_line(text.trim_end()),
        AgentEvent::Thinking { text } => format!("(thinking) {}", multi_line(text.trim_end())),
        AgentEvent::ToolCall { name, input, .. } => {
            format!("> {} {}", one_line(name), asked(input))
                .trim_end()
                .to_owned()
        }
        AgentEvent::ToolResult {
            is_error, summary, ..
        } => {
            let mark = if *is_error { "! " } else { "" };
            format!("< {mark}{}", short(summary)).trim_end().to_owned()
        }
        AgentEvent::FileChange { path, kind } => {
            let what = match kind {
                FileChangeKind::Add => "added",
                FileChangeKind::Update => "changed",
                FileChangeKind::Delete => "deleted",
            };
            format!("* {what} {}", one_line(path))
        }
        AgentEvent::Plan { steps } => {
            let steps = steps
                .iter()
                .map(|step| format!("\n   [{}] {}", one_line(&step.status), one_line(&step.text)));
            format!("-- plan{}", steps.collect::<String>())
        }
        // Told with every answer, and summed up by `ai agent stats` and `ai budget`.
        AgentEvent::Usage(_) => return None,
        AgentEvent::PermissionDenied(denial) => {
            format!(
                "! denied: {}: {}",
                one_line(&denial.tool),
                short(&denial.reason)
            )
        }
        AgentEvent::Retry {
            attempt,
            status,
            delay_ms,
        } => {
            let why = status.map_or(String::new(), |status| format!(", HTTP {status}"));
            let wait = delay_ms.map_or(String::new(), |ms| format!(", in {} s", ms.div_ceil(1000)));
            format!("! the model is asked again (try {attempt}{why}{wait})")
        }
        AgentEvent::Error { message, .. } => format!("! error: {}", short(message)),
        AgentEvent::Stall { ended, signs } => {
            let what = if *ended {
                "ended, since it stood still"
            } else {
                "it may stand still"
            };
            let signs = short(&signs.join("; "));
            format!("! {what}: {signs}")
                .trim_end_matches([':', ' '])
                .to_owned()
        }
        AgentEvent::Result {
            is_error,
            reason,
            turns,
            text,
        } => {
            let how = if *is_error {
                "ended with an error"
            } else {
                "ended"
            };
            let turns = turns.map_or(String::new(), |turns| format!(", turns {turns}"));
            // Its last text has mostly been a message before; of an error it is the reason.
            let last = if *is_error && !text.is_empty() {
                format!(": {}", short(text))
            } else {
                String::new()
            };
            format!("-- {how} ({}{turns}){last}", one_line(reason))
        }
    })
}

/// What a tool was asked: the one text in it, else all of it as JSON.
fn asked(input: &serde_json::Value) -> String {
    let texts = |map: &serde_json::Map<String, serde_json::Value>| match map.values().next() {
        Some(serde_json::Value::String(only)) if map.len() == 1 => Some(short(only)),
        _ => None,
    };
    match input {
        serde_json::Value::Null => String::new(),
        serde_json::Value::Object(map) if map.is_empty() => String::new(),
        serde_json::Value::Object(map) => texts(map).unwrap_or_else(|| short(&input.to_string())),
        other => short(&other.to_string()),
    }
}

fn short(text: &str) -> String {
    let line = one_line(text.trim());
    match line.char_indices().nth(CLIP) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}

#[cfg(test)]
#[path = "agent_log_tests.rs"]
mod tests;
