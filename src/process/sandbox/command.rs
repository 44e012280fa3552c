//! The command line that a sandbox layer puts in front of the keeper.

use std::ffi::OsString;
use std::path::Path;

use crate::process::sandbox::{SandboxLayer, SandboxPolicy, bubblewrap, seatbelt};

/// The words in front of the keeper's own arguments, the last of which is the keeper's program;
/// `None` where it is started by itself.
pub(in crate::process) fn command_line(
    policy: &SandboxPolicy,
    keeper: &Path,
) -> Option<Vec<OsString>> {
    match &policy.layer {
        SandboxLayer::Bubblewrap(_) => bubblewrap::command_line(policy, keeper),
        SandboxLayer::Seatbelt => Some(vec![
            "/usr/bin/sandbox-exec".into(),
            "-p".into(),
            seatbelt::profile(policy).into(),
            keeper.into(),
        ]),
        SandboxLayer::Landlock | SandboxLayer::None => None,
    }
}
