//! Bounds on what events carry; the raw stream keeps everything.

use serde_json::Value;

/// Most bytes of a message, a thought or a final text in an event.
pub(super) const TEXT: usize = 64 << 10;
/// Most bytes of a tool result, an error message or a reason in an event.
pub(super) const SUMMARY: usize = 2 << 10;
const MAX_ITEMS: usize = 256;
/// A longer text may have been shortened before it came here.
const SURELY_WHOLE: usize = 40 << 10;

/// `text`, cut to about `most` bytes with a note of its length.
pub(super) fn text(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most)
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0);
    let at_least = if text.len() > SURELY_WHOLE {
        "at least "
    } else {
        ""
    };
    format!("{}… ({at_least}{} bytes)", &text[..end], text.len())
}

/// `value` with long strings cut and long lists and objects shortened.
pub(super) fn value(value: &Value) -> Value {
    match value {
        Value::String(s) => Value::String(text(s, SUMMARY)),
        Value::Array(items) => {
            Value::Array(items.iter().take(MAX_ITEMS).map(self::value).collect())
        }
        Value::Object(map) => Value::Object(
            map.iter()
                .take(MAX_ITEMS)
                .map(|(key, v)| (text(key, SUMMARY), self::value(v)))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(text("äöü", 3), "ä… (6 bytes)");
        assert_eq!(text("äöü", 6), "äöü");
        let big = serde_json::json!({"a": ["x".repeat(10_000)], "b": vec![0; 1000]});
        let cut = value(&big);
        assert!(cut.to_string().len() < 4000);
        assert_eq!(cut["b"].as_array().unwrap().len(), MAX_ITEMS);
    }
}
