//! One spelling for each path: Unicode normal form always, case and trailing dots where the file
//! system ignores them.
//!
//! Invariant: canonicalising twice changes nothing, and each character of a canonical text is
//! itself canonical. Bytes that are not UTF-8 are kept apart from every ordinary name, so that such
//! a path still equals only itself.

use std::borrow::Cow;

use caseless::Caseless;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// First of the 128 private code points that stand for the undecodable bytes `0x80..=0xff`.
const UNDECODABLE: u32 = 0x0010_ff80;
/// Characters that some folding file systems drop from the end of a name.
const TAIL: [char; 2] = ['.', ' '];

/// The way in which the file system under the repository compares names.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CaseMode {
    /// Case matters; only the Unicode normal form is ignored.
    #[default]
    Sensitive,
    /// Case is folded, and dots and spaces at the end of a name are ignored.
    Folding,
}

impl CaseMode {
    /// True where case matters, as it does nearly everywhere.
    pub fn is_sensitive(&self) -> bool {
        *self == CaseMode::Sensitive
    }

    /// The canonical spelling of a piece of text. Ends of names stay, since the text may be cut out
    /// of a name.
    pub(super) fn canonical_text(self, text: &str) -> Cow<'_, str> {
        match self {
            CaseMode::Sensitive => nfc(text),
            CaseMode::Folding if text.is_ascii() => lower_ascii(text),
            CaseMode::Folding => Cow::Owned(text.nfd().default_case_fold().nfc().collect()),
        }
    }

    /// The canonical spelling of a whole path, given as Git names it.
    pub(super) fn canonical_path(self, path: &[u8]) -> Cow<'_, str> {
        match decode(path) {
            Cow::Borrowed(text) => self.canonical_decoded(text),
            Cow::Owned(text) => Cow::Owned(self.canonical_decoded(&text).into_owned()),
        }
    }

    /// Drops what a folding file system ignores at the end of each name; a name of dots and spaces
    /// alone stays.
    pub(super) fn without_tails(self, path: &str) -> Cow<'_, str> {
        let has_tail = || path.split('/').any(|name| name.ends_with(TAIL));
        if self == CaseMode::Sensitive || !has_tail() {
            return Cow::Borrowed(path);
        }
        let names: Vec<&str> = path.split('/').map(without_tail).collect();
        Cow::Owned(names.join("/"))
    }

    /// True where `c` can stand in a canonical path at all.
    pub(super) fn is_canonical(self, c: char) -> bool {
        if c.is_ascii() {
            return self == CaseMode::Sensitive || !c.is_ascii_uppercase();
        }
        let mut buffer = [0; 4];
        let text: &str = c.encode_utf8(&mut buffer);
        self.canonical_text(text) == text
    }

    fn canonical_decoded(self, text: &str) -> Cow<'_, str> {
        match self.canonical_text(text) {
            Cow::Borrowed(text) => self.without_tails(text),
            Cow::Owned(text) => Cow::Owned(self.without_tails(&text).into_owned()),
        }
    }
}

/// The composed normal form of `text`.
pub(super) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.nfc().collect())
}

/// True where `c` never merges with, or moves across, the character before it under normalisation.
pub(super) fn is_starter(c: char) -> bool {
    c.is_ascii()
        || (canonical_combining_class(c) == 0
            && is_nfc_quick(std::iter::once(c)) == IsNormalized::Yes)
}

fn without_tail(name: &str) -> &str {
    match name.trim_end_matches(TAIL) {
        "" => name,
        kept => kept,
    }
}

fn lower_ascii(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    Cow::Borrowed(text)
}

fn decode(path: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(path) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(path.len() + 8);
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().filter_map(|&byte| stand_in(byte)));
    }
    Cow::Owned(text)
}

fn stand_in(byte: u8) -> Option<char> {
    char::from_u32(UNDECODABLE + u32::from(byte & 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_canonical_text_is_canonical_character_by_character() {
        for mode in [CaseMode::Sensitive, CaseMode::Folding] {
            // Nothing folds or decomposes in the planes above, which are as good as empty.
            for c in '\0'..'\u{30000}' {
                let text = c.to_string();
                let once = mode.canonical_text(&text).into_owned();
                assert_eq!(
                    mode.canonical_text(&once),
                    once,
                    "{mode:?} U+{:04X}",
                    u32::from(c)
                );
                assert!(
                    once.chars().all(|c| mode.is_canonical(c)),
                    "{mode:?} U+{:04X} -> {once:?}",
                    u32::from(c)
                );
                let meta = |c: char| "*?[]{},!/\\@~. ".contains(c);
                assert!(
                    c.is_ascii() || !once.contains(meta),
                    "U+{:04X} turns into syntax",
                    u32::from(c)
                );
            }
        }
    }

    #[test]
    fn spellings_of_one_name_meet() {
        let sensitive = |path: &str| {
            CaseMode::Sensitive
                .canonical_path(path.as_bytes())
                .into_owned()
        };
        let folding = |path: &str| {
            CaseMode::Folding
                .canonical_path(path.as_bytes())
                .into_owned()
        };
        assert_eq!(sensitive("caf\u{e9}"), sensitive("cafe\u{301}"));
        assert_ne!(sensitive("src/A.rs"), sensitive("SRC/a.rs"));
        assert_eq!(folding("src/A.rs"), folding("SRC/a.rs"));
        assert_eq!(folding("Stra\u{df}e/\u{c9}"), folding("STRASSE/e\u{301}"));
        assert_eq!(folding("foo. /b"), folding("Foo/B."));
        assert_eq!(folding("a/..."), "a/...");
    }

    #[test]
    fn undecodable_bytes_equal_only_themselves() {
        let path = |bytes: &'static [u8]| CaseMode::Folding.canonical_path(bytes);
        assert_eq!(path(b"A\xff"), path(b"a\xff"));
        assert_ne!(path(b"a\xff"), path(b"a\xfe"));
        assert_ne!(path(b"a\xff"), path("a\u{fffd}".as_bytes()));
        assert_eq!(path(b"\xff\xfe").chars().count(), 2);
    }
}
