use proptest::prelude::*;

use super::*;

const DAY: i64 = 24 * 3600 * 1000;
const NOW: WallMs = 1_000 * DAY;

fn output(name: &str, days: i64, mib: u64) -> RunOutput {
    RunOutput {
        run: RunId(name.to_owned()),
        ended_ms: Some(NOW - days * DAY),
        bytes: mib << 20,
        held: None,
    }
}

fn limits(days: u64, runs: Option<u32>, size_mb: Option<u32>) -> Retention {
    Retention {
        age: Duration::from_secs(days * 24 * 3600),
        runs,
        size_mb,
    }
}

/// One letter a run: goes or stays.
fn told(all: &[RunOutput], limits: &Retention) -> Vec<String> {
    let fates = fates(all, limits, NOW);
    let rows = all.iter().zip(fates).map(|(one, fate)| match fate {
        Fate::Goes(why) => format!("{} goes: {why}", one.run),
        Fate::Stays(why) => format!("{} stays: {why}", one.run),
    });
    rows.collect()
}

#[test]
fn age_number_and_size_each_let_the_oldest_go() {
    let all = [
        output("a", 100, 1),
        output("b", 50, 1),
        output("c", 40, 2),
        output("d", 2, 1),
    ];
    insta::assert_snapshot!(told(&all, &limits(90, None, None)).join("\n"), @"
    a goes: its run ended more than 90d ago
    b stays: it is within the limits
    c stays: it is within the limits
    d stays: it is within the limits
    ");
    insta::assert_snapshot!(told(&all, &limits(90, Some(2), None)).join("\n"), @"
    a goes: its run ended more than 90d ago
    b goes: 2 newer runs may keep their output
    c stays: it is within the limits
    d stays: it is within the limits
    ");
    // The smaller one behind the one that was too much does not slip in.
    insta::assert_snapshot!(told(&all, &limits(90, None, Some(2))).join("\n"), @"
    a goes: its run ended more than 90d ago
    b goes: with newer output it is more than 2 MiB
    c goes: with newer output it is more than 2 MiB
    d stays: it is within the limits
    ");
}

#[test]
fn what_is_held_at_work_or_fresh_stays_and_counts() {
    let held = RunOutput {
        held: Some("its task is review".to_owned()),
        ..output("held", 500, 5)
    };
    let at_work = RunOutput {
        ended_ms: None,
        ..output("at-work", 0, 5)
    };
    let ahead = output("by-another-clock", -3, 5);
    let old = output("old", 2, 1);
    let all = [held, at_work, ahead, output("fresh", 0, 5), old];
    insta::assert_snapshot!(told(&all, &limits(1, Some(0), Some(0))).join("\n"), @"
    held stays: its task is review
    at-work stays: the run is at work
    by-another-clock stays: its run ended less than a day ago
    fresh stays: its run ended less than a day ago
    old goes: its run ended more than 1d ago
    ");
    insta::assert_snapshot!(told(&all, &limits(90, None, Some(15))).join("\n"), @"
    held stays: its task is review
    at-work stays: the run is at work
    by-another-clock stays: its run ended less than a day ago
    fresh stays: its run ended less than a day ago
    old goes: with newer output it is more than 15 MiB
    ");
}

proptest! {
    /// Nothing that goes is newer than something that stays by the limits, and what stays by them is within them.
    #[test]
    fn the_newest_stay(
        runs in prop::collection::vec((0_i64..200, 0_u64..50, any::<bool>()), 0..40),
        most in prop::option::of(0_u32..20),
        size_mb in prop::option::of(0_u32..300),
    ) {
        let all: Vec<RunOutput> = runs.iter().enumerate().map(|(at, (days, mib, held))| RunOutput {
            held: held.then(|| "held".to_owned()),
            ..output(&format!("r{at:02}"), *days, *mib)
        }).collect();
        let fates = fates(&all, &limits(90, most, size_mb), NOW);
        let goes = |fate: &Fate| matches!(fate, Fate::Goes(_));
        let free = |one: &RunOutput| one.held.is_none() && one.ended_ms.unwrap() <= NOW - DAY;
        let kept: Vec<(&RunOutput, &Fate)> = all.iter().zip(&fates).filter(|(_, fate)| !goes(fate)).collect();
        for (one, fate) in all.iter().zip(&fates) {
            if goes(fate) {
                prop_assert!(free(one));
                let older = kept.iter().filter(|(other, _)| free(other) && other.ended_ms < one.ended_ms);
                prop_assert_eq!(older.count(), 0);
            }
        }
        let is_over = |limit: Option<u32>, all: u64| limit.is_some_and(|most| all > u64::from(most));
        let unfree = kept.iter().filter(|(one, _)| !free(one)).count();
        if unfree == 0 {
            prop_assert!(!is_over(most, kept.len() as u64));
            prop_assert!(!is_over(size_mb, kept.iter().map(|(one, _)| one.bytes >> 20).sum()));
        }
    }
}
