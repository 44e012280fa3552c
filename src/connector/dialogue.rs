//! What a connector needs that does not only listen but answers: a conversation over standard input and output, one message a line.
//!
//! Pure like everything here: lines come in, lines go out, and whether a tool call may be made is asked through [`Gate`].

use crate::domain::agent_event::Denial;

/// One conversation with one agent.
pub trait Dialogue {
    /// What is said first.
    fn open(&mut self) -> Turn;

    /// Takes one line of the agent's standard output as it came, not redacted. Any bytes, any length.
    fn hear(&mut self, line: &[u8], gate: &mut dyn Gate) -> Turn;

    /// What is said before the agent is ended.
    fn stop(&mut self) -> Turn;
}

/// What is said in one turn, and what comes after it.
#[derive(Debug, Default, PartialEq)]
pub struct Turn {
    /// Messages, each one line without its end.
    pub lines: Vec<Vec<u8>>,
    /// Whether the conversation goes on.
    pub then: Then,
    /// Tool calls that were not allowed in this turn.
    pub denials: Vec<Denial>,
}

/// Whether a conversation goes on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Then {
    /// It does.
    #[default]
    Listen,
    /// Everything is said; standard input is closed behind the last line.
    Close,
}

/// Says whether a tool call may be made.
pub trait Gate {
    /// Answers at once: nobody is there to be asked.
    fn may(&mut self, call: &AskedCall) -> Ruling;
}

/// A tool call for which the agent asks leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedCall {
    /// What kind of thing it does.
    pub kind: CallKind,
    /// The agent's own words for it.
    pub title: String,
    /// The files that it names, as the agent writes them.
    pub paths: Vec<String>,
}

/// What kind of thing a tool call does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CallKind {
    /// Reads files.
    Read,
    /// Changes files.
    Edit,
    /// Removes files.
    Delete,
    /// Moves or renames files.
    Move,
    /// Looks for something.
    Search,
    /// Runs a command.
    Execute,
    /// Thinks.
    Think,
    /// Gets something from elsewhere.
    Fetch,
    /// Anything else.
    #[default]
    Other,
}

impl CallKind {
    /// Reads the word of the protocol.
    pub fn of(word: &str) -> Self {
        match word {
            "read" => Self::Read,
            "edit" => Self::Edit,
            "delete" => Self::Delete,
            "move" => Self::Move,
            "search" => Self::Search,
            "execute" => Self::Execute,
            "think" => Self::Think,
            "fetch" => Self::Fetch,
            _ => Self::Other,
        }
    }

    /// The word, as policies name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Search => "search",
            Self::Execute => "execute",
            Self::Think => "think",
            Self::Fetch => "fetch",
            Self::Other => "other",
        }
    }

    /// True where files are changed by the call itself, not by a command that it runs.
    pub fn changes_files(self) -> bool {
        matches!(self, Self::Edit | Self::Delete | Self::Move)
    }
}

/// Whether a tool call may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling {
    /// It may, this once.
    Allow,
    /// It may not, and why.
    Deny(String),
}
