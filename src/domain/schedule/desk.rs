//! The desk at which tasks ask, one after another, whether they may start now.

use std::collections::BTreeMap;

use crate::domain::schedule::bucket::TokenBucket;
use crate::domain::schedule::circuit::Circuit;
use crate::domain::schedule::maintenance::MaintenanceWindow;
use crate::domain::schedule::settings::millis;
use crate::domain::schedule::state::{
    HeldPathsBy, Outlook, PathsInUse, QueueLimits, QueueState, QueuedTask, TaskLook, WantedPath,
};
use crate::domain::schedule::tick::{QueueWait, TaskStart};
use crate::domain::time::WallMs;

/// The starts of this tick so far, and everything that they take.
pub(super) struct Desk<'a> {
    now: WallMs,
    state: &'a QueueState,
    limits: &'a QueueLimits,
    /// The starts so far.
    pub(super) starts: Vec<TaskStart>,
    /// Paths of these starts.
    taken: Vec<PathsInUse>,
    /// Tasks that have waited so long for their paths that nobody behind them gets any.
    kept: Vec<PathsInUse>,
    /// Starts of this tick, by agent.
    given: BTreeMap<String, u32>,
    bucket: Option<TokenBucket>,
    closed: Option<QueueWait>,
}

impl<'a> Desk<'a> {
    pub(super) fn open(now: WallMs, state: &'a QueueState, limits: &'a QueueLimits) -> Desk<'a> {
        let settings = &limits.settings;
        let maintenance = MaintenanceWindow::closed_until(&settings.maintenance, now)
            .map(|until_ms| QueueWait::Maintenance { until_ms });
        let closed = if settings.enabled {
            maintenance
        } else {
            Some(QueueWait::Disabled)
        };
        let bucket = |limit| TokenBucket::after(limit, &state.starts_ms, now);
        Desk {
            now,
            state,
            limits,
            starts: Vec::new(),
            taken: Vec::new(),
            kept: Vec::new(),
            given: BTreeMap::new(),
            bucket: settings.rate_limit.map(bucket),
            closed,
        }
    }

    /// The gate that nobody gets past now, whichever task it is.
    pub(super) fn is_shut(&self) -> Option<QueueWait> {
        let given = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
        let is_full = |limit: u32, at_work: u32| at_work.saturating_add(given) >= limit;
        let all = self.limits.settings.max_concurrency;
        if let Some(closed) = &self.closed {
            return Some(closed.clone());
        }
        if let Some(limit) = all.filter(|limit| is_full(*limit, self.state.running)) {
            return Some(QueueWait::Concurrency { limit });
        }
        let parallel = self.limits.parallel;
        if is_full(parallel, self.limits.own) {
            return Some(QueueWait::Parallel { limit: parallel });
        }
        let at_ms = self.bucket.as_ref()?.ready_ms();
        (at_ms > self.now).then_some(QueueWait::Rate { at_ms })
    }

    /// Starts the task, or says what it waits for.
    pub(super) fn ask(&mut self, task: &QueuedTask, look: TaskLook) -> Result<(), QueueWait> {
        let TaskLook { outlook, paths } = look;
        let wanted = PathsInUse {
            task: task.id.clone(),
            paths,
        };
        if let Outlook::Held { paths } = outlook {
            if paths == HeldPathsBy::ARun {
                self.keep(task, wanted);
            }
            return Err(QueueWait::Held);
        }
        if let Some(at_ms) = task.not_before_ms.filter(|at| *at > self.now) {
            return Err(QueueWait::NotBefore { at_ms });
        }
        if matches!(outlook, Outlook::Open { .. })
            && let Some(wait) = self.paths_in_the_way(&wanted.paths)
        {
            self.keep(task, wanted);
            return Err(wait);
        }
        let agent = match outlook {
            Outlook::Open { agents } => Some(self.free_agent(&agents)?),
            Outlook::Try { agent } => {
                if let Some(agent) = &agent {
                    self.refuse_resting(agent)?;
                }
                agent
            }
            Outlook::Held { .. } => None,
        };
        if let Some(shut) = self.is_shut() {
            return Err(shut);
        }
        if let Some(bucket) = &mut self.bucket {
            bucket.take();
        }
        if let Some(agent) = &agent {
            *self.given.entry(agent.clone()).or_insert(0) += 1;
        }
        self.taken.push(wanted);
        self.starts.push(TaskStart {
            task: task.id.clone(),
            agent,
        });
        Ok(())
    }

    fn keep(&mut self, task: &QueuedTask, wanted: PathsInUse) {
        let waited = self.now.saturating_sub(task.since_ms());
        if waited >= millis(self.limits.settings.keep_paths) {
            self.kept.push(wanted);
        }
    }

    fn paths_in_the_way(&self, wanted: &[WantedPath]) -> Option<QueueWait> {
        let harmless = &self.state.harmless;
        let meets = |one: &PathsInUse| {
            let example = WantedPath::clash(wanted, &one.paths, harmless)?;
            Some((one.task.clone(), example))
        };
        let used = self.state.in_use.iter().chain(&self.taken);
        if let Some((by, example)) = used.into_iter().find_map(meets) {
            return Some(QueueWait::Paths { by, example });
        }
        let kept = self.kept.iter().find_map(meets);
        kept.map(|(by, example)| QueueWait::PathsKept { by, example })
    }

    /// The first of these agents that has room and is not at rest.
    fn free_agent(&self, agents: &[String]) -> Result<String, QueueWait> {
        let mut first = None;
        for agent in agents {
            match self
                .refuse_resting(agent)
                .and_then(|()| self.room_of(agent))
            {
                Ok(()) => return Ok(agent.clone()),
                Err(wait) => first = first.or(Some(wait)),
            }
        }
        Err(first.unwrap_or(QueueWait::Held))
    }

    fn circuit_of(&self, agent: &str) -> Circuit {
        let standing = self.state.agents.get(agent);
        let health = standing.map(|standing| standing.health).unwrap_or_default();
        Circuit::of(health, self.limits.settings.breaker, self.now)
    }

    fn load_of(&self, agent: &str) -> u32 {
        let standing = self.state.agents.get(agent);
        let given = self.given.get(agent).copied().unwrap_or(0);
        standing
            .map_or(0, |standing| standing.load)
            .saturating_add(given)
    }

    fn refuse_resting(&self, agent: &str) -> Result<(), QueueWait> {
        let rests = |until_ms| QueueWait::Breaker {
            agent: agent.to_owned(),
            until_ms,
        };
        match self.circuit_of(agent) {
            Circuit::Open { until_ms } => Err(rests(Some(until_ms))),
            Circuit::HalfOpen if self.load_of(agent) > 0 => Err(rests(None)),
            Circuit::HalfOpen | Circuit::Closed => Ok(()),
        }
    }

    fn room_of(&self, agent: &str) -> Result<(), QueueWait> {
        let load = self.load_of(agent);
        let parallel = self.state.agents.get(agent).map_or(1, |one| one.parallel);
        if load < parallel {
            return Ok(());
        }
        Err(QueueWait::Room {
            agent: agent.to_owned(),
            load,
            parallel,
        })
    }
}
