//! From bytes to a tree of nodes with places, within fixed bounds of size, depth and alias expansion.

use super::problem::{Place, Problem};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{DuplicateKeyPolicy, Location, MergeKeyPolicy, NonFiniteFloatPolicy, Spanned};
use std::fmt;

/// The largest file that is looked at, in bytes.
pub const MAX_BYTES: u64 = 1 << 20;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where the value begins.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// What a node holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// Text without quotes, exactly as written: it may stand for a number or a boolean.
    Plain(String),
    /// Text in quotes or a block: text and nothing else.
    Quoted(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping in the order of the file; keys are unique.
    Map(Vec<(String, Place, Node)>),
}

impl Value {
    /// What this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Plain(_) | Self::Quoted(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one document. Everything that is not exactly one well-formed UTF-8 document within the bounds is a named problem.
pub fn parse(bytes: &[u8]) -> Result<Node, Problem> {
    let text = text_of_file(bytes)?;
    let raw: Spanned<Raw> = serde_saphyr::from_str_with_options(text, options()).map_err(|e| problem_of(&e))?;
    let root = raw.into_node(text);
    match root.value {
        Value::Null => Err(empty()),
        _ => Ok(root),
    }
}

/// The file as text without its byte order mark, or why it is not text.
fn text_of_file(bytes: &[u8]) -> Result<&str, Problem> {
    let whole = |message: &str| Problem::new(Place::default(), message);
    if bytes.len() as u64 > MAX_BYTES {
        return Err(whole(&format!("larger than {MAX_BYTES} bytes")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(whole("is UTF-16; save it as UTF-8"));
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(Problem::new(place_of_byte(bytes, at), "contains a NUL byte; it is no text file or not UTF-8"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|e| Problem::new(place_of_byte(bytes, e.valid_up_to()), "is not valid UTF-8 here"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(empty());
    }
    Ok(text)
}

fn empty() -> Problem {
    Problem::new(Place::default(), "is empty")
        .hint("remove the file to get the defaults, or start it with `version: 1`")
}

fn place_of_byte(bytes: &[u8], at: usize) -> Place {
    let before = &bytes[..at];
    let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let line = 1 + before.iter().filter(|b| **b == b'\n').count() as u64;
    Place { line, column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count() as u64 }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 200_000,
            max_nodes: 100_000,
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: 1,
            max_aliases: 100,
            max_anchors: 100,
            max_total_scalar_bytes: 2 << 20,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 10_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

fn problem_of(error: &serde_saphyr::Error) -> Problem {
    let place = error.location().map(place_at).unwrap_or_default();
    Problem::new(place, message_of(error, place))
}

/// The library's message, or our own where its words are about its own workings.
fn message_of(error: &serde_saphyr::Error, place: Place) -> String {
    use serde_saphyr::Error as E;
    match error {
        E::AliasError { error, .. } => message_of(error, place),
        E::DuplicateMappingKey { key: Some(key), .. } => format!("duplicate key `{key}`"),
        E::DuplicateMappingKey { key: None, .. } => "duplicate key".to_owned(),
        E::MergeKeyNotAllowed { .. } => "merge keys (`<<`) are not used here".to_owned(),
        E::UnsupportedTag { tag, .. } => format!("the tag `{tag}` is not used here"),
        E::MultipleDocuments { .. } | E::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            "the file holds more than one document".to_owned()
        }
        E::Budget { .. }
        | E::AliasReplayLimitExceeded { .. }
        | E::AliasExpansionLimitExceeded { .. }
        | E::AliasReplayStackDepthExceeded { .. } => "the file is nested too deeply or grows too large".to_owned(),
        other => {
            let formatter = serde_saphyr::UserMessageFormatter;
            let options = serde_saphyr::render_options! {
                formatter: &formatter,
                snippets: serde_saphyr::SnippetMode::Off,
            };
            let message = other.render_with_options(options);
            // The library ends its sentence with the position, which a problem already carries.
            let suffix = format!(" at line {}, column {}", place.line, place.column);
            format!("not usable as YAML: {}", message.strip_suffix(&suffix).unwrap_or(&message))
        }
    }
}

fn place_at(location: Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

/// The tree as the deserializer hands it over, before plain scalars get their written form back.
enum Raw {
    Null,
    Text(String),
    /// A scalar that the YAML rules take for a boolean or a number; its text is in the source.
    Typed,
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

/// Turns a located raw value into a node.
trait IntoNode {
    fn into_node(self, source: &str) -> Node;
}

impl IntoNode for Spanned<Raw> {
    fn into_node(self, source: &str) -> Node {
        let written = source_of(self.defined, source);
        let value = match self.value {
            Raw::Null => Value::Null,
            Raw::Typed => Value::Plain(written.trim().to_owned()),
            Raw::Text(text) if written.starts_with(['"', '\'', '|', '>']) => Value::Quoted(text),
            Raw::Text(text) => Value::Plain(text),
            Raw::List(items) => Value::List(items.into_iter().map(|item| item.into_node(source)).collect()),
            Raw::Map(entries) => Value::Map(
                entries
                    .into_iter()
                    .map(|(key, value)| (key.value, place_at(key.referenced), value.into_node(source)))
                    .collect(),
            ),
        };
        Node { place: place_at(self.referenced), value }
    }
}

/// The characters of the source that a location spans.
fn source_of(location: Location, source: &str) -> &str {
    let span = location.span();
    let range = span.byte_offset().zip(span.byte_len()).and_then(|(start, len)| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(usize::try_from(len).ok()?)?)
    });
    range.and_then(|range| source.get(range)).unwrap_or_default()
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text, a number, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Typed)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_bytes<E: serde::de::Error>(self, _: &[u8]) -> Result<Raw, E> {
        Err(E::custom("binary values are not used here"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Value {
        Value::Plain(text.to_owned())
    }

    fn field(root: &Node, key: &str) -> Node {
        let Value::Map(entries) = &root.value else { panic!("not a mapping") };
        entries.iter().find(|(k, _, _)| k == key).map(|(_, _, node)| node.clone()).unwrap()
    }

    #[test]
    fn scalars_keep_what_was_written() {
        let root = parse(b"a: no\nb: 1.10\nc: 012\nd: \"3\"\ne: ~\nf: x # y\non: [1e3, .inf, 'q']\n").unwrap();
        assert_eq!(field(&root, "a").value, plain("no"));
        assert_eq!(field(&root, "b").value, plain("1.10"));
        assert_eq!(field(&root, "c").value, plain("012"));
        assert_eq!(field(&root, "d").value, Value::Quoted("3".into()));
        assert_eq!(field(&root, "e").value, Value::Null);
        assert_eq!(field(&root, "f").value, plain("x"));
        let Value::List(items) = field(&root, "on").value else { panic!() };
        let values: Vec<Value> = items.into_iter().map(|n| n.value).collect();
        assert_eq!(values, [plain("1e3"), plain(".inf"), Value::Quoted("q".into())]);
    }

    #[test]
    fn places_count_from_one_and_survive_bom_and_crlf() {
        let root = parse("\u{feff}a: 1\r\nb:\r\n  - é: x\r\n".as_bytes()).unwrap();
        assert_eq!(field(&root, "a").place, Place { line: 1, column: 4 });
        let Value::List(items) = field(&root, "b").value else { panic!() };
        assert_eq!(field(&items[0], "é").value, plain("x"));
        assert_eq!(field(&items[0], "é").place, Place { line: 3, column: 8 });
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
        assert_eq!(parse(b"a: 1\nb: \0\n").unwrap_err().place, Place { line: 2, column: 4 });
        assert_eq!(parse(b"a: 1\nb: \xc3(\n").unwrap_err().place, Place { line: 2, column: 4 });
        let large = vec![b'a'; usize::try_from(MAX_BYTES).unwrap() + 1];
        assert!(parse(&large).unwrap_err().message.contains("larger than"));
    }

    #[test]
    fn duplicate_keys_name_their_place() {
        let problem = parse(b"a:\n  deny: 1\n  deny: 2\n").unwrap_err();
        assert!(problem.message.contains("duplicate") && problem.message.contains("deny"), "{problem:?}");
        assert_eq!(problem.place, Place { line: 3, column: 3 });
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
