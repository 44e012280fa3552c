//! A tick: everything that the clock asks for now is created, and the time of the next moment is told. The daemon and
//! `ai recurring tick` are the same operation.

use std::fmt;

use serde::Serialize;

use crate::config::ConfigError;
use crate::domain::agent::Name;
use crate::domain::recurring::{RecurringStanding, RecurringWord};
use crate::domain::time::WallMs;
use crate::domain::trusted_set::ExecutableSet;
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::failpoint;
use crate::ops::recurring::file::{
    RecurringFile, RecurringFiles, RecurringTemplate, actor_of, load_these, shown,
};
use crate::ops::recurring::fire::{FiredStep, step, waits};
use crate::ops::recurring::memory::memory;
use crate::ops::trust;
use crate::ops::world::World;
use crate::policy::PolicyState;
use crate::store::Store;

/// Most steps for one name in one tick; whatever is left is dealt with by the next.
const MOST_STEPS: usize = 24;

/// Something that keeps recurring work from being created, though it is switched on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RecurringTrouble {
    /// The name.
    pub name: String,
    /// The fault.
    pub why: String,
    /// The command that helps.
    pub next: String,
}

impl fmt::Display for RecurringTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "recurring {}: {}; {}", self.name, self.why, self.next)
    }
}

/// One thing that a tick did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct RecurringDone {
    /// The word, as it is recorded.
    #[serde(flatten)]
    pub word: RecurringWord,
    /// The title of the task that was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// Result of a tick.
#[derive(Debug, Default)]
pub struct RecurringTick {
    /// Everything that was done, in its order.
    pub done: Vec<RecurringDone>,
    /// The refusals of tasks that were not created.
    pub refusals: Vec<OpError>,
    /// Everything that stands in the way of what is switched on.
    pub troubles: Vec<RecurringTrouble>,
    /// The time at which something is due next.
    pub next_ms: Option<WallMs>,
}

/// Does what is due.
pub fn tick(world: &World, store: &mut dyn Store) -> Result<RecurringTick, OpError> {
    let mut told = RecurringTick::default();
    let memory = store.read(|tx| memory(tx))?;
    let names: Vec<String> = memory.switched_on().map(str::to_owned).collect();
    if names.is_empty() {
        return Ok(told);
    }
    let files = load_these(&world.root, &names);
    let trusted = trust::trusted(&world.location.common_dir)?;
    let policy = world.checkout_policy();
    for name in names {
        match usable(&files, &trusted, &name) {
            Ok(work) => {
                let standing = memory.of(&name);
                let now_ms = (world.clock)().wall_ms;
                told.troubles.extend(behind(&name, &standing, now_ms));
                let next = of_name((world, &policy), store, (work, standing), &mut told)?;
                told.next_ms = told.next_ms.into_iter().chain(next).min();
            }
            Err(trouble) => told.troubles.push(*trouble),
        }
    }
    Ok(told)
}

/// Deals with one name. Returns when it is due next.
fn of_name(
    (world, policy): (&World, &PolicyState),
    store: &mut dyn Store,
    (work, standing): ((&Name, &RecurringTemplate), RecurringStanding),
    told: &mut RecurringTick,
) -> Result<Option<WallMs>, OpError> {
    // Mostly nothing is due, which is seen without holding the store.
    let now_ms = (world.clock)().wall_ms;
    if let Some(next) = store.read(|tx| waits(tx, work.1, &standing, now_ms))? {
        return Ok(next);
    }
    let cx = world.cx_as(policy, actor_of(work.0)?)?;
    for _ in 0..MOST_STEPS {
        match commit(store, &cx, |tx, cx| step(tx, cx, work))? {
            FiredStep::NotYet(next) => return Ok(next),
            FiredStep::Said(said) => {
                failpoint::hit("recurring-done")?;
                told.done.push(RecurringDone {
                    word: said.word,
                    title: said.task.map(|task| task.title),
                });
                told.refusals.extend(said.refusal);
            }
        }
    }
    Ok(Some(now_ms))
}

/// The trouble of a clock that was set back behind what it has seen.
pub(super) fn behind(
    name: &str,
    standing: &RecurringStanding,
    now_ms: WallMs,
) -> Option<RecurringTrouble> {
    standing.is_ahead_of(now_ms).then(|| RecurringTrouble {
        name: name.to_owned(),
        why: "the clock of this machine was set back: nothing is created for a time that was dealt with".to_owned(),
        next: format!("ai recurring enable {name}"),
    })
}

/// The file of a name that is switched on, where it can be used.
pub(super) fn usable<'a>(
    files: &'a RecurringFiles,
    trusted: &ExecutableSet,
    name: &str,
) -> Result<(&'a Name, &'a RecurringTemplate), Box<RecurringTrouble>> {
    let trouble = |why: String, next: String| {
        let name = name.to_owned();
        Box::new(RecurringTrouble { name, why, next })
    };
    let Some(RecurringFile { name: file, read }) = files.of(name) else {
        if let Some(unseen) = &files.unseen {
            let why = format!(".ai/recurring: {}", unseen.why);
            return Err(trouble(why, unseen.next.clone()));
        }
        let why = format!("{} is gone", shown(name));
        return Err(trouble(why, format!("ai recurring disable {name}")));
    };
    match read {
        Err(error) => Err(trouble(broken(error), format!("ai recurring show {name}"))),
        Ok(template) if !template.is_trusted(file, trusted) => Err(trouble(
            format!("{} waits for your trust", shown(name)),
            "ai trust --show, then ai trust".to_owned(),
        )),
        Ok(template) => Ok((file, template)),
    }
}

/// What is wrong with a file, in a line.
pub(super) fn broken(error: &ConfigError) -> String {
    match error {
        ConfigError::Content(problems) => problems.summary(),
        ConfigError::Read(error) => format!("{error}"),
    }
}
