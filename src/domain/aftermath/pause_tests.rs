use crate::base::rules::rules;
use crate::domain::agent_event::FailureClass;

use super::*;

const NOW: WallMs = 1_000_000;

fn quota(retry_at_ms: Option<i64>, after_ms: Option<u64>) -> StreamOutcome {
    StreamOutcome::Quota {
        retry_at_ms,
        after_ms,
    }
}

fn auth() -> StreamOutcome {
    StreamOutcome::Auth {
        message: String::new(),
    }
}

fn until(lifecycle: Lifecycle, stream: &StreamOutcome, before: u32) -> Option<WallMs> {
    let refusal = ProviderRefusal {
        lifecycle,
        stream,
        before,
        seed: "t-1.1",
    };
    refusal.paused_until_ms(NOW)
}

rules! {
    a_time_that_the_provider_names_is_kept:
        until(Lifecycle::Quota, &quota(Some(5), None), 0) => Some(5);
    a_time_stands_above_a_span:
        until(Lifecycle::Quota, &quota(Some(5), Some(7)), 0) => Some(5);
    a_span_is_counted_from_now:
        until(Lifecycle::Quota, &quota(None, Some(7)), 9) => Some(NOW + 7);
    a_span_beyond_all_time_ends_there:
        until(Lifecycle::Quota, &quota(None, Some(u64::MAX)), 0) => Some(i64::MAX);
    a_refused_login_is_left_alone_for_a_quarter_of_an_hour:
        until(Lifecycle::Auth, &auth(), 0) => Some(NOW + 900_000);
    one_that_was_killed_meanwhile_is_not_left_alone:
        until(Lifecycle::Killed, &quota(Some(5), None), 0) => None;
    one_that_ran_out_of_time_meanwhile_is_not_left_alone:
        until(Lifecycle::TimedOut, &auth(), 0) => None;
    one_that_finished_is_not_left_alone:
        until(Lifecycle::Finished, &StreamOutcome::Completed, 0) => None;
    one_whose_provider_was_down_is_left_alone_for_half_a_minute:
        until(
            Lifecycle::Provider,
            &StreamOutcome::Failed { class: FailureClass::Provider, message: String::new() },
            0,
        ).is_some_and(|until| (22_500..=37_500).contains(&(until - NOW))) => true;
    one_that_failed_is_not_left_alone:
        until(
            Lifecycle::Failed,
            &StreamOutcome::Failed { class: FailureClass::Provider, message: String::new() },
            0,
        ) => None;
}

#[test]
fn without_a_time_the_pause_grows_with_each_refusal_before() {
    let pauses: Vec<WallMs> = (0..3)
        .filter_map(|before| until(Lifecycle::Quota, &quota(None, None), before))
        .collect();
    assert!(pauses.len() == 3 && pauses[0] > NOW, "{pauses:?}");
    assert!(
        pauses[0] < pauses[1] && pauses[1] <= pauses[2],
        "{pauses:?}"
    );
}

/// A run that ended so, or has not ended.
fn run(lifecycle: Option<&str>) -> Run {
    let end = lifecycle.map(|lifecycle| {
        serde_json::json!({ "at_ms": 1, "lifecycle": lifecycle, "verification": "unverified",
            "policy": "allow", "freshness": "current", "outcome": "retry", "summary": "" })
    });
    serde_json::from_value(serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": "a", "connector": "c", "branch": "ai/t-1/1",
        "worktree": "w1", "started_ms": 0, "step": "judged", "end": end,
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
    }))
    .unwrap()
}

fn in_a_row(ends: &[Option<&str>]) -> u32 {
    let runs: Vec<Run> = ends.iter().map(|end| run(*end)).collect();
    refused_in_a_row(&runs)
}

rules! {
    a_task_without_runs_was_never_refused: in_a_row(&[]) => 0;
    the_newest_refusals_are_counted:
        in_a_row(&[Some("failed"), Some("quota"), Some("quota")]) => 2;
    anything_else_begins_the_count_anew:
        in_a_row(&[Some("quota"), Some("finished"), Some("quota")]) => 1;
    a_provider_that_was_down_counts_beside_a_quota: in_a_row(&[Some("quota"), Some("provider")]) => 2;
    a_refused_login_is_no_refusal_for_quota: in_a_row(&[Some("quota"), Some("auth")]) => 0;
    a_run_at_work_says_nothing: in_a_row(&[Some("quota"), None]) => 1;
}
