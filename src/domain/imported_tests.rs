use crate::base::rules::rules;
use crate::domain::ids::RunId;
use crate::domain::task::Proof;

use super::*;

fn task(state: TaskState) -> Task {
    let mut task: Task = serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
        "open_deps": 9, "created_by": "human:ann", "created_ms": 0, "updated_ms": 7, "uid": "u",
    }))
    .unwrap();
    task.state = state;
    task
}

fn run() -> RunId {
    RunId("t-1.1".into())
}

/// The state here of a task that stood so there, with so many open dependencies.
fn here(state: TaskState, open_deps: u32) -> &'static str {
    let task = settled_here(task(state), open_deps);
    assert_eq!(task.open_deps, open_deps);
    task.state.name()
}

rules! {
    a_queued_task_is_queued: here(TaskState::Queued, 0) => "queued";
    a_queued_task_that_waits_for_one_here_is_blocked: here(TaskState::Queued, 1) => "blocked";
    a_blocked_task_whose_dependencies_are_done_here_is_queued:
        here(TaskState::Blocked { blocked_by: BlockReason::Dependency }, 0) => "queued";
    a_claimed_task_is_free_here: here(TaskState::Claimed, 0) => "queued";
    a_running_task_is_free_here: here(TaskState::Running { run: run() }, 0) => "queued";
    a_task_in_review_waits_for_a_person: here(TaskState::Review { run: run() }, 0) => "blocked";
    a_done_task_is_done:
        here(TaskState::Done {
            proof: Proof::Verdict { tree: "a".into(), commit: None, run: None },
            done_ms: 0,
        }, 2) => "done";
    a_failed_task_is_failed: here(TaskState::Failed { failed_because: "x".into() }, 2) => "failed";
    a_cancelled_task_is_cancelled:
        here(TaskState::Cancelled { cancelled_because: "x".into() }, 0) => "cancelled";
}

#[test]
fn the_hold_of_a_task_in_review_says_why_and_since_when() {
    let task = settled_here(task(TaskState::Review { run: run() }), 0);
    let hold = Hold {
        kind: BlockReason::Hold,
        reason: "its run t-1.1 waited for a review in another store; runs are not imported".into(),
        since_ms: 7,
    };
    assert_eq!(task.hold, Some(hold));
}
