//! Reading `.git` and the small link files of a git directory.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::discover::error::{DiscoverError, unreadable};
use crate::git::path::path_of_line;

/// A path and a line end fit; anything larger is no link file.
const LINK_CAP: u64 = 16 << 10;

/// The kind of a directory, as found out.
pub(super) enum DotGit {
    /// The root of a worktree.
    Worktree { git_dir: PathBuf },
    /// A git directory itself.
    GitDir,
}

/// Looks at one directory of the way up.
pub(super) fn find(dir: &Path) -> Result<Option<DotGit>, DiscoverError> {
    let dot_git = dir.join(".git");
    match std::fs::metadata(&dot_git) {
        Ok(meta) if meta.is_dir() => {
            // An empty or foreign `.git` directory is passed over, as Git does.
            if is_git_dir(&dot_git) {
                return Ok(Some(DotGit::Worktree {
                    git_dir: canonical(&dot_git)?,
                }));
            }
        }
        Ok(meta) if meta.is_file() => {
            return Ok(Some(DotGit::Worktree {
                git_dir: follow(&dot_git)?,
            }));
        }
        Ok(_) => return Err(broken(&dot_git, "neither a file nor a directory")),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            if dot_git.is_symlink() {
                return Err(broken(&dot_git, "a symbolic link that leads nowhere"));
            }
        }
        Err(e) => return Err(unreadable(&dot_git, e)),
    }
    Ok(is_git_dir(dir).then_some(DotGit::GitDir))
}

/// True for a directory that has the parts of a git directory.
pub(in crate::git) fn is_git_dir(dir: &Path) -> bool {
    if std::fs::symlink_metadata(dir.join("HEAD")).is_err() {
        return false;
    }
    dir.join("commondir").is_file() || (dir.join("objects").is_dir() && dir.join("refs").is_dir())
}

/// The git directory that a `.git` file names. Exactly one step: a `.git` file that leads to
/// another one is broken.
fn follow(file: &Path) -> Result<PathBuf, DiscoverError> {
    let bytes = fs::read_capped(file, LINK_CAP).map_err(|e| unreadable(file, e.source))?;
    let target = bytes
        .strip_prefix(b"gitdir:")
        .ok_or_else(|| broken(file, "does not begin with `gitdir:`"))?;
    let target = path_of_line(target.trim_ascii_start());
    let target = file.parent().unwrap_or(Path::new("/")).join(target);
    match std::fs::metadata(&target) {
        Ok(meta) if meta.is_dir() && is_git_dir(&target) => canonical(&target),
        Ok(meta) if meta.is_file() => Err(broken(
            file,
            format!("leads to {}, which is a file (a loop?)", target.display()),
        )),
        Ok(_) => Err(broken(
            file,
            format!("leads to {}, which is no git directory", target.display()),
        )),
        Err(e) => Err(broken(file, format!("leads to {}: {e}", target.display()))),
    }
}

/// The directory that a one-line file of a git directory names, relative to it; `None` where there
/// is no such file.
pub(super) fn read_link_file(git_dir: &Path, name: &str) -> Result<Option<PathBuf>, DiscoverError> {
    let file = git_dir.join(name);
    let bytes = match fs::read_capped(&file, LINK_CAP) {
        Ok(bytes) => bytes,
        Err(e) if e.is_not_found() => return Ok(None),
        Err(e) => return Err(unreadable(&file, e.source)),
    };
    let target = git_dir.join(path_of_line(&bytes));
    let real = std::fs::canonicalize(&target)
        .map_err(|e| broken(&file, format!("leads to {}: {e}", target.display())))?;
    if real.join("objects").is_dir() && real.join("refs").is_dir() {
        return Ok(Some(real));
    }
    Err(broken(
        &file,
        format!("leads to {}, which is no git directory", real.display()),
    ))
}

/// Checks that a linked worktree and its git directory name each other and that both hang under the
/// shared directory.
pub(super) fn backlink_agrees(
    top: &Path,
    git_dir: &Path,
    common_dir: &Path,
) -> Result<(), DiscoverError> {
    let redirected = |why: String| DiscoverError::Redirected {
        path: top.to_owned(),
        why,
    };
    if git_dir.parent() != Some(&common_dir.join("worktrees")) {
        return Err(redirected(format!(
            "its git directory {} is not under {}/worktrees",
            git_dir.display(),
            common_dir.display()
        )));
    }
    let file = git_dir.join("gitdir");
    let back = fs::read_capped(&file, LINK_CAP).map_err(|e| redirected(format!("{e}")))?;
    let back = git_dir.join(path_of_line(&back));
    let same = std::fs::canonicalize(&back).ok() == std::fs::canonicalize(top.join(".git")).ok();
    // A worktree that was moved by hand leaves a dead link behind; one that lives means that two
    // places claim one git directory.
    if same || !back.exists() {
        return Ok(());
    }
    Err(redirected(format!(
        "its git directory belongs to {}",
        back.display()
    )))
}

fn canonical(path: &Path) -> Result<PathBuf, DiscoverError> {
    std::fs::canonicalize(path).map_err(|e| unreadable(path, e))
}

fn broken(path: &Path, why: impl Into<String>) -> DiscoverError {
    DiscoverError::Broken {
        path: path.to_owned(),
        why: why.into(),
    }
}
