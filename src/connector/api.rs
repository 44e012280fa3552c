//! The two traits of a connector.

use crate::connector::dialogue::Dialogue;
use crate::connector::error::ConnectorError;
use crate::connector::launch::{LaunchPlan, LaunchRequest};
use crate::connector::manifest::Manifest;
use crate::domain::agent_event::{AgentEvent, AgentResult, Denial};
use crate::domain::process_end::ProcessEnd;

/// One way to drive one kind of AI CLI.
pub trait Connector: Send + Sync {
    /// Returns the manifest: what the CLI is, needs and reads.
    fn describe(&self) -> &Manifest;

    /// Builds the command line of one run. Pure: reads no environment and touches no file.
    fn command(&self, request: &LaunchRequest<'_>) -> Result<LaunchPlan, ConnectorError>;

    /// A fresh parser for the output of one run.
    fn parser(&self) -> Box<dyn StreamParser>;

    /// A fresh conversation for one run, where the CLI is talked to; `None` where it only reads a
    /// prompt.
    fn dialogue(&self, _request: &LaunchRequest<'_>) -> Option<Box<dyn Dialogue>> {
        None
    }
}

/// Understands the output of one run, line by line. Each line stands for itself: whatever one
/// holds, the next is read afresh.
pub trait StreamParser: Send {
    /// The id that its session was given, before the first line.
    fn named(&mut self, _session: &str) {}

    /// One line of standard output, with or without its line end. Any bytes, any length.
    fn line(&mut self, line: &[u8]) -> Vec<AgentEvent>;

    /// One line of standard error.
    fn error_line(&mut self, line: &[u8]);

    /// A tool call that `ai` itself has not allowed.
    fn denied(&mut self, denial: Denial) -> AgentEvent {
        AgentEvent::PermissionDenied(denial)
    }

    /// The agent was given another prompt, the answer to which decides from here on.
    fn prompted_again(&mut self) {}

    /// The conclusion, once both streams have ended.
    fn finish(self: Box<Self>, end: &ProcessEnd) -> AgentResult;
}
