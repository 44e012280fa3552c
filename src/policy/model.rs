//! A policy in memory, and the three states in which a repository can have one.

use super::builtin;
use super::limits::Limits;
use super::rule::{Replaceable, Rule};
use crate::base::hash;
use crate::base::yaml::{self, Node, Problem, Problems};
use crate::domain::decision::Effect;

/// A policy file that was read and found in order.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its rules in the order of the file, which has no meaning.
    pub(super) rules: Vec<Rule>,
    /// What happens where no rule of the file matches.
    pub(super) default: Effect,
    /// Its limits.
    pub(super) limits: Limits,
    /// SHA-256 of the bytes of the file.
    pub(super) digest: String,
}

/// A policy file that is there and cannot be used.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// What is wrong with it.
    pub problems: Problems,
    /// SHA-256 of the bytes of the file, where they could be read.
    pub digest: Option<String>,
}

/// What is known about the policy of a repository.
#[derive(Debug, Clone)]
pub enum PolicyState {
    /// There is no policy file: the built-in rules alone.
    Absent,
    /// The file was read.
    Loaded(Box<Policy>),
    /// The file is there and cannot be used: everything that is not harmless is denied.
    Unreadable(Box<Unreadable>),
}

impl PolicyState {
    /// Reads a policy from the bytes of its file; `None` where there is no file. `file` is its name
    /// in messages.
    pub fn from_bytes(bytes: Option<&[u8]>, file: &str) -> Self {
        match bytes {
            Some(bytes) => Self::from_tree(yaml::parse(bytes), bytes, file),
            None => Self::Absent,
        }
    }

    /// The state of a file with these bytes, whose tree, or why it has none, is known already.
    pub fn from_tree(tree: Result<Node, Problem>, bytes: &[u8], file: &str) -> Self {
        match super::load::from_tree(tree, bytes, file) {
            Ok(policy) => Self::Loaded(Box::new(policy)),
            Err(problems) => Self::Unreadable(Box::new(Unreadable {
                problems,
                digest: Some(hash::sha256_hex(bytes)),
            })),
        }
    }

    /// The state where the file could not even be read; `why` is the error.
    pub fn from_read_error(why: &str, file: &str) -> Self {
        Self::Unreadable(Box::new(Unreadable {
            problems: Problems::whole(file, why),
            digest: None,
        }))
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        match self {
            Self::Loaded(policy) => policy.limits.clone(),
            Self::Absent | Self::Unreadable(_) => Limits::default(),
        }
    }

    /// What names this policy in records: the SHA-256 of its file, or the name of the built-in
    /// policy.
    pub fn digest(&self) -> &str {
        match self {
            Self::Absent => builtin::DIGEST,
            Self::Loaded(policy) => &policy.digest,
            Self::Unreadable(unreadable) => unreadable.digest.as_deref().unwrap_or("unreadable"),
        }
    }

    /// The file of a loaded policy.
    pub(super) fn loaded(&self) -> Option<&Policy> {
        match self {
            Self::Loaded(policy) => Some(policy),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// The built-in rules that stand, then the rules of the file; `None` only where `ai` itself is
    /// broken.
    pub(super) fn rules(&self) -> Option<Vec<&Rule>> {
        let own: &[Rule] = self.loaded().map_or(&[], |policy| &policy.rules);
        let replaced = |rule: &Rule| {
            rule.replaceable == Replaceable::Yes && own.iter().any(|o| o.id == rule.id)
        };
        Some(
            builtin::rules()?
                .iter()
                .filter(|rule| !replaced(rule))
                .chain(own)
                .collect(),
        )
    }
}
