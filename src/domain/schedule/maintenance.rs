//! Maintenance windows: times of the week in which nothing is started.
//!
//! They are told by a fixed distance from UTC, so that no table of time zones decides when work is
//! done; where clocks change in summer, a window moves by that hour.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::domain::time::WallMs;

const MINUTE_MS: i64 = 60_000;
const DAY_MINUTES: i64 = 24 * 60;
const DAY_MS: i64 = DAY_MINUTES * MINUTE_MS;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

impl Weekday {
    /// Every day with its word in the configuration.
    pub const WORDS: [(&'static str, Weekday); 7] = [
        ("mon", Weekday::Mon),
        ("tue", Weekday::Tue),
        ("wed", Weekday::Wed),
        ("thu", Weekday::Thu),
        ("fri", Weekday::Fri),
        ("sat", Weekday::Sat),
        ("sun", Weekday::Sun),
    ];

    /// The weekday of a day since 1970, which began on a Thursday.
    fn of_day(day: i64) -> Weekday {
        let at = usize::try_from((day + 3).rem_euclid(7)).unwrap_or(0);
        Weekday::WORDS[at].1
    }
}

/// A time of the day, in minutes after midnight; written `22:30`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinuteOfDay(u16);

impl MinuteOfDay {
    /// The hour and the minute of the hour.
    pub fn hour_and_minute(self) -> (u16, u16) {
        (self.0 / 60, self.0 % 60)
    }
}

impl FromStr for MinuteOfDay {
    type Err = String;

    /// Reads `HH:MM`, from 00:00 to 23:59; the error says what is wrong, as one sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let minutes = clock(text).filter(|minutes| i64::from(*minutes) < DAY_MINUTES);
        let minutes =
            minutes.ok_or_else(|| format!("`{text}` is no time of the day such as 22:30"))?;
        Ok(MinuteOfDay(minutes))
    }
}

/// The distance of a place from UTC, in minutes; written `+02:00`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UtcOffset(i16);

impl UtcOffset {
    /// So many minutes east of UTC; a day or more is none.
    pub fn of_minutes(minutes: i32) -> UtcOffset {
        let sound = i16::try_from(minutes).ok();
        UtcOffset(
            sound
                .filter(|m| i64::from(m.abs()) < DAY_MINUTES)
                .unwrap_or(0),
        )
    }
}

impl FromStr for UtcOffset {
    type Err = String;

    /// Reads `+HH:MM` or `-HH:MM`, up to 14 hours; the error says what is wrong, as one sentence.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{text}` is no distance from UTC such as +02:00");
        let minutes = clock(text.get(1..).ok_or_else(bad)?).filter(|minutes| *minutes <= 14 * 60);
        let minutes = i16::try_from(minutes.ok_or_else(bad)?).map_err(|_| bad())?;
        match text.as_bytes().first() {
            Some(b'+') => Ok(UtcOffset(minutes)),
            Some(b'-') => Ok(UtcOffset(-minutes)),
            _ => Err(bad()),
        }
    }
}

/// The minutes of `HH:MM`.
fn clock(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |part: &str| {
        let plain = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

impl fmt::Display for MinuteOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let minutes = self.0.abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl Serialize for MinuteOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for UtcOffset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A time of the week in which nothing is started. What is at work goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MaintenanceWindow {
    /// The days on which it begins; none means every day.
    pub days: Vec<Weekday>,
    /// The time of the day at which it begins.
    pub from: MinuteOfDay,
    /// The time at which it ends, on the next day where that is not after the begin.
    pub to: MinuteOfDay,
    /// The place's distance from UTC; default none.
    pub utc_offset: UtcOffset,
}

impl MaintenanceWindow {
    /// The end of the window in which `at` lies.
    pub fn end_of(&self, at: WallMs) -> Option<WallMs> {
        let offset = i64::from(self.utc_offset.0) * MINUTE_MS;
        let local = at.saturating_add(offset);
        let (from, to) = (i64::from(self.from.0), i64::from(self.to.0));
        let length = match (to - from).rem_euclid(DAY_MINUTES) {
            0 => DAY_MS,
            minutes => minutes * MINUTE_MS,
        };
        let today = local.div_euclid(DAY_MS);
        let ends = [today, today - 1].into_iter().filter_map(|day| {
            let begins = self.days.is_empty() || self.days.contains(&Weekday::of_day(day));
            let start = day * DAY_MS + from * MINUTE_MS;
            (begins && start <= local && local < start + length).then_some(start + length)
        });
        ends.max().map(|end| end - offset)
    }

    /// The time until which nothing is started; absent where `now` lies in no window. Windows that
    /// touch are one; of windows without an end, it is a time at least a week away.
    pub fn closed_until(windows: &[MaintenanceWindow], now: WallMs) -> Option<WallMs> {
        let mut at = now;
        while at <= now + 8 * DAY_MS
            && let Some(end) = windows.iter().filter_map(|one| one.end_of(at)).max()
        {
            at = end;
        }
        (at > now).then_some(at)
    }
}
