//! The loop of a daemon: wait for news, take them in, do the next step.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::app::doors::{DaemonOrder, DaemonReport};
use crate::app::error::AppError;
use crate::app::workspace::{Workspace, now};
use crate::base::file_lock::FileLock;
use crate::base::text::counted;
use crate::base::{clock, duration, fs};
use crate::daemon::hands::{Hands, OwnHand};
use crate::daemon::journal::DaemonLog;
use crate::daemon::landing::LandingHand;
use crate::daemon::look::mark_of;
use crate::daemon::notices::NoticeHand;
use crate::daemon::settings::DaemonSettings;
use crate::daemon::wake::{self, Told, Wake};
use crate::domain::daemon::{
    DaemonEnding, DaemonMoment, DaemonStep, LookNotice, QueueSight, RestNews, Rests, StandingOrder,
    StopOrder, TurnedAway, UnsettledWrite,
};
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::ops::daemon::{self, DaemonCard, DaemonPlace};
use crate::ops::run::batch::{ChildEnd, Line};
use crate::ops::signals::{HeardSignal, Signals};
use crate::ops::trust;
use crate::process::end_process::{EndSignal, send_end_signal};
use crate::process::identity::ProcessIdentity;
use crate::process::reexec::ReexecEnd;
use crate::store::{Access, Store};

/// Lines of the report that are kept in memory; the log has all.
const LINES: usize = 1_000;
/// Beyond its agent's time to end, the time for a run that was asked to end: for the look at its tree and for
/// saving it.
const SAVING: Duration = Duration::from_secs(60);

/// A daemon at work.
pub(super) struct Daemon<'a> {
    pub(super) order: DaemonOrder<'a>,
    pub(super) journal: DaemonLog<'a>,
    pub(super) hands: Hands,
    pub(super) landing: LandingHand,
    pub(super) notices: NoticeHand,
    pub(super) rests: Rests,
    pub(super) settings: DaemonSettings,
    /// Open from one look to the next, so that looking changes no file; opened again after an error.
    pub(super) store: Option<Box<dyn Store>>,
    /// The newest record of the log at the last look.
    pub(super) last_event: u64,
    pub(super) stop: Option<StopOrder>,
    pub(super) queue: QueueSight,
    pub(super) due_ms: Option<i64>,
    /// Tasks that the settings of the queue hold back, at the last look.
    pub(super) held_back: Vec<Line>,
    /// The time of the last recovery, and whether it goes on.
    pub(super) recovery: Option<(i64, Recovery)>,
    pub(super) news: Sender<Wake>,
    looked_ms: Option<i64>,
    notice: LookNotice,
    unsettled: Option<UnsettledWrite>,
    ends_ms: Option<i64>,
    /// Reason for which it cannot look.
    pub(super) trouble: Option<String>,
    /// The error that this was, where it takes a person.
    pub(super) barred: Option<AppError>,
    lines: VecDeque<Line>,
    /// The order that stood at the last look.
    pub(super) order_given: Option<StandingOrder>,
    pub(super) place: DaemonPlace,
    lock: FileLock,
    store_news: Told,
    settings_news: Told,
}

/// State of a recovery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recovery {
    /// Going on.
    AtWork,
    /// Ended.
    Over,
}

/// Works the queue until it is to end.
pub fn serve(order: DaemonOrder<'_>) -> Result<DaemonReport, AppError> {
    if let Some(trust) = trust::dir() {
        // So that its watch has something to watch; where it cannot be made, the next look finds it.
        let _unmade = fs::create_own_dir(&trust);
    }
    let workspace = Workspace::new(order.directory.clone(), order.named.clone());
    let (state, root) = (workspace.state_dir()?, workspace.root()?.to_owned());
    let store = workspace.open_store(Access::Write)?;
    let settings = DaemonSettings::of(workspace.config()?, order.parallel);
    let place = DaemonPlace::of(&state);
    let lock = daemon::take(&place, &card(&order)?)?;
    let (news, heard) = mpsc::channel();
    let signals = news.clone();
    let _signals = Signals::hear(move |signal| drop(signals.send(Wake::Signal(signal))))?;
    let mut daemon = Daemon {
        journal: DaemonLog::at(place.log(), order.say),
        hands: Hands::new(news.clone()),
        rests: Rests::default(),
        landing: LandingHand::default(),
        notices: NoticeHand::default(),
        settings,
        store: Some(store),
        last_event: 0,
        stop: None,
        queue: QueueSight::Unseen,
        due_ms: None,
        held_back: Vec::new(),
        order_given: None,
        recovery: None,
        looked_ms: None,
        notice: LookNotice::Nothing,
        unsettled: None,
        ends_ms: order
            .ends_after
            .map(|after| clock::boot_ms() + millis(after)),
        trouble: None,
        barred: None,
        lines: VecDeque::new(),
        store_news: wake::watch_store(&state, &news),
        settings_news: wake::watch_settings((&root, &place.orders()), &news),
        news,
        order,
        place,
        lock,
    };
    daemon.journal.line(&format!(
        "the daemon works the queue, {} at a time (process {}, ai {})",
        counted(settings.parallel, "run"),
        std::process::id(),
        env!("CARGO_PKG_VERSION")
    ));
    (daemon.order.ready)();
    daemon.work(&heard)
}

/// The card of this process.
fn card(order: &DaemonOrder<'_>) -> Result<DaemonCard, AppError> {
    let process = ProcessIdentity::current().ok_or_else(|| {
        AppError::new(
            ErrorClass::Failed,
            "/proc cannot be read, so no daemon could be told from another process",
        )
        .hint("mount /proc, then do it again")
    })?;
    Ok(DaemonCard {
        process,
        since_ms: now().wall_ms,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: order.command.to_owned(),
    })
}

impl Daemon<'_> {
    fn work(&mut self, heard: &Receiver<Wake>) -> Result<DaemonReport, AppError> {
        loop {
            match self.moment().step() {
                DaemonStep::Look => self.look_or_tell()?,
                DaemonStep::Wait { until_ms } => self.hear(heard, until_ms),
                DaemonStep::TimeIsOver => {
                    self.order_stop(DaemonEnding::TimeOver, "its time is over")
                }
                DaemonStep::AskToEnd => {
                    self.journal
                        .line(&format!("{} asked to end", self.runs_are()));
                    self.hands.ask_to_end();
                    if let Some(process) = self.landing.process() {
                        send_end_signal(process, EndSignal::Term);
                    }
                    let patience = millis(self.settings.grace + SAVING);
                    let now_ms = clock::boot_ms();
                    self.stop = self.stop.map(|stop| stop.asked(now_ms, patience));
                }
                DaemonStep::End(ending) => return Ok(self.end(ending)),
            }
        }
    }

    fn moment(&self) -> DaemonMoment {
        DaemonMoment {
            now_ms: clock::boot_ms(),
            at_work: self.hands.count() + self.landing.count(),
            stop: self.stop,
            ends_ms: self.ends_ms,
            when_empty: self.order.when_empty,
            queue: self.queue,
            looked_ms: self.looked_ms,
            notice: self.notice,
            due_ms: self.due_ms,
        }
    }

    /// Looks. What is in the way of that is told once and tried again; it ends the daemon only where the
    /// repository is not its own any more, or the directory is gone in which it was started.
    fn look_or_tell(&mut self) -> Result<(), AppError> {
        self.notice = LookNotice::Nothing;
        self.due_ms = None;
        if !self
            .lock
            .stands_at(&self.place.lock_file())
            .unwrap_or(false)
        {
            let text = format!(
                "{} is not the file that this daemon has locked: another daemon may be at work by now",
                self.place.lock_file().display()
            );
            self.journal.line(&format!(
                "the daemon ends: {text}; {} left to themselves",
                self.runs_are()
            ));
            return Err(AppError::new(ErrorClass::StoreUnusable, text)
                .hint("the runs go on by themselves; `ai doctor` says what became of the store"));
        }
        if let Some(dir) = self.order.directory.as_ref().filter(|dir| !dir.is_dir()) {
            let text = format!("{}, where this daemon was started, is gone", dir.display());
            let runs = self.runs_are();
            self.journal.line(&format!(
                "the daemon ends: {text}; {runs} left to themselves"
            ));
            return Err(AppError::new(ErrorClass::NotFound, text)
                .hint("its runs go on by themselves; `ai daemon start` in another worktree"));
        }
        let failed = self.look().err();
        let trouble = failed.as_ref().map(|error| match &error.hint {
            Some(hint) => format!("{error}; {hint}"),
            None => error.to_string(),
        });
        if let Some(error) = failed {
            // What is only busy comes right by itself; all else takes a person.
            let is_busy = error.class == ErrorClass::TryLater;
            self.queue = if is_busy {
                QueueSight::Unseen
            } else {
                QueueSight::Barred
            };
            self.barred = Some(error);
        }
        if self.trouble != trouble {
            // Where it cannot be kept, the log has it, or nobody could.
            let _unkept = daemon::tell_trouble(&self.place, trouble.as_deref());
        }
        match (&self.trouble, &trouble) {
            (before, Some(text)) if before.as_ref() != Some(text) => {
                self.journal
                    .line(&format!("nothing is started until this is mended: {text}"));
            }
            (Some(_), None) => self.journal.line("it is mended; the queue is worked again"),
            _ => {}
        }
        self.trouble = trouble;
        self.have_notices_told();
        self.looked_ms = Some(clock::boot_ms());
        Ok(())
    }

    /// Waits for news, and takes in all that there is.
    fn hear(&mut self, heard: &Receiver<Wake>, until_ms: i64) {
        let next = self.unsettled.map(|write| write.next_ms());
        let until_ms = next.map_or(until_ms, |next| next.min(until_ms));
        let left = u64::try_from(until_ms - clock::boot_ms()).unwrap_or(0);
        // It holds a sender itself, so that nothing but the time can be over.
        let first = heard.recv_timeout(Duration::from_millis(left)).ok();
        for wake in first
            .into_iter()
            .chain(std::iter::from_fn(|| heard.try_recv().ok()))
        {
            self.take_in(wake);
        }
        let is_due = |write: &UnsettledWrite| write.next_ms() <= clock::boot_ms();
        if let Some(write) = self.unsettled.filter(is_due) {
            self.unsettled = write.tried();
            self.notice = self.notice.max(self.of_a_write());
        }
    }

    fn take_in(&mut self, wake: Wake) {
        let notice = match wake {
            Wake::Written => {
                self.store_news.taken();
                self.unsettled = Some(UnsettledWrite::told_at(clock::boot_ms()));
                self.of_a_write()
            }
            Wake::Settings => {
                self.settings_news.taken();
                self.landing.forget();
                LookNotice::AtOnce
            }
            Wake::Ended(task, ended) => {
                self.child_ended(&task, ended.as_ref());
                LookNotice::AtOnce
            }
            Wake::Landed(ended) => {
                for line in self.landing.ended(ended.as_ref(), clock::boot_ms()) {
                    self.journal.line(&line);
                }
                LookNotice::AtOnce
            }
            Wake::AdoptedEnded => LookNotice::AtOnce,
            Wake::Recovered => {
                self.recovery = self.recovery.map(|(at, _)| (at, Recovery::Over));
                LookNotice::AtOnce
            }
            Wake::Signal(signal) => {
                let (why, words) = match signal {
                    HeardSignal::Interrupt => (DaemonEnding::Interrupted, "Ctrl-C"),
                    HeardSignal::Terminate => (DaemonEnding::Stopped, "SIGTERM"),
                    HeardSignal::HangUp => (DaemonEnding::Stopped, "SIGHUP"),
                };
                self.order_stop(why, words);
                LookNotice::Nothing
            }
        };
        self.notice = self.notice.max(notice);
    }

    /// Tells whether a write has added to the log: the heartbeats of runs do not, and change nothing for the
    /// queue.
    fn of_a_write(&mut self) -> LookNotice {
        let newest = match &mut self.store {
            Some(store) => store.read(|tx| tx.last_event()).ok(),
            None => None,
        };
        if newest == Some(self.last_event) {
            return LookNotice::Nothing;
        }
        LookNotice::Written
    }

    fn order_stop(&mut self, why: DaemonEnding, words: &str) {
        let within = self.settings.stop_within;
        let before = self.stop;
        self.stop = Some(StopOrder::after(
            before,
            why,
            (clock::boot_ms(), millis(within)),
        ));
        let runs = self.runs_are();
        self.journal.line(&match before {
            None => format!(
                "the daemon stops ({words}): nothing more is started, {runs} left {} to end",
                duration::format(within)
            ),
            Some(_) => format!("once more ({words}): {runs} to end now"),
        });
    }

    fn runs_are(&self) -> String {
        let runs = self.hands.count();
        match (runs, self.landing.count()) {
            (0, 1..) => "a landing is".to_owned(),
            (_, 1..) => format!("{} and a landing are", counted(runs, "run")),
            (1, 0) => "1 run is".to_owned(),
            (_, 0) => format!("{} are", counted(runs, "run")),
        }
    }

    /// Takes the end of a child in.
    fn child_ended(&mut self, task: &TaskId, ended: Option<&ReexecEnd>) {
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
            if self.rests.lay((&line.task, mark), why, now_ms) == RestNews::Known {
                self.log(&line);
                return Ok(());
            }
        }
        self.tell(line);
        Ok(())
    }

    /// Takes the store that is open, or opens it. Whoever gets along with it puts it back.
    pub(super) fn open_store(&mut self) -> Result<Box<dyn Store>, AppError> {
        match self.store.take() {
            Some(store) => Ok(store),
            None => Workspace::new(self.order.directory.clone(), self.order.named.clone())
                .open_store(Access::Write),
        }
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

    fn end(&mut self, ending: DaemonEnding) -> DaemonReport {
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

/// Whole milliseconds.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
