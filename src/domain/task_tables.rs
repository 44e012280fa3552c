use crate::base::rules::rules;
use crate::domain::task::*;

fn task(state: TaskState, hold: Option<BlockReason>, open_deps: u32) -> Task {
    let mut task: Task = serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
        "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
    }))
    .unwrap();
    task.hold = hold.map(|kind| Hold {
        kind,
        reason: "why".into(),
        since_ms: 0,
    });
    (task.state, task.open_deps) = (state, open_deps);
    task
}

fn settled(hold: Option<BlockReason>, open_deps: u32) -> TaskState {
    let mut task = task(TaskState::Claimed, hold, open_deps);
    task.settle();
    task.state
}

fn blocked(blocked_by: BlockReason) -> TaskState {
    TaskState::Blocked { blocked_by }
}

rules! {
    a_task_that_nothing_keeps_is_queued: settled(None, 0) => TaskState::Queued;
    a_task_that_waits_for_another_is_blocked: settled(None, 1) => blocked(BlockReason::Dependency);
    a_task_on_hold_is_blocked: settled(Some(BlockReason::Hold), 0) => blocked(BlockReason::Hold);
    a_hold_stands_above_a_dependency:
        settled(Some(BlockReason::Approval), 3) => blocked(BlockReason::Approval);
    a_parked_task_is_blocked: settled(Some(BlockReason::Parked), 0) => blocked(BlockReason::Parked);
}

/// The states that stay as they are although a hold would block the task.
fn stays(state: TaskState) -> bool {
    let mut task = task(state.clone(), Some(BlockReason::Hold), 0);
    task.settle_if_waiting();
    task.state == state
}

fn run() -> RunId {
    RunId("t-1.1".into())
}

fn done(proof: Proof) -> TaskState {
    TaskState::Done { proof, done_ms: 0 }
}

fn by_verdict() -> Proof {
    Proof::Verdict {
        tree: "a".into(),
        commit: None,
        run: None,
    }
}

rules! {
    a_queued_task_is_settled: stays(TaskState::Queued) => false;
    a_blocked_task_is_settled: stays(blocked(BlockReason::Dependency)) => false;
    a_claimed_task_stays_claimed: stays(TaskState::Claimed) => true;
    a_running_task_keeps_running: stays(TaskState::Running { run: run() }) => true;
    a_task_in_review_stays_there: stays(TaskState::Review { run: run() }) => true;
    a_done_task_stays_done: stays(done(by_verdict())) => true;
    a_failed_task_stays_failed: stays(TaskState::Failed { failed_because: "x".into() }) => true;
    a_cancelled_task_stays_cancelled:
        stays(TaskState::Cancelled { cancelled_because: "x".into() }) => true;
    an_override_shows_for_ever:
        task(
            done(Proof::Overridden { reason: "x".into(), by: "human:ann".parse().unwrap() }),
            None,
            0,
        )
        .status_text() => "done (overridden)";
    a_proven_end_is_done: task(done(by_verdict()), None, 0).status_text() => "done";
    done_is_final: done(by_verdict()).is_final() => true;
    cancelled_is_final: TaskState::Cancelled { cancelled_because: "x".into() }.is_final() => true;
    failed_is_not_final: TaskState::Failed { failed_because: "x".into() }.is_final() => false;
    review_is_not_final: TaskState::Review { run: run() }.is_final() => false;
    claimed_is_leased: TaskState::Claimed.is_leased() => true;
    running_is_leased: TaskState::Running { run: run() }.is_leased() => true;
    review_is_not_leased: TaskState::Review { run: run() }.is_leased() => false;
    the_words_of_leased_states: [TaskState::Claimed, TaskState::Running { run: run() }].map(|state| state.name()) => TaskState::LEASED_NAMES;
    queued_is_not_leased: TaskState::Queued.is_leased() => false;
}
