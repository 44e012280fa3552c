use crate::base::rules::rules;

use super::*;

const NOW: WallMs = 1_000;

fn task(not_before_ms: Option<WallMs>) -> Task {
    let mut task: Task = serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
        "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
    }))
    .unwrap();
    task.not_before_ms = not_before_ms;
    task
}

/// A run of `codex` whose provider refused it until this time.
fn refused(paused_until_ms: Option<WallMs>) -> Run {
    serde_json::from_value(serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": "codex", "connector": "c", "branch": "ai/t-1/1",
        "worktree": "w1", "started_ms": 0, "step": "judged",
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
        "end": { "at_ms": 1, "lifecycle": "quota", "verification": "unverified",
            "policy": "allow", "freshness": "current", "outcome": "retry_uncounted",
            "summary": "", "paused_until_ms": paused_until_ms },
    }))
    .unwrap()
}

fn left(not_before_ms: Option<WallMs>, last: Option<Run>, actor: &str) -> Option<i64> {
    let actor: Actor = actor.parse().unwrap();
    pause_left_ms(&task(not_before_ms), last.as_ref(), &actor, NOW)
}

rules! {
    a_task_without_a_time_may_be_claimed: left(None, None, "human:ann") => None;
    a_time_that_is_over_holds_nobody: left(Some(NOW - 1), None, "human:ann") => None;
    the_very_moment_holds_nobody: left(Some(NOW), None, "human:ann") => None;
    a_later_time_holds_everybody: left(Some(NOW + 9), None, "human:ann") => Some(9);
    a_pause_after_a_refusal_holds_the_refused_agent:
        left(Some(NOW + 9), Some(refused(Some(NOW + 9))), "agent:codex") => Some(9);
    a_pause_after_a_refusal_holds_no_other_agent:
        left(Some(NOW + 9), Some(refused(Some(NOW + 9))), "agent:claude") => None;
    a_pause_after_a_refusal_holds_no_person_of_that_name:
        left(Some(NOW + 9), Some(refused(Some(NOW + 9))), "human:codex") => None;
    a_time_beyond_the_refusal_was_set_by_somebody_and_holds:
        left(Some(NOW + 10), Some(refused(Some(NOW + 9))), "human:ann") => Some(10);
    a_rest_after_a_failure_holds_everybody:
        left(Some(NOW + 9), Some(refused(None)), "agent:claude") => Some(9);
    a_run_at_work_excuses_nobody:
        left(Some(NOW + 9), Some(Run { end: None, ..refused(None) }), "human:ann") => Some(9);
}

fn parked(before: u32, max: u32) -> Option<String> {
    hold_after_lapse(before, max, NOW).map(|hold| {
        assert_eq!((hold.kind, hold.since_ms), (BlockReason::Parked, NOW));
        hold.reason
    })
}

rules! {
    the_first_lapse_of_three_parks_nothing: parked(0, 3) => None;
    the_last_lapse_but_one_parks_nothing: parked(1, 3) => None;
    the_last_lapse_parks:
        parked(2, 3) => Some("its lease lapsed 3 times in a row without a release".into());
    a_single_allowed_lapse_parks:
        parked(0, 1) => Some("its lease lapsed 1 time in a row without a release".into());
    more_lapses_than_allowed_park: parked(7, 3).is_some() => true;
}
