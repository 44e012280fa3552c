//! Bytes of a terminal into keys.
//!
//! Invariants: what was pasted is one text and never keys, so that a text with a `q` in it leaves nothing; a sequence that
//! is not known is passed over whole. Absent: mice, and keys that only some terminals can tell.

/// Longest sequence behind an escape character; what goes on beyond is none.
const LONGEST: usize = 32;
/// Most bytes of a text that is pasted; the rest is dropped.
const PASTED: usize = 64 * 1024;
/// The time for the rest of a key to come, over a slow line.
const REST_OF_A_KEY: i64 = 50;
/// The same of a text that is pasted, whose parts may be far apart.
const REST_OF_A_PASTE: i64 = 2_000;
/// The end of a text that is pasted.
const PASTE_END: &[u8] = b"\x1b[201~";

/// A key, or what stands for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BoardKey {
    /// A letter.
    Char(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// The key for the next page.
    Tab,
    /// The same with shift.
    BackTab,
    /// Takes the last letter back.
    Backspace,
    /// Takes all letters back: ctrl-u.
    Clear,
    /// A line up.
    Up,
    /// A line down.
    Down,
    /// A column to the left.
    Left,
    /// A column to the right.
    Right,
    /// A screen up.
    PageUp,
    /// A screen down.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
    /// Ctrl-c.
    Interrupt,
    /// Ctrl-z.
    Suspend,
    /// Ctrl-l: everything is drawn anew.
    Redraw,
    /// A text that was pasted.
    Paste(String),
}

/// Takes bytes and gives keys.
#[derive(Debug, Default)]
pub(super) struct KeyReader {
    /// The beginning of a sequence whose end was not read yet.
    begun: Vec<u8>,
    /// The text that is being pasted.
    paste: Option<Vec<u8>>,
}

/// A step through bytes: so many of them are taken, and perhaps they are a key.
enum Step {
    Taken(usize, Option<BoardKey>),
    PasteBegins(usize),
    Unfinished,
}

impl KeyReader {
    /// The keys of these bytes and of those before them that were no whole key.
    pub(super) fn keys(&mut self, bytes: &[u8]) -> Vec<BoardKey> {
        self.begun.extend_from_slice(bytes);
        let mut keys = Vec::new();
        while !self.begun.is_empty() {
            if self.paste.is_some() {
                match self.paste_ends() {
                    Some(text) => keys.push(BoardKey::Paste(text)),
                    None => break,
                }
                continue;
            }
            match step(&self.begun) {
                Step::Taken(len, key) => {
                    self.begun.drain(..len);
                    keys.extend(key);
                }
                Step::PasteBegins(len) => {
                    self.begun.drain(..len);
                    self.paste = Some(Vec::new());
                }
                Step::Unfinished => break,
            }
        }
        keys
    }

    /// The longest time, in milliseconds, for which more bytes belong to those that are there; nothing where all of them
    /// were keys. Whoever has read none for so long ends that with [`KeyReader::nothing_more`].
    pub(super) fn patience_ms(&self) -> Option<i64> {
        if self.paste.is_some() {
            return Some(REST_OF_A_PASTE);
        }
        (!self.begun.is_empty()).then_some(REST_OF_A_KEY)
    }

    /// Says that nothing more comes for now: an escape character alone is the key, and a text whose end was lost on the
    /// way is all that came of it.
    pub(super) fn nothing_more(&mut self) -> Option<BoardKey> {
        let begun = std::mem::take(&mut self.begun);
        match self.paste.take() {
            Some(mut text) => {
                let room = PASTED.saturating_sub(text.len());
                text.extend(begun.iter().take(room));
                Some(BoardKey::Paste(String::from_utf8_lossy(&text).into_owned()))
            }
            None => (begun == [0x1b]).then_some(BoardKey::Esc),
        }
    }

    /// Takes what belongs to the paste; returns its text at its end.
    fn paste_ends(&mut self) -> Option<String> {
        let paste = self.paste.as_mut()?;
        let end = self
            .begun
            .windows(PASTE_END.len())
            .position(|window| window == PASTE_END);
        // The last bytes may be the beginning of the end.
        let kept = PASTE_END.len() - 1;
        let upto = end.unwrap_or(self.begun.len().saturating_sub(kept));
        let room = PASTED.saturating_sub(paste.len());
        paste.extend(self.begun.iter().take(upto.min(room)));
        match end {
            Some(at) => {
                self.begun.drain(..at + PASTE_END.len());
                let text = self.paste.take()?;
                Some(String::from_utf8_lossy(&text).into_owned())
            }
            None => {
                self.begun.drain(..upto);
                None
            }
        }
    }
}

fn step(bytes: &[u8]) -> Step {
    let Some((first, rest)) = bytes.split_first() else {
        return Step::Unfinished;
    };
    let key = match first {
        0x1b => return escape(rest),
        0x03 => Some(BoardKey::Interrupt),
        0x1a => Some(BoardKey::Suspend),
        0x0c => Some(BoardKey::Redraw),
        0x15 => Some(BoardKey::Clear),
        b'\r' | b'\n' => Some(BoardKey::Enter),
        b'\t' => Some(BoardKey::Tab),
        0x08 | 0x7f => Some(BoardKey::Backspace),
        0x00..=0x1f => None,
        _ => return letter(bytes),
    };
    Step::Taken(1, key)
}

/// A letter in UTF-8.
fn letter(bytes: &[u8]) -> Step {
    let some = &bytes[..bytes.len().min(4)];
    let text = match std::str::from_utf8(some) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&some[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) if error.error_len().is_none() => return Step::Unfinished,
        Err(_) => return Step::Taken(1, None),
    };
    match text.chars().next() {
        // Those of the second control range are no letters.
        Some(c) => Step::Taken(c.len_utf8(), (!c.is_control()).then_some(BoardKey::Char(c))),
        None => Step::Unfinished,
    }
}

/// What follows on an escape character.
fn escape(rest: &[u8]) -> Step {
    let Some((second, more)) = rest.split_first() else {
        return Step::Unfinished;
    };
    match second {
        b'[' => {
            let end = more.iter().position(|byte| (0x40..=0x7e).contains(byte));
            let Some(at) = end else {
                let is_none = more.len() > LONGEST;
                return if is_none {
                    Step::Taken(2 + more.len(), None)
                } else {
                    Step::Unfinished
                };
            };
            let len = 2 + at + 1;
            match sequence(&more[..at], more[at]) {
                Sequence::Key(key) => Step::Taken(len, Some(key)),
                Sequence::Paste => Step::PasteBegins(len),
                Sequence::Unknown => Step::Taken(len, None),
            }
        }
        b'O' => match more.first() {
            Some(last) => Step::Taken(3, cursor(*last)),
            None => Step::Unfinished,
        },
        0x1b => Step::Taken(1, Some(BoardKey::Esc)),
        // A letter with alt: not one of ours, and no escape key before it either.
        _ => match step(rest) {
            Step::Taken(len, _) => Step::Taken(1 + len, None),
            other => other,
        },
    }
}

enum Sequence {
    Key(BoardKey),
    Paste,
    Unknown,
}

fn sequence(parameters: &[u8], last: u8) -> Sequence {
    if last != b'~' {
        let key = match last {
            b'Z' => Some(BoardKey::BackTab),
            _ => cursor(last),
        };
        return key.map_or(Sequence::Unknown, Sequence::Key);
    }
    let first = parameters.split(|byte| *byte == b';').next();
    Sequence::Key(match first.unwrap_or_default() {
        b"1" | b"7" => BoardKey::Home,
        b"4" | b"8" => BoardKey::End,
        b"5" => BoardKey::PageUp,
        b"6" => BoardKey::PageDown,
        b"200" => return Sequence::Paste,
        _ => return Sequence::Unknown,
    })
}

fn cursor(last: u8) -> Option<BoardKey> {
    Some(match last {
        b'A' => BoardKey::Up,
        b'B' => BoardKey::Down,
        b'C' => BoardKey::Right,
        b'D' => BoardKey::Left,
        b'H' => BoardKey::Home,
        b'F' => BoardKey::End,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<BoardKey> {
        let mut reader = KeyReader::default();
        let mut keys = reader.keys(bytes);
        keys.extend(reader.nothing_more());
        keys
    }

    #[test]
    fn bytes_are_keys() {
        use BoardKey::*;
        for (bytes, wanted) in [
            (&b"jq"[..], vec![Char('j'), Char('q')]),
            ("é日".as_bytes(), vec![Char('é'), Char('日')]),
            (b"\x1b[A\x1bOB\x1b[C\x1b[1;2D", vec![Up, Down, Right, Left]),
            (
                b"\x1b[H\x1b[4~\x1b[5~\x1b[6~\x1b[Z",
                vec![Home, End, PageUp, PageDown, BackTab],
            ),
            (
                b"\x03\x1a\x0c\x15\r\t\x7f",
                vec![Interrupt, Suspend, Redraw, Clear, Enter, Tab, Backspace],
            ),
            (b"\x1b", vec![Esc]),
            (b"\x1b\x1b", vec![Esc, Esc]),
            (b"\x1bx", vec![]),
            (b"\x1b[<0;3;4Mj", vec![Char('j')]),
            (b"\xffj\x00", vec![Char('j')]),
            (
                b"\x1b[200~a\nq\x1b[201~j",
                vec![Paste("a\nq".into()), Char('j')],
            ),
            (b"\x1b[9", vec![]),
        ] {
            assert_eq!(keys(bytes), wanted, "{bytes:?}");
        }
    }

    #[test]
    fn no_sequence_is_waited_for_without_end() {
        let mut reader = KeyReader::default();
        reader.keys(b"\x1b[");
        assert_eq!(reader.patience_ms(), Some(REST_OF_A_KEY));
        reader.keys(&[b'1'; LONGEST + 1]);
        assert_eq!(reader.patience_ms(), None);
        assert_eq!(reader.keys(b"j"), [BoardKey::Char('j')]);
        reader.keys(b"\x1b[200~");
        reader.keys(&vec![b'x'; 3 * PASTED]);
        let BoardKey::Paste(text) = &reader.keys(PASTE_END)[0] else {
            panic!("no paste");
        };
        assert_eq!(text.len(), PASTED);
        // Its end was lost: what came is the text, and keys are keys again.
        reader.keys(b"\x1b[200~text\x1b[201");
        assert_eq!(reader.patience_ms(), Some(REST_OF_A_PASTE));
        let lost = reader.nothing_more();
        assert_eq!(lost, Some(BoardKey::Paste("text\u{1b}[201".into())));
        assert_eq!(reader.patience_ms(), None);
        assert_eq!(reader.keys(b"q"), [BoardKey::Char('q')]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_bytes_come_in(
            bytes in proptest::collection::vec(prop_oneof![Just(0x1b_u8), Just(b'['), Just(b'2'), Just(b'0'), Just(b'~'), any::<u8>()], 0..30),
            cut in 0_usize..30,
        ) {
            let mut reader = KeyReader::default();
            let at = cut.min(bytes.len());
            let mut parts = reader.keys(&bytes[..at]);
            parts.extend(reader.keys(&bytes[at..]));
            let mut whole = KeyReader::default();
            prop_assert_eq!(parts, whole.keys(&bytes));
        }
    }
}
