//! Fences around a child: what it may read and write, whether it has a network, and how much it may
//! use.
//!
//! A [`SandboxPolicy`] says it once; three layers carry it out: [`bubblewrap`] by namespaces (the whole
//! tree, hidden places included), [`landlock`] by rules of the kernel that the keeper takes upon
//! itself before it starts the command, and [`seatbelt`] on macOS. Of two statements about nested
//! paths the deeper one counts. Everything that is not spoken of can be read and not written.
//!
//! Deliberately absent: filters of system calls, control groups, and an allow-list of hosts.

mod bubblewrap;
mod landlock;
mod limits;
mod policy;
mod probe;
mod seatbelt;

pub(in crate::process) use landlock::LandlockPolicy;
pub use limits::ResourceLimits;
pub(in crate::process) use limits::apply as apply_limits;
pub use policy::{PathAccess, SandboxLayer, SandboxPolicy};
pub use probe::{SandboxNesting, SandboxProbe, known, probe};

use std::ffi::OsString;
use std::path::Path;

/// The words in front of the keeper's own arguments, the last of which is the keeper's program;
/// `None` where it is started by itself.
pub(in crate::process) fn command_line(
    fence: &SandboxPolicy,
    keeper: &Path,
) -> Option<Vec<OsString>> {
    match &fence.layer {
        SandboxLayer::Bubblewrap(_) => bubblewrap::command_line(fence, keeper),
        SandboxLayer::Seatbelt => Some(vec![
            "/usr/bin/sandbox-exec".into(),
            "-p".into(),
            seatbelt::profile(fence).into(),
            keeper.into(),
        ]),
        SandboxLayer::Landlock | SandboxLayer::None => None,
    }
}

#[cfg(test)]
mod tests;
