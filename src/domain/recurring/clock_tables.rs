use super::*;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

fn clock(text: &str) -> RecurringClock {
    RecurringClock::parse(text, TimeZone::by_rule(BERLIN)).unwrap()
}

#[test]
fn plain_forms_are_lines_of_cron() {
    for (plain, line) in [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("daily at 03:05", "5 3 * * *"),
        ("weekdays  at 23:59", "59 23 * * 1-5"),
        ("weekends at 00:00", "0 0 * * 0,6"),
        ("mon, thu at 09:30", "30 9 * * 1,4"),
    ] {
        assert_eq!(clock(plain).pace, clock(line).pace, "{plain}");
    }
    assert_eq!(clock(" 0   3 * * * ").schedule(), "0 3 * * *");
}

#[test]
fn a_pace_counts_from_its_beginning_whatever_a_clock_shows() {
    let clock = clock("every 1h30m");
    let step = 90 * MINUTE_MS;
    let began = 1_000_007;
    for (after, next) in [
        (0, began + step),
        (began, began + step),
        (began + step - 1, began + step),
        (began + step, began + 2 * step),
        (began + 5 * step + 3, began + 6 * step),
    ] {
        assert_eq!(clock.next_after(began, after), Some(next), "{after}");
    }
    assert_eq!(clock.next_after(began, i64::MAX), None);
}

#[test]
fn the_newest_moment_is_found_and_those_before_are_counted() {
    let (minutely, daily) = (clock("* * * * *"), clock("daily at 03:00"));
    let (began, day) = (1_800_000_000_000, 24 * HOUR_MS);
    for (clock, after, now, newest, before) in [
        (&minutely, 0, 30_000, None, 0),
        (&minutely, 0, 3 * MINUTE_MS + 1, Some(3 * MINUTE_MS), 2),
        (&minutely, 0, 365 * day, Some(365 * day), MOST_COUNTED),
        (&daily, 0, 3 * HOUR_MS, None, 0),
    ] {
        let (after, now) = (began + after, began + now);
        let newest = newest.map(|at| began + at);
        let found = clock.newest(began, (after, now));
        assert_eq!(found, newest, "{}", clock.schedule());
        let count = clock.count(began, (after, found.unwrap_or(now)));
        assert_eq!(count, before, "{}", clock.schedule());
    }
    let far = daily.newest(began, (began, began + 400 * day)).unwrap();
    assert!(began + 399 * day < far && far <= began + 400 * day);
}

#[test]
fn schedules_that_are_none_say_why() {
    let told: Vec<String> = [
        "",
        "nightly",
        "@reboot",
        "every day",
        "every 10s",
        "every 0h",
        "sundays at 10:00",
        "mon,, tue at 10:00",
        "daily at 3:00",
        "daily at 24:00",
    ]
    .into_iter()
    .map(|text| RecurringClock::parse(text, TimeZone::by_rule(BERLIN)).unwrap_err())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    `` is no schedule; write five fields as `0 3 * * mon-fri`, a pace as `every 6h`, or a time as `daily at 03:00`
    `nightly` is no schedule; write five fields as `0 3 * * mon-fri`, a pace as `every 6h`, or a time as `daily at 03:00`
    `@reboot` is no schedule; write five fields as `0 3 * * mon-fri`, a pace as `every 6h`, or a time as `daily at 03:00`
    `day` is not a duration; write for example 90s, 30m or 1h30m
    every 10s is too often; a minute is the least
    every 0h is too often; a minute is the least
    `sundays` is no day; write `daily`, `weekdays`, `weekends`, or days as `mon, thu`
    `` is no day; write `daily`, `weekdays`, `weekends`, or days as `mon, thu`
    `3:00` is no time of the day such as 22:30
    `24:00` is no time of the day such as 22:30
    ");
}

#[test]
fn clocks_differ_where_their_moments_do() {
    let utc = TimeZone::named("UTC").unwrap();
    let mark = |text| RecurringClock::parse(text, utc.clone()).unwrap().mark();
    assert_eq!(mark("0 3  * * *"), "0 3 * * * UTC");
    assert_eq!(mark("every 6h"), "every 6h");
}
