//! The end of a run: verdict, evidence and what becomes of the task, in one fenced transaction.

use crate::base::text::counted;
use std::path::PathBuf;

use crate::base::fs;
use crate::domain::aftermath::{
    CheckEnd, JudgedAttempt, Objection, ProviderRefusal, TreeChange, refused_in_a_row, summary,
    used_tool_in_words,
};
use crate::domain::budget::RunUsage;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::Event;
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::routing::Relief;
use crate::domain::run::{Run, RunEnd, Step};
use crate::domain::verdict::{Cell, Freshness, Lifecycle, Outcome, PolicyVerdict, Verification};
use crate::git::Oid;
use crate::git::diff::{ChangedPath, Stats};
use crate::git::merge::{self, MergeError, Prepared, Proposal};
use crate::git::shadow::Shadow;
use crate::ops::cx::{self, Cx, commit};
use crate::ops::failpoint;
use crate::ops::refusal::{OpError, Refusal};
use crate::ops::route::{self, Wish};
use crate::ops::run::agent::launch::AgentEnd;
use crate::ops::run::agent::{ports, session, tools};
use crate::ops::run::checks::runner::{Checked, verification};
use crate::ops::run::choose::Registered;
use crate::ops::run::drive::{Live, Report};
use crate::ops::run::judge;
use crate::ops::run::step::checkout;
use crate::ops::run::step::evidence::{Filed, file_evidence};
use crate::ops::run::step::statement;
use crate::ops::run::step::worktree::identity;
use crate::ops::scrub::redact_record;
use crate::ops::world::environment;
use crate::ops::{lease, lock};
use crate::store::Store;
use crate::store::sqlite::SqliteStore;

/// The judged tree.
pub(crate) struct Sealed {
    /// The tree of the base.
    pub(crate) base_tree: Oid,
    /// The tree of the work.
    pub(crate) tree: Oid,
    /// Its commit; absent where nothing was changed.
    pub(crate) commit: Option<Oid>,
    /// Commits that the agent made itself.
    pub(crate) own_commits: usize,
}

/// Everything that was measured.
pub(crate) struct Findings {
    /// The agent's end.
    pub(crate) end: AgentEnd,
    /// What became of its process.
    pub(crate) lifecycle: Lifecycle,
    /// The tree.
    pub(crate) sealed: Sealed,
    /// What it changes.
    pub(crate) changed: Vec<ChangedPath>,
    /// What else is worth a look, in words.
    pub(crate) remarks: Vec<String>,
    /// The patch file.
    pub(crate) patch: PathBuf,
    /// How much it changes.
    pub(crate) stats: Stats,
    /// The checks.
    pub(crate) checked: Vec<Checked>,
}

struct Verdict {
    cell: Cell,
    outcome: Outcome,
    decision: DecisionRecord,
    tools: Vec<DecisionRecord>,
    summary: String,
    warnings: Vec<String>,
}

/// Judges the findings, files the evidence and ends the run.
pub(crate) fn finish(
    live: &Live<'_>,
    store: &mut SqliteStore,
    findings: Findings,
) -> Result<Report, OpError> {
    let cx = live.cx()?;
    let verdict = judge_all(live, store, &cx, &findings)?;
    live.step_even_if_stopped(store, Step::Evidence)?;
    let evidence = file_all(live, &findings, &verdict)?;
    failpoint::hit("evidence")?;
    let refused = findings.lifecycle.is_refused_by_provider();
    let runs = store.read(|tx| tx.runs(&live.started.task.id))?;
    let refusal = ProviderRefusal {
        lifecycle: findings.lifecycle,
        stream: &findings.end.result.outcome,
        before: refused_in_a_row(&runs),
        seed: live.started.run.id.as_str(),
    };
    let paused_until_ms = refusal.paused_until_ms(cx.now.wall_ms);
    let counted = counted_before(live, store, &findings.end)?;
    let end = run_end(
        &cx,
        &live.started.run,
        counted,
        &verdict,
        &findings.end,
        paused_until_ms,
    );
    let relief = if refused {
        relief(live, store, &cx)?
    } else {
        Relief::Nobody
    };
    let (task, run) = (&live.started.task, &live.started.run);
    let judged = JudgedAttempt {
        outcome: verdict.outcome,
        lifecycle: findings.lifecycle,
        end: findings.end.attempt(),
        summary: &verdict.summary,
        change: TreeChange::of(&findings.changed),
        branch: &run.branch,
        run: run.id.as_str(),
        attempts: task.attempts,
        max_attempts: task.max_attempts.unwrap_or(cx.rules.max_attempts),
        paused_until_ms,
        relief,
    };
    let after = judged.after(cx.now.wall_ms, &cx.actor);
    let decided = Event::Decided {
        record: Box::new(verdict.decision.clone()),
    };
    let ended = Event::RunEnded {
        run: live.started.run.id.clone(),
        end: Box::new(end),
        then: after,
    };
    let (run, task) = commit(store, &cx, |tx, cx| {
        lease::fenced(tx, cx, &live.started.token, "finish")?;
        for piece in &evidence {
            cx.record(
                tx,
                &Event::EvidenceRecorded {
                    evidence: Box::new(piece.clone()),
                },
            )?;
        }
        for record in &verdict.tools {
            cx.record(
                tx,
                &Event::Decided {
                    record: Box::new(record.clone()),
                },
            )?;
        }
        cx.record(tx, &decided)?;
        cx.record(tx, &ended)?;
        let missing = || Refusal::NotFound {
            what: "run",
            id: live.started.run.id.to_string(),
        };
        Ok((
            tx.run(&live.started.run.id)?.ok_or_else(missing)?,
            cx::load(tx, &live.started.task.id)?,
        ))
    })?;
    failpoint::hit("judged")?;
    tell_refusal(live, &run, findings.lifecycle);
    let Verdict {
        cell,
        outcome,
        summary,
        warnings,
        ..
    } = verdict;
    Ok(Report {
        run,
        task,
        cell,
        outcome,
        summary,
        dir: live.dir.clone(),
        warnings,
        relief,
    })
}

/// Who could go on in the place of an agent that its provider has refused, as the registry stands
/// now.
fn relief(live: &Live<'_>, store: &mut SqliteStore, cx: &Cx) -> Result<Relief, OpError> {
    let registered = Registered::read(live.world)?;
    let run = &live.started.run;
    let first = route::first_of(run);
    let trace = store.read(|tx| {
        let task = cx::load(tx, &run.task)?;
        route::trace(
            tx,
            cx,
            &registered.field(live.world),
            &task,
            Wish::After(&first),
        )
    })?;
    Ok(trace.relief(&run.agent))
}

/// A person who watches learns of it when it happens, whoever goes on with the task then.
fn tell_refusal(live: &Live<'_>, run: &Run, lifecycle: Lifecycle) {
    let why = match lifecycle {
        Lifecycle::Quota => "its provider has refused for rate or quota",
        Lifecycle::Auth => "its provider has refused its login",
        _ => return,
    };
    let end = run.end.as_ref();
    let wait = end
        .and_then(|end| Some(end.paused_until_ms? - end.at_ms))
        .map(crate::ops::refusal::seconds);
    let wait = wait.map_or_else(String::new, |wait| format!("; it is left alone for {wait}"));
    live.world
        .say(&format!("run {}: {}: {why}{wait}", run.id, run.agent));
}

/// What of the reported use stands with earlier runs: of the session that was continued, of the run
/// whose work was taken up.
fn counted_before(
    live: &Live<'_>,
    store: &mut SqliteStore,
    end: &AgentEnd,
) -> Result<RunUsage, OpError> {
    let run = &live.started.run;
    if let Some(adopted) = &run.adopted {
        let lost = store.read(|tx| tx.run(adopted))?;
        return Ok(lost.and_then(|lost| lost.end?.usage).unwrap_or_default());
    }
    let continued = run
        .resumed
        .as_ref()
        .filter(|_| end.resume_refused.is_none());
    Ok(continued.map_or_else(RunUsage::default, |resumed| resumed.used))
}

fn run_end(
    cx: &Cx,
    run: &Run,
    before: RunUsage,
    verdict: &Verdict,
    end: &AgentEnd,
    paused_until_ms: Option<i64>,
) -> RunEnd {
    RunEnd {
        at_ms: cx.now.wall_ms,
        cell: verdict.cell,
        outcome: verdict.outcome,
        summary: verdict.summary.clone(),
        took_ms: Some(run.age_ms(&cx.now)),
        usage: end
            .result
            .usage
            .as_ref()
            .map(|usage| RunUsage::from(usage).since(before)),
        paused_until_ms,
        budget: end.budget.clone(),
        session: end.result.session_id.clone(),
        resume_refused: end.resume_refused.clone(),
        stall: end.stall.clone(),
    }
}

fn judge_all(
    live: &Live<'_>,
    store: &mut SqliteStore,
    cx: &Cx,
    found: &Findings,
) -> Result<Verdict, OpError> {
    let (task, run) = (&live.started.task, &live.started.run);
    let lines = found.stats.insertions + found.stats.deletions;
    let (mut policy, mut decision) = judge::policy_verdict(cx, task, run, &found.changed, lines);
    redact_record(&mut decision, live.world.redactor());
    if policy == PolicyVerdict::NeedsApproval
        && store.read(|tx| crate::ops::ask::approved(tx, &decision))?
    {
        policy = policy.approved();
    }
    let mut warnings = look_closer(live, found);
    let held = locked_by_others(live, store, cx, &found.changed)?;
    warnings.extend(held.iter().cloned());
    let tools = tools::judged(cx, task, run.id.as_str(), &found.end.tools);
    warnings.extend(tools.iter().map(used_tool_in_words));
    let trespasses = &found.end.trespasses;
    if !trespasses.is_empty() {
        warnings.push(format!(
            "by its own words the agent changed outside of its worktree: {}",
            trespasses.join(", ")
        ));
    }
    let objections = held
        .iter()
        .map(|reason| Objection::of_lock(reason))
        .chain(tools.iter().filter_map(Objection::of_used_tool))
        .chain(trespasses.iter().map(|path| Objection::of_trespass(path)));
    let strictest = Objection::of_policy(policy, &decision).strictest(objections);
    let verification = match found.lifecycle {
        Lifecycle::Finished => verification(&found.checked),
        _ => Verification::Unverified,
    };
    let cell = Cell {
        lifecycle: found.lifecycle,
        verification,
        policy: strictest.verdict,
        freshness: freshness(live, found)?,
    };
    let outcome = cell.outcome();
    let checks: Vec<CheckEnd<'_>> = found.checked.iter().map(Checked::end).collect();
    let summary = summary(outcome, &found.end.attempt(), &checks, &strictest.reason);
    let summary = live.world.redactor().redact_text(&summary);
    let warnings = warnings
        .iter()
        .map(|warning| live.world.redactor().redact_text(warning))
        .collect();
    let mut tools = tools;
    tools
        .iter_mut()
        .for_each(|record| redact_record(record, live.world.redactor()));
    Ok(Verdict {
        cell,
        outcome,
        decision,
        tools,
        summary,
        warnings,
    })
}

/// Paths that the work changes although somebody else holds them: hooks can be skipped, so locks
/// are looked at again here.
pub(crate) fn locked_by_others(
    live: &Live<'_>,
    store: &mut SqliteStore,
    cx: &Cx,
    changed: &[ChangedPath],
) -> Result<Vec<String>, OpError> {
    let paths: Vec<String> = changed
        .iter()
        .map(|c| String::from_utf8_lossy(c.path.as_bytes()).into_owned())
        .collect();
    let own = [live.started.task.id.subject()];
    let blocked = store.read(|tx| lock::check(tx, cx, &paths, &own))?;
    let exclusive =
        |b: &&lock::Blocked| b.lock.mode == crate::domain::path_lock::LockMode::Exclusive;
    let text = |b: &lock::Blocked| {
        format!(
            "{} is locked by {} ({})",
            crate::base::text::one_line(&b.path),
            b.lease.holder,
            b.lock.subject
        )
    };
    Ok(blocked.iter().filter(exclusive).map(text).collect())
}

/// What a reviewer should look at although nothing forbids it.
fn look_closer(live: &Live<'_>, found: &Findings) -> Vec<String> {
    let mut warnings = found.remarks.clone();
    let outside = outside_paths(live, found);
    if !outside.is_empty() {
        let shown: Vec<String> = outside.iter().take(10).cloned().collect();
        warnings.push(format!("outside the task's paths: {}", shown.join(", ")));
    }
    if let (Some(from), Some(why)) = (&live.started.run.resumed, &found.end.resume_refused) {
        warnings.push(format!(
            "session {} of run {} was not continued: {why}",
            from.session, from.run
        ));
    }
    warnings.extend(found.end.unwritten.iter().cloned());
    if found.end.leftovers > 0 {
        warnings.push(format!(
            "the agent left {} behind, now ended",
            counted(found.end.leftovers, "process")
        ));
    }
    warnings
}

fn outside_paths(live: &Live<'_>, found: &Findings) -> Vec<String> {
    let Ok(rules) = crate::ops::cx::Rules::of(&live.world.config, &live.world.location) else {
        return Vec::new();
    };
    let paths = &live.started.task.paths;
    let patterns: Vec<_> = paths
        .iter()
        .filter_map(|p| crate::ops::patterns::expand(&rules, &p.pattern).ok())
        .flatten()
        .collect();
    if patterns.is_empty() {
        return Vec::new();
    }
    let outside = found.changed.iter().filter(|c| {
        let path = c.path.as_bytes();
        !rules.harmless.is_harmless(path) && !patterns.iter().any(|pattern| pattern.is_match(path))
    });
    outside
        .map(|c| crate::base::text::path_bytes(c.path.as_bytes()))
        .collect()
}

/// Whether the work still fits onto the target as it stands now.
fn freshness(live: &Live<'_>, found: &Findings) -> Result<Freshness, OpError> {
    let (Some(target), Some(commit)) = (&live.started.run.target, &found.sealed.commit) else {
        return Ok(Freshness::Current);
    };
    let tip = live.repo.find_ref(target).map_err(environment)?;
    if tip.as_ref().map(Oid::as_str) == live.started.run.base.as_deref() {
        return Ok(Freshness::Current);
    }
    let shadow = Shadow::open(
        live.repo,
        &live.world.shadow_dir(&live.started.run.worktree),
    )
    .map_err(environment)?;
    let who = identity()?;
    let proposal = Proposal {
        target,
        commit,
        mode: merge::Mode::FastForwardOrMerge,
        message: "ai: does it fit",
        who: &who,
        when_ms: (live.world.clock)().wall_ms,
    };
    match merge::prepare(live.repo, &shadow, &proposal) {
        Ok(Prepared::AlreadyMerged | Prepared::Ready(_)) => Ok(Freshness::Current),
        Err(MergeError::Conflicts { .. } | MergeError::Unrelated { .. }) => {
            Ok(Freshness::BaseMovedConflicting)
        }
        Err(error) => Err(environment(error)),
    }
}

fn file_all(
    live: &Live<'_>,
    found: &Findings,
    verdict: &Verdict,
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
    fs::write_private(&live.dir.join("statement.json"), text.as_bytes()).map_err(environment)?;
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

fn write_summary(live: &Live<'_>, found: &Findings, verdict: &Verdict) -> Result<(), OpError> {
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
        "isolation": checkout::isolation_of(run),
        "sandbox": end.sandbox.mode, "network": end.sandbox.network, "adopted": run.adopted,
        "routing": run.routed, "budget": end.budget, "resumed": run.resumed, "resume_refused": end.resume_refused,
        "stall": end.stall, "held": end.held,
    });
    write_json(live, "run.json", &summary)
}

fn write_json(live: &Live<'_>, name: &str, value: &serde_json::Value) -> Result<(), OpError> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    fs::write_private(
        &live.dir.join(name),
        live.world.redactor().redact_text(&text).as_bytes(),
    )
    .map_err(environment)
}
