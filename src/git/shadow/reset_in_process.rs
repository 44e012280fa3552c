//! Turning one tree into another that differs in a few files, without starting Git.
//!
//! Under the same conditions as [`crate::git::shadow::record_touched`]: no attributes in either tree,
//! plain settings, regular files, few and small. Nothing here looks whether the directory is as the
//! index knows it: the walk after it does, over every entry, and where it finds anything else Git
//! resets as ever. Each directory on the way is opened by itself and never through a link.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, fstat, mkdirat, openat, unlinkat};
use rustix::io::Errno;

use crate::base::fs;
use crate::git::diff::{ChangeSide, ChangedPath};
use crate::git::error::GitError;
use crate::git::oid::{ObjectFormat, Oid};
use crate::git::repo::read_blobs;
use crate::git::shadow::ShadowRepo;
use crate::git::shadow::index_file::{self, IndexEntry};
use crate::git::shadow::index_write;
use crate::git::shadow::record_touched::{MOST, changed_entries, find, has_no_rules, is_allowed};

const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;
/// The most content that is put back.
const CONTENT_CAP: u64 = 4 << 20;
/// The largest index that is read here.
const INDEX_CAP: u64 = 64 << 20;

/// A file of the new tree.
struct NewFile {
    mode: u32,
    id: Vec<u8>,
    content: Vec<u8>,
}

impl ShadowRepo {
    /// Puts the files at `root` back by which `tree` differs from `known`, which the index holds, and
    /// writes the index of `tree`. None where Git has to do it; then some may have been put back.
    pub(super) fn reset_in_process(
        &self,
        root: &Path,
        (known, tree): (&Oid, &Oid),
    ) -> Result<Option<()>, GitError> {
        if self.partial || self.format != ObjectFormat::Sha1 || self.plain_rules().is_none() {
            return Ok(None);
        }
        let changes = self.changed_paths(known, tree)?;
        Ok(match changes.len() {
            0 => Some(()),
            1..=MOST => self.reset_by(root, &changes),
            _ => None,
        })
    }

    fn reset_by(&self, root: &Path, changes: &[ChangedPath]) -> Option<()> {
        let bytes = fs::read_capped(&self.index_path(), INDEX_CAP).ok()?;
        let before = index_file::entries(&bytes)?;
        has_no_rules(before.iter().map(|entry| entry.path))?;
        has_no_rules(changes.iter().map(|change| change.path.as_bytes()))?;
        for change in changes {
            is_as_told(change, &before)?;
        }
        let names: Vec<&Oid> = changes
            .iter()
            .filter_map(|change| Some(&change.new.as_ref()?.oid))
            .collect();
        let mut contents = read_blobs(&self.objects_dir, &names, CONTENT_CAP)?.into_iter();
        let mut files = Vec::new();
        for change in changes {
            let file = match &change.new {
                None => None,
                Some(side) => Some(NewFile {
                    mode: side.mode,
                    id: git2::Oid::from_str(side.oid.as_str())
                        .ok()?
                        .as_bytes()
                        .to_vec(),
                    content: contents.next()?,
                }),
            };
            files.push((change.path.as_bytes(), file));
        }
        let top = openat(CWD, root, directory(), Mode::empty()).ok()?;
        // First what goes: a directory may stand in the place of a file, and the other way round.
        for (path, _) in &files {
            take_away(&top, path)?;
        }
        let mut entries = Vec::new();
        for (path, file) in &files {
            let entry = match file {
                None => None,
                Some(file) => {
                    let stat = put(&top, path, file)?;
                    Some(index_write::entry(path, (file.mode, &file.id), &stat)?)
                }
            };
            entries.push((*path, entry));
        }
        let after = changed_entries(&before, &entries)?;
        fs::write_atomic(&self.index_path(), &index_write::index(&after)?).ok()
    }
}

/// Nothing where the index says something else of a path than the tree that it is known to hold, or
/// where it is no regular file on either side.
fn is_as_told(change: &ChangedPath, before: &[IndexEntry<'_>]) -> Option<()> {
    let entry = find(before, change.path.as_bytes()).ok();
    let entry = entry.and_then(|at| before.get(at));
    let is_file = |side: &ChangeSide| matches!(side.mode, FILE | PROGRAM);
    let is_same = match (&change.old, entry) {
        (None, None) => true,
        (Some(old), Some(entry)) => {
            let id = git2::Oid::from_str(old.oid.as_str()).ok()?;
            is_file(old) && (entry.mode, entry.id) == (old.mode, id.as_bytes())
        }
        _ => false,
    };
    let is_ours = is_allowed(&change.path) && change.new.as_ref().is_none_or(is_file);
    (is_same && is_ours).then_some(())
}

fn directory() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

/// Removes a file, if it is there, and the directories that are empty then.
fn take_away(top: &OwnedFd, path: &[u8]) -> Option<()> {
    let mut dirs = vec![top.try_clone().ok()?];
    let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = names.pop()?;
    for name in &names {
        match openat(dirs.last()?, *name, directory(), Mode::empty()) {
            Ok(dir) => dirs.push(dir),
            Err(Errno::NOENT) => return Some(()),
            Err(_) => return None,
        }
    }
    match unlinkat(dirs.last()?, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(_) => return None,
    }
    dirs.pop();
    while let (Some(dir), Some(name)) = (dirs.pop(), names.pop()) {
        if unlinkat(&dir, name, AtFlags::REMOVEDIR).is_err() {
            break;
        }
    }
    Some(())
}

/// Writes a file where none is, with the directories above it, as Git does.
fn put(top: &OwnedFd, path: &[u8], file: &NewFile) -> Option<Stat> {
    let mut dir = top.try_clone().ok()?;
    let mut names: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    let name = names.pop()?;
    let all = Mode::RWXU | Mode::RWXG | Mode::RWXO;
    for name in names {
        match mkdirat(&dir, name, all) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(_) => return None,
        }
        dir = openat(&dir, name, directory(), Mode::empty()).ok()?;
    }
    let mode = if file.mode == PROGRAM {
        all
    } else {
        all - (Mode::XUSR | Mode::XGRP | Mode::XOTH)
    };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(&dir, name, flags, mode).ok()?;
    let mut opened = std::fs::File::from(opened);
    opened.write_all(&file.content).ok()?;
    fstat(&opened).ok()
}
