//! Leaves the rest of long strings out of a line of JSON, while it comes, in pieces of any size.
//! What was good JSON stays so: nothing is cut within a character or an escape. A string of nothing
//! but `\u` escapes stays whole, since two of them may be one character.

/// Shortens the strings of one line.
#[derive(Debug)]
pub(super) struct LineShortener {
    most: usize,
    state: ShortenState,
}

/// The position in the JSON text at which the last piece has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShortenState {
    /// Between strings.
    Outside,
    /// In a string, of which so many bytes were kept.
    Inside(usize),
    /// Behind the backslash of an escape in such a string; the backslash is not kept yet.
    Escape(usize),
    /// In the digits of a `\u` escape, of which so many are missing.
    Digits { kept: usize, missing: usize },
    /// In a part of a string that is left out.
    Skipping,
    /// Behind a backslash there.
    SkippingEscape,
}

impl LineShortener {
    /// Keeps at least `most` bytes of each string.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            state: ShortenState::Outside,
        }
    }

    /// Takes a piece; what is kept of it goes to `keep`.
    pub fn feed(&mut self, bytes: &[u8], keep: &mut dyn FnMut(&[u8])) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match self.state {
                ShortenState::Outside => self.outside(rest, keep),
                ShortenState::Inside(kept) => self.inside(rest, kept, keep),
                ShortenState::Escape(kept) => self.escape(rest[0], kept, keep),
                ShortenState::Digits { kept, missing } => self.digits(rest, kept, missing, keep),
                ShortenState::Skipping => self.skip(rest, keep),
                ShortenState::SkippingEscape => {
                    self.state = ShortenState::Skipping;
                    1
                }
            };
            rest = &rest[used..];
        }
    }

    fn outside(&mut self, rest: &[u8], keep: &mut dyn FnMut(&[u8])) -> usize {
        let used = match rest.iter().position(|byte| *byte == b'"') {
            Some(at) => {
                self.state = ShortenState::Inside(0);
                at + 1
            }
            None => rest.len(),
        };
        keep(&rest[..used]);
        used
    }

    /// Takes plain characters up to the end of the string, an escape, or the place where it is cut.
    fn inside(&mut self, rest: &[u8], kept: usize, keep: &mut dyn FnMut(&[u8])) -> usize {
        let plain = rest
            .iter()
            .position(|byte| matches!(byte, b'"' | b'\\'))
            .unwrap_or(rest.len());
        let room = self.most.saturating_sub(kept);
        // The first byte beyond the room that begins a character.
        let cut = (room..plain).find(|at| rest[*at] & 0xC0 != 0x80);
        if let Some(cut) = cut {
            keep(&rest[..cut]);
            self.state = ShortenState::Skipping;
            return cut;
        }
        match rest.get(plain) {
            Some(b'"') => {
                keep(&rest[..=plain]);
                self.state = ShortenState::Outside;
                plain + 1
            }
            Some(_) => {
                keep(&rest[..plain]);
                self.state = ShortenState::Escape(kept + plain);
                plain + 1
            }
            None => {
                keep(rest);
                self.state = ShortenState::Inside(kept + plain);
                plain
            }
        }
    }

    fn escape(&mut self, byte: u8, kept: usize, keep: &mut dyn FnMut(&[u8])) -> usize {
        if kept >= self.most && byte != b'u' {
            self.state = ShortenState::Skipping;
        } else {
            keep(&[b'\\', byte]);
            self.state = match byte {
                b'u' => ShortenState::Digits {
                    kept: kept + 2,
                    missing: 4,
                },
                _ => ShortenState::Inside(kept + 2),
            };
        }
        1
    }

    fn digits(
        &mut self,
        rest: &[u8],
        kept: usize,
        missing: usize,
        keep: &mut dyn FnMut(&[u8]),
    ) -> usize {
        // What is not a digit ends an escape that is none.
        let there = rest
            .iter()
            .take(missing)
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        keep(&rest[..there]);
        self.state = if there == missing || there < rest.len() {
            ShortenState::Inside(kept + there)
        } else {
            ShortenState::Digits {
                kept: kept + there,
                missing: missing - there,
            }
        };
        there
    }

    fn skip(&mut self, rest: &[u8], keep: &mut dyn FnMut(&[u8])) -> usize {
        let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else {
            return rest.len();
        };
        if rest[at] == b'"' {
            keep(b"\"");
            self.state = ShortenState::Outside;
        } else {
            self.state = ShortenState::SkippingEscape;
        }
        at + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn shortened(pieces: &[&[u8]], most: usize) -> Vec<u8> {
        let (mut out, mut shortener) = (Vec::new(), LineShortener::new(most));
        pieces
            .iter()
            .for_each(|piece| shortener.feed(piece, &mut |part| out.extend_from_slice(part)));
        out
    }

    #[track_caller]
    fn check(line: &str, expected: &str) {
        assert_eq!(
            String::from_utf8(shortened(&[line.as_bytes()], 3)).unwrap(),
            expected
        );
        let bytes: Vec<&[u8]> = line.as_bytes().chunks(1).collect();
        assert_eq!(
            String::from_utf8(shortened(&bytes, 3)).unwrap(),
            expected,
            "byte by byte"
        );
    }

    #[test]
    fn only_the_rest_of_long_strings_goes() {
        check(
            r#"{"a":"abc","n":123456,"b":"abcdef"}"#,
            r#"{"a":"abc","n":123456,"b":"abc"}"#,
        );
        check(
            r#"{"k":"ab\"cd\\","l":["x\\","\\y"]}"#,
            r#"{"k":"ab\"","l":["x\\","\\y"]}"#,
        );
        check(r#"{"a":"","b":"abc\nd\"e"}"#, r#"{"a":"","b":"abc"}"#);
    }

    #[test]
    fn nothing_is_cut_in_the_middle_of_a_character() {
        check("{\"a\":\"aäöü\"}", "{\"a\":\"aä\"}");
        check("{\"a\":\"ab日本\"}", "{\"a\":\"ab日\"}");
        check(r#"{"a":"ab\u65e5\u672cx"}"#, r#"{"a":"ab\u65e5\u672c"}"#);
        check(r#"{"a":"\ud83d\ude00\n"}"#, r#"{"a":"\ud83d\ude00"}"#);
        // The digits of an escape look like plain characters.
        check(r#"{"a":"a\u00e4"}"#, r#"{"a":"a\u00e4"}"#);
        check(r#"{"a":"a\u00"}"#, r#"{"a":"a\u00"}"#);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-c\"\\\\ä]{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Every string of `short` is the beginning of the one at the same place.
    fn is_beginning(short: &Value, whole: &Value) -> bool {
        match (short, whole) {
            (Value::String(short), Value::String(whole)) => whole.starts_with(short.as_str()),
            (Value::Array(short), Value::Array(whole)) => {
                short.len() == whole.len()
                    && short.iter().zip(whole).all(|(s, w)| is_beginning(s, w))
            }
            // Keys that begin alike may have become one.
            (Value::Object(_), Value::Object(_)) => true,
            (short, whole) => short == whole,
        }
    }

    proptest! {
        #[test]
        fn good_json_stays_good(value in json(), most in 0usize..10, cut in 0usize..200) {
            let line = serde_json::to_vec(&value).unwrap();
            let (left, right) = line.split_at(cut.min(line.len()));
            let out = shortened(&[left, right], most);
            prop_assert_eq!(&out, &shortened(&[&line], most));
            let short: Value = serde_json::from_slice(&out).unwrap();
            prop_assert!(is_beginning(&short, &value), "{short} of {value}");
            prop_assert_eq!(&shortened(&[&line], 1000), &line);
        }
    }
}
