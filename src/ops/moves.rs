//! The files that a change gives another name, measured by their content.

use std::collections::BTreeMap;

use crate::domain::guards::{SideNeed, SideNeeds};
use crate::domain::moved_file::{self, FileMove, HalfOf, NamedFile};
use crate::domain::repo_path::RepoPath;
use crate::git::diff::{ChangeSide, ChangedPath, PathChange};
use crate::git::{GitError, Repo};

/// With more files than this on a side, only those of the same content are looked for: each is compared with each.
const MOST_COMPARED: usize = 100;
/// Larger files are not compared by their lines.
const LARGEST: u64 = 1 << 20;

/// The moves within a change. What is not there, as in a partial clone, has not moved.
pub fn moves(repo: &Repo, changed: &[ChangedPath]) -> Result<Vec<FileMove>, GitError> {
    let changed: Vec<&ChangedPath> = changed.iter().collect();
    moves_by(repo, &changed, HalfOf::Old)
}

/// The moves within a change by half of this content.
pub(super) fn moves_by(
    repo: &Repo,
    changed: &[&ChangedPath],
    half: HalfOf,
) -> Result<Vec<FileMove>, GitError> {
    let gone = named(changed, PathChange::Deleted, |one| one.old.as_ref());
    let new = named(changed, PathChange::Added, |one| one.new.as_ref());
    if gone.is_empty() || new.is_empty() {
        return Ok(Vec::new());
    }
    let (mut moves, gone, new) = moved_file::same(gone, new);
    let most = gone.len().max(new.len());
    if gone.is_empty() || new.is_empty() || most > MOST_COMPARED {
        return Ok(moves);
    }
    let texts = contents(repo, changed, &[gone, new].concat())?;
    let of = |change: PathChange| -> Vec<NamedFile<'_, Vec<u8>>> {
        let all = changed.iter().filter(|one| one.change == change);
        all.filter_map(|one| Some((&one.path, texts.get(&one.path)?.clone())))
            .collect()
    };
    moves.extend(moved_file::similar(
        &of(PathChange::Deleted),
        &of(PathChange::Added),
        half,
    ));
    Ok(moves)
}

/// The files of one kind of change by the names of their contents: files alone, no links and no submodules.
fn named<'c>(
    changed: &[&'c ChangedPath],
    change: PathChange,
    side: impl Fn(&'c ChangedPath) -> Option<&'c ChangeSide>,
) -> Vec<NamedFile<'c, &'c str>> {
    let all = changed.iter().copied().filter(|one| one.change == change);
    all.filter_map(|one| {
        let side = side(one).filter(|side| side.is_file())?;
        Some((&one.path, side.oid.as_str()))
    })
    .collect()
}

/// The contents of these files, as far as they are no larger than what is compared.
fn contents<'c>(
    repo: &Repo,
    changed: &[&'c ChangedPath],
    files: &[NamedFile<'_, &str>],
) -> Result<BTreeMap<&'c RepoPath, Vec<u8>>, GitError> {
    let is_meant = |one: &&ChangedPath| files.iter().any(|(path, _)| **path == one.path);
    let meant: Vec<&'c ChangedPath> = changed.iter().copied().filter(is_meant).collect();
    let all = SideNeeds {
        old: SideNeed::Content,
        new: SideNeed::Content,
    };
    let asked: Vec<(&ChangedPath, SideNeeds)> = meant.into_iter().map(|one| (one, all)).collect();
    let found = repo.contents(&asked, Vec::new, |found, one, old, new| {
        for side in [old, new] {
            match side {
                Ok(side) => {
                    let text = side.into_content();
                    let text = text.filter(|text| text.len() as u64 <= LARGEST);
                    found.extend(text.map(|text| (&one.path, text)));
                }
                Err(GitError::Missing { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    })?;
    Ok(found.into_iter().flatten().collect())
}
