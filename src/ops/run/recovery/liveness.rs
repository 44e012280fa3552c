//! The life of a run's supervisor, by the identity of its process and the lease that it has to
//! renew.

use std::path::Path;

use crate::domain::aftermath::CutOffBy;
use crate::domain::lease::{Lease, LeaseLiveness};
use crate::domain::run::{ProcessRef, Run};
use crate::domain::time::Now;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::process::end_process::holds_below;
use crate::process::identity::{ProcessIdentity, ProcessLiveness};
use crate::store::{StoreError, Tx};

/// Tells whether the supervisor of a run still works.
pub fn liveness(supervisor: &ProcessRef) -> ProcessLiveness {
    identity(supervisor).liveness()
}

/// The way in which a run that is active by the store was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunLoss {
    /// The run's supervisor has ended.
    SupervisorDied,
    /// The run's supervisor is there, but has let the lease lapse: it is stopped, hangs, or slept.
    LeaseLapsed,
}

impl RunLoss {
    /// The cause in words, behind "cut off at step …: ".
    pub fn cause(self) -> &'static str {
        match self {
            RunLoss::SupervisorDied => "its supervisor died",
            RunLoss::LeaseLapsed => "its supervisor stood still until the lease lapsed",
        }
    }

    /// Whose doing it was.
    pub fn by(self) -> CutOffBy {
        match self {
            RunLoss::SupervisorDied => CutOffBy::Machine,
            RunLoss::LeaseLapsed => CutOffBy::Standstill,
        }
    }
}

/// Tells whether an active run is lost, and how. `state` is the directory of the store: a process
/// that holds nothing there supervises a run of another store, of which this one is a copy.
pub fn loss(
    tx: &mut dyn Tx,
    run: &Run,
    now: &Now,
    state: &Path,
) -> Result<Option<RunLoss>, StoreError> {
    let supervisor = liveness(&run.supervisor);
    let lease = tx.lease(&run.task.subject())?;
    let loss = judge(supervisor, run.id.epoch(), lease.as_ref(), now);
    let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    let is_ours = || holds_below(&identity(&run.supervisor), &state);
    Ok(loss.filter(|loss| *loss != RunLoss::LeaseLapsed || is_ours()))
}

/// Judges a run of this epoch. What another container or a later grant says is nothing to go by.
fn judge(
    supervisor: ProcessLiveness,
    epoch: u64,
    lease: Option<&Lease>,
    now: &Now,
) -> Option<RunLoss> {
    let has_lapsed =
        |lease: &Lease| lease.epoch == epoch && lease.liveness(now) == LeaseLiveness::Lapsed;
    match supervisor {
        ProcessLiveness::Dead => Some(RunLoss::SupervisorDied),
        ProcessLiveness::Alive => lease
            .is_some_and(has_lapsed)
            .then_some(RunLoss::LeaseLapsed),
        ProcessLiveness::Unknown => None,
    }
}

/// The identity of that process.
pub(crate) fn identity(supervisor: &ProcessRef) -> ProcessIdentity {
    ProcessIdentity {
        boot_id: supervisor.boot_id.clone(),
        pid_namespace: supervisor.pid_namespace.clone(),
        pid: supervisor.pid,
        start_ticks: supervisor.start_ticks,
    }
}

/// The process that supervises: this one.
pub(crate) fn this_process() -> Result<ProcessRef, OpError> {
    let me = ProcessIdentity::current().ok_or_else(|| {
        Refusal::Environment("/proc cannot be read, so no run could be supervised".into())
    })?;
    Ok(ProcessRef {
        boot_id: me.boot_id,
        pid_namespace: me.pid_namespace,
        pid: me.pid,
        start_ticks: me.start_ticks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::{Actor, ActorKind};
    use crate::domain::ids::Subject;
    use crate::domain::time::LeaseInstant;

    fn lease(epoch: u64, expires: i64) -> Lease {
        Lease {
            subject: Subject("t-1".into()),
            epoch,
            holder: Actor::new(ActorKind::Agent, "bot").unwrap(),
            secret_hash: String::new(),
            granted_ms: 0,
            head: None,
            ttl_ms: 10,
            expires: instant(expires),
            expires_ms: expires,
        }
    }

    fn instant(ms: i64) -> LeaseInstant {
        LeaseInstant {
            epoch: "b/t".into(),
            ms,
        }
    }

    #[test]
    fn a_run_is_lost_by_death_or_by_the_lapse_of_its_own_lease() {
        use ProcessLiveness::{Alive, Dead, Unknown};
        let now = Now {
            wall_ms: 0,
            lease: instant(100),
        };
        for (supervisor, lease, loss) in [
            (Dead, None, Some(RunLoss::SupervisorDied)),
            (Dead, Some(lease(2, 200)), Some(RunLoss::SupervisorDied)),
            (Alive, Some(lease(2, 99)), Some(RunLoss::LeaseLapsed)),
            (Alive, Some(lease(2, 101)), None),
            (Alive, Some(lease(3, 99)), None),
            (Alive, None, None),
            (Unknown, Some(lease(2, 99)), None),
        ] {
            assert_eq!(
                judge(supervisor, 2, lease.as_ref(), &now),
                loss,
                "{supervisor:?} {lease:?}"
            );
        }
    }
}
