//! The last look before minutes of checks are spent: whether the policy lets the message of each commit through,
//! whether somebody holds a path that changes, and whether something stands in the way where the branch is
//! checked out. Asked alike by who lands and by who only looks what would land.

use crate::git::Repo;
use crate::git::merge::MergePlan;
use crate::git::scratch::Scratch;
use crate::git::shadow::ShadowRepo;
use crate::ops::accept_landing::Landing;
use crate::ops::error::OpError;
use crate::ops::land::chain::Chain;
use crate::ops::land::order::Asking;
use crate::ops::land::queue::QueuedWork;
use crate::ops::landing;
use crate::ops::world::World;
use crate::store::Store;

/// Whoever looks.
pub(super) struct LastLook<'a> {
    pub(super) world: &'a World,
    pub(super) on: (&'a Repo, &'a ShadowRepo),
    /// The way in which it asks.
    pub(super) asking: Asking,
    /// The place of somebody who only looks; none for who lands.
    pub(super) scratch: Option<&'a Scratch>,
}

impl LastLook<'_> {
    /// Finds a work that cannot land now, though it fits onto the others.
    pub(super) fn unfit(
        &self,
        store: &mut dyn Store,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
    ) -> Result<Option<(usize, OpError)>, OpError> {
        let fitting = chain.fitting(works)?;
        let mut numbers = Vec::new();
        for number in &fitting {
            numbers.push(*number);
            let (Some(work), Ok(link)) = (works.get(*number), chain.of(works, &numbers)?) else {
                continue;
            };
            let Some(landing) = &link.landing else {
                continue;
            };
            match self.ask(store, work, landing) {
                Err(why @ OpError::Refused(_)) => return Ok(Some((*number, why))),
                asked => asked?,
            }
        }
        if self.obstacle(works, chain, &fitting)?.is_none() {
            return Ok(None);
        }
        self.first_obstacle(works, chain, &fitting)
    }

    /// Asks about the message of a work's commit, and about the paths that it changes where it lands.
    fn ask(
        &self,
        store: &mut dyn Store,
        work: &QueuedWork<'_>,
        landing: &Landing,
    ) -> Result<(), OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        if let Some(message) = landing.message() {
            match self.asking {
                Asking::OnRecord => message.ask_early(&cx, store)?,
                Asking::Silently => {
                    let asked = store.read(|tx| message.look_ahead(tx, &cx));
                    asked.map_err(OpError::unrecorded)?;
                }
            }
        }
        let paths = work.case.landing_paths(landing, &work.work)?;
        store.read(|tx| work.case.touching(&paths).or_refuse(tx, &cx))
    }

    /// The first work with which something stands in the way; the others may land all the same.
    pub(super) fn first_obstacle(
        &self,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        fitting: &[usize],
    ) -> Result<Option<(usize, OpError)>, OpError> {
        for end in 1..=fitting.len() {
            let (numbers, _) = fitting.split_at(end);
            if let Some(why) = self.obstacle(works, chain, numbers)?
                && let Some(last) = numbers.last()
            {
                return Ok(Some((*last, why)));
            }
        }
        Ok(None)
    }

    fn obstacle(
        &self,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        numbers: &[usize],
    ) -> Result<Option<OpError>, OpError> {
        let Some(last) = numbers.last().and_then(|last| works.get(*last)) else {
            return Ok(None);
        };
        let Some(plan) = move_to(works, chain, numbers)? else {
            return Ok(None);
        };
        let found = match self.scratch {
            None => landing::look_ahead(self.world, self.on, &plan)?,
            Some(scratch) => {
                landing::look_from_outside(self.world, self.on, &plan, &scratch.index())?
            }
        };
        Ok(found.err().map(|error| last.case.not_landed(error)))
    }
}

/// The move of the branch to a combination; nothing where it is there already.
pub(super) fn move_to(
    works: &[QueuedWork<'_>],
    chain: &mut Chain,
    numbers: &[usize],
) -> Result<Option<MergePlan>, OpError> {
    let (Some(first), Ok(link)) = (works.first(), chain.of(works, numbers)?) else {
        return Ok(None);
    };
    let Some(new) = link.commit.clone() else {
        return Ok(None);
    };
    Ok(Some(MergePlan {
        target: first.target.clone(),
        old: chain.tip().cloned(),
        new,
        tree: link.tree.clone(),
    }))
}
