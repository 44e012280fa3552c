//! A settings file in TOML as text: a table is put behind all that stands in it, found again, and taken out, and
//! every other byte stays as it is.
//!
//! Invariants: what is put in is one line end and a table with its header, so that taking this piece out gives
//! the same bytes again; a parser has the last word, before and after. Deliberately absent: a look of its own
//! for files that write all tables in one line.

use serde_json::Value;
use toml_edit::{DocumentMut, Item};

use crate::connector::json_text::{Cut, SettingsFault};

/// A table in another one of the root, such as `[mcp_servers.ai]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TablePlace {
    /// The name of the outer one.
    pub outer: &'static str,
    /// The name of the table.
    pub name: &'static str,
}

/// The table that stands in a place, as JSON.
///
/// # Errors
/// Where the text is no TOML, or the outer name is that of something else.
pub fn entry(text: &str, place: TablePlace) -> Result<Option<Value>, SettingsFault> {
    let document = parsed(text)?;
    let Some(outer) = document.get(place.outer) else {
        return Ok(None);
    };
    let Some(outer) = outer.as_table_like() else {
        return Err(SettingsFault::OtherKind(place.outer.to_owned(), "a table"));
    };
    Ok(outer.get(place.name).map(json))
}

/// The text of a file that holds nothing but the table, whose lines are given.
pub fn fresh(place: TablePlace, lines: &str) -> String {
    format!("[{}.{}]\n{lines}", place.outer, place.name)
}

/// Puts the table behind what stands in a text.
///
/// # Errors
/// As of [`entry`], and where the text writes its tables in a way that takes no further one.
pub fn insert(text: &str, place: TablePlace, lines: &str) -> Result<String, SettingsFault> {
    if entry(text, place)?.is_some() {
        return Err(SettingsFault::Twice(place.name.to_owned()));
    }
    let out = format!("{text}\n{}", fresh(place, lines));
    let takes_it = entry(&out, place).is_ok_and(|entry| entry.is_some());
    if takes_it && cut(&out, place, lines)? == Cut::Whole(Some(text.to_owned())) {
        Ok(out)
    } else {
        Err(SettingsFault::Entangled)
    }
}

/// Takes the table out; `lines` are those with which it was put in.
///
/// # Errors
/// As of [`entry`], and where the table is written in a way that cannot be told from what stands around it.
pub fn cut(text: &str, place: TablePlace, lines: &str) -> Result<Cut, SettingsFault> {
    let table = fresh(place, lines);
    if text == table {
        return Ok(Cut::Whole(None));
    }
    let expected = rest_of(json(parsed(text)?.as_item()), place);
    let leaves_the_rest = |text: &str| {
        let left = parsed(text).map(|left| rest_of(json(left.as_item()), place));
        left.as_ref() == Ok(&expected) && entry(text, place) == Ok(None)
    };
    let piece = format!("\n{table}");
    if let Some(at) = text.rfind(&piece) {
        let rest = format!("{}{}", &text[..at], &text[at + piece.len()..]);
        if leaves_the_rest(&rest) {
            return Ok(Cut::Whole(Some(rest)));
        }
    }
    let rest = without_lines(text, place);
    if leaves_the_rest(&rest) {
        Ok(Cut::Entry(rest))
    } else {
        Err(SettingsFault::Entangled)
    }
}

/// What stands beside the table, without the outer one where that holds nothing else.
fn rest_of(mut all: Value, place: TablePlace) -> Value {
    let Some(root) = all.as_object_mut() else {
        return all;
    };
    let outer = root.get_mut(place.outer).and_then(Value::as_object_mut);
    let is_hollow = outer.is_some_and(|outer| {
        outer.shift_remove(place.name);
        outer.is_empty()
    });
    if is_hollow {
        root.shift_remove(place.outer);
    }
    all
}

/// The text without the lines of the table and of those within it; comments behind the last one stay.
fn without_lines(text: &str, place: TablePlace) -> String {
    let own = format!("{}.{}", place.outer, place.name);
    let is_own = |line: &str| {
        let name = line.trim().trim_start_matches('[').split(']').next();
        let rest = name.and_then(|name| name.trim().strip_prefix(&own));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let (mut out, mut later, mut is_within) = (String::new(), String::new(), false);
    for line in text.split_inclusive('\n') {
        let plain = line.trim_start();
        if plain.starts_with('[') {
            is_within = is_own(plain);
        }
        if !is_within {
            out.push_str(&std::mem::take(&mut later));
            out.push_str(line);
        } else if plain.is_empty() || plain.starts_with('#') {
            later.push_str(line);
        } else {
            later.clear();
        }
    }
    out + &later
}

fn parsed(text: &str) -> Result<DocumentMut, SettingsFault> {
    text.parse()
        .map_err(|why: toml_edit::TomlError| SettingsFault::NotToml(why.message().to_owned()))
}

/// An item as JSON; a date is its text.
fn json(item: &Item) -> Value {
    if let Some(table) = item.as_table_like() {
        return table
            .iter()
            .map(|(key, item)| (key.to_owned(), json(item)))
            .collect();
    }
    if let Some(tables) = item.as_array_of_tables() {
        let all = tables.iter().map(|table| json(&Item::Table(table.clone())));
        return all.collect();
    }
    match item.as_value() {
        Some(toml_edit::Value::String(text)) => Value::from(text.value().as_str()),
        Some(toml_edit::Value::Integer(number)) => Value::from(*number.value()),
        Some(toml_edit::Value::Float(number)) => Value::from(*number.value()),
        Some(toml_edit::Value::Boolean(truth)) => Value::from(*truth.value()),
        Some(toml_edit::Value::Datetime(time)) => Value::from(time.value().to_string()),
        Some(toml_edit::Value::Array(all)) => {
            let all = all.iter().map(|value| json(&Item::Value(value.clone())));
            all.collect()
        }
        Some(toml_edit::Value::InlineTable(_)) | None => Value::Null,
    }
}

#[cfg(test)]
#[path = "toml_text_tests.rs"]
mod tests;
