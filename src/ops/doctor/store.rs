//! The store: that it is there, ours and whole, and that there is a way back.

use crate::base::text::counted;
use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text;
use crate::ops::doctor::{Depth, Finding, Patient};
use crate::ops::refusal::seconds;
use crate::ops::{backup, log, project, restore};
use crate::store::Tx;
use crate::store::sqlite::{FORMAT, SqliteStore, backups, integrity};
use crate::store::{Access, EventFilter, Flow, Store, StoreError, StoredEvent};

/// Beyond this the write-ahead log is not being taken into the database: something has kept a
/// reading open for long.
const WAL_ALARM: u64 = 64 << 20;
/// A store with more records than this should have a backup.
const WORTH_A_BACKUP: u64 = 200;

/// Looks, and hands on the open store where it can be used.
pub(super) fn look(patient: &Patient<'_>, findings: &mut Vec<Finding>) -> Option<SqliteStore> {
    let path = project::state_dir(&patient.place.common_dir).join(project::STORE_FILE);
    let mut store = match SqliteStore::open(&path, Access::Read) {
        Ok(store) => store,
        Err(error) => {
            findings.push(unusable(&error, &path));
            findings.extend(backup_ages(patient, None));
            return None;
        }
    };
    let usable = match contents(&mut store, &path) {
        Ok((events, found)) => {
            findings.push(found);
            findings.push(head(patient, &mut store));
            findings.extend(wal(&path));
            findings.extend(backup_ages(patient, Some(events)));
            true
        }
        Err(error) => {
            findings.push(unusable(&error, &path));
            findings.extend(backup_ages(patient, None));
            false
        }
    };
    usable.then_some(store)
}

fn unusable(error: &StoreError, path: &Path) -> Finding {
    let who = match error {
        StoreError::Busy(_) => holders(path),
        _ => String::new(),
    };
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
    Finding::bad("store", format!("{error}{who}")).next(next)
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
            holders(path)
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

/// The other processes of this user that have the store open, as `; open in 12 (ai), …`.
pub(super) fn holders(path: &Path) -> String {
    let mine = std::process::id().to_string();
    let mut found = Vec::new();
    for dir in fs::list_dir(Path::new("/proc")).unwrap_or_default() {
        let Some(pid) = dir.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let is_process = pid.bytes().all(|byte| byte.is_ascii_digit());
        if is_process && pid != mine && has_open(&dir, path) {
            let program = fs::read_text(&dir.join("comm"), 256).unwrap_or_default();
            found.push(format!("{pid} ({})", text::one_line(program.trim())));
        }
    }
    if found.is_empty() {
        String::new()
    } else {
        format!("; it is open in {}", found.join(", "))
    }
}

fn has_open(process: &Path, path: &Path) -> bool {
    let open: Vec<PathBuf> = fs::list_dir(&process.join("fd")).unwrap_or_default();
    open.iter()
        .any(|fd| std::fs::read_link(fd).is_ok_and(|target| target == path))
}
