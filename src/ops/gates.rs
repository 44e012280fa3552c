//! Gates: what stands between a task and its next step, as far as the store alone can tell. What
//! needs a look at processes is in [`crate::ops::why`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::base::text;
use crate::domain::approval::decision_in;
use crate::domain::fold::dependency_trouble;
use crate::domain::task::{BlockReason, Task, TaskState};
use crate::ops::error::OpError;
use crate::store::Tx;

/// One thing that stands between a task and its next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gate {
    /// `dependency`, `hold`, `parked`, `approval`, `lease`, `lapsed`, `cut_off`, `lock`, `quota`,
    /// `login`, `backoff`, `budget`, `not_before`, `agent`, `resources`, `impossible`, `disk`, `pressure`, `review`, `failed`, `cancelled`, `done`
    /// or `ready`.
    pub gate: Cow<'static, str>,
    /// One sentence.
    pub text: String,
    /// The task, lock or run behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The command that moves it, where one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The gate of a task that nothing holds.
pub const READY: &str = "ready";

/// Makes a gate.
pub(crate) fn gate(
    gate: &'static str,
    text: String,
    by: Option<String>,
    next: Option<String>,
) -> Gate {
    Gate {
        gate: gate.into(),
        text,
        by,
        next,
    }
}

/// The dependencies that are not done.
pub(crate) fn dependencies(tx: &mut dyn Tx, task: &Task) -> Result<Vec<Gate>, OpError> {
    let mut gates = Vec::new();
    for on in tx.deps(&task.id)? {
        let Some(dependency) = tx.task(&on)? else {
            continue;
        };
        if matches!(dependency.state, TaskState::Done { .. }) {
            continue;
        }
        let title = text::one_line(&dependency.title);
        let (text, next) = match dependency_trouble(&dependency) {
            Some(trouble) => (
                format!("waits for {on} ({title}), which {trouble}"),
                format!("ai task retry {on}"),
            ),
            None => (
                format!(
                    "waits for {on} ({title}), which is {}",
                    dependency.state.name()
                ),
                format!("ai why {on}"),
            ),
        };
        gates.push(gate("dependency", text, Some(on.to_string()), Some(next)));
    }
    Ok(gates)
}

/// The hold on a task.
pub(crate) fn held(task: &Task) -> Gate {
    let (name, reason) = match &task.hold {
        Some(hold) => (
            match hold.kind {
                BlockReason::Parked => "parked",
                BlockReason::Approval => "approval",
                BlockReason::Hold | BlockReason::Dependency => "hold",
            },
            hold.reason.clone(),
        ),
        None => ("hold", "it is on hold".to_owned()),
    };
    let decision = decision_in(&reason)
        .filter(|_| name == "approval")
        .map(str::to_owned);
    let next = match &decision {
        Some(decision) => {
            format!("ai policy explain {decision}, then `ai approve {decision}`")
        }
        None => format!("ai task unhold {}", task.id),
    };
    gate(name, reason, decision, Some(next))
}

/// Tells in one line why a blocked task is blocked.
pub fn blocked_text(tx: &mut dyn Tx, task: &Task) -> Result<String, OpError> {
    let gates = match &task.state {
        TaskState::Blocked {
            blocked_by: BlockReason::Dependency,
        } => dependencies(tx, task)?,
        _ => vec![held(task)],
    };
    Ok(gates
        .into_iter()
        .map(|gate| gate.text)
        .collect::<Vec<_>>()
        .join("; "))
}
