//! The steps of a run up to its findings: worktree, prompt, agent, snapshot, checks.

use crate::base::fs;
use crate::connector::launch::SessionChoice;
use crate::domain::event::Event;
use crate::domain::run::RunStep;
use crate::domain::sandbox::{Network, SandboxMode};
use crate::git::bystander::BystanderState;
use crate::git::quarantine::Quarantine;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::{Slot, SlotInfo};
use crate::ops::cx::commit;
use crate::ops::error::Doing as _;
use crate::ops::failpoint;
use crate::ops::refusal::OpError;
use crate::ops::run::agent::gate::PolicyGate;
use crate::ops::run::agent::launch::{AgentStep, AssignedAgent, run_agent};
use crate::ops::run::agent::session;
use crate::ops::run::model::{AgentEnd, RunCx, Worked};
use crate::ops::run::recovery::salvage;
use crate::ops::run::sandbox::builder;
use crate::ops::run::step::prompt::write_prompt;
use crate::ops::run::step::{checkout, snapshot};
use crate::ops::run::watch::trespass;
use crate::store::Store;

/// Starts the agent, sees it to its end, and takes what it left.
pub(crate) fn ask(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
    slot: &Slot,
    shadow: &ShadowRepo,
) -> Result<Worked, OpError> {
    live.step(store, RunStep::Agent)?;
    let in_place = live
        .started
        .run
        .is_in_place()
        .then(|| checkout::enter(live))
        .transpose()?;
    let mark = live.dir.join("started");
    fs::write_private(&mark, b"")?;
    let before = BystanderState::look(live.repo, &mark)?;
    fs::remove_file(&mark)?;
    let idle = trespass::idle_slots(live, store)?;
    let own = salvage::own_commits(live.world, live.repo, &live.started.run)?;
    let network = ask_network(live, store)?;
    let end = agent_step(live, crew, store, slot, own.as_ref(), network)?;
    failpoint::hit("agent")?;
    live.step_even_if_stopped(store, RunStep::Snapshot)?;
    let taken_in = match &own {
        Some(own) if end.sandbox.mode == SandboxMode::Bubblewrap => {
            own.take_in(live.repo, shadow, &slot.admin)
        }
        _ => Ok(()),
    };
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
    let seen = trespass::look(live, crew.agent.sandbox, store, &before, &idle)?;
    worked.end.trespasses = seen.own_words;
    worked.remarks.extend(seen.told);
    worked.remarks.extend(worked.end.planted.iter().cloned());
    if let Some(entered) = in_place
        && let Some(reference) = entered.leave(&worked.sealed.tree)?
    {
        worked.remarks.push(format!(
            "what stood in the checkout besides the work is saved on {reference}"
        ));
    }
    Ok(worked)
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

/// Whether the policy lets the agent have a network. The answer is recorded where a rule gave one.
fn ask_network(live: &RunCx<'_>, store: &mut dyn Store) -> Result<Network, OpError> {
    let cx = live.cx()?;
    let rule = builder::network_rule(&cx, &live.started.task);
    let network = builder::under(rule.as_ref());
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

fn agent_step(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    store: &mut dyn Store,
    slot: &Slot,
    own: Option<&Quarantine>,
    network: Network,
) -> Result<AgentEnd, OpError> {
    let worktree = slot
        .path
        .canonicalize()
        .doing("find the worktree of the run")?;
    let mut gate = PolicyGate {
        live,
        store,
        worktree,
        parked: None,
    };
    let mut ask = |session| one_session(live, crew, &mut gate, slot, own, network, session);
    let session = session::session(&live.started.run);
    let end = ask(session)?;
    let (SessionChoice::Resume(id), Some(why)) = (session, session::refusal(&end)) else {
        return Ok(end);
    };
    let why = live.world.redactor().redact_text(&why);
    live.world.say(&format!(
        "run {}: session {id} was not continued ({why}); a fresh one begins",
        live.started.run.id
    ));
    session::set_logs_aside(&live.dir)?;
    write_prompt(live, slot, SessionChoice::New)?;
    let fresh = ask(SessionChoice::New)?;
    let planted = [end.planted, fresh.planted].concat();
    Ok(AgentEnd {
        resume_refused: Some(why),
        planted,
        ..fresh
    })
}

fn one_session(
    live: &RunCx<'_>,
    crew: &AssignedAgent<'_>,
    gate: &mut PolicyGate<'_, '_>,
    slot: &Slot,
    own: Option<&Quarantine>,
    network: Network,
    session: SessionChoice<'_>,
) -> Result<AgentEnd, OpError> {
    let prompt = fs::read_text(&live.dir.join("prompt.md"), 64 << 20)?;
    let step = AgentStep {
        agent: crew.agent,
        connector: crew.connector,
        run: &live.started.run,
        prompt: &prompt,
        slot,
        own,
        network,
        dir: &live.dir,
        home: &session::home_place(live.world, &live.started.run.worktree),
        token: &live.started.token,
        limits: &live.policy.limits(),
        budget: &live.started.budget,
        session,
        ledger: &crew.ledger,
    };
    let end = run_agent(live.world, &step, gate, &live.cancel)?;
    Ok(AgentEnd {
        parked: gate.parked.clone(),
        ..end
    })
}
