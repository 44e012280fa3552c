//! The line at the foot of a terminal that shows what a command is doing once it has taken a second: what, how far, and for
//! how long. It is gone before anything else is written there, and when the command has ended.
//!
//! Nothing of it is shown where no person looks at a terminal, and a command of less than a second pays one thread.
//! A run at work has a line of its own ([`crate::cli::live`]), which begins at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::meter::{self, Metered};

/// The time that a command may take without a word.
const SILENT: Duration = Duration::from_secs(1);
/// Time between two pictures.
const TICK: Duration = Duration::from_millis(125);
const COUNTED: &str = "{spinner} {msg}  [{bar:24}] {human_pos} of {human_len}  {elapsed}";
const UNCOUNTED: &str = "{spinner} {msg}  {elapsed}";
const BAR: &str = "=> ";

/// The line, until it is dropped.
pub(super) struct ProgressLine(ProgressHand);

/// A hand on the line, for whoever has something else to write.
#[derive(Clone)]
pub(super) struct ProgressHand(Arc<Shared>);

/// Holds the line back while something else is written.
pub(super) struct HeldBack<'l> {
    _state: MutexGuard<'l, LineState>,
}

struct Shared {
    state: Mutex<LineState>,
    ended: Condvar,
}

struct LineState {
    what: &'static str,
    /// What stands on the terminal.
    bar: Option<ProgressBar>,
    has_ended: bool,
}

impl ProgressLine {
    /// A line about `what`, as "looking at everything", until somebody counts.
    pub(super) fn start(what: &'static str) -> ProgressLine {
        let shared = Arc::new(Shared {
            state: Mutex::new(LineState {
                what,
                bar: None,
                has_ended: false,
            }),
            ended: Condvar::new(),
        });
        let ticking = Arc::clone(&shared);
        std::thread::spawn(move || ticking.draw_until_the_end());
        ProgressLine(ProgressHand(shared))
    }

    /// A hand on it.
    pub(super) fn hand(&self) -> ProgressHand {
        self.0.clone()
    }

    /// Takes the line away until the answer is dropped.
    pub(super) fn hold_back(&self) -> HeldBack<'_> {
        self.0.hold_back()
    }
}

impl ProgressHand {
    /// Takes the line away until the answer is dropped.
    pub(super) fn hold_back(&self) -> HeldBack<'_> {
        let mut state = self.0.lock();
        state.erase();
        HeldBack { _state: state }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let mut state = shared.lock();
        state.has_ended = true;
        state.erase();
        shared.ended.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw_until_the_end(&self) {
        let began = Instant::now();
        let mut state = self.lock();
        while !state.has_ended {
            let silent = SILENT.saturating_sub(began.elapsed());
            let pause = if silent.is_zero() {
                state.draw(began.elapsed());
                TICK
            } else {
                silent
            };
            let waited = self.ended.wait_timeout(state, pause);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl LineState {
    fn draw(&mut self, took: Duration) {
        let metered = meter::now();
        let (template, what) = shape(self.what, metered.as_ref());
        // They are constants, which a test tries.
        let Ok(style) = ProgressStyle::with_template(template) else {
            return;
        };
        let bar = self.bar.get_or_insert_with(|| {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_elapsed(took)
        });
        bar.set_style(style.progress_chars(BAR));
        if let Some(counted) = metered {
            bar.set_length(counted.of);
            bar.set_position(counted.done.min(counted.of));
        }
        bar.set_message(what);
        bar.tick();
    }

    fn erase(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The template of a picture, and what stands in it.
fn shape(what: &'static str, metered: Option<&Metered>) -> (&'static str, &'static str) {
    match metered {
        Some(counted) if counted.of > 0 => (COUNTED, counted.what),
        Some(counted) => (UNCOUNTED, counted.what),
        None => (UNCOUNTED, what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_bar_where_the_steps_are_known() {
        let counted = |of| Metered {
            what: "reading the log",
            done: 1,
            of,
        };
        let table = [
            (None, (UNCOUNTED, "looking")),
            (Some(counted(0)), (UNCOUNTED, "reading the log")),
            (Some(counted(9)), (COUNTED, "reading the log")),
        ];
        for (metered, expected) in table {
            assert_eq!(shape("looking", metered.as_ref()), expected);
        }
        assert!(ProgressStyle::with_template(COUNTED).is_ok());
        assert!(ProgressStyle::with_template(UNCOUNTED).is_ok());
    }
}
