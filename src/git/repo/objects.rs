//! Objects of a store by themselves: no repository, and so no configuration. For few at a time.

use std::path::{Path, PathBuf};

use git2::{Config, ObjectType, Odb, Repository, RepositoryOpenFlags};

use crate::base::fs::{self, FsError};
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
///
/// Each is flushed before it has its name. Named first, those of which the content is still on its way
/// would be empty files after a power cut, and an empty file under the name of an object counts as that
/// object from then on, for Git as for the library. One that is there already is read, and what is
/// left of such a cut is made anew.
pub(in crate::git) fn store_objects(
    objects: &Path,
    new: &[(ObjectType, Vec<u8>)],
) -> Result<(), GitError> {
    let drafts = tempfile::Builder::new()
        // The name by which Git's own housekeeping knows what a killed one has left.
        .prefix("tmp_objdir-ai-")
        .tempdir_in(objects)
        .map_err(|source| FsError {
            action: "create",
            path: objects.to_owned(),
            source,
        })?;
    let missing = missing(objects, new).map_err(GitError::native("look for objects"))?;
    if missing.is_empty() {
        return Ok(());
    }
    let mut drafted = draft(drafts.path(), &missing)?;
    // Two files of the same content are one object.
    drafted.sort_unstable();
    drafted.dedup();
    let files: Vec<PathBuf> = drafted
        .iter()
        .map(|id| loose(&drafts.path().join("objects"), id))
        .collect();
    native::sync_files(&files)?;
    for (file, id) in files.iter().zip(&drafted) {
        let place = loose(objects, id);
        if let Some(dir) = place.parent() {
            fs::create_dir_all(dir)?;
        }
        fs::rename(file, &place)?;
    }
    Ok(())
}

type NewObject = (ObjectType, Vec<u8>);

/// The objects that are not there, or cannot be read.
fn missing<'o>(objects: &Path, new: &'o [NewObject]) -> Result<Vec<&'o NewObject>, git2::Error> {
    let repo = open(objects.parent().unwrap_or(objects))?;
    let odb = repo.odb()?;
    let mut missing = Vec::new();
    for object in new {
        let id = git2::Oid::hash_object(object.0, &object.1)?;
        let is_whole = odb.exists(id) && odb.read(id).is_ok_and(|found| found.data() == object.1);
        if !is_whole {
            missing.push(object);
        }
    }
    Ok(missing)
}

/// Writes the objects below `dir`, in a store of their own, as files by themselves.
///
/// The library opens no store for writing but a repository's. This is the least that it takes for one.
/// One that it makes itself has a configuration, which is written under a lock: killed then, it would
/// leave a file that looks like a lock somebody holds.
fn draft(dir: &Path, new: &[&NewObject]) -> Result<Vec<git2::Oid>, GitError> {
    fs::create_dir_all(&dir.join("objects"))?;
    fs::create_dir_all(&dir.join("refs"))?;
    fs::overwrite(&dir.join("HEAD"), b"ref: refs/heads/none\n")?;
    let write = || {
        let store = open(dir)?;
        let odb = store.odb()?;
        let names = new.iter().map(|(kind, content)| odb.write(*kind, content));
        names.collect::<Result<_, _>>()
    };
    write().map_err(GitError::native("write objects"))
}

/// The repository at `dir` itself, whatever lies around it.
fn open(dir: &Path) -> Result<Repository, git2::Error> {
    let none: [&std::ffi::OsStr; 0] = [];
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    Repository::open_ext(dir, flags, none)
}

fn loose(objects: &Path, id: &git2::Oid) -> PathBuf {
    let name = id.to_string();
    let (dir, file) = name.split_at(2);
    objects.join(dir).join(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::TestRepo;

    #[test]
    fn an_object_that_a_power_cut_left_empty_is_made_anew() {
        let repo = TestRepo::new();
        let objects = repo.root.join(".git/objects");
        let new = [
            (ObjectType::Blob, b"one".to_vec()),
            (ObjectType::Blob, b"two".to_vec()),
            (ObjectType::Blob, b"two".to_vec()),
        ];
        store_objects(&objects, &new[..1]).unwrap();
        let ids = new
            .iter()
            .map(|(kind, content)| git2::Oid::hash_object(*kind, content).unwrap());
        let ids: Vec<git2::Oid> = ids.collect();
        let broken = loose(&objects, &ids[0]);
        std::fs::remove_file(&broken).unwrap();
        std::fs::write(&broken, "").unwrap();
        store_objects(&objects, &new).unwrap();
        let show = |id: &git2::Oid| repo.git(&["cat-file", "blob", &id.to_string()]);
        assert_eq!((show(&ids[0]), show(&ids[1])), ("one".into(), "two".into()));
        // Nothing of it is written again, and no draft stays.
        let written = std::fs::metadata(&broken).unwrap().modified().unwrap();
        store_objects(&objects, &new).unwrap();
        let now = std::fs::metadata(&broken).unwrap().modified().unwrap();
        assert_eq!(now, written);
        let drafts = std::fs::read_dir(&objects).unwrap();
        let names = drafts.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = names.filter(|name| name.starts_with("tmp_")).collect();
        assert_eq!(left, [""; 0]);
    }

    /// A kill at any moment leaves nothing that looks like a lock somebody holds.
    #[test]
    fn a_draft_is_written_without_a_lock() {
        let dir = tempfile::tempdir().unwrap();
        let content = (ObjectType::Blob, b"one".to_vec());
        let ids = draft(dir.path(), &[&content]).unwrap();
        assert!(loose(&dir.path().join("objects"), &ids[0]).is_file());
        let mut names: Vec<String> = std::fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        // No configuration: the library writes one under a lock.
        assert_eq!(names, ["HEAD", "objects", "refs"]);
    }
}
