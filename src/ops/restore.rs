//! Going back to a backup. The store that stands is moved aside, never deleted; nothing happens before the backup was read whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::fs::Published;
use crate::base::id;
use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::task::Task;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::import::Intent;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::{log, project};
use crate::store::sqlite::{self, Access, BackupInfo, SqliteStore};
use crate::store::{Flow, Store, StoreError, TaskFilter, Tx};

/// Where backups lie below the state directory.
pub const BACKUPS: &str = "backups";

/// What a restore did, or would do.
#[derive(Debug)]
pub struct Report {
    /// What is put in place.
    pub backup: BackupInfo,
    /// Newer backups that cannot be used, and why.
    pub unusable: Vec<(PathBuf, String)>,
    /// What stands there before.
    pub current: Current,
    /// Where that is kept; nothing where there was none, or where this was only tried.
    pub kept: Option<PathBuf>,
}

/// What stands in the place of the store.
#[derive(Debug)]
pub enum Current {
    /// Nothing.
    Missing,
    /// A store that can be read.
    Readable(BackupInfo),
    /// Something that cannot, and why.
    Unreadable(String),
}

impl Report {
    /// How many events the store has that the backup does not; nothing where nobody can say.
    pub fn lost_events(&self) -> Option<u64> {
        match &self.current {
            Current::Readable(info) => Some(info.events.saturating_sub(self.backup.events)),
            Current::Missing | Current::Unreadable(_) => None,
        }
    }
}

/// Puts the backup `which`, or the newest one that is whole, in the place of the store below `state_dir`.
pub fn restore(state_dir: &Path, cx: &Cx, which: Option<&Path>, intent: Intent) -> Result<Report, OpError> {
    let (backup, unusable) = match which {
        Some(path) => (sqlite::inspect(path)?, Vec::new()),
        None => newest_whole(&state_dir.join(BACKUPS))?,
    };
    let path = state_dir.join(project::STORE_FILE);
    let mut report = Report { current: look(&path), backup, unusable, kept: None };
    if intent == Intent::Apply {
        report.kept = put_back(state_dir, &path, cx, &report)?;
        verify(&path)?;
    }
    Ok(report)
}

fn newest_whole(dir: &Path) -> Result<(BackupInfo, Vec<(PathBuf, String)>), OpError> {
    let mut unusable = Vec::new();
    for path in sqlite::backups(dir)?.into_iter().rev() {
        match sqlite::inspect(&path) {
            Ok(info) => return Ok((info, unusable)),
            Err(error) => unusable.push((path, error.to_string())),
        }
    }
    let text = match unusable.len() {
        0 => format!("there is no backup in {}", dir.display()),
        n => format!("none of the {n} backups in {} can be used", dir.display()),
    };
    Err(Refusal::Conflict(text).into())
}

fn look(path: &Path) -> Current {
    match SqliteStore::open(path, Access::Read).and_then(|store| sqlite::contents(&store)) {
        Ok(info) => Current::Readable(info),
        Err(StoreError::Vanished(_) | StoreError::NotInitialised) => Current::Missing,
        Err(error) => Current::Unreadable(error.to_string()),
    }
}

fn put_back(state_dir: &Path, path: &Path, cx: &Cx, report: &Report) -> Result<Option<PathBuf>, OpError> {
    let name = format!("replaced-{:015}-{}", cx.now.wall_ms, id::random_text(6));
    let aside = state_dir.join(BACKUPS).join(name);
    let backup = &report.backup.path;
    let shown = backup.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut refused = None;
    let placed = sqlite::replace(path, backup, &aside, |old, new| {
        // Asked under the backup's own records, in which the answer then stands.
        if let Err(error) = ask::or_refuse(new, cx, Question::about(Action::Import)) {
            refused = Some(error);
            return Err(StoreError::Replaced);
        }
        // What cannot be read has no epochs to tell.
        let epochs = old.and_then(|old| epochs(old).ok()).unwrap_or_default();
        new.record(cx.now.wall_ms, &cx.actor, &Event::StoreRestored { backup: shown, epochs }).map(drop)
    });
    match (refused, placed) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(Published::Here)) => Ok(aside.exists().then_some(aside)),
        (None, Ok(Published::Taken)) => {
            Err(Refusal::Conflict(format!("another process made {} meanwhile", path.display())).into())
        }
    }
}

/// The newest epoch of each task: a token, branch or run of a later grant than the backup knows must never be granted again.
fn epochs(tx: &mut dyn Tx) -> Result<BTreeMap<TaskId, u64>, StoreError> {
    let mut epochs = BTreeMap::new();
    tx.list(&TaskFilter::default(), &mut |line| {
        let task: Result<Task, _> = serde_json::from_str(line.json);
        epochs.extend(task.ok().filter(|task| task.epoch > 0).map(|task| (task.id, task.epoch)));
        Ok(Flow::More)
    })?;
    Ok(epochs)
}

fn verify(path: &Path) -> Result<(), OpError> {
    let mut store = SqliteStore::open(path, Access::Write)?;
    match store.read(|tx| log::verify(tx))?.fault {
        None => Ok(()),
        Some(why) => Err(StoreError::Damaged { path: path.to_owned(), why }.into()),
    }
}
