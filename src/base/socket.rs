//! Unix sockets that have a path: made for their owner alone, found however long the path is, and
//! spoken to within bounds of size and time.
//!
//! A socket's address holds a hundred bytes. A longer path is reached by a descriptor of its
//! directory, which has a short name in `/proc`; where there is none, a long path is an error.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use crate::base::clock;

/// Longest path that goes into an address on every system.
const ADDRESS: usize = 100;
/// The pause after a caller who could not be let in, for want of descriptors mostly.
const BREATH: Duration = Duration::from_millis(50);

/// A path that fits into an address, for as long as this lives.
struct ShortPath {
    path: PathBuf,
    _dir: Option<OwnedFd>,
}

impl ShortPath {
    fn of(path: &Path) -> io::Result<ShortPath> {
        if path.as_os_str().as_bytes().len() <= ADDRESS {
            return Ok(ShortPath {
                path: path.to_owned(),
                _dir: None,
            });
        }
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::RDONLY;
        let dir = open(dir, flags, Mode::empty())?;
        let path = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string());
        Ok(ShortPath {
            path: path.join(name),
            _dir: Some(dir),
        })
    }
}

/// Makes a socket that nobody but its owner may speak to. Its directory is private, so that nobody
/// comes in between.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    let short = ShortPath::of(path)?;
    let listener = UnixListener::bind(&short.path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to a socket.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(ShortPath::of(path)?.path)
}

/// The same where somebody may have let as many callers wait as the system allows: that is an error then, and no waiting.
pub fn connect_at_once(path: &Path) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(ShortPath::of(path)?.path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Waits for the next caller; nothing once `end` was closed at its other side.
pub fn next_caller(listener: &UnixListener, end: &UnixStream) -> Option<UnixStream> {
    loop {
        let mut fds = [
            PollFd::new(listener, PollFlags::IN),
            PollFd::new(end, PollFlags::IN),
        ];
        let woken = poll(&mut fds, None);
        if !fds[1].revents().is_empty() {
            return None;
        }
        // A caller gets the whole of a call: what the listener is, it is for itself.
        let caller = woken.map_err(io::Error::from).and_then(|_| {
            let (caller, _) = listener.accept()?;
            caller.set_nonblocking(false)?;
            Ok(caller)
        });
        match caller {
            Ok(caller) => return Some(caller),
            Err(error) if is_passing(&error) => {}
            Err(_) => clock::pause(BREATH),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, Interrupted, WouldBlock};
    matches!(error.kind(), ConnectionAborted | Interrupted | WouldBlock)
}

/// The lines of one caller, with what has come beyond the last one that was taken.
#[derive(Default)]
pub struct SocketLines {
    rest: Vec<u8>,
}

impl SocketLines {
    /// Reads a line of at most `most` bytes, or what there is when the other side has ended, before
    /// `until`. A longer one is [`io::ErrorKind::FileTooLarge`].
    pub fn next(
        &mut self,
        stream: &mut UnixStream,
        most: usize,
        until: Instant,
    ) -> io::Result<Vec<u8>> {
        let mut chunk = [0; 4096];
        let mut seen = 0;
        loop {
            let end = self.rest[seen..].iter().position(|byte| *byte == b'\n');
            let end = end.map(|end| seen + end);
            if end.unwrap_or(self.rest.len()) > most {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            if let Some(end) = end {
                let mut line: Vec<u8> = self.rest.drain(..=end).collect();
                line.pop();
                return Ok(line);
            }
            seen = self.rest.len();
            stream.set_read_timeout(Some(left(until)?))?;
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(std::mem::take(&mut self.rest)),
                Ok(read) => self.rest.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Reads one line, as [`SocketLines::next`] does, and drops what has come beyond it.
pub fn read_line(stream: &mut UnixStream, most: usize, until: Instant) -> io::Result<Vec<u8>> {
    SocketLines::default().next(stream, most, until)
}

/// Writes all of it before `until`.
pub fn write_all(stream: &mut UnixStream, mut bytes: &[u8], until: Instant) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.set_write_timeout(Some(left(until)?))?;
        match stream.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn a_socket_is_its_owners_and_is_found_however_long_its_path_is() {
        let temp = tempfile::tempdir().unwrap();
        for dir in [temp.path().to_owned(), temp.path().join("d".repeat(200))] {
            std::fs::create_dir_all(&dir).unwrap();
            let path = dir.join("socket");
            let listener = listen(&path).unwrap();
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let (end, _other) = UnixStream::pair().unwrap();
            let mut caller = connect(&path).unwrap();
            let mut heard = next_caller(&listener, &end).unwrap();
            write_all(&mut caller, b"hello\nrest", soon()).unwrap();
            assert_eq!(read_line(&mut heard, 5, soon()).unwrap(), b"hello");
        }
        assert!(connect(&temp.path().join("none")).is_err());
    }

    #[test]
    fn a_line_that_is_too_long_or_too_late_is_an_error_and_an_end_is_none() {
        let say = |text: &[u8]| {
            let (mut one, other) = UnixStream::pair().unwrap();
            write_all(&mut one, text, soon()).unwrap();
            (one, other)
        };
        let (_one, mut other) = say(b"123456");
        let error = read_line(&mut other, 5, soon()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
        let (one, mut other) = say(b"12345");
        drop(one);
        assert_eq!(read_line(&mut other, 5, soon()).unwrap(), b"12345");
        let (_one, mut other) = say(b"12345");
        let late = read_line(&mut other, 5, Instant::now() + Duration::from_millis(20));
        assert!(is_late(&late.unwrap_err()));
        // Nobody reads: what does not fit into the system's buffers is never taken.
        let (mut one, _other) = UnixStream::pair().unwrap();
        let much = vec![0; 16 << 20];
        let late = write_all(&mut one, &much, Instant::now() + Duration::from_millis(20));
        assert!(is_late(&late.unwrap_err()));
    }

    #[test]
    fn lines_that_come_at_once_are_taken_one_after_the_other() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        write_all(&mut one, b"first\n\nthird\nlast", soon()).unwrap();
        drop(one);
        let mut lines = SocketLines::default();
        let mut next = |most| lines.next(&mut other, most, soon());
        assert_eq!(next(5).unwrap(), b"first");
        assert_eq!(next(5).unwrap(), b"");
        let long = next(4).unwrap_err();
        assert_eq!(long.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(next(5).unwrap(), b"third");
        assert_eq!(next(5).unwrap(), b"last");
        assert_eq!(next(5).unwrap(), b"");
    }

    fn is_late(error: &io::Error) -> bool {
        matches!(
            error.kind(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock
        )
    }

    #[test]
    fn nobody_is_waited_for_once_the_end_was_said() {
        let temp = tempfile::tempdir().unwrap();
        let listener = listen(&temp.path().join("socket")).unwrap();
        let (end, other) = UnixStream::pair().unwrap();
        drop(other);
        assert!(next_caller(&listener, &end).is_none());
    }
}
