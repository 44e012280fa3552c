//! What holds the processes of a run together: a cgroup of its own where one can be made, and
//! always the keeper below a child subreaper.

use std::path::Path;

use crate::base::fs;
use crate::domain::resources::ResourceAmounts;
use crate::ops::run::files::RunDir;
use crate::ops::run::sandbox::holding::{RunHold, hold};
use crate::process::cgroup::{Cgroup, KernelFiles};

/// Makes a cgroup for the agent of a run, and records it before anything is started there. Where
/// none can be had, there is none: `ai doctor` says why. One that holds the agent to the resources that it
/// has declared, where that can be had.
pub(crate) fn make(files: &RunDir, label: &str, needs: &ResourceAmounts) -> RunHold {
    let RunHold { cgroup, unlimited } = hold(label, needs);
    let made = cgroup.or_else(|| Cgroup::make(KernelFiles::of_this_machine(), label).ok());
    let recorded = made.filter(|made| {
        let path = made.dir().as_os_str().as_encoded_bytes();
        let is_recorded = fs::write_private(&files.cgroup(), path).is_ok();
        if !is_recorded {
            made.end();
        }
        is_recorded
    });
    RunHold {
        cgroup: recorded,
        unlimited,
    }
}

/// Ends what is left in the cgroups of a run that was found dead: in that of its agent, and in those of its checks
/// beside it. Returns how many processes that were.
pub(crate) fn end(files: &RunDir, label: &str) -> usize {
    let recorded = fs::read_text_if_there(&files.cgroup(), 4096).ok().flatten();
    let Some(path) = recorded else { return 0 };
    // That of the agent may be gone, and one of a check be left.
    let agents = Cgroup::recorded(Path::new(&path));
    let of_checks = Cgroup::named_beside(Path::new(&path), label);
    let all = agents.into_iter().chain(of_checks);
    all.map(|group| group.end().killed).sum()
}
