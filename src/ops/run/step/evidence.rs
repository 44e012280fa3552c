//! Evidence: every file of a run that proves something, with its SHA-256, in the store and in the
//! run's directory.

use std::path::Path;

use crate::base::{fs, id};
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::ids::{EvidenceId, RunId, TaskId};
use crate::ops::refusal::OpError;
use crate::ops::run::agent::{ports, session};
use crate::ops::run::model::{Findings, RunCx, RunVerdict};
use crate::ops::run::step::statement;
use crate::ops::world::World;

/// The subject of a piece of evidence.
pub struct Filed<'a> {
    /// The task.
    pub task: &'a TaskId,
    /// The run, where there is one.
    pub run: Option<&'a RunId>,
    /// The tree that it was measured on.
    pub tree: Option<&'a str>,
}

/// Digests a file and makes the piece of evidence for it.
pub fn file_evidence(
    world: &World,
    filed: &Filed<'_>,
    kind: EvidenceKind,
    name: &str,
    file: &Path,
    summary: serde_json::Value,
) -> Result<Evidence, OpError> {
    let (sha256, bytes) = fs::digest(file)?;
    Ok(Evidence {
        id: EvidenceId(format!("e-{}", id::random_text(10))),
        task: filed.task.clone(),
        run: filed.run.cloned(),
        kind,
        name: name.to_owned(),
        file: world.below_state(file),
        sha256,
        bytes,
        tree: filed.tree.map(str::to_owned),
        at_ms: (world.clock)().wall_ms,
        summary,
    })
}

/// Files everything that was measured of a run, the statement over it last.
pub(crate) fn file_all(
    live: &RunCx<'_>,
    found: &Findings,
    verdict: &RunVerdict,
) -> Result<Vec<Evidence>, OpError> {
    let (world, run) = (live.world, &live.started.run);
    let tree = found.sealed.tree.to_string();
    let filed = Filed {
        task: &run.task,
        run: Some(&run.id),
        tree: Some(&tree),
    };
    let null = serde_json::Value::Null;
    let mut all = Vec::new();
    let diff = serde_json::to_value(found.stats).unwrap_or_default();
    all.push(file_evidence(
        world,
        &filed,
        EvidenceKind::Diff,
        "diff",
        &found.patch,
        diff,
    )?);
    for check in &found.checked {
        let result = serde_json::to_value(&check.result).unwrap_or_default();
        all.push(file_evidence(
            world,
            &filed,
            EvidenceKind::Check,
            check.spec.name.as_str(),
            &check.log,
            result,
        )?);
    }
    let logs = [
        (EvidenceKind::Log, "stdout", "stdout.log"),
        (EvidenceKind::Log, "stderr", "stderr.log"),
        (EvidenceKind::Events, "events", "events.jsonl"),
        (EvidenceKind::Prompt, "prompt", "prompt.md"),
        (EvidenceKind::Log, "refused stdout", session::REFUSED[0].1),
        (EvidenceKind::Log, "refused stderr", session::REFUSED[1].1),
    ];
    for (kind, name, file) in logs {
        let path = live.dir.join(file);
        if path.is_file() {
            all.push(file_evidence(
                world,
                &filed,
                kind,
                name,
                &path,
                null.clone(),
            )?);
        }
    }
    let results: Vec<_> = found.checked.iter().map(|check| &check.result).collect();
    write_json(live, "checks.json", &serde_json::json!(results))?;
    let text = statement::statement(live, found, verdict.cell, &verdict.decision, &all);
    fs::write_private(&live.dir.join("statement.json"), text.as_bytes())?;
    all.push(file_evidence(
        world,
        &filed,
        EvidenceKind::Statement,
        "statement",
        &live.dir.join("statement.json"),
        serde_json::json!({ "sandbox": found.end.sandbox, "warnings": verdict.warnings }),
    )?);
    write_summary(live, found, verdict)?;
    Ok(all)
}

fn write_summary(live: &RunCx<'_>, found: &Findings, verdict: &RunVerdict) -> Result<(), OpError> {
    let run = &live.started.run;
    let end = &found.end;
    let agent =
        serde_json::json!({ "end": end.end, "duration_ms": end.duration_ms, "result": end.result });
    let summary = serde_json::json!({
        "run": run.id, "task": run.task, "agent": run.agent, "connector": run.connector, "model": run.model,
        "base": run.base, "target": run.target, "branch": run.branch, "tree": found.sealed.tree.to_string(),
        "commit": found.sealed.commit.as_ref().map(ToString::to_string), "own_commits": found.sealed.own_commits,
        "verdict": verdict.cell, "outcome": verdict.outcome, "summary": verdict.summary, "warnings": verdict.warnings,
        "diff": found.stats, "checks": found.checked.iter().map(|c| &c.result).collect::<Vec<_>>(), "process": agent,
        "ports": ports::of_run(&live.world.config, &live.dir, &run.worktree)?,
        "isolation": run.isolation(),
        "sandbox": end.sandbox.mode, "network": end.sandbox.network, "adopted": run.adopted,
        "routing": run.routed, "budget": end.budget, "resumed": run.resumed, "resume_refused": end.resume_refused,
        "stall": end.stall, "held": end.held,
    });
    write_json(live, "run.json", &summary)
}

fn write_json(live: &RunCx<'_>, name: &str, value: &serde_json::Value) -> Result<(), OpError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let text = live.world.redactor().redact_text(&text);
    Ok(fs::write_private(&live.dir.join(name), text.as_bytes())?)
}
