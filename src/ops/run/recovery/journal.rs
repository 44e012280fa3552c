//! What is written down while a run has the checkout: which one, and where the person stood.
//!
//! The journal is written last and removed first: it says that the rest is there.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::world::World;

/// The state that has to be put back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Journal {
    /// The version of its format.
    pub(crate) version: u32,
    /// The run that has the checkout.
    pub(crate) run: RunId,
    /// The branch on which HEAD stood; none where it was detached.
    pub(crate) branch: Option<String>,
    /// The commit at which it stood.
    pub(crate) commit: String,
    /// Paths that could not have been saved even then: repositories inside of the checkout, which
    /// nothing here touches.
    pub(crate) left: Vec<String>,
}

impl Journal {
    /// The branch of the run, by its full name.
    pub(crate) fn own_branch(&self) -> String {
        format!("refs/heads/{}", self.run.branch())
    }
}

/// The journal of a run in the checkout.
pub(super) const JOURNAL_FILE: &str = "journal.json";
/// The index of the checkout as it was before the run.
pub(super) const INDEX_FILE: &str = "index";
/// The paths that were ignored before the run.
pub(super) const IGNORED_FILE: &str = "ignored";
/// The directory of what was written down.
pub(super) fn dir(world: &World) -> PathBuf {
    world.state().join("slots").join(Run::CHECKOUT)
}

/// Reads the journal, where a run has the checkout.
pub(crate) fn read_journal(world: &World) -> Result<Option<Journal>, OpError> {
    let file = dir(world).join(JOURNAL_FILE);
    let Some(text) = fs::read_text_if_there(&file, 1 << 20)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .kept(file.display().to_string())
}
