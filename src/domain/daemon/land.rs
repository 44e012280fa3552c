//! When the daemon lands by its own hand: as soon as something else waits for a review, or stands in its branch, than
//! at the last time; and after a rest where somebody was in the way.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::RunId;

/// The rest after a landing that somebody was in the way of.
const IN_THE_WAY_MS: i64 = 30_000;
/// The longest rest, as a multiple of the first.
const MOST_TIMES: i64 = 64;

/// Landings of the same that somebody was in the way of, after which that is worth a word: three and a half minutes.
const STUBBORN: u32 = 4;

/// Everything that there is to land, as far as a look tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LandSight {
    /// The runs whose work waits for a review.
    pub reviewed: BTreeSet<RunId>,
    /// The branches into which it goes, with the commits at which they are.
    pub targets: BTreeMap<String, String>,
}

/// The end of a landing, as far as it says when the next one is worth while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandEnd {
    /// All that stays waits for a person, or for another work.
    Settled,
    /// Somebody or something was in the way that may be gone soon.
    InTheWay,
}

/// The next step about landing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandStep {
    /// Begin a landing.
    Begin,
    /// Nothing before that time, unless something changes.
    Rest {
        /// The time.
        until_ms: i64,
    },
    /// Nothing.
    Nothing,
}

/// The memory of the landings of one daemon.
#[derive(Debug, Default)]
pub struct LandRest {
    tried: Option<LandSight>,
    end: Option<(LandEnd, i64)>,
    times: u32,
}

impl LandRest {
    /// Decides by what there is to land now.
    pub fn step(&self, sight: &LandSight, now_ms: i64) -> LandStep {
        if sight.reviewed.is_empty() {
            return LandStep::Nothing;
        }
        if self.tried.as_ref() != Some(sight) {
            return LandStep::Begin;
        }
        match self.again_ms() {
            Some(until_ms) if now_ms < until_ms => LandStep::Rest { until_ms },
            Some(_) => LandStep::Begin,
            None => LandStep::Nothing,
        }
    }

    /// The time at which the same is tried again; nothing where time alone brings no other landing.
    pub fn again_ms(&self) -> Option<i64> {
        match self.end {
            Some((LandEnd::InTheWay, at_ms)) => {
                let times = 2_i64.saturating_pow(self.times.saturating_sub(1));
                Some(at_ms.saturating_add(IN_THE_WAY_MS * times.min(MOST_TIMES)))
            }
            Some((LandEnd::Settled, _)) | None => None,
        }
    }

    /// True where somebody was in the way of the same time after time: some minutes have gone by.
    pub fn is_stubborn(&self) -> bool {
        self.times >= STUBBORN
    }

    /// Takes in that a landing of this has begun.
    pub fn begins(&mut self, sight: LandSight) {
        if self.tried.as_ref() != Some(&sight) {
            self.times = 0;
        }
        self.tried = Some(sight);
        self.end = None;
    }

    /// Takes in its end.
    pub fn ended(&mut self, end: LandEnd, now_ms: i64) {
        self.times = self.times.saturating_add(1);
        self.end = Some((end, now_ms));
    }

    /// Forgets what was tried: settings or policy were changed.
    pub fn forget(&mut self) {
        *self = LandRest::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(runs: &[&str], tip: &str) -> LandSight {
        LandSight {
            reviewed: runs.iter().map(|run| RunId((*run).to_owned())).collect(),
            targets: BTreeMap::from([("refs/heads/main".to_owned(), tip.to_owned())]),
        }
    }

    #[test]
    fn the_same_is_not_tried_again_unless_somebody_was_in_the_way() {
        let mut rest = LandRest::default();
        let first = sight(&["t-a.1"], "1");
        assert_eq!(rest.step(&sight(&[], "1"), 0), LandStep::Nothing);
        assert_eq!(rest.step(&first, 0), LandStep::Begin);
        rest.begins(first.clone());
        assert_eq!(rest.step(&first, 0), LandStep::Nothing, "it is at work");
        rest.ended(LandEnd::Settled, 5);
        assert_eq!(rest.step(&first, i64::MAX), LandStep::Nothing);
        for other in [
            sight(&["t-a.1", "t-b.1"], "1"),
            sight(&["t-a.2"], "1"),
            sight(&["t-a.1"], "2"),
        ] {
            assert_eq!(rest.step(&other, 5), LandStep::Begin, "{other:?}");
        }
        rest.forget();
        assert_eq!(rest.step(&first, 5), LandStep::Begin);
    }

    #[test]
    fn the_rest_doubles_up_to_a_bound_and_anew_with_something_else() {
        let mut rest = LandRest::default();
        let mut seconds = Vec::new();
        for _ in 0..9 {
            rest.begins(sight(&["t-a.1"], "1"));
            rest.ended(LandEnd::InTheWay, 0);
            assert_eq!(rest.is_stubborn(), seconds.len() >= 3, "{seconds:?}");
            match rest.step(&sight(&["t-a.1"], "1"), 0) {
                LandStep::Rest { until_ms } => seconds.push(until_ms / 1_000),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(seconds, [30, 60, 120, 240, 480, 960, 1920, 1920, 1920]);
        assert_eq!(
            rest.step(&sight(&["t-a.1"], "1"), 1_920_000),
            LandStep::Begin
        );
        rest.begins(sight(&["t-a.1", "t-b.1"], "1"));
        rest.ended(LandEnd::InTheWay, 0);
        let step = rest.step(&sight(&["t-a.1", "t-b.1"], "1"), 0);
        assert_eq!(step, LandStep::Rest { until_ms: 30_000 });
    }
}
