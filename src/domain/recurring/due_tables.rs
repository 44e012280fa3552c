use proptest::prelude::*;

use super::*;
use crate::base::time_zone::TimeZone;

const HOUR: i64 = 3_600_000;

fn hourly() -> RecurringClock {
    RecurringClock::parse("every 1h", TimeZone::named("UTC").unwrap()).unwrap()
}

fn rules(overlap: OverlapRule, catch_up: CatchUpRule) -> RecurringRules {
    RecurringRules { overlap, catch_up }
}

/// A look at a time in hours, after moments up to another were dealt with.
fn at(hours: f64, last: Option<i64>) -> DueSight<'static> {
    DueSight {
        now_ms: (hours * 3_600_000.0) as i64,
        began_ms: 0,
        last_ms: last.map(|hours| hours * HOUR),
        open: None,
        asked: None,
    }
}

fn fire(hours: i64, passed: u32) -> RecurringDue {
    let at_ms = hours * HOUR;
    RecurringDue::Fire { at_ms, passed }
}

fn skip(hours: i64, passed: u32, why: RecurringSkip) -> RecurringDue {
    let at_ms = hours * HOUR;
    RecurringDue::Skip { at_ms, passed, why }
}

fn not_yet(hours: i64) -> RecurringDue {
    RecurringDue::NotYet(Some(hours * HOUR))
}

#[test]
fn each_moment_is_dealt_with_once_and_missed_ones_by_the_rule() {
    use CatchUpRule::{All, Last, None as Nothing};
    use OverlapRule::{Queue, Skip};
    let task = TaskId("t-1".into());
    let open = |sight: DueSight<'static>| DueSight {
        open: Some(&task),
        ..sight
    };
    let still = || RecurringSkip::StillOpen { task: task.clone() };
    let yes = |sight: DueSight<'static>| DueSight {
        asked: Some(AskedMoment::Approved { at_ms: 2 * HOUR }),
        ..sight
    };
    let waits = |sight: DueSight<'static>| DueSight {
        asked: Some(AskedMoment::Waits { until_ms: 9 * HOUR }),
        ..sight
    };
    for (name, rules, sight, expected) in [
        (
            "new: nothing for the past",
            rules(Skip, Last),
            at(0.5, None),
            not_yet(1),
        ),
        ("due", rules(Skip, Last), at(1.0, None), fire(1, 0)),
        (
            "dealt with",
            rules(Skip, Last),
            at(1.0, Some(1)),
            not_yet(2),
        ),
        ("set back", rules(Skip, Last), at(1.5, Some(3)), not_yet(4)),
        (
            "set far back",
            rules(Queue, All),
            at(-5.0, Some(3)),
            not_yet(4),
        ),
        (
            "asked, and nobody has answered",
            rules(Queue, All),
            waits(at(5.5, Some(1))),
            not_yet(9),
        ),
        (
            "asked, and nobody has answered for long",
            rules(Queue, Last),
            waits(at(9.5, Some(1))),
            fire(9, 7),
        ),
        (
            "approved, before what is newer",
            rules(Queue, All),
            yes(at(5.5, Some(2))),
            fire(2, 0),
        ),
        (
            "missed, one for all",
            rules(Skip, Last),
            at(5.5, Some(1)),
            fire(5, 3),
        ),
        (
            "missed, none",
            rules(Skip, Nothing),
            at(5.5, Some(1)),
            skip(5, 3, RecurringSkip::Missed),
        ),
        (
            "a bit late is no miss",
            rules(Skip, Nothing),
            at(5.1, Some(4)),
            fire(5, 0),
        ),
        (
            "all, the oldest first",
            rules(Queue, All),
            at(5.5, Some(1)),
            fire(2, 0),
        ),
        (
            "all, but the ten newest",
            rules(Queue, All),
            at(50.5, Some(1)),
            fire(41, 39),
        ),
        (
            "open",
            rules(Skip, Last),
            open(at(3.5, Some(1))),
            skip(3, 1, still()),
        ),
        (
            "open, and not due",
            rules(Skip, Last),
            open(at(1.5, Some(1))),
            not_yet(2),
        ),
        (
            "open, and queued behind",
            rules(Queue, Last),
            open(at(2.5, Some(1))),
            fire(2, 0),
        ),
        (
            "a yes came",
            rules(Skip, Last),
            yes(at(2.5, Some(2))),
            fire(2, 0),
        ),
        (
            "a yes came, and the next is due behind it",
            rules(Skip, Last),
            yes(at(3.5, Some(2))),
            fire(2, 0),
        ),
    ] {
        assert_eq!(due(&hourly(), rules, &sight), expected, "{name}");
    }
}

#[test]
fn a_clock_that_ends_says_so() {
    let sight = at(0.0, Some(i64::MAX / HOUR));
    let told = due(&hourly(), RecurringRules::default(), &sight);
    assert_eq!(told, RecurringDue::NotYet(None));
}

proptest! {
    #[test]
    fn no_moment_comes_twice_however_the_clock_is_set(
        jumps in proptest::collection::vec(-40_i64..60, 1..60),
        catch_up in prop_oneof![Just(CatchUpRule::None), Just(CatchUpRule::Last), Just(CatchUpRule::All)],
    ) {
        let rules = rules(OverlapRule::Queue, catch_up);
        let (mut now_ms, mut last_ms, mut done) = (0_i64, None, Vec::new());
        for jump in jumps {
            now_ms += jump * HOUR / 4;
            for _ in 0..24 {
                let sight = DueSight { now_ms, began_ms: 0, last_ms, open: None, asked: None };
                match due(&hourly(), rules, &sight) {
                    RecurringDue::NotYet(next) => {
                        prop_assert!(next.is_some_and(|next| next > now_ms));
                        break;
                    }
                    RecurringDue::Fire { at_ms, .. } => {
                        prop_assert!(at_ms <= now_ms && at_ms > 0 && at_ms % HOUR == 0);
                        done.push(at_ms);
                        last_ms = Some(at_ms);
                    }
                    RecurringDue::Skip { at_ms, .. } => last_ms = Some(at_ms),
                }
            }
        }
        prop_assert!(done.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", done);
    }
}
