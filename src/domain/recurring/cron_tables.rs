use proptest::prelude::*;

use super::*;

/// Forward at 02:00 on the last Sunday of March, back at 03:00 on the last of October.
const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
/// Forward at 02:00 on the second Sunday of March, back at 02:00 on the first of November.
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
/// Never.
const UTC: &str = "UTC0";

fn ms(text: &str) -> i64 {
    let stamp: jiff::Timestamp = text.parse().unwrap();
    stamp.as_millisecond()
}

/// The first times of a line after a moment, as the clock shows them.
fn times(line: &str, zone: &str, after: &str, many: usize) -> Vec<String> {
    let (fields, zone) = (CronFields::parse(line).unwrap(), TimeZone::by_rule(zone));
    let mut at = ms(after);
    (0..many)
        .map(|_| {
            at = fields.next_after(at, &zone).unwrap();
            zone.shown(at)
        })
        .collect()
}

#[test]
fn lines_name_their_times() {
    for (line, after, expected) in [
        (
            "*/20 * * * *",
            "2026-01-01T00:00:00Z",
            ["01-01 00:20", "01-01 00:40", "01-01 01:00"],
        ),
        (
            "*/25 * * * *",
            "2026-01-01T00:00:00Z",
            ["01-01 00:25", "01-01 00:50", "01-01 01:00"],
        ),
        (
            "5-20/10,59 0 * * *",
            "2025-12-31T23:59:59Z",
            ["01-01 00:05", "01-01 00:15", "01-01 00:59"],
        ),
        (
            "0 0 31 * *",
            "2026-01-01T00:00:00Z",
            ["01-31 00:00", "03-31 00:00", "05-31 00:00"],
        ),
        (
            "30 3 * * MON-fri",
            "2026-01-02T03:30:00Z",
            ["01-05 03:30", "01-06 03:30", "01-07 03:30"],
        ),
        // Sunday is 0, 7 and its name.
        (
            "0 0 * * 7",
            "2026-01-01T00:00:00Z",
            ["01-04 00:00", "01-11 00:00", "01-18 00:00"],
        ),
        (
            "0 0 * * 6-7",
            "2026-01-01T00:00:00Z",
            ["01-03 00:00", "01-04 00:00", "01-10 00:00"],
        ),
        // Both fields of the day name some: either counts.
        (
            "0 0 13 * fri",
            "2026-02-01T00:00:00Z",
            ["02-06 00:00", "02-13 00:00", "02-20 00:00"],
        ),
        // One of them begins with a star: both count.
        (
            "0 0 */2 * mon",
            "2026-02-01T00:00:00Z",
            ["02-09 00:00", "02-23 00:00", "03-09 00:00"],
        ),
        (
            "0 12 1 jan,Jul *",
            "2026-01-01T12:00:00Z",
            ["07-01 12:00", "01-01 12:00", "07-01 12:00"],
        ),
    ] {
        let expected = expected.map(|time| format!("{time} +00:00")).to_vec();
        let told = times(line, UTC, after, 3);
        let told: Vec<&str> = told.iter().map(|time| &time[5..]).collect();
        assert_eq!(told, expected, "{line}");
    }
}

#[test]
fn a_day_of_a_leap_year_is_found_over_the_year_without_one() {
    assert_eq!(
        times("0 0 29 2 *", UTC, "2096-03-01T00:00:00Z", 2),
        ["2104-02-29 00:00 +00:00", "2108-02-29 00:00 +00:00"]
    );
    let sunday = "0 0 29 2 */7";
    assert_eq!(
        times(sunday, UTC, "2026-01-01T00:00:00Z", 1),
        ["2032-02-29 00:00 +00:00"]
    );
}

#[test]
fn what_a_clock_passes_over_comes_at_the_change_and_what_it_shows_twice_comes_once() {
    for (line, zone, after, expected) in [
        // 02:30 is not shown.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28T00:00:00Z",
            [
                "2026-03-28 02:30 +01:00",
                "2026-03-29 03:00 +02:00",
                "2026-03-30 02:30 +02:00",
            ],
        ),
        // Six times that are not shown and one that is are one moment.
        (
            "*/10 2,3 29 3 *",
            BERLIN,
            "2026-03-29T00:00:00Z",
            [
                "2026-03-29 03:00 +02:00",
                "2026-03-29 03:10 +02:00",
                "2026-03-29 03:20 +02:00",
            ],
        ),
        (
            "30 2 * * *",
            BERLIN,
            "2026-10-24T01:00:00Z",
            [
                "2026-10-25 02:30 +02:00",
                "2026-10-26 02:30 +01:00",
                "2026-10-27 02:30 +01:00",
            ],
        ),
        (
            "0 * * * *",
            BERLIN,
            "2026-10-24T23:30:00Z",
            [
                "2026-10-25 02:00 +02:00",
                "2026-10-25 03:00 +01:00",
                "2026-10-25 04:00 +01:00",
            ],
        ),
        (
            "15 2 * * *",
            NEW_YORK,
            "2026-03-07T12:00:00Z",
            [
                "2026-03-08 03:00 -04:00",
                "2026-03-09 02:15 -04:00",
                "2026-03-10 02:15 -04:00",
            ],
        ),
        (
            "15 1 * * *",
            NEW_YORK,
            "2026-10-31T12:00:00Z",
            [
                "2026-11-01 01:15 -04:00",
                "2026-11-02 01:15 -05:00",
                "2026-11-03 01:15 -05:00",
            ],
        ),
    ] {
        assert_eq!(times(line, zone, after, 3), expected, "{line} {zone}");
    }
    // From within the hour that comes the second time.
    assert_eq!(
        times("*/30 * * * *", BERLIN, "2026-10-25T01:10:00Z", 1),
        ["2026-10-25 03:00 +01:00"]
    );
}

#[test]
fn lines_that_are_none_say_why() {
    let told: Vec<String> = [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 8",
        "*/0 * * * *",
        "*/90 * * * *",
        "5/10 * * * *",
        "30-10 * * * *",
        "1,,2 * * * *",
        "+1 * * * *",
        "0 0 L * *",
        "* * * * fri-mon",
        "0 0 30 2 *",
        "0 0 31 4,6,9,11 *",
    ]
    .into_iter()
    .map(|line| CronFields::parse(line).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    a cron line has five fields (minute, hour, day of the month, month, day of the week), and `` has 0
    a cron line has five fields (minute, hour, day of the month, month, day of the week), and `* * * *` has 4
    a cron line has five fields (minute, hour, day of the month, month, day of the week), and `* * * * * *` has 6
    the minute `60` is none from 0 to 59
    the hour `24` is none from 0 to 23
    the day of the month `0` is none from 1 to 31
    the month `13` is none from 1 to 12
    the day of the week `8` is none from 0 to 7
    the step `0` of the minute is none from 1 to 59
    the step `90` of the minute is none from 1 to 59
    the minute `5/10` has a step and no range; `5-59` would be one
    the minute `30-10` runs backwards
    the minute `` is none from 0 to 59
    the minute `+1` is none from 0 to 59
    the day of the month `L` is none from 1 to 31
    the day of the week `fri-mon` runs backwards
    no year has a day that `0 0 30 2 *` names
    no year has a day that `0 0 31 4,6,9,11 *` names
    ");
}

/// The minutes at which a line is due on a clock that is never set, by looking at each.
fn is_due(line: &CronFields, minute: i64) -> bool {
    let at = jiff::Timestamp::from_second(minute * 60).unwrap();
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let field = |bits: u64, value: i8| bits >> value & 1 == 1;
    let (day, week) = (
        field(line.days, at.day()),
        field(line.weekdays, at.weekday().to_sunday_zero_offset()),
    );
    let day = match line.joined {
        DayFields::Both => day && week,
        DayFields::Either => day || week,
    };
    day && field(line.months, at.month())
        && field(line.hours, at.hour())
        && field(line.minutes, at.minute())
}

fn item(least: u32, most: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        (1..=most).prop_map(|step| format!("*/{step}")),
        (least..=most).prop_map(|one| one.to_string()),
        (least..=most, least..=most).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        (least..=most, least..=most).prop_map(|(a, b)| format!("{a},{b}")),
    ]
}

fn line() -> impl Strategy<Value = String> {
    (
        item(0, 59),
        item(0, 23),
        item(1, 28),
        item(1, 12),
        item(0, 7),
    )
        .prop_map(|(minute, hour, day, month, weekday)| {
            format!("{minute} {hour} {day} {month} {weekday}")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_next_time_is_the_first_that_matches(line in line(), start in 0_i64..60_000_000) {
        let (fields, zone) = (CronFields::parse(&line).unwrap(), TimeZone::by_rule(UTC));
        let next = fields.next_after(start * 60_000, &zone).unwrap() / 60_000;
        prop_assert!(next > start);
        prop_assert!(is_due(&fields, next), "{line}: {next}");
        let between = start + 1..next.min(start + 3_000);
        prop_assert_eq!(between.into_iter().find(|minute| is_due(&fields, *minute)), None, "{}", line);
    }

    #[test]
    fn times_only_go_forward_wherever_a_clock_is_set(line in line(), start in 29_000_000_i64..30_500_000, in_berlin in any::<bool>()) {
        let zone = TimeZone::by_rule(if in_berlin { BERLIN } else { NEW_YORK });
        let fields = CronFields::parse(&line).unwrap();
        let mut at = start * 60_000 + 17;
        for _ in 0..50 {
            let next = fields.next_after(at, &zone).unwrap();
            prop_assert!(next > at);
            // Nothing is between: from a moment before it, the same is next.
            prop_assert_eq!(fields.next_after(next - 1, &zone), Some(next));
            at = next;
        }
    }

    #[test]
    fn no_text_is_too_much(text in "[-*/,0-9a-z ]{0,40}") {
        let _either = CronFields::parse(&text);
    }
}
