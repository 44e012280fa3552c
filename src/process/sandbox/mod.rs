//! Sandboxes around a child: what it may read and write, whether it has a network, and how much it may
//! use.
//!
//! A [`SandboxPolicy`] says it once; three layers carry it out: [`bubblewrap`] by namespaces (the whole
//! tree, hidden places included), [`landlock`] by rules of the kernel that the keeper takes upon
//! itself before it starts the command, and [`seatbelt`] on macOS. Of two statements about nested
//! paths the deeper one counts. Everything that is not spoken of can be read and not written.
//!
//! Deliberately absent: filters of system calls, and control groups. A list of hosts is the work
//! of [`egress`](crate::process::egress): here it is a network that is off, and a socket.

mod bubblewrap;
mod command;
mod landlock;
mod limits;
mod policy;
mod probe;
mod seatbelt;

pub(in crate::process) use command::command_line;
pub(in crate::process) use landlock::{LandlockPolicy, PlaceCover};
pub use limits::ResourceLimits;
pub(in crate::process) use limits::apply_limits;
pub use policy::{PathAccess, SandboxLayer, SandboxPolicy};
pub use probe::{NoSandbox, PlaceCovering, SandboxProbe, known, probe};

#[cfg(test)]
mod tests;
