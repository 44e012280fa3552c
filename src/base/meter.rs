//! How far this process is with what it was asked for, for a person who waits at a terminal.
//!
//! One process does one thing that somebody waits for, so the meter is the process's own, as its log would be: whoever
//! does many steps counts them here, and whoever shows them looks. Invariant: it is never read by what decides
//! anything. Absent on purpose: times, which who shows them knows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

static METER: Meter = Meter::new();

/// A meter.
struct Meter {
    what: Mutex<Option<&'static str>>,
    done: AtomicU64,
    of: AtomicU64,
}

/// What is being done, as far as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metered {
    /// The work, as "reading the log".
    pub what: &'static str,
    /// Steps that are done.
    pub done: u64,
    /// All steps; 0 where nobody knows how many there are.
    pub of: u64,
}

/// Work whose steps are counted until it is dropped.
pub struct MeteredWork {
    meter: &'static Meter,
}

/// Begins work of so many steps, as "reading the log"; 0 where nobody knows how many there are. What was begun before
/// is shown no more.
pub fn begin(what: &'static str, of: usize) -> MeteredWork {
    METER.begin(what, of)
}

/// What this process is doing; nothing where nobody counts.
pub fn now() -> Option<Metered> {
    METER.now()
}

impl MeteredWork {
    /// One more step is done.
    pub fn step(&self) {
        self.meter.done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for MeteredWork {
    fn drop(&mut self) {
        *self.meter.what() = None;
    }
}

impl Meter {
    const fn new() -> Meter {
        Meter {
            what: Mutex::new(None),
            done: AtomicU64::new(0),
            of: AtomicU64::new(0),
        }
    }

    fn what(&self) -> std::sync::MutexGuard<'_, Option<&'static str>> {
        self.what.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&'static self, what: &'static str, of: usize) -> MeteredWork {
        let mut begun = self.what();
        self.done.store(0, Ordering::Relaxed);
        self.of
            .store(u64::try_from(of).unwrap_or(0), Ordering::Relaxed);
        *begun = Some(what);
        MeteredWork { meter: self }
    }

    fn now(&self) -> Option<Metered> {
        let what = *self.what();
        what.map(|what| Metered {
            what,
            done: self.done.load(Ordering::Relaxed),
            of: self.of.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen_while_it_is_done() {
        static OWN: Meter = Meter::new();
        assert_eq!(OWN.now(), None);
        let work = OWN.begin("reading", 3);
        work.step();
        work.step();
        let seen = |what, done, of| Some(Metered { what, done, of });
        assert_eq!(OWN.now(), seen("reading", 2, 3));
        drop(work);
        assert_eq!(OWN.now(), None);
        let _again = OWN.begin("writing", 0);
        assert_eq!(OWN.now(), seen("writing", 0, 0));
    }
}
