//! Rolling backups beside the store, and copies to places that the user names.
//!
//! A rolling backup is due after work that would hurt to lose, and only where the newest is old:
//! looking costs one directory listing. Commands that must be fast never take one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ops::project::STORE_FILE;
use crate::ops::restore::BACKUPS;
use crate::store::sqlite::{self, SqliteStore};

pub use crate::store::sqlite::BackupInfo;
use crate::store::{Access, StoreError};

/// Age of the newest backup from which another one is due.
pub const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// Copies the store to `target`, or to the next rolling backup below `state_dir`, reads the copy
/// back whole, and says what is in it.
pub fn take(state_dir: &Path, target: Option<&Path>) -> Result<BackupInfo, StoreError> {
    let store = SqliteStore::open(&state_dir.join(STORE_FILE), Access::Write)?;
    match target {
        Some(path) => {
            sqlite::copy_to(&store, path)?;
            sqlite::inspect(path)
        }
        None => sqlite::inspect(&sqlite::roll(&store, &state_dir.join(BACKUPS))?),
    }
}

/// Takes a rolling backup where the newest is older than `max_age`, or there is none. Returns the
/// new file. The store is opened once more where one is due, since a command that has done its work
/// holds it as whatever backend it is.
pub fn roll_if_due(
    state_dir: &Path,
    now_ms: i64,
    max_age: Duration,
) -> Result<Option<PathBuf>, StoreError> {
    let dir = state_dir.join(BACKUPS);
    let newest = sqlite::backups(&dir)?
        .iter()
        .filter_map(|path| taken_ms(path))
        .max();
    let age = newest.map(|at_ms| u128::try_from(now_ms - at_ms).unwrap_or(0));
    if age.is_some_and(|age| age <= max_age.as_millis()) {
        return Ok(None);
    }
    let store = SqliteStore::open(&state_dir.join(STORE_FILE), Access::Write)?;
    sqlite::roll(&store, &dir).map(Some)
}

/// A backup of the rolling ones.
pub struct ListedBackup {
    /// The file.
    pub path: PathBuf,
    /// The content, or the reason why the backup cannot be used.
    pub content: Result<BackupInfo, StoreError>,
}

/// The backups below `state_dir`, newest first, each read whole.
pub fn list(state_dir: &Path) -> Result<Vec<ListedBackup>, StoreError> {
    let files = sqlite::backups(&state_dir.join(BACKUPS))?;
    Ok(files
        .into_iter()
        .rev()
        .map(|path| ListedBackup {
            content: sqlite::inspect(&path),
            path,
        })
        .collect())
}

/// Reads the time of a backup out of its name: the number between its first words and its last.
pub fn taken_ms(path: &Path) -> Option<i64> {
    let stem = path.file_name()?.to_str()?.strip_suffix(".db")?;
    stem.split('-').rev().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_taken_when_there_is_none_or_the_newest_is_old() {
        let temp = tempfile::tempdir().unwrap();
        drop(SqliteStore::create(&temp.path().join(STORE_FILE), "s").unwrap());
        let first = roll_if_due(temp.path(), 0, MAX_AGE).unwrap().unwrap();
        let at = taken_ms(&first).unwrap();
        assert!(at > 1_600_000_000_000, "{at}");
        let hour = i64::try_from(MAX_AGE.as_millis()).unwrap();
        assert_eq!(roll_if_due(temp.path(), at + hour, MAX_AGE).unwrap(), None);
        assert_eq!(
            roll_if_due(temp.path(), at - 5 * hour, MAX_AGE).unwrap(),
            None,
            "the clock was set back"
        );
        assert!(
            roll_if_due(temp.path(), at + hour + 1, MAX_AGE)
                .unwrap()
                .is_some()
        );
        assert_eq!(list(temp.path()).unwrap().len(), 2);
        assert!(SqliteStore::open(&first, Access::Read).is_ok());
    }

    #[test]
    fn a_copy_is_read_back() {
        let temp = tempfile::tempdir().unwrap();
        drop(SqliteStore::create(&temp.path().join(STORE_FILE), "s").unwrap());
        let target = temp.path().join("copy.db");
        let info = take(temp.path(), Some(&target)).unwrap();
        assert_eq!((info.path, info.tasks), (target.clone(), 0));
        assert!(
            take(temp.path(), Some(&target)).is_err(),
            "it would be overwritten"
        );
    }
}
