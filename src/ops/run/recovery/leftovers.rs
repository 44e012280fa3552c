//! What may be left of runs that have ended: processes that outlived both `ai` and the keeper.
//!
//! Those that are proven to be of such a run are ended. Others that are at work in a directory of
//! worktrees may be a person's, and are only told of.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::base::clock;
use crate::base::text::{counted, listed, path_bytes};
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::ops::error::OpError;
use crate::ops::places::Places;
use crate::ops::world::World;
use crate::process::guard::{ProcessLook, StrayProcess, kill_strays};
use crate::store::{Store, StoreError, Tx};

/// The kernel rounds the start of a process down, to hundredths of a second.
const TICK_MS: i64 = 10;

/// The start of a run by the boot clock; `None` where it was in another boot, or is not known.
pub(crate) fn since_ms(run: &Run) -> Option<i64> {
    let started = run.started.as_ref()?;
    (started.epoch == clock::boot_epoch()).then_some(started.ms)
}

/// The processes that are proven to be left of runs of this store that have ended.
pub fn of_ended_runs(tx: &mut dyn Tx, look: &ProcessLook) -> Result<Vec<StrayProcess>, StoreError> {
    let mut found = look.strays();
    let mut ended: HashMap<String, Option<i64>> = HashMap::new();
    for stray in &found {
        if !ended.contains_key(&stray.run) {
            let run = tx.run(&RunId(stray.run.clone()))?;
            let since = run
                .filter(|run| run.end.is_some())
                .and_then(|run| since_ms(&run));
            ended.insert(stray.run.clone(), since);
        }
    }
    found.retain(|stray| began_within(stray, ended.get(&stray.run).copied().flatten()));
    Ok(found)
}

fn began_within(stray: &StrayProcess, since_ms: Option<i64>) -> bool {
    since_ms.is_some_and(|since| stray.started_ms + TICK_MS >= since)
}

/// Ends the processes that are left of runs that have ended, and tells of others that are at work
/// where only runs should be. One look at all processes serves both; where none can be had, nothing
/// is known.
pub(crate) fn see_to(world: &World, store: &mut dyn Store) -> Result<(), OpError> {
    let Ok(look) = ProcessLook::now() else {
        return Ok(());
    };
    end_strays(world, store, &look)?;
    for (text, next) in within(&world.places, &look) {
        world.say(&format!("warning: {text}; {next}"));
    }
    Ok(())
}

fn end_strays(world: &World, store: &mut dyn Store, look: &ProcessLook) -> Result<(), OpError> {
    let found = look.strays();
    if found.is_empty() {
        return Ok(());
    }
    let found = store.read(|tx| of_ended_runs(tx, look))?;
    let Some(first) = found.first() else {
        return Ok(());
    };
    let is_left = |stray: &StrayProcess| {
        found
            .iter()
            .any(|known| known.run == stray.run && known.started_ms <= stray.started_ms)
    };
    let ended = kill_strays(&is_left, world.config.runs.grace)?;
    world.say(&format!(
        "ended {} that was left of run {}{}",
        counted(ended.ended, "process"),
        first.run,
        if found.iter().all(|stray| stray.run == first.run) {
            ""
        } else {
            " and others"
        }
    ));
    if !ended.survivors.is_empty() {
        let pids = listed(ended.survivors.iter().map(|p| p.pid));
        world.say(&format!("warning: processes {pids} cannot be ended"));
    }
    Ok(())
}

/// One line for each process without a mark that is at work where only runs should be, with the
/// command that ends it.
pub fn within(places: &Places, look: &ProcessLook) -> Vec<(String, String)> {
    let dirs: Vec<PathBuf> = places
        .dir()
        .into_iter()
        .map(PathBuf::from)
        .chain(places.older())
        .filter_map(|dir| dir.canonicalize().ok())
        .collect();
    let told = look.within(&dirs).into_iter().map(|process| {
        let holds = path_bytes(process.holds.as_os_str().as_encoded_bytes());
        let text = format!(
            "process {} ({}) is at work in {holds}; it may be left of a run",
            process.pid, process.name
        );
        (text, format!("`kill {}` if it is not yours", process.pid))
    });
    told.collect()
}
