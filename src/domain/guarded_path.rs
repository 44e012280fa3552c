//! The lock that stands against a change of one path, for whoever asks before changing it.
//!
//! A shared lock stands against a change too, for whoever asks beforehand; an exclusive one outranks
//! it. Deliberately absent: conflicts between two locks, which `path_lock` knows.

use crate::domain::actor::Actor;
use crate::domain::event::HeldLock;
use crate::domain::ids::Subject;
use crate::domain::lease::Lease;
use crate::domain::path_lock::{HarmlessSet, LockMode};
use crate::domain::path_pattern::{CaseMode, PathPattern, PatternError};
use crate::domain::time::Now;

/// Somebody who is about to change paths.
#[derive(Debug, Clone, Copy)]
pub struct PathChange<'a> {
    /// Who.
    pub actor: &'a Actor,
    /// The subjects whose locks do not count: the actor's own.
    pub own: &'a [Subject],
    /// The time at which leases are judged.
    pub now: &'a Now,
    /// The paths over which nobody needs to wait.
    pub harmless: &'a HarmlessSet,
    /// The way in which the file system tells names apart.
    pub case: CaseMode,
}

impl PathChange<'_> {
    /// The first exclusive one of `held` that stands against a change of `path`, else the first
    /// shared one: who asks whether a path may be changed must not be told of the milder lock alone.
    ///
    /// # Errors
    /// Where a pattern that is held is none.
    pub fn blocked_by(
        &self,
        path: &str,
        held: Vec<(HeldLock, Lease)>,
    ) -> Result<Option<(HeldLock, Lease)>, PatternError> {
        if self.harmless.is_harmless(path.as_bytes()) {
            return Ok(None);
        }
        let mut shared = None;
        for (lock, lease) in held {
            let is_milder = lock.mode == LockMode::Shared && shared.is_some();
            if !is_milder
                && lease.stands_against(self.actor, self.own, self.now)
                && PathPattern::parse(&lock.pattern, self.case)?.is_match(path.as_bytes())
            {
                match lock.mode {
                    LockMode::Exclusive => return Ok(Some((lock, lease))),
                    LockMode::Shared => shared = Some((lock, lease)),
                }
            }
        }
        Ok(shared)
    }
}

#[cfg(test)]
#[path = "guarded_path_tables.rs"]
mod tables;
