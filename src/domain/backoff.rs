//! How long a task rests between attempts: longer with every attempt, by what went wrong, and never
//! all at the same moment.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::base::duration;
use crate::domain::agent_event::FailureClass;

/// The longest pause between attempts, in milliseconds.
const LONGEST_MS: i64 = 600_000;
/// The same where a provider refuses: it may be out for a day, and whoever asks it each ten minutes
/// learns nothing but that.
const LONGEST_REFUSAL_MS: i64 = 3_600_000;
/// Pause of a task after a quota refusal that names no time, in milliseconds.
const QUOTA_MS: i64 = 300_000;

/// The cause of a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PauseCause {
    /// The provider asks to come back later and does not say when.
    Quota,
    /// The attempt failed in this way.
    Failure(FailureClass),
    /// The attempt ran into a limit of time or silence.
    Time,
    /// Nobody knows.
    Other,
}

impl PauseCause {
    /// The longest pause, in milliseconds.
    pub(crate) fn longest_ms(self) -> i64 {
        match self {
            PauseCause::Quota | PauseCause::Failure(FailureClass::Provider) => LONGEST_REFUSAL_MS,
            PauseCause::Failure(_) | PauseCause::Time | PauseCause::Other => LONGEST_MS,
        }
    }

    /// The first pause, in milliseconds. A service that is down needs longer than a program that
    /// stumbled.
    pub(crate) fn first_ms(self) -> i64 {
        match self {
            PauseCause::Quota => QUOTA_MS,
            PauseCause::Failure(FailureClass::Provider) => 30_000,
            PauseCause::Failure(FailureClass::Request | FailureClass::Limit) => 20_000,
            PauseCause::Failure(
                FailureClass::Interrupted | FailureClass::Agent | FailureClass::Exit,
            )
            | PauseCause::Time
            | PauseCause::Other => 10_000,
        }
    }
}

/// The pause before the next attempt, in milliseconds: doubled with each earlier attempt up to ten
/// minutes, or to an hour where a provider refuses; give or take a quarter. The seed decides where in
/// between, so that tasks which failed together do not come back together.
pub fn pause_ms(trouble: PauseCause, earlier_attempts: u32, seed: &str) -> i64 {
    let doubled = (trouble.first_ms() << earlier_attempts.min(7)).min(trouble.longest_ms());
    spread(doubled, seed)
}

/// The kinds of failed attempts for which a project may set the rest, by their words in the
/// configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// All that are not named.
    Default,
    /// A limit of time or silence.
    Time,
    /// The provider failed after something had been changed.
    Provider,
    /// The provider refused the request as such.
    Request,
    /// A limit of the CLI, such as of turns.
    Limit,
    /// The CLI was interrupted.
    Interrupted,
    /// The CLI failed.
    Agent,
    /// The process ended badly and did not say why.
    Exit,
}

impl RetryClass {
    /// Every class with its word.
    pub const WORDS: [(&'static str, RetryClass); 8] = [
        ("default", RetryClass::Default),
        ("time", RetryClass::Time),
        ("provider", RetryClass::Provider),
        ("request", RetryClass::Request),
        ("limit", RetryClass::Limit),
        ("interrupted", RetryClass::Interrupted),
        ("agent", RetryClass::Agent),
        ("exit", RetryClass::Exit),
    ];

    fn of(trouble: PauseCause) -> RetryClass {
        match trouble {
            PauseCause::Time => RetryClass::Time,
            PauseCause::Quota | PauseCause::Other => RetryClass::Default,
            PauseCause::Failure(class) => match class {
                FailureClass::Provider => RetryClass::Provider,
                FailureClass::Request => RetryClass::Request,
                FailureClass::Limit => RetryClass::Limit,
                FailureClass::Interrupted => RetryClass::Interrupted,
                FailureClass::Agent => RetryClass::Agent,
                FailureClass::Exit => RetryClass::Exit,
            },
        }
    }
}

/// The growth of the rests between the attempts at a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "strategy", rename_all = "lowercase")]
pub enum RetryStrategy {
    /// Not at all.
    Fixed {
        /// Each of them.
        #[serde(serialize_with = "as_duration")]
        pause: Duration,
    },
    /// Doubled with each attempt.
    Exponential {
        /// The first one.
        #[serde(serialize_with = "as_duration")]
        first: Duration,
        /// The longest one.
        #[serde(serialize_with = "as_duration")]
        longest: Duration,
    },
}

/// The rests that a project has set; what it has not is as ever.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct RetryPlan(pub BTreeMap<RetryClass, RetryStrategy>);

impl RetryPlan {
    /// The pause before the next attempt, in milliseconds, give or take a quarter by the seed.
    pub fn pause_ms(&self, trouble: PauseCause, earlier_attempts: u32, seed: &str) -> i64 {
        let named = self.0.get(&RetryClass::of(trouble));
        let step = match named.or_else(|| self.0.get(&RetryClass::Default)) {
            None => return pause_ms(trouble, earlier_attempts, seed),
            Some(RetryStrategy::Fixed { pause }) => pause.as_millis(),
            Some(RetryStrategy::Exponential { first, longest }) => {
                let doubled = first.as_millis() << earlier_attempts.min(40);
                doubled.min(longest.as_millis())
            }
        };
        spread(i64::try_from(step).unwrap_or(i64::MAX / 2000), seed)
    }
}

fn as_duration<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration::format(*value))
}

/// A pause somewhere within a quarter of this one.
fn spread(pause: i64, seed: &str) -> i64 {
    let spread = pause / 2;
    pause - spread / 2 + position(seed) * spread / 1000
}

/// Maps a seed onto 0 to 1000.
fn position(seed: &str) -> i64 {
    // FNV-1a: spreads short texts well enough, and is the same everywhere.
    let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    i64::try_from((hash >> 20) % 1001).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_stays_within_a_quarter_of_its_step(attempts in 0_u32..40, seed in "[a-z0-9.]{1,12}") {
            for trouble in [PauseCause::Quota, PauseCause::Other, PauseCause::Time, PauseCause::Failure(FailureClass::Provider)] {
                let step = (trouble.first_ms() << attempts.min(7)).min(trouble.longest_ms());
                let pause = pause_ms(trouble, attempts, &seed);
                prop_assert!(pause >= step * 3 / 4 && pause <= step * 5 / 4, "{step} {pause}");
                prop_assert_eq!(pause, pause_ms(trouble, attempts, &seed));
            }
        }
    }

    #[test]
    fn tasks_that_failed_together_come_back_apart() {
        let pauses: std::collections::BTreeSet<i64> = (0..50)
            .map(|n| pause_ms(PauseCause::Other, 3, &format!("t-{n}.1")))
            .collect();
        assert!(pauses.len() > 40, "{pauses:?}");
    }

    #[test]
    fn a_rest_doubles_to_its_longest() {
        let minutes = |trouble: PauseCause| -> Vec<i64> {
            let all = (0..10).map(|n| trouble.first_ms() << n);
            all.map(|ms| ms.min(trouble.longest_ms()) / 60_000)
                .collect()
        };
        assert_eq!(
            minutes(PauseCause::Failure(FailureClass::Provider)),
            [0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
        );
        assert_eq!(
            minutes(PauseCause::Quota),
            [5, 10, 20, 40, 60, 60, 60, 60, 60, 60]
        );
        assert_eq!(
            minutes(PauseCause::Other),
            [0, 0, 0, 1, 2, 5, 10, 10, 10, 10]
        );
    }

    #[test]
    fn a_project_sets_its_rests_by_class() {
        let seconds = Duration::from_secs;
        let plan = RetryPlan(BTreeMap::from([
            (
                RetryClass::Time,
                RetryStrategy::Fixed { pause: seconds(60) },
            ),
            (
                RetryClass::Default,
                RetryStrategy::Exponential {
                    first: seconds(2),
                    longest: seconds(10),
                },
            ),
        ]));
        let agent = PauseCause::Failure(FailureClass::Agent);
        for (trouble, steps) in [
            (PauseCause::Time, [60, 60, 60, 60]),
            (agent, [2, 4, 8, 10]),
            (PauseCause::Other, [2, 4, 8, 10]),
        ] {
            for (attempts, step) in (0..).zip(steps) {
                let pause = plan.pause_ms(trouble, attempts, "t-1.1");
                let step = step * 1000;
                assert!(
                    pause >= step * 3 / 4 && pause <= step * 5 / 4,
                    "{step} {pause}"
                );
                assert_eq!(pause, plan.pause_ms(trouble, attempts, "t-1.1"));
            }
        }
        assert_ne!(
            plan.pause_ms(agent, 9, "t-1.1"),
            plan.pause_ms(agent, 9, "t-2.1"),
            "never all at the same moment"
        );
        assert!(plan.pause_ms(agent, u32::MAX, "t-1.1") <= 12_500);
        let as_ever = RetryPlan::default().pause_ms(agent, 3, "t-1.1");
        assert_eq!(as_ever, pause_ms(agent, 3, "t-1.1"));
    }

    #[test]
    fn a_provider_that_is_down_gets_more_time() {
        let first = |class| PauseCause::Failure(class).first_ms();
        assert!(first(FailureClass::Provider) > first(FailureClass::Exit));
    }
}
