//! The settings of the queue, with the default of each.

use std::time::Duration;

use serde::Serialize;

use crate::base::duration;
use crate::domain::backoff::RetryPlan;
use crate::domain::schedule::admission::MachineSettings;
use crate::domain::schedule::maintenance::MaintenanceWindow;

/// Settings of the queue: the section `scheduler` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchedulerSettings {
    /// True where tasks are started from the queue; default yes.
    pub enabled: bool,
    /// Most runs at a time in the whole repository; default without limit.
    pub max_concurrency: Option<u32>,
    /// The order of the queue.
    pub queue_policy: QueuePolicy,
    /// Most tasks that wait, queued or blocked; default without limit.
    pub max_queue_size: Option<u32>,
    /// The wait that is worth one level of priority; default a day.
    #[serde(serialize_with = "duration::as_text")]
    pub ageing: Duration,
    /// The wait after which the paths of a task are kept for it; default an hour.
    #[serde(serialize_with = "duration::as_text")]
    pub keep_paths: Duration,
    /// Kinds of work, by type or label, the first ones first.
    pub order: Vec<String>,
    /// Labels that take turns among equally urgent tasks.
    pub fairness: Vec<String>,
    /// Most starts a minute; default without limit.
    pub rate_limit: Option<RateLimit>,
    /// Rests between the attempts at a task, by what went wrong.
    pub retry: RetryPlan,
    /// The rest of an agent whose machinery fails; default none.
    pub breaker: Option<Breaker>,
    /// Times in which nothing is started.
    pub maintenance: Vec<MaintenanceWindow>,
    /// Resources that all runs have together, and measures over which starts pause.
    pub machine: MachineSettings,
}

/// The order of the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum QueuePolicy {
    /// The most urgent first; waiting makes more urgent.
    #[default]
    Priority,
    /// The longest waiting first, whatever its priority.
    Fifo,
}

/// Most starts of runs by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RateLimit {
    /// Starts that are allowed anew each minute, at least 1.
    pub requests_per_minute: u32,
    /// Starts that may follow each other at once after a pause, at least 1.
    pub burst: u32,
}

/// The rest of an agent whose machinery fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Breaker {
    /// Failures in a row after which it rests, at least 1.
    pub failures: u32,
    /// The rest before one run tries whether it works again.
    #[serde(serialize_with = "duration::as_text")]
    pub rest: Duration,
}

impl Default for SchedulerSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            max_concurrency: None,
            queue_policy: QueuePolicy::Priority,
            max_queue_size: None,
            ageing: Duration::from_secs(24 * 3600),
            keep_paths: Duration::from_secs(3600),
            order: Vec::new(),
            fairness: Vec::new(),
            rate_limit: None,
            retry: RetryPlan::default(),
            breaker: None,
            maintenance: Vec::new(),
            machine: MachineSettings::default(),
        }
    }
}

impl SchedulerSettings {
    /// Runs that a caller holds at a time: as many as are asked for, else as many as the project
    /// allows, else one; never more than the project allows.
    pub fn hands(&self, asked: Option<u16>) -> usize {
        let most = self.max_concurrency.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        let usual = self.max_concurrency.map_or(1, |_| most);
        asked.map_or(usual, usize::from).min(most)
    }
}

/// Whole milliseconds, as times are counted.
pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 64)
}
