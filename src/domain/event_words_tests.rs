use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// One event of every kind and variant.
fn events() -> Vec<Value> {
    let by = "human:ann";
    let note = |text: &str| json!({"at_ms": 1, "by": by, "text": text});
    let hold = json!({"kind": "parked", "reason": "lapsed 3 times", "since_ms": 1});
    let task = json!({
        "id": "t-1", "status": "queued", "title": "Fix the parser", "type": "bug", "priority": 2,
        "created_by": by, "created_ms": 1, "updated_ms": 1, "uid": "u",
    });
    let lease = |subject: &str| {
        json!({
            "subject": subject, "epoch": 1, "holder": by, "secret_hash": "x", "granted_ms": 1, "ttl_ms": 1,
            "expires": {"epoch": "b", "ms": 1}, "expires_ms": 1,
        })
    };
    let lock =
        |mode: &str| json!({"subject": "t-1", "pattern": "src/**", "mode": mode, "key": "src"});
    let run = json!({
        "id": "t-1.2", "task": "t-1", "agent": "codex", "connector": "codex", "model": "m", "branch": "ai/t-1/2",
        "worktree": "w1", "supervisor": {"boot_id": "x", "pid_namespace": "y", "pid": 1, "start_ticks": 1},
        "started_ms": 1, "step": "claimed", "adopted": "t-1.1", "resumed": {"run": "t-1.1", "session": "s"},
    });
    let landing =
        json!({"target": "refs/heads/main", "commit": "c".repeat(40), "tree": "d".repeat(40)});
    let cell = json!({
        "at_ms": 1, "lifecycle": "finished", "verification": "passed", "policy": "allow", "freshness": "current",
    });
    let end = |outcome: &str, more: Value| {
        let mut end = cell.clone();
        end["outcome"] = json!(outcome);
        end["summary"] = json!("one line\n  another line\n");
        end.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        end
    };
    let ended = |end: Value, then: Value| json!({"kind": "run.ended", "run": "t-1.2", "end": end, "then": then});
    let piece = |kind: &str, summary: Value| {
        json!({"kind": "evidence.recorded", "evidence": {
            "id": "e-1", "task": "t-1", "kind": kind, "name": "unit", "file": "f", "sha256": "x", "bytes": 1, "at_ms": 1,
            "summary": summary,
        }})
    };
    let decision = |effect: &str| {
        json!({"kind": "policy.decided", "record": {
            "id": "d-1", "at_ms": 1, "actor": by, "action": "task.claim", "resource": {"task": "t-1"}, "path_count": 0,
            "subject_digest": "x", "facts_digest": "x", "policy_digest": "x", "matched": [], "layer": "project",
            "rule": "default", "effect": effect, "reason": "no rule matches",
        }})
    };
    let mut all = vec![
        json!({"kind": "store.created", "store": "s-1"}),
        json!({"kind": "store.restored", "backup": "ai-1.db"}),
        json!({"kind": "task.imported", "task": task, "from": "s-2"}),
        json!({"kind": "task.created", "task": task}),
        json!({"kind": "task.created", "task": task, "deps": ["t-2", "t-3"]}),
        json!({"kind": "task.edited", "task": "t-1", "edit": {
            "title": "A", "body": "b\nc", "type": "bug", "priority": 0, "add_labels": ["x", "y"], "remove_labels": ["z"],
            "paths": [{"pattern": "src/", "mode": "exclusive"}], "checks": ["unit"], "agent": "codex", "not_before_ms": 9,
            "max_attempts": 3, "parent": "t-9",
        }}),
        json!({"kind": "task.edited", "task": "t-1", "edit": {
            "paths": [], "checks": [], "agent": "", "not_before_ms": 0, "max_attempts": 0, "parent": "",
        }}),
        json!({"kind": "task.edited", "task": "t-1", "edit": {}}),
        json!({"kind": "dep.added", "task": "t-1", "on": "t-2"}),
        json!({"kind": "dep.removed", "task": "t-1", "on": "t-2"}),
        json!({"kind": "task.held", "task": "t-1", "hold": hold}),
        json!({"kind": "task.unheld", "task": "t-1"}),
        json!({"kind": "task.cancelled", "task": "t-1", "reason": "not wanted"}),
        json!({"kind": "task.retried", "task": "t-1"}),
        json!({"kind": "task.reopened", "task": "t-1", "note": note("reopened: it is back")}),
        json!({"kind": "task.rejected", "task": "t-1", "note": note("rejected: no tests")}),
        json!({"kind": "task.noted", "task": "t-1", "note": note("the lexer is odd")}),
        json!({"kind": "task.failed", "task": "t-1", "reason": "given up"}),
        json!({"kind": "task.undone", "task": "t-1", "run": "t-1.2", "undone": landing, "note": note("the accept of run t-1.2 was taken back in main")}),
        json!({"kind": "task.done", "task": "t-1", "proof": {"kind": "verdict", "tree": "d".repeat(40), "commit": "c".repeat(40), "run": "t-1.2"}}),
        json!({"kind": "task.done", "task": "t-1", "proof": {"kind": "verdict", "tree": "d".repeat(40)}}),
        json!({"kind": "task.done", "task": "t-1", "proof": {"kind": "overridden", "reason": "seen by hand", "by": by}}),
        json!({"kind": "lease.granted", "lease": lease("t-1")}),
        json!({"kind": "lease.granted", "lease": lease("t-1"), "locks": [lock("exclusive"), lock("shared")]}),
        json!({"kind": "lease.granted", "lease": lease("l-1"), "locks": [lock("exclusive")]}),
        json!({"kind": "lease.released", "subject": "t-1", "epoch": 1, "next_step": "look at the lexer"}),
        json!({"kind": "lease.released", "subject": "l-1", "epoch": 1}),
        json!({"kind": "lease.lapsed", "subject": "t-1", "epoch": 1, "park": hold}),
        json!({"kind": "lease.lapsed", "subject": "l-1", "epoch": 1}),
        json!({"kind": "lease.checkpoint", "task": "t-1", "epoch": 1, "next_step": "go on"}),
        json!({"kind": "run.started", "run": run}),
        json!({"kind": "run.used", "run": "t-1.2", "used": {"tokens": 1}}),
        json!({"kind": "accept.started", "run": "t-1.2", "accepting": landing}),
        json!({"kind": "undo.started", "run": "t-1.2", "undoing": landing}),
        json!({"kind": "policy.approved", "decision": "d-1", "word": {"by": by, "reason": "", "at_ms": 1}}),
        json!({"kind": "policy.approved", "decision": "d-1", "word": {"by": by, "reason": "once", "at_ms": 1}}),
        json!({"kind": "policy.answered", "decision": "d-1", "task": "t-1", "answer": {"says": "yes", "by": by, "reason": "read it", "at_ms": 1}}),
        json!({"kind": "policy.answered", "decision": "d-1", "answer": {"says": "no", "by": by, "reason": "not now", "at_ms": 1}}),
        piece(
            "check",
            json!({
                "name": "unit", "status": "passed", "exit": null, "duration_ms": 1, "failures": [], "log_sha256": null,
                "counts": {"passed": 3, "failed": 0, "skipped": 0, "total": 3},
            }),
        ),
        piece("check", Value::Null),
        ended(
            end(
                "retry",
                json!({"budget": "day.tokens", "stall": ["no output", "no CPU"], "resume_refused": "gone"}),
            ),
            json!({"to": "fail", "reason": "no attempt is left"}),
        ),
        ended(
            end("retry", json!({})),
            json!({"to": "hold", "hold": hold, "attempt": "counts"}),
        ),
        ended(
            end("retry", json!({})),
            json!({"to": "requeue", "attempt": "counts"}),
        ),
    ];
    let words = [
        "adoption",
        "diff",
        "setup",
        "log",
        "events",
        "prompt",
        "record",
        "statement",
    ];
    all.extend(words.map(|kind| piece(kind, Value::Null)));
    all.extend(["allow", "warn", "require_approval", "deny"].map(decision));
    let whys = [
        "NoLease",
        "Superseded",
        "Lapsed",
        "WrongSecret",
        "OtherHolder",
    ];
    all.extend(whys.map(|why| json!({"kind": "lease.refused", "subject": "t-1", "epoch": 1, "tried": "heartbeat", "why": why})));
    let steps = [
        "claimed", "worktree", "agent", "snapshot", "checks", "evidence", "judged",
    ];
    all.extend(steps.map(|step| json!({"kind": "run.step", "run": "t-1.2", "step": step})));
    let verdicts = crate::domain::verdict::Outcome::ALL;
    all.extend(
        verdicts
            .iter()
            .map(|outcome| ended(end(outcome.as_str(), json!({})), json!({"to": "review"}))),
    );
    all.push(json!({"kind": "queue.full", "waiting": 9, "limit": 10, "refused": 2}));
    all.push(json!({"kind": "check.flaky", "check": "unit", "tree": "c".repeat(40)}));
    all.push(json!({"kind": "bypass.found", "bypass": {
        "way": "skipped", "hook": "pre-commit", "by": "ann", "reason": "the disk is full",
    }}));
    all.push(json!({"kind": "bypass.found", "bypass": {
        "way": "unasked", "hook": "pre-push", "target": "refs/heads/main", "commits": ["c".repeat(40)], "count": 2,
    }}));
    all.push(
        json!({"kind": "friction.told", "said": {"word": "met", "friction": {
            "id": "f-4k2m", "text": "the build is slow", "by": by, "at_ms": 1, "task": "t-1",
        }}}),
    );
    all.push(json!({"kind": "output.pruned", "run": "t-1.2", "pieces": ["e-1", "e-2"], "bytes": 5 << 20}));
    for to in ["task:t-1", "agent:codex", "people"] {
        all.push(json!({"kind": "message.sent", "message": {
            "id": "m-4k2m", "from": by, "to": to, "text": "mind the gap", "at_ms": 1,
        }}));
    }
    all.push(json!({"kind": "message.given", "message": "m-4k2m", "run": "t-1.2"}));
    for way in [
        json!({"by": by, "at_ms": 1, "way": "prompt", "run": "t-1.2"}),
        json!({"by": by, "at_ms": 1, "way": "turn", "run": "t-1.2", "turn": 1}),
        json!({"by": by, "at_ms": 1, "way": "inbox"}),
    ] {
        all.push(
            json!({"kind": "message.seen", "message": "m-4k2m", "task": "t-1", "sighting": way}),
        );
    }
    for said in [
        json!({"word": "enabled", "name": "nightly", "clock": "0 3 * * * UTC"}),
        json!({"word": "disabled", "name": "nightly"}),
        json!({"word": "rescheduled", "name": "nightly", "clock": "every 6h"}),
        json!({"word": "fired", "name": "nightly", "task": "t-1", "due_ms": 1}),
        json!({"word": "fired", "name": "nightly", "task": "t-1", "due_ms": 1, "passed": 2}),
        json!({"word": "skipped", "name": "nightly", "due_ms": 1, "why": {"because": "still_open", "task": "t-1"}}),
        json!({"word": "skipped", "name": "nightly", "due_ms": 1, "passed": 1, "why": {"because": "missed"}}),
        json!({"word": "refused", "name": "nightly", "due_ms": 1, "why": "policy denies task.create"}),
    ] {
        all.push(json!({"kind": "recurring.told", "said": said}));
    }
    all.push(json!({"kind": "friction.told", "said": {"word": "mended_by", "id": "f-4k2m", "task": "t-1"}}));
    all.push(json!({"kind": "friction.told", "said": {"word": "dropped", "id": "f-4k2m", "reason": "it is none"}}));
    all.push(json!({"kind": "policy.overridden", "said": {"word": "given", "granted": {
        "id": "o-4k2m", "rule": "ci-needs-a-human", "agent": "bot", "paths": [".github/"], "reason": "the release of today",
        "by": "human:ann", "at_ms": 1, "until_ms": 2,
    }}}));
    all.push(
        json!({"kind": "policy.overridden", "said": {"word": "taken_away", "id": "o-4k2m", "rule": "ci-needs-a-human"}}),
    );
    all
}

/// All kinds of events, by the schema that is made of the type.
fn kinds() -> BTreeSet<String> {
    let schema = serde_json::to_value(schemars::schema_for!(Event)).unwrap();
    let variants = schema["oneOf"].as_array().unwrap().iter();
    let kind = |variant: &Value| {
        variant["properties"]["kind"]["const"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    variants.map(kind).collect()
}

#[test]
fn every_event_is_told_in_plain_words() {
    let mut lines = String::new();
    let mut seen = BTreeSet::new();
    for json in events() {
        let event: Event =
            serde_json::from_value(json.clone()).unwrap_or_else(|e| panic!("{e}: {json}"));
        let line = crate::base::text::flowing(&told(&event));
        for inner in ["{", "}", "\\n", "=", "\"", "_", "Some(", "None"] {
            assert_eq!(
                line.find(inner),
                None,
                "`{inner}` is no word for people: {line}"
            );
        }
        lines += &format!("{:<17} {line}\n", event.kind());
        seen.insert(event.kind().to_owned());
    }
    assert_eq!(seen, kinds(), "each kind has an example here");
    insta::assert_snapshot!(lines);
}
