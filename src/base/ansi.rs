//! Removal of terminal escape sequences from captured output, so that parsers and excerpts see
//! plain text.

use std::borrow::Cow;

/// `text` without escape sequences (colours, cursor movement, titles, character sets). Text without
/// any is not copied.
pub fn strip(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('\u{1b}') {
        out.push_str(&rest[..start]);
        let tail = &rest[start + 1..];
        rest = &tail[sequence_len(tail)..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Length in bytes of the sequence that follows an escape character; what is cut off by the end of
/// a line ends there.
fn sequence_len(tail: &str) -> usize {
    let bytes = tail.as_bytes();
    match bytes.first() {
        Some(b'[') => 1 + run_until(&bytes[1..], |b| (0x40..=0x7e).contains(&b)),
        Some(b']') => 1 + run_until(&bytes[1..], |b| b == 0x07 || b == 0x5c),
        Some(b'(' | b')' | b'*' | b'+' | b'#' | b'%') => {
            1 + usize::from(bytes.get(1).is_some_and(|b| b.is_ascii() && *b != b'\n'))
        }
        Some(b) if b.is_ascii() && !matches!(b, b'\n' | 0x1b) => 1,
        _ => 0,
    }
}

fn run_until(bytes: &[u8], last: impl Fn(u8) -> bool) -> usize {
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' || !byte.is_ascii() {
            return at;
        }
        if last(*byte) {
            return at + 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_titles_and_character_sets_go() {
        assert_eq!(
            strip("test x ... \u{1b}[31mFAILED\u{1b}(B\u{1b}[m"),
            "test x ... FAILED"
        );
        assert_eq!(strip("\u{1b}]0;title\u{7}a\u{1b}[2Kb\u{1b}"), "ab");
        assert_eq!(strip("a\u{1b}[31\nb"), "a\nb");
        assert!(matches!(strip("plain"), Cow::Borrowed("plain")));
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_no_escape_stays(text in any::<String>()) {
            let plain = strip(&text);
            prop_assert!(!plain.contains('\u{1b}'), "{}", plain);
        }

        #[test]
        fn escapes_anywhere_keep_newlines(parts in proptest::collection::vec("[a-z\\n\\x1b\\[\\]0-9;m(é]{0,6}", 0..9)) {
            let text = parts.concat();
            prop_assert_eq!(strip(&text).matches('\n').count(), text.matches('\n').count());
        }
    }
}
