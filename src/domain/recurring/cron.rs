//! Five fields of a cron line: minute, hour, day of the month, month, day of the week.
//!
//! As in the cron of Unix, a day counts where both of its fields match; where neither begins with `*`, where either
//! does. Absent on purpose: seconds, years, and letters such as `L`, `W` and `#`.

use crate::base::time_zone::TimeZone;
use crate::domain::time::WallMs;

const DAY_MINUTES: i64 = 24 * 60;
/// Days that are searched for one that matches: the 29th of February as a Sunday comes at least this often.
const DAYS_SEARCHED: i64 = 366 * 41;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The most days that each month has.
const MONTH_DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Times of a clock on the wall, to the minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CronFields {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// The way in which the two fields of the day are joined.
    joined: DayFields,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayFields {
    /// Both match: at least one of them leaves the day open.
    Both,
    /// Either matches: both name days.
    Either,
}

/// A field, with the values that it can have.
struct CronField {
    what: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
    /// The number of the first name.
    first: u32,
}

const MINUTE: CronField = CronField {
    what: "minute",
    least: 0,
    most: 59,
    names: &[],
    first: 0,
};
const HOUR: CronField = CronField {
    what: "hour",
    most: 23,
    ..MINUTE
};
const DAY: CronField = CronField {
    what: "day of the month",
    least: 1,
    most: 31,
    ..MINUTE
};
const MONTH: CronField = CronField {
    what: "month",
    least: 1,
    most: 12,
    names: &MONTHS,
    first: 1,
};
const WEEKDAY: CronField = CronField {
    what: "day of the week",
    most: 7,
    names: &WEEKDAYS,
    ..MINUTE
};

impl CronFields {
    /// Reads five fields; the error is a sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<CronFields, String> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "a cron line has five fields (minute, hour, day of the month, month, day of the week), and `{text}` has {}",
                fields.len()
            ));
        };
        let weekdays = WEEKDAY.read(weekday)?;
        let is_open = |field: &str| field.starts_with('*');
        let read = CronFields {
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            // Sunday is both 0 and 7.
            weekdays: weekdays | u64::from(weekdays >> 7 & 1 == 1),
            joined: if is_open(day) || is_open(weekday) {
                DayFields::Both
            } else {
                DayFields::Either
            },
        };
        if read.names_no_day() {
            return Err(format!("no year has a day that `{text}` names"));
        }
        Ok(read)
    }

    /// True where no month that is named has a day that is named.
    fn names_no_day(&self) -> bool {
        let has_one = |(month, most): (u32, &u32)| {
            let first = (1..=31).find(|day| has(self.days, *day));
            has(self.months, month) && first.is_some_and(|day| day <= *most)
        };
        self.joined == DayFields::Both && !(1..).zip(&MONTH_DAYS).any(has_one)
    }

    /// The first of its times after a moment; nothing where none comes in forty years. A time that the clock passes
    /// over when it is set forward is the moment at which it is set; of two that it shows, it is the first.
    pub fn next_after(&self, after_ms: WallMs, zone: &TimeZone) -> Option<WallMs> {
        let from = zone.minute_at(after_ms);
        let today = from.div_euclid(DAY_MINUTES);
        for day in (today..today + DAYS_SEARCHED).filter(|day| self.is_on(*day)) {
            let begin = day * DAY_MINUTES;
            for hour in (0..24).filter(|hour| has(self.hours, *hour)) {
                for minute in (0..60).filter(|minute| has(self.minutes, *minute)) {
                    let shown = begin + i64::from(hour * 60 + minute);
                    if shown < from {
                        continue;
                    }
                    let at = zone.moment_of(shown)?;
                    if at > after_ms {
                        return Some(at);
                    }
                }
            }
        }
        None
    }

    /// True where a day since 1970 counts.
    fn is_on(&self, day: i64) -> bool {
        let (month, of_month) = month_and_day(day);
        // The first day of 1970 was a Thursday.
        let weekday = u32::try_from((day + 4).rem_euclid(7)).unwrap_or(0);
        let (by_month, by_week) = (has(self.days, of_month), has(self.weekdays, weekday));
        let is_day = match self.joined {
            DayFields::Both => by_month && by_week,
            DayFields::Either => by_month || by_week,
        };
        is_day && has(self.months, month)
    }
}

impl CronField {
    /// The values that a field names, a bit each.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut bits = 0;
        for item in text.split(',') {
            bits |= self.item(item)?;
        }
        Ok(bits)
    }

    fn item(&self, item: &str) -> Result<u64, String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (item, None),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            None if range == "*" => (self.least, self.most),
            None if step.is_some() => {
                let (what, most) = (self.what, self.most);
                return Err(format!(
                    "the {what} `{item}` has a step and no range; `{range}-{most}` would be one"
                ));
            }
            None => {
                let value = self.value(range)?;
                (value, value)
            }
        };
        if from > to {
            return Err(format!("the {} `{item}` runs backwards", self.what));
        }
        let step = usize::try_from(step.unwrap_or(1)).unwrap_or(usize::MAX);
        Ok((from..=to)
            .step_by(step)
            .fold(0, |bits, value| bits | 1 << value))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let named = (self.first..)
            .zip(self.names)
            .find(|(_, name)| text.eq_ignore_ascii_case(name));
        if let Some((number, _)) = named {
            return Ok(number);
        }
        let (what, least, most) = (self.what, self.least, self.most);
        number(text)
            .filter(|value| (least..=most).contains(value))
            .ok_or_else(|| format!("the {what} `{text}` is none from {least} to {most}"))
    }

    fn step(&self, text: &str) -> Result<u32, String> {
        let (what, most) = (self.what, self.most);
        number(text)
            .filter(|step| (1..=most).contains(step))
            .ok_or_else(|| format!("the step `{text}` of the {what} is none from 1 to {most}"))
    }
}

/// A plain decimal number of at most two digits.
fn number(text: &str) -> Option<u32> {
    let is_plain = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_plain.then(|| text.parse().ok()).flatten()
}

fn has(bits: u64, value: u32) -> bool {
    bits >> value & 1 == 1
}

/// The month and the day of the month of a day since 1970, in the calendar of today. Years are counted from March, so
/// that the day that some years have is the last.
fn month_and_day(day: i64) -> (u32, u32) {
    let of_era = (day + 719_468).rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let small = |number: i64| u32::try_from(number).unwrap_or(0);
    (small(month), small(of_month))
}

#[cfg(test)]
#[path = "cron_tables.rs"]
mod tables;
