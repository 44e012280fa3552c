//! Limits on what a child may use of the machine. The keeper takes the limits upon itself; whatever it
//! starts inherits them.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

/// Ceilings; `None` leaves what the user has. They hold for each process, but for the number of
/// processes, which holds for the user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceLimits {
    /// Memory that one process may fill, in MiB.
    pub memory_mb: Option<u32>,
    /// Processes and threads of the user; counts for none but root where there is no namespace of
    /// users.
    pub processes: Option<u32>,
    /// Largest file, in MiB.
    pub file_mb: Option<u32>,
}

/// Lowers the limits of this process for good. No core is ever dumped: it would hold the secrets of
/// the environment.
pub(in crate::process) fn apply_limits(limits: ResourceLimits) -> io::Result<()> {
    let bytes = |mb: u32| u64::from(mb) << 20;
    lower(Resource::Core, Some(0))?;
    lower(Resource::Data, limits.memory_mb.map(bytes))?;
    lower(Resource::Nproc, limits.processes.map(u64::from))?;
    lower(Resource::Fsize, limits.file_mb.map(bytes))
}

fn lower(resource: Resource, to: Option<u64>) -> io::Result<()> {
    let Some(to) = to else { return Ok(()) };
    let Rlimit { maximum, .. } = getrlimit(resource);
    let value = Some(maximum.map_or(to, |most| most.min(to)));
    Ok(setrlimit(
        resource,
        Rlimit {
            current: value,
            maximum: value,
        },
    )?)
}
