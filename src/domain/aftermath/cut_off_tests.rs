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
    let cut_off = CutOff {
        by,
        lapses,
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
    FollowUp::Hold {
        hold: Hold {
            kind: BlockReason::Parked,
            reason: reason.into(),
            since_ms: NOW,
        },
        attempt: AttemptCount::Lapse,
    }
}

rules! {
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
