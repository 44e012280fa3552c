//! The two traits of a connector and its errors.

use crate::base::text::one_line;
use crate::connector::dialogue::Dialogue;
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

    /// The conclusion, once both streams have ended.
    fn finish(self: Box<Self>, end: &ProcessEnd) -> AgentResult;
}

/// A command line that a connector cannot build, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// The connector `command` runs what the agent names, and it names nothing.
    #[error(
        "agent `{agent}` has no command: register it with `ai agent register {agent} --connector command -- ARGV…`"
    )]
    NoCommand {
        /// The agent.
        agent: String,
    },
    /// The command line asks for a value that this run does not have.
    #[error("argument `{argument}` needs {{{placeholder}}}, and this run has none")]
    NoValue {
        /// The argument with its placeholder.
        argument: String,
        /// Name of the placeholder.
        placeholder: &'static str,
    },
    /// Linux passes at most 128 KiB in one argument.
    #[error(
        "the prompt is too long for one argument ({bytes} bytes, at most {most}); use {{prompt_file}} or standard input"
    )]
    ArgumentTooLong {
        /// Length of the argument.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// No argument can hold a NUL byte.
    #[error("argument {index} contains a NUL byte")]
    NulByte {
        /// Position in the command line, 0 for the program.
        index: usize,
    },
    /// A model name or session id that the CLI could take for a flag.
    #[error("{what} `{}` is not a plain word", one_line(value))]
    NotAWord {
        /// `model` or `session id`.
        what: &'static str,
        /// The value.
        value: String,
    },
    /// The CLI has no way to move its home.
    #[error(
        "connector `{connector}` cannot give a run a home of its own; remove `home: run` from the agent"
    )]
    NoHome {
        /// The connector.
        connector: String,
    },
    /// The CLI cannot continue a session.
    #[error("connector `{connector}` cannot resume a session")]
    NoResume {
        /// The connector.
        connector: String,
    },
}
