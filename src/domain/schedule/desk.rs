//! The desk at which tasks ask, one after another, whether they may start now.

use std::collections::BTreeMap;

use crate::domain::ids::TaskId;
use crate::domain::resources::{ResourceAmounts, ResourceKind};
use crate::domain::schedule::admission::{MachineSight, MachineWait};
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
    /// The machine, with what these starts take of it.
    machine: MachineSight,
    /// Tasks that have waited so long for a resource that nobody behind them gets any of it.
    kept_room: Vec<(TaskId, ResourceKind)>,
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
            machine: state.machine.clone(),
            kept_room: Vec::new(),
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
        if self.limits.own >= parallel {
            return Some(QueueWait::HandsFull { limit: parallel });
        }
        if is_full(parallel, self.limits.own) {
            return Some(QueueWait::Parallel { limit: parallel });
        }
        if let Some(wait) = self.machine.pause(self.now) {
            return Some(QueueWait::Machine { agent: None, wait });
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
            Outlook::Open { agents } => {
                let found = self.free_agent(&agents, &task.needs);
                Some(found.inspect_err(|wait| self.keep_room(task, &agents, wait))?)
            }
            Outlook::Try { agent } => {
                if let Some(agent) = &agent {
                    self.refuse_resting(agent)?;
                }
                self.room_for(agent.as_deref(), &task.needs)
                    .inspect_err(|wait| self.keep_room(task, agent.as_slice(), wait))?;
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
        let need = self.need_of(agent.as_deref(), &task.needs);
        self.machine = self.machine.using(need);
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

    /// Keeps what comes free of a resource for a task that has waited for it long enough. What can never be met
    /// keeps nothing.
    ///
    /// Everything that it asks for is kept, not only what it lacks now: of two kinds that come free in turn, each would
    /// else be given away while the other is lacking.
    fn keep_room(&mut self, task: &QueuedTask, agents: &[String], wait: &QueueWait) {
        let waited = self.now.saturating_sub(task.since_ms());
        let QueueWait::Machine {
            wait: MachineWait::Taken { .. } | MachineWait::Disk { .. },
            ..
        } = wait
        else {
            return;
        };
        if waited < millis(self.limits.settings.keep_paths) {
            return;
        }
        let mut needs: Vec<ResourceAmounts> = agents
            .iter()
            .map(|agent| self.need_of(Some(agent), &task.needs))
            .collect();
        needs.push(task.needs);
        let asked = |kind: &ResourceKind| needs.iter().any(|need| need.of(*kind).is_some());
        let kinds = ResourceKind::ALL.into_iter().filter(asked);
        self.kept_room
            .extend(kinds.map(|kind| (task.id.clone(), kind)));
    }

    /// Resources that a run of a task on this agent is given: enough for the agent, and for each check after it.
    fn need_of(&self, agent: Option<&str>, checks: &ResourceAmounts) -> ResourceAmounts {
        let standing = agent.and_then(|agent| self.state.agents.get(agent));
        standing.map_or(*checks, |standing| standing.needs.enough_for(*checks))
    }

    /// Finds room for a run of a task with these checks on this agent.
    fn room_for(&self, agent: Option<&str>, checks: &ResourceAmounts) -> Result<(), QueueWait> {
        let need = self.need_of(agent, checks);
        let wait_for = |wait| QueueWait::Machine {
            agent: agent.map(str::to_owned),
            wait,
        };
        self.machine.admit(&need, self.now).map_err(wait_for)?;
        let kept = self.kept_room.iter();
        let mut kept = kept.filter(|(_, kind)| need.of(*kind).is_some());
        match kept.next() {
            Some((by, kind)) => Err(wait_for(MachineWait::Kept {
                by: by.clone(),
                kind: *kind,
            })),
            None => Ok(()),
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
        if let Some((by, example)) = self.state.landing.iter().find_map(meets) {
            return Some(QueueWait::Landing { by, example });
        }
        let kept = self.kept.iter().find_map(meets);
        kept.map(|(by, example)| QueueWait::PathsKept { by, example })
    }

    /// The first of these agents that has room, is not at rest, and could ever find what it declares: the one that the
    /// run itself will choose. Where it does not find that now, the task waits for it.
    fn free_agent(&self, agents: &[String], checks: &ResourceAmounts) -> Result<String, QueueWait> {
        let (mut first, mut never) = (None, None);
        for agent in agents {
            let is_free = self.refuse_resting(agent);
            if let Err(wait) = is_free.and_then(|()| self.room_of(agent)) {
                first = first.or(Some(wait));
                continue;
            }
            match self.room_for(Some(agent), checks) {
                Ok(()) => return Ok(agent.clone()),
                Err(wait) if wait.is_for_ever() => never = never.or(Some(wait)),
                Err(wait) => return Err(wait),
            }
        }
        // One that can never have it is told of only where that is so for all of them.
        Err(first.or(never).unwrap_or(QueueWait::Held))
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
