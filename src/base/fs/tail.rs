//! Files that grow while they are read, a line at a time, and waiting for them to grow.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use rustix::io::read;

use crate::base::clock;
use crate::base::fs::error::{FsError, at};
use crate::base::fs::metadata::stands_at;
use crate::base::fs::read::open_no_pipe;

/// A line that is longer is handed out in pieces.
const LONGEST: usize = 1 << 20;

/// A file that may not be there yet, may grow, and may be replaced by another of its name.
pub struct Tail {
    path: PathBuf,
    file: Option<BufReader<File>>,
    /// The beginning of a line whose end has not been written yet.
    begun: Vec<u8>,
}

impl Tail {
    /// The file from its beginning.
    pub fn of(path: PathBuf) -> Tail {
        Tail {
            path,
            file: None,
            begun: Vec::new(),
        }
    }

    /// The next line without its end, where one is whole by now.
    pub fn line(&mut self) -> Result<Option<Vec<u8>>, FsError> {
        loop {
            if self.file.is_none() {
                match open_no_pipe(&self.path) {
                    Ok(file) => self.file = Some(BufReader::new(file)),
                    Err(error) if error.is_not_found() => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
            let Some(file) = self.file.as_mut() else {
                return Ok(None);
            };
            let room = (LONGEST - self.begun.len()) as u64;
            let got = file.by_ref().take(room).read_until(b'\n', &mut self.begun);
            at("read", &self.path, got)?;
            if self.begun.last() == Some(&b'\n') {
                self.begun.pop();
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
            if self.begun.len() == LONGEST {
                return Ok(Some(std::mem::take(&mut self.begun)));
            }
            if stands_at(file.get_ref(), &self.path)? {
                return Ok(None);
            }
            // Another file has taken its name, or none has.
            self.file = None;
            if let Some(rest) = self.rest() {
                return Ok(Some(rest));
            }
        }
    }

    /// What stands behind the last whole line, when nobody writes any more.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.begun)).filter(|begun| !begun.is_empty())
    }
}

/// Changes of a directory of which a watch is told: files that come, change and go, and the directory itself that goes.
fn told() -> WatchFlags {
    WatchFlags::MODIFY
        | WatchFlags::CREATE
        | WatchFlags::MOVED_TO
        | WatchFlags::MOVED_FROM
        | WatchFlags::DELETE
        | WatchFlags::DELETE_SELF
        | WatchFlags::MOVE_SELF
}

/// Wakes when a file of a directory changes.
pub struct DirWatch(Option<OwnedFd>);

impl DirWatch {
    /// A watch over the files of `dir`. Where the system grants none, waiting goes by time alone.
    pub fn over(dir: &Path) -> DirWatch {
        let made = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .and_then(|watch| add_watch(&watch, dir, told()).map(|_id| watch));
        DirWatch(made.ok())
    }

    /// Watches another directory, too; one that is not there, or for which the system grants no watch, is left out.
    pub fn and(self, dir: &Path) -> DirWatch {
        if let Some(watch) = &self.0 {
            let _left_out = add_watch(watch, dir, told());
        }
        self
    }

    /// Waits until something has changed since the last call, at most so long: the end of a process
    /// changes no file.
    pub fn wait(&self, at_most: Duration) {
        self.wait_for_news(at_most);
        self.take_in();
    }

    /// The same, and leaves what was told to be taken in.
    pub fn wait_for_news(&self, at_most: Duration) {
        let Some(watch) = &self.0 else {
            return clock::pause(at_most);
        };
        let limit = Timespec::try_from(at_most).ok();
        let mut wanted = [PollFd::new(watch, PollFlags::IN)];
        // A signal wakes, too; whoever waits looks again in any case.
        let _woken = poll(&mut wanted, limit.as_ref());
    }

    /// The descriptor that can be read once something has changed, for whoever waits for other things, too;
    /// nothing where the system grants no watch.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.0.as_ref().map(AsFd::as_fd)
    }

    /// Takes in what was told so far, without waiting. Returns true if anything was.
    pub fn take_in(&self) -> bool {
        let Some(watch) = &self.0 else { return false };
        let mut seen = [0; 4096];
        let mut told = false;
        while read(watch, &mut seen).is_ok_and(|n| n > 0) {
            told = true;
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn whole_lines_come_once_and_a_file_may_come_late_grow_and_be_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        let mut tail = Tail::of(path.clone());
        let mut lines = || {
            let mut all = Vec::new();
            while let Some(line) = tail.line().unwrap() {
                all.push(String::from_utf8(line).unwrap());
            }
            all
        };
        assert_eq!(lines(), [""; 0], "not there yet");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"one\n\ntw").unwrap();
        assert_eq!(lines(), ["one", ""]);
        file.write_all(b"o\nth").unwrap();
        assert_eq!(lines(), ["two"]);
        std::fs::rename(&path, temp.path().join("aside")).unwrap();
        std::fs::write(&path, "new\nlast").unwrap();
        assert_eq!(lines(), ["th", "new"]);
        assert_eq!(tail.rest().unwrap(), b"last");
        assert_eq!(tail.rest(), None);
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_memory_than_a_piece() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("log");
        std::fs::write(&path, vec![b'x'; 2 * LONGEST + 3]).unwrap();
        let mut tail = Tail::of(path);
        let mut pieces = Vec::new();
        while let Some(piece) = tail.line().unwrap() {
            pieces.push(piece.len());
        }
        assert_eq!(pieces, [LONGEST, LONGEST]);
        assert_eq!(tail.rest().unwrap().len(), 3);
    }

    #[test]
    fn a_change_wakes_at_once_and_the_time_wakes_without_one() {
        let temp = tempfile::tempdir().unwrap();
        let watch = DirWatch::over(temp.path());
        watch.wait(Duration::ZERO);
        std::fs::write(temp.path().join("log"), "x").unwrap();
        // Were the change not seen, this test would be stopped as one that hangs.
        watch.wait(Duration::from_secs(3600));
        assert!(!watch.take_in(), "what was waited for is taken in");
        std::fs::write(temp.path().join("log"), "y").unwrap();
        assert!(watch.take_in());
        DirWatch(None).wait(Duration::ZERO);
        assert!(!DirWatch(None).take_in());
    }
}
