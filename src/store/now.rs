//! The time on this machine, as stores on its disks and commands on its terminals see it.

use crate::base::clock;
use crate::domain::time::{LeaseInstant, Now};

/// Both clocks of this machine, now.
pub fn local_now() -> Now {
    #[cfg(test)]
    if let Some(now) = crate::store::testing::turned() {
        return now;
    }
    Now {
        wall_ms: clock::wall_ms(),
        lease: LeaseInstant {
            epoch: clock::boot_epoch(),
            ms: clock::boot_ms(),
        },
    }
}
