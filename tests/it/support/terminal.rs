//! A command on a terminal of its own, as a person sees it: what it says for people only, how it fits the width, and
//! what it does when somebody types.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetattr, tcsetwinsize};

use super::{Outcome, poll};

/// Long enough for a screen on a busy machine, and short enough to be told of before the test itself is ended.
const PATIENCE: Duration = Duration::from_secs(80);

/// Both sides of a new terminal: the one of whoever sits there, and the one of programs.
fn terminal(columns: u16, rows: u16) -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let side = File::options().read(true).write(true).open(path).unwrap();
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&side, size).unwrap();
    (master, side)
}

/// Runs a command to its end on a terminal of so many columns. A terminal shows data and talk in one
/// stream, which stands in `stdout`, and nobody types.
pub fn run_on_terminal(command: &mut Command, columns: u16) -> Outcome {
    let (master, side) = terminal(columns, 24);
    let mut child = command
        .env("TERM", "xterm")
        .stdin(side.try_clone().unwrap())
        .stdout(side.try_clone().unwrap())
        .stderr(side)
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    // The terminal hangs up when its last side is closed, those that the command keeps among them.
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut shown = Vec::new();
    // The end of a terminal reads as an error.
    let _ = File::from(master).read_to_end(&mut shown);
    Outcome {
        code: child.wait().unwrap().code(),
        stdout: String::from_utf8_lossy(&shown).replace("\r\n", "\n"),
        stderr: String::new(),
    }
}

/// What stands on a terminal, by the few sequences that `ai` and this emulator know.
struct Glass {
    rows: Vec<Vec<char>>,
    at: (usize, usize),
    /// The modes that are switched on, such as `?1049`, another screen.
    modes: Vec<String>,
    /// Everything that was written.
    bytes: Vec<u8>,
    /// How much of it stands on the screen.
    taken: usize,
}

impl Glass {
    fn take(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let fresh = self.bytes[self.taken..].to_vec();
        // What is cut off in its middle waits for the rest.
        let whole = match std::str::from_utf8(&fresh) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&fresh[..error.valid_up_to()]).unwrap(),
        };
        let mut rest = whole;
        while let Some(c) = rest.chars().next() {
            if c != '\u{1b}' {
                rest = &rest[c.len_utf8()..];
                self.put(c);
                continue;
            }
            let Some(end) = rest[1..].find(|c: char| c.is_ascii_alphabetic()) else {
                break;
            };
            let (sequence, more) = rest.split_at(end + 2);
            self.obey(&sequence[1..]);
            rest = more;
        }
        self.taken += whole.len() - rest.len();
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.at.0 = 0,
            '\n' => self.at.1 += 1,
            c if c.is_control() => {}
            c => {
                if let Some(cell) = self
                    .rows
                    .get_mut(self.at.1)
                    .and_then(|row| row.get_mut(self.at.0))
                {
                    *cell = c;
                }
                self.at.0 += 1;
            }
        }
    }

    fn obey(&mut self, sequence: &str) {
        let Some(body) = sequence.strip_prefix('[') else {
            return;
        };
        let (parameters, last) = body.split_at(body.len() - 1);
        match last {
            "H" => {
                let mut numbers = parameters
                    .split(';')
                    .map(|n| n.parse().unwrap_or(1_usize) - 1);
                let y = numbers.next().unwrap_or(0);
                self.at = (numbers.next().unwrap_or(0), y);
            }
            "K" => self.rows[self.at.1].fill(' '),
            "J" => self.rows.iter_mut().flatten().for_each(|cell| *cell = ' '),
            "h" => self.modes.push(parameters.to_owned()),
            "l" => self.modes.retain(|mode| mode != parameters),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let rows = self
            .rows
            .iter()
            .map(|row| row.iter().collect::<String>().trim_end().to_owned());
        rows.collect::<Vec<_>>().join("\n")
    }
}

/// Somebody who sits at a terminal on which a command goes on.
pub struct Typist {
    child: Child,
    master: Arc<OwnedFd>,
    side: File,
    glass: Arc<Mutex<Glass>>,
    before: String,
}

impl Typist {
    /// Starts a command on a terminal of this size, in a job of its own.
    pub fn start(command: &mut Command, (columns, rows): (u16, u16)) -> Typist {
        let (master, side) = terminal(columns, rows);
        let master = Arc::new(master);
        let before = settings(&side);
        let child = command
            .env("TERM", "xterm")
            .stdin(side.try_clone().unwrap())
            .stdout(side.try_clone().unwrap())
            .stderr(side.try_clone().unwrap())
            .process_group(0)
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?}: {e}"));
        let blank = vec![' '; usize::from(columns)];
        let glass = Arc::new(Mutex::new(Glass {
            rows: vec![blank; usize::from(rows)],
            at: (0, 0),
            modes: Vec::new(),
            bytes: Vec::new(),
            taken: 0,
        }));
        let (reads, shows) = (master.clone(), glass.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = rustix::io::read(&*reads, &mut bytes) {
                shows.lock().unwrap().take(&bytes[..n]);
            }
        });
        Typist {
            child,
            master,
            side,
            glass,
            before,
        }
    }

    /// What stands on the screen.
    pub fn screen(&self) -> String {
        self.glass.lock().unwrap().text()
    }

    /// Everything that was written, escape sequences told as `<esc>`.
    pub fn written(&self) -> String {
        let bytes = self.glass.lock().unwrap().bytes.clone();
        String::from_utf8_lossy(&bytes).replace('\u{1b}', "<esc>")
    }

    /// The modes of the terminal that are switched on.
    pub fn modes(&self) -> Vec<String> {
        self.glass.lock().unwrap().modes.clone()
    }

    /// Waits until a text stands on the screen.
    #[track_caller]
    pub fn sees(&self, text: &str) {
        let is_there = poll::within(PATIENCE, || self.screen().matches(text).count() > 0);
        assert!(
            is_there,
            "`{text}` is not on the screen:\n{}",
            self.screen()
        );
    }

    /// Waits until a text stands on the screen no more.
    #[track_caller]
    pub fn sees_no_more(&self, text: &str) {
        let is_gone = poll::within(PATIENCE, || self.screen().matches(text).count() == 0);
        assert!(
            is_gone,
            "`{text}` is still on the screen:\n{}",
            self.screen()
        );
    }

    /// Types.
    pub fn types(&self, keys: &str) {
        let mut side = File::from(self.master.try_clone().unwrap());
        side.write_all(keys.as_bytes()).unwrap();
    }

    /// Makes the terminal another size.
    pub fn resizes(&self, columns: u16, rows: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let blank = vec![' '; usize::from(columns)];
        self.glass.lock().unwrap().rows = vec![blank; usize::from(rows)];
        tcsetwinsize(&self.side, size).unwrap();
        // It is nobody's controlling terminal, whose kernel would tell.
        self.signals("WINCH");
    }

    /// Sends the command a signal by name.
    pub fn signals(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// The same where it may have ended by now.
    pub fn signals_if_there(&self, name: &str) {
        let sent = Command::new("kill")
            .args(["-s", name, &self.child.id().to_string()])
            .stderr(Stdio::null())
            .status();
        assert!(sent.is_ok());
    }

    /// True once the command has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until the command has stopped and the terminal is as it was. What a stopped command has written may still be
    /// on its way to the screen.
    #[track_caller]
    pub fn until_stopped(&self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        let state = || {
            let text = std::fs::read_to_string(&stat).unwrap();
            text.rsplit(") ").next().unwrap().chars().next()
        };
        let has_stopped = poll::within(PATIENCE, || state() == Some('T') && self.is_as_before());
        assert!(
            has_stopped,
            "in state {:?}, with {:?} and {:?} on, after:\n{}",
            state(),
            settings(&self.side),
            self.modes(),
            self.written()
        );
    }

    /// Waits until the terminal is as it was: what a command wrote last may still be on its way when the command has ended.
    #[track_caller]
    pub fn gets_back_what_was(&self) {
        let is_back = poll::within(PATIENCE, || self.is_as_before());
        assert!(is_back, "{}", self.written());
    }

    /// True where the terminal has the settings that it had, and no mode is on.
    pub fn is_as_before(&self) -> bool {
        settings(&self.side) == self.before && self.modes().iter().all(|mode| mode == "?25")
    }

    /// Waits for the end of the command; its exit code, none where a signal ended it.
    #[track_caller]
    pub fn ends(&mut self) -> Option<i32> {
        let is_over = poll::within(PATIENCE, || self.child.try_wait().unwrap().is_some());
        assert!(is_over, "the command goes on:\n{}", self.screen());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Typist {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The settings of a terminal, to be compared.
fn settings(side: &File) -> String {
    let all = tcgetattr(side).unwrap();
    format!(
        "{:?} {:?} {:?} {:?}",
        all.input_modes, all.output_modes, all.control_modes, all.local_modes
    )
}
