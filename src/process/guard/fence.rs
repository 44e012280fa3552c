//! The lease of a run, as its keepers know it: each is told when it would lapse, and ends its
//! command by its own clock before that, should nobody tell it of a renewal. So an agent does not
//! work on while `ai` is stopped, hangs or sleeps.
//!
//! Times are those of the boot clock, which goes on while the machine is suspended and which no
//! clock step moves.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{SendFlags, send};
use serde::{Deserialize, Serialize};

/// The word before the two times of a renewal on a keeper's line.
const WORD: &str = "lease";

/// The two moments that follow from a lease, in milliseconds of the boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) struct LeaseTerm {
    /// From then on the command is being ended: the lease was not renewed for two thirds of its
    /// length.
    pub stop_ms: i64,
    /// The lease lapses; nothing of the command may live then.
    pub end_ms: i64,
}

impl LeaseTerm {
    /// The moments of a lease of length `ttl` that lapses at `expires_ms`.
    fn of(expires_ms: i64, ttl: Duration) -> Self {
        let ttl_ms = i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX);
        Self {
            stop_ms: expires_ms.saturating_sub(ttl_ms / 3),
            end_ms: expires_ms,
        }
    }

    /// Returns the time from SIGTERM to SIGKILL for a command that is ended at `now_ms`: its own
    /// grace, but no longer than the lease.
    pub fn grace(self, own: Duration, now_ms: i64) -> Duration {
        let left = u64::try_from(self.end_ms.saturating_sub(now_ms)).unwrap_or(0);
        own.min(Duration::from_millis(left))
    }

    /// The line by which a keeper is told.
    fn line(self) -> String {
        format!("{WORD} {} {}\n", self.stop_ms, self.end_ms)
    }

    /// Reads such a line; `None` where it is anything else.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let is_ours = words.next()? == WORD;
        let (stop_ms, end_ms) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        (is_ours && words.next().is_none()).then_some(Self { stop_ms, end_ms })
    }
}

/// The lease of one run, shared by the thread that renews it and by all keepers of the run.
/// Without a lease nothing is fenced.
#[derive(Debug, Clone, Default)]
pub(in crate::process) struct LeaseFence {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    term: Option<LeaseTerm>,
    lines: BTreeMap<u64, UnixStream>,
    next: u64,
}

/// A keeper's place among those that are told; given back when dropped.
#[derive(Debug)]
pub(super) struct FencedLine {
    fence: LeaseFence,
    key: u64,
}

impl LeaseFence {
    /// Takes note of a renewal, and tells every keeper.
    pub fn renewed(&self, expires_ms: i64, ttl: Duration) {
        let term = LeaseTerm::of(expires_ms, ttl);
        let mut known = self.known();
        known.term = Some(term);
        // A keeper that has ended, or does not read, needs to hear nothing.
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        known
            .lines
            .retain(|_, line| send(&*line, term.line().as_bytes(), flags).is_ok());
    }

    /// Registers the line to a keeper that is about to start, and returns what it has to know from
    /// its beginning on.
    pub(super) fn join(
        &self,
        line: &UnixStream,
    ) -> std::io::Result<(FencedLine, Option<LeaseTerm>)> {
        let line = line.try_clone()?;
        let mut known = self.known();
        let key = known.next;
        known.next += 1;
        known.lines.insert(key, line);
        let fence = self.clone();
        Ok((FencedLine { fence, key }, known.term))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for FencedLine {
    fn drop(&mut self) {
        self.fence.known().lines.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn a_command_is_ended_after_two_thirds_and_gone_with_the_lease() {
        let term = LeaseTerm::of(160_000, Duration::from_secs(60));
        assert_eq!((term.stop_ms, term.end_ms), (140_000, 160_000));
        for (own, now_ms, grace) in [
            (10, 140_000, 10),
            (60, 140_000, 20),
            (10, 155_000, 5),
            (10, 170_000, 0),
        ] {
            assert_eq!(
                term.grace(Duration::from_secs(own), now_ms),
                Duration::from_secs(grace),
                "{own} s at {now_ms}"
            );
        }
    }

    #[test]
    fn a_line_is_read_back_and_anything_else_is_not() {
        let term = LeaseTerm {
            stop_ms: 7,
            end_ms: 9,
        };
        assert_eq!(LeaseTerm::parse(term.line().trim_end()), Some(term));
        for other in [
            "",
            "lease",
            "lease 7",
            "lease 7 9 1",
            "lease x 9",
            "word 7 9",
        ] {
            assert_eq!(LeaseTerm::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn every_keeper_hears_of_renewals_until_it_has_left() {
        let fence = LeaseFence::default();
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let (place, first) = fence.join(&ours).unwrap();
        assert_eq!(first, None);
        fence.renewed(3_000, Duration::from_secs(3));
        let (second_line, _theirs) = UnixStream::pair().unwrap();
        let (_second, known) = fence.join(&second_line).unwrap();
        assert_eq!(known, Some(LeaseTerm::of(3_000, Duration::from_secs(3))));
        drop(place);
        fence.renewed(9_000, Duration::from_secs(3));
        drop(ours);
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "lease 2000 3000\n");
    }
}
