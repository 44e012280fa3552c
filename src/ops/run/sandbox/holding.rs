//! The hold on what a command has declared: a cgroup with limits, where one can be made.

use crate::domain::resources::ResourceAmounts;
use crate::ops::run::model::HeldBy;
use crate::process::cgroup::{Cgroup, KernelFiles};

/// The hold on a command.
#[derive(Debug, Default)]
pub(crate) struct RunHold {
    /// The cgroup in which it is started.
    pub(crate) cgroup: Option<Cgroup>,
    /// The reason why nothing holds it to what it has declared, where it has declared something.
    pub(crate) unlimited: Option<String>,
}

impl RunHold {
    /// The means by which its processes are held together.
    pub(crate) fn held_by(&self) -> HeldBy {
        if self.cgroup.is_some() {
            HeldBy::Cgroup
        } else {
            HeldBy::Subreaper
        }
    }
}

/// Makes a cgroup with limits for what a command has declared; none where it has declared neither memory nor cores.
pub(crate) fn hold(label: &str, needs: &ResourceAmounts) -> RunHold {
    if needs.memory.is_none() && needs.cpu.is_none() {
        return RunHold::default();
    }
    match Cgroup::make_limited(KernelFiles::of_this_machine(), label, needs) {
        Ok(made) => RunHold {
            cgroup: Some(made),
            unlimited: None,
        },
        Err(why) => RunHold {
            cgroup: None,
            unlimited: Some(why.to_string()),
        },
    }
}
