//! The error of a command line that cannot be built.

use crate::base::text::one_line;

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
