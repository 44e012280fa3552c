//! A policy in memory, and the three states in which a repository can have one.

use crate::base::yaml::YamlProblems;
use crate::domain::decision::Effect;
use crate::policy::builtin;
use crate::policy::limits::PolicyLimits;
use crate::policy::rule::{PolicyRule, Replaceable, RuleForce};

/// A policy file that was read and found in order.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The rules in the order of the file, which has no meaning.
    pub(super) rules: Vec<PolicyRule>,
    /// The effect where no rule of the file matches.
    pub(super) default: Effect,
    /// The limits.
    pub(super) limits: PolicyLimits,
    /// The effect of a change beyond the paths of its task, where the file says it.
    pub(super) outside_paths: Option<Effect>,
    /// SHA-256 of the bytes of the file.
    pub(super) digest: String,
}

/// A policy file that is there and cannot be used.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// The problems found in it.
    pub problems: YamlProblems,
    /// SHA-256 of the bytes of the file, where they could be read.
    pub digest: Option<String>,
}

/// The state of a repository's policy: read, built in, or unreadable.
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
    /// The limits in force.
    pub fn limits(&self) -> PolicyLimits {
        match self {
            Self::Loaded(policy) => policy.limits.clone(),
            Self::Absent | Self::Unreadable(_) => PolicyLimits::default(),
        }
    }

    /// Returns the name of this policy in records: the SHA-256 of its file, or the name of the
    /// built-in policy.
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
    pub(super) fn rules(&self) -> Option<Vec<&PolicyRule>> {
        let own: &[PolicyRule] = self.loaded().map_or(&[], |policy| &policy.rules);
        let replaced = |rule: &PolicyRule| {
            rule.replaceable == Replaceable::Yes
                && own
                    .iter()
                    .any(|o| o.id == rule.id && o.force == RuleForce::Binds)
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
