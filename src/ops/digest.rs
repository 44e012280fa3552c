//! `ai digest`: what a stretch of time has brought, what waits for a person, the next step of every other open task, and
//! what the runs took. Reads the log from its end, the store of now, and what stands beside it; changes nothing.
//!
//! A word counts by the time that its record bears, and is the last one by its place in the log: the clock of a machine may be
//! set back.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::actor::Actor;
use crate::domain::digest::{AgentRuns, Fate, Fates, LastWord, by_agent};
use crate::domain::event::Event;
use crate::domain::friction::Friction;
use crate::domain::history::RunUse;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::Run;
use crate::domain::task::{Proof, Task};
use crate::domain::time::WallMs;
use crate::ops::error::OpError;
use crate::ops::friction;
use crate::ops::needs_you::{self, Need};
use crate::ops::schedule::{self, PlannedStep, PlannedTask};
use crate::ops::world::World;
use crate::store::{EventFilter, Flow, Store, Tx};

/// The digest of a stretch of time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Digest {
    /// The begin of the time that is told of, in milliseconds since 1970.
    pub since_ms: WallMs,
    /// The end of it: the moment of the look.
    pub until_ms: WallMs,
    /// Tasks on which the last word was said in that time, in that order.
    pub tasks: Vec<DigestTask>,
    /// Things that wait for a person, as in `ai status`: the first twenty of each kind.
    pub needs_you: Vec<Need>,
    /// Every other open task, with its next step: those first that start next.
    pub next: Vec<NextStep>,
    /// The frictions that are open, oldest first.
    pub frictions: Vec<Friction>,
    /// The runs that ended in that time, by agent.
    pub agents: Vec<DigestAgent>,
    /// Records of that time that this version cannot read: what they say is missing.
    pub unread_records: u64,
}

/// A task on which the last word was said.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DigestTask {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The end to which it came.
    pub came_to: CameTo,
    /// Time of the word, in milliseconds since 1970.
    pub at_ms: WallMs,
    /// Whoever had it, as `human:NAME` or `agent:NAME`.
    pub by: String,
    /// The reason or the note; of what landed, the reason of an override.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The run whose work it is about, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// The name of the recurring work for which it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurring: Option<String>,
    /// The branch that has the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The commit that brought it there, or that was proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// The end to which a task came, for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameTo {
    /// Done, by a proof.
    Done,
    /// Done, since a person said so.
    DoneOverridden,
    /// Done, and taken back since.
    TakenBack,
    /// Work that was sent back.
    SentBack,
    /// Attempts used up, or parked.
    GivenUp,
    /// Not wanted any more.
    Cancelled,
}

impl CameTo {
    /// Every one, in the order in which a digest tells of them.
    pub const ALL: [CameTo; 6] = [
        CameTo::Done,
        CameTo::DoneOverridden,
        CameTo::TakenBack,
        CameTo::SentBack,
        CameTo::GivenUp,
        CameTo::Cancelled,
    ];

    /// The heading above such tasks.
    pub const fn heading(self) -> &'static str {
        match self {
            CameTo::Done => "done",
            CameTo::DoneOverridden => "done (overridden)",
            CameTo::TakenBack => "taken back",
            CameTo::SentBack => "sent back",
            CameTo::GivenUp => "given up",
            CameTo::Cancelled => "cancelled",
        }
    }
}

/// The next step of an open task that waits for nobody in particular.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NextStep {
    /// The task.
    pub task: TaskId,
    /// The title.
    pub title: String,
    /// The state.
    pub status: String,
    /// The step, or what it waits for.
    pub step: String,
    /// The command that looks at it or moves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The runs of an agent that ended in the time.
#[derive(Debug, Serialize, JsonSchema)]
pub struct DigestAgent {
    /// The agent.
    pub agent: String,
    /// Runs.
    pub runs: u64,
    /// Runs whose work went on to a person.
    pub good: u64,
    /// Runs that failed or were sent back; the rest was nobody's fault.
    pub bad: u64,
    /// Milliseconds that they took.
    pub ms: u64,
    /// Tokens.
    pub tokens: u64,
    /// Dollars, as far as prices are known.
    pub cost_usd: f64,
    /// Runs of unknown price.
    pub unpriced_runs: u64,
    /// Runs whose CLI left something out, so that tokens and cost are a lower bound.
    pub lower_bound_runs: u64,
}

/// Tells of the time from `since_ms` to now.
pub fn digest(world: &World, store: &mut dyn Store, since_ms: WallMs) -> Result<Digest, OpError> {
    let cx = world.cx(&world.checkout_policy())?;
    let now_ms = cx.now.wall_ms;
    let (tasks, agents, frictions, unread, mut needs) = store.read(|tx| -> Result<_, OpError> {
        let past = Past::read(tx, since_ms)?;
        let tasks = past.told(tx, since_ms)?;
        let agents = by_agent(&past.uses).into_iter().map(agent).collect();
        let frictions = friction::open(tx)?;
        let mut needs = needs_you::tasks(tx, now_ms)?;
        needs.extend(needs_you::messages(tx, &cx.actor)?);
        needs.extend(needs_you::overridden(tx, Some(&cx.policy), now_ms)?);
        needs.extend(needs_you::bypasses(tx, &world.state())?);
        Ok((tasks, agents, frictions, past.unread, needs))
    })?;
    needs.extend(needs_you::rescues(&world.location, store)?);
    needs.extend(needs_you::trust(&world.root, &world.location.common_dir)?);
    let parallel = world.config.scheduler.hands(None);
    let plan = schedule::plan(world, store, (parallel, 0))?;
    let told = |task: &PlannedTask| needs.iter().any(|need| need.id == task.task.as_str());
    let open = plan.tasks.into_iter().filter(|task| !told(task));
    Ok(Digest {
        since_ms,
        until_ms: now_ms,
        tasks,
        next: open.map(next_step).collect(),
        needs_you: needs,
        frictions,
        agents,
        unread_records: unread,
    })
}

/// The past of the time, as the log has it.
struct Past {
    fates: Fates,
    uses: Vec<RunUse>,
    unread: u64,
}

impl Past {
    fn read(tx: &mut dyn Tx, since_ms: WallMs) -> Result<Past, OpError> {
        let mut fates = Fates::default();
        let mut ended = BTreeSet::new();
        let (mut has_begun, mut unread) = (false, 0);
        tx.events(&EventFilter::default(), &mut |stored| {
            let is_of_it = stored.at_ms >= since_ms;
            has_begun |= is_of_it;
            if !has_begun {
                return Ok(Flow::More);
            }
            let known = serde_json::from_str::<Event>(&stored.body);
            let actor = serde_json::from_str::<Actor>(&stored.actor);
            let (Ok(event), Ok(actor)) = (known, actor) else {
                unread += 1;
                return Ok(Flow::More);
            };
            fates.see(stored.at_ms, &actor, &event);
            if let Event::RunEnded { run, .. } = event
                && is_of_it
            {
                ended.insert(run);
            }
            Ok(Flow::More)
        })?;
        let mut uses = Vec::new();
        for run in ended {
            let kind = tx.task(&run.task())?.map(|task| task.kind);
            let run = tx.run(&run)?;
            uses.extend(run.and_then(|run| RunUse::of(&run, kind.as_deref().unwrap_or_default())));
        }
        Ok(Past {
            fates,
            uses,
            unread,
        })
    }

    fn told(&self, tx: &mut dyn Tx, since_ms: WallMs) -> Result<Vec<DigestTask>, OpError> {
        let mut all = Vec::new();
        let words = self.fates.clone().in_order().into_iter();
        for (id, word) in words.filter(|(_, word)| word.at_ms >= since_ms) {
            // A store that was put in place of another may not have the task any more.
            if let Some(task) = tx.task(&id)? {
                let run = match run_of(&word, &task) {
                    Some(run) => tx.run(&run)?,
                    None => None,
                };
                all.push(digest_task(task, word, run.as_ref()));
            }
        }
        Ok(all)
    }
}

/// The run that a proof names.
fn run_of(word: &LastWord, task: &Task) -> Option<RunId> {
    match &word.fate {
        Fate::Done(Proof::Verdict { run, .. }) => run.clone(),
        Fate::Done(Proof::Overridden { .. })
        | Fate::TakenBack(_)
        | Fate::SentBack(_)
        | Fate::GivenUp(_)
        | Fate::Cancelled(_) => (task.epoch > 0).then(|| task.id.run(task.epoch)),
    }
}

fn digest_task(task: Task, word: LastWord, run: Option<&Run>) -> DigestTask {
    let landed = run.and_then(|run| run.accepting.as_ref());
    let mut told = DigestTask {
        task: task.id,
        title: task.title,
        came_to: CameTo::Done,
        at_ms: word.at_ms,
        by: word.by.label(),
        why: None,
        run: run.map(|run| run.id.clone()),
        recurring: task.recurring.map(|origin| origin.name),
        target: None,
        commit: None,
    };
    (told.came_to, told.why) = match word.fate {
        Fate::Done(proof) => {
            told.target = landed.map(|landed| landed.target.clone());
            told.commit = landed.map(|landed| landed.commit.clone());
            match proof {
                Proof::Verdict { commit, .. } => {
                    told.commit = told.commit.or(commit);
                    (CameTo::Done, None)
                }
                Proof::Overridden { reason, .. } => (CameTo::DoneOverridden, Some(reason)),
            }
        }
        Fate::TakenBack(note) => (CameTo::TakenBack, Some(note)),
        Fate::SentBack(note) => (CameTo::SentBack, Some(note)),
        Fate::GivenUp(reason) => (CameTo::GivenUp, Some(reason)),
        Fate::Cancelled(reason) => (CameTo::Cancelled, Some(reason)),
    };
    told
}

fn next_step(task: PlannedTask) -> NextStep {
    let id = &task.task;
    let gate = task.gates.into_iter().next();
    let (step, command) = match (task.plan, task.agent, gate) {
        (PlannedStep::Start, Some(agent), _) => (
            format!("starts next, on {agent}"),
            Some(format!("ai run {id}")),
        ),
        (PlannedStep::Start, None, _) => ("starts next".to_owned(), Some(format!("ai run {id}"))),
        (PlannedStep::AtWork, Some(agent), _) => (
            format!("{agent} is at work on it"),
            Some(format!("ai logs {id}")),
        ),
        (PlannedStep::AtWork | PlannedStep::Wait, _, Some(gate)) => (gate.text, gate.next),
        (PlannedStep::AtWork, None, None) => {
            ("is claimed".to_owned(), Some(format!("ai why {id}")))
        }
        (PlannedStep::Wait, _, None) => ("waits".to_owned(), Some(format!("ai why {id}"))),
    };
    NextStep {
        task: task.task,
        title: task.title,
        status: task.status,
        step,
        command,
    }
}

fn agent(runs: AgentRuns) -> DigestAgent {
    DigestAgent {
        agent: runs.agent,
        runs: runs.spent.runs,
        good: runs.good,
        bad: runs.bad,
        ms: runs.spent.ms,
        tokens: runs.spent.tokens,
        cost_usd: runs.spent.cost.dollars(),
        unpriced_runs: runs.spent.unpriced,
        lower_bound_runs: runs.spent.bounded,
    }
}
