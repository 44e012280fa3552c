//! What is exported without names: people, paths and texts as pseudonyms, which are keyed digests.
//!
//! Two exports of one store agree, since they have the key; whoever has not can find out no name by trying it. Names that
//! policy itself gives stay readable: actions, effects, layers, ids of rules, tasks, runs and decisions, and the names
//! of agents. A text is kept only if its field is listed here as such a name and it looks like one: a field that
//! nobody thought of is masked. Digests of what was asked are masked as well, since who guesses a name could
//! make its digest.
//!
//! Deliberately absent: numbers and times, which stay. That something was asked, when, and about how many paths is what
//! such an export is for.

use serde_json::Value;

use crate::base::hash;

/// Longest name that is kept.
const LONGEST: usize = 64;
/// Letters of a pseudonym, four bits each: among a million names it is unlikely that two have the same.
const LETTERS: usize = 16;

/// Fields whose texts are names that policy gives.
const NAMES: &[&str] = &[
    "action",
    "agent",
    "allows",
    "decision",
    "default",
    "effect",
    "guard",
    "hook",
    "id",
    "judgement",
    "kind",
    "kinds",
    "layer",
    "line",
    "mode",
    "network",
    "on",
    "path_case",
    "ref_change",
    "rule",
    "run",
    "says",
    "standing",
    "state",
    "task",
    "was",
    "way",
    "word",
    "worker",
    "would",
];
/// The field with the change of each path.
const LETTERS_OF_PATHS: &str = "change_kinds";
/// The field with the files that moved.
const MOVES: &str = "moves";
/// Fields that name people, or actors of which some are.
const ACTORS: &[&str] = &["actor", "actors", "approvers", "by", "login", "recipient"];
/// Fields that name paths, or patterns of them.
const PATHS: &[&str] = &[
    "exclude", "file", "globs", "name", "path", "paths", "patterns",
];
/// Fields with digests of what could be guessed.
const DIGESTS: &[&str] = &[
    "digest",
    "facts_digest",
    "hash",
    "input",
    "policy_digest",
    "subject_digest",
];
/// The one file of a policy whose name everybody knows.
const PROJECT: &str = ".ai/policy.yaml";

/// The key of pseudonyms.
pub struct MaskKey {
    bytes: Vec<u8>,
}

impl MaskKey {
    /// The key with these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self {
            bytes: bytes.to_vec(),
        }
    }

    /// The name of the key: exports with the same one agree. It tells nothing of the key.
    pub fn name(&self) -> String {
        self.pseudonym("key", "")
    }

    /// The pseudonym of a text of some kind. The same text is another one as another kind of thing.
    fn pseudonym(&self, kind: &str, text: &str) -> String {
        let bytes = format!("{kind}\0{text}");
        let digest = hash::hex(&hash::keyed(&self.bytes, bytes.as_bytes()));
        format!("{kind}-{}", &digest[..LETTERS])
    }

    /// Masks all texts of a value.
    pub fn mask(&self, value: &mut Value) {
        self.mask_field("", value);
    }

    fn mask_field(&self, field: &str, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in std::mem::take(fields) {
                    let mut value = value;
                    // Both ends of a move are paths; elsewhere such fields are texts.
                    let kind = if field == MOVES { "path" } else { &name };
                    self.mask_field(kind, &mut value);
                    let name = if is_name(&name) {
                        name
                    } else {
                        self.pseudonym("field", &name)
                    };
                    fields.insert(name, value);
                }
            }
            Value::Array(items) => {
                let field = if field == "outside_paths" {
                    "paths"
                } else {
                    field
                };
                items
                    .iter_mut()
                    .for_each(|item| self.mask_field(field, item));
            }
            Value::String(text) => *text = self.masked(field, text),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn masked(&self, field: &str, text: &str) -> String {
        // Of a policy this is an effect; of a question it is a list of paths.
        let is_effect = field == "outside_paths";
        // A letter for each path, of none and of any number of them.
        let is_letters = field == LETTERS_OF_PATHS && text.bytes().all(|c| c.is_ascii_uppercase());
        if is_letters || (NAMES.contains(&field) || is_effect) && is_name(text) {
            text.to_owned()
        } else if ACTORS.contains(&field) {
            self.actor(text)
        } else if PATHS.contains(&field) {
            let is_known = text == PROJECT || text.strip_prefix("pack:").is_some_and(is_name);
            if is_known {
                text.to_owned()
            } else {
                self.pseudonym("path", text)
            }
        } else if DIGESTS.contains(&field) {
            self.pseudonym("digest", text)
        } else {
            self.pseudonym("text", text)
        }
    }

    /// A person is masked; an agent is not one. `*` stays, so that a rule about all people is seen to be one.
    fn actor(&self, text: &str) -> String {
        match text.split_once(':') {
            Some((kind @ ("agent" | "daemon" | "hook"), name)) if is_name(name) => {
                format!("{kind}:{name}")
            }
            Some(("human", "*")) => text.to_owned(),
            None if text == "*" => text.to_owned(),
            Some(("human", name)) => format!("human:{}", self.pseudonym("person", name)),
            _ => self.pseudonym("person", text),
        }
    }
}

/// True where a text looks like a name that policy gives: it is short, of plain letters, and no address.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '*' | '#');
    !text.is_empty() && text.len() <= LONGEST && text.chars().all(plain)
}

#[cfg(test)]
#[path = "masked_tests.rs"]
mod tests;
