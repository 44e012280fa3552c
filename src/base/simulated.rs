//! Simulations of tests: each follows from a number, which a failure names.
//!
//! `AI_SCHEDULES=10000` asks for so many of each, `AI_SCHEDULE_SEED=7` for one of them.

use std::panic::{RefUnwindSafe, catch_unwind};

/// Runs a simulation for each number below `usual`, or as the environment says.
pub(crate) fn each(usual: u64, run: impl Fn(u64) + RefUnwindSafe) {
    share((0, 1), usual, run);
}

/// The same for one of `parts` tests that share the numbers, so that they run side by side.
pub(crate) fn share((part, parts): (u64, u64), usual: u64, run: impl Fn(u64) + RefUnwindSafe) {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    let seeds = match number("AI_SCHEDULE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("AI_SCHEDULES").unwrap_or(usual),
    };
    for seed in seeds.filter(|seed| seed % parts == part) {
        let told = catch_unwind(|| run(seed));
        assert!(told.is_ok(), "AI_SCHEDULE_SEED={seed} shows it again");
    }
}
