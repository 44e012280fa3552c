//! The look at a change, file by file, so that no more than one file is in memory at once. Parts of a change can be
//! looked at side by side, and are then joined.

use crate::base::text;
use crate::domain::guards::kind::{Guard, GuardFinding};
use crate::domain::guards::languages::Language;
use crate::domain::guards::manifests::{DependencyLook, is_lock, is_manifest};
use crate::domain::guards::secrets::SecretLook;
pub use crate::domain::guards::secrets::SecretSpan;
use crate::domain::guards::test_file::TestFile;
use crate::domain::guards::weakened::{TestsOfFile, weakened};
use crate::domain::repo_path::RepoPath;
use std::collections::BTreeSet;

/// Git looks this far for a NUL to tell binary from text.
const BINARY_PROBE: usize = 8000;
/// Licences and marks of generators stand within so many bytes.
const TOP: usize = 2000;
/// Files below this size are not large for anybody.
const LARGE_FROM: u64 = 100 << 10;
/// So many findings of one guard are kept; beyond that, that there are more.
const MOST: usize = 10_000;

/// The knowledge that is needed of one side of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideNeed {
    /// Nothing.
    Nothing,
    /// The length.
    Size,
    /// The content.
    Content,
}

/// The knowledge that is needed of both sides of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SideNeeds {
    /// Of the one before.
    pub old: SideNeed,
    /// Of the one now.
    pub new: SideNeed,
}

/// One side of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side<'a> {
    /// None is there, or a submodule.
    Absent,
    /// One is there, and nobody asked for more.
    Unread,
    /// The length in bytes.
    Sized(u64),
    /// The content.
    Read(&'a [u8]),
}

impl<'a> Side<'a> {
    fn content(self) -> Option<&'a [u8]> {
        match self {
            Self::Read(content) => Some(content),
            Self::Absent | Self::Unread | Self::Sized(_) => None,
        }
    }

    fn bytes(self) -> Option<u64> {
        match self {
            Self::Absent => Some(0),
            Self::Sized(bytes) => Some(bytes),
            Self::Read(content) => Some(content.len() as u64),
            Self::Unread => None,
        }
    }
}

/// A changed file, each side as far as its [needs](SideNeeds) go.
#[derive(Debug, Clone, Copy)]
pub struct ChangedFile<'a> {
    /// The path.
    pub path: &'a RepoPath,
    /// The side before.
    pub old: Side<'a>,
    /// The side now.
    pub new: Side<'a>,
}

/// Finds texts of known shapes, which are known elsewhere.
pub type FindShapes<'a> = dyn Fn(&[u8]) -> Vec<SecretSpan> + Sync + 'a;

/// A look at a change.
pub struct ChangeLook<'a> {
    shapes: &'a FindShapes<'a>,
    wanted: &'a BTreeSet<Guard>,
    tests: Vec<TestsOfFile>,
    secrets: SecretLook,
    dependencies: DependencyLook,
    found: Vec<GuardFinding>,
}

impl<'a> ChangeLook<'a> {
    /// Begins a look for these guards.
    pub fn new(shapes: &'a FindShapes<'a>, wanted: &'a BTreeSet<Guard>) -> ChangeLook<'a> {
        ChangeLook {
            shapes,
            wanted,
            tests: Vec::new(),
            secrets: SecretLook::default(),
            dependencies: DependencyLook::default(),
            found: Vec::new(),
        }
    }

    /// Begins a look for the same guards at another part of the change.
    pub fn part(&self) -> ChangeLook<'a> {
        ChangeLook::new(self.shapes, self.wanted)
    }

    /// Adds what was seen of a part, whose files come after those of this look.
    pub fn join(&mut self, part: ChangeLook<'a>) {
        self.tests.extend(part.tests);
        self.secrets.join(part.secrets);
        self.dependencies.join(part.dependencies);
        self.found.extend(part.found);
    }

    /// The needs of a file, by its path alone.
    pub fn needs(&self, path: &RepoPath) -> SideNeeds {
        let wants = |guard: Guard| self.wanted.contains(&guard);
        let is_compared = [
            Guard::BinaryFiles,
            Guard::LicenceHeader,
            Guard::GeneratedFiles,
        ]
        .into_iter()
        .any(wants)
            || wants(Guard::TestsWeakened) && language_of(path).is_some()
            || self.looks_at_dependencies() && is_manifest(path);
        let least = if wants(Guard::LargeFiles) {
            SideNeed::Size
        } else {
            SideNeed::Nothing
        };
        let or_least = |is_read: bool| if is_read { SideNeed::Content } else { least };
        SideNeeds {
            old: or_least(is_compared),
            new: or_least(is_compared || wants(Guard::Secrets)),
        }
    }

    fn looks_at_dependencies(&self) -> bool {
        let mut guards = [Guard::Dependencies, Guard::LockFiles].into_iter();
        guards.any(|guard| self.wanted.contains(&guard))
    }

    /// Looks at one more file.
    pub fn add(&mut self, file: ChangedFile<'_>) {
        let ChangedFile { path, old, new } = file;
        for guard in self.wanted {
            match guard {
                Guard::Secrets => self.look_for_secrets(file),
                Guard::TestsWeakened => self.look_at_tests(file),
                Guard::LargeFiles => self.found.extend(size(file)),
                Guard::BinaryFiles => self.found.extend(new_binary(file)),
                Guard::LicenceHeader => self.found.extend(lost_licence(file)),
                Guard::GeneratedFiles => self.found.extend(changed_by_hand(file)),
                // Both are about the same files, which are looked at once, and the others about no content.
                Guard::Dependencies
                | Guard::LockFiles
                | Guard::AllowedPaths
                | Guard::SensitivePaths
                | Guard::ChangeRadius
                | Guard::CommitMessage => {}
            }
        }
        if self.looks_at_dependencies() {
            self.dependencies.add(path, old.content(), new.content());
        }
    }

    /// True where it counts what a file of another name held before.
    pub fn asks_for_moved_files(&self) -> bool {
        let mut guards = [Guard::LicenceHeader, Guard::GeneratedFiles].into_iter();
        guards.any(|guard| self.wanted.contains(&guard))
    }

    /// Looks at a file that has moved: its path now, and what it held under the other name.
    pub fn add_moved(&mut self, file: ChangedFile<'_>) {
        if self.wanted.contains(&Guard::LicenceHeader) {
            self.found.extend(lost_licence(file));
        }
        if self.wanted.contains(&Guard::GeneratedFiles) {
            self.found.extend(changed_by_hand(file));
        }
    }

    /// True where something was found that may have been there before, so that all contents before have to be seen.
    pub fn asks_for_old_sides(&self) -> bool {
        self.secrets.has_found()
    }

    /// Looks at the content of one more file before the change.
    pub fn add_old_side(&mut self, old: &[u8]) {
        let old = text::meant(old);
        self.secrets.old(&old, &(self.shapes)(&old));
    }

    /// Names are looked at as well: one that is there before and after brings nothing.
    fn look_for_secrets(&mut self, file: ChangedFile<'_>) {
        let name = file.path.as_bytes();
        let in_name = (self.shapes)(name);
        match (file.old, file.new) {
            (Side::Absent, _) => self.secrets.new_name(file.path, &in_name),
            _ => self.secrets.old(name, &in_name),
        }
        if let Some(new) = file.new.content() {
            let new = text::meant(new);
            let shapes = (self.shapes)(&new);
            self.secrets.new_side(file.path, &new, &shapes);
        }
    }

    /// Notes that a file is changed of which the attributes before the change say that a program writes it.
    pub fn add_generated(&mut self, path: &RepoPath) {
        let what = "`.gitattributes` says that it is generated";
        self.found.push(finding(Guard::GeneratedFiles, path, what));
    }

    fn look_at_tests(&mut self, file: ChangedFile<'_>) {
        let Some(language) = language_of(file.path) else {
            return;
        };
        let read = |text: Option<&[u8]>| {
            let text = text.filter(|text| !is_binary(text))?;
            Some(TestFile::read(language, text))
        };
        let (old, new) = (read(file.old.content()), read(file.new.content()));
        let is_empty = |side: &Option<TestFile>| {
            side.as_ref()
                .is_none_or(|tests| tests.names().next().is_none() && tests.skips.is_empty())
        };
        if !is_empty(&old) || !is_empty(&new) {
            let path = file.path.clone();
            self.tests.push(TestsOfFile { path, old, new });
        }
    }

    /// All that was found, by guard, path and line; `has_file` tells whether a path was there before the change.
    pub fn finish(self, has_file: &dyn Fn(&RepoPath) -> bool) -> Vec<GuardFinding> {
        let mut found = self.found;
        found.extend(weakened(&self.tests));
        found.extend(self.secrets.finish());
        let dependencies = self.dependencies.finish(has_file).into_iter();
        found.extend(dependencies.filter(|one| self.wanted.contains(&one.guard)));
        found.sort();
        found.dedup();
        bounded(found)
    }
}

/// At most [`MOST`] of each guard. Where there were more, the last one says so and is of no path, so that no
/// exception can cover what was left out.
fn bounded(found: Vec<GuardFinding>) -> Vec<GuardFinding> {
    let mut kept: Vec<GuardFinding> = Vec::with_capacity(found.len());
    let (mut guard, mut count) = (None, 0);
    for one in found {
        count = if guard == Some(one.guard) {
            count + 1
        } else {
            1
        };
        guard = Some(one.guard);
        match count {
            ..=MOST => kept.push(one),
            _ if count == MOST + 1 => kept.push(GuardFinding {
                path: RepoPath::new(""),
                line: None,
                what: format!("more than {MOST} of them"),
                bytes: None,
                ..one
            }),
            _ => {}
        }
    }
    kept
}

fn finding(guard: Guard, path: &RepoPath, what: &str) -> GuardFinding {
    GuardFinding {
        guard,
        path: path.clone(),
        line: None,
        what: what.to_owned(),
        bytes: None,
    }
}

fn language_of(path: &RepoPath) -> Option<&'static Language> {
    Language::of(std::str::from_utf8(path.as_bytes()).ok()?)
}

fn is_binary(text: &[u8]) -> bool {
    text[..text.len().min(BINARY_PROBE)].contains(&0)
}

/// A file that has grown, and is large now.
fn size(file: ChangedFile<'_>) -> Option<GuardFinding> {
    let (now, before) = (file.new.bytes()?, file.old.bytes()?);
    (now > before && now >= LARGE_FROM).then(|| GuardFinding {
        bytes: Some(now),
        ..finding(Guard::LargeFiles, file.path, &format!("{} KiB", now >> 10))
    })
}

fn new_binary(file: ChangedFile<'_>) -> Option<GuardFinding> {
    let is_new = is_binary(file.new.content()?) && !file.old.content().is_some_and(is_binary);
    is_new.then(|| finding(Guard::BinaryFiles, file.path, "a binary file is new"))
}

fn top(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(TOP)]).into_owned()
}

/// A file that stays, without the licence at its top. A year, or another holder, is none.
fn lost_licence(file: ChangedFile<'_>) -> Option<GuardFinding> {
    const MARKS: [&str; 5] = [
        "SPDX-License-Identifier",
        "Copyright",
        "Licensed under",
        "This file is part of",
        "All rights reserved",
    ];
    let (old, new) = (top(file.old.content()?), top(file.new.content()?));
    let gone = MARKS.iter().find(|mark| old.contains(**mark))?;
    let is_gone = !MARKS.iter().any(|mark| new.contains(mark));
    is_gone.then(|| GuardFinding {
        line: Some(1),
        ..finding(
            Guard::LicenceHeader,
            file.path,
            &format!("`{gone}` is gone from its top"),
        )
    })
}

/// A file that says of itself that a program writes it. Whether a program did cannot be seen;
/// lock files have a guard of their own.
fn changed_by_hand(file: ChangedFile<'_>) -> Option<GuardFinding> {
    const MARKS: [&str; 5] = [
        "DO NOT EDIT",
        "Do not edit",
        "@generated",
        "Code generated by",
        "autogenerated",
    ];
    let old = file.old.content().filter(|_| !is_lock(file.path));
    let old = top(old.filter(|_| file.new != Side::Absent)?);
    let (line, text) = old.lines().take(12).enumerate().find(|(_, line)| {
        let is_comment = line
            .trim_start()
            .starts_with(['/', '#', '*', '<', '-', ';', '%', '"', '(', '{']);
        is_comment && MARKS.iter().any(|mark| line.contains(mark))
    })?;
    let mark = MARKS.iter().find(|mark| text.contains(**mark))?;
    Some(GuardFinding {
        line: Some(line as u64 + 1),
        ..finding(
            Guard::GeneratedFiles,
            file.path,
            &format!("it says `{mark}`"),
        )
    })
}

#[cfg(test)]
#[path = "change_tables.rs"]
mod tables;
