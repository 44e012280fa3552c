//! Durations as people write them in files and flags: `90s`, `30m`, `1h30m`, `2d`.
//!
//! A bare number is refused, because nobody can say whether `30` meant seconds or minutes.

use std::time::Duration;

use serde::Serializer;

/// A text that is not a duration, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Nothing was written.
    #[error("an empty duration")]
    Empty,
    /// A number stands without its unit.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// A unit that does not exist.
    #[error("`{0}` is no unit of time")]
    UnknownUnit(String),
    /// Units twice or not from large to small.
    #[error("`{0}` has its units in the wrong order")]
    Order(String),
    /// More than a hundred years.
    #[error("`{0}` is longer than a hundred years")]
    TooLong(String),
    /// Anything else.
    #[error("`{0}` is not a duration")]
    Malformed(String),
}

impl DurationError {
    /// The way in which it is written.
    pub fn hint(&self) -> String {
        match self {
            DurationError::Empty => "write for example 30m or 1h30m".to_owned(),
            DurationError::NoUnit(number) => {
                format!("write {number}s for seconds or {number}m for minutes")
            }
            DurationError::UnknownUnit(_) => "known are d, h, m, s and ms".to_owned(),
            DurationError::Order(_) => {
                "write them from large to small, each once, as in 1h30m".to_owned()
            }
            DurationError::TooLong(_) => "write a shorter one, for example 30d".to_owned(),
            DurationError::Malformed(_) => "write for example 90s, 30m or 1h30m".to_owned(),
        }
    }
}

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];
/// A hundred years, in milliseconds: longer is a slip.
pub const LONGEST_MS: u64 = 100 * 366 * 86_400_000;

/// Reads `1h30m`, `90s`, `250ms`; units run from large to small, each at most once.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let (number, unit, tail) = split_part(text, rest)?;
        let at = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(|| DurationError::UnknownUnit(unit.to_owned()))?;
        if at < next_unit {
            return Err(DurationError::Order(text.to_owned()));
        }
        next_unit = at + 1;
        total = number
            .checked_mul(UNITS[at].1)
            .and_then(|part| total.checked_add(part))
            .filter(|total| *total <= LONGEST_MS)
            .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
        rest = tail;
    }
    Ok(Duration::from_millis(total))
}

/// Writes a duration so that [`parse`] reads it back; fractions of a millisecond are dropped.
pub fn format(duration: Duration) -> String {
    let mut left = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (name, size) in UNITS {
        if left >= size {
            out.push_str(&format!("{}{name}", left / size));
            left %= size;
        }
    }
    if out.is_empty() {
        out.push_str("0s");
    }
    out
}

/// Serialises a duration [as it is written](format()); for `serialize_with`.
pub fn as_text<S: Serializer>(value: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*value))
}

/// The number and unit at the start of `rest`, and what follows them.
fn split_part<'a>(whole: &str, rest: &'a str) -> Result<(u64, &'a str, &'a str), DurationError> {
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (number, tail) = rest.split_at(digits);
    if number.is_empty() {
        return Err(DurationError::Malformed(whole.to_owned()));
    }
    let letters = tail
        .find(|c: char| c.is_ascii_digit())
        .unwrap_or(tail.len());
    let (unit, tail) = tail.split_at(letters);
    if unit.is_empty() {
        return Err(DurationError::NoUnit(number.to_owned()));
    }
    let number = number
        .parse()
        .map_err(|_| DurationError::TooLong(whole.to_owned()))?;
    Ok((number, unit, tail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn common_spellings() {
        assert_eq!(parse("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }

    #[test]
    fn refusals_say_what_to_write() {
        assert_eq!(parse("30"), Err(DurationError::NoUnit("30".into())));
        assert_eq!(parse("30m1h"), Err(DurationError::Order("30m1h".into())));
        assert_eq!(parse("1m1m"), Err(DurationError::Order("1m1m".into())));
        assert_eq!(
            parse("3 weeks"),
            Err(DurationError::UnknownUnit(" weeks".into()))
        );
        assert_eq!(parse("-3s"), Err(DurationError::Malformed("-3s".into())));
        assert_eq!(parse(""), Err(DurationError::Empty));
        assert!(matches!(
            parse("99999999999999999999s"),
            Err(DurationError::TooLong(_))
        ));
        assert!(matches!(
            parse("9999999999999d"),
            Err(DurationError::TooLong(_))
        ));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(ms in 0..LONGEST_MS) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = parse(&text);
        }
    }
}
