//! The reading of a configuration file: fields with the places where they stand, and all problems at
//! once.

use crate::base::yaml::{
    self, MappingFields, SourcePlace, TreeStanding, YamlNode, YamlProblem, YamlValue,
};
use crate::config::checked_text::is_plain_name;
use crate::config::model::CommandLine;
use crate::config::origin::Origins;

/// Gathers the problems of a file, and the places of its values.
#[derive(Default)]
pub(super) struct ConfigReader {
    /// The problems so far.
    pub(super) problems: Vec<YamlProblem>,
    /// The places of the values so far.
    pub(super) origins: Origins,
    /// The standing of the file.
    pub(super) standing: TreeStanding,
}

/// One section of the file: takes fields, remembers where they stand.
pub(super) struct ConfigSection<'r, 'n> {
    name: &'static str,
    /// The fields that were not taken yet.
    pub(super) fields: MappingFields<'n>,
    /// The reading of the whole file.
    pub(super) reader: &'r mut ConfigReader,
}

impl ConfigReader {
    /// Reads the section of this name, where there is one.
    pub(super) fn section(
        &mut self,
        file: &mut MappingFields<'_>,
        name: &'static str,
        read: impl FnOnce(&mut ConfigSection<'_, '_>),
    ) {
        let Some(node) = file.take(name) else { return };
        let Some(fields) = MappingFields::of(node, name, &mut self.problems) else {
            return;
        };
        let mut section = ConfigSection {
            name,
            fields,
            reader: self,
        };
        read(&mut section);
        let ConfigSection { fields, .. } = section;
        fields.finish(&mut self.problems);
    }

    /// The entries of a mapping from names to values; names that cannot be a file name are
    /// problems.
    pub(super) fn named<'n>(
        &mut self,
        node: &'n YamlNode<'n>,
        what: &str,
    ) -> Vec<(&'n str, SourcePlace, &'n YamlNode<'n>)> {
        let YamlValue::Map(entries) = &node.value else {
            self.problem(
                node.place,
                format!(
                    "{what} must be a mapping of names, not {}",
                    node.value.kind()
                ),
            );
            return Vec::new();
        };
        let mut good = Vec::with_capacity(entries.len());
        for (name, place, value) in entries {
            if is_plain_name(name) {
                good.push((&**name, *place, value));
            } else {
                let message = format!(
                    "`{name}` is no name for {what}: letters, digits, `-`, `_` and `.`, at most 64"
                );
                self.problem(*place, message);
            }
        }
        good
    }

    /// Reads a command: a line for the shell, or a list of arguments.
    pub(super) fn command(&mut self, node: &YamlNode, what: &str) -> Option<CommandLine> {
        if let YamlValue::List(items) = &node.value {
            let before = self.problems.len();
            if items.is_empty() {
                self.problem(
                    node.place,
                    format!("{what} is an empty list; the program comes first"),
                );
            }
            let argv = yaml::names_of(node, what, &mut self.problems);
            return (self.problems.len() == before).then_some(CommandLine::Argv(argv));
        }
        yaml::text_of(node, what, &mut self.problems).map(CommandLine::Shell)
    }

    /// Reads texts, each of which has to pass a check.
    pub(super) fn checked_texts(
        &mut self,
        node: &YamlNode,
        what: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Vec<String> {
        let texts = yaml::texts_of(node, what, &mut self.problems);
        let unchecked = match self.standing {
            TreeStanding::New => texts.as_slice(),
            TreeStanding::Proven => &[],
        };
        for (text, place) in unchecked {
            if let Err(why) = check(text) {
                self.problem(*place, why);
            }
        }
        texts.into_iter().map(|(text, _)| text).collect()
    }

    /// Adds a problem.
    pub(super) fn problem(&mut self, place: SourcePlace, message: impl AsRef<str>) {
        self.problems.push(YamlProblem::new(place, message));
    }
}

impl<'n> ConfigSection<'_, 'n> {
    /// Takes a field and remembers where it stands.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'n YamlNode<'n>> {
        let node = self.fields.take(key)?;
        self.reader
            .origins
            .insert(format!("{}.{key}", self.name), node.place);
        Some(node)
    }

    /// Replaces a default by the value of a field, where it is there and in order.
    pub(super) fn set<T>(
        &mut self,
        key: &'static str,
        slot: &mut T,
        read: impl FnOnce(&YamlNode, &str, &mut Vec<YamlProblem>) -> Option<T>,
    ) {
        let Some(node) = self.take(key) else { return };
        if let Some(value) = read(node, &format!("`{key}`"), &mut self.reader.problems) {
            *slot = value;
        }
    }

    /// A whole number of at least one.
    pub(super) fn count(&mut self, key: &'static str, slot: &mut u32) {
        self.set(key, slot, |node, what, problems| {
            yaml::count_of(node, what, 1, problems)
        });
    }

    /// Text that has to pass a check.
    pub(super) fn text(
        &mut self,
        key: &'static str,
        slot: &mut Option<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) {
        self.set(key, slot, |node, what, problems| {
            let text = yaml::text_of(node, what, problems)?;
            let checked =
                check(&text).map_err(|why| problems.push(YamlProblem::new(node.place, why)));
            checked.ok().map(|()| Some(text))
        });
    }

    /// A list of texts, each of which has to pass a check.
    pub(super) fn texts(
        &mut self,
        key: &'static str,
        slot: &mut Vec<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) {
        if let Some(node) = self.take(key) {
            *slot = self.reader.checked_texts(node, &format!("`{key}`"), check);
        }
    }
}
