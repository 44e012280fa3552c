//! What a daemon reports: the end of each run that it has started, and its own.

use crate::app::doors::DaemonReport;
use crate::app::error::AppError;
use crate::base::clock;
use crate::daemon::hands::OwnHand;
use crate::daemon::look::mark_of;
use crate::daemon::serve::Daemon;
use crate::domain::daemon::{DaemonEnding, RestNews, TurnedAway};
use crate::domain::ids::TaskId;
use crate::ops::daemon;
use crate::ops::run::batch::{ChildEnd, Line};
use crate::process::reexec::ReexecEnd;

/// Lines of the report that are kept in memory; the log has all.
const LINES: usize = 1_000;

impl Daemon<'_> {
    /// Takes the end of a child in.
    pub(super) fn child_ended(&mut self, task: &TaskId, ended: Option<&ReexecEnd>) {
        let Some(hand) = self.hands.ended(task) else {
            return;
        };
        let end = ChildEnd::of(ended);
        let why = if end.is_in_the_way() {
            TurnedAway::InTheWay
        } else {
            TurnedAway::Refused
        };
        self.rests.one_has_ended(clock::boot_ms());
        if let Err(error) = self.tell_end(&hand, (end.clone(), why)) {
            self.journal.line(&format!(
                "{task} has ended with code {}: {}; the store cannot be asked what became of it: {error}",
                end.code,
                end.answer.error.unwrap_or(end.answer.summary)
            ));
        }
    }

    fn tell_end(
        &mut self,
        hand: &OwnHand,
        (end, why): (ChildEnd, TurnedAway),
    ) -> Result<(), AppError> {
        let mut store = self.open_store()?;
        let line = Line::of(&mut *store, &hand.start.task, end)?;
        let mark = store.read(|tx| mark_of(tx, &line.task))?;
        self.store = Some(store);
        if line.run.is_some() {
            self.rests.forget(&line.task);
        } else if let (None, Some(mark)) = (&self.stop, mark) {
            let (now_ms, why) = (clock::boot_ms(), (why, line.code));
            self.turned_away
                .insert(line.task.clone(), line.summary.clone());
            if self.rests.lay((&line.task, mark), why, now_ms) == RestNews::Known {
                self.log(&line);
                return Ok(());
            }
        }
        self.tell(line);
        Ok(())
    }

    fn log(&self, line: &Line) {
        self.journal.line(&format!(
            "{}  {}  {}  {}",
            line.run.as_deref().unwrap_or(line.task.as_str()),
            line.outcome_word(),
            line.status,
            line.summary
        ));
    }

    /// Adds a line to the report, the log, and what the caller hears.
    fn tell(&mut self, line: Line) {
        self.log(&line);
        (self.order.each)(&line);
        self.lines.push_back(line);
        if self.lines.len() > LINES {
            self.lines.pop_front();
        }
    }

    pub(super) fn end(&mut self, ending: DaemonEnding) -> DaemonReport {
        if ending == DaemonEnding::QueueEmpty {
            for line in std::mem::take(&mut self.held_back) {
                self.tell(line);
            }
        }
        self.bring_up_to_date();
        let left = match self.hands.count() + self.landing.count() {
            0 => String::new(),
            _ => format!("; {} left to themselves", self.runs_are()),
        };
        self.journal
            .line(&format!("the daemon ends: {}{left}", ending.as_str()));
        // A word of trouble is about a daemon that is there.
        let _left = daemon::tell_trouble(&self.place, None);
        DaemonReport {
            lines: std::mem::take(&mut self.lines).into(),
            ending,
            barred: self
                .barred
                .take()
                .filter(|_| ending == DaemonEnding::Barred),
        }
    }
}

impl Daemon<'_> {
    /// Has the report say what each task is at the end: it may have landed since its run, or gone back. One that cannot
    /// be looked up stays as it was told.
    fn bring_up_to_date(&mut self) {
        let Some(store) = &mut self.store else { return };
        for line in &mut self.lines {
            if let Ok(Some(task)) = store.read(|tx| tx.task(&line.task)) {
                line.status = task.status_text().to_owned();
            }
        }
    }
}
