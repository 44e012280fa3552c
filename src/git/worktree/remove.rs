//! Taking a slot away. The directory is renamed first, so that a crash leaves either a whole slot
//! or rubbish with a name of its own.

use std::path::{Path, PathBuf};

use rustix::process::{Pid, test_kill_process};

use crate::base::fs;
use crate::base::id::random_text;
use crate::git::worktree::lock::CheckoutLock;
use crate::git::worktree::rescue::ClearedSlot;
use crate::git::worktree::{SlotState, WorktreeError, WorktreePool};

/// Renamed slots on their way out.
const TRASH: &str = ".trash-";
/// Prefix of a name under construction; the number of the process follows.
const DRAFT: &str = ".trash-draft-";

/// The effect of a removal that was done or tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRemoval {
    /// The directory that goes.
    pub path: PathBuf,
    /// The registration that goes.
    pub admin: Option<PathBuf>,
    /// The state of the slot.
    pub state: SlotState,
    /// The branch that stays.
    pub branch: Option<String>,
}

impl WorktreePool<'_> {
    /// Says what [`WorktreePool::remove`] would take away. Changes nothing.
    pub fn plan_removal(&self, name: &str) -> Result<Option<SlotRemoval>, WorktreeError> {
        Ok(self.find(name)?.map(|info| {
            let branch = info
                .head
                .as_ref()
                .and_then(|head| head.branch().map(str::to_owned));
            SlotRemoval {
                path: info.path,
                admin: info.admin,
                state: info.state,
                branch,
            }
        }))
    }

    /// Removes a slot whose work is saved; its branch stays.
    pub fn remove(&self, cleared: ClearedSlot) -> Result<SlotRemoval, WorktreeError> {
        let lock = self.hold()?;
        self.take_away(cleared, &lock)
    }

    /// The same, unless `is_free` says no. It is asked when no slot can be made, reset or removed
    /// by anybody else, so that what was given to a run meanwhile is left alone.
    pub fn remove_if_free<E: From<WorktreeError>>(
        &self,
        cleared: ClearedSlot,
        is_free: impl FnOnce() -> Result<bool, E>,
    ) -> Result<Option<SlotRemoval>, E> {
        let lock = self.hold()?;
        if is_free()? {
            Ok(self.take_away(cleared, &lock).map(Some)?)
        } else {
            Ok(None)
        }
    }

    fn take_away(
        &self,
        cleared: ClearedSlot,
        _lock: &CheckoutLock,
    ) -> Result<SlotRemoval, WorktreeError> {
        let slot = self.still_cleared(&cleared)?;
        let name = slot.name.clone();
        let gone = || WorktreeError::ChangedSince {
            name: name.clone(),
            what: "it is gone".to_owned(),
        };
        let removal = self.plan_removal(&slot.name)?.ok_or_else(gone)?;
        self.remove_tree(&slot.name, &slot.path)?;
        fs::remove_stubborn(&slot.admin)?;
        Ok(removal)
    }

    /// A new place beside the slot at `path` for what is to be moved into it whole. What is left
    /// there is cleared away with the rest.
    pub fn draft(path: &Path) -> PathBuf {
        path.with_file_name(format!("{DRAFT}{}-{}", std::process::id(), random_text(8)))
    }

    /// Clears away what interrupted removals, and interrupted drafts, left.
    pub fn sweep(&self) -> Result<usize, WorktreeError> {
        let _lock = self.hold()?;
        let mut swept = 0;
        for path in fs::list_dir(&self.dir)? {
            let name = path
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default();
            if name.starts_with(TRASH)
                && !is_being_made(&name)
                && std::fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_dir())
            {
                fs::remove_stubborn(&path)?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    /// Removes the directory of a slot, moved aside first, so that no half of it is ever met.
    pub(super) fn remove_tree(&self, name: &str, path: &Path) -> Result<(), WorktreeError> {
        let trash = self.dir.join(format!("{TRASH}{name}-{}", random_text(6)));
        match rename(path, &trash) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(fs::FsError {
                action: "rename",
                path: path.to_owned(),
                source,
            }
            .into()),
            Ok(()) => Ok(fs::remove_stubborn(&trash)?),
        }
    }
}

/// True for the draft of a process that is there. One that has its number by chance only puts the
/// clearing off.
fn is_being_made(name: &str) -> bool {
    let maker = name
        .strip_prefix(DRAFT)
        .and_then(|rest| rest.split('-').next()?.parse().ok())
        .and_then(Pid::from_raw);
    maker.is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[expect(
    clippy::disallowed_methods,
    reason = "base::fs has no rename of directories"
)]
fn rename(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)
}
