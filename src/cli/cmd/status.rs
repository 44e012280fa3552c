//! `ai status`: tasks by state, who works at which step, what needs the person who looks, and how
//! the agents fare.

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::one_line;
use crate::cli::answer::{AgentStatus, StatusAgent, StatusAnswer, StatusLease, StatusRun};
use crate::cli::cmd::daemon::order;
use crate::cli::context::{Context, Outcome};
use crate::domain::actor::Actor;
use crate::domain::agent::Agent;
use crate::domain::ids::{RunId, Subject};
use crate::domain::lease::{Lease, LeaseLiveness};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::time::Now;
use crate::ops::cx::PolicyAtHand;
use crate::ops::error::OpError;
use crate::ops::health::Healths;
use crate::ops::needs_you::{self, Need, NeedKind};
use crate::ops::refusal::seconds;
use crate::ops::{agents, why};
use crate::store::{Access, Store, Tx};

#[derive(Args)]
pub(in crate::cli) struct StatusArgs {}

/// Number of leases that are shown one by one.
const SHOWN: usize = 20;

struct Picture {
    tally: Vec<(String, u64)>,
    leases: Vec<LeasedTask>,
    needs: Vec<Need>,
    healths: Healths,
}

struct LeasedTask {
    lease: Lease,
    task: Option<Task>,
    /// The run at work on the task.
    run: Option<Run>,
    /// The run that was cut off, where its supervisor has died.
    cut_off: Option<RunId>,
}

pub(super) fn run(_args: &StatusArgs, context: &mut Context) -> Outcome {
    let now = now();
    let policy = context.workspace.policy().ok();
    let looker = context.workspace.actor()?;
    let store = context.store(Access::Read)?;
    let mut picture = store.read(|tx| look(tx, policy.as_ref(), (&looker, &now)))?;
    look_around(&mut picture.needs, store, context);
    // Agents are files: in a repository whose own cannot be read, the rest is shown all the same.
    let agents = context
        .workspace
        .root()
        .ok()
        .and_then(|root| agents::list(root).ok())
        .map(|files| files.agents)
        .unwrap_or_default();
    if context.ui.json() {
        context.ui.object(&answer(&picture, &agents, &now));
        return Ok(exit::OK);
    }
    context.ui.line(&tally_text(&picture.tally));
    order::tell(context)?;
    for leased in &picture.leases {
        context.ui.item(&at_work(leased, &now));
    }
    for agent in &agents {
        let health = picture.healths.of(agent);
        if health.is_of_note() {
            context
                .ui
                .item(&format!("  agent {}  {}", agent.name, health.text()));
        }
    }
    if !picture.needs.is_empty() {
        context.ui.line("needs you:");
        let rows: Vec<Vec<String>> = picture.needs.iter().map(needs_you::row).collect();
        context.ui.table_below(&rows);
    }
    Ok(exit::OK)
}

/// Adds what waits outside of the store. What cannot be looked at is said, and the rest is shown.
fn look_around(needs: &mut Vec<Need>, store: &mut dyn Store, context: &mut Context) {
    let Ok(place) = context.workspace.place().cloned() else {
        return;
    };
    let rescues = needs_you::rescues(&place, store);
    let trust = match context.workspace.root() {
        Ok(root) => needs_you::trust(root, &place.common_dir),
        Err(_) => Ok(None),
    };
    let bypasses = match context.workspace.state_dir() {
        Ok(state_dir) => store.read(|tx| needs_you::bypasses(tx, &state_dir)),
        Err(_) => Ok(Vec::new()),
    };
    let recurring = match context.workspace.root() {
        Ok(root) => needs_you::recurring((root, &place.common_dir), store, now().wall_ms),
        Err(_) => Ok(Vec::new()),
    };
    match recurring {
        Ok(recurring) => needs.extend(recurring),
        Err(error) => context
            .ui
            .warn(&format!("recurring work could not be looked at: {error}")),
    }
    match bypasses {
        Ok(bypasses) => needs.extend(bypasses),
        Err(error) => context.ui.warn(&format!(
            "what passed the hooks by could not be looked at: {error}"
        )),
    }
    match rescues {
        Ok(rescues) => needs.extend(rescues),
        Err(error) => context
            .ui
            .warn(&format!("rescued work could not be looked at: {error}")),
    }
    match trust {
        Ok(trust) => needs.extend(trust),
        Err(error) => context
            .ui
            .warn(&format!("trust could not be looked at: {error}")),
    }
}

/// A lease and who works under it.
fn at_work(leased: &LeasedTask, now: &Now) -> String {
    let LeasedTask {
        lease,
        task,
        run,
        cut_off,
    } = leased;
    let left = match (cut_off, lease.liveness(now)) {
        (Some(run), _) => format!("cut off, see `ai recover {run}`"),
        (None, LeaseLiveness::Live(ms)) => format!("{} left", seconds(ms)),
        (None, LeaseLiveness::Lapsed) => "lapsed".to_owned(),
        (None, LeaseLiveness::Unknown) => "held under another clock".to_owned(),
    };
    format!(
        "  {}  {}  {left}  {}",
        lease.subject,
        lease.holder,
        what(&lease.subject, task.as_ref(), run.as_ref(), now)
    )
}

fn answer<'a>(picture: &'a Picture, agents: &'a [Agent], now: &Now) -> StatusAnswer<'a> {
    let agent = |agent: &'a Agent| StatusAgent {
        name: agent.name.as_str(),
        status: AgentStatus::of(picture.healths.of(agent)),
    };
    let leases = picture.leases.iter().map(
        |LeasedTask {
             lease, task, run, ..
         }| StatusLease {
            subject: &lease.subject,
            holder: &lease.holder,
            epoch: lease.epoch,
            expires_ms: lease.expires_ms,
            live: lease.binds(now),
            title: task.as_ref().map(|t| t.title.as_str()),
            status: task.as_ref().map(|t| t.state.name()),
            run: run.as_ref().map(|run| StatusRun {
                id: &run.id,
                step: run.step,
                minutes: minutes(run, now),
            }),
        },
    );
    let of_kinds = |kinds: &[NeedKind]| -> Vec<&str> {
        let needs = picture.needs.iter();
        needs
            .filter(|need| kinds.contains(&need.kind))
            .map(|need| need.id.as_str())
            .collect()
    };
    StatusAnswer {
        tasks: picture
            .tally
            .iter()
            .map(|(status, n)| (status.as_str(), *n))
            .collect(),
        leases: leases.collect(),
        reviews: of_kinds(&[NeedKind::Review]),
        held: of_kinds(&[NeedKind::Approval, NeedKind::Hold, NeedKind::Parked]),
        needs_you: &picture.needs,
        agents: agents.iter().map(agent).collect(),
    }
}

fn look(
    tx: &mut dyn Tx,
    policy: Option<&PolicyAtHand>,
    (looker, now): (&Actor, &Now),
) -> Result<Picture, OpError> {
    let mut leases = Vec::new();
    for lease in tx.leases()?.into_iter().take(SHOWN) {
        let task = lease
            .subject
            .task()
            .map(|id| tx.task(&id))
            .transpose()?
            .flatten();
        let run = match task.as_ref().map(|task| &task.state) {
            Some(TaskState::Running { run }) => tx.run(run)?,
            _ => None,
        };
        let cut_off = run.as_ref().and_then(why::dead);
        leases.push(LeasedTask {
            lease,
            task,
            run,
            cut_off,
        });
    }
    Ok(Picture {
        tally: tx.tally()?,
        leases,
        needs: [
            needs_you::tasks(tx, now.wall_ms)?,
            needs_you::messages(tx, looker)?,
            needs_you::overridden(tx, policy, now.wall_ms)?,
        ]
        .concat(),
        healths: Healths::read(tx, now.wall_ms)?,
    })
}

fn tally_text(tally: &[(String, u64)]) -> String {
    let count = |status: &str| {
        tally
            .iter()
            .find(|(s, _)| s == status)
            .map_or(0, |(_, n)| *n)
    };
    let shown = TaskState::NAMES.iter().filter(|status| count(status) > 0);
    let parts: Vec<String> = shown
        .map(|status| format!("{} {status}", count(status)))
        .collect();
    if parts.is_empty() {
        "no tasks yet".to_owned()
    } else {
        parts.join(", ")
    }
}

fn what(subject: &Subject, task: Option<&Task>, run: Option<&Run>, now: &Now) -> String {
    let Some(task) = task else {
        return format!("path lock {subject}");
    };
    let at = run.map_or(String::new(), |run| {
        format!(" ({}, {} min)", run.step.name(), minutes(run, now))
    });
    format!("{}{at}: {}", task.state.name(), one_line(&task.title))
}

/// Whole minutes since a run began.
fn minutes(run: &Run, now: &Now) -> u64 {
    run.age_ms(now) / 60_000
}
