//! Who may claim a task when: pauses, and leases that lapsed too often.

use crate::base::text::counted;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::run::Run;
use crate::domain::task::{BlockReason, Hold, Task};
use crate::domain::time::WallMs;

/// How many milliseconds `task` still pauses for `actor`, who names it by its id; absent where it
/// may be claimed at once. `last` is its last run.
pub fn pause_left_ms(
    task: &Task,
    last: Option<&Run>,
    actor: &Actor,
    now_ms: WallMs,
) -> Option<i64> {
    let wait = task.not_before_ms? - now_ms;
    (wait > 0 && !is_anothers_pause(task, last, actor)).then_some(wait)
}

/// True where the task pauses because a provider has refused some other agent. Such a pause binds
/// that agent; whoever is named for the task by its id need not wait for it.
fn is_anothers_pause(task: &Task, last: Option<&Run>, actor: &Actor) -> bool {
    let Some((run, until)) =
        last.and_then(|run| Some((&run.agent, run.end.as_ref()?.paused_until_ms?)))
    else {
        return false;
    };
    let is_its_own = actor.kind == ActorKind::Agent && actor.name.as_str() == run;
    !is_its_own && task.not_before_ms.is_some_and(|at| at <= until)
}

/// The hold of a task whose lease lapsed, having lapsed `before` times in a row; absent while fewer
/// than `max_lapses` have.
pub fn hold_after_lapse(before: u32, max_lapses: u32, now_ms: WallMs) -> Option<Hold> {
    let lapses = before.saturating_add(1);
    (lapses >= max_lapses).then(|| Hold {
        kind: BlockReason::Parked,
        reason: format!(
            "its lease lapsed {} in a row without a release",
            counted(lapses, "time")
        ),
        since_ms: now_ms,
    })
}

#[cfg(test)]
#[path = "claiming_tests.rs"]
mod tests;
