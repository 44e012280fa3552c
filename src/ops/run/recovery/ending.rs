//! Ends a run in the store that did not come to its verdict, and gives its task back. The
//! machine or a person is to blame, never the attempt; what fails so again and again waits for a
//! person all the same.

use crate::domain::actor::Actor;
use crate::domain::aftermath::{CutOff, CutOffBy, CutOffCounts};
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
        cut_off: Some(by),
    };
    let note = (*kept != KeptWork::Nothing).then(|| note(cx, &cx.actor, &text));
    let before = CutOffCounts {
        lapses: cx::load(tx, &run.task)?.lapses,
        standstills: standstills_before(&tx.runs(&run.task)?, run),
    };
    let cut_off = CutOff {
        by,
        before,
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

/// The runs in a row right before this one, of those of its task, that stood still.
fn standstills_before(runs: &[Run], this: &Run) -> u32 {
    let before = runs.iter().rev();
    let before = before.filter(|run| run.id.epoch() < this.id.epoch());
    let stood = before.take_while(|run| {
        let by = run.end.as_ref().and_then(|end| end.cut_off);
        by == Some(CutOffBy::Standstill)
    });
    u32::try_from(stood.count()).unwrap_or(u32::MAX)
}

fn note(cx: &Cx, by: &Actor, text: &str) -> Note {
    Note {
        at_ms: cx.now.wall_ms,
        by: by.clone(),
        text: text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run of this epoch that ended so.
    fn run(epoch: u64, cut_off: Option<&str>) -> Run {
        let end = serde_json::json!({
            "at_ms": 1, "lifecycle": "lost", "verification": "unverified", "policy": "allow", "freshness": "current",
            "outcome": "retry_uncounted", "summary": "it is over", "cut_off": cut_off,
        });
        serde_json::from_value(serde_json::json!({
            "id": format!("t-1.{epoch}"), "task": "t-1", "agent": "a", "connector": "command", "branch": "b", "worktree": "w1",
            "supervisor": { "boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1 },
            "started_ms": 1, "step": "agent", "end": end,
        }))
        .unwrap()
    }

    #[test]
    fn only_a_row_right_before_a_run_counts() {
        let still = Some("standstill");
        for (ends, expected) in [
            (&[][..], 0),
            (&[still, still], 2),
            (&[still, Some("machine"), still], 1),
            (&[still, None], 0),
            (&[still, Some("person")], 0),
        ] {
            let runs: Vec<Run> = (1..).zip(ends).map(|(n, end)| run(n, *end)).collect();
            let this = run(u64::try_from(ends.len()).unwrap() + 1, None);
            let with_this: Vec<Run> = runs.into_iter().chain([this.clone()]).collect();
            assert_eq!(standstills_before(&with_this, &this), expected, "{ends:?}");
        }
    }
}
