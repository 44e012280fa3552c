//! Verifying the log: the chain of hashes, the numbering, and that the tables are the fold of it.

use crate::domain::event::{CHAIN_START, Event};
use crate::domain::fold;
use crate::store::{EventFilter, Flow, ReplayedTables, StoreError, StoredEvent, Tx};

/// The result of a verification.
pub struct LogReport {
    /// Records read.
    pub events: u64,
    /// Hash of the newest record.
    pub head: String,
    /// The first thing that is wrong.
    pub fault: Option<String>,
}

/// Reads the whole log, follows its chain and replays it.
pub fn verify(tx: &mut dyn Tx) -> Result<LogReport, StoreError> {
    let (mut head, mut events, mut fault) = (CHAIN_START.to_owned(), 0, None);
    let mut tables = ReplayedTables::default();
    tx.events(&EventFilter::default(), &mut |event| {
        fault = match check(&event, events + 1, &head) {
            None => replay(&mut tables, &event)?,
            broken => broken,
        };
        if fault.is_some() {
            return Ok(Flow::Stop);
        }
        events += 1;
        head = event.hash;
        Ok(Flow::More)
    })?;
    if fault.is_none() {
        fault = tables.difference(tx)?.map(|table| {
            format!(
                "the table `{table}` is not what the log says: something changed it without an event"
            )
        });
    }
    Ok(LogReport {
        events,
        head,
        fault,
    })
}

/// Returns the fault of a record that should stand at `seq` after the record with the hash `prev`.
pub(super) fn check(event: &StoredEvent, seq: u64, prev: &str) -> Option<String> {
    if event.seq != seq {
        return Some(format!("the log has a gap: record {seq} is missing"));
    }
    if event.prev != prev {
        return Some(format!(
            "the chain is broken at record {seq}: it does not follow the record before"
        ));
    }
    (event.hash != event.expected_hash())
        .then(|| format!("record {seq} was changed after it was written"))
}

/// Applies a record. Says what is wrong with it; what is wrong with the machine is an error.
fn replay(tables: &mut ReplayedTables, event: &StoredEvent) -> Result<Option<String>, StoreError> {
    match serde_json::from_str::<Event>(&event.body) {
        Ok(known) => fold::apply(tables, event.at_ms, &known).map(|()| None),
        Err(error) => Ok(Some(format!(
            "record {} cannot be read by this version: {error}",
            event.seq
        ))),
    }
}

/// The fields of an event in one line for people, without its kind.
pub fn detail(body: &str) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_str(body) else {
        return String::new();
    };
    let shown =
        fields
            .iter()
            .filter(|(name, _)| *name != "kind")
            .map(|(name, value)| match value {
                serde_json::Value::String(text) => format!("{name}={text}"),
                serde_json::Value::Object(inner) => format!("{name}={}", summary(inner)),
                serde_json::Value::Array(locks) if name == "locks" => {
                    format!("locks=({})", of_locks(locks))
                }
                other => format!("{name}={other}"),
            });
    shown.collect::<Vec<_>>().join(" ")
}

/// Shortens a nested object to the part that a person recognises.
fn summary(object: &serde_json::Map<String, serde_json::Value>) -> String {
    let known = [
        "id",
        "subject",
        "title",
        "action",
        "effect",
        "rule",
        "lifecycle",
        "outcome",
        "name",
        "kind",
        "text",
        "reason",
        "tokens",
    ];
    let text = |value: &serde_json::Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let parts = known.iter().filter_map(|name| object.get(*name)).map(text);
    format!(
        "({})",
        parts.chain(of_run(object)).collect::<Vec<_>>().join(", ")
    )
}

/// Names the locks of a lease; a shared lock says so.
fn of_locks(locks: &[serde_json::Value]) -> String {
    let one = |lock: &serde_json::Value| {
        let pattern = lock
            .get("pattern")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("?");
        let is_shared = lock.get("mode").is_some_and(|mode| mode == "shared");
        format!("{pattern}{}", if is_shared { " shared" } else { "" })
    };
    locks.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Tells in words everything unusual about a run or its end.
fn of_run(object: &serde_json::Map<String, serde_json::Value>) -> Vec<String> {
    let text = |name: &str| object.get(name).and_then(serde_json::Value::as_str);
    let resumed = object.get("resumed").map(|from| {
        let part = |name: &str| {
            from.get(name)
                .and_then(serde_json::Value::as_str)
                .unwrap_or("?")
        };
        format!("continues session {} of {}", part("session"), part("run"))
    });
    let refused = text("resume_refused").map(|why| format!("session not continued: {why}"));
    let budget = text("budget").map(|name| format!("budget {name} used up"));
    let signs = object.get("stall").and_then(serde_json::Value::as_array);
    let stall = signs.map(|signs| {
        signs
            .iter()
            .filter_map(serde_json::Value::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    });
    let stall = stall.map(|signs| format!("stalled: {signs}"));
    resumed
        .into_iter()
        .chain(refused)
        .chain(budget)
        .chain(stall)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_shown_as_they_are_written() {
        let lock = |mode: &str| serde_json::json!({ "subject": "t-1", "pattern": "a/**", "mode": mode, "key": "a" });
        let body = serde_json::json!({ "kind": "lease.granted", "locks": [lock("exclusive"), lock("shared")] });
        assert_eq!(detail(&body.to_string()), "locks=(a/**, a/** shared)");
    }

    #[test]
    fn a_line_on_a_run_says_what_stopped_it() {
        let of = |end: serde_json::Value| {
            detail(&serde_json::json!({ "kind": "run.ended", "end": end }).to_string())
        };
        let quota = serde_json::json!({ "outcome": "retry_uncounted", "lifecycle": "quota" });
        assert_eq!(of(quota), "end=(quota, retry_uncounted)");
        let budget = serde_json::json!({ "outcome": "retry", "lifecycle": "killed", "budget": "day.tokens" });
        assert_eq!(of(budget), "end=(killed, retry, budget day.tokens used up)");
        let stall = serde_json::json!({ "lifecycle": "timed_out", "stall": ["no output for 60 s", "no CPU time"] });
        assert_eq!(
            of(stall),
            "end=(timed_out, stalled: no output for 60 s, no CPU time)"
        );
        let resumed =
            serde_json::json!({ "id": "t-1.2", "resumed": { "session": "s", "run": "t-1.1" } });
        assert_eq!(of(resumed), "end=(t-1.2, continues session s of t-1.1)");
    }
}
