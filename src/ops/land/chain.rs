//! Combinations of works as commits, each on top of the one before, made of objects alone.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::git::Oid;
use crate::git::Repo;
use crate::git::shadow::ShadowRepo;
use crate::ops::accept_landing::{Landing, Onto};
use crate::ops::error::OpError;
use crate::ops::land::queue::QueuedWork;

/// The state of the branch with some works in it.
pub(super) struct Link {
    /// The commit; none where the branch has none.
    pub(super) commit: Option<Oid>,
    /// The tree.
    pub(super) tree: Oid,
    /// The way in which the last of the works comes in; nothing for the base.
    pub(super) landing: Option<Landing>,
}

/// All combinations that were asked for, on one state of the target.
pub(super) struct Chain {
    base: Rc<Link>,
    links: BTreeMap<Vec<usize>, Result<Rc<Link>, usize>>,
    conflicts: BTreeMap<usize, OpError>,
}

impl Chain {
    /// Begins at what the branch is now.
    pub(super) fn begin(
        (repo, shadow): (&Repo, &ShadowRepo),
        target: &str,
    ) -> Result<Chain, OpError> {
        let commit = repo.find_ref(target)?;
        let tree = match &commit {
            Some(commit) => repo.tree_of(commit)?,
            None => shadow.format().empty_tree(),
        };
        Ok(Chain {
            base: Rc::new(Link {
                commit,
                tree,
                landing: None,
            }),
            links: BTreeMap::new(),
            conflicts: BTreeMap::new(),
        })
    }

    /// The commit at which the branch is.
    pub(super) fn tip(&self) -> Option<&Oid> {
        self.base.commit.as_ref()
    }

    /// The tree at which the branch is.
    pub(super) fn base_tree(&self) -> &Oid {
        &self.base.tree
    }

    /// The branch with these works in it, or the work that does not fit.
    pub(super) fn of(
        &mut self,
        works: &[QueuedWork<'_>],
        numbers: &[usize],
    ) -> Result<Result<Rc<Link>, usize>, OpError> {
        let Some((last, before)) = numbers.split_last() else {
            return Ok(Ok(self.base.clone()));
        };
        if let Some(known) = self.links.get(numbers) {
            return Ok(known.clone());
        }
        let found = match self.of(works, before)? {
            Ok(below) => self.on(works, *last, &below)?,
            Err(conflict) => Err(conflict),
        };
        self.links.insert(numbers.to_vec(), found.clone());
        Ok(found)
    }

    fn on(
        &mut self,
        works: &[QueuedWork<'_>],
        number: usize,
        below: &Link,
    ) -> Result<Result<Rc<Link>, usize>, OpError> {
        let work = works.get(number);
        let work = work.ok_or_else(|| OpError::internal("a work that is not in its batch"))?;
        let landing = match work.case.landing(Onto::Commit(below.commit.as_ref())) {
            Ok(landing) => landing,
            Err(OpError::Merge { task, source }) if source.wants_new_attempt() => {
                let why = OpError::Merge { task, source };
                self.conflicts.insert(number, why);
                return Ok(Err(number));
            }
            Err(other) => return Err(other),
        };
        let (commit, tree) = match &landing {
            Landing::Move(planned) => (Some(planned.plan.new.clone()), planned.plan.tree.clone()),
            Landing::Already(_) => (below.commit.clone(), below.tree.clone()),
            Landing::Stay => {
                return Err(OpError::internal(
                    "work that stays on its branch was combined",
                ));
            }
        };
        Ok(Ok(Rc::new(Link {
            commit,
            tree,
            landing: Some(landing),
        })))
    }

    /// The works that fit onto each other in their order.
    pub(super) fn fitting(&mut self, works: &[QueuedWork<'_>]) -> Result<Vec<usize>, OpError> {
        let mut fitting = Vec::new();
        for number in 0..works.len() {
            fitting.push(number);
            if self.of(works, &fitting)?.is_err() {
                fitting.pop();
            }
        }
        Ok(fitting)
    }

    /// The reason why a work does not fit.
    pub(super) fn conflict(&mut self, number: usize) -> Option<OpError> {
        self.conflicts.remove(&number)
    }
}
