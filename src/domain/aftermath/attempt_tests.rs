use crate::base::rules::rules;
use crate::domain::agent_event::{Denial, FailureClass};

use super::*;
use crate::domain::verdict::{Freshness, PolicyVerdict, Verification};

const QUOTA: StreamOutcome = StreamOutcome::Quota {
    retry_at_ms: None,
    after_ms: None,
};

fn exited(code: i32) -> ProcessEnd {
    ProcessEnd::Exited { code }
}

fn auth() -> StreamOutcome {
    StreamOutcome::Auth {
        message: "log in".into(),
    }
}

fn refused(tools: usize) -> StreamOutcome {
    let denial = Denial {
        tool: "Bash".into(),
        reason: "no".into(),
    };
    StreamOutcome::Refused {
        denials: vec![denial; tools],
    }
}

fn failed(class: FailureClass) -> StreamOutcome {
    StreamOutcome::Failed {
        class,
        message: "overloaded".into(),
    }
}

fn parked() -> Parked {
    Parked {
        decision: "d-1".into(),
        what: "execute `make`".into(),
        reason: "ask first".into(),
    }
}

fn end<'a>(process: &'a ProcessEnd, stream: &'a StreamOutcome) -> AttemptEnd<'a> {
    AttemptEnd {
        process,
        stream,
        stopped: None,
        parked: None,
        stall: &[],
        unfinished: None,
        hidden: None,
        refused: None,
    }
}

fn with_changes(process: ProcessEnd, stream: StreamOutcome) -> Lifecycle {
    end(&process, &stream).lifecycle(TreeChange::Something)
}

fn without_changes(process: ProcessEnd, stream: StreamOutcome) -> Lifecycle {
    end(&process, &stream).lifecycle(TreeChange::Nothing)
}

rules! {
    done_with_changes_is_finished:
        with_changes(exited(0), StreamOutcome::Completed) => Lifecycle::Finished;
    done_without_changes_is_no_change:
        without_changes(exited(0), StreamOutcome::Completed) => Lifecycle::NoChanges;
    refused_tools_do_not_undo_the_changes:
        with_changes(exited(0), refused(1)) => Lifecycle::Finished;
    refused_tools_and_no_changes_are_no_change:
        without_changes(exited(0), refused(1)) => Lifecycle::NoChanges;
    the_exit_code_alone_decides_nothing:
        with_changes(exited(1), StreamOutcome::Completed) => Lifecycle::Finished;
    a_failure_told_by_the_stream_fails_whatever_was_changed:
        with_changes(exited(0), failed(FailureClass::Agent)) => Lifecycle::Failed;
    a_provider_that_is_down_before_anything_was_changed_is_no_failure:
        without_changes(exited(1), failed(FailureClass::Provider)) => Lifecycle::Provider;
    a_provider_that_goes_down_after_a_change_fails_the_attempt:
        with_changes(exited(1), failed(FailureClass::Provider)) => Lifecycle::Failed;
    a_failure_of_another_kind_fails_without_changes_too:
        without_changes(exited(1), failed(FailureClass::Request)) => Lifecycle::Failed;
    a_stream_without_its_end_fails:
        with_changes(exited(0), StreamOutcome::Truncated) => Lifecycle::Failed;
    a_stream_that_nobody_understands_fails:
        with_changes(exited(0), StreamOutcome::NoResult) => Lifecycle::Failed;
    a_quota_is_a_quota_though_something_was_changed:
        with_changes(exited(1), QUOTA) => Lifecycle::Quota;
    a_refused_login_is_one_though_something_was_changed:
        with_changes(exited(1), auth()) => Lifecycle::Auth;
    a_time_limit_stands_above_the_stream:
        with_changes(ProcessEnd::TimedOut { after_ms: 1 }, StreamOutcome::Completed)
        => Lifecycle::TimedOut;
    silence_is_a_time_limit:
        with_changes(ProcessEnd::Silent { after_ms: 1 }, QUOTA) => Lifecycle::TimedOut;
    silence_while_it_asks_a_provider_that_refuses_is_that_refusal:
        without_changes(ProcessEnd::Silent { after_ms: 1 }, QUOTA) => Lifecycle::Quota;
    time_used_up_while_its_provider_is_down_is_no_failure:
        without_changes(ProcessEnd::TimedOut { after_ms: 1 }, failed(FailureClass::Provider))
        => Lifecycle::Provider;
    time_used_up_after_a_change_is_an_attempt_though_its_provider_is_down:
        with_changes(ProcessEnd::TimedOut { after_ms: 1 }, failed(FailureClass::Provider))
        => Lifecycle::TimedOut;
    a_signal_kills:
        with_changes(ProcessEnd::Signaled { signal: 9 }, StreamOutcome::Completed)
        => Lifecycle::Killed;
    want_of_memory_kills:
        with_changes(ProcessEnd::OutOfMemory, StreamOutcome::Completed) => Lifecycle::Killed;
    over_its_own_memory:
        with_changes(ProcessEnd::OverMemory { limit_bytes: 1 << 30 }, StreamOutcome::Completed) => Lifecycle::Killed;
    too_much_output_kills:
        with_changes(ProcessEnd::TooMuchOutput { limit_bytes: 1 }, StreamOutcome::Completed)
        => Lifecycle::Killed;
    a_program_that_is_not_there_has_not_started:
        without_changes(ProcessEnd::NotStarted { why: "none".into() }, StreamOutcome::NoResult)
        => Lifecycle::NotStarted;
    one_that_had_told_its_result_and_stayed_is_judged_by_it:
        with_changes(ProcessEnd::Dismissed, StreamOutcome::Completed) => Lifecycle::Finished;
}

#[test]
fn a_stop_from_outside_stands_above_everything_else() {
    for reason in [
        StopReason::LeaseLost,
        StopReason::Interrupted,
        StopReason::Shutdown,
        StopReason::Limit("tokens".into()),
        StopReason::Other("why".into()),
    ] {
        for process in [exited(0), ProcessEnd::TimedOut { after_ms: 1 }] {
            let parked = parked();
            let stopped = AttemptEnd {
                stopped: Some(&reason),
                parked: Some(&parked),
                ..end(&process, &StreamOutcome::Completed)
            };
            let found = stopped.lifecycle(TreeChange::Something);
            assert_eq!(found, Lifecycle::Killed, "{reason:?} {process:?}");
        }
    }
}

#[test]
fn a_question_stands_above_the_stream_and_below_the_process() {
    let question = parked();
    let at = |process: &ProcessEnd, stream: &StreamOutcome| {
        let parked = AttemptEnd {
            parked: Some(&question),
            ..end(process, stream)
        };
        parked.lifecycle(TreeChange::Nothing)
    };
    for stream in [
        StreamOutcome::Completed,
        QUOTA,
        auth(),
        StreamOutcome::Truncated,
    ] {
        assert_eq!(at(&exited(0), &stream), Lifecycle::Parked, "{stream:?}");
    }
    let killed = ProcessEnd::Signaled { signal: 9 };
    assert_eq!(at(&killed, &StreamOutcome::Completed), Lifecycle::Killed);
}

rules! {
    a_limit_of_time_is_trouble_with_time:
        end(&ProcessEnd::TimedOut { after_ms: 1 }, &StreamOutcome::Completed).trouble()
        => PauseCause::Time;
    silence_is_trouble_with_time:
        end(&ProcessEnd::Silent { after_ms: 1 }, &failed(FailureClass::Agent)).trouble()
        => PauseCause::Time;
    a_failure_keeps_its_class:
        end(&exited(1), &failed(FailureClass::Provider)).trouble()
        => PauseCause::Failure(FailureClass::Provider);
    what_says_nothing_is_other_trouble:
        end(&exited(1), &StreamOutcome::Truncated).trouble() => PauseCause::Other;
}

fn interrupted_by(reason: StopReason) -> bool {
    let stopped = AttemptEnd {
        stopped: Some(&reason),
        ..end(&ProcessEnd::Stopped, &StreamOutcome::Truncated)
    };
    stopped.was_interrupted()
}

/// The outcome of a killed attempt that stopped for this reason.
fn outcome_after(reason: StopReason) -> Outcome {
    let stopped = AttemptEnd {
        stopped: Some(&reason),
        ..end(&ProcessEnd::Stopped, &StreamOutcome::Truncated)
    };
    stopped.outcome(&Cell {
        lifecycle: Lifecycle::Killed,
        verification: Verification::Unverified,
        policy: PolicyVerdict::Allow,
        freshness: Freshness::Current,
    })
}

rules! {
    who_was_stopped_by_a_person_has_not_failed:
        outcome_after(StopReason::Interrupted) => Outcome::RetryUncounted;
    who_met_its_own_limit_has_failed:
        outcome_after(StopReason::Limit("x".into())) => Outcome::Retry;
    ctrl_c_interrupts: interrupted_by(StopReason::Interrupted) => true;
    a_lost_lease_interrupts: interrupted_by(StopReason::LeaseLost) => true;
    the_end_of_ai_interrupts: interrupted_by(StopReason::Shutdown) => true;
    anything_unknown_interrupts: interrupted_by(StopReason::Other("x".into())) => true;
    a_limit_that_it_met_does_not_interrupt: interrupted_by(StopReason::Limit("x".into())) => false;
    one_that_nobody_stopped_was_not_interrupted:
        end(&exited(0), &StreamOutcome::Completed).was_interrupted() => false;
}

fn words(process: ProcessEnd, stream: StreamOutcome) -> String {
    end(&process, &stream).in_words()
}

fn stopped_words(reason: StopReason) -> String {
    let stopped = AttemptEnd {
        stopped: Some(&reason),
        ..end(&ProcessEnd::OutOfMemory, &QUOTA)
    };
    stopped.in_words()
}

rules! {
    who_came_to_the_end_says_nothing: words(exited(0), StreamOutcome::Completed) => "";
    a_failure_is_told_in_the_words_of_the_cli:
        words(exited(1), failed(FailureClass::Provider)) => "overloaded";
    a_login_is_told_in_the_words_of_the_cli: words(exited(1), auth()) => "log in";
    a_quota_is_told_in_our_words:
        words(exited(1), QUOTA) => "rate limit or quota: the provider asks to come back later";
    one_refused_tool_is_counted: words(exited(0), refused(1)) => "denied: 1 tool call";
    many_refused_tools_are_counted: words(exited(0), refused(3)) => "denied: 3 tool calls";
    a_cut_stream_is_told:
        words(exited(0), StreamOutcome::Truncated) => "its output ended without a result";
    a_stream_of_noise_is_told:
        words(exited(0), StreamOutcome::NoResult) => "its output was not understood";
    the_process_is_told_before_the_stream:
        words(ProcessEnd::Signaled { signal: 9 }, QUOTA) => "killed by signal 9";
    ctrl_c_is_told: stopped_words(StopReason::Interrupted) => "stopped by Ctrl-C";
    a_lost_lease_is_told: stopped_words(StopReason::LeaseLost) => "its lease was lost";
    a_shutdown_is_told: stopped_words(StopReason::Shutdown) => "ai was asked to stop";
    a_limit_is_told_as_given: stopped_words(StopReason::Limit("budget".into())) => "budget";
}

#[test]
fn a_question_is_told_before_a_stall_and_a_stall_before_the_process() {
    let (parked, stall) = (
        parked(),
        vec!["no output for 9 s".to_owned(), "no CPU".to_owned()],
    );
    let stalled = AttemptEnd {
        stall: &stall,
        unfinished: None,
        ..end(&ProcessEnd::OutOfMemory, &QUOTA)
    };
    assert_eq!(
        stalled.in_words(),
        "stopped as stalled: no output for 9 s, no CPU"
    );
    let asking = AttemptEnd {
        parked: Some(&parked),
        ..stalled
    };
    assert_eq!(
        asking.in_words(),
        "waits for your yes to d-1: execute `make` (ask first)"
    );
}

#[test]
fn a_tree_has_changed_where_a_path_has() {
    assert_eq!(TreeChange::of(&["a"]), TreeChange::Something);
    assert_eq!(TreeChange::of::<&str>(&[]), TreeChange::Nothing);
}

fn hidden(process: &ProcessEnd, change: TreeChange) -> Lifecycle {
    let stream = failed(FailureClass::Exit);
    let met = AttemptEnd {
        hidden: Some("~/opt/tool"),
        ..end(process, &stream)
    };
    met.lifecycle(change)
}

rules! {
    a_program_that_its_sandbox_hides_has_not_started:
        hidden(&exited(127), TreeChange::Nothing) => Lifecycle::NotStarted;
    nor_has_one_whose_interpreter_it_hides:
        hidden(&exited(1), TreeChange::Nothing) => Lifecycle::NotStarted;
    one_that_changed_something_has_started:
        hidden(&exited(1), TreeChange::Something) => Lifecycle::Failed;
    one_that_ended_well_has_started:
        hidden(&exited(0), TreeChange::Nothing) => Lifecycle::Failed;
    one_that_was_killed_has_started:
        hidden(&ProcessEnd::Signaled { signal: 9 }, TreeChange::Nothing) => Lifecycle::Killed;
}

fn refused_to_start(process: ProcessEnd, change: TreeChange) -> (Lifecycle, String) {
    let stream = failed(FailureClass::Exit);
    let met = AttemptEnd {
        refused: Some("it refuses root: work as an ordinary user"),
        ..end(&process, &stream)
    };
    (met.lifecycle(change), met.in_words())
}

rules! {
    a_program_that_refuses_to_start_is_no_failure_of_the_work:
        refused_to_start(exited(1), TreeChange::Nothing)
            => (Lifecycle::NotStarted, "it refuses root: work as an ordinary user".to_owned());
    one_that_changed_something_all_the_same_has_worked:
        refused_to_start(exited(1), TreeChange::Something).0 => Lifecycle::Failed;
    one_that_ended_well_has_not_refused:
        refused_to_start(exited(0), TreeChange::Nothing)
            => (Lifecycle::Failed, "overloaded".to_owned());
}
