//! Work that stands still: lapsed leases, runs without a supervisor, worktrees that are not what
//! they should be.

use std::os::unix::ffi::OsStrExt;

use crate::base::env;
use crate::base::text::{counted, path_bytes};
use crate::domain::ids::Subject;
use crate::domain::lease::{Lease, LeaseLiveness};
use crate::domain::run::Run;
use crate::git::Repo;
use crate::git::worktree::{PoolLimits, SlotState, WorktreePool};
use crate::ops::agents;
use crate::ops::doctor::{Finding, Patient};
use crate::ops::health::Healths;
use crate::ops::places::Places;
use crate::ops::project;
use crate::ops::refusal;
use crate::ops::run::recovery::leftovers;
use crate::ops::run::recovery::liveness::{RunLoss, liveness, loss};
use crate::process::guard::ProcessLook;
use crate::process::identity;
use crate::store::{EventFilter, Flow, Store, StoreError};

/// Two clocks of one machine never differ by more than this without a step.
const CLOCK_SLACK_MS: i64 = 60_000;
/// So many are shown one by one.
const SHOWN: usize = 5;

pub(super) fn look(patient: &Patient<'_>, store: &mut dyn Store, findings: &mut Vec<Finding>) {
    let read = store.read(|tx| {
        let mut newest_ms = None;
        tx.events(
            &EventFilter {
                last: Some(1),
                ..EventFilter::default()
            },
            &mut |event| {
                newest_ms = Some(event.at_ms);
                Ok(Flow::More)
            },
        )?;
        Ok::<_, StoreError>((tx.leases()?, tx.active_runs()?, newest_ms))
    });
    match read {
        Ok((held, active, newest_ms)) => {
            leases(patient, &held, findings);
            runs(&active, findings);
            lapsed_runs(patient, store, &active, findings);
            strays(store, findings);
            findings.extend(wall_clock(patient, newest_ms));
            health(patient, store, findings);
        }
        Err(error) => findings.push(Finding::bad("work", error.to_string())),
    }
}

/// Reports the health of agents that have run.
fn health(patient: &Patient<'_>, store: &mut dyn Store, findings: &mut Vec<Finding>) {
    let Some(Ok(files)) = patient.root.map(agents::list) else {
        return;
    };
    let healths = match store.read(|tx| Healths::read(tx, patient.now.wall_ms)) {
        Ok(healths) => healths,
        Err(error) => return findings.push(Finding::bad("agents", error.to_string())),
    };
    for agent in files.agents {
        let health = healths.of(&agent);
        let text = format!("{}: {}", agent.name, health.text());
        match (health.word, health.last.is_some() || health.load > 0) {
            ("ok", true) => findings.push(Finding::ok("agents", text)),
            ("ok", false) => {}
            _ => findings.push(
                Finding::warn("agents", text).next(format!("ai agent doctor {}", agent.name)),
            ),
        }
    }
}

fn leases(patient: &Patient<'_>, held: &[Lease], findings: &mut Vec<Finding>) {
    let with = |wanted: fn(&LeaseLiveness) -> bool| -> Vec<&Subject> {
        held.iter()
            .filter(|lease| wanted(&lease.liveness(&patient.now)))
            .map(|lease| &lease.subject)
            .collect()
    };
    let lapsed = with(|l| *l == LeaseLiveness::Lapsed);
    let foreign = with(|l| *l == LeaseLiveness::Unknown);
    if !lapsed.is_empty() {
        let text = format!("{} lapsed without a word: {}", lapsed.len(), list(&lapsed));
        let next = format!("ai why {}; whoever claims it next takes it over", lapsed[0]);
        findings.push(Finding::warn("leases", text).next(next));
    }
    if !foreign.is_empty() {
        let text = format!(
            "{} held under another time namespace of this machine, whose clock cannot be read from here: {}",
            foreign.len(),
            list(&foreign)
        );
        findings.push(
            Finding::warn("leases", text)
                .next("run `ai` where they were claimed, such as in that container"),
        );
    }
    if lapsed.is_empty() && foreign.is_empty() {
        findings.push(Finding::ok(
            "leases",
            format!("{} held, none lapsed", held.len()),
        ));
    }
}

fn runs(active: &[Run], findings: &mut Vec<Finding>) {
    let dead: Vec<_> = active
        .iter()
        .filter(|run| liveness(&run.supervisor) == identity::ProcessLiveness::Dead)
        .map(|run| &run.id)
        .collect();
    match dead.first() {
        None => findings.push(Finding::ok(
            "runs",
            format!("{} active, each with its supervisor", active.len()),
        )),
        Some(first) => {
            let text = format!(
                "{} cut off, their supervisors are dead: {}",
                dead.len(),
                list(&dead)
            );
            findings.push(
                Finding::warn("runs", text)
                    .next(format!("ai recover {first}; the next `ai run` does it too")),
            );
        }
    }
}

/// Reports runs whose supervisor is there but stands still.
fn lapsed_runs(
    patient: &Patient<'_>,
    store: &mut dyn Store,
    active: &[Run],
    findings: &mut Vec<Finding>,
) {
    let state = project::state_dir(&patient.place.common_dir);
    for run in active {
        let loss = store.read(|tx| loss(tx, run, &patient.now, &state));
        if loss.is_ok_and(|loss| loss == Some(RunLoss::LeaseLapsed)) {
            let text = format!(
                "{}: process {} let the lease lapse; it is stopped, or hangs",
                run.id, run.supervisor.pid
            );
            let next = format!("ai recover {}; the next `ai run` does it too", run.id);
            findings.push(Finding::warn("runs", text).next(next));
        }
    }
}

/// Reports processes that are left of runs that have ended.
fn strays(store: &mut dyn Store, findings: &mut Vec<Finding>) {
    let Ok(look) = ProcessLook::now() else {
        return;
    };
    let found = store.read(|tx| leftovers::of_ended_runs(tx, &look));
    for stray in found.unwrap_or_default() {
        let text = format!(
            "{} ({}) is left of run {}, which has ended",
            stray.pid, stray.name, stray.run
        );
        findings.push(Finding::warn("processes", text).next("ai recover"));
    }
}

/// Leases live on the boot clock and do not care; people who read times do.
fn wall_clock(patient: &Patient<'_>, newest_ms: Option<i64>) -> Option<Finding> {
    let ahead = newest_ms? - patient.now.wall_ms;
    (ahead > CLOCK_SLACK_MS).then(|| {
        let ahead = refusal::seconds(ahead);
        Finding::warn(
            "clock",
            format!("the newest record is {ahead} ahead of the wall clock, which was set back; leases do not care"),
        )
    })
}

/// The pool of worktrees.
pub(super) fn slots(patient: &Patient<'_>, repo: &Repo, findings: &mut Vec<Finding>) {
    let Some(root) = patient.root else { return };
    let places = Places::of(&patient.place.common_dir, root);
    findings.push(place(&places));
    let mut slots = Vec::new();
    for dir in places.pools() {
        match WorktreePool::new(repo, dir, PoolLimits::default()).list() {
            Ok(found) => slots.extend(found),
            Err(error) => return findings.push(Finding::warn("worktrees", error.to_string())),
        }
    }
    let (ready, odd): (Vec<_>, Vec<_>) = slots
        .into_iter()
        .partition(|slot| slot.state == SlotState::Ready);
    findings.push(Finding::ok(
        "worktrees",
        format!("{} in the pool", ready.len()),
    ));
    findings.extend(much_to_prune(repo));
    let look = ProcessLook::now().ok();
    let within = look.map(|look| leftovers::within(&places, &look));
    findings.extend(
        within
            .into_iter()
            .flatten()
            .map(|(text, next)| Finding::warn("processes", text).next(next)),
    );
    findings.extend(odd.into_iter().map(|slot| {
        let path = path_bytes(slot.path.as_os_str().as_bytes());
        let text = format!("{path} is {}", slot.state);
        match slot.state {
            SlotState::Missing | SlotState::Moved { .. } => {
                Finding::warn("worktrees", text).next("git worktree repair")
            }
            _ => Finding::warn("worktrees", text)
                .next(format!("look at {path} and move away what is yours")),
        }
    }));
}

/// Reports the directory of worktrees and places of checks.
fn place(places: &Places) -> Finding {
    if let Err(error) = places.refuse_unfit() {
        let next = format!(
            "set {} to an absolute directory outside of every checkout",
            env::AI_CACHE_DIR
        );
        return Finding::bad("places", error.to_string()).next(next);
    }
    let dir = places
        .dir()
        .map(|dir| path_bytes(dir.as_os_str().as_bytes()))
        .unwrap_or_default();
    match places.marks_above().first() {
        None => Finding::ok("places", format!("worktrees and checks lie in {dir}")),
        Some(mark) => {
            let mark = path_bytes(mark.as_os_str().as_bytes());
            let text = format!(
                "{mark} stands above the worktrees and checks in {dir}: without a sandbox, tools may find it there"
            );
            let next = format!(
                "move it away, or set {} to a directory of which this is not true",
                env::AI_CACHE_DIR
            );
            Finding::warn("places", text).next(next)
        }
    }
}

/// So many branches and rescues of runs are nothing to speak of.
const MANY: usize = 50;

/// Branches of runs and rescues stay until somebody says that they may go.
fn much_to_prune(repo: &Repo) -> Option<Finding> {
    let count = |prefix: &str| repo.list_refs(prefix).map_or(0, |all| all.len());
    let (branches, rescues) = (count("refs/heads/ai/"), count("refs/ai/rescue/"));
    (branches + rescues > MANY).then(|| {
        let text = format!(
            "kept: {} of runs, {}",
            counted(branches, "branch"),
            counted(rescues, "rescue")
        );
        Finding::warn("worktrees", text).next("ai worktree prune --dry-run")
    })
}

fn list<T: std::fmt::Display>(all: &[T]) -> String {
    let shown: Vec<String> = all.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if all.len() > SHOWN {
        format!(" and {} more", all.len() - SHOWN)
    } else {
        String::new()
    };
    format!("{}{more}", shown.join(", "))
}
