//! What the input of a tool tells: files in fields and in patches, a command, and where that is run.
//!
//! Deliberately absent: the tools of each CLI, which say where they tell it.

use serde_json::Value;

use crate::connector::json::text_at;
use crate::domain::tool_kind::ToolKind;

/// Before the name of a file in a patch.
const IN_PATCH: [&str; 4] = [
    "*** Add File:",
    "*** Update File:",
    "*** Delete File:",
    "*** Move to:",
];
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
/// Fields in which a tool that removes or moves has a directory, which for others is the place of a command.
const MOVED_DIRECTORIES: [&str; 3] = ["dir", "directory", "dirpath"];
/// Fields that name the directory in which a command is run.
pub(super) const DIRECTORY_FIELDS: [&str; 6] = [
    "workdir",
    "cwd",
    "workingdirectory",
    "workingdir",
    "directory",
    "dirpath",
];
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

/// Everything that the input of a tool of this kind names in fields of files, at any depth. A tool that is not
/// known to have to do with files says `to` and `source` of other things as well.
pub(super) fn named_anywhere(input: &Value, kind: ToolKind) -> Vec<String> {
    let is_sure = !matches!(kind, ToolKind::Other | ToolKind::Fetch);
    let names_files = |key: &str| {
        let key = plain(key);
        let key = key.as_str();
        let takes_along = matches!(kind, ToolKind::Delete | ToolKind::Move);
        FILE_FIELDS.contains(&key) && (is_sure || !EITHER_FIELDS.contains(&key))
            || takes_along && MOVED_DIRECTORIES.contains(&key)
    };
    let (mut found, mut open) = (Vec::new(), vec![(false, input)]);
    while let Some((is_file, value)) = open.pop() {
        match value {
            Value::String(text) if is_file => {
                let name = text.strip_prefix("file://").unwrap_or(text);
                let is_name = !name.is_empty()
                    && name.len() <= LONGEST_NAME
                    && !name.contains('\n')
                    && !name.contains("://");
                found.extend(is_name.then(|| name.to_owned()));
            }
            Value::Array(all) => open.extend(all.iter().map(|one| (is_file, one))),
            Value::Object(all) => open.extend(all.iter().map(|(key, one)| (names_files(key), one))),
            _ => {}
        }
    }
    found
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

/// The files that a patch names. A line of a file's content that looks like one counts as well: a file
/// too many is asked about, never one too few.
pub(super) fn of_patch(text: &str) -> Vec<String> {
    let files = text.lines().filter_map(|line| {
        let line = line.trim();
        let name = IN_PATCH.iter().find_map(|head| line.strip_prefix(head))?;
        Some(name.trim().to_owned())
    });
    files.filter(|name| !name.is_empty()).collect()
}
