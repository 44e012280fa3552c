//! Where a store is kept, and how it is opened there.

use std::path::PathBuf;

use crate::store::sqlite::{FORMAT, SqliteStore};
use crate::store::{Store, StoreError};

/// The access of a command to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only read; works on a read-only disk.
    Read,
    /// Read and write.
    Write,
}

/// The place of a store: what is handed to whoever opens a connection of his own. The only list of
/// backends; another one is another variant here.
#[derive(Clone, Debug)]
pub enum StorePlace {
    /// In a SQLite file.
    File {
        /// The database.
        path: PathBuf,
        /// The file with its [high-water mark](crate::domain::high_water::HighWater).
        mark: PathBuf,
    },
}

/// The newest format of a store that this program knows.
pub fn newest_format() -> String {
    FORMAT.to_string()
}

impl StorePlace {
    /// Opens the store.
    pub fn open(&self, access: Access) -> Result<Box<dyn Store>, StoreError> {
        match self {
            StorePlace::File { path, mark } => Ok(Box::new(match access {
                Access::Read => SqliteStore::open_noting(path)?,
                Access::Write => SqliteStore::open_marked(path, mark)?,
            })),
        }
    }
}
