use crate::base::rules::rules;
use crate::domain::verdict::{Freshness, Outcome, PolicyVerdict};

use super::*;

fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for lifecycle in Lifecycle::ALL.iter().copied() {
        for verification in Verification::ALL.iter().copied() {
            for policy in PolicyVerdict::ALL.iter().copied() {
                for freshness in Freshness::ALL.iter().copied() {
                    cells.push(Cell {
                        lifecycle,
                        verification,
                        policy,
                        freshness,
                    });
                }
            }
        }
    }
    cells
}

fn needed(lifecycle: Lifecycle, verification: Verification, tree: LandingTree) -> ProofNeeded {
    let cell = Cell {
        lifecycle,
        verification,
        policy: PolicyVerdict::Allow,
        freshness: Freshness::Current,
    };
    proof_needed(Some(&cell), tree)
}

rules! {
    a_passing_verdict_on_the_same_tree_stands:
        needed(Lifecycle::Finished, Verification::Passed, LandingTree::Judged)
        => ProofNeeded::Nothing;
    a_passing_verdict_on_another_tree_proves_nothing:
        needed(Lifecycle::Finished, Verification::Passed, LandingTree::Another)
        => ProofNeeded::ChecksOnLanding;
    unverified_work_is_checked_again:
        needed(Lifecycle::Finished, Verification::Unverified, LandingTree::Judged)
        => ProofNeeded::ChecksAgain;
    work_that_failed_its_checks_is_checked_again:
        needed(Lifecycle::Finished, Verification::Failed, LandingTree::Judged)
        => ProofNeeded::ChecksAgain;
    work_whose_check_was_broken_is_checked_again:
        needed(Lifecycle::Finished, Verification::CheckBroken, LandingTree::Judged)
        => ProofNeeded::ChecksAgain;
    unverified_work_on_another_tree_is_checked_there:
        needed(Lifecycle::Finished, Verification::Unverified, LandingTree::Another)
        => ProofNeeded::ChecksOnLanding;
    a_run_that_was_killed_can_prove_nothing:
        needed(Lifecycle::Killed, Verification::Passed, LandingTree::Judged)
        => ProofNeeded::Impossible;
    a_run_at_work_can_prove_nothing:
        proof_needed(None, LandingTree::Judged) => ProofNeeded::Impossible;
}

/// The verdict table and the accept agree: no cell lands without a new proof that the table did not
/// find verified by a run which came to its end.
#[test]
fn only_finished_and_passed_on_the_judged_tree_lands_without_a_new_proof() {
    for cell in cells() {
        for tree in [LandingTree::Judged, LandingTree::Another] {
            let stands = proof_needed(Some(&cell), tree) == ProofNeeded::Nothing;
            let verified = cell.lifecycle == Lifecycle::Finished
                && cell.verification == Verification::Passed
                && tree == LandingTree::Judged;
            assert_eq!(stands, verified, "{cell:?} {tree:?}");
        }
    }
}

#[test]
fn work_that_is_ready_for_review_needs_no_new_proof_on_its_own_tree() {
    for cell in cells() {
        if cell.outcome() == Outcome::ReadyForReview {
            assert_eq!(
                proof_needed(Some(&cell), LandingTree::Judged),
                ProofNeeded::Nothing
            );
        }
    }
}
