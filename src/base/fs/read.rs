//! Reading files, never more than a cap, and never waiting on a pipe that stands in for a file.
#![expect(
    clippy::disallowed_methods,
    reason = "one of the homes of file-system calls"
)]

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path};

use crate::base::fs::error::{FsError, at};
use crate::base::hash;

/// The room that is made for a file before its first byte is read.
const PAGE: u64 = 4_096;

/// Reads a whole file of at most `cap` bytes; a larger one is an error, so that no input is read
/// without bound. A pipe is an error too: one that was laid in the place of a file would keep the
/// reader waiting for ever.
pub fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, FsError> {
    read_open(open_no_pipe(path)?, path, cap)
}

/// Opens for reading what is no pipe: nobody may ever write into one.
pub(super) fn open_no_pipe(path: &Path) -> Result<fs::File, FsError> {
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
    read_open(open_named(path)?, path, cap)
}

/// Opens for reading what a person has named: that may be a pipe, and is no directory.
pub fn open_named(path: &Path) -> Result<fs::File, FsError> {
    let file = at("read", path, fs::File::open(path))?;
    let is_dir = at("read", path, file.metadata())?.is_dir();
    let whole = if is_dir {
        Err(io::Error::from(io::ErrorKind::IsADirectory))
    } else {
        Ok(file)
    };
    at("read", path, whole)
}

fn read_open(file: fs::File, path: &Path, cap: u64) -> Result<Vec<u8>, FsError> {
    // The kernel tells no length of its own files, which are a page at most: without room for that
    // they would be read in six pieces.
    let room = usize::try_from(cap.saturating_add(1).min(PAGE)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(room);
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

/// Opens a file for reading a piece at a time.
pub fn reader(path: &Path) -> Result<impl io::BufRead + use<>, FsError> {
    at("read", path, fs::File::open(path)).map(io::BufReader::new)
}

/// The SHA-256 and the size of a file, read block by block.
pub fn digest(path: &Path) -> Result<(String, u64), FsError> {
    let mut file = open_no_pipe(path)?;
    at("read", path, hash::sha256_of(&mut file))
}

/// The digest of what stands at a path, where that is a plain file.
#[derive(Debug, PartialEq, Eq)]
pub enum PlainDigest {
    /// The file's SHA-256.
    Of(String),
    /// Something that is no plain file of one name below the root, and what it is.
    NotPlain(&'static str),
}

/// The SHA-256 of the file at `path` below `root`. No link is followed below the root, and a file
/// that has a second name counts as none: what is read here may be another's to change.
pub fn digest_below(root: &Path, path: &Path) -> Result<PlainDigest, FsError> {
    let mut at_now = root.to_owned();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        if !matches!(part, Component::Normal(_)) {
            return Ok(PlainDigest::NotPlain("a path that leads elsewhere"));
        }
        at_now.push(part);
        let meta = at("read", &at_now, fs::symlink_metadata(&at_now))?;
        let what = if meta.is_symlink() {
            Some("a symbolic link")
        } else if parts.peek().is_some() {
            None
        } else if meta.is_dir() {
            Some("a directory")
        } else if !meta.is_file() {
            Some("a pipe, a socket or a device")
        } else {
            (meta.nlink() > 1).then_some("a file with a second name (hard link)")
        };
        if let Some(what) = what {
            return Ok(PlainDigest::NotPlain(what));
        }
    }
    let plain = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
    let mut options = fs::OpenOptions::new();
    options
        .read(true)
        .custom_flags(i32::try_from(plain.bits()).unwrap_or(0));
    let mut file = at("read", &at_now, options.open(&at_now))?;
    if !at("read", &at_now, file.metadata())?.is_file() {
        return Ok(PlainDigest::NotPlain("no file"));
    }
    let (sha256, _) = at("read", &at_now, hash::sha256_of(&mut file))?;
    Ok(PlainDigest::Of(sha256))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_a_plain_file_has_a_digest_below_a_root() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("runs/1")).unwrap();
        fs::write(at("runs/1/a"), "a").unwrap();
        fs::write(at("runs/1/b"), "a").unwrap();
        fs::hard_link(at("runs/1/b"), at("runs/1/c")).unwrap();
        symlink("a", at("runs/1/link")).unwrap();
        symlink("runs", at("other")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("runs/1/pipe"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        let told = |path: &str| match digest_below(root.path(), Path::new(path)) {
            Ok(PlainDigest::Of(sha256)) => sha256[..4].to_owned(),
            Ok(PlainDigest::NotPlain(what)) => what.to_owned(),
            Err(error) => error.source.kind().to_string(),
        };
        let rows = [
            ("runs/1/a", "ca97"),
            ("runs/1/b", "a file with a second name (hard link)"),
            ("runs/1/link", "a symbolic link"),
            ("runs/1", "a directory"),
            ("runs/1/pipe", "a pipe, a socket or a device"),
            ("other/1/a", "a symbolic link"),
            ("runs/../runs/1/a", "a path that leads elsewhere"),
            ("/etc/passwd", "a path that leads elsewhere"),
            ("runs/1/gone", "entity not found"),
        ];
        assert_eq!(rows.map(|(path, _)| told(path)), rows.map(|(_, what)| what));
    }
}
