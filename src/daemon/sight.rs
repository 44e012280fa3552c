//! What a daemon tells of itself at its socket: taken down before each step, so that nobody who asks waits for it.

use std::sync::{Arc, Mutex, PoisonError};

use crate::app::daemon_words::{
    DaemonLandingSeen, DaemonLastLanding, DaemonPhase, DaemonRestSeen, DaemonRunSeen, DaemonSight,
};
use crate::base::clock;
use crate::daemon::clerk::SharedSight;
use crate::daemon::serve::Daemon;
use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;

/// The sight of a daemon that has not looked yet.
pub(super) fn first(parallel: usize) -> SharedSight {
    Arc::new(Mutex::new(DaemonSight {
        phase: DaemonPhase::Looks,
        since_ms: clock::wall_ms(),
        looked_ms: None,
        looks_again_ms: None,
        parallel,
        runs: Vec::new(),
        resting: Vec::new(),
        landing: None,
        last_landing: None,
        trouble: None,
        stops_by_ms: None,
    }))
}

/// Times of the wall for those of the clock that nobody sets.
struct Clocks {
    boot_ms: i64,
    wall_ms: WallMs,
}

impl Clocks {
    fn wall(&self, at_ms: i64) -> WallMs {
        self.wall_ms
            .saturating_add(at_ms.saturating_sub(self.boot_ms))
    }
}

impl Daemon<'_> {
    /// Tells what it is about to do: to look, or to wait until then unless there is news.
    pub(super) fn publish(&mut self, phase: DaemonPhase, until_ms: Option<i64>) {
        let now = Clocks {
            boot_ms: clock::boot_ms(),
            wall_ms: clock::wall_ms(),
        };
        let resting = self.rests.resting_until(now.boot_ms);
        self.turned_away
            .retain(|task, _| resting.iter().any(|(rests, _)| rests == task));
        let why = |task: &TaskId| self.turned_away.get(task).cloned();
        let resting = resting.into_iter().map(|(task, until_ms)| DaemonRestSeen {
            why: why(&task).unwrap_or_default(),
            until_ms: now.wall(until_ms),
            task,
        });
        let sight = DaemonSight {
            phase: match self.stop {
                Some(_) => DaemonPhase::Stops,
                None => phase,
            },
            since_ms: now.wall_ms,
            looked_ms: self.looked_ms.map(|at| now.wall(at)),
            looks_again_ms: until_ms.map(|at| now.wall(at)),
            parallel: self.settings.parallel,
            runs: self.runs_seen(),
            resting: resting.collect(),
            landing: self.landing_seen(),
            last_landing: self
                .landing
                .last()
                .map(|(last, again_ms)| DaemonLastLanding {
                    again_ms: again_ms.map(|at| now.wall(at)),
                    ..last
                }),
            trouble: self.trouble.clone(),
            stops_by_ms: self.stop.map(|stop| now.wall(stop.by_ms)),
        };
        *self.sight.lock().unwrap_or_else(PoisonError::into_inner) = sight;
    }

    fn runs_seen(&self) -> Vec<DaemonRunSeen> {
        let own = self.hands.own().iter().map(|hand| DaemonRunSeen {
            task: hand.start.task.id.clone(),
            run: None,
            pid: hand.process.as_ref().map(|process| process.pid),
            adopted: false,
        });
        let adopted = self.hands.adopted().iter().map(|hand| DaemonRunSeen {
            task: hand.task.clone(),
            run: Some(hand.run.clone()),
            pid: Some(hand.process.pid),
            adopted: true,
        });
        own.chain(adopted).collect()
    }

    fn landing_seen(&self) -> Option<DaemonLandingSeen> {
        if self.landing.count() > 0 {
            return Some(DaemonLandingSeen {
                pid: self.landing.process().map(|process| process.pid),
                adopted: false,
            });
        }
        self.landing.adopted().map(|process| DaemonLandingSeen {
            pid: Some(process.pid),
            adopted: true,
        })
    }
}
