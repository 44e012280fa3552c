//! What the worktree's own Git tracks: the index of whoever worked there, read as data.
//!
//! It says what nothing else does: what was added although ignored, untracked although there, left
//! out by a sparse cone, moved as a submodule, staged through a filter, or left in conflict. Git
//! reads a copy of it within the shadow, where nothing of it can start a program, and nothing of
//! its stat data is believed about content that can be compared instead.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::base::{fs, hash};
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::{GitOutput, NulFields};
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::staged::{StagedChanges, staged};

/// Largest index that is read.
const INDEX_CAP: u64 = 1 << 30;
/// Lines that `ls-files --debug` prints after a path.
const DEBUG_LINES: usize = 5;
const ASSUME_UNCHANGED: u32 = 1 << 15;
const SKIP_WORKTREE: u32 = 1 << 30;
const INTENT_TO_ADD: u32 = 1 << 29;
/// The mode of a submodule, as `ls-files -s` begins its lines.
const GITLINK: &[u8] = b"160000 ";

/// Where the worktree's own Git keeps what it knows.
#[derive(Debug, Clone, Copy)]
pub struct OwnState<'a> {
    /// The worktree's own index, in a directory that an agent can write.
    pub index: &'a Path,
    /// The commit at which its HEAD stands: what is tracked where the index cannot be read.
    pub head: Option<&'a Oid>,
}

/// A mode and an object name, `100644 <name>`, as `ls-files -s` and `update-index --index-info`
/// write them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackedAs(Vec<u8>);

impl TrackedAs {
    /// Takes what stands between tag and stage of a line.
    pub(super) fn new(text: &[u8]) -> Self {
        Self(text.to_vec())
    }

    /// The text.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// True for the commit of a submodule.
    pub(super) fn is_gitlink(&self) -> bool {
        self.0.starts_with(GITLINK)
    }

    /// The mode.
    pub(super) fn mode(&self) -> &[u8] {
        self.0.split(|b| *b == b' ').next().unwrap_or_default()
    }

    /// The object's name.
    pub(super) fn name(&self) -> &[u8] {
        self.0.split(|b| *b == b' ').nth(1).unwrap_or_default()
    }
}

/// The presence on the disk that an entry asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// The file should be there.
    Expected,
    /// The file may be missing on purpose: a sparse cone leaves it out.
    Optional,
}

/// A mark by which Git passes over a file, whatever becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IndexMark {
    /// None.
    Plain,
    /// `git update-index --assume-unchanged`.
    AssumeUnchanged,
    /// `git update-index --skip-worktree`, or a sparse cone.
    SkipWorktree,
}

impl IndexMark {
    /// The name that Git has for it; nothing where there is none.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::AssumeUnchanged => Some("assume-unchanged"),
            Self::SkipWorktree => Some("skip-worktree"),
        }
    }
}

/// One path that the worktree's own Git tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnEntry {
    /// What it tracks; none for a path that is only meant to be added.
    pub(super) tracked: Option<TrackedAs>,
    /// Whether the file may be missing.
    pub(super) presence: Presence,
    /// Its mark.
    pub(super) mark: IndexMark,
    /// Times and size of the file when that Git saw it last.
    stat: Option<OwnStat>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OwnStat {
    changed: (u32, u32),
    modified: (u32, u32),
    size: u32,
}

impl OwnEntry {
    /// True where the file has the mode that is tracked.
    pub(super) fn has_mode_of(&self, meta: &Metadata) -> bool {
        let wanted: &[u8] = if meta.mode() & 0o100 == 0 {
            b"100644"
        } else {
            b"100755"
        };
        let tracked = self.tracked.as_ref().map(TrackedAs::mode);
        tracked == Some(wanted)
    }

    /// True where that Git has seen the file as it is now, and holds it for what it tracks.
    pub(super) fn knows(&self, meta: &Metadata) -> bool {
        #[expect(
            clippy::cast_sign_loss,
            clippy::cast_possible_truncation,
            reason = "an index keeps the low 32 bits of each"
        )]
        let now = OwnStat {
            changed: (meta.ctime() as u32, meta.ctime_nsec() as u32),
            modified: (meta.mtime() as u32, meta.mtime_nsec() as u32),
            size: meta.len() as u32,
        };
        self.stat == Some(now)
    }
}

/// Everything that the worktree's own Git tracks.
#[derive(Debug, Default)]
pub(super) struct OwnIndex {
    /// The tracked paths.
    pub(super) entries: BTreeMap<RepoPath, OwnEntry>,
    /// Paths in conflict.
    pub(super) unmerged: BTreeSet<RepoPath>,
    /// Content of it that the commit at its HEAD does not have.
    pub(super) staged: StagedChanges,
}

impl OwnIndex {
    /// The files over which Git passes: what it tracks of each, and the name of the mark.
    pub(super) fn marked(&self) -> BTreeMap<RepoPath, (TrackedAs, &'static str)> {
        let marked = self.entries.iter().filter_map(|(path, entry)| {
            let tracked = entry.tracked.clone()?;
            Some((path.clone(), (tracked, entry.mark.name()?)))
        });
        marked.collect()
    }

    /// True where something in this directory is tracked, which has a slash behind it.
    pub(super) fn tracks_beneath(&self, dir: &[u8]) -> bool {
        let mut after = self.entries.range(RepoPath::new(dir)..);
        after
            .next()
            .is_some_and(|(path, _)| path.as_bytes().starts_with(dir))
    }
}

/// The bytes of an own index, and whether the shadow's index takes account of them already.
pub(super) struct OwnBytes {
    bytes: Vec<u8>,
    digest: String,
    /// The news in it.
    pub(super) news: News,
}

/// Whether an index says anything that the shadow does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// The index may say something new.
    Perhaps,
    /// The index says nothing new.
    None,
}

impl OwnBytes {
    /// Reads the file; none where there is nothing that could be read.
    pub(super) fn read(shadow: &ShadowRepo, own: &OwnState<'_>) -> Result<Option<Self>, GitError> {
        let is_file = std::fs::symlink_metadata(own.index).is_ok_and(|meta| meta.is_file());
        let Some(bytes) = is_file
            .then(|| fs::read_capped(own.index, INDEX_CAP).ok())
            .flatten()
        else {
            return Ok(None);
        };
        let digest = hash::sha256_hex(&bytes);
        // Times are no news: whoever looks at the state of a checkout writes its index anew.
        let holds_no_more = || match own.head {
            Some(head) if shadow.tracks_the_same(&bytes) => shadow.holds_commit(head),
            _ => Ok(false),
        };
        let is_known = shadow.own_index_seen()?.as_deref() == Some(&digest)
            || shadow.is_index_of(&bytes)?
            || holds_no_more()?;
        Ok(Some(Self {
            bytes,
            digest,
            news: if is_known { News::None } else { News::Perhaps },
        }))
    }

    /// Notes that the shadow's index takes account of it.
    pub(super) fn note(&self, shadow: &ShadowRepo) -> Result<(), GitError> {
        shadow.note_own_index(&self.digest)
    }
}

/// Reads what the own Git tracks: its index, else the commit at its HEAD.
pub(super) fn read(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
    (own, bytes): (&OwnState<'_>, Option<&OwnBytes>),
) -> Result<Option<OwnIndex>, GitError> {
    if let Some(bytes) = bytes
        && let Some(found) = of_index(shadow, root, attributes, (own, bytes))?
    {
        return Ok(Some(found));
    }
    let Some(head) = own.head else {
        return Ok(None);
    };
    let listed = shadow
        .objects(["ls-tree", "-r", "-z", "--full-tree"])
        .arg(head)
        .run()?;
    of_tree(&listed).map(Some)
}

fn of_index(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: &Oid,
    (own, bytes): (&OwnState<'_>, &OwnBytes),
) -> Result<Option<OwnIndex>, GitError> {
    let copy = shadow.dir().join("own-index");
    fs::write_atomic(&copy, &bytes.bytes)?;
    let shared = copy_shared(shadow, own.index)?;
    let listed = shadow
        .in_tree(root, attributes, ["ls-files", "-z", "-t", "-s", "--debug"])?
        .env("GIT_INDEX_FILE", &copy)
        .run_any();
    let staged = staged(shadow, &copy, own.head);
    for file in shared.iter().chain([&copy]) {
        fs::remove_file(file)?;
    }
    let listed = listed?;
    if listed.code != 0 {
        return Ok(None);
    }
    let found = parse(&listed)?;
    let staged = staged?;
    Ok(Some(OwnIndex { staged, ..found }))
}

/// A split index names a second file beside it, which Git looks for in its own directory.
fn copy_shared(shadow: &ShadowRepo, index: &Path) -> Result<Vec<PathBuf>, GitError> {
    let mut copied = Vec::new();
    let dir = index.parent().unwrap_or(index);
    for file in fs::list_dir(dir)? {
        let name = file.file_name().unwrap_or_default();
        let is_one = name.to_string_lossy().starts_with("sharedindex.")
            && std::fs::symlink_metadata(&file).is_ok_and(|meta| meta.is_file());
        if is_one {
            let to = shadow.dir().join(name);
            fs::write_atomic(&to, &fs::read_capped(&file, INDEX_CAP)?)?;
            copied.push(to);
        }
    }
    Ok(copied)
}

/// `TAG MODE NAME STAGE` TAB `PATH` NUL, then five lines about the file, for each entry.
fn parse(listed: &GitOutput) -> Result<OwnIndex, GitError> {
    let mut found = OwnIndex::default();
    let mut fields = NulFields::of(listed);
    let mut header = fields.next().map(Cow::Borrowed);
    while let Some(line) = header {
        let (debug, next) = match fields.next() {
            Some(field) => split_debug(field),
            None => return Err(fields.bad("a line without its stat data")),
        };
        let Some((tracked, stage, path)) = line.get(2..).and_then(split_line) else {
            return Err(fields.bad("a line of ls-files"));
        };
        let path = RepoPath::new(path);
        if stage == b"0" {
            found.entries.insert(path, entry(tracked, &debug));
        } else {
            // Which side it is does not matter: what stands on the disk counts.
            found.unmerged.insert(path.clone());
            found.entries.entry(path).or_insert(OwnEntry {
                tracked: None,
                presence: Presence::Expected,
                mark: IndexMark::Plain,
                stat: None,
            });
        }
        header = (!next.is_empty()).then_some(Cow::Borrowed(next));
    }
    Ok(found)
}

fn split_debug(field: &[u8]) -> (String, &[u8]) {
    let end = field
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(DEBUG_LINES - 1)
        .map_or(field.len(), |(at, _)| at + 1);
    let (debug, next) = field.split_at(end);
    (String::from_utf8_lossy(debug).into_owned(), next)
}

/// `MODE NAME STAGE` TAB `PATH`, taken apart as (mode and name, stage, path).
pub(super) fn split_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (&line[..tab], &line[tab + 1..]);
    let blank = head.iter().rposition(|byte| *byte == b' ')?;
    Some((&head[..blank], &head[blank + 1..], path))
}

fn entry(tracked: &[u8], debug: &str) -> OwnEntry {
    let mut flags = 0;
    let mut stat = OwnStat {
        changed: (0, 0),
        modified: (0, 0),
        size: 0,
    };
    for word in debug.split(['\n', '\t']) {
        match word.trim().split_once(": ") {
            Some(("ctime", time)) => stat.changed = time_of(time),
            Some(("mtime", time)) => stat.modified = time_of(time),
            Some(("size", size)) => stat.size = size.parse().unwrap_or(0),
            Some(("flags", hex)) => flags = u32::from_str_radix(hex, 16).unwrap_or(0),
            _ => {}
        }
    }
    OwnEntry {
        tracked: (flags & INTENT_TO_ADD == 0).then(|| TrackedAs::new(tracked)),
        presence: if flags & SKIP_WORKTREE == 0 {
            Presence::Expected
        } else {
            Presence::Optional
        },
        mark: if flags & SKIP_WORKTREE != 0 {
            IndexMark::SkipWorktree
        } else if flags & ASSUME_UNCHANGED != 0 {
            IndexMark::AssumeUnchanged
        } else {
            IndexMark::Plain
        },
        stat: (stat.modified != (0, 0)).then_some(stat),
    }
}

fn time_of(text: &str) -> (u32, u32) {
    let (seconds, nanos) = text.split_once(':').unwrap_or((text, "0"));
    (seconds.parse().unwrap_or(0), nanos.parse().unwrap_or(0))
}

/// Reads a listed tree: `MODE TYPE NAME` TAB `PATH` NUL.
pub(super) fn of_tree(listed: &GitOutput) -> Result<OwnIndex, GitError> {
    let mut found = OwnIndex::default();
    let mut fields = NulFields::of(listed);
    while let Some(line) = fields.next() {
        let tab = line.iter().position(|byte| *byte == b'\t');
        let Some((head, path)) = tab.map(|tab| (&line[..tab], &line[tab + 1..])) else {
            return Err(fields.bad("a line of ls-tree"));
        };
        let words: Vec<&[u8]> = head.split(|byte| *byte == b' ').collect();
        let [mode, _, name] = words[..] else {
            return Err(fields.bad("a line of ls-tree"));
        };
        let entry = OwnEntry {
            tracked: Some(TrackedAs::new(&[mode, b" ", name].concat())),
            presence: Presence::Expected,
            mark: IndexMark::Plain,
            stat: None,
        };
        found.entries.insert(RepoPath::new(path), entry);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(text: &[u8]) -> GitOutput {
        GitOutput {
            stdout: text.to_vec(),
            stderr: String::new(),
            code: 0,
            truncated: false,
            argv: "git ls-files".into(),
        }
    }

    #[test]
    fn an_index_is_read_with_names_that_hold_line_ends() {
        let debug = |size: &str, flags: &str| {
            format!(
                "  ctime: 7:8\n  mtime: 9:1\n  dev: 1\tino: 2\n  uid: 0\tgid: 0\n  size: {size}\tflags: {flags}\n"
            )
        };
        let text = [
            "H 100644 aa 0\ta\nb\0".to_owned(),
            debug("2", "0"),
            "S 120000 bb 0\tout\0".to_owned(),
            debug("3", "40004000"),
            "H 100644 cc 0\tmeant\0".to_owned(),
            debug("0", "20004000"),
            "M 100644 dd 1\ttorn\0".to_owned(),
            debug("0", "1000"),
            "M 100644 ee 2\ttorn\0".to_owned(),
            debug("0", "2000"),
        ]
        .concat();
        let found = parse(&output(text.as_bytes())).unwrap();
        let seen: Vec<_> = found
            .entries
            .iter()
            .map(|(path, entry)| {
                let tracked = entry
                    .tracked
                    .as_ref()
                    .map(|t| String::from_utf8_lossy(t.as_bytes()).into_owned());
                (path.as_bytes(), tracked, entry.presence)
            })
            .collect();
        let is = |text: &str| Some(text.to_owned());
        use Presence::{Expected, Optional};
        assert_eq!(
            seen,
            [
                (&b"a\nb"[..], is("100644 aa"), Expected),
                (b"meant", None, Expected),
                (b"out", is("120000 bb"), Optional),
                (b"torn", None, Expected),
            ]
        );
        assert_eq!(Vec::from_iter(&found.unmerged), [&RepoPath::from("torn")]);
        assert_eq!(
            found.entries[&RepoPath::from("a\nb")].stat,
            Some(OwnStat {
                changed: (7, 8),
                modified: (9, 1),
                size: 2
            })
        );
        assert!(parse(&output(b"H 100644 aa 0\ta")).is_err());
        assert!(parse(&output(b"nonsense\0x")).is_err());
    }
}
