//! The end of a run: verdict, evidence and what becomes of the task, in one fenced transaction.

use crate::base::text::{counted, one_line, path_bytes};
use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::aftermath::{
    CheckEnd, JudgedAttempt, Objection, ProviderRefusal, TreeChange, last_failed, refused_in_a_row,
    summary, used_tool_in_words,
};
use crate::domain::agent_event::Denial;
use crate::domain::budget::RunUsage;
use crate::domain::decision::DecisionRecord;
use crate::domain::event::{Event, FollowUp};
use crate::domain::routing::Relief;
use crate::domain::run::{Run, RunEnd, RunStep};
use crate::domain::task::Task;
use crate::domain::verdict::{Cell, Freshness, Lifecycle, PolicyVerdict, Verification};
use crate::git::Oid;
use crate::git::diff::ChangedPath;
use crate::git::merge::{self, MergeError, MergeProposal, PreparedMerge};
use crate::git::shadow::ShadowRepo;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::findings::{self, LookAt};
use crate::ops::held_paths::{Touching, TryAgain, paths_of};
use crate::ops::lock::Blocked;
use crate::ops::messages::WorkTip;
use crate::ops::refusal::{self, Refusal, Thing};
use crate::ops::route::{self, Wish};
use crate::ops::run::agent::tools;
use crate::ops::run::checks::runner::verification;
use crate::ops::run::choose::Registered;
use crate::ops::run::model::{AgentEnd, Checked, Findings, RunCx, RunReport, RunVerdict};
use crate::ops::run::step::evidence;
use crate::ops::run::step::leak::ChangeFacts;
use crate::ops::scrub::redact_record;
use crate::ops::world::identity;
use crate::ops::{failpoint, lease, patterns};
use crate::policy::OUTSIDE_RULE;
use crate::store::{Store, Tx};

/// So many paths outside of those of the task are named.
const SHOWN_OUTSIDE: usize = 10;
/// So many refused tool calls are named.
const SHOWN_DENIALS: usize = 5;

/// Judges the findings, files the evidence and ends the run.
pub(crate) fn finish(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    findings: Findings,
) -> Result<RunReport, OpError> {
    let cx = live.cx()?;
    let verdict = judge_all(live, store, &cx, &findings)?;
    live.step_even_if_stopped(store, RunStep::Evidence)?;
    let evidence = evidence::file_all(live, &findings, &verdict)?;
    failpoint::hit("evidence")?;
    let refused = findings.lifecycle.is_refused_by_provider();
    let runs = store.read(|tx| tx.runs(&live.started.task.id))?;
    let refusal = ProviderRefusal {
        lifecycle: findings.lifecycle,
        stream: findings.attempt().stream,
        before: refused_in_a_row(&runs),
        seed: live.started.run.id.as_str(),
    };
    let paused_until_ms = refusal.paused_until_ms(cx.now.wall_ms);
    let counted = counted_before(live, store, &findings)?;
    let end = run_end(
        &cx,
        &live.started.run,
        counted,
        &verdict,
        findings.end.as_ref(),
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
        end: findings.attempt(),
        summary: &verdict.summary,
        change: TreeChange::of(&findings.changed),
        branch: &run.branch,
        run: run.id.as_str(),
        attempts: task.attempts,
        max_attempts: task.max_attempts.unwrap_or(cx.rules.max_attempts),
        retry: &live.world.config.scheduler.retry,
        paused_until_ms,
        relief,
        refused_before: refusal.before,
        failed_before: last_failed(&runs).filter(|run| !has_word_since(task, run)),
    };
    let after = judged.after(cx.now.wall_ms, &cx.actor);
    // Nobody takes over a task that waits for a person.
    let relief = match after {
        FollowUp::Hold { .. } => Relief::Nobody,
        _ => relief,
    };
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
        cx.record_evidence(tx, &evidence)?;
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
            what: Thing::Run,
            id: live.started.run.id.to_string(),
        };
        Ok((
            tx.run(&live.started.run.id)?.ok_or_else(missing)?,
            cx::load(tx, &live.started.task.id)?,
        ))
    })?;
    failpoint::hit("judged")?;
    tell_refusal(live, &run, findings.lifecycle);
    let RunVerdict {
        cell,
        outcome,
        summary,
        warnings,
        ..
    } = verdict;
    Ok(RunReport {
        run,
        task,
        cell,
        outcome,
        summary,
        dir: live.files.path().to_owned(),
        warnings,
        relief,
    })
}

/// True where a person has left a note since a run ended: what comes then is another attempt.
fn has_word_since(task: &Task, run: &Run) -> bool {
    let ended_ms = run.end.as_ref().map_or(run.started_ms, |end| end.at_ms);
    let mut notes = task.notes.iter();
    notes.any(|note| note.by.kind == ActorKind::Human && note.at_ms > ended_ms)
}

/// Finds who could go on in the place of an agent that its provider has refused, as the registry
/// stands now.
fn relief(live: &RunCx<'_>, store: &mut dyn Store, cx: &Cx) -> Result<Relief, OpError> {
    let registered = Registered::read(live.world)?;
    let run = &live.started.run;
    let trace = store.read(|tx| {
        let task = cx::load(tx, &run.task)?;
        route::trace(
            tx,
            cx,
            &registered.field(live.world),
            &task,
            Wish::After(run.first_agent()),
        )
    })?;
    Ok(trace.relief(&run.agent))
}

/// A person who watches learns of it when it happens, whoever goes on with the task then.
fn tell_refusal(live: &RunCx<'_>, run: &Run, lifecycle: Lifecycle) {
    let why = match lifecycle {
        Lifecycle::Quota => "its provider has refused for rate or quota",
        Lifecycle::Auth => "its provider has refused its login",
        Lifecycle::Provider => "its provider was down",
        _ => return,
    };
    let end = run.end.as_ref();
    let wait = end
        .and_then(|end| Some(end.paused_until_ms? - end.at_ms))
        .map(refusal::seconds);
    let wait = wait.map_or_else(String::new, |wait| format!("; it is left alone for {wait}"));
    live.world
        .say(&format!("run {}: {}: {why}{wait}", run.id, run.agent));
}

/// Returns the part of the reported use that stands with earlier runs: of the session that was
/// continued, of the run whose work was taken up.
fn counted_before(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    found: &Findings,
) -> Result<RunUsage, OpError> {
    let run = &live.started.run;
    if let Some(adopted) = &run.adopted {
        let lost = store.read(|tx| tx.run(adopted))?;
        return Ok(lost.and_then(|lost| lost.end?.usage).unwrap_or_default());
    }
    let continued = run
        .resumed
        .as_ref()
        .filter(|_| found.resume_refused().is_none());
    Ok(continued.map_or_else(RunUsage::default, |resumed| resumed.used))
}

fn run_end(
    cx: &Cx,
    run: &Run,
    before: RunUsage,
    verdict: &RunVerdict,
    end: Option<&AgentEnd>,
    paused_until_ms: Option<i64>,
) -> RunEnd {
    let stream = end.map(|end| &end.stream);
    let process = end.map(|end| &end.process);
    RunEnd {
        at_ms: cx.now.wall_ms,
        cell: verdict.cell,
        outcome: verdict.outcome,
        summary: verdict.summary.clone(),
        took_ms: Some(run.age_ms(&cx.now)),
        usage: stream
            .and_then(|stream| stream.result.usage.as_ref())
            .map(|usage| RunUsage::from(usage).since(before)),
        paused_until_ms,
        budget: process.and_then(|process| process.budget.clone()),
        session: stream.and_then(|stream| stream.result.session_id.clone()),
        resume_refused: stream.and_then(|stream| stream.resume_refused.clone()),
        stall: process.map_or_else(Vec::new, |process| process.stall.clone()),
        cut_off: None,
    }
}

fn judge_all(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    cx: &Cx,
    found: &Findings,
) -> Result<RunVerdict, OpError> {
    let (task, run) = (&live.started.task, &live.started.run);
    let look = LookAt {
        repo: live.repo,
        policy: cx.policy.state(),
        base: run.base.as_deref(),
    };
    let commit = found.sealed.commit.as_ref().map(Oid::as_str);
    let change = (&*found.changed, found.stats);
    let work = (WorkTip { run, commit }, &found.sealed.tree);
    let size = ChangeFacts::of_work(&look, live.world.redactor(), change, work)?;
    let question = question(cx, (task, run), &found.changed, size);
    let (mut policy, mut decision) = store.read(|tx| policy_verdict(tx, cx, &question))?;
    redact_record(&mut decision, live.world.redactor());
    if policy == PolicyVerdict::NeedsApproval
        && store.read(|tx| ask::approved(tx, cx.now.wall_ms, &decision))?
    {
        policy = policy.approved();
    }
    let mut warnings = look_closer(live, found);
    warnings.extend(outside_in_words(&question, &decision));
    warnings.extend(findings::in_words(&decision));
    let held = locked_by_others(live, store, cx, &found.changed)?;
    warnings.extend(held.iter().cloned());
    let used: &[String] = found.end.as_ref().map_or(&[], |end| &end.stream.tools);
    let mut tools = store.read(|tx| tools::judged(tx, cx, (task, run.id.as_str()), used))?;
    warnings.extend(tools.iter().map(used_tool_in_words));
    let moved: &[String] = found.end.as_ref().map_or(&[], |end| &end.reach.moved_refs);
    let trespasses: &[String] = found.end.as_ref().map_or(&[], |end| &end.reach.trespasses);
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
        .chain(trespasses.iter().map(|path| Objection::of_trespass(path)))
        .chain(moved.iter().map(|name| Objection::of_moved_ref(name)));
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
    let outcome = found.attempt().outcome(&cell);
    let checks: Vec<CheckEnd<'_>> = found.checked.iter().map(Checked::end).collect();
    let summary = summary(outcome, &found.attempt(), &checks, &strictest.reason);
    let summary = live.world.redactor().redact_text(&summary);
    let warnings = warnings
        .iter()
        .map(|warning| live.world.redactor().redact_text(warning))
        .collect();
    tools
        .iter_mut()
        .for_each(|record| redact_record(record, live.world.redactor()));
    Ok(RunVerdict {
        cell,
        outcome,
        decision,
        tools,
        summary,
        warnings,
    })
}

/// The question whether somebody else holds what the work changes: hooks can be skipped, so it is
/// asked again here.
pub(crate) fn touching<'a>(live: &'a RunCx<'_>, paths: &'a [Vec<u8>]) -> Touching<'a> {
    Touching {
        what: "the work",
        again: TryAgain::OnTask("ai task done"),
        task: Some(&live.started.task.id),
        paths,
        kept: live.kept,
    }
}

/// Paths that the work changes although somebody else holds them.
fn locked_by_others(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    cx: &Cx,
    changed: &[ChangedPath],
) -> Result<Vec<String>, OpError> {
    let paths = paths_of(changed);
    let blocked = store.read(|tx| touching(live, &paths).held_by_others(tx, cx))?;
    let text = |b: &Blocked| {
        format!(
            "{} is locked by {} ({})",
            one_line(&b.path),
            b.lease.holder,
            b.lock.subject
        )
    };
    Ok(blocked.iter().map(text).collect())
}

/// Lists remarks for a reviewer that forbid nothing.
fn look_closer(live: &RunCx<'_>, found: &Findings) -> Vec<String> {
    let mut warnings = found.remarks.clone();
    if let (Some(from), Some(why)) = (&live.started.run.resumed, found.resume_refused()) {
        warnings.push(format!(
            "session {} of run {} was not continued: {why}",
            from.session, from.run
        ));
    }
    let Some(AgentEnd {
        process, stream, ..
    }) = &found.end
    else {
        return warnings;
    };
    warnings.extend(refused_tools(&stream.result.denials));
    warnings.extend(process.unwritten.iter().cloned());
    let unheeded = stream.unheeded.iter();
    warnings.extend(unheeded.map(|line| {
        format!("its program did not take the settings that `ai` gave it, and may send telemetry: {line}")
    }));
    if stream.result.usage.is_some_and(|usage| usage.at_least) {
        warnings.push(
            "it used at least the tokens that are told: its program leaves out what agents in the background used"
                .to_owned(),
        );
    }
    if process.leftovers > 0 {
        warnings.push(format!(
            "the agent left {} behind, now ended",
            counted(process.leftovers, "process")
        ));
    }
    warnings
}

/// Tells of tool calls that were refused to the agent: work that was done around them may be half of
/// what was asked for.
fn refused_tools(denials: &[Denial]) -> Option<String> {
    let shown: Vec<String> = denials
        .iter()
        .take(SHOWN_DENIALS)
        .map(|denial| match one_line(denial.reason.trim()) {
            reason if reason.is_empty() => one_line(&denial.tool),
            reason => format!("{} ({reason})", one_line(&denial.tool)),
        })
        .collect();
    let more = denials.len().saturating_sub(SHOWN_DENIALS);
    let rest = if more == 0 {
        String::new()
    } else {
        format!(" and {more} more")
    };
    (!shown.is_empty()).then(|| {
        format!(
            "{} of the agent refused: {}{rest}",
            match denials.len() {
                1 => "1 tool call".to_owned(),
                n => format!("{n} tool calls"),
            },
            shown.join(", ")
        )
    })
}

/// Judges whether the work still fits onto the target as it stands now.
fn freshness(live: &RunCx<'_>, found: &Findings) -> Result<Freshness, OpError> {
    let (Some(target), Some(commit)) = (&live.started.run.target, &found.sealed.commit) else {
        return Ok(Freshness::Current);
    };
    let tip = live.repo.find_ref(target)?;
    if tip.as_ref().map(Oid::as_str) == live.started.run.base.as_deref() {
        return Ok(Freshness::Current);
    }
    let shadow = ShadowRepo::open(
        live.repo,
        &live.world.shadow_dir(&live.started.run.worktree),
    )?;
    let who = identity()?;
    let proposal = MergeProposal {
        target,
        commit,
        mode: merge::MergeMode::FastForwardOrMerge,
        message: "ai: does it fit",
        who: &who,
        when_ms: (live.world.clock)().wall_ms,
    };
    match merge::prepare(live.repo, &shadow, &proposal) {
        Ok(PreparedMerge::AlreadyMerged | PreparedMerge::Ready(_)) => Ok(Freshness::Current),
        Err(MergeError::Conflicts { .. } | MergeError::Unrelated { .. }) => {
            Ok(Freshness::BaseMovedConflicting)
        }
        Err(MergeError::Git(error)) => Err(error.into()),
        Err(MergeError::Ref(error)) => Err(error.into()),
        Err(error) => Err(OpError::Merge {
            task: live.started.task.id.clone(),
            source: Box::new(error),
        }),
    }
}

/// The question to the policy about the [changed paths](ChangedPath) of a run.
pub fn question(
    cx: &Cx,
    (task, run): (&Task, &Run),
    changed: &[ChangedPath],
    mut size: ChangeFacts,
) -> Question {
    let mut question = Question::on_task(Action::RunFinish, task);
    question.resource.run = Some(run.id.to_string());
    question.resource.patterns.clear();
    question.resource.paths = changed.iter().map(|c| c.path.clone()).collect();
    question.facts.diff_files = Some(changed.len() as u64);
    question.facts.diff_lines = Some(size.lines);
    size.tell_places(&mut question);
    question.facts.findings = size.findings;
    question.facts.messages = size.messages;
    question.facts.moves = size.moves;
    question.facts.change_kinds = Some(changed.iter().map(|c| c.change.letter()).collect());
    let paths = changed.iter().map(|one| one.path.as_bytes());
    question.facts.outside_paths = patterns::outside(&cx.rules, &task.paths, paths);
    question
}

/// The remark on paths beyond those of the task, where the policy does not simply allow them.
fn outside_in_words(question: &Question, decision: &DecisionRecord) -> Option<String> {
    let is_told = decision.matched.iter().any(|one| one.rule == OUTSIDE_RULE);
    let outside = question.facts.outside_paths.iter().flatten();
    let shown: Vec<String> = outside
        .take(SHOWN_OUTSIDE)
        .map(|path| path_bytes(path.as_bytes()))
        .collect();
    (is_told && !shown.is_empty())
        .then(|| format!("outside the task's paths: {}", shown.join(", ")))
}

/// The policy's answer to a question about the work of a run, with its record.
pub fn policy_verdict(
    tx: &mut dyn Tx,
    cx: &Cx,
    question: &Question,
) -> Result<(PolicyVerdict, DecisionRecord), OpError> {
    let record = ask::answer_here(tx, cx, question)?;
    Ok((PolicyVerdict::of(record.effect), record))
}
