//! As much of Rust's surface as the rules need: comments and strings blanked out, test items cut
//! out, paths read.

use std::ops::Range;

/// A path such as `crate::store::Tx`, and the line where it starts.
#[derive(Debug, PartialEq, Eq)]
pub struct CodePath {
    /// Counted from 1.
    pub line: usize,
    /// The segments; a `use` tree yields one path per leaf.
    pub segments: Vec<String>,
}

/// Replaces the content of comments, strings and character literals by spaces; lines and byte
/// offsets stay.
pub fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (keep, end) = token(bytes, at);
        if !keep {
            out[at..end]
                .iter_mut()
                .filter(|b| **b != b'\n')
                .for_each(|b| *b = b' ');
        }
        at = end;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The token at `at`: whether it is code, and where it ends.
fn token(bytes: &[u8], at: usize) -> (bool, usize) {
    let rest = &bytes[at..];
    let after_word = at > 0 && is_word(bytes[at - 1]);
    match rest {
        [b'/', b'/', ..] => (false, at + find(rest, b"\n").unwrap_or(rest.len())),
        [b'/', b'*', ..] => (false, at + block_comment(rest)),
        [b'"', ..] => (false, at + quoted(rest, b'"')),
        [b'r', b'"' | b'#', ..] | [b'b' | b'c', b'r', ..] if !after_word => {
            match raw_string(rest) {
                Some(len) => (false, at + len),
                None => (true, at + 1),
            }
        }
        [b'\'', b'\\', ..] => (false, at + quoted(rest, b'\'')),
        [b'\'', ..] => match char_literal(rest) {
            Some(len) => (false, at + len),
            None => (true, at + 1),
        },
        _ => (true, at + 1),
    }
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[u8]) -> Option<usize> {
    let start = rest.iter().position(|b| *b == b'r')? + 1;
    let hashes = rest[start..].iter().take_while(|b| **b == b'#').count();
    if rest.get(start + hashes) != Some(&b'"') {
        return None;
    }
    let body = start + hashes + 1;
    let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    Some(find(&rest[body..], &close).map_or(rest.len(), |end| body + end + close.len()))
}

/// A lifetime has no closing quote after one character.
fn char_literal(rest: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)])
        .unwrap_or_else(|e| std::str::from_utf8(&rest[1..1 + e.valid_up_to()]).unwrap_or(""));
    let len = text.chars().next()?.len_utf8();
    (rest.get(1 + len) == Some(&b'\'')).then_some(2 + len)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The line of a byte offset, counted from 1.
pub fn line_at(code: &str, offset: usize) -> usize {
    code.as_bytes()[..offset]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

/// Where `word` stands by itself in blanked code; a `word` may hold punctuation at its ends.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let (first, last) = (word.as_bytes()[0], word.as_bytes()[word.len() - 1]);
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = *at == 0 || !is_word(first) || !is_word(bytes[at - 1]);
            let after = bytes
                .get(at + word.len())
                .is_none_or(|b| !is_word(last) || !is_word(*b));
            before && after
        })
}

/// The attributes of blanked code: offset and content between the brackets.
pub fn attributes(code: &str) -> Vec<(usize, &str)> {
    let starts = code.match_indices("#[").chain(code.match_indices("#!["));
    let mut found: Vec<_> = starts
        .map(|(at, open)| (at, at + open.len() - 1))
        .map(|(at, bracket)| {
            (
                at,
                &code[bracket + 1..closing(code, bracket).max(bracket + 2) - 1],
            )
        })
        .collect();
    found.sort_unstable();
    found
}

/// The offset behind the bracket that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The items under `#[cfg(test)]` in blanked code, attribute included.
pub fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for (at, content) in attributes(code) {
        let content: String = content.split_whitespace().collect();
        if !content.starts_with("cfg(test") && !content.starts_with("cfg(all(test") {
            continue;
        }
        if items.last().is_some_and(|last| last.contains(&at)) {
            continue;
        }
        let inner = code[at..].starts_with("#![");
        items.push(if inner {
            0..code.len()
        } else {
            at..item_end(code, at)
        });
    }
    items
}

/// The end of the item that begins with the attribute at `at`: its block, or its semicolon.
fn item_end(code: &str, at: usize) -> usize {
    let mut here = at;
    while here < code.len() {
        match code.as_bytes()[here] {
            b'{' => return closing(code, here),
            b';' => return here + 1,
            b'(' | b'[' => here = closing(code, here),
            _ => here += 1,
        }
    }
    here
}

/// The code with the given ranges blanked.
pub fn without(code: &str, ranges: &[Range<usize>]) -> String {
    keep(code, |at| !ranges.iter().any(|r| r.contains(&at)))
}

/// The code with all but the given ranges blanked.
pub fn only(code: &str, ranges: &[Range<usize>]) -> String {
    keep(code, |at| ranges.iter().any(|r| r.contains(&at)))
}

fn keep(code: &str, wanted: impl Fn(usize) -> bool) -> String {
    let bytes = code
        .bytes()
        .enumerate()
        .map(|(at, b)| if b == b'\n' || wanted(at) { b } else { b' ' });
    String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned()
}

/// A `mod name;` line.
#[derive(Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Where it stands, in bytes.
    pub at: usize,
    /// The module's name.
    pub name: String,
    /// What a `#[path = "..."]` before it says.
    pub path: Option<String>,
}

/// The `mod name;` declarations of a file; `code` is its `text`, blanked.
pub fn declared_modules(text: &str, code: &str) -> Vec<Declaration> {
    let declaration = |at: usize| {
        let (name, rest) = ident(code[at + 3..].trim_start())?;
        let open = rest.trim_start().starts_with(';');
        open.then(|| Declaration {
            at,
            name: name.to_owned(),
            path: path_before(text, code, at),
        })
    };
    words(code, "mod").filter_map(declaration).collect()
}

/// The value of a `path` attribute on the item at `at`. Attributes end where the item before them
/// ended.
fn path_before(text: &str, code: &str, at: usize) -> Option<String> {
    let start = code[..at].rfind([';', '}']).map_or(0, |end| end + 1);
    let (offset, _) = attributes(&code[start..at])
        .into_iter()
        .find(|(_, a)| a.trim_start().starts_with("path"))?;
    text[start + offset..at]
        .split('"')
        .nth(1)
        .map(str::to_owned)
}

/// Every path of two or more segments in blanked code; macro calls excluded.
pub fn paths(code: &str) -> Vec<CodePath> {
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < code.len() {
        let end = match code.as_bytes()[at] {
            byte if is_word(byte) => {
                code.len() - tree(&code[at..], &mut Vec::new(), line, &mut found).len()
            }
            _ => at + 1,
        };
        line += code.as_bytes()[at..end]
            .iter()
            .filter(|b| **b == b'\n')
            .count();
        at = end;
    }
    found.retain(|p| p.segments.len() > 1);
    found
}

/// Reads one path or `use` tree, adds its leaves to `found`, and returns the rest.
fn tree<'a>(
    code: &'a str,
    prefix: &mut Vec<String>,
    line: usize,
    found: &mut Vec<CodePath>,
) -> &'a str {
    let depth = prefix.len();
    let mut rest = code;
    while let Some((name, after)) = ident(rest) {
        prefix.push(name.to_owned());
        rest = after;
        match rest.trim_start().strip_prefix("::") {
            Some(next) => rest = next.trim_start(),
            None => break,
        }
    }
    if let Some(mut group) = rest.strip_prefix('{').filter(|_| prefix.len() > depth) {
        while !group.trim_start().is_empty() && !group.trim_start().starts_with('}') {
            let before = group.trim_start();
            group = tree(before, prefix, line, found);
            // A leaf may go on (`as name`, a comma, a star); the next leaf begins behind the comma.
            let end = group.find([',', '}']).unwrap_or(group.len());
            group = group[end..].strip_prefix(',').unwrap_or(&group[end..]);
        }
        rest = group.trim_start().strip_prefix('}').unwrap_or("");
    } else {
        let star = rest.starts_with('*') && prefix.len() > depth;
        if !rest.starts_with('!') {
            let mut segments = prefix.clone();
            segments.extend(star.then(|| "*".to_owned()));
            found.push(CodePath { line, segments });
        }
    }
    prefix.truncate(depth);
    rest
}

fn ident(code: &str) -> Option<(&str, &str)> {
    let len = code.bytes().take_while(|b| is_word(*b)).count();
    (len > 0).then(|| code.split_at(len))
}

#[test]
fn comments_and_strings_are_blanked_and_lines_stay() {
    let text = "a /* x /* y */ z */ b // c\nd \"e \\\" f\" r#\"g \" h\"# '\\'' 'i' 'j x: &'static br\"k\" 'ö' l\n\"m\nn\" o";
    let code = blank(text);
    assert_eq!(
        code.split_whitespace().collect::<Vec<_>>(),
        ["a", "b", "d", "'j", "x:", "&'static", "l", "o"]
    );
    assert_eq!(code.len(), text.len());
    assert_eq!(code.lines().count(), text.lines().count());
}

#[test]
fn test_items_end_where_their_block_ends() {
    let code = "use a;\n#[cfg(test)]\nmod fixtures;\nfn f() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests { fn g() { } }\nfn h() {}";
    let kept = without(code, &test_items(code));
    assert_eq!(
        kept.split_whitespace().collect::<Vec<_>>().join(" "),
        "use a; fn f() {} fn h() {}"
    );
    let declared = declared_modules(code, &only(code, &test_items(code)));
    assert_eq!(
        declared.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(),
        ["fixtures"]
    );
}

#[test]
fn a_module_may_say_where_its_file_is() {
    let text =
        "mod a; // mod b;\n#[cfg(test)]\n#[path = \"a_tests.rs\"]\nmod tests;\nmod inline {}";
    let found = declared_modules(text, &blank(text));
    let found: Vec<_> = found
        .iter()
        .map(|d| (d.name.as_str(), d.path.as_deref()))
        .collect();
    assert_eq!(found, [("a", None), ("tests", Some("a_tests.rs"))]);
}

#[test]
fn use_trees_yield_their_leaves() {
    let code = "use crate::{a::{b, c as d}, e};\nx(std::fs::read(y)); z::w!(); use q::*;";
    let got: Vec<String> = paths(code)
        .iter()
        .map(|p| format!("{} {}", p.line, p.segments.join("::")))
        .collect();
    let mut sorted = got.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "1 crate::a::b",
            "1 crate::a::c",
            "1 crate::e",
            "2 q::*",
            "2 std::fs::read"
        ],
        "{got:?}"
    );
}
