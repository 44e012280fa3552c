//! What holds the processes of a run together: a cgroup of its own where one can be made, and
//! always the keeper below a child subreaper.

use std::path::Path;

use crate::base::fs;
use crate::ops::run::files::RunDir;
use crate::process::cgroup::{Cgroup, KernelFiles};

/// Makes a cgroup for the agent of a run, and records it before anything is started there. Where
/// none can be had, there is none: `ai doctor` says why.
pub(crate) fn make(files: &RunDir, label: &str) -> Option<Cgroup> {
    let made = Cgroup::make(KernelFiles::of_this_machine(), label).ok()?;
    let path = made.dir().as_os_str().as_encoded_bytes();
    match fs::write_private(&files.cgroup(), path) {
        Ok(()) => Some(made),
        Err(_) => {
            made.end();
            None
        }
    }
}

/// Ends what is left in the cgroup of a run that was found dead. Returns how many processes that
/// were.
pub(crate) fn end(files: &RunDir) -> usize {
    let recorded = fs::read_text_if_there(&files.cgroup(), 4096).ok().flatten();
    recorded
        .and_then(|path| Cgroup::recorded(Path::new(&path)))
        .map_or(0, |group| group.end())
}
