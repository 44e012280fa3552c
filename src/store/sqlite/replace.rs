//! Putting a backup in the place of a store. Nothing is ever deleted: what stood there is moved
//! aside, whole.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::base::fs::{self, PublishOutcome};
use crate::store::sqlite::connect::{connect, connect_immutable, draw_up, failed, place};
use crate::store::sqlite::copy::whole;
use crate::store::sqlite::files;
use crate::store::sqlite::tx::SqliteTx;
use crate::store::{StoreError, Tx};

/// Moves the store at `path`, if there is one, into the new directory `aside`, and puts a copy of
/// `backup` there. Says whether the place was still free.
///
/// `amend` is given the old store, where it can be read, and the new one before anybody sees it.
/// Writers of the old store are kept waiting and then find it replaced. After a crash half-way the
/// store is missing, which every command says; nothing is lost.
pub fn replace(
    path: &Path,
    backup: &Path,
    aside: &Path,
    amend: impl FnOnce(Option<&mut dyn Tx>, &mut dyn Tx) -> Result<(), StoreError>,
) -> Result<PublishOutcome, StoreError> {
    let source = connect_immutable(backup).map_err(|e| failed(backup, e))?;
    let held = hold(path)?;
    let draft = files::draft(path);
    let filled = draw_up(&draft, |conn| {
        let fail = |error| failed(&draft, error);
        whole(&source, conn).map_err(fail)?;
        let tx = conn
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(fail)?;
        let mut old = held.as_ref().map(|conn| SqliteTx::new(conn, path, None));
        amend(
            old.as_mut().map(|old| old as &mut dyn Tx),
            &mut SqliteTx::new(&tx, &draft, None),
        )?;
        tx.commit().map_err(fail)
    });
    let filled = filled.and_then(|()| move_aside(path, aside));
    place(&draft, filled, path)
}

/// Takes the write lock of the store; nothing where the file is no database, so that nobody can
/// write it either.
fn hold(path: &Path) -> Result<Option<Connection>, StoreError> {
    if files::look(path).is_err() {
        return Ok(None);
    }
    let taken = connect(path).and_then(|conn| conn.execute_batch("BEGIN IMMEDIATE").map(|()| conn));
    match taken.map_err(|e| failed(path, e)) {
        Ok(conn) => Ok(Some(conn)),
        Err(busy @ StoreError::Busy { .. }) => Err(busy),
        Err(_) => Ok(None),
    }
}

/// The database goes first, so that nobody opens it without its log.
fn move_aside(path: &Path, aside: &Path) -> Result<(), StoreError> {
    for file in files::family(path) {
        let Some(name) = file.file_name().filter(|_| file.symlink_metadata().is_ok()) else {
            continue;
        };
        fs::create_private_dir(aside)?;
        fs::rename(&file, &aside.join(name))?;
    }
    Ok(())
}
