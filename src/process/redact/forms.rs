//! The forms in which one secret value may travel: as it is, escaped, encoded.

use std::collections::BTreeSet;

use crate::base::hash::hex;
use crate::process::redact::Secret;

/// Encoded forms that are shorter than this would be found in ordinary text.
const SHORTEST_ENCODED: usize = 8;
const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every form of `value` to look for; none where it is too short.
pub(super) fn forms_of(value: &[u8]) -> BTreeSet<Vec<u8>> {
    if value.len() < Secret::SHORTEST {
        return BTreeSet::new();
    }
    let escaped = json_escaped(value);
    // An agent's tool output is often JSON inside a JSON string.
    let mut forms = BTreeSet::from([value.to_vec(), json_escaped(&escaped), escaped]);
    let urls = [
        PercentForm::Upper,
        PercentForm::Lower,
        PercentForm::PlusForSpace,
    ]
    .map(|style| percent(value, style));
    let inside = [STANDARD, URL_SAFE]
        .into_iter()
        .flat_map(|set| (0..3).map(move |offset| base64(value, offset, set)));
    let hexes = [hex(value), hex(value).to_ascii_uppercase()];
    let encoded = urls
        .into_iter()
        .chain(inside)
        .chain(hexes)
        .filter(|form| form.len() >= SHORTEST_ENCODED);
    forms.extend(encoded.map(String::into_bytes));
    forms
}

/// As it stands in a JSON string. What is not UTF-8 has no such form and stays.
fn json_escaped(value: &[u8]) -> Vec<u8> {
    let quoted = std::str::from_utf8(value)
        .ok()
        .and_then(|text| serde_json::to_string(text).ok());
    match quoted
        .as_deref()
        .and_then(|quoted| quoted.strip_prefix('"')?.strip_suffix('"'))
    {
        Some(escaped) => escaped.as_bytes().to_vec(),
        None => value.to_vec(),
    }
}

/// The ways in which URLs are encoded in practice.
#[derive(Clone, Copy, PartialEq, Eq)]
enum PercentForm {
    Upper,
    Lower,
    PlusForSpace,
}

/// URL-encoded, all but the unreserved characters.
fn percent(value: &[u8], style: PercentForm) -> String {
    let mut out = String::new();
    for byte in value {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(*byte))
            }
            b' ' if style == PercentForm::PlusForSpace => out.push('+'),
            _ if style == PercentForm::Lower => out.push_str(&format!("%{byte:02x}")),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// The base64 digits that depend on `value` alone where it stands `offset` bytes (modulo 3) into
/// something larger that is encoded as a whole, such as `user:password`.
fn base64(value: &[u8], offset: usize, digits: &[u8; 64]) -> String {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(value);
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    (first..last)
        .map(|index| char::from(digits[sextet(&bytes, index)]))
        .collect()
}

/// The six bits that make the digit at `index`.
fn sextet(bytes: &[u8], index: usize) -> usize {
    let bit = index * 6;
    let pair = [bytes[bit / 8], bytes.get(bit / 8 + 1).copied().unwrap_or(0)];
    usize::from(u16::from_be_bytes(pair) >> (10 - bit % 8) & 63)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(forms: &BTreeSet<Vec<u8>>, form: &str) -> bool {
        forms.contains(form.as_bytes())
    }

    #[test]
    fn all_forms_of_a_value_with_odd_characters() {
        let forms = forms_of(b"p\"s/ w\nrd");
        for form in [
            "p\"s/ w\nrd",
            "p\\\"s/ w\\nrd",
            "p\\\\\\\"s/ w\\\\nrd",
            "p%22s%2F%20w%0Ard",
            "p%22s%2f%20w%0ard",
            "p%22s%2F+w%0Ard",
            "cCJzLyB3CnJk",
            "7022732f20770a7264",
        ] {
            assert!(has(&forms, form), "{form}");
        }
    }

    #[test]
    fn base64_of_something_around_the_value_holds_one_of_the_forms() {
        // `echo -n 'user:hunter22x' | base64` and with `usr:`, `us:` in front, computed with
        // coreutils.
        let forms = forms_of(b"hunter22x");
        for whole in [
            "dXNlcjpodW50ZXIyMng=",
            "dXNyOmh1bnRlcjIyeA==",
            "dXM6aHVudGVyMjJ4",
        ] {
            assert!(
                forms
                    .iter()
                    .any(|form| whole.contains(std::str::from_utf8(form).unwrap())),
                "{whole}"
            );
        }
    }

    #[test]
    fn a_short_value_has_no_forms() {
        assert!(forms_of(b"abcde").is_empty());
    }
}
