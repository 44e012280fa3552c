//! Questions about files that open none: kinds, sizes, times, links and lists.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::clock;
use crate::base::fs::error::{FsError, at};

/// The metadata of a path, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Identity of the file: device and inode, which no other file has while this one exists.
    pub id: FileId,
    /// Size in bytes.
    pub len: u64,
    /// Time of the last change of its bytes, in nanoseconds since 1970.
    pub modified_ns: i64,
    /// True for a regular file.
    pub is_file: bool,
}

/// Tells one file from another, whatever it is called: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(pub(super) u64, pub(super) u64);

impl std::fmt::Display for FileId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0, self.1)
    }
}

/// Looks at a file, through links; nothing where there is none.
pub fn stat(path: &Path) -> Result<Option<FileStat>, FsError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(FileStat {
            id: FileId(meta.dev(), meta.ino()),
            len: meta.len(),
            modified_ns: meta
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(meta.mtime_nsec()),
            is_file: meta.is_file(),
        })),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => at("read", path, Err(e)),
    }
}

/// True while an open file is what stands at `path`.
pub fn stands_at(file: &fs::File, path: &Path) -> Result<bool, FsError> {
    let open = at("look at", path, file.metadata())?;
    Ok(stat(path)?.is_some_and(|there| there.id == FileId(open.dev(), open.ino())))
}

/// Returns true if a file belongs to the user of this process; nothing where there is none.
pub fn is_own(path: &Path) -> Option<bool> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some(meta.uid() == user())
}

/// The reason why a file, through its links, is no place for a secret of this user: somebody else may have written it, or
/// everybody may read it. Nothing for one that is there for them alone, or not at all.
pub fn is_exposed(path: &Path) -> Option<&'static str> {
    const ROOT: u32 = 0;
    let meta = fs::metadata(path).ok()?;
    match meta.mode() & 0o007 {
        _ if meta.uid() != user() && meta.uid() != ROOT => Some("it belongs to somebody else"),
        0 => None,
        _ => Some("every user of this machine may read or change it"),
    }
}

/// The number of the user of this process, by whom its files are owned.
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A relative path with its symbolic links followed, as far as they lead to places below `root` and
/// up to the first part that `stop` names; `None` where nothing is a link.
pub fn follow_links_below(root: &Path, path: &str, stop: impl Fn(&str) -> bool) -> Option<String> {
    let mut real = PathBuf::new();
    let mut parts = path.split('/').peekable();
    let mut followed = false;
    while let Some(part) = parts.peek().filter(|part| !part.is_empty() && !stop(part)) {
        let next = real.join(part);
        // What is not there yet has no links to follow.
        let Ok(meta) = fs::symlink_metadata(root.join(&next)) else {
            break;
        };
        real = if meta.is_symlink() {
            let target = fs::canonicalize(root.join(&next)).ok()?;
            followed = true;
            target
                .strip_prefix(fs::canonicalize(root).ok()?)
                .ok()?
                .to_owned()
        } else {
            next
        };
        parts.next();
    }
    let real = real.to_str()?.to_owned();
    let whole: Vec<&str> = std::iter::once(real.as_str())
        .filter(|r| !r.is_empty())
        .chain(parts)
        .collect();
    followed.then(|| whole.join("/"))
}

/// True where nothing of this name is there, not even a link that leads nowhere.
pub fn is_missing(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound)
}

/// True for a link, wherever it leads.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink())
}

/// True where a link at a path, or on the way to it, leads nowhere. Whoever reads there is told that there
/// is no such file, and yet somebody meant one to be there.
pub fn leads_nowhere(path: &Path) -> bool {
    let stands = path
        .ancestors()
        .find(|one| !one.as_os_str().is_empty() && !is_missing(one));
    stands.is_some_and(|one| fs::metadata(one).is_err())
}

/// Bytes that a file or directory occupies on the disk, with everything below it; links are not
/// followed. What cannot be looked at, or goes meanwhile, counts as nothing.
pub fn disk_usage(path: &Path) -> u64 {
    let (mut bytes, mut open) = (0, vec![path.to_owned()]);
    while let Some(at) = open.pop() {
        let Ok(meta) = fs::symlink_metadata(&at) else {
            continue;
        };
        bytes += meta.blocks() * 512;
        if meta.is_dir() {
            open.extend(list_dir(&at).unwrap_or_default());
        }
    }
    bytes
}

/// Returns the time of the last change of a file or directory, in milliseconds since 1970; nothing
/// where it is not there.
pub fn modified_ms(path: &Path) -> Option<i64> {
    let meta = fs::symlink_metadata(path).ok()?;
    Some(meta.mtime() * 1_000 + meta.mtime_nsec() / 1_000_000)
}

/// For how many milliseconds nothing below `root` has changed: no file written, none added or
/// removed. The answer is exact up to the first change that is younger than `enough_ms`. `None`
/// where there is more than `most` to look at, or nothing can be seen.
pub fn unchanged_for_ms(root: &Path, enough_ms: u64, most: usize) -> Option<u64> {
    let now = clock::wall_ms();
    let (mut youngest, mut seen) = (None, 0_usize);
    let mut queue = vec![root.to_owned()];
    while let Some(path) = queue.pop() {
        let Ok(meta) = fs::symlink_metadata(&path) else {
            continue;
        };
        // The time of the last change to the inode: no program sets it back.
        let age =
            u64::try_from(now - (meta.ctime() * 1000 + meta.ctime_nsec() / 1_000_000)).unwrap_or(0);
        youngest = Some(youngest.map_or(age, |other: u64| other.min(age)));
        seen += 1;
        if age < enough_ms {
            return youngest;
        }
        if seen >= most {
            return None;
        }
        if meta.is_dir() {
            queue.extend(
                fs::read_dir(&path)
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|entry| entry.path()),
            );
        }
    }
    youngest
}

/// The entries of a directory, sorted by name; a directory that is not there has none.
pub fn list_dir(path: &Path) -> Result<Vec<PathBuf>, FsError> {
    let entries = list_kinds(path)?;
    Ok(entries.into_iter().map(|entry| entry.path).collect())
}

/// An entry of a directory.
#[derive(Debug)]
pub struct ListedEntry {
    /// Its path.
    pub path: PathBuf,
    /// True for a directory itself, and not for a link to one.
    pub is_dir: bool,
}

/// The same with what each of them is, which the directory itself tells on most file systems; what
/// cannot be told is no directory.
pub fn list_kinds(path: &Path) -> Result<Vec<ListedEntry>, FsError> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => at("list", path, other)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = at("list", path, entry)?;
        found.push(ListedEntry {
            path: entry.path(),
            is_dir: entry.file_type().is_ok_and(|kind| kind.is_dir()),
        });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_secret_that_everybody_may_read_or_somebody_else_may_have_written_is_exposed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        assert_eq!(is_exposed(&path), None, "there is none");
        fs::write(&path, "x").unwrap();
        for (mode, is_open) in [
            (0o600, false),
            (0o640, false),
            (0o644, true),
            (0o602, true),
            (0o400, false),
        ] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(is_exposed(&path).is_some(), is_open, "{mode:o}");
        }
        // Who may give files away is root, and tests of CI are.
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_ok() {
            assert_eq!(is_exposed(&path), Some("it belongs to somebody else"));
        }
    }
}
