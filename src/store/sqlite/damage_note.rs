//! The note of damage: a file beside the store that says that somebody has met damage in it.
//!
//! Whoever only looks meets damage where the looking comes by, and a write comes by few pages of a
//! large store: without the note a store that no list can be made of would go on to take writes. The
//! note holds for the database file as it was when the damage was met: one that was put in its place,
//! or written since, is tried anew. A note that cannot be written or read is none.
//!
//! Deliberately absent: looking for damage, which costs a reading of the whole file and is for
//! `ai doctor`.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, FileId};
use crate::store::StoreError;
use crate::store::sqlite::files;

/// Name of the note, in the directory of the store.
const NAME: &str = "store-damaged";
/// Longer than any note.
const CAP: u64 = 4096;

/// The note of one store, written or not.
pub(super) struct DamageNote {
    store: PathBuf,
    file: PathBuf,
    /// The database file as it was opened.
    opened: Option<FileId>,
}

impl DamageNote {
    /// The note of the store at `path`.
    pub(super) fn of(path: &Path) -> DamageNote {
        DamageNote {
            store: path.to_owned(),
            file: path.with_file_name(NAME),
            opened: fs::stat(path).ok().flatten().map(|stat| stat.id),
        }
    }

    /// Writes down that the store was found damaged; any other error is none of its business.
    pub(super) fn take(&self, error: &StoreError) {
        let StoreError::Damaged { path, why } = error else {
            return;
        };
        // Of a file that was put aside meanwhile nothing is said, and a lost log is found by whoever comes.
        let is_there = fs::stat(path).is_ok_and(|stat| stat.map(|stat| stat.id) == self.opened);
        let is_whole = files::refuse_lost_log(path).is_ok();
        if *path != self.store || !is_there || !is_whole || self.read().is_some() {
            return;
        }
        if let Some(state) = self.state() {
            // A note that cannot be written leaves everything as it was before there were notes.
            let _ = fs::overwrite(&self.file, format!("{state}\n{why}\n").as_bytes());
        }
    }

    /// The damage that was met in the file as it is now.
    pub(super) fn read(&self) -> Option<String> {
        let text = fs::read_text_if_there(&self.file, CAP).ok()??;
        let (state, why) = text.split_once('\n')?;
        // The rest of an older, longer note may stand behind the line.
        let why = why.lines().next()?;
        (self.state()? == state).then(|| why.to_owned())
    }

    /// Refuses a store in which damage was met.
    pub(super) fn refuse(&self) -> Result<(), StoreError> {
        match self.read() {
            None => Ok(()),
            Some(why) => Err(StoreError::Damaged {
                path: self.store.clone(),
                why,
            }),
        }
    }

    /// Takes the note away.
    pub(super) fn forget(&self) -> Result<(), StoreError> {
        Ok(fs::remove_file(&self.file)?)
    }

    /// The database file as it is now, in one word.
    fn state(&self) -> Option<String> {
        let stat = fs::stat(&self.store).ok()??;
        Some(format!("{}:{}:{}", stat.id, stat.len, stat.modified_ns))
    }
}
