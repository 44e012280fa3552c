//! Child processes: started under a keeper, watched, capped, redacted and ended without leaving one
//! behind.
//!
//! * [`guard`] is the part that outlives `ai`: a small keeper process per child, which ends the
//!   whole tree when `ai` is gone.
//! * [`supervise`] runs one command under such a keeper with limits on time, silence and output.
//! * [`child_command`] is the one value that travels from whoever plans a command to its keeper.
//! * [`captured`] is the same for small tools, synchronous and in memory.
//! * [`redact`] takes secrets out of everything before it is stored; [`environment`] keeps them
//!   from getting in.
//! * [`sandbox`] says what a child may reach, and has the operating system see to it.
//! * [`egress`] is the one way to the network of a run that may reach listed hosts.
//! * [`cgroup`] holds the processes of a run together where the kernel lets it.
//! * [`identity`] names a process so that a reused pid is never mistaken for it.
//!
//! Deliberately absent: shells, pipes between commands, and pseudo-terminals. A child has no
//! controlling terminal and cannot ask.

pub(crate) mod capture;
pub mod captured;
pub mod cgroup;
pub mod cgroup_limits;
pub mod child_command;
pub mod editor;
pub mod egress;
pub mod end_process;
pub mod environment;
pub mod guard;
pub mod identity;
pub mod job;
pub mod machine;
mod procfs;
pub mod redact;
pub mod reexec;
pub mod sandbox;
mod signal;
pub mod supervise;
