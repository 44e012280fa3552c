//! A tool call as the agent tells it, piece by piece: an update names only what has changed.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::base::hash;
use crate::connector::clip;
use crate::connector::dialogue::{AskedCall, CallKind};
use crate::connector::json::{field, list, owned_at, text_at};

/// Most calls that are remembered, and most paths of one.
const MAX_CALLS: usize = 1024;
const MAX_PATHS: usize = 256;
/// The longest command that is told, in bytes.
const MAX_COMMAND: usize = 8192;
/// Fields of a call's raw input in which agents have been seen to name a file.
const PATH_FIELDS: [&str; 7] = [
    "file_path",
    "filePath",
    "filepath",
    "path",
    "fileName",
    "absolute_path",
    "dir_path",
];

/// The calls that are open.
#[derive(Debug, Default)]
pub(super) struct AcpCalls {
    open: BTreeMap<String, AcpCall>,
}

/// One call, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct AcpCall {
    /// The kind of the call.
    pub(super) kind: CallKind,
    /// The call in the agent's words.
    pub(super) title: String,
    /// Every file that it names.
    pub(super) paths: Vec<String>,
    /// The call's input, as the agent last told it.
    pub(super) input: Value,
    /// The files of its diffs, with whether each is new.
    pub(super) diffs: Vec<(String, bool)>,
}

impl AcpCalls {
    /// Returns true for the first message about a call.
    pub(super) fn is_new(&self, id: &str) -> bool {
        !self.open.contains_key(id)
    }

    /// Takes in what `update` tells of its call, and returns all that is known of it.
    pub(super) fn learn(&mut self, update: &Value) -> (String, AcpCall) {
        let id = owned_at(update, "toolCallId").unwrap_or_default();
        let mut call = self.open.get(&id).cloned().unwrap_or_default();
        call.learn(update);
        if self.open.len() < MAX_CALLS || self.open.contains_key(&id) {
            self.open.insert(id.clone(), call.clone());
        }
        (id, call)
    }

    /// The call is over.
    pub(super) fn forget(&mut self, id: &str) {
        self.open.remove(id);
    }
}

impl AcpCall {
    fn learn(&mut self, update: &Value) {
        if let Some(kind) = text_at(update, "kind") {
            self.kind = CallKind::of(kind);
        }
        if let Some(title) = owned_at(update, "title") {
            self.title = title;
        }
        for location in list(update.get("locations")) {
            self.names(text_at(location, "path"));
        }
        for part in list(update.get("content")) {
            if text_at(part, "type") == Some("diff") {
                self.names(text_at(part, "path"));
                self.differs(part);
            }
        }
        let input = field(update, "rawInput");
        if !input.is_null() {
            self.input = input.clone();
        }
        PATH_FIELDS
            .iter()
            .for_each(|key| self.names(text_at(input, key)));
    }

    fn names(&mut self, path: Option<&str>) {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return;
        };
        if !self.paths.iter().any(|known| known == path) && self.paths.len() < MAX_PATHS {
            self.paths.push(path.to_owned());
        }
    }

    fn differs(&mut self, diff: &Value) {
        let Some(path) = owned_at(diff, "path") else {
            return;
        };
        let is_new = text_at(diff, "oldText").is_none_or(str::is_empty);
        // Afterwards one agent tells only the last part of the name.
        let is_known = |(known, _): &(String, bool)| {
            known
                .strip_suffix(&path)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        };
        if !self.diffs.iter().any(is_known) && self.diffs.len() < MAX_PATHS {
            self.diffs.push((path, is_new));
        }
    }

    /// The command of a call that runs one: a text, or a list of words. One that is too long to be kept is not
    /// told at all, since a part of it says another thing.
    fn command(&self) -> Option<String> {
        let said = self.input.get("command")?;
        let words =
            || -> Option<Vec<&str>> { said.as_array()?.iter().map(Value::as_str).collect() };
        let command = match said.as_str() {
            Some(text) => text.to_owned(),
            None => words()?.join(" "),
        };
        (self.kind == CallKind::Execute && command.len() <= MAX_COMMAND).then_some(command)
    }

    /// Returns the call that has to be allowed. A call with more paths than are remembered names
    /// one that is nowhere, so that it is refused.
    pub(super) fn asked(&self) -> AskedCall {
        let mut paths = self.paths.clone();
        if paths.len() == MAX_PATHS {
            paths.push("/".to_owned());
        }
        let whole = serde_json::json!({ "title": self.title, "input": self.input });
        let is_said_by_files = self.kind.changes_files() && !paths.is_empty();
        let digest = (!is_said_by_files).then(|| hash::sha256_hex(whole.to_string().as_bytes()));
        AskedCall {
            kind: self.kind,
            title: clip::text(&self.title, clip::SUMMARY),
            paths,
            gone: Vec::new(),
            digest,
            command: self.command(),
        }
    }
}
