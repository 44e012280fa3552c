//! Everybody who has a say on what a run did: the policy on its paths, the holders of locks, the
//! policy on tools that it used unasked, and its own word that it wrote outside of its worktree.
//!
//! The strictest wins. Among equals the first stands, so that the reason of a denial is never
//! replaced by that of another.

use crate::base::text::one_line;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::verdict::PolicyVerdict;

/// One voice on what a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The answer.
    pub verdict: PolicyVerdict,
    /// The reason for it, for people.
    pub reason: String,
}

impl Objection {
    /// The voice of the policy on the changed paths, with the verdict that stands after an
    /// approval.
    pub fn of_policy(verdict: PolicyVerdict, record: &DecisionRecord) -> Objection {
        Objection {
            verdict,
            reason: record.reason.clone(),
        }
    }

    /// The voice of somebody who holds a path that the run changed.
    pub fn of_lock(reason: &str) -> Objection {
        Objection::denial(reason.to_owned())
    }

    /// The voice of the policy on a tool that was used unasked. It is too late to ask a person, so
    /// anything milder than a denial is only told to the reviewer.
    pub fn of_used_tool(record: &DecisionRecord) -> Option<Objection> {
        (record.effect == Effect::Deny).then(|| Objection::denial(used_tool_in_words(record)))
    }

    /// The agent's own word that it changed a file outside of its worktree.
    pub fn of_trespass(path: &str) -> Objection {
        Objection::denial(format!(
            "the agent changed {} outside of its worktree",
            one_line(path)
        ))
    }

    /// A reference that the agent moved although it is not the branch of its run.
    pub fn of_moved_ref(name: &str) -> Objection {
        Objection::denial(format!(
            "the agent moved {}, which is not the branch of its run",
            one_line(name)
        ))
    }

    fn denial(reason: String) -> Objection {
        Objection {
            verdict: PolicyVerdict::Deny,
            reason,
        }
    }

    /// The strictest of this voice and all `others`; among equals the first.
    pub fn strictest(self, others: impl IntoIterator<Item = Objection>) -> Objection {
        others.into_iter().fold(self, |winner, other| {
            if other.verdict > winner.verdict {
                other
            } else {
                winner
            }
        })
    }
}

/// The policy's answer to a tool that was used unasked, as a reviewer reads it.
pub fn used_tool_in_words(record: &DecisionRecord) -> String {
    let tool = one_line(record.resource.tool.as_deref().unwrap_or_default());
    let word = match record.effect {
        Effect::Deny => "which the policy denies",
        Effect::RequireApproval => "for which the policy wants a person's yes",
        Effect::Allow | Effect::Warn => "of which the policy warns",
    };
    format!(
        "the agent used the tool `{tool}`, {word}: {} (rule `{}`)",
        record.reason, record.rule
    )
}

#[cfg(test)]
#[path = "objection_tests.rs"]
mod tests;
