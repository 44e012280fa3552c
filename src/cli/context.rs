//! What commands work with: the terminal, the repository around, the store, the rules. Everything
//! is opened when first needed, so that a command pays only for what it uses.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::error::AppError;
use crate::base::env;
use crate::base::fs::is_missing;
use crate::cli::args::Global;
use crate::cli::ui::Ui;
use crate::config::{Config, Trees};
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::error_class::ErrorClass;
use crate::domain::time::Now;
use crate::git::WorktreeOwner;
use crate::git::discover::{self, RepoLocation};
use crate::ops::cx::{Cx, PolicyAtHand, Rules};
use crate::ops::init::link_state;
use crate::ops::scrub::Scrub;
use crate::ops::{credentials, project};
use crate::process::environment::secrets_in;
use crate::process::redact::Redactor;
use crate::store::{Access, Store};

/// The surroundings of a command.
pub(super) struct Context {
    pub(super) ui: Ui,
    global: Global,
    place: OnceCell<RepoLocation>,
    root: OnceCell<PathBuf>,
    config: OnceCell<Config>,
    scrub: OnceCell<Scrub>,
}

impl Context {
    pub(super) fn new(ui: Ui, global: Global) -> Context {
        Context {
            ui,
            global,
            place: OnceCell::new(),
            root: OnceCell::new(),
            config: OnceCell::new(),
            scrub: OnceCell::new(),
        }
    }

    /// True unless the user asked for silence.
    pub(super) fn is_talkative(&self) -> bool {
        !self.global.quiet
    }

    /// What `--as` said.
    pub(super) fn actor_argument(&self) -> Option<&str> {
        self.global.actor.as_deref()
    }

    /// The directory that the command is about: `-C`, else the current one.
    pub(super) fn start_dir(&self) -> Result<PathBuf, AppError> {
        let here = env::current_dir().map_err(|e| {
            AppError::new(
                ErrorClass::Failed,
                format!("the current directory cannot be found: {e}"),
            )
        })?;
        match &self.global.directory {
            Some(dir) if !here.join(dir).is_dir() => {
                let message = format!("there is no directory {}", here.join(dir).display());
                Err(AppError::new(ErrorClass::NotFound, message)
                    .hint("give an existing one with -C"))
            }
            Some(dir) => Ok(here.join(dir)),
            None => Ok(here),
        }
    }

    /// The repository around.
    pub(super) fn place(&self) -> Result<&RepoLocation, AppError> {
        if let Some(place) = self.place.get() {
            return Ok(place);
        }
        let found = discover::discover(&self.start_dir()?)?;
        Ok(self.place.get_or_init(|| found))
    }

    /// The directory whose `.ai/` counts: the main checkout, never an agent's worktree.
    pub(super) fn root(&self) -> Result<&Path, AppError> {
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

    /// Where the store and the run directories lie: `ai/` in the git common directory.
    pub(super) fn state_dir(&self) -> Result<PathBuf, AppError> {
        Ok(project::state_dir(&self.place()?.common_dir))
    }

    /// Opens the store. It is never closed: taking everything apart costs a twentieth of a short
    /// command, and the kernel gives back files and locks of a process that ends, as it does after
    /// a crash.
    pub(super) fn store(&mut self, access: Access) -> Result<&'static mut dyn Store, AppError> {
        let store = project::store_place(&self.state_dir()?).open(access)?;
        if access == Access::Write {
            self.mend_link()?;
        }
        if store.is_stale() {
            self.ui
                .warn("the disk is read-only; the newest changes may be missing");
        }
        Ok(Box::leak(store))
    }

    /// Makes `.ai/state` again where somebody cleaned it away. The store itself lies elsewhere and
    /// did not notice.
    pub(super) fn mend_link(&self) -> Result<(), AppError> {
        let root = self.root()?;
        let missing = is_missing(&root.join(".ai/state")) && root.join(".ai").is_dir();
        if missing {
            // The link is a convenience for people: another command may make it at this moment, or
            // the checkout be read-only.
            let _ = link_state(root, &self.state_dir()?);
        }
        Ok(())
    }

    /// The project's configuration.
    pub(super) fn config(&self) -> Result<&Config, AppError> {
        if let Some(config) = self.config.get() {
            return Ok(config);
        }
        let config = project::config(self.root()?, &Trees::of_user())?;
        Ok(self.config.get_or_init(|| config))
    }

    /// Everything that an operation needs to know. The policy is read at once: whoever asks it
    /// holds the store, and others wait.
    pub(super) fn cx(&self) -> Result<Cx, AppError> {
        let cx = self.cx_for_reading()?;
        cx.policy.state();
        Ok(cx)
    }

    /// The same for a command that changes nothing: the policy is read when it is asked, if it is.
    pub(super) fn cx_for_reading(&self) -> Result<Cx, AppError> {
        let rules = Rules::of(self.config()?, self.place()?)?;
        let root = self.root()?.to_owned();
        let policy = PolicyAtHand::when_asked(move || project::policy(&root, &Trees::of_user()));
        let scrub = self.scrub()?.clone();
        Ok(Cx {
            now: now(),
            actor: self.actor()?,
            policy,
            rules: Arc::new(rules),
            scrub,
        })
    }

    /// What takes secrets out of everything that this command stores. It looks for known values
    /// once there is a text to look at.
    pub(super) fn scrub(&self) -> Result<&Scrub, AppError> {
        if let Some(scrub) = self.scrub.get() {
            return Ok(scrub);
        }
        let (root, common) = (self.root()?.to_owned(), self.place()?.common_dir.clone());
        let read = move || {
            let all = env::all();
            let known = credentials::known(&root, &common, &all);
            Redactor::new(
                &secrets_in(&all)
                    .into_iter()
                    .chain(known)
                    .collect::<Vec<_>>(),
            )
        };
        Ok(self.scrub.get_or_init(|| Scrub::when_asked(read)))
    }

    /// Says which secrets were not stored, if any: whoever typed one must know that it is not
    /// there.
    pub(super) fn tell_scrubbed(&mut self) {
        let found = self.scrub.get().map(Scrub::found).unwrap_or_default();
        if !found.is_empty() {
            let kinds: Vec<String> = found.into_iter().collect();
            self.ui.warn(&format!(
                "a secret was typed ({}) and was not stored; its place says [REDACTED:…]\nhint: give it to the agents that need it by \
                 `.ai/credentials.yaml`, and change it if others may have seen it",
                kinds.join(", ")
            ));
        }
    }

    /// Who acts: `--as`, else `AI_ACTOR`, else the user of the machine. A bare name is a person's.
    pub(super) fn actor(&self) -> Result<Actor, AppError> {
        let actor = self.said_actor()?;
        // What a run says is said by its agent, whatever name it gives itself: a person's word
        // opens more doors.
        if actor.kind == ActorKind::Human && env::text(env::AI_RUN).is_some() {
            Actor::new(ActorKind::Agent, IN_RUN).map_err(|e| AppError::usage(e.to_string()))
        } else {
            Ok(actor)
        }
    }

    fn said_actor(&self) -> Result<Actor, AppError> {
        let named = self
            .global
            .actor
            .clone()
            .or_else(|| env::text(env::AI_ACTOR));
        match named {
            Some(text) => parse_actor(&text),
            None => {
                let user = env::text("USER")
                    .or_else(|| env::text("LOGNAME"))
                    .unwrap_or_default();
                let safe: String = user
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
                    .collect();
                let name = if safe.trim_start_matches('-').is_empty() {
                    "user".to_owned()
                } else {
                    safe
                };
                parse_actor(&name)
            }
        }
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
pub(super) fn now() -> Now {
    crate::store::local_now()
}

/// `human:ann`, `agent:codex#1`, or a bare name, which is a person's.
/// Who speaks inside of a run without a name, or with that of a person.
const IN_RUN: &str = "in-run";

pub(super) fn parse_actor(text: &str) -> Result<Actor, AppError> {
    let parsed = if text.contains(':') {
        text.parse()
    } else {
        Actor::new(ActorKind::Human, text)
    };
    parsed.map_err(|e| AppError::usage(e.to_string()))
}
