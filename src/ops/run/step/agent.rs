//! The steps of a run up to its findings: worktree, prompt, agent, snapshot, checks.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::connector::launch::Session;
use crate::domain::aftermath::TreeChange;
use crate::domain::event::Event;
use crate::domain::run::{Resumed, Step};
use crate::domain::sandbox::{Mode, Network};
use crate::domain::trailer::{self, Trailers};
use crate::domain::verdict::Lifecycle;
use crate::git::bystander::Before;
use crate::git::diff::{ChangedPath, Stats};
use crate::git::quarantine::Quarantine;
use crate::git::shadow::Shadow;
use crate::git::snapshot::{Limits, Snapshot, Work, seal};
use crate::git::worktree::{Slot, SlotInfo};
use crate::git::{Expect, Oid};
use crate::ops::cx::commit;
use crate::ops::failpoint;
use crate::ops::refusal::OpError;
use crate::ops::run::agent::gate::PolicyGate;
use crate::ops::run::agent::launch::{AgentEnd, AgentStep, run_agent};
use crate::ops::run::agent::session;
use crate::ops::run::checks::place::{CheckPlace, Judged};
use crate::ops::run::checks::runner::{CheckPlan, Checked, run_checks};
use crate::ops::run::drive::Live;
use crate::ops::run::sandbox::builder;
use crate::ops::run::step::verdict::{Findings, Sealed};
use crate::ops::run::step::worktree::{self, identity};
use crate::ops::run::step::{checkout, prompt, provision, take_up};
use crate::ops::run::watch::trespass;
use crate::ops::tokens;
use crate::ops::world::environment;
use crate::store::sqlite::SqliteStore;

/// Largest patch that is kept.
const PATCH_CAP: usize = 64 << 20;

/// An agent's work as it was found when it had ended.
pub(crate) struct Worked {
    /// How the agent ended.
    pub(crate) end: AgentEnd,
    /// What that means.
    pub(crate) lifecycle: Lifecycle,
    /// The tree and its commit.
    pub(crate) sealed: Sealed,
    /// What differs from the base.
    pub(crate) changed: Vec<ChangedPath>,
    /// What else is worth a look, in words.
    pub(crate) remarks: Vec<String>,
}

/// Does everything that has to be done before a verdict.
pub(crate) fn findings(live: &Live<'_>, store: &mut SqliteStore) -> Result<Findings, OpError> {
    live.step(store, Step::Worktree)?;
    let (slot, shadow) = worktree::prepare(live.world, live.repo, &live.started.run)?;
    let in_place = checkout::is_in_place(&live.started.run);
    if !in_place {
        keep_token(live, &slot)?;
    }
    failpoint::hit("worktree")?;
    worktree::bring_work(live.repo, &live.started.run, &slot, &shadow)?;
    write_prompt(live, &slot, session::session(&live.started.run))?;
    let taken_up = take_up::take_up(live, store, &shadow)?;
    // A checkout in which a person works is provisioned.
    if taken_up.is_none() && !in_place {
        provision::provision(live, store, &slot)?;
    }
    failpoint::hit("prompt")?;
    let worked = match taken_up {
        Some(worked) => worked,
        None => ask_agent(live, store, &slot, &shadow)?,
    };
    take_up::leave(live, &worked)?;
    live.step_sealed(store, &worked.sealed)?;
    failpoint::hit("sealed")?;
    let (patch, stats) = write_patch(live, &shadow, &worked.sealed)?;
    let checked = match worked.lifecycle {
        Lifecycle::Finished => checks(live, &worked.sealed)?,
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
        end,
        lifecycle,
        sealed,
        changed,
        remarks,
        patch: patch.file,
        stats,
        checked,
    })
}

/// Commands inside the worktree find the lease there and need no flag.
fn keep_token(live: &Live<'_>, slot: &Slot) -> Result<(), OpError> {
    tokens::keep(&slot.admin, &live.started.token).map_err(environment)
}

fn write_prompt(live: &Live<'_>, slot: &Slot, session: Session<'_>) -> Result<(), OpError> {
    let plans = CheckPlan::of(&live.started.task, &live.world.config)?;
    let checks: Vec<(String, String)> = plans
        .iter()
        .map(|plan| (plan.spec.name.to_string(), plan.command_text()))
        .collect();
    let found = match (&live.started.run.resumed, session) {
        (Some(_), Session::Resume(_)) => prompt::Found::OwnSession,
        (Some(Resumed { work: Some(_), .. }), _) => prompt::Found::Work,
        _ => prompt::Found::Nothing,
    };
    let around = prompt::Around {
        checks: &checks,
        pointers: &prompt::pointers(&slot.path),
        found,
    };
    let text = live
        .world
        .redactor()
        .redact_text(&prompt::assemble(&live.started.task, &around));
    fs::write_private(&live.dir.join("prompt.md"), text.as_bytes()).map_err(environment)
}

/// Starts the agent, sees it to its end, and takes what it left.
fn ask_agent(
    live: &Live<'_>,
    store: &mut SqliteStore,
    slot: &Slot,
    shadow: &Shadow,
) -> Result<Worked, OpError> {
    live.step(store, Step::Agent)?;
    let in_place = checkout::is_in_place(&live.started.run)
        .then(|| checkout::enter(live))
        .transpose()?;
    let mark = live.dir.join("started");
    fs::write_private(&mark, b"").map_err(environment)?;
    let before = Before::look(live.repo, &mark).map_err(environment)?;
    fs::remove_file(&mark).map_err(environment)?;
    let idle = trespass::idle_slots(live, store)?;
    let own = worktree::own_commits(live.world, live.repo, &live.started.run)?;
    let network = ask_network(live, store)?;
    let end = agent_step(live, store, slot, own.as_ref(), network)?;
    failpoint::hit("agent")?;
    live.step_even_if_stopped(store, Step::Snapshot)?;
    let taken_in = match &own {
        Some(own) if end.sandbox.mode == Mode::Bubblewrap => {
            own.take_in(live.repo, shadow, &slot.admin)
        }
        _ => Ok(()),
    };
    let taken = match &in_place {
        Some(entered) => entered.take(live, end),
        None => take(live, slot, shadow, end),
    };
    let mut worked = match taken {
        Ok(worked) => worked,
        Err(error) => return Err(tell_trespass(live, store, &before, &idle, error)),
    };
    if let Err(error) = taken_in {
        worked.remarks.push(format!(
            "the agent's own commits were not taken over, its files are: {error}"
        ));
    }
    let seen = trespass::look(live, store, &before, &idle)?;
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
    live: &Live<'_>,
    store: &mut SqliteStore,
    before: &Before,
    idle: &[SlotInfo],
    error: OpError,
) -> OpError {
    if let Ok(seen) = trespass::look(live, store, before, idle) {
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
fn ask_network(live: &Live<'_>, store: &mut SqliteStore) -> Result<Network, OpError> {
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
    live: &Live<'_>,
    store: &mut SqliteStore,
    slot: &Slot,
    own: Option<&Quarantine>,
    network: Network,
) -> Result<AgentEnd, OpError> {
    let worktree = slot.path.canonicalize().map_err(environment)?;
    let mut gate = PolicyGate {
        live,
        store,
        worktree,
        parked: None,
    };
    let mut ask = |session| one_session(live, &mut gate, slot, own, network, session);
    let session = session::session(&live.started.run);
    let end = ask(session)?;
    let (Session::Resume(id), Some(why)) = (session, session::refusal(&end)) else {
        return Ok(end);
    };
    let why = live.world.redactor().redact_text(&why);
    live.world.say(&format!(
        "run {}: session {id} was not continued ({why}); a fresh one begins",
        live.started.run.id
    ));
    session::set_logs_aside(&live.dir)?;
    write_prompt(live, slot, Session::New)?;
    let fresh = ask(Session::New)?;
    let planted = [end.planted, fresh.planted].concat();
    Ok(AgentEnd {
        resume_refused: Some(why),
        planted,
        ..fresh
    })
}

fn one_session(
    live: &Live<'_>,
    gate: &mut PolicyGate<'_, '_>,
    slot: &Slot,
    own: Option<&Quarantine>,
    network: Network,
    session: Session<'_>,
) -> Result<AgentEnd, OpError> {
    let prompt = fs::read_text(&live.dir.join("prompt.md"), 64 << 20).map_err(environment)?;
    let step = AgentStep {
        agent: live.agent,
        connector: live.connector,
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
        ledger: &live.ledger,
    };
    let end = run_agent(live.world, &step, gate, &live.cancel)?;
    Ok(AgentEnd {
        parked: gate.parked.clone(),
        ..end
    })
}

/// The supervisor's own look at the tree, and the commit of it on the run's branch.
fn take(live: &Live<'_>, slot: &Slot, shadow: &Shadow, end: AgentEnd) -> Result<Worked, OpError> {
    // An agent that wrecked its HEAD committed nothing that could be built upon; its files are
    // taken all the same.
    let head = slot
        .head(live.repo)
        .ok()
        .and_then(|head| head.commit().cloned());
    let Taken {
        sealed,
        changed,
        remarks,
    } = take_tree(live, &slot.path, shadow, head.as_ref())?;
    // Only for who looks there; the work stands on its branch.
    let _shown = slot.show_taken(shadow);
    let lifecycle = end.attempt().lifecycle(TreeChange::of(&changed));
    Ok(Worked {
        end,
        lifecycle,
        sealed,
        changed,
        remarks,
    })
}

/// A tree as it was found and committed.
pub(crate) struct Taken {
    /// The tree and its commit.
    pub(crate) sealed: Sealed,
    /// What differs from the base.
    pub(crate) changed: Vec<ChangedPath>,
    /// What is worth a look, in words.
    pub(crate) remarks: Vec<String>,
}

/// The tree at `root`, whose state the shadow's index knows, as a commit on the run's branch.
/// `head` is where its HEAD stands.
pub(crate) fn take_tree(
    live: &Live<'_>,
    root: &Path,
    shadow: &Shadow,
    head: Option<&Oid>,
) -> Result<Taken, OpError> {
    let base_tree = live.base_tree(shadow)?;
    let snapshot = shadow
        .snapshot(root, &base_tree, Limits::default())
        .map_err(environment)?;
    failpoint::hit("snapshot")?;
    commit_tree(live, shadow, (base_tree, &snapshot), head)
}

/// The same of a tree that was looked at already.
pub(crate) fn commit_tree(
    live: &Live<'_>,
    shadow: &Shadow,
    (base_tree, snapshot): (Oid, &Snapshot),
    head: Option<&Oid>,
) -> Result<Taken, OpError> {
    let (repo, run) = (live.repo, &live.started.run);
    let base = live.base()?;
    let task = &live.started.task;
    let trailers = Trailers {
        task: Some(task.id.to_string()),
        run: Some(run.id.to_string()),
        agent: Some(run.agent.clone()),
    };
    let message = live
        .world
        .redactor()
        .redact_text(&trailer::message(&task.title, "", &trailers));
    let who = identity()?;
    let work = Work {
        snapshot,
        base: base.as_ref(),
        head,
        message: &message,
        who: &who,
        when_ms: (live.world.clock)().wall_ms,
    };
    let sealed = seal(repo, shadow, &work).map_err(environment)?;
    let mut remarks: Vec<String> = snapshot
        .reports
        .iter()
        .map(|report| format!("in the worktree: {report}"))
        .collect();
    if let Some(unrelated) = &sealed.unrelated_head {
        remarks.push(format!(
            "HEAD of the worktree was moved to {unrelated}, which does not descend from the base"
        ));
    }
    if let Some(commit) = &sealed.commit {
        move_branch(live, commit)?;
    }
    let own_commits = sealed.own_commits.len();
    let sealed = Sealed {
        base_tree,
        tree: snapshot.tree.clone(),
        commit: sealed.commit,
        own_commits,
    };
    Ok(Taken {
        sealed,
        changed: snapshot.changed.clone(),
        remarks,
    })
}

/// Moves the run's branch, from wherever the agent left it, to the judged commit.
pub(crate) fn move_branch(live: &Live<'_>, commit: &Oid) -> Result<(), OpError> {
    let name = format!("refs/heads/{}", live.started.run.branch);
    let expected = match live.repo.find_ref(&name).map_err(environment)? {
        Some(now) if &now == commit => return Ok(()),
        Some(now) => Expect::At(now),
        None => Expect::Absent,
    };
    live.repo
        .swap_ref(&name, Some(commit), &expected, "ai: snapshot of the run")
        .map_err(environment)
}

/// The patch that was written.
pub(crate) struct Written {
    /// Its file.
    pub(crate) file: PathBuf,
    holds_secret: bool,
}

impl Written {
    /// What a reviewer should know of it.
    pub(crate) fn remark(&self) -> Option<String> {
        let text = "the change holds something that looks like a secret; it is blackened in the evidence, not in the commit";
        self.holds_secret.then(|| text.to_owned())
    }
}

/// Writes the patch into the run's directory, without secrets.
pub(crate) fn write_patch(
    live: &Live<'_>,
    shadow: &Shadow,
    sealed: &Sealed,
) -> Result<(Written, Stats), OpError> {
    let patch = shadow
        .patch(&sealed.base_tree, &sealed.tree, PATCH_CAP)
        .map_err(environment)?;
    let stats = shadow
        .stats(&sealed.base_tree, &sealed.tree)
        .map_err(environment)?;
    let file = live.dir.join("diff.patch");
    let shown = live.world.redactor().redact(&patch.text);
    fs::write_private(&file, &shown).map_err(environment)?;
    Ok((
        Written {
            file,
            holds_secret: shown != patch.text,
        },
        stats,
    ))
}

fn checks(live: &Live<'_>, sealed: &Sealed) -> Result<Vec<Checked>, OpError> {
    let plans = CheckPlan::of(&live.started.task, &live.world.config)?;
    if plans.is_empty() {
        return Ok(Vec::new());
    }
    let run = &live.started.run;
    let judged = Judged {
        tree: &sealed.tree,
        commit: sealed.commit.as_ref(),
    };
    let mut place = CheckPlace::open(live.world, live.repo, &run.worktree, judged)?;
    place.network = builder::under(builder::network_rule(&live.cx()?, &live.started.task).as_ref());
    run_checks(
        live.world,
        &place,
        plans,
        &checks_dir(&live.dir),
        run.id.as_str(),
        &live.cancel,
    )
}

fn checks_dir(run_dir: &Path) -> PathBuf {
    run_dir.join("checks")
}
