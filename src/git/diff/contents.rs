//! The contents of both sides of a change. A large one is looked at in parts, by several threads, each with a
//! repository of its own: it is thousands of loose objects, and a read of one takes three system calls. What is
//! looked at is dropped where it was read, so that threads wait for one another once a part and not once a file.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{available_parallelism, scope};

use crate::domain::guards::{SideNeed, SideNeeds};
use crate::git::diff::{ChangeSide, ChangedPath};
use crate::git::error::GitError;
use crate::git::repo::{LooseBlobs, Repo};

/// The files of a part. With fewer for each, another thread costs more than it helps.
const PART: usize = 128;
/// More of them would wait for one another in the directories of the object store.
const MOST_THREADS: usize = 4;
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
    /// Looks at both sides of each file as far as they are asked for, until `take` refuses one. The files are
    /// taken in parts that follow one another, side by side; each begins with what `begin` makes. What came of
    /// them stands in their order; of several refusals that of the first file counts.
    pub fn contents<'c, T: Send, E: Send>(
        &self,
        asked: &[AskedFile<'c>],
        begin: impl Fn() -> T + Sync,
        take: impl Fn(&mut T, &'c ChangedPath, SideResult, SideResult) -> Result<(), E> + Sync,
    ) -> Result<Vec<T>, E> {
        if !self.is_native() {
            let mut whole = begin();
            self.contents_by_batch(asked, |one, old, new| take(&mut whole, one, old, new))?;
            return Ok(vec![whole]);
        }
        let cores = available_parallelism().map_or(1, usize::from);
        let threads = (asked.len() / PART).min(cores).min(MOST_THREADS);
        self.contents_by(threads, &Parts::of(asked, PART), |repo, part| {
            let mut made = begin();
            let mut loose = LooseBlobs::open(&repo.common_dir().join("objects"));
            for one in part {
                let (old, new) = repo.both_sides(one, &mut loose);
                take(&mut made, one.0, old, new)?;
            }
            Ok(made)
        })
    }

    /// The parts, looked at by this thread and others, `threads` in all.
    fn contents_by<'c, T: Send, E: Send>(
        &self,
        threads: usize,
        parts: &Parts<'_, 'c>,
        look: impl Fn(&Repo, &[AskedFile<'c>]) -> Result<T, E> + Sync,
    ) -> Result<Vec<T>, E> {
        let look = &look;
        let mut looked_at = scope(|scope| {
            let start = || {
                let (location, git) = (self.location().clone(), self.git().clone());
                // Parts that nobody else takes are left to this thread.
                scope.spawn(move || match Repo::open(&location, git) {
                    Ok(own) => parts.take(&own, look),
                    Err(_) => Vec::new(),
                })
            };
            let others: Vec<_> = (1..threads).map(|_| start()).collect();
            let mut all = parts.take(self, look);
            for other in others {
                all.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
            }
            all
        });
        looked_at.sort_by_key(|(number, _)| *number);
        looked_at.into_iter().map(|(_, made)| made).collect()
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

    fn both_sides(
        &self,
        (one, needs): &AskedFile<'_>,
        loose: &mut Option<LooseBlobs>,
    ) -> (SideResult, SideResult) {
        let mut side = |side: &Option<ChangeSide>, need| {
            let small = match (side, need) {
                (Some(side), SideNeed::Content) if !side.is_submodule() => {
                    loose.as_mut().and_then(|loose| loose.read(&side.oid))
                }
                _ => None,
            };
            small.map_or_else(
                || self.side(side, need),
                |content| Ok(SideRead::Content(content)),
            )
        };
        (side(&one.old, needs.old), side(&one.new, needs.new))
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

/// A change in parts, which are handed out in their order.
struct Parts<'a, 'c> {
    asked: &'a [AskedFile<'c>],
    length: usize,
    next: AtomicUsize,
}

impl<'a, 'c> Parts<'a, 'c> {
    fn of(asked: &'a [AskedFile<'c>], length: usize) -> Self {
        Self {
            asked,
            length,
            next: AtomicUsize::new(0),
        }
    }

    /// Looks at one part after the other until none is left, or one is refused: those before it are with
    /// somebody already.
    fn take<T, E>(
        &self,
        repo: &Repo,
        look: impl Fn(&Repo, &[AskedFile<'c>]) -> Result<T, E>,
    ) -> Vec<(usize, Result<T, E>)> {
        let mut looked_at = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = self.asked.chunks(self.length).nth(number) else {
                return looked_at;
            };
            let made = look(repo, part);
            if made.is_err() {
                // No number beyond the last part is handed out twice, and none of them overflows.
                self.next.store(self.asked.len(), Ordering::Relaxed);
            }
            looked_at.push((number, made));
        }
    }
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
