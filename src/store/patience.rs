//! The time for which a writer waits for the others: long for a command, short for whoever is waited for.

use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static AT_MOST: Cell<Option<Duration>> = const { Cell::new(None) };
}

/// Runs `work`, in which a write waits no longer than this for its turn.
pub fn waiting_at_most<T>(limit: Duration, work: impl FnOnce() -> T) -> T {
    struct Before(Option<Duration>);
    impl Drop for Before {
        fn drop(&mut self) {
            AT_MOST.set(self.0);
        }
    }
    let _before = Before(AT_MOST.replace(Some(limit)));
    work()
}

/// The limit on waiting that holds in this thread, if there is one.
pub(super) fn limit() -> Option<Duration> {
    AT_MOST.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_holds_within_and_the_one_before_comes_back() {
        let (one, two) = (Duration::from_secs(1), Duration::from_secs(2));
        assert_eq!(limit(), None);
        waiting_at_most(two, || {
            waiting_at_most(one, || assert_eq!(limit(), Some(one)));
            assert_eq!(limit(), Some(two));
            let ended =
                std::panic::catch_unwind(|| waiting_at_most(one, || panic!("of this test")));
            assert!(ended.is_err());
            assert_eq!(limit(), Some(two));
        });
        assert_eq!(limit(), None);
    }
}
