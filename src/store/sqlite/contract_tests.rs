//! The contract of `store::contract`, on this backend.

use std::path::PathBuf;

use super::SqliteStore;
use crate::store::contract::{Backend, Open, contract_tests};
use crate::store::{Access, Lasting, Store, StoreError, StorePlace, Tx};

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
        StorePlace::File {
            path: self.path.clone(),
            mark: self.path.with_extension("mark"),
        }
        .open(Access::Write)
        .unwrap()
    }
}

contract_tests!(Sqlite);

#[test]
fn a_commit_is_flushed_unless_it_says_otherwise_itself() {
    let sqlite = Sqlite::fresh();
    let mut store = SqliteStore::open(&sqlite.path, Access::Write).unwrap();
    let mut level = |lasting: Option<Lasting>| {
        let store: &mut SqliteStore = &mut store;
        let note = |tx: &mut dyn Tx| -> Result<(), StoreError> { tx.set_meta("n", "1") };
        match lasting {
            Some(lasting) => {
                let any: &mut dyn Store = store;
                any.write_as(lasting, note).unwrap();
            }
            None => store.write(note).unwrap(),
        }
        let asked = store
            .connection()
            .query_row("PRAGMA synchronous", [], |row| row.get::<_, i64>(0));
        asked.unwrap()
    };
    const FULL: i64 = 2;
    assert_eq!(level(None), FULL);
    assert_eq!(level(Some(Lasting::WithTheNext)), FULL - 1);
    assert_eq!(level(Some(Lasting::WithTheNext)), FULL - 1);
    assert_eq!(level(None), FULL);
    assert_eq!(level(Some(Lasting::AtOnce)), FULL);
}
