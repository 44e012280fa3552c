//! The clock of recurring work: the moments at which it is due.

use std::time::Duration;

use crate::base::duration;
use crate::base::time_zone::TimeZone;
use crate::domain::recurring::cron::CronFields;
use crate::domain::schedule::{MinuteOfDay, Weekday};
use crate::domain::time::WallMs;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Spans before now in which the newest moment is looked for, the shortest first.
const SPANS_MS: [i64; 4] = [HOUR_MS, 24 * HOUR_MS, 32 * 24 * HOUR_MS, 366 * 24 * HOUR_MS];
/// Most moments that are counted.
pub const MOST_COUNTED: u32 = 1_000;

/// The moments at which recurring work is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecurringClock {
    /// As it was written, with single spaces.
    text: String,
    pace: RecurringPace,
    zone: TimeZone,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum RecurringPace {
    /// So many milliseconds after one another, counted from the beginning.
    Every(i64),
    /// Times of the clock on the wall.
    Cron(CronFields),
}

/// A kind of schedule, for who says which fields belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClockKind {
    /// Time that passes, the same everywhere.
    Elapsed,
    /// The clock on a wall, which a place sets.
    OnTheWall,
}

impl RecurringClock {
    /// Reads a schedule: five fields of cron, `@daily` and its like, `every 6h`, or `mon, thu at 09:00`. The error is a
    /// sentence that says what is wrong.
    pub fn parse(text: &str, zone: TimeZone) -> Result<RecurringClock, String> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        let text = words.join(" ");
        let pace = pace(&text)?;
        Ok(RecurringClock { text, pace, zone })
    }

    /// The schedule as it was written.
    pub fn schedule(&self) -> &str {
        &self.text
    }

    /// The place whose clock counts.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// The kind of schedule.
    pub fn kind(&self) -> ClockKind {
        match self.pace {
            RecurringPace::Every(_) => ClockKind::Elapsed,
            RecurringPace::Cron(_) => ClockKind::OnTheWall,
        }
    }

    /// Schedule and place in one, which differ where the moments do.
    pub fn mark(&self) -> String {
        match self.kind() {
            ClockKind::Elapsed => self.text.clone(),
            ClockKind::OnTheWall => format!("{} {}", self.text, self.zone.name()),
        }
    }

    /// The first moment after another; `began_ms` is where counting begins. Nothing where none comes any more.
    pub fn next_after(&self, began_ms: WallMs, after_ms: WallMs) -> Option<WallMs> {
        let after_ms = after_ms.max(began_ms);
        match &self.pace {
            RecurringPace::Every(every) => {
                let passed = after_ms.checked_sub(began_ms)?.div_euclid(*every);
                let next = passed.checked_add(1)?.checked_mul(*every)?;
                began_ms.checked_add(next)
            }
            RecurringPace::Cron(fields) => fields.next_after(after_ms, &self.zone),
        }
    }

    /// The newest moment after `after_ms` that is not later than `now_ms`.
    pub fn newest(&self, began_ms: WallMs, (after_ms, now_ms): (WallMs, WallMs)) -> Option<WallMs> {
        let spans = SPANS_MS
            .into_iter()
            .map(|span| now_ms.saturating_sub(span).max(after_ms));
        for from in spans.chain([after_ms]) {
            let mut found = None;
            let mut at = from;
            while let Some(next) = self.next_after(began_ms, at).filter(|next| *next <= now_ms) {
                (found, at) = (Some(next), next);
            }
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Number of moments after `after_ms` that are before `before_ms`, as far as it is counted.
    pub fn count(&self, began_ms: WallMs, (after_ms, before_ms): (WallMs, WallMs)) -> u32 {
        let (mut count, mut at) = (0, after_ms);
        while count < MOST_COUNTED
            && let Some(next) = self
                .next_after(began_ms, at)
                .filter(|next| *next < before_ms)
        {
            (count, at) = (count + 1, next);
        }
        count
    }
}

fn pace(text: &str) -> Result<RecurringPace, String> {
    if let Some(rest) = text.strip_prefix("every ") {
        return every(rest);
    }
    if let Some((days, time)) = text.split_once(" at ") {
        return Ok(RecurringPace::Cron(CronFields::parse(&at_time(
            days, time,
        )?)?));
    }
    let line = match text {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        text if text.starts_with(|c: char| c.is_ascii_digit() || c == '*') => text,
        text => {
            return Err(format!(
                "`{text}` is no schedule; write five fields as `0 3 * * mon-fri`, a pace as `every 6h`, or a time as `daily at 03:00`"
            ));
        }
    };
    Ok(RecurringPace::Cron(CronFields::parse(line)?))
}

fn every(text: &str) -> Result<RecurringPace, String> {
    let every = duration::parse(text).map_err(|error| format!("{error}; {}", error.hint()))?;
    if every < Duration::from_millis(MINUTE_MS.unsigned_abs()) {
        return Err(format!("every {text} is too often; a minute is the least"));
    }
    let every = i64::try_from(every.as_millis()).map_err(|_| format!("{text} is too long"))?;
    Ok(RecurringPace::Every(every))
}

/// The cron line of `DAYS at HH:MM`.
fn at_time(days: &str, time: &str) -> Result<String, String> {
    let time: MinuteOfDay = time.parse()?;
    let days = match days {
        "daily" => "*".to_owned(),
        "weekdays" => "mon-fri".to_owned(),
        "weekends" => "sat,sun".to_owned(),
        list => {
            let words: Vec<&str> = list.split(',').map(str::trim).collect();
            let is_day = |word: &&str| Weekday::WORDS.iter().any(|(known, _)| known == word);
            if let Some(bad) = words.iter().find(|word| !is_day(word)) {
                return Err(format!(
                    "`{bad}` is no day; write `daily`, `weekdays`, `weekends`, or days as `mon, thu`"
                ));
            }
            words.join(",")
        }
    };
    let (hour, minute) = time.hour_and_minute();
    Ok(format!("{minute} {hour} * * {days}"))
}

#[cfg(test)]
#[path = "clock_tables.rs"]
mod tables;
