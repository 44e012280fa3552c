//! A look at the repository: everything is read anew, what has outlived an earlier daemon is adopted, what was
//! cut off is recovered, and what may start starts.

use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::clock;
use crate::daemon::notices::{NoticeLook, start_helper};
use crate::daemon::serve::Daemon;
use crate::daemon::settings::{DaemonSettings, LandingWish, Recovery};
use crate::daemon::wake;
use crate::domain::daemon::{DaemonEnding, LandStep, QueueSight, RestMark, StandingOrder};
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::notice::Reviewer;
use crate::domain::schedule::QueueWait;
use crate::domain::task::Task;
use crate::domain::time::WallMs;
use crate::ops::claim::{self, Which};
use crate::ops::daemon::{self, LeftWork};
use crate::ops::error::{Doing as _, OpError};
use crate::ops::land;
use crate::ops::run::batch::{OwnStart, PickManner, Picker};
use crate::ops::run::choose::Registered;
use crate::ops::run::recovery::liveness;
use crate::ops::trust;
use crate::ops::world::World;
use crate::process::identity::{ProcessIdentity, ProcessLiveness, begins_with};
use crate::process::reexec;
use crate::store::{Store, StoreError, Tx};

/// The words with which the command line of a landing begins that a daemon has begun.
const LANDS_BY_DAEMON: [&str; 3] = ["land", "--all", "--by-daemon"];
/// Shortest time between two recoveries: one that cannot be done now is not tried without a pause.
const RECOVERY_MS: i64 = 30_000;
/// Shortest time to something that is due, so that a wrong clock makes nobody run in circles.
const SOON_MS: i64 = 50;

impl Daemon<'_> {
    /// Looks. The configuration, the policy and the agents are those that stand there now.
    pub(super) fn look(&mut self) -> Result<(), AppError> {
        let workspace = Workspace::new(self.order.directory.clone(), self.order.named.clone());
        let world = workspace.world(Box::new(|_| ()))?;
        self.settings = DaemonSettings::of(&world.config, self.order.parallel);
        self.notices
            .reads(&world.config, (&self.place, &world.root));
        trust::require(&world.root, &world.location.common_dir, "the daemon")?;
        let mut store = self.open_store()?;
        store.refuse_outgrown()?;
        self.look_into(&world, &mut *store)?;
        self.store = Some(store);
        Ok(())
    }

    fn look_into(&mut self, world: &World, store: &mut dyn Store) -> Result<(), OpError> {
        // Read first: whatever is written while this looks is news.
        self.last_event = store.read(|tx| tx.last_event())?;
        let cx = world.cx(&world.checkout_policy())?;
        claim::record_lapses(store, &cx, &Which::Next)?;
        self.take_stock(world, store)?;
        self.take_over_landing(world)?;
        let order = daemon::order(&self.place)?;
        if order != self.order_given {
            let words = order.as_ref().map(StandingOrder::in_words);
            self.journal.line(
                &words.unwrap_or_else(|| "the daemon goes on: the order was taken back".to_owned()),
            );
            self.order_given = order;
        }
        if self.stop.is_some() {
            self.queue = QueueSight::Unseen;
            return Ok(());
        }
        if let Some(order) = &self.order_given {
            self.queue = QueueSight::Barred;
            let error = AppError::new(ErrorClass::Conflict, order.in_words());
            self.barred = Some(error.hint("`ai daemon resume` takes it back"));
            return Ok(());
        }
        self.tick_recurring(world, store)?;
        let landing = self.land(world, store)?;
        let registered = Registered::read(world)?;
        self.queue = QueueSight::Waits;
        self.held_back.clear();
        for task in self.rests.resting(clock::boot_ms()) {
            let mark = store.read(|tx| mark_of(tx, &task))?;
            self.rests.see(&task, mark);
        }
        while self.hands.count() < self.settings.parallel {
            let now_ms = clock::boot_ms();
            let cx = cx.at((world.clock)());
            let own: Vec<&OwnStart> = self.hands.own().iter().map(|hand| &hand.start).collect();
            let others = self.hands.adopted().len();
            let is_out =
                |task: &Task| self.hands.hold(&task.id) || self.rests.holds(&task.id, now_ms);
            let about_to_land = self.about_to_land(world, store)?;
            let picker = Picker {
                world,
                registered: &registered,
                named: None,
                parallel: self.settings.parallel,
                manner: PickManner::Standing,
                landing: &about_to_land,
            };
            let picked = store.read(|tx| picker.pick(tx, &cx, (&own, others), &is_out))?;
            let Some(start) = picked.start else {
                let due_ms = picked.due_ms.map(|due| by_boot(due, cx.now.wall_ms));
                if due_ms.is_none() {
                    self.queue = landing;
                }
                let due = [self.due_ms, due_ms, self.rests.next_ms(now_ms)];
                self.due_ms = due.into_iter().flatten().min();
                let told = picked.waiting.iter();
                let told = told.filter(|(_, wait)| *wait != QueueWait::Held);
                self.held_back = told.map(|one| picker.not_started(one)).collect();
                return Ok(());
            };
            self.start(start)?;
        }
        Ok(())
    }

    /// Begins a landing where there is something to land that was not tried yet. Returns what is left of the queue where
    /// nothing starts by itself: somebody else's landing may bring more.
    fn land(&mut self, world: &World, store: &mut dyn Store) -> Result<QueueSight, OpError> {
        if !world.config.daemon.land || self.landing.count() > 0 {
            return Ok(QueueSight::Empty);
        }
        // One that is adopted has let go of its lock before it has ended, and its end is to be told.
        if land::is_at_work(&world.state())? || self.landing.adopted().is_some() {
            return Ok(QueueSight::Waits);
        }
        let sight = land::sight(world, store)?;
        match self.landing.step(&sight, clock::boot_ms()) {
            LandStep::Nothing => {}
            LandStep::Rest { until_ms } => {
                self.due_ms = self.due_ms.into_iter().chain([until_ms]).min();
            }
            LandStep::Begin => {
                let talk = self.journal.for_child()?;
                let child = reexec::start_apart(&self.order.land, talk).doing("start a landing")?;
                let process = child.process();
                wake::watch_landing(child, &self.news);
                self.journal.line(&self.landing.begins(sight, process));
            }
        }
        Ok(QueueSight::Empty)
    }

    /// Tasks whose reviewed work comes in with the landing that is at work, or with the next one. One that the last landing has
    /// left to a person lands at no time that anybody knows, and after one that somebody was in the way of the next comes at a
    /// time of its own: nobody waits for these.
    fn about_to_land(&self, world: &World, store: &mut dyn Store) -> Result<Vec<Task>, OpError> {
        if !world.config.daemon.land {
            return Ok(Vec::new());
        }
        let reviewed = land::reviewed_tasks(store)?;
        let about = reviewed
            .into_iter()
            .filter(|(_, run)| self.landing.brings_in(run));
        Ok(about.map(|(task, _)| task).collect())
    }

    fn start(&mut self, start: OwnStart) -> Result<(), OpError> {
        let on = match &start.agent {
            Some(agent) => format!(" on {agent}"),
            None => String::new(),
        };
        let said = format!("{} starts{on}: {}", start.task.id, start.task.title);
        let args = (self.order.child)(&start.task.id);
        self.hands.start(start, (&args, &self.journal))?;
        self.journal.line(&said);
        Ok(())
    }

    /// Adopts the runs of an earlier daemon, and has those recovered that were cut off.
    fn take_stock(&mut self, world: &World, store: &mut dyn Store) -> Result<(), OpError> {
        let (now, state) = ((world.clock)(), world.state());
        let (active, is_any_lost) = store.read(|tx| -> Result<_, StoreError> {
            let active = tx.active_runs()?;
            let mut lost = false;
            for run in &active {
                lost = lost || liveness::loss(tx, run, &now, &state)?.is_some();
            }
            Ok((active, lost))
        })?;
        let (new, gone) = self.hands.adopt(&active);
        for run in new {
            self.journal.line(&format!(
                "{run} was started by an earlier daemon and goes on"
            ));
        }
        for run in gone {
            if let Some(line) = store.read(|tx| ending_of(tx, &run))? {
                self.journal.line(&line);
            }
        }
        if is_any_lost {
            self.recover()?;
        }
        Ok(())
    }

    /// Takes in the landing of an earlier daemon, and tells of its end as that one would have.
    fn take_over_landing(&mut self, world: &World) -> Result<(), OpError> {
        if self.landing.count() > 0 {
            return Ok(());
        }
        let at_work = land::process_at_work(&world.state())?;
        if let Some(process) = at_work.filter(|process| begins_with(process, &LANDS_BY_DAEMON)) {
            if let Some(line) = self.landing.adopts(&process) {
                wake::watch_process(process, &self.news);
                self.journal.line(&line);
            }
            return Ok(());
        }
        // One that ends at this moment has left its word before it lets go of the lock's file.
        let is_alive = |process: &ProcessIdentity| process.liveness() == ProcessLiveness::Alive;
        if self.landing.adopted().is_some_and(is_alive) {
            return Ok(());
        }
        let left = daemon::landing_left(&self.place)?;
        let is_left = left.is_some();
        for line in self.landing.adopted_ended(left) {
            self.journal.line(&line);
        }
        if is_left {
            daemon::forget_landing(&self.place)?;
        }
        Ok(())
    }

    fn recover(&mut self) -> Result<(), OpError> {
        let now_ms = clock::boot_ms();
        let is_too_early = self.recovery.is_some_and(|(at, recovery)| {
            recovery == Recovery::AtWork || now_ms - at < RECOVERY_MS
        });
        if is_too_early {
            return Ok(());
        }
        self.journal.line("a run was cut off and is recovered");
        let talk = self.journal.for_child()?;
        let child = reexec::start_apart(&self.order.recover, talk).doing("recover a run")?;
        wake::watch_recovery(child, &self.news);
        self.recovery = Some((now_ms, Recovery::AtWork));
        Ok(())
    }
}

impl Daemon<'_> {
    /// The works that a person has to look at, although this daemon lands by itself: what its last landing has left to
    /// one, and all that waits while it begins none. Nothing where nobody knows yet.
    fn left_to_a_person(&mut self, ending: Option<DaemonEnding>) -> Option<Vec<LeftWork>> {
        if self.settings.landing == LandingWish::No {
            return Some(Vec::new());
        }
        let known = self.landing.left_to_a_person();
        let why = match (ending, &self.stop, &self.order_given) {
            // The next daemon lands it.
            (Some(DaemonEnding::HandedOver), _, _) => return known,
            (Some(_), _, _) => "the daemon has ended, and has not landed it",
            (None, Some(_), _) | (None, None, None) => return known,
            (None, None, Some(_)) => "the daemon was told to begin nothing, and has not landed it",
        };
        if self.landing.count() > 0 {
            return known;
        }
        let waiting = land::reviewed_tasks(self.store.as_deref_mut()?).ok()?;
        let mut left = known.unwrap_or_default();
        for (task, run) in waiting {
            if left.iter().all(|one| one.task != task.id) {
                left.push(LeftWork {
                    task: task.id,
                    run: Some(run),
                    why: why.to_owned(),
                });
            }
        }
        Some(left)
    }

    /// Has told what came up since the last look, and at the end of the daemon.
    pub(super) fn have_notices_told(&mut self, ending: Option<DaemonEnding>) {
        let left = self.left_to_a_person(ending);
        let Some(state) = self.place.dir().parent() else {
            return;
        };
        let now_ms = clock::wall_ms();
        let reviewer = match (self.settings.landing, ending, &self.order_given) {
            (LandingWish::Yes, None | Some(DaemonEnding::HandedOver), None) => Reviewer::Daemon,
            (LandingWish::Yes | LandingWish::No, _, _) => Reviewer::Person,
        };
        let seen = NoticeLook {
            state,
            last_event: self.last_event,
            trouble: self.trouble.as_deref(),
            left,
            reviewer,
            now_ms,
        };
        let due = self.notices.look(&seen, self.store.as_deref_mut());
        if let Some(since) = due.since {
            start_helper(&self.order.notify, since, &self.journal);
        }
        if let Some(next) = due.next_ms.map(|next| by_boot(next, now_ms)) {
            self.due_ms = Some(self.due_ms.map_or(next, |due| due.min(next)));
        }
    }
}

/// Reads the state of everything that somebody would change to help a task; nothing where it is gone.
pub(super) fn mark_of(tx: &mut dyn Tx, id: &TaskId) -> Result<Option<RestMark>, StoreError> {
    let Some(task) = tx.task(id)? else {
        return Ok(None);
    };
    let asks = tx.asks(Some(id), None)?;
    let answers = asks.iter().map(|ask| {
        let last = usize::from(ask.overridden.is_some());
        ask.answers.len() + last
    });
    Ok(Some(RestMark {
        updated_ms: task.updated_ms,
        answers: answers.sum(),
    }))
}

/// The line about the end of a run that an earlier daemon has started; none where the store does not know of one.
fn ending_of(tx: &mut dyn Tx, id: &RunId) -> Result<Option<String>, StoreError> {
    let Some(run) = tx.run(id)? else {
        return Ok(None);
    };
    let status = tx.task(&run.task)?;
    let status = status.map_or("gone", |task| task.status_text()).to_owned();
    Ok(run.end.map(|end| {
        let (outcome, summary) = (end.outcome.as_str(), end.summary);
        format!("{id}  {outcome}  {status}  {summary}")
    }))
}

/// A time of the wall clock by the clock that nobody sets, never before now.
pub(super) fn by_boot(at_ms: WallMs, now_ms: WallMs) -> i64 {
    clock::boot_ms() + at_ms.saturating_sub(now_ms).max(SOON_MS)
}
