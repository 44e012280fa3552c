//! The daemon's own hand at landing: `ai land --all --by-daemon` as a process of its own, so that starts go on meanwhile and
//! a daemon that is killed leaves a landing that the next one, or anybody's `ai land`, completes. What it is doing, and what
//! it has said.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::app::daemon_words::{DaemonLastLanding, DaemonLeftOut};
use crate::base::clock;
use crate::base::text::counted;
use crate::domain::daemon::{LandEnd, LandRest, LandSight, LandStep};
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::{RunId, TaskId};
use crate::ops::daemon::{LandingLeft, LeftWork};
use crate::process::identity::ProcessIdentity;
use crate::process::reexec::ReexecEnd;

/// The beginning of the reason for which work waits for a person.
const LEFT: &str = "the daemon has left it in review";
/// What becomes of a landing that has not said what it did.
const COMPLETED: &str = "what it has begun is completed by the next";

/// The landing of a daemon, and what it remembers of the last ones.
#[derive(Default)]
pub(super) struct LandingHand {
    at_work: Option<Option<ProcessIdentity>>,
    /// The landing of an earlier daemon.
    adopted: Option<ProcessIdentity>,
    rest: LandRest,
    /// The works that were there when the last one began.
    tried: BTreeSet<RunId>,
    /// The reasons that were told, by task: each is told once.
    told: BTreeMap<TaskId, String>,
    last: Option<DaemonLastLanding>,
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
        self.tried = sight.reviewed.clone();
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
            return vec![format!("the landing has ended with {code}; {COMPLETED}")];
        };
        let end = if told.left_out.iter().any(|one| is_soon(one.code)) {
            LandEnd::InTheWay
        } else {
            LandEnd::Settled
        };
        self.rest.ended(end, now_ms);
        self.tell(told, "the landing")
    }

    /// Takes in that a landing of an earlier daemon goes on. Returns the line about it, where that is news.
    pub(super) fn adopts(&mut self, process: &ProcessIdentity) -> Option<String> {
        if self.adopted.as_ref() == Some(process) {
            return None;
        }
        self.adopted = Some(process.clone());
        let pid = process.pid;
        Some(format!(
            "a landing was begun by an earlier daemon and goes on (process {pid})"
        ))
    }

    /// The landing of an earlier daemon that was adopted.
    pub(super) fn adopted(&self) -> Option<&ProcessIdentity> {
        self.adopted.as_ref()
    }

    /// Takes in the end of a landing that an earlier daemon has begun, and what it has left of itself. Returns the lines
    /// about it; none where there was no such landing.
    pub(super) fn adopted_ended(&mut self, left: Option<LandingLeft>) -> Vec<String> {
        let adopted = self.adopted.take();
        let told = left.and_then(|left| serde_json::from_value::<LandingTold>(left.answer).ok());
        match (told, adopted) {
            (Some(told), _) => {
                self.tried.clear();
                self.tell(told, "the landing of an earlier daemon")
            }
            (None, Some(_)) => vec![format!(
                "the landing of an earlier daemon has ended without a word; {COMPLETED}"
            )],
            (None, None) => Vec::new(),
        }
    }

    /// What is told of a landing that has ended, in the log and to whoever asks.
    fn tell(&mut self, told: LandingTold, which: &str) -> Vec<String> {
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
            "{which} has ended: {} landed, {} sent back, {} left in review; {}",
            told.landed.len(),
            told.sent_back.len(),
            told.left_out.len(),
            counted(told.check_runs, "check run")
        ));
        let left_out = told.left_out.into_iter().map(|one| self.left_out(one));
        let left_out: Vec<DaemonLeftOut> = left_out.collect();
        let reasons = left_out
            .iter()
            .map(|one| (one.task.clone(), one.message.clone()));
        self.told = reasons.collect();
        self.last = Some(DaemonLastLanding {
            ended_ms: clock::wall_ms(),
            landed: told.landed.into_iter().map(|one| one.task).collect(),
            sent_back: told.sent_back.into_iter().map(|one| one.task).collect(),
            left_out,
            again_ms: None,
        });
        lines
    }

    /// True for a reviewed work that the landing at work brings in, or one that begins as soon as there is none.
    pub(super) fn brings_in(&self, run: &RunId) -> bool {
        let is_at_work = self.at_work.is_some() || self.adopted.is_some();
        let left_out = self.last.iter().flat_map(|last| &last.left_out);
        let mut of_run = left_out.filter(|one| one.run.as_ref() == Some(run));
        let is_left = of_run.any(|one| !is_soon(one.code));
        !is_left && (is_at_work || !self.tried.contains(run))
    }

    fn left_out(&self, one: LeftOutTold) -> DaemonLeftOut {
        let is_of_task = |run: &&RunId| run.task() == one.task;
        DaemonLeftOut {
            run: self.tried.iter().find(is_of_task).cloned(),
            task: one.task,
            title: one.title,
            code: one.code,
            message: one.message,
            next: one.next,
        }
    }

    /// The last landing, with the time of the next one for the same works, by the clock that nobody sets.
    pub(super) fn last(&self) -> Option<(DaemonLastLanding, Option<i64>)> {
        let last = self.last.clone()?;
        Some((last, self.rest.again_ms()))
    }

    /// The works that the last landing has left to a person: those that no landing of the same brings in, and those that
    /// somebody was in the way of time after time. Nothing before the first landing.
    pub(super) fn left_to_a_person(&self) -> Option<Vec<LeftWork>> {
        let last = self.last.as_ref()?;
        let is_left = |one: &&DaemonLeftOut| !is_soon(one.code) || self.rest.is_stubborn();
        let left = last.left_out.iter().filter(is_left).map(|one| LeftWork {
            task: one.task.clone(),
            run: one.run.clone(),
            why: match &one.next {
                Some(next) => format!("{LEFT}: {}; {next}", one.message),
                None => format!("{LEFT}: {}", one.message),
            },
        });
        Some(left.collect())
    }

    /// Takes in that settings, policy or trust may be others.
    pub(super) fn forget(&mut self) {
        self.rest.forget();
    }
}

/// True where somebody was in the way who may be gone soon.
fn is_soon(code: u8) -> bool {
    [ErrorClass::Conflict.code(), ErrorClass::TryLater.code()].contains(&code)
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
    #[serde(default)]
    title: String,
    code: u8,
    message: String,
    #[serde(default)]
    next: Option<String>,
}
