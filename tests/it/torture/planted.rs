//! The checkers are checked: each broken promise, planted in a small history, is seen, and a
//! history without any is not accused.

use serde_json::{Value, json};

use super::answers::{Answer, judge};
use super::replay::{Replay, Row};
use super::violation::{Findings, Promise};

const TTL_MS: i64 = 1_000;

/// When, who, what.
type Event = (i64, &'static str, Value);

fn follow(events: &[Event], findings: &mut Findings) -> Replay {
    let mut replay = Replay::default();
    for (n, (at_ms, actor, event)) in events.iter().enumerate() {
        let seq = n as u64 + 1;
        let (prev, hash) = (n.to_string(), seq.to_string());
        replay.advance(
            &Row {
                seq,
                at_ms: *at_ms,
                actor: (*actor).into(),
                event: event.clone(),
                prev,
                hash,
            },
            findings,
        );
    }
    replay
}

fn created(task: &str) -> Event {
    (
        0,
        "human:me",
        json!({ "kind": "task.created", "task": { "id": task } }),
    )
}

fn decided(action: &str, task: &str, who: &'static str) -> Event {
    let id = format!("d-{action}-{task}-{who}");
    let record = json!({ "id": id, "action": action, "actor": who, "resource": { "task": task } });
    (
        0,
        who,
        json!({ "kind": "policy.decided", "record": record }),
    )
}

fn granted(at_ms: i64, task: &str, epoch: u64, who: &'static str, path: &str) -> Event {
    let locks = json!([{ "subject": task, "pattern": path, "mode": "exclusive" }]);
    let lease = json!({ "subject": task, "epoch": epoch, "holder": who });
    (
        at_ms,
        who,
        json!({ "kind": "lease.granted", "lease": lease, "locks": locks }),
    )
}

fn lapsed(at_ms: i64, task: &str, epoch: u64) -> Event {
    (
        at_ms,
        "human:b",
        json!({ "kind": "lease.lapsed", "subject": task, "epoch": epoch }),
    )
}

fn done(at_ms: i64, task: &str, who: &'static str) -> Event {
    (at_ms, who, json!({ "kind": "task.done", "task": task }))
}

fn released(task: &str, epoch: u64, who: &'static str) -> Event {
    (
        1_400,
        who,
        json!({ "kind": "lease.released", "subject": task, "epoch": epoch }),
    )
}

fn answer(op: &str, task: &str, epoch: u64, who: &str, times: (i64, i64), code: i32) -> Answer {
    Answer {
        op: op.into(),
        task: Some(task.into()),
        epoch: Some(epoch),
        start: times.0,
        end: times.1,
        code: Some(code),
        said: None,
        worker: who.into(),
    }
}

/// One task, claimed by `a`, lapsed, claimed and finished by `b`; `a` came too late and was told
/// so.
fn good_log() -> Vec<Event> {
    vec![
        created("t-1"),
        decided("task.claim", "t-1", "human:a"),
        granted(100, "t-1", 1, "human:a", "m01"),
        lapsed(1_200, "t-1", 1),
        decided("task.claim", "t-1", "human:b"),
        granted(1_200, "t-1", 2, "human:b", "m01"),
        decided("task.override", "t-1", "human:b"),
        done(1_500, "t-1", "human:b"),
    ]
}

fn good_answers() -> Vec<Answer> {
    vec![
        answer("claim", "t-1", 1, "human:a", (90, 110), 0),
        answer("claim", "t-1", 2, "human:b", (1_190, 1_210), 0),
        answer("done", "t-1", 1, "human:a", (1_400, 1_410), 7),
        answer("done", "t-1", 2, "human:b", (1_490, 1_510), 0),
    ]
}

fn seen(log: &[Event], answers: &[Answer]) -> Vec<Promise> {
    let mut findings = Findings::default();
    let replay = follow(log, &mut findings);
    judge(answers, &replay, TTL_MS, &mut findings);
    let mut promises: Vec<Promise> = findings.0.iter().map(|v| v.promise).collect();
    promises.dedup();
    promises
}

#[test]
fn a_good_history_is_not_accused() {
    assert_eq!(seen(&good_log(), &good_answers()), []);
}

#[test]
fn what_is_wrong_in_the_log_is_seen() {
    let wrong = |edit: &dyn Fn(&mut Vec<Event>)| {
        let mut log = good_log();
        edit(&mut log);
        seen(&log, &[])
    };
    assert_eq!(
        wrong(&|log| drop(log.remove(3))),
        [Promise::OneHolder],
        "a second grant beside the first"
    );
    assert_eq!(
        wrong(&|log| log[5] = granted(1_200, "t-1", 1, "human:b", "m01"))[0],
        Promise::OneHolder,
        "an epoch twice"
    );
    assert_eq!(
        wrong(&|log| drop(log.remove(4))),
        [Promise::Decided],
        "a grant without its decision"
    );
    assert_eq!(
        wrong(&|log| log.push(decided("task.claim", "t-1", "human:c"))),
        [],
        "the effect may still come"
    );
    let two = [
        decided("task.claim", "t-1", "human:c"),
        decided("task.claim", "t-1", "human:d"),
    ];
    assert_eq!(
        wrong(&|log| log.extend(two.clone())),
        [Promise::Decided],
        "a decision without effect"
    );
    let given_back = [
        decided("task.release", "t-1", "human:b"),
        released("t-1", 2, "human:b"),
    ];
    assert_eq!(
        wrong(&|log| drop(log.splice(6.., given_back.clone()))),
        [],
        "a release on its decision"
    );
    assert_eq!(
        wrong(&|log| drop(log.splice(6.., given_back[1..].to_vec()))),
        [Promise::Decided],
        "a release without its decision"
    );
    let stale = [
        decided("task.override", "t-1", "human:a"),
        done(1_500, "t-1", "human:a"),
    ];
    assert_eq!(
        wrong(&|log| drop(log.splice(6.., stale.clone()))),
        [Promise::Fencing],
        "an end by the old holder"
    );
    let again = [
        decided("task.override", "t-1", "human:e"),
        done(1_600, "t-1", "human:e"),
    ];
    assert!(
        wrong(&|log| log.extend(again.clone())).contains(&Promise::OneEnd),
        "two ends"
    );
}

#[test]
fn what_is_wrong_in_the_answers_is_seen() {
    let wrong = |answer: Answer| {
        let mut answers = good_answers();
        answers.push(answer);
        answers.sort_by_key(|answer| answer.start);
        seen(&good_log(), &answers)
    };
    let with = |op, epoch, who, times, code| wrong(answer(op, "t-1", epoch, who, times, code));
    assert_eq!(
        with("claim", 3, "human:c", (1_600, 1_610), 0),
        [Promise::Answered],
        "a claim that the log lost"
    );
    assert_eq!(
        with("claim", 2, "human:c", (1_195, 1_205), 0)[0],
        Promise::OneHolder,
        "one grant for two"
    );
    assert_eq!(
        with("release", 1, "human:a", (500, 510), 0),
        [Promise::Fencing],
        "a release that the log does not tell"
    );
    assert_eq!(
        with("heartbeat", 1, "human:a", (1_300, 1_310), 0)[0],
        Promise::Fencing,
        "a renewal after the end"
    );
    assert_eq!(
        with("heartbeat", 1, "human:a", (300, 310), 7),
        [Promise::Fencing],
        "a refusal in good time"
    );
    let robbed = with("heartbeat", 1, "human:a", (600, 610), 0);
    assert!(
        robbed.contains(&Promise::OneHolder),
        "taken away from a live holder: {robbed:?}"
    );
    assert_eq!(
        with("heartbeat", 1, "human:a", (600, 610), 9),
        [Promise::Exit],
        "an exit that nobody expects"
    );
}

#[test]
fn meeting_paths_are_seen_while_both_live() {
    let log = |second_at| {
        vec![
            created("t-1"),
            created("t-2"),
            decided("task.claim", "t-1", "human:a"),
            granted(100, "t-1", 1, "human:a", "m01"),
            decided("task.claim", "t-2", "human:b"),
            granted(second_at, "t-2", 1, "human:b", "m01/a.rs"),
        ]
    };
    let first = answer("claim", "t-1", 1, "human:a", (90, 110), 0);
    assert_eq!(
        seen(&log(500), std::slice::from_ref(&first)),
        [Promise::Locks]
    );
    assert_eq!(
        seen(&log(1_200), &[first]),
        [],
        "the first had lapsed by then, which nobody had to write down"
    );
    let mut revived = log(1_200);
    revived.extend([
        decided("task.override", "t-1", "human:a"),
        done(1_300, "t-1", "human:a"),
    ]);
    assert_eq!(
        seen(&revived, &[]),
        [Promise::Locks],
        "a lease whose paths had gone to another was good again"
    );
}
