//! Ending a run that did not come to its verdict: its work is saved, and the task goes back. The
//! machine or a person is to blame, never the attempt; what fails so again and again waits for a
//! person all the same.

use crate::domain::actor::Actor;
use crate::domain::aftermath::{CutOff, CutOffBy};
use crate::domain::event::Event;
use crate::domain::run::{Run, RunEnd};
use crate::domain::task::Note;
use crate::domain::verdict::{Cell, Freshness, Lifecycle, Outcome, PolicyVerdict, Verification};
use crate::git::Repo;
use crate::ops::cx::{self, Cx};
use crate::ops::refusal::OpError;
use crate::ops::run::step::worktree;
use crate::ops::world::World;
use crate::store::Tx;

/// Where the work of a run is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It had done none.
    Nothing,
    /// On this branch or rescue reference.
    On(String),
    /// Still in its worktree: it could not be saved, for this reason. Nothing touches it before it
    /// is.
    InPlace(String),
}

impl Kept {
    /// As the end of a sentence: `; its work stands on …`.
    pub fn clause(&self) -> String {
        match self {
            Kept::Nothing => String::new(),
            Kept::On(name) => format!(
                "; its work stands on {}",
                name.trim_start_matches("refs/heads/")
            ),
            Kept::InPlace(why) => {
                format!("; its work is still in its worktree, since it could not be saved: {why}")
            }
        }
    }

    /// The reference, where there is one.
    pub fn reference(&self) -> Option<&str> {
        match self {
            Kept::On(name) => Some(name),
            Kept::Nothing | Kept::InPlace(_) => None,
        }
    }
}

/// Puts the work of a run where nothing can lose it.
pub fn keep(world: &World, repo: &Repo, run: &Run) -> Kept {
    let saved = match worktree::rescue_run(world, repo, run) {
        Ok(saved) => saved,
        Err(error) => return Kept::InPlace(world.redactor().redact_text(&error.to_string())),
    };
    let branch = format!("refs/heads/{}", run.branch);
    match (saved, repo.find_ref(&branch)) {
        (Some(reference), _) => Kept::On(reference),
        (None, Ok(Some(tip))) if Some(tip.as_str()) != run.base.as_deref() => Kept::On(branch),
        _ => Kept::Nothing,
    }
}

/// Ends the run in the store, unless it has ended. Not fenced: a run that lost its lease ends for
/// itself alone.
pub fn end(
    tx: &mut dyn Tx,
    cx: &Cx,
    run: &Run,
    by: CutOffBy,
    summary: &str,
    kept: &Kept,
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
    let note = (*kept != Kept::Nothing).then(|| note(cx, &cx.actor, &text));
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
