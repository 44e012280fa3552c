//! `ai agent doctor`: for each agent, whether a run by it could start and would get anywhere.
//! Starts nothing of an agent but `COMMAND --version`, in the sandbox that its runs get, and writes
//! nothing but the version that it was told; a trial, which does more, is
//! [`crate::ops::agent_doctor::trial()`].
//!
//! A look that fails is a finding and hides no other. Everything that is not as it should be names
//! the command that helps.

mod examine;
mod login;
mod program;
mod start;
mod surroundings;
pub(crate) mod trial;

pub use examine::{AgentFinding, examine};
pub use trial::trial;
