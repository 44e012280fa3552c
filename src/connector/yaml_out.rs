//! YAML for files that people and other tools read: what YAML 1.1 readers would take for a boolean,
//! number or date stays text.
//!
//! The serializer quotes by the rules of YAML 1.2 and writes the text "no" bare, which older
//! readers load as `false`.

use serde::Serialize;
use serde_yaml::Value;

/// `value` as YAML with a stable order of keys, safe for readers of YAML 1.1 and 1.2.
pub fn to_yaml<T: Serialize>(value: &T) -> Result<String, serde_yaml::Error> {
    let mut tree = serde_yaml::to_value(value)?;
    let marker = unused_marker(&serde_yaml::to_string(&tree)?);
    mark(&mut tree, &marker);
    Ok(quote_marked(&serde_yaml::to_string(&tree)?, &marker))
}

/// A word that does not occur in `text`, so that it can stand for "quote this" in a second pass.
fn unused_marker(text: &str) -> String {
    let mut marker = String::from("q0q");
    while text.contains(&marker) {
        marker.push_str("0q");
    }
    marker
}

fn mark(value: &mut Value, marker: &str) {
    match value {
        Value::String(text) if ambiguous(text) => text.insert_str(0, marker),
        Value::Sequence(items) => items.iter_mut().for_each(|item| mark(item, marker)),
        Value::Mapping(map) => {
            let pairs = std::mem::take(map);
            for (mut key, mut value) in pairs {
                mark(&mut key, marker);
                mark(&mut value, marker);
                map.insert(key, value);
            }
        }
        _ => {}
    }
}

/// Words and number-like texts that the two YAML versions read differently. Only such characters
/// that need no escape in quotes.
fn ambiguous(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let word = text.to_ascii_lowercase();
    let numeric =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'.' | b'+' | b'-');
    let starts = text.starts_with(|c: char| c.is_ascii_digit());
    WORDS.contains(&word.as_str()) || (starts && text.bytes().all(numeric) && !text.ends_with(':'))
}

/// Turns each bare scalar that starts with `marker` into a single-quoted one.
fn quote_marked(text: &str, marker: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(marker) {
        out.push_str(&rest[..at]);
        let scalar = &rest[at + marker.len()..];
        let end = scalar.find('\n').unwrap_or(scalar.len());
        let end = scalar[..end].find(": ").unwrap_or(end);
        let end = if scalar[..end].ends_with(':') {
            end - 1
        } else {
            end
        };
        out.push('\'');
        out.push_str(&scalar[..end]);
        out.push('\'');
        rest = &scalar[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn what_old_readers_misread_is_quoted() {
        let map: BTreeMap<&str, Vec<&str>> = BTreeMap::from([
            (
                "a",
                vec![
                    "no",
                    "Yes",
                    "1.10",
                    "012",
                    "1:30",
                    "2026-11-20",
                    "plain",
                    "a: b",
                ],
            ),
            ("on", vec!["y"]),
        ]);
        let text = to_yaml(&map).unwrap();
        let expected = "a:\n- 'no'\n- 'Yes'\n- '1.10'\n- '012'\n- '1:30'\n- '2026-11-20'\n- plain\n- 'a: b'\n'on':\n- 'y'\n";
        assert_eq!(text, expected);
    }

    proptest! {
        #[test]
        fn reading_gives_back_what_was_written(
            map in proptest::collection::btree_map("[a-z0-9:. \\-]{0,5}|no|on|q0q[a-z0-9q]{0,4}",
                proptest::collection::vec("(no|yes|y|1:3|0o7|q0q|q0q0q|\\PC|\n|[ #:'\"0-9a-z.-]){0,4}", 0..4), 0..4)
        ) {
            let text = to_yaml(&map).unwrap();
            let back: BTreeMap<String, Vec<String>> = serde_yaml::from_str(&text).unwrap();
            prop_assert_eq!(back, map, "{}", text);
        }
    }
}
