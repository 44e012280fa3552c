//! Looks upwards from a directory for the repository, and verifies what a worktree claims of itself.

use std::path::{Path, PathBuf};

use crate::git::discover::dotgit::{DotGit, backlink_agrees, find, read_link_file};
use crate::git::discover::error::{DiscoverError, unreadable};
use crate::git::format::RepoFormat;
use crate::git::outside::WorktreeOwner;
use crate::git::sharing::Sharing;

/// The directories of a repository. All paths are absolute and without symbolic links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoLocation {
    /// The root of the worktree that contains the start; `None` inside a bare repository or a git
    /// directory.
    pub top: Option<PathBuf>,
    /// The git directory of that worktree.
    pub git_dir: PathBuf,
    /// The git directory that all worktrees share: objects, refs, config, and `ai`'s store.
    pub common_dir: PathBuf,
    /// The root of the [main checkout](MainCheckout); `None` for bare repositories and where Git
    /// does not record it.
    pub main_root: Option<PathBuf>,
    /// True where the repository has no [main checkout](MainCheckout).
    pub is_bare: bool,
    /// True where the start lies in a linked worktree.
    pub is_linked: bool,
    /// True where Git found the checkout's file system to fold case (`core.ignoreCase`).
    pub ignore_case: bool,
    /// The rights that others get on what is made in the git directory.
    pub sharing: Option<Sharing>,
}

/// Finds the repository that contains `start`.
pub fn discover(start: &Path) -> Result<RepoLocation, DiscoverError> {
    let start = std::fs::canonicalize(start).map_err(|source| unreadable(start, source))?;
    let location = locate(&start)?;
    verify_pool_member(&location)?;
    Ok(location)
}

fn locate(start: &Path) -> Result<RepoLocation, DiscoverError> {
    for dir in start.ancestors() {
        match find(dir)? {
            None => {}
            Some(DotGit::Worktree { git_dir }) => return worktree(dir, git_dir),
            Some(DotGit::GitDir) => return inside(dir),
        }
    }
    Err(DiscoverError::NotARepository(start.to_owned()))
}

fn worktree(top: &Path, git_dir: PathBuf) -> Result<RepoLocation, DiscoverError> {
    let Some(common_dir) = read_link_file(&git_dir, "commondir")? else {
        let format = RepoFormat::read(&git_dir)?;
        let (is_bare, ignore_case) = (format.bare.unwrap_or(false), format.ignore_case);
        let sharing = format.sharing;
        let root = (!is_bare).then(|| top.to_owned());
        let common_dir = git_dir.clone();
        let (top, main_root) = (root.clone(), root);
        return Ok(RepoLocation {
            top,
            git_dir,
            common_dir,
            main_root,
            is_bare,
            is_linked: false,
            ignore_case,
            sharing,
        });
    };
    backlink_agrees(top, &git_dir, &common_dir)?;
    let MainCheckout {
        root: main_root,
        is_bare,
        ignore_case,
        sharing,
    } = main_checkout(&common_dir)?;
    Ok(RepoLocation {
        top: Some(top.to_owned()),
        git_dir,
        common_dir,
        main_root,
        is_bare,
        is_linked: true,
        ignore_case,
        sharing,
    })
}

/// The start lies inside a git directory: a bare repository, or the `.git` of a checkout.
fn inside(git_dir: &Path) -> Result<RepoLocation, DiscoverError> {
    let common_dir = read_link_file(git_dir, "commondir")?.unwrap_or_else(|| git_dir.to_owned());
    let MainCheckout {
        root: main_root,
        is_bare,
        ignore_case,
        sharing,
    } = main_checkout(&common_dir)?;
    Ok(RepoLocation {
        top: None,
        is_linked: common_dir != git_dir,
        git_dir: git_dir.to_owned(),
        common_dir,
        main_root,
        is_bare,
        ignore_case,
        sharing,
    })
}

struct MainCheckout {
    root: Option<PathBuf>,
    is_bare: bool,
    ignore_case: bool,
    sharing: Option<Sharing>,
}

/// Finds the [main checkout](MainCheckout) of a shared git directory, as far as Git records it.
fn main_checkout(common_dir: &Path) -> Result<MainCheckout, DiscoverError> {
    let format = RepoFormat::read(common_dir)?;
    let named_dot_git = common_dir.file_name().is_some_and(|name| name == ".git");
    let is_bare = format
        .bare
        .unwrap_or(!named_dot_git && format.work_tree.is_none());
    let root = match format.work_tree {
        _ if is_bare => None,
        Some(configured) => std::fs::canonicalize(common_dir.join(configured)).ok(),
        None if named_dot_git => common_dir.parent().map(Path::to_owned),
        None => None,
    };
    Ok(MainCheckout {
        root,
        is_bare,
        ignore_case: format.ignore_case,
        sharing: format.sharing,
    })
}

/// A directory in the pool of a repository must belong to that repository.
fn verify_pool_member(location: &RepoLocation) -> Result<(), DiscoverError> {
    let Some(top) = &location.top else {
        return Ok(());
    };
    let Some(owner) = pool_owner(top).filter(|owner| *owner != location.common_dir) else {
        return Ok(());
    };
    let why = format!(
        "its .git leads to {} instead of {}",
        location.common_dir.display(),
        owner.display()
    );
    Err(DiscoverError::Redirected {
        path: top.clone(),
        why,
    })
}

/// The git directory to which the pool belongs that holds the worktree `top`; `None` for any other
/// worktree.
fn pool_owner(top: &Path) -> Option<PathBuf> {
    if let Some(root) = inner_pool_owner(top) {
        return Some(locate(root).ok()?.common_dir);
    }
    WorktreeOwner::of_pool(top.parent()?).map(|owner| owner.common_dir)
}

/// The directory whose `.ai/worktrees/<slot>` this is: where older versions had their pool.
fn inner_pool_owner(top: &Path) -> Option<&Path> {
    let pool = top.parent()?;
    let ai = pool.parent()?;
    (pool.file_name()? == "worktrees" && ai.file_name()? == ".ai").then(|| ai.parent())?
}
