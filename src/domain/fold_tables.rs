use crate::base::rules::rules;
use crate::domain::fold::*;
use crate::domain::path_lock::LockMode;
use crate::domain::task::{LockRequest, Note};

fn run() -> RunId {
    RunId("t-1.1".into())
}

/// A running task with an attempt, a lapse and a label.
fn running() -> Task {
    let mut task: Task = serde_json::from_value(serde_json::json!({
        "id": "t-1", "status": "queued", "title": "x", "type": "task", "priority": 2,
        "labels": ["a"], "attempts": 1, "lapses": 2, "not_before_ms": 5, "max_attempts": 4,
        "agent": "codex", "parent": "t-0",
        "created_by": "human:ann", "created_ms": 0, "updated_ms": 0, "uid": "u",
    }))
    .unwrap();
    task.state = TaskState::Running { run: run() };
    task
}

fn hold(kind: BlockReason) -> Hold {
    Hold {
        kind,
        reason: "why".into(),
        since_ms: 0,
    }
}

fn note() -> Note {
    Note {
        at_ms: 0,
        by: "human:ann".parse().unwrap(),
        text: "n".into(),
    }
}

/// State, attempts and lapses of the task after its run.
fn after(then: &FollowUp) -> (&'static str, u32, u32) {
    let mut task = running();
    after_run(&mut task, &run(), then);
    (task.state.name(), task.attempts, task.lapses)
}

fn requeue(attempt: AttemptCount) -> FollowUp {
    FollowUp::Requeue {
        attempt,
        not_before_ms: None,
        note: None,
    }
}

fn held(attempt: AttemptCount) -> FollowUp {
    FollowUp::Hold {
        hold: hold(BlockReason::Hold),
        attempt,
    }
}

rules! {
    a_run_that_comes_to_a_review_counts_and_ends_the_lapses:
        after(&FollowUp::Review { attempt: AttemptCount::Counts }) => ("review", 2, 0);
    a_review_of_what_a_machine_broke_counts_nothing:
        after(&FollowUp::Review { attempt: AttemptCount::Free }) => ("review", 1, 0);
    a_counted_run_counts_and_ends_the_lapses: after(&requeue(AttemptCount::Counts)) => ("queued", 2, 0);
    a_free_run_changes_no_number: after(&requeue(AttemptCount::Free)) => ("queued", 1, 2);
    a_lapsed_run_is_one_lapse_more: after(&requeue(AttemptCount::Lapse)) => ("queued", 1, 3);
    a_held_task_is_blocked: after(&held(AttemptCount::Free)) => ("blocked", 1, 2);
    a_held_task_may_have_lapsed: after(&held(AttemptCount::Lapse)) => ("blocked", 1, 3);
    a_failed_task_has_used_its_attempt:
        after(&FollowUp::Fail { reason: "x".into() }) => ("failed", 2, 2);
}

#[test]
fn a_new_time_takes_the_place_of_the_old_and_no_time_leaves_it() {
    let at = |not_before_ms| {
        let mut task = running();
        let then = FollowUp::Requeue {
            attempt: AttemptCount::Free,
            not_before_ms,
            note: Some(note()),
        };
        after_run(&mut task, &run(), &then);
        assert_eq!(task.notes, [note()]);
        task.not_before_ms
    };
    assert_eq!((at(Some(9)), at(None)), (Some(9), Some(5)));
}

/// State and lapses of a task in this state after its lease lapsed.
fn lapsed(state: TaskState, park: Option<Hold>) -> (&'static str, u32) {
    let mut task = Task { state, ..running() };
    lapse(&mut task, park.as_ref());
    (task.state.name(), task.lapses)
}

rules! {
    a_claimed_task_that_lapses_is_queued: lapsed(TaskState::Claimed, None) => ("queued", 3);
    a_task_that_lapses_too_often_is_blocked:
        lapsed(TaskState::Claimed, Some(hold(BlockReason::Parked))) => ("blocked", 3);
    a_lapse_takes_nothing_out_of_review:
        lapsed(TaskState::Review { run: run() }, None) => ("review", 3);
    a_lapse_revives_no_failed_task:
        lapsed(TaskState::Failed { failed_because: "x".into() }, None) => ("failed", 3);
}

fn edited(edit: TaskEdit) -> Task {
    let mut task = running();
    apply_edit(&mut task, &edit);
    task
}

rules! {
    an_edit_of_nothing_changes_nothing: edited(TaskEdit::default()) => running();
    a_title_is_replaced:
        edited(TaskEdit { title: Some("y".into()), ..TaskEdit::default() }).title => "y";
    a_body_is_replaced:
        edited(TaskEdit { body: Some("y".into()), ..TaskEdit::default() }).body => "y";
    a_type_is_replaced:
        edited(TaskEdit { kind: Some("bug".into()), ..TaskEdit::default() }).kind => "bug";
    a_priority_is_replaced:
        edited(TaskEdit { priority: Some(0), ..TaskEdit::default() }).priority => 0;
    labels_are_added:
        edited(TaskEdit { add_labels: vec!["b".into()], ..TaskEdit::default() }).labels.len() => 2;
    labels_are_removed:
        edited(TaskEdit { remove_labels: vec!["a".into()], ..TaskEdit::default() }).labels.len()
        => 0;
    a_label_that_is_added_and_removed_is_removed:
        edited(TaskEdit {
            add_labels: vec!["b".into()],
            remove_labels: vec!["b".into()],
            ..TaskEdit::default()
        })
        .labels => ["a".to_owned()].into();
    paths_are_replaced_as_a_whole: {
        let paths = vec![LockRequest { pattern: "src".into(), mode: LockMode::Shared }];
        edited(TaskEdit { paths: Some(paths), ..TaskEdit::default() }).paths.len()
    } => 1;
    checks_are_replaced_as_a_whole:
        edited(TaskEdit { checks: Some(vec!["unit".into()]), ..TaskEdit::default() }).checks
        => ["unit"];
    an_agent_is_replaced:
        edited(TaskEdit { agent: Some("b".into()), ..TaskEdit::default() }).agent
        => Some("b".to_owned());
    an_empty_agent_takes_it_away:
        edited(TaskEdit { agent: Some(String::new()), ..TaskEdit::default() }).agent => None;
    a_time_is_replaced:
        edited(TaskEdit { not_before_ms: Some(7), ..TaskEdit::default() }).not_before_ms => Some(7);
    time_zero_takes_it_away:
        edited(TaskEdit { not_before_ms: Some(0), ..TaskEdit::default() }).not_before_ms => None;
    attempts_are_replaced:
        edited(TaskEdit { max_attempts: Some(7), ..TaskEdit::default() }).max_attempts => Some(7);
    no_attempts_go_back_to_the_default:
        edited(TaskEdit { max_attempts: Some(0), ..TaskEdit::default() }).max_attempts => None;
    a_parent_is_replaced:
        edited(TaskEdit { parent: Some(TaskId("t-9".into())), ..TaskEdit::default() }).parent
        => Some(TaskId("t-9".into()));
    an_empty_parent_takes_it_away:
        edited(TaskEdit { parent: Some(TaskId(String::new())), ..TaskEdit::default() }).parent
        => None;
}

fn parked(hold: Option<Hold>) -> Option<String> {
    let state = TaskState::Blocked {
        blocked_by: BlockReason::Parked,
    };
    dependency_trouble(&Task {
        state,
        hold,
        ..running()
    })
}

fn trouble(state: TaskState) -> Option<String> {
    dependency_trouble(&Task { state, ..running() })
}

rules! {
    a_failed_dependency_is_trouble:
        trouble(TaskState::Failed { failed_because: "used up".into() })
        => Some("failed: used up".to_owned());
    a_cancelled_dependency_is_trouble:
        trouble(TaskState::Cancelled { cancelled_because: "no".into() })
        => Some("was cancelled: no".to_owned());
    a_parked_dependency_is_trouble_for_the_reason_that_parked_it:
        parked(Some(hold(BlockReason::Parked))) => Some("was parked: why".to_owned());
    a_parked_dependency_without_a_reason_is_trouble: parked(None) => Some("was parked".to_owned());
    a_held_dependency_is_none: trouble(TaskState::Blocked { blocked_by: BlockReason::Hold }) => None;
    a_dependency_at_work_is_none: trouble(TaskState::Running { run: run() }) => None;
}
