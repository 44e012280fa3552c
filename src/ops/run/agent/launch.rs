//! The agent's step: start the connector in the worktree, listen, and see it to its end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::base::{fs, id};
use crate::connector::api::Connector;
use crate::connector::dialogue::ToolGate;
use crate::connector::launch::{
    LaunchPlan, LaunchRequest, PlannedStdin as PlanStdin, SessionChoice,
};
use crate::connector::manifest::Manifest;
use crate::domain::agent::{Agent, Name};
use crate::domain::budget::{BudgetLevel, RunUsage, Unit};
use crate::domain::lease::Token;
use crate::domain::process_end::ProcessEnd;
use crate::domain::run::Run;
use crate::domain::sandbox::{Network, SandboxUsed};
use crate::git::quarantine::Quarantine;
use crate::git::worktree::Slot;
use crate::ops::refusal::OpError;
use crate::ops::run::agent::listener::{Listener, Meter, Talk};
use crate::ops::run::agent::usage::{Ledger, Stage};
use crate::ops::run::agent::{cgroup, ports, session};
use crate::ops::run::checks::runner::{process_end, runtime};
use crate::ops::run::model::{AgentEnd, HeldBy};
use crate::ops::run::sandbox::builder::{self, Ground, Inmate, Missing};
use crate::ops::world::World;
use crate::ops::{credentials, detect, failpoint};
use crate::policy;
use crate::process::environment::child_environment;
use crate::process::supervise::{
    CancelToken, CommandEnd, CommandLimits, CommandOutcome, OutputTo, SpawnSpec, StdinSource,
    StopReason, TimeoutKind, supervise,
};

/// The logs of an agent in its run's directory.
pub const LOGS: [&str; 3] = ["stdout.log", "stderr.log", "events.jsonl"];

/// The agent that a run was given to, with the account of its use.
pub(crate) struct AssignedAgent<'a> {
    /// The agent.
    pub(crate) agent: &'a Agent,
    /// Its connector.
    pub(crate) connector: &'a dyn Connector,
    /// What it uses.
    pub(crate) ledger: Arc<Ledger>,
}

/// What the agent's step is given.
pub struct AgentStep<'a> {
    /// The agent.
    pub agent: &'a Agent,
    /// Its connector.
    pub connector: &'a dyn Connector,
    /// The run.
    pub run: &'a Run,
    /// The prompt.
    pub prompt: &'a str,
    /// Where it works.
    pub slot: &'a Slot,
    /// Where its commits go, where a sandbox keeps it from the repository's objects.
    pub own: Option<&'a Quarantine>,
    /// What the policy says of its network.
    pub network: Network,
    /// The run's directory.
    pub dir: &'a Path,
    /// Where it has a home of its own, should it get one.
    pub home: &'a Path,
    /// The lease, so that the agent's own `ai` commands act under it.
    pub token: &'a Token,
    /// The limits of the policy under which it runs.
    pub limits: &'a policy::PolicyLimits,
    /// Ceilings on what it uses.
    pub budget: &'a [BudgetLevel],
    /// A new session, or the one that it goes on with.
    pub session: SessionChoice<'a>,
    /// Told of what it uses.
    pub ledger: &'a Arc<Ledger>,
}

/// Runs the agent to its end. An agent that asks before it calls a tool is answered by `gate`.
pub fn run_agent(
    world: &World,
    step: &AgentStep<'_>,
    gate: &mut dyn ToolGate,
    cancel: &CancelToken,
) -> Result<AgentEnd, OpError> {
    let prompt_file = step.dir.join("prompt.md");
    let program = detect::native_program(step.connector.describe(), &world.env);
    let id = new_session_id(step);
    let request = LaunchRequest {
        agent: step.agent,
        model: None,
        prompt: step.prompt,
        prompt_file: &prompt_file,
        worktree: &step.slot.path,
        run_dir: step.dir,
        home_dir: step.home,
        session: id.as_deref().map_or(step.session, SessionChoice::Named),
        program: program.as_deref(),
    };
    let mut plan = step.connector.command(&request)?;
    lay_out(world, step, &plan)?;
    let ground = ground(world, step, &plan)?;
    let used = ground.used();
    if builder::leaves_no_room(world, used) {
        drop_own_sandbox(&mut plan.argv, step.connector.describe());
    }
    world.say(&format!("sandbox of {}: {used}", step.run.id));
    let mut spec = spawn_spec(world, step, &plan, &ground)?;
    let ports = ports::of_run(&world.config, step.dir, &step.run.worktree)?;
    spec.env.extend(ports::variables(&ports));
    let before = match (&step.run.resumed, step.session) {
        (Some(resumed), SessionChoice::Resume(_)) => resumed.used,
        _ => RunUsage::default(),
    };
    let meter = Meter {
        levels: step.budget.to_vec(),
        before,
        cancel: cancel.clone(),
        ledger: Arc::clone(step.ledger),
    };
    let talk = step
        .connector
        .dialogue(&request)
        .map(|dialogue| Talk { dialogue, gate });
    let mut listener = Listener::new(step, talk, meter, world)?;
    if let Some(id) = &id {
        listener.parser.get_mut().named(id);
    }
    let runtime = runtime()?;
    step.ledger.set_stage(Stage::AtWork);
    let outcome = runtime.block_on(supervise(&spec, world.redactor(), &mut listener, cancel));
    step.ledger.set_stage(Stage::Idle);
    // The limit was the agent's. What it had done before it could be stopped is judged, and a
    // person can still stop that.
    cancel.lift_limit();
    let planted = planted(step, &ground);
    ground.clear()?;
    let end = outcome
        .map_err(OpError::from)
        .and_then(|outcome| conclude(world, step, &spec, listener, outcome));
    if let Some(home) = plan.home.as_deref() {
        leave_home(world, step, home, end.as_ref().ok());
    }
    Ok(AgentEnd {
        sandbox: used,
        held: HeldBy::of(spec.cgroup.as_ref()),
        planted,
        ..end?
    })
}

fn planted(step: &AgentStep<'_>, ground: &Ground) -> Vec<String> {
    let told = |(place, taken): (PathBuf, Result<PathBuf, OpError>)| {
        let now = taken.map_or_else(
            |why| format!("still there: {why}"),
            |name| name.display().to_string(),
        );
        format!(
            "{} was made, which the agent's program may only read; it is now {now}",
            place.display()
        )
    };
    ground
        .take_away(step.run.id.as_str())
        .into_iter()
        .map(told)
        .collect()
}

/// The id that a new session is given, where the CLI can be told one.
fn new_session_id(step: &AgentStep<'_>) -> Option<String> {
    let can_be_told = !step.connector.describe().session_args.is_empty();
    (can_be_told && step.session == SessionChoice::New).then(id::random_uuid)
}

/// Removes a run's home, whose content is not redacted, so that it does not stay beside the
/// evidence: only a session that may go on is kept, for as long as it may.
fn leave_home(world: &World, step: &AgentStep<'_>, home: &Path, end: Option<&AgentEnd>) {
    let can_go_on = !step.connector.describe().resume_args.is_empty()
        && end.is_some_and(session::was_interrupted);
    let left = if can_go_on {
        session::keep_home(world, &step.run.id, home)
    } else {
        fs::remove_dir_all(home).map_err(OpError::from)
    };
    if let Err(error) = left {
        world.say(&format!("warning: {error}"));
    }
}

/// What the agent may reach.
fn ground(world: &World, step: &AgentStep<'_>, plan: &LaunchPlan) -> Result<Ground, OpError> {
    let layer = builder::layer(world, step.agent.sandbox)?;
    let network = step.network.and(step.agent.network.unwrap_or_default());
    let mut ground = Ground::new(world, Inmate::Agent, layer, network, &step.dir.join("tmp"))?;
    ground.programs(&plan.argv, &world.env);
    let missing = if plan.home.is_some() {
        Missing::StaysOut
    } else {
        Missing::IsMade
    };
    ground.login(step.connector.describe(), &world.env, missing);
    if let Some(home) = &plan.home {
        ground.write(home);
    }
    if step.run.is_in_place() {
        ground.checkout(&step.slot.path, &step.slot.admin)?
    } else {
        ground.worktree(&step.slot.path, &step.slot.admin, step.own)?
    }
    Ok(ground)
}

/// A CLI whose own sandbox cannot be made inside of ours would refuse all work.
fn drop_own_sandbox(argv: &mut [OsString], manifest: &Manifest) {
    for word in argv {
        if let Some(other) = word
            .to_str()
            .and_then(|text| manifest.without_own_sandbox.get(text))
        {
            *word = other.into();
        }
    }
}

/// Makes the files and directories that the CLI expects. A session that goes on finds its home
/// again.
fn lay_out(world: &World, step: &AgentStep<'_>, plan: &LaunchPlan) -> Result<(), OpError> {
    for (path, text) in &plan.files {
        fs::write_private(path, text.as_bytes())?;
    }
    let resumed = step
        .run
        .resumed
        .as_ref()
        .filter(|_| matches!(step.session, SessionChoice::Resume(_)));
    let kept = resumed.and_then(|resumed| session::kept_home(world, &resumed.run));
    let Some(home) = &plan.home else {
        return Ok(());
    };
    // One that could not be removed after its run is not for this one.
    fs::remove_dir_all(home)?;
    if let Some(kept) = kept {
        home.parent().map_or(Ok(()), fs::create_private_dir)?;
        fs::rename(&kept, home)?;
    }
    Ok(fs::create_private_dir(home)?)
}

fn conclude(
    world: &World,
    step: &AgentStep<'_>,
    spec: &SpawnSpec,
    listener: Listener<'_>,
    outcome: CommandOutcome,
) -> Result<AgentEnd, OpError> {
    if !outcome.survivors.is_empty() {
        world.say(&format!(
            "warning: processes {:?} of {} could not be ended",
            outcome.survivors, step.run.id
        ));
    }
    let limit = match outcome.end {
        CommandEnd::TimedOut(TimeoutKind::Silence) => spec.limits.silence,
        _ => spec.limits.total,
    };
    let end = process_end(&outcome.end, outcome.oom, limit.unwrap_or_default());
    let stopped = match &outcome.end {
        CommandEnd::Cancelled(reason) => Some(reason.clone()),
        _ => None,
    };
    let at_work = listener.at_work;
    let tools: Vec<String> = listener.tools.iter().cloned().collect();
    let unwritten = unwritten(&outcome, listener.lost.as_deref());
    let result = listener.parser.into_inner().finish(&end);
    let duration_ms = u64::try_from(outcome.duration.as_millis()).unwrap_or(u64::MAX);
    let budget = match &stopped {
        Some(StopReason::Limit(_)) => step.ledger.reached(),
        _ => spent_time(step, &end),
    };
    Ok(AgentEnd {
        end,
        result,
        duration_ms,
        stopped,
        leftovers: outcome.leftovers,
        sandbox: SandboxUsed::NONE,
        trespasses: Vec::new(),
        planted: Vec::new(),
        budget,
        stall: outcome.stall,
        held: HeldBy::Subreaper,
        unwritten,
        at_work,
        resume_refused: None,
        parked: None,
        tools,
    })
}

/// The logs that could not be written to their end, on a full disk mostly. The agent was not
/// stopped for that.
fn unwritten(outcome: &CommandOutcome, events: Option<&str>) -> Vec<String> {
    let errors = [
        outcome.stdout.write_error.as_deref(),
        outcome.stderr.write_error.as_deref(),
        events,
    ];
    let told = LOGS
        .iter()
        .zip(errors)
        .filter_map(|(log, why)| Some(format!("{log} is not whole: {}", why?)));
    told.collect()
}

/// What is left of the tightest budget of minutes.
fn minutes_left(step: &AgentStep<'_>) -> Option<(Duration, String)> {
    let minutes = step
        .budget
        .iter()
        .filter(|level| level.unit == Unit::Minutes);
    minutes
        .min_by_key(|level| level.left())
        .map(|level| (Duration::from_millis(level.left()), level.name()))
}

/// The budget of minutes that ended a run, where it was that and no other limit of time.
fn spent_time(step: &AgentStep<'_>, end: &ProcessEnd) -> Option<String> {
    let ProcessEnd::TimedOut { .. } = end else {
        return None;
    };
    let (left, name) = minutes_left(step)?;
    (left < Duration::from_secs(u64::from(step.agent.limits.minutes) * 60)).then_some(name)
}

fn spawn_spec(
    world: &World,
    step: &AgentStep<'_>,
    plan: &LaunchPlan,
    ground: &Ground,
) -> Result<SpawnSpec, OpError> {
    let (agent, runs) = (step.agent.limits, &world.config.runs);
    // The strictest of three counts: the agent's, the project's and the policy's.
    let minutes = |n: u32, policy: Option<u32>| {
        Some(Duration::from_secs(
            u64::from(n.min(policy.unwrap_or(n))) * 60,
        ))
    };
    Ok(SpawnSpec {
        argv: plan.argv.clone(),
        cwd: plan.cwd.clone(),
        env: agent_environment(world, step, plan, ground)?,
        stdin: match &plan.stdin {
            PlanStdin::Null => StdinSource::Null,
            PlanStdin::File(path) => StdinSource::File(path.clone()),
            PlanStdin::Dialogue => StdinSource::Talk(step.dir.join("stdin")),
        },
        run_id: Some(step.run.id.to_string()),
        files: Some(step.slot.path.clone()),
        cgroup: cgroup::make(step),
        sandbox: ground.fence(),
        limits: CommandLimits {
            total: at_most(
                minutes(agent.minutes.min(runs.minutes), step.limits.run_minutes),
                minutes_left(step).map(|(left, _)| left),
            ),
            silence: failpoint::silence().or_else(|| {
                minutes(
                    agent.silence_minutes.min(runs.silence_minutes),
                    step.limits.silence_minutes,
                )
            }),
            grace: runs.grace,
            output_cap: u64::from(agent.output_mb.min(runs.output_mb)) << 20,
        },
        stdout: OutputTo::File(step.dir.join("stdout.log")),
        stderr: OutputTo::File(step.dir.join("stderr.log")),
    })
}

fn agent_environment(
    world: &World,
    step: &AgentStep<'_>,
    plan: &LaunchPlan,
    ground: &Ground,
) -> Result<Vec<(OsString, OsString)>, OpError> {
    let mut set: Vec<(OsString, OsString)> = plan
        .env_set
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    let own = [
        ("AI_TASK", step.run.task.to_string()),
        ("AI_LEASE", step.token.reveal()),
        ("AI_ACTOR", format!("agent:{}", step.run.agent)),
        // A question asked by Git would hang the night: it fails instead.
        ("GIT_TERMINAL_PROMPT", "0".to_owned()),
        ("GIT_EDITOR", "true".to_owned()),
    ];
    set.extend(own.map(|(name, value)| (name.into(), value.into())));
    set.extend(ground.variables());
    let ids = step
        .agent
        .credentials
        .iter()
        .chain(&step.connector.describe().credentials);
    set.extend(credentials::variables(
        &world.root,
        ids.map(Name::as_str),
        &world.env,
    )?);
    let pass: Vec<String> = plan
        .env_pass
        .iter()
        .chain(&world.config.runs.env_pass)
        .cloned()
        .collect();
    Ok(child_environment(&world.env, &pass, &set))
}

fn at_most(limit: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (limit, other) {
        (Some(limit), Some(other)) => Some(limit.min(other)),
        (limit, other) => limit.or(other),
    }
}
