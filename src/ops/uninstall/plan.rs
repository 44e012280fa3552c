//! What would go and what stays, found by reading alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::{fs, hash, json_path};
use crate::config;
use crate::connector::announced::HookCli;
use crate::connector::cli_places::{CliSetup, SettingsScope};
use crate::domain::run::Run;
use crate::domain::uninstalling::{self, InIndex, WrittenFile};
use crate::git::cmd::NulFields;
use crate::git::worktree::{PoolLimits, SlotState, WorktreePool};
use crate::git::{Repo, RepoLocation, WorktreeOwner, worktree};
use crate::ops::cli_setup::{self, SettingsAround, SetupState, Which};
use crate::ops::daemon_unit::{self, ServiceStanding};
use crate::ops::error::OpError;
use crate::ops::init::written_files;
use crate::ops::places::Places;
use crate::ops::uninstall::refs;
use crate::ops::{hooks, project, tokens, trust};
use crate::store::sqlite;
use crate::store::sqlite::SqliteStore;
use crate::store::{Access, StoreError};

/// Prefix of the name of a removed store directory until all of it is gone; also what a crash
/// leaves.
pub(super) const TRASH: &str = "ai-removed-";
/// Prefix of the places of checks in older versions: a directory beside the worktrees that `ai`
/// alone filled.
const CHECK_PLACE: &str = ".check-";

/// The plan of an uninstall: things that go and things that stay.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "Plan")]
pub struct UninstallPlan {
    /// The content of the store; null where there is none.
    pub store: Option<StoreContent>,
    /// Files, links and directories that go.
    #[serde(serialize_with = "json_path::all")]
    pub removes: Vec<PathBuf>,
    /// Hooks of Git that go; what stood in their place before comes back.
    #[serde(serialize_with = "json_path::all")]
    pub hooks: Vec<PathBuf>,
    /// Settings of agents' CLIs in this checkout; the entry of `ai` in them goes.
    #[serde(serialize_with = "json_path::all")]
    pub settings: Vec<PathBuf>,
    /// Worktrees that go, after their work was looked at.
    pub worktrees: Vec<String>,
    /// Branches and refs of `ai`; they go only with a bundle.
    pub refs: Vec<String>,
    /// Things that stay, with the reason.
    pub keeps: Vec<KeptItem>,
    /// Runs that have not ended; nothing is removed while there are any.
    pub active_runs: Vec<String>,
    /// What is set up in those settings, with the checkout.
    #[serde(skip)]
    pub(super) setups: Vec<(PathBuf, Which)>,
    #[serde(skip)]
    pub(super) runs: Vec<Run>,
    /// The worktrees and where they stand.
    #[serde(skip)]
    pub(super) slots: Vec<PooledWorktree>,
    /// Directories that go if they are empty then, inner ones first.
    #[serde(skip)]
    pub(super) hollow: Vec<PathBuf>,
}

/// A worktree of one of the pools.
#[derive(Debug)]
pub(super) struct PooledWorktree {
    pub(super) pool: PathBuf,
    pub(super) name: String,
}

/// The content of a store.
#[derive(Debug, Serialize, JsonSchema)]
pub struct StoreContent {
    /// Tasks.
    pub tasks: u64,
    /// Records of the log.
    pub events: u64,
    /// Runs.
    pub runs: u64,
}

/// Something that stays.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Kept")]
pub struct KeptItem {
    /// Path below the repository's root, else an absolute one.
    pub path: String,
    /// The reason.
    pub why: String,
}

impl UninstallPlan {
    /// Paths of the worktrees that go.
    pub fn standing(&self) -> impl Iterator<Item = PathBuf> {
        self.slots.iter().map(|slot| slot.pool.join(&slot.name))
    }

    /// True where nothing of `ai` is here.
    pub fn is_empty(&self) -> bool {
        self.store.is_none()
            && self.removes.is_empty()
            && self.hooks.is_empty()
            && self.settings.is_empty()
            && self.worktrees.is_empty()
            && self.refs.is_empty()
    }
}

/// Looks at what `ai` has made in this repository. A store that cannot be read is an error: what it
/// holds is not known.
pub fn plan(place: &RepoLocation, repo: &Repo) -> Result<UninstallPlan, OpError> {
    let mut plan = UninstallPlan {
        refs: refs::ours(repo)?
            .into_iter()
            .map(|(name, _)| name)
            .collect(),
        hooks: hooks::ours(repo)?,
        ..UninstallPlan::default()
    };
    let state = project::state_dir(&place.common_dir);
    let mut written = BTreeMap::new();
    match SqliteStore::open(&state.join(project::STORE_FILE), Access::Read) {
        Ok(mut store) => {
            written = store.read(|tx| written_files(tx))?;
            read_store(&mut store, &mut plan)?;
            plan.removes
                .extend(Some(project::mark_file(&state)).filter(|mark| mark.exists()));
            plan.removes.push(state);
        }
        Err(StoreError::NotInitialised) => {}
        // That of the hooks of a server alone, which go.
        Err(StoreError::Vanished(_)) if project::is_fresh(&state)? => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(root) = place.main_root.as_deref().or(place.top.as_deref()) {
        files(place, repo, root, &written, &mut plan)?;
        all_settings(&place.common_dir, root, &mut plan)?;
        for pool in Places::of(&place.common_dir, root).pools() {
            worktrees(repo, &pool, &mut plan)?;
            around(&pool, &mut plan)?;
        }
    }
    plan.removes.extend(token_dirs(&place.common_dir)?);
    plan.removes.extend(trust::recorded_in(&place.common_dir));
    // The trees of other repositories' files are among them, and come back when those are read
    // again.
    plan.removes
        .extend(config::trees_dir().filter(|dir| dir.is_dir()));
    plan.removes.extend(named(&place.common_dir, TRASH)?);
    service(&place.common_dir, &mut plan)?;
    Ok(plan)
}

/// The file by which the system starts the daemon: to be taken out of force before it goes, which is the user's own command.
fn service(common_dir: &Path, plan: &mut UninstallPlan) -> Result<(), OpError> {
    let Some(service) = daemon_unit::place(common_dir) else {
        return Ok(());
    };
    match service.standing()? {
        ServiceStanding::Absent | ServiceStanding::Foreign => {}
        ServiceStanding::Ours(_) | ServiceStanding::Changed => plan.keeps.push(KeptItem {
            path: service.path.to_string_lossy().into_owned(),
            why: "it starts the daemon; `ai daemon uninstall` takes it away".to_owned(),
        }),
    }
    Ok(())
}

/// The settings of CLIs that name `ai`, in the checkout and in the linked worktrees of people: those of runs go
/// as a whole.
fn all_settings(common_dir: &Path, root: &Path, plan: &mut UninstallPlan) -> Result<(), OpError> {
    settings(root, plan)?;
    let pools = Places::of(common_dir, root).pools();
    for (_, top) in worktree::registered(common_dir)? {
        let is_of_runs = pools.iter().any(|pool| top.starts_with(pool));
        if top != root && top.is_dir() && !is_of_runs {
            settings(&top, plan)?;
        }
    }
    Ok(())
}

/// The settings of CLIs in one checkout that name `ai`.
fn settings(root: &Path, plan: &mut UninstallPlan) -> Result<(), OpError> {
    let each = CliSetup::ALL
        .into_iter()
        .flat_map(|setup| HookCli::ALL.map(|cli| (setup, cli)));
    for (setup, cli) in each {
        let which = Which {
            setup,
            cli,
            scope: SettingsScope::Project,
        };
        let found = cli_setup::standing(around_checkout(root), which)?;
        match found.state {
            SetupState::Installed | SetupState::Off | SetupState::Broken => {
                if !plan.settings.contains(&found.file) {
                    plan.settings.push(found.file);
                }
                plan.setups.push((root.to_owned(), which));
            }
            SetupState::Edited => plan.keeps.push(KeptItem {
                path: found.file.to_string_lossy().into_owned(),
                why: "the entry of `ai` in it was changed; take it out by hand".to_owned(),
            }),
            // Whether `ai` was ever put there is not known.
            SetupState::Unreadable | SetupState::Absent => {}
        }
    }
    Ok(())
}

/// The places of a checkout's own settings, which no variable names.
pub(super) fn around_checkout(root: &Path) -> SettingsAround<'_> {
    SettingsAround {
        top: Some(root),
        env: &[],
    }
}

fn read_store(store: &mut SqliteStore, plan: &mut UninstallPlan) -> Result<(), StoreError> {
    let events = sqlite::contents(store)?.events;
    plan.runs = store.read(|tx| tx.all_runs())?;
    let tasks = store.read(|tx| tx.tally())?.iter().map(|(_, n)| n).sum();
    plan.active_runs = plan
        .runs
        .iter()
        .filter(|run| run.end.is_none())
        .map(|run| run.id.to_string())
        .collect();
    plan.store = Some(StoreContent {
        tasks,
        events,
        runs: plan.runs.len() as u64,
    });
    Ok(())
}

/// The files below `.ai/`: those that init wrote and nobody has changed or committed go, all others
/// stay.
fn files(
    place: &RepoLocation,
    repo: &Repo,
    root: &Path,
    written: &BTreeMap<String, String>,
    plan: &mut UninstallPlan,
) -> Result<(), OpError> {
    let link = root.join(".ai/state");
    if std::fs::read_link(&link).is_ok() {
        plan.removes.push(link);
    }
    let tracked = tracked(place, repo, root)?;
    for path in below(&root.join(".ai"))? {
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        let (index, then) = if tracked.contains(&name) {
            (InIndex::Yes, None)
        } else {
            (InIndex::No, written.get(&name))
        };
        // What stays in any case need not be read.
        let now = match then {
            Some(_) => {
                hash::sha256_hex(&fs::read_capped(&path, 1 << 20).map_err(StoreError::from)?)
            }
            None => String::new(),
        };
        let file = then.map(|then| WrittenFile { then, now: &now });
        match uninstalling::why_it_stays(index, file) {
            None => plan.removes.push(path),
            Some(why) => plan.keeps.push(KeptItem {
                path: name,
                why: why.to_owned(),
            }),
        }
    }
    Ok(())
}

/// Every file below `.ai/` but the link to the store and the worktrees.
fn below(dir: &Path) -> Result<Vec<PathBuf>, OpError> {
    let (mut found, mut open) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(at) = open.pop() {
        for path in fs::list_dir(&at).map_err(StoreError::from)? {
            let ours = at == dir
                && path
                    .file_name()
                    .is_some_and(|name| name == "state" || name == "worktrees");
            match std::fs::symlink_metadata(&path) {
                _ if ours => {}
                Ok(meta) if meta.is_dir() => open.push(path),
                _ => found.push(path),
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The files below `.ai/` that are in the index.
fn tracked(place: &RepoLocation, repo: &Repo, root: &Path) -> Result<Vec<String>, OpError> {
    let git_dir = if place.main_root.is_some() {
        &place.common_dir
    } else {
        &place.git_dir
    };
    let command = repo
        .git()
        .command(["ls-files", "-z", "--cached", "--", ".ai"])
        .git_dir(git_dir)
        .work_tree(root);
    let out = command.run()?;
    Ok(NulFields::of(&out)
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect())
}

fn worktrees(repo: &Repo, dir: &Path, plan: &mut UninstallPlan) -> Result<(), OpError> {
    let pool = WorktreePool::new(repo, dir, PoolLimits::default());
    for slot in pool.list()? {
        match slot.state {
            SlotState::Ready | SlotState::Missing | SlotState::Redirected => {
                plan.worktrees.push(slot.name.clone());
                plan.slots.push(PooledWorktree {
                    pool: dir.to_owned(),
                    name: slot.name,
                });
            }
            state => plan.keeps.push(KeptItem {
                path: slot.path.to_string_lossy().into_owned(),
                why: format!("it is {state}"),
            }),
        }
    }
    Ok(())
}

/// Adds to the plan what lies beside the worktrees: the places of checks, the word on whose all of
/// it is, and the directories themselves.
fn around(pool: &Path, plan: &mut UninstallPlan) -> Result<(), OpError> {
    plan.removes.extend(named(pool, CHECK_PLACE)?);
    plan.hollow.push(pool.to_owned());
    let Some(home) = WorktreeOwner::of_pool(pool).and(pool.parent()) else {
        return Ok(());
    };
    plan.removes.extend(
        ["checks", "owner"]
            .map(|name| home.join(name))
            .into_iter()
            .filter(|path| path.exists()),
    );
    plan.hollow
        .extend(home.ancestors().take(2).map(Path::to_owned));
    Ok(())
}

/// Finds the directories with lease tokens: in the git directory of each worktree.
fn token_dirs(common_dir: &Path) -> Result<Vec<PathBuf>, OpError> {
    let mut git_dirs = fs::list_dir(&common_dir.join("worktrees")).map_err(StoreError::from)?;
    git_dirs.push(common_dir.to_owned());
    Ok(git_dirs
        .into_iter()
        .map(|dir| dir.join(tokens::DIR))
        .filter(|dir| dir.is_dir())
        .collect())
}

/// The directories whose names begin so.
fn named(dir: &Path, prefix: &str) -> Result<Vec<PathBuf>, OpError> {
    let mut all = fs::list_dir(dir).map_err(StoreError::from)?;
    all.retain(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with(prefix))
    });
    all.retain(|path| std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()));
    Ok(all)
}
