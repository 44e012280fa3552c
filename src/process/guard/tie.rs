//! The tie of a child to its parent: the kernel ends the one when the other dies, even by SIGKILL.
//!
//! It holds for the very thread that starts the child, and no further than one generation; a program
//! with other rights than its caller's, such as `sudo`, is free of it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::Errno;
use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};

/// Has the command die with this process. To be called by the thread that will start it, which must
/// live as long as this process does.
#[expect(
    unsafe_code,
    reason = "between fork and exec there is no other place where this could be said"
)]
pub(super) fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have died before it could be said.
        if getppid() == Some(parent) {
            Ok(())
        } else {
            Err(io::Error::from(Errno::SRCH))
        }
    };
    // SAFETY: two system calls without any memory of this process, which may be made after a fork.
    unsafe {
        command.pre_exec(tie);
    }
}

/// Asks to be ended gently when the parent dies.
pub(super) fn end_with_parent() -> io::Result<()> {
    Ok(set_parent_process_death_signal(Some(Signal::TERM))?)
}
