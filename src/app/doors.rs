//! The front ends that the command line starts by a word and does not know: `main` hands them in, so
//! that none of them knows another.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::app::error::AppError;
use crate::domain::daemon::{DaemonEnding, WhenEmpty};
use crate::domain::ids::TaskId;
use crate::ops::hatch::HatchMaker;
use crate::ops::run::batch::Line;

/// Everything that `main` hands in.
#[derive(Clone, Copy)]
pub struct Doors {
    /// Opens the socket of a run's agent.
    pub hatch: HatchMaker,
    /// Serves an agent by the Model Context Protocol until it hangs up.
    pub mcp: McpDoor,
    /// Works the queue.
    pub daemon: DaemonDoor,
    /// Shows the board on a terminal.
    pub board: BoardDoor,
}

/// Order to show the board.
#[derive(Debug, Clone)]
pub struct BoardOrder {
    /// The directory in which the search for a repository begins; the current one where absent.
    pub directory: Option<PathBuf>,
    /// Actor, as named.
    pub named: Option<String>,
    /// The task to begin with, as it was typed.
    pub task: Option<String>,
    /// The use of colours.
    pub colours: BoardColours,
}

/// The use of colours on the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardColours {
    /// The sixteen colours that the terminal's user has chosen.
    Used,
    /// Bold, dim and reverse letters only.
    Absent,
}

/// The reason for which the board was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardEnding {
    /// The person who looked at it has left it.
    Left,
    /// A signal, or the end of the terminal.
    Ended,
}

/// Shows the board on the terminal of this process until it is left, and gives the terminal back as it was.
pub type BoardDoor = fn(BoardOrder) -> Result<BoardEnding, AppError>;

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

/// Order to work the queue.
pub struct DaemonOrder<'a> {
    /// The directory in which the search for a repository begins; the current one where absent.
    pub directory: Option<PathBuf>,
    /// Actor, as named.
    pub named: Option<String>,
    /// The command by which it was started, for whoever asks.
    pub command: &'a str,
    /// The arguments with which this program runs one task and prints JSON.
    pub child: &'a dyn Fn(&TaskId) -> Vec<OsString>,
    /// The arguments with which this program recovers what was cut off.
    pub recover: Vec<OsString>,
    /// The arguments with which this program lands what nobody would be asked about, and prints JSON.
    pub land: Vec<OsString>,
    /// The arguments with which this program delivers notices of what came up.
    pub notify: Vec<OsString>,
    /// Runs at a time; as the configuration says where absent.
    pub parallel: Option<u16>,
    /// The time after which it starts nothing more; it stays where absent.
    pub ends_after: Option<Duration>,
    /// Conduct when nothing is left to start.
    pub when_empty: WhenEmpty,
    /// Told what goes on.
    pub say: &'a dyn Fn(&str),
    /// Told once that it is at work.
    pub ready: &'a dyn Fn(),
    /// Told the result for each task as it comes.
    pub each: &'a mut dyn FnMut(&Line),
}

/// Report of a daemon.
pub struct DaemonReport {
    /// The results for tasks in the order in which they came, the last of them where they were many.
    pub lines: Vec<Line>,
    /// The ending.
    pub ending: DaemonEnding,
    /// Reason for which nothing may be started, where it ended by that.
    pub barred: Option<AppError>,
}

/// Works the queue of a repository until it is to end.
pub type DaemonDoor = fn(DaemonOrder<'_>) -> Result<DaemonReport, AppError>;
