//! Whether the parts of a task let it end. A task with children is the sum of them: one that is
//! called done while they wait would say what is not so.

use crate::domain::ids::TaskId;
use crate::domain::task::{Task, TaskState};
use crate::domain::task_rules::Misfit;

/// A child of a task, as a list knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPart {
    /// The child.
    pub id: TaskId,
    /// The word for its state.
    pub state: String,
}

/// The way in which a task is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By a verdict.
    Proven,
    /// By somebody's word, which is recorded.
    Overridden,
}

impl Ended {
    /// The way of an end that `overridden`, where it is given, is the word for.
    pub fn by(overridden: Option<&str>) -> Ended {
        match overridden {
            Some(_) => Ended::Overridden,
            None => Ended::Proven,
        }
    }
}

/// Most children that a refusal names.
const NAMED: usize = 5;

/// The reason why `task` cannot end by `command` for the sake of its children; absent where it can.
pub fn open_parts(task: &Task, parts: &[TaskPart], ended: Ended, command: &str) -> Option<Misfit> {
    let is_open = |part: &&TaskPart| !TaskState::FINAL_NAMES.contains(&part.state.as_str());
    let open: Vec<&TaskPart> = parts.iter().filter(is_open).collect();
    if open.is_empty() || ended == Ended::Overridden {
        return None;
    }
    let mut names: Vec<String> = open
        .iter()
        .take(NAMED)
        .map(|part| format!("{} ({})", part.id, part.state))
        .collect();
    if open.len() > NAMED {
        names.push(format!("{} more", open.len() - NAMED));
    }
    let id = &task.id;
    Some(Misfit {
        why: format!("parts of it are open: {}", names.join(", ")),
        next: format!(
            "`ai task list --parent {id}` shows them; end or cancel them first, or say why not: \
             `{command} {id} --override 'REASON'`"
        ),
    })
}

/// The reason why the task `whole` takes no open part any more; absent where it does. One that is done says that all
/// of it is.
pub fn closed_whole(whole: &TaskId, state: &str) -> Option<Misfit> {
    (state == "done").then(|| Misfit {
        why: "it would be done with a part that is open".to_owned(),
        next: format!("`ai task reopen {whole}` opens it again, then the same command; a task of its own needs no parent"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::task;

    #[test]
    fn what_is_done_takes_no_open_part() {
        let whole = TaskId("t-1".into());
        for word in TaskState::NAMES {
            let is_closed = closed_whole(&whole, word).is_some();
            assert_eq!(is_closed, word == "done", "{word}");
        }
    }

    #[test]
    fn a_task_ends_with_its_parts_or_by_a_word() {
        let of = |states: &[&str], ended| {
            let parts: Vec<TaskPart> = states
                .iter()
                .enumerate()
                .map(|(n, state)| TaskPart {
                    id: TaskId(format!("t-{n}")),
                    state: (*state).to_owned(),
                })
                .collect();
            open_parts(&task("whole"), &parts, ended, "ai accept").map(|misfit| misfit.why)
        };
        let open = |names: &str| Some(format!("parts of it are open: {names}"));
        for (states, why) in [
            (&[][..], None),
            (&["done", "cancelled"], None),
            (&["done", "queued"], open("t-1 (queued)")),
            (&["failed", "blocked"], open("t-0 (failed), t-1 (blocked)")),
            (
                &["claimed", "running", "review"],
                open("t-0 (claimed), t-1 (running), t-2 (review)"),
            ),
            (
                &["queued"; 7],
                open(
                    "t-0 (queued), t-1 (queued), t-2 (queued), t-3 (queued), t-4 (queued), 2 more",
                ),
            ),
        ] {
            assert_eq!(of(states, Ended::Proven), why, "{states:?}");
            assert_eq!(of(states, Ended::Overridden), None, "{states:?}");
        }
        for word in TaskState::NAMES {
            let is_open = of(&[word], Ended::Proven).is_some();
            assert_eq!(is_open, !["done", "cancelled"].contains(&word), "{word}");
        }
    }
}
