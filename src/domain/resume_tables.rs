use crate::base::rules::rules;
use crate::domain::ids::RunId;
use crate::domain::resume::*;
use crate::domain::run::Resumed;

/// Whether a run that ended so, at this step, may be continued by the same agent on the same ground.
fn continues(lifecycle: &str, step: &str, change: impl FnOnce(&mut Run, &mut Next<'_>)) -> bool {
    let mut last: Run = serde_json::from_value(serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": "a", "connector": "c", "base": "b1",
        "branch": "ai/t-1/1", "worktree": "w1", "started_ms": 0, "step": step,
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
        "end": { "at_ms": 1, "lifecycle": lifecycle, "verification": "unverified",
            "policy": "allow", "freshness": "current", "outcome": "retry", "summary": "" },
    }))
    .unwrap();
    let mut next = Next {
        agent: "a",
        connector: "c",
        model: None,
        base: Some("b1"),
    };
    change(&mut last, &mut next);
    may_continue(&last, &next)
}

fn ended(lifecycle: &str) -> bool {
    continues(lifecycle, "agent", |_, _| ())
}

fn again(run: &mut Run) {
    run.resumed = Some(Resumed {
        run: RunId("t-1.0".into()),
        session: "s".into(),
        work: None,
        used: Default::default(),
    });
}

rules! {
    a_session_that_met_a_quota_goes_on: ended("quota") => true;
    a_session_whose_login_was_refused_goes_on: ended("auth") => true;
    a_session_that_was_killed_goes_on: ended("killed") => true;
    a_session_whose_supervisor_was_lost_goes_on: ended("lost") => true;
    a_session_that_waits_for_a_yes_goes_on: ended("parked") => true;
    a_session_that_ran_out_of_time_goes_on_once: ended("timed_out") => true;
    a_session_that_finished_is_over: ended("finished") => false;
    a_session_that_changed_nothing_is_over: ended("no_changes") => false;
    a_session_that_failed_is_over: ended("failed") => false;
    one_that_never_started_has_no_session: ended("not_started") => false;
    before_the_agent_there_is_no_session: continues("lost", "worktree", |_, _| ()) => false;
    after_the_agent_there_is_one: continues("lost", "snapshot", |_, _| ()) => true;
    a_run_at_work_is_not_continued: continues("lost", "agent", |last, _| last.end = None) => false;
    another_agent_begins_anew: continues("lost", "agent", |_, next| next.agent = "b") => false;
    another_connector_begins_anew:
        continues("lost", "agent", |_, next| next.connector = "d") => false;
    another_model_begins_anew: continues("lost", "agent", |_, next| next.model = Some("m")) => false;
    another_base_begins_anew: continues("lost", "agent", |_, next| next.base = Some("b2")) => false;
    without_a_base_nobody_can_tell_the_ground:
        continues("lost", "agent", |last, next| (last.base, next.base) = (None, None)) => false;
    one_that_ran_out_of_time_twice_is_given_up:
        continues("timed_out", "agent", |last, _| again(last)) => false;
    one_that_met_a_quota_twice_goes_on: continues("quota", "agent", |last, _| again(last)) => true;
    one_whose_session_was_new_after_all_goes_on:
        continues("timed_out", "agent", |last, _| {
            again(last);
            if let Some(end) = &mut last.end {
                end.resume_refused = Some("unknown".into());
            }
        }) => true;
}
