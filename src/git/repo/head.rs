//! Reads and moves HEAD, in the main checkout and in linked worktrees.

use std::path::Path;

use crate::base::fs;
use crate::git::cmd::{Git, oid_line};
use crate::git::discover::RepoLocation;
use crate::git::error::GitError;
use crate::git::format::RefStorage;
use crate::git::oid::Oid;
use crate::git::path::path_of_line;
use crate::git::repo::Repo;
use crate::git::repo::is_valid_ref_name;

/// The state of a HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// On a branch that has commits. The name is full: `refs/heads/main`.
    Branch {
        /// The full reference name.
        name: String,
        /// The commit.
        commit: Oid,
    },
    /// On a branch without a commit yet.
    Unborn {
        /// The full reference name.
        name: String,
    },
    /// On a commit and no branch.
    Detached {
        /// The commit.
        commit: Oid,
    },
}

/// The new position of a HEAD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadTo<'a> {
    /// On this branch; the full name.
    Branch(&'a str),
    /// On this commit and no branch.
    Commit(&'a Oid),
}

impl Head {
    /// The commit, where there is one.
    pub const fn commit(&self) -> Option<&Oid> {
        match self {
            Self::Branch { commit, .. } | Self::Detached { commit } => Some(commit),
            Self::Unborn { .. } => None,
        }
    }

    /// The full branch name, where HEAD is on one.
    pub fn branch(&self) -> Option<&str> {
        match self {
            Self::Branch { name, .. } | Self::Unborn { name } => Some(name),
            Self::Detached { .. } => None,
        }
    }
}

impl Repo {
    /// HEAD of the worktree in which discovery began.
    pub fn head(&self) -> Result<Head, GitError> {
        self.head_of(&self.location.git_dir)
    }

    /// HEAD of the worktree with this git directory. The directory may be an agent's: only the one
    /// line is read, as data.
    pub fn head_of(&self, git_dir: &Path) -> Result<Head, GitError> {
        let target = if self.format.refs == RefStorage::Files {
            read_head(git_dir)?
        } else {
            self.ask_head(git_dir)?
        };
        match target {
            HeadTarget::Commit(commit) => Ok(Head::Detached { commit }),
            HeadTarget::Branch(name) => Ok(match self.find_ref(&name)? {
                Some(commit) => Head::Branch { name, commit },
                None => Head::Unborn { name },
            }),
        }
    }

    /// Puts HEAD of the worktree with this git directory elsewhere. Index and files stay as they
    /// are.
    pub fn set_head_of(&self, git_dir: &Path, to: &HeadTo<'_>) -> Result<(), GitError> {
        if self.format.refs == RefStorage::Files {
            let line = match to {
                HeadTo::Branch(name) => format!("ref: {name}\n"),
                HeadTo::Commit(commit) => format!("{commit}\n"),
            };
            return Ok(fs::write_atomic(&git_dir.join("HEAD"), line.as_bytes())?);
        }
        let command = match to {
            HeadTo::Branch(name) => self.git.command(["symbolic-ref", "HEAD", name]),
            HeadTo::Commit(commit) => self
                .git
                .command(["update-ref", "--no-deref", "HEAD"])
                .arg(commit),
        };
        command
            .git_dir(git_dir)
            .env("GIT_COMMON_DIR", self.common_dir())
            .run()
            .map(drop)
    }

    /// HEAD in reference tables; the explicit shared directory keeps a planted `commondir` out.
    fn ask_head(&self, git_dir: &Path) -> Result<HeadTarget, GitError> {
        let ask = |args: &[&str]| {
            self.git
                .command(args)
                .git_dir(git_dir)
                .env("GIT_COMMON_DIR", self.common_dir())
                .run_any()
        };
        let symbolic = ask(&["symbolic-ref", "--quiet", "HEAD"])?;
        if symbolic.code == 0 {
            return Ok(HeadTarget::Branch(
                String::from_utf8_lossy(&symbolic.stdout)
                    .trim_end()
                    .to_owned(),
            ));
        }
        let direct = ask(&["rev-parse", "--verify", "HEAD"])?;
        if direct.code != 0 {
            return Err(direct.failure());
        }
        Ok(HeadTarget::Commit(oid_line(&direct)?))
    }

    /// Puts the HEAD of our own worktree into a revision, since the back ends stand on the shared
    /// directory.
    pub(super) fn with_own_head(&self, rev: &str) -> Result<String, GitError> {
        let rest = rev.strip_prefix("HEAD").or_else(|| rev.strip_prefix('@'));
        match rest {
            Some(rest)
                if self.location.is_linked
                    && (rest.is_empty() || rest.starts_with(['~', '^', ':'])) =>
            {
                let head = self.head()?;
                let commit = head.commit().ok_or_else(|| GitError::NoCommit {
                    rev: rev.to_owned(),
                })?;
                Ok(format!("{commit}{rest}"))
            }
            _ => Ok(rev.to_owned()),
        }
    }
}

/// The commit at which HEAD of the worktree in which discovery began is; the name of no object where its
/// branch has no commit yet. Nearly always two plain files say it, and nothing is opened: a claim asks for no
/// more than this.
pub fn head_at(location: &RepoLocation) -> Result<Oid, GitError> {
    if let Ok(HeadTarget::Branch(name)) = read_head(&location.git_dir)
        && let Some(commit) = loose_tip(&location.common_dir, &name)
    {
        return Ok(commit);
    }
    let repo = Repo::open(location, Git::system()?)?;
    let head = repo.head()?;
    Ok(match head.commit() {
        Some(commit) => commit.clone(),
        None => repo.format().objects.zero(),
    })
}

/// The commit that a plain file says that a reference names; nothing where it is packed, or leads to another one.
pub fn loose_tip(common_dir: &Path, name: &str) -> Option<Oid> {
    let bytes = fs::read_capped(&common_dir.join(name), 1 << 10).ok()?;
    Oid::parse(std::str::from_utf8(&bytes).ok()?.trim_end()).ok()
}

enum HeadTarget {
    Branch(String),
    Commit(Oid),
}

fn read_head(git_dir: &Path) -> Result<HeadTarget, GitError> {
    let path = git_dir.join("HEAD");
    let bytes = fs::read_capped(&path, 16 << 10)?;
    let line = path_of_line(&bytes).to_string_lossy().into_owned();
    let bad = |why: &str| GitError::BadFile {
        path: path.clone(),
        why: why.to_owned(),
    };
    if let Some(name) = line.strip_prefix("ref:") {
        let name = name.trim();
        if !is_valid_ref_name(name) {
            return Err(bad("names no valid reference"));
        }
        return Ok(HeadTarget::Branch(name.to_owned()));
    }
    Oid::parse(line.trim())
        .map(HeadTarget::Commit)
        .map_err(|_| bad("is neither a reference nor a commit"))
}
