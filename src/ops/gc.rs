//! Giving room back in all: what pruning takes away, and before it the output of agents that the limits of
//! `retention` let go. First a plan, in which each thing has its reason; then each removal looks again.
//!
//! Invariants: what proves work (the change, the checks, the records, the statement) is never touched, nor is the log
//! of the store; output of a task that has not ended stays; what goes is on record before it is gone, and lies in
//! `pruned/` of the state directory for a while.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::text::shell_words;
use crate::base::{file_lock, fs};
use crate::domain::event::Event;
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::ids::{EvidenceId, RunId, TaskId};
use crate::domain::pruning::Fate;
use crate::domain::retention::{self, Retention, RunOutput};
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::git::Repo;
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::run::files::RUNS;
use crate::ops::worktree::{self, Ages, Item, PrunePlan, PruneReason, pruned};
use crate::ops::world::World;
use crate::store::{EventFilter, Flow, Store, StoreError, Tx};

/// Everything that was looked at.
#[derive(Debug)]
pub struct GcPlan {
    outputs: Vec<(RunId, Item)>,
    pruning: PrunePlan,
    now_ms: i64,
}

impl GcPlan {
    /// The things one by one, in the order in which they go.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let outputs = self.outputs.iter().map(|(_, item)| item);
        outputs.chain(&self.pruning.items)
    }

    /// Counts the things that would go.
    pub fn removals(&self) -> usize {
        self.items().filter(|item| item.removes).count()
    }
}

/// Looks at everything. Nothing is changed.
pub fn plan(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    (limits, ages): (&Retention, &Ages),
) -> Result<GcPlan, OpError> {
    let now_ms = (world.clock)().wall_ms;
    let state = world.state();
    let outputs = store.read(|tx| outputs(tx, &state))?;
    let fates = retention::fates(&outputs, limits, now_ms);
    let outputs = outputs.iter().zip(fates);
    Ok(GcPlan {
        outputs: outputs
            .map(|(one, fate)| (one.run.clone(), item(&state, one, fate, now_ms)))
            .collect(),
        pruning: worktree::plan(world, repo, store, ages)?,
        now_ms,
    })
}

fn item(state: &Path, one: &RunOutput, fate: Fate, now_ms: i64) -> Item {
    let removes = matches!(fate, Fate::Goes(_));
    let back = removes.then(|| {
        let run = Path::new(RUNS).join(one.run.as_str());
        let kept = kept_at(state, &one.run, now_ms);
        let shell = |path: &Path| shell_words([path.to_string_lossy()]);
        format!("mv {}/* {}/", shell(&kept), shell(&state.join(run)))
    });
    Item::of_output(&one.run, fate, one.bytes, back)
}

/// The directory in which the output of a run lies once it was given up.
fn kept_at(state: &Path, run: &RunId, now_ms: i64) -> PathBuf {
    state.join(pruned::DIR).join(format!("{now_ms}-{run}"))
}

/// The size on the disk of the output of all agents, in bytes.
pub(super) fn occupied(tx: &mut dyn Tx, state: &Path) -> Result<u64, StoreError> {
    let pieces = tx.evidence(None, None)?;
    Ok(there(pieces, state).map(|(_, bytes)| bytes).sum())
}

/// The output of each run that has some.
fn outputs(tx: &mut dyn Tx, state: &Path) -> Result<Vec<RunOutput>, OpError> {
    let mut sizes: BTreeMap<RunId, u64> = BTreeMap::new();
    for (piece, bytes) in there(tx.evidence(None, None)?, state) {
        if let Some(run) = piece.run {
            *sizes.entry(run).or_default() += bytes;
        }
    }
    let runs = tx.all_runs()?;
    let mut tasks: BTreeMap<TaskId, Option<Task>> = BTreeMap::new();
    let mut all = Vec::new();
    for run in &runs {
        let Some(bytes) = sizes.get(&run.id) else {
            continue;
        };
        if !tasks.contains_key(&run.task) {
            tasks.insert(run.task.clone(), tx.task(&run.task)?);
        }
        all.push(of_run(run, tasks[&run.task].as_ref(), *bytes));
    }
    Ok(all)
}

fn of_run(run: &Run, task: Option<&Task>, bytes: u64) -> RunOutput {
    RunOutput {
        run: run.id.clone(),
        ended_ms: run.end.as_ref().map(|end| end.at_ms),
        bytes,
        held: retention::held(run, task),
    }
}

/// The pieces that are output of an agent, and whose file stands where it was recorded, each with its size. A link, or
/// a file that is not below the directory of runs, is nothing that this may move.
fn there(pieces: Vec<Evidence>, state: &Path) -> impl Iterator<Item = (Evidence, u64)> {
    let of_agent = |piece: &Evidence| {
        matches!(piece.kind, EvidenceKind::Log | EvidenceKind::Events) && lies_in_its_run(piece)
    };
    pieces
        .into_iter()
        .filter(of_agent)
        .filter_map(move |piece| {
            let stat = std::fs::symlink_metadata(state.join(&piece.file)).ok()?;
            let bytes = stat
                .is_file()
                .then(|| fs::disk_usage(&state.join(&piece.file)))?;
            Some((piece, bytes))
        })
}

/// Tells whether the file lies directly in the directory of the run.
fn lies_in_its_run(piece: &Evidence) -> bool {
    let Some(run) = &piece.run else { return false };
    let dir = Path::new(RUNS).join(run.as_str());
    Path::new(&piece.file).parent() == Some(&dir)
}

/// Carries the plan out and says what became of each thing. One that cannot go stays, with the reason, and keeps no
/// other from going.
pub fn carry_out(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    plan: GcPlan,
) -> Result<Vec<Item>, OpError> {
    // Of two at once the second looks at what the first has left.
    let _held = file_lock::lock(&world.state().join("gc.lock"))?;
    let GcPlan {
        mut outputs,
        pruning,
        now_ms,
    } = plan;
    for (run, item) in outputs.iter_mut().filter(|(_, item)| item.removes) {
        if let Err(error) = give_up(world, store, run, now_ms) {
            (item.removes, item.back) = (false, None);
            item.why = PruneReason::Failed(error);
        }
    }
    let mut all: Vec<Item> = outputs.into_iter().map(|(_, item)| item).collect();
    all.extend(worktree::carry_out(world, repo, store, pruning));
    Ok(all)
}

/// Moves the output of a run to where it is kept for a while. The log knows of it first: a file that is gone without a
/// word in the log was taken by somebody else.
fn give_up(world: &World, store: &mut dyn Store, run: &RunId, now_ms: i64) -> Result<(), OpError> {
    let state = world.state();
    let cx = world.cx(&world.checkout_policy())?;
    let files = commit(store, &cx, |tx, cx| {
        let known = tx.run(run)?;
        let task = tx.task(&run.task())?;
        let held = |known: &Run| retention::held(known, task.as_ref());
        if let Some(why) = known.as_ref().and_then(held) {
            return Err(Refusal::Environment(why).into());
        }
        let pieces = tx.evidence(Some(&run.task()), Some(run))?;
        let there: Vec<(Evidence, u64)> = there(pieces, &state).collect();
        if there.is_empty() {
            let why = "it is not there any more".to_owned();
            return Err(Refusal::Environment(why).into());
        }
        let (run, bytes) = (run.clone(), there.iter().map(|(_, bytes)| bytes).sum());
        let pieces: Vec<EvidenceId> = there.iter().map(|(piece, _)| piece.id.clone()).collect();
        cx.record(tx, &Event::OutputPruned { run, pieces, bytes })?;
        Ok(there)
    })?;
    let to = kept_at(&state, run, now_ms);
    fs::create_private_dir(&state.join(pruned::DIR))?;
    fs::create_private_dir(&to)?;
    for (piece, _) in files {
        let from = state.join(&piece.file);
        let name = from.file_name().unwrap_or_default();
        fs::rename(&from, &to.join(name))?;
    }
    Ok(())
}

/// The pieces of a task whose files were given up, by the log, each with the time.
pub fn given_up(tx: &mut dyn Tx, task: &TaskId) -> Result<BTreeMap<EvidenceId, i64>, StoreError> {
    let filter = EventFilter {
        subject: Some(task.to_string()),
        kind: Some("output.pruned"),
        ..EventFilter::default()
    };
    let mut known = BTreeMap::new();
    tx.events(&filter, &mut |stored| {
        let event: Event =
            serde_json::from_str(&stored.body).map_err(|source| StoreError::Row {
                row: format!("event {}", stored.seq),
                source: source.into(),
            })?;
        if let Event::OutputPruned { pieces, .. } = event {
            known.extend(pieces.into_iter().map(|piece| (piece, stored.at_ms)));
        }
        Ok(Flow::More)
    })?;
    Ok(known)
}
