//! Picking a tree of nodes apart: each helper reports what it does not like and goes on, so that
//! one reading finds every problem.

use crate::base::yaml::node::{YamlNode, YamlValue};
use crate::base::yaml::problem::{SourcePlace, YamlProblem};
use crate::base::{duration, suggest};

use std::time::Duration;

/// The fields of one mapping. Fields that nobody asked for are reported by [`MappingFields::finish`].
pub struct MappingFields<'a> {
    /// Place at which the mapping begins.
    pub place: SourcePlace,
    what: &'static str,
    entries: Vec<(&'a str, SourcePlace, &'a YamlNode<'a>)>,
    asked: Vec<&'static str>,
}

/// Room for the fields of a mapping that are asked for, so that it is made once: most have fewer.
const MANY: usize = 24;

impl<'a> MappingFields<'a> {
    /// The fields of `node`, which `what` names in messages; `None` and a problem where it is no
    /// mapping.
    pub fn of(
        node: &'a YamlNode<'a>,
        what: &'static str,
        problems: &mut Vec<YamlProblem>,
    ) -> Option<Self> {
        let YamlValue::Map(entries) = &node.value else {
            problems.push(YamlProblem::new(
                node.place,
                format!("{what} must be a mapping, not {}", node.value.kind()),
            ));
            return None;
        };
        let entries = entries
            .iter()
            .map(|(key, place, value)| (&**key, *place, value))
            .collect();
        Some(Self {
            place: node.place,
            what,
            entries,
            asked: Vec::with_capacity(MANY),
        })
    }

    /// Takes the value of a field.
    pub fn take(&mut self, key: &'static str) -> Option<&'a YamlNode<'a>> {
        self.asked.push(key);
        let at = self.entries.iter().position(|(name, _, _)| *name == key)?;
        Some(self.entries.swap_remove(at).2)
    }

    /// Takes the value of a field; its absence is a problem.
    pub fn need(
        &mut self,
        key: &'static str,
        problems: &mut Vec<YamlProblem>,
    ) -> Option<&'a YamlNode<'a>> {
        let found = self.take(key);
        if found.is_none() {
            problems.push(YamlProblem::new(
                self.place,
                format!("{} needs `{key}`", self.what),
            ));
        }
        found
    }

    /// Refuses a field that a newer version will understand; it is never ignored.
    pub fn refuse(&mut self, key: &'static str, message: &str, problems: &mut Vec<YamlProblem>) {
        if let Some(at) = self.entries.iter().position(|(name, _, _)| *name == key) {
            let (_, place, _) = self.entries.swap_remove(at);
            problems.push(YamlProblem::new(place, message));
        }
    }

    /// Reports every field that nobody asked for.
    pub fn finish(self, problems: &mut Vec<YamlProblem>) {
        for (key, place, _) in &self.entries {
            let problem = YamlProblem::new(*place, format!("{} has no field `{key}`", self.what));
            problems.push(match suggest::nearest(key, self.asked.iter().copied()) {
                Some(known) => problem.hint(format!("did you mean `{known}`?")),
                None => problem.hint(format!("known are {}", self.asked.join(", "))),
            });
        }
    }
}

/// Text that is not empty.
pub fn text_of(node: &YamlNode, what: &str, problems: &mut Vec<YamlProblem>) -> Option<String> {
    text_in(node, what, problems).map(str::to_owned)
}

/// The same, as it stands in the node.
fn text_in<'a>(
    node: &'a YamlNode<'_>,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Option<&'a str> {
    match &node.value {
        YamlValue::Plain(text) | YamlValue::Quoted(text) if !text.trim().is_empty() => Some(text),
        YamlValue::Plain(_) | YamlValue::Quoted(_) | YamlValue::Null => {
            problems.push(YamlProblem::new(node.place, format!("{what} is empty")));
            None
        }
        other => {
            problems.push(YamlProblem::new(
                node.place,
                format!("{what} must be text, not {}", other.kind()),
            ));
            None
        }
    }
}

/// A list of texts; a single text stands for a list of one.
pub fn texts_of(
    node: &YamlNode,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Vec<(String, SourcePlace)> {
    let texts = texts_in(node, what, problems).into_iter();
    texts
        .map(|(text, place)| (text.to_owned(), place))
        .collect()
}

/// The same, as they stand in the node.
pub fn texts_in<'a>(
    node: &'a YamlNode<'_>,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Vec<(&'a str, SourcePlace)> {
    let one = std::slice::from_ref(node);
    let items = match &node.value {
        YamlValue::List(items) => items.as_slice(),
        _ => one,
    };
    items
        .iter()
        .filter_map(|item| Some((text_in(item, what, problems)?, item.place)))
        .collect()
}

/// Like [`texts_of`], without the places.
pub fn names_of(node: &YamlNode, what: &str, problems: &mut Vec<YamlProblem>) -> Vec<String> {
    texts_of(node, what, problems)
        .into_iter()
        .map(|(text, _)| text)
        .collect()
}

/// The items of a list.
pub fn list_of<'a>(
    node: &'a YamlNode<'a>,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> &'a [YamlNode<'a>] {
    match &node.value {
        YamlValue::List(items) => items,
        other => {
            problems.push(YamlProblem::new(
                node.place,
                format!("{what} must be a list, not {}", other.kind()),
            ));
            &[]
        }
    }
}

/// `true` or `false`; other spellings mean different things to different YAML readers and are
/// refused.
pub fn bool_of(node: &YamlNode, what: &str, problems: &mut Vec<YamlProblem>) -> Option<bool> {
    match &node.value {
        YamlValue::Plain(text) if text == "true" => Some(true),
        YamlValue::Plain(text) if text == "false" => Some(false),
        _ => {
            problems.push(YamlProblem::new(
                node.place,
                format!("{what} must be true or false"),
            ));
            None
        }
    }
}

/// A whole decimal number of at least `least` and at most 2^32 - 1.
pub fn count_of(
    node: &YamlNode,
    what: &str,
    least: u32,
    problems: &mut Vec<YamlProblem>,
) -> Option<u32> {
    let number = match &node.value {
        YamlValue::Plain(text)
            if text == "0"
                || !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit()) =>
        {
            text.parse().ok()
        }
        _ => None,
    };
    let number = number.filter(|n: &u32| *n >= least);
    if number.is_none() {
        problems.push(YamlProblem::new(
            node.place,
            format!("{what} must be a whole number of at least {least}"),
        ));
    }
    number
}

/// A duration such as `30m`, longer than nothing.
pub fn duration_of(
    node: &YamlNode,
    what: &str,
    problems: &mut Vec<YamlProblem>,
) -> Option<Duration> {
    let text = text_of(node, what, problems)?;
    match duration::parse(&text) {
        Ok(duration) if duration.is_zero() => {
            problems.push(YamlProblem::new(
                node.place,
                format!("{what} must be longer than nothing"),
            ));
            None
        }
        Ok(duration) => Some(duration),
        Err(error) => {
            let text = format!("{what}: {error}; {}", error.hint());
            problems.push(YamlProblem::new(node.place, text));
            None
        }
    }
}

/// One of a few words.
pub fn one_of<T: Copy>(
    node: &YamlNode,
    what: &str,
    words: &[(&'static str, T)],
    problems: &mut Vec<YamlProblem>,
) -> Option<T> {
    let text = text_in(node, what, problems)?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let problem = YamlProblem::new(node.place, format!("{what} cannot be `{text}`"));
    let near = match switch_side(text) {
        // By its letters alone, `no` and `none` are nearest to their opposite.
        Some(side) => side
            .iter()
            .find_map(|word| known.iter().find(|one| *one == word)),
        None => None,
    };
    let near = near.copied().or_else(|| {
        let near = suggest::nearest(text, known.iter().copied())?;
        let opposite = |own: &[&str]| switch_side(near).is_some_and(|side| side != own);
        (!switch_side(text).is_some_and(opposite)).then_some(near)
    });
    problems.push(match near {
        Some(word) => problem.hint(format!("did you mean `{word}`?")),
        None => problem.hint(format!("known are {}", known.join(", "))),
    });
    None
}

/// The words for a switch that is on, those first that settings have.
const ON: [&str; 8] = ["on", "always", "auto", "yes", "y", "true", "enabled", "1"];
/// The same for one that is off.
const OFF: [&str; 12] = [
    "off", "none", "never", "no", "n", "false", "nothing", "nobody", "disabled", "disable",
    "without", "0",
];

/// The words that mean the same as this one, where it is said of a switch.
fn switch_side(text: &str) -> Option<&'static [&'static str]> {
    let text = text.to_ascii_lowercase();
    [&ON[..], &OFF[..]]
        .into_iter()
        .find(|side| side.contains(&text.as_str()))
}

#[cfg(test)]
mod tests {
    use super::super::node::parse;
    use super::*;

    fn read(
        text: &str,
        read: impl FnOnce(&mut MappingFields<'_>, &mut Vec<YamlProblem>),
    ) -> Vec<YamlProblem> {
        let root = parse(text.as_bytes()).unwrap();
        let mut problems = Vec::new();
        let mut fields = MappingFields::of(&root, "the file", &mut problems).unwrap();
        read(&mut fields, &mut problems);
        fields.finish(&mut problems);
        problems
    }

    #[test]
    fn unknown_fields_get_a_suggestion_or_the_list() {
        let problems = read("verison: 1\nowner: x\n", |fields, _| {
            assert!(fields.take("version").is_none());
            assert!(fields.take("rules").is_none());
        });
        assert_eq!(problems[0].hint.as_deref(), Some("did you mean `version`?"));
        assert_eq!(problems[0].place, SourcePlace { line: 1, column: 1 });
        assert_eq!(
            problems[1].hint.as_deref(),
            Some("known are version, rules")
        );
    }

    #[test]
    fn booleans_and_numbers_have_one_spelling() {
        let problems = read(
            "a: no\nb: 012\nc: \"3\"\nd: 0x10\ne: 7\nf: 0\n",
            |fields, problems| {
                assert_eq!(bool_of(fields.take("a").unwrap(), "`a`", problems), None);
                assert_eq!(
                    count_of(fields.take("b").unwrap(), "`b`", 1, problems),
                    None
                );
                assert_eq!(
                    count_of(fields.take("c").unwrap(), "`c`", 1, problems),
                    None
                );
                assert_eq!(
                    count_of(fields.take("d").unwrap(), "`d`", 1, problems),
                    None
                );
                assert_eq!(
                    count_of(fields.take("e").unwrap(), "`e`", 1, problems),
                    Some(7)
                );
                assert_eq!(
                    count_of(fields.take("f").unwrap(), "`f`", 1, problems),
                    None
                );
            },
        );
        assert_eq!(problems.len(), 5);
    }

    #[test]
    fn a_boolean_is_no_slip_of_the_opposite_switch() {
        let switch = [("on", 1), ("off", 2)];
        for (written, hint) in [
            ("no", "did you mean `off`?"),
            ("No", "did you mean `off`?"),
            ("false", "did you mean `off`?"),
            ("yes", "did you mean `on`?"),
            ("onn", "did you mean `on`?"),
            ("none", "did you mean `off`?"),
            ("None", "did you mean `off`?"),
            ("never", "did you mean `off`?"),
            ("n", "did you mean `off`?"),
            ("nothing", "did you mean `off`?"),
            ("OFF", "did you mean `off`?"),
            ("0", "did you mean `off`?"),
            ("always", "did you mean `on`?"),
            ("True", "did you mean `on`?"),
            ("of", "did you mean `off`?"),
            ("maybe", "known are on, off"),
        ] {
            let problems = read(&format!("a: {written}\n"), |fields, problems| {
                assert_eq!(
                    one_of(fields.take("a").unwrap(), "`a`", &switch, problems),
                    None
                );
            });
            assert_eq!(problems[0].hint.as_deref(), Some(hint), "{written}");
        }
    }

    #[test]
    fn a_switch_by_another_word_is_found_and_its_opposite_is_not() {
        let modes = ["auto", "bubblewrap", "landlock", "none"];
        let modes = modes.map(|mode| (mode, mode));
        let effects = ["warn", "one", "allow"].map(|effect| (effect, effect));
        let said = |written: &str, words: &[(&'static str, &'static str)]| {
            let problems = read(&format!("a: {written}\n"), |fields, problems| {
                let node = fields.take("a").unwrap();
                assert_eq!(one_of(node, "`a`", words, problems), None);
            });
            problems.into_iter().next().unwrap().hint.unwrap()
        };
        for (written, hint) in [
            ("off", "did you mean `none`?"),
            ("never", "did you mean `none`?"),
            ("on", "did you mean `auto`?"),
            ("true", "did you mean `auto`?"),
        ] {
            assert_eq!(said(written, &modes), hint, "{written}");
        }
        // No word of either side is known: the letters count.
        assert_eq!(said("none", &effects), "did you mean `one`?");
        assert_eq!(said("nnone", &[("none", "none")]), "did you mean `none`?");
    }

    #[test]
    fn one_text_stands_for_a_list() {
        let problems = read("a: x\nb: [y, '', z]\n", |fields, problems| {
            assert_eq!(names_of(fields.take("a").unwrap(), "`a`", problems), ["x"]);
            assert_eq!(
                names_of(fields.take("b").unwrap(), "`b`", problems),
                ["y", "z"]
            );
        });
        assert_eq!(problems.len(), 1);
    }
}
