//! The question at every door through which a change goes: whether it touches what somebody else
//! holds. Hooks can be skipped, so it is asked where work is judged, where a task is ended, and
//! where a branch is moved.
//!
//! Invariant: only an exclusive lock keeps a change out. Who holds a path shared has agreed that
//! others may change it at the same time (ADR 0040). Locks of the task itself, and those whose
//! holder is the one who acts, keep nothing out.

use crate::base::text;
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::{LeaseLiveness, ShownToken};
use crate::domain::path_lock::LockMode;
use crate::git::diff::ChangedPath;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::lock::{self, Blocked};
use crate::ops::refusal::Refusal;
use crate::ops::refusal_words::HeldPaths;
use crate::store::Tx;

/// The way in which a change that was refused is tried again.
#[derive(Clone, Copy)]
pub enum TryAgain<'a> {
    /// By a command of `ai` that names the task.
    OnTask(&'a str),
    /// By a command that names none.
    Command(&'a str),
    /// By a command that only its caller knows.
    Same,
    /// By the same call of a tool.
    SameCall,
}

/// A change that is about to go through a door.
#[derive(Clone, Copy)]
pub struct Touching<'a> {
    /// The thing that changes the paths, as it begins a sentence.
    pub what: &'a str,
    /// The way in which it is tried again.
    pub again: TryAgain<'a>,
    /// The task for which it is done, where it is known.
    pub task: Option<&'a TaskId>,
    /// The paths, as Git names them.
    pub paths: &'a [Vec<u8>],
    /// The tokens at hand: locks that they open do not count.
    pub kept: &'a [ShownToken],
}

impl Touching<'_> {
    /// The exclusive locks of others over its paths, a path each.
    pub fn held_by_others(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<Vec<Blocked>, OpError> {
        let own = own(tx, cx, self.task, self.kept)?;
        // Nearly always nobody else holds anything, and a change may have many paths.
        if !others_hold(tx, cx, &own)? {
            return Ok(Vec::new());
        }
        let paths = self.paths.iter();
        let paths: Vec<String> = paths
            .map(|path| String::from_utf8_lossy(path).into_owned())
            .collect();
        let mut blocked = lock::check(tx, cx, &paths, &own)?;
        blocked.retain(|one| one.lock.mode == LockMode::Exclusive);
        Ok(blocked)
    }

    /// Refuses it where somebody else holds one of its paths exclusively.
    pub fn or_refuse(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<(), OpError> {
        let held = by_lock(self.held_by_others(tx, cx)?, cx);
        if held.is_empty() {
            return Ok(());
        }
        Err(Refusal::PathsHeld {
            what: self.what.to_owned(),
            held,
            again: match (self.again, self.task) {
                (TryAgain::OnTask(command), Some(task)) => format!("`{command} {task}`"),
                (TryAgain::OnTask(command) | TryAgain::Command(command), _) => {
                    format!("`{command}`")
                }
                (TryAgain::Same, _) => "the same command again".to_owned(),
                (TryAgain::SameCall, _) => "the same call again".to_owned(),
            },
        }
        .into())
    }
}

/// True where anybody else holds any path exclusively, so that a change has to be measured.
pub fn any_of_others(
    tx: &mut dyn Tx,
    cx: &Cx,
    task: &TaskId,
    kept: &[ShownToken],
) -> Result<bool, OpError> {
    let own = own(tx, cx, Some(task), kept)?;
    others_hold(tx, cx, &own)
}

/// The same for a change of which no task is known.
pub fn any_held(tx: &mut dyn Tx, cx: &Cx, kept: &[ShownToken]) -> Result<bool, OpError> {
    let own = own(tx, cx, None, kept)?;
    others_hold(tx, cx, &own)
}

/// The subjects whose locks do not count.
fn own(
    tx: &mut dyn Tx,
    cx: &Cx,
    task: Option<&TaskId>,
    kept: &[ShownToken],
) -> Result<Vec<Subject>, OpError> {
    let mut own = lock::opened_by(tx, cx, kept)?;
    own.extend(task.map(TaskId::subject));
    Ok(own)
}

fn others_hold(tx: &mut dyn Tx, cx: &Cx, own: &[Subject]) -> Result<bool, OpError> {
    for lease in tx.leases()? {
        if lease.stands_against(&cx.actor, own, &cx.now) {
            let locks = tx.locks(&lease.subject)?;
            if locks.iter().any(|lock| lock.mode == LockMode::Exclusive) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The names of changed paths, old and new ones, as Git has them.
pub fn paths_of(changed: &[ChangedPath]) -> Vec<Vec<u8>> {
    let paths = changed.iter().map(|one| one.path.as_bytes().to_vec());
    paths.collect()
}

/// The same locks, one an entry with all paths that it covers.
fn by_lock(blocked: Vec<Blocked>, cx: &Cx) -> Vec<HeldPaths> {
    let mut held: Vec<HeldPaths> = Vec::new();
    for one in blocked {
        let (subject, path) = (one.lock.subject.as_str(), text::one_line(&one.path));
        let known = held
            .iter_mut()
            .find(|known| known.subject == subject && known.pattern == one.lock.pattern);
        match known {
            Some(known) => known.paths.push(path),
            None => held.push(HeldPaths {
                holder: one.lease.holder.to_string(),
                subject: subject.to_owned(),
                left_ms: match one.lease.liveness(&cx.now) {
                    LeaseLiveness::Live(ms) => ms,
                    LeaseLiveness::Lapsed | LeaseLiveness::Unknown => 0,
                },
                pattern: one.lock.pattern,
                paths: vec![path],
            }),
        }
    }
    held
}
