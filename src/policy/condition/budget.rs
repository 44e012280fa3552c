//! The bounds of lists, and of all conditions of one question together.

use std::cell::Cell;

/// Most items of a list that is looked at.
pub(super) const MAX_ITEMS: usize = 10_000;
/// Most steps of all conditions of one question.
const MAX_STEPS_IN_ALL: u32 = 20_000_000;

/// The steps that the conditions of one question may still take. A count, and no clock: an answer does not depend
/// on how busy the machine is, and can be had again later.
#[derive(Debug)]
pub(in crate::policy) struct StepBudget(Cell<u32>);

impl Default for StepBudget {
    fn default() -> Self {
        Self(Cell::new(MAX_STEPS_IN_ALL))
    }
}

impl StepBudget {
    /// The steps that are left.
    pub(super) fn left(&self) -> u32 {
        self.0.get()
    }

    /// Takes steps away.
    pub(super) fn spend(&self, steps: u32) {
        self.0.set(self.left().saturating_sub(steps));
    }

    /// True where the conditions were stopped because together they took too many.
    pub(in crate::policy) fn is_used_up(&self) -> bool {
        self.0.get() == 0
    }
}
