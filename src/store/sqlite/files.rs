//! The files of a store, looked at from outside: which file it is, and what stands beside it.
//!
//! Nothing here opens one of them: closing any descriptor of a database drops every lock that the
//! process holds on it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FileId};
use crate::base::holders::{self, Holder};
use crate::base::id;
use crate::store::StoreError;

/// The files that a connection stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The database.
    pub(super) main: FileId,
    /// The write-ahead log, which holds the newest commits.
    pub(super) log: Option<FileId>,
}

/// A database file with what SQLite keeps beside it: the log and its index. The database comes
/// first.
pub(super) fn family(path: &Path) -> [PathBuf; 3] {
    ["", "-wal", "-shm"].map(|suffix| beside(path, suffix))
}

/// A name for a file in the making that is to become `path`.
pub(super) fn draft(path: &Path) -> PathBuf {
    let dir = path.parent().unwrap_or(Path::new("."));
    dir.join(format!(".ai.db.{}.new", id::random_text(10)))
}

/// The longest path of a store in bytes. SQLite allows 512 with the ending of the longest file
/// beside it; the draft of a new store has a longer name than the store.
const LONGEST_PATH: usize = 480;

/// Refuses a path that SQLite cannot open, before anything is made there.
pub(super) fn refuse_long_path(path: &Path) -> Result<(), StoreError> {
    let bytes = path.as_os_str().len();
    if bytes <= LONGEST_PATH {
        return Ok(());
    }
    Err(StoreError::PathTooLong {
        path: path.to_owned(),
        bytes,
        limit: LONGEST_PATH,
    })
}

/// Looks at a store that should be there.
pub(super) fn look(path: &Path) -> Result<FileId, StoreError> {
    match fs::stat(path)? {
        Some(stat) if !stat.is_file => Err(StoreError::Foreign {
            path: path.to_owned(),
            why: "it is not a regular file".into(),
        }),
        Some(stat) if stat.len == 0 => Err(StoreError::Empty(path.to_owned())),
        Some(stat) => Ok(stat.id),
        None if path.parent().is_some_and(Path::exists) => {
            Err(StoreError::Vanished(path.to_owned()))
        }
        None => Err(StoreError::NotInitialised),
    }
}

/// Identifies the files that stand at `path` now.
pub(super) fn identity(path: &Path) -> Result<Identity, StoreError> {
    Ok(Identity {
        main: look(path)?,
        log: log_id(path)?,
    })
}

/// Identifies the write-ahead log.
pub(super) fn log_id(path: &Path) -> Result<Option<FileId>, StoreError> {
    Ok(fs::stat(&beside(path, "-wal"))?.map(|stat| stat.id))
}

/// Returns true if commits may stand in the log that are not in the database file.
pub(super) fn has_log(path: &Path) -> Result<bool, StoreError> {
    Ok(fs::stat(&beside(path, "-wal"))?.is_some_and(|stat| stat.len > 0))
}

/// Refuses a store whose log was taken away: the newest commits are gone with it, and what is left
/// would pass for all there is.
///
/// SQLite makes the log before its index and removes it after, so an index alone is never its
/// doing.
pub(super) fn refuse_lost_log(path: &Path) -> Result<(), StoreError> {
    let [_, log, index] = family(path);
    let lost = || Ok::<_, StoreError>(fs::stat(&log)?.is_none() && fs::stat(&index)?.is_some());
    // Twice, so that a log that comes or goes between the two looks is not taken for a lost one.
    if lost()? && lost()? {
        let why = "its write-ahead log (the file ending in -wal) was removed, and the newest changes with it".into();
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            why,
        });
    }
    Ok(())
}

/// Refuses file systems on which SQLite's shared memory or locks are known to fail.
pub(super) fn refuse_network_disk(path: &Path) -> Result<(), StoreError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let Ok(stat) = rustix::fs::statfs(dir) else {
        return Ok(());
    };
    let filesystem = match stat.f_type {
        0x6969 => "NFS",
        0x0102_1997 => "9p",
        0x517B => "SMB",
        0xFF53_4D42 => "CIFS",
        _ => return Ok(()),
    };
    Err(StoreError::NetworkDisk {
        path: dir.to_owned(),
        filesystem,
    })
}

/// Byte of the index of the log that a writer locks for as long as its transaction lasts: a part of
/// SQLite's file format.
const WRITE_LOCK: u64 = 120;

/// The other processes that are in the middle of a write now.
pub fn writers(path: &Path) -> Vec<Holder> {
    holders::locked_by(&beside(path, "-shm"), WRITE_LOCK)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
