//! Looks for signs of work in a command that prints nothing: CPU time of its processes, changes to
//! the files that it works on.
//!
//! A look costs a walk through `/proc`, and one through the files only where the output has been
//! still for half of the allowed time. What the signs amount to is decided in
//! [`crate::domain::stall`].

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::base::fs;
use crate::domain::stall::{self, StallSignals, StallState};
use crate::process::procfs::{descendants, table};

/// The allowed silence holds so many looks.
const LOOKS: u32 = 8;
/// However long the silence may be, [CPU time](CpuTime) is looked at so often.
const LONGEST: Duration = Duration::from_secs(15);
/// A process tree that uses more than this of one processor works; what waits for an answer needs a
/// timer now and then.
pub(crate) const BUSY_PERCENT: u128 = 3;
/// Linux shows times of processes in hundredths of a second, whatever its own clock.
const TICK_MS: u64 = 10;
/// Entries of a worktree that are looked at. A larger one counts as one that cannot be seen, unless
/// a change was found.
pub(crate) const MOST_FILES: usize = 200_000;

/// The signs of one command.
pub(super) struct Stillness {
    allowed: Duration,
    files: Option<PathBuf>,
    next: Instant,
    cpu: CpuTime,
    told: StallState,
}

/// CPU time of the tree below a keeper.
struct CpuTime {
    root: Option<i32>,
    used_ms: Option<u64>,
    looked: Instant,
    busy: Instant,
}

impl Stillness {
    /// Looks for `allowed` silence from `now` on. `root` is the topmost process, `files` the
    /// directory that is worked on.
    pub fn new(allowed: Duration, root: Option<i32>, files: Option<PathBuf>, now: Instant) -> Self {
        let cpu = CpuTime {
            root,
            used_ms: None,
            looked: now,
            busy: now,
        };
        let mut new = Self {
            allowed,
            files,
            next: now,
            cpu,
            told: StallState::Fine,
        };
        new.schedule(now);
        new
    }

    /// Returns the moment of the next look.
    pub fn next(&self) -> Instant {
        self.next
    }

    /// Looks. `silent` is for how long nothing was printed. Returns what the signs amount to where
    /// that has changed.
    pub fn look(&mut self, silent: Duration, now: Instant) -> Option<StallState> {
        self.schedule(now);
        self.cpu.look(now);
        let standing = if silent < self.allowed / 2 {
            StallState::Fine
        } else {
            let signals = StallSignals {
                output_ms: ms(silent),
                cpu_ms: self.cpu.idle_ms(now),
                files_ms: self.files_idle_ms(),
            };
            stall::judge(&signals, ms(self.allowed))
        };
        // The times in the words grow with each look; that alone is no news.
        let same = std::mem::discriminant(&standing) == std::mem::discriminant(&self.told);
        self.told.clone_from(&standing);
        (!same).then_some(standing)
    }

    fn schedule(&mut self, now: Instant) {
        self.next = now + (self.allowed / LOOKS).clamp(Duration::from_millis(10), LONGEST);
    }

    fn files_idle_ms(&self) -> Option<u64> {
        fs::unchanged_for_ms(self.files.as_deref()?, ms(self.allowed), MOST_FILES)
    }
}

impl CpuTime {
    fn look(&mut self, now: Instant) {
        let used = self.root.and_then(used_ms);
        if let (Some(before), Some(used)) = (self.used_ms, used) {
            let spent = u128::from(used.abs_diff(before));
            if spent * 100 > now.duration_since(self.looked).as_millis() * BUSY_PERCENT {
                self.busy = now;
            }
        }
        (self.used_ms, self.looked) = (used, now);
    }

    fn idle_ms(&self, now: Instant) -> Option<u64> {
        self.used_ms.map(|_| ms(now.duration_since(self.busy)))
    }
}

/// [CPU time](CpuTime) that a process, all below it, and all that have ended below it, have used.
fn used_ms(root: i32) -> Option<u64> {
    let table = table().ok()?;
    let own = table.iter().find(|stat| stat.pid == root)?;
    let below = descendants(&[root], &table);
    Some(
        std::iter::once(own)
            .chain(&below)
            .map(|stat| stat.cpu_ticks)
            .sum::<u64>()
            * TICK_MS,
    )
}

fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
