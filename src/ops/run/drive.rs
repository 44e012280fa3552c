//! One run from claim to verdict.

use std::sync::Arc;

use crate::base::{fs, id};
use crate::config::Trees;
use crate::connector::api::Connector;
use crate::connector::guides::ProjectGuides;
use crate::domain::actor::{Actor, ActorKind, Incarnation};
use crate::domain::aftermath::CutOffBy;
use crate::domain::agent::{Agent, Name};
use crate::domain::event::Event;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::routing::Relief;
use crate::domain::run::{Run, RunStep};
use crate::domain::sandbox::Isolation;
use crate::domain::verdict::Lifecycle;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::Slot;
use crate::git::{Oid, Repo};
use crate::ops::admission;
use crate::ops::claim::Which;
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::{Bug as _, Kept as _, NO_ACTOR, OpError};
use crate::ops::hosts::JudgeSlot;
use crate::ops::refusal::Refusal;
use crate::ops::route::{self, Wish};
use crate::ops::run::agent::heartbeat::{Account, Beat, Heart, HeartRhythm};
use crate::ops::run::agent::launch::AssignedAgent;
use crate::ops::run::agent::session;
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::choose::{self, Choice};
use crate::ops::run::files::RunDir;
use crate::ops::run::model::{CommandCx, Findings, KeptWork, Origin, RunCx, RunReport, Worked};
use crate::ops::run::origin::{self, origin};
use crate::ops::run::recovery::{ending, older, recover, salvage};
use crate::ops::run::sandbox::layer;
use crate::ops::run::step::claim::{self, Order};
use crate::ops::run::step::{
    agent, checkout, checks, prompt, provision, snapshot, take_up, verdict, worktree,
};
use crate::ops::signals::Signals;
use crate::ops::world::World;
use crate::ops::{agents, credentials, failpoint, policy_files, trust};
use crate::policy::PolicyState;
use crate::process::supervise::{CancelToken, StopReason};
use crate::router::Trace;
use crate::store::{Store, Tx};

/// The end of a run that has slept its lease away.
const STOOD_STILL: &str =
    "stopped: it stood still until its lease was over, as on a machine that slept";

/// Runs a task by an agent. Runs of supervisors that died are recovered first. Where the agent's
/// provider refuses it and somebody is configured to take over, the task goes on with them.
pub fn run(
    world: &World,
    store: &mut dyn Store,
    which: &Which,
    agent_name: Option<&str>,
) -> Result<RunReport, OpError> {
    trust::require(&world.root, &world.location.common_dir, "this run")?;
    let repo = world.repo()?;
    world.places.make()?;
    recover::lost_runs(world, store, &repo)?;
    older::empty_older(world, store, &repo)?;
    session::sweep(world, store)?;
    worktree::refuse_full_disk(world)?;
    let origin = origin(world, &repo)?;
    let policy = base_policy(world, &repo, &origin)?;
    let connectors = agents::connectors(&world.root)?;
    let stage = CommandCx {
        world,
        repo: &repo,
        origin: &origin,
        policy: &policy,
        connectors: &connectors,
    };
    let choice = choose::choose(
        &stage,
        store,
        which,
        agent_name.map_or(Wish::Open, Wish::Named),
    )?;
    let mut report = stage.perform(store, choice)?;
    let mut story = Vec::new();
    while let Some(first) = refused(&report) {
        let which = Which::Task(report.task.id.to_string());
        let word = format!(
            "run {}: {}; a configured fallback takes over",
            report.run.id, report.summary
        );
        let next = choose::choose(&stage, store, &which, Wish::After(&first))
            .and_then(|c| stage.perform(store, c));
        story.push(word);
        match next {
            Ok(next) => report = next,
            Err(error) if error.is_interruption() || !error.leaves_the_store() => {
                return Err(error);
            }
            Err(why) => {
                story.push(format!("nobody can take over now: {why}"));
                break;
            }
        }
    }
    if report.relief == Relief::Room {
        story.push(
            "its fallbacks are at work on all the runs that they may have; the task waits for one of them".into(),
        );
    }
    story.append(&mut report.warnings);
    report.warnings = story;
    Ok(report)
}

/// The agent for which somebody is to take over: the one that had the task first.
fn refused(report: &RunReport) -> Option<String> {
    let refused = report.cell.lifecycle.is_refused_by_provider();
    (refused && report.relief == Relief::Now).then(|| report.run.first_agent().to_owned())
}

impl CommandCx<'_> {
    /// Starts the chosen agent and sees its run to the end. Where another run took its last place
    /// meanwhile, it is chosen anew.
    fn perform(&self, store: &mut dyn Store, choice: Choice) -> Result<RunReport, OpError> {
        let mut choice = choice;
        let mut tries = 0;
        loop {
            match self.attempt(store, &choice) {
                Err(OpError::Refused(refused)) if tries < 8 && choice.may_change(&refused.why) => {
                    tries += 1;
                    let next = choose::choose(self, store, &choice.which, choice.wish())?;
                    if next.is_same(&choice) {
                        return Err(OpError::Refused(refused));
                    }
                    choice = next;
                }
                other => return other,
            }
        }
    }

    fn attempt(&self, store: &mut dyn Store, choice: &Choice) -> Result<RunReport, OpError> {
        let CommandCx {
            world,
            repo,
            origin,
            policy,
            ..
        } = *self;
        let agent = &choice.agent;
        let connector = choose::connector_of(self.connectors, agent)?;
        let which = Which::Task(choice.task.to_string());
        let session =
            Incarnation::new(id::random_text(6)).bug("random letters are no incarnation")?;
        let actor = Actor::new(ActorKind::Agent, agent.name.as_str())
            .bug(NO_ACTOR)?
            .with_incarnation(session);
        check_plans(world, store, &choice.task)?;
        // Better said before anything is claimed.
        layer::layer(world, agent.sandbox)?;
        let ids = agent
            .credentials
            .iter()
            .chain(&connector.describe().credentials);
        let secrets: Vec<&str> = ids.map(Name::as_str).collect();
        credentials::variables(&world.root, secrets.iter().copied(), &world.env)?;
        let isolation = isolation(world, agent, connector);
        if isolation == Isolation::None {
            store.read(claim::the_checkout)?;
            checkout::refuse_dirty(world, repo, origin.base.as_deref())?;
        }
        let ttl_ms = i64::try_from(world.config.defaults.run_ttl.as_millis()).unwrap_or(60_000);
        let cancel = CancelToken::new();
        let _signals = Signals::listen(cancel.clone())?;
        let is_left = |run: &RunId| take_up::is_left(&RunDir::of(world, run));
        let session_of =
            |last: &Run| session::session_of(world, repo, connector.describe(), agent, last);
        let cx = world.cx_as(policy, actor.clone())?;
        let routed = &route::routed(&choice.trace);
        let config = &world.config;
        let machine = admission::sight(config, std::slice::from_ref(agent), &world.pool_dir());
        let order = Order {
            which: &which,
            agent,
            starter: Some(&world.actor).filter(|actor| actor.kind == ActorKind::Agent),
            routed,
            config,
            machine: &machine,
            origin,
            isolation,
            secrets: &secrets,
            ttl_ms,
            is_left: &is_left,
            session_of: &session_of,
        };
        let started = claim::start(store, &cx, &order)?;
        choice
            .trace
            .warnings
            .iter()
            .for_each(|warning| world.say(&format!("warning: {warning}")));
        let files = RunDir::of(world, &started.run.id);
        let live = RunCx {
            world,
            repo,
            policy,
            actor,
            started: &started,
            kept: &[],
            files,
            cancel,
            hosts: JudgeSlot::new(),
        };
        let crew = AssignedAgent {
            agent,
            connector,
            guides: ProjectGuides::of(self.connectors, connector.describe()),
            ledger: Arc::default(),
        };
        Drive { live, crew }.see_through(store, &choice.trace)
    }
}

/// A run that is driven through its steps.
struct Drive<'a> {
    live: RunCx<'a>,
    crew: AssignedAgent<'a>,
}

impl Drive<'_> {
    fn see_through(&self, store: &mut dyn Store, trace: &Trace) -> Result<RunReport, OpError> {
        let (run, token) = (&self.live.started.run, &self.live.started.token);
        let agent = &self.crew.agent.name;
        let instead = trace
            .fallback_of
            .as_ref()
            .map_or(String::new(), |first| format!(" in place of {first}"));
        let onto = run.target.as_deref().map_or(String::new(), |target| {
            format!(", for {}", origin::shown(target))
        });
        self.live.world.say(&format!(
            "run {}: {agent}{instead} on branch {}{onto}",
            run.id, run.branch
        ));
        if let Some(resumed) = &run.resumed {
            self.live.world.say(&format!(
                "run {}: goes on with session {} of run {}",
                run.id, resumed.session, resumed.run
            ));
        }
        let heart = Heart::start(Beat {
            store: self.live.world.store_place(),
            cx: self.live.cx()?,
            clock: self.live.world.clock,
            token: token.clone(),
            every: self.live.world.config.defaults.heartbeat,
            ttl: self.live.world.config.defaults.run_ttl,
            expires_ms: self.granted_until_ms(),
            cancel: self.live.cancel.clone(),
            ledger: Arc::clone(&self.crew.ledger),
            on: Account {
                run: run.id.clone(),
                task: self.live.started.task.clone(),
                agent: agent.to_string(),
                config: self.live.world.config.clone(),
            },
        });
        let entered = self
            .tell_route(trace)
            .and_then(|()| enter(&self.live, store));
        let ended = match entered {
            Ok((slot, shadow)) => findings(&self.live, &self.crew, store, (&slot, &shadow))
                .and_then(|findings| verdict::finish(&self.live, store, findings))
                .map_err(|error| (error, Worktree::Entered)),
            Err(error) => Err((error, Worktree::Outside)),
        };
        let rhythm = heart.end();
        match ended {
            Ok(report) if self.live.was_stopped() => Err(self.interrupted(&report.summary)),
            Ok(report) => Ok(report),
            Err((error, worktree)) => Err(self.give_up(store, error, (worktree, rhythm))),
        }
    }

    /// The end of the lease as it was granted, by the boot clock. Without a start on record it is
    /// over, until the first heartbeat says otherwise.
    fn granted_until_ms(&self) -> i64 {
        let ttl = self.live.world.config.defaults.run_ttl.as_millis();
        let start = self.live.started.run.started.as_ref();
        let start_ms = start.map_or(0, |instant| instant.ms);
        start_ms.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX))
    }

    /// Keeps the whole trace of the choice with the run's files.
    fn tell_route(&self, trace: &Trace) -> Result<(), OpError> {
        self.live.files.make()?;
        failpoint::hit("claimed")?;
        let text = serde_json::to_string_pretty(trace).unwrap_or_default();
        fs::write_private(
            &self.live.files.routing(),
            self.live.world.redactor().redact_text(&text).as_bytes(),
        )
        .map_err(OpError::from)
    }

    /// Ends a run that could not be seen through, and says why.
    fn give_up(
        &self,
        store: &mut dyn Store,
        error: OpError,
        (worktree, rhythm): (Worktree, HeartRhythm),
    ) -> OpError {
        let run = &self.live.started.run;
        // What has lost its lease by standing still has no other end, though somebody may have asked for one since, as a
        // daemon does that finds the lease lapsed.
        let cause = match rhythm {
            HeartRhythm::StoodStill => CutOffBy::Standstill,
            HeartRhythm::Steady if self.live.was_stopped() => CutOffBy::Person,
            HeartRhythm::Steady => CutOffBy::Machine,
        };
        let kept = match (cause, worktree) {
            // What stands in the worktree is not this run's, and saved by the next one that wants it. Whoever
            // stops a run does not want to wait for that.
            (CutOffBy::Person, Worktree::Outside) if !run.is_in_place() => KeptWork::Nothing,
            _ => salvage::keep(self.live.world, self.live.repo, run),
        };
        let reason = self.live.cancel.reason();
        let (said, why) = match (cause, &reason) {
            (CutOffBy::Standstill, _) => (STOOD_STILL, Some(error)),
            (_, Some(StopReason::Interrupted | StopReason::Shutdown)) => {
                ("stopped by a person", None)
            }
            (_, Some(StopReason::LeaseLost)) => ("stopped: its lease was lost", Some(error)),
            _ => ("could not be seen through", Some(error)),
        };
        let summary = match (&reason, &why) {
            (Some(StopReason::LeaseLost), _) | (_, None) => said.to_owned(),
            _ if cause == CutOffBy::Standstill => said.to_owned(),
            (_, Some(error)) => format!(
                "{said}: {}",
                self.live.world.redactor().redact_text(&error.to_string())
            ),
        };
        let ended = self.live.cx().and_then(|cx| {
            commit(store, &cx, |tx, cx| {
                self.settle(tx, cx)?;
                ending::end(tx, cx, run, cause, &summary, &kept)
            })
        });
        self.live
            .world
            .say(&format!("run {}: {said}{}", run.id, kept.clause()));
        // The reason is the command's error, which is told once.
        match (ended, why) {
            (Err(also), None) => also,
            // The run is found dead and recovered by the next command; what went wrong first is
            // what has to be said.
            (Err(_) | Ok(()), Some(error)) => error,
            (Ok(()), None) => self.interrupted(&format!("{summary}{}", kept.clause())),
        }
    }

    /// Records what was used since the last heartbeat, whatever became of the run.
    fn settle(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<(), OpError> {
        let run = &self.live.started.run;
        let Some(now) = tx.run(&run.id)?.filter(|now| now.end.is_none()) else {
            return Ok(());
        };
        match self
            .crew
            .ledger
            .used()
            .filter(|used| Some(*used) != now.used)
        {
            Some(used) => cx.record(
                tx,
                &Event::RunUsed {
                    run: run.id.clone(),
                    used,
                },
            ),
            None => Ok(()),
        }
    }

    fn interrupted(&self, summary: &str) -> OpError {
        Refusal::Interrupted(format!("run {}: {summary}", self.live.started.run.id)).into()
    }
}

/// Whether a run has its worktree yet.
#[derive(Clone, Copy)]
enum Worktree {
    /// It stands ready, and what is in it is the run's.
    Entered,
    /// What is in it is of others.
    Outside,
}

fn enter(live: &RunCx<'_>, store: &mut dyn Store) -> Result<(Slot, ShadowRepo), OpError> {
    live.step(store, RunStep::Worktree)?;
    worktree::prepare(live)
}

/// Does everything that has to be done in the worktree before a verdict.
fn findings(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
    (slot, shadow): (&Slot, &ShadowRepo),
) -> Result<Findings, OpError> {
    let in_place = live.started.run.is_in_place();
    failpoint::hit("worktree")?;
    worktree::bring_work(live.repo, &live.started.run, slot, shadow)?;
    let session = session::session(&live.started.run);
    let mail = prompt::write(live, slot, session, crew, store)?;
    let taken_up = take_up::take_up(live, store, shadow)?;
    // A checkout in which a person works is provisioned.
    if taken_up.is_none() && !in_place {
        provision::provision(live, crew.agent, store, slot)?;
    }
    failpoint::hit("prompt")?;
    let worked = match taken_up {
        Some(worked) => worked,
        None => agent::work(live, crew, store, (slot, shadow), mail)?,
    };
    take_up::leave(live, &worked)?;
    let (patch, stats) = snapshot::record_sealed(live, store, shadow, &worked.sealed)?;
    let checked = match worked.lifecycle {
        Lifecycle::Finished => checks::checks(live, &worked.sealed)?,
        _ => Vec::new(),
    };
    failpoint::hit("checks")?;
    let Worked {
        end,
        lifecycle,
        sealed,
        changed,
        mut remarks,
    } = worked;
    remarks.extend(patch.remark());
    Ok(Findings {
        end: Some(end),
        lifecycle,
        sealed,
        changed,
        remarks,
        patch: patch.file,
        stats,
        checked,
    })
}

/// The policy of the base commit, which no agent can have written; the checkout's where the base
/// has none yet.
pub(crate) fn base_policy(
    world: &World,
    repo: &Repo,
    origin: &Origin,
) -> Result<PolicyState, OpError> {
    let Some(base) = &origin.base else {
        return Ok(world.checkout_policy());
    };
    let base = Oid::parse(base).kept("the base of the run")?;
    let found = policy_files::of_commit(&world.root, &Trees::of_user(), (repo, &base))?;
    Ok(found.unwrap_or_else(|| world.checkout_policy()))
}

/// Returns where the agent works: what its own file says, else its connector, else the project.
fn isolation(world: &World, agent: &Agent, connector: &dyn Connector) -> Isolation {
    agent
        .isolation
        .or(connector.describe().isolation)
        .unwrap_or(world.config.runs.isolation)
}

/// A check that does not exist is better said before anything is claimed.
fn check_plans(world: &World, store: &mut dyn Store, task: &TaskId) -> Result<(), OpError> {
    let task = store.read(|tx| cx::load(tx, task))?;
    CheckPlan::of(&task, &world.config).map(drop)
}
