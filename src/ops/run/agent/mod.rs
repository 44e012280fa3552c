//! One agent at work: its start, what is heard of it, its questions, its use, its session.

pub(crate) mod as_root;
pub mod cgroup;
pub mod gate;
pub(crate) mod guard;
pub mod heartbeat;
pub mod launch;
pub mod listener;
pub(crate) mod mail;
pub(crate) mod own_home;
mod own_sandbox;
pub mod ports;
pub mod session;
pub(crate) mod tool_flags;
pub mod tools;
pub mod usage;
