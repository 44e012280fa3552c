//! Carries bytes between two streams, both ways at once, until both sides have ended or neither has
//! said anything for long. An end of one side is told to the other one, which may go on.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::process::egress::body::{BadBody, RequestBody};

/// Bytes that are carried at once.
const CHUNK: usize = 16 << 10;
/// The stack of a thread that does nothing else.
pub(super) const STACK: usize = 256 << 10;

/// One of two streams.
#[derive(Debug)]
pub(super) enum EgressLine {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl EgressLine {
    pub(super) fn read(&self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                EgressLine::Tcp(stream) => (&*stream).read(bytes),
                EgressLine::Unix(stream) => (&*stream).read(bytes),
            };
            match read {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    pub(super) fn write_all(&self, bytes: &[u8]) -> io::Result<()> {
        match self {
            EgressLine::Tcp(stream) => (&*stream).write_all(bytes),
            EgressLine::Unix(stream) => (&*stream).write_all(bytes),
        }
    }

    /// Sets how long a read and a write may wait.
    pub(super) fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        let time = Some(time.max(Duration::from_millis(1)));
        match self {
            EgressLine::Tcp(stream) => {
                stream.set_read_timeout(time)?;
                stream.set_write_timeout(time)
            }
            EgressLine::Unix(stream) => {
                stream.set_read_timeout(time)?;
                stream.set_write_timeout(time)
            }
        }
    }

    fn end(&self, how: Shutdown) {
        // The other side may be gone.
        let _ended = match self {
            EgressLine::Tcp(stream) => stream.shutdown(how),
            EgressLine::Unix(stream) => stream.shutdown(how),
        };
    }
}

/// Carries until it is over; `idle` is the longest silence.
pub(super) fn carry(a: &EgressLine, b: &EgressLine, idle: Duration) {
    carry_through(a, b, (idle, &mut |bytes| Ok(bytes.len())));
}

/// Carries a body from `a` to `b`, and whatever comes back. Anything that `a` says behind it ends both, but for
/// line ends, which some clients send there.
pub(super) fn carry_body(a: &EgressLine, b: &EgressLine, idle: Duration, mut body: RequestBody) {
    carry_through(a, b, (idle, &mut |bytes| body.take(bytes)));
}

/// Says how many bytes may go on.
type Gate<'g> = &'g mut dyn FnMut(&[u8]) -> Result<usize, BadBody>;

fn carry_through(a: &EgressLine, b: &EgressLine, (idle, gate): (Duration, Gate<'_>)) {
    let Ok(()) = a.wait_at_most(idle).and_then(|()| b.wait_at_most(idle)) else {
        return;
    };
    let heard = LastHeard::new(idle);
    thread::scope(|scope| {
        let back = thread::Builder::new().stack_size(STACK);
        let back = back.spawn_scoped(scope, || {
            one_way((b, a), &heard, &mut |bytes| Ok(bytes.len()));
        });
        if back.is_ok() {
            one_way((a, b), &heard, gate);
        } else {
            a.end(Shutdown::Both);
            b.end(Shutdown::Both);
        }
    });
}

/// The time at which either side was heard last.
struct LastHeard {
    since: Instant,
    last_ms: AtomicU64,
    idle: Duration,
}

impl LastHeard {
    fn new(idle: Duration) -> LastHeard {
        LastHeard {
            since: Instant::now(),
            last_ms: AtomicU64::new(0),
            idle,
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn note(&self) {
        self.last_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        let silent = self
            .now_ms()
            .saturating_sub(self.last_ms.load(Ordering::Relaxed));
        u128::from(silent) >= self.idle.as_millis()
    }
}

fn one_way((from, to): (&EgressLine, &EgressLine), heard: &LastHeard, gate: Gate<'_>) {
    let mut bytes = [0; CHUNK];
    loop {
        match from.read(&mut bytes) {
            Ok(0) => return to.end(Shutdown::Write),
            Ok(count) => {
                heard.note();
                let Ok(own) = gate(&bytes[..count]) else {
                    break;
                };
                if to.write_all(&bytes[..own]).is_err() || !is_filler(&bytes[own..count]) {
                    break;
                }
            }
            Err(error) if timed_out(&error) && !heard.is_idle() => {}
            Err(_) => break,
        }
    }
    from.end(Shutdown::Both);
    to.end(Shutdown::Both);
}

/// True for what says nothing behind a body.
pub(super) fn is_filler(rest: &[u8]) -> bool {
    rest.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

fn timed_out(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::egress::body::BodyLength;

    fn carried(idle: Duration) -> (UnixStream, UnixStream, thread::JoinHandle<()>) {
        let (left, a) = UnixStream::pair().unwrap();
        let (right, b) = UnixStream::pair().unwrap();
        let (a, b) = (EgressLine::Unix(a), EgressLine::Unix(b));
        let thread = thread::spawn(move || carry(&a, &b, idle));
        (left, right, thread)
    }

    #[test]
    fn the_end_of_one_side_leaves_the_other_its_answer() {
        let (mut left, mut right, thread) = carried(Duration::from_secs(600));
        left.write_all(b"question").unwrap();
        left.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        right.read_to_string(&mut text).unwrap();
        right.write_all(b"answer").unwrap();
        drop(right);
        let mut answer = String::new();
        left.read_to_string(&mut answer).unwrap();
        assert_eq!((text.as_str(), answer.as_str()), ("question", "answer"));
        thread.join().unwrap();
    }

    #[test]
    fn what_comes_behind_a_body_ends_both_and_goes_nowhere() {
        let (mut left, a) = UnixStream::pair().unwrap();
        let (mut right, b) = UnixStream::pair().unwrap();
        let thread = thread::spawn(move || {
            let (a, b) = (EgressLine::Unix(a), EgressLine::Unix(b));
            let body = RequestBody::of(BodyLength::Sized(4));
            carry_body(&a, &b, Duration::from_secs(600), body);
        });
        left.write_all(b"body").unwrap();
        let mut text = [0; 4];
        right.read_exact(&mut text).unwrap();
        right.write_all(b"answer").unwrap();
        let mut answer = [0; 6];
        left.read_exact(&mut answer).unwrap();
        assert_eq!((&text, &answer), (b"body", b"answer"));
        left.write_all(b"\r\n").unwrap();
        left.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        let mut rest = Vec::new();
        right.read_to_end(&mut rest).unwrap();
        assert_eq!((rest.len(), left.read(&mut [0; 1]).unwrap_or(0)), (0, 0));
        thread.join().unwrap();
    }

    #[test]
    fn silence_ends_it() {
        let (mut left, _right, thread) = carried(Duration::from_millis(5));
        assert_eq!(left.read(&mut [0; 1]).unwrap(), 0);
        thread.join().unwrap();
    }
}
