//! Faults at random, from a seed: kills and long pauses, of workers and of the `ai` in flight.

use std::time::{Duration, Instant};

use super::fleet::Fleet;
use crate::support::poll;

/// Pauses at a time; more would leave nobody at work.
const MOST_STOPPED: usize = 3;

/// What was done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub worker_kills: u32,
    pub ai_kills: u32,
    pub worker_stops: u32,
    pub ai_stops: u32,
}

impl Faults {
    pub fn kills(&self) -> u32 {
        self.worker_kills + self.ai_kills
    }
}

/// Deals faults.
pub struct Nemesis {
    random: u64,
    ttl: Duration,
    pub faults: Faults,
}

impl Nemesis {
    pub fn new(seed: u64, ttl: Duration) -> Self {
        Self {
            random: seed | 1,
            ttl,
            faults: Faults::default(),
        }
    }

    /// Deals faults until `until`: every 20 to 80 ms, and less often where the machine is so slow
    /// that nothing would come to an end.
    pub fn rage(&mut self, fleet: &mut Fleet<'_>, until: Instant) {
        let slowness = self.ttl.as_secs_f64().max(0.8) / 0.8;
        while Instant::now() < until {
            poll::pass(Duration::from_millis(20 + self.below(60)).mul_f64(slowness));
            fleet.wake(Instant::now());
            self.strike(fleet);
        }
        // An `ai` that may hold the store is not left stopped: nobody else wakes it, and whoever looks on meanwhile waits
        // half a minute for each of its commands.
        while fleet.has_stopped_ai() {
            poll::pass(Duration::from_millis(20));
            fleet.wake(Instant::now());
        }
    }

    fn strike(&mut self, fleet: &mut Fleet<'_>) {
        let victim = usize::try_from(self.below(fleet.len() as u64)).unwrap();
        let long = 3 * self.ttl;
        let past_the_end = 5 * self.ttl / 4;
        match self.below(100) {
            // An `ai` that is stopped in the middle of its write holds up all others: rarely and
            // not for long, or nobody gets anything done.
            0..2 if fleet.stopped() < MOST_STOPPED && fleet.stop_ai(victim, past_the_end) => {
                self.faults.ai_stops += 1
            }
            0..25 if fleet.stopped() < MOST_STOPPED => {
                fleet.stop_worker(victim, long);
                self.faults.worker_stops += 1;
            }
            25..70 if fleet.kill_ai(victim) => self.faults.ai_kills += 1,
            _ => {
                fleet.kill_worker(victim);
                self.faults.worker_kills += 1;
            }
        }
    }

    /// A number below `n`, by xorshift.
    fn below(&mut self, n: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % n
    }
}
