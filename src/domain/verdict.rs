//! The verdict: what becomes of a run, from how it ended, what the checks said, what the policy
//! said and whether the evidence is about the tree that would be accepted.
//!
//! One pure function over all cells. Two rules stand above the others: nothing but finished ×
//! passed × allow × current is ever acceptable without a recorded override, and what went wrong
//! with the machinery is never held against the work. The whole table is kept in
//! `tests/data/verdict.txt`.

use serde::{Deserialize, Serialize};

use crate::domain::decision::Effect;

/// Writes an enum with its list and its stable words from one table.
macro_rules! axis {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All values.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable word, as in JSON.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            /// Reads the stable word; the error is the text that was no such word.
            fn from_str(text: &str) -> Result<Self, String> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| text.to_owned())
            }
        }
    };
}

axis! {
    /// The end of the agent's process.
    Lifecycle {
        /// The agent ended by itself with success and changed something.
        Finished = "finished",
        /// The agent ended by itself with success and the tree is the base's.
        NoChanges = "no_changes",
        /// The agent ended by itself and reported failure.
        Failed = "failed",
        /// The agent was stopped at its limit of time or silence.
        TimedOut = "timed_out",
        /// The agent was stopped by a person, by a signal, or for want of memory.
        Killed = "killed",
        /// The run's supervisor went away; nobody saw how it ended.
        Lost = "lost",
        /// The provider refused for rate or quota.
        Quota = "quota",
        /// The provider did not accept the login.
        Auth = "auth",
        /// The provider was down or overloaded, and nothing was changed.
        Provider = "provider",
        /// The agent asked for leave that only a person can give, and ended there.
        Parked = "parked",
        /// The agent never ran: its program is missing or cannot be executed on this machine.
        NotStarted = "not_started",
    }
}

axis! {
    /// The word of the checks that `ai` itself ran.
    Verification {
        /// All required checks passed.
        Passed = "passed",
        /// A required check ran and found fault.
        Failed = "failed",
        /// No required check is known, or none was run.
        Unverified = "unverified",
        /// Results exist, for another tree or another set of checks.
        Stale = "stale",
        /// A check could not run: missing program, no trust, no space, its own time limit before
        /// any result.
        CheckBroken = "check_broken",
    }
}

axis! {
    /// The word of the policy on the changed paths; a granted approval turns `NeedsApproval` into
    /// `Allow`.
    PolicyVerdict {
        /// Allowed, with or without a warning.
        Allow = "allow",
        /// A human must say yes first.
        NeedsApproval = "needs_approval",
        /// Not allowed.
        Deny = "deny",
    }
}

axis! {
    /// The freshness of the evidence: whether it is about what would be accepted.
    Freshness {
        /// The branch has the tree of the evidence and merges cleanly onto the target.
        Current = "current",
        /// The branch has another tree than the evidence.
        TreeMoved = "tree_moved",
        /// The target moved in a way that conflicts with the change.
        BaseMovedConflicting = "base_moved_conflicting",
    }
}

axis! {
    /// The outcome of a run.
    Outcome {
        /// Good as it stands: a human, or the configuration, may accept it.
        ReadyForReview = "ready_for_review",
        /// Good, but for a human's yes to what the policy asks about.
        NeedsApproval = "needs_approval",
        /// The policy forbids a change that it makes.
        Denied = "denied",
        /// Back to an agent: a required check found fault.
        SendBackChecks = "send_back_checks",
        /// Back to an agent: nothing was changed.
        SendBackNoChanges = "send_back_no_changes",
        /// Back to an agent: the change conflicts with what was accepted meanwhile.
        SendBackConflict = "send_back_conflict",
        /// The checks must run again before anything can be said.
        NeedsRecheck = "needs_recheck",
        /// Nothing proves it right or wrong; only a recorded override can accept it.
        Unverified = "unverified",
        /// The attempt failed; the next one counts.
        Retry = "retry",
        /// Not the agent's doing (quota, a provider that is down, lost supervisor): try again, no attempt is counted.
        RetryUncounted = "retry_uncounted",
        /// The machine or an account needs a person (broken check, login); nothing is held against
        /// the work.
        Environment = "environment",
    }
}

/// The four axes of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cell {
    /// The end of the process.
    pub lifecycle: Lifecycle,
    /// The word of the checks.
    pub verification: Verification,
    /// The word of the policy.
    pub policy: PolicyVerdict,
    /// The freshness of the evidence.
    pub freshness: Freshness,
}

impl Lifecycle {
    /// True where the provider, not the machine or the agent, has ended it: for rate, quota or
    /// login, or since it was down.
    pub const fn is_refused_by_provider(self) -> bool {
        matches!(self, Self::Quota | Self::Auth | Self::Provider)
    }

    /// True where the same agent may be asked again later, and nobody needs to do anything.
    pub const fn passes_by_itself(self) -> bool {
        matches!(self, Self::Quota | Self::Provider)
    }
}

impl PolicyVerdict {
    /// The verdict that an effect of the policy stands for.
    pub const fn of(effect: Effect) -> Self {
        match effect {
            Effect::Allow | Effect::Warn => Self::Allow,
            Effect::RequireApproval => Self::NeedsApproval,
            Effect::Deny => Self::Deny,
        }
    }

    /// The verdict after a person has said yes to what was asked: only what needs an approval is
    /// opened by one, a denial is not.
    pub const fn approved(self) -> Self {
        match self {
            Self::NeedsApproval | Self::Allow => Self::Allow,
            Self::Deny => Self::Deny,
        }
    }
}

impl Cell {
    /// What becomes of a run in this cell.
    ///
    /// Asked in this order: did the process get to its end; did it change anything; does the policy
    /// forbid it; is the evidence about this tree; what do the checks say; does it still fit onto
    /// the target; does somebody have to say yes. Checks and policy of a run that did not end by
    /// itself are recorded but decide nothing.
    pub const fn outcome(self) -> Outcome {
        match self.lifecycle {
            Lifecycle::Quota | Lifecycle::Provider | Lifecycle::Lost | Lifecycle::Parked => {
                Outcome::RetryUncounted
            }
            Lifecycle::Auth | Lifecycle::NotStarted => Outcome::Environment,
            Lifecycle::Failed | Lifecycle::TimedOut | Lifecycle::Killed => Outcome::Retry,
            Lifecycle::NoChanges => Outcome::SendBackNoChanges,
            Lifecycle::Finished => self.outcome_of_work(),
        }
    }

    /// The outcome for a run that ended by itself with changes.
    const fn outcome_of_work(self) -> Outcome {
        match (self.policy, self.freshness, self.verification) {
            (PolicyVerdict::Deny, _, _) => Outcome::Denied,
            (_, Freshness::TreeMoved, _) | (_, _, Verification::Stale) => Outcome::NeedsRecheck,
            (_, _, Verification::CheckBroken) => Outcome::Environment,
            (_, _, Verification::Failed) => Outcome::SendBackChecks,
            (_, Freshness::BaseMovedConflicting, _) => Outcome::SendBackConflict,
            (_, Freshness::Current, Verification::Unverified) => Outcome::Unverified,
            (PolicyVerdict::NeedsApproval, Freshness::Current, Verification::Passed) => {
                Outcome::NeedsApproval
            }
            (PolicyVerdict::Allow, Freshness::Current, Verification::Passed) => {
                Outcome::ReadyForReview
            }
        }
    }
}

impl Outcome {
    /// True where the run was an attempt at all: quota, login and machines that failed are
    /// nobody's.
    pub const fn is_attempt(self) -> bool {
        !matches!(self, Self::RetryUncounted | Self::Environment)
    }

    /// True where the run uses up one of the task's attempts when the task goes back to the queue.
    pub const fn counts_attempt(self) -> bool {
        matches!(
            self,
            Self::Retry
                | Self::SendBackChecks
                | Self::SendBackNoChanges
                | Self::SendBackConflict
                | Self::Denied
        )
    }

    /// One sentence for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ReadyForReview => {
                "checks passed on this tree and the policy allows it; it may be accepted"
            }
            Self::NeedsApproval => {
                "checks passed on this tree; the policy wants a person's yes first"
            }
            Self::Denied => "the policy forbids a change that it makes",
            Self::SendBackChecks => "a required check failed",
            Self::SendBackNoChanges => "the agent changed nothing",
            Self::SendBackConflict => {
                "the target branch moved and the change no longer fits onto it"
            }
            Self::NeedsRecheck => {
                "the check results are about another tree; the checks must run again"
            }
            Self::Unverified => "no required check has run, so nothing proves the work",
            Self::Retry => "the attempt did not get to its end",
            Self::RetryUncounted => {
                "the attempt ended for a reason outside of the work; no attempt is counted"
            }
            Self::Environment => {
                "the machine or an account is not in order; nothing is held against the work"
            }
        }
    }

    /// Returns the words that stand behind "last run".
    pub const fn short(self) -> &'static str {
        match self {
            Self::ReadyForReview => "ready for review",
            Self::NeedsApproval => "awaiting an approval",
            Self::Denied => "denied by the policy",
            Self::SendBackChecks => "sent back, a check failed",
            Self::SendBackNoChanges => "sent back, it changed nothing",
            Self::SendBackConflict => "sent back, it no longer fits",
            Self::NeedsRecheck => "to be checked again",
            Self::Unverified => "not verified by any check",
            Self::Retry => "cut short",
            Self::RetryUncounted => "stopped from outside",
            Self::Environment => "stopped by its machine or account",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn cells() -> Vec<Cell> {
        let mut cells = Vec::new();
        for lifecycle in Lifecycle::ALL.iter().copied() {
            for verification in Verification::ALL.iter().copied() {
                for policy in PolicyVerdict::ALL.iter().copied() {
                    for freshness in Freshness::ALL.iter().copied() {
                        cells.push(Cell {
                            lifecycle,
                            verification,
                            policy,
                            freshness,
                        });
                    }
                }
            }
        }
        cells
    }

    fn table() -> String {
        let mut out = String::from("# lifecycle verification policy freshness -> outcome\n");
        for cell in cells() {
            let Cell {
                lifecycle,
                verification,
                policy,
                freshness,
            } = cell;
            let finish = if cell.outcome() == Outcome::ReadyForReview {
                " *"
            } else {
                ""
            };
            let _ = writeln!(
                out,
                "{lifecycle:<10} {verification:<12} {policy:<14} {freshness:<22} -> {}{finish}",
                cell.outcome()
            );
        }
        out
    }

    /// Rewritten by `make gen`; a change of the table is a change of a promise.
    #[test]
    fn every_cell_is_as_in_the_generated_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/verdict.txt");
        if std::env::var_os("AI_GENERATE").is_some() {
            std::fs::write(path, table()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), table());
    }

    #[test]
    fn only_one_cell_may_finish() {
        let finishing: Vec<Cell> = cells()
            .into_iter()
            .filter(|cell| cell.outcome() == Outcome::ReadyForReview)
            .collect();
        let only = Cell {
            lifecycle: Lifecycle::Finished,
            verification: Verification::Passed,
            policy: PolicyVerdict::Allow,
            freshness: Freshness::Current,
        };
        assert_eq!(finishing, [only]);
    }

    #[test]
    fn infrastructure_is_never_held_against_the_work() {
        for cell in cells() {
            let outside = matches!(
                cell.lifecycle,
                Lifecycle::Quota
                    | Lifecycle::Provider
                    | Lifecycle::Lost
                    | Lifecycle::Auth
                    | Lifecycle::NotStarted
            );
            if outside {
                assert!(!cell.outcome().counts_attempt(), "{cell:?}");
            }
            let broken = cell.lifecycle == Lifecycle::Finished
                && cell.verification == Verification::CheckBroken;
            if broken {
                assert_ne!(cell.outcome(), Outcome::SendBackChecks, "{cell:?}");
            }
        }
    }

    #[test]
    fn no_axis_getting_worse_makes_a_run_acceptable() {
        for cell in cells()
            .into_iter()
            .filter(|cell| cell.policy == PolicyVerdict::Deny)
        {
            assert!(
                !matches!(
                    cell.outcome(),
                    Outcome::ReadyForReview | Outcome::NeedsApproval
                ),
                "{cell:?}"
            );
        }
    }

    #[test]
    fn words_read_back_and_match_json() {
        for outcome in Outcome::ALL.iter().copied() {
            assert_eq!(outcome.to_string().parse(), Ok(outcome));
            assert_eq!(
                serde_json::to_string(&outcome).unwrap(),
                format!("\"{outcome}\"")
            );
            assert!(!outcome.meaning().is_empty());
        }
        for lifecycle in Lifecycle::ALL {
            assert_eq!(
                serde_json::to_string(lifecycle).unwrap(),
                format!("\"{lifecycle}\"")
            );
        }
        for verification in Verification::ALL {
            assert_eq!(
                serde_json::to_string(verification).unwrap(),
                format!("\"{verification}\"")
            );
        }
        for policy in PolicyVerdict::ALL {
            assert_eq!(
                serde_json::to_string(policy).unwrap(),
                format!("\"{policy}\"")
            );
        }
        for freshness in Freshness::ALL {
            assert_eq!(
                serde_json::to_string(freshness).unwrap(),
                format!("\"{freshness}\"")
            );
        }
    }
}

#[cfg(test)]
#[path = "verdict_tables.rs"]
mod tables;
