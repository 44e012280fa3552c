//! One landing at a time in a repository, and what it does at this moment, for whoever asks.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::file_lock::{self, FileLock};
use crate::base::fs;
use crate::domain::actor::Actor;
use crate::domain::ids::TaskId;
use crate::domain::run::ProcessRef;
use crate::domain::time::WallMs;
use crate::ops::error::OpError;
use crate::ops::landing;
use crate::ops::refusal::Refusal;
use crate::ops::run::recovery::liveness::this_process;
use crate::ops::world::World;

/// Locked as long as a landing is at work.
const LOCK: &str = "land.lock";
/// The file in which a landing says what it does.
const WORD: &str = "land.json";
/// More than any such word.
const CAP: u64 = 1 << 20;

/// A landing, as it was when it last said so.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct LandingAtWork {
    /// The process.
    pub process: ProcessRef,
    /// The caller.
    pub by: Actor,
    /// The beginning, in milliseconds since 1970.
    pub since_ms: WallMs,
    /// The tasks that it combines at this moment.
    pub tasks: Vec<TaskId>,
    /// The step that it is at, in a few words.
    pub step: String,
    /// True where the process has ended without saying so; the next landing completes what it has begun.
    #[serde(default)]
    pub is_cut_off: bool,
}

/// The landing of this process.
pub(super) struct AtWork<'a> {
    world: &'a World,
    word: RefCell<LandingAtWork>,
    _alone: FileLock,
}

impl<'a> AtWork<'a> {
    /// Begins; refused while another landing is at work.
    pub(super) fn begin(world: &'a World) -> Result<AtWork<'a>, OpError> {
        let lock = file_lock::try_lock_for_a_moment(&world.state().join(LOCK))?;
        let Some(alone) = lock else {
            return Err(busy(world)?);
        };
        Ok(AtWork {
            world,
            word: RefCell::new(LandingAtWork {
                process: this_process()?,
                by: world.actor.clone(),
                since_ms: (world.clock)().wall_ms,
                tasks: Vec::new(),
                step: "looks at what waits".to_owned(),
                is_cut_off: false,
            }),
            _alone: alone,
        })
    }

    /// The tasks that are combined from here on.
    pub(super) fn combines(&self, tasks: Vec<TaskId>) {
        self.word.borrow_mut().tasks = tasks;
    }

    /// Says what is done now, to whoever watches and to whoever asks.
    pub(super) fn says(&self, step: &str) -> Result<(), OpError> {
        self.world.say(step);
        step.clone_into(&mut self.word.borrow_mut().step);
        let text = serde_json::to_vec(&*self.word.borrow()).unwrap_or_default();
        Ok(fs::write_private(&word_of(self.world), &text)?)
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        // A word that stays is told from one that counts by the lock.
        let _removed = fs::remove_file(&word_of(self.world));
    }
}

fn word_of(world: &World) -> PathBuf {
    world.state().join(WORD)
}

/// True while a landing is at work, or an accept or an undo is in the moment of its own.
pub(super) fn is_any(state: &Path) -> Result<bool, OpError> {
    Ok(file_lock::is_held(&state.join(LOCK))? || file_lock::is_held(&state.join(landing::LOCK))?)
}

/// The word of the landing that is at work, or was cut off: the lock says which.
pub(super) fn found(state: &Path) -> Result<Option<LandingAtWork>, OpError> {
    let is_cut_off = !file_lock::is_held(&state.join(LOCK))?;
    let Ok(bytes) = fs::read_capped(&state.join(WORD), CAP) else {
        return Ok(None);
    };
    let word = serde_json::from_slice(&bytes).ok();
    Ok(word.map(|word| LandingAtWork { is_cut_off, ..word }))
}

fn busy(world: &World) -> Result<OpError, OpError> {
    let who = match found(&world.state())? {
        Some(word) => format!("`ai land` of {} is at work: {}", word.by, word.step),
        None => "another `ai land` is at work".to_owned(),
    };
    Ok(Refusal::TryLater {
        why: format!("{who}; one landing at a time"),
        hint: "`ai land status` shows what it does".into(),
    }
    .into())
}
