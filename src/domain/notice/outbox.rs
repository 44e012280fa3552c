//! The outbox: who is still to be told of what, and what was told already.
//!
//! It is one value that is read, changed here and written back under a lock. Each list in it has a bound; what
//! does not fit any more is dropped, the oldest first, and counted for the sink that it was for. A notice leaves
//! it when its sink has taken it, so one that was being delivered while everything died is delivered again, with
//! the same id. Absent: the clock, the lock and the file.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::base::hash;
use crate::base::text::counted;
use crate::domain::notice::{
    Notice, NoticeCause, NoticePlace, NoticeSettings, NoticeSink, NoticeType, cause_of_mending,
    clipped,
};
use crate::domain::time::WallMs;

/// Most notices that wait for one sink.
const WAITING: usize = 100;
/// Most notices that are held back in quiet hours.
const HELD: usize = 200;
/// Most things of which is remembered that they were told.
const REMEMBERED: usize = 1_000;
/// Most lines of a digest.
const DIGEST_LINES: usize = 15;
/// Age from which on a notice is of no use any more, in milliseconds: a day.
const STALE_MS: i64 = 86_400_000;
/// Most letters of an error that are kept.
const ERROR: usize = 300;

/// A notice that waits for one sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingNotice {
    /// The sink, by its name.
    pub sink: String,
    /// The notice.
    pub notice: Notice,
    /// Time at which it came up.
    pub since_ms: WallMs,
}

/// The record of one sink.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct SinkStanding {
    /// Notices that it has taken.
    pub delivered: u64,
    /// Deliveries in a row that have failed: 0 after one that went well.
    pub failed_in_row: u64,
    /// Notices that were given up: too many waited, or one waited for a day.
    pub dropped: u64,
    /// Time of the last try, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<WallMs>,
    /// The error of the last try, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The end of one try to deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkEnd {
    /// Taken.
    Taken,
    /// Not there on this machine now, as a desktop without a session, for this reason: nothing is kept for it.
    Absent(String),
    /// Failed, for this reason; tried again with the next one.
    Failed(String),
    /// This one notice was refused for good, for this reason; the next may be taken.
    Refused(String),
    /// Not tried, since the one before has failed; tried again with the next one.
    Later,
}

/// The moment at which the outbox is looked at.
#[derive(Clone, Copy, Debug)]
pub struct NoticeMoment {
    /// Now.
    pub now_ms: WallMs,
    /// The end of the quiet hours in which that lies.
    pub quiet_until_ms: Option<WallMs>,
}

/// Everything that is remembered of notices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outbox {
    /// The last record of the log that was looked at; absent before the first look.
    pub seen: Option<u64>,
    /// The record behind which the first look began. A command that had begun before that one, and whose delivery comes
    /// after it, has its own records looked at, too.
    pub begun: Option<u64>,
    /// The record of each sink.
    pub sinks: BTreeMap<String, SinkStanding>,
    waiting: VecDeque<PendingNotice>,
    held: Vec<Notice>,
    /// Notices that came up in quiet hours and did not fit any more.
    unheld: u64,
    held_since_ms: Option<WallMs>,
    /// The time at which each thing was told last, by what makes it the same.
    told: BTreeMap<String, WallMs>,
    /// Things that hold still and were told once: a budget, the daemon's trouble.
    standing: Vec<String>,
    /// The mark of the daemon's trouble of which somebody was told, and not of its end yet.
    told_of_trouble: Option<String>,
}

impl Outbox {
    /// Decides where a look begins by a delivery that was told of everything after `since`, in a log that ends with
    /// `newest`: the record behind which everything is new, and the last of those further back that count as well.
    pub fn look_from(&mut self, since: Option<u64>, newest: u64) -> (u64, Option<(u64, u64)>) {
        // A store that was restored has a shorter log than the one that was seen.
        let Some(seen) = self.seen.filter(|seen| *seen <= newest) else {
            let after = since.unwrap_or(newest);
            self.begun = Some(after);
            return (after, None);
        };
        let earlier = since.zip(self.begun).filter(|(since, begun)| since < begun);
        if let Some((since, _)) = earlier {
            self.begun = Some(since);
        }
        (seen, earlier)
    }

    /// Takes in something that came up.
    pub fn take(
        &mut self,
        (cause, place): (&NoticeCause, &NoticePlace<'_>),
        settings: &NoticeSettings,
        moment: NoticeMoment,
    ) {
        let window = i64::try_from(settings.deduplicate.as_millis()).unwrap_or(i64::MAX);
        // A clock that was set back makes nothing be told twice, nor silent for ever.
        let is_fresh = |told: &WallMs| (moment.now_ms - told).abs() < window;
        self.told.retain(|_, told| is_fresh(told));
        let same = sameness(cause);
        if self.told.contains_key(&same) {
            return;
        }
        if self.told.len() < REMEMBERED {
            self.told.insert(same, moment.now_ms);
        }
        let notice = Notice::of(cause, place);
        let urgent = settings.quiet_hours.as_ref();
        let urgent = urgent.is_some_and(|quiet| quiet.urgent.contains(&notice.kind));
        if moment.quiet_until_ms.is_none() || urgent {
            return self.queue(&notice, settings, moment.now_ms);
        }
        self.held_since_ms.get_or_insert(moment.now_ms);
        if self.held.len() < HELD {
            self.held.push(notice);
        } else {
            self.unheld += 1;
        }
    }

    /// Takes in the things that hold now. Each is told once for as long as it holds.
    pub fn take_standing(
        &mut self,
        causes: &[NoticeCause],
        place: &NoticePlace<'_>,
        (settings, moment): (&NoticeSettings, NoticeMoment),
    ) {
        let holds = |same: &String| causes.iter().any(|cause| sameness(cause) == *same);
        self.standing.retain(holds);
        for cause in causes {
            let same = sameness(cause);
            if !self.standing.contains(&same) {
                // Each is told under an id of its own.
                let own = hash::sha256_hex(format!("{}{same}", place.mark).as_bytes());
                self.standing.push(same);
                let place = NoticePlace {
                    mark: &own,
                    ..*place
                };
                self.take((cause, &place), settings, moment);
            }
        }
    }

    /// Takes in whether a daemon has trouble. Its end is told where the trouble was.
    pub fn take_trouble(
        &mut self,
        trouble: Option<&NoticeCause>,
        place: &NoticePlace<'_>,
        (settings, moment): (&NoticeSettings, NoticeMoment),
    ) {
        let now = trouble.map(sameness);
        let before = std::mem::replace(&mut self.told_of_trouble, now);
        if let (Some(before), None) = (before, trouble) {
            let cause = cause_of_mending();
            // The next trouble of that kind is another one, however soon it comes, and so is its end.
            self.told.remove(&before);
            self.told.remove(&sameness(&cause));
            self.take((&cause, place), settings, moment);
        }
    }

    /// Tells what came up in quiet hours that are over: in one digest, or one by one.
    pub fn end_quiet(
        &mut self,
        place: &NoticePlace<'_>,
        settings: &NoticeSettings,
        moment: NoticeMoment,
    ) {
        let Some(since_ms) = self
            .held_since_ms
            .filter(|_| moment.quiet_until_ms.is_none())
        else {
            return;
        };
        let held = std::mem::take(&mut self.held);
        let more = std::mem::take(&mut self.unheld);
        self.held_since_ms = None;
        if !settings.digest || (held.len() == 1 && more == 0) {
            for notice in &held {
                self.queue(notice, settings, moment.now_ms);
            }
            for name in settings.sinks.keys().filter(|_| more > 0) {
                self.standing_of(name).dropped += more;
            }
            return;
        }
        let cause = digest(&held, more, moment.now_ms - since_ms);
        let notice = Notice::of(&cause, place);
        self.queue(&notice, settings, moment.now_ms);
    }

    fn queue(&mut self, notice: &Notice, settings: &NoticeSettings, now_ms: WallMs) {
        for name in settings.sinks_of(notice.kind) {
            if settings.sinks.get(name) == Some(&NoticeSink::Console) && is_in_log(notice.kind) {
                // The command in which it came up has said it.
                continue;
            }
            let same = |one: &&PendingNotice| one.sink == name;
            if self.waiting.iter().filter(same).count() >= WAITING {
                let at = self.waiting.iter().position(|one| one.sink == name);
                drop(at.and_then(|at| self.waiting.remove(at)));
                self.standing_of(name).dropped += 1;
            }
            self.waiting.push_back(PendingNotice {
                sink: name.to_owned(),
                notice: notice.clone(),
                since_ms: now_ms,
            });
        }
    }

    /// Gives up what waits for too long, and what is for a sink that there is not any more.
    pub fn expire(&mut self, settings: &NoticeSettings, now_ms: WallMs) {
        let mut dropped = Vec::new();
        self.waiting.retain(|one| {
            let is_known = settings.sinks.contains_key(&one.sink);
            let is_stale = (now_ms - one.since_ms).abs() >= STALE_MS;
            if is_known && is_stale {
                dropped.push(one.sink.clone());
            }
            is_known && !is_stale
        });
        for name in dropped {
            self.standing_of(&name).dropped += 1;
        }
        self.sinks
            .retain(|name, _| settings.sinks.contains_key(name));
    }

    /// Lists the notices that wait for a sink, oldest first.
    pub fn waiting_for(&self, sink: &str) -> Vec<Notice> {
        let own = self.waiting.iter().filter(|one| one.sink == sink);
        own.map(|one| one.notice.clone()).collect()
    }

    /// Number of notices that are held back until quiet hours end.
    pub fn held(&self) -> u64 {
        self.held.len() as u64 + self.unheld
    }

    /// Takes the end of a try in.
    pub fn settle(&mut self, (sink, id): (&str, &str), end: &SinkEnd, now_ms: WallMs) {
        let is_it = |one: &PendingNotice| one.sink == sink && one.notice.id == id;
        let before = self.waiting.len();
        if *end != SinkEnd::Later && !matches!(end, SinkEnd::Failed(_)) {
            self.waiting.retain(|one| !is_it(one));
        }
        let gone = (before - self.waiting.len()) as u64;
        let standing = self.standing_of(sink);
        match end {
            SinkEnd::Taken => {
                standing.delivered += 1;
                standing.failed_in_row = 0;
                standing.error = None;
            }
            SinkEnd::Absent(_) => {
                standing.failed_in_row = 0;
                standing.error = None;
            }
            SinkEnd::Failed(why) => {
                standing.failed_in_row += 1;
                standing.error = Some(clipped(why, ERROR));
            }
            SinkEnd::Refused(why) => {
                // A trial waits for nobody.
                standing.dropped += gone;
                standing.failed_in_row += 1;
                standing.error = Some(clipped(why, ERROR));
            }
            SinkEnd::Later => return,
        }
        standing.last_ms = Some(now_ms);
    }

    /// Notes that a sink for which something waits may not be used, for this reason. What waits does so for its day.
    pub fn refuse(&mut self, sink: &str, why: &str, now_ms: WallMs) {
        if self.waiting.iter().any(|one| one.sink == sink) {
            let standing = self.standing_of(sink);
            standing.failed_in_row += 1;
            standing.error = Some(clipped(why, ERROR));
            standing.last_ms = Some(now_ms);
        }
    }

    fn standing_of(&mut self, sink: &str) -> &mut SinkStanding {
        self.sinks.entry(sink.to_owned()).or_default()
    }
}

/// A short word that is the same for two causes which say the same.
fn sameness(cause: &NoticeCause) -> String {
    hash::sha256_hex(cause.same.as_bytes())
        .chars()
        .take(32)
        .collect()
}

/// True for what follows from a record of the log, and so is told by the command that wrote it.
fn is_in_log(kind: NoticeType) -> bool {
    match kind {
        NoticeType::Done
        | NoticeType::Failed
        | NoticeType::NeedsApproval
        | NoticeType::Blocked
        | NoticeType::Parked
        | NoticeType::QuotaPause => true,
        NoticeType::BudgetNear | NoticeType::DaemonTrouble | NoticeType::Digest => false,
    }
}

/// Several notices in one.
fn digest(held: &[Notice], more: u64, length_ms: i64) -> NoticeCause {
    let all = held.len() as u64 + more;
    let mut lines: Vec<String> = held
        .iter()
        .take(DIGEST_LINES)
        .map(|one| clipped(&format!("{}: {}", one.kind.as_str(), one.title), 120))
        .collect();
    let rest = all - lines.len() as u64;
    if rest > 0 {
        lines.push(format!("and {rest} more"));
    }
    // A little more than the time itself, so that what came up at its very beginning is in it.
    let hours = length_ms.max(0) / 3_600_000 + 1;
    NoticeCause {
        kind: NoticeType::Digest,
        task: None,
        run: None,
        what: format!("{} came up in quiet hours", counted(all, "thing")),
        text: lines.join("\n"),
        next: format!("ai digest --since {hours}h"),
        same: String::new(),
        question: None,
    }
}
