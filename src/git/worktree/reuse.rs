//! Giving a slot to the next task: reset to its base in place, which is many times cheaper than a
//! new checkout.
//!
//! Order, so that a crash loses nothing: the rescue stands before (that is what [`ClearedSlot`] says),
//! then the branch, then the files, then the git directory. Until the last step HEAD is the old
//! branch; a look after a crash finds a dirty slot and saves it again.

use crate::base::fs;
use crate::git::oid::Oid;
use crate::git::repo::Head;
use crate::git::shadow::{Reset, ShadowRepo};
use crate::git::snapshot::{OwnState, SnapshotLimits, TreeLook, TreeReport};
use crate::git::worktree::pool::first_of;
use crate::git::worktree::rescue::ClearedSlot;
use crate::git::worktree::{Slot, SlotStart, SlotState, WorktreeError, WorktreePool, admin};

/// A look that only compares needs no caps.
const UNLIMITED: SnapshotLimits = SnapshotLimits {
    files: usize::MAX,
    file_bytes: u64::MAX,
    all_bytes: u64::MAX,
};

/// The new state of a slot.
#[derive(Debug)]
pub struct FreshSlot<'a> {
    /// The new branch, `ai/<task>/<epoch>`.
    pub branch: &'a str,
    /// The start.
    pub start: &'a SlotStart,
    /// The shadow of the new run.
    pub shadow: &'a ShadowRepo,
    /// Ignored directories that stay for the next run, relative to the root. Nothing else does that
    /// Git ignores: what one task left there is no business of another's.
    pub kept: &'a [String],
}

impl WorktreePool<'_> {
    /// Resets a slot whose work is saved. Redirected links are put right on the way.
    pub fn reuse(
        &self,
        cleared: ClearedSlot,
        fresh: &FreshSlot<'_>,
    ) -> Result<Slot, WorktreeError> {
        let _lock = self.hold()?;
        let slot = self.still_cleared(&cleared)?;
        self.check_branch(fresh.branch)?;
        let tree = self.tree_of(fresh.start)?;
        let branch = format!("refs/heads/{}", fresh.branch);
        if let Some(commit) = fresh.start.commit() {
            self.repo
                .create_ref(&branch, commit, "ai: worktree reused")?;
        }
        let reset = self.reset(&cleared, fresh, &slot, &tree);
        if let (Err(_), Some(commit)) = (&reset, fresh.start.commit()) {
            // Nobody has worked on it. Where even this fails, the next look shows the branch.
            let _ = self
                .repo
                .delete_ref(&branch, commit, "ai: worktree was not reused");
        }
        reset.map(|()| slot)
    }

    fn reset(
        &self,
        cleared: &ClearedSlot,
        fresh: &FreshSlot<'_>,
        slot: &Slot,
        tree: &Oid,
    ) -> Result<(), WorktreeError> {
        cleared.shadow.renew(self.repo, &slot.path)?;
        fresh.shadow.take_index(&cleared.shadow)?;
        if fresh.shadow.reset(&slot.path, tree, fresh.kept)? == Reset::Cleaned {
            self.see_clean(fresh, slot, tree)?;
        }
        Ok(admin::rebuild(
            self.repo,
            &slot.path,
            &slot.admin,
            fresh.branch,
            fresh.shadow,
        )?)
    }

    /// Sees that nothing is left in a slot that had to be cleaned.
    fn see_clean(
        &self,
        fresh: &FreshSlot<'_>,
        slot: &Slot,
        tree: &Oid,
    ) -> Result<(), WorktreeError> {
        let look = fresh.shadow.snapshot(&TreeLook {
            root: &slot.path,
            base: tree,
            attributes: tree,
            // It is made anew in the next step.
            own: None,
            limits: UNLIMITED,
        })?;
        for report in &look.reports {
            // Git passes over them, and so does its cleaning.
            if let TreeReport::Special { path, .. } = report {
                fs::remove_file(&path.beneath(&slot.path))?;
            }
        }
        let left: Vec<_> = look.left_behind().cloned().collect();
        if !look.changed.is_empty() || !left.is_empty() {
            return Err(WorktreeError::NotClean {
                name: slot.name.clone(),
                what: first_of(&look.changed, &left),
            });
        }
        Ok(())
    }

    /// Looks again: between the rescue and now somebody may have worked on.
    pub(super) fn still_cleared(&self, cleared: &ClearedSlot) -> Result<Slot, WorktreeError> {
        let name = &cleared.slot.name;
        let changed = |what: String| WorktreeError::ChangedSince {
            name: name.clone(),
            what,
        };
        let info = self
            .find(name)?
            .ok_or_else(|| changed("it is gone".to_owned()))?;
        let slot = info.usable()?;
        if slot != cleared.slot {
            return Err(changed("it is registered anew".to_owned()));
        }
        let head = info.head.as_ref().and_then(Head::commit);
        if head != cleared.head.as_ref() {
            return Err(changed("its HEAD moved".to_owned()));
        }
        let index = slot.admin.join("index");
        let look = cleared.shadow.snapshot(&TreeLook {
            root: &slot.path,
            base: &cleared.tree,
            attributes: &cleared.attributes,
            own: Some(OwnState {
                index: &index,
                head,
            }),
            limits: UNLIMITED,
        })?;
        let mut left: Vec<_> = look.left_behind().cloned().collect();
        if info.state == SlotState::OwnRepository {
            left.push(TreeReport::OwnRepository);
        }
        left.extend(admin::unsaved(&slot.admin));
        if look.changed.is_empty() && left.is_empty() {
            Ok(slot)
        } else {
            Err(changed(first_of(&look.changed, &left)))
        }
    }
}
