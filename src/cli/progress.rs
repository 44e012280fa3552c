//! The line at the foot of a terminal that shows what a command is doing once it has taken a second: what, how far, and for
//! how long. It is gone before anything else is written there, and when the command has ended.
//!
//! Nothing of it is shown where no person looks at a terminal, and a command of less than a second pays one thread.
//! A run at work has a line of its own ([`crate::cli::live`]), which begins at once.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::base::foot::{self, FootLine};
use crate::base::meter::{self, Metered};
use crate::cli::look;
use crate::ops::signals;

/// The time that a command may take without a word.
const SILENT: Duration = Duration::from_secs(1);
/// Time between two pictures.
const TICK: Duration = Duration::from_millis(125);
const COUNTED: &str = "{spinner} {msg}  [{bar:12}] {human_pos} of {human_len}  {elapsed}";
const UNCOUNTED: &str = "{spinner} {msg}  {elapsed}";
/// One that is cut to the width, for a terminal on which the others may not fit.
const NARROW: &str = "{spinner} {wide_msg}";
/// The least width for the others: the longest words, the largest numbers and a time of hours fit.
const WIDE: usize = 80;
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

    /// What it is about, for a line that goes on later.
    pub(super) fn what(&self) -> &'static str {
        self.0.0.lock().what
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
        signals::take_the_foot_along();
        foot::change(FootLine::Drawn, || self.draw_at_foot(took));
    }

    fn draw_at_foot(&mut self, took: Duration) {
        let metered = meter::now();
        let width = look::width_of_talk().unwrap_or(0);
        let (template, what) = shape(self.what, metered.as_ref(), width);
        // They are constants, which a test tries.
        let Ok(style) = ProgressStyle::with_template(template) else {
            return;
        };
        let style = style.progress_chars(BAR);
        let bar = self.bar.get_or_insert_with(|| {
            // Half of a picture is not shown: it has everything before it has a terminal.
            let bar = ProgressBar::hidden().with_elapsed(took);
            bar.set_style(style.clone());
            bar.set_message(what.clone());
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar
        });
        bar.set_style(style);
        if bar.message() != what {
            bar.set_message(what);
        }
        if let Some(counted) = metered {
            bar.update(|state| {
                state.set_len(counted.of);
                state.set_pos(counted.done.min(counted.of));
            });
        }
        bar.tick();
    }

    fn erase(&mut self) {
        if let Some(bar) = self.bar.take() {
            foot::change(FootLine::Empty, || bar.finish_and_clear());
        }
    }
}

/// The template of a picture, and what stands in it.
fn shape(what: &'static str, metered: Option<&Metered>, width: usize) -> (&'static str, String) {
    let counted = metered.filter(|counted| counted.of > 0);
    let what = metered.map_or(what, |metered| metered.what);
    match counted {
        _ if width >= WIDE => {
            let template = counted.map_or(UNCOUNTED, |_| COUNTED);
            (template, what.to_owned())
        }
        Some(counted) => (
            NARROW,
            format!("{what}  {} of {}", counted.done, counted.of),
        ),
        None => (NARROW, what.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_has_a_bar_where_the_steps_are_known_and_there_is_room() {
        let counted = |of| Metered {
            what: "reading the log",
            done: 1,
            of,
        };
        let table = [
            (None, 80, (UNCOUNTED, "looking")),
            (Some(counted(0)), 80, (UNCOUNTED, "reading the log")),
            (Some(counted(9)), 80, (COUNTED, "reading the log")),
            (Some(counted(9)), 79, (NARROW, "reading the log  1 of 9")),
            (None, 20, (NARROW, "looking")),
        ];
        for (metered, width, (template, text)) in table {
            let expected = (template, text.to_owned());
            assert_eq!(shape("looking", metered.as_ref(), width), expected);
        }
        for template in [COUNTED, UNCOUNTED, NARROW] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
