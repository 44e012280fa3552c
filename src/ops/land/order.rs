//! The order to land.

use crate::domain::landing::PartnerSearch;
use crate::domain::lease::ShownToken;
use crate::ops::accept::AcceptOrder;

/// Most works that are combined, where nobody says otherwise: one culprit among so many is found by
/// eight check runs.
pub const USUAL_BATCH: usize = 20;

/// The order to land work.
pub struct LandOrder<'a> {
    /// The tasks, as typed; all that wait for a review where none is named.
    pub tasks: &'a [String],
    /// Most works that are combined.
    pub batch: usize,
    /// How long the partner of a culprit is looked for.
    pub partner: PartnerSearch,
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
}

impl LandOrder<'_> {
    /// The order for each single work.
    pub(super) fn accept(&self) -> AcceptOrder<'_> {
        AcceptOrder {
            typed: "",
            overridden: None,
            message: None,
            kept: self.kept,
        }
    }
}
