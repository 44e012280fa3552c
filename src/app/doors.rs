//! The front ends that the command line starts by a word and does not know: `main` hands them in, so
//! that none of them knows another.

use std::path::PathBuf;

use crate::app::error::AppError;
use crate::ops::hatch::HatchMaker;

/// Everything that `main` hands in.
#[derive(Clone, Copy)]
pub struct Doors {
    /// Opens the socket of a run's agent.
    pub hatch: HatchMaker,
    /// Serves an agent by the Model Context Protocol until it hangs up.
    pub mcp: McpDoor,
}

/// Whom a server of the Model Context Protocol serves, and where.
#[derive(Debug, Clone)]
pub struct McpOrder {
    /// The directory in which the search for a repository begins; the current one where absent.
    pub directory: Option<PathBuf>,
    /// The agent that acts, as it was named.
    pub named: Option<String>,
    /// The socket of the run in whose sandbox the server was started.
    pub run: Option<PathBuf>,
}

/// Serves on standard input and output until the client hangs up.
pub type McpDoor = fn(McpOrder) -> Result<(), AppError>;
