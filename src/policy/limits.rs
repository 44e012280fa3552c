//! Limits: numbers that bound attempts, time, size and parallel runs. An exceeded limit on starting
//! denies; one on the size of work that is already done asks a human.

use crate::domain::action::Action;
use crate::domain::decision::{Effect, MatchedRule, PolicyLayer};
use crate::domain::facts::Facts;
use serde::Serialize;

/// The limits of a policy; `None` is no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[schemars(rename = "Limits")]
pub struct PolicyLimits {
    /// Attempts at one task, judged when a run starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Minutes of one run; kept by its supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_minutes: Option<u32>,
    /// Minutes of a run without any output; kept by its supervisor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silence_minutes: Option<u32>,
    /// Changed lines, judged when a run ends and at accept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_diff_lines: Option<u32>,
    /// Changed files, judged when a run ends and at accept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_diff_files: Option<u32>,
    /// Runs alive at once, judged when a run starts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_runs: Option<u32>,
}

/// A limit that the policy function itself judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitId {
    /// Attempts are used up.
    Attempts,
    /// Enough runs are alive; trying later can help.
    ParallelRuns,
    /// Too many changed lines.
    DiffLines,
    /// Too many changed files.
    DiffFiles,
}

impl LimitId {
    /// The id under which the limit stands among the matched rules.
    pub const fn rule_id(self) -> &'static str {
        match self {
            Self::Attempts => "limit.max_attempts",
            Self::ParallelRuns => "limit.parallel_runs",
            Self::DiffLines => "limit.max_diff_lines",
            Self::DiffFiles => "limit.max_diff_files",
        }
    }
}

impl PolicyLimits {
    /// The smaller one of each limit.
    pub(super) fn narrowed(&self, other: &Self) -> Self {
        let least = |a: Option<u32>, b: Option<u32>| a.into_iter().chain(b).min();
        Self {
            max_attempts: least(self.max_attempts, other.max_attempts),
            run_minutes: least(self.run_minutes, other.run_minutes),
            silence_minutes: least(self.silence_minutes, other.silence_minutes),
            max_diff_lines: least(self.max_diff_lines, other.max_diff_lines),
            max_diff_files: least(self.max_diff_files, other.max_diff_files),
            parallel_runs: least(self.parallel_runs, other.parallel_runs),
        }
    }

    /// The limits that the action exceeds, as matched rules of the layer that sets them.
    pub(super) fn exceeded(
        &self,
        layer: PolicyLayer,
        action: Action,
        facts: &Facts,
    ) -> Vec<MatchedRule> {
        let attempts = facts.attempts_used.map(u64::from);
        let alive = facts.runs_alive.map(u64::from);
        let found = match action {
            Action::RunStart => vec![
                reached(
                    LimitId::Attempts,
                    self.max_attempts,
                    attempts,
                    "attempts are used up",
                ),
                reached(
                    LimitId::ParallelRuns,
                    self.parallel_runs,
                    alive,
                    "runs are alive",
                ),
            ],
            Action::RunFinish | Action::TaskAccept => vec![
                passed(
                    LimitId::DiffLines,
                    self.max_diff_lines,
                    facts.diff_lines,
                    "changed lines",
                ),
                passed(
                    LimitId::DiffFiles,
                    self.max_diff_files,
                    facts.diff_files,
                    "changed files",
                ),
            ],
            _ => Vec::new(),
        };
        let found = found.into_iter().flatten();
        found.map(|rule| MatchedRule { layer, ..rule }).collect()
    }
}

/// One more would be too many.
fn reached(id: LimitId, limit: Option<u32>, now: Option<u64>, what: &str) -> Option<MatchedRule> {
    let limit = u64::from(limit?);
    match now {
        Some(now) if now < limit => None,
        Some(now) => Some(answer(
            id,
            Effect::Deny,
            format!("{now} {what}; the limit is {limit}"),
        )),
        None => Some(answer(
            id,
            Effect::Deny,
            format!("how many {what} was not measured, and the limit is {limit}"),
        )),
    }
}

/// There are already too many.
fn passed(id: LimitId, limit: Option<u32>, now: Option<u64>, what: &str) -> Option<MatchedRule> {
    let limit = u64::from(limit?);
    match now {
        Some(now) if now <= limit => None,
        Some(now) => {
            let reason = format!(
                "{now} {what}; the limit is {limit}, so split the work or let a human say yes"
            );
            Some(answer(id, Effect::RequireApproval, reason))
        }
        None => Some(answer(
            id,
            Effect::Deny,
            format!("the number of {what} was not measured, and the limit is {limit}"),
        )),
    }
}

fn answer(id: LimitId, effect: Effect, reason: String) -> MatchedRule {
    MatchedRule {
        layer: PolicyLayer::Project,
        rule: id.rule_id().to_owned(),
        effect,
        reason,
        path: None,
        needs: None,
        when: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(limits: &PolicyLimits, action: Action, facts: &Facts) -> Vec<String> {
        limits
            .exceeded(PolicyLayer::Project, action, facts)
            .into_iter()
            .map(|m| m.rule)
            .collect()
    }

    #[test]
    fn a_start_is_judged_before_and_a_diff_after() {
        let limits = PolicyLimits {
            max_attempts: Some(3),
            parallel_runs: Some(2),
            max_diff_lines: Some(10),
            max_diff_files: Some(1),
            ..PolicyLimits::default()
        };
        let facts = |attempts, alive, lines| Facts {
            attempts_used: Some(attempts),
            runs_alive: Some(alive),
            diff_lines: Some(lines),
            diff_files: Some(1),
            ..Facts::default()
        };
        assert!(ids(&limits, Action::RunStart, &facts(2, 1, 99)).is_empty());
        assert_eq!(
            ids(&limits, Action::RunStart, &facts(3, 2, 0)),
            ["limit.max_attempts", "limit.parallel_runs"]
        );
        assert!(ids(&limits, Action::RunFinish, &facts(9, 9, 10)).is_empty());
        let large = limits.exceeded(PolicyLayer::Project, Action::TaskAccept, &facts(0, 0, 11));
        assert_eq!(
            (large.len(), large[0].rule.as_str()),
            (1, LimitId::DiffLines.rule_id())
        );
        assert_eq!(large[0].effect, Effect::RequireApproval);
        assert!(ids(&limits, Action::Commit, &facts(9, 9, 99)).is_empty());
    }

    #[test]
    fn what_was_not_measured_is_not_taken_for_small() {
        let limits = PolicyLimits {
            max_attempts: Some(3),
            max_diff_files: Some(3),
            ..PolicyLimits::default()
        };
        assert_eq!(
            ids(&limits, Action::RunStart, &Facts::default()),
            ["limit.max_attempts"]
        );
        let unknown = limits.exceeded(PolicyLayer::Project, Action::RunFinish, &Facts::default());
        assert_eq!((unknown.len(), unknown[0].effect), (1, Effect::Deny));
        assert!(
            ids(
                &PolicyLimits::default(),
                Action::RunStart,
                &Facts::default()
            )
            .is_empty()
        );
    }
}

#[cfg(test)]
#[path = "limits_tables.rs"]
mod tables;
