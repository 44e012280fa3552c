use crate::base::rules::rules;
use crate::domain::ids::RunId;
use crate::domain::task::{BlockReason, Proof, TaskState};

use super::*;

const NOW: WallMs = 1_000;
const AGES: Ages = Ages {
    idle_ms: 100,
    kept_ms: 200,
};

fn worktree(age_ms: i64, dirty: Option<usize>, saved_on: Option<&str>) -> Fate {
    let slot = IdleWorktree {
        name: "w1",
        used_ms: NOW - age_ms,
        dirty,
    };
    slot.fate(&AGES, NOW, || saved_on.map(str::to_owned))
}

rules! {
    a_worktree_used_just_now_stays: worktree(0, Some(0), None) => stays("it was used not long ago");
    a_worktree_used_within_its_age_stays:
        worktree(99, Some(0), Some("r")) => stays("it was used not long ago");
    a_worktree_of_its_full_age_goes_where_it_is_clean:
        worktree(100, Some(0), None) => goes("idle; its commits stand on branches");
    a_worktree_of_which_nobody_can_tell_stays:
        worktree(500, None, Some("r"))
        => stays("it cannot be told whether it holds work; `ai worktree rescue` looks");
    one_changed_file_that_stands_nowhere_else_keeps_it:
        worktree(500, Some(1), None)
        => stays("1 changed file stands nowhere else; `ai worktree rescue w1` saves it");
    changed_files_that_stand_on_a_rescue_let_it_go:
        worktree(500, Some(2), Some("refs/ai/rescue/t-1/1"))
        => goes("idle; 2 changed files stand on refs/ai/rescue/t-1/1");
}

#[test]
fn nobody_looks_for_a_rescue_of_a_clean_worktree() {
    let slot = IdleWorktree {
        name: "w1",
        used_ms: 0,
        dirty: Some(0),
    };
    let fate = slot.fate(&AGES, NOW, || unreachable!("it is clean"));
    assert!(matches!(fate, Fate::Goes(_)));
}

fn run_of(state: Option<TaskState>) -> Fate {
    let task = state.map(|state| {
        let mut task: Task = serde_json::from_value(serde_json::json!({
            "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
            "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
        }))
        .unwrap();
        task.state = state;
        task
    });
    of_run("t-1", task.as_ref(), || goes("merged"))
}

fn run() -> RunId {
    RunId("t-1.1".into())
}

rules! {
    work_of_a_task_that_nobody_knows_stays: run_of(None) => stays("the store knows no task t-1");
    work_of_a_queued_task_stays: run_of(Some(TaskState::Queued)) => stays("its task is queued");
    work_of_a_claimed_task_stays: run_of(Some(TaskState::Claimed)) => stays("its task is claimed");
    work_of_a_running_task_stays:
        run_of(Some(TaskState::Running { run: run() })) => stays("its task is running");
    work_of_a_blocked_task_stays:
        run_of(Some(TaskState::Blocked { blocked_by: BlockReason::Hold }))
        => stays("its task is blocked");
    work_in_review_stays:
        run_of(Some(TaskState::Review { run: run() })) => stays("its task is review");
    work_of_a_failed_task_stays:
        run_of(Some(TaskState::Failed { failed_because: "x".into() }))
        => stays("its task is failed");
    work_of_a_done_task_goes_where_it_is_merged:
        run_of(Some(TaskState::Done {
            proof: Proof::Overridden { reason: "x".into(), by: "human:ann".parse().unwrap() },
            done_ms: 0,
        })) => goes("merged");
    work_of_a_cancelled_task_goes_where_it_is_merged:
        run_of(Some(TaskState::Cancelled { cancelled_because: "x".into() })) => goes("merged");
    a_kept_directory_of_its_full_age_goes:
        of_kept(NOW - 200, &AGES, NOW) => goes("it was moved out of the way of a run long ago");
    a_younger_kept_directory_stays:
        of_kept(NOW - 199, &AGES, NOW)
        => stays("it was moved out of the way of a run, and could not be saved as a commit");
    what_was_pruned_long_enough_ago_goes:
        of_pruned(Some(NOW - 200), &AGES, NOW) => goes("it was kept for long enough");
    what_was_pruned_lately_stays:
        of_pruned(Some(NOW - 199), &AGES, NOW)
        => stays("an earlier pruning took it away; it is kept for a while");
    what_was_pruned_nobody_knows_when_stays:
        of_pruned(None, &AGES, NOW)
        => stays("an earlier pruning took it away; it is kept for a while");
}
