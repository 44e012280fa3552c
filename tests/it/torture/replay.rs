//! The log, followed event by event with a model of its own: it shares no code with `ai`, so that
//! it cannot share its mistakes.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::lanes::Lane;
use super::violation::{Findings, Promise};

/// A row of the log.
pub struct Row {
    pub seq: u64,
    pub at_ms: i64,
    pub actor: String,
    pub event: Value,
    pub prev: String,
    pub hash: String,
}

/// How a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Released,
    Lapsed,
    Done,
}

/// The end of a grant.
#[derive(Clone, Debug)]
pub struct End {
    pub how: Ending,
    pub at_ms: i64,
    pub by: String,
}

/// Another grant of meeting paths while this one had not ended in the log: allowed only where this
/// one had lapsed unseen.
#[derive(Clone, Debug)]
pub struct Crossing {
    pub by: String,
    pub at_ms: i64,
}

/// One grant of one task.
#[derive(Clone, Debug)]
pub struct Grant {
    pub holder: String,
    pub locks: Vec<Lane>,
    pub end: Option<End>,
    pub crossed: Vec<Crossing>,
}

/// A task as the log tells it.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub status: &'static str,
    pub epoch: u64,
    /// The epoch of the grant that has not ended.
    pub held: Option<u64>,
    ends: u32,
}

/// The state that the log tells, as far as it was read.
#[derive(Default)]
pub struct Replay {
    pub tasks: HashMap<String, Told>,
    pub last_seq: u64,
    head: String,
    grants: HashMap<(String, u64), Grant>,
    decisions: HashSet<String>,
    /// The decision that the record before told: action, task and actor. The next record must be
    /// its effect.
    decided: Option<(String, Option<String>, String)>,
}

impl Replay {
    /// A grant that the log tells.
    pub fn grant(&self, task: &str, epoch: u64) -> Option<&Grant> {
        self.grants.get(&(task.to_owned(), epoch))
    }

    /// Goes on with the next row.
    pub fn advance(&mut self, row: &Row, findings: &mut Findings) {
        let chained = self.last_seq == 0 || row.prev == self.head;
        findings.check(row.seq == self.last_seq + 1, Promise::Chain, || {
            format!("{} follows {}", row.seq, self.last_seq)
        });
        findings.check(chained, Promise::Chain, || {
            format!("{} does not continue the chain", row.seq)
        });
        (self.last_seq, self.head) = (row.seq, row.hash.clone());
        let kind = row.event["kind"].as_str().unwrap();
        let before = self.decided.take();
        if let Some((action, task, _)) = before
            .as_ref()
            .filter(|(action, ..)| effect(action) != kind)
        {
            findings.report(
                Promise::Decided,
                format!(
                    "{}: {action} of {task:?} was decided, then came {kind}",
                    row.seq
                ),
            );
        }
        match kind {
            "policy.decided" => self.decision(row, findings),
            "task.created" => self.created(row, findings),
            "lease.granted" => self.granted(row, before, findings),
            "lease.released" => {
                let own = Some((
                    "task.release".to_owned(),
                    Some(subject(row).to_owned()),
                    row.actor.clone(),
                ));
                findings.check(before == own, Promise::Decided, || {
                    format!("{}: {} released on {before:?}", row.seq, subject(row))
                });
                self.ended(
                    row,
                    subject(row),
                    row.event["epoch"].as_u64(),
                    Ending::Released,
                    findings,
                );
                self.set(subject(row), "queued");
            }
            "lease.lapsed" => {
                self.ended(
                    row,
                    subject(row),
                    row.event["epoch"].as_u64(),
                    Ending::Lapsed,
                    findings,
                );
                self.set(
                    subject(row),
                    if row.event["park"].is_null() {
                        "queued"
                    } else {
                        "blocked"
                    },
                );
            }
            "task.done" => self.done(row, before, findings),
            "task.unheld" => {
                let task = text(&row.event["task"]);
                let parked = self
                    .tasks
                    .get(task)
                    .is_some_and(|told| told.status == "blocked");
                findings.check(parked, Promise::Whole, || {
                    format!("{}: {task} was not parked", row.seq)
                });
                self.set(task, "queued");
            }
            _ => {}
        }
    }

    fn set(&mut self, task: &str, status: &'static str) {
        self.tasks.entry(task.to_owned()).or_default().status = status;
    }

    fn decision(&mut self, row: &Row, findings: &mut Findings) {
        let record = &row.event["record"];
        let fresh = self.decisions.insert(text(&record["id"]).to_owned());
        findings.check(fresh, Promise::Decided, || {
            format!("{}: decision {} stands twice", row.seq, record["id"])
        });
        let task = record["resource"]["task"].as_str().map(str::to_owned);
        self.decided = Some((
            text(&record["action"]).to_owned(),
            task,
            text(&record["actor"]).to_owned(),
        ));
    }

    fn created(&mut self, row: &Row, findings: &mut Findings) {
        let told = Told {
            status: "queued",
            ..Told::default()
        };
        let fresh = self
            .tasks
            .insert(text(&row.event["task"]["id"]).to_owned(), told)
            .is_none();
        findings.check(fresh, Promise::Conserved, || {
            format!("{}: created twice: {}", row.seq, row.event["task"]["id"])
        });
    }

    fn granted(
        &mut self,
        row: &Row,
        before: Option<(String, Option<String>, String)>,
        findings: &mut Findings,
    ) {
        let lease = &row.event["lease"];
        let (task, epoch, holder) = (
            text(&lease["subject"]),
            lease["epoch"].as_u64().unwrap(),
            text(&lease["holder"]),
        );
        let own = Some((
            "task.claim".to_owned(),
            Some(task.to_owned()),
            holder.to_owned(),
        ));
        findings.check(before == own, Promise::Decided, || {
            format!("{}: {task} granted on {before:?}", row.seq)
        });
        let told = self.tasks.get(task).cloned().unwrap_or_default();
        findings.check(
            told.status == "queued" && told.held.is_none(),
            Promise::OneHolder,
            || {
                format!(
                    "{}: {task}.{epoch} granted to {holder} while it was {told:?}",
                    row.seq
                )
            },
        );
        findings.check(epoch == told.epoch + 1, Promise::OneHolder, || {
            format!("{}: {task} got epoch {epoch} after {}", row.seq, told.epoch)
        });
        let locks: Vec<Lane> = row.event["locks"]
            .as_array()
            .into_iter()
            .flatten()
            .map(Lane::of_lock)
            .collect();
        self.cross(&locks, &format!("{task}.{epoch}"), row.at_ms);
        let grant = Grant {
            holder: holder.to_owned(),
            locks,
            end: None,
            crossed: Vec::new(),
        };
        let fresh = self
            .grants
            .insert((task.to_owned(), epoch), grant)
            .is_none();
        findings.check(fresh, Promise::OneHolder, || {
            format!("{}: {task}.{epoch} granted twice", row.seq)
        });
        let told = self.tasks.entry(task.to_owned()).or_default();
        (told.status, told.epoch, told.held) = ("claimed", epoch, Some(epoch));
    }

    /// Marks every grant that has not ended and that holds paths which meet these.
    fn cross(&mut self, locks: &[Lane], by: &str, at_ms: i64) {
        let held = self
            .tasks
            .iter()
            .filter_map(|(task, told)| Some((task.clone(), told.held?)));
        for key in held.collect::<Vec<_>>() {
            let Some(other) = self.grants.get_mut(&key) else {
                continue;
            };
            if other
                .locks
                .iter()
                .any(|held| locks.iter().any(|lock| lock.meets(held)))
            {
                other.crossed.push(Crossing {
                    by: by.to_owned(),
                    at_ms,
                });
            }
        }
    }

    fn ended(
        &mut self,
        row: &Row,
        task: &str,
        epoch: Option<u64>,
        how: Ending,
        findings: &mut Findings,
    ) {
        let Some(told) = self.tasks.get_mut(task) else {
            return findings.report(Promise::Conserved, format!("{}: no task {task}", row.seq));
        };
        let Some(held) = told.held.take() else {
            return findings.report(
                Promise::Fencing,
                format!(
                    "{}: {task} {how:?} by {} without a lease",
                    row.seq, row.actor
                ),
            );
        };
        let right = epoch.is_none_or(|epoch| epoch == held);
        findings.check(right, Promise::Fencing, || {
            format!("{}: {task}.{held} {how:?} as epoch {epoch:?}", row.seq)
        });
        let Some(grant) = self.grants.get_mut(&(task.to_owned(), held)) else {
            return;
        };
        let own = how == Ending::Lapsed || grant.holder == row.actor;
        findings.check(own, Promise::Fencing, || {
            format!(
                "{}: {task} of {} {how:?} by {}",
                row.seq, grant.holder, row.actor
            )
        });
        let stale = how != Ending::Lapsed && !grant.crossed.is_empty();
        findings.check(!stale, Promise::Locks, || {
            format!(
                "{}: {task}.{held} was still good for {how:?} after its paths had gone to {:?}",
                row.seq, grant.crossed
            )
        });
        grant.end = Some(End {
            how,
            at_ms: row.at_ms,
            by: row.actor.clone(),
        });
    }

    fn done(
        &mut self,
        row: &Row,
        before: Option<(String, Option<String>, String)>,
        findings: &mut Findings,
    ) {
        let task = text(&row.event["task"]).to_owned();
        let own = Some((
            "task.override".to_owned(),
            Some(task.clone()),
            row.actor.clone(),
        ));
        findings.check(before == own, Promise::Decided, || {
            format!("{}: {task} done on {before:?}", row.seq)
        });
        self.ended(row, &task, None, Ending::Done, findings);
        self.set(&task, "done");
        let told = self.tasks.entry(task.clone()).or_default();
        told.ends += 1;
        let ends = told.ends;
        findings.check(ends == 1, Promise::OneEnd, || {
            format!("{}: {task} done for the {ends}. time", row.seq)
        });
    }
}

/// The event that a decision lets through.
fn effect(action: &str) -> &'static str {
    match action {
        "task.create" => "task.created",
        "task.claim" => "lease.granted",
        "task.release" => "lease.released",
        "task.override" => "task.done",
        "task.edit" => "task.unheld",
        _ => "nothing that this test does",
    }
}

fn subject(row: &Row) -> &str {
    text(&row.event["subject"])
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
