//! How a task of another store stands here. Only tasks come over: leases, runs and evidence belong
//! to the machine that made them, so a task that was being worked on there waits here.

use crate::domain::task::{BlockReason, Hold, Task, TaskState};

/// The task as it stands here, where `open_deps` of what it waits for are not done. One that was in
/// review waits for a person, since its run is not here.
pub fn settled_here(mut task: Task, open_deps: u32) -> Task {
    task.open_deps = open_deps;
    if let TaskState::Review { run } = &task.state {
        let reason =
            format!("its run {run} waited for a review in another store; runs are not imported");
        task.hold = Some(Hold {
            kind: BlockReason::Hold,
            reason,
            since_ms: task.updated_ms,
        });
    }
    let has_ended = task.state.is_final() || matches!(task.state, TaskState::Failed { .. });
    if !has_ended {
        task.settle();
    }
    task
}

#[cfg(test)]
#[path = "imported_tests.rs"]
mod tests;
