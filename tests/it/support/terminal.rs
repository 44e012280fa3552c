//! A command on a terminal of its own, as a person sees it: what it says for people only, and how it
//! fits the width.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use super::Outcome;

/// Runs a command to its end on a terminal of so many columns. A terminal shows data and talk in one
/// stream, which stands in `stdout`, and nobody types.
pub fn run_on_terminal(command: &mut Command, columns: u16) -> Outcome {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let side = File::options().read(true).write(true).open(path).unwrap();
    let size = Winsize {
        ws_row: 24,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&side, size).unwrap();
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
