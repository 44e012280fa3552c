//! The terminal of a board: taken, drawn on, and given back.
//!
//! Invariants: settings and screen are given back as they were, once, whoever asks for it: the end of the board, a panic
//! of any thread, a stop by the shell. What is drawn is the difference to what stands there. Absent: reading, and sizes
//! that the terminal does not tell.

use std::io::{self, IsTerminal as _};
use std::sync::Mutex;

use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::layout::Rect;
use ratatui_core::style::{Color, Modifier};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, write};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use crate::app::doors::BoardColours;

/// Another screen, so that nobody loses what stands on the first one. Asked for twice, it would forget where the cursor was.
const OTHER_SCREEN: &str = "\x1b[?1049h";
/// No cursor; what is pasted is marked as such.
const ENTER: &str = "\x1b[?25l\x1b[?2004h";
/// All of it taken back.
const LEAVE: &str = "\x1b[0m\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// A terminal that does not tell its size.
const USUAL: (u16, u16) = (80, 24);
/// Larger ones are drawn up to here.
const MOST: u16 = 1_000;

/// The settings of the terminal before it was taken; nothing while nobody has taken it.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// A terminal that was taken, until it is dropped.
pub(super) struct BoardScreen {
    colours: BoardColours,
    /// The settings of the terminal before it was taken first, whatever a program has made of them since.
    before: Termios,
    /// What stands there; nothing where that is not known.
    drawn: Option<Buffer>,
}

impl BoardScreen {
    /// Takes the terminal of this process.
    pub(super) fn enter(colours: BoardColours) -> io::Result<BoardScreen> {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            // What the panic says is to be read, and the shell to be used.
            give_back();
            before(panic);
        }));
        let mut screen = BoardScreen {
            colours,
            before: tcgetattr(io::stdin())?,
            drawn: None,
        };
        screen.take()?;
        Ok(screen)
    }

    /// Takes the terminal once more, after it was left, or after somebody else may have changed its settings.
    pub(super) fn take(&mut self) -> io::Result<()> {
        self.drawn = None;
        let mut raw = self.before.clone();
        raw.make_raw();
        let mut is_first = false;
        if let Ok(mut before) = BEFORE.lock() {
            is_first = before.is_none();
            before.get_or_insert_with(|| self.before.clone());
        }
        tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        if is_first {
            put(OTHER_SCREEN.as_bytes())?;
        }
        put(ENTER.as_bytes())
    }

    /// Gives the terminal back, to be taken again.
    pub(super) fn leave(&mut self) {
        self.drawn = None;
        give_back();
    }

    /// Has the next drawing begin with an empty screen.
    pub(super) fn forget(&mut self) {
        self.drawn = None;
    }

    /// Columns and rows of the terminal.
    pub(super) fn size() -> (u16, u16) {
        match tcgetwinsize(io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
                (size.ws_col.min(MOST), size.ws_row.min(MOST))
            }
            _ => USUAL,
        }
    }

    /// Has this stand on the screen.
    pub(super) fn show(&mut self, next: Buffer) -> io::Result<()> {
        let bytes = difference(self.drawn.as_ref(), &next, self.colours);
        self.drawn = Some(next);
        if bytes.is_empty() {
            return Ok(());
        }
        put(&bytes)
    }
}

impl Drop for BoardScreen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, where it was taken and nobody has given it back.
fn give_back() {
    // A thread that holds it is about to give the terminal back by itself.
    let Ok(mut before) = BEFORE.try_lock() else {
        return;
    };
    if let Some(before) = before.take() {
        // Nobody is left to tell where the terminal has gone.
        let _ = put(LEAVE.as_bytes());
        if io::stdin().is_terminal() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
        }
    }
}

/// Writes all of it, past the buffer of standard output, which may be held.
fn put(mut bytes: &[u8]) -> io::Result<()> {
    let out = io::stdout();
    while !bytes.is_empty() {
        match write(&out, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            // Somebody else has the same terminal, and wants not to wait for it.
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&out, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The bytes that make one screen of another.
fn difference(before: Option<&Buffer>, next: &Buffer, colours: BoardColours) -> Vec<u8> {
    let area = *next.area();
    let empty = Buffer::empty(area);
    let before = before.filter(|before| *before.area() == area);
    let mut out = String::new();
    if before.is_none() {
        out.push_str("\x1b[0m\x1b[2J");
    }
    let mut pen = Pen::default();
    for (x, y, cell) in before.unwrap_or(&empty).diff(next) {
        pen.put((x, y), cell, colours, area, &mut out);
    }
    if pen.style.is_some_and(|style| style != PLAIN) {
        out.push_str(PLAIN);
    }
    out.into_bytes()
}

/// The sequence that takes every style back.
const PLAIN: &str = "\x1b[0m";

/// Where the cursor is, and in which style it writes.
#[derive(Default)]
struct Pen {
    at: Option<(u16, u16)>,
    style: Option<&'static str>,
}

impl Pen {
    fn put(
        &mut self,
        (x, y): (u16, u16),
        cell: &Cell,
        colours: BoardColours,
        area: Rect,
        out: &mut String,
    ) {
        if self.at != Some((x, y)) {
            out.push_str(&format!("\x1b[{};{}H", y + 1, x + 1));
        }
        let style = style(cell, colours);
        if self.style != Some(style) {
            if self.style.is_some() || style != PLAIN {
                out.push_str(PLAIN);
            }
            if style != PLAIN {
                out.push_str(style);
            }
            self.style = Some(style);
        }
        out.push_str(cell.symbol());
        // Terminals do not agree on how many cells other letters take, nor on what the last cell of a row does.
        let is_certain = cell.symbol().is_ascii() && x + 1 < area.width;
        self.at = is_certain.then_some((x + 1, y));
    }
}

/// The sequence for a style, after everything was taken back.
fn style(cell: &Cell, colours: BoardColours) -> &'static str {
    let colour = match colours {
        BoardColours::Used => cell.fg,
        BoardColours::Absent => Color::Reset,
    };
    if cell.modifier.contains(Modifier::REVERSED) {
        return "\x1b[7m";
    }
    if cell.modifier.contains(Modifier::BOLD) {
        return "\x1b[1m";
    }
    if cell.modifier.contains(Modifier::DIM) {
        return "\x1b[2m";
    }
    match colour {
        Color::Green => "\x1b[32m",
        Color::Red => "\x1b[31m",
        Color::Cyan => "\x1b[36m",
        Color::Yellow => "\x1b[33m",
        _ => PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui_core::style::Style;

    fn screen(lines: &[(&str, Style)]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 2));
        for (y, (text, style)) in lines.iter().enumerate() {
            buffer.set_string(0, y as u16, text, *style);
        }
        buffer
    }

    fn shown(before: Option<&Buffer>, next: &Buffer, colours: BoardColours) -> String {
        String::from_utf8(difference(before, next, colours))
            .unwrap()
            .replace('\x1b', "^")
    }

    #[test]
    fn only_what_differs_is_written() {
        let plain = Style::new();
        let one = screen(&[("abc", plain), ("x", plain)]);
        let two = screen(&[("abd", plain), ("日y", plain)]);
        assert_eq!(
            shown(None, &one, BoardColours::Used),
            "^[0m^[2J^[1;1Habc^[2;1Hx"
        );
        assert_eq!(shown(Some(&one), &one, BoardColours::Used), "");
        assert_eq!(
            shown(Some(&one), &two, BoardColours::Used),
            "^[1;3Hd^[2;1H日^[2;3Hy"
        );
        let smaller = Buffer::empty(Rect::new(0, 0, 2, 1));
        assert_eq!(shown(Some(&one), &smaller, BoardColours::Used), "^[0m^[2J");
    }

    #[test]
    fn colours_can_be_left_out_and_what_is_chosen_is_seen_without() {
        let red = Style::new().fg(Color::Red);
        let chosen = Style::new().add_modifier(Modifier::REVERSED);
        let one = screen(&[("a", red), ("b", chosen)]);
        let with = "^[0m^[2J^[1;1H^[0m^[31ma^[2;1H^[0m^[7mb^[0m";
        let without = "^[0m^[2J^[1;1Ha^[2;1H^[0m^[7mb^[0m";
        assert_eq!(shown(None, &one, BoardColours::Used), with);
        assert_eq!(shown(None, &one, BoardColours::Absent), without);
    }
}
