//! The git directories of linked worktrees, `<common>/worktrees/<id>`, read and written as plain
//! files: an agent may have written there, so nothing is followed that does not lead back.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::format::sparse_settings;
use crate::git::oid::Oid;
use crate::git::path::path_of_line;
use crate::git::repo::{HeadTo, Repo};
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::TreeReport;

const LINE_CAP: u64 = 16 << 10;
/// The reason for the worktree's lock, as `git worktree list` shows it.
pub(super) const LOCK_REASON: &str = "managed by ai";

/// One registered worktree.
#[derive(Debug, Clone)]
pub(super) struct AdminEntry {
    /// The entry's directory, `<common>/worktrees/<id>`.
    pub(super) dir: PathBuf,
    /// Path at which the worktree is supposed to be.
    pub(super) worktree: PathBuf,
    /// True where `commondir` leads to our repository.
    pub(super) leads_home: bool,
}

/// All registered worktrees.
pub(super) fn all(common_dir: &Path) -> Result<Vec<AdminEntry>, GitError> {
    let mut found = Vec::new();
    for dir in fs::list_dir(&common_dir.join("worktrees"))? {
        if !std::fs::symlink_metadata(&dir).is_ok_and(|meta| meta.is_dir()) {
            continue;
        }
        // A directory that its owner has closed is no registration until it was opened.
        let Some(link) = line_if_open(&dir.join("gitdir"))? else {
            continue;
        };
        let worktree = dir
            .join(link)
            .parent()
            .map(Path::to_owned)
            .unwrap_or_default();
        let leads_home = match read_line(&dir.join("commondir"))? {
            Some(target) => {
                std::fs::canonicalize(dir.join(target)).is_ok_and(|real| real == common_dir)
            }
            None => false,
        };
        found.push(AdminEntry {
            dir,
            worktree,
            leads_home,
        });
    }
    Ok(found)
}

/// Reads a path from a one-line file; `None` where the file is not there.
pub(super) fn read_line(path: &Path) -> Result<Option<PathBuf>, GitError> {
    match fs::read_capped(path, LINE_CAP) {
        Ok(bytes) => Ok(Some(path_of_line(&bytes))),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The same; `None` also where its owner may not read it.
fn line_if_open(path: &Path) -> Result<Option<PathBuf>, GitError> {
    match fs::read_capped(path, LINE_CAP) {
        Err(e) if e.source.kind() == std::io::ErrorKind::PermissionDenied => Ok(None),
        _ => read_line(path),
    }
}

/// Lets the owner look into the worktree at `worktree` again, and into the git directories of all
/// worktrees, where somebody has closed them.
pub(super) fn open(common_dir: &Path, worktree: &Path) -> Result<(), GitError> {
    fs::open_dir(worktree);
    for dir in fs::list_dir(&common_dir.join("worktrees"))? {
        fs::open_dir(&dir);
    }
    Ok(())
}

/// The git directory that a worktree's `.git` file names.
pub(super) fn dot_git_target(worktree: &Path) -> Result<Option<PathBuf>, GitError> {
    // One that cannot be read leads nowhere, and is written anew.
    let Some(line) = line_if_open(&worktree.join(".git"))? else {
        return Ok(None);
    };
    let target = line
        .as_os_str()
        .as_bytes()
        .strip_prefix(b"gitdir:")
        .map(<[u8]>::trim_ascii_start);
    Ok(target.and_then(|t| std::fs::canonicalize(worktree.join(OsStr::from_bytes(t))).ok()))
}

/// The newest commit that the worktree's own log of HEAD names: a last trace of work whose branch
/// was deleted.
pub(super) fn last_logged(admin: &Path) -> Option<Oid> {
    let log = fs::read_capped(&admin.join("logs/HEAD"), 8 << 20).ok()?;
    let line = log.trim_ascii_end().rsplit(|b| *b == b'\n').next()?;
    let oid = line.split(|b| *b == b' ').nth(1)?;
    Oid::parse(std::str::from_utf8(oid).ok()?)
        .ok()
        .filter(|oid| !oid.is_zero())
}

/// Name of the directory in which Git keeps the repositories of submodules that are checked out in
/// a worktree.
pub(super) const MODULES: &str = "modules";

/// Reports what no rescue can save of a git directory: repositories of submodules. None where there
/// are none.
pub(super) fn unsaved(admin: &Path) -> Option<TreeReport> {
    let is_there = std::fs::symlink_metadata(admin.join(MODULES)).is_ok();
    is_there.then_some(TreeReport::SubmoduleStores)
}

/// Makes the git directory of a slot what it would be right after `git worktree add`: whatever an
/// agent put there is gone.
pub(super) fn rebuild(
    repo: &Repo,
    worktree: &Path,
    admin: &Path,
    branch: &str,
    shadow: &ShadowRepo,
) -> Result<(), GitError> {
    const KEPT: [&str; 4] = ["HEAD", "logs", "refs", "reftable"];
    for entry in fs::list_dir(admin)? {
        if !entry
            .file_name()
            .is_some_and(|name| KEPT.iter().any(|kept| name == *kept))
        {
            remove_any(&entry)?;
        }
    }
    fs::write_atomic(&admin.join("locked"), LOCK_REASON.as_bytes())?;
    fs::write_atomic(&admin.join("commondir"), b"../..\n")?;
    fs::write_atomic(&admin.join("gitdir"), &line(&worktree.join(".git")))?;
    let mut link = b"gitdir: ".to_vec();
    link.extend_from_slice(&line(admin));
    fs::write_atomic(&worktree.join(".git"), &link)?;
    inherit_sparse(repo, admin)?;
    shadow.copy_index(&shadow.index_path(), &admin.join("index"))?;
    repo.set_head_of(admin, &HeadTo::Branch(&format!("refs/heads/{branch}")))
}

/// The sparse cone of the main checkout, as `git worktree add` hands it down.
fn inherit_sparse(repo: &Repo, admin: &Path) -> Result<(), GitError> {
    let main = repo.common_dir();
    let Some(settings) = sparse_settings(&main.join("config.worktree"))? else {
        return Ok(());
    };
    if let Ok(patterns) = fs::read_capped(&main.join("info/sparse-checkout"), 4 << 20) {
        fs::write_atomic(&admin.join("info/sparse-checkout"), &patterns)?;
        fs::write_atomic(&admin.join("config.worktree"), settings.as_bytes())?;
    }
    Ok(())
}

fn line(path: &Path) -> Vec<u8> {
    let mut bytes = path.as_os_str().as_bytes().to_vec();
    bytes.push(b'\n');
    bytes
}

fn remove_any(path: &Path) -> Result<(), GitError> {
    let is_dir = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    if is_dir {
        fs::remove_dir_all(path)?
    } else {
        fs::remove_file(path)?
    };
    Ok(())
}

/// Every registered worktree that is there, as (git directory, root). Only where both name each
/// other: an agent could write into its own git directory that a person's checkout belongs to it.
pub fn registered(common_dir: &Path) -> Result<Vec<(PathBuf, PathBuf)>, GitError> {
    let mut found = Vec::new();
    for admin in all(common_dir)? {
        let is_link =
            std::fs::symlink_metadata(admin.worktree.join(".git")).is_ok_and(|meta| meta.is_file());
        if is_link
            && admin.leads_home
            && dot_git_target(&admin.worktree)?.as_ref() == Some(&admin.dir)
        {
            found.push((admin.dir, admin.worktree));
        }
    }
    Ok(found)
}

/// The roots of all worktrees that `ai` has made for this repository, wherever they lie and whether
/// they are there or not: those that it keeps locked.
pub fn ours(common_dir: &Path) -> Result<Vec<PathBuf>, GitError> {
    let is_ours = |admin: &AdminEntry| {
        fs::read_capped(&admin.dir.join("locked"), LINE_CAP)
            .is_ok_and(|why| why.trim_ascii() == LOCK_REASON.as_bytes())
    };
    Ok(all(common_dir)?
        .into_iter()
        .filter(is_ours)
        .map(|admin| admin.worktree)
        .collect())
}
