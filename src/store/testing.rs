//! Objects for tests of the store and of what stands on it.

use std::cell::RefCell;

use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Decision, DecisionRecord, Effect, PolicyLayer, Resource};
use crate::domain::event::{AttemptCount, Event, FollowUp, HeldLock};
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::facts::Facts;
use crate::domain::ids::{EvidenceId, Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::path_lock::LockMode;
use crate::domain::path_pattern::{CaseMode, PathPattern};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::time::{LeaseInstant, Now};
use crate::store::{EventFilter, Flow, StoreError, StoredEvent, TaskFilter, Tx, id_of};

thread_local! {
    static TURNED: RefCell<Option<Now>> = const { RefCell::new(None) };
}

/// Turns the clock of every store that this thread uses.
pub(crate) fn turn(now: &Now) {
    TURNED.set(Some(now.clone()));
}

/// What the clock was turned to.
pub(crate) fn turned() -> Option<Now> {
    TURNED.with_borrow(Clone::clone)
}

pub(crate) fn ann() -> Actor {
    Actor::new(ActorKind::Human, "ann").unwrap()
}

pub(crate) fn id(name: &str) -> TaskId {
    TaskId(format!("t-{name}"))
}

/// Wall clock and lease clock at `ms`.
pub(crate) fn at(ms: i64) -> Now {
    Now {
        wall_ms: ms,
        lease: LeaseInstant {
            epoch: "boot/ns".into(),
            ms,
        },
    }
}

pub(crate) fn task(name: &str) -> Task {
    Task {
        id: id(name),
        state: TaskState::Queued,
        title: format!("title of {name}"),
        body: String::new(),
        kind: "task".into(),
        priority: 2,
        labels: Default::default(),
        paths: Vec::new(),
        checks: Vec::new(),
        open_deps: 0,
        parent: None,
        agent: None,
        not_before_ms: None,
        max_attempts: None,
        hold: None,
        recurring: None,
        attempts: 0,
        lapses: 0,
        epoch: 0,
        next_step: None,
        notes: Vec::new(),
        created_by: ann(),
        created_ms: 0,
        updated_ms: 0,
        uid: format!("uid-{name}"),
    }
}

pub(crate) fn created(task: Task, deps: &[&str]) -> Event {
    let deps: Vec<TaskId> = deps.iter().map(|name| id(name)).collect();
    let mut task = Task {
        open_deps: u32::try_from(deps.len()).unwrap(),
        ..task
    };
    task.settle();
    Event::TaskCreated {
        task: Box::new(task),
        deps,
    }
}

/// A lease that lapses at `until` milliseconds.
pub(crate) fn lease(subject: &str, epoch: u64, until: i64) -> Lease {
    Lease {
        subject: Subject(subject.into()),
        epoch,
        holder: ann(),
        secret_hash: "h".into(),
        granted_ms: 0,
        head: None,
        ttl_ms: until,
        expires: at(until).lease,
        expires_ms: until,
    }
}

pub(crate) fn pattern(source: &str) -> PathPattern {
    PathPattern::parse(source, CaseMode::Sensitive).unwrap()
}

pub(crate) fn lock(subject: &str, source: &str) -> HeldLock {
    let pattern = pattern(source);
    HeldLock {
        subject: Subject(subject.into()),
        pattern: pattern.as_str().into(),
        mode: LockMode::Exclusive,
        key: pattern.index_key().into(),
    }
}

pub(crate) fn granted(subject: &str, epoch: u64, until: i64, patterns: &[&str]) -> Event {
    let locks = patterns
        .iter()
        .map(|source| lock(subject, source))
        .collect();
    Event::LeaseGranted {
        lease: lease(subject, epoch, until),
        locks,
    }
}

pub(crate) fn evidence(name: &str, task: &str, epoch: u64) -> Event {
    let evidence = Evidence {
        id: EvidenceId(format!("e-{name}")),
        task: id(task),
        run: Some(id(task).run(epoch)),
        kind: EvidenceKind::Log,
        name: name.into(),
        file: "runs/x".into(),
        sha256: "0".into(),
        bytes: 1,
        tree: None,
        at_ms: 0,
        summary: serde_json::json!({ "ratio": 0.1 }),
    };
    Event::EvidenceRecorded {
        evidence: Box::new(evidence),
    }
}

pub(crate) fn decision(name: &str, task: Option<&str>) -> DecisionRecord {
    let decision = Decision {
        effect: Effect::Allow,
        layer: PolicyLayer::BuiltIn,
        rule: "r".into(),
        reason: "so".into(),
        matched: Vec::new(),
        observed: Vec::new(),
        policy_digest: "p".into(),
        facts_digest: "f".into(),
        facts: Facts::default(),
    };
    let resource = Resource {
        task: task.map(|name| id(name).0),
        ..Resource::default()
    };
    decision.record(format!("d-{name}"), 0, Action::TaskEdit, &ann(), &resource)
}

/// Appends events in Ann's name at time 0.
pub(crate) fn record(tx: &mut dyn Tx, events: &[Event]) -> Result<(), StoreError> {
    events
        .iter()
        .try_for_each(|event| tx.record(0, &ann(), event).map(drop))
}

pub(crate) fn listed(tx: &mut dyn Tx, filter: &TaskFilter) -> Result<Vec<String>, StoreError> {
    let mut ids = Vec::new();
    let mut whole = Vec::new();
    tx.list(filter, &mut |line| {
        ids.push(line.id.trim_start_matches("t-").to_owned());
        whole.push((line.id.to_owned(), line.json.to_owned()));
        Ok(Flow::More)
    })?;
    let mut short = Vec::new();
    tx.list_json(filter, &mut |lines| {
        short.extend(lines.split('\n').map(|json| {
            let id = id_of(json).map(str::to_owned);
            (id.unwrap(), json.to_owned())
        }));
        Ok(Flow::More)
    })?;
    assert_eq!(short, whole, "the same tasks by fewer columns");
    Ok(ids)
}

pub(crate) fn log(tx: &mut dyn Tx, filter: &EventFilter) -> Result<Vec<StoredEvent>, StoreError> {
    let mut all = Vec::new();
    tx.events(filter, &mut |event| {
        all.push(event);
        Ok(Flow::More)
    })?;
    Ok(all)
}

/// A run that has started, read from JSON so that fields which come later need no change here.
pub(crate) fn run(task: &str, epoch: u64) -> Run {
    let json = serde_json::json!({
        "id": id(task).run(epoch), "task": id(task), "agent": "a", "connector": "command",
        "branch": format!("ai/t-{task}/{epoch}"), "worktree": "0",
        "supervisor": { "boot_id": "boot/ns", "pid_namespace": "p", "pid": 1, "start_ticks": 1 },
        "started_ms": 0, "step": "claimed",
    });
    serde_json::from_value(json).unwrap()
}

/// The end of that run: it made nothing, and the task is tried again.
pub(crate) fn ended(task: &str, epoch: u64) -> Event {
    let json = serde_json::json!({
        "at_ms": 1, "lifecycle": "no_changes", "verification": "unverified", "policy": "allow", "freshness": "current",
        "outcome": "send_back_no_changes", "summary": "nothing",
    });
    let then = FollowUp::Requeue {
        attempt: AttemptCount::Counts,
        not_before_ms: None,
        note: None,
    };
    Event::RunEnded {
        run: id(task).run(epoch),
        end: serde_json::from_value(json).unwrap(),
        then,
    }
}
