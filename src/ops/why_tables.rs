use crate::base::rules::rules;
use crate::domain::task::Hold;
use crate::ops::why::*;

const NOW: i64 = 1_000_000;

fn task(hold: Option<(BlockReason, &str)>) -> Task {
    let mut task: Task = serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
        "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
    }))
    .unwrap();
    task.hold = hold.map(|(kind, reason)| Hold {
        kind,
        reason: reason.to_owned(),
        since_ms: 0,
    });
    task
}

fn run(lifecycle: &str, outcome: &str, paused_until_ms: Option<i64>) -> Run {
    serde_json::from_value(serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": "codex", "connector": "c", "branch": "ai/t-1/1",
        "worktree": "w1", "started_ms": 0, "step": "judged",
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
        "end": { "at_ms": 1, "lifecycle": lifecycle, "verification": "unverified",
            "policy": "allow", "freshness": "current", "outcome": outcome,
            "summary": "overloaded\nmore", "paused_until_ms": paused_until_ms },
    }))
    .unwrap()
}

fn told(name: &'static str, text: &str, by: Option<&str>, next: &str) -> Gate {
    gate(
        name,
        text.to_owned(),
        by.map(str::to_owned),
        Some(next.to_owned()),
    )
}

rules! {
    a_hold_is_lifted_by_hand:
        held(&task(Some((BlockReason::Hold, "wait for ann"))))
        => told("hold", "wait for ann", None, "ai task unhold t-1");
    a_parked_task_is_lifted_by_hand:
        held(&task(Some((BlockReason::Parked, "its lease lapsed"))))
        => told("parked", "its lease lapsed", None, "ai task unhold t-1");
    an_approval_names_its_decision:
        held(&task(Some((BlockReason::Approval, "waits for your yes to d-1234567890: edit a"))))
        => told(
            "approval",
            "waits for your yes to d-1234567890: edit a",
            Some("d-1234567890"),
            "ai policy explain d-1234567890, then `ai approve d-1234567890`",
        );
    a_hold_that_names_a_decision_is_a_hold:
        held(&task(Some((BlockReason::Hold, "see d-1234567890")))).by => None;
    a_task_that_is_blocked_by_nothing_known_is_on_hold:
        held(&task(None)) => told("hold", "it is on hold", None, "ai task unhold t-1");
    a_quota_is_told_with_its_run:
        refused_at(&task(None), Some(&run("quota", "retry_uncounted", Some(NOW + 60_000))), NOW)
        => Some(told(
            "quota",
            "the provider of agent codex has refused for rate or quota in run t-1.1; it is asked again in 60s",
            Some("t-1.1"),
            "ai route explain t-1",
        ));
    a_login_is_told_with_its_run:
        refused_at(&task(None), Some(&run("auth", "environment", Some(NOW + 1_000))), NOW)
            .map(|gate| gate.gate)
        => Some("login".into());
    a_provider_that_is_down_is_told_with_its_run:
        refused_at(&task(None), Some(&run("provider", "retry_uncounted", Some(NOW + 30_000))), NOW)
        => Some(told(
            "provider",
            "the provider of agent codex was down in run t-1.1; it is asked again in 30s",
            Some("t-1.1"),
            "ai route explain t-1",
        ));
    a_quota_that_is_over_holds_nothing:
        refused_at(&task(None), Some(&run("quota", "retry_uncounted", Some(NOW))), NOW) => None;
    a_failed_run_is_no_refusal:
        refused_at(&task(None), Some(&run("failed", "retry", Some(NOW + 1))), NOW) => None;
    a_task_without_a_run_was_not_refused: refused_at(&task(None), None, NOW) => None;
    a_rest_after_a_failure_names_the_run_and_its_first_line:
        waits(&task(None), Some(&run("failed", "retry", None)), 60_000)
        => told(
            "backoff",
            "it rests for 60s after run t-1.1: overloaded",
            Some("t-1.1"),
            "ai task edit t-1 --not-before now",
        );
    a_time_that_somebody_set_is_told_as_one:
        waits(&task(None), None, 60_000)
        => told("not_before", "not before 60s from now", None, "ai task edit t-1 --not-before now");
    a_time_after_a_good_run_was_set_by_somebody:
        waits(&task(None), Some(&run("finished", "ready_for_review", None)), 60_000).gate
        => "not_before";
    a_proven_end_names_its_tree:
        done(&TaskId("t-1".into()), &Proof::Verdict {
            tree: "0123456789abcdef".into(),
            commit: None,
            run: None,
        }) => told(
            "done",
            "done: the checks passed on tree 0123456789ab",
            None,
            "ai evidence list t-1",
        );
    an_overridden_end_names_who_and_why:
        done(&TaskId("t-1".into()), &Proof::Overridden {
            reason: "known".into(),
            by: "human:ann".parse().unwrap(),
        }) => told("done", "done (overridden) by human:ann: known", None, "ai evidence list t-1");
}
