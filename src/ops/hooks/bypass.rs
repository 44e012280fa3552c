//! What passed a door by, on its way into the log, and what is still remembered of it for a person to
//! see. The memory is the store's own and short; the log has all of it.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::{file_lock, fs, id};
use crate::domain::bypass::{self, Bypass};
use crate::domain::event::Event;
use crate::domain::git_hook::HookName;
use crate::domain::hook_shim::SKIPPED_FILE;
use crate::domain::time::WallMs;
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Bug as _, OpError};
use crate::ops::project;
use crate::store::{Store, Tx};

/// Under which key the store remembers what nobody has looked at yet.
const SEEN_KEY: &str = "hooks.bypassed";
/// Under which key it remembers the notes that it took in last.
const TAKEN_KEY: &str = "hooks.taken";
/// So many are remembered.
const KEPT: usize = 20;
/// The longest file of notes that is read.
const CAP: u64 = 1 << 20;
/// The beginning of the name of notes that are being taken in.
const TAKING: &str = "skipped-";

/// A bypass that nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnseenBypass {
    /// The time at which it was found.
    pub at_ms: WallMs,
    /// The sentence for people.
    pub what: String,
}

/// Records a bypass.
pub fn record(store: &mut dyn Store, cx: &Cx, bypass: &Bypass) -> Result<(), OpError> {
    commit(store, cx, |tx, cx| add(tx, cx, bypass))
}

fn add(tx: &mut dyn Tx, cx: &Cx, bypass: &Bypass) -> Result<(), OpError> {
    let event = Event::BypassFound {
        bypass: bypass.clone(),
    };
    cx.record(tx, &event)?;
    let clean = match cx.scrub.event(&event) {
        Some(Event::BypassFound { bypass }) => bypass,
        _ => bypass.clone(),
    };
    let mut all = unseen(tx)?;
    all.push(UnseenBypass {
        at_ms: cx.now.wall_ms,
        what: clean.told(),
    });
    let first = all.len().saturating_sub(KEPT);
    remember(tx, &all[first..])
}

/// The bypasses that nobody has looked at, oldest first.
pub fn unseen(tx: &mut dyn Tx) -> Result<Vec<UnseenBypass>, OpError> {
    let text = tx.meta(SEEN_KEY)?;
    // The log has all of them; a memory that cannot be read is begun anew.
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

/// Forgets them: a person has looked. The log keeps them.
pub fn seen(store: &mut dyn Store, cx: &Cx) -> Result<(), OpError> {
    commit(store, cx, |tx, _| remember(tx, &[]))
}

fn remember(tx: &mut dyn Tx, all: &[UnseenBypass]) -> Result<(), OpError> {
    let text = serde_json::to_string(all).bug("a memory cannot be written")?;
    Ok(tx.set_meta(SEEN_KEY, &text)?)
}

/// Leaves a note as the shim does, for a hook that a manager of hooks has called.
pub fn note(
    state_dir: &Path,
    hook: HookName,
    (login, reason): (&str, &str),
) -> Result<(), OpError> {
    let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = format!("{hook}\t{}\t{}\n", one_line(login), one_line(reason));
    fs::append_locked(&state_dir.join(SKIPPED_FILE), line.as_bytes())?;
    Ok(())
}

/// True where a hook has left a note. A look at one name: it is asked before each write.
pub fn has_notes(state_dir: &Path) -> bool {
    state_dir.join(SKIPPED_FILE).exists()
}

/// The notes that nobody has taken in yet.
pub fn notes(state_dir: &Path) -> Vec<Bypass> {
    let text = fs::read_text_if_there(&state_dir.join(SKIPPED_FILE), CAP);
    let text = text.ok().flatten().unwrap_or_default();
    text.lines().map(bypass::skipped).collect()
}

/// Takes the notes of hooks into the log, each once.
pub fn take_in(store: &mut dyn Store, cx: &Cx, state_dir: &Path) -> Result<(), OpError> {
    let _alone = file_lock::lock(&state_dir.join(project::HOOKS_LOCK))?;
    let notes = state_dir.join(SKIPPED_FILE);
    if notes.exists() {
        // From here on a hook begins a new file.
        fs::rename(
            &notes,
            &state_dir.join(format!("{TAKING}{}", id::random_text(8))),
        )?;
    }
    for file in fs::list_dir(state_dir)? {
        let name = file.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|name| name.starts_with(TAKING)) else {
            continue;
        };
        let text = fs::read_text(&file, CAP)?;
        commit(store, cx, |tx, cx| {
            // Whoever was killed before the file went has recorded it.
            if tx.meta(TAKEN_KEY)?.as_deref() == Some(name) {
                return Ok(());
            }
            for line in text.lines().filter(|line| !line.is_empty()) {
                add(tx, cx, &bypass::skipped(line))?;
            }
            Ok(tx.set_meta(TAKEN_KEY, name)?)
        })?;
        fs::remove_file(&file)?;
    }
    Ok(())
}
