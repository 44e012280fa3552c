//! The only module that reads a clock.
//!
//! Wall time is for display and for dates that people set. Leases live on the boot clock, which
//! counts suspend and which no clock step moves; it is comparable between processes of one boot and
//! one time namespace, which [`boot_epoch`] names.

use std::sync::OnceLock;

use rustix::time::{ClockId, clock_gettime};

use crate::base::fs::read_text;

/// Milliseconds since 1970 by the wall clock.
pub fn wall_ms() -> i64 {
    let t = clock_gettime(ClockId::Realtime);
    t.tv_sec * 1000 + t.tv_nsec / 1_000_000 + wall_offset_ms()
}

/// Milliseconds since boot, suspend included.
pub fn boot_ms() -> i64 {
    let t = clock_gettime(ClockId::Boottime);
    t.tv_sec * 1000 + t.tv_nsec / 1_000_000
}

/// Names the clock that [`boot_ms`] reads: boot id and time namespace. Two instants compare only
/// under one name.
pub fn boot_epoch() -> String {
    static EPOCH: OnceLock<String> = OnceLock::new();
    EPOCH.get_or_init(read_boot_epoch).clone()
}

fn read_boot_epoch() -> String {
    let boot = read_text("/proc/sys/kernel/random/boot_id".as_ref(), 128).unwrap_or_default();
    let namespace = rustix::fs::readlink("/proc/self/ns/time", Vec::new())
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    format!("{}/{namespace}", boot.trim())
}

/// Waits. Only for what has no event to wait on.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that waits by time"
)]
pub fn pause(time: std::time::Duration) {
    std::thread::sleep(time);
}

#[cfg(feature = "test-fakes")]
fn wall_offset_ms() -> i64 {
    use crate::base::env;

    env::text("AI_TEST_WALL_OFFSET_MS")
        .and_then(|v| v.parse().ok())
        .unwrap_or(0)
}

#[cfg(not(feature = "test-fakes"))]
const fn wall_offset_ms() -> i64 {
    0
}
