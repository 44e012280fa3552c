//! Time zones: between moments, and what a clock on the wall of a place shows at them.
//!
//! The rules of a zone come from the tables of this machine and are read once, when the zone is named. From
//! then on both directions are plain functions.

use jiff::SignedDuration;
use jiff::Timestamp;
use jiff::civil::{DateTime, date};
use jiff::tz::{AmbiguousOffset, Offset};

const MINUTE_MS: i64 = 60_000;

/// A place's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeZone {
    name: String,
    zone: jiff::tz::TimeZone,
}

impl TimeZone {
    /// Finds the zone of a name such as `Europe/Berlin`; nothing where this machine knows no such zone. `UTC` is known
    /// everywhere.
    pub fn named(name: &str) -> Option<TimeZone> {
        let zone = match name {
            "UTC" => jiff::tz::TimeZone::UTC,
            // The name of no place: it stands for a zone that nobody knows.
            name if name.eq_ignore_ascii_case("Etc/Unknown") => return None,
            name => jiff::tz::TimeZone::get(name).ok()?,
        };
        let name = name.to_owned();
        Some(TimeZone { name, zone })
    }

    /// A zone by the rule itself, which no table of a machine changes.
    #[cfg(test)]
    pub(crate) fn by_rule(rule: &str) -> TimeZone {
        TimeZone {
            name: rule.to_owned(),
            zone: jiff::tz::TimeZone::posix(rule).unwrap(),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The minute that the clock shows at a moment, counted from the beginning of 1970 on that clock. Seconds are
    /// dropped.
    pub fn minute_at(&self, at_ms: i64) -> i64 {
        let offset = Timestamp::from_millisecond(at_ms)
            .map_or(0, |at| i64::from(self.zone.to_offset(at).seconds()) * 1_000);
        at_ms.saturating_add(offset).div_euclid(MINUTE_MS)
    }

    /// The moment at which the clock shows a minute: the first of two, where it is set back over it; where it is set
    /// forward over it, the moment at which that is done. Nothing beyond the years that are known.
    pub fn moment_of(&self, minute: i64) -> Option<i64> {
        let shown = shown(minute)?;
        let at = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => moment(shown, offset)?,
            AmbiguousOffset::Fold { before, .. } => moment(shown, before)?,
            AmbiguousOffset::Gap { before, .. } => {
                // By the clock that was not set forward, it lies behind the change, or at it.
                let behind = moment(shown, before)?.checked_add(SignedDuration::from_nanos(1));
                self.zone.preceding(behind.ok()?).next()?.timestamp()
            }
        };
        Some(at.as_millisecond())
    }

    /// A moment as that clock shows it, to the minute, with the distance from UTC: `2026-03-29 03:00 +02:00`.
    pub fn shown(&self, at_ms: i64) -> String {
        Timestamp::from_millisecond(at_ms).map_or_else(
            |_| at_ms.to_string(),
            |at| {
                let there = at.to_zoned(self.zone.clone());
                there.strftime("%Y-%m-%d %H:%M %:z").to_string()
            },
        )
    }
}

fn shown(minute: i64) -> Option<DateTime> {
    let since = SignedDuration::from_secs(minute.checked_mul(60)?);
    date(1970, 1, 1).at(0, 0, 0, 0).checked_add(since).ok()
}

fn moment(shown: DateTime, offset: Offset) -> Option<Timestamp> {
    offset.to_timestamp(shown).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Central Europe: forward at 02:00 on the last Sunday of March, back at 03:00 on the last of October.
    const CENTRAL_EUROPE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_minute_that_is_passed_over_is_the_moment_of_the_change_and_one_that_comes_twice_the_first()
    {
        let zone = TimeZone::by_rule(CENTRAL_EUROPE);
        let noon = zone.minute_at(ms("2026-03-28T11:00:00Z"));
        for (after_noon, moment) in [
            (0, "2026-03-28T11:00:00Z"),
            (14 * 60 - 1, "2026-03-29T00:59:00Z"),
            (14 * 60, "2026-03-29T01:00:00Z"),
            (14 * 60 + 30, "2026-03-29T01:00:00Z"),
            (14 * 60 + 59, "2026-03-29T01:00:00Z"),
            (15 * 60, "2026-03-29T01:00:00Z"),
            (15 * 60 + 1, "2026-03-29T01:01:00Z"),
        ] {
            let got = zone.moment_of(noon + after_noon);
            assert_eq!(got, Some(ms(moment)), "{after_noon}");
        }
        let noon = zone.minute_at(ms("2026-10-24T10:00:00Z"));
        for (after_noon, moment) in [
            (14 * 60, "2026-10-25T00:00:00Z"),
            (14 * 60 + 59, "2026-10-25T00:59:00Z"),
            (15 * 60, "2026-10-25T02:00:00Z"),
        ] {
            let got = zone.moment_of(noon + after_noon);
            assert_eq!(got, Some(ms(moment)), "{after_noon}");
        }
        let first = zone.minute_at(ms("2026-10-25T00:30:59Z"));
        assert_eq!(first, zone.minute_at(ms("2026-10-25T01:30:00Z")));
    }

    #[test]
    fn names_are_those_of_the_machine_and_utc() {
        let zone = TimeZone::named("UTC").unwrap();
        assert_eq!(zone.moment_of(zone.minute_at(90_000)), Some(60_000));
        assert_eq!(zone.shown(90_000), "1970-01-01 00:01 +00:00");
        assert_eq!(TimeZone::named("Mars/Olympus"), None);
        assert_eq!(TimeZone::named("../../etc/passwd"), None);
    }
}
