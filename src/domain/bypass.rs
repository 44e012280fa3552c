//! What passed a door by: a hook that was told to let something through, or commits that no hook was
//! asked about.

use serde::{Deserialize, Serialize};

use crate::base::text::counted;

/// So many commits are named.
pub const NAMED: usize = 50;

/// Something that passed a door by, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "way", rename_all = "snake_case")]
pub enum Bypass {
    /// A person had a hook let something pass.
    Skipped {
        /// The hook.
        hook: String,
        /// The login of the person, as the hook was told.
        by: String,
        /// The reason.
        reason: String,
    },
    /// Commits were found that no hook was asked about.
    Unasked {
        /// The hook at which they were found.
        hook: String,
        /// The reference to which they were about to go.
        target: String,
        /// The first of them.
        commits: Vec<String>,
        /// Number of all of them.
        count: u64,
    },
}

impl Bypass {
    /// The sentence for people.
    pub fn told(&self) -> String {
        match self {
            Bypass::Skipped { hook, by, reason } => {
                let by = if by.is_empty() { "somebody" } else { by };
                format!("{by} had the hook {hook} let something pass: {reason}")
            }
            Bypass::Unasked {
                target,
                commits,
                count,
                ..
            } => {
                let named: Vec<&str> = commits
                    .iter()
                    .take(3)
                    .map(|commit| commit.get(..10).unwrap_or(commit))
                    .collect();
                let more = count.saturating_sub(named.len() as u64);
                let more = if more == 0 {
                    String::new()
                } else {
                    format!(" and {more} more")
                };
                format!(
                    "{} on the way to {target} passed no hook: {}{more}",
                    counted(*count, "commit"),
                    named.join(", ")
                )
            }
        }
    }
}

/// A note of a hook that was told to let something pass: hook, login and reason, with tabs between.
/// A line that is none is taken whole for a reason, since nothing may go unseen.
pub fn skipped(line: &str) -> Bypass {
    let mut parts = line.splitn(3, '\t');
    let (hook, by, reason) = (parts.next(), parts.next(), parts.next());
    let (hook, by, reason) = match (hook, by, reason) {
        (Some(hook), Some(by), Some(reason)) => (hook, by, reason),
        _ => ("", "", line),
    };
    let clip = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    Bypass::Skipped {
        hook: clip(hook, 40),
        by: clip(by, 64),
        reason: clip(reason, 500),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bypass_is_told_in_one_sentence() {
        let unasked = |count: u64| Bypass::Unasked {
            hook: "pre-push".into(),
            target: "refs/heads/main".into(),
            commits: (0..count.min(4))
                .map(|n| format!("{n}").repeat(40))
                .collect(),
            count,
        };
        for (bypass, told) in [
            (
                skipped("pre-commit\tann\tthe disk\tis full"),
                "ann had the hook pre-commit let something pass: the disk\tis full",
            ),
            (
                skipped("pre-commit\t\tx"),
                "somebody had the hook pre-commit let something pass: x",
            ),
            (
                skipped("nonsense"),
                "somebody had the hook  let something pass: nonsense",
            ),
            (
                unasked(1),
                "1 commit on the way to refs/heads/main passed no hook: 0000000000",
            ),
            (
                unasked(5),
                "5 commits on the way to refs/heads/main passed no hook: 0000000000, 1111111111, 2222222222 and 2 more",
            ),
        ] {
            assert_eq!(bypass.told(), told);
        }
    }
}
