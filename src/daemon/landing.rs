//! The daemon's own hand at landing: `ai land --all --by-daemon` as a process of its own, so that starts go on meanwhile and
//! a daemon that is killed leaves a landing that the next one, or anybody's `ai land`, completes. What it is doing, and what
//! it has said.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::base::text::counted;
use crate::domain::daemon::{LandEnd, LandRest, LandSight, LandStep};
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::process::identity::ProcessIdentity;
use crate::process::reexec::ReexecEnd;

/// The landing of a daemon, and what it remembers of the last ones.
#[derive(Default)]
pub(super) struct LandingHand {
    at_work: Option<Option<ProcessIdentity>>,
    rest: LandRest,
    /// The reasons that were told, by task: each is told once.
    told: BTreeMap<TaskId, String>,
}

impl LandingHand {
    /// Number of landings that this daemon has begun and that go on.
    pub(super) fn count(&self) -> usize {
        usize::from(self.at_work.is_some())
    }

    /// The process of one that goes on.
    pub(super) fn process(&self) -> Option<&ProcessIdentity> {
        self.at_work.as_ref().and_then(|process| process.as_ref())
    }

    /// Decides by what there is to land now.
    pub(super) fn step(&self, sight: &LandSight, now_ms: i64) -> LandStep {
        self.rest.step(sight, now_ms)
    }

    /// Takes in that a landing of this has begun, in a process of its own. Returns the line about it.
    pub(super) fn begins(&mut self, sight: LandSight, process: Option<ProcessIdentity>) -> String {
        let tasks = counted(sight.reviewed.len(), "task");
        self.at_work = Some(process);
        self.rest.begins(sight);
        format!(
            "a landing begins: {tasks} in review, of which lands what nobody would be asked about"
        )
    }

    /// Takes in its end. Returns the lines about it.
    pub(super) fn ended(&mut self, ended: Option<&ReexecEnd>, now_ms: i64) -> Vec<String> {
        self.at_work = None;
        let code = ended.and_then(|end| end.code);
        let told = ended.map(|end| serde_json::from_str::<LandingTold>(&end.output));
        let Some(Ok(told)) = told else {
            self.rest.ended(LandEnd::InTheWay, now_ms);
            let code = code.map_or("a signal".to_owned(), |code| format!("code {code}"));
            let line = "what it has begun is completed by the next";
            return vec![format!("the landing has ended with {code}; {line}")];
        };
        let mut lines = Vec::new();
        for one in &told.landed {
            lines.push(format!("{} has landed in {}", one.task, one.target));
        }
        for one in &told.sent_back {
            lines.push(format!("{} went back: {}", one.task, one.note));
        }
        for one in &told.left_out {
            if self.told.get(&one.task) != Some(&one.message) {
                lines.push(format!("{} stays in review: {}", one.task, one.message));
            }
        }
        lines.push(format!(
            "the landing has ended: {} landed, {} sent back, {} left in review; {}",
            told.landed.len(),
            told.sent_back.len(),
            told.left_out.len(),
            counted(told.check_runs, "check run")
        ));
        let soon = [ErrorClass::Conflict.code(), ErrorClass::TryLater.code()];
        let is_soon = told.left_out.iter().any(|one| soon.contains(&one.code));
        let left = told.left_out.into_iter();
        self.told = left.map(|one| (one.task, one.message)).collect();
        let end = if is_soon {
            LandEnd::InTheWay
        } else {
            LandEnd::Settled
        };
        self.rest.ended(end, now_ms);
        lines
    }

    /// Takes in that settings, policy or trust may be others.
    pub(super) fn forget(&mut self) {
        self.rest.forget();
    }
}

/// The part of an answer of `ai land` that a daemon reads.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LandingTold {
    landed: Vec<LandedTold>,
    sent_back: Vec<SentBackTold>,
    left_out: Vec<LeftOutTold>,
    check_runs: usize,
}

#[derive(Deserialize)]
struct LandedTold {
    task: TaskId,
    target: String,
}

#[derive(Deserialize)]
struct SentBackTold {
    task: TaskId,
    note: String,
}

#[derive(Deserialize)]
struct LeftOutTold {
    task: TaskId,
    code: u8,
    message: String,
}
