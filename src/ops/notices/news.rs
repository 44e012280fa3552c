//! What came up since a record of the log, with what stands beside it.

use std::path::Path;
use std::str::FromStr as _;

use crate::base::shown_time;
use crate::config::Config;
use crate::domain::event::Event;
use crate::domain::notice::{NoticeCause, NoticeSettings, Reviewer, cause_of};
use crate::domain::schedule::UtcOffset;
use crate::domain::time::WallMs;
use crate::ops::approve;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::error::OpError;
use crate::store::{EventFilter, Flow, StoreError, Tx};

/// Kinds of events in which [`cause_of`] may find something; the others are not even taken apart.
const KINDS: [&str; 7] = [
    "task.done",
    "task.failed",
    "task.held",
    "lease.lapsed",
    "run.ended",
    "policy.decided",
    "recurring.told",
];
/// Kinds of events after which a budget may be near its end.
const SPENDING: [&str; 2] = ["run.ended", "run.used"];
/// Most things that are taken in at once, the newest.
const MOST: usize = 500;

/// Something that came up.
#[derive(Debug, Clone)]
pub struct NoticeNews {
    /// The thing itself.
    pub cause: NoticeCause,
    /// The title of its task.
    pub title: Option<String>,
    /// The number of its record.
    pub seq: u64,
    /// The time of its record.
    pub at_ms: WallMs,
    /// The hash of its record.
    pub mark: String,
}

/// The result of a look at the log.
#[derive(Debug, Clone, Default)]
pub struct NewsSight {
    /// Everything that came up, oldest first.
    pub found: Vec<NoticeNews>,
    /// The newest record there is.
    pub newest: u64,
    /// True where a run has used something, so that a budget may be near its end.
    pub has_spent: bool,
}

/// Tells who looks first at work that has come to its review: a daemon that is at work and lands by itself, unless it
/// was told to begin nothing.
pub fn reviewer(config: &Config, state: &Path) -> Reviewer {
    let place = DaemonPlace::of(state);
    let is_free = || matches!(daemon::order(&place), Ok(None));
    let is_there = || matches!(daemon::at_work(&place), Ok(Some(_)));
    if config.daemon.land && is_free() && is_there() {
        Reviewer::Daemon
    } else {
        Reviewer::Person
    }
}

/// Finds what came up after a record.
pub fn news(
    tx: &mut dyn Tx,
    after: u64,
    (now_ms, reviewer): (WallMs, Reviewer),
) -> Result<NewsSight, OpError> {
    let mut sight = NewsSight {
        newest: tx.last_event()?,
        ..NewsSight::default()
    };
    if sight.newest <= after {
        return Ok(sight);
    }
    let mut found: Vec<NoticeNews> = Vec::new();
    let mut has_spent = false;
    let filter = EventFilter {
        after,
        ..EventFilter::default()
    };
    tx.events(&filter, &mut |event| {
        has_spent |= SPENDING.contains(&event.kind.as_str());
        if !KINDS.contains(&event.kind.as_str()) {
            return Ok::<_, StoreError>(Flow::More);
        }
        // A record of another version tells nothing that could be told on.
        let read = serde_json::from_str::<Event>(&event.body).ok();
        if let Some(cause) = read.as_ref().and_then(|event| cause_of(event, reviewer)) {
            found.push(NoticeNews {
                cause,
                title: None,
                seq: event.seq,
                at_ms: event.at_ms,
                mark: event.hash,
            });
        }
        Ok(Flow::More)
    })?;
    let surplus = found.len().saturating_sub(MOST);
    found.drain(..surplus);
    still_asked(tx, &mut found, now_ms)?;
    for one in &mut found {
        if let Some(task) = &one.cause.task {
            one.title = tx.task(task)?.map(|task| task.title);
        }
    }
    sight.found = found;
    sight.has_spent = has_spent;
    Ok(sight)
}

/// Leaves out questions that wait for nobody any more.
fn still_asked(
    tx: &mut dyn Tx,
    found: &mut Vec<NoticeNews>,
    now_ms: WallMs,
) -> Result<(), OpError> {
    if found.iter().all(|one| one.cause.question.is_none()) {
        return Ok(());
    }
    let waiting = approve::waiting(tx, now_ms)?;
    found.retain(|one| {
        let asked = one.cause.question.as_ref();
        asked.is_none_or(|id| waiting.iter().any(|question| question.decision.id == *id))
    });
    Ok(())
}

/// The end of the quiet hours in which `now_ms` lies.
pub fn quiet_until_ms(settings: &NoticeSettings, now_ms: WallMs) -> Option<WallMs> {
    let quiet = settings.quiet_hours.as_ref()?;
    let zone = &quiet.time_zone.0;
    let offset = UtcOffset::from_str(zone).unwrap_or_else(|_| {
        UtcOffset::of_minutes(shown_time::minutes_from_utc(zone, now_ms).unwrap_or(0))
    });
    quiet.end_of(now_ms, offset)
}
