//! Rests of tasks that were turned away before a run began. A run that began and went wrong rests by the word
//! of the store; one that never began leaves nothing there, and would be tried again at once for ever.

use std::collections::BTreeMap;

use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;

/// The rest after a first refusal.
const REFUSED_MS: i64 = 30_000;
/// The same where somebody was in the way, who may be gone soon.
const IN_THE_WAY_MS: i64 = 2_000;
/// The longest rest, as a multiple of the first.
const MOST_TIMES: i64 = 64;
/// The time after which a rest that is over is forgotten.
const FORGOTTEN_MS: i64 = 24 * 3_600_000;

/// Reason for which no run was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnedAway {
    /// Another run is at work that may end soon.
    InTheWay,
    /// Policy, trust, the machine or anything else refuses.
    Refused,
}

/// News in a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestNews {
    /// Another kind of reason than the last time.
    New,
    /// The task was turned away for the same kind of reason the last time.
    Known,
}

/// State of everything that somebody would change to help a task: a rest is over once one of it is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestMark {
    /// The last change of the task.
    pub updated_ms: WallMs,
    /// Answers that people gave to questions about it.
    pub answers: usize,
}

/// The tasks that rest.
#[derive(Debug, Default)]
pub struct Rests(BTreeMap<TaskId, Rest>);

#[derive(Debug)]
struct Rest {
    why: TurnedAway,
    code: u8,
    until_ms: i64,
    times: u32,
    mark: RestMark,
}

impl Rests {
    /// Lays a task to rest that was turned away with an exit code, as it stands after that: twice as long each
    /// time, up to a bound.
    pub fn lay(
        &mut self,
        (task, mark): (&TaskId, RestMark),
        (why, code): (TurnedAway, u8),
        now_ms: i64,
    ) -> RestNews {
        let before = self.0.get(task).filter(|rest| rest.why == why);
        let times = before.map_or(0, |rest| rest.times + 1);
        let is_known = before.is_some_and(|rest| rest.code == code);
        let first = match why {
            TurnedAway::InTheWay => IN_THE_WAY_MS,
            TurnedAway::Refused => REFUSED_MS,
        };
        let rest = Rest {
            why,
            code,
            until_ms: now_ms + first * 2_i64.saturating_pow(times).min(MOST_TIMES),
            times,
            mark,
        };
        self.0.insert(task.clone(), rest);
        self.0
            .retain(|_, rest| now_ms.saturating_sub(rest.until_ms) < FORGOTTEN_MS);
        if is_known {
            RestNews::Known
        } else {
            RestNews::New
        }
    }

    /// The tasks that rest now.
    pub fn resting(&self, now_ms: i64) -> Vec<TaskId> {
        let rests = self.resting_until(now_ms).into_iter();
        rests.map(|(task, _)| task).collect()
    }

    /// The tasks that rest now, with the time at which each rest is over.
    pub fn resting_until(&self, now_ms: i64) -> Vec<(TaskId, i64)> {
        let rests = self.0.iter().filter(|(_, rest)| rest.until_ms > now_ms);
        rests
            .map(|(task, rest)| (task.clone(), rest.until_ms))
            .collect()
    }

    /// True while the task rests.
    pub fn holds(&self, task: &TaskId, now_ms: i64) -> bool {
        self.0.get(task).is_some_and(|rest| rest.until_ms > now_ms)
    }

    /// Takes in how a task stands now, or that it is gone.
    pub fn see(&mut self, task: &TaskId, mark: Option<RestMark>) {
        if self.0.get(task).is_some_and(|rest| Some(rest.mark) != mark) {
            self.0.remove(task);
        }
    }

    /// Forgets a task whose run has begun.
    pub fn forget(&mut self, task: &TaskId) {
        self.0.remove(task);
    }

    /// Ends the rests of those whom somebody was in the way: one of them has ended.
    pub fn one_has_ended(&mut self, now_ms: i64) {
        let in_the_way = self.0.values_mut();
        in_the_way
            .filter(|rest| rest.why == TurnedAway::InTheWay)
            .for_each(|rest| rest.until_ms = rest.until_ms.min(now_ms));
    }

    /// The time at which the next rest is over.
    pub fn next_ms(&self, now_ms: i64) -> Option<i64> {
        let times = self.0.values().map(|rest| rest.until_ms);
        times.filter(|until| *until > now_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: RestMark = RestMark {
        updated_ms: 1,
        answers: 0,
    };

    fn task() -> TaskId {
        TaskId("t-a".to_owned())
    }

    #[test]
    fn each_refusal_doubles_the_rest_up_to_a_bound() {
        use TurnedAway::{InTheWay, Refused};
        for (why, expected) in [
            (Refused, [30, 60, 120, 240, 480, 960, 1920, 1920]),
            (InTheWay, [2, 4, 8, 16, 32, 64, 128, 128]),
        ] {
            let mut rests = Rests::default();
            let seconds = expected.map(|_| {
                rests.lay((&task(), MARK), (why, 5), 1_000);
                (rests.next_ms(1_000).unwrap() - 1_000) / 1_000
            });
            assert_eq!(seconds, expected, "{why:?}");
        }
    }

    #[test]
    fn a_rest_ends_by_time_by_a_change_and_by_a_run() {
        let laid = |why| {
            let mut rests = Rests::default();
            rests.lay((&task(), MARK), (why, 5), 0);
            rests
        };
        let holds = |rests: &Rests| rests.holds(&task(), 29_999);
        let mut rests = laid(TurnedAway::Refused);
        assert!(holds(&rests) && !rests.holds(&task(), 30_000));
        assert_eq!(rests.resting(29_999), [task()]);
        assert_eq!(rests.resting_until(29_999), [(task(), 30_000)]);
        rests.see(&task(), Some(MARK));
        rests.one_has_ended(0);
        assert!(
            holds(&rests),
            "nothing has changed, and nobody was in its way"
        );
        let answered = RestMark { answers: 1, ..MARK };
        let edited = RestMark {
            updated_ms: 2,
            ..MARK
        };
        for mark in [Some(answered), Some(edited), None] {
            let mut rests = laid(TurnedAway::Refused);
            rests.see(&task(), mark);
            assert!(!holds(&rests), "{mark:?}");
        }
        rests.forget(&task());
        assert!(!holds(&rests));
        let mut rests = laid(TurnedAway::InTheWay);
        assert!(rests.holds(&task(), 0));
        rests.one_has_ended(0);
        assert!(!rests.holds(&task(), 0));
        assert_eq!(rests.next_ms(0), None);
    }

    #[test]
    fn the_same_kind_of_reason_is_no_news() {
        let mut rests = Rests::default();
        let mut lay = |code| rests.lay((&task(), MARK), (TurnedAway::Refused, code), 0);
        use RestNews::{Known, New};
        assert_eq!([5, 5, 8, 5].map(&mut lay), [New, Known, New, New]);
    }
}
