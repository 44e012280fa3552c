//! From the patterns that people write to the locks that are held, and the search for what they
//! meet.

use std::collections::BTreeMap;

use crate::base::fs;
use crate::domain::event::HeldLock;
use crate::domain::ids::Subject;
use crate::domain::lease::{Lease, LeaseLiveness};
use crate::domain::path_lock::{self, LockMode};
use crate::domain::path_pattern::{self, PathPattern, prefix_candidates};
use crate::domain::repo_path::RepoPath;
use crate::domain::task::LockRequest;
use crate::ops::cx::{Cx, Rules};
use crate::ops::error::OpError;
use crate::ops::meant_path::meant;
use crate::ops::refusal::Refusal;
use crate::store::Tx;

/// The patterns that one written pattern stands for: itself, or those of its `@module`. One that names what is there
/// means that, whatever a glob of its letters would match.
pub fn expand(rules: &Rules, written: &str) -> Result<Vec<PathPattern>, OpError> {
    let is_module = |name: &str| rules.modules.contains_key(name);
    if let Some(module) = written.strip_prefix('@').filter(|name| is_module(name)) {
        let listed = rules.modules.get(module).into_iter().flatten();
        let texts = listed.map(|text| meant(rules.root.as_deref(), text).into_owned());
        let modules = BTreeMap::from([(module.to_owned(), texts.collect())]);
        return Ok(path_pattern::expand(written, &modules, rules.case)?);
    }
    let written = meant(rules.root.as_deref(), written);
    Ok(path_pattern::expand(&written, &rules.modules, rules.case)?)
}

/// The locks that a claim of these requests holds.
pub fn locks_for(
    cx: &Cx,
    subject: &Subject,
    requests: &[LockRequest],
) -> Result<Vec<HeldLock>, OpError> {
    let mut locks = Vec::new();
    for request in requests {
        for pattern in expand(&cx.rules, &request.pattern)? {
            let pattern = through_links(&cx.rules, pattern)?;
            locks.push(HeldLock {
                subject: subject.clone(),
                pattern: pattern.as_str().to_owned(),
                mode: request.mode,
                key: pattern.index_key().to_owned(),
            });
        }
    }
    Ok(locks)
}

/// The paths of a change that none of a task's own patterns covers; nothing where these cannot be
/// read. A task that names no paths may change all of them, and what is harmless is nobody's.
pub fn outside<'a>(
    rules: &Rules,
    requests: &[LockRequest],
    changed: impl Iterator<Item = &'a [u8]>,
) -> Option<Vec<RepoPath>> {
    let mut own = Vec::new();
    for request in requests {
        for pattern in expand(rules, &request.pattern).ok()? {
            own.push(through_links(rules, pattern.clone()).ok()?);
            // The link itself can be changed, too.
            own.push(pattern);
        }
    }
    let is_outside = |path: &&[u8]| {
        !rules.harmless.is_harmless(path) && !own.iter().any(|pattern| pattern.is_match(path))
    };
    let outside = changed.filter(|path| !own.is_empty() && is_outside(path));
    Some(outside.map(|path| RepoPath::new(path.to_owned())).collect())
}

/// The pattern with the directories that are symbolic links into this repository followed: one
/// directory has one name. Only what stands before the first glob character can be followed.
fn through_links(rules: &Rules, pattern: PathPattern) -> Result<PathPattern, OpError> {
    let Some(root) = &rules.root else {
        return Ok(pattern);
    };
    match fs::follow_links_below(root, pattern.as_str(), |part| {
        part.contains(['*', '?', '[', '{'])
    }) {
        Some(real) => {
            let real = meant(Some(root), &real);
            Ok(PathPattern::parse(&real, rules.case)?)
        }
        None => Ok(pattern),
    }
}

/// A lock that stands against a wanted one.
pub struct Conflict {
    /// The wanted lock.
    pub wanted: HeldLock,
    /// The held one.
    pub held: HeldLock,
    /// The lease behind it.
    pub lease: Lease,
    /// A path that both match.
    pub example: String,
}

/// The first live lock of somebody else that the wanted ones meet.
pub fn first_conflict(
    tx: &mut dyn Tx,
    cx: &Cx,
    wanted: &[HeldLock],
) -> Result<Option<Conflict>, OpError> {
    for want in wanted {
        let pattern = parse(cx, &want.pattern)?;
        for (held, lease) in tx.lock_candidates(&prefix_candidates(&pattern))? {
            let shared = held.mode == LockMode::Shared && want.mode == LockMode::Shared;
            if held.subject == want.subject || shared || !lease.binds(&cx.now) {
                continue;
            }
            let other = parse(cx, &held.pattern)?;
            let met = path_lock::overlap_outside(&pattern, &other, &cx.rules.harmless);
            if let Some(example) = met {
                return Ok(Some(Conflict {
                    wanted: want.clone(),
                    held,
                    lease,
                    example,
                }));
            }
        }
    }
    Ok(None)
}

/// Refuses where [`first_conflict`] finds one.
pub fn refuse_conflicts(tx: &mut dyn Tx, cx: &Cx, wanted: &[HeldLock]) -> Result<(), OpError> {
    match first_conflict(tx, cx, wanted)? {
        None => Ok(()),
        Some(conflict) => Err(conflict.refusal(cx).into()),
    }
}

impl Conflict {
    /// The conflict as a refusal.
    pub fn refusal(self, cx: &Cx) -> Refusal {
        let left_ms = match self.lease.liveness(&cx.now) {
            LeaseLiveness::Live(ms) => ms,
            LeaseLiveness::Lapsed | LeaseLiveness::Unknown => 0,
        };
        Refusal::Locked {
            wanted: self.wanted.pattern,
            held: self.held.pattern,
            mode: mode_word(self.held.mode),
            holder: self.lease.holder.to_string(),
            subject: self.held.subject.to_string(),
            example: self.example,
            left_ms,
        }
    }
}

/// `exclusively` or `shared`, as it stands in sentences.
pub fn mode_word(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Exclusive => "exclusively",
        LockMode::Shared => "shared",
    }
}

/// A pattern that was accepted once.
fn parse(cx: &Cx, pattern: &str) -> Result<PathPattern, OpError> {
    Ok(PathPattern::parse(pattern, cx.rules.case)?)
}
