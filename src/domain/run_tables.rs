use crate::base::rules::rules;
use crate::domain::run::*;
use crate::domain::verdict::Lifecycle;

const NOW: WallMs = 1_000;

/// A run of `b` that ended so and whose agent is left alone until a time.
fn run(lifecycle: &str, outcome: &str, paused_until_ms: Option<WallMs>) -> Run {
    serde_json::from_value(serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": "b", "connector": "c", "branch": "ai/t-1/1",
        "worktree": "w1", "started_ms": 0, "step": "judged",
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
        "end": { "at_ms": 1, "lifecycle": lifecycle, "verification": "unverified",
            "policy": "allow", "freshness": "current", "outcome": outcome, "summary": "",
            "paused_until_ms": paused_until_ms },
    }))
    .unwrap()
}

fn at_work() -> Run {
    Run {
        end: None,
        ..run("lost", "retry", None)
    }
}

fn routed(fallback_of: Option<&str>) -> Run {
    Run {
        routed: Some(Routed {
            by: RoutedBy::Fallback,
            why: String::new(),
            fallback_of: fallback_of.map(str::to_owned),
            fallbacks: Vec::new(),
        }),
        ..at_work()
    }
}

rules! {
    a_run_without_a_choice_was_first_given_to_its_agent: at_work().first_agent() => "b";
    a_chosen_agent_is_the_first: routed(None).first_agent() => "b";
    a_fallback_stands_in_for_the_first: routed(Some("a")).first_agent() => "a";
    a_quota_that_is_not_over_stands:
        run("quota", "retry_uncounted", Some(NOW + 1)).refused_until_ms(NOW) => Some(NOW + 1);
    a_refused_login_that_is_not_over_stands:
        run("auth", "environment", Some(NOW + 1)).refused_until_ms(NOW) => Some(NOW + 1);
    a_refusal_is_over_at_its_time:
        run("quota", "retry_uncounted", Some(NOW)).refused_until_ms(NOW) => None;
    a_refusal_without_a_time_is_over:
        run("quota", "retry_uncounted", None).refused_until_ms(NOW) => None;
    a_failure_is_no_refusal: run("failed", "retry", Some(NOW + 1)).refused_until_ms(NOW) => None;
    a_run_at_work_was_not_refused: at_work().refused_until_ms(NOW) => None;
    a_run_at_work_is_no_attempt_yet: at_work().was_an_attempt() => false;
    a_failed_run_was_an_attempt: run("failed", "retry", None).was_an_attempt() => true;
    a_reviewed_run_was_an_attempt:
        run("finished", "ready_for_review", None).was_an_attempt() => true;
    a_run_that_met_a_quota_was_none: run("quota", "retry_uncounted", None).was_an_attempt() => false;
    a_run_on_a_broken_machine_was_none:
        run("not_started", "environment", None).was_an_attempt() => false;
}

#[test]
fn only_what_a_provider_does_is_a_refusal_that_stands() {
    let refused: Vec<&str> = Lifecycle::ALL
        .iter()
        .map(|lifecycle| lifecycle.as_str())
        .filter(|word| {
            run(word, "retry", Some(NOW + 1))
                .refused_until_ms(NOW)
                .is_some()
        })
        .collect();
    assert_eq!(refused, ["quota", "auth", "provider"]);
}
