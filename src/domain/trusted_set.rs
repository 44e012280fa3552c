//! What a machine trusts of a checkout: which of its files count, which content of them, and what
//! of a change asks its user again.
//!
//! Content is trusted, never a place. A thing that is no regular file could show something else
//! later without any content here changing, so it is never trusted. Deliberately absent: reading
//! the files, and where trust is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The files and directories below `.ai/` that can make `ai` run something, or have it read files
/// of the user.
pub const EXECUTABLE: [&str; 5] = [
    "agents",
    "connectors",
    "workflows",
    "skills",
    "credentials.yaml",
];
/// The directory below `.ai/` with recurring work: what a clock will have agents do. It is trusted with the rest, and where
/// it is not, only what stands in it waits.
pub const RECURRING: &str = "recurring";
/// The configuration below `.ai/`, of which only what runs counts.
pub const CONFIG: &str = "config.yaml";
/// Largest text that is kept, to show later what has changed.
const KEPT: usize = 64 << 10;
/// Stands for the content of a link, a pipe or a device.
const IRREGULAR: &str = "not a regular file";

/// The executable files of a checkout, by path below `.ai/`, with the SHA-256 of their content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutableSet {
    files: BTreeMap<String, String>,
    /// Content of those files that are short texts.
    #[serde(default)]
    texts: BTreeMap<String, String>,
}

/// The way in which a file differs from what was trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustChange {
    /// Nobody has trusted a file of this path.
    Added,
    /// Another content was trusted.
    Changed,
    /// A file that was trusted is gone.
    Removed,
}

impl TrustChange {
    /// The word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            TrustChange::Added => "added",
            TrustChange::Changed => "changed",
            TrustChange::Removed => "removed",
        }
    }
}

impl ExecutableSet {
    /// Adds a regular file with its digest.
    pub fn add_file(&mut self, path: &str, digest: String, content: Vec<u8>) {
        self.files.insert(path.to_owned(), digest);
        if let Some(text) = String::from_utf8(content)
            .ok()
            .filter(|text| text.len() <= KEPT)
        {
            self.texts.insert(path.to_owned(), text);
        }
    }

    /// Adds something that is no regular file.
    pub fn add_irregular(&mut self, path: &str) {
        self.files.insert(path.to_owned(), IRREGULAR.to_owned());
    }

    /// Adds the commands of a configuration that was understood, with their digest. One without
    /// commands runs nothing, so it does not count.
    pub fn add_commands(&mut self, digest: Option<String>, commands: Option<String>) {
        self.files
            .extend(digest.map(|digest| (CONFIG.to_owned(), digest)));
        self.texts
            .extend(commands.map(|text| (CONFIG.to_owned(), text)));
    }

    /// True where the commands of a configuration with this digest are in the set, or it has none.
    pub fn has_commands(&self, digest: Option<&str>) -> bool {
        digest.is_none_or(|digest| self.files.get(CONFIG).is_some_and(|own| own == digest))
    }

    /// The trust, extended by what a command of the user has changed between `before` and `after`:
    /// files that are new, or that were trusted as they were before. A file in which somebody else
    /// has a part is left to the user's look.
    pub fn with_own(mut self, before: &ExecutableSet, after: &ExecutableSet) -> ExecutableSet {
        let all: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
        for path in all {
            let (old, new) = (before.files.get(path), after.files.get(path));
            if old == new || old != self.files.get(path) {
                continue;
            }
            self.texts.remove(path);
            match new {
                Some(digest) => {
                    self.files.insert(path.clone(), digest.clone());
                    if let Some(text) = after.texts.get(path) {
                        self.texts.insert(path.clone(), text.clone());
                    }
                }
                None => drop(self.files.remove(path)),
            }
        }
        self
    }

    /// Lists the differences from `trusted`, by path: first what is there, then what is gone.
    pub fn changes_since<'a>(&'a self, trusted: &'a ExecutableSet) -> Vec<(TrustChange, &'a str)> {
        let mut changes = Vec::new();
        for (path, digest) in &self.files {
            match trusted.files.get(path) {
                None => changes.push((TrustChange::Added, path.as_str())),
                Some(old) if old != digest || digest == IRREGULAR => {
                    changes.push((TrustChange::Changed, path.as_str()));
                }
                Some(_) => {}
            }
        }
        for path in trusted.files.keys() {
            if !self.files.contains_key(path) {
                changes.push((TrustChange::Removed, path.as_str()));
            }
        }
        changes
    }

    /// True where a file is in the set with exactly this content.
    pub fn has_file(&self, path: &str, digest: &str) -> bool {
        self.files.get(path).is_some_and(|own| own == digest)
    }

    /// The content of a file, where it was a short text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// The files of the set.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// The first path that is no regular file, whose content nobody can vouch for.
    pub fn irregular(&self) -> Option<&str> {
        let found = self.files.iter().find(|(_, digest)| *digest == IRREGULAR);
        found.map(|(path, _)| path.as_str())
    }

    /// True where the same files are trusted with the same content.
    pub fn trusts_the_same(&self, other: &ExecutableSet) -> bool {
        self.files == other.files
    }

    /// True where there is nothing that could run.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
#[path = "trusted_set_tables.rs"]
mod tables;
