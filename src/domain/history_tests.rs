use crate::base::rules::rules;
use crate::domain::run::Run;

use super::*;

const NOW: WallMs = 1_000;

fn state(streak: u32, quota: Option<WallMs>, login: Option<WallMs>) -> AgentState {
    let last = AgentLast {
        agent: "a".into(),
        run: "t-1.1".into(),
        ended_ms: 0,
        lifecycle: "failed".into(),
        outcome: "retry".into(),
        streak,
        quota_until_ms: quota,
        login_until_ms: login,
    };
    last.state(NOW)
}

rules! {
    an_agent_that_did_well_is_fine: state(0, None, None) => AgentState::Fine;
    an_agent_that_failed_is_failing: state(1, None, None) => AgentState::Failing(1);
    failures_in_a_row_are_counted: state(4, None, None) => AgentState::Failing(4);
    an_agent_without_quota_is_told_until_when:
        state(0, Some(NOW + 1), None) => AgentState::NoQuota(NOW + 1);
    a_quota_stands_above_failures: state(4, Some(NOW + 1), None) => AgentState::NoQuota(NOW + 1);
    a_quota_stands_above_a_login:
        state(0, Some(NOW + 1), Some(NOW + 9)) => AgentState::NoQuota(NOW + 1);
    a_refused_login_is_told_until_when:
        state(0, None, Some(NOW + 9)) => AgentState::NoLogin(NOW + 9);
    a_login_stands_above_failures: state(4, None, Some(NOW + 9)) => AgentState::NoLogin(NOW + 9);
    a_quota_that_opens_now_is_over: state(0, Some(NOW), None) => AgentState::Fine;
    a_login_pause_that_ends_now_is_over: state(2, None, Some(NOW)) => AgentState::Failing(2);
}

fn run(agent: &str, outcome: &str) -> Run {
    serde_json::from_value(serde_json::json!({
        "id": "t-1.1", "task": "t-1", "agent": agent, "connector": "c", "branch": "ai/t-1/1",
        "worktree": "w1", "started_ms": 0, "step": "judged",
        "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
        "end": { "at_ms": 1, "lifecycle": "failed", "verification": "unverified",
            "policy": "allow", "freshness": "current", "outcome": outcome, "summary": "" },
    }))
    .unwrap()
}

fn attempts(newest: usize) -> Vec<(String, u32)> {
    let runs = [
        run("a", "retry"),
        run("b", "retry"),
        run("a", "retry_uncounted"),
        run("a", "send_back_checks"),
        run("b", "environment"),
    ];
    attempts_by_agent(&runs, newest).into_iter().collect()
}

fn made(all: &[(&str, u32)]) -> Vec<(String, u32)> {
    all.iter()
        .map(|(name, n)| ((*name).to_owned(), *n))
        .collect()
}

rules! {
    a_task_with_fresh_attempts_has_seen_nobody: attempts(0) => made(&[]);
    the_newest_attempt_is_that_of_the_last_who_made_one: attempts(1) => made(&[("a", 1)]);
    what_was_nobodys_fault_is_passed_over: attempts(2) => made(&[("a", 1), ("b", 1)]);
    all_attempts_are_counted_by_agent: attempts(3) => made(&[("a", 2), ("b", 1)]);
    more_attempts_than_runs_are_those_that_there_are: attempts(9) => made(&[("a", 2), ("b", 1)]);
}
