//! Evidence: every file of a run that proves something, with its SHA-256, in the store and in the
//! run's directory.

use std::path::Path;

use crate::base::{fs, id};
use crate::domain::aftermath::AttemptEnd;
use crate::domain::agent_event::AgentResult;
use crate::domain::check::{CheckResult, CheckSpec};
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::ids::{EvidenceId, RunId, TaskId};
use crate::ops::error::OpError;
use crate::ops::run::agent::ports;
use crate::ops::run::model::{AgentEnd, Findings, RunCx, RunVerdict};
use crate::ops::run::step::statement;
use crate::ops::world::World;

/// The field of a check's summary that holds the digest of its definition; absent in pieces of before.
pub(crate) const DEFINITION: &str = "definition";

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

/// Files the log of a check, with its result and the digest of its definition.
pub fn file_check(
    world: &World,
    filed: &Filed<'_>,
    (spec, result): (&CheckSpec, &CheckResult),
    log: &Path,
) -> Result<Evidence, OpError> {
    let mut summary = serde_json::to_value(result).unwrap_or_default();
    if let Some(summary) = summary.as_object_mut() {
        summary.insert(DEFINITION.to_owned(), spec.definition().into());
    }
    let name = spec.name.as_str();
    file_evidence(world, filed, EvidenceKind::Check, name, log, summary)
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
        let answer = (&check.spec, &check.result);
        all.push(file_check(world, &filed, answer, &check.log)?);
    }
    let files = &live.files;
    let [refused_stdout, refused_stderr] = files.refused_logs();
    let logs = [
        (EvidenceKind::Log, "stdout", files.stdout()),
        (EvidenceKind::Log, "stderr", files.stderr()),
        (EvidenceKind::Events, "events", files.events()),
        (EvidenceKind::Prompt, "prompt", files.prompt()),
        (EvidenceKind::Log, "refused stdout", refused_stdout),
        (EvidenceKind::Log, "refused stderr", refused_stderr),
    ];
    for (kind, name, file) in logs {
        if file.is_file() {
            all.push(file_evidence(
                world,
                &filed,
                kind,
                name,
                &file,
                null.clone(),
            )?);
        }
    }
    let results: Vec<_> = found.checked.iter().map(|check| &check.result).collect();
    write_json(live, &files.check_results(), &serde_json::json!(results))?;
    write_summary(live, found, verdict)?;
    let records = [
        ("run", files.summary()),
        ("checks", files.check_results()),
        ("agent", files.agent_end()),
        ("routing", files.routing()),
    ];
    for (name, file) in records {
        if file.is_file() {
            let piece = file_evidence(
                world,
                &filed,
                EvidenceKind::Record,
                name,
                &file,
                null.clone(),
            )?;
            all.push(piece);
        }
    }
    let text = statement::statement(live, found, verdict.cell, &verdict.decision, &all);
    fs::write_private(&live.files.statement(), text.as_bytes())?;
    all.push(file_evidence(
        world,
        &filed,
        EvidenceKind::Statement,
        "statement",
        &live.files.statement(),
        serde_json::json!({ "sandbox": found.sandbox(), "warnings": verdict.warnings }),
    )?);
    Ok(all)
}

fn write_summary(live: &RunCx<'_>, found: &Findings, verdict: &RunVerdict) -> Result<(), OpError> {
    let run = &live.started.run;
    let process = found.end.as_ref().map(|end| &end.process);
    let sandbox = found.sandbox();
    let summary = serde_json::json!({
        "run": run.id, "task": run.task, "agent": run.agent, "connector": run.connector, "model": run.model,
        "base": run.base, "target": run.target, "branch": run.branch, "tree": found.sealed.tree.to_string(),
        "commit": found.sealed.commit.as_ref().map(ToString::to_string), "own_commits": found.sealed.own_commits,
        "verdict": verdict.cell, "outcome": verdict.outcome, "summary": verdict.summary, "warnings": verdict.warnings,
        "diff": found.stats, "checks": found.checked.iter().map(|c| &c.result).collect::<Vec<_>>(),
        "process": process_summary(found),
        "ports": ports::of_run(&live.world.config, &live.files, &run.worktree)?,
        "isolation": run.isolation(),
        "sandbox": sandbox.mode, "network": sandbox.network,
        "hosts": found.end.as_ref().map_or(&[][..], |end| &end.reach.hosts), "adopted": run.adopted,
        "routing": run.routed, "budget": process.and_then(|process| process.budget.as_ref()), "resumed": run.resumed,
        "resume_refused": found.resume_refused(),
        "stall": process.map_or(&[][..], |process| &process.stall),
        "held": process.map(|process| process.held).unwrap_or_default(),
    });
    write_json(live, &live.files.summary(), &summary)
}

/// The agent's process and the conclusion from its stream. Of work that was done outside of `ai`,
/// there is the word of who hands it in.
fn process_summary(found: &Findings) -> serde_json::Value {
    match &found.end {
        Some(AgentEnd {
            process, stream, ..
        }) => serde_json::json!({
            "end": process.end, "duration_ms": process.duration_ms, "result": stream.result,
        }),
        None => serde_json::json!({
            "end": AttemptEnd::OUTSIDE.process, "duration_ms": 0,
            "result": AgentResult::of(AttemptEnd::OUTSIDE.stream.clone()),
        }),
    }
}

fn write_json(live: &RunCx<'_>, file: &Path, value: &serde_json::Value) -> Result<(), OpError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    let text = live.world.redactor().redact_text(&text);
    fs::write_private(file, text.as_bytes()).map_err(OpError::from)
}
