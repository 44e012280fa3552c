//! This very program, started again for a part of its work. The parent holds the child on a leash,
//! a pipe on the child's standard input: when the parent lets go of it, or dies in whatever way,
//! the child is asked to end as by SIGTERM. So none outlives its parent.
#![expect(
    clippy::disallowed_methods,
    reason = "the program itself, with the user's own environment: it clears that of its children"
)]

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::process::guard::program;
use crate::process::identity::ProcessIdentity;

/// As long as it is held, the child goes on.
pub struct ChildLeash(#[expect(dead_code, reason = "held, never used")] Option<ChildStdin>);

/// A child at work.
pub struct ReexecChild(Child);

/// The end of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReexecEnd {
    /// The exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// The output.
    pub output: String,
}

/// Starts this program with these arguments.
pub fn start(args: &[OsString]) -> io::Result<(ChildLeash, ReexecChild)> {
    let mut command = Command::new(program());
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    Ok((ChildLeash(child.stdin.take()), ReexecChild(child)))
}

/// Starts this program with these arguments, to go on whatever becomes of this process: on no leash,
/// and in a process group of its own, so that a Ctrl-C at the terminal does not mean it. What it says goes into
/// `talk`: a pipe that nobody empties would hold it up.
pub fn start_apart(args: &[OsString], talk: File) -> io::Result<ReexecChild> {
    Ok(ReexecChild(unleashed(args, talk).process_group(0).spawn()?))
}

/// The same for one that will [`detach`] itself, which the first process of a group cannot.
pub fn start_to_detach(args: &[OsString], talk: File) -> io::Result<ReexecChild> {
    Ok(ReexecChild(unleashed(args, talk).spawn()?))
}

fn unleashed(args: &[OsString], talk: File) -> Command {
    let mut command = Command::new(program());
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(talk);
    command
}

/// Leaves the terminal and the session of whoever started this process, so that it outlives both.
pub fn detach() -> io::Result<()> {
    Ok(rustix::process::setsid().map(drop)?)
}

impl ReexecChild {
    /// Waits for the first line of its output, and lets it go on. Nothing where it ends without one, or none
    /// comes within `limit`.
    pub fn first_line(&mut self, limit: Duration) -> Option<String> {
        let stdout = self.0.stdout.take()?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // Nobody waits any more where the time was over.
            drop(sender.send(read.ok().filter(|n| *n > 0).map(|_| line)));
        });
        receiver.recv_timeout(limit).ok().flatten()
    }

    /// The process.
    pub fn process(&self) -> Option<ProcessIdentity> {
        ProcessIdentity::of(i32::try_from(self.0.id()).ok()?)
    }

    /// Waits for the end; every line that the child says on standard error is handed on as it
    /// comes.
    pub fn wait(mut self, mut said: impl FnMut(String)) -> io::Result<ReexecEnd> {
        let stdout = self.0.stdout.take();
        let output = std::thread::spawn(move || {
            let mut text = Vec::new();
            stdout
                .map_or(Ok(0), |mut out| out.read_to_end(&mut text))
                .map(|_| text)
        });
        for line in self
            .0
            .stderr
            .take()
            .into_iter()
            .flat_map(|stderr| BufReader::new(stderr).split(b'\n'))
        {
            said(String::from_utf8_lossy(&line?).into_owned());
        }
        let status = self.0.wait()?;
        let output = output.join().unwrap_or_else(|_| Ok(Vec::new()))?;
        Ok(ReexecEnd {
            code: status.code(),
            output: String::from_utf8_lossy(&output).into_owned(),
        })
    }
}

/// In the child: ends it gently when nobody holds the leash any more.
pub fn obey_leash() {
    std::thread::spawn(|| {
        let mut ignored = [0; 64];
        let mut stdin = io::stdin();
        while stdin.read(&mut ignored).is_ok_and(|n| n > 0) {}
        // Heard like any other SIGTERM: by whoever looks after a run, else by the system.
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    });
}
