//! The next step of a daemon.

use serde::{Deserialize, Serialize};

/// Longest time between two looks. Everything that can make work ready is told or timed; what was not told, by a
/// file of another machine or a watch that the system did not grant, is found by this one.
const BACKSTOP_MS: i64 = 30_000;
/// Shortest time between two looks for what others have written, so that many writers are one look.
const GAP_MS: i64 = 50;

/// Times after the news of a write at which its record is looked for, while it is not there: the file changes before
/// the disk has taken what was written, and only then does the record count, without another change of the file.
const RECHECKS_MS: [i64; 4] = [20, 200, 1_000, 5_000];

/// A write whose record was not there yet when it was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnsettledWrite {
    told_ms: i64,
    tries: usize,
}

impl UnsettledWrite {
    /// A write of which one was told at this time.
    pub fn told_at(now_ms: i64) -> UnsettledWrite {
        UnsettledWrite {
            told_ms: now_ms,
            tries: 0,
        }
    }

    /// True while its record was not looked for yet.
    pub fn is_fresh(&self) -> bool {
        self.tries == 0
    }

    /// The time of the next look for its record.
    pub fn next_ms(&self) -> i64 {
        let after = RECHECKS_MS.get(self.tries).copied().unwrap_or(0);
        self.told_ms.saturating_add(after)
    }

    /// The same after one more look that found nothing; nothing once there was none to be found.
    pub fn tried(self) -> Option<UnsettledWrite> {
        let tries = self.tries + 1;
        (tries < RECHECKS_MS.len()).then_some(UnsettledWrite { tries, ..self })
    }
}

/// Everything that a daemon knows at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonMoment {
    /// Now.
    pub now_ms: i64,
    /// Runs that it answers for.
    pub at_work: usize,
    /// The order to stop.
    pub stop: Option<StopOrder>,
    /// The end of the time for which it was started.
    pub ends_ms: Option<i64>,
    /// Conduct when the queue is empty.
    pub when_empty: WhenEmpty,
    /// Result of the last look.
    pub queue: QueueSight,
    /// The time of the last look; none before the first.
    pub looked_ms: Option<i64>,
    /// News since then.
    pub notice: LookNotice,
    /// The next time at which something is due by itself.
    pub due_ms: Option<i64>,
}

/// An order to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopOrder {
    /// The reason, which is how it ends.
    pub why: DaemonEnding,
    /// The time until which runs may go on; once they were asked, the time until which they may take.
    pub by_ms: i64,
    /// State of asking them.
    pub asked: StopAsked,
}

/// State of asking the runs to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopAsked {
    /// Not asked: the runs may go on to their end.
    NotYet,
    /// Each was asked, as by a person's stop.
    Asked,
}

/// Fate of the runs that are at work, at a word to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunsAtStop {
    /// They may go on to their end, as long as the settings say.
    MayEnd,
    /// Each is asked to end, its work saved, its task given back.
    EndNow,
    /// They go on without it, and the next daemon counts them as its own.
    GoOn,
}

/// Conduct of a daemon when nothing is left to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// Staying.
    Stay,
    /// Ending.
    End,
}

/// Result of a look at the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueSight {
    /// Nothing: it could not look, or is about to end.
    Unseen,
    /// Nothing may be started until a person helps: an order stands, trust or a right configuration is missing.
    Barred,
    /// Tasks that will start by themselves when their time comes, or a run ends.
    Waits,
    /// Nothing that starts without somebody's help.
    Empty,
}

/// News that a daemon has had since its last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookNotice {
    /// Nothing.
    Nothing,
    /// Somebody has written to the store.
    Written,
    /// A run has ended, the settings were changed, or somebody asks for a look.
    AtOnce,
}

/// Ending of a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonEnding {
    /// Somebody has stopped it.
    Stopped,
    /// The same by Ctrl-C.
    Interrupted,
    /// The time for which it was started is over.
    TimeOver,
    /// Nothing is left to start.
    QueueEmpty,
    /// Nothing may be started until a person helps.
    Barred,
    /// It has made room for the next one, which counts its runs as its own.
    HandedOver,
}

impl DaemonEnding {
    /// In words.
    pub fn as_str(self) -> &'static str {
        match self {
            DaemonEnding::Stopped => "it was stopped",
            DaemonEnding::Interrupted => "it was interrupted",
            DaemonEnding::TimeOver => "its time is over",
            DaemonEnding::QueueEmpty => "nothing is left to start",
            DaemonEnding::Barred => "nothing may be started until somebody helps",
            DaemonEnding::HandedOver => "it makes room for the next one",
        }
    }
}

/// The next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DaemonStep {
    /// Look at the repository, and start what may start.
    Look,
    /// Wait for news until then.
    Wait {
        /// The time.
        until_ms: i64,
    },
    /// Take the end of its time as an order to stop.
    TimeIsOver,
    /// Ask the runs to end.
    AskToEnd,
    /// End.
    End(DaemonEnding),
}

impl DaemonMoment {
    /// Decides the next step.
    pub fn step(&self) -> DaemonStep {
        if let Some(stop) = &self.stop {
            let is_late = self.now_ms >= stop.by_ms;
            match stop.asked {
                _ if self.at_work == 0 => return DaemonStep::End(stop.why),
                StopAsked::NotYet if is_late => return DaemonStep::AskToEnd,
                // Each is its own supervisor, and goes on ending without us.
                StopAsked::Asked if is_late => return DaemonStep::End(stop.why),
                StopAsked::NotYet | StopAsked::Asked => {}
            }
        } else if self.ends_ms.is_some_and(|ends| self.now_ms >= ends) {
            return DaemonStep::TimeIsOver;
        }
        let look_ms = self.look_ms();
        if look_ms <= self.now_ms {
            return DaemonStep::Look;
        }
        if self.at_work == 0 && self.stop.is_none() && self.when_empty == WhenEmpty::End {
            match self.queue {
                QueueSight::Empty => return DaemonStep::End(DaemonEnding::QueueEmpty),
                QueueSight::Barred => return DaemonStep::End(DaemonEnding::Barred),
                QueueSight::Unseen | QueueSight::Waits => {}
            }
        }
        let end_ms = match &self.stop {
            Some(stop) => Some(stop.by_ms),
            None => self.ends_ms,
        };
        DaemonStep::Wait {
            until_ms: end_ms.map_or(look_ms, |end| end.min(look_ms)),
        }
    }

    /// The time of the next look.
    fn look_ms(&self) -> i64 {
        let Some(looked) = self.looked_ms else {
            return self.now_ms;
        };
        let told = match self.notice {
            LookNotice::AtOnce => self.now_ms,
            LookNotice::Written => looked + GAP_MS,
            LookNotice::Nothing => looked + BACKSTOP_MS,
        };
        self.due_ms.map_or(told, |due| due.min(told))
    }
}

impl StopOrder {
    /// The order after one more word to stop: the first one leaves the runs `within_ms` to end, another
    /// one none.
    pub fn after(
        before: Option<StopOrder>,
        why: DaemonEnding,
        (now_ms, within_ms): (i64, i64),
    ) -> StopOrder {
        match before {
            None => StopOrder {
                why,
                by_ms: now_ms.saturating_add(within_ms),
                asked: StopAsked::NotYet,
            },
            Some(before) => StopOrder {
                by_ms: before.by_ms.min(now_ms),
                ..before
            },
        }
    }

    /// The order after a word that says itself what becomes of the runs: said once more it changes nothing.
    pub fn by_word(
        before: Option<StopOrder>,
        runs: RunsAtStop,
        (now_ms, within_ms): (i64, i64),
    ) -> StopOrder {
        match (runs, before) {
            (RunsAtStop::MayEnd, Some(before)) => before,
            (RunsAtStop::MayEnd, None) => {
                StopOrder::after(None, DaemonEnding::Stopped, (now_ms, within_ms))
            }
            (RunsAtStop::EndNow, before) => match before {
                Some(before) if before.asked == StopAsked::Asked => before,
                before => StopOrder {
                    why: before.map_or(DaemonEnding::Stopped, |before| before.why),
                    by_ms: now_ms,
                    asked: StopAsked::NotYet,
                },
            },
            (RunsAtStop::GoOn, _) => StopOrder {
                why: DaemonEnding::HandedOver,
                by_ms: now_ms,
                asked: StopAsked::Asked,
            },
        }
    }

    /// The order once the runs were asked, each of which may take `patience_ms`.
    pub fn asked(self, now_ms: i64, patience_ms: i64) -> StopOrder {
        StopOrder {
            by_ms: now_ms.saturating_add(patience_ms),
            asked: StopAsked::Asked,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000;

    /// Has looked a second ago, and holds one run.
    fn quiet() -> DaemonMoment {
        DaemonMoment {
            now_ms: NOW,
            at_work: 1,
            stop: None,
            ends_ms: None,
            when_empty: WhenEmpty::Stay,
            queue: QueueSight::Waits,
            looked_ms: Some(NOW - 1_000),
            notice: LookNotice::Nothing,
            due_ms: None,
        }
    }

    fn wait(after: i64) -> DaemonStep {
        DaemonStep::Wait {
            until_ms: NOW + after,
        }
    }

    #[test]
    fn it_looks_when_told_when_something_is_due_and_now_and_then() {
        let looked = |ago: i64| Some(NOW - ago);
        for (what, looked_ms, notice, due_ms, step) in [
            (
                "the first look",
                None,
                LookNotice::Nothing,
                None,
                DaemonStep::Look,
            ),
            (
                "nothing new",
                looked(1_000),
                LookNotice::Nothing,
                None,
                wait(29_000),
            ),
            (
                "the backstop",
                looked(30_000),
                LookNotice::Nothing,
                None,
                DaemonStep::Look,
            ),
            (
                "a writer",
                looked(50),
                LookNotice::Written,
                None,
                DaemonStep::Look,
            ),
            (
                "many writers",
                looked(10),
                LookNotice::Written,
                None,
                wait(40),
            ),
            (
                "an end",
                looked(0),
                LookNotice::AtOnce,
                None,
                DaemonStep::Look,
            ),
            (
                "due soon",
                looked(1_000),
                LookNotice::Nothing,
                Some(NOW + 7),
                wait(7),
            ),
            (
                "due",
                looked(0),
                LookNotice::Nothing,
                Some(NOW),
                DaemonStep::Look,
            ),
            (
                "stopped for minutes",
                looked(600_000),
                LookNotice::Nothing,
                Some(NOW - 500_000),
                DaemonStep::Look,
            ),
        ] {
            let moment = DaemonMoment {
                looked_ms,
                notice,
                due_ms,
                ..quiet()
            };
            assert_eq!(moment.step(), step, "{what}");
        }
    }

    #[test]
    fn the_record_of_a_write_is_looked_for_a_few_times() {
        let first = Some(UnsettledWrite::told_at(NOW));
        let all = std::iter::successors(first, |write| write.tried());
        let times: Vec<i64> = all.map(|write| write.next_ms() - NOW).collect();
        assert_eq!(times, [20, 200, 1_000, 5_000]);
    }

    #[test]
    fn a_stop_waits_for_the_runs_then_asks_them_and_then_leaves_them() {
        use DaemonEnding::Stopped;
        let stop = |by_ms, asked| {
            Some(StopOrder {
                why: Stopped,
                by_ms,
                asked,
            })
        };
        for (what, at_work, stop, step) in [
            (
                "nothing at work",
                0,
                stop(NOW + 9, StopAsked::NotYet),
                DaemonStep::End(Stopped),
            ),
            ("time left", 1, stop(NOW + 9, StopAsked::NotYet), wait(9)),
            (
                "no time left",
                1,
                stop(NOW, StopAsked::NotYet),
                DaemonStep::AskToEnd,
            ),
            (
                "asked, and still at it",
                1,
                stop(NOW + 9, StopAsked::Asked),
                wait(9),
            ),
            (
                "asked in vain",
                1,
                stop(NOW, StopAsked::Asked),
                DaemonStep::End(Stopped),
            ),
        ] {
            let moment = DaemonMoment {
                at_work,
                stop,
                // Neither its time nor an empty queue is in front of an order.
                ends_ms: Some(NOW - 1),
                when_empty: WhenEmpty::End,
                queue: QueueSight::Empty,
                ..quiet()
            };
            assert_eq!(moment.step(), step, "{what}");
        }
    }

    #[test]
    fn the_first_word_leaves_time_and_the_second_one_none() {
        let first = StopOrder::after(None, DaemonEnding::Stopped, (NOW, 500));
        assert_eq!((first.by_ms, first.asked), (NOW + 500, StopAsked::NotYet));
        let second = StopOrder::after(Some(first), DaemonEnding::Interrupted, (NOW + 1, 500));
        assert_eq!((second.by_ms, second.why), (NOW + 1, DaemonEnding::Stopped));
        let asked = second.asked(NOW + 2, 70);
        assert_eq!((asked.by_ms, asked.asked), (NOW + 72, StopAsked::Asked));
        let third = StopOrder::after(Some(asked), DaemonEnding::Stopped, (NOW + 3, 500));
        assert_eq!((third.by_ms, third.asked), (NOW + 3, StopAsked::Asked));
    }

    #[test]
    fn a_word_that_names_the_runs_counts_once_and_one_to_leave_them_ends_at_once() {
        use DaemonEnding::{HandedOver, Interrupted, Stopped};
        let order = |why, by_ms, asked| StopOrder { why, by_ms, asked };
        let (not_yet, asked) = (StopAsked::NotYet, StopAsked::Asked);
        let first = order(Interrupted, NOW + 70, not_yet);
        let ending = order(Interrupted, NOW + 90, asked);
        for (runs, before, after) in [
            (RunsAtStop::MayEnd, None, order(Stopped, NOW + 500, not_yet)),
            (RunsAtStop::MayEnd, Some(first), first),
            (RunsAtStop::MayEnd, Some(ending), ending),
            (RunsAtStop::EndNow, None, order(Stopped, NOW, not_yet)),
            (
                RunsAtStop::EndNow,
                Some(first),
                order(Interrupted, NOW, not_yet),
            ),
            (RunsAtStop::EndNow, Some(ending), ending),
            (RunsAtStop::GoOn, None, order(HandedOver, NOW, asked)),
            (RunsAtStop::GoOn, Some(first), order(HandedOver, NOW, asked)),
        ] {
            let told = StopOrder::by_word(before, runs, (NOW, 500));
            assert_eq!(told, after, "{runs:?} after {before:?}");
        }
        let moment = DaemonMoment {
            stop: Some(StopOrder::by_word(None, RunsAtStop::GoOn, (NOW, 500))),
            ..quiet()
        };
        assert_eq!(moment.step(), DaemonStep::End(HandedOver));
    }

    #[test]
    fn it_ends_by_its_time_or_by_an_empty_queue_where_it_was_told_to() {
        use QueueSight::{Barred, Empty, Unseen, Waits};
        for (when_empty, queue, at_work, ends_ms, step) in [
            (WhenEmpty::Stay, Empty, 0, None, wait(29_000)),
            (
                WhenEmpty::End,
                Empty,
                0,
                None,
                DaemonStep::End(DaemonEnding::QueueEmpty),
            ),
            (WhenEmpty::End, Empty, 1, None, wait(29_000)),
            (WhenEmpty::End, Waits, 0, None, wait(29_000)),
            (WhenEmpty::End, Unseen, 0, None, wait(29_000)),
            (
                WhenEmpty::End,
                Barred,
                0,
                None,
                DaemonStep::End(DaemonEnding::Barred),
            ),
            (WhenEmpty::End, Barred, 1, None, wait(29_000)),
            (WhenEmpty::Stay, Barred, 0, None, wait(29_000)),
            (WhenEmpty::Stay, Waits, 1, Some(NOW + 5), wait(5)),
            (WhenEmpty::Stay, Waits, 0, Some(NOW), DaemonStep::TimeIsOver),
        ] {
            let moment = DaemonMoment {
                when_empty,
                queue,
                at_work,
                ends_ms,
                ..quiet()
            };
            assert_eq!(moment.step(), step, "{moment:?}");
        }
    }
}
