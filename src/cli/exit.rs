//! Exit codes. They are part of the interface: scripts and agents branch on them.

/// It happened.
pub const OK: u8 = 0;
/// It was tried and failed.
pub const FAILED: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// No such task, run, lock or agent; nothing to claim.
pub const NOT_FOUND: u8 = 3;
/// Taken, locked, or in a state in which this cannot be done.
pub const CONFLICT: u8 = 4;
/// Policy says no.
pub const DENIED: u8 = 5;
/// The checks do not pass on this tree.
pub const NOT_PROVEN: u8 = 6;
/// The lease token does not open the task any more.
pub const LEASE_LOST: u8 = 7;
/// A person must say yes first: an approval, or `ai trust`.
pub const APPROVAL: u8 = 8;
/// The store is missing, damaged, foreign, newer, full or read-only.
pub const STORE: u8 = 9;
/// Busy, out of quota, or too early: the same command may work later.
pub const TRY_LATER: u8 = 75;
/// Ended by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Every code with its name and its meaning, for the reference and for JSON errors.
pub const ALL: [(u8, &str, &str); 12] = [
    (OK, "ok", "It happened."),
    (FAILED, "failed", "It was tried and failed."),
    (USAGE, "usage", "The command line makes no sense."),
    (
        NOT_FOUND,
        "not_found",
        "No repository, no such task, run, lock or agent; nothing to claim.",
    ),
    (
        CONFLICT,
        "conflict",
        "Taken, locked, or in a state in which this cannot be done.",
    ),
    (DENIED, "denied", "Policy says no."),
    (
        NOT_PROVEN,
        "not_proven",
        "The checks do not pass on this tree.",
    ),
    (
        LEASE_LOST,
        "lease_lost",
        "The lease token does not open the task any more, or none is at hand.",
    ),
    (
        APPROVAL,
        "approval_needed",
        "A person must say yes first: an approval, or `ai trust`.",
    ),
    (
        STORE,
        "store_unusable",
        "The store is missing, damaged, foreign, newer, full or read-only.",
    ),
    (
        TRY_LATER,
        "try_later",
        "Busy, out of quota, or too early: the same command may work later.",
    ),
    (INTERRUPTED, "interrupted", "Ended by Ctrl-C."),
];

/// The name of a code.
pub fn name(code: u8) -> &'static str {
    ALL.iter()
        .find(|(c, _, _)| *c == code)
        .map_or("failed", |(_, name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones_and_distinct() {
        let codes: Vec<u8> = ALL.iter().map(|(code, _, _)| *code).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 75, 130]);
    }
}
