//! The statement over a run's evidence: in-toto Statement v1, subjects by digest. Signing and
//! publishing have their place here later; a statement says "this supervisor saw this", never "this
//! code is good".

use crate::domain::decision::DecisionRecord;
use crate::domain::evidence::Evidence;
use crate::domain::verdict::Cell;
use crate::ops::run::model::{Findings, RunCx};

/// The type of our predicate; its version grows with its meaning.
const PREDICATE: &str = "urn:ai:run:v0.1";

/// The statement's text: one line of JSON with sorted keys.
pub(crate) fn statement(
    live: &RunCx<'_>,
    found: &Findings,
    cell: Cell,
    decision: &DecisionRecord,
    evidence: &[Evidence],
) -> String {
    let run = &live.started.run;
    let mut subjects = vec![serde_json::json!({
        "name": "tree", "digest": { "gitTree": found.sealed.tree.to_string() },
    })];
    if let Some(commit) = &found.sealed.commit {
        subjects.push(serde_json::json!({ "name": run.branch, "digest": { "gitCommit": commit.to_string() } }));
    }
    for piece in evidence {
        subjects
            .push(serde_json::json!({ "name": piece.file, "digest": { "sha256": piece.sha256 } }));
    }
    let checks: Vec<serde_json::Value> = found
        .checked
        .iter()
        .map(|c| serde_json::json!({ "name": c.spec.name, "status": c.result.status, "required": c.spec.required }))
        .collect();
    let predicate = serde_json::json!({
        "task": run.task, "run": run.id, "epoch": run.id.epoch(), "agent": run.agent, "connector": run.connector,
        "base": run.base, "branch": run.branch, "verdict": cell, "checks": checks, "decision": decision.id,
        "policyDigest": decision.policy_digest, "isolation": run.isolation(),
        "sandbox": found.sandbox().mode,
        "network": found.sandbox().network, "startedMs": run.started_ms,
        "resumed": run.resumed, "resumeRefused": found.resume_refused(),
    });
    canonical(&serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": predicate,
    }))
}

/// JSON with the keys of every object in order, so that the same content has the same bytes.
fn canonical(value: &serde_json::Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &serde_json::Value, out: &mut String) {
    match value {
        serde_json::Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            out.push('{');
            for (n, key) in keys.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::Value::String(key.clone()).to_string());
                out.push(':');
                write(&map[key], out);
            }
            out.push('}');
        }
        serde_json::Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}
