//! The step of the agent: it is asked, and what it left is taken.

use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::base::{fs, id};
use crate::connector::dialogue::ToolGate as _;
use crate::connector::launch::SessionChoice;
use crate::domain::agent_event::StreamOutcome;
use crate::domain::egress::NetworkSetting;
use crate::domain::event::Event;
use crate::domain::run::RunStep;
use crate::domain::sandbox::Network;
use crate::git::bystander::BystanderState;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::{Slot, SlotInfo};
use crate::ops::agent_imports::ImportPlace;
use crate::ops::cx::commit;
use crate::ops::error::{Doing as _, OpError};
use crate::ops::failpoint;
use crate::ops::hatch::HatchOrder;
use crate::ops::run::agent::gate::PolicyGate;
use crate::ops::run::agent::launch::{AgentLaunch, AgentPlace, AssignedAgent, launch};
use crate::ops::run::agent::mail::RunMail;
use crate::ops::run::agent::session;
use crate::ops::run::files::RunDir;
use crate::ops::run::model::{AgentEnd, RunCx, Worked};
use crate::ops::run::recovery::salvage;
use crate::ops::run::sandbox::layer;
use crate::ops::run::sandbox::network::{NetworkLeave, refused_hosts};
use crate::ops::run::step::{checkout, prompt, snapshot};
use crate::ops::run::watch::trespass;
use crate::store::Store;

/// Starts the agent, sees it to its end, and takes what it left.
pub(crate) fn work(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
    (slot, shadow): (&Slot, &ShadowRepo),
    mail: RunMail,
) -> Result<Worked, OpError> {
    live.step(store, RunStep::Agent)?;
    let in_place = live
        .started
        .run
        .is_in_place()
        .then(|| checkout::enter(live))
        .transpose()?;
    let mark = live.files.start_mark();
    fs::write_private(&mark, b"")?;
    let before = BystanderState::look(live.repo, &mark)?;
    fs::remove_file(&mark)?;
    let idle = trespass::idle_slots(live, store)?;
    let own = salvage::own_commits(live.world, live.repo, &live.started.run)?;
    let network = NetworkLeave::of_run(live, ask_network(live, crew, store)?)?;
    let trace = ref_trace(live, crew, &before)?;
    let place = AgentPlace {
        slot,
        own: own.as_ref(),
        isolation: live.started.run.isolation(),
        ref_trace: trace.as_deref(),
    };
    let rights = fs::DirRights::of(&slot.path);
    let (end, unasked) = ask(live, crew, store, (place, network), mail)?;
    // In a directory that the agent has closed nothing could be seen.
    rights.inspect(|rights| rights.restore(&slot.path));
    failpoint::hit("agent")?;
    live.step_even_if_stopped(store, RunStep::Snapshot)?;
    let taken_in = match &own {
        Some(own) if end.reach.sandbox.mode.can_stand_in() => {
            own.take_in(live.repo, shadow, &slot.admin)
        }
        _ => Ok(()),
    };
    shadow.ignore_also(&crew.connector.describe().leaves)?;
    let taken = match &in_place {
        Some(entered) => checkout::take(entered, live, end),
        None => snapshot::take(live, slot, shadow, end),
    };
    let mut worked = match taken {
        Ok(worked) => worked,
        Err(error) => return Err(tell_trespass(live, crew, store, &before, &idle, error)),
    };
    if let Err(error) = taken_in {
        worked.remarks.push(format!(
            "the agent's own commits were not taken over, its files are: {error}"
        ));
    }
    worked.remarks.extend(unasked);
    let seen = trespass::look(live, crew.agent.sandbox, store, &before, &idle)?;
    worked.end.reach.trespasses = seen.own_words;
    worked.end.reach.moved_refs = seen.moved_refs;
    worked.remarks.extend(seen.told);
    worked
        .remarks
        .extend(worked.end.reach.planted.iter().cloned());
    let redactor = live.world.redactor();
    for text in refused_hosts(&worked.end.reach.hosts) {
        worked.remarks.push(redactor.redact_text(&text));
    }
    if let Some(entered) = in_place
        && let Some(reference) = entered.leave(&worked.sealed.tree)?
    {
        worked.remarks.push(format!(
            "what stood in the checkout besides the work is saved on {reference}"
        ));
    }
    Ok(worked)
}

/// Git writes down each reference that it reads, too: among more of them than this nothing is traced.
const MANY_REFS: usize = 1_000;

/// The file to which the agent's Git is to write what it does to references; none under a sandbox that
/// keeps it from them.
fn ref_trace(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    before: &BystanderState,
) -> Result<Option<PathBuf>, OpError> {
    let is_kept = layer::keeps_references(live.world, crew.agent.sandbox);
    if is_kept || before.references() > MANY_REFS {
        return Ok(None);
    }
    fs::create_private_dir(&live.files.tmp())?;
    let file = live.files.ref_trace();
    fs::write_private(&file, b"")?;
    Ok(Some(file))
}

/// An agent that took its own worktree away leaves nothing to judge. What it did elsewhere is said
/// all the same.
fn tell_trespass(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
    before: &BystanderState,
    idle: &[SlotInfo],
    error: OpError,
) -> OpError {
    if let Ok(seen) = trespass::look(live, crew.agent.sandbox, store, before, idle) {
        seen.told.iter().for_each(|text| {
            live.world.say(&format!(
                "warning: {}",
                live.world.redactor().redact_text(text)
            ))
        });
    }
    error
}

/// Asks the policy whether the agent has a network. The answer is recorded where a rule gave one.
fn ask_network(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
) -> Result<Network, OpError> {
    let cx = live.cx()?;
    let settings = &live.world.config.runs.network;
    let own = crew
        .agent
        .network
        .as_ref()
        .map_or(Network::On, NetworkSetting::word);
    let (place, word) = (live.world.store_place(), settings.word().and(own));
    let rule = layer::network_rule(&cx, &place, &live.started.task, word);
    let network = layer::network_under(rule.as_ref());
    if let Some(record) = rule {
        commit(store, &cx, |tx, cx| {
            cx.record(
                tx,
                &Event::Decided {
                    record: Box::new(record),
                },
            )
        })?;
    }
    Ok(network)
}

/// Asks the agent, and once more with a new session where its CLI does not continue the one that it
/// was given. Returns what is to be said of its hook besides.
fn ask(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
    (place, network): (AgentPlace<'_>, NetworkLeave),
    mail: RunMail,
) -> Result<(AgentEnd, Option<String>), OpError> {
    let (world, run) = (live.world, &live.started.run);
    let worktree = place
        .slot
        .path
        .canonicalize()
        .doing("find the worktree of the run")?;
    // Open for as long as the agent works: it is closed when this returns.
    let hatch = open_hatch(live, &worktree)?;
    let mut gate = PolicyGate {
        live,
        store,
        worktree,
        parked: None,
        mail,
    };
    let mut order = AgentLaunch {
        crew,
        label: run.id.as_str(),
        place,
        network,
        files: &live.files,
        home: &session::home_place(world, &run.worktree),
        task: run.task.as_str(),
        actor: &live.actor,
        socket: hatch
            .as_ref()
            .map(|hatch| (hatch.socket.as_path(), hatch.key.as_str())),
        limits: &live.policy.limits(&live.actor),
        budget: &live.started.budget,
        resumed: run.resumed.as_ref(),
    };
    let mut end = launch(world, &order, &mut gate, &live.cancel)?;
    if let Some(resumed) = &run.resumed
        && let Some(why) = session::refusal(&end)
    {
        let why = world.redactor().redact_text(&why);
        world.say(&format!(
            "run {}: session {} was not continued ({why}); a fresh one begins",
            run.id, resumed.session
        ));
        live.files.set_logs_aside()?;
        let store = &mut *gate.store;
        gate.mail = prompt::write(live, place.slot, SessionChoice::New, crew, store)?;
        order.resumed = None;
        let (planted, hosts) = (end.reach.planted, end.reach.hosts);
        end = launch(world, &order, &mut gate, &live.cancel)?;
        end.reach.hosts = [hosts, end.reach.hosts].concat();
        end.stream.resume_refused = Some(why);
        end.reach.planted = [planted, end.reach.planted].concat();
    }
    if has_taken_its_prompt(&end) {
        gate.prompt_is_taken();
    }
    end.stream.parked = gate.parked;
    let asked = hatch.map(|hatch| hatch.asked.load(Ordering::SeqCst));
    let has_hook = crew.connector.describe().guard.is_some();
    // A CLI that does not heed a hook does not say so.
    let is_passed_by = has_hook && asked == Some(0) && !end.stream.tools.is_empty();
    let unasked = is_passed_by.then(|| {
        "its program called tools and never the hook by which `ai` is asked before: nothing was held back while it worked"
            .to_owned()
    });
    Ok((end, unasked))
}

/// True where the agent has read its prompt, as far as its end tells: a program that works without a word is known by that alone.
fn has_taken_its_prompt(end: &AgentEnd) -> bool {
    let outcome = &end.stream.result.outcome;
    let by_its_end = matches!(
        outcome,
        StreamOutcome::Completed | StreamOutcome::Refused { .. }
    );
    end.stream.at_work || by_its_end
}

/// A hatch that is open.
struct AgentHatch {
    socket: PathBuf,
    key: String,
    asked: Arc<AtomicU32>,
    _closes: Box<dyn Any>,
}

/// Opens the socket at which the agent asks. Where none can be made, it works as agents did before
/// there was one, and this is told.
fn open_hatch(live: &RunCx<'_>, worktree: &Path) -> Result<Option<AgentHatch>, OpError> {
    let (world, run) = (live.world, &live.started.run);
    let Some(open) = world.hatch else {
        return Ok(None);
    };
    let dir = live
        .files
        .path()
        .canonicalize()
        .doing("find the files of the run")?;
    let socket = RunDir::at(dir).socket();
    let key = id::random_text(26);
    let asked = Arc::new(AtomicU32::new(0));
    let opened = open(HatchOrder {
        socket: socket.clone(),
        key: key.clone(),
        store: world.store_place(),
        cx: live.cx()?,
        clock: world.clock,
        task: run.task.clone(),
        token: live.started.token.clone(),
        asked: Arc::clone(&asked),
        imports: ImportPlace::of_base(live.repo, run.base.as_deref()),
        worktree: worktree.to_owned(),
        config: world.config.clone(),
        root: world.root.clone(),
    });
    match opened {
        Ok(closes) => Ok(Some(AgentHatch {
            socket,
            key,
            asked,
            _closes: closes,
        })),
        Err(error) => {
            world.say(&format!(
                "warning: the agent cannot ask `ai` about its task: {error}"
            ));
            Ok(None)
        }
    }
}
