//! What every operation is given: the time, who acts, and the project's rules. Operations read no
//! clock and no file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use crate::base::id;
use crate::base::text;
use crate::config::{Config, LockCase};
use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::ids::TaskId;
use crate::domain::path_lock::HarmlessSet;
use crate::domain::path_pattern::{CaseMode, PathPattern};
use crate::domain::task::Task;
use crate::domain::time::Now;
use crate::git::RepoLocation;
use crate::ops::error::{OpError, Refused};
use crate::ops::meant_path::meant;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::scrub::Scrub;
use crate::policy::PolicyState;
use crate::store::{Lasting, Store, StoreError, Tx};

/// The surroundings of one operation.
#[derive(Clone)]
pub struct Cx {
    /// Both clocks. [`commit`] sets them when the store is held; before that they are those of the
    /// command's start.
    pub now: Now,
    /// The actor.
    pub actor: Actor,
    /// The policy that answers.
    pub policy: PolicyAtHand,
    /// The project's configuration, as far as it decides operations.
    pub rules: Arc<Rules>,
    /// The filter that takes secrets out of everything that is recorded.
    pub scrub: Scrub,
    /// The HEAD of the checkout in which whoever acts stands.
    pub head: HeadAtHand,
}

/// The commit of a checkout's HEAD, looked up when it is asked for; nothing where no checkout belongs to
/// what is done, or its HEAD cannot be read.
#[derive(Clone, Default)]
pub struct HeadAtHand(Option<Arc<LookHead>>);

type LookHead = dyn Fn() -> Option<String> + Send + Sync;

impl HeadAtHand {
    /// A HEAD that `look` will find.
    pub fn when_asked(look: impl Fn() -> Option<String> + Send + Sync + 'static) -> HeadAtHand {
        HeadAtHand(Some(Arc::new(look)))
    }

    /// The commit.
    pub fn commit(&self) -> Option<String> {
        self.0.as_ref().and_then(|look| look())
    }
}

/// The policy, read when it is first asked: many commands that only look never ask it.
#[derive(Clone)]
pub struct PolicyAtHand(Arc<LazyLock<PolicyState, ReadPolicy>>);

type ReadPolicy = Box<dyn FnOnce() -> PolicyState + Send>;

impl PolicyAtHand {
    /// A policy that `read` will bring.
    pub fn when_asked(read: impl FnOnce() -> PolicyState + Send + 'static) -> PolicyAtHand {
        PolicyAtHand(Arc::new(LazyLock::new(Box::new(read))))
    }

    /// Returns the policy, or why it cannot be read.
    pub fn state(&self) -> &PolicyState {
        &self.0
    }
}

impl From<PolicyState> for PolicyAtHand {
    fn from(state: PolicyState) -> PolicyAtHand {
        PolicyAtHand::when_asked(move || state)
    }
}

/// The parts of the configuration that decide operations on the store.
#[derive(Clone)]
pub struct Rules {
    /// Module names and the patterns that they stand for.
    pub modules: BTreeMap<String, Vec<String>>,
    /// The comparison of paths in this repository: with or without case.
    pub case: CaseMode,
    /// The checkout in which symbolic links are followed, so that one directory has one name; none
    /// in a bare repository.
    pub root: Option<PathBuf>,
    /// Paths that never conflict.
    pub harmless: HarmlessSet,
    /// Attempts of a task that names no number.
    pub max_attempts: u32,
    /// Lapses in a row before a task waits for a person.
    pub max_lapses: u32,
    /// The most tasks that wait, queued or blocked; without one any number.
    pub max_queue_size: Option<u32>,
    /// The checkout whose `.ai/agents` says what agents are able to; nothing where nobody has said.
    pub home: Option<PathBuf>,
    /// Capabilities for which types of tasks and labels ask.
    pub capabilities: BTreeMap<String, Vec<String>>,
    /// Agents that stand in for an agent, beside those that its file names.
    pub fallback: BTreeMap<String, Vec<String>>,
}

impl Rules {
    /// The rules that a configuration sets.
    pub fn of(config: &Config, place: &RepoLocation) -> Result<Rules, OpError> {
        let case = match config.locks.case {
            LockCase::Folding => CaseMode::Folding,
            LockCase::Sensitive => CaseMode::Sensitive,
            LockCase::Auto if place.ignore_case => CaseMode::Folding,
            LockCase::Auto => CaseMode::Sensitive,
        };
        let root = place.main_root.clone().or_else(|| place.top.clone());
        let mut harmless = Vec::new();
        for pattern in &config.locks.shared {
            let pattern = meant(root.as_deref(), pattern);
            let parsed = PathPattern::parse(&pattern, case);
            harmless.push(parsed.map_err(Refusal::SharedPattern)?);
        }
        Ok(Rules {
            modules: config.modules.clone(),
            case,
            root,
            harmless: HarmlessSet::new(&harmless, case),
            max_attempts: config.defaults.max_attempts,
            max_lapses: config.defaults.max_lapses,
            max_queue_size: config.scheduler.max_queue_size,
            home: None,
            capabilities: config.router.capabilities.clone(),
            fallback: config.router.fallback.clone(),
        })
    }

    /// The same rules, with the agents of the checkout at `home`.
    pub fn with_agents_of(self, home: &Path) -> Rules {
        Rules {
            home: Some(home.to_owned()),
            ..self
        }
    }
}

/// Runs `work` in one transaction, with the time at which that transaction got its turn: a command
/// that waited for others, or was stopped, must not judge a lease by the time at which it started.
/// What a refusal records is written in a second transaction, after the first was rolled back: the
/// refused operation leaves nothing else behind.
pub fn commit<T>(
    store: &mut dyn Store,
    cx: &Cx,
    work: impl FnOnce(&mut dyn Tx, &Cx) -> Result<T, OpError>,
) -> Result<T, OpError> {
    commit_as(store, cx, Lasting::AtOnce, work)
}

/// The same with a word on when it has to last through a power cut. What a refusal records always
/// lasts at once.
pub fn commit_as<T>(
    store: &mut dyn Store,
    cx: &Cx,
    lasting: Lasting,
    work: impl FnOnce(&mut dyn Tx, &Cx) -> Result<T, OpError>,
) -> Result<T, OpError> {
    // Nearly every write asks the policy. It is read before the store is held, so that nobody waits
    // for that.
    cx.policy.state();
    let in_turn = |tx: &mut dyn Tx| {
        let cx = cx.at(tx.now()?);
        work(tx, &cx)
    };
    match store.write_as(lasting, in_turn) {
        Err(OpError::Refused(refused)) if !refused.record.is_empty() => {
            let Refused { why, record } = *refused;
            store.write(|tx| {
                let cx = cx.at(tx.now()?);
                record.iter().try_for_each(|event| cx.record(tx, event))
            })?;
            Err(why.into())
        }
        other => other,
    }
}

impl Cx {
    /// The same at another time.
    pub fn at(&self, now: Now) -> Cx {
        Cx {
            now,
            ..self.clone()
        }
    }

    /// Appends an event in this actor's name, without the secrets that its texts hold.
    pub fn record(&self, tx: &mut dyn Tx, event: &Event) -> Result<(), OpError> {
        let clean = self.scrub.event(event);
        tx.record(
            self.now.wall_ms,
            &self.actor,
            clean.as_ref().unwrap_or(event),
        )?;
        Ok(())
    }

    /// Appends an event for each piece of evidence.
    pub fn record_evidence(&self, tx: &mut dyn Tx, evidence: &[Evidence]) -> Result<(), OpError> {
        evidence.iter().try_for_each(|piece| {
            let evidence = Box::new(piece.clone());
            self.record(tx, &Event::EvidenceRecorded { evidence })
        })
    }
}

/// The epoch of the run that was typed where a task is wanted: 2 for `t-7k3f.2`.
pub fn epoch_in(typed: &str) -> Option<u64> {
    let (_, epoch) = typed.trim().rsplit_once('.')?;
    let is_number = !epoch.is_empty() && epoch.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| epoch.parse().ok()).flatten()
}

/// The beginning of the id of the task that somebody typed, or of the task of a run; nothing where no
/// id begins so.
pub fn typed_prefix(typed: &str) -> Option<String> {
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let text = typed.trim().to_ascii_lowercase();
    let text = match (epoch_in(&text), text.rsplit_once('.')) {
        (Some(_), Some((task, _))) => task.to_owned(),
        _ => text,
    };
    let prefix = if text.starts_with("t-") {
        text
    } else {
        format!("t-{text}")
    };
    // The bare `t-` would name a task by itself where there is only one: an empty variable in a
    // script must not.
    (prefix != "t-" && prefix.chars().all(known)).then_some(prefix)
}

/// The task that an id or a unique prefix names; `t-` may be left out. A run names its task.
pub fn resolve(tx: &mut dyn Tx, typed: &str) -> Result<TaskId, OpError> {
    let Some(prefix) = typed_prefix(typed) else {
        return Err(Refusal::NotFound {
            what: Thing::Task,
            id: text::one_line(typed),
        }
        .into());
    };
    let found = tx.tasks_with_prefix(&prefix, 6)?;
    match found.as_slice() {
        [] => Err(Refusal::NotFound {
            what: Thing::Task,
            id: text::one_line(typed),
        }
        .into()),
        [one] => Ok(one.clone()),
        several => match several.iter().find(|id| id.as_str() == prefix) {
            Some(exact) => Ok(exact.clone()),
            None => Err(Refusal::Ambiguous {
                prefix: typed.to_owned(),
                candidates: several.iter().map(ToString::to_string).collect(),
            }
            .into()),
        },
    }
}

/// A task that must be there.
pub fn load(tx: &mut dyn Tx, id: &TaskId) -> Result<Task, OpError> {
    tx.task(id)?.ok_or_else(|| {
        Refusal::NotFound {
            what: Thing::Task,
            id: id.to_string(),
        }
        .into()
    })
}

/// A fresh [task id](TaskId) that no task of the store bears.
pub fn fresh_task_id(tx: &mut dyn Tx) -> Result<TaskId, StoreError> {
    loop {
        let id = TaskId(format!("t-{}", id::random_text(8)));
        if tx.task(&id)?.is_none() {
            return Ok(id);
        }
    }
}
