//! The steps of a run up to its findings: worktree, prompt, agent, snapshot, checks.

use crate::base::fs;
use crate::domain::run::Step;
use crate::domain::trailer::{self, Trailers};
use crate::domain::verdict::Lifecycle;
use crate::git::diff::ChangedPath;
use crate::git::shadow::Shadow;
use crate::git::snapshot::{Limits, Snapshot, Work, seal};
use crate::git::worktree::Slot;
use crate::git::{Expect, Oid};
use crate::ops::refusal::OpError;
use crate::ops::run::agent::{AgentEnd, AgentStep, run_agent};
use crate::ops::run::checks::{CheckPlan, Checked, run_checks};
use crate::ops::run::drive::{Live, make_run_dir};
use crate::ops::run::finish::{Findings, Sealed};
use crate::ops::run::place::{self, CheckPlace, identity};
use crate::ops::run::world::environment;
use crate::ops::run::{failpoint, judge, prompt, provision};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// Largest patch that is kept.
const PATCH_CAP: usize = 64 << 20;

/// Does everything that has to be done before a verdict.
pub(super) fn findings(live: &Live<'_>, store: &mut SqliteStore) -> Result<Findings, OpError> {
    make_run_dir(live)?;
    live.step(store, Step::Worktree)?;
    let (slot, shadow) = place::prepare(live.world, live.repo, &live.started.run)?;
    keep_token(live, &slot)?;
    failpoint::hit("worktree")?;
    provision::provision(live, &slot)?;
    write_prompt(live, &slot)?;
    failpoint::hit("prompt")?;
    let (end, sealed, snapshot) = match adopted(live, store)? {
        Some((sealed, snapshot)) => (None, sealed, snapshot),
        None => {
            live.step(store, Step::Agent)?;
            let end = agent_step(live, &slot)?;
            failpoint::hit("agent")?;
            live.step_even_if_stopped(store, Step::Snapshot)?;
            let (sealed, snapshot) = take(live, &slot, &shadow)?;
            (Some(end), sealed, snapshot)
        }
    };
    live.step_sealed(store, &sealed)?;
    failpoint::hit("sealed")?;
    let (patch, stats) = write_patch(live, &shadow, &sealed)?;
    let lifecycle = end.as_ref().map_or(Lifecycle::Finished, |end| judge::lifecycle(end, &snapshot.changed));
    let checked = match lifecycle {
        Lifecycle::Finished => checks(live, &sealed)?,
        _ => Vec::new(),
    };
    failpoint::hit("checks")?;
    Ok(Findings { end, lifecycle, sealed, changed: snapshot.changed, reports: snapshot.reports, patch, stats, checked })
}

/// Commands inside the worktree find the lease there and need no flag.
fn keep_token(live: &Live<'_>, slot: &Slot) -> Result<(), OpError> {
    let token = &live.started.token;
    let file = slot.admin.join("ai-lease").join(token.subject.as_str());
    fs::write_private(&file, token.reveal().as_bytes()).map_err(environment)
}

fn write_prompt(live: &Live<'_>, slot: &Slot) -> Result<(), OpError> {
    let plans = CheckPlan::of(&live.started.task, &live.world.config)?;
    let checks: Vec<(String, String)> =
        plans.iter().map(|plan| (plan.spec.name.to_string(), plan.command_text())).collect();
    let around = prompt::Around { checks: &checks, pointers: &prompt::pointers(&slot.path) };
    let text = live.world.redactor.redact_text(&prompt::assemble(&live.started.task, &around));
    fs::write_private(&live.dir.join("prompt.md"), text.as_bytes()).map_err(environment)
}

fn agent_step(live: &Live<'_>, slot: &Slot) -> Result<AgentEnd, OpError> {
    let prompt = fs::read_text(&live.dir.join("prompt.md"), 64 << 20).map_err(environment)?;
    let step = AgentStep {
        agent: live.agent,
        connector: live.connector,
        run: &live.started.run,
        prompt: &prompt,
        worktree: &slot.path,
        dir: &live.dir,
        token: &live.started.token,
        limits: &live.policy.limits(),
    };
    run_agent(live.world, &step, &live.cancel)
}

/// The supervisor's own look at the tree, and the commit of it on the run's branch.
fn take(live: &Live<'_>, slot: &Slot, shadow: &Shadow) -> Result<(Sealed, Snapshot), OpError> {
    let (repo, run) = (live.repo, &live.started.run);
    let base = run.base.as_deref().map(Oid::parse).transpose().map_err(environment)?;
    let base_tree = match &base {
        Some(base) => repo.tree_of(base).map_err(environment)?,
        None => shadow.format().empty_tree(),
    };
    let snapshot = shadow.snapshot(&slot.path, &base_tree, Limits::default()).map_err(environment)?;
    failpoint::hit("snapshot")?;
    // An agent that wrecked its HEAD committed nothing that could be built upon; its files are taken all the same.
    let head = slot.head(repo).ok().and_then(|head| head.commit().cloned());
    let task = &live.started.task;
    let trailers =
        Trailers { task: Some(task.id.to_string()), run: Some(run.id.to_string()), agent: Some(run.agent.clone()) };
    let message = live.world.redactor.redact_text(&trailer::message(&task.title, "", &trailers));
    let who = identity()?;
    let work = Work {
        snapshot: &snapshot,
        base: base.as_ref(),
        head: head.as_ref(),
        message: &message,
        who: &who,
        when_ms: (live.world.clock)().wall_ms,
    };
    let sealed = seal(repo, shadow, &work).map_err(environment)?;
    if let Some(unrelated) = &sealed.unrelated_head {
        live.world.say(&format!(
            "warning: HEAD of the worktree was moved to {unrelated}, which does not descend from the base"
        ));
    }
    if let Some(commit) = &sealed.commit {
        move_branch(live, commit)?;
    }
    let own_commits = sealed.own_commits.len();
    Ok((Sealed { base_tree, tree: snapshot.tree.clone(), commit: sealed.commit, own_commits }, snapshot))
}

/// Moves the run's branch, from wherever the agent left it, to the judged commit.
fn move_branch(live: &Live<'_>, commit: &Oid) -> Result<(), OpError> {
    let name = format!("refs/heads/{}", live.started.run.branch);
    let expected = match live.repo.find_ref(&name).map_err(environment)? {
        Some(now) if &now == commit => return Ok(()),
        Some(now) => Expect::At(now),
        None => Expect::Absent,
    };
    live.repo.swap_ref(&name, Some(commit), &expected, "ai: snapshot of the run").map_err(environment)
}

/// Takes up the snapshot of a lost run instead of asking an agent again.
fn adopted(live: &Live<'_>, store: &mut SqliteStore) -> Result<Option<(Sealed, Snapshot)>, OpError> {
    let Some(from) = &live.started.run.adopted else { return Ok(None) };
    let Some(lost) = store.read(|tx| tx.run(from))? else { return Ok(None) };
    let (Some(tree), Some(commit)) = (&lost.tree, &lost.commit) else { return Ok(None) };
    let (tree, commit) = (Oid::parse(tree).map_err(environment)?, Oid::parse(commit).map_err(environment)?);
    if !live.repo.has_object(&commit).map_err(environment)? {
        return Ok(None);
    }
    let shadow = Shadow::open(live.repo, &live.world.shadow_dir(&live.started.run.worktree)).map_err(environment)?;
    let base_tree = match &live.started.run.base {
        Some(base) => live.repo.tree_of(&Oid::parse(base).map_err(environment)?).map_err(environment)?,
        None => shadow.format().empty_tree(),
    };
    let changed: Vec<ChangedPath> = shadow.changed_paths(&base_tree, &tree).map_err(environment)?;
    move_branch(live, &commit)?;
    live.world.say(&format!("taking up the work of run {from}, which was cut off after its agent had ended"));
    let sealed = Sealed { base_tree, tree: tree.clone(), commit: Some(commit), own_commits: 0 };
    Ok(Some((sealed, Snapshot { tree, changed, reports: Vec::new() })))
}

fn write_patch(
    live: &Live<'_>,
    shadow: &Shadow,
    sealed: &Sealed,
) -> Result<(std::path::PathBuf, crate::git::diff::Stats), OpError> {
    let patch = shadow.patch(&sealed.base_tree, &sealed.tree, PATCH_CAP).map_err(environment)?;
    let stats = shadow.stats(&sealed.base_tree, &sealed.tree).map_err(environment)?;
    let file = live.dir.join("diff.patch");
    fs::write_private(&file, &live.world.redactor.redact(&patch.text)).map_err(environment)?;
    Ok((file, stats))
}

fn checks(live: &Live<'_>, sealed: &Sealed) -> Result<Vec<Checked>, OpError> {
    let plans = CheckPlan::of(&live.started.task, &live.world.config)?;
    if plans.is_empty() {
        return Ok(Vec::new());
    }
    let run = &live.started.run;
    let place = CheckPlace::open(live.world, live.repo, &run.worktree, &sealed.tree)?;
    run_checks(live.world, &place, plans, &live.dir.join("checks"), run.id.as_str(), &live.cancel)
}
