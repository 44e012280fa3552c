//! The repository that a front end works in: where it is, what is configured there, who acts, and
//! its store.
//!
//! Everything is found when it is first asked for and kept, so that a command pays only for what it
//! uses. Deliberately absent: terminals. What a person should be told, such as a store that may be
//! stale, is returned or can be asked for, and shown by the front end.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::app::error::AppError;
use crate::base::{env, fs, login};
use crate::config::{Config, Trees};
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::error_class::ErrorClass;
use crate::domain::sandbox::SandboxWish;
use crate::domain::time::Now;
use crate::git::WorktreeOwner;
use crate::git::discover::{self, RepoLocation};
use crate::git::person;
use crate::git::preflight;
use crate::git::repo::head_at;
use crate::ops::cx::{Cx, HeadAtHand, PolicyAtHand};
use crate::ops::error::OpError;
use crate::ops::hooks::bypass;
use crate::ops::places::Places;
use crate::ops::scrub::Scrub;
use crate::ops::world::{Progress, World};
use crate::ops::{credentials, init, project, standing_policy, standing_rules};
use crate::process::environment::secrets_in;
use crate::process::redact::Redactor;
use crate::store::{Access, Store, StoreError, local_now};

/// The name of whoever speaks inside of a run without a name, or with that of a person.
const IN_RUN: &str = "in-run";

/// A repository, and who works in it.
pub struct Workspace {
    directory: Option<PathBuf>,
    named: Option<String>,
    person: OnceCell<Actor>,
    place: OnceCell<RepoLocation>,
    root: OnceCell<PathBuf>,
    config: OnceCell<Config>,
    scrub: OnceCell<Scrub>,
}

impl Workspace {
    /// The workspace around a directory, else around the current one; `named` is who acts, where
    /// the caller was told.
    pub fn new(directory: Option<PathBuf>, named: Option<String>) -> Workspace {
        Workspace {
            directory,
            named,
            person: OnceCell::new(),
            place: OnceCell::new(),
            root: OnceCell::new(),
            config: OnceCell::new(),
            scrub: OnceCell::new(),
        }
    }

    /// Who acts, as the caller was told.
    pub fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The directory that the caller named.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_deref()
    }

    /// The directory in which the search for a repository begins.
    pub fn start_dir(&self) -> Result<PathBuf, AppError> {
        if let Some(dir) = self.directory.as_ref().filter(|dir| dir.is_absolute()) {
            // The current directory may be gone by now.
            return existing(dir.clone());
        }
        let here = env::current_dir().map_err(|e| {
            AppError::new(
                ErrorClass::Failed,
                format!("the current directory cannot be found: {e}"),
            )
        })?;
        match &self.directory {
            Some(dir) => existing(here.join(dir)),
            None => Ok(here),
        }
    }

    /// The repository around.
    pub fn place(&self) -> Result<&RepoLocation, AppError> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let found = discover::discover(&self.start_dir()?)?;
        if let Some(sharing) = found.sharing {
            let bits = (sharing.bits, sharing.dir_bits());
            fs::share_below(&found.common_dir, bits, |mask| sharing.umask(mask));
        }
        Ok(self.place.get_or_init(|| found))
    }

    /// The directory whose `.ai/` counts: the main checkout, never an agent's worktree.
    pub fn root(&self) -> Result<&Path, AppError> {
        let place = self.place()?;
        let root = self.root.get_or_init(|| {
            let of_person = || place.top.as_deref().map(outside_pool);
            place
                .main_root
                .clone()
                .or_else(of_person)
                .unwrap_or_else(|| place.common_dir.clone())
        });
        Ok(root)
    }

    /// The root of the worktree around, the main checkout or another one: for whoever looks at what stands there
    /// before it counts.
    pub fn tree_here(&self) -> Result<&Path, AppError> {
        match &self.place()?.top {
            Some(top) => Ok(top),
            None => self.root(),
        }
    }

    /// The directory of the store and the runs: `ai/` in the git common directory.
    pub fn state_dir(&self) -> Result<PathBuf, AppError> {
        Ok(project::state_dir(&self.place()?.common_dir))
    }

    /// Refuses a repository that Git itself refuses: for every command that writes, before its first write.
    pub fn require_writable(&self) -> Result<(), AppError> {
        Ok(preflight::check_writable(self.place()?).map_err(OpError::from)?)
    }

    /// Opens the store.
    pub fn open_store(&self, access: Access) -> Result<Box<dyn Store>, AppError> {
        if access == Access::Write {
            self.require_writable()?;
        }
        let state_dir = self.state_dir()?;
        let mut store = project::store_place(&state_dir)
            .open(access)
            .map_err(seen_from_a_run)?;
        if access == Access::Write {
            self.mend_link()?;
            if bypass::has_notes(&state_dir) {
                // Notes that cannot be taken in stay, and `ai status` shows them: they keep nobody from
                // work.
                let cx = self.cx_for_reading()?;
                let _ = bypass::take_in(&mut *store, &cx, &state_dir);
            }
        }
        Ok(store)
    }

    /// Makes `.ai/state` again where somebody cleaned it away. The store itself lies elsewhere and
    /// did not notice.
    pub fn mend_link(&self) -> Result<(), AppError> {
        let root = self.root()?;
        let missing = fs::is_missing(&root.join(".ai/state")) && root.join(".ai").is_dir();
        if missing {
            // The link is a convenience for people: another command may make it at this moment, or
            // the checkout be read-only.
            let _ = init::link_state(root, &self.state_dir()?);
        }
        Ok(())
    }

    /// The project's configuration.
    pub fn config(&self) -> Result<&Config, AppError> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = project::config(self.root()?, &Trees::of_user())?;
        Ok(self.config.get_or_init(|| config))
    }

    /// Goes by this configuration, where it has read none.
    pub fn go_by(&self, config: Config) {
        // One that was read stays.
        let _read = self.config.set(config);
    }

    /// The surroundings of an operation. The policy is read at once: whoever asks it holds the
    /// store, and others wait.
    pub fn cx(&self) -> Result<Cx, AppError> {
        let cx = self.cx_for_reading()?;
        if self.require_writable().is_ok() {
            standing_policy::remember(self.root()?, self.place()?, cx.policy.state());
        }
        Ok(cx)
    }

    /// The same for an operation that changes nothing: the policy is read when it is asked, if it
    /// is.
    pub fn cx_for_reading(&self) -> Result<Cx, AppError> {
        let root = self.root()?;
        let actor = self.actor()?;
        let rules = standing_rules::of(&actor, self.config()?, (self.place()?, root))?;
        let policy = self.policy()?;
        let scrub = self.scrub()?.clone();
        let place = self.place()?.clone();
        let head = HeadAtHand::when_asked(move || Some(head_at(&place).ok()?.into()));
        Ok(Cx {
            now: now(),
            actor,
            policy,
            rules: Arc::new(rules),
            scrub,
            head,
        })
    }

    /// The policy of the checkout, read when it is asked, if it is.
    pub fn policy(&self) -> Result<PolicyAtHand, AppError> {
        let root = self.root()?.to_owned();
        Ok(PolicyAtHand::when_asked(move || {
            project::policy(&root, &Trees::of_user())
        }))
    }

    /// The machine and the project around a run; `progress` is told what goes on.
    pub fn world(&self, progress: Box<Progress>) -> Result<World, AppError> {
        let sandbox = env::text(env::AI_SANDBOX)
            .map(|text| text.parse::<SandboxWish>())
            .transpose();
        let sandbox =
            sandbox.map_err(|why| AppError::usage(format!("{}: {why}", env::AI_SANDBOX)))?;
        let (location, root) = (self.place()?.clone(), self.root()?.to_owned());
        Ok(World {
            places: Places::of(&location.common_dir, &root),
            sandbox,
            probed: OnceLock::new(),
            location,
            root,
            config: self.config()?.clone(),
            actor: self.actor()?,
            clock: now,
            env: env::all(),
            scrub: self.scrub()?.clone(),
            progress,
            hatch: None,
            watcher: None,
        })
    }

    /// Takes secrets out of everything that is stored. It looks for known values once there is a
    /// text to look at.
    pub fn scrub(&self) -> Result<&Scrub, AppError> {
        if let Some(scrub) = self.scrub.get() {
            return Ok(scrub);
        }
        let (root, common) = (self.root()?.to_owned(), self.place()?.common_dir.clone());
        let read = move || {
            let all = env::all();
            let known = credentials::known(&root, &common, &all);
            let secrets: Vec<_> = secrets_in(&all).into_iter().chain(known).collect();
            Redactor::new(&secrets)
        };
        Ok(self.scrub.get_or_init(|| Scrub::when_asked(read)))
    }

    /// The kinds of secrets that were typed and not stored: whoever typed one must know that it is
    /// not there.
    pub fn scrubbed(&self) -> Vec<String> {
        let found = self.scrub.get().map(Scrub::found).unwrap_or_default();
        found.into_iter().collect()
    }

    /// Refuses agents, and whatever acts within a run; `what` follows on "only a person may".
    pub fn refuse_agents(&self, what: &str) -> Result<(), AppError> {
        if self.actor()?.kind == ActorKind::Human && env::text(env::AI_RUN).is_none() {
            return Ok(());
        }
        let message = format!("only a person may {what}");
        Err(AppError::new(ErrorClass::Denied, message).hint("ask a person to give this command"))
    }

    /// The actor: the one named, else `AI_ACTOR`, else the person whom Git knows here, else the user
    /// of the machine. A bare name is a person's.
    pub fn actor(&self) -> Result<Actor, AppError> {
        let named = self.named.clone().or_else(|| env::text(env::AI_ACTOR));
        let named = named.as_deref().map(parse_actor).transpose()?;
        // What a run says is said by its agent, whatever name it gives itself: a person's word
        // opens more doors.
        if env::text(env::AI_RUN).is_some() {
            let is_person = |actor: &Actor| actor.kind == ActorKind::Human;
            return match named.filter(|actor| !is_person(actor)) {
                Some(actor) => Ok(actor),
                None => {
                    Actor::new(ActorKind::Agent, IN_RUN).map_err(|e| AppError::usage(e.to_string()))
                }
            };
        }
        match named {
            Some(actor) => Ok(actor),
            None => self.person(),
        }
    }

    /// True where somebody has said who acts: by name, or by being part of a run.
    pub fn says_who_acts(&self) -> bool {
        self.named.is_some()
            || [env::AI_ACTOR, env::AI_RUN]
                .iter()
                .any(|name| env::text(name).is_some())
    }

    fn person(&self) -> Result<Actor, AppError> {
        if let Some(person) = self.person.get() {
            return Ok(person.clone());
        }
        let by_login = user_of_machine()?;
        let email = self.place().ok().and_then(person::email);
        let by_git = email.and_then(|email| Actor::by_git(&email, Some(by_login.name.clone())));
        Ok(self
            .person
            .get_or_init(|| by_git.unwrap_or(by_login))
            .clone())
    }
}

/// The directory, where it is one.
fn existing(dir: PathBuf) -> Result<PathBuf, AppError> {
    if dir.is_dir() {
        return Ok(dir);
    }
    let message = format!("there is no directory {}", dir.display());
    Err(AppError::new(ErrorClass::NotFound, message).hint("give an existing one with -C"))
}

/// The person as the machine knows them; `human:user` where it does not.
fn user_of_machine() -> Result<Actor, AppError> {
    let user = login::name().unwrap_or_default();
    let safe: String = user
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .collect();
    if safe.trim_start_matches('-').is_empty() {
        parse_actor("user")
    } else {
        parse_actor(&safe)
    }
}

/// The worktree of a person to which an agent's worktree belongs: a bare repository has no main
/// checkout to go by.
fn outside_pool(top: &Path) -> PathBuf {
    if let Some(owner) = top.parent().and_then(WorktreeOwner::of_pool) {
        return owner.root;
    }
    let pools = top.ancestors().filter(|dir| dir.ends_with(".ai/worktrees"));
    pools
        .last()
        .and_then(|pool| pool.parent()?.parent())
        .unwrap_or(top)
        .to_owned()
}

/// Both clocks, now.
pub fn now() -> Now {
    local_now()
}

/// Reads `human:ann`, `agent:codex#1`, or a bare name, which is a person's.
pub fn parse_actor(text: &str) -> Result<Actor, AppError> {
    let parsed = if text.contains(':') {
        text.parse()
    } else {
        Actor::new(ActorKind::Human, text)
    };
    parsed.map_err(|e| {
        let hint = "a name, such as `--as ann`, or a kind and a name, such as `--as agent:one`";
        AppError::usage(e.to_string()).hint(hint)
    })
}

/// A store that is not there, as it looks from within the sandbox of a run, where it is hidden.
fn seen_from_a_run(error: StoreError) -> StoreError {
    match error {
        StoreError::NotInitialised | StoreError::Vanished(_)
            if env::text(env::AI_RUN).is_some() =>
        {
            StoreError::OutOfSight
        }
        other => other,
    }
}
