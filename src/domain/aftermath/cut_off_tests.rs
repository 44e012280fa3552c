use crate::base::rules::rules;
use crate::domain::actor::{Actor, ActorKind};

use super::*;

const NOW: WallMs = 1_000;

fn note() -> Note {
    Note {
        at_ms: NOW,
        by: Actor::new(ActorKind::Human, "ann").unwrap(),
        text: "its work stands on b".into(),
    }
}

fn after(by: CutOffBy, lapses: u32, max_lapses: u32) -> FollowUp {
    after_all(by, (lapses, 0), max_lapses)
}

/// The fate of a task that was cut off so often, and whose runs stood still so often in a row.
fn after_all(by: CutOffBy, (lapses, standstills): (u32, u32), max_lapses: u32) -> FollowUp {
    let cut_off = CutOff {
        by,
        before: CutOffCounts {
            lapses,
            standstills,
        },
        max_lapses,
        summary: "it died",
    };
    cut_off.after(NOW, Some(note()))
}

fn again(attempt: AttemptCount) -> FollowUp {
    FollowUp::Requeue {
        attempt,
        not_before_ms: None,
        note: Some(note()),
    }
}

fn parked(reason: &str) -> FollowUp {
    held(reason, AttemptCount::Lapse)
}

fn held(reason: &str, attempt: AttemptCount) -> FollowUp {
    FollowUp::Hold {
        hold: Hold {
            kind: BlockReason::Parked,
            reason: reason.into(),
            since_ms: NOW,
        },
        attempt,
    }
}

rules! {
    a_run_that_stood_still_costs_nothing_not_even_a_lapse:
        after_all(CutOffBy::Standstill, (0, 0), 3) => again(AttemptCount::Free);
    it_stays_so_however_many_lids_were_closed:
        after_all(CutOffBy::Standstill, (2, 28), 3) => again(AttemptCount::Free);
    lapses_are_counted_without_those_that_stood_still:
        after_all(CutOffBy::Machine, (0, 28), 3) => again(AttemptCount::Lapse);
    a_row_of_them_that_is_no_accident_waits_for_a_person:
        after_all(CutOffBy::Standstill, (0, 29), 3)
        => held("its runs stood still 30 times in a row; the last: it died", AttemptCount::Free);
    whoever_lets_it_go_on_gives_it_as_many_again:
        after_all(CutOffBy::Standstill, (0, 30), 3) => again(AttemptCount::Free);
    where_no_lapse_is_allowed_a_lid_may_be_closed:
        after_all(CutOffBy::Standstill, (0, 0), 0) => again(AttemptCount::Free);
    a_person_who_stops_a_run_costs_the_task_nothing:
        after(CutOffBy::Person, 0, 3) => again(AttemptCount::Free);
    a_person_may_stop_a_task_again_and_again:
        after(CutOffBy::Person, 99, 3) => again(AttemptCount::Free);
    a_machine_that_fails_costs_a_lapse:
        after(CutOffBy::Machine, 0, 3) => again(AttemptCount::Lapse);
    the_last_lapse_but_one_goes_back: after(CutOffBy::Machine, 1, 3) => again(AttemptCount::Lapse);
    the_last_lapse_waits_for_a_person:
        after(CutOffBy::Machine, 2, 3)
        => parked("its runs were cut off 3 times in a row; the last: it died");
    where_one_lapse_is_allowed_the_first_waits:
        after(CutOffBy::Machine, 0, 1)
        => parked("its runs were cut off 1 time in a row; the last: it died");
    more_lapses_than_allowed_still_wait:
        after(CutOffBy::Machine, 8, 3)
        => parked("its runs were cut off 9 times in a row; the last: it died");
}

rules! {
    two_thirds_of_a_lease_slept_away_are_a_standstill: is_standstill(40_000, 60_000) => true;
    a_beat_that_comes_late_is_none: is_standstill(39_999, 60_000) => false;
    a_night_is_one: is_standstill(i64::MAX, 60_000) => true;
    a_clock_that_went_back_is_none: is_standstill(-1, 60_000) => false;
}
