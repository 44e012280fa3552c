//! Reading fields out of JSON events, where anything may be missing or of another type.

use serde_json::Value;

use crate::connector::clip;

/// The text of a field.
pub(super) fn text_at<'v>(value: &'v Value, key: &str) -> Option<&'v str> {
    value.get(key)?.as_str()
}

/// The text of a field, cut to the size of a summary.
pub(super) fn owned_at(value: &Value, key: &str) -> Option<String> {
    text_at(value, key).map(|text| clip::text(text, clip::SUMMARY))
}

/// The text of the field that a JSON pointer leads to, cut to the size of a summary.
pub(super) fn owned_in(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)?
        .as_str()
        .map(|text| clip::text(text, clip::SUMMARY))
}

/// A field of an event; null where it is missing.
pub(super) fn field<'v>(value: &'v Value, key: &str) -> &'v Value {
    value.get(key).unwrap_or(&Value::Null)
}

/// An HTTP status.
pub(super) fn status_at(value: &Value, key: &str) -> Option<u16> {
    value.get(key)?.as_u64()?.try_into().ok()
}

/// A count or a duration; some are written as fractions.
pub(super) fn whole(value: &Value) -> Option<u64> {
    let fraction = || {
        value
            .as_f64()
            .filter(|f| *f >= 0.0 && *f < 1e15)
            .map(|f| f as u64)
    };
    value.as_u64().or_else(fraction)
}

/// A count in a field; 0 where there is none.
pub(super) fn count_at(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(whole).unwrap_or(0)
}

/// A small count in a field.
pub(super) fn small_at(value: &Value, key: &str) -> Option<u32> {
    value
        .get(key)
        .and_then(whole)
        .and_then(|n| u32::try_from(n).ok())
}

/// An amount of money; a CLI that does not know a price says 0, which is worse than nothing.
pub(super) fn price_at(value: &Value, key: &str) -> Option<f64> {
    value
        .get(key)?
        .as_f64()
        .filter(|price| price.is_finite() && *price > 0.0)
}

/// True where a field is `true`.
pub(super) fn is_true(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

/// The items of a list; none where it is no list.
pub(super) fn list(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a content field: a text, or a list of parts with `text`.
pub(super) fn content_text(content: &Value) -> String {
    let parts = list(Some(content))
        .iter()
        .filter_map(|part| text_at(part, "text"));
    content
        .as_str()
        .map_or_else(|| parts.collect::<Vec<_>>().join("\n"), str::to_owned)
}

/// The HTTP status that a CLI wrote into its own error message, right behind `marker`. Not for the
/// words of a model.
pub(super) fn status_after(message: &str, marker: &str) -> Option<u16> {
    let (_, rest) = message.split_once(marker)?;
    let rest = rest.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let status: u16 = rest.get(..digits)?.parse().ok()?;
    (digits == 3 && (400..600).contains(&status)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stands_right_behind_its_marker() {
        assert_eq!(
            status_after("unexpected status 401 Unauthorized", "unexpected status "),
            Some(401)
        );
        assert_eq!(status_after("{\"code\": 503,", "\"code\":"), Some(503));
        assert_eq!(status_after("429 slow down", ""), Some(429));
        for other in ["4010", "200", "40", "", "x 401", "é"] {
            assert_eq!(status_after(other, ""), None, "{other}");
        }
    }
}
