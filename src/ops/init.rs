//! Setting a repository up: the files below `.ai/`, the store in the git directory, and the link between them. What stands already is
//! left as it is, so that the command can be run again.

use std::path::{Path, PathBuf};

use crate::base::{fs, id};
use crate::domain::event::Event;
use crate::ops::cx::Cx;
use crate::ops::project;
use crate::ops::refusal::{OpError, Refusal};
use crate::store::sqlite::{Access, SqliteStore};
use crate::store::{Store, StoreError};

/// A file that a project starts with.
pub struct StartFile {
    /// Path below the root.
    pub path: String,
    /// Content.
    pub text: String,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// Files that were written.
    pub written: Vec<String>,
    /// Files that stood already and were left.
    pub kept: Vec<String>,
    /// Set where the store is new.
    pub new_store: bool,
}

/// Sets the repository up.
pub fn init(root: &Path, common_dir: &Path, cx: &Cx, files: &[StartFile]) -> Result<Done, OpError> {
    let state = project::state_dir(common_dir);
    let mut done = Done { new_store: ensure_store(&state, cx)?, ..Done::default() };
    for file in files {
        let path = root.join(&file.path);
        if std::fs::symlink_metadata(&path).is_ok() {
            done.kept.push(file.path.clone());
        } else {
            fs::write_atomic(&path, file.text.as_bytes()).map_err(StoreError::from)?;
            done.written.push(file.path.clone());
        }
    }
    link_state(root, &state)?;
    Ok(done)
}

/// Opens the store, or makes one where there never was one. A directory that has lost its store is not such a place.
fn ensure_store(state: &Path, cx: &Cx) -> Result<bool, OpError> {
    let path = state.join(project::STORE_FILE);
    match SqliteStore::open(&path, Access::Write) {
        Ok(_) => return Ok(false),
        Err(StoreError::NotInitialised) => {}
        Err(StoreError::Vanished(_)) if is_fresh(state)? => {}
        Err(error) => return Err(error.into()),
    }
    fs::create_private_dir(state).map_err(StoreError::from)?;
    let store_id = id::random_text(26);
    let mut store = SqliteStore::create(&path, &store_id)?;
    store.write(|tx| -> Result<(), OpError> {
        // Another process may have won the race and written the first record already.
        let mine = tx.meta("store")?.is_some_and(|made| made == store_id);
        if mine { cx.record(tx, &Event::StoreCreated { store: store_id.clone() }) } else { Ok(()) }
    })?;
    Ok(true)
}

/// A state directory in which nothing was ever kept: no run, no backup, no log beside the database.
fn is_fresh(state: &Path) -> Result<bool, OpError> {
    let entries = fs::list_dir(state).map_err(StoreError::from)?;
    let drafts = |path: &PathBuf| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with(".ai.db."));
    Ok(entries.iter().all(drafts))
}

/// Makes `.ai/state` point at the store's directory. Anything else of that name is somebody's file and stays.
pub fn link_state(root: &Path, state: &Path) -> Result<(), OpError> {
    let link = root.join(".ai/state");
    let target = state.strip_prefix(root).map_or_else(|_| state.to_owned(), |below| Path::new("..").join(below));
    match std::fs::read_link(&link) {
        Ok(found) if found == target || found == state => Ok(()),
        Ok(_) => {
            fs::remove_file(&link).map_err(StoreError::from)?;
            make_link(&target, &link)
        }
        Err(_) if std::fs::symlink_metadata(&link).is_ok() => {
            let text = format!("{} is in the way: it should be a link to {}", link.display(), state.display());
            Err(Refusal::Conflict(text).into())
        }
        Err(_) => make_link(&target, &link),
    }
}

fn make_link(target: &Path, link: &Path) -> Result<(), OpError> {
    fs::create_dir_all(link.parent().unwrap_or(Path::new("."))).map_err(StoreError::from)?;
    fs::symlink(target, link).map_err(|e| StoreError::from(e).into())
}
