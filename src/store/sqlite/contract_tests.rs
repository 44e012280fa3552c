//! The contract of `store::contract`, on this backend.

use std::path::PathBuf;

use super::{Access, SqliteStore};
use crate::store::contract::{Backend, contract_tests};

struct Sqlite {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Backend for Sqlite {
    type Store = SqliteStore;

    fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ai.db");
        drop(SqliteStore::create(&path, "store-id").unwrap());
        Sqlite { _dir: dir, path }
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(&self.path, Access::Write).unwrap()
    }
}

contract_tests!(Sqlite);
