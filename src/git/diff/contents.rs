//! The contents of both sides of a change, file by file in its order. Threads read ahead, each with a
//! repository of its own: a large commit is thousands of loose objects, and a read of one takes five
//! system calls. A few files are in memory at once, never all of them.

use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{Scope, available_parallelism, scope};

use crate::git::diff::{ChangeSide, ChangedPath};
use crate::git::error::GitError;
use crate::git::repo::Repo;

/// With fewer files than this for each, another thread costs more than it helps.
const SHARE: usize = 128;
/// More of them would wait for one another in the directories of the object store.
const READERS: usize = 4;
/// The files that a thread may be ahead.
const AHEAD: usize = 8;

/// The content of one side; `None` where there is none, as of a submodule.
pub type SideContent = Result<Option<Vec<u8>>, GitError>;

impl Repo {
    /// Hands on the content before and after of each file, until `take` refuses one.
    pub fn contents<'c, E>(
        &self,
        changed: &[&'c ChangedPath],
        take: impl FnMut(&'c ChangedPath, SideContent, SideContent) -> Result<(), E>,
    ) -> Result<(), E> {
        let cores = available_parallelism().map_or(1, usize::from);
        let readers = (changed.len() / SHARE).min(cores).min(READERS);
        // Where each object is a process, they would only be in each other's way.
        let readers = if self.is_native() { readers } else { 0 };
        self.contents_by(readers, changed, take)
    }

    fn contents_by<'c, E>(
        &self,
        readers: usize,
        changed: &[&'c ChangedPath],
        mut take: impl FnMut(&'c ChangedPath, SideContent, SideContent) -> Result<(), E>,
    ) -> Result<(), E> {
        scope(|scope| {
            let lines: Vec<_> = (0..readers)
                .map(|first| self.read_ahead(scope, (first, readers), changed))
                .collect();
            for (number, one) in changed.iter().enumerate() {
                // A thread without a repository has sent nothing.
                let ahead = (readers > 0).then(|| lines[number % readers].recv().ok());
                let (old, new) = ahead.flatten().unwrap_or_else(|| self.both_sides(one));
                take(one, old, new)?;
            }
            Ok(())
        })
    }

    /// Every `step`-th file from the first on, from a thread that ends when nobody listens.
    fn read_ahead<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        (first, step): (usize, usize),
        changed: &'s [&ChangedPath],
    ) -> Receiver<(SideContent, SideContent)> {
        let (sender, receiver) = sync_channel(AHEAD);
        let (location, git) = (self.location().clone(), self.git().clone());
        scope.spawn(move || {
            let Ok(own) = Repo::open(&location, git) else {
                return;
            };
            for one in changed.iter().skip(first).step_by(step) {
                if sender.send(own.both_sides(one)).is_err() {
                    return;
                }
            }
        });
        receiver
    }

    fn both_sides(&self, one: &ChangedPath) -> (SideContent, SideContent) {
        (self.content_of(&one.old), self.content_of(&one.new))
    }

    fn content_of(&self, side: &Option<ChangeSide>) -> SideContent {
        let side = side.as_ref().filter(|side| !side.is_submodule());
        side.map(|side| self.blob(&side.oid)).transpose()
    }
}

#[cfg(test)]
#[path = "contents_tests.rs"]
mod tests;
