//! Rules of the small types: actions, ids, money, time, backoff, events of agents.

use crate::base::rules::rules;
use crate::domain::action::{Action, Nature};
use crate::domain::agent_event::{AgentEvent, Denial, FailureClass, FileChangeKind, Usage};
use crate::domain::backoff::{PauseCause, pause_ms};
use crate::domain::decision::Effect;
use crate::domain::ids::{RunId, Subject, TaskId};
use crate::domain::money::Usd;
use crate::domain::path_lock::LockMode;
use crate::domain::routing::Relief;
use crate::domain::run::RunStep;
use crate::domain::time::{Elapsed, LeaseInstant};

fn read(text: &str) -> Result<Action, String> {
    text.parse::<Action>().map_err(|error| error.to_string())
}

rules! {
    an_action_is_read_by_its_name: read("task.claim") => Ok(Action::TaskClaim);
    an_action_far_from_all_others_gets_no_suggestion:
        read("zzzzzz") => Err("`zzzzzz` is no action".to_owned());
    an_action_is_written_in_small_letters: read("Task.Claim").is_err() => true;
    giving_back_is_harmless: Action::TaskRelease.nature() => Nature::Harmless;
    a_lock_is_given_back_harmlessly: Action::LockRelease.nature() => Nature::Harmless;
    a_claim_is_guarded: Action::TaskClaim.nature() => Nature::Guarded;
    an_approval_is_guarded: Action::ApprovalGrant.nature() => Nature::Guarded;
    trust_is_guarded: Action::Trust.nature() => Nature::Guarded;
    allow_lets_through: Effect::Allow.lets_through() => true;
    warn_lets_through: Effect::Warn.lets_through() => true;
    an_approval_stops: Effect::RequireApproval.lets_through() => false;
    deny_stops: Effect::Deny.lets_through() => false;
}

fn task(text: &str) -> TaskId {
    TaskId(text.into())
}

fn run(text: &str) -> RunId {
    RunId(text.into())
}

rules! {
    a_run_is_named_by_task_and_epoch: task("t-1").run(3) => run("t-1.3");
    a_run_knows_its_task: run("t-1.3").task() => task("t-1");
    a_run_knows_its_epoch: run("t-1.3").epoch() => 3;
    an_id_without_an_epoch_is_the_task_itself: run("t-1").task() => task("t-1");
    an_id_without_an_epoch_has_none: run("t-1").epoch() => 0;
    an_epoch_that_is_no_number_is_none: run("t-1.x").epoch() => 0;
    a_lease_on_a_task_is_about_it: Subject("t-1".into()).task() => Some(task("t-1"));
    a_lock_by_hand_is_about_no_task: Subject("l-1".into()).task() => None;
    a_task_is_its_own_subject: task("t-1").subject() => Subject("t-1".into());
}

rules! {
    a_dollar_is_a_million: Usd::from_dollars(1.0) => Some(Usd(1_000_000));
    less_than_a_millionth_is_rounded: Usd::from_dollars(0.000_000_4) => Some(Usd(0));
    a_billion_is_believed: Usd::from_dollars(1e9) => Some(Usd(1_000_000_000_000_000));
    more_than_a_billion_is_not: Usd::from_dollars(1.1e9) => None;
    a_debt_is_no_amount: Usd::from_dollars(-0.000_001) => None;
    infinity_is_no_amount: Usd::from_dollars(f64::INFINITY) => None;
    cents_are_cut_and_not_rounded: Usd(1_999_999).to_string() => "$1.99";
    amounts_are_ordered: Usd(1) < Usd(2) => true;
}

fn at(epoch: &str, ms: i64) -> LeaseInstant {
    LeaseInstant {
        epoch: epoch.into(),
        ms,
    }
}

rules! {
    time_passes_on_one_clock: at("b/n", 9).since(&at("b/n", 4)) => Elapsed::Ms(5);
    a_later_moment_lies_ahead: at("b/n", 4).since(&at("b/n", 9)) => Elapsed::Ms(-5);
    a_boot_ends_all_before: at("c/n", 9).since(&at("b/n", 4)) => Elapsed::OtherBoot;
    a_boot_ends_all_before_in_every_namespace: at("c/m", 9).since(&at("b/n", 4))
        => Elapsed::OtherBoot;
    two_namespaces_cannot_be_compared: at("b/m", 9).since(&at("b/n", 4)) => Elapsed::OtherNamespace;
    a_moment_beyond_all_time_is_the_last: at("b/n", 5).plus(i64::MAX) => at("b/n", i64::MAX);
    a_moment_later_is_on_the_same_clock: at("b/n", 5).plus(2) => at("b/n", 7);
}

/// A pause without its spread: the middle of what many seeds get, in seconds.
fn middle(trouble: PauseCause, attempts: u32) -> i64 {
    let all: Vec<i64> = (0..400)
        .map(|n| pause_ms(trouble, attempts, &format!("t-{n}.1")))
        .collect();
    let middle = (all.iter().min().unwrap() + all.iter().max().unwrap()) / 2;
    (middle + 500) / 1_000
}

fn about(found: i64, expected: i64) -> bool {
    (found - expected).abs() * 20 <= expected
}

rules! {
    a_program_that_stumbled_rests_ten_seconds: about(middle(PauseCause::Other, 0), 10) => true;
    each_attempt_doubles_the_rest: about(middle(PauseCause::Other, 1), 20) => true;
    three_attempts_make_it_eightfold: about(middle(PauseCause::Other, 3), 80) => true;
    a_rest_is_never_longer_than_ten_minutes: about(middle(PauseCause::Other, 30), 600) => true;
    a_service_that_is_down_gets_thirty_seconds:
        about(middle(PauseCause::Failure(FailureClass::Provider), 0), 30) => true;
    a_request_that_was_refused_gets_twenty_seconds:
        about(middle(PauseCause::Failure(FailureClass::Request), 0), 20) => true;
    a_limit_gets_twenty_seconds:
        about(middle(PauseCause::Failure(FailureClass::Limit), 0), 20) => true;
    a_time_limit_gets_ten_seconds: about(middle(PauseCause::Time, 0), 10) => true;
    a_quota_gets_five_minutes: about(middle(PauseCause::Quota, 0), 300) => true;
    a_quota_gets_at_most_an_hour: about(middle(PauseCause::Quota, 9), 3_600) => true;
}

rules! {
    nobody_who_takes_over_leaves_the_pause: Relief::Nobody.pause(Some(9)) => Some(9);
    nobody_and_no_pause_is_none: Relief::Nobody.pause(None) => None;
    somebody_at_once_ends_the_pause: Relief::Now.pause(Some(9)) => None;
    somebody_who_soon_has_room_ends_the_pause: Relief::Room.pause(Some(9)) => None;
    somebody_later_shortens_the_pause: Relief::At(5).pause(Some(9)) => Some(5);
    somebody_much_later_does_not_lengthen_it: Relief::At(9).pause(Some(5)) => Some(5);
    somebody_later_is_a_pause_of_its_own: Relief::At(5).pause(None) => Some(5);
    two_shared_locks_stand_side_by_side: LockMode::Shared.excludes(LockMode::Shared) => false;
    a_shared_lock_keeps_an_exclusive_out: LockMode::Shared.excludes(LockMode::Exclusive) => true;
    an_exclusive_lock_keeps_a_shared_out: LockMode::Exclusive.excludes(LockMode::Shared) => true;
    the_agent_comes_before_its_snapshot: RunStep::Agent < RunStep::Snapshot => true;
    the_verdict_is_the_last_step: RunStep::Judged > RunStep::Evidence => true;
    an_agent_works_only_when_its_step_lasts: RunStep::Agent.lasts_at_once() => true;
    a_commit_is_checked_only_when_its_step_lasts: RunStep::Checks.lasts_at_once() => true;
    a_verdict_lasts: RunStep::Judged.lasts_at_once() => true;
    the_worktree_comes_before_any_work: RunStep::Worktree.lasts_at_once() => false;
    a_snapshot_takes_what_the_agent_left: RunStep::Snapshot.lasts_at_once() => false;
    evidence_is_of_a_commit_that_stands: RunStep::Evidence.lasts_at_once() => false;
}

fn of_the_model(event: AgentEvent) -> bool {
    event.is_of_the_model()
}

rules! {
    a_message_is_of_the_model: of_the_model(AgentEvent::Message { text: "x".into() }) => true;
    thinking_is_of_the_model: of_the_model(AgentEvent::Thinking { text: "x".into() }) => true;
    a_plan_is_of_the_model: of_the_model(AgentEvent::Plan { steps: vec![] }) => true;
    a_call_is_of_the_model:
        of_the_model(AgentEvent::ToolCall {
            id: "1".into(),
            name: "Bash".into(),
            input: serde_json::Value::Null,
        }) => true;
    an_answer_of_a_tool_is_of_the_model:
        of_the_model(AgentEvent::ToolResult {
            id: "1".into(),
            is_error: false,
            summary: String::new(),
        }) => true;
    a_changed_file_is_of_the_model:
        of_the_model(AgentEvent::FileChange { path: "a".into(), kind: FileChangeKind::Add }) => true;
    a_started_session_is_of_the_program:
        of_the_model(AgentEvent::SessionStarted { session_id: None, model: None, version: None })
        => false;
    a_use_of_tokens_is_of_the_program: of_the_model(AgentEvent::Usage(Usage::default())) => false;
    a_refused_call_is_of_the_program:
        of_the_model(AgentEvent::PermissionDenied(Denial { tool: "x".into(), reason: "y".into() }))
        => false;
    a_repeated_request_is_of_the_program:
        of_the_model(AgentEvent::Retry { attempt: 1, status: None, delay_ms: None }) => false;
    a_stall_is_of_ours: of_the_model(AgentEvent::Stall { ended: true, signs: vec![] }) => false;
}
