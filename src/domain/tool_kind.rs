//! What kind of thing a tool of an agent does, in one vocabulary for all CLIs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::base::{suggest, text};

/// A text that names no kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no kind of tool{}", text::one_line(.0), did_you_mean(.0))]
pub struct UnknownKind(pub String);

/// Writes the enum, its list and its words from one table.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)*) => {
        /// The kind of thing that a tool call does.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum ToolKind { $($(#[$doc])* $variant,)* }

        impl ToolKind {
            /// All kinds, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word, as policies name it.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

kinds! {
    /// Reads files.
    Read = "read";
    /// Changes files.
    Edit = "edit";
    /// Removes files.
    Delete = "delete";
    /// Moves or renames files.
    Move = "move";
    /// Looks for something.
    Search = "search";
    /// Runs a command.
    Execute = "execute";
    /// Thinks.
    Think = "think";
    /// Gets something from elsewhere.
    Fetch = "fetch";
    /// Anything else.
    #[default]
    Other = "other";
}

/// Parts of the names of tools, as CLIs call them, by what they do; the first that a name holds
/// counts.
const NAMES: [(&str, ToolKind); 29] = [
    ("websearch", ToolKind::Fetch),
    ("web_search", ToolKind::Fetch),
    ("webfetch", ToolKind::Fetch),
    ("fetch", ToolKind::Fetch),
    ("browser", ToolKind::Fetch),
    ("todo", ToolKind::Think),
    ("plan", ToolKind::Think),
    ("think", ToolKind::Think),
    ("delete", ToolKind::Delete),
    ("remove", ToolKind::Delete),
    ("rename", ToolKind::Move),
    ("move", ToolKind::Move),
    ("edit", ToolKind::Edit),
    ("write", ToolKind::Edit),
    ("patch", ToolKind::Edit),
    ("replace", ToolKind::Edit),
    ("create", ToolKind::Edit),
    ("file_change", ToolKind::Edit),
    ("bash", ToolKind::Execute),
    ("shell", ToolKind::Execute),
    ("exec", ToolKind::Execute),
    ("command", ToolKind::Execute),
    ("terminal", ToolKind::Execute),
    ("grep", ToolKind::Search),
    ("glob", ToolKind::Search),
    ("search", ToolKind::Search),
    ("find", ToolKind::Search),
    ("read", ToolKind::Read),
    ("view", ToolKind::Read),
];

impl ToolKind {
    /// Reads the word of the Agent Client Protocol; what it does not know is anything else.
    pub fn of(word: &str) -> Self {
        word.parse().unwrap_or_default()
    }

    /// The kind of a tool by the name that a CLI gives it. A guess: a name promises nothing.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        NAMES
            .iter()
            .find(|(part, _)| name.contains(part))
            .map_or(ToolKind::Other, |(_, kind)| *kind)
    }

    /// Every kind of which a name holds a word: for whoever must not take a tool for less than it may be.
    pub fn all_of_name(name: &str) -> Vec<Self> {
        let name = name.to_ascii_lowercase();
        let words = NAMES.iter().filter(|(part, _)| name.contains(part));
        words.map(|(_, kind)| *kind).collect()
    }

    /// True where files are changed by the call itself, not by a command that it runs.
    pub fn changes_files(self) -> bool {
        matches!(self, Self::Edit | Self::Delete | Self::Move)
    }

    /// True where the call only looks, so that letting it happen unasked leaves everything as it is.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::Read | Self::Search | Self::Think)
    }
}

impl fmt::Display for ToolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for ToolKind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

fn did_you_mean(word: &str) -> String {
    match suggest::nearest(word, ToolKind::ALL.iter().map(|kind| kind.word())) {
        Some(known) => format!("; did you mean `{known}`?"),
        None => format!(
            "; known are {}",
            ToolKind::ALL
                .iter()
                .map(|kind| kind.word())
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_wrong_ones_get_a_suggestion() {
        for kind in ToolKind::ALL {
            assert_eq!(kind.word().parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        assert!(
            "exekute"
                .parse::<ToolKind>()
                .unwrap_err()
                .to_string()
                .ends_with("did you mean `execute`?")
        );
        assert_eq!(ToolKind::of("switch_mode"), ToolKind::Other);
    }

    #[test]
    fn the_tools_of_real_clis_have_their_kind() {
        use ToolKind::{Edit, Execute, Fetch, Other, Read, Search, Think};
        let all = [
            ("Bash", Execute),
            ("run_shell_command", Execute),
            ("command_execution", Execute),
            ("Edit", Edit),
            ("MultiEdit", Edit),
            ("write_file", Edit),
            ("apply_patch", Edit),
            ("file_change", Edit),
            ("Read", Read),
            ("read_file", Read),
            ("Grep", Search),
            ("WebFetch", Fetch),
            ("google_web_search", Fetch),
            ("TodoWrite", Think),
            ("mcp__x__y", Other),
        ];
        for (name, kind) in all {
            assert_eq!(ToolKind::of_name(name), kind, "{name}");
        }
    }
}

#[cfg(test)]
#[path = "tool_kind_tables.rs"]
mod tables;
