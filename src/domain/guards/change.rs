//! The look at a change, file by file, so that no more than one file is in memory at once.

use crate::domain::guards::kind::{Guard, GuardFinding};
use crate::domain::guards::languages::Language;
use crate::domain::guards::manifests::{DependencyLook, is_lock};
use crate::domain::guards::secrets::SecretLook;
pub use crate::domain::guards::secrets::SecretSpan;
use crate::domain::guards::test_file::TestFile;
use crate::domain::guards::weakened::{TestsOfFile, weakened};
use crate::domain::repo_path::RepoPath;

/// Git looks this far for a NUL to tell binary from text.
const BINARY_PROBE: usize = 8000;
/// Licences and marks of generators stand within so many bytes.
const TOP: usize = 2000;
/// Files below this size are not large for anybody.
const LARGE_FROM: u64 = 100 << 10;
/// So many findings of one guard are kept; beyond that, that there are more.
const MOST: usize = 10_000;

/// A changed file; a side that is not there has no content, nor has a submodule.
#[derive(Debug, Clone, Copy)]
pub struct ChangedFile<'a> {
    /// The path.
    pub path: &'a RepoPath,
    /// The content before.
    pub old: Option<&'a [u8]>,
    /// The content now.
    pub new: Option<&'a [u8]>,
}

/// Finds texts of known shapes, which are known elsewhere.
pub type FindShapes<'a> = dyn Fn(&[u8]) -> Vec<SecretSpan> + 'a;

/// A look at a change.
pub struct ChangeLook<'a> {
    shapes: &'a FindShapes<'a>,
    tests: Vec<TestsOfFile>,
    secrets: SecretLook,
    dependencies: DependencyLook,
    found: Vec<GuardFinding>,
}

impl<'a> ChangeLook<'a> {
    /// Begins a look.
    pub fn new(shapes: &'a FindShapes<'a>) -> ChangeLook<'a> {
        ChangeLook {
            shapes,
            tests: Vec::new(),
            secrets: SecretLook::default(),
            dependencies: DependencyLook::default(),
            found: Vec::new(),
        }
    }

    /// Looks at one more file.
    pub fn add(&mut self, file: ChangedFile<'_>) {
        let ChangedFile { path, old, new } = file;
        if let Some(old) = old {
            self.secrets.old(old, &(self.shapes)(old));
        }
        if let Some(new) = new {
            self.secrets.new_side(path, new, &(self.shapes)(new));
        }
        self.dependencies.add(path, old, new);
        self.look_at_tests(file);
        self.found.extend(size(file));
        self.found.extend(new_binary(file));
        self.found.extend(lost_licence(file));
        self.found.extend(changed_by_hand(file));
    }

    fn look_at_tests(&mut self, file: ChangedFile<'_>) {
        let Ok(path) = std::str::from_utf8(file.path.as_bytes()) else {
            return;
        };
        let Some(language) = Language::of(path) else {
            return;
        };
        let read = |text: Option<&[u8]>| {
            let text = text.filter(|text| !is_binary(text))?;
            Some(TestFile::read(language, text))
        };
        let (old, new) = (read(file.old), read(file.new));
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
        found.extend(self.dependencies.finish(has_file));
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

fn is_binary(text: &[u8]) -> bool {
    text[..text.len().min(BINARY_PROBE)].contains(&0)
}

/// A file that has grown, and is large now.
fn size(file: ChangedFile<'_>) -> Option<GuardFinding> {
    let now = file.new?.len() as u64;
    let before = file.old.map_or(0, |old| old.len() as u64);
    (now > before && now >= LARGE_FROM).then(|| GuardFinding {
        bytes: Some(now),
        ..finding(Guard::LargeFiles, file.path, &format!("{} KiB", now >> 10))
    })
}

fn new_binary(file: ChangedFile<'_>) -> Option<GuardFinding> {
    let is_new = is_binary(file.new?) && !file.old.is_some_and(is_binary);
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
    let (old, new) = (top(file.old?), top(file.new?));
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
    let old = top(file.old.filter(|_| !is_lock(file.path))?);
    file.new?;
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
