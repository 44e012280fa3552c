//! The sandbox of an agent, a setup and a check: its layer, what it lets them reach, and the one place
//! that starts a command in it.

pub mod builder;
pub mod command;
pub(crate) mod holding;
pub mod home;
mod launched;
pub mod layer;
pub(crate) mod network;
pub(crate) mod program;
pub mod project;
