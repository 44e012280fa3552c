//! Writing, copying and renaming: a file is replaced as a whole or not at all.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::base::fs::error::{FsError, at};
use crate::base::fs::remove::remove_file;
use crate::base::fs::share;

/// Replaces `path` by `bytes` so that a reader sees the old or the new content, never a part;
/// parent directories are made.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir_all(dir)?;
    let mut file = at("write", path, tempfile::NamedTempFile::new_in(dir))?;
    at("write", path, file.write_all(bytes))?;
    let mode = fs::Permissions::from_mode(0o644 | share::file_bits(path));
    at("write", path, file.as_file().set_permissions(mode))?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )
}

/// Writes a file that only its owner may read (0600), atomically; those with whom a git directory
/// is shared may read what is made in it.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    write_with(path, bytes, share::file_bits(path))
}

/// Writes a file that nobody but its owner may ever read (0600), atomically.
pub fn write_own(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    write_with(path, bytes, 0)
}

fn write_with(path: &Path, bytes: &[u8], shared: u32) -> Result<(), FsError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir_all(dir)?;
    let mut file = at("write", path, tempfile::NamedTempFile::new_in(dir))?;
    at("write", path, file.write_all(bytes))?;
    share_file(file.as_file(), path, shared)?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )
}

/// Replaces a file that is there by one with the same mode, in one step; lasts through a power cut.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let mode = at("read", path, fs::metadata(path))?.permissions();
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = at("write", path, tempfile::NamedTempFile::new_in(dir))?;
    at("write", path, file.write_all(bytes))?;
    at("write", path, file.as_file().set_permissions(mode))?;
    at("write", path, file.as_file().sync_all())?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )?;
    sync_dir_of(path)
}

/// Writes at the beginning of a file, which is made where it is not there, in one call and without
/// waiting for the disk; what stands further on stays. Follows no link.
pub fn overwrite(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let mut options = fs::OpenOptions::new();
    let options = options
        .write(true)
        .create(true)
        .truncate(false)
        .mode(share::private_mode(path))
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    let file = at("write", path, options.open(path))?;
    at("write", path, file.write_all_at(bytes, 0))
}

/// The result of [`publish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// The file came there.
    Here,
    /// Something bears that name already, and stays.
    Taken,
}

/// Gives a finished draft its final name unless something bears it, in one step; the draft's own
/// name goes either way. Lasts through a power cut.
pub fn publish(draft: &Path, path: &Path) -> Result<PublishOutcome, FsError> {
    let linked = match fs::hard_link(draft, path) {
        // Some file systems know no hard links, but all of those can rename without replacing.
        Err(e) if matches!(e.raw_os_error(), Some(NOT_PERMITTED | NOT_SUPPORTED)) => {
            rename_new(draft, path)
        }
        other => other,
    };
    remove_file(draft)?;
    match linked {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(PublishOutcome::Taken),
        other => at("create", path, other)
            .and_then(|()| sync_dir_of(path))
            .map(|()| PublishOutcome::Here),
    }
}

/// `EPERM` and `EOPNOTSUPP`: what a file system without hard links answers.
const NOT_PERMITTED: i32 = rustix::io::Errno::PERM.raw_os_error();

const NOT_SUPPORTED: i32 = rustix::io::Errno::OPNOTSUPP.raw_os_error();

#[cfg(target_os = "linux")]
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(target_os = "linux"))]
fn rename_new(_from: &Path, _to: &Path) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Moves a file; whatever bore the new name is replaced.
pub fn rename(from: &Path, to: &Path) -> Result<(), FsError> {
    at("rename", from, fs::rename(from, to))
}

/// Makes the name of a file in its directory last through a power cut.
pub fn sync_dir_of(path: &Path) -> Result<(), FsError> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    at(
        "write",
        dir,
        fs::File::open(dir).and_then(|dir| dir.sync_all()),
    )
}

/// Adds rights to those of a file that is its owner's alone.
fn share_file(file: &fs::File, path: &Path, shared: u32) -> Result<(), FsError> {
    if shared == 0 {
        return Ok(());
    }
    let mode = fs::Permissions::from_mode(0o600 | shared);
    at("write", path, file.set_permissions(mode))
}

/// A file that is being written a line at a time.
pub struct LinesFile<'a> {
    file: io::BufWriter<tempfile::NamedTempFile>,
    path: &'a Path,
}

impl LinesFile<'_> {
    /// Adds a line.
    pub fn line(&mut self, text: &str) -> Result<(), FsError> {
        at("write", self.path, writeln!(self.file, "{text}"))
    }
}

/// Writes a large file a line at a time: readers see the old or the whole new content, and it
/// lasts through a power cut. The new file is its owner's alone (0600).
pub fn write_through<E: From<FsError>>(
    path: &Path,
    fill: impl FnOnce(&mut LinesFile<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let file = io::BufWriter::new(at("write", path, tempfile::NamedTempFile::new_in(dir))?);
    let mut lines = LinesFile { file, path };
    fill(&mut lines)?;
    let file = lines.file.into_inner();
    let file = at("write", path, file.map_err(io::IntoInnerError::into_error))?;
    share_file(file.as_file(), path, share::file_bits(path))?;
    at("write", path, file.as_file().sync_all())?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )?;
    Ok(sync_dir_of(path)?)
}

/// Makes a directory that only its owner may enter (0700), with its parents.
///
/// Where the directory above is shared with a group (as in a repository with
/// `core.sharedRepository`), so is this one.
pub fn create_private_dir(path: &Path) -> Result<(), FsError> {
    create_dir_all(path)?;
    restrict(path, 0o700, share::dir_bits(path))
}

/// Makes a directory that nobody but its owner may ever enter (0700), with its parents.
pub fn create_own_dir(path: &Path) -> Result<(), FsError> {
    create_dir_all(path)?;
    let mode = fs::Permissions::from_mode(0o700);
    at("create", path, fs::set_permissions(path, mode))
}

/// Keeps everybody but the owner from a file that `ai` made (0600); its group stays in where the
/// directory is shared with it.
pub fn create_private_file(path: &Path) -> Result<(), FsError> {
    let new = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    at("create", path, new)?;
    restrict(path, 0o600, share::file_bits(path))
}

fn restrict(path: &Path, owner: u32, added: u32) -> Result<(), FsError> {
    let above = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let shared = at("read", above, fs::metadata(above))?.mode() & 0o020 != 0;
    // The bit that hands a directory's group down to what is made in it stays as the file system
    // set it.
    let inherited = at("read", path, fs::metadata(path))?.mode() & 0o2000;
    let mode = if shared { owner | owner >> 3 } else { owner } | inherited | added;
    at(
        "create",
        path,
        fs::set_permissions(path, fs::Permissions::from_mode(mode)),
    )
}

/// Makes a directory and its parents.
pub fn create_dir_all(path: &Path) -> Result<(), FsError> {
    at("create", path, fs::create_dir_all(path))
}

/// Copies a file, making its directory; a target that exists stays as it is.
pub fn copy_if_absent(from: &Path, to: &Path) -> Result<(), FsError> {
    if fs::symlink_metadata(to).is_ok() {
        return Ok(());
    }
    create_dir_all(to.parent().unwrap_or(Path::new(".")))?;
    at("copy", from, fs::copy(from, to).map(drop))
}

/// Copies a file over whatever bears the new name; where there is none to copy, nothing happens.
pub fn copy_if_there(from: &Path, to: &Path) -> Result<(), FsError> {
    match fs::copy(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => at("copy", from, other.map(drop)),
    }
}

/// Gives a file the present time as that of its last change, without following a link.
pub fn touch(path: &Path) -> Result<(), FsError> {
    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    at(
        "touch",
        path,
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from),
    )
}

/// Makes a symbolic link.
pub fn symlink(target: &Path, link: &Path) -> Result<(), FsError> {
    at("create", link, std::os::unix::fs::symlink(target, link))
}
