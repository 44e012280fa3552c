//! The store: that it is there, ours and whole, and that there is a way back.

use std::path::Path;

use crate::base::holders;
use crate::base::text::counted;
use crate::ops::doctor::{Depth, Finding, Patient};
use crate::ops::refusal::seconds;
use crate::ops::{backup, log, project, restore};
use crate::store::Tx;
use crate::store::sqlite::{self, FORMAT, SqliteStore, backups, integrity};
use crate::store::{Access, EventFilter, Flow, Store, StoreError, StoredEvent};

/// Beyond this the write-ahead log is not being taken into the database: something has kept a
/// reading open for long.
const WAL_ALARM: u64 = 64 << 20;
/// A store with more records than this should have a backup.
const WORTH_A_BACKUP: u64 = 200;

/// Looks, and hands on the open store where it can be used.
pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) -> Option<SqliteStore> {
    let path = project::state_dir(&patient.place.common_dir).join(project::STORE_FILE);
    let state_dir = project::state_dir(&patient.place.common_dir);
    let mut store = match SqliteStore::open(&path, Access::Read) {
        Ok(store) => store,
        Err(StoreError::Vanished(_)) if project::is_fresh(&state_dir).is_ok_and(|fresh| fresh) => {
            findings.push(unusable(&StoreError::NotInitialised));
            return None;
        }
        Err(error) => {
            findings.push(unusable(&error));
            findings.extend(backup_ages(patient, None));
            return None;
        }
    };
    let usable = match contents(&mut store, &path) {
        Ok((events, found)) => {
            findings.push(found);
            findings.push(head(patient, &mut store));
            findings.extend(set_back(patient, &store));
            findings.extend(noted_damage(&mut store));
            findings.extend(held(&path));
            findings.extend(wal(&path));
            findings.extend(backup_ages(patient, Some(events)));
            true
        }
        Err(error) => {
            findings.push(unusable(&error));
            findings.extend(backup_ages(patient, None));
            false
        }
    };
    usable.then_some(store)
}

fn unusable(error: &StoreError) -> Finding {
    // The general hint of most errors is this very command.
    let next = match error {
        StoreError::NotInitialised => "ai init".to_owned(),
        StoreError::Vanished(_)
        | StoreError::Empty(_)
        | StoreError::Damaged { .. }
        | StoreError::Row { .. } => "ai restore --dry-run".to_owned(),
        StoreError::Foreign { .. } => "move that file away, then `ai restore --dry-run`".to_owned(),
        other => other
            .hint()
            .filter(|hint| !hint.contains("ai doctor"))
            .unwrap_or_default()
            .to_owned(),
    };
    Finding::bad("store", error.to_string()).next(next)
}

/// Identity, format, and a full check of the file's structure.
fn contents(store: &mut SqliteStore, path: &Path) -> Result<(u64, Finding), StoreError> {
    if let Some(why) = integrity(store)? {
        return Err(StoreError::Damaged {
            path: path.to_owned(),
            why,
        });
    }
    let stale = store.is_stale();
    let (id, tasks, events) = store.read(|tx| {
        let tasks: u64 = tx.tally()?.iter().map(|(_, n)| n).sum();
        Ok::<_, StoreError>((
            tx.meta("store")?.unwrap_or_default(),
            tasks,
            newest(tx)?.map_or(0, |event| event.seq),
        ))
    })?;
    let format = match store.format()? {
        found if found < FORMAT => {
            format!("{found} (the next change brings it to {FORMAT}, behind a backup)")
        }
        found => found.to_string(),
    };
    let text = format!(
        "whole; {}, {}, format {format}, id {id}",
        counted(tasks, "task"),
        counted(events, "record")
    );
    Ok((
        events,
        if stale {
            Finding::warn(
                "store",
                format!("{text}; the disk is read-only, so the newest writes may be missing"),
            )
        } else {
            Finding::ok("store", text)
        },
    ))
}

/// Damage that an earlier command met, which keeps everybody from writing: whether it is still there.
/// Takes the note away where the whole store can be read and agrees with its log.
fn noted_damage(store: &mut SqliteStore) -> Option<Finding> {
    let why = store.noted_damage()?;
    let looked = store.read(|tx| log::verify(tx)).map(|report| report.fault);
    Some(match looked {
        Ok(None) => match store.forget_damage() {
            Ok(()) => Finding::ok(
                "damage",
                format!("what a command met before is gone ({why}); writes are taken again"),
            ),
            Err(error) => Finding::bad("damage", error.to_string()),
        },
        Ok(Some(fault)) => Finding::bad("damage", fault).next("ai restore --dry-run"),
        Err(error) => Finding::bad("damage", error.to_string()).next("ai restore --dry-run"),
    })
}

fn newest(tx: &mut dyn Tx) -> Result<Option<StoredEvent>, StoreError> {
    let mut found = None;
    tx.events(
        &EventFilter {
            last: Some(1),
            ..EventFilter::default()
        },
        &mut |event| {
            found = Some(event);
            Ok(Flow::More)
        },
    )?;
    Ok(found)
}

/// The log: its newest record, or all of it.
fn head(patient: &Patient<'_>, store: &mut dyn Store) -> Finding {
    let looked = match patient.depth {
        Depth::Quick => store.read(|tx| newest(tx)).map(|event| match event {
            Some(event) if event.expected_hash() != event.hash => {
                Err("the newest record was changed after it was written".to_owned())
            }
            Some(event) => Ok(format!(
                "head {} (`--deep` follows the whole chain)",
                &event.hash[..event.hash.len().min(12)]
            )),
            None => Err("there is no record at all, not even the store's own first one".to_owned()),
        }),
        Depth::Deep => store
            .read(|tx| log::verify(tx))
            .map(|report| match report.fault {
                Some(fault) => Err(fault),
                None => Ok(format!(
                    "{}, chain intact, tables agree; head {}",
                    counted(report.events, "record"),
                    report.head
                )),
            }),
    };
    match looked {
        Ok(Ok(text)) => Finding::ok("log", text),
        Ok(Err(fault)) => Finding::bad("log", fault).next("ai restore --dry-run"),
        Err(error) => Finding::bad("log", error.to_string()),
    }
}

fn wal(path: &Path) -> Option<Finding> {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    let size = std::fs::metadata(&name).ok()?.len();
    let text = || {
        format!(
            "the write-ahead log has grown to {} MiB: some process keeps an old reading open{}",
            size >> 20,
            open_in(path)
        )
    };
    (size > WAL_ALARM)
        .then(|| Finding::warn("wal", text()).next("end the process that reads for so long"))
}

/// Backups, newest first in mind: whether there is a way back, and how far.
fn backup_ages(patient: &Patient<'_>, events: Option<u64>) -> Option<Finding> {
    let dir = project::state_dir(&patient.place.common_dir).join(restore::BACKUPS);
    let files = match backups(&dir) {
        Ok(files) => files,
        Err(error) => return Some(Finding::warn("backup", error.to_string())),
    };
    let newest = files.iter().filter_map(|file| backup::taken_ms(file)).max();
    match newest {
        Some(at_ms) => {
            let age = seconds(patient.now.wall_ms - at_ms);
            Some(Finding::ok(
                "backup",
                format!("{}, the newest {age} old", counted(files.len(), "backup")),
            ))
        }
        None if events.is_none() => dir
            .parent()
            .is_some_and(Path::exists)
            .then(|| Finding::warn("backup", "there is no backup")),
        None if events > Some(WORTH_A_BACKUP) => {
            Some(Finding::warn("backup", "there is no backup yet").next("ai backup"))
        }
        None => Some(Finding::ok(
            "backup",
            "there is no backup yet, and little to lose",
        )),
    }
}

/// The processes that have the store, though it can be read: whoever writes for long makes all others wait.
fn held(path: &Path) -> Option<Finding> {
    let writing = sqlite::writers(path);
    if !writing.is_empty() {
        let text = format!("{} writes it now; others wait", holders::named(&writing));
        return Some(Finding::ok("holder", text));
    }
    let open = holders::open_in(path);
    (!open.is_empty()).then(|| Finding::ok("holder", format!("open in {}", holders::named(&open))))
}

/// The processes that have a file open, as the end of a sentence.
pub(super) fn open_in(path: &Path) -> String {
    match holders::open_in(path) {
        open if open.is_empty() => String::new(),
        open => format!("; it is open in {}", holders::named(&open)),
    }
}

/// The store against the mark that was left of it.
fn set_back(patient: &Patient<'_>, store: &SqliteStore) -> Option<Finding> {
    let mark = project::mark_file(&project::state_dir(&patient.place.common_dir));
    let error = match store.setback(&mark) {
        Ok(None) => return None,
        Ok(Some(setback)) => StoreError::SetBack {
            path: store.path().to_owned(),
            setback,
        },
        Err(error) => error,
    };
    let text = match &error {
        StoreError::SetBack { setback, .. } => format!("it is {setback}; it takes no write"),
        other => other.to_string(),
    };
    Some(Finding::bad("log", text).next(error.hint().unwrap_or_default().to_owned()))
}
