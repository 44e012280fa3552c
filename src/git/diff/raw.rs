//! The list of changed paths between trees, and per commit of a range.

use serde::Serialize;

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::{GitOutput, NulFields};
use crate::git::diff::native;
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::shadow::ShadowRepo;

/// The change of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Change")]
pub enum PathChange {
    /// The file is new.
    Added,
    /// Content or mode differs.
    Modified,
    /// The file is gone.
    Deleted,
    /// File, link and submodule changed into each other.
    Retyped,
}

/// One side of a changed path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeSide {
    /// Git's mode: `0o100644`, `0o100755`, `0o120000` (link), `0o160000` (submodule).
    pub mode: u32,
    /// The blob, or the commit of a submodule.
    pub oid: Oid,
}

impl ChangeSide {
    /// True for a regular file: no link, and no submodule.
    pub fn is_file(&self) -> bool {
        self.mode & 0o170_000 == 0o100_000
    }

    /// True for a submodule, whose object is a commit of another repository and no content.
    pub fn is_submodule(&self) -> bool {
        self.mode == 0o160_000
    }
}

impl PathChange {
    /// The letter by which Git names the kind of change.
    pub const fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Modified => 'M',
            Self::Deleted => 'D',
            Self::Retyped => 'T',
        }
    }
}

/// A path that differs between two trees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedPath {
    /// The path.
    pub path: RepoPath,
    /// The kind of change.
    pub change: PathChange,
    /// Before; `None` where it was added.
    pub old: Option<ChangeSide>,
    /// After; `None` where it was deleted.
    pub new: Option<ChangeSide>,
}

/// The changes of one commit of a range, against each of its parents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitChanges {
    /// The commit.
    pub commit: Oid,
    /// The changes.
    pub changed: Vec<ChangedPath>,
}

impl ShadowRepo {
    /// The paths that differ between two trees or commits, sorted as Git sorts them.
    pub fn changed_paths(&self, old: &Oid, new: &Oid) -> Result<Vec<ChangedPath>, GitError> {
        if old == new {
            return Ok(Vec::new());
        }
        if let Some(found) = self.compared_here(old, new) {
            return Ok(found);
        }
        self.asked_paths(old, new)
    }

    /// The same without a process, where that can be.
    fn compared_here(&self, old: &Oid, new: &Oid) -> Option<Vec<ChangedPath>> {
        let is_readable = self.format() == ObjectFormat::Sha1 && !self.is_partial();
        is_readable
            .then(|| native::changed_paths(self.objects_dir(), old, new))
            .flatten()
    }

    /// The same as Git lists them.
    pub(super) fn asked_paths(&self, old: &Oid, new: &Oid) -> Result<Vec<ChangedPath>, GitError> {
        listed(&self.objects(DIFF_TREE).arg(old).arg(new).run()?)
    }

    /// The commits that `head` has and `base` has not, oldest first, each with what it changed.
    /// `base` is `None` for a history that starts from nothing.
    pub fn commits_between(
        &self,
        base: Option<&Oid>,
        head: &Oid,
    ) -> Result<Vec<CommitChanges>, GitError> {
        if base == Some(head) {
            return Ok(Vec::new());
        }
        let mut list = self
            .objects(["rev-list", "--reverse", "--topo-order"])
            .arg(head);
        if let Some(base) = base {
            list = list.arg(format!("^{base}"));
        }
        let commits = list.run()?.stdout;
        if commits.is_empty() {
            return Ok(Vec::new());
        }
        let args = [
            "diff-tree",
            "--stdin",
            "-r",
            "-m",
            "--root",
            "-z",
            "--raw",
            "--always",
            "--no-renames",
            "--no-abbrev",
        ];
        let out = self.objects(args).input(commits).run()?;
        let mut fields = NulFields::of(&out);
        let mut found: Vec<CommitChanges> = Vec::new();
        while let Some(field) = fields.next() {
            if field.starts_with(b":") {
                let changed = changed_path(&mut fields, field)?;
                let last = found
                    .last_mut()
                    .ok_or_else(|| fields.bad("a change before its commit"))?;
                last.changed.push(changed);
                continue;
            }
            let commit = Oid::parse(&String::from_utf8_lossy(field.trim_ascii()))?;
            // A merge is announced once for each parent.
            if found.last().is_none_or(|last| last.commit != commit) {
                found.push(CommitChanges {
                    commit,
                    changed: Vec::new(),
                });
            }
        }
        Ok(found)
    }
}

/// The question of two trees, which follow.
pub(super) const DIFF_TREE: [&str; 8] = [
    "diff-tree",
    "-r",
    "-z",
    "--raw",
    "--no-renames",
    "--no-abbrev",
    "--no-ext-diff",
    "--ignore-submodules=none",
];

/// Reads the answer to it.
pub(super) fn listed(out: &GitOutput) -> Result<Vec<ChangedPath>, GitError> {
    let mut fields = NulFields::of(out);
    let mut changed = Vec::new();
    while let Some(head) = fields.next() {
        changed.push(changed_path(&mut fields, head)?);
    }
    Ok(changed)
}

/// Reads one change: `:oldmode newmode oldoid newoid status` NUL `path`.
pub(in crate::git) fn changed_path(
    fields: &mut NulFields<'_>,
    head: &[u8],
) -> Result<ChangedPath, GitError> {
    let head = String::from_utf8_lossy(head).into_owned();
    let words: Vec<&str> = head.trim_start_matches(':').split(' ').collect();
    let [old_mode, new_mode, old_oid, new_oid, status] = words[..] else {
        return Err(fields.bad("a line of the raw diff"));
    };
    let side = |mode: &str, oid: &str| -> Result<Option<ChangeSide>, GitError> {
        let mode = u32::from_str_radix(mode, 8).map_err(|_| fields.bad("a file mode"))?;
        Ok(if mode == 0 {
            None
        } else {
            Some(ChangeSide {
                mode,
                oid: Oid::parse(oid)?,
            })
        })
    };
    let (old, new) = (side(old_mode, old_oid)?, side(new_mode, new_oid)?);
    let change = match status.as_bytes().first() {
        Some(b'A') => PathChange::Added,
        Some(b'D') => PathChange::Deleted,
        Some(b'M') => PathChange::Modified,
        Some(b'T') => PathChange::Retyped,
        _ => return Err(fields.bad(format!("unknown status `{status}`"))),
    };
    Ok(ChangedPath {
        path: RepoPath::new(fields.expect("a path")?),
        change,
        old,
        new,
    })
}
