//! Files of new tasks: YAML, JSON, and JSON Lines, read an entry at a time.
//!
//! A file of a hundred thousand entries is never a tree in memory; of YAML its text is. Whatever is
//! wrong with a file is one class of error with one sentence at its end, and a key that stands
//! twice is wrong: nobody can say which of the two was meant.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, de};

use crate::app::error::AppError;
use crate::base::fs;
use crate::base::text::one_line;
use crate::base::yaml::{self, YamlProblem};
use crate::ops::create::NewTask;

/// Largest file of tasks.
const CAP: u64 = 256 << 20;
/// Longest line of JSON Lines: the largest task with room to spare.
const MAX_LINE: u64 = 16 << 20;
/// The key of an object that holds nothing but a list of tasks.
const TASKS: &str = "tasks";

/// Does something with an entry as soon as it is read.
type Each<'a> = dyn FnMut(NewTask) -> Result<(), AppError> + 'a;

/// Reads the entries of a file in the form that its ending names: `.yaml`/`.yml`, `.json` (a list
/// or one entry), otherwise JSON Lines.
pub(super) fn read(dir: &Path, file: &Path, each: &mut Each<'_>) -> Result<(), AppError> {
    if file == Path::new("-") {
        let shown = "standard input";
        let input = fs::text_reader(io::stdin().lock(), CAP).map_err(|e| bad(shown, &e))?;
        return json_lines(input, shown, each);
    }
    let shown = file.display().to_string();
    let opened = fs::open_named(&dir.join(file))
        .map_err(|e| AppError::unreadable_input(e, "nothing was created"))?;
    let input = fs::text_reader(opened, CAP).map_err(|e| bad(&shown, &e))?;
    match file.extension().and_then(|e| e.to_str()) {
        Some("yaml" | "yml") => from_yaml(input, &shown, each),
        Some("json") => from_json(input, &shown, each),
        _ => json_lines(input, &shown, each),
    }
}

fn from_yaml(mut input: impl Read, shown: &str, each: &mut Each<'_>) -> Result<(), AppError> {
    let mut text = String::new();
    let read = input.read_to_string(&mut text);
    read.map_err(|e| bad(shown, &e))?;
    let mut n = 0;
    let done = yaml::parse_entries(&text, TASKS, &mut |node| {
        n += 1;
        let line = node.place.line;
        let new = serde_json::from_value(yaml::to_json(node))
            .map_err(|e| bad(shown, &format_args!("entry {n} (line {line}): {e}")))?;
        Ok(each(new)?)
    });
    done.map_err(|fault| match fault {
        YamlFault::Text(problem) => bad(shown, &problem),
        YamlFault::Entry(error) => *error,
    })
}

/// Why a YAML file was not read to its end.
enum YamlFault {
    Text(YamlProblem),
    Entry(Box<AppError>),
}

impl From<YamlProblem> for YamlFault {
    fn from(problem: YamlProblem) -> YamlFault {
        YamlFault::Text(problem)
    }
}

impl From<AppError> for YamlFault {
    fn from(error: AppError) -> YamlFault {
        YamlFault::Entry(Box::new(error))
    }
}

fn from_json(input: impl BufRead, shown: &str, each: &mut Each<'_>) -> Result<(), AppError> {
    let mut reader = serde_json::Deserializer::from_reader(input);
    let (mut n, mut refused) = (0, None);
    let entries = JsonEntries {
        each: &mut |new| each(new).map_err(|error| refused = Some(error)),
        n: &mut n,
    };
    let read = reader
        .deserialize_any(entries)
        .and_then(|()| reader.end())
        .map_err(|e| bad(shown, &e));
    match refused {
        Some(error) => Err(error),
        None => read,
    }
}

/// The entries of a JSON file: a list of them, one, or an object with a list below [`TASKS`].
struct JsonEntries<'a> {
    /// Fails where it has noted an error.
    each: &'a mut dyn FnMut(NewTask) -> Result<(), ()>,
    n: &'a mut usize,
}

impl JsonEntries<'_> {
    fn next<E: de::Error>(&mut self, new: Result<NewTask, E>) -> Result<(), E> {
        *self.n += 1;
        let new = new.map_err(|e| E::custom(format_args!("entry {}: {e}", self.n)))?;
        (self.each)(new).map_err(|()| E::custom("refused"))
    }
}

impl<'de> Visitor<'de> for JsonEntries<'_> {
    type Value = ();

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a list of tasks, or one task")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        loop {
            match items.next_element().transpose() {
                None => return Ok(()),
                Some(new) => self.next(new)?,
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        let first: Option<String> = fields.next_key()?;
        if first.as_deref() != Some(TASKS) {
            let whole = BegunMap {
                first,
                rest: fields,
            };
            let new = NewTask::deserialize(MapAccessDeserializer::new(whole));
            return self.next(new);
        }
        fields.next_value_seed(self)?;
        match fields.next_key::<String>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::custom(format_args!(
                "nothing may stand beside `{TASKS}`"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for JsonEntries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

/// A map of which the first key is read already.
struct BegunMap<A> {
    first: Option<String>,
    rest: A,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for BegunMap<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        match self.first.take() {
            Some(key) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.rest.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.rest.next_value_seed(seed)
    }
}

fn json_lines(mut input: impl BufRead, shown: &str, each: &mut Each<'_>) -> Result<(), AppError> {
    let mut n = 0;
    loop {
        n += 1;
        let line = fs::read_line(&mut input, MAX_LINE);
        let line = line.map_err(|e| bad(shown, &format_args!("line {n}: {e}")))?;
        let Some((line, _)) = line else {
            return Ok(());
        };
        if !line.trim().is_empty() {
            let new = serde_json::from_str(&line);
            each(new.map_err(|e| bad(shown, &format_args!("line {n}: {e}")))?)?;
        }
    }
}

fn bad(file: &str, why: &dyn fmt::Display) -> AppError {
    let (file, why) = (one_line(file), one_line(&why.to_string()));
    AppError::usage(format!("{file}: {why}; nothing was created"))
        .hint("`ai schema new-task` shows the fields of an entry")
}
