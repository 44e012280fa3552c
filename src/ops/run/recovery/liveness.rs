//! The life of a run's supervisor, by the identity of its process.

use crate::domain::run::ProcessRef;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::process::identity::{ProcessIdentity, ProcessLiveness};

/// Tells whether the supervisor of a run still works.
pub fn liveness(supervisor: &ProcessRef) -> ProcessLiveness {
    identity(supervisor).liveness()
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
