//! From bytes to a tree of nodes with places, within fixed bounds of size, depth and alias
//! expansion.

use std::borrow::Cow;

use crate::base::yaml::build;
use crate::base::yaml::problem::{SourcePlace, YamlProblem};

/// The largest file that is looked at, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// A value and where it stands. Its texts are its own where the tree was parsed, and lie in the bytes of the tree
/// where that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlNode<'t> {
    /// Place at which the value begins.
    pub place: SourcePlace,
    /// The value.
    pub value: YamlValue<'t>,
}

/// The knowledge that the reader of a tree begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TreeStanding {
    /// Nothing: everything in it is checked.
    #[default]
    New,
    /// This version of `ai` has read the same bytes as the same file before, and found no problem.
    Proven,
}

/// The value of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum YamlValue<'t> {
    /// Nothing, `~` or `null`.
    Null,
    /// Text without quotes, exactly as written: it may stand for a number or a boolean.
    Plain(Cow<'t, str>),
    /// Text in quotes or a block: text and nothing else.
    Quoted(Cow<'t, str>),
    /// A list.
    List(Vec<YamlNode<'t>>),
    /// A mapping in the order of the file; keys are unique.
    Map(Vec<(Cow<'t, str>, SourcePlace, YamlNode<'t>)>),
}

impl YamlValue<'_> {
    /// Names the kind of value, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Plain(_) | Self::Quoted(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one document. Everything that is not exactly one well-formed UTF-8 document within the
/// bounds is a named problem.
pub fn parse(bytes: &[u8]) -> Result<YamlNode<'static>, YamlProblem> {
    let root = build::tree(text_of_file(bytes)?)?;
    match root {
        Some(YamlNode {
            value: YamlValue::Null,
            ..
        })
        | None => Err(empty_file()),
        Some(root) => Ok(root),
    }
}

/// Reads a list of entries of which there may be very many, one by one: a list, a mapping with the
/// single key `under` and the list below it, or one entry alone. The same rules and bounds hold for
/// each entry as for a whole file of [`parse`], but for the size, which the caller has bounded.
pub fn parse_entries<E: From<YamlProblem>>(
    text: &str,
    under: &str,
    each: &mut dyn FnMut(YamlNode<'static>) -> Result<(), E>,
) -> Result<(), E> {
    build::entries(text, under, each)
}

/// Refuses text that [`parse`] would refuse. For files of agents and connectors, whose values another reader
/// gives their types: it has no bounds of its own, and takes time without end for a few thousand
/// brackets.
pub fn check_bounds(text: &str) -> Result<(), YamlProblem> {
    parse(text.as_bytes()).map(drop)
}

/// The file as text without its byte order mark, or why it is not text.
fn text_of_file(bytes: &[u8]) -> Result<&str, YamlProblem> {
    let whole = |message: &str| YamlProblem::new(SourcePlace::default(), message);
    if bytes.len() as u64 > MAX_BYTES {
        return Err(whole(&format!("larger than {MAX_BYTES} bytes")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(whole("is UTF-16; save it as UTF-8"));
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(YamlProblem::new(
            place_of_byte(bytes, at),
            "contains a NUL byte; it is no text file or not UTF-8",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|e| {
        YamlProblem::new(
            place_of_byte(bytes, e.valid_up_to()),
            "is not valid UTF-8 here",
        )
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(empty_file());
    }
    Ok(text)
}

/// The problem of a file with nothing in it.
pub fn empty_file() -> YamlProblem {
    YamlProblem::new(SourcePlace::default(), "is empty")
        .hint("remove the file to get the defaults, or start it with `version: 1`")
}

fn place_of_byte(bytes: &[u8], at: usize) -> SourcePlace {
    let before = &bytes[..at];
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |i| i + 1);
    let line = 1 + before.iter().filter(|b| **b == b'\n').count() as u64;
    SourcePlace {
        line,
        column: 1 + String::from_utf8_lossy(&before[line_start..])
            .chars()
            .count() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> YamlValue<'_> {
        YamlValue::Plain(text.into())
    }

    fn field<'t>(root: &YamlNode<'t>, key: &str) -> YamlNode<'t> {
        let YamlValue::Map(entries) = &root.value else {
            panic!("not a mapping")
        };
        entries
            .iter()
            .find(|(k, _, _)| k == key)
            .map(|(_, _, node)| node.clone())
            .unwrap()
    }

    #[test]
    fn scalars_keep_what_was_written() {
        let root =
            parse(b"a: no\nb: 1.10\nc: 012\nd: \"3\"\ne: ~\nf: x # y\non: [1e3, .inf, 'q']\n")
                .unwrap();
        assert_eq!(field(&root, "a").value, plain("no"));
        assert_eq!(field(&root, "b").value, plain("1.10"));
        assert_eq!(field(&root, "c").value, plain("012"));
        assert_eq!(field(&root, "d").value, YamlValue::Quoted("3".into()));
        assert_eq!(field(&root, "e").value, YamlValue::Null);
        assert_eq!(field(&root, "f").value, plain("x"));
        let YamlValue::List(items) = field(&root, "on").value else {
            panic!()
        };
        let values: Vec<YamlValue> = items.into_iter().map(|n| n.value).collect();
        assert_eq!(
            values,
            [plain("1e3"), plain(".inf"), YamlValue::Quoted("q".into())]
        );
    }

    #[test]
    fn places_count_from_one_and_survive_bom_and_crlf() {
        let root = parse("\u{feff}a: 1\r\nb:\r\n  - é: x\r\n".as_bytes()).unwrap();
        assert_eq!(field(&root, "a").place, SourcePlace { line: 1, column: 4 });
        let YamlValue::List(items) = field(&root, "b").value else {
            panic!()
        };
        assert_eq!(field(&items[0], "é").value, plain("x"));
        assert_eq!(
            field(&items[0], "é").place,
            SourcePlace { line: 3, column: 8 }
        );
    }

    #[test]
    fn aliases_work_in_small_numbers_and_keep_their_text() {
        let root = parse(b"a: &x no\nb: *x\n").unwrap();
        assert_eq!(field(&root, "b").value, plain("no"));
    }

    #[test]
    fn bad_bytes_have_names() {
        for (bytes, wanted) in [
            (&b""[..], "is empty"),
            (b" \n\t\n", "is empty"),
            (b"# only a comment\n", "is empty"),
            (b"---\n", "is empty"),
            (b"\xff\xfea\0", "UTF-16"),
            (b"a: 1\nb: \0\n", "NUL byte"),
            (b"a: 1\nb: \xc3(\n", "not valid UTF-8"),
        ] {
            let problem = parse(bytes).unwrap_err();
            assert!(problem.message.contains(wanted), "{problem:?}");
        }
        assert_eq!(
            parse(b"a: 1\nb: \0\n").unwrap_err().place,
            SourcePlace { line: 2, column: 4 }
        );
        assert_eq!(
            parse(b"a: 1\nb: \xc3(\n").unwrap_err().place,
            SourcePlace { line: 2, column: 4 }
        );
        let large = vec![b'a'; usize::try_from(MAX_BYTES).unwrap() + 1];
        assert!(parse(&large).unwrap_err().message.contains("larger than"));
    }

    #[test]
    fn duplicate_keys_name_their_place() {
        let problem = parse(b"a:\n  deny: 1\n  deny: 2\n").unwrap_err();
        assert!(
            problem.message.contains("duplicate") && problem.message.contains("deny"),
            "{problem:?}"
        );
        assert_eq!(problem.place, SourcePlace { line: 3, column: 3 });
    }

    #[test]
    fn hostile_documents_are_refused() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n");
        for i in 1..9 {
            let refs = vec![format!("*a{}", i - 1); 9].join(",");
            bomb.push_str(&format!("a{i}: &a{i} [{refs}]\n"));
        }
        assert!(parse(bomb.as_bytes()).is_err());
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
        for text in [
            "a: 1\n---\nb: 2\n",
            "<<: {a: 1}\n",
            "a: !run x\n",
            "a:\n\t- b\n",
            "a: [1\n",
            "a: &x [*x]\n",
            "? [a]\n: b\n",
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
