//! News for a daemon. Each source has a thread that waits for it and costs nothing meanwhile; the daemon itself
//! waits for all of them at one channel.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use crate::base::fs::DirWatch;
use crate::daemon::clerk::CallerWord;
use crate::domain::ids::TaskId;
use crate::ops::signals::HeardSignal;
use crate::ops::trust;
use crate::process::end_process::wait_for_end;
use crate::process::identity::{ProcessIdentity, ProcessLiveness};
use crate::process::reexec::{ReexecChild, ReexecEnd};

/// The time after which a thread that waits for something looks whether it is there.
const LONG: Duration = Duration::from_secs(3_600);

/// Something has happened.
pub(super) enum Wake {
    /// Somebody has written to the store.
    Written,
    /// The settings or the agents were changed.
    Settings,
    /// A run of this daemon has ended.
    Ended(TaskId, Option<ReexecEnd>),
    /// A landing of this daemon has ended.
    Landed(Option<ReexecEnd>),
    /// A run or a landing of an earlier daemon has ended.
    AdoptedEnded,
    /// A recovery has ended.
    Recovered,
    /// A signal.
    Signal(HeardSignal),
    /// The word of a caller at the socket.
    Asked(CallerWord),
}

/// Tells of writes to the store, by the file that each write changes: the log beside the database.
pub(super) fn watch_store(state: &Path, news: &Sender<Wake>) -> Told {
    watch(DirWatch::over(state), news, || Wake::Written)
}

/// Tells of changes of the settings and of the agents, of what people order, and of what they trust.
pub(super) fn watch_settings((root, orders): (&Path, &Path), news: &Sender<Wake>) -> Told {
    let settings = root.join(".ai");
    let mut all = DirWatch::over(&settings)
        .and(&settings.join("agents"))
        .and(&settings.join("connectors"))
        .and(&settings.join("recurring"))
        .and(orders);
    if let Some(trust) = trust::dir() {
        all = all.and(&trust);
    }
    watch(all, news, || Wake::Settings)
}

/// Mark of a source that has told something: until that is taken in it tells nothing more, so that many
/// writes are one piece of news.
#[derive(Clone)]
pub(super) struct Told(Arc<AtomicBool>);

impl Told {
    /// Takes it in.
    pub(super) fn taken(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

fn watch(files: DirWatch, news: &Sender<Wake>, wake: fn() -> Wake) -> Told {
    let told = Told(Arc::new(AtomicBool::new(false)));
    let (mine, news) = (told.clone(), news.clone());
    std::thread::spawn(move || {
        loop {
            files.wait(LONG);
            if !mine.0.swap(true, Ordering::SeqCst) && news.send(wake()).is_err() {
                return;
            }
        }
    });
    told
}

/// Tells of the end of a run that this daemon has started.
pub(super) fn watch_child(task: TaskId, child: ReexecChild, news: &Sender<Wake>) {
    let news = news.clone();
    std::thread::spawn(move || {
        let ended = child.wait(|_| ());
        // Nobody listens any more where the daemon has ended.
        drop(news.send(Wake::Ended(task, ended.ok())));
    });
}

/// Tells of the end of a landing.
pub(super) fn watch_landing(child: ReexecChild, news: &Sender<Wake>) {
    let news = news.clone();
    std::thread::spawn(move || {
        let ended = child.wait(|_| ());
        drop(news.send(Wake::Landed(ended.ok())));
    });
}

/// Tells of the end of a recovery.
pub(super) fn watch_recovery(child: ReexecChild, news: &Sender<Wake>) {
    let news = news.clone();
    std::thread::spawn(move || {
        let _told_in_the_log = child.wait(|_| ());
        drop(news.send(Wake::Recovered));
    });
}

/// Tells of the end of a process that is no child of this daemon.
pub(super) fn watch_process(process: ProcessIdentity, news: &Sender<Wake>) {
    let news = news.clone();
    std::thread::spawn(move || {
        while wait_for_end(&process, LONG) == ProcessLiveness::Alive {}
        drop(news.send(Wake::AdoptedEnded));
    });
}
