//! How output looks: in colour or not, and how wide. This is the only place that decides it.
//!
//! Where no terminal reads, nothing is coloured (unless it is asked for), nothing is cut and no
//! heading stands above a list: scripts get what they always got.

use std::io::IsTerminal;

use clap::ValueEnum;

use crate::base::columns::{self, clip, folded, width};
use crate::base::env;

/// The wish for colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ColourWish {
    /// On a terminal, unless the environment says otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The part that a text plays, by which it is coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Finished well.
    Good,
    /// Failed, or denied.
    Bad,
    /// At work.
    Busy,
    /// Waits for somebody.
    Waiting,
    /// Of no importance any more.
    Faint,
    /// Above a list.
    Heading,
}

impl Tone {
    /// The tone of a task's state, by its word.
    pub(super) fn of_state(word: &str) -> Tone {
        match word.split(' ').next().unwrap_or_default() {
            "done" => Tone::Good,
            "failed" => Tone::Bad,
            "claimed" | "running" => Tone::Busy,
            "blocked" | "review" => Tone::Waiting,
            "cancelled" => Tone::Faint,
            _ => Tone::Plain,
        }
    }

    /// The parameters of the escape sequence.
    fn code(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Busy => "36",
            Tone::Waiting => "33",
            Tone::Faint => "2",
            Tone::Heading => "1",
        }
    }
}

/// A cell of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A cell in a tone. The text has no control characters.
    pub(super) fn toned(text: impl Into<String>, tone: Tone) -> Cell {
        Cell {
            text: text.into(),
            tone,
        }
    }

    /// A task's state.
    pub(super) fn state(word: &str) -> Cell {
        Cell::toned(word, Tone::of_state(word))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell::toned(text, Tone::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        Cell::toned(text, Tone::Plain)
    }
}

/// A list whose rows are shown as they come, by their headings and least widths.
pub(super) struct Listing {
    columns: Vec<(&'static str, usize)>,
    begun: bool,
}

impl Listing {
    /// A list with these columns.
    pub(super) fn new(columns: &[(&'static str, usize)]) -> Listing {
        Listing {
            columns: columns.to_vec(),
            begun: false,
        }
    }

    /// The number of its columns.
    pub(super) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The heading, the first time that it is asked for.
    fn heading(&mut self) -> Option<Vec<Cell>> {
        if std::mem::replace(&mut self.begun, true) {
            return None;
        }
        Some(headings(self.columns.iter().map(|(heading, _)| *heading)))
    }
}

fn headings<'a>(words: impl Iterator<Item = &'a str>) -> Vec<Cell> {
    words.map(|word| Cell::toned(word, Tone::Heading)).collect()
}

/// Decided once for a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    coloured: bool,
    /// The width of the terminal; absent where none reads.
    width: Option<usize>,
}

/// The room of a line of a file where no terminal reads.
const UNREAD_WIDTH: usize = 160;
/// A terminal that does not tell its width.
const USUAL_WIDTH: usize = 80;

impl Look {
    /// The look of standard output.
    pub(super) fn of_stdout(wish: ColourWish) -> Look {
        let out = std::io::stdout();
        let is_terminal = out.is_terminal();
        Look {
            coloured: is_coloured(wish, is_terminal, &env::text),
            width: is_terminal.then(|| told_width(&out).unwrap_or(USUAL_WIDTH)),
        }
    }

    /// The width of the terminal; absent where none reads.
    pub(super) fn width(self) -> Option<usize> {
        self.width
    }

    /// The cells that a line of a file may take. One that nobody reads at a terminal is long enough
    /// for most, and does not fill a log.
    pub(super) fn room(self) -> usize {
        self.width.unwrap_or(UNREAD_WIDTH)
    }

    /// True where a person reads.
    pub(super) fn is_terminal(self) -> bool {
        self.width.is_some()
    }

    /// True where colours are shown.
    pub(super) fn is_coloured(self) -> bool {
        self.coloured
    }

    /// The text in a tone.
    pub(super) fn paint(self, text: &str, tone: Tone) -> String {
        if !self.coloured || tone == Tone::Plain || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code())
    }

    /// The lines of a list whose rows are all at hand: its columns stand straight on a terminal.
    pub(super) fn list(self, mut listing: Listing, rows: &[Vec<Cell>]) -> Vec<String> {
        if self.is_terminal() {
            let words: Vec<&str> = listing.columns.iter().map(|(word, _)| *word).collect();
            return self.table(&words, rows, "");
        }
        let lines = rows.iter().flat_map(|row| self.row(&mut listing, row));
        lines.collect()
    }

    /// The text as far as the terminal is wide.
    pub(super) fn fitted(self, text: &str) -> String {
        self.width
            .map_or_else(|| text.to_owned(), |width| clip(text, width))
    }

    /// A text behind a head, in as many lines as the terminal needs: one below the other, or, where the head leaves no room for
    /// words, a little to the right of it.
    pub(super) fn behind(self, head: &str, text: &str) -> Vec<String> {
        const LEAST: usize = 24;
        let Some(most) = self.width else {
            return vec![format!("{head}{text}")];
        };
        let taken = width(head);
        let (first, text, indent) = if most >= taken + LEAST {
            (head, text.to_owned(), taken)
        } else {
            ("", format!("{head}{text}"), 4.min(most / 8))
        };
        let rows = folded(&text, most - indent).into_iter();
        let pad = " ".repeat(indent);
        let begins = std::iter::once(first).chain(std::iter::repeat(&*pad));
        begins
            .zip(rows)
            .map(|(begin, row)| format!("{begin}{row}"))
            .collect()
    }

    /// The lines of a row of a list: its heading before the first one on a terminal.
    pub(super) fn row(self, listing: &mut Listing, cells: &[Cell]) -> Vec<String> {
        // Below a heading a column is as wide as that.
        let least = |(heading, least): &(&str, usize)| match self.width {
            Some(_) => width(heading).max(*least),
            None => *least,
        };
        let least: Vec<usize> = listing.columns.iter().map(least).collect();
        let heading = listing.heading().filter(|_| self.is_terminal());
        let rows = heading.iter().map(Vec::as_slice).chain([cells]);
        rows.map(|cells| self.line(cells, &least, "")).collect()
    }

    /// The lines of a table, each behind `indent`. Without headings it tells of one thing, and none of
    /// it is cut.
    pub(super) fn table(self, words: &[&str], rows: &[Vec<Cell>], indent: &str) -> Vec<String> {
        if words.is_empty() && self.is_terminal() {
            let whole = Look {
                width: None,
                ..self
            };
            return whole.table(words, rows, indent);
        }
        let mut all = Vec::new();
        if self.is_terminal() && !rows.is_empty() {
            all.push(headings(words.iter().copied()));
        }
        all.extend(rows.iter().cloned());
        // A column without any text is left out, whatever its heading.
        let texts = |rows: &[Vec<Cell>]| -> Vec<Vec<String>> {
            let texts = |row: &Vec<Cell>| row.iter().map(|cell| cell.text.clone()).collect();
            rows.iter().map(texts).collect()
        };
        let empty: Vec<bool> = columns::widest(&texts(rows))
            .iter()
            .map(|w| *w == 0)
            .collect();
        let mut widest = columns::widest(&texts(&all));
        for (wide, _) in widest.iter_mut().zip(&empty).filter(|(_, empty)| **empty) {
            *wide = 0;
        }
        if let Some(limit) = self.width {
            columns::shrink(&mut widest, limit.saturating_sub(width(indent)));
        }
        all.iter()
            .map(|row| self.cut_line(row, &widest, indent))
            .collect()
    }

    /// A row of a table: what is wider than its column is cut on a terminal.
    fn cut_line(self, row: &[Cell], widest: &[usize], indent: &str) -> String {
        let shown = row.iter().zip(widest).filter(|(_, wide)| **wide > 0);
        let (cells, wides): (Vec<Cell>, Vec<usize>) = shown
            .map(|(cell, wide)| {
                let text = match self.width {
                    Some(_) => clip(&cell.text, *wide),
                    None => cell.text.clone(),
                };
                (Cell::toned(text, cell.tone), *wide)
            })
            .unzip();
        self.line(&cells, &wides, indent)
    }

    /// Cells with two blanks between them, each as wide as its column at least; the line ends where
    /// the terminal does.
    fn line(self, cells: &[Cell], least: &[usize], indent: &str) -> String {
        let mut room = self.width.map(|width| width.saturating_sub(indent.len()));
        let mut line = indent.to_owned();
        let last = cells.iter().rposition(|cell| !cell.text.is_empty());
        for (at, cell) in cells.iter().enumerate() {
            let text = room.map_or_else(|| cell.text.clone(), |room| clip(&cell.text, room));
            let took = width(&text);
            line.push_str(&self.paint(&text, cell.tone));
            if Some(at) >= last {
                break;
            }
            let pad = least.get(at).copied().unwrap_or(0).saturating_sub(took) + 2;
            let pad = room.map_or(pad, |room| pad.min(room.saturating_sub(took)));
            line.push_str(&" ".repeat(pad));
            room = room.map(|room| room.saturating_sub(took + pad));
        }
        line
    }
}

/// The width of the terminal on which talk is read and can be written over; none where there is no
/// such terminal.
pub(super) fn width_of_talk() -> Option<usize> {
    let err = std::io::stderr();
    let is_able = err.is_terminal() && env::text("TERM").is_none_or(|term| term != "dumb");
    is_able.then(|| told_width(&err).unwrap_or(USUAL_WIDTH))
}

/// The cells that a line of a file may take on standard error.
pub(super) fn room_of(err: &std::io::Stderr) -> usize {
    let told = err
        .is_terminal()
        .then(|| told_width(err).unwrap_or(USUAL_WIDTH));
    told.unwrap_or(UNREAD_WIDTH)
}

fn told_width(terminal: impl std::os::fd::AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// Decides on colour: what was asked for on the command line, then `NO_COLOR`, then
/// `CLICOLOR_FORCE`, then what the terminal is.
fn is_coloured(
    wish: ColourWish,
    is_terminal: bool,
    variable: &dyn Fn(&str) -> Option<String>,
) -> bool {
    let set = |name: &str| variable(name).filter(|text| !text.is_empty());
    match wish {
        ColourWish::Always => true,
        ColourWish::Never => false,
        ColourWish::Auto if set("NO_COLOR").is_some() => false,
        ColourWish::Auto if set("CLICOLOR_FORCE").is_some_and(|text| text != "0") => true,
        ColourWish::Auto => is_terminal && set("TERM").is_none_or(|term| term != "dumb"),
    }
}

#[cfg(test)]
#[path = "look_tests.rs"]
mod tests;
