//! The named pipe through which a running command is told something, and the bytes still to go.
//!
//! Both ends are held here, so that opening it never waits and writing never fails when the command
//! is gone. Whatever the command does not read stays in memory up to a bound.

use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;

use crate::base::fs::remove_file;
use crate::process::capture::{LineBounds, LineSplitter, OutputLine};
use crate::process::supervise::spec::{AfterReply, CommandHeard, CommandObserver, CommandReply};

/// Most bytes that may wait for a command that does not read. More than the longest prompt.
const MOST_PENDING: usize = 96 << 20;

/// The pipe to one command.
pub(super) struct StdinPipe {
    path: PathBuf,
    pipe: Option<ChildStdin>,
    pending: Vec<u8>,
    sent: usize,
    last_word: AfterReply,
    closed_at: Option<Instant>,
    lines: LineSplitter,
}

impl StdinPipe {
    /// Makes the pipe at `path`, for its owner only.
    pub fn make(path: &Path) -> io::Result<Self> {
        remove_file(path).map_err(|e| e.source)?;
        make_pipe(path)?;
        let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let fd: OwnedFd = rustix::fs::open(path, flags, Mode::empty())?;
        let pipe = ChildStdin::from_std(std::process::ChildStdin::from(fd))?;
        Ok(Self {
            path: path.to_owned(),
            pipe: Some(pipe),
            pending: Vec::new(),
            sent: 0,
            last_word: AfterReply::Listen,
            closed_at: None,
            lines: LineSplitter::new(LineBounds::JUDGE),
        })
    }

    /// Says what the observer says first.
    pub fn begin(&mut self, observer: &mut dyn CommandObserver) {
        self.say(observer.talk(CommandHeard::Start));
    }

    /// Takes what the command has written, and answers each line that it completes.
    pub fn hear(&mut self, bytes: &[u8], observer: &mut dyn CommandObserver) {
        // It has its standard input by now, and nobody else needs the name.
        self.unlink();
        let mut said = Vec::new();
        self.lines.feed(bytes, &mut |line: OutputLine<'_>| {
            said.push(observer.talk(CommandHeard::Line(line)))
        });
        said.into_iter().for_each(|saying| self.say(saying));
    }

    /// Says what is to be said before the end, as far as it goes through at once.
    pub fn stop(&mut self, observer: &mut dyn CommandObserver) {
        self.say(observer.talk(CommandHeard::Stopping));
        if let Some(pipe) = &self.pipe {
            // A pipe that is full has a command behind it that does not read.
            let _said = rustix::io::write(pipe, self.pending.get(self.sent..).unwrap_or_default());
        }
        self.pending.clear();
        self.sent = 0;
    }

    /// Returns true if something waits to be written.
    pub fn is_pending(&self) -> bool {
        self.pipe.is_some() && self.sent < self.pending.len()
    }

    /// Writes some of what waits. May be dropped and called again; nothing is lost or said twice.
    pub async fn write(&mut self) -> io::Result<usize> {
        match &mut self.pipe {
            Some(pipe) => {
                pipe.write(self.pending.get(self.sent..).unwrap_or_default())
                    .await
            }
            None => std::future::pending().await,
        }
    }

    /// Notes what [`Self::write`] has done.
    pub fn wrote(&mut self, result: io::Result<usize>) {
        match result {
            Ok(count) => self.sent += count,
            Err(_) => self.close(),
        }
        if self.sent >= self.pending.len() {
            self.pending = Vec::new();
            self.sent = 0;
            self.close_after_last_word();
        }
    }

    /// Returns the moment at which the command is to be dismissed; `None` before the last word.
    pub fn dismissal(&self, grace: Duration) -> Option<Instant> {
        self.closed_at?.checked_add(grace)
    }

    /// Returns true if all is said and the command may go.
    pub fn is_over(&self) -> bool {
        self.closed_at.is_some()
    }

    fn say(&mut self, saying: CommandReply) {
        if self.pipe.is_none() || self.last_word == AfterReply::Close {
            return;
        }
        for line in saying.lines {
            self.pending.extend_from_slice(&line);
            self.pending.push(b'\n');
        }
        self.last_word = saying.after;
        if self.pending.len() - self.sent > MOST_PENDING {
            self.close();
        }
        if self.pending.is_empty() {
            self.close_after_last_word();
        }
    }

    fn close_after_last_word(&mut self) {
        if self.last_word == AfterReply::Close && self.pipe.is_some() {
            self.closed_at = Some(Instant::now());
            self.close();
        }
    }

    /// The command reads the end. Where this was no last word, the command has to come to an end of
    /// its own.
    fn close(&mut self) {
        self.pipe = None;
        self.pending = Vec::new();
        self.sent = 0;
    }

    fn unlink(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // A name that stays behind leads to nothing.
            let _removed = remove_file(&self.path);
            self.path = PathBuf::new();
        }
    }
}

impl Drop for StdinPipe {
    fn drop(&mut self) {
        self.unlink();
    }
}

#[cfg(target_os = "linux")]
fn make_pipe(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::mkfifoat(
        rustix::fs::CWD,
        path,
        Mode::RUSR | Mode::WUSR,
    )?)
}

#[cfg(not(target_os = "linux"))]
fn make_pipe(_path: &Path) -> io::Result<()> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "conversations with a command need Linux",
    ))
}
