//! A source text without the content of its comments and strings, at the same positions.
//!
//! Every byte stays where it is, line ends included; what is blanked becomes spaces, and quotes stay. So a word
//! in a string or a comment is found by no pattern, and the place of what is found is its place in the file.
//!
//! A string over several lines that is never closed was not understood, and hides nothing: one sign blinds no file.

/// The comments and strings of a language.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quoting {
    /// The beginnings of comments that end with their line.
    pub line: &'static [&'static [u8]],
    /// Beginning and end of other comments.
    pub block: Option<(&'static [u8], &'static [u8])>,
    /// The quotes of strings, longest first.
    pub strings: &'static [Quote],
    /// Spellings of one language alone.
    pub own: OwnQuoting,
}

/// A kind of string.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quote {
    /// The sign at its beginning and its end.
    pub mark: &'static [u8],
    /// The lines over which it goes.
    pub extent: Extent,
}

/// The lines over which a string may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// It ends with its line at the latest.
    Line,
    /// It goes on until it is closed.
    Lines,
    /// Likewise, and a backslash in it is one.
    Raw,
}

/// Spellings of one language alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnQuoting {
    None,
    /// `r#"…"#`, nested comments, and `'a` that opens nothing.
    Rust,
    /// `/["']/`, a regular expression.
    Script,
    /// `#` begins a comment, and `#[` does not.
    Php,
}

/// So many strings that are never closed are looked behind; each costs a look at the rest of the text.
const MOST_UNCLOSED: u32 = 8;

/// The text with blanks for comments and the content of strings.
pub(super) fn masked(text: &[u8], quoting: &Quoting) -> Vec<u8> {
    let mut masked = text.to_vec();
    let (mut at, mut unclosed) = (0, 0);
    while at < text.len() {
        let rest = &text[at..];
        let (from, to, next) = if let Some(length) = comment(rest, quoting) {
            (at, at + length, at + length)
        } else if let Some(length) = expression(&masked[..at], rest, quoting) {
            (at + 1, at + length - 1, at + length)
        } else if let Some((open, content, close)) = string(text, at, quoting) {
            let from = at + open;
            let is_lost = close == 0 && text[from..from + content].contains(&b'\n');
            if is_lost && unclosed < MOST_UNCLOSED {
                unclosed += 1;
                (from, from, from)
            } else {
                (from, from + content, from + content + close)
            }
        } else {
            (at, at, at + 1)
        };
        blank(&mut masked[from..to]);
        at = next;
    }
    masked
}

fn blank(bytes: &mut [u8]) {
    for byte in bytes
        .iter_mut()
        .filter(|byte| !matches!(**byte, b'\n' | b'\r'))
    {
        *byte = b' ';
    }
}

/// The length of the comment that begins here.
fn comment(rest: &[u8], quoting: &Quoting) -> Option<usize> {
    let is_php = quoting.own == OwnQuoting::Php;
    if quoting.line.iter().any(|mark| rest.starts_with(mark))
        || is_php && rest.starts_with(b"#") && !rest.starts_with(b"#[")
    {
        return Some(line_end(rest));
    }
    let (open, close) = quoting.block.filter(|(open, _)| rest.starts_with(open))?;
    let (mut at, mut depth) = (open.len(), 1);
    while at < rest.len() {
        if rest[at..].starts_with(close) {
            (at, depth) = (at + close.len(), depth - 1);
            if depth == 0 {
                return Some(at);
            }
        } else if quoting.own == OwnQuoting::Rust && rest[at..].starts_with(open) {
            (at, depth) = (at + open.len(), depth + 1);
        } else {
            at += 1;
        }
    }
    Some(rest.len())
}

/// Words after which no value stands that could be divided.
const BEFORE_EXPRESSION: [&[u8]; 14] = [
    b"return",
    b"typeof",
    b"case",
    b"in",
    b"of",
    b"delete",
    b"void",
    b"instanceof",
    b"throw",
    b"new",
    b"else",
    b"do",
    b"yield",
    b"await",
];

/// The length of the regular expression that begins here, behind `code`; one that its line does not close is a
/// division.
fn expression(code: &[u8], rest: &[u8], quoting: &Quoting) -> Option<usize> {
    if quoting.own != OwnQuoting::Script || rest.first() != Some(&b'/') || !is_operand_due(code) {
        return None;
    }
    let (mut at, mut in_class) = (1, false);
    loop {
        match rest.get(at)? {
            b'\n' => return None,
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
}

/// True where an operand comes next behind this code, and no operator.
fn is_operand_due(code: &[u8]) -> bool {
    let code = code.trim_ascii_end();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let length = code
        .iter()
        .rev()
        .take_while(|byte| is_word(byte))
        .take(16)
        .count();
    let word = &code[code.len() - length..];
    match code.last() {
        None => true,
        Some(_) if !word.is_empty() => BEFORE_EXPRESSION.contains(&word),
        Some(last) => b"(,=:[!&|?{};+-*%>~^".contains(last),
    }
}

/// The lengths of the beginning, the content and the end of the string that begins here.
fn string(text: &[u8], at: usize, quoting: &Quoting) -> Option<(usize, usize, usize)> {
    let rest = &text[at..];
    if quoting.own == OwnQuoting::Rust {
        if let Some(raw) = raw_string(text, at) {
            return Some(raw);
        }
        if rest.first() == Some(&b'\'') {
            return letter(rest);
        }
    }
    let quote = quoting
        .strings
        .iter()
        .find(|quote| rest.starts_with(quote.mark))?;
    let open = quote.mark.len();
    let content = &rest[open..];
    let mut length = 0;
    while length < content.len() {
        match content[length] {
            b'\\' if quote.extent != Extent::Raw => length += 2,
            b'\n' if quote.extent == Extent::Line => return Some((open, length, 0)),
            _ if content[length..].starts_with(quote.mark) => return Some((open, length, open)),
            _ => length += 1,
        }
    }
    Some((open, content.len(), 0))
}

/// Most marks before the quote of a raw string of Rust.
const MOST_HASHES: usize = 255;

/// A raw string of Rust, of which `at` is the `r`.
fn raw_string(text: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let rest = text[at..].strip_prefix(b"r")?;
    let before = text[..at].last().copied();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if before.is_some_and(|byte| is_word(byte) && !matches!(byte, b'b' | b'c')) {
        return None;
    }
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    if hashes > MOST_HASHES {
        return None;
    }
    let content = rest[hashes..].strip_prefix(b"\"")?;
    let open = 1 + hashes + 1;
    let mut length = 0;
    while length < content.len() {
        let closes = content[length] == b'"'
            && content[length + 1..]
                .iter()
                .take(hashes)
                .take_while(|byte| **byte == b'#')
                .count()
                == hashes;
        if closes {
            return Some((open, length, 1 + hashes));
        }
        length += 1;
    }
    Some((open, content.len(), 0))
}

/// A letter of Rust such as `'"'`; nothing where the mark begins a lifetime.
fn letter(rest: &[u8]) -> Option<(usize, usize, usize)> {
    let content = &rest[1..];
    let length = match content.first()? {
        b'\\' => {
            2 + content
                .get(2..)?
                .iter()
                .take(10)
                .position(|byte| *byte == b'\'')?
        }
        byte if byte.is_ascii() => 1,
        _ => content.iter().take(5).position(|byte| *byte == b'\'')?,
    };
    (content.get(length) == Some(&b'\'')).then_some((1, length, 1))
}

fn line_end(rest: &[u8]) -> usize {
    rest.iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(rest.len())
}
