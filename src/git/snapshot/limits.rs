//! Limits on what a snapshot may hold.

/// Limits of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Changed files in one snapshot; more is an error.
    pub files: usize,
    /// Bytes of one file; a larger one keeps its old state and is reported.
    pub file_bytes: u64,
    /// Bytes of all changed files. Where they are more, the largest keep their old state and are
    /// reported, a new directory of many files as one, until the rest is no more.
    pub all_bytes: u64,
}

impl SnapshotLimits {
    /// The limits of a run.
    pub const OF_A_RUN: Self = Self {
        files: 20_000,
        file_bytes: 50 << 20,
        all_bytes: u64::MAX,
    };
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        Self::OF_A_RUN
    }
}
