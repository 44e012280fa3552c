//! What an accept without an override still has to prove.

use crate::domain::verdict::{Cell, Lifecycle, Verification};

/// How the tree that would land stands to the tree that was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LandingTree {
    /// The very tree that was judged.
    Judged,
    /// Another tree, since the target has moved.
    Another,
}

/// The proof that is needed before work may land.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofNeeded {
    /// None: its own verdict stands.
    Nothing,
    /// The checks must pass on the same tree, on which they have not.
    ChecksAgain,
    /// The checks must pass on a tree that nobody has judged.
    ChecksOnLanding,
    /// None would do: the run did not come to its end.
    Impossible,
}

/// The proof that is needed for work whose run ended in `cell`, where it has ended.
pub fn proof_needed(cell: Option<&Cell>, tree: LandingTree) -> ProofNeeded {
    let Some(cell) = cell.filter(|cell| cell.lifecycle == Lifecycle::Finished) else {
        return ProofNeeded::Impossible;
    };
    match (tree, cell.verification) {
        (LandingTree::Another, _) => ProofNeeded::ChecksOnLanding,
        (LandingTree::Judged, Verification::Passed) => ProofNeeded::Nothing,
        (LandingTree::Judged, _) => ProofNeeded::ChecksAgain,
    }
}

#[cfg(test)]
#[path = "acceptance_tests.rs"]
mod tests;
