//! What changed outside of an agent's worktree while it worked: in the main checkout, in the git
//! directory, in other worktrees, and in the home where no sandbox hides it.
//!
//! A person may work in the main checkout at the same time, and who changed a file cannot be told
//! from outside. So what is seen is a warning, but for a file that the agent itself says it
//! changed: that is a trespass, and denied.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::base::fs;
use crate::base::path::plain;
use crate::base::text::path_bytes;
use crate::domain::agent_event::AgentEvent;
use crate::domain::bypass::{Bypass, NAMED};
use crate::domain::git_hook::HookName;
use crate::domain::sandbox::Demand;
use crate::git::bystander::{BystanderState, CheckoutBeside};
use crate::git::moved_refs::{MoverGrounds, MoverPlace, RefMove};
use crate::git::ref_trace::RefTrace;
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::{PoolLimits, SlotInfo, WorktreePool};
use crate::git::{GitError, Head, Oid};
use crate::ops::error::{Doing as _, Kept as _, OpError};
use crate::ops::hooks::bypass;
use crate::ops::run::files::EventKind;
use crate::ops::run::model::RunCx;
use crate::ops::run::sandbox::layer;
use crate::ops::run::watch::home;
use crate::ops::trust;
use crate::store::Store;

/// So many names stand in one warning.
const SHOWN: usize = 8;

/// The trespasses that were seen.
pub(crate) struct Seen {
    /// In words.
    pub(crate) told: Vec<String>,
    /// Changed files that the agent names as its own work.
    pub(crate) own_words: Vec<String>,
    /// References that it moved although they are not its own.
    pub(crate) moved_refs: Vec<String>,
}

/// The slots in which nobody works.
pub(crate) fn idle_slots(
    live: &RunCx<'_>,
    store: &mut dyn Store,
) -> Result<Vec<SlotInfo>, OpError> {
    let busy: BTreeSet<String> = store
        .read(|tx| tx.active_runs())?
        .into_iter()
        .map(|run| run.worktree)
        .collect();
    let slots = WorktreePool::new(live.repo, live.world.pool_dir(), PoolLimits::default())
        .list()
        .unwrap_or_default();
    Ok(slots
        .into_iter()
        .filter(|slot| !busy.contains(&slot.name))
        .collect())
}

/// Looks at everything. `idle` are the slots in which nobody worked at the start. A look that fails
/// is told of, and decides nothing.
pub(crate) fn look(
    live: &RunCx<'_>,
    demand: Option<Demand>,
    store: &mut dyn Store,
    before: &BystanderState,
    idle: &[SlotInfo],
) -> Result<Seen, OpError> {
    let own = format!("refs/heads/{}", live.started.run.branch);
    let root = live
        .world
        .location
        .main_root
        .as_deref()
        .or(live.world.location.top.as_deref());
    let shadow = || ShadowRepo::create(live.repo, &live.world.shadow_dir("main"));
    // In the checkout itself everything is the agent's to change; its settings, hooks and branches
    // are not.
    let root = root.filter(|_| !live.started.run.is_in_place());
    let main = root.map(|root| CheckoutBeside {
        root,
        shadow: &shadow,
    });
    let trace = live.files.ref_trace();
    let traced = RefTrace::read(&trace);
    fs::remove_file(&trace)?;
    let seen = before.changes(live.repo, main.as_ref(), (&own, &traced));
    let (mut told, files, moves) = match seen {
        Ok(changes) => (changes.told, changes.files, changes.moves),
        Err(error) => (
            vec![format!("the main checkout could not be looked at: {error}")],
            Vec::new(),
            Vec::new(),
        ),
    };
    let moved = Moved {
        moves: &moves,
        traced: &traced,
        main: main.as_ref(),
    };
    let moved_refs = references(live, demand, before, &moved, &mut told)?;
    told.extend(pushed(live, store, before)?);
    let still_idle: BTreeSet<String> = idle_slots(live, store)?
        .into_iter()
        .map(|slot| slot.name)
        .collect();
    let claimed = claimed(live)?;
    let mut own_words: Vec<String> = match root {
        Some(root) => files
            .iter()
            .filter(|file| claimed.contains(&root.join(file)))
            .cloned()
            .collect(),
        None => Vec::new(),
    };
    for slot in idle.iter().filter(|slot| still_idle.contains(&slot.name)) {
        let files = in_slot(live, before, slot).unwrap_or_default();
        if files.is_empty() {
            continue;
        }
        let shown: Vec<String> = files.iter().take(SHOWN).cloned().collect();
        told.push(format!(
            "files of the idle worktree {} changed during the run: {}",
            slot.name,
            shown.join(", ")
        ));
        let named = files
            .iter()
            .filter(|file| claimed.contains(&slot.path.join(file)));
        own_words.extend(
            named.map(|file| format!("{}/{file}", path_bytes(slot.path.as_os_str().as_bytes()))),
        );
    }
    let touched = in_home(live, demand, before);
    if !touched.is_empty() {
        let shown: Vec<String> = touched
            .iter()
            .map(|path| path_bytes(path.as_os_str().as_bytes()))
            .collect();
        told.push(format!(
            "files of your home changed during the run, by which programs are started or somebody is let in: {}",
            shown.join(", ")
        ));
        own_words.extend(
            touched
                .iter()
                .zip(shown)
                .filter(|(path, _)| claimed.contains(*path))
                .map(|(_, shown)| shown),
        );
    }
    Ok(Seen {
        told,
        own_words,
        moved_refs,
    })
}

/// The moves during a run, and that by which it is told who made them.
struct Moved<'a> {
    moves: &'a [RefMove],
    traced: &'a RefTrace,
    main: Option<&'a CheckoutBeside<'a>>,
}

/// Puts references back that the agent has moved; `told` gets the words. Returns their names. Under a
/// sandbox that keeps them, moves are told of and no more. In the checkout itself the agent stands where
/// a person does, and only what its Git wrote down is its own.
fn references(
    live: &RunCx<'_>,
    demand: Option<Demand>,
    before: &BystanderState,
    moved: &Moved<'_>,
    told: &mut Vec<String>,
) -> Result<Vec<String>, OpError> {
    let run = &live.started.run;
    if layer::keeps_references(live.world, demand) {
        told.extend(moved.moves.iter().map(ToString::to_string));
        return Ok(Vec::new());
    }
    let (worktree, grounds) = if run.is_in_place() {
        (live.world.root.clone(), MoverGrounds::Trace)
    } else {
        let worktree = live.world.pool_dir().join(&run.worktree);
        (worktree, MoverGrounds::TraceAndPlace)
    };
    let worktree = std::fs::canonicalize(&worktree).unwrap_or(worktree);
    let base = run.base.as_deref().map(Oid::parse).transpose();
    let base = base.kept("the base of the run")?;
    let tip = live.repo.find_ref(&format!("refs/heads/{}", run.branch))?;
    let place = MoverPlace {
        worktree: &worktree,
        branch: &run.branch,
        base: base.as_ref(),
        tip: tip.as_ref(),
        trace: moved.traced,
        grounds,
    };
    let rescue = run.id.rescue_ref();
    let done = before.put_back(live.repo, moved.moves, (&place, moved.main), &rescue)?;
    told.extend(done.others.into_iter().chain(done.told));
    Ok(done.names)
}

/// Records commits of the run that another repository has by now: nothing is pushed from within a run, and one that
/// asked its hook was refused. Returns the words. A push to an address, and one by another clone, leave no trace here.
fn pushed(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    before: &BystanderState,
) -> Result<Vec<String>, OpError> {
    let run = &live.started.run;
    let Some(tip) = live.repo.find_ref(&format!("refs/heads/{}", run.branch))? else {
        return Ok(Vec::new());
    };
    let base = run.base.as_deref().map(Oid::parse).transpose();
    let base = base.kept("the base of the run")?;
    let mut told = Vec::new();
    for (target, commit) in before.pushed(live.repo, (base.as_ref(), &tip))? {
        told.push(format!(
            "work of the run was pushed past the hook, which lets none from within a run: {target} is {} now",
            commit.short()
        ));
        let known: Vec<Oid> = base.iter().cloned().collect();
        let commits = live.repo.commits_beyond(&commit, &known)?;
        let found = Bypass::Unasked {
            hook: HookName::PrePush.to_string(),
            target,
            count: commits.len() as u64,
            commits: commits
                .iter()
                .take(NAMED)
                .map(|one| one.id.to_string())
                .collect(),
        };
        bypass::record(store, &live.cx()?, &found)?;
    }
    Ok(told)
}

/// Looks at the user's home, unless a sandbox gave the agent another one.
fn in_home(live: &RunCx<'_>, demand: Option<Demand>, before: &BystanderState) -> Vec<PathBuf> {
    let is_open = layer::layer(live.world, demand).is_ok_and(|layer| !layer.mode().confines());
    let home = live
        .world
        .env
        .iter()
        .find(|(name, _)| name == "HOME")
        .map(|(_, home)| PathBuf::from(home));
    let Some(home) = home.filter(|home| is_open && home.is_absolute()) else {
        return Vec::new();
    };
    let trust = trust::recorded_in(&live.world.location.common_dir);
    home::touched(&home, trust.as_deref(), before)
}

fn in_slot(
    live: &RunCx<'_>,
    before: &BystanderState,
    slot: &SlotInfo,
) -> Result<Vec<String>, GitError> {
    let Some(commit) = slot.head.as_ref().and_then(Head::commit) else {
        return Ok(Vec::new());
    };
    let tree = live.repo.tree_of(commit)?;
    let shadow = ShadowRepo::open(live.repo, &live.world.shadow_dir(&slot.name))?;
    before.changed_in(&shadow, &slot.path, &tree)
}

/// The files that the agent's own events name as changed. Shell commands change files without such
/// an event.
fn claimed(live: &RunCx<'_>) -> Result<BTreeSet<PathBuf>, OpError> {
    let run = &live.started.run;
    let worktree = if run.is_in_place() {
        live.world.root.clone()
    } else {
        live.world.pool_dir().join(&run.worktree)
    };
    // An agent may have taken it away.
    let worktree = std::fs::canonicalize(&worktree).unwrap_or(worktree);
    let mut found = BTreeSet::new();
    for event in live.files.events_of(EventKind::FileChange) {
        if let AgentEvent::FileChange { path, .. } = event.doing("read the events of the agent")? {
            found.insert(plain(&worktree.join(path)));
        }
    }
    Ok(found)
}
