//! The format of a git directory, read from its own `config` file.
//!
//! Only the file itself is read, as Git does for these keys: no includes, no user level. Nothing
//! here is a setting that runs code.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::oid::ObjectFormat;
use crate::git::sharing::Sharing;

/// No sane configuration is larger; a larger one is refused rather than read.
const CONFIG_CAP: u64 = 4 << 20;

/// The storage format of references.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RefStorage {
    /// Loose files and `packed-refs`.
    #[default]
    Files,
    /// The binary tables of newer Git, which the library cannot read.
    Reftable,
}

/// The format of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepoFormat {
    /// `core.repositoryFormatVersion`.
    pub version: u32,
    /// `extensions.objectFormat`.
    pub objects: ObjectFormat,
    /// `extensions.refStorage`.
    pub refs: RefStorage,
    /// True where missing objects are expected to be fetched on demand, which `ai` never does.
    pub partial: bool,
    /// `core.bare`.
    pub bare: Option<bool>,
    /// `core.worktree`, as written.
    pub work_tree: Option<PathBuf>,
    /// `core.ignoreCase`: the file system of the checkout folds case.
    pub ignore_case: bool,
    /// `core.sharedRepository`.
    pub sharing: Option<Sharing>,
    /// Extensions that `ai` does not know; Git decides on them.
    pub unknown: Vec<String>,
}

impl RepoFormat {
    /// Reads `<common dir>/config`; a missing file is the oldest format, as Git takes it.
    pub fn read(common_dir: &Path) -> Result<Self, GitError> {
        let path = common_dir.join("config");
        let mut format = Self::default();
        for (key, value) in entries(&path)? {
            format.take(&key, &value).map_err(|why| GitError::BadFile {
                path: path.clone(),
                why,
            })?;
        }
        Ok(format)
    }

    fn take(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "core.repositoryformatversion" => {
                self.version = value
                    .parse()
                    .map_err(|_| format!("bad repository format version `{value}`"))?;
            }
            "core.bare" => self.bare = Some(is_true(value)),
            "core.ignorecase" => self.ignore_case = is_true(value),
            "core.sharedrepository" => self.sharing = Sharing::parse(value),
            "core.worktree" => self.work_tree = Some(PathBuf::from(value)),
            "extensions.objectformat" => self.objects = object_format(value)?,
            "extensions.refstorage" => {
                self.refs = if value.starts_with("reftable") {
                    RefStorage::Reftable
                } else {
                    RefStorage::Files
                };
            }
            "extensions.partialclone" => self.partial = true,
            _ if key.starts_with("remote.") && key.ends_with(".promisor") => {
                self.partial |= is_true(value)
            }
            _ => self.note_unknown(key),
        }
        Ok(())
    }

    fn note_unknown(&mut self, key: &str) {
        const KNOWN: [&str; 5] = [
            "noop",
            "preciousobjects",
            "worktreeconfig",
            "relativeworktrees",
            "compatobjectformat",
        ];
        if let Some(name) = key.strip_prefix("extensions.")
            && !KNOWN.contains(&name)
        {
            self.unknown.push(name.to_owned());
        }
    }
}

/// The sparse-checkout settings of a `config.worktree`, as a file of their own; `None` where it
/// sets none.
pub(super) fn sparse_settings(path: &Path) -> Result<Option<String>, GitError> {
    let entries = entries(path)?;
    let value = |wanted: &str| {
        entries
            .iter()
            .rev()
            .find(|(key, _)| key == wanted)
            .is_some_and(|(_, v)| is_true(v))
    };
    if !value("core.sparsecheckout") {
        return Ok(None);
    }
    Ok(Some(format!(
        "[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = {}\n",
        value("core.sparsecheckoutcone")
    )))
}

/// The settings of a configuration file, as (`section.sub.key`, value) in its order; none where
/// there is no such file.
pub(super) fn entries(path: &Path) -> Result<Vec<(String, String)>, GitError> {
    let bytes = match fs::read_capped(path, CONFIG_CAP) {
        Ok(bytes) => bytes,
        Err(e) if e.is_not_found() => return Ok(Vec::new()),
        Err(e) => return Err(e.into()),
    };
    parse(&bytes).map_err(|line| GitError::BadFile {
        path: path.to_owned(),
        why: format!("bad line {line}"),
    })
}

fn object_format(value: &str) -> Result<ObjectFormat, String> {
    match value {
        "sha1" => Ok(ObjectFormat::Sha1),
        "sha256" => Ok(ObjectFormat::Sha256),
        other => Err(format!("unknown object format `{other}`")),
    }
}

/// True where Git takes the value for a yes.
pub(super) fn is_true(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "true" | "yes" | "on"
    ) || value.parse::<i64>().is_ok_and(|n| n != 0)
}

/// Splits a Git configuration file into (`section.sub.key`, value); the error is the line number.
fn parse(bytes: &[u8]) -> Result<Vec<(String, String)>, usize> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut section = String::new();
    let mut entries = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, raw)) = lines.next() {
        let mut line = raw.trim().to_owned();
        if let Some(rest) = line.strip_prefix('[') {
            let end = header_end(rest).ok_or(number + 1)?;
            section = section_name(&rest[..end]);
            line = rest[end + 1..].trim().to_owned();
        }
        // A backslash at the end of a value joins the next line.
        while ends_open(&line) {
            line.pop();
            line.push_str(lines.next().ok_or(number + 1)?.1);
        }
        if let Some((key, value)) = entry(&line) {
            entries.push((format!("{section}.{}", key.to_ascii_lowercase()), value));
        }
    }
    Ok(entries)
}

fn ends_open(line: &str) -> bool {
    let is_comment = line.starts_with(['#', ';']);
    !is_comment && line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Finds the end of the section header: at a `]` outside of quotes.
fn header_end(rest: &str) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ']' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

fn section_name(header: &str) -> String {
    match header.split_once('"') {
        Some((name, sub)) => {
            let sub = sub
                .strip_suffix('"')
                .unwrap_or(sub)
                .replace("\\\"", "\"")
                .replace("\\\\", "\\");
            format!("{}.{sub}", name.trim().to_ascii_lowercase())
        }
        None => header.trim().to_ascii_lowercase(),
    }
}

fn entry(line: &str) -> Option<(&str, String)> {
    if line.is_empty() || line.starts_with(['#', ';']) {
        return None;
    }
    let Some((key, value)) = line.split_once('=') else {
        return Some((
            line.split(['#', ';']).next().unwrap_or(line).trim(),
            String::new(),
        ));
    };
    Some((key.trim(), unquote(value)))
}

/// A value without quotes, escapes and the comment after it.
fn unquote(raw: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut keep = 0;
    let mut chars = raw.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '#' | ';' if !quoted => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some(other) => out.push(other),
                None => break,
            },
            c => out.push(c),
        }
        if quoted || !c.is_whitespace() {
            keep = out.len();
        }
    }
    out.truncate(keep);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(text: &str) -> RepoFormat {
        let mut format = RepoFormat::default();
        for (key, value) in parse(text.as_bytes()).unwrap() {
            format.take(&key, &value).unwrap();
        }
        format
    }

    #[test]
    fn the_keys_that_matter_are_read() {
        let text = "[core]\n\trepositoryformatversion = 1\n bare = false ; not bare\n worktree = \"../a b\"\n\
                    [extensions] objectFormat = sha256\n\tpartialClone = origin\n\twhatEver = 1\n# [core] bare = true\n";
        let seen = format(text);
        assert_eq!(
            (seen.version, seen.objects, seen.bare, seen.partial),
            (1, ObjectFormat::Sha256, Some(false), true)
        );
        assert_eq!(seen.work_tree, Some(PathBuf::from("../a b")));
        assert_eq!(seen.unknown, ["whatever"]);
    }

    #[test]
    fn quoting_comments_and_joined_lines() {
        let text = "[remote \"a]b\\\"c\"]\n url = \"x # y\" # z\n k = one \\\n two\n[Core]\nBare\n";
        let entries = parse(text.as_bytes()).unwrap();
        assert_eq!(
            entries[0],
            ("remote.a]b\"c.url".to_owned(), "x # y".to_owned())
        );
        assert_eq!(entries[1].1, "one  two");
        assert_eq!(entries[2], ("core.bare".to_owned(), String::new()));
        assert!(format(text).bare.unwrap());
        assert_eq!(parse(b"[core\nx=1"), Err(1));
    }
}
