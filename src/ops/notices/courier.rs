//! A delivery: what came up is taken into the outbox, and every sink is told what waits for it.
//!
//! The outbox is written before anything is delivered and again behind it, so that a delivery which is killed is
//! done again and nothing is lost. Its lock is held for no longer than that. Each sink has a thread and a lock of its own:
//! whoever tells it looks for more before letting go, so that a slow one delays nobody but itself, however many deliveries
//! there are at once; and it is given up for this time at its first failure.

use std::path::Path;
use std::time::Duration;

use crate::base::file_lock;
use crate::base::text::flowing;
use crate::base::{clock, fs, hash};
use crate::config::Config;
use crate::domain::budget::Amounts;
use crate::domain::notice::{
    Notice, NoticeCause, NoticeMoment, NoticePlace, NoticeSink, Outbox, SinkEnd, cause_of_budget,
    cause_of_left, cause_of_trouble,
};
use crate::domain::task::TaskState;
use crate::domain::time::WallMs;
use crate::notify::{INPUT, Teller, tell};
use crate::ops::cx::Cx;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::error::OpError;
use crate::ops::notices::kept;
use crate::ops::notices::{NoticeNews, NoticePaths, news, quiet_until_ms, reviewer};
use crate::ops::{agents, budget, trust};
use crate::store::{Store, StoreError};

/// Time after which nothing more is begun in one delivery.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// Age of an input from which on nobody reads it any more, in milliseconds: longer than any program may take.
const LEFT_MS: i64 = 3_600_000;

/// Everything that a delivery is given.
pub struct Courier<'a> {
    /// The state directory.
    pub state: &'a Path,
    /// The checkout whose `.ai/` counts.
    pub root: &'a Path,
    /// The git common directory.
    pub common_dir: &'a Path,
    /// The configuration.
    pub config: &'a Config,
    /// The place of the configuration.
    pub settings: SettingsAt,
    /// The surroundings of a look at the store.
    pub cx: &'a Cx,
    /// The machine, as sinks need it.
    pub teller: &'a Teller,
    /// The record behind which the log is new, where nobody has looked at it before.
    pub since: Option<u64>,
    /// Both clocks, of which the wall's is used.
    pub clock: fn() -> WallMs,
}

/// The place of the settings that a delivery goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SettingsAt {
    /// The project's file.
    File,
    /// The words that a daemon has kept of that file, which cannot be read any more.
    Kept,
}

/// Delivers what came up. A store that cannot be read keeps nobody from telling of the daemon's trouble.
pub fn deliver(
    courier: &Courier<'_>,
    open: impl FnOnce() -> Result<Box<dyn Store>, StoreError>,
) -> Result<(), OpError> {
    // A repository that was moved or removed meanwhile is not begun anew where it was.
    if !courier.state.is_dir() {
        return Ok(());
    }
    let begun_ms = clock::boot_ms();
    let paths = NoticePaths::of(courier.state);
    fs::create_private_dir(paths.dir())?;
    let mut store = open();
    take_in(courier, &paths, store.as_deref_mut().ok())?;
    tell_all(courier, &paths, begun_ms);
    Ok(())
}

fn limit_ms() -> i64 {
    i64::try_from(BEGINS_WITHIN.as_millis()).unwrap_or(i64::MAX)
}

/// Removes what deliveries that were killed have left. What cannot be removed is in nobody's way.
fn sweep(paths: &NoticePaths, now_ms: WallMs) {
    for path in fs::list_dir(paths.dir()).unwrap_or_default() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_old = fs::modified_ms(&path).is_some_and(|at| now_ms - at > LEFT_MS);
        if name.starts_with(INPUT) && is_old {
            let _left = fs::remove_file(&path);
        }
    }
}

/// Takes what came up into the outbox.
fn take_in(
    courier: &Courier<'_>,
    paths: &NoticePaths,
    store: Option<&mut (dyn Store + 'static)>,
) -> Result<(), OpError> {
    let _lock = file_lock::lock(&paths.lock_file())?;
    sweep(paths, (courier.clock)());
    let settings = &courier.config.notices;
    let mut outbox = kept::read_or_begin(paths)?;
    let now_ms = (courier.clock)();
    let moment = NoticeMoment {
        now_ms,
        quiet_until_ms: quiet_until_ms(settings, now_ms),
    };
    let repository = courier.root.file_name().unwrap_or_default();
    let repository = repository.to_string_lossy();
    let redact = |text: &str| courier.cx.scrub.redactor().redact_text(text);
    let mut standing = Vec::new();
    if let Some(store) = store {
        let sight = store.read(|tx| {
            let (after, earlier) = outbox.look_from(courier.since, tx.last_event()?);
            let by = (now_ms, reviewer(courier.config, courier.state));
            let mut sight = news(tx, after, by)?;
            if let Some((since, upto)) = earlier {
                let mut before = news(tx, since, by)?.found;
                before.retain(|one| one.seq <= upto);
                sight.found.splice(..0, before);
            }
            Ok::<_, OpError>(sight)
        })?;
        outbox.seen = Some(sight.newest);
        for one in &sight.found {
            take(&mut outbox, one, (courier, moment), (&repository, &redact));
        }
        standing.extend(budgets(courier, store)?);
        standing.extend(left_to_a_person(courier, store, &redact)?);
    }
    let trouble = daemon::trouble(&DaemonPlace::of(courier.state));
    let trouble = trouble.ok().flatten();
    let trouble = trouble.map(|words| cause_of_trouble(&redact(&words)));
    standing.extend(trouble.clone());
    let mark = hash::sha256_hex(format!("{now_ms} {}", courier.state.display()).as_bytes());
    let place = NoticePlace {
        repository: &repository,
        title: None,
        at_ms: now_ms,
        mark: &mark,
    };
    outbox.take_standing(&standing, &place, (settings, moment));
    // The trouble of a daemon that is gone is not mended.
    let is_there = daemon::at_work(&DaemonPlace::of(courier.state)).is_ok_and(|it| it.is_some());
    if is_there || trouble.is_some() {
        outbox.take_trouble(trouble.as_ref(), &place, (settings, moment));
    }
    outbox.end_quiet(&place, settings, moment);
    outbox.expire(settings, now_ms);
    refuse_untrusted(courier, &mut outbox, now_ms);
    kept::write(paths, &outbox)
}

fn take(
    outbox: &mut Outbox,
    one: &NoticeNews,
    (courier, moment): (&Courier<'_>, NoticeMoment),
    (repository, redact): (&str, &dyn Fn(&str) -> String),
) {
    let cause = NoticeCause {
        text: redact(&one.cause.text),
        ..one.cause.clone()
    };
    let title = one.title.as_deref().map(redact);
    let place = NoticePlace {
        repository,
        title: title.as_deref(),
        at_ms: one.at_ms,
        mark: &one.mark,
    };
    outbox.take((&cause, &place), &courier.config.notices, moment);
}

/// Budgets that are nearly used up.
fn budgets(courier: &Courier<'_>, store: &mut dyn Store) -> Result<Vec<NoticeCause>, OpError> {
    let budgets = &courier.config.budgets;
    let none = Amounts::default();
    let all = [budgets.task, budgets.agent, budgets.day, budgets.repository];
    if all.iter().all(|amounts| *amounts == none) {
        return Ok(Vec::new());
    }
    // Agents whose files cannot be read are told of elsewhere.
    let agents = agents::list(courier.root).map(|files| files.agents);
    let agents = agents.unwrap_or_default();
    let levels = store.read(|tx| budget::overview(tx, courier.cx, courier.config, &agents))?;
    let near = levels
        .iter()
        .filter_map(|one| cause_of_budget(one.of.as_deref(), &one.level));
    Ok(near.collect())
}

/// Works that the daemon's landings have left to a person and that wait still.
fn left_to_a_person(
    courier: &Courier<'_>,
    store: &mut dyn Store,
    redact: &dyn Fn(&str) -> String,
) -> Result<Vec<NoticeCause>, OpError> {
    // What cannot be read is written anew with the next landing.
    let left = daemon::left(&DaemonPlace::of(courier.state)).unwrap_or_default();
    store.read(|tx| {
        let mut waiting = Vec::new();
        for one in left {
            let Some(task) = tx.task(&one.task)? else {
                continue;
            };
            let TaskState::Review { run } = &task.state else {
                continue;
            };
            if one.run.as_ref().is_none_or(|left| left == run) {
                let cause = cause_of_left(run, &redact(&one.why));
                let what = format!("{}: {}", cause.what, flowing(&redact(&task.title)));
                waiting.push(NoticeCause { what, ..cause });
            }
        }
        Ok::<_, OpError>(waiting)
    })
}

/// Notes for which sinks something waits that nobody trusts: they are told by name in `ai doctor`.
fn refuse_untrusted(courier: &Courier<'_>, outbox: &mut Outbox, now_ms: WallMs) {
    let needing = courier.config.notices.sinks.iter();
    let needing = needing.filter(|(_, sink)| sink.needs_trust());
    let waiting: Vec<&String> = needing
        .map(|(name, _)| name)
        .filter(|name| !outbox.waiting_for(name).is_empty())
        .collect();
    if waiting.is_empty() {
        return;
    }
    if let Err(error) = require_trust(courier) {
        for name in waiting {
            outbox.refuse(name, &format!("not trusted: {error}"), now_ms);
        }
    }
}

/// Refuses where the sinks are not those that a person has trusted, by the very words that were read.
fn require_trust(courier: &Courier<'_>) -> Result<(), OpError> {
    let what = "the sinks of notices";
    match courier.settings {
        SettingsAt::File => {
            trust::require_of(courier.config, (courier.root, courier.common_dir), what)
        }
        SettingsAt::Kept => trust::require_words(courier.config, courier.common_dir, what),
    }
}

/// Tells every sink what waits for it.
fn tell_all(courier: &Courier<'_>, paths: &NoticePaths, begun_ms: i64) {
    std::thread::scope(|scope| {
        for (name, sink) in &courier.config.notices.sinks {
            // What fails here has settled nothing, so what was to be told waits on.
            scope.spawn(move || drop(tell_sink(courier, paths, (name.as_str(), sink), begun_ms)));
        }
    });
}

/// Tells one sink until nothing waits for it, unless somebody else does so already.
fn tell_sink(
    courier: &Courier<'_>,
    paths: &NoticePaths,
    (name, sink): (&str, &NoticeSink),
    begun_ms: i64,
) -> Result<(), OpError> {
    if kept::read(paths)?.waiting_for(name).is_empty() {
        return Ok(());
    }
    let Some(own) = file_lock::try_lock(&paths.sink_lock_file(name))? else {
        return Ok(());
    };
    loop {
        let lock = file_lock::lock(&paths.lock_file())?;
        let waiting = kept::read(paths)?.waiting_for(name);
        if waiting.is_empty() {
            // Let go of before anybody can add to what waits: they find the sink free, and tell it.
            drop(own);
            drop(lock);
            return Ok(());
        }
        drop(lock);
        let ends = tell_each(courier, sink, &waiting, begun_ms);
        // Whoever has taken `ai` out of the repository meanwhile finds nothing of it there again.
        if !paths.dir().is_dir() {
            return Ok(());
        }
        let _lock = file_lock::lock(&paths.lock_file())?;
        let mut outbox = kept::read_or_begin(paths)?;
        for (id, end) in &ends {
            outbox.settle((name, id), end, (courier.clock)());
        }
        kept::write(paths, &outbox)?;
        let is_given_up =
            |(_, end): &(String, SinkEnd)| matches!(end, SinkEnd::Failed(_) | SinkEnd::Later);
        if ends.iter().any(is_given_up) {
            return Ok(());
        }
    }
}

fn tell_each(
    courier: &Courier<'_>,
    sink: &NoticeSink,
    waiting: &[Notice],
    begun_ms: i64,
) -> Vec<(String, SinkEnd)> {
    let mut is_well = true;
    let mut ends = Vec::new();
    for notice in waiting {
        let is_in_time = clock::boot_ms() - begun_ms < limit_ms();
        // Asked before each, since trust may be taken back meanwhile.
        let is_trusted = || !sink.needs_trust() || require_trust(courier).is_ok();
        let end = if is_well && is_in_time && is_trusted() {
            tell(courier.teller, sink, notice)
        } else {
            SinkEnd::Later
        };
        is_well = is_well && !matches!(end, SinkEnd::Failed(_));
        ends.push((notice.id.clone(), end));
    }
    ends
}
