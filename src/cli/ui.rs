//! All output. Data goes to stdout, talk to stderr. A reader that goes away (`ai task list | head`)
//! ends the command quietly; output that cannot be written for any other reason, such as a full
//! disk, fails it.

use std::io::{self, BufWriter, IsTerminal, Stderr, StdoutLock, Write};

use rustix::termios::tcgetwinsize;
use serde::Serialize;

use crate::app::error::AppError;
use crate::base::columns;
use crate::cli::error::{self, Detail};

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
    format: Format,
    talk: Talk,
    detail: Detail,
    out: BufWriter<StdoutLock<'static>>,
    err: Stderr,
    gone: bool,
    lost: Option<io::Error>,
}

impl Ui {
    /// Output on the process's own streams.
    pub fn new(format: Format, talk: Talk, detail: Detail) -> Ui {
        Ui {
            format,
            talk,
            detail,
            out: BufWriter::with_capacity(64 * 1024, io::stdout().lock()),
            err: io::stderr(),
            gone: false,
            lost: None,
        }
    }

    /// True where JSON is wanted.
    pub fn json(&self) -> bool {
        self.format == Format::Json
    }

    /// Writes data. Returns false when nobody reads any more.
    pub fn print(&mut self, text: &str) -> bool {
        if !self.gone {
            let written = self.out.write_all(text.as_bytes());
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
                self.warn(&format!("cannot show this as JSON: {error}"));
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

    /// Writes rows in columns.
    pub fn table(&mut self, rows: &[Vec<String>]) {
        self.rows(rows, "");
    }

    /// Writes rows in columns below a line of their own, indented.
    pub fn table_below(&mut self, rows: &[Vec<String>]) {
        self.rows(rows, "  ");
    }

    fn rows(&mut self, rows: &[Vec<String>], indent: &str) {
        for line in columns::table(rows) {
            if !self.line(&format!("{indent}{line}")) {
                return;
            }
        }
    }

    /// Says something beside the data.
    pub fn say(&mut self, text: &str) {
        if self.talk == Talk::Normal {
            self.flush();
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
        self.flush();
        let _ = write!(self.err, "{question} [y/N] ");
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(
            answer.trim().to_ascii_lowercase().as_str(),
            "y" | "yes"
        ))
    }

    /// Shows the error that ended the command.
    pub fn error(&mut self, error: &AppError) {
        self.flush();
        let text = if self.json() {
            error::for_programs(error, self.detail)
        } else {
            error::for_people(error, self.detail)
        };
        let _ = self.err.write_all(text.as_bytes());
    }

    /// Hands everything to the reader.
    pub fn flush(&mut self) {
        let flushed = self.out.flush();
        self.note(flushed);
    }

    /// Returns the first failed write of data, once. A closed pipe is none: nobody reads any more.
    pub fn lost(&mut self) -> Option<io::Error> {
        self.lost.take()
    }

    /// True where standard output is read by a person.
    pub fn is_terminal(&self) -> bool {
        self.out.get_ref().is_terminal()
    }

    /// The width of the terminal on which a person reads the data; nothing where none does.
    pub fn columns(&self) -> Option<usize> {
        let out = self.out.get_ref();
        let size = out.is_terminal().then(|| tcgetwinsize(out).ok()).flatten();
        size.map(|size| usize::from(size.ws_col))
            .filter(|columns| *columns > 0)
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
