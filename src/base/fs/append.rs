//! Files that grow by whole writes.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use crate::base::clock;
use crate::base::fs::error::{FsError, at};
use crate::base::fs::metadata::stands_at;
use crate::base::fs::read::read_text;
use crate::base::fs::share::private_mode;
use crate::base::fs::write::{create_dir_all, rename, write_own};

/// Tries to have the lock of a file of somebody's own.
const LOCK_TRIES: u32 = 200;
/// Between two of them.
const LOCK_STEP: Duration = Duration::from_millis(10);

/// Writes at the end of a file that is there.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    at("write", path, open_at_end(path)?.write_all(bytes))
}

/// Opens a file that is there, to write at its end.
pub fn open_at_end(path: &Path) -> Result<fs::File, FsError> {
    let mut options = fs::OpenOptions::new();
    at("write", path, options.append(true).open(path))
}

/// Opens a file to write at its end, whoever else does so, too; it is made where it is not there, for its
/// owner alone.
pub fn open_to_append(path: &Path) -> Result<fs::File, FsError> {
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true).mode(private_mode(path));
    at("write", path, options.open(path))
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

/// Writes a line at the end of a file of somebody's own, whole and under the file's lock; follows no link, and waits for no
/// pipe. One that would grow beyond `most` bytes is put aside as `NAME.1` first, and a new one is begun; a last line
/// that was cut off is ended first.
pub fn append_rotated(path: &Path, line: &[u8], most: u64) -> Result<(), FsError> {
    let mut options = fs::OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let flags = i32::try_from(flags.bits()).unwrap_or(0);
    let options = options.read(true).append(true).create(true).mode(0o600);
    let options = options.custom_flags(flags);
    loop {
        let mut file = at("write", path, options.open(path))?;
        let about = at("read", path, file.metadata())?;
        if !about.is_file() {
            let why = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            return at("write", path, Err(why));
        }
        lock_in_time(&file, path)?;
        if !stands_at(&file, path)? {
            continue;
        }
        let length = at("read", path, file.metadata())?.len();
        if length > 0 && length + line.len() as u64 > most {
            let mut older = path.as_os_str().to_owned();
            older.push(".1");
            rename(path, Path::new(&older))?;
            continue;
        }
        let mut last = [b'\n'];
        if length > 0 {
            at("read", path, file.read_exact_at(&mut last, length - 1))?;
        }
        let bytes = if last == *b"\n" {
            line.to_vec()
        } else {
            [b"\n", line].concat()
        };
        return at("write", path, file.write_all(&bytes));
    }
}

/// Takes the lock of a file that others may hold for as long as they like: given up after a while.
fn lock_in_time(file: &fs::File, path: &Path) -> Result<(), FsError> {
    for _ in 0..LOCK_TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::WouldBlock) => clock::pause(LOCK_STEP),
            Err(fs::TryLockError::Error(source)) => return at("lock", path, Err(source)),
        }
    }
    let why = "another process holds its lock, and has not let go of it in two seconds";
    at(
        "lock",
        path,
        Err(io::Error::new(io::ErrorKind::TimedOut, why)),
    )
}

/// Replaces the text of such a file by what `edit` makes of it, while nobody else adds to it. A
/// reader sees the old or the new text.
pub fn rewrite_locked(
    path: &Path,
    cap: u64,
    edit: impl FnOnce(&str) -> String,
) -> Result<(), FsError> {
    let _held = open_locked(path)?;
    write_own(path, edit(&read_text(path, cap)?).as_bytes())
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
        if stands_at(&file, path)? {
            return Ok(file);
        }
    }
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
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(private_mode(path));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_file_keeps_one_before_and_never_half_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        fs::write(&path, "{\"cut").unwrap();
        for n in 0..5 {
            append_rotated(&path, format!("line {n}\n").as_bytes(), 16).unwrap();
        }
        let older = fs::read_to_string(dir.path().join("x.jsonl.1")).unwrap();
        let newer = fs::read_to_string(&path).unwrap();
        assert_eq!(
            (older.as_str(), newer.as_str()),
            ("line 1\nline 2\n", "line 3\nline 4\n")
        );
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_lock_that_nobody_lets_go_of_is_not_waited_for_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jsonl");
        append_rotated(&path, b"one\n", 99).unwrap();
        let held = fs::File::open(&path).unwrap();
        held.lock().unwrap();
        let error = append_rotated(&path, b"two\n", 99).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::TimedOut);
        drop(held);
        append_rotated(&path, b"three\n", 99).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nthree\n");
    }

    #[test]
    fn neither_a_link_nor_a_pipe_nor_a_directory_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (link, target) = (dir.path().join("link"), dir.path().join("target"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(append_rotated(&link, b"x\n", 99).is_err());
        assert!(!target.exists());
        let pipe = dir.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        assert!(append_rotated(&pipe, b"x\n", 99).is_err());
        assert!(append_rotated(dir.path(), b"x\n", 99).is_err());
    }
}
