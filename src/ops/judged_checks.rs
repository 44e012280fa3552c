//! The answers that the checks of a run gave, as far as they still count: an answer belongs to a tree and to the
//! check as it was defined then. Pieces of before, which do not say how it was, count.

use crate::domain::check::{CheckResult, CheckSpec};
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::run::Run;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::step::evidence::DEFINITION;
use crate::store::Store;

/// A check with its answer.
pub(super) struct JudgedCheck {
    /// The check.
    pub(super) spec: CheckSpec,
    /// The answer.
    pub(super) result: CheckResult,
}

/// The answers of these checks on the tree that a run has come to; nothing where one of them is missing, or was
/// another check then.
pub(super) fn stored(
    store: &mut dyn Store,
    run: &Run,
    plans: Vec<CheckPlan>,
) -> Result<Option<Vec<JudgedCheck>>, OpError> {
    let pieces = store.read(|tx| tx.evidence(Some(&run.task), Some(&run.id)))?;
    let mut judged = Vec::new();
    for plan in plans {
        let is_answer = |piece: &&Evidence| {
            piece.kind == EvidenceKind::Check
                && piece.name == plan.spec.name.as_str()
                && piece.tree == run.tree
        };
        let Some(piece) = pieces.iter().find(is_answer) else {
            return Ok(None);
        };
        let then = piece.summary.get(DEFINITION).and_then(|it| it.as_str());
        if then.is_some_and(|then| then != plan.spec.definition()) {
            return Ok(None);
        }
        let result = serde_json::from_value(piece.summary.clone());
        let result: CheckResult = result.kept("the result of a check")?;
        judged.push(JudgedCheck {
            spec: plan.spec,
            result,
        });
    }
    Ok(Some(judged))
}
