//! The standing of a question: approved, denied, or waiting for more people. Asked by the gate to
//! policy, and by whoever answers.

use crate::domain::approval::{self, ApprovalStanding};
use crate::domain::decision::DecisionRecord;
use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;
use crate::ops::error::OpError;
use crate::policy;
use crate::store::Tx;

/// The standing of the question that a record asks, by all that was said to the same question.
pub fn standing(
    tx: &mut dyn Tx,
    record: &DecisionRecord,
    now_ms: WallMs,
) -> Result<ApprovalStanding, OpError> {
    let task = record.resource.task.clone().map(TaskId);
    let mut same = tx.asks(task.as_ref(), None)?;
    same.retain(|old| record.asks_again(old));
    Ok(approval::standing(record, &same, now_ms, policy::is_one_of))
}
