//! Limits on what a snapshot may hold.

/// Limits of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotLimits {
    /// Changed files in one snapshot; more is an error.
    pub files: usize,
    /// Bytes of one file; a larger one keeps its old state and is reported.
    pub file_bytes: u64,
}

impl SnapshotLimits {
    /// The limits of a run.
    pub const OF_A_RUN: Self = Self {
        files: 20_000,
        file_bytes: 50 << 20,
    };
}

impl Default for SnapshotLimits {
    fn default() -> Self {
        Self::OF_A_RUN
    }
}
