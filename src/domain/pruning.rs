//! What pruning takes away and what stays, each with its reason. Whoever looks finds out what is
//! there; where in doubt, a thing stays.

use crate::base::text::counted;
use crate::domain::task::Task;
use crate::domain::time::WallMs;

/// The fate of a thing, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The thing goes, for this reason.
    Goes(String),
    /// The thing stays, for this reason.
    Stays(String),
}

/// From which age on something may go.
#[derive(Clone, Copy, Debug)]
pub struct Ages {
    /// A worktree in which nobody has worked, in milliseconds.
    pub idle_ms: i64,
    /// Things that were moved out of the way of a run, and those that an earlier pruning took away, in
    /// milliseconds.
    pub kept_ms: i64,
}

/// A worktree of the pool that nobody works in.
#[derive(Debug, Clone, Copy)]
pub struct IdleWorktree<'a> {
    /// The name.
    pub name: &'a str,
    /// When somebody last worked in it.
    pub used_ms: WallMs,
    /// Files that differ from its last commit; absent where that cannot be told.
    pub dirty: Option<usize>,
}

impl IdleWorktree<'_> {
    /// Decides about the worktree. `saved_on` looks for a reference that holds exactly what
    /// stands in it, and is asked only where that matters.
    pub fn fate(
        &self,
        ages: &Ages,
        now_ms: WallMs,
        saved_on: impl FnOnce() -> Option<String>,
    ) -> Fate {
        if self.used_ms > now_ms - ages.idle_ms {
            return stays("it was used not long ago");
        }
        let files = match self.dirty {
            None => {
                return stays(
                    "it cannot be told whether it holds work; `ai worktree rescue` looks",
                );
            }
            Some(0) => return goes("idle; its commits stand on branches"),
            Some(files) => standing(files),
        };
        match saved_on() {
            Some(reference) => Fate::Goes(format!("idle; {files} on {reference}")),
            None => Fate::Stays(format!(
                "{files} nowhere else; `ai worktree rescue {}` saves it",
                self.name
            )),
        }
    }
}

/// Decides about the branch or rescue of a run of `task`, which the store may know. What is
/// `merged` is looked up only where the task has ended, and may fail to be told.
pub fn of_run<T: From<Fate>>(task: &str, known: Option<&Task>, merged: impl FnOnce() -> T) -> T {
    match known {
        None => Fate::Stays(format!("the store knows no task {task}")).into(),
        Some(known) if !known.state.is_final() => {
            Fate::Stays(format!("its task is {}", known.status_text())).into()
        }
        Some(_) => merged(),
    }
}

/// Decides about something that was moved out of the way of a run at this time.
pub fn of_kept(since_ms: WallMs, ages: &Ages, now_ms: WallMs) -> Fate {
    if since_ms <= now_ms - ages.kept_ms {
        goes("it was moved out of the way of a run long ago")
    } else {
        stays("it was moved out of the way of a run, and could not be saved as a commit")
    }
}

/// Decides about something that an earlier pruning took away, where it is known when.
pub fn of_pruned(when_ms: Option<WallMs>, ages: &Ages, now_ms: WallMs) -> Fate {
    if when_ms.is_some_and(|when| when <= now_ms - ages.kept_ms) {
        goes("it was kept for long enough")
    } else {
        stays("an earlier pruning took it away; it is kept for a while")
    }
}

fn standing(files: usize) -> String {
    let verb = if files == 1 { "stands" } else { "stand" };
    format!("{} {verb}", counted(files, "changed file"))
}

fn goes(why: &str) -> Fate {
    Fate::Goes(why.to_owned())
}

fn stays(why: &str) -> Fate {
    Fate::Stays(why.to_owned())
}

#[cfg(test)]
#[path = "pruning_tests.rs"]
mod tests;
