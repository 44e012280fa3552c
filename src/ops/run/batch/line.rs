//! The result for one task of many, and of all together.

use serde::Serialize;

use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::domain::task::Task;
use crate::ops::cx;
use crate::ops::error::OpError;
use crate::ops::run::batch::answer::ChildEnd;
use crate::store::Store;

/// The result for one task.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct Line {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The task's state now.
    pub status: String,
    /// The exit code with which `ai run` of it ended.
    pub code: u8,
    /// The run; null where none was started.
    pub run: Option<String>,
    /// The agent of the last run.
    pub agent: Option<String>,
    /// The agent in whose place that one stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_of: Option<String>,
    /// The outcome of the run.
    pub outcome: Option<String>,
    /// The short of it, or why there was no run.
    pub summary: String,
    /// The next command where there was no run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Line {
    /// The line of a task, as it was before its start, whose child has ended.
    pub fn of(store: &mut dyn Store, task: &Task, end: ChildEnd) -> Result<Line, OpError> {
        let (now, run) = store.read(|tx| -> Result<_, OpError> {
            Ok((
                cx::load(tx, &task.id)?,
                tx.runs(&task.id)?
                    .pop()
                    .filter(|run| run.id.epoch() > task.epoch),
            ))
        })?;
        let ChildEnd { code, answer } = end;
        let told = run
            .as_ref()
            .and_then(|run| run.end.as_ref())
            .map(|end| end.summary.clone());
        let summary = answer
            .error
            .or(Some(answer.summary).filter(|text| !text.is_empty()))
            .or(told)
            .unwrap_or_default();
        Ok(Line {
            task: task.id.clone(),
            title: task.title.clone(),
            status: now.status_text().to_owned(),
            code,
            agent: answer
                .agent
                .or_else(|| run.as_ref().map(|run| run.agent.clone())),
            run: answer.run.or_else(|| run.map(|run| run.id.to_string())),
            fallback_of: answer.fallback_of,
            outcome: answer.outcome,
            summary,
            next: answer.hint,
        })
    }
}

impl Line {
    /// The outcome in a word, also where the run has none.
    pub fn outcome_word(&self) -> &str {
        match (&self.outcome, &self.run) {
            (Some(outcome), _) => outcome,
            (None, None) => "not started",
            (None, Some(_)) if self.code == ErrorClass::Interrupted.code() => "stopped",
            (None, Some(_)) => "cut off",
        }
    }
}

/// All lines, and whether a person stopped it.
pub struct Summary {
    /// One a task, in the order in which they ended.
    pub lines: Vec<Line>,
    /// Stopped before everything was tried.
    pub interrupted: bool,
}

impl Summary {
    /// The exit code of the whole: 0 where everything went well, else the code that all the others
    /// share, else 1. Where some were not started that can start later, those that cannot do not count.
    pub fn code(&self) -> u8 {
        if self.interrupted {
            return ErrorClass::Interrupted.code();
        }
        let later = ErrorClass::TryLater.code();
        let waits = |line: &Line| line.run.is_none() && line.code == later;
        let is_later = self.lines.iter().any(waits);
        let cannot = |line: &Line| line.run.is_none() && line.code == ErrorClass::Conflict.code();
        let mut bad = self
            .lines
            .iter()
            .filter(|line| !(is_later && cannot(line)))
            .map(|line| line.code)
            .filter(|code| *code != 0);
        match bad.next() {
            None => 0,
            Some(first) if bad.all(|code| code == first) => first,
            Some(_) => ErrorClass::Failed.code(),
        }
    }
}
