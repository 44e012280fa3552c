//! Ends a run in the store that did not come to its verdict, and gives its task back. The
//! machine or a person is to blame, never the attempt; what fails so again and again waits for a
//! person all the same.

use crate::domain::actor::Actor;
use crate::domain::aftermath::{CutOff, CutOffBy};
use crate::domain::event::Event;
use crate::domain::run::{Run, RunEnd};
use crate::domain::task::Note;
use crate::domain::verdict::{Cell, Freshness, Lifecycle, Outcome, PolicyVerdict, Verification};
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::run::model::KeptWork;
use crate::store::Tx;

/// Ends the run in the store, unless it has ended. Not fenced: a run that lost its lease ends for
/// itself alone.
pub fn end(
    tx: &mut dyn Tx,
    cx: &Cx,
    run: &Run,
    by: CutOffBy,
    summary: &str,
    kept: &KeptWork,
) -> Result<(), OpError> {
    let Some(now) = tx.run(&run.id)?.filter(|now| now.end.is_none()) else {
        return Ok(());
    };
    let text = format!("{summary}{}", kept.clause());
    let cell = Cell {
        lifecycle: Lifecycle::Lost,
        verification: Verification::Unverified,
        policy: PolicyVerdict::Allow,
        freshness: Freshness::Current,
    };
    let end = RunEnd {
        at_ms: cx.now.wall_ms,
        cell,
        outcome: Outcome::RetryUncounted,
        summary: text.clone(),
        took_ms: Some(now.age_ms(&cx.now)),
        usage: now.used,
        paused_until_ms: None,
        budget: None,
        session: None,
        resume_refused: None,
        stall: Vec::new(),
    };
    let note = (*kept != KeptWork::Nothing).then(|| note(cx, &cx.actor, &text));
    let cut_off = CutOff {
        by,
        lapses: cx::load(tx, &run.task)?.lapses,
        max_lapses: cx.rules.max_lapses,
        summary: &text,
    };
    let then = cut_off.after(cx.now.wall_ms, note);
    cx.record(
        tx,
        &Event::RunEnded {
            run: run.id.clone(),
            end: Box::new(end),
            then,
        },
    )
}

fn note(cx: &Cx, by: &Actor, text: &str) -> Note {
    Note {
        at_ms: cx.now.wall_ms,
        by: by.clone(),
        text: text.to_owned(),
    }
}
