//! Two clocks, kept apart by type: wall time is shown to people, lease time decides who may work.

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970, for display and for dates that people set. Never decides a lease.
pub type WallMs = i64;

/// An instant of the clock that leases live on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LeaseInstant {
    /// The clock: `<boot id>/<time namespace>` on one host.
    pub epoch: String,
    /// Milliseconds of that clock.
    pub ms: i64,
}

/// The relation of two lease instants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elapsed {
    /// Same clock: `now - then` in milliseconds.
    Ms(i64),
    /// The machine has booted since: everything of the earlier boot is over.
    OtherBoot,
    /// Same boot, other time namespace: the two cannot be compared, so nobody may guess.
    OtherNamespace,
}

impl LeaseInstant {
    /// The time from `then` to `self`.
    pub fn since(&self, then: &LeaseInstant) -> Elapsed {
        if self.epoch == then.epoch {
            return Elapsed::Ms(self.ms - then.ms);
        }
        let boot = |epoch: &str| epoch.split('/').next().map(str::to_owned);
        if boot(&self.epoch) == boot(&then.epoch) {
            Elapsed::OtherNamespace
        } else {
            Elapsed::OtherBoot
        }
    }

    /// The instant `ms` milliseconds later.
    pub fn plus(&self, ms: i64) -> LeaseInstant {
        LeaseInstant {
            epoch: self.epoch.clone(),
            ms: self.ms.saturating_add(ms),
        }
    }
}

/// Both clocks, read once for a whole operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Now {
    /// Wall clock.
    pub wall_ms: WallMs,
    /// Lease clock.
    pub lease: LeaseInstant,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: &str, ms: i64) -> LeaseInstant {
        LeaseInstant {
            epoch: epoch.into(),
            ms,
        }
    }

    #[test]
    fn instants_compare_only_on_one_clock() {
        assert_eq!(at("b1/t1", 9).since(&at("b1/t1", 4)), Elapsed::Ms(5));
        assert_eq!(at("b2/t1", 9).since(&at("b1/t1", 4)), Elapsed::OtherBoot);
        assert_eq!(
            at("b1/t2", 9).since(&at("b1/t1", 4)),
            Elapsed::OtherNamespace
        );
    }
}
