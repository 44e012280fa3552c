//! The one line at the foot of a terminal that shows a run at work: what it does, for how long, and
//! what its agent said last. It is written over, and gone when the run has ended.
//!
//! Nothing of it is shown where no person looks at a terminal. What an agent says reaches the screen
//! as one line without control characters. A library for this would bring progress bars and four
//! crates for one line.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::base::clock;
use crate::base::columns::clip;
use crate::base::foot::{self, FootLine, OVER};
use crate::base::text::{flowing, multi_line};
use crate::domain::event_words::stepped;
use crate::ops::refusal::seconds;
use crate::ops::world::Glimpse;

/// Time between two looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// The content of the line.
struct Shown {
    began: Instant,
    run: String,
    step: &'static str,
    said: String,
    /// The width of the terminal.
    width: usize,
    /// The text that stands there.
    drawn: String,
    ended: bool,
}

impl Shown {
    /// The text at this moment; none before the first step.
    fn text(&self, took: Duration) -> String {
        if self.run.is_empty() {
            return String::new();
        }
        let took = seconds(i64::try_from(took.as_millis()).unwrap_or(i64::MAX));
        let said = if self.said.is_empty() { "" } else { "  " };
        let text = format!("{}  {took}  {}{said}{}", self.run, self.step, self.said);
        // The last cell stays free: some terminals go on to the next line with it.
        clip(&text, self.width.saturating_sub(1))
    }

    fn draw(&mut self, out: &mut dyn Write) {
        let text = self.text(self.began.elapsed());
        if text != self.drawn && !self.ended {
            // Nobody is left to tell when the terminal is gone.
            let _ = write!(out, "{OVER}{text}");
            let _ = out.flush();
            self.drawn = text;
        }
    }

    fn draw_at_foot(&mut self) {
        foot::change(FootLine::Drawn, || self.draw(&mut std::io::stderr()));
    }

    fn erase(&mut self, out: &mut dyn Write) {
        if !self.drawn.is_empty() {
            let _ = write!(out, "{OVER}");
            let _ = out.flush();
            self.drawn.clear();
        }
    }
}

/// The line, until it is dropped.
pub(super) struct LiveLine(LiveHandle);

/// A hand on the line, for whoever has something to show.
#[derive(Clone)]
pub(super) struct LiveHandle(Arc<Mutex<Shown>>);

impl LiveLine {
    /// A line on a terminal of this width.
    pub(super) fn start(width: usize) -> LiveLine {
        let handle = LiveHandle(Arc::new(Mutex::new(Shown {
            began: Instant::now(),
            run: String::new(),
            step: "",
            said: String::new(),
            width,
            drawn: String::new(),
            ended: false,
        })));
        let ticking = handle.clone();
        std::thread::spawn(move || {
            while !ticking.lock().ended {
                ticking.lock().draw_at_foot();
                clock::pause(TICK);
            }
        });
        LiveLine(handle)
    }

    /// A hand on it.
    pub(super) fn handle(&self) -> LiveHandle {
        self.0.clone()
    }
}

impl Drop for LiveLine {
    fn drop(&mut self) {
        let mut shown = self.0.lock();
        shown.ended = true;
        foot::change(FootLine::Empty, || shown.erase(&mut std::io::stderr()));
    }
}

impl LiveHandle {
    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a glimpse.
    pub(super) fn show(&self, glimpse: Glimpse<'_>) {
        let mut shown = self.lock();
        match glimpse {
            Glimpse::Step(run, step) => {
                if shown.run != run.as_str() {
                    shown.run = run.to_string();
                    shown.began = Instant::now();
                }
                shown.step = stepped(step);
                shown.said.clear();
                shown.draw_at_foot();
            }
            // Seen with the next look at the clock: an agent may say a thousand things a second.
            Glimpse::Said(text) => shown.said = flowing(text),
        }
    }

    /// Says something that stays, above the line.
    pub(super) fn say(&self, text: &str) {
        let mut shown = self.lock();
        let mut out = std::io::stderr();
        foot::change(FootLine::Empty, || shown.erase(&mut out));
        let _ = writeln!(out, "{}", multi_line(text));
        shown.draw_at_foot();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_and_carries_no_control_characters() {
        let shown = |run: &str, said: &str, width| Shown {
            began: Instant::now(),
            run: run.to_owned(),
            step: "the agent works",
            said: flowing(said),
            width,
            drawn: String::new(),
            ended: false,
        };
        let took = Duration::from_secs(125);
        for (run, said, width, text) in [
            ("", "x", 80, ""),
            ("t-1.1", "", 80, "t-1.1  2m  the agent works"),
            (
                "t-1.1",
                "a\u{1b}[2J\nb",
                80,
                "t-1.1  2m  the agent works  a\\e[2J b",
            ),
            ("t-1.1", "abc", 20, "t-1.1  2m  the age…"),
            ("t-1.1", "abc", 0, ""),
        ] {
            assert_eq!(shown(run, said, width).text(took), text, "{said} {width}");
        }
    }

    #[test]
    fn what_stands_there_is_written_once_and_erased_once() {
        let mut shown = Shown {
            began: Instant::now(),
            run: "t-1.1".to_owned(),
            step: "the checks run",
            said: String::new(),
            width: 80,
            drawn: String::new(),
            ended: false,
        };
        let mut out = Vec::new();
        shown.draw(&mut out);
        shown.drawn = shown.text(shown.began.elapsed());
        shown.draw(&mut out);
        shown.erase(&mut out);
        shown.erase(&mut out);
        shown.ended = true;
        shown.draw(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.matches(OVER).count(), 2, "{text:?}");
        assert!(text.ends_with(OVER), "{text:?}");
    }
}
