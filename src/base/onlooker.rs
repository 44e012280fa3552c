//! Somebody who waits for work that may take long: hears of it before it begins, and may end it.
//!
//! Invariant: work that was ended has changed nothing that another try would not find as it was, and says
//! so by [`Stopped`]. Absent on purpose: percentages; who starts the work knows its size, not its
//! speed.

/// Work that was ended by the one who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before it was done")]
pub struct Stopped;

/// Somebody who waits. Copies are the same one.
#[derive(Clone, Copy)]
pub struct Onlooker<'a> {
    hears: &'a dyn Fn(&str),
    has_left: &'a dyn Fn() -> bool,
}

impl<'a> Onlooker<'a> {
    /// One who hears what goes on, and waits to the end.
    pub fn patient(hears: &'a dyn Fn(&str)) -> Self {
        Self {
            hears,
            has_left: &|| false,
        }
    }

    /// One who hears what goes on, and does not wait any more once `has_left` is true.
    pub fn new(hears: &'a dyn Fn(&str), has_left: &'a dyn Fn() -> bool) -> Self {
        Self { hears, has_left }
    }

    /// Says what is about to take long, as one sentence without an end mark.
    pub fn say(&self, text: &str) {
        (self.hears)(text);
    }

    /// Goes on only while somebody waits.
    pub fn check(&self) -> Result<(), Stopped> {
        if (self.has_left)() {
            return Err(Stopped);
        }
        Ok(())
    }
}
