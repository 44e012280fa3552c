//! What a run needs of the machine, handed in once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::base::env;
use crate::config::{Config, Trees};
use crate::domain::actor::Actor;
use crate::domain::ids::RunId;
use crate::domain::run::RunStep;
use crate::domain::sandbox::SandboxWish;
use crate::domain::time::Now;
use crate::git::worktree::{DiskLocks, PoolLimits};
use crate::git::{CommitIdentity, Git, Repo, RepoLocation, preflight};
use crate::ops::cx::{Cx, HeadAtHand};
use crate::ops::error::OpError;
use crate::ops::hatch::HatchMaker;
use crate::ops::places::Places;
use crate::ops::scrub::Scrub;
use crate::ops::{project, standing_rules};
use crate::policy::PolicyState;
use crate::process::redact::Redactor;
use crate::process::sandbox::SandboxProbe;
use crate::store::StorePlace;

/// Told what goes on, for a person who watches.
pub type Progress = dyn Fn(&str);

/// A glimpse of a run at work. Nothing hangs on it, and nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glimpse<'a> {
    /// The run begins this step.
    Step(&'a RunId, RunStep),
    /// The agent has said this, or is doing this.
    Said(&'a str),
}

/// Shown glimpses, where somebody watches at this moment.
pub type Watcher = dyn Fn(Glimpse<'_>);

/// The machine and the project around a run.
pub struct World {
    /// The repository.
    pub location: RepoLocation,
    /// The checkout whose `.ai/` counts.
    pub root: PathBuf,
    /// The directories of worktrees and places of checks.
    pub places: Places,
    /// The configuration.
    pub config: Config,
    /// The actor.
    pub actor: Actor,
    /// Reads both clocks.
    pub clock: fn() -> Now,
    /// The user's environment, from which children get what is allowed.
    pub env: Vec<(OsString, OsString)>,
    /// Takes secrets out of everything that is stored.
    pub scrub: Scrub,
    /// The sandbox that the user asked for at the terminal or for this machine; outranks the
    /// configuration.
    pub sandbox: Option<SandboxWish>,
    /// The sandbox layers that work here, probed when first needed.
    pub probed: OnceLock<SandboxProbe>,
    /// Told what goes on.
    pub progress: Box<Progress>,
    /// Opens the socket by which a run's agent asks; nobody where no run is to have one.
    pub hatch: Option<HatchMaker>,
    /// Shown what a run does at this moment; nobody where no terminal is looked at.
    pub watcher: Option<Box<Watcher>>,
}

impl World {
    /// The state directory in the git common directory.
    pub fn state(&self) -> PathBuf {
        project::state_dir(&self.location.common_dir)
    }

    /// Finds the secrets in what is kept beside the store.
    pub fn redactor(&self) -> &Redactor {
        self.scrub.redactor()
    }

    /// Where the store is kept, for whoever needs a connection of its own.
    pub fn store_place(&self) -> StorePlace {
        project::store_place(&self.state())
    }

    /// The pool of worktrees.
    pub fn pool_dir(&self) -> PathBuf {
        self.places.pool()
    }

    /// The locks by which checkouts of all repositories on one disk wait for each other; none where
    /// the user has no directory.
    pub fn disk_locks(&self) -> Option<DiskLocks<'_>> {
        Some(DiskLocks {
            dir: disk_locks_dir()?,
            say: &*self.progress,
            patience: PoolLimits::default().patience,
        })
    }

    /// The shadow git directory that looks at one slot.
    pub fn shadow_dir(&self, slot: &str) -> PathBuf {
        self.state().join("slots").join(slot).join("shadow.git")
    }

    /// Opens the repository's objects and references, after a look whether everything works in such
    /// a repository.
    pub fn repo(&self) -> Result<Repo, OpError> {
        let git = Git::system()?.remembering(self.state());
        preflight::check_supported(&self.location, &git)?;
        Ok(Repo::open(&self.location, git)?)
    }

    /// The surroundings of one operation, now.
    pub fn cx(&self, policy: &PolicyState) -> Result<Cx, OpError> {
        self.cx_as(policy, self.actor.clone())
    }

    /// The same in somebody else's name.
    pub fn cx_as(&self, policy: &PolicyState, actor: Actor) -> Result<Cx, OpError> {
        let around = (&self.location, &*self.root);
        let rules = standing_rules::of(&actor, &self.config, around)?;
        Ok(Cx {
            now: (self.clock)(),
            actor,
            policy: policy.clone().into(),
            rules: rules.into(),
            scrub: self.scrub.clone(),
            head: HeadAtHand::default(),
        })
    }

    /// The policy of the checkout, for questions that are not about a run.
    pub fn checkout_policy(&self) -> PolicyState {
        project::policy(&self.root, &Trees::of_user())
    }

    /// Says something to whoever watches.
    pub fn say(&self, text: &str) {
        (self.progress)(text);
    }

    /// Shows a glimpse to whoever watches at this moment.
    pub fn glimpse(&self, glimpse: Glimpse<'_>) {
        if let Some(watcher) = &self.watcher {
            watcher(glimpse);
        }
    }

    /// A path of the repository as the store keeps it: below the state directory.
    pub fn below_state(&self, path: &Path) -> String {
        path.strip_prefix(self.state())
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }
}

/// Returns the directory of the locks of disks, which all repositories of the user share.
pub fn disk_locks_dir() -> Option<PathBuf> {
    Some(env::user_config_dir()?.join("locks"))
}

/// The name and address under which `ai` commits what it snapshots.
pub fn identity() -> Result<CommitIdentity, OpError> {
    Ok(CommitIdentity::new("ai", "ai@localhost")?)
}
