//! The chain of the log: what a record names of the one before it, and by which hash it is named itself.

use crate::base::hash::sha256_hex;
use crate::domain::time::WallMs;

/// The `prev` of the first record.
pub const CHAIN_START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The hash of a record: SHA-256 over its parts, one a line, as they are stored. Verification
/// hashes the stored text, so a record written by an older version verifies without being
/// understood.
pub fn record_hash(
    prev: &str,
    seq: u64,
    at_ms: WallMs,
    actor_json: &str,
    event_json: &str,
) -> String {
    sha256_hex(format!("{prev}\n{seq}\n{at_ms}\n{actor_json}\n{event_json}").as_bytes())
}
