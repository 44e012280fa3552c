//! The contents of both sides of a change, file by file in its order. Threads read ahead, each with a
//! repository of its own: a large commit is thousands of loose objects, and a read of one takes five
//! system calls. A few files are in memory at once, never all of them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Scope, available_parallelism, scope};

use crate::domain::guards::{SideNeed, SideNeeds};
use crate::git::diff::{ChangeSide, ChangedPath};
use crate::git::error::GitError;
use crate::git::repo::Repo;

/// With fewer files than this for each, another thread costs more than it helps.
const SHARE: usize = 128;
/// More of them would wait for one another in the directories of the object store.
const READERS: usize = 4;
/// The files that a thread may be ahead.
const AHEAD: usize = 8;
/// The files whose contents come from one process, and are in memory at once, where each object is Git's to read.
const BATCH: usize = 64;

/// One side of a file, as far as it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum SideRead {
    /// None is there, or a submodule.
    Absent,
    /// Nothing was asked.
    Unread,
    /// The length in bytes.
    Sized(u64),
    /// The content.
    Content(Vec<u8>),
}

impl SideRead {
    /// The content, where it was read.
    pub fn into_content(self) -> Option<Vec<u8>> {
        match self {
            Self::Content(content) => Some(content),
            Self::Absent | Self::Unread | Self::Sized(_) => None,
        }
    }
}

/// The result of reading a side.
pub type SideResult = Result<SideRead, GitError>;
/// A file with what has to be known of it.
pub type AskedFile<'c> = (&'c ChangedPath, SideNeeds);

impl Repo {
    /// Hands on both sides of each file as far as they are asked for, until `take` refuses one.
    pub fn contents<'c, E>(
        &self,
        asked: &[AskedFile<'c>],
        take: impl FnMut(&'c ChangedPath, SideResult, SideResult) -> Result<(), E>,
    ) -> Result<(), E> {
        if !self.is_native() {
            return self.contents_by_batch(asked, take);
        }
        let cores = available_parallelism().map_or(1, usize::from);
        let readers = (asked.len() / SHARE).min(cores).min(READERS);
        self.contents_by(readers, asked, take)
    }

    fn contents_by<'c, E>(
        &self,
        readers: usize,
        asked: &[AskedFile<'c>],
        mut take: impl FnMut(&'c ChangedPath, SideResult, SideResult) -> Result<(), E>,
    ) -> Result<(), E> {
        scope(|scope| {
            let lines: Vec<_> = (0..readers)
                .map(|first| self.read_ahead(scope, (first, readers), asked))
                .collect();
            for (number, one) in asked.iter().enumerate() {
                // A thread without a repository has sent nothing.
                let ahead = (readers > 0).then(|| lines[number % readers].recv().ok());
                let (old, new) = ahead.flatten().unwrap_or_else(|| self.both_sides(one));
                take(one.0, old, new)?;
            }
            Ok(())
        })
    }

    /// Every `step`-th file from the first on, from a thread that ends when nobody listens.
    fn read_ahead<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        (first, step): (usize, usize),
        asked: &'s [AskedFile<'_>],
    ) -> Receiver<(SideResult, SideResult)> {
        let (sender, receiver) = sync_channel(AHEAD);
        let (location, git) = (self.location().clone(), self.git().clone());
        scope.spawn(move || {
            let Ok(own) = Repo::open(&location, git) else {
                return;
            };
            for one in asked.iter().skip(first).step_by(step) {
                if sender.send(own.both_sides(one)).is_err() {
                    return;
                }
            }
        });
        receiver
    }

    /// The same by one process for many files, where the library cannot read the repository.
    fn contents_by_batch<'c, E>(
        &self,
        asked: &[AskedFile<'c>],
        mut take: impl FnMut(&'c ChangedPath, SideResult, SideResult) -> Result<(), E>,
    ) -> Result<(), E> {
        for some in asked.chunks(BATCH) {
            let wanted = some.iter().flat_map(|(one, needs)| {
                let sides = [(&one.old, needs.old), (&one.new, needs.new)];
                sides.into_iter().filter_map(|(side, need)| {
                    let side = side.as_ref().filter(|side| !side.is_submodule())?;
                    (need == SideNeed::Content).then_some(&side.oid)
                })
            });
            let mut known = self.blobs(&wanted.collect::<Vec<_>>());
            for (one, needs) in some {
                let mut side = |side: &Option<ChangeSide>, need| {
                    let oid = side.as_ref().map(|side| &side.oid);
                    let oid = oid.filter(|_| need == SideNeed::Content);
                    match oid.and_then(|oid| known.remove(oid)) {
                        Some(content) => Ok(SideRead::Content(content)),
                        // What the batch did not bring, or brought for another file, is read by itself.
                        None => self.side(side, need),
                    }
                };
                let (old, new) = (side(&one.old, needs.old), side(&one.new, needs.new));
                take(one, old, new)?;
            }
        }
        Ok(())
    }

    fn both_sides(&self, (one, needs): &AskedFile<'_>) -> (SideResult, SideResult) {
        (
            self.side(&one.old, needs.old),
            self.side(&one.new, needs.new),
        )
    }

    fn side(&self, side: &Option<ChangeSide>, need: SideNeed) -> SideResult {
        let Some(side) = side.as_ref().filter(|side| !side.is_submodule()) else {
            return Ok(SideRead::Absent);
        };
        match need {
            SideNeed::Nothing => Ok(SideRead::Unread),
            SideNeed::Size => self.blob_size(&side.oid).map(SideRead::Sized),
            SideNeed::Content => self.blob(&side.oid).map(SideRead::Content),
        }
    }
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
