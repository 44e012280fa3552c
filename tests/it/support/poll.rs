//! Waiting for what no event announces: by asking again, up to a bound. The only file of the tests
//! that sleeps.

use std::time::{Duration, Instant};

/// Between two looks.
const STEP: Duration = Duration::from_millis(5);

/// Waits until `met` says yes, at most `bound`. Says whether it did.
#[must_use]
pub fn within(bound: Duration, mut met: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if met() {
            return true;
        }
        if begun.elapsed() > bound {
            return false;
        }
        std::thread::sleep(STEP);
    }
}

/// Waits until `met` says yes; fails the test where that takes longer than `bound`.
#[track_caller]
pub fn until(what: &str, bound: Duration, met: impl FnMut() -> bool) {
    assert!(within(bound, met), "still not so after {bound:?}: {what}");
}

/// Lets time pass, where time itself is what the test is about: a lease that lapses, a holder that
/// stalls.
pub fn pass(time: Duration) {
    std::thread::sleep(time);
}
