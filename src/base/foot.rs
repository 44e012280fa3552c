//! The line that stands at the foot of a terminal while this process works, as far as it has to be gone before the
//! process is.
//!
//! Whoever draws such a line says so here, so that what ends the process without its drops, a signal, leaves none. Invariant:
//! nothing is drawn once the line was taken away for good. Absent on purpose: what the line says.

use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crate::base::clock;

/// To the beginning of the line, which is erased.
pub const OVER: &str = "\r\u{1b}[2K";
/// Tries to have the line for oneself: a terminal that takes nothing more keeps nobody from ending.
const TRIES: u32 = 20;
/// Between two of them.
const STEP: Duration = Duration::from_millis(5);

static FOOT: Mutex<FootLine> = Mutex::new(FootLine::Empty);

/// The content of the foot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FootLine {
    /// Nothing.
    Empty,
    /// A line of this process.
    Drawn,
    /// Nothing, for good.
    Closed,
}

/// Writes what makes the foot be `to`; nothing any more once it is closed.
pub fn change(to: FootLine, write: impl FnOnce()) {
    change_of(&FOOT, to, write);
}

/// Takes away what stands there, before the process ends in the middle of its work.
pub fn close() {
    for _ in 0..TRIES {
        match FOOT.try_lock() {
            Ok(foot) => return erase(foot),
            Err(TryLockError::Poisoned(foot)) => return erase(foot.into_inner()),
            Err(TryLockError::WouldBlock) => clock::pause(STEP),
        }
    }
}

fn erase(mut foot: MutexGuard<'_, FootLine>) {
    if *foot == FootLine::Drawn {
        let mut out = std::io::stderr();
        // Nobody is left to tell when the terminal is gone.
        let _ = out.write_all(OVER.as_bytes());
        let _ = out.flush();
    }
    *foot = FootLine::Closed;
}

fn change_of(foot: &Mutex<FootLine>, to: FootLine, write: impl FnOnce()) {
    let mut foot = foot.lock().unwrap_or_else(PoisonError::into_inner);
    if *foot != FootLine::Closed {
        write();
        *foot = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_where_the_foot_is_closed() {
        let foot = Mutex::new(FootLine::Empty);
        let mut written = 0;
        change_of(&foot, FootLine::Drawn, || written += 1);
        assert_eq!(*foot.lock().unwrap(), FootLine::Drawn);
        *foot.lock().unwrap() = FootLine::Closed;
        change_of(&foot, FootLine::Drawn, || written += 1);
        assert_eq!((*foot.lock().unwrap(), written), (FootLine::Closed, 1));
    }
}
