//! `ai status`

use clap::Args;
use serde::Deserialize;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::one_line;
use crate::cli::answer::{AgentStatus, StatusAgent, StatusAnswer, StatusLease};
use crate::cli::context::{Context, Outcome};
use crate::domain::agent::Agent;
use crate::domain::ids::{RunId, Subject};
use crate::domain::lease::{Lease, LeaseLiveness};
use crate::domain::task::{BlockReason, Task, TaskState};
use crate::domain::time::Now;
use crate::ops::error::OpError;
use crate::ops::health::Healths;
use crate::ops::refusal::seconds;
use crate::ops::{agents, why};
use crate::store::{Access, Flow, TaskFilter, Tx};

#[derive(Args)]
pub(in crate::cli) struct StatusArgs {}

/// Number of leases and reviews that are shown one by one.
const SHOWN: usize = 20;
/// Among how many blocked tasks those that wait for a person are looked for: a look must stay short
/// in a store of any size.
const LOOKED_AT: u64 = 500;

struct Picture {
    tally: Vec<(String, u64)>,
    leases: Vec<LeasedTask>,
    reviews: Vec<(String, String)>,
    held: Vec<(String, BlockReason, String)>,
    healths: Healths,
}

struct LeasedTask {
    lease: Lease,
    task: Option<Task>,
    /// The run that was cut off, where its supervisor has died.
    cut_off: Option<RunId>,
}

pub(super) fn run(_args: &StatusArgs, context: &mut Context) -> Outcome {
    let now = now();
    let store = context.store(Access::Read)?;
    let picture = store.read(|tx| look(tx, &now))?;
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
    for LeasedTask {
        lease,
        task,
        cut_off,
    } in &picture.leases
    {
        let left = match (cut_off, lease.liveness(&now)) {
            (Some(run), _) => format!("cut off, see `ai recover {run}`"),
            (None, LeaseLiveness::Live(ms)) => format!("{} left", seconds(ms)),
            (None, LeaseLiveness::Lapsed) => "lapsed".to_owned(),
            (None, LeaseLiveness::Unknown) => "held under another clock".to_owned(),
        };
        context.ui.line(&format!(
            "  {}  {}  {left}  {}",
            lease.subject,
            lease.holder,
            what(&lease.subject, task.as_ref())
        ));
    }
    for (id, title) in &picture.reviews {
        context.ui.line(&format!(
            "  {id}  waits for your review: {}",
            one_line(title)
        ));
    }
    for (id, why, title) in &picture.held {
        let what = match why {
            BlockReason::Approval => "waits for your yes",
            BlockReason::Parked => "is parked",
            BlockReason::Hold | BlockReason::Dependency => "is on hold",
        };
        context.ui.line(&format!(
            "  {id}  {what}, see `ai why {id}`: {}",
            one_line(title)
        ));
    }
    for agent in &agents {
        let health = picture.healths.of(agent);
        if health.is_of_note() {
            context
                .ui
                .line(&format!("  agent {}  {}", agent.name, health.text()));
        }
    }
    Ok(exit::OK)
}

fn answer<'a>(picture: &'a Picture, agents: &'a [Agent], now: &Now) -> StatusAnswer<'a> {
    let agent = |agent: &'a Agent| StatusAgent {
        name: agent.name.as_str(),
        status: AgentStatus::of(picture.healths.of(agent)),
    };
    let leases = picture
        .leases
        .iter()
        .map(|LeasedTask { lease, task, .. }| StatusLease {
            subject: &lease.subject,
            holder: &lease.holder,
            epoch: lease.epoch,
            expires_ms: lease.expires_ms,
            live: lease.binds(now),
            title: task.as_ref().map(|t| t.title.as_str()),
            status: task.as_ref().map(|t| t.state.name()),
        });
    StatusAnswer {
        tasks: picture
            .tally
            .iter()
            .map(|(status, n)| (status.as_str(), *n))
            .collect(),
        leases: leases.collect(),
        reviews: picture.reviews.iter().map(|(id, _)| id.as_str()).collect(),
        held: picture.held.iter().map(|(id, ..)| id.as_str()).collect(),
        agents: agents.iter().map(agent).collect(),
    }
}

fn look(tx: &mut dyn Tx, now: &Now) -> Result<Picture, OpError> {
    let mut leases = Vec::new();
    for lease in tx.leases()?.into_iter().take(SHOWN) {
        let task = lease
            .subject
            .task()
            .map(|id| tx.task(&id))
            .transpose()?
            .flatten();
        let cut_off = task
            .as_ref()
            .map(|task| why::cut_off(tx, task))
            .transpose()?
            .flatten();
        leases.push(LeasedTask {
            lease,
            task,
            cut_off,
        });
    }
    let mut reviews = Vec::new();
    let filter = TaskFilter {
        statuses: vec!["review".into()],
        limit: Some(SHOWN as u64),
        ..TaskFilter::default()
    };
    tx.list(&filter, &mut |line| {
        reviews.push((line.id.to_owned(), line.title.to_owned()));
        Ok(Flow::More)
    })?;
    Ok(Picture {
        tally: tx.tally()?,
        leases,
        reviews,
        held: held(tx)?,
        healths: Healths::read(tx, now.wall_ms)?,
    })
}

/// The block reason of a task, out of its JSON object.
#[derive(Deserialize)]
struct BlockedTask {
    blocked_by: BlockReason,
}

/// Tasks that wait for a person, not for another task: those that wait for each other go on by
/// themselves.
fn held(tx: &mut dyn Tx) -> Result<Vec<(String, BlockReason, String)>, OpError> {
    let mut held = Vec::new();
    let filter = TaskFilter {
        statuses: vec!["blocked".into()],
        limit: Some(LOOKED_AT),
        ..TaskFilter::default()
    };
    tx.list(&filter, &mut |line| {
        let why = serde_json::from_str::<BlockedTask>(line.json).map(|blocked| blocked.blocked_by);
        if let Ok(why @ (BlockReason::Approval | BlockReason::Parked | BlockReason::Hold)) = why {
            held.push((line.id.to_owned(), why, line.title.to_owned()));
        }
        Ok(if held.len() < SHOWN {
            Flow::More
        } else {
            Flow::Stop
        })
    })?;
    Ok(held)
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

fn what(subject: &Subject, task: Option<&Task>) -> String {
    match task {
        Some(task) => format!("{}: {}", task.state.name(), one_line(&task.title)),
        None => format!("path lock {subject}"),
    }
}
