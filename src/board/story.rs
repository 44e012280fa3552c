//! What the pages of the pane say of a task, looked up by the operations that the command line asks.
//!
//! A page that cannot be looked up says why, and the next command; the board goes on.

use std::path::Path;

use crate::app::error::AppError;
use crate::app::workspace::Workspace;
use crate::base::fs;
use crate::base::shown_time::local;
use crate::base::text::{counted, flowing, multi_line, one_line};
use crate::board::detail::{BoardTone, DetailLine, DetailPage, KEPT};
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::ids::TaskId;
use crate::domain::task::Task;
use crate::ops::agent_log::{self, Said};
use crate::ops::budget::BudgetStanding;
use crate::ops::error::OpError;
use crate::ops::refusal::seconds;
use crate::ops::review::{self, Review};
use crate::ops::run::files::RunDir;
use crate::ops::{agents, budget, cx, why, why_agent};
use crate::store::Store;

/// Most bytes of a patch that are shown.
const PATCH: u64 = 512 << 10;
/// Most decisions that are shown.
const DECISIONS: u64 = 200;

/// The head and the lines of a page.
pub(super) type Told = (String, Vec<DetailLine>);

/// A page about a task. The words of its agent are no part of it. `state` is the directory of the store.
pub(super) fn told(
    workspace: &Workspace,
    store: &mut dyn Store,
    (task, page): (&str, DetailPage),
    state: &Path,
) -> Result<Told, AppError> {
    let id = TaskId(task.to_owned());
    let task = store.read(|tx| cx::load(tx, &id))?;
    let lines = match page {
        DetailPage::Why => of_why(workspace, store, &task)?,
        DetailPage::Log => Vec::new(),
        DetailPage::Diff => of_diff(store, &id, state)?,
        DetailPage::Checks => of_checks(&store.read(|tx| review::load(tx, id.as_str()))?),
        DetailPage::Decisions => {
            let all = store.read(|tx| tx.decisions(Some(&id), Some(DECISIONS)))?;
            let lines: Vec<DetailLine> = all.iter().rev().flat_map(of_decision).collect();
            or_nothing(lines, "the policy was asked nothing about it yet")
        }
        DetailPage::Budget => of_budget(workspace, store, &task)?,
    };
    Ok((head(&task), lines))
}

fn head(task: &Task) -> String {
    format!(
        "{}  {}  {}",
        task.id,
        task.status_text(),
        one_line(&task.title)
    )
}

/// An error as lines.
pub(super) fn of_error(error: &AppError) -> Vec<DetailLine> {
    let mut lines = vec![DetailLine::toned(one_line(&error.message), BoardTone::Bad)];
    if let Some(hint) = &error.hint {
        lines.push(DetailLine::plain(format!("next: {}", one_line(hint))));
    }
    lines
}

/// A saying of an agent as lines.
pub(super) fn of_saying(said: &Said) -> Vec<DetailLine> {
    let Some(text) = agent_log::text(said) else {
        return Vec::new();
    };
    let tone = match text.as_bytes().first() {
        Some(b'!') => BoardTone::Bad,
        Some(b'<' | b'>' | b'(') => BoardTone::Faint,
        Some(b'*') => BoardTone::Good,
        _ => BoardTone::Plain,
    };
    lines_of(&text, tone)
}

/// The lines of a text that is safe to show. A terminal knows its own way with tabs, and cells do not.
fn lines_of(text: &str, tone: BoardTone) -> Vec<DetailLine> {
    let line = |line: &str| DetailLine::toned(line.replace('\t', "    "), tone);
    text.lines().map(line).collect()
}

fn or_nothing(lines: Vec<DetailLine>, nothing: &str) -> Vec<DetailLine> {
    if lines.is_empty() {
        return vec![DetailLine::toned(nothing, BoardTone::Faint)];
    }
    lines
}

/// A line of a name and a text.
fn row(name: &str, text: &str) -> DetailLine {
    DetailLine::plain(format!("{name:<10} {text}"))
}

fn of_why(
    workspace: &Workspace,
    store: &mut dyn Store,
    task: &Task,
) -> Result<Vec<DetailLine>, AppError> {
    let cx = workspace.cx_for_reading()?;
    let config = workspace.config()?;
    let (_, mut gates) = store.read(|tx| why::why(tx, &cx, config, task.id.as_str()))?;
    // Agents are files: where they cannot be looked at, what holds the task is told all the same.
    let world = workspace.world(Box::new(|_| ()))?;
    let _told_by_ai_why = why_agent::add(&world, store, task, &mut gates);
    let mut lines = Vec::new();
    for gate in &gates {
        let text = format!("{:<10} {}", gate.gate, flowing(&gate.text));
        lines.push(DetailLine::toned(text, BoardTone::Waiting));
        if let Some(next) = &gate.next {
            lines.push(row("next", &one_line(next)));
        }
    }
    let labels: Vec<String> = task.labels.iter().map(|label| one_line(label)).collect();
    let what = format!("{}, priority {}", one_line(&task.kind), task.priority);
    let labels = match labels.as_slice() {
        [] => String::new(),
        some => format!("; {}", some.join(", ")),
    };
    lines.push(row("type", &format!("{what}{labels}")));
    if !task.paths.is_empty() {
        let paths: Vec<String> = task
            .paths
            .iter()
            .map(|path| one_line(&path.pattern))
            .collect();
        lines.push(row("paths", &paths.join(", ")));
    }
    if let Some(step) = &task.next_step {
        lines.push(row("next step", &flowing(step)));
    }
    for note in task.notes.iter().rev() {
        let who = one_line(&note.by.to_string());
        lines.push(row("note", &format!("{who}: {}", flowing(&note.text))));
    }
    if !task.body.is_empty() {
        lines.push(DetailLine::plain(""));
        lines.extend(lines_of(&multi_line(&task.body), BoardTone::Plain));
    }
    Ok(lines)
}

/// The change of the newest run, from the patch that was written of it.
fn of_diff(store: &mut dyn Store, id: &TaskId, state: &Path) -> Result<Vec<DetailLine>, AppError> {
    let run = store.read(|tx| agent_log::find(tx, id.as_str()))?;
    let path = RunDir::below(state, &run.id).patch();
    let patch = match fs::read_start(&path, PATCH) {
        Ok(patch) => patch,
        Err(error) if error.is_not_found() => {
            let text = format!(
                "run {} has left no change yet: it is taken down when the agent has ended",
                run.id
            );
            return Ok(vec![DetailLine::toned(text, BoardTone::Faint)]);
        }
        Err(error) => return Err(error.into()),
    };
    let text = String::from_utf8_lossy(&patch);
    let line = |line: &str| {
        let tone = match line.as_bytes().first() {
            Some(b'+') => BoardTone::Good,
            Some(b'-') => BoardTone::Bad,
            Some(b'd' | b'i' | b'@') => BoardTone::Strong,
            _ => BoardTone::Plain,
        };
        DetailLine::toned(multi_line(line).replace('\t', "    "), tone)
    };
    let mut lines: Vec<DetailLine> = text.lines().take(KEPT).map(line).collect();
    if lines.len() == KEPT || patch.len() as u64 == PATCH {
        let text = format!("(cut: `ai review {id}` shows all of it)");
        lines.push(DetailLine::toned(text, BoardTone::Faint));
    }
    Ok(or_nothing(lines, "the run has changed nothing"))
}

fn of_checks(review: &Review) -> Vec<DetailLine> {
    let run = &review.run;
    let mut lines = vec![row(
        "run",
        &format!(
            "{} by {} on {}",
            run.id,
            one_line(&run.agent),
            one_line(&run.branch)
        ),
    )];
    match &run.end {
        None => lines.push(row(
            "verdict",
            &format!("none yet: it is at step {}", run.step.name()),
        )),
        Some(end) => {
            let cell = end.cell;
            lines.push(row("verdict", end.outcome.as_str()));
            lines.push(row(
                "because",
                &format!(
                    "{}, checks {}, policy {}, {}",
                    cell.lifecycle, cell.verification, cell.policy, cell.freshness
                ),
            ));
            lines.extend(lines_of(
                &multi_line(end.told_afterwards()),
                BoardTone::Plain,
            ));
        }
    }
    for warning in review.warnings() {
        let text = format!("{:<10} {}", "warning", flowing(&warning));
        lines.push(DetailLine::toned(text, BoardTone::Waiting));
    }
    let checks = review.checks();
    lines.extend(checks.map(|check| {
        row(
            "check",
            &format!("{} {}", one_line(&check.name), review::told_check(check)),
        )
    }));
    lines
}

fn of_decision(record: &DecisionRecord) -> [DetailLine; 2] {
    let tone = match record.effect {
        Effect::Allow => BoardTone::Good,
        Effect::Warn | Effect::RequireApproval => BoardTone::Waiting,
        Effect::Deny => BoardTone::Bad,
    };
    let head = format!(
        "{}  {}  {}  {}  {}",
        local(record.at_ms),
        record.id,
        record.action,
        record.effect,
        one_line(&record.actor.label())
    );
    let why = format!("  {}: {}", one_line(&record.rule), flowing(&record.reason));
    [DetailLine::toned(head, tone), DetailLine::plain(why)]
}

fn of_budget(
    workspace: &Workspace,
    store: &mut dyn Store,
    task: &Task,
) -> Result<Vec<DetailLine>, AppError> {
    let cx = workspace.cx_for_reading()?;
    let config = workspace.config()?;
    let files = agents::list(workspace.root()?)?;
    let (spent, runs, all) = store.read(|tx| -> Result<_, OpError> {
        let runs = tx.runs(&task.id)?;
        Ok((
            tx.task_spent(&task.id)?,
            runs,
            budget::overview(tx, &cx, config, &files.agents)?,
        ))
    })?;
    let at_least = if spent.unpriced + spent.bounded > 0 {
        " at least"
    } else {
        ""
    };
    let took = seconds(i64::try_from(spent.ms).unwrap_or(i64::MAX));
    let mut lines = vec![row(
        "spent",
        &format!(
            "{}, {took}, {}, {}{at_least}",
            counted(spent.runs, "run"),
            counted(spent.tokens, "token"),
            spent.cost
        ),
    )];
    let most = task.max_attempts.unwrap_or(config.defaults.max_attempts);
    lines.push(row("attempts", &format!("{} of {most}", task.attempts)));
    let agent = runs.last().map(|run| run.agent.as_str());
    let is_about = |standing: &&BudgetStanding| match standing.of.as_deref() {
        None => true,
        Some(of) => of == task.id.as_str() || Some(of) == agent,
    };
    let levels: Vec<DetailLine> = all.iter().filter(is_about).map(of_level).collect();
    lines.extend(or_nothing(
        levels,
        "no budget is set; `budgets` in .ai/config.yaml sets them",
    ));
    Ok(lines)
}

fn of_level(standing: &BudgetStanding) -> DetailLine {
    let level = &standing.level;
    let of = standing
        .of
        .as_deref()
        .map_or(String::new(), |of| format!(" of {}", one_line(of)));
    let (up, tone) = if level.is_used_up() {
        ("  used up", BoardTone::Bad)
    } else {
        ("", BoardTone::Plain)
    };
    DetailLine::toned(format!("{}{of}: {level}{up}", level.name()), tone)
}
