//! The daemon's hand at recurring work: at each look it creates what is due, and knows when it has to look next.

use crate::daemon::look::by_boot;
use crate::daemon::serve::Daemon;
use crate::ops::error::OpError;
use crate::ops::recurring;
use crate::ops::world::World;
use crate::store::Store;

impl Daemon<'_> {
    /// Creates what is due. What stands in the way of one keeps nothing else, and is told once.
    pub(super) fn tick_recurring(
        &mut self,
        world: &World,
        store: &mut dyn Store,
    ) -> Result<(), OpError> {
        let told = recurring::tick(world, store)?;
        for one in &told.done {
            let title = one.title.as_ref().map(|title| format!(": {title}"));
            let title = title.unwrap_or_default();
            self.journal.line(&format!("{}{title}", one.word.told()));
        }
        let troubles: Vec<String> = told.troubles.iter().map(ToString::to_string).collect();
        let new = troubles
            .iter()
            .filter(|line| !self.recurring_told.contains(line));
        for line in new {
            self.journal.line(line);
        }
        self.recurring_told = troubles;
        let next = told.next_ms.map(|at| by_boot(at, (world.clock)().wall_ms));
        self.due_ms = self.due_ms.into_iter().chain(next).min();
        Ok(())
    }
}
