//! Giving room back in all: what pruning takes away, and before it the output of agents that the limits of
//! `retention` let go. First a plan, in which each thing has its reason; then each removal looks again.
//!
//! Invariants: what proves work (the change, the checks, the records, the statement) is never touched, nor is the log
//! of the store; output of a task that has not ended stays; what goes is on record before it is gone, and lies in
//! `pruned/` of the state directory for a while.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::file_lock::{self, FileLock};
use crate::base::fs;
use crate::base::onlooker::Onlooker;
use crate::base::text::shell_words;
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
use crate::ops::evidence::{self, EvidenceState};
use crate::ops::refusal::Refusal;
use crate::ops::run::files::{RUNS, RunDir};
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

/// The right to give room back, for one at a time: the next looks at what this one has left.
pub fn alone(world: &World) -> Result<FileLock, OpError> {
    Ok(file_lock::lock(&world.state().join("gc.lock"))?)
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
    let are_real = is_real_dir(&state.join(RUNS));
    let mine = move |piece: &Evidence| are_real && of_agent(piece);
    pieces.into_iter().filter(mine).filter_map(move |piece| {
        let dir = RunDir::below(state, piece.run.as_ref()?);
        let file = state.join(&piece.file);
        let stat = std::fs::symlink_metadata(&file).ok()?;
        let is_mine = is_real_dir(dir.path()) && stat.is_file();
        is_mine.then(|| (piece, fs::disk_usage(&file)))
    })
}

/// Tells whether a directory stands there, and not a link to one.
fn is_real_dir(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|stat| stat.is_dir())
}

/// Tells whether the file lies directly in the directory of the run.
fn lies_in_its_run(piece: &Evidence) -> bool {
    let Some(run) = &piece.run else { return false };
    let dir = Path::new(RUNS).join(run.as_str());
    Path::new(&piece.file).parent() == Some(&dir)
}

/// Carries the plan out and says what became of each thing. One that cannot go stays, with the reason, and keeps no
/// other from going.
pub fn carry_out(world: &World, repo: &Repo, store: &mut dyn Store, plan: GcPlan) -> Vec<Item> {
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
    all
}

/// Moves the output of a run to where it is kept for a while. The log knows of it first: a file that is gone without a
/// word in the log was taken by somebody else. What is not what was recorded stays, for `ai evidence verify` to tell.
fn give_up(world: &World, store: &mut dyn Store, run: &RunId, now_ms: i64) -> Result<(), OpError> {
    let state = world.state();
    let recorded = store.read(|tx| tx.evidence(Some(&run.task()), Some(run)))?;
    let found: Vec<(Evidence, u64)> = there(recorded, &state).collect();
    let changed = found
        .iter()
        .find(|(piece, _)| evidence::verify(&state, piece) != EvidenceState::Intact);
    if let Some((piece, _)) = changed {
        let file = &piece.file;
        return Err(stays(format!(
            "{file} is not what was recorded; `ai evidence verify {run}` tells more"
        )));
    }
    if found.is_empty() {
        return Err(stays("it is not there any more".to_owned()));
    }
    let to = make_kept(&state, run, now_ms)?;
    let cx = world.cx(&world.checkout_policy())?;
    commit(store, &cx, |tx, cx| {
        let known = tx.run(run)?;
        let task = tx.task(&run.task())?;
        let held = |known: &Run| retention::held(known, task.as_ref());
        if let Some(why) = known.as_ref().and_then(held) {
            return Err(stays(why));
        }
        let (run, bytes) = (run.clone(), found.iter().map(|(_, bytes)| bytes).sum());
        let pieces: Vec<EvidenceId> = found.iter().map(|(piece, _)| piece.id.clone()).collect();
        cx.record(tx, &Event::OutputPruned { run, pieces, bytes })
    })?;
    for (piece, _) in &found {
        let from = state.join(&piece.file);
        let name = from.file_name().unwrap_or_default();
        let onlooker = Onlooker::patient(&*world.progress);
        fs::relocate(&from, &to.join(name), Some(onlooker))?;
    }
    Ok(())
}

/// Makes the directory in which the output of a run will lie, before the log says that it does.
fn make_kept(state: &Path, run: &RunId, now_ms: i64) -> Result<PathBuf, OpError> {
    let all = state.join(pruned::DIR);
    fs::create_private_dir(&all)?;
    if !is_real_dir(&all) {
        let why = format!(
            "{} is a link, and nothing is kept behind one",
            all.display()
        );
        return Err(stays(why));
    }
    let to = kept_at(state, run, now_ms);
    fs::create_private_dir(&to)?;
    Ok(to)
}

/// Output that stays, since something is in the way.
fn stays(why: String) -> OpError {
    Refusal::Environment(why).into()
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
