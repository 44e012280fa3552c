//! The loop of a daemon: wait for news, take them in, do the next step.

use std::collections::{BTreeMap, VecDeque};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use crate::app::daemon_words::DaemonPhase;
use crate::app::doors::{DaemonOrder, DaemonReport};
use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::file_lock::FileLock;
use crate::base::text::counted;
use crate::base::{clock, duration, fs, version};
use crate::daemon::clerk::{CallerWord, DaemonClerk, SharedSight};
use crate::daemon::door::CallersDoor;
use crate::daemon::hands::Hands;
use crate::daemon::journal::DaemonLog;
use crate::daemon::landing::LandingHand;
use crate::daemon::notices::NoticeHand;
use crate::daemon::settings::{DaemonSettings, Recovery, card};
use crate::daemon::sight;
use crate::daemon::wake::{self, Told, Wake};
use crate::domain::daemon::{
    DaemonEnding, DaemonMoment, DaemonStep, LookNotice, QueueSight, Rests, RunsAtStop,
    StandingOrder, StopOrder, UnsettledWrite,
};
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::run::batch::Line;
use crate::ops::signals::{HeardSignal, Signals};
use crate::ops::trust;
use crate::process::end_process::{EndSignal, send_end_signal};
use crate::store::{Access, Store};

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
    /// The reasons of those that rest, and of some that do not any more.
    pub(super) turned_away: BTreeMap<TaskId, String>,
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
    pub(super) looked_ms: Option<i64>,
    notice: LookNotice,
    unsettled: Option<UnsettledWrite>,
    ends_ms: Option<i64>,
    /// Reason for which it cannot look.
    pub(super) trouble: Option<String>,
    /// The error that this was, where it takes a person.
    pub(super) barred: Option<AppError>,
    pub(super) lines: VecDeque<Line>,
    /// What stood in the way of recurring work at the last look.
    pub(super) recurring_told: Vec<String>,
    /// The order that stood at the last look.
    pub(super) order_given: Option<StandingOrder>,
    pub(super) place: DaemonPlace,
    /// What is told of it at its socket.
    pub(super) sight: SharedSight,
    /// Closed before the lock is let go of, so that its socket is never the next daemon's.
    door: Option<CallersDoor>,
    lock: FileLock,
    store_news: Told,
    settings_news: Told,
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
        turned_away: BTreeMap::new(),
        landing: LandingHand::default(),
        notices: NoticeHand::default(),
        settings,
        store: Some(store),
        last_event: 0,
        stop: None,
        queue: QueueSight::Unseen,
        due_ms: None,
        held_back: Vec::new(),
        recurring_told: Vec::new(),
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
        sight: sight::first(settings.parallel),
        door: None,
        news,
        order,
        place,
        lock,
    };
    daemon.open_door();
    daemon.journal.line(&format!(
        "the daemon works the queue, {} at a time (process {}, ai {})",
        counted(settings.parallel, "run"),
        std::process::id(),
        version::own()
    ));
    (daemon.order.ready)();
    daemon.work(&heard)
}

impl Daemon<'_> {
    /// Opens its socket. Without one it works as well, and is asked by its files.
    fn open_door(&mut self) {
        let around = (self.order.directory.clone(), self.order.named.clone());
        let clerk = DaemonClerk::new(self.sight.clone(), around, self.news.clone());
        match CallersDoor::open(&self.place.socket(), clerk) {
            Ok(door) => self.door = Some(door),
            Err(error) => self.journal.line(&format!(
                "nobody can ask the daemon at its socket, {}: {error}",
                self.place.socket().display()
            )),
        }
    }

    fn work(&mut self, heard: &Receiver<Wake>) -> Result<DaemonReport, AppError> {
        loop {
            match self.moment().step() {
                DaemonStep::Look => {
                    self.publish(DaemonPhase::Looks, None);
                    self.look_or_tell()?;
                }
                DaemonStep::Wait { until_ms } => {
                    self.publish(DaemonPhase::Waits, Some(until_ms));
                    self.hear(heard, until_ms);
                }
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
                DaemonStep::End(ending) => {
                    self.have_notices_told(Some(ending));
                    return Ok(self.end(ending));
                }
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
        self.have_notices_told(None);
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
                // What it has left for another daemon is told. Where it stays, it is told once more.
                let _stays = daemon::forget_landing(&self.place);
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
            Wake::Asked(CallerWord::Look) => LookNotice::AtOnce,
            Wake::Asked(CallerWord::Stop(runs)) => {
                self.stop_as_told(runs);
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

    /// Takes an order to stop from its socket, which says what becomes of the runs.
    fn stop_as_told(&mut self, runs: RunsAtStop) {
        let within = self.settings.stop_within;
        let (before, times) = (self.stop, (clock::boot_ms(), millis(within)));
        self.stop = Some(StopOrder::by_word(before, runs, times));
        if self.stop == before {
            return;
        }
        let at_work = self.runs_are();
        let what = match runs {
            RunsAtStop::MayEnd => format!(
                "nothing more is started, {at_work} left {} to end",
                duration::format(within)
            ),
            RunsAtStop::EndNow => format!("{at_work} to end now"),
            RunsAtStop::GoOn => format!("{at_work} left to the next one"),
        };
        self.journal
            .line(&format!("the daemon stops (asked at its socket): {what}"));
    }

    pub(super) fn runs_are(&self) -> String {
        let runs = self.hands.count();
        match (runs, self.landing.count()) {
            (0, 1..) => "a landing is".to_owned(),
            (_, 1..) => format!("{} and a landing are", counted(runs, "run")),
            (1, 0) => "1 run is".to_owned(),
            (_, 0) => format!("{} are", counted(runs, "run")),
        }
    }

    /// Takes the store that is open, or opens it. Whoever gets along with it puts it back.
    pub(super) fn open_store(&mut self) -> Result<Box<dyn Store>, AppError> {
        match self.store.take() {
            Some(store) => Ok(store),
            None => Workspace::new(self.order.directory.clone(), self.order.named.clone())
                .open_store(Access::Write),
        }
    }
}

/// Whole milliseconds.
fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 4)
}
