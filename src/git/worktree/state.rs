//! The state of each slot of the pool right now, read from plain files.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::repo::Head;
use crate::git::worktree::admin::{self, AdminEntry};
use crate::git::worktree::{Slot, SlotState, WorktreeError, WorktreePool};

/// One slot of the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotInfo {
    /// The directory name in the pool.
    pub name: String,
    /// The directory.
    pub path: PathBuf,
    /// The git directory, where it is registered.
    pub admin: Option<PathBuf>,
    /// The state.
    pub state: SlotState,
    /// The HEAD, where that can be read.
    pub head: Option<Head>,
}

impl WorktreePool<'_> {
    /// Every slot, registered or not, sorted by name. Changes nothing and starts no process (but
    /// for reference tables).
    pub fn list(&self) -> Result<Vec<SlotInfo>, WorktreeError> {
        let admins = admin::all(self.repo.common_dir())?;
        let mut names: Vec<String> = fs::list_dir(&self.dir)?
            .iter()
            .filter_map(|path| name_of(path))
            .collect();
        names.extend(
            admins
                .iter()
                .filter(|a| a.worktree.parent() == Some(self.dir()))
                .filter_map(|a| name_of(&a.worktree)),
        );
        names.retain(|name| self.slot_path(name).is_ok());
        names.sort();
        names.dedup();
        names
            .iter()
            .filter_map(|name| self.info(name, &admins).transpose())
            .collect()
    }

    /// One slot; `None` where nothing stands there and nothing is registered.
    pub fn find(&self, name: &str) -> Result<Option<SlotInfo>, WorktreeError> {
        self.info(name, &admin::all(self.repo.common_dir())?)
    }

    fn info(&self, name: &str, admins: &[AdminEntry]) -> Result<Option<SlotInfo>, WorktreeError> {
        let path = self.slot_path(name)?;
        let registered = admins.iter().find(|a| a.worktree == path);
        let Some((state, admin)) = state_of(&path, registered, admins)? else {
            return Ok(None);
        };
        let head = admin.as_ref().and_then(|dir| self.repo.head_of(dir).ok());
        Ok(Some(SlotInfo {
            name: name.to_owned(),
            path,
            admin,
            state,
            head,
        }))
    }
}

impl SlotInfo {
    /// The slot, where it can be worked with.
    pub(super) fn usable(&self) -> Result<Slot, WorktreeError> {
        match (&self.admin, &self.state) {
            (Some(admin), SlotState::Ready | SlotState::Redirected | SlotState::OwnRepository) => {
                Ok(Slot {
                    name: self.name.clone(),
                    path: self.path.clone(),
                    admin: admin.clone(),
                })
            }
            _ => Err(WorktreeError::Unusable {
                name: self.name.clone(),
                state: self.state.clone(),
            }),
        }
    }
}

type FoundSlot = Option<(SlotState, Option<PathBuf>)>;

fn state_of(
    path: &Path,
    registered: Option<&AdminEntry>,
    admins: &[AdminEntry],
) -> Result<FoundSlot, GitError> {
    let admin = registered.map(|a| a.dir.clone());
    let state = match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Ok(admin.map(|a| (SlotState::Missing, Some(a))));
        }
        Err(source) => {
            return Err(fs::FsError {
                action: "look at",
                path: path.to_owned(),
                source,
            }
            .into());
        }
        Ok(meta) if meta.is_symlink() => SlotState::ReplacedByLink,
        Ok(meta) if !meta.is_dir() => SlotState::ReplacedByFile,
        Ok(_) => return directory(path, registered, admins),
    };
    Ok(Some((state, admin)))
}

fn directory(
    path: &Path,
    registered: Option<&AdminEntry>,
    admins: &[AdminEntry],
) -> Result<FoundSlot, GitError> {
    let dot_git = std::fs::symlink_metadata(path.join(".git"));
    let target = if dot_git.as_ref().is_ok_and(|meta| meta.is_file()) {
        admin::dot_git_target(path)?
    } else {
        None
    };
    let Some(registered) = registered else {
        let owner = admins
            .iter()
            .find(|a| target.as_ref() == Some(&a.dir) && !a.worktree.exists());
        return Ok(Some(match owner {
            Some(owner) => (
                SlotState::Moved {
                    registered: owner.worktree.clone(),
                },
                Some(owner.dir.clone()),
            ),
            None => (SlotState::Unregistered, None),
        }));
    };
    let state = match dot_git {
        Ok(meta) if meta.is_dir() => SlotState::OwnRepository,
        _ if target.as_ref() == Some(&registered.dir) && registered.leads_home => SlotState::Ready,
        _ => SlotState::Redirected,
    };
    Ok(Some((state, Some(registered.dir.clone()))))
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}
