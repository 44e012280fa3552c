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
    let escaped = json_forms(value);
    // An agent's tool output is often JSON inside a JSON string.
    let mut forms: BTreeSet<Vec<u8>> = escaped.iter().flat_map(|one| json_forms(one)).collect();
    forms.extend(escaped);
    forms.insert(value.to_vec());
    forms.extend(utf16_forms(value));
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

/// The ways in which writers of JSON put a slash.
const SLASHES: [&str; 2] = ["/", "\\/"];
/// The characters that writers of JSON put as code units beside those that JSON wants so: none; those of HTML, as Go does;
/// these and the quotes, as PHP and Gson do; these and the signs that .NET takes for unsafe.
const AS_UNITS: [&str; 4] = ["", "<>&", "<>&'=\"", "<>&'\"+`/"];

/// As it stands in a JSON string, in the ways of the writers that are about. What is not UTF-8 has no such form.
fn json_forms(value: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut forms = BTreeSet::new();
    let Ok(text) = std::str::from_utf8(value) else {
        return forms;
    };
    for slash in SLASHES {
        for as_units in AS_UNITS {
            for beyond in [BeyondAscii::AsItIs, BeyondAscii::AsUnits] {
                let unit: [fn(u16) -> String; 2] = [
                    |unit| format!("\\u{unit:04x}"),
                    |unit| format!("\\u{unit:04X}"),
                ];
                for unit in unit {
                    let escape = |c: char| escaped(c, slash, (as_units, beyond), unit);
                    forms.insert(text.chars().map(escape).collect::<String>().into_bytes());
                }
            }
        }
    }
    forms
}

/// What writers of JSON do with a character that is no ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
enum BeyondAscii {
    AsItIs,
    AsUnits,
}

fn escaped(
    c: char,
    slash: &str,
    (as_units, beyond): (&str, BeyondAscii),
    unit: fn(u16) -> String,
) -> String {
    let is_unit = as_units.contains(c) || (!c.is_ascii() && beyond == BeyondAscii::AsUnits);
    match c {
        c if is_unit => {
            let mut buffer = [0; 2];
            c.encode_utf16(&mut buffer)
                .iter()
                .map(|one| unit(*one))
                .collect()
        }
        '"' => "\\\"".to_owned(),
        '\\' => "\\\\".to_owned(),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\u{8}' => "\\b".to_owned(),
        '\u{c}' => "\\f".to_owned(),
        '/' => slash.to_owned(),
        c if c < ' ' => unit(u32::from(c) as u16),
        c => c.to_string(),
    }
}

/// In UTF-16, of either order.
fn utf16_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Vec::new();
    };
    [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes]
        .map(|bytes| text.encode_utf16().flat_map(bytes).collect())
        .into()
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
    fn the_ways_in_which_json_is_written_are_forms() {
        // By PHP, `python3 -c 'json.dumps'`, Go and .NET, in this order.
        let forms = forms_of("p4/\u{f6}<w+rd".as_bytes());
        for form in [
            r"p4\/\u00f6<w+rd",
            r"p4/\u00f6<w+rd",
            "p4/\u{f6}\\u003cw+rd",
            r"p4\u002F\u00F6\u003Cw\u002Brd",
            r"p4\\/\\u00f6<w+rd",
        ] {
            assert!(has(&forms, form), "{form}");
        }
    }

    #[test]
    fn text_in_utf_16_is_a_form() {
        let forms = forms_of(b"hunter");
        for form in ["h\0u\0n\0t\0e\0r\0", "\0h\0u\0n\0t\0e\0r"] {
            assert!(has(&forms, form), "{form:?}");
        }
    }

    #[test]
    fn a_short_value_has_no_forms() {
        assert!(forms_of(b"abcde").is_empty());
    }
}
