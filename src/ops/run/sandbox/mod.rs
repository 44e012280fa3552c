//! What an agent, a setup and a check may reach.

pub mod builder;
pub mod home;
