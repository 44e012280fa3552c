//! The rate limit: a bucket of starts that is filled by time, as plain numbers.
//!
//! Nothing is kept between two looks: the level follows from the times of the starts, so that every
//! process of a repository finds the same one, after a crash as well.

use crate::domain::schedule::settings::RateLimit;
use crate::domain::time::WallMs;

/// Parts of a start: what a limit of one start a minute adds in a millisecond is one of them.
const PARTS: i64 = 60_000;

/// The level of a bucket at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBucket {
    limit: RateLimit,
    parts: i64,
    at_ms: WallMs,
}

impl TokenBucket {
    /// The bucket at `now`, after starts at these times, in any order. It was full before the first
    /// of them.
    pub fn after(limit: RateLimit, starts_ms: &[WallMs], now: WallMs) -> TokenBucket {
        let mut starts: Vec<WallMs> = starts_ms.iter().map(|at| (*at).min(now)).collect();
        starts.sort_unstable();
        let mut bucket = TokenBucket {
            limit,
            parts: i64::from(limit.burst) * PARTS,
            at_ms: starts.first().copied().unwrap_or(now),
        };
        for at in starts {
            bucket.fill(at);
            bucket.parts = (bucket.parts - PARTS).max(0);
        }
        bucket.fill(now);
        bucket
    }

    /// Takes one start out; false where there is none.
    pub fn take(&mut self) -> bool {
        let has = self.parts >= PARTS;
        if has {
            self.parts -= PARTS;
        }
        has
    }

    /// The time at which there is a start to take.
    pub fn ready_ms(&self) -> WallMs {
        let missing = (PARTS - self.parts).max(0);
        let rate = i64::from(self.limit.requests_per_minute).max(1);
        self.at_ms.saturating_add((missing + rate - 1) / rate)
    }

    fn fill(&mut self, now: WallMs) {
        let passed = now.saturating_sub(self.at_ms).max(0);
        let added = passed.saturating_mul(i64::from(self.limit.requests_per_minute));
        let full = i64::from(self.limit.burst) * PARTS;
        self.parts = self.parts.saturating_add(added).min(full);
        self.at_ms = self.at_ms.max(now);
    }
}
