//! File access with the path in every error, size caps on what is read, and atomic replacement on
//! what is written.
#![expect(
    clippy::disallowed_methods,
    reason = "this is the home of file-system calls"
)]

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::base::{clock, hash};

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FsError {
    /// The operation: `read`, `write`, `create`, `remove`, `rename`, `list`.
    pub action: &'static str,
    /// The path.
    pub path: PathBuf,
    /// The cause.
    #[source]
    pub source: io::Error,
}

impl FsError {
    /// True where the file or directory is not there.
    pub fn is_not_found(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

fn at<T>(action: &'static str, path: &Path, result: io::Result<T>) -> Result<T, FsError> {
    result.map_err(|source| FsError {
        action,
        path: path.to_owned(),
        source,
    })
}

/// Reads a whole file of at most `cap` bytes; a larger one is an error, so that no input is read
/// without bound. A pipe is an error too: one that was laid in the place of a file would keep the
/// reader waiting for ever.
pub fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, FsError> {
    read_open(open_no_pipe(path)?, path, cap)
}

/// Opens for reading what is no pipe: nobody may ever write into one.
fn open_no_pipe(path: &Path) -> Result<fs::File, FsError> {
    let at_once = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = at(
        "read",
        path,
        fs::OpenOptions::new()
            .read(true)
            .custom_flags(at_once)
            .open(path),
    )?;
    if at("read", path, file.metadata())?.file_type().is_fifo() {
        let source = io::Error::other("it is a pipe");
        return Err(FsError {
            action: "read",
            path: path.to_owned(),
            source,
        });
    }
    Ok(file)
}

/// The same for what a person has named: that may be a pipe.
pub fn read_named(path: &Path, cap: u64) -> Result<Vec<u8>, FsError> {
    read_open(at("read", path, fs::File::open(path))?, path, cap)
}

fn read_open(file: fs::File, path: &Path, cap: u64) -> Result<Vec<u8>, FsError> {
    let mut bytes = Vec::new();
    at("read", path, file.take(cap + 1).read_to_end(&mut bytes))?;
    if bytes.len() as u64 > cap {
        let source = io::Error::other(format!("larger than {cap} bytes"));
        return Err(FsError {
            action: "read",
            path: path.to_owned(),
            source,
        });
    }
    Ok(bytes)
}

/// Reads the first `most` bytes of a file, which may be larger.
pub fn read_start(path: &Path, most: u64) -> Result<Vec<u8>, FsError> {
    let mut bytes = Vec::new();
    at(
        "read",
        path,
        open_no_pipe(path)?.take(most).read_to_end(&mut bytes),
    )?;
    Ok(bytes)
}

/// Reads a whole UTF-8 text file of at most `cap` bytes.
pub fn read_text(path: &Path, cap: u64) -> Result<String, FsError> {
    text_of(read_capped(path, cap)?, path)
}

/// Reads a whole UTF-8 text file that a person has named.
pub fn read_named_text(path: &Path, cap: u64) -> Result<String, FsError> {
    text_of(read_named(path, cap)?, path)
}

fn text_of(bytes: Vec<u8>, path: &Path) -> Result<String, FsError> {
    String::from_utf8(bytes).map_err(|e| FsError {
        action: "read",
        path: path.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidData, e.utf8_error().to_string()),
    })
}

/// Like [`read_text`], with `None` for a file that is not there. Every other failure stays an
/// error.
pub fn read_text_if_there(path: &Path, cap: u64) -> Result<Option<String>, FsError> {
    match read_text(path, cap) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.is_not_found() => Ok(None),
        Err(e) => Err(e),
    }
}

/// Replaces `path` by `bytes` so that a reader sees the old or the new content, never a part;
/// parent directories are made.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir_all(dir)?;
    let mut file = at("write", path, tempfile::NamedTempFile::new_in(dir))?;
    at("write", path, file.write_all(bytes))?;
    let mode = fs::Permissions::from_mode(0o644);
    at("write", path, file.as_file().set_permissions(mode))?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )
}

/// Writes a file that only its owner may read (0600), atomically.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    create_dir_all(dir)?;
    let mut file = at("write", path, tempfile::NamedTempFile::new_in(dir))?;
    at("write", path, file.write_all(bytes))?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )
}

/// The metadata of a path, without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileStat {
    /// Identity of the file: device and inode, which no other file has while this one exists.
    pub id: FileId,
    /// Size in bytes.
    pub len: u64,
    /// True for a regular file.
    pub is_file: bool,
}

/// Tells one file from another, whatever it is called: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(u64, u64);

/// Looks at a file, through links; nothing where there is none.
pub fn stat(path: &Path) -> Result<Option<FileStat>, FsError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(FileStat {
            id: FileId(meta.dev(), meta.ino()),
            len: meta.len(),
            is_file: meta.is_file(),
        })),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => at("read", path, Err(e)),
    }
}

/// The result of [`publish`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishOutcome {
    /// It did.
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

/// Writes a large file a piece at a time: readers see the old or the whole new content, and it
/// lasts through a power cut. The new file is its owner's alone (0600).
pub fn write_through<E: From<FsError>>(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<(), E> {
    let dir = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = io::BufWriter::new(at("write", path, tempfile::NamedTempFile::new_in(dir))?);
    fill(&mut file)?;
    let file = at(
        "write",
        path,
        file.into_inner().map_err(io::IntoInnerError::into_error),
    )?;
    at("write", path, file.as_file().sync_all())?;
    at(
        "write",
        path,
        file.persist(path).map(drop).map_err(|e| e.error),
    )?;
    Ok(sync_dir_of(path)?)
}

/// Opens a file for reading a piece at a time.
pub fn reader(path: &Path) -> Result<impl io::BufRead + use<>, FsError> {
    at("read", path, fs::File::open(path)).map(io::BufReader::new)
}

/// Makes a directory that only its owner may enter (0700), with its parents.
///
/// Where the directory above is shared with a group (as in a repository with
/// `core.sharedRepository`), so is this one.
pub fn create_private_dir(path: &Path) -> Result<(), FsError> {
    create_dir_all(path)?;
    restrict(path, 0o700)
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
    restrict(path, 0o600)
}

fn restrict(path: &Path, owner: u32) -> Result<(), FsError> {
    let above = path
        .parent()
        .filter(|dir| !dir.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let shared = at("read", above, fs::metadata(above))?.mode() & 0o020 != 0;
    // The bit that hands a directory's group down to what is made in it stays as the file system
    // set it.
    let inherited = at("read", path, fs::metadata(path))?.mode() & 0o2000;
    let mode = if shared { owner | owner >> 3 } else { owner } | inherited;
    at(
        "create",
        path,
        fs::set_permissions(path, fs::Permissions::from_mode(mode)),
    )
}

/// The SHA-256 and the size of a file, read block by block.
pub fn digest(path: &Path) -> Result<(String, u64), FsError> {
    let mut file = open_no_pipe(path)?;
    at("read", path, hash::sha256_of(&mut file))
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

/// Writes at the end of a file that is there.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let mut file = at(
        "write",
        path,
        fs::OpenOptions::new().append(true).open(path),
    )?;
    at("write", path, file.write_all(bytes))
}

/// Writes a line at the end of a file that only its owner may read, under the file's lock, and says
/// how long it is then. The file and its directory are made where they are not there; a last line
/// that was cut off is ended first.
pub fn append_locked(path: &Path, line: &[u8]) -> Result<u64, FsError> {
    let mut file = open_locked(path)?;
    let length = at("read", path, file.metadata())?.len();
    let mut last = [b'\n'];
    if length > 0 {
        at("read", path, file.read_exact_at(&mut last, length - 1))?;
    }
    let bytes = if last == *b"\n" {
        line.to_vec()
    } else {
        [b"\n", line].concat()
    };
    at("write", path, file.write_all(&bytes))?;
    Ok(length + bytes.len() as u64)
}

/// Replaces the text of such a file by what `edit` makes of it, while nobody else adds to it. A
/// reader sees the old or the new text.
pub fn rewrite_locked(
    path: &Path,
    cap: u64,
    edit: impl FnOnce(&str) -> String,
) -> Result<(), FsError> {
    let _held = open_locked(path)?;
    write_private(path, edit(&read_text(path, cap)?).as_bytes())
}

/// Opens a file to append, and takes its lock. Where it was replaced while this waited, the new one
/// is taken.
fn open_locked(path: &Path) -> Result<fs::File, FsError> {
    let mut options = fs::OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    loop {
        let file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
                at("write", path, options.open(path))?
            }
            opened => at("write", path, opened)?,
        };
        at("lock", path, file.lock())?;
        let held = at("look at", path, file.metadata())?;
        if stat(path)?.is_some_and(|now| now.id == FileId(held.dev(), held.ino())) {
            return Ok(file);
        }
    }
}

/// Copies a file over whatever bears the new name; where there is none to copy, nothing happens.
pub fn copy_if_there(from: &Path, to: &Path) -> Result<(), FsError> {
    match fs::copy(from, to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => at("copy", from, other.map(drop)),
    }
}

/// Removes a file; one that is already gone is no error.
pub fn remove_file(path: &Path) -> Result<(), FsError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => at("remove", path, other),
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

/// Removes a directory tree that `ai` itself made; one that is already gone is no error.
pub fn remove_dir_all(path: &Path) -> Result<(), FsError> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => at("remove", path, other),
    }
}

/// Removes a directory tree that `ai` itself made and others have filled: directories in it may be
/// write-protected, as those of module caches are. One that is already gone is no error.
pub fn remove_stubborn(path: &Path) -> Result<(), FsError> {
    if remove_dir_all(path).is_ok() {
        return Ok(());
    }
    make_writable(path)?;
    remove_dir_all(path)
}

/// Lets the user write in a directory and in all below it, where that is allowed.
pub fn make_writable(dir: &Path) -> Result<(), FsError> {
    use std::os::unix::fs::PermissionsExt;
    // Where that is not allowed, the removal says so.
    let _set = fs::set_permissions(dir, fs::Permissions::from_mode(0o700));
    for entry in list_dir(dir)? {
        if fs::symlink_metadata(&entry).is_ok_and(|meta| meta.is_dir()) {
            make_writable(&entry)?;
        }
    }
    Ok(())
}

/// Removes a directory that is empty; one that is not stays, which is an error.
pub fn remove_empty_dir(path: &Path) -> Result<(), FsError> {
    at("remove", path, fs::remove_dir(path))
}

/// A new file that grows by whole writes; readable by its owner alone.
pub struct Appender {
    file: fs::File,
}

impl Appender {
    /// Makes the file, replacing one that is there.
    pub fn create(path: &Path) -> Result<Appender, FsError> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        Ok(Appender {
            file: at("create", path, options.open(path))?,
        })
    }
}

impl Write for Appender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
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

/// Holds a lock file until it is dropped, or the process ends.
#[derive(Debug)]
pub struct FileLock(#[expect(dead_code, reason = "the open file is the lock")] fs::File);

/// Takes the lock of a file, which is made where it is not there; waits for others. The file stays:
/// whoever removed it would let two in.
pub fn lock(path: &Path) -> Result<FileLock, FsError> {
    let mut options = fs::OpenOptions::new();
    let file = at(
        "lock",
        path,
        options.create(true).truncate(false).write(true).open(path),
    )?;
    at("lock", path, file.lock())?;
    Ok(FileLock(file))
}

/// Makes a symbolic link.
pub fn symlink(target: &Path, link: &Path) -> Result<(), FsError> {
    at("create", link, std::os::unix::fs::symlink(target, link))
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
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => at("list", path, other)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(at("list", path, entry)?.path());
    }
    paths.sort();
    Ok(paths)
}
