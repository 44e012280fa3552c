//! The list of ready tasks as somebody sees it: the most urgent first, without those that are for others.
//!
//! Every front end lists them by this. What is shown of a task, and in which form, is the front end's.

use crate::domain::actor::ActorKind;
use crate::domain::time::WallMs;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::fitness::{AgentRoster, Fitness};
use crate::store::{Flow, StoreError, TaskFilter, TaskLine, TaskSort, Tx};

/// A list that is asked for.
#[derive(Clone, Copy)]
pub struct ReadyAsked<'a> {
    /// The one who looks.
    pub cx: &'a Cx,
    /// The agents, read before the store is.
    pub roster: &'a AgentRoster,
    /// The most tasks that are shown; none for all of them.
    pub wanted: Option<u64>,
    /// The time at which they are ready.
    pub now_ms: WallMs,
}

/// The numbers of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadyCount {
    /// Tasks that were met: one more than are wanted where there are more. In a list of all of them as JSON
    /// several may count as one, but never as none.
    pub seen: u64,
    /// Tasks that were left out, since they are for others.
    pub passed_over: u64,
}

impl ReadyCount {
    /// True where there are more tasks than were wanted.
    pub fn is_cut_off(self, wanted: Option<u64>) -> bool {
        wanted.is_some_and(|wanted| self.seen > wanted)
    }
}

impl ReadyAsked<'_> {
    /// Shows the tasks with what a row has of each.
    pub fn each(
        self,
        tx: &mut dyn Tx,
        show: &mut dyn FnMut(TaskLine<'_>) -> Result<Flow, StoreError>,
    ) -> Result<ReadyCount, OpError> {
        let fitness = Fitness::of(tx, self.cx, self.roster)?;
        let mut count = ReadyCount::default();
        tx.list(
            &self.filter(),
            &mut |line| match self.met(&fitness, line.json, &mut count) {
                Some(flow) => Ok(flow),
                None => show(line),
            },
        )?;
        Ok(count)
    }

    /// Shows the tasks as stored JSON: one, or several at once, a line each.
    pub fn each_json(
        self,
        tx: &mut dyn Tx,
        show: &mut dyn FnMut(&str) -> Result<Flow, StoreError>,
    ) -> Result<ReadyCount, OpError> {
        let fitness = Fitness::of(tx, self.cx, self.roster)?;
        let mut count = ReadyCount::default();
        tx.list_json(&self.filter(), &mut |lines| {
            if !self.is_agent() {
                return match self.met(&fitness, lines, &mut count) {
                    Some(flow) => Ok(flow),
                    None => show(lines),
                };
            }
            for json in lines.split('\n') {
                let flow = match self.met(&fitness, json, &mut count) {
                    Some(flow) => flow,
                    None => show(json)?,
                };
                if flow == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            Ok(Flow::More)
        })?;
        Ok(count)
    }

    /// Counts a task, and says how to go on where it is not shown.
    fn met(&self, fitness: &Fitness<'_>, json: &str, count: &mut ReadyCount) -> Option<Flow> {
        if fitness.passes_over(json) {
            count.passed_over += 1;
            return Some(Flow::More);
        }
        count.seen += 1;
        count.is_cut_off(self.wanted).then_some(Flow::Stop)
    }

    fn is_agent(&self) -> bool {
        self.cx.actor.kind == ActorKind::Agent
    }

    fn filter(&self) -> TaskFilter {
        // One more than is shown tells whether there are more. Of those that an agent sees, the store
        // cannot tell how many there are, only that they are few.
        let limit = self.wanted.map(|n| {
            if self.is_agent() {
                u64::MAX
            } else {
                n.saturating_add(1)
            }
        });
        TaskFilter {
            ready_at: Some(self.now_ms),
            sort: TaskSort::Priority,
            limit,
            ..TaskFilter::default()
        }
    }
}
