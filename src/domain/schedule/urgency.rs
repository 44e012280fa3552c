//! The order of the queue.
//!
//! The urgency of a task is a time: the one since which it waits, later by `ageing` for each level of
//! its priority and by five times that for each place of its kind of work in `order`. The earlier time
//! goes first. Since it never changes while a task waits, a newer task that is more urgent has only a
//! head start, and nobody is overtaken for ever.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::schedule::settings::{QueuePolicy, SchedulerSettings, millis};
use crate::domain::schedule::state::QueuedTask;
use crate::domain::time::WallMs;

/// Levels of priority, which one place in `order` outweighs.
const LEVELS: i64 = 5;

/// The urgency of a task, as the time by which tasks are put in order.
///
/// # Examples
///
/// ```text
/// ageing 1d, waits since day 10       priority 0     day 10
///                                     priority 2     day 12
/// waits since day 9                   priority 3     day 12, the older one goes first
/// order [bug, docs], since day 10     a bug, priority 2         day 12
///                                     docs, priority 2          day 17
/// ```
pub(super) fn urgency(task: &QueuedTask, settings: &SchedulerSettings) -> WallMs {
    let order = &settings.order;
    let is_of = |word: &String| *word == task.kind || task.labels.contains(word);
    let place = order.iter().position(is_of).unwrap_or(order.len());
    let place = i64::try_from(place).unwrap_or(i64::MAX);
    let level = match settings.queue_policy {
        QueuePolicy::Priority => i64::from(task.priority),
        QueuePolicy::Fifo => 0,
    };
    let levels = place.saturating_mul(LEVELS).saturating_add(level);
    task.since_ms()
        .saturating_add(millis(settings.ageing).saturating_mul(levels))
}

/// The label by which a task takes its turn; the empty text where it bears none of them.
pub fn fair_label<'a>(labels: &BTreeSet<String>, fairness: &'a [String]) -> &'a str {
    let found = fairness.iter().find(|label| labels.contains(*label));
    found.map_or("", String::as_str)
}

/// The queue, the most urgent first. Where labels take turns, tasks whose urgency lies within the same
/// step of `ageing` are equals.
pub(super) struct Turns<'a> {
    fairness: &'a [String],
    /// Equals, the first ones last.
    ahead: Vec<Vec<&'a QueuedTask>>,
    /// The equals whose turn it is, by label.
    queues: Vec<(&'a str, VecDeque<&'a QueuedTask>)>,
    /// The last turn of each label: when, and as which of that time.
    served: BTreeMap<&'a str, (WallMs, u32)>,
}

impl<'a> Turns<'a> {
    pub(super) fn of(
        tasks: &'a [QueuedTask],
        settings: &'a SchedulerSettings,
        served_ms: &'a BTreeMap<String, WallMs>,
    ) -> Turns<'a> {
        let mut sorted: Vec<(WallMs, &QueuedTask)> = tasks
            .iter()
            .map(|task| (urgency(task, settings), task))
            .collect();
        sorted.sort_by_key(|(urgency, task)| (*urgency, task.number, &task.id));
        let fairness = settings.fairness.as_slice();
        let step = millis(settings.ageing).max(1);
        let mut ahead: Vec<Vec<&QueuedTask>> = Vec::new();
        let mut last = None;
        for (urgency, task) in sorted {
            let level = (!fairness.is_empty()).then(|| urgency.div_euclid(step));
            match ahead.last_mut() {
                Some(equals) if last == Some(level) => equals.push(task),
                _ => ahead.push(vec![task]),
            }
            last = Some(level);
        }
        ahead.reverse();
        let served = served_ms
            .iter()
            .map(|(label, at)| (label.as_str(), (*at, 0)));
        Turns {
            fairness,
            ahead,
            queues: Vec::new(),
            served: served.collect(),
        }
    }

    /// The next task.
    pub(super) fn next(&mut self) -> Option<&'a QueuedTask> {
        if self.queues.iter().all(|(_, queue)| queue.is_empty()) {
            let equals = self.ahead.pop()?;
            self.queues = self.by_label(equals);
        }
        let waiting = self.queues.iter_mut().enumerate();
        let (_, (_, queue)) = waiting
            .filter(|(_, (_, queue))| !queue.is_empty())
            .min_by_key(|(place, (label, _))| (self.served.get(label).copied(), *place))?;
        queue.pop_front()
    }

    /// Tells that a task was started as the `n`th of this tick: others take their turn.
    pub(super) fn was_started(&mut self, task: &QueuedTask, now: WallMs, n: u32) {
        let label = fair_label(&task.labels, self.fairness);
        self.served.insert(label, (now, n));
    }

    fn by_label(&self, equals: Vec<&'a QueuedTask>) -> Vec<(&'a str, VecDeque<&'a QueuedTask>)> {
        let labels = self.fairness.iter().map(String::as_str);
        let mut queues: Vec<_> = labels
            .chain([""])
            .map(|label| (label, VecDeque::new()))
            .collect();
        for task in equals {
            let label = fair_label(&task.labels, self.fairness);
            let queue = queues.iter_mut().find(|(name, _)| *name == label);
            if let Some((_, queue)) = queue {
                queue.push_back(task);
            }
        }
        queues
    }
}
