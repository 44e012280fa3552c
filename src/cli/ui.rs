//! All output. Data goes to stdout, talk to stderr. A reader that goes away (`ai task list | head`)
//! ends the command quietly; output that cannot be written for any other reason, such as a full
//! disk, fails it.

use std::io::{self, BufWriter, IsTerminal, Stderr, StdoutLock, Write};

use serde::Serialize;

use crate::app::error::AppError;
use crate::base::env;
use crate::base::shown_time;
use crate::base::yaml::YamlProblems;
use crate::cli::error::{self, Detail};
use crate::cli::look::{self, Cell, ColourWish, Listing, Look, Tone};
use crate::cli::progress::{ProgressHand, ProgressLine};

/// The form of the data on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// JSON, one object a line in lists.
    Json,
}

/// The amount of talk on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Talk {
    /// Progress, hints and warnings.
    Normal,
    /// Errors only.
    Quiet,
}

/// The terminal, or what stands in its place.
pub struct Ui {
    look: Look,
    format: Format,
    talk: Talk,
    detail: Detail,
    out: BufWriter<StdoutLock<'static>>,
    err: Stderr,
    gone: bool,
    lost: Option<io::Error>,
    progress: Option<ProgressLine>,
}

impl Ui {
    /// Output on the process's own streams.
    pub fn new(format: Format, talk: Talk, detail: Detail) -> Ui {
        Ui {
            look: Look::of_stdout(ColourWish::Auto),
            format,
            talk,
            detail,
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            err: io::stderr(),
            gone: false,
            lost: None,
            progress: None,
        }
    }

    /// Shows from now on what the command is doing, where a person waits for it at a terminal.
    pub fn show_progress(&mut self, what: &'static str) {
        let wanted = env::text("AI_PROGRESS").is_none_or(|word| word != "never");
        let is_seen = wanted && self.talk == Talk::Normal && !self.json();
        if is_seen && look::width_of_talk().is_some() {
            self.progress = Some(ProgressLine::start(what));
        }
    }

    /// A hand on the line that shows what the command is doing, where one does.
    pub fn progress(&self) -> Option<ProgressHand> {
        self.progress.as_ref().map(ProgressLine::hand)
    }

    /// Shows nothing while somebody else is waited for, a person who answers or types; what the command does afterwards is
    /// counted from its own begin.
    pub fn while_waiting<T>(&mut self, wait: impl FnOnce(&mut Ui) -> T) -> T {
        let what = self.progress.take().map(|line| line.what());
        let got = wait(self);
        self.progress = what.map(ProgressLine::start);
        got
    }

    /// Shows no more what the command is doing: something else has the terminal, or it has ended.
    pub fn end_progress(&mut self) {
        self.progress = None;
    }

    /// The same output, coloured as asked for.
    pub fn coloured(self, wish: ColourWish) -> Ui {
        Ui {
            look: Look::of_stdout(wish),
            ..self
        }
    }

    /// True where JSON is wanted.
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes data. Returns false when nobody reads any more.
    pub fn print(&mut self, text: &str) -> bool {
        if !self.gone {
            let fits = self.out.buffer().len() + text.len() < self.out.capacity();
            let line = self.progress.as_ref().filter(|_| !fits);
            let still = line.map(ProgressLine::hold_back);
            let written = self.out.write_all(text.as_bytes());
            drop(still);
            self.note(written);
        }
        !self.gone
    }

    /// Writes a line of data.
    pub fn line(&mut self, text: &str) -> bool {
        self.print(text) && self.print("\n")
    }

    /// Writes an object as one line of JSON.
    pub fn object(&mut self, object: &impl Serialize) -> bool {
        match serde_json::to_string(object) {
            Ok(text) => self.line(&text),
            Err(error) => {
                // An answer of nothing would be believed.
                self.lost.get_or_insert(error.into());
                true
            }
        }
    }

    /// Writes objects as lines of JSON until nobody reads any more.
    pub fn objects<'a, T: Serialize + 'a>(&mut self, objects: impl IntoIterator<Item = &'a T>) {
        for object in objects {
            if !self.object(object) {
                return;
            }
        }
    }

    /// Writes rows in columns, below these headings on a terminal.
    pub fn table<T: Clone + Into<Cell>>(&mut self, headings: &[&str], rows: &[Vec<T>]) {
        self.lines(self.look.table(headings, &cells(rows), ""));
    }

    /// The lines of a table that has others between them: the heading, where there is one, and the
    /// rows.
    pub fn rows_of<T: Clone + Into<Cell>>(
        &self,
        headings: &[&str],
        rows: &[Vec<T>],
    ) -> (Option<String>, Vec<String>) {
        let mut lines = self.look.table(headings, &cells(rows), "");
        let heading = (lines.len() > rows.len()).then(|| lines.remove(0));
        (heading, lines)
    }

    /// Writes rows in columns below a line of their own, indented and whole.
    pub fn table_below<T: Clone + Into<Cell>>(&mut self, rows: &[Vec<T>]) {
        self.lines(self.look.table(&[], &cells(rows), "  "));
    }

    /// Writes a row of a list. Returns false when nobody reads any more.
    pub fn row(&mut self, listing: &mut Listing, cells: &[Cell]) -> bool {
        self.lines(self.look.row(listing, cells))
    }

    /// Writes a list whose rows are all at hand.
    pub fn list(&mut self, listing: Listing, rows: &[Vec<Cell>]) {
        self.lines(self.look.list(listing, rows));
    }

    /// Writes a line of a list, as far as the terminal is wide. Returns false when nobody reads any
    /// more.
    pub fn item(&mut self, text: &str) -> bool {
        self.line(&self.look.fitted(text))
    }

    /// Writes a text behind a head, whole, in as many lines as the terminal needs.
    pub fn behind(&mut self, head: &str, text: &str) -> bool {
        self.lines(self.look.behind(head, text))
    }

    fn lines(&mut self, lines: Vec<String>) -> bool {
        lines.iter().all(|line| self.line(line))
    }

    /// The text in a tone, where colours are shown.
    pub fn paint(&self, text: &str, tone: Tone) -> String {
        self.look.paint(text, tone)
    }

    /// A time: by the clock on the wall for whoever sits at a terminal, else as programs read it.
    pub fn when(&self, ms: i64) -> String {
        if self.is_terminal() {
            shown_time::local(ms)
        } else {
            shown_time::time(ms)
        }
    }

    /// Says something beside the data.
    pub fn say(&mut self, text: &str) {
        if self.talk == Talk::Normal {
            self.flush();
            let _still = self.progress.as_ref().map(ProgressLine::hold_back);
            // Nobody is left to tell when stderr is closed.
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// Warns.
    pub fn warn(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// Asks a question to be answered by yes or no. `None` where nobody is there to answer: input
    /// or talk is no terminal.
    pub fn ask(&mut self, question: &str) -> Option<bool> {
        if !self.is_interactive() {
            return None;
        }
        self.while_waiting(|ui| {
            ui.flush();
            let _ = write!(ui.err, "{question} [y/N] ");
            let mut answer = String::new();
            io::stdin().read_line(&mut answer).ok()?;
            Some(matches!(
                answer.trim().to_ascii_lowercase().as_str(),
                "y" | "yes"
            ))
        })
    }

    /// Shows the error that ended the command.
    pub fn error(&mut self, error: &AppError) {
        self.error_of_file(error, error.file_problems());
    }

    /// Shows an error on account of problems of a file.
    pub fn error_of_file(&mut self, error: &AppError, problems: Option<&YamlProblems>) {
        self.flush();
        self.end_progress();
        let text = if self.json() {
            error::for_programs(error, self.detail)
        } else {
            error::for_people(error, self.detail, problems, look::room_of(&self.err))
        };
        let _ = self.err.write_all(text.as_bytes());
    }

    /// Hands everything to the reader.
    pub fn flush(&mut self) {
        let still = self.progress.as_ref().map(ProgressLine::hold_back);
        let flushed = self.out.flush();
        drop(still);
        self.note(flushed);
    }

    /// Returns the first failed write of data, once. A closed pipe is none: nobody reads any more.
    pub fn lost(&mut self) -> Option<io::Error> {
        self.lost.take()
    }

    /// True where colours are shown.
    pub fn is_coloured(&self) -> bool {
        self.look.is_coloured()
    }

    /// True where standard output is read by a person.
    pub fn is_terminal(&self) -> bool {
        self.look.is_terminal()
    }

    /// The cells that a line of a file may take among the data.
    pub fn room(&self) -> usize {
        self.look.room()
    }

    /// The width of the terminal on which a person reads the data; nothing where none does.
    pub fn columns(&self) -> Option<usize> {
        self.look.width()
    }

    /// True where a person is there to type: input and talk are terminals.
    pub fn is_interactive(&self) -> bool {
        io::stdin().is_terminal() && self.err.is_terminal()
    }

    fn note(&mut self, written: io::Result<()>) {
        let Err(error) = written else { return };
        if !self.gone && error.kind() != io::ErrorKind::BrokenPipe {
            self.lost = Some(error);
        }
        self.gone = true;
    }
}

fn cells<T: Clone + Into<Cell>>(rows: &[Vec<T>]) -> Vec<Vec<Cell>> {
    let row = |row: &Vec<T>| row.iter().cloned().map(Into::into).collect();
    rows.iter().map(row).collect()
}
