//! Objects of a store by themselves: no repository, and so no configuration. For few at a time.

use std::path::Path;

use git2::{Config, ObjectType, Odb, Repository, RepositoryOpenFlags};

use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::native;

/// The contents of blobs of the store at `objects`, in their order; none where one is not there, or
/// where they are more than `cap` bytes together.
pub(in crate::git) fn read_blobs(objects: &Path, names: &[&Oid], cap: u64) -> Option<Vec<Vec<u8>>> {
    let odb = Odb::new().ok()?;
    odb.add_disk_alternate(objects.to_str()?).ok()?;
    let store = Repository::from_odb(odb).ok()?;
    // Else it would read that of the user.
    store.set_config(&Config::new().ok()?).ok()?;
    let odb = store.odb().ok()?;
    let mut left = usize::try_from(cap).ok()?;
    let mut found = Vec::new();
    for name in names {
        let id = git2::Oid::from_str(name.as_str()).ok()?;
        let (length, kind) = odb.read_header(id).ok()?;
        left = left.checked_sub(length)?;
        if kind != ObjectType::Blob {
            return None;
        }
        found.push(odb.read(id).ok()?.data().to_vec());
    }
    Some(found)
}

/// Writes objects to the store at `objects`; they last when this returns.
pub(in crate::git) fn store_objects(
    objects: &Path,
    new: &[(ObjectType, Vec<u8>)],
) -> Result<(), GitError> {
    let failed = GitError::native("write objects");
    let none: [&std::ffi::OsStr; 0] = [];
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    let common_dir = objects.parent().unwrap_or(objects);
    let written = Repository::open_ext(common_dir, flags, none).and_then(|repo| {
        let odb = repo.odb()?;
        let names = new.iter().map(|(kind, content)| odb.write(*kind, content));
        names.collect::<Result<Vec<_>, _>>()
    });
    let files = written.map_err(failed)?.into_iter().map(|id| {
        let name = id.to_string();
        let (dir, file) = name.split_at(2);
        objects.join(dir).join(file)
    });
    native::sync_files(&files.collect::<Vec<_>>());
    Ok(())
}
