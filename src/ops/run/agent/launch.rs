//! Starts an agent in its worktree, listens, and sees it to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base::env::{AI_SOCKET, AI_SOCKET_KEY};
use crate::base::text::listed;
use crate::base::{env, fs, id};
use crate::connector::api::Connector;
use crate::connector::dialogue::{Dialogue, ToolGate};
use crate::connector::guides::ProjectGuides;
use crate::connector::launch::{LaunchPlan, LaunchRequest, SessionChoice};
use crate::connector::manifest::Manifest;
use crate::domain::actor::Actor;
use crate::domain::agent::{Agent, Name};
use crate::domain::budget::{BudgetLevel, Unit};
use crate::domain::process_end::ProcessEnd;
use crate::domain::run::Resumed;
use crate::domain::sandbox::{Isolation, SandboxUsed};
use crate::git::quarantine::Quarantine;
use crate::git::ref_trace::TRACE_VARIABLE;
use crate::git::worktree::Slot;
use crate::ops::error::OpError;
use crate::ops::run::agent::listener::{Listener, Meter};
use crate::ops::run::agent::usage::{AgentStage, Ledger};
use crate::ops::run::agent::{
    as_root, cgroup, guard, own_home, own_sandbox, ports, session, tool_flags,
};
use crate::ops::run::files::{AGENT_LOGS, RunDir};
use crate::ops::run::model::{AgentEnd, AgentProcess, AgentReach, AgentStream, HeldBy};
use crate::ops::run::sandbox::builder::{MissingSessions, Occupant, SandboxBuilder};
use crate::ops::run::sandbox::command::{CommandOutput, ConfinedCommand, ConfinedEnd};
use crate::ops::run::sandbox::holding::RunHold;
use crate::ops::run::sandbox::layer;
use crate::ops::run::sandbox::network::NetworkLeave;
use crate::ops::world::World;
use crate::ops::{credentials, detect, failpoint};
use crate::policy;
use crate::process::environment::{EnvVariable, child_environment};
use crate::process::supervise::{
    CancelToken, CommandEnd, CommandLimits, CommandOutcome, StopReason,
};

/// Largest prompt that is read back.
const PROMPT_CAP: u64 = 64 << 20;
/// As much of what a program says that does not start is looked at.
const COMPLAINT_CAP: u64 = 64 << 10;

/// The agent that a run was given to, with the account of its use.
pub(crate) struct AssignedAgent<'a> {
    /// The agent.
    pub(crate) agent: &'a Agent,
    /// The connector.
    pub(crate) connector: &'a dyn Connector,
    /// What the project may keep for it.
    pub(crate) guides: ProjectGuides,
    /// The account of what it uses.
    pub(crate) ledger: Arc<Ledger>,
}

/// Everything with which one agent is started. It knows of no run: an agent can also be tried.
pub(crate) struct AgentLaunch<'a> {
    /// The agent.
    pub(crate) crew: &'a AssignedAgent<'a>,
    /// The mark of its processes; for a run, the id of it.
    pub(crate) label: &'a str,
    /// The place where it works.
    pub(crate) place: AgentPlace<'a>,
    /// The network that the policy leaves it.
    pub(crate) network: NetworkLeave,
    /// The files of its run, the prompt among them.
    pub(crate) files: &'a RunDir,
    /// The place of a home of its own, should it get one.
    pub(crate) home: &'a Path,
    /// The task, by its name in the environment.
    pub(crate) task: &'a str,
    /// The session that holds the lease.
    pub(crate) actor: &'a Actor,
    /// The socket at which the agent's own `ai` commands ask, and the word by which it is known there;
    /// none where nobody answers.
    pub(crate) socket: Option<(&'a Path, &'a str)>,
    /// The limits of the policy under which it runs.
    pub(crate) limits: &'a policy::PolicyLimits,
    /// Ceilings on what it uses.
    pub(crate) budget: &'a [BudgetLevel],
    /// The session that it continues; absent for a new one.
    pub(crate) resumed: Option<&'a Resumed>,
}

/// The place where an agent works.
#[derive(Clone, Copy)]
pub(crate) struct AgentPlace<'a> {
    /// The worktree and its git directory.
    pub(crate) slot: &'a Slot,
    /// The store for its commits, where a sandbox keeps it from the repository's objects.
    pub(crate) own: Option<&'a Quarantine>,
    /// A worktree of its own, or the main checkout.
    pub(crate) isolation: Isolation,
    /// The file to which its Git writes what it does to references; none where that is not to be told.
    pub(crate) ref_trace: Option<&'a Path>,
}

/// Starts the agent and sees it to its end. An agent that asks before it calls a tool is answered
/// by `gate`.
pub(crate) fn launch<'w>(
    world: &'w World,
    launch: &AgentLaunch<'_>,
    gate: &'w mut dyn ToolGate,
    cancel: &CancelToken,
) -> Result<AgentEnd, OpError> {
    let (prompt_file, pipe) = (launch.files.prompt(), launch.files.pipe());
    let files_dir = launch.files.manifest_files();
    let prompt = fs::read_text(&prompt_file, PROMPT_CAP)?;
    let program = detect::native_program(launch.manifest(), &world.env);
    let id = launch.new_session_id();
    let request = LaunchRequest {
        agent: launch.crew.agent,
        model: None,
        prompt: &prompt,
        prompt_file: &prompt_file,
        pipe: &pipe,
        worktree: &launch.place.slot.path,
        run_dir: launch.files.path(),
        files_dir: &files_dir,
        home_dir: launch.home,
        session: id.as_deref().map_or(launch.session(), SessionChoice::Named),
        program: program.as_deref(),
    };
    let connector = launch.crew.connector;
    let plan = connector.command(&request)?;
    let talk = (connector.dialogue(&request), gate);
    launch.perform(world, plan, id, talk, cancel)
}

impl<'a> AgentLaunch<'a> {
    fn manifest(&self) -> &'a Manifest {
        self.crew.connector.describe()
    }

    fn session(&self) -> SessionChoice<'a> {
        self.resumed.map_or(SessionChoice::New, |resumed| {
            SessionChoice::Resume(&resumed.session)
        })
    }

    /// The id that a new session is given, where the CLI can be told one.
    fn new_session_id(&self) -> Option<String> {
        let can_be_told = !self.manifest().session_args.is_empty();
        (can_be_told && self.resumed.is_none()).then(id::random_uuid)
    }

    fn perform<'w>(
        &self,
        world: &'w World,
        mut plan: LaunchPlan,
        session: Option<String>,
        talk: (Option<Box<dyn Dialogue>>, &'w mut dyn ToolGate),
        cancel: &CancelToken,
    ) -> Result<AgentEnd, OpError> {
        tool_flags::hand_on(&mut plan, self.manifest(), self.crew.agent);
        // Without a socket hook and server could ask nobody, and the hook would refuse everything.
        let files_dir = self.files.manifest_files();
        let places = guard::RunPlaces::new(&files_dir, &world.env);
        let give = |_| guard::give(&mut plan, self.manifest(), places);
        let hook = self.socket.and_then(give);
        self.lay_out(world, &plan)?;
        let mut sandbox = self.sandbox(world, &plan)?;
        // The hooks of Git start it, too.
        let own = env::lasting_program().ok();
        for program in hook.iter().chain(&own) {
            sandbox.read(program);
        }
        let used = sandbox.used();
        if layer::leaves_no_room(world, used) {
            own_sandbox::drop_own_sandbox(&mut plan.command.argv, self.manifest());
        }
        if used.mode.confines() {
            own_sandbox::work_unasked(&mut plan, self.manifest());
        }
        world.say(&format!("sandbox of {}: {used}", self.label));
        let hold = cgroup::make(self.files, self.label, &self.crew.agent.resources);
        if let Some(why) = &hold.unlimited {
            world.say(&format!(
                "nothing holds {} to what it declares: {why}",
                self.label
            ));
        }
        let (unlimited, held) = (hold.unlimited.clone(), hold.held_by());
        let command = self.command(world, &plan, hold)?;
        let meter = Meter {
            levels: self.budget.to_vec(),
            before: self.resumed.map(|resumed| resumed.used).unwrap_or_default(),
            cancel: cancel.clone(),
            ledger: Arc::clone(&self.crew.ledger),
        };
        let mut listener = Listener::new(self, talk, meter, world)?;
        if let Some(id) = &session {
            listener.parser.get_mut().named(id);
        }
        let walls = sandbox.clone();
        self.crew.ledger.set_stage(AgentStage::AtWork);
        let ended = command.run(world, sandbox, &mut listener, cancel);
        self.crew.ledger.set_stage(AgentStage::Idle);
        // The limit was the agent's. What it had done before it could be stopped is judged, and a
        // person can still stop that.
        cancel.lift_limit();
        let mut end = ended.map(|ended| self.conclude(world, listener, ended, used, held));
        if let Ok(end) = &mut end {
            let said = self.complaint(end).unwrap_or_default();
            end.process.hidden = walls.missing_path(&said);
            end.process.refused = as_root::told(world, (self.crew.agent, self.manifest()), &said);
            end.process.unlimited = unlimited;
        }
        if let Some(home) = plan.home.as_deref() {
            self.leave_home(world, home, end.as_ref().ok());
        }
        end
    }

    /// The words of a program that did not begin to work.
    fn complaint(&self, end: &AgentEnd) -> Option<String> {
        if end.stream.at_work || end.stream.result.outcome.is_of_the_service() {
            return None;
        }
        let why = match &end.process.end {
            ProcessEnd::NotStarted { why } => why.clone(),
            _ => String::new(),
        };
        let said = fs::read_start(&self.files.stderr(), COMPLAINT_CAP).unwrap_or_default();
        Some(format!("{why}\n{}", String::from_utf8_lossy(&said)))
    }

    /// Makes the files and directories that the CLI expects. A session that goes on finds its home
    /// again.
    fn lay_out(&self, world: &World, plan: &LaunchPlan) -> Result<(), OpError> {
        for (path, text) in &plan.files {
            fs::write_own(path, text.as_bytes())?;
        }
        let kept = self
            .resumed
            .and_then(|resumed| session::kept_home(world, &resumed.run));
        let Some(home) = &plan.home else {
            return Ok(());
        };
        // One that could not be removed after its run is not for this one.
        fs::remove_stubborn(home)?;
        if let Some(kept) = kept {
            home.parent().map_or(Ok(()), fs::create_private_dir)?;
            fs::relocate(&kept, home, None)?;
        }
        fs::create_own_dir(home)?;
        own_home::fill(world, self.manifest(), plan, home)
    }

    /// Removes a run's home, whose content is not redacted, so that it does not stay beside the
    /// evidence: only a session that may go on is kept, for as long as it may.
    fn leave_home(&self, world: &World, home: &Path, end: Option<&AgentEnd>) {
        let can_go_on =
            !self.manifest().resume_args.is_empty() && end.is_some_and(session::was_interrupted);
        let left = if can_go_on {
            session::keep_home(world, self.label, home)
        } else {
            fs::remove_stubborn(home).map_err(OpError::from)
        };
        if let Err(error) = left {
            world.say(&format!("warning: {error}"));
        }
    }

    /// The sandbox with everything that the agent may reach.
    fn sandbox(&self, world: &World, plan: &LaunchPlan) -> Result<SandboxBuilder, OpError> {
        let agent = self.crew.agent;
        let layer = layer::layer(world, agent.sandbox)?;
        let network = self.network.clone();
        let network = match &agent.network {
            Some(own) => network.and(own),
            None => network,
        };
        let tmp = self.files.tmp();
        let mut sandbox = SandboxBuilder::new(world, Occupant::Agent, layer, network, &tmp)?;
        sandbox.launched(&plan.command.argv, &world.env);
        let missing = if plan.home.is_some() {
            MissingSessions::StayOut
        } else {
            MissingSessions::AreMade
        };
        sandbox.login(self.manifest(), &world.env, missing);
        if let Some(home) = &plan.home {
            sandbox.write(home);
        }
        // Of the store's directory it sees the files of its own run.
        sandbox.read(self.files.path());
        let AgentPlace {
            slot,
            own,
            isolation,
            ..
        } = self.place;
        match isolation {
            Isolation::None => sandbox.checkout(&slot.path, &slot.admin)?,
            Isolation::Worktree => sandbox.worktree(&slot.path, &slot.admin, own)?,
        }
        Ok(sandbox)
    }

    fn command(
        &self,
        world: &World,
        plan: &LaunchPlan,
        hold: RunHold,
    ) -> Result<ConfinedCommand, OpError> {
        let mut env = self.environment(world, plan)?;
        let ports = ports::of_run(&world.config, self.files, &self.place.slot.name)?;
        env.extend(ports::variables(&ports));
        Ok(ConfinedCommand {
            command: plan.command.clone(),
            env,
            label: self.label.to_owned(),
            watched: Some(self.place.slot.path.clone()),
            cgroup: hold.cgroup,
            limits: self.limits(world),
            output: CommandOutput::Files(self.files.agent_log()),
        })
    }

    /// The strictest limits of three count: the agent's, the project's and the policy's; and what
    /// is left of a budget of minutes.
    fn limits(&self, world: &World) -> CommandLimits {
        let (agent, runs) = (self.crew.agent.limits, &world.config.runs);
        let minutes = |n: u32, policy: Option<u32>| {
            Some(Duration::from_secs(
                u64::from(n.min(policy.unwrap_or(n))) * 60,
            ))
        };
        CommandLimits {
            total: at_most(
                minutes(agent.minutes.min(runs.minutes), self.limits.run_minutes),
                self.minutes_left().map(|(left, _)| left),
            ),
            silence: failpoint::silence().or_else(|| {
                minutes(
                    agent.silence_minutes.min(runs.silence_minutes),
                    self.limits.silence_minutes,
                )
            }),
            grace: runs.grace,
            output_cap: u64::from(agent.output_mb.min(runs.output_mb)) << 20,
        }
    }

    fn environment(&self, world: &World, plan: &LaunchPlan) -> Result<Vec<EnvVariable>, OpError> {
        let agent = self.crew.agent;
        let mut set: Vec<EnvVariable> = plan
            .env_set
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let own = [
            ("AI_TASK", self.task.to_owned()),
            ("AI_ACTOR", self.actor.to_string()),
            // A question asked by Git would hang the night: it fails instead.
            ("GIT_TERMINAL_PROMPT", "0".to_owned()),
            ("GIT_EDITOR", "true".to_owned()),
        ];
        set.extend(own.map(|(name, value)| (name.into(), value.into())));
        if let Some((path, key)) = self.socket {
            set.push((AI_SOCKET.into(), path.into()));
            set.push((AI_SOCKET_KEY.into(), key.into()));
        }
        if let Some(file) = self.place.ref_trace {
            set.push((TRACE_VARIABLE.into(), file.into()));
        }
        let ids = agent.credentials.iter().chain(&self.manifest().credentials);
        let ids = ids.map(Name::as_str);
        set.extend(credentials::variables(&world.root, ids, &world.env)?);
        let pass: Vec<String> = plan
            .env_pass
            .iter()
            .chain(&world.config.runs.env_pass)
            .cloned()
            .collect();
        Ok(child_environment(&world.env, &pass, &set))
    }

    fn conclude(
        &self,
        world: &World,
        listener: Listener<'_>,
        ended: ConfinedEnd,
        sandbox: SandboxUsed,
        held: HeldBy,
    ) -> AgentEnd {
        let duration_ms = ended.duration_ms();
        let ConfinedEnd {
            process: end,
            outcome,
            planted,
            hosts,
        } = ended;
        if !outcome.survivors.is_empty() {
            world.say(&format!(
                "warning: processes {} of {} could not be ended",
                listed(&outcome.survivors),
                self.label
            ));
        }
        let stopped = match &outcome.end {
            CommandEnd::Cancelled(reason) => Some(reason.clone()),
            _ => None,
        };
        let budget = match &stopped {
            Some(StopReason::Limit(_)) => self.crew.ledger.reached(),
            _ => self.spent_time(&end),
        };
        let unwritten = unwritten(&outcome, listener.lost.as_deref());
        let stream = AgentStream {
            at_work: listener.at_work,
            tools: listener.tools.iter().cloned().collect(),
            unheeded: listener.unheeded.iter().cloned().collect(),
            result: listener.parser.into_inner().finish(&end),
            resume_refused: None,
            parked: None,
        };
        AgentEnd {
            process: AgentProcess {
                end,
                duration_ms,
                stopped,
                leftovers: outcome.leftovers,
                budget,
                stall: outcome.stall,
                unfinished: None,
                hidden: None,
                refused: None,
                held,
                unlimited: None,
                unwritten,
            },
            stream,
            reach: AgentReach {
                sandbox,
                trespasses: Vec::new(),
                moved_refs: Vec::new(),
                planted,
                hosts,
            },
        }
    }

    /// The rest of the tightest budget of minutes.
    fn minutes_left(&self) -> Option<(Duration, String)> {
        let minutes = self
            .budget
            .iter()
            .filter(|level| level.unit == Unit::Minutes);
        minutes
            .min_by_key(|level| level.left())
            .map(|level| (Duration::from_millis(level.left()), level.name()))
    }

    /// The budget of minutes that ended a run, where it was that and no other limit of time.
    fn spent_time(&self, end: &ProcessEnd) -> Option<String> {
        let ProcessEnd::TimedOut { .. } = end else {
            return None;
        };
        let (left, name) = self.minutes_left()?;
        let own = Duration::from_secs(u64::from(self.crew.agent.limits.minutes) * 60);
        (left < own).then_some(name)
    }
}

/// The logs that could not be written to their end, on a full disk mostly. The agent was not
/// stopped for that.
fn unwritten(outcome: &CommandOutcome, events: Option<&str>) -> Vec<String> {
    let errors = [
        outcome.stdout.write_error.as_deref(),
        outcome.stderr.write_error.as_deref(),
        events,
    ];
    let told = AGENT_LOGS
        .iter()
        .zip(errors)
        .filter_map(|(log, why)| Some(format!("{log} is not whole: {}", why?)));
    told.collect()
}

fn at_most(limit: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    limit.into_iter().chain(other).min()
}
