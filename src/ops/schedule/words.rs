//! What a task waits for, as a gate in the words of `ai why`.

use crate::base::text::counted;
use crate::domain::ids::TaskId;
use crate::domain::schedule::QueueWait;
use crate::domain::time::WallMs;
use crate::ops::admission;
use crate::ops::gates::{Gate, gate};
use crate::ops::refusal::seconds;

/// The gate for what the scheduler says of a task; nothing where its outlook says it.
pub fn gate_of(id: &TaskId, wait: &QueueWait, now_ms: WallMs) -> Option<Gate> {
    let by_hand = Some(format!("ai run {id}"));
    let in_way = |by: &TaskId| (Some(by.to_string()), Some(format!("ai why {by}")));
    Some(match wait {
        QueueWait::Held => return None,
        QueueWait::Machine { agent, wait } => admission::machine_gate(id, agent.as_deref(), wait),
        QueueWait::NotBefore { at_ms } => gate(
            "not_before",
            format!("not before {} from now", seconds(at_ms - now_ms)),
            None,
            Some(format!("ai task edit {id} --not-before now")),
        ),
        QueueWait::Disabled => gate(
            "disabled",
            "nothing is started from the queue: `scheduler.enabled` is false in .ai/config.yaml"
                .to_owned(),
            None,
            by_hand,
        ),
        QueueWait::Maintenance { until_ms } => gate(
            "maintenance",
            format!(
                "nothing is started for another {}: a window of `scheduler.maintenance` is open",
                seconds(until_ms - now_ms)
            ),
            None,
            by_hand,
        ),
        QueueWait::Concurrency { limit } => gate(
            "capacity",
            format!(
                "{} at work, as many as `scheduler.max_concurrency` allows",
                runs_are(*limit)
            ),
            None,
            Some("ai status".to_owned()),
        ),
        QueueWait::Parallel { limit } => gate(
            "capacity",
            format!("more urgent tasks start first, {limit} at a time"),
            None,
            by_hand,
        ),
        QueueWait::HandsFull { limit } => gate(
            "capacity",
            format!(
                "{} at work, as many as are started at a time",
                runs_are(*limit)
            ),
            None,
            by_hand,
        ),
        QueueWait::Rate { at_ms } => gate(
            "rate",
            format!(
                "`scheduler.rate_limit` is used up; one more run may start in {}",
                seconds(at_ms - now_ms)
            ),
            None,
            by_hand,
        ),
        QueueWait::Paths { by, example } => {
            let (by_task, next) = in_way(by);
            let text = format!("{by} is about to start on its paths: both lock `{example}`");
            gate("lock", text, by_task, next)
        }
        QueueWait::Landing { by, example } => {
            let (by_task, next) = in_way(by);
            let text = format!(
                "it begins once the work of {by} has landed: both lock `{example}`, and a landing is at work"
            );
            gate("landing", text, by_task, next)
        }
        QueueWait::PathsKept { by, example } => {
            let (by_task, next) = in_way(by);
            let text = format!(
                "`{example}` is kept for {by}, which is more urgent and has waited for its paths longer than `scheduler.keep_paths`"
            );
            gate("lock", text, by_task, next)
        }
        QueueWait::Room {
            agent,
            load,
            parallel,
        } => gate(
            "capacity",
            format!(
                "{agent} is at work on {load} of {}",
                counted(*parallel, "run")
            ),
            Some(agent.clone()),
            Some(format!("ai route explain {id}")),
        ),
        QueueWait::Breaker { agent, until_ms } => {
            let rests = match until_ms {
                Some(until) => format!("rests for another {}", seconds(until - now_ms)),
                None => "is tried by one run after its rest".to_owned(),
            };
            gate(
                "breaker",
                format!(
                    "{agent} {rests}: its provider or program failed too often in a row (`scheduler.breaker`)"
                ),
                Some(agent.clone()),
                Some(format!("ai agent doctor {agent}")),
            )
        }
    })
}

fn runs_are(limit: u32) -> String {
    let verb = if limit == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(limit, "run"))
}
