//! Files that grow by whole writes.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::base::fs::error::{FsError, at};
use crate::base::fs::metadata::stands_at;
use crate::base::fs::read::read_text;
use crate::base::fs::share::private_mode;
use crate::base::fs::write::{create_dir_all, write_own};

/// Writes at the end of a file that is there.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), FsError> {
    let mut file = at(
        "write",
        path,
        fs::OpenOptions::new().append(true).open(path),
    )?;
    at("write", path, file.write_all(bytes))
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
