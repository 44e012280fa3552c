//! What the input of a tool tells: files in fields and in patches, a command, and where that is run.
//!
//! Deliberately absent: the tools of each CLI, which say where they tell it.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use crate::connector::dialogue::GoneFile;
use crate::connector::json::text_at;
use crate::domain::tool_kind::{ToolKind, words_of_name};

/// The mark of a patch, which Codex takes out of a shell command, too.
pub(super) const PATCH: &str = "*** Begin Patch";
const PATCH_END: &str = "*** End Patch";

/// Fields in which tools that nobody here knows name files, at any depth; written without `_`, `-` and capitals.
const FILE_FIELDS: [&str; 27] = [
    "path",
    "paths",
    "file",
    "files",
    "filepath",
    "filepaths",
    "filename",
    "filenames",
    "notebookpath",
    "absolutepath",
    "relativepath",
    "relativeworkspacepath",
    "targetfile",
    "source",
    "src",
    "destination",
    "dest",
    "dst",
    "target",
    "from",
    "to",
    "oldpath",
    "newpath",
    "sourcepath",
    "destinationpath",
    "targetpath",
    "uri",
];
/// Fields in which a tool has a command.
const COMMAND_FIELDS: [&str; 7] = [
    "command",
    "cmd",
    "commandline",
    "script",
    "shellcommand",
    "input",
    "chars",
];
/// Those of them in which other things stand as well, as whoever gets a message.
const EITHER_FIELDS: [&str; 8] = [
    "source",
    "src",
    "destination",
    "dest",
    "dst",
    "target",
    "from",
    "to",
];
/// Those of them that say where a file goes.
const TARGET_FIELDS: [&str; 9] = [
    "destination",
    "dest",
    "dst",
    "target",
    "to",
    "newpath",
    "destinationpath",
    "targetpath",
    "targetfile",
];
/// A field in which a tool for files has the name of one, and every other the name of anything.
const NAME_FIELD: &str = "name";
/// Words by which the name of a tool says that it has to do with files.
const ABOUT_FILES: [&str; 6] = ["file", "files", "dir", "directory", "directories", "folder"];
/// Fields that name a directory: that in which a file lies, or the one that is removed or moved.
const FOLDER_FIELDS: [&str; 5] = ["dir", "directory", "dirpath", "directorypath", "folder"];
/// Fields that name the directory in which a command is run.
pub(super) const DIRECTORY_FIELDS: [&str; 6] = [
    "workdir",
    "cwd",
    "workingdirectory",
    "workingdir",
    "directory",
    "dirpath",
];
/// Most files of one call.
pub(super) const MOST_FILES: usize = 256;
/// What else stands in such a field is a text and no name.
const LONGEST_NAME: usize = 4 << 10;

/// The first of these fields that names something.
pub(super) fn named_in(input: &Value, fields: &[&str]) -> Vec<String> {
    let mut named = fields.iter().filter_map(|name| text_at(input, name));
    let first = named.find(|path| !path.is_empty());
    first.map(str::to_owned).into_iter().collect()
}

/// The kind of a tool that nobody here knows: the most that its own name says, without that of the server
/// from which it comes, or that of a command, where it has one.
pub(super) fn kind_of_unknown(tool: &str, input: &Value) -> ToolKind {
    if in_field(input, &COMMAND_FIELDS[..5]).is_some() {
        return ToolKind::Execute;
    }
    ToolKind::most_of_name(tool)
}

/// A name of a field without `_`, `-` and capitals, as CLIs write it in one way or another.
fn plain(key: &str) -> String {
    let letters = key.chars().filter(|c| !matches!(c, '_' | '-'));
    letters.collect::<String>().to_ascii_lowercase()
}

/// The first of these fields that says something.
pub(super) fn in_field<'v>(input: &'v Value, fields: &[&str]) -> Option<&'v Value> {
    let map = input.as_object()?;
    fields.iter().find_map(|field| {
        let mut all = map.iter().filter(|(key, _)| plain(key) == *field);
        all.find_map(|(_, value)| {
            let says = value.as_str().is_some_and(|text| !text.trim().is_empty());
            (says || value.is_array()).then_some(value)
        })
    })
}

/// Everything that the input of a tool that nobody knows names in fields of files, at any depth. A tool that is not
/// known to have to do with files says `to` and `source` of other things as well.
pub(super) fn named_anywhere(tool: &str, input: &Value, kind: ToolKind) -> NamedFiles {
    let about = AboutFiles::of(tool, kind);
    let (mut found, mut seen, mut open) = (Vec::new(), BTreeSet::new(), vec![input]);
    while let Some(value) = open.pop() {
        match value {
            Value::Array(all) => open.extend(all),
            Value::Object(fields) => {
                open.extend(fields.values());
                for file in in_fields(fields, kind, about) {
                    if seen.insert(file.clone()) {
                        found.push(file);
                    }
                }
                // Each may have two parts; so many are refused.
                if found.len() > 2 * MOST_FILES {
                    break;
                }
            }
            _ => {}
        }
    }
    NamedFiles::of_call(found, kind)
}

/// The part of a file in a call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum FilePart {
    /// The one that is worked on.
    Subject,
    /// The place to which it goes.
    Target,
}

/// The sureness with which a tool has to do with files, by its own name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AboutFiles {
    /// It says so: `save_file`.
    Said,
    /// It changes something and does not say what: `write`.
    Bare,
    /// It may be about anything: `create_issue`, `send`.
    Unsaid,
}

impl AboutFiles {
    fn of(tool: &str, kind: ToolKind) -> AboutFiles {
        let words = words_of_name(tool);
        if words
            .iter()
            .any(|word| ABOUT_FILES.contains(&word.as_str()))
        {
            AboutFiles::Said
        } else if kind.changes_files() && words.len() == 1 {
            AboutFiles::Bare
        } else {
            AboutFiles::Unsaid
        }
    }

    /// True where a text in a field for any name is the name of a file.
    fn takes(self, name: &str) -> bool {
        match self {
            AboutFiles::Said => true,
            AboutFiles::Bare => name.contains(['/', '.']),
            AboutFiles::Unsaid => false,
        }
    }
}

/// The files that the fields of one object name, each with its part.
fn in_fields(
    fields: &Map<String, Value>,
    kind: ToolKind,
    about: AboutFiles,
) -> Vec<(FilePart, String)> {
    let is_sure = !matches!(kind, ToolKind::Other | ToolKind::Fetch);
    let (mut files, mut names, mut folders) = (Vec::new(), Vec::new(), Vec::new());
    for (key, value) in fields {
        let key = plain(key);
        let key = key.as_str();
        if FOLDER_FIELDS.contains(&key) {
            folders.extend(names_in(value));
        } else if FILE_FIELDS.contains(&key) && (is_sure || !EITHER_FIELDS.contains(&key)) {
            let part = if TARGET_FIELDS.contains(&key) {
                FilePart::Target
            } else {
                FilePart::Subject
            };
            files.extend(names_in(value).into_iter().map(|name| (part, name)));
        } else if key == NAME_FIELD {
            names.extend(names_in(value));
        }
    }
    if files.is_empty() {
        names.retain(|name| about.takes(name));
        files.extend(names.into_iter().map(|name| (FilePart::Subject, name)));
    }
    let goes = files.iter().any(|(part, _)| *part == FilePart::Target);
    match kind {
        ToolKind::Delete | ToolKind::Move if files.is_empty() => {
            let all = folders
                .into_iter()
                .map(|folder| (FilePart::Subject, folder));
            return all.collect();
        }
        ToolKind::Move if !goes => {
            files.extend(folders.into_iter().map(|folder| (FilePart::Target, folder)));
            return files;
        }
        _ => {}
    }
    if folders.is_empty() {
        return files;
    }
    let lying = lying_in(&folders, &files);
    // A name may be meant from the directory that stands beside it; one with directories of its own, from both.
    files.retain(|(_, name)| name.contains('/'));
    files.extend(lying);
    files
}

/// The names as they are meant from the directories that stand beside them, unless they begin at the root. No more of
/// them than one call may have: each of many directories could stand before each of many names.
fn lying_in(folders: &[String], files: &[(FilePart, String)]) -> BTreeSet<(FilePart, String)> {
    let folders: BTreeSet<&str> = folders
        .iter()
        .map(|dir| dir.trim_end_matches('/'))
        .collect();
    let files: BTreeSet<&(FilePart, String)> = files
        .iter()
        .filter(|(_, name)| !name.starts_with('/'))
        .collect();
    let mut lying = BTreeSet::new();
    for folder in folders {
        for (part, name) in &files {
            lying.insert((*part, format!("{folder}/{name}")));
            if lying.len() > 2 * MOST_FILES {
                return lying;
            }
        }
    }
    lying
}

/// The names of files in a value, a text or a list of texts.
fn names_in(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let name = text.strip_prefix("file://").unwrap_or(text);
            let is_name = !name.is_empty()
                && name.len() <= LONGEST_NAME
                && !name.contains('\n')
                && !name.contains("://");
            is_name.then(|| name.to_owned()).into_iter().collect()
        }
        Value::Array(all) => all.iter().flat_map(names_in).collect(),
        _ => Vec::new(),
    }
}

/// The directory to which a command goes before its patch, where it says so in plain words and does nothing else;
/// an error where it goes somewhere in another way.
pub(super) fn gone_to(command: &str) -> Result<Option<String>, ()> {
    let goes = |text: &str| {
        let words = text.split(|c: char| c.is_whitespace() || "();&|`{}\"'$".contains(c));
        let going = |word: &&str| matches!(*word, "cd" | "pushd" | "popd" | "chdir" | "env" | "-C");
        words.filter(going).count()
    };
    let parts: Vec<&str> = command.split(PATCH).collect();
    let before = parts.first().copied().unwrap_or_default();
    // From one patch to the next.
    let inner = parts.get(1..parts.len() - 1).unwrap_or_default();
    let tails = inner
        .iter()
        .map(|part| part.rsplit(PATCH_END).next().unwrap_or(part));
    let between: usize = tails.map(goes).sum();
    match (goes(before), between) {
        (0, 0) => return Ok(None),
        (1, 0) => {}
        _ => return Err(()),
    }
    let rest = before
        .trim_start()
        .strip_prefix("cd ")
        .ok_or(())?
        .trim_start();
    let (dir, rest) = match rest.chars().next() {
        Some(quote @ ('\'' | '"')) => rest[1..].split_once(quote).ok_or(())?,
        _ => {
            let end = rest
                .find(|c: char| c.is_whitespace() || ";&".contains(c))
                .ok_or(())?;
            rest.split_at(end)
        }
    };
    let rest = rest.trim_start_matches([' ', '\t']);
    let follows = ["&&", ";", "\n"]
        .iter()
        .find_map(|sign| rest.strip_prefix(sign));
    let is_plain = !dir.is_empty()
        && !dir.starts_with(['-', '~'])
        && !dir.contains([
            '$', '`', '*', '?', '[', '{', '\\', '\'', '"', '|', '(', '<', '>',
        ]);
    match follows {
        Some(rest) if is_plain && rest.trim_start().starts_with("apply_patch") => {
            Ok(Some(dir.to_owned()))
        }
        _ => Err(()),
    }
}

/// The command, a text or a list of words.
pub(super) fn command_in(input: &Value) -> Option<String> {
    let said = in_field(input, &COMMAND_FIELDS)?;
    let words = || -> Option<Vec<&str>> { said.as_array()?.iter().map(Value::as_str).collect() };
    let command = match said.as_str() {
        Some(text) => text.to_owned(),
        None => words()?.join(" "),
    };
    (!command.trim().is_empty()).then_some(command)
}

/// All texts of an input, itself or in its fields; a list of words is several.
pub(super) fn all_texts(input: &Value) -> impl Iterator<Item = &str> {
    let fields = input.as_object().into_iter().flat_map(|map| map.values());
    let all = std::iter::once(input).chain(fields);
    all.flat_map(|value| {
        let words = value.as_array().into_iter().flatten();
        std::iter::once(value)
            .chain(words)
            .filter_map(Value::as_str)
    })
}

/// The steps of a path, so that two spellings of one place are the same. Links are not followed.
fn steps(path: &str) -> Vec<&str> {
    let mut steps = Vec::new();
    if path.starts_with('/') {
        steps.push("/");
    }
    for step in path.split('/') {
        match step {
            "" | "." => {}
            ".." if steps
                .last()
                .is_some_and(|last| !matches!(*last, ".." | "/")) =>
            {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps
}

/// The files that a call names, and those of them that are not where they were after it.
#[derive(Default)]
pub(super) struct NamedFiles {
    /// All of them.
    pub(super) paths: Vec<String>,
    /// Those that go.
    pub(super) gone: Vec<GoneFile>,
}

impl NamedFiles {
    /// Files whose content is read or changed where they are.
    pub(super) fn staying(paths: Vec<String>) -> NamedFiles {
        NamedFiles {
            paths,
            gone: Vec::new(),
        }
    }

    /// Adds those of others.
    pub(super) fn add(&mut self, others: NamedFiles) {
        self.paths.extend(others.paths);
        self.gone.extend(others.gone);
    }

    /// Files with their part in a call of this kind. One that moves goes to the one place that is named as such; where
    /// there are several, nobody says which belongs to which.
    fn of_call(files: Vec<(FilePart, String)>, kind: ToolKind) -> NamedFiles {
        let is_target = |part: FilePart| kind == ToolKind::Move && part == FilePart::Target;
        let targets: Vec<&String> = files
            .iter()
            .filter_map(|(part, name)| is_target(*part).then_some(name))
            .collect();
        let to = match targets.as_slice() {
            [one] => Some((*one).clone()),
            _ => None,
        };
        let goes = matches!(kind, ToolKind::Delete | ToolKind::Move);
        let leaving = files.iter().filter(|(part, _)| goes && !is_target(*part));
        let gone = leaving.map(|(_, from)| GoneFile {
            from: from.clone(),
            to: to.clone(),
        });
        NamedFiles {
            gone: gone.collect(),
            paths: files.into_iter().map(|(_, name)| name).collect(),
        }
    }

    /// The files that a patch names. A line of a file's content that looks like one counts as well: a file
    /// too many is asked about, never one too few.
    pub(super) fn of_patch(text: &str) -> NamedFiles {
        let (mut found, mut updated) = (NamedFiles::default(), None);
        for line in text.lines() {
            let line = line.trim();
            let named = |head: &str| {
                let name = line.strip_prefix(head)?.trim();
                (!name.is_empty()).then(|| name.to_owned())
            };
            if let Some(name) = named("*** Add File:") {
                updated = None;
                found.paths.push(name);
            } else if let Some(name) = named("*** Update File:") {
                updated = Some(name.clone());
                found.paths.push(name);
            } else if let Some(from) = named("*** Delete File:") {
                updated = None;
                found.paths.push(from.clone());
                found.gone.push(GoneFile { from, to: None });
            } else if let Some(to) = named("*** Move to:") {
                found.paths.push(to.clone());
                found
                    .gone
                    .extend(updated.take().map(|from| GoneFile { from, to: Some(to) }));
            }
        }
        // What the same patch touches once more is not the content that has moved there.
        let mut times: HashMap<Vec<&str>, usize> = HashMap::new();
        for path in &found.paths {
            *times.entry(steps(path)).or_default() += 1;
        }
        for one in &mut found.gone {
            one.to = one.to.take().filter(|to| times.get(&steps(to)) == Some(&1));
        }
        found
    }
}
