//! `ai why`: the exact gates that hold a task now, from reading the store and, of a run, whether
//! its supervisor lives.

use crate::base::text;
use crate::config::Config;
use crate::domain::aftermath::{FailedWay, failed_alike};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::lease::LeaseLiveness;
use crate::domain::run::Run;
use crate::domain::task::{BlockReason, Proof, Task, TaskState};
use crate::domain::time::WallMs;
use crate::domain::verdict::{Lifecycle, Outcome};
use crate::ops::cx::{self, Cx};
use crate::ops::edit::REOPENED;
use crate::ops::error::OpError;
use crate::ops::gates::{Gate, READY, dependencies, gate, held};
use crate::ops::refusal::seconds;
use crate::ops::reject::SENT_BACK;
use crate::ops::run::origin::{destination, shown};
use crate::ops::run::recovery::liveness::liveness;
use crate::ops::{budget, patterns, testimony};
use crate::process::identity::ProcessLiveness as Alive;
use crate::store::Tx;

/// All gates of a task, the decisive one first.
pub fn gates(tx: &mut dyn Tx, cx: &Cx, config: &Config, task: &Task) -> Result<Vec<Gate>, OpError> {
    let id = &task.id;
    Ok(match &task.state {
        TaskState::Queued => queued(tx, cx, config, task)?,
        TaskState::Blocked {
            blocked_by: BlockReason::Dependency,
        } => dependencies(tx, task)?,
        TaskState::Blocked {
            blocked_by: BlockReason::Parked,
        } => parked(tx, task)?,
        TaskState::Blocked { .. } => vec![held(task)],
        TaskState::Claimed | TaskState::Running { .. } => vec![leased(tx, cx, config, task)?],
        TaskState::Review { run } => vec![review(tx, config, id, run)?],
        TaskState::Failed { failed_because } => {
            vec![gate(
                "failed",
                failed_because.clone(),
                None,
                Some(format!("ai task retry {id}")),
            )]
        }
        TaskState::Cancelled { cancelled_because } => {
            vec![gate(
                "cancelled",
                cancelled_because.clone(),
                None,
                Some(format!("ai task retry {id}")),
            )]
        }
        TaskState::Done { proof, .. } => vec![done(id, proof)],
    })
}

/// The hold of a parked task, and where it failed twice in the same way, both proofs.
fn parked(tx: &mut dyn Tx, task: &Task) -> Result<Vec<Gate>, OpError> {
    let mut gates = vec![held(task)];
    let runs = tx.runs(&task.id)?;
    // Also for another reason a task is parked that once failed so; then the hold does not name the run.
    let both = failed_alike(&runs).filter(|(_, last)| {
        let hold = task.hold.as_ref();
        hold.is_some_and(|hold| hold.reason.split(' ').any(|word| word == last.id.as_str()))
    });
    for run in both.into_iter().flat_map(<[&Run; 2]>::from) {
        let (Some(end), Some(way)) = (&run.end, FailedWay::of(run)) else {
            continue;
        };
        let took = end.took_ms.and_then(|ms| i64::try_from(ms).ok());
        let took = took.map_or(String::new(), |ms| format!(" in {}", seconds(ms)));
        let work = run.commit.as_ref().map_or("no work", |_| "work");
        gates.push(gate(
            "proof",
            format!(
                "run {} by {}{took}, {work} on {}: {}",
                run.id,
                run.agent,
                run.branch,
                way.in_a_line()
            ),
            Some(run.id.to_string()),
            Some(format!("ai evidence list {}", run.id)),
        ));
    }
    Ok(gates)
}

fn review(tx: &mut dyn Tx, config: &Config, id: &TaskId, run: &RunId) -> Result<Gate, OpError> {
    let goes = tx.run(run)?.map_or_else(String::new, |run| {
        let back = run.taken_back().map(|undone| {
            let short = undone.commit.get(..12).unwrap_or(&undone.commit);
            format!(
                "; its accept was taken back in {} by {short}",
                shown(&undone.target)
            )
        });
        let back = back.unwrap_or_default();
        format!("{back}; accepted, it {}", destination(&config.accept, &run))
    });
    let text = format!("run {run} has finished and waits for a person{goes}");
    Ok(gate(
        "review",
        text,
        Some(run.to_string()),
        Some(format!("ai review {id}")),
    ))
}

fn queued(tx: &mut dyn Tx, cx: &Cx, config: &Config, task: &Task) -> Result<Vec<Gate>, OpError> {
    let last = tx.runs(&task.id)?.pop();
    let mut gates = Vec::new();
    gates.extend(refused_at(task, last.as_ref(), cx.now.wall_ms));
    if let Some(wait) = task
        .not_before_ms
        .map(|at| at - cx.now.wall_ms)
        .filter(|wait| *wait > 0 && gates.is_empty())
    {
        gates.push(waits(task, last.as_ref(), wait));
    }
    let agent = task
        .agent
        .as_deref()
        .or(last.as_ref().map(|run| run.agent.as_str()))
        .unwrap_or_default();
    if let Some(refusal) = budget::gate(tx, cx, config, task, agent)? {
        gates.push(gate(
            "budget",
            refusal.to_string(),
            None,
            Some("ai budget".into()),
        ));
    }
    let locks = patterns::locks_for(cx, &task.id.subject(), &task.paths)?;
    if let Some(conflict) = patterns::first_conflict(tx, cx, &locks)? {
        let by = conflict.held.subject.to_string();
        gates.push(gate(
            "lock",
            conflict.refusal(cx).to_string(),
            Some(by),
            Some("ai lock list".into()),
        ));
    }
    if gates.is_empty() {
        let text = format!("nothing holds it{}", last_verdict(tx, task)?);
        gates.push(gate(READY, text, None, Some(format!("ai run {}", task.id))));
    }
    Ok(gates)
}

/// The provider of its agent has refused, and that still stands.
fn refused_at(task: &Task, last: Option<&Run>, now_ms: WallMs) -> Option<Gate> {
    let run = last?;
    let wait = run.refused_until_ms(now_ms)? - now_ms;
    let (name, what) = match run.end.as_ref()?.cell.lifecycle {
        Lifecycle::Quota => ("quota", "has refused for rate or quota"),
        Lifecycle::Provider => ("provider", "was down"),
        _ => ("login", "has refused its login"),
    };
    let text = format!(
        "the provider of agent {} {what} in run {}; it is asked again in {}",
        run.agent,
        run.id,
        seconds(wait)
    );
    Some(gate(
        name,
        text,
        Some(run.id.to_string()),
        Some(format!("ai route explain {}", task.id)),
    ))
}

/// The task rests after a failed attempt, or somebody has set a time.
fn waits(task: &Task, last: Option<&Run>, wait: i64) -> Gate {
    let next = Some(format!("ai task edit {} --not-before now", task.id));
    let rests = last
        .and_then(|run| Some((run, run.end.as_ref()?)))
        .filter(|(_, end)| end.outcome == Outcome::Retry);
    match rests {
        Some((run, end)) => {
            let why = text::one_line(end.told_afterwards().lines().next().unwrap_or_default());
            let text = format!("it rests for {} after run {}: {why}", seconds(wait), run.id);
            gate("backoff", text, Some(run.id.to_string()), next)
        }
        None => gate(
            "not_before",
            format!("not before {} from now", seconds(wait)),
            None,
            next,
        ),
    }
}

/// Tells how the task's last run ended, or who sent its work back, as the end of a sentence.
fn last_verdict(tx: &mut dyn Tx, task: &Task) -> Result<String, OpError> {
    let runs = tx.runs(&task.id)?;
    let last = runs
        .last()
        .and_then(|run| Some((&run.id, run.end.as_ref()?)));
    let Some((run, end)) = last else {
        // A person's work, or a task that was cancelled before anybody began.
        let mut notes = task.notes.iter().rev();
        let opened = notes.find_map(|note| Some((&note.by, note.text.strip_prefix(REOPENED)?)));
        return Ok(opened.map_or(String::new(), |(by, why)| {
            format!("; {by} opened it again: {}", text::flowing(why))
        }));
    };
    let since = task
        .notes
        .iter()
        .rev()
        .filter(|note| note.at_ms >= end.at_ms);
    // The newest word counts: what was sent back may have been accepted and opened again since.
    let mut words = since.filter_map(|note| {
            let by = &note.by;
            let sent = note.text.strip_prefix(SENT_BACK).map(text::flowing);
            let sent = sent.map(|why| format!("; {by} sent run {run} back: {why}"));
            sent.or_else(|| {
                let why = text::flowing(note.text.strip_prefix(REOPENED)?);
                Some(format!(
                    "; {by} opened it again after run {run} had ended, whose verdict counts no more: {why}"
                ))
            })
        });
    if let Some(word) = words.next() {
        return Ok(word);
    }
    let summary = text::one_line(end.summary.lines().next().unwrap_or_default());
    Ok(format!("; run {run} ended: {summary}"))
}

fn leased(tx: &mut dyn Tx, cx: &Cx, config: &Config, task: &Task) -> Result<Gate, OpError> {
    let run = match &task.state {
        TaskState::Running { run } => Some(run.to_string()),
        _ => None,
    };
    let Some(lease) = tx.lease(&task.id.subject())? else {
        return Ok(gate(
            "lease",
            "it is claimed, but no lease stands behind it".into(),
            run,
            Some("ai doctor".into()),
        ));
    };
    if let Some(run) = cut_off(tx, task)? {
        let text =
            format!("run {run} was cut off: its supervisor died; recovering it saves its work");
        return Ok(gate(
            "cut_off",
            text,
            Some(run.to_string()),
            Some(format!("ai recover {run}")),
        ));
    }
    let what = run
        .as_ref()
        .map_or("claimed".to_owned(), |run| format!("at work in run {run},"));
    Ok(match lease.liveness(&cx.now) {
        LeaseLiveness::Live(ms) => {
            let goes = match &task.state {
                TaskState::Running { run } => tx.run(run)?.map(|run| {
                    format!("; accepted, its work {}", destination(&config.accept, &run))
                }),
                _ => None,
            };
            let text = format!(
                "{what} by {} for another {}{}",
                lease.holder,
                seconds(ms),
                goes.unwrap_or_default()
            );
            gate("lease", text, run, None)
        }
        LeaseLiveness::Lapsed => {
            let (then, next) = match &run {
                Some(run) => (
                    "the run must be recovered first",
                    format!("ai recover {run}"),
                ),
                None => ("it can be claimed", format!("ai task claim {}", task.id)),
            };
            gate(
                "lapsed",
                format!("{what} by {}, whose lease has lapsed; {then}", lease.holder),
                run,
                Some(next),
            )
        }
        LeaseLiveness::Unknown => gate(
            "lease",
            format!(
                "{what} by {} under another time namespace of this machine",
                lease.holder
            ),
            run,
            None,
        ),
    })
}

/// The run of a task that is at work by the store, but whose supervisor is certainly dead.
pub fn cut_off(tx: &mut dyn Tx, task: &Task) -> Result<Option<RunId>, OpError> {
    let TaskState::Running { run } = &task.state else {
        return Ok(None);
    };
    Ok(tx.run(run)?.as_ref().and_then(dead))
}

/// The run itself, where it has not ended by the store and its supervisor is certainly dead.
pub fn dead(run: &Run) -> Option<RunId> {
    let is_dead = run.end.is_none() && liveness(&run.supervisor) == Alive::Dead;
    is_dead.then(|| run.id.clone())
}

fn done(id: &TaskId, proof: &Proof) -> Gate {
    let text = match proof {
        Proof::Verdict { tree, .. } => format!(
            "done: the checks passed on tree {}",
            &tree[..tree.len().min(12)]
        ),
        Proof::Overridden { reason, by } => format!("done (overridden) by {by}: {reason}"),
    };
    gate("done", text, None, Some(format!("ai evidence list {id}")))
}

/// The task and its gates, by what was typed.
pub fn why(
    tx: &mut dyn Tx,
    cx: &Cx,
    config: &Config,
    typed: &str,
) -> Result<(Task, Vec<Gate>), OpError> {
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    let found = testimony::contradictions(tx, &id)?;
    let mut gates = gates(tx, cx, config, &task)?;
    if let Some(why) = testimony::sentence(&id, &found) {
        let text = format!("nothing below is to be believed: {why}");
        let next = "ai log verify".to_owned();
        gates.insert(0, gate("tampered", text, None, Some(next)));
    }
    Ok((task, gates))
}

#[cfg(test)]
#[path = "why_tables.rs"]
mod tables;
