//! A settings file of a CLI as text: an entry is put into it, found again, and taken out, and every other byte
//! stays as it is: comments, order, line ends and all.
//!
//! Invariants: what is put in is one piece, so that taking that piece out gives the same bytes again; each
//! level of nesting is written so that no other could have left the same text. Whether a text is JSON is
//! for the parser of `serde_json` to say, before and after; here it is only told where things stand.
//! Deliberately absent: commas behind a last entry, and keys that stand twice. Which of two counts is each
//! reader's own choice.

use std::ops::Range;

use serde_json::Value;

/// A settings file into which nothing can be put.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsFault {
    /// The text is no JSON.
    #[error("it is no JSON, with or without comments: {0}")]
    NotJson(String),
    /// The text is no TOML.
    #[error("it is no TOML: {0}")]
    NotToml(String),
    /// A part is of another kind.
    #[error("`{0}` in it is not {1}")]
    OtherKind(String, &'static str),
    /// A key stands twice.
    #[error("`{0}` stands in it twice")]
    Twice(String),
    /// The result would not be what it should.
    #[error("the entry cannot be told from what stands around it")]
    Entangled,
}

/// The place of an entry: in the last of these objects, each in the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPlace {
    /// Keys from the root.
    pub path: &'static [&'static str],
    /// The key of the entry, where the last container is an object; none where it is an array.
    pub member: Option<&'static str>,
}

/// The way in which an entry was taken out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// All that had been put in is gone; nothing is left of a text that was made for it.
    Whole(Option<String>),
    /// Somebody has written the file anew since: the entry is gone, and the rest stays as it is.
    Entry(String),
}

/// Something that stands in an object or an array.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Child {
    key: Option<String>,
    /// With its key.
    whole: Range<usize>,
    value: Range<usize>,
}

/// A text with the places of its parts.
struct Parsed<'t> {
    text: &'t str,
    /// The same with blanks in place of comments.
    plain: String,
    root: Range<usize>,
}

/// The entries that stand in a place, as JSON; nothing where the place is not there.
pub fn entries(text: &str, place: EntryPlace) -> Result<Vec<Value>, SettingsFault> {
    if text.trim_start_matches(BOM).trim().is_empty() {
        return Ok(Vec::new());
    }
    let parsed = Parsed::of(text)?;
    let (found, depth) = parsed.walk(place)?;
    if depth < place.path.len() {
        return Ok(Vec::new());
    }
    let all = parsed.children(&found[depth]);
    let mine = all
        .iter()
        .filter(|child| place.member.is_none() || child.key.as_deref() == place.member);
    mine.map(|child| parsed.value(&child.value)).collect()
}

/// The text of a file that holds nothing but an entry.
pub fn fresh(place: EntryPlace, entry: &str) -> String {
    format!("{{\n  {}\n}}\n", addition(place, 0, entry))
}

/// Puts an entry in front of what stands in its place; containers that are missing are made.
pub fn insert(text: &str, place: EntryPlace, entry: &str) -> Result<String, SettingsFault> {
    if text.trim_start_matches(BOM).trim().is_empty() {
        let (mark, blank) = text.split_at(text.len() - text.trim_start_matches(BOM).len());
        return Ok(format!("{mark}{}{blank}", blank_form(place, entry)));
    }
    let parsed = Parsed::of(text)?;
    let (found, depth) = parsed.walk(place)?;
    let open = found[depth].start + 1;
    let added = addition(place, depth, entry);
    let piece = if parsed.is_empty(&found[depth]) {
        format!(" {added}")
    } else {
        format!("{}{added},", blanks_at(text, open))
    };
    let out = format!("{}{piece}{}", &text[..open], &text[open..]);
    let had = entries(text, place)?.len();
    match entries(&out, place) {
        Ok(all) if all.len() == had + 1 && cut(&out, place, 0, entry)? == whole(text) => Ok(out),
        _ => Err(SettingsFault::Entangled),
    }
}

/// Takes the entry out that stands in its place as the one with this number; `written` is the text with which
/// it was put in.
pub fn cut(
    text: &str,
    place: EntryPlace,
    number: usize,
    written: &str,
) -> Result<Cut, SettingsFault> {
    if text == fresh(place, written) {
        return Ok(Cut::Whole(None));
    }
    let body = text.trim_start_matches(BOM);
    let mark = &text[..text.len() - body.len()];
    if let Some(rest) = body.strip_prefix(&blank_form(place, written))
        && rest.trim().is_empty()
    {
        return Ok(whole(&format!("{mark}{rest}")));
    }
    let parsed = Parsed::of(text)?;
    let (found, depth) = parsed.walk(place)?;
    if depth < place.path.len() {
        return Err(SettingsFault::Entangled);
    }
    if number == 0 {
        for (level, container) in found.iter().enumerate() {
            let added = addition(place, level, written);
            if let Some(range) = parsed.piece(container, &added) {
                return Ok(whole(&without(text, &range)));
            }
        }
    }
    parsed.cut_entry(place, &found, number).map(Cut::Entry)
}

fn whole(text: &str) -> Cut {
    Cut::Whole(Some(text.to_owned()))
}

const BOM: char = '\u{feff}';

/// A file that held nothing but blanks, with the entry in front of them: two blanks, as no other form has.
fn blank_form(place: EntryPlace, entry: &str) -> String {
    format!("{{  {}}}", addition(place, 0, entry))
}

/// The text that is put into the container at a level of the place, with all that is missing below it.
fn addition(place: EntryPlace, level: usize, entry: &str) -> String {
    let leaf = match place.member {
        Some(name) => format!("{}: {entry}", quoted(name)),
        None => entry.to_owned(),
    };
    let missing = place.path.iter().enumerate().skip(level).rev();
    missing.fold(leaf, |inner, (at, key)| {
        let is_array = place.member.is_none() && at + 1 == place.path.len();
        let (open, close) = if is_array { ('[', ']') } else { ('{', '}') };
        format!("{}: {open}{inner}{close}", quoted(key))
    })
}

fn quoted(name: &str) -> String {
    Value::from(name).to_string()
}

impl<'t> Parsed<'t> {
    fn of(text: &'t str) -> Result<Parsed<'t>, SettingsFault> {
        let mut plain = without_comments(text);
        if plain.starts_with(BOM) {
            plain.replace_range(..BOM.len_utf8(), "   ");
        }
        serde_json::from_str::<Value>(&plain)
            .map_err(|why| SettingsFault::NotJson(why.to_string()))?;
        let start = plain.len() - plain.trim_start().len();
        let end = value_end(plain.as_bytes(), start);
        let parsed = Parsed {
            text,
            plain,
            root: start..end,
        };
        parsed.expect(&parsed.root.clone(), "the whole", b'{')?;
        Ok(parsed)
    }

    fn expect(&self, at: &Range<usize>, name: &str, open: u8) -> Result<(), SettingsFault> {
        if self.plain.as_bytes().get(at.start) == Some(&open) {
            return Ok(());
        }
        let kind = if open == b'{' { "an object" } else { "a list" };
        Err(SettingsFault::OtherKind(name.to_owned(), kind))
    }

    /// The containers on the way to a place, from the root as far as they are there, and how many keys that are.
    fn walk(&self, place: EntryPlace) -> Result<(Vec<Range<usize>>, usize), SettingsFault> {
        let mut found = vec![self.root.clone()];
        for (at, key) in place.path.iter().enumerate() {
            let children = self.children(&found[at]);
            let mut named = children
                .iter()
                .filter(|one| one.key.as_deref() == Some(key));
            let Some(child) = named.next() else {
                return Ok((found, at));
            };
            if named.next().is_some() {
                return Err(SettingsFault::Twice((*key).to_owned()));
            }
            let is_last = at + 1 == place.path.len();
            let open = if is_last && place.member.is_none() {
                b'['
            } else {
                b'{'
            };
            self.expect(&child.value, key, open)?;
            found.push(child.value.clone());
        }
        if let Some(name) = place.member {
            let last = self.children(&found[place.path.len()]);
            if last
                .iter()
                .filter(|one| one.key.as_deref() == Some(name))
                .count()
                > 1
            {
                return Err(SettingsFault::Twice(name.to_owned()));
            }
        }
        Ok((found, place.path.len()))
    }

    /// What stands in a container, in order.
    fn children(&self, container: &Range<usize>) -> Vec<Child> {
        let bytes = self.plain.as_bytes();
        let is_object = bytes[container.start] == b'{';
        let (mut all, mut at) = (Vec::new(), container.start + 1);
        loop {
            at = past_blanks(bytes, at);
            if at + 1 >= container.end {
                return all;
            }
            let first = at;
            let key = is_object.then(|| {
                let end = value_end(bytes, at);
                let name = serde_json::from_str(&self.plain[at..end]).unwrap_or_default();
                // Past the colon.
                at = past_blanks(bytes, past_blanks(bytes, end) + 1);
                name
            });
            let end = value_end(bytes, at);
            all.push(Child {
                key,
                whole: first..end,
                value: at..end,
            });
            at = past_blanks(bytes, end);
            if bytes.get(at) == Some(&b',') {
                at += 1;
            }
        }
    }

    fn value(&self, range: &Range<usize>) -> Result<Value, SettingsFault> {
        serde_json::from_str(&self.plain[range.clone()])
            .map_err(|why| SettingsFault::NotJson(why.to_string()))
    }

    fn is_empty(&self, container: &Range<usize>) -> bool {
        past_blanks(self.plain.as_bytes(), container.start + 1) + 1 == container.end
    }

    /// The piece at the beginning of a container that `insert` has put there, if it is one.
    fn piece(&self, container: &Range<usize>, added: &str) -> Option<Range<usize>> {
        let open = container.start + 1;
        let inside = &self.text[open..container.end];
        let blanks = blanks_at(self.text, open);
        let rest = inside[blanks.len()..].strip_prefix(added)?;
        let end = open + blanks.len() + added.len();
        let is_alone = past_blanks(self.plain.as_bytes(), end) + 1 == container.end;
        if is_alone {
            return (blanks == " ").then_some(open..end);
        }
        let after = end + 1;
        let is_piece = rest.starts_with(',') && blanks_at(self.text, after) == blanks;
        is_piece.then_some(open..after)
    }

    /// The text without an entry, wherever it stands, and without the containers that hold nothing else.
    fn cut_entry(
        &self,
        place: EntryPlace,
        found: &[Range<usize>],
        number: usize,
    ) -> Result<String, SettingsFault> {
        let mut level = place.path.len();
        let mut children = self.children(&found[level]);
        let mut at = match place.member {
            Some(name) => children
                .iter()
                .position(|one| one.key.as_deref() == Some(name)),
            None => (number < children.len()).then_some(number),
        }
        .ok_or(SettingsFault::Entangled)?;
        // A comment in a container is a reason to let it be.
        let holds_more = |container: &Range<usize>, child: &Child| {
            let text = self.text.get(container.start + 1..child.whole.start);
            let after = self.text.get(child.whole.end..container.end - 1);
            [text, after]
                .into_iter()
                .flatten()
                .any(|part| !part.trim().is_empty())
        };
        while level > 0 && !holds_more(&found[level], &children[at]) {
            level -= 1;
            let inner = found[level + 1].clone();
            children = self.children(&found[level]);
            at = children
                .iter()
                .position(|one| one.value == inner)
                .ok_or(SettingsFault::Entangled)?;
        }
        let bytes = self.plain.as_bytes();
        let child = &children[at];
        let comma_after = past_blanks(bytes, child.whole.end);
        let out = if bytes.get(comma_after) == Some(&b',') {
            let next = comma_after + 1 + blanks_at(self.text, comma_after + 1).len();
            let between = without(self.text, &(comma_after..next));
            without(&between, &child.whole)
        } else if at > 0 {
            let comma = past_blanks(bytes, children[at - 1].whole.end);
            let rest = without(self.text, &child.whole);
            let blanks = blanks_at(self.text, comma + 1).len();
            let is_next = comma + 1 + blanks == child.whole.start;
            without(
                &rest,
                &(comma..comma + 1 + if is_next { blanks } else { 0 }),
            )
        } else {
            without(self.text, &child.whole)
        };
        let left = entries(&out, place)?.len();
        if left + 1 == entries(self.text, place)?.len() {
            Ok(out)
        } else {
            Err(SettingsFault::Entangled)
        }
    }
}

fn without(text: &str, range: &Range<usize>) -> String {
    format!("{}{}", &text[..range.start], &text[range.end..])
}

/// The blanks that stand at a place.
fn blanks_at(text: &str, at: usize) -> &str {
    let rest = &text[at..];
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    &rest[..blanks]
}

fn past_blanks(bytes: &[u8], from: usize) -> usize {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|byte| is_blank(byte)).count()
}

/// The end of the value that begins at a place of a text that is JSON.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' | b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

/// The end of the string that begins at a place, behind its second quote.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The text with blanks in the place of comments, `//` to the end of a line and `/* */`; every other byte
/// stays in its place.
pub fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = if rest.starts_with("//") {
            rest.find(['\n', '\r']).unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            let length = if rest.starts_with('"') {
                string_end(rest.as_bytes(), 0).min(rest.len())
            } else {
                1
            };
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        };
        out.extend(std::iter::repeat_n(' ', length));
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
#[path = "json_text_tests.rs"]
mod tests;
