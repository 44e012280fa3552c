//! What holds of any batch.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::attempt::usual_runs;
use super::testing::*;
use super::*;

fn truths() -> impl Strategy<Value = (usize, Truth)> {
    (1_usize..24).prop_flat_map(|count| {
        let pairs = prop::collection::vec((0..count, 0..count), 0..4);
        (
            prop::collection::btree_set(0..count, 0..4),
            pairs,
            prop::bool::weighted(0.2),
            prop::option::of(0..count),
        )
            .prop_map(move |(culprits, pairs, is_red, mends)| {
                let pairs = pairs.into_iter().filter(|(a, b)| a < b).collect();
                let base = if is_red { vec!["old"] } else { Vec::new() };
                let truth = Truth {
                    culprits,
                    pairs,
                    base,
                    mends: mends.filter(|_| is_red),
                    ..Truth::default()
                };
                (count, truth)
            })
    })
}

/// The works that go back if all is decided: the culprits, and of each pair the later one whose
/// partner lands.
fn at_fault(count: usize, truth: &Truth) -> BTreeSet<usize> {
    let mut gone = BTreeSet::new();
    for work in 0..count {
        let has_partner = truth
            .pairs
            .iter()
            .any(|(early, late)| *late == work && !gone.contains(early));
        if truth.culprits.contains(&work) || has_partner {
            gone.insert(work);
        }
    }
    gone
}

proptest! {
    #[test]
    fn every_innocent_lands_and_no_culprit(
        (count, truth) in truths(),
        to_the_end in any::<bool>(),
    ) {
        let partner = if to_the_end { PartnerSearch::ToTheEnd } else { PartnerSearch::WithinBound };
        let told = land(works(count), &truth, partner);
        let gone = at_fault(count, &truth);
        let rest: Vec<usize> = (0..count).filter(|work| !gone.contains(work)).collect();
        // What mends the base goes back itself where it breaks something else.
        let is_green = truth.failures(&rest).is_empty();
        if is_green {
            prop_assert_eq!(&told.landed, &rest);
            prop_assert_eq!(told.back.keys().copied().collect::<BTreeSet<_>>(), gone);
        } else {
            prop_assert!(told.back.keys().all(|work| gone.contains(work)));
        }
        prop_assert!(told.landed.is_empty() || truth.failures(&told.landed).is_empty());
        prop_assert!(told.landed.is_sorted());
        for (work, (proof, blame)) in &told.back {
            let without: Vec<usize> = proof.0.iter().copied().filter(|one| one != work).collect();
            let (with, without) = (truth.failures(&proof.0), truth.failures(&without));
            prop_assert!(with.iter().any(|name| !without.contains(name)), "{work} by {proof:?}");
            match blame {
                Blame::Alone => prop_assert!(truth.culprits.contains(work)),
                Blame::With(some) => prop_assert!(
                    truth.pairs.iter().any(|(early, late)| late == work && some.contains(early))
                ),
                Blame::After(some) => prop_assert_eq!(some.as_slice(), &proof.0[..some.len()]),
            }
            if to_the_end && let Blame::With(some) = blame {
                prop_assert_eq!(some.len(), 1);
            }
        }
    }

    #[test]
    fn the_runs_are_bounded(
        (count, truth) in truths(),
        flakes in prop::collection::btree_set(0_usize..30, 0..4),
    ) {
        let flaky = flakes.len();
        let truth = Truth { flakes, ..truth };
        let told = land(works(count), &truth, PartnerSearch::WithinBound);
        let usual = usual_runs(count);
        let bound = usual + (told.back.len() + flaky) * usual;
        prop_assert!(told.runs.1 <= bound, "{:?} > {}", told.runs, bound);
        if truth.culprits.len() + truth.pairs.len() <= 1 && flaky == 0 && truth.base.is_empty() {
            prop_assert!(told.runs.1 <= usual, "{:?} > {}", told.runs, usual);
        }
    }

    #[test]
    fn a_flake_never_blames_an_innocent_that_passes_when_asked_again(
        (count, truth) in truths(),
        flake in 0_usize..12,
    ) {
        let truth = Truth { flakes: [flake].into(), base: Vec::new(), mends: None, ..truth };
        let told = land(works(count), &truth, PartnerSearch::WithinBound);
        let gone = at_fault(count, &truth);
        let rest: Vec<usize> = (0..count).filter(|work| !gone.contains(work)).collect();
        prop_assert_eq!(told.landed, rest);
    }

    #[test]
    fn what_does_not_fit_holds_nobody_up(
        count in 2_usize..16,
        clashes in prop::collection::vec((0_usize..16, 0_usize..16), 1..4),
    ) {
        let clashes: Vec<(usize, usize)> =
            clashes.into_iter().filter(|(a, b)| a < b && *b < count).collect();
        let truth = Truth { clashes: clashes.clone(), ..Truth::default() };
        let told = land(works(count), &truth, PartnerSearch::WithinBound);
        let has_both = |(a, b): &(usize, usize)| told.landed.contains(a) && told.landed.contains(b);
        prop_assert!(!clashes.iter().any(has_both));
        let late: BTreeSet<usize> = clashes.iter().map(|(_, late)| *late).collect();
        prop_assert!((0..count).all(|work| late.contains(&work) || told.landed.contains(&work)));
        prop_assert_eq!(told.runs.1, usize::from(!told.landed.is_empty()));
    }
}
