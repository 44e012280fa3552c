//! What holds the processes of a run together: a cgroup of its own where one can be made, and
//! always the keeper below a child subreaper.

use std::path::Path;

use crate::base::fs;
use crate::ops::run::agent::launch::AgentStep;
use crate::process::cgroup::{Cgroup, KernelFiles};

/// The file in a run's directory that names its cgroup, for whoever finds the run dead.
const FILE: &str = "cgroup";

/// Makes a cgroup for the agent of a run, and records it before anything is started there. Where
/// none can be had, there is none: `ai doctor` says why.
pub(crate) fn make(step: &AgentStep<'_>) -> Option<Cgroup> {
    let made = Cgroup::make(KernelFiles::of_this_machine(), step.run.id.as_str()).ok()?;
    let path = made.dir().as_os_str().as_encoded_bytes();
    match fs::write_private(&step.dir.join(FILE), path) {
        Ok(()) => Some(made),
        Err(_) => {
            made.end();
            None
        }
    }
}

/// Ends what is left in the cgroup of a run that was found dead. Returns how many processes that
/// were.
pub(crate) fn end(run_dir: &Path) -> usize {
    let recorded = fs::read_text_if_there(&run_dir.join(FILE), 4096)
        .ok()
        .flatten();
    recorded
        .and_then(|path| Cgroup::recorded(Path::new(&path)))
        .map_or(0, |group| group.end())
}
