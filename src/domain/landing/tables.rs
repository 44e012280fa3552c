use std::collections::BTreeSet;

use super::attempt::usual_runs;
use super::testing::*;
use super::*;
use crate::base::rules::rules;
use crate::domain::ids::TaskId;

fn pair(a: usize, b: usize) -> Truth {
    Truth {
        pairs: vec![(a, b)],
        ..Truth::default()
    }
}

fn within(count: usize, truth: &Truth) -> Told {
    land(works(count), truth, PartnerSearch::WithinBound)
}

fn to_the_end(count: usize, truth: &Truth) -> Told {
    land(works(count), truth, PartnerSearch::ToTheEnd)
}

/// The fates as a line: landed, sent back, conflict, needs, untold, red base, no base.
fn line(told: &Told) -> String {
    let letter = |fate: &WorkFate| match fate {
        WorkFate::Landed => 'L',
        WorkFate::SentBack => 'B',
        WorkFate::Conflict => 'C',
        WorkFate::Needs(_) => 'N',
        WorkFate::Untold => 'U',
        WorkFate::RedBase => 'R',
        WorkFate::NoBase => '0',
    };
    told.fates.iter().map(letter).collect()
}

fn culprit(work: usize) -> Truth {
    Truth {
        culprits: [work].into(),
        ..Truth::default()
    }
}

fn red() -> Truth {
    Truth {
        base: vec!["old"],
        ..Truth::default()
    }
}

rules! {
    nothing_to_land_is_done: line(&within(0, &Truth::default())) => "";
    what_passes_together_lands_by_one_run:
        (within(20, &Truth::default()).runs, line(&within(20, &Truth::default()))) => ((1, 1), "L".repeat(20));
    a_culprit_goes_back_and_the_rest_lands: line(&within(5, &culprit(2))) => "LLBLL";
    the_first_may_be_the_culprit: line(&within(5, &culprit(0))) => "BLLLL";
    the_last_may_be_the_culprit: line(&within(5, &culprit(4))) => "LLLLB";
    a_single_work_is_a_culprit: line(&within(1, &culprit(0))) => "B";
    of_a_pair_the_later_goes_back: line(&within(5, &pair(1, 3))) => "LLLBL";
    of_three_that_break_in_pairs_the_first_lands:
        line(&within(5, &Truth { pairs: vec![(0, 2), (0, 4), (2, 4)], ..Truth::default() })) => "LLBLB";
    what_needs_the_culprit_stays:
        line(&land(
            vec![BatchWork::default(), BatchWork::default(), BatchWork { needs: vec![1] }, BatchWork { needs: vec![2] }],
            &culprit(1),
            PartnerSearch::WithinBound,
        )) => "LBNN";
    what_does_not_fit_stays:
        line(&within(4, &Truth { clashes: vec![(0, 2)], ..Truth::default() })) => "LLCL";
    a_red_base_blocks_and_blames_nobody: line(&within(8, &red())) => "RRRRRRRR";
    a_red_base_is_told_after_few_runs: within(20, &red()).runs => (4, 4);
    who_mends_the_base_takes_all_along:
        line(&within(8, &Truth { mends: Some(6), ..red() })) => "LLLLLLLL";
    on_a_red_base_only_what_is_new_is_blamed:
        line(&within(8, &Truth { culprits: [4].into(), ..red() })) => "RRRRBRRR";
    on_a_base_that_is_mended_the_rest_lands:
        line(&within(8, &Truth { culprits: [4].into(), mends: Some(6), ..red() })) => "LLLLBLLL";
    a_base_that_cannot_be_had_refuses:
        line(&within(3, &Truth { is_base_gone: true, blinds: Some(0), ..Truth::default() })) => "000";
    the_base_is_not_asked_where_all_passes:
        line(&within(3, &Truth { is_base_gone: true, ..Truth::default() })) => "LLL";
    what_makes_the_checks_blind_stays_and_is_not_blamed:
        line(&within(4, &Truth { blinds: Some(1), ..Truth::default() })) => "LULL";
    a_failure_that_is_not_seen_again_blames_nobody:
        line(&within(4, &Truth { flakes: [0].into(), ..Truth::default() })) => "LLLL";
    a_base_that_failed_once_is_not_red:
        // The whole, the first of them, the base and then that again.
        (line(&within(4, &Truth { culprits: [0].into(), flakes: [2].into(), ..Truth::default() })),
         within(4, &Truth { culprits: [0].into(), flakes: [2].into(), ..Truth::default() }).flaky)
        => ("BLLL".to_owned(), 1);
    a_culprit_by_itself_is_told_from_a_pair: to_the_end(20, &culprit(11)).back[&11].1 => Blame::Alone;
    the_partner_is_found: to_the_end(20, &pair(6, 17)).back[&17].1 => Blame::With(vec![6]);
    the_first_partner_is_found: to_the_end(20, &pair(0, 19)).back[&19].1 => Blame::With(vec![0]);
    the_last_partner_is_found: to_the_end(20, &pair(18, 19)).back[&19].1 => Blame::With(vec![18]);
    within_the_bound_the_partner_is_one_of_some:
        within(20, &pair(3, 19)).back[&19].1 => Blame::With((0..9).collect());
    where_the_bound_is_met_nothing_is_asked_of_partners:
        within(20, &pair(3, 17)).back[&17].1 => Blame::After((0..17).collect());
    the_proof_is_what_fails_by_the_culprit:
        within(5, &culprit(2)).back[&2].0 => Combination(vec![0, 1, 2]);
    the_bound_of_twenty: usual_runs(20) => 8;
    the_bound_of_one: usual_runs(1) => 4;
}

#[test]
fn twenty_of_which_any_two_break_together_land_within_eight_runs() {
    let mut all = Vec::new();
    for late in 1..20 {
        for early in 0..late {
            let told = within(20, &pair(early, late));
            let rest: Vec<usize> = (0..20).filter(|work| *work != late).collect();
            assert_eq!(told.landed, rest, "{early} and {late}");
            assert!(told.runs.1 <= 8, "{early} and {late}: {:?}", told.runs);
            all.push(told.runs.0);
        }
    }
    let mean = all.iter().sum::<usize>() * 100 / all.len();
    assert_eq!(
        (all.iter().min(), all.iter().max(), mean),
        (Some(&6), Some(&8), 759)
    );
}

#[test]
fn the_whole_search_for_any_pair_is_bounded_as_well() {
    let runs = |early, late| to_the_end(20, &pair(early, late)).runs.1;
    let all: Vec<usize> = (1..20)
        .flat_map(|late| (0..late).map(move |early| runs(early, late)))
        .collect();
    assert_eq!((all.iter().min(), all.iter().max()), (Some(&9), Some(&14)));
}

fn waiting(task: &str, priority: u8, since_ms: i64, needs: &[&str]) -> WaitingWork {
    WaitingWork {
        task: TaskId(task.to_owned()),
        priority,
        since_ms,
        needs: needs.iter().map(|id| TaskId((*id).to_owned())).collect(),
    }
}

fn sorted(works: Vec<WaitingWork>) -> String {
    let sorted = landing_order(works);
    let names: Vec<String> = sorted.iter().map(|work| work.task.to_string()).collect();
    names.join(" ")
}

rules! {
    the_more_urgent_lands_first:
        sorted(vec![waiting("a", 2, 1, &[]), waiting("b", 0, 9, &[])]) => "b a";
    of_equals_whoever_waits_longer_lands_first:
        sorted(vec![waiting("a", 2, 9, &[]), waiting("b", 2, 1, &[])]) => "b a";
    what_is_needed_lands_before:
        sorted(vec![waiting("a", 0, 1, &["c"]), waiting("b", 1, 1, &[]), waiting("c", 4, 1, &["d"]), waiting("d", 3, 5, &[])])
        => "b d c a";
    what_is_needed_and_not_there_orders_nothing:
        sorted(vec![waiting("a", 0, 1, &["z"]), waiting("b", 1, 1, &[])]) => "a b";
    a_circle_is_no_reason_to_wait:
        sorted(vec![waiting("b", 1, 1, &["a"]), waiting("a", 0, 1, &["b"])]) => "a b";
}

#[test]
fn a_flaky_check_is_told_by_its_name_and_its_tree() {
    let mut attempt = LandingAttempt::new(works(2), PartnerSearch::WithinBound);
    let both = Combination(vec![0, 1]);
    for failed in [vec!["slow".to_owned()], Vec::new()] {
        attempt.answered(
            both.clone(),
            CombinationAnswer::Checked(vec![result(&failed)]),
        );
    }
    let told: BTreeSet<(Vec<usize>, String)> = attempt
        .flaky()
        .into_iter()
        .map(|one| (one.combination.0, one.check.to_string()))
        .collect();
    assert_eq!(told, [(vec![0, 1], "unit".to_owned())].into());
    assert_eq!(attempt.next(), LandingStep::Land(vec![0, 1]));
}
