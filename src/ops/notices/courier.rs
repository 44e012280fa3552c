//! A delivery: what came up is taken into the outbox, and every sink is told what waits for it.
//!
//! The outbox is written before anything is delivered and again behind it, so that a delivery which is killed is
//! done again and nothing is lost. Each sink has a thread of its own and is given up for this time at its first
//! failure, so that a dead one delays no other. One process at a time delivers; another one that finds the lock held
//! leaves its news to that one, which looks once more when it has let go.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use crate::base::file_lock::{self, FileLock};
use crate::base::{clock, fs, hash};
use crate::config::Config;
use crate::domain::budget::Amounts;
use crate::domain::notice::{
    Notice, NoticeCause, NoticeMoment, NoticePlace, NoticeSink, Outbox, SinkEnd, cause_of_budget,
    cause_of_trouble,
};
use crate::domain::time::WallMs;
use crate::notify::{INPUT, Teller, tell};
use crate::ops::cx::Cx;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::error::OpError;
use crate::ops::notices::kept;
use crate::ops::notices::{NoticeNews, NoticePaths, news, quiet_until_ms};
use crate::ops::{agents, budget, trust};
use crate::store::{Store, StoreError};

/// Time after which nothing more is begun in one delivery.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);

/// Most looks of one delivery: a program that is told may bring about the next notice.
const ROUNDS: u32 = 10;

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
    /// The surroundings of a look at the store.
    pub cx: &'a Cx,
    /// The machine, as sinks need it.
    pub teller: &'a Teller,
    /// The record behind which the log is new, where nobody has looked at it before.
    pub since: Option<u64>,
    /// Both clocks, of which the wall's is used.
    pub clock: fn() -> WallMs,
}

/// The end of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CourierEnd {
    /// Everything was looked at.
    Done,
    /// Somebody else delivers, and will look at what came up here.
    AnotherAtIt,
}

/// Delivers what came up. A store that cannot be read keeps nobody from telling of the daemon's trouble.
pub fn deliver(
    courier: &Courier<'_>,
    mut open: impl FnMut() -> Result<Box<dyn Store>, StoreError>,
) -> Result<CourierEnd, OpError> {
    let paths = NoticePaths::of(courier.state);
    fs::create_private_dir(paths.dir())?;
    // A sink that has failed is left alone for this delivery.
    let mut at_work = Delivering {
        begun_ms: clock::boot_ms(),
        resting: BTreeSet::new(),
    };
    for _ in 0..ROUNDS {
        let Some(lock) = lock(courier, &paths, &at_work)? else {
            return Ok(CourierEnd::AnotherAtIt);
        };
        sweep(&paths, (courier.clock)());
        let mut store = open();
        let seen = pass(
            courier,
            (&paths, &lock),
            store.as_deref_mut().ok(),
            &mut at_work,
        )?;
        drop(lock);
        // Whoever found the lock held has left its news to this process.
        let newest = match &mut store {
            Ok(store) => store.read(|tx| tx.last_event()).ok(),
            Err(_) => None,
        };
        if newest.is_none_or(|newest| seen.is_some_and(|seen| newest <= seen)) {
            break;
        }
    }
    Ok(CourierEnd::Done)
}

/// Takes the lock; nothing where whoever holds it looks at what came up here, too. That one does not where it has begun
/// behind it: two commands at once, of which the later one delivers first.
fn lock(
    courier: &Courier<'_>,
    paths: &NoticePaths,
    at_work: &Delivering,
) -> Result<Option<FileLock>, OpError> {
    loop {
        if let Some(lock) = file_lock::try_lock_for_a_moment(&paths.lock_file())? {
            return Ok(Some(lock));
        }
        let begun = kept::read(paths).unwrap_or_default().begun;
        let is_seen = courier
            .since
            .is_none_or(|since| begun.is_some_and(|begun| begun <= since));
        if is_seen || clock::boot_ms() - at_work.begun_ms > limit_ms() {
            return Ok(None);
        }
    }
}

fn limit_ms() -> i64 {
    i64::try_from(BEGINS_WITHIN.as_millis()).unwrap_or(i64::MAX)
}

/// A delivery that is at work.
struct Delivering {
    /// Its begin, by the boot clock.
    begun_ms: i64,
    /// Sinks that have failed in it.
    resting: BTreeSet<String>,
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

/// One look and one try at every sink. Returns the last record that was looked at.
fn pass(
    courier: &Courier<'_>,
    (paths, lock): (&NoticePaths, &FileLock),
    store: Option<&mut (dyn Store + 'static)>,
    at_work: &mut Delivering,
) -> Result<Option<u64>, OpError> {
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
            let mut sight = news(tx, after, now_ms)?;
            if let Some((since, upto)) = earlier {
                let mut before = news(tx, since, now_ms)?.found;
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
    }
    let trouble = daemon::trouble(&DaemonPlace::of(courier.state));
    let trouble = trouble.ok().flatten();
    standing.extend(trouble.map(|words| cause_of_trouble(&redact(&words))));
    let mark = hash::sha256_hex(format!("{now_ms} {}", courier.state.display()).as_bytes());
    let place = NoticePlace {
        repository: &repository,
        title: None,
        at_ms: now_ms,
        mark: &mark,
    };
    outbox.take_standing(&standing, &place, (settings, moment));
    outbox.end_quiet(&place, settings, moment);
    outbox.expire(settings, now_ms);
    refuse_untrusted(courier, &mut outbox, now_ms);
    kept::write(paths, &outbox)?;
    let ends = tell_all(courier, &outbox, at_work);
    if !ends.is_empty() {
        for (sink, id, end) in &ends {
            if matches!(end, SinkEnd::Failed(_)) {
                at_work.resting.insert(sink.clone());
            }
            outbox.settle((sink, id), end, (courier.clock)());
        }
        // Whoever has taken `ai` out of the repository meanwhile finds nothing of it there again.
        if lock.stands_at(&paths.lock_file())? {
            kept::write(paths, &outbox)?;
        }
    }
    Ok(outbox.seen)
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
    let of = (courier.root, courier.common_dir);
    trust::require_of(courier.config, of, "the sinks of notices")
}

/// Tells every sink what waits for it.
fn tell_all(
    courier: &Courier<'_>,
    outbox: &Outbox,
    at_work: &Delivering,
) -> Vec<(String, String, SinkEnd)> {
    let due: Vec<(&String, &NoticeSink, Vec<Notice>)> = courier
        .config
        .notices
        .sinks
        .iter()
        .filter(|(name, _)| !at_work.resting.contains(*name))
        .map(|(name, sink)| (name, sink, outbox.waiting_for(name)))
        .filter(|(_, _, waiting)| !waiting.is_empty())
        .collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = due
            .iter()
            .map(|(name, sink, waiting)| {
                scope.spawn(|| tell_one(courier, (name, sink), waiting, at_work))
            })
            .collect();
        // A thread that failed has settled nothing, so what it was to tell waits on.
        let ends = threads.into_iter().filter_map(|thread| thread.join().ok());
        ends.flatten().collect()
    })
}

fn tell_one(
    courier: &Courier<'_>,
    (name, sink): (&str, &NoticeSink),
    waiting: &[Notice],
    at_work: &Delivering,
) -> Vec<(String, String, SinkEnd)> {
    let mut is_well = true;
    let mut ends = Vec::new();
    for notice in waiting {
        let is_in_time = clock::boot_ms() - at_work.begun_ms < limit_ms();
        // Asked before each, since trust may be taken back meanwhile.
        let is_trusted = || !sink.needs_trust() || require_trust(courier).is_ok();
        let end = if is_well && is_in_time && is_trusted() {
            tell(courier.teller, sink, notice)
        } else {
            SinkEnd::Later
        };
        is_well = is_well && !matches!(end, SinkEnd::Failed(_));
        ends.push((name.to_owned(), notice.id.clone(), end));
    }
    ends
}
