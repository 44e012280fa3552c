//! Going back to a backup. The store that stands is moved aside, never deleted; nothing happens
//! before the backup was read whole.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::fs::PublishOutcome;
use crate::base::{fs, id, text};
use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::restoring::{self, StoreAtHand};
use crate::domain::task::Task;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::import::Intent;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::files::RUNS;
use crate::ops::{log, project};
use crate::store::sqlite::{self, BackupInfo, SqliteStore};
use crate::store::{Access, Flow, StoreError, TaskFilter, Tx};

/// Name of the directory of backups below the state directory.
pub const BACKUPS: &str = "backups";

/// The effect of a restore that was done or tried.
#[derive(Debug)]
pub struct RestoreReport {
    /// The backup that is put in place.
    pub backup: BackupInfo,
    /// Newer backups that cannot be used, and why.
    pub unusable: Vec<(PathBuf, String)>,
    /// The store that is replaced.
    pub current: Current,
    /// Path under which the replaced store is kept; nothing where there was none, or where this was
    /// only tried.
    pub kept: Option<PathBuf>,
}

/// The state of the store that is to be replaced.
#[derive(Debug)]
pub enum Current {
    /// Nothing.
    Missing,
    /// A store that can be read.
    Readable(BackupInfo),
    /// Something that cannot, and why.
    Unreadable(String),
}

impl RestoreReport {
    /// Returns the number of events that the store has that the backup does not; nothing where
    /// nobody can say.
    pub fn lost_events(&self) -> Option<u64> {
        self.current.at_hand().lost_events(self.backup.events)
    }
}

impl Current {
    fn at_hand(&self) -> StoreAtHand {
        match self {
            Current::Missing => StoreAtHand::Missing,
            Current::Readable(info) => StoreAtHand::Readable(info.events),
            Current::Unreadable(_) => StoreAtHand::Unreadable,
        }
    }
}

/// Puts the backup `which`, or the newest one that is whole, in the place of the store below
/// `state_dir`.
pub fn restore(
    state_dir: &Path,
    cx: &Cx,
    which: Option<&Path>,
    intent: Intent,
) -> Result<RestoreReport, OpError> {
    let path = state_dir.join(project::STORE_FILE);
    let current = look(&path);
    let (backup, unusable) = match which {
        Some(path) => (inspect(path)?, Vec::new()),
        None => newest_whole(&state_dir.join(BACKUPS), &current)?,
    };
    let mut report = RestoreReport {
        current,
        backup,
        unusable,
        kept: None,
    };
    if intent == Intent::Apply {
        report.kept = put_back(state_dir, &path, cx, &report)?;
        verify(&path)?;
        set_mark(state_dir)?;
    }
    Ok(report)
}

/// Reads a backup that was named.
fn inspect(path: &Path) -> Result<BackupInfo, OpError> {
    if fs::is_missing(path) {
        return Err(Refusal::NotFound {
            what: Thing::Backup,
            id: text::path_bytes(path.as_os_str().as_encoded_bytes()),
        }
        .into());
    }
    Ok(sqlite::inspect(path)?)
}

/// Goes on with the store that stands there, though it is an older copy: says so in its log, and
/// sets its high-water mark to where it is.
pub fn keep_as_it_is(state_dir: &Path, cx: &Cx) -> Result<RestoreReport, OpError> {
    let path = state_dir.join(project::STORE_FILE);
    let mut store = SqliteStore::open(&path, Access::Write)?;
    let report = |info: BackupInfo| RestoreReport {
        backup: info.clone(),
        unusable: Vec::new(),
        current: Current::Readable(info),
        kept: None,
    };
    let info = sqlite::contents(&store)?;
    // What was granted since the copy was taken is known by its runs alone.
    let granted = epochs_of_runs(state_dir)?;
    store.write(|tx| -> Result<(), OpError> {
        ask::or_refuse(tx, cx, Question::about(Action::Import))?;
        let mut epochs = BTreeMap::new();
        for (task, epoch) in granted {
            if tx.task(&task)?.is_some_and(|known| known.epoch < epoch) {
                epochs.insert(task, epoch);
            }
        }
        let backup = project::STORE_FILE.to_owned();
        cx.record(tx, &Event::StoreRestored { backup, epochs })
    })?;
    drop(store);
    verify(&path)?;
    set_mark(state_dir)?;
    Ok(report(info))
}

/// The newest epoch of each task that a directory of a run tells of.
fn epochs_of_runs(state_dir: &Path) -> Result<BTreeMap<TaskId, u64>, OpError> {
    let mut found = BTreeMap::new();
    for dir in fs::list_dir(&state_dir.join(RUNS)).map_err(StoreError::from)? {
        let name = dir.file_name().and_then(|name| name.to_str());
        let Some((task, epoch)) = name.and_then(|name| name.split_once('.')) else {
            continue;
        };
        let Ok(epoch) = epoch.parse::<u64>() else {
            continue;
        };
        let known = found.entry(TaskId(task.to_owned())).or_insert(epoch);
        *known = epoch.max(*known);
    }
    Ok(found)
}

/// The high-water mark of the store as it is now; that of before says nothing any more.
fn set_mark(state_dir: &Path) -> Result<(), OpError> {
    let mark = project::mark_file(state_dir);
    fs::remove_file(&mark).map_err(StoreError::from)?;
    let store = SqliteStore::open_marked(&state_dir.join(project::STORE_FILE), &mark)?;
    Ok(store.mark_now()?)
}

fn newest_whole(
    dir: &Path,
    current: &Current,
) -> Result<(BackupInfo, Vec<(PathBuf, String)>), OpError> {
    let choice = restoring::newest_whole(sqlite::backups(dir)?, |path| sqlite::inspect(path));
    let unusable = choice.unusable.into_iter();
    let unusable: Vec<(PathBuf, String)> = unusable
        .map(|(path, error)| (path, error.to_string()))
        .collect();
    match choice.whole {
        Some(whole) => Ok((whole, unusable)),
        None => {
            let dir = dir.display().to_string();
            let (why, hint) = restoring::no_backup(&dir, unusable.len(), current.at_hand());
            Err(Refusal::Conflict { why, hint }.into())
        }
    }
}

fn look(path: &Path) -> Current {
    match SqliteStore::open(path, Access::Read).and_then(|store| sqlite::contents(&store)) {
        Ok(info) => Current::Readable(info),
        Err(StoreError::Vanished(_) | StoreError::NotInitialised) => Current::Missing,
        Err(error) => Current::Unreadable(error.to_string()),
    }
}

fn put_back(
    state_dir: &Path,
    path: &Path,
    cx: &Cx,
    report: &RestoreReport,
) -> Result<Option<PathBuf>, OpError> {
    let name = format!("replaced-{:015}-{}", cx.now.wall_ms, id::random_text(6));
    let aside = state_dir.join(BACKUPS).join(name);
    let backup = &report.backup.path;
    let shown = backup
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut refused = None;
    let placed = sqlite::replace(path, backup, &aside, |old, new| {
        // Writers of the old store are kept waiting from here on, and find it replaced: none moves
        // the mark again.
        fs::remove_file(&project::mark_file(state_dir))?;
        // Asked under the backup's own records, in which the answer then stands.
        if let Err(error) = ask::or_refuse(new, cx, Question::about(Action::Import)) {
            refused = Some(error);
            return Err(StoreError::Replaced);
        }
        // What cannot be read has no epochs to tell.
        let epochs = old.and_then(|old| epochs(old).ok()).unwrap_or_default();
        new.record(
            cx.now.wall_ms,
            &cx.actor,
            &Event::StoreRestored {
                backup: shown,
                epochs,
            },
        )
        .map(drop)
    });
    match (refused, placed) {
        (Some(error), _) => Err(error),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(PublishOutcome::Here)) => Ok(aside.exists().then_some(aside)),
        (None, Ok(PublishOutcome::Taken)) => Err(Refusal::Conflict {
            why: format!("another process made {} meanwhile", path.display()),
            hint: "look at it with `ai status`; the same command again puts it aside and restores"
                .into(),
        }
        .into()),
    }
}

/// The newest epoch of each task: a token, branch or run of a later grant than the backup knows
/// must never be granted again.
fn epochs(tx: &mut dyn Tx) -> Result<BTreeMap<TaskId, u64>, StoreError> {
    let mut epochs = BTreeMap::new();
    tx.list(&TaskFilter::default(), &mut |line| {
        let task: Result<Task, _> = serde_json::from_str(line.json);
        epochs.extend(
            task.ok()
                .filter(|task| task.epoch > 0)
                .map(|task| (task.id, task.epoch)),
        );
        Ok(Flow::More)
    })?;
    Ok(epochs)
}

fn verify(path: &Path) -> Result<(), OpError> {
    let mut store = SqliteStore::open(path, Access::Write)?;
    match store.read(|tx| log::verify(tx))?.fault {
        None => Ok(()),
        Some(why) => Err(StoreError::Damaged {
            path: path.to_owned(),
            why,
        }
        .into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::task::TaskState;
    use crate::ops::claim::{self, Which};
    use crate::ops::edit;
    use crate::ops::project::STORE_FILE;
    use crate::ops::testing::World;
    use crate::store::testing::{created, id, task};

    /// A store in a file, since it is files that are restored.
    struct OnDisk {
        dir: tempfile::TempDir,
        world: World,
    }

    impl OnDisk {
        fn state(&self) -> PathBuf {
            self.dir.path().join("ai")
        }

        /// One task and a backup of it, after which the task was claimed twice and another one
        /// came.
        fn new() -> (OnDisk, PathBuf) {
            let dir = tempfile::tempdir().unwrap();
            // The mark of the newest state lies beside this directory.
            let state = dir.path().join("ai");
            std::fs::create_dir(&state).unwrap();
            let store = SqliteStore::create(&state.join(STORE_FILE), "s").unwrap();
            let mut disk = OnDisk {
                dir,
                world: World::over(Box::new(store)),
            };
            let world = &mut disk.world;
            world
                .run(|tx, cx| cx.record(tx, &created(task("a"), &[])))
                .unwrap();
            let backup = disk.roll();
            let world = &mut disk.world;
            for _ in 0..2 {
                let which = Which::Task("t-a".into());
                claim::run(&mut *world.store, &world.cx, &which, 10).unwrap();
                world.pass(11);
            }
            world
                .run(|tx, cx| cx.record(tx, &created(task("later"), &[])))
                .unwrap();
            (disk, backup)
        }

        fn path(&self) -> PathBuf {
            self.state().join(STORE_FILE)
        }

        fn roll(&self) -> PathBuf {
            sqlite::roll(&self.open(), &self.state().join(BACKUPS)).unwrap()
        }

        fn back(&self, which: Option<&Path>, intent: Intent) -> Result<RestoreReport, OpError> {
            restore(&self.state(), &self.world.cx, which, intent)
        }

        fn open(&self) -> SqliteStore {
            SqliteStore::open(&self.path(), Access::Write).unwrap()
        }
    }

    #[test]
    fn a_dry_run_says_what_would_be_lost_and_changes_nothing() {
        let (mut disk, backup) = OnDisk::new();
        let before = disk.world.read(|tx| Ok(log::verify(tx)?)).head;
        let report = disk.back(None, Intent::DryRun).unwrap();
        assert_eq!(
            (
                &report.backup.path,
                report.backup.tasks,
                report.backup.events
            ),
            (&backup, 1, 2)
        );
        assert!(
            matches!(&report.current, Current::Readable(info) if info.tasks == 2),
            "{report:?}"
        );
        assert!(report.lost_events().is_some_and(|lost| lost > 2) && report.kept.is_none());
        assert_eq!(disk.world.read(|tx| Ok(log::verify(tx)?)).head, before);
    }

    #[test]
    fn what_stood_there_is_kept_and_what_was_granted_stays_behind() {
        let (mut disk, backup) = OnDisk::new();
        let report = disk.back(None, Intent::Apply).unwrap();
        let late = disk
            .world
            .run(|tx, cx| edit::hold(tx, cx, "t-a", "r".into()));
        assert!(
            matches!(late, Err(OpError::Store(StoreError::Replaced))),
            "an open store is told"
        );
        let mut store = disk.open();
        let now = store.read(|tx| tx.task(&id("a"))).unwrap().unwrap();
        assert_eq!((now.state, now.epoch), (TaskState::Queued, 2));
        assert!(store.read(|tx| tx.task(&id("later"))).unwrap().is_none());
        let claimed = claim::run(&mut store, &disk.world.cx, &Which::Next, 10).unwrap();
        assert_eq!(
            claimed.lease.epoch, 3,
            "no branch or token of before is granted again"
        );
        assert!(store.read(|tx| log::verify(tx)).unwrap().fault.is_none());
        let kept = report.kept.unwrap();
        let mut old = SqliteStore::open(&kept.join("ai.db"), Access::Read).unwrap();
        assert!(old.read(|tx| tx.task(&id("later"))).unwrap().is_some());
        assert!(backup.exists());
        assert_eq!(
            disk.back(None, Intent::DryRun).unwrap().backup.path,
            backup,
            "what was kept is no backup"
        );
    }

    #[test]
    fn a_lost_or_spoilt_store_comes_back() {
        let (disk, _) = OnDisk::new();
        let path = disk.path();
        for spoil in ["zero", "noise", "gone"] {
            match spoil {
                "zero" => std::fs::write(&path, b"").unwrap(),
                "noise" => std::fs::write(&path, b"noise").unwrap(),
                _ => std::fs::remove_file(&path).unwrap(),
            }
            let report = disk.back(None, Intent::Apply).unwrap();
            assert_eq!(
                matches!(report.current, Current::Missing),
                spoil == "gone",
                "{report:?}"
            );
            assert!(
                report.kept.is_some(),
                "the log that stood beside it is kept in any case"
            );
            assert!(disk.open().read(|tx| tx.task(&id("a"))).unwrap().is_some());
        }
    }

    #[test]
    fn the_newest_backup_that_is_whole_is_taken() {
        let (disk, good) = OnDisk::new();
        let bad = disk.roll();
        std::fs::write(&bad, b"spoilt").unwrap();
        let report = disk.back(None, Intent::DryRun).unwrap();
        assert_eq!(
            (report.backup.path, report.unusable.len()),
            (good.clone(), 1)
        );
        std::fs::write(&good, b"spoilt").unwrap();
        let refused = disk.back(None, Intent::Apply).err().unwrap().to_string();
        assert!(refused.contains("none of the 2 backups"), "{refused}");
        assert!(disk.back(Some(&bad), Intent::Apply).is_err());
        assert!(
            disk.open()
                .read(|tx| tx.task(&id("later")))
                .unwrap()
                .is_some(),
            "nothing was touched"
        );
    }

    #[test]
    fn a_store_that_lost_its_log_can_be_taken_as_it_is() {
        let (disk, _) = OnDisk::new();
        let path = disk.path();
        std::fs::remove_file(disk.state().join("ai.db-wal")).unwrap();
        assert!(matches!(
            SqliteStore::open(&path, Access::Read),
            Err(StoreError::Damaged { .. })
        ));
        let report = disk.back(Some(&path), Intent::Apply).unwrap();
        assert!(matches!(report.current, Current::Unreadable(_)));
        disk.open().read(|tx| log::verify(tx)).unwrap();
    }
}
