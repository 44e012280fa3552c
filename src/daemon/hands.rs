//! The runs that a daemon answers for: those that it has started, and those of an earlier daemon, which
//! have outlived it.

use std::ffi::OsString;
use std::sync::mpsc::Sender;

use crate::daemon::journal::DaemonLog;
use crate::daemon::wake::{self, Wake};
use crate::domain::ids::{RunId, TaskId};
use crate::domain::run::Run;
use crate::ops::error::{Doing as _, OpError};
use crate::ops::run::batch::OwnStart;
use crate::ops::run::recovery::liveness;
use crate::process::end_process::{EndSignal, send_end_signal};
use crate::process::identity::{ProcessIdentity, ProcessLiveness, begins_with};
use crate::process::reexec;

/// The words with which the command line of a run begins that a daemon has started.
pub(super) const BY_DAEMON: [&str; 2] = ["run", "--by-daemon"];

/// A run that this daemon has started.
pub(super) struct OwnHand {
    /// The start.
    pub(super) start: OwnStart,
    /// The process.
    pub(super) process: Option<ProcessIdentity>,
}

/// A run that an earlier daemon has started.
pub(super) struct AdoptedHand {
    /// The run.
    pub(super) run: RunId,
    /// The task.
    pub(super) task: TaskId,
    /// The process that supervises it.
    pub(super) process: ProcessIdentity,
}

/// The runs that a daemon answers for.
pub(super) struct Hands {
    own: Vec<OwnHand>,
    adopted: Vec<AdoptedHand>,
    news: Sender<Wake>,
}

impl Hands {
    /// None yet; `news` will be told of their ends.
    pub(super) fn new(news: Sender<Wake>) -> Hands {
        Hands {
            own: Vec::new(),
            adopted: Vec::new(),
            news,
        }
    }

    /// Number of all.
    pub(super) fn count(&self) -> usize {
        self.own.len() + self.adopted.len()
    }

    /// Runs that this daemon has started.
    pub(super) fn own(&self) -> &[OwnHand] {
        &self.own
    }

    /// Runs of earlier daemons.
    pub(super) fn adopted(&self) -> &[AdoptedHand] {
        &self.adopted
    }

    /// True for a task that is in one of them.
    pub(super) fn hold(&self, task: &TaskId) -> bool {
        self.own.iter().any(|hand| hand.start.task.id == *task)
            || self.adopted.iter().any(|hand| hand.task == *task)
    }

    /// Starts a run.
    pub(super) fn start(
        &mut self,
        start: OwnStart,
        (args, journal): (&[OsString], &DaemonLog<'_>),
    ) -> Result<(), OpError> {
        let talk = journal.for_child()?;
        let child = reexec::start_apart(args, talk).doing("start a run")?;
        let process = child.process();
        wake::watch_child(start.task.id.clone(), child, &self.news);
        self.own.push(OwnHand { start, process });
        Ok(())
    }

    /// Lets go of a run that has ended.
    pub(super) fn ended(&mut self, task: &TaskId) -> Option<OwnHand> {
        let at = self
            .own
            .iter()
            .position(|hand| hand.start.task.id == *task)?;
        Some(self.own.remove(at))
    }

    /// Takes in what the store says is at work: runs of earlier daemons that live are adopted, those that
    /// have ended are let go of. Returns those that are new and those that are gone.
    pub(super) fn adopt(&mut self, active: &[Run]) -> (Vec<RunId>, Vec<RunId>) {
        let (goes_on, ended) = std::mem::take(&mut self.adopted)
            .into_iter()
            .partition(|hand| {
                let is_active = active.iter().any(|run| run.id == hand.run);
                is_active && hand.process.liveness() != ProcessLiveness::Dead
            });
        self.adopted = goes_on;
        let ended: Vec<AdoptedHand> = ended;
        let gone = ended.into_iter().map(|hand| hand.run).collect();
        let mut new = Vec::new();
        for run in active {
            let process = liveness::identity(&run.supervisor);
            let is_own = self
                .own
                .iter()
                .any(|hand| hand.process.as_ref() == Some(&process));
            let is_known = self.adopted.iter().any(|hand| hand.run == run.id);
            if is_own || is_known || !begins_with(&process, &BY_DAEMON) {
                continue;
            }
            wake::watch_process(process.clone(), &self.news);
            self.adopted.push(AdoptedHand {
                run: run.id.clone(),
                task: run.task.clone(),
                process,
            });
            new.push(run.id.clone());
        }
        (new, gone)
    }

    /// Asks each to end, as a person's stop does: its supervisor ends the agent, saves the work and gives the
    /// task back.
    pub(super) fn ask_to_end(&self) {
        let own = self.own.iter().filter_map(|hand| hand.process.as_ref());
        let adopted = self.adopted.iter().map(|hand| &hand.process);
        own.chain(adopted)
            .for_each(|process| send_end_signal(process, EndSignal::Term));
    }
}
