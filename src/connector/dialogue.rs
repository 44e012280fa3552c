//! What a connector needs that does not only listen but answers: a conversation over standard input
//! and output, one message a line.
//!
//! Pure like everything here: lines come in, lines go out, and whether a tool call may be made is
//! asked through [`ToolGate`].

use serde::{Deserialize, Serialize};

use crate::domain::agent_event::Denial;
pub use crate::domain::tool_kind::ToolKind as CallKind;

/// One conversation with one agent.
pub trait Dialogue {
    /// Returns the first turn.
    fn open(&mut self) -> DialogueTurn;

    /// Takes one line of the agent's standard output as it came, not redacted. Any bytes, any
    /// length.
    fn hear(&mut self, line: &[u8], gate: &mut dyn ToolGate) -> DialogueTurn;

    /// Returns the last turn before the agent is ended.
    fn stop(&mut self) -> DialogueTurn;
}

/// One turn of a dialogue, and what comes after it.
#[derive(Debug, Default, PartialEq)]
pub struct DialogueTurn {
    /// Messages, each one line without its end.
    pub lines: Vec<Vec<u8>>,
    /// The action that follows.
    pub then: AfterTurn,
    /// Tool calls that were not allowed in this turn.
    pub denials: Vec<Denial>,
}

/// The action that follows a turn: go on, or end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AfterTurn {
    /// The dialogue goes on.
    #[default]
    Listen,
    /// The dialogue goes on with another prompt: what the agent has said of its end so far is not its last word.
    Anew,
    /// Everything is said; standard input is closed behind the last line.
    Close,
}

/// The one whom an agent at work has to do with: says whether a tool call may be made, and what else there is for it.
pub trait ToolGate {
    /// Answers at once: nobody is there to be asked.
    fn may(&mut self, call: &AskedCall) -> ToolRuling;

    /// Returns what has come for the agent since it was given its prompt, as another one; nothing where it may end. Asked at the
    /// end of each turn.
    fn next_prompt(&mut self) -> Option<String> {
        None
    }

    /// The agent's model works with what it was given last.
    fn prompt_is_taken(&mut self) {}
}

/// A tool call for which the agent asks leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedCall {
    /// The kind of thing that it does.
    pub kind: CallKind,
    /// The agent's own words for it.
    pub title: String,
    /// The files that it names, as the agent writes them.
    pub paths: Vec<String>,
    /// Those of them that are not where they were after it; none where nobody says so of single files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<GoneFile>,
    /// SHA-256 of everything that it says it is going to do, so that a yes to it is a yes to
    /// nothing else. Absent where the files that it changes say it: their new content is judged by
    /// itself.
    pub digest: Option<String>,
    /// The command that it runs, where it says so, whole.
    pub command: Option<String>,
}

/// A file that a tool call takes from its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoneFile {
    /// The place, as the agent writes it.
    pub from: String,
    /// The place to which it goes: a file, or the directory into which it is put. Absent where it is deleted, or where
    /// the call does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// The ruling about a tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolRuling {
    /// The call is allowed, this once.
    Allow,
    /// The call is refused, for this reason.
    Deny(String),
    /// A person has to say yes first, and why: it may not now, and the conversation ends here.
    Park(String),
}
