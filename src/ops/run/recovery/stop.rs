//! Stopping a run from outside, when its task was taken from it: its supervisor is asked to end,
//! which ends the agent and saves the work; where it does not, it is killed, and its run recovered.

use std::time::Duration;

use crate::domain::run::Run;
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::recovery::liveness::{RunLoss, identity};
use crate::ops::run::recovery::recover;
use crate::ops::world::World;
use crate::process::end_process::{EndSignal, is_stopped, send_end_signal, wait_for_end};
use crate::process::identity::{ProcessIdentity, ProcessLiveness};
use crate::store::Store;

/// Beyond the agent's own time to end: for the look at its tree and for saving it.
const SAVING: Duration = Duration::from_secs(20);
/// After a kill, for the kernel.
const KILLING: Duration = Duration::from_secs(5);

/// Sees the run to its end. Nothing of it lives when this returns, and its work stands where the
/// run's end says.
pub fn stop(world: &World, store: &mut dyn Store, run: &Run) -> Result<Run, OpError> {
    ask_to_end(world, store, run, RunLoss::SupervisorDied)
}

/// Asks a supervisor to end, and kills it where it does not; its run is lost in this way, then.
fn ask_to_end(
    world: &World,
    store: &mut dyn Store,
    run: &Run,
    loss: RunLoss,
) -> Result<Run, OpError> {
    let supervisor = identity(&run.supervisor);
    send_end_signal(&supervisor, EndSignal::Term);
    let mut state = wait_for_end(&supervisor, world.config.runs.grace + SAVING);
    if state == ProcessLiveness::Alive {
        state = kill(&supervisor);
    }
    see_end(world, store, run, (state, loss))
}

/// Sees a run to its end whose supervisor has let the lease lapse. One that is stopped is killed as
/// it stands: woken up, it could only write what is refused.
pub fn stop_lapsed(world: &World, store: &mut dyn Store, run: &Run) -> Result<Run, OpError> {
    let supervisor = identity(&run.supervisor);
    if !is_stopped(&supervisor) {
        return ask_to_end(world, store, run, RunLoss::LeaseLapsed);
    }
    let state = kill(&supervisor);
    see_end(world, store, run, (state, RunLoss::LeaseLapsed))
}

fn kill(supervisor: &ProcessIdentity) -> ProcessLiveness {
    send_end_signal(supervisor, EndSignal::Kill);
    wait_for_end(supervisor, KILLING)
}

/// Recovers the run of a supervisor that has ended, unless it could do so itself.
fn see_end(
    world: &World,
    store: &mut dyn Store,
    run: &Run,
    (state, loss): (ProcessLiveness, RunLoss),
) -> Result<Run, OpError> {
    match state {
        ProcessLiveness::Dead => recover::one(world, store, (&world.repo()?, loss), &run.id)?,
        ProcessLiveness::Alive | ProcessLiveness::Unknown => return Err(out_of_reach(run, state)),
    };
    let missing = || Refusal::NotFound {
        what: Thing::Run,
        id: run.id.to_string(),
    };
    Ok(store.read(|tx| tx.run(&run.id))?.ok_or_else(missing)?)
}

/// Refuses to end a supervisor that is out of reach, with the reason.
pub fn out_of_reach(run: &Run, state: ProcessLiveness) -> OpError {
    let pid = run.supervisor.pid;
    let (why, hint) = match state {
        ProcessLiveness::Unknown => (
            "belongs to another container, where it cannot be seen from here",
            "give the same command there",
        ),
        _ => (
            "does not end, not even by SIGKILL",
            "it waits for the kernel, as on a disk that hangs; then the same command again",
        ),
    };
    Refusal::Conflict {
        why: format!("the supervisor of run {} (process {pid}) {why}", run.id),
        hint: hint.to_owned(),
    }
    .into()
}
