//! Times as people and programs read them.

/// A wall time by the clock of the machine's own place, to the second.
pub fn local(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |t| {
            let here = t.to_zoned(jiff::tz::TimeZone::system());
            here.strftime("%Y-%m-%d %H:%M:%S").to_string()
        },
    )
}

/// The distance of a place from UTC at a wall time, in minutes, by the name of its time zone, such as `Europe/Berlin`;
/// nothing where this machine knows no such zone.
pub fn minutes_from_utc(zone: &str, at_ms: i64) -> Option<i32> {
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let at = jiff::Timestamp::from_millisecond(at_ms).ok()?;
    Some(zone.to_offset(at).seconds() / 60)
}

/// A wall time as RFC 3339 in UTC, to the second.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |t| t.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
    )
}
