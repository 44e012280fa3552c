//! What stands in the way of a slot and cannot be saved as objects (a repository of the agent's
//! own, a file beyond all limits, a file in place of the directory) is moved out of it, whole, to
//! where a person finds it. Nothing is opened or copied, and nothing is lost.

use std::path::{Component, Path, PathBuf};

use crate::base::fs;
use crate::base::onlooker::Onlooker;
use crate::base::text::path_bytes;
use crate::domain::repo_path::RepoPath;
use crate::git::snapshot::TreeReport;
use crate::git::worktree::admin::MODULES;
use crate::git::worktree::{SlotInfo, SlotState, WorktreeError, WorktreePool};

impl WorktreePool<'_> {
    /// Moves what a rescue of slot `name` had to leave behind into the new directory `to`, and says
    /// what went where. Where the slot itself is not a worktree of ours any more, all of it is
    /// moved.
    pub fn set_aside(
        &self,
        name: &str,
        left: &[TreeReport],
        to: &Path,
    ) -> Result<Vec<(String, PathBuf)>, WorktreeError> {
        let Some(info) = self.find(name)? else {
            return Ok(Vec::new());
        };
        fs::create_private_dir(to)?;
        let mut moved = Vec::new();
        let done = self.move_from(&info, left, (to, &mut moved));
        keep_if_used(to, &moved);
        done.map(|()| moved)
    }

    fn move_from(
        &self,
        info: &SlotInfo,
        left: &[TreeReport],
        (to, moved): (&Path, &mut Vec<(String, PathBuf)>),
    ) -> Result<(), WorktreeError> {
        if !info.state.is_worktree() {
            let target = to.join(&info.name);
            fs::relocate(&info.path, &target, self.onlooker)?;
            moved.push((info.state.to_string(), target));
            return Ok(());
        }
        if let (Some(admin), true) = (&info.admin, left.contains(&TreeReport::SubmoduleStores)) {
            let target = to.join("submodules.git");
            fs::relocate(&admin.join(MODULES), &target, self.onlooker)?;
            moved.push((TreeReport::SubmoduleStores.to_string(), target));
        }
        move_out(&info.path, left, (to, self.onlooker), moved)
    }

    /// Moves the whole directory of slot `name` into the new directory `to`, and its git directory
    /// beside it: nothing is left of it here.
    pub fn set_all_aside(&self, name: &str, to: &Path) -> Result<(), WorktreeError> {
        let Some(info) = self.find(name)? else {
            return Ok(());
        };
        fs::create_private_dir(to)?;
        if std::fs::symlink_metadata(&info.path).is_ok()
            && let Err(error) = fs::relocate(&info.path, &to.join(name), self.onlooker)
        {
            keep_if_used(to, &[]);
            return Err(error.into());
        }
        match &info.admin {
            Some(admin) => {
                let target = to.join(format!("{name}.git"));
                Ok(fs::relocate(admin, &target, self.onlooker)?)
            }
            None => Ok(()),
        }
    }
}

/// Moves what could not be saved of the tree at `root` into the new directory `to`, and says what
/// went where.
pub fn move_aside(
    root: &Path,
    left: &[TreeReport],
    to: &Path,
    onlooker: Onlooker<'_>,
) -> Result<Vec<(String, PathBuf)>, WorktreeError> {
    fs::create_private_dir(to)?;
    let mut moved = Vec::new();
    let done = move_out(root, left, (to, Some(onlooker)), &mut moved);
    keep_if_used(to, &moved);
    done.map(|()| moved)
}

/// Takes the directory for what is moved away again where nothing came into it: each try makes a new one.
fn keep_if_used(to: &Path, moved: &[(String, PathBuf)]) {
    if moved.is_empty() {
        fs::remove_hollow_dir(to);
    }
}

fn move_out(
    root: &Path,
    left: &[TreeReport],
    (to, onlooker): (&Path, Option<Onlooker<'_>>),
    moved: &mut Vec<(String, PathBuf)>,
) -> Result<(), WorktreeError> {
    let beneath = left
        .iter()
        .filter(|report| report.is_left_behind() && **report != TreeReport::SubmoduleStores);
    for report in beneath {
        let inside = where_it_is(report);
        let (from, target) = (inside.beneath(root), inside.beneath(to));
        if !is_beneath(root, &from) {
            continue;
        }
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        if let Err(error) = fs::relocate(&from, &target, onlooker) {
            // What went before it stands there all the same, and its owner looks for it.
            for (what, kept) in moved.iter() {
                let kept = path_bytes(kept.as_os_str().as_encoded_bytes());
                onlooker.inspect(|one| one.say(&format!("{what}; kept as {kept}")));
            }
            return Err(error.into());
        }
        moved.push((report.to_string(), target));
    }
    Ok(())
}

/// Returns the path to be moved: where the files beside it were saved, its `.git` alone.
fn where_it_is(report: &TreeReport) -> RepoPath {
    match report {
        TreeReport::Nested {
            path,
            files_taken: true,
        } => RepoPath::new([path.as_bytes(), b"/.git"].concat()),
        other => other
            .path()
            .cloned()
            .unwrap_or_else(|| RepoPath::new(".git")),
    }
}

impl SlotState {
    /// True where the directory, if it is there, is a worktree that `ai` made, whatever became of
    /// its `.git`.
    pub fn is_worktree(&self) -> bool {
        matches!(
            self,
            Self::Ready | Self::Missing | Self::Redirected | Self::OwnRepository
        )
    }
}

/// True where no directory between `root` and `path` is a symbolic link, and something stands
/// there. Directories that their owner has closed are opened on the way: what is in them could not be
/// seen, nor be moved.
fn is_beneath(root: &Path, path: &Path) -> bool {
    let Ok(inside) = path.strip_prefix(root) else {
        return false;
    };
    let mut at = root.to_owned();
    fs::open_dir(&at);
    let mut parts: Vec<Component<'_>> = inside.components().collect();
    let Some(last) = parts.pop() else {
        return false;
    };
    for part in parts {
        at.push(part);
        if !std::fs::symlink_metadata(&at).is_ok_and(|meta| meta.is_dir()) {
            return false;
        }
        fs::open_dir(&at);
    }
    std::fs::symlink_metadata(at.join(last)).is_ok()
}
