//! The contract of `store::contract`, on this backend.

use std::path::PathBuf;

use super::SqliteStore;
use crate::store::contract::{Backend, Open, contract_tests};
use crate::store::{Access, StorePlace};

struct Sqlite {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Backend for Sqlite {
    fn fresh() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ai.db");
        drop(SqliteStore::create(&path, "store-id").unwrap());
        Sqlite { _dir: dir, path }
    }

    fn open(&self) -> Open {
        StorePlace::File(self.path.clone())
            .open(Access::Write)
            .unwrap()
    }
}

contract_tests!(Sqlite);
