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
const NAMES: [(&str, ToolKind); 32] = [
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
    ("erase", ToolKind::Delete),
    ("trash", ToolKind::Delete),
    ("unlink", ToolKind::Delete),
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

/// Kinds from the one that can do most to the one that can do least.
const BY_REACH: [ToolKind; 8] = [
    ToolKind::Execute,
    ToolKind::Delete,
    ToolKind::Move,
    ToolKind::Edit,
    ToolKind::Fetch,
    ToolKind::Read,
    ToolKind::Search,
    ToolKind::Think,
];

/// First words of names that only ask for something, as `list_directory` and `getSymbols` do.
const ASKING: [&str; 12] = [
    "get", "list", "show", "stat", "describe", "count", "open", "load", "inspect", "query", "tree",
    "outline",
];
/// Words that say that more is done than to ask.
const DOING: [&str; 20] = [
    "add", "append", "apply", "clear", "commit", "copy", "format", "generate", "import", "insert",
    "merge", "paste", "post", "push", "put", "reset", "save", "set", "sync", "update",
];

/// The name of a tool without that of the server from which it comes.
fn own_name(name: &str) -> &str {
    match name.strip_prefix("mcp__") {
        Some(rest) => {
            let mut parts = rest.rsplit("__");
            parts.find(|part| !part.is_empty()).unwrap_or(rest)
        }
        None => name,
    }
}

/// The words of a tool's own name, small: `saveFile` and `mcp__fs__save_file` are `save` and `file`.
pub fn words_of_name(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_small = false;
    for c in own_name(name).chars() {
        let begins =
            words.is_empty() || !c.is_ascii_alphanumeric() || c.is_ascii_uppercase() && was_small;
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_ascii_alphanumeric()) {
            word.push(c.to_ascii_lowercase());
        }
        was_small = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// True for a name that begins with a word that only asks, and has none that does more.
fn only_asks(name: &str) -> bool {
    let words = words_of_name(name);
    let is_one_of = |word: &String, all: &[&str]| all.contains(&word.as_str());
    words.first().is_some_and(|first| is_one_of(first, &ASKING))
        && !words.iter().any(|word| is_one_of(word, &DOING))
}

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

    /// The most that a tool may be by its own name, for whoever must not take it for less: without that of the
    /// server from which it comes, by every word that stands in it.
    pub fn most_of_name(name: &str) -> Self {
        let own = own_name(name);
        let lower = own.to_ascii_lowercase();
        let held = |kind: &Self| {
            NAMES
                .iter()
                .any(|(part, of)| of == kind && lower.contains(part))
        };
        match BY_REACH.into_iter().find(held) {
            Some(kind) => kind,
            None if only_asks(own) => Self::Read,
            None => Self::Other,
        }
    }

    /// The kind of a tool that was called already: that by which the CLIs know their own, and the most that it
    /// may be for one that comes from a server, or whose name speaks of more than to think and to fetch.
    pub fn of_call(name: &str) -> Self {
        let (known, most) = (Self::of_name(name), Self::most_of_name(name));
        let is_of_server = own_name(name).len() < name.len();
        let goes_further = matches!(known, Self::Think | Self::Fetch)
            && matches!(most, Self::Execute | Self::Delete);
        if is_of_server || goes_further {
            most
        } else {
            known
        }
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
