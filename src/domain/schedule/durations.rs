//! How long a run takes, by the runs before it: a range, and how good the last ranges were.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::time::WallMs;

/// Runs of which a range is made, at least.
const LEAST: usize = 5;
/// The newest runs of which it is made, at most.
const MOST: usize = 50;
/// The newest runs whose ranges are compared with what came of them.
const COMPARED: usize = 50;
/// The tenth part of the runs that is left out at either end.
const PERCENT: usize = 10;

/// A run that has ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// The agent.
    pub agent: String,
    /// The type of its task.
    pub kind: String,
    /// The time of the begin.
    pub started_ms: WallMs,
    /// The time of the end.
    pub ended_ms: WallMs,
    /// The duration, in milliseconds.
    pub took_ms: i64,
}

/// The runs of which a range is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RangeBasis {
    /// Runs of the agent with this type of task.
    AgentAndType,
    /// All of the agent, since there are too few of the type.
    Agent,
}

/// A range in which eight of ten of the runs before took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunRange {
    /// The shortest of them, in milliseconds.
    pub from_ms: i64,
    /// The longest of them, in milliseconds.
    pub to_ms: i64,
    /// The number of runs.
    pub runs: usize,
    /// The kind of runs.
    pub basis: RangeBasis,
}

/// The quality of the last ranges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RangeQuality {
    /// Of the last 50 runs, those for which a range would have been told before they began.
    pub told: u32,
    /// Number of them that took as long as their range said.
    pub held: u32,
}

impl RunRange {
    /// The range for a run of an agent with a type of task that begins at `at`; absent while too few
    /// runs had ended by then.
    pub fn of(past: &[PastRun], agent: &str, kind: &str, at: WallMs) -> Option<RunRange> {
        let mut known: Vec<&PastRun> = past
            .iter()
            .filter(|run| run.agent == agent && run.ended_ms <= at)
            .collect();
        known.sort_by_key(|run| (run.ended_ms, run.took_ms));
        let of_kind: Vec<&PastRun> = known
            .iter()
            .copied()
            .filter(|run| run.kind == kind)
            .collect();
        if of_kind.len() >= LEAST {
            return RunRange::over(&of_kind, RangeBasis::AgentAndType);
        }
        RunRange::over(&known, RangeBasis::Agent)
    }

    fn over(runs: &[&PastRun], basis: RangeBasis) -> Option<RunRange> {
        let newest = &runs[runs.len().saturating_sub(MOST)..];
        if newest.len() < LEAST {
            return None;
        }
        let mut took: Vec<i64> = newest.iter().map(|run| run.took_ms).collect();
        took.sort_unstable();
        let left_out = took.len() * PERCENT / 100;
        Some(RunRange {
            from_ms: *took.get(left_out)?,
            to_ms: *took.get(took.len() - 1 - left_out)?,
            runs: took.len(),
            basis,
        })
    }

    /// Tells whether a run took as long as this.
    fn holds(&self, took_ms: i64) -> bool {
        (self.from_ms..=self.to_ms).contains(&took_ms)
    }
}

impl RangeQuality {
    /// Compares the last runs with the range that would have been told when each began.
    pub fn of(past: &[PastRun]) -> RangeQuality {
        let mut newest: Vec<&PastRun> = past.iter().collect();
        newest.sort_by_key(|run| (run.started_ms, run.ended_ms));
        let mut quality = RangeQuality::default();
        for run in newest.iter().rev().take(COMPARED) {
            if let Some(range) = RunRange::of(past, &run.agent, &run.kind, run.started_ms) {
                quality.told += 1;
                quality.held += u32::from(range.holds(run.took_ms));
            }
        }
        quality
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(agent: &str, kind: &str, n: i64, took_ms: i64) -> PastRun {
        PastRun {
            agent: agent.into(),
            kind: kind.into(),
            started_ms: n * 1000,
            ended_ms: n * 1000 + took_ms,
            took_ms,
        }
    }

    #[test]
    fn a_range_is_told_from_five_runs_on_those_of_the_type_first() {
        let mut past: Vec<PastRun> = (0..4).map(|n| run("a", "bug", n, 10 + n)).collect();
        let of = |past: &[PastRun], agent: &str, kind: &str| {
            RunRange::of(past, agent, kind, 1_000_000)
                .map(|range| (range.from_ms, range.to_ms, range.runs, range.basis))
        };
        assert_eq!(of(&past, "a", "bug"), None);
        past.push(run("a", "docs", 5, 99));
        assert_eq!(of(&past, "a", "bug"), Some((10, 99, 5, RangeBasis::Agent)));
        assert_eq!(of(&past, "b", "bug"), None);
        past.push(run("a", "bug", 6, 14));
        assert_eq!(
            of(&past, "a", "bug"),
            Some((10, 14, 5, RangeBasis::AgentAndType))
        );
        assert_eq!(RunRange::of(&past, "a", "bug", 5_000), None, "as of then");
    }

    #[test]
    fn the_ends_are_left_out_and_old_runs_forgotten() {
        let past: Vec<PastRun> = (0..80).map(|n| run("a", "bug", n, n)).collect();
        let range = RunRange::of(&past, "a", "bug", 1_000_000).unwrap();
        assert_eq!((range.from_ms, range.to_ms, range.runs), (35, 74, 50));
    }

    #[test]
    fn ranges_are_compared_with_what_came_of_them() {
        let mut past: Vec<PastRun> = (0..5).map(|n| run("a", "bug", n, 10)).collect();
        assert_eq!(
            RangeQuality::of(&past),
            RangeQuality::default(),
            "none was told"
        );
        past.push(run("a", "bug", 6, 10));
        past.push(run("a", "bug", 7, 11));
        past.push(run("b", "bug", 8, 10));
        assert_eq!(RangeQuality::of(&past), RangeQuality { told: 2, held: 1 });
    }
}
