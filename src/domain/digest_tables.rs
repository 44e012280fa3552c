use serde_json::{Value, json};

use crate::base::rules::rules;

use super::*;

fn fates(events: Vec<Value>) -> Vec<(String, Fate)> {
    let by: Actor = serde_json::from_value("human:ann".into()).unwrap();
    let mut fates = Fates::default();
    for (at_ms, event) in (1..).zip(events) {
        let event: Event = serde_json::from_value(event).unwrap();
        fates.see(at_ms, &by, &event);
    }
    let told = |(task, word): (TaskId, LastWord)| (task.to_string(), word.fate);
    fates.in_order().into_iter().map(told).collect()
}

fn on(kind: &str, more: Value) -> Value {
    let mut event = json!({"kind": kind, "task": "t-1"});
    let fields = event.as_object_mut().unwrap();
    fields.extend(more.as_object().unwrap().clone());
    event
}

fn note(text: &str) -> Value {
    json!({"note": {"at_ms": 1, "by": "human:ann", "text": text}})
}

fn done() -> Value {
    on(
        "task.done",
        json!({"proof": {"kind": "overridden", "by": "human:ann", "reason": "seen"}}),
    )
}

fn rejected() -> Value {
    on("task.rejected", note("not yet"))
}

fn hold(kind: &str) -> Value {
    json!({"kind": kind, "reason": "because", "since_ms": 1})
}

fn ended(then: Value) -> Value {
    json!({"kind": "run.ended", "run": "t-1.1", "then": then, "end": {
        "at_ms": 1, "lifecycle": "finished", "verification": "passed", "policy": "allow", "freshness": "current",
        "outcome": "ready_for_review", "summary": "",
    }})
}

fn granted() -> Value {
    json!({"kind": "lease.granted", "lease": {
        "subject": "t-1", "epoch": 1, "holder": "human:ann", "secret_hash": "x", "granted_ms": 1, "ttl_ms": 1,
        "expires": {"epoch": "b", "ms": 1}, "expires_ms": 1,
    }})
}

fn lapsed(park: Value) -> Value {
    json!({"kind": "lease.lapsed", "subject": "t-1", "epoch": 1, "park": park})
}

fn one(fate: Fate) -> Vec<(String, Fate)> {
    vec![("t-1".to_owned(), fate)]
}

fn of(text: &str) -> String {
    text.to_owned()
}

fn seen() -> Fate {
    let by = serde_json::from_value("human:ann".into()).unwrap();
    let reason = "seen".into();
    Fate::Done(Proof::Overridden { reason, by })
}

rules! {
    nothing_happened: fates(vec![]) => vec![];
    what_is_done_is_told: fates(vec![done()]) => one(seen());
    what_was_sent_back_and_done_is_done: fates(vec![rejected(), done()]) => one(seen());
    what_was_done_and_sent_back_is_sent_back:
        fates(vec![done(), rejected()]) => one(Fate::SentBack(of("not yet")));
    what_was_sent_back_and_is_at_work_has_come_to_no_end: fates(vec![rejected(), granted()]) => vec![];
    what_was_done_and_opened_again_has_come_to_no_end:
        fates(vec![done(), on("task.reopened", note("more"))]) => vec![];
    what_failed_and_is_tried_again_has_come_to_no_end:
        fates(vec![on("task.failed", json!({"reason": "no"})), on("task.retried", json!({}))]) => vec![];
    what_failed_is_given_up:
        fates(vec![on("task.failed", json!({"reason": "no"}))]) => one(Fate::GivenUp(of("no")));
    attempts_that_are_used_up_are_told:
        fates(vec![ended(json!({"to": "fail", "reason": "three"}))]) => one(Fate::GivenUp(of("three")));
    work_that_waits_for_a_review_has_come_to_no_end:
        fates(vec![rejected(), ended(json!({"to": "review"}))]) => vec![];
    a_task_that_lapsed_too_often_is_given_up:
        fates(vec![lapsed(hold("parked"))]) => one(Fate::GivenUp(of("because")));
    a_lapse_alone_is_no_end: fates(vec![lapsed(Value::Null)]) => vec![];
    a_task_that_is_parked_is_given_up:
        fates(vec![on("task.held", json!({"hold": hold("parked")}))]) => one(Fate::GivenUp(of("because")));
    what_was_sent_back_and_is_on_hold_is_sent_back:
        fates(vec![rejected(), on("task.held", json!({"hold": hold("hold")}))]) => one(Fate::SentBack(of("not yet")));
    a_hold_is_no_end: fates(vec![on("task.held", json!({"hold": hold("hold")}))]) => vec![];
    a_run_that_waits_for_a_yes_is_no_end:
        fates(vec![ended(json!({"to": "hold", "hold": hold("approval"), "attempt": "counts"}))]) => vec![];
    what_nobody_wants_is_told:
        fates(vec![on("task.cancelled", json!({"reason": "late"}))]) => one(Fate::Cancelled(of("late")));
    notes_are_no_end: fates(vec![done(), on("task.noted", note("thanks"))]) => one(seen());
}

#[test]
fn the_order_is_that_of_the_last_words() {
    let other = |kind: &str| json!({"kind": kind, "task": "t-0", "reason": "late"});
    let all = fates(vec![done(), other("task.cancelled"), rejected()]);
    let order: Vec<_> = all.iter().map(|(task, _)| task.as_str()).collect();
    assert_eq!(order, ["t-0", "t-1"]);
}

#[test]
fn runs_are_summed_up_by_agent() {
    let used = |agent: &str, outcome: &str, tokens: u64| {
        let run = serde_json::from_value(json!({
            "id": "t-1.1", "task": "t-1", "agent": agent, "connector": "c", "branch": "ai/t-1/1", "worktree": "w1",
            "started_ms": 0, "step": "judged",
            "supervisor": {"boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1},
            "end": {"at_ms": 5, "lifecycle": "finished", "verification": "passed", "policy": "allow",
                "freshness": "current", "outcome": outcome, "summary": "", "usage": {"tokens": tokens}},
        }))
        .unwrap();
        RunUse::of(&run, "task").unwrap()
    };
    let runs = [
        used("b", "ready_for_review", 10),
        used("a", "retry", 1),
        used("b", "retry_uncounted", 5),
    ];
    let sums: Vec<_> = by_agent(&runs)
        .into_iter()
        .map(|sum| {
            (
                sum.agent,
                sum.good,
                sum.bad,
                sum.spent.runs,
                sum.spent.tokens,
                sum.spent.ms,
            )
        })
        .collect();
    assert_eq!(
        sums,
        [("a".into(), 0, 1, 1, 1, 5), ("b".into(), 1, 0, 2, 15, 10)]
    );
}
