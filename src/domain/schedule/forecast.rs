//! The queue played on: when each task would be done if every run took so long.
//!
//! The same tick decides as in earnest. What nobody knows ends a forecast: a run whose duration is not
//! known is at work for ever here, and what waits for it is not told.

use std::collections::BTreeMap;

use crate::domain::ids::TaskId;
use crate::domain::resources::ResourceAmounts;
use crate::domain::schedule::state::{PathsInUse, QueueLimits, QueueState, QueuedTask, WantedPath};
use crate::domain::schedule::tick::{QueueAction, tick};
use crate::domain::schedule::urgency::fair_label;
use crate::domain::time::WallMs;

/// Ticks after which a forecast ends.
const TICKS: usize = 1_000;

/// A run that is at work.
#[derive(Debug, Clone)]
pub struct RunAtWork {
    /// The task.
    pub task: TaskId,
    /// The agent.
    pub agent: String,
    /// The paths that it locks.
    pub paths: Vec<WantedPath>,
    /// The resources that it has declared.
    pub needs: ResourceAmounts,
    /// The time of its end; absent where nobody knows.
    pub ends_ms: Option<WallMs>,
}

/// The end of the run of each task that would be started and whose duration is known. `took_ms` tells
/// how long a task takes with an agent.
pub fn forecast(
    now: WallMs,
    state: &QueueState,
    limits: &QueueLimits,
    at_work: Vec<RunAtWork>,
    took_ms: &dyn Fn(&QueuedTask, &str) -> Option<i64>,
) -> BTreeMap<TaskId, WallMs> {
    let mut play = Play {
        now,
        state: state.clone(),
        limits: limits.clone(),
        own: Vec::new(),
        done: BTreeMap::new(),
        at_work,
    };
    // Nobody knows for how long the machine is under pressure; it is played on as if it were over.
    play.state.machine.crossed = None;
    play.state.machine.disk = None;
    for _ in 0..TICKS {
        let Some(next) = play.turn(took_ms) else {
            break;
        };
        play.go_to(next);
    }
    play.done
}

struct Play {
    now: WallMs,
    state: QueueState,
    limits: QueueLimits,
    /// Tasks that the caller has started.
    own: Vec<TaskId>,
    done: BTreeMap<TaskId, WallMs>,
    at_work: Vec<RunAtWork>,
}

impl Play {
    /// One tick; returns the time of the next one.
    fn turn(&mut self, took_ms: &dyn Fn(&QueuedTask, &str) -> Option<i64>) -> Option<WallMs> {
        self.look_around();
        let mut next = Vec::new();
        for action in tick(self.now, &self.state, &self.limits) {
            match action {
                QueueAction::Start(start) => {
                    if let Some(agent) = start.agent {
                        self.start(&start.task, agent, took_ms);
                    }
                }
                QueueAction::Wait { wait, .. } => next.extend(wait.until_ms()),
            }
        }
        next.extend(self.at_work.iter().filter_map(|run| run.ends_ms));
        next.into_iter().filter(|at| *at > self.now).min()
    }

    fn look_around(&mut self) {
        let count = |all: usize| u32::try_from(all).unwrap_or(u32::MAX);
        for (name, standing) in &mut self.state.agents {
            let load = self.at_work.iter().filter(|run| run.agent == *name);
            standing.load = count(load.count());
        }
        self.state.in_use = self
            .at_work
            .iter()
            .map(|run| PathsInUse {
                task: run.task.clone(),
                paths: run.paths.clone(),
            })
            .collect();
        let used = self.at_work.iter().map(|run| run.needs);
        self.state.machine.used = used.fold(ResourceAmounts::default(), ResourceAmounts::and);
        self.state.running = count(self.at_work.len());
        let own = self
            .at_work
            .iter()
            .filter(|run| self.own.contains(&run.task));
        self.limits.own = count(own.count());
    }

    fn start(
        &mut self,
        id: &TaskId,
        agent: String,
        took_ms: &dyn Fn(&QueuedTask, &str) -> Option<i64>,
    ) {
        let Some(at) = self.state.tasks.iter().position(|task| task.id == *id) else {
            return;
        };
        let task = self.state.tasks.swap_remove(at);
        // A run takes at least a moment, or the clock would stand still.
        let standing = self.state.agents.get(&agent);
        let needs = standing.map_or(task.needs, |one| one.needs.enough_for(task.needs));
        let ends_ms = took_ms(&task, &agent).map(|ms| self.now.saturating_add(ms.max(1)));
        self.done.extend(ends_ms.map(|at| (id.clone(), at)));
        let label = fair_label(&task.labels, &self.limits.settings.fairness);
        self.state.served_ms.insert(label.to_owned(), self.now);
        self.state.starts_ms.push(self.now);
        self.own.push(id.clone());
        self.at_work.push(RunAtWork {
            task: id.clone(),
            agent,
            paths: task.paths,
            needs,
            ends_ms,
        });
    }

    fn go_to(&mut self, next: WallMs) {
        self.now = next;
        self.at_work
            .retain(|run| run.ends_ms.is_none_or(|at| at > next));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schedule::SchedulerSettings;
    use crate::domain::schedule::testing::{MONDAY, exclusive, limits, queue, queued};

    fn at(done: &BTreeMap<TaskId, WallMs>) -> Vec<(String, i64)> {
        done.iter()
            .map(|(id, at)| (id.to_string(), at - MONDAY))
            .collect()
    }

    #[test]
    fn the_queue_is_played_to_its_end() {
        let mut tasks: Vec<QueuedTask> = ["1", "2", "3", "4"].map(queued).into();
        tasks[3].not_before_ms = Some(MONDAY + 1_000);
        tasks[2].paths = vec![exclusive("src/**")];
        let state = queue(tasks);
        let two = QueueLimits {
            parallel: 2,
            ..limits(SchedulerSettings::default())
        };
        let running = RunAtWork {
            task: TaskId("r".into()),
            agent: "a".into(),
            paths: vec![exclusive("src/x")],
            needs: ResourceAmounts::default(),
            ends_ms: Some(MONDAY + 150),
        };
        let done = forecast(MONDAY, &state, &two, vec![running], &|_, _| Some(100));
        let expected = [("1", 100), ("2", 100), ("3", 250), ("4", 1_100)];
        assert_eq!(at(&done), expected.map(|(id, ms)| (id.to_owned(), ms)));
    }

    #[test]
    fn what_nobody_knows_is_not_told() {
        let state = queue(["1", "2", "3"].map(queued).into());
        let one = QueueLimits {
            parallel: 1,
            ..limits(SchedulerSettings::default())
        };
        let took = |task: &QueuedTask, _: &str| (task.id.as_str() == "1").then_some(5);
        let done = forecast(MONDAY, &state, &one, Vec::new(), &took);
        assert_eq!(at(&done), [("1".to_owned(), 5)]);
    }
}
