//! `ai digest`

use clap::Args;

use crate::app::exit;
use crate::base::columns;
use crate::base::text::{counted, flowing, one_line};
use crate::cli::cmd::friction;
use crate::cli::cmd::policy::log::since;
use crate::cli::context::{Context, Outcome};
use crate::ops::digest::{CameTo, Digest, DigestAgent, DigestTask, NextStep, digest};
use crate::ops::needs_you::{self, Need};
use crate::ops::refusal::seconds;
use crate::store::Access;

/// Number of next steps and frictions that a person is shown; `--json` has all.
const SHOWN: usize = 20;

#[derive(Args)]
pub(in crate::cli) struct DigestArgs {
    /// Tell of the last so long, as 8h or 3d
    #[arg(long, value_name = "DURATION", default_value = "1d")]
    since: String,
}

pub(super) fn run(args: &DigestArgs, context: &mut Context) -> Outcome {
    let since_ms = since(&args.since)?;
    let world = context.world()?;
    let store = context.store(Access::Read)?;
    let digest = digest(&world, store, since_ms)?;
    if context.ui.json() {
        context.ui.object(&digest);
        return Ok(exit::OK);
    }
    show(&digest, context);
    Ok(exit::OK)
}

fn show(digest: &Digest, context: &mut Context) {
    let since = context.ui.when(digest.since_ms);
    context
        .ui
        .line(&format!("since {since}: {}", tally(digest)));
    for came_to in CameTo::ALL {
        let tasks = digest.tasks.iter().filter(|task| task.came_to == came_to);
        let rows: Vec<Vec<String>> = tasks.map(row).collect();
        tasks_part(&format!("{}:", came_to.heading()), &rows, context);
    }
    if digest.unread_records > 0 {
        let records = counted(digest.unread_records, "record");
        let said =
            format!("{records} of that time cannot be read by this version, and may say more");
        context.ui.warn(&said);
    }
    let needs: Vec<Vec<String>> = digest.needs_you.iter().map(needs_you::row).collect();
    part("needs you:", &needs, context);
    let steps: Vec<Vec<String>> = digest.next.iter().take(SHOWN).map(step).collect();
    part("next steps:", &steps, context);
    and_more(digest.next.len(), ("task", "ai schedule"), context);
    let frictions: Vec<Vec<String>> = digest
        .frictions
        .iter()
        .take(SHOWN)
        .map(friction::row)
        .collect();
    part("frictions:", &frictions, context);
    and_more(
        digest.frictions.len(),
        ("friction", "ai friction list"),
        context,
    );
    let agents: Vec<Vec<String>> = digest.agents.iter().map(agent).collect();
    part("what the runs took:", &agents, context);
}

/// The same for tasks, whose last cell says what became of them in words: where a terminal has no room for it beside the others,
/// it stands below.
fn tasks_part(heading: &str, rows: &[Vec<String>], context: &mut Context) {
    let widest = columns::widest(rows);
    let needed = widest.iter().sum::<usize>() + 2 * widest.len();
    if context.ui.columns().is_none_or(|most| needed <= most) {
        return part(heading, rows, context);
    }
    if !rows.is_empty() {
        context.ui.line(heading);
    }
    for row in rows {
        let Some((what, before)) = row.split_last() else {
            continue;
        };
        let before: Vec<&str> = before
            .iter()
            .map(String::as_str)
            .filter(|cell| !cell.is_empty())
            .collect();
        context.ui.behind("  ", &before.join("  "));
        if !what.is_empty() {
            context.ui.behind("    ", what);
        }
    }
}

fn part(heading: &str, rows: &[Vec<String>], context: &mut Context) {
    if !rows.is_empty() {
        context.ui.line(heading);
        context.ui.table_below(rows);
    }
}

/// Names the command that shows the rest.
fn and_more(all: usize, (what, command): (&str, &str), context: &mut Context) {
    let more = all.saturating_sub(SHOWN);
    if more > 0 {
        let rest = counted(more, &format!("more {what}"));
        context.ui.line(&format!("  and {rest}: `{command}`"));
    }
}

fn tally(digest: &Digest) -> String {
    let count = |came_to| {
        let all = digest.tasks.iter().filter(|task| task.came_to == came_to);
        all.count()
    };
    let told = CameTo::ALL
        .into_iter()
        .filter(|came_to| count(*came_to) > 0);
    let mut parts: Vec<String> = told
        .map(|came_to| format!("{} {}", count(came_to), came_to.heading()))
        .collect();
    if parts.is_empty() {
        parts.push("nothing came to an end".to_owned());
    }
    let needs = digest.needs_you.len();
    let verb = if needs == 1 { "needs" } else { "need" };
    let of_a_kind = |one: &Need| {
        let same = digest.needs_you.iter().filter(|need| need.kind == one.kind);
        same.count()
    };
    // Of each kind so many are looked up at most.
    let are_more = digest
        .needs_you
        .iter()
        .any(|need| of_a_kind(need) >= needs_you::SHOWN);
    let least = if are_more { "at least " } else { "" };
    format!(
        "{}; {least}{needs} {verb} you, {} open besides",
        parts.join(", "),
        digest.next.len()
    )
}

fn row(task: &DigestTask) -> Vec<String> {
    let landed = match (&task.target, &task.commit) {
        (Some(target), Some(commit)) => format!(
            "in {} as {}",
            target.strip_prefix("refs/heads/").unwrap_or(target),
            short(commit)
        ),
        (None, Some(commit)) => format!("proven at {}", short(commit)),
        (_, None) => String::new(),
    };
    let why = task.why.as_deref().map(flowing);
    let what = match (landed.is_empty(), why) {
        (true, why) => why.unwrap_or_default(),
        (false, None) => landed,
        (false, Some(why)) => format!("{landed}: {why}"),
    };
    let title = match &task.recurring {
        Some(name) => format!("{} (recurring {name})", task.title),
        None => task.title.clone(),
    };
    let cells = [task.task.as_str(), &title, &task.by, &what];
    cells.iter().map(|cell| one_line(cell)).collect()
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

fn step(next: &NextStep) -> Vec<String> {
    let command = next.command.as_deref().unwrap_or("-");
    let cells = [next.task.as_str(), &next.step, command, &next.title];
    cells.iter().map(|cell| one_line(cell)).collect()
}

fn agent(used: &DigestAgent) -> Vec<String> {
    let least = match used.lower_bound_runs {
        0 => "",
        _ => "at least ",
    };
    let cost = match used.unpriced_runs {
        0 => format!("{least}${:.2}", used.cost_usd),
        all if all == used.runs => "price unknown".to_owned(),
        some => format!("{least}${:.2}, and {some} of unknown price", used.cost_usd),
    };
    vec![
        one_line(&used.agent),
        counted(used.runs, "run"),
        format!("{} good", used.good),
        format!("{} bad", used.bad),
        seconds(i64::try_from(used.ms).unwrap_or(i64::MAX)),
        format!("{least}{} tokens", used.tokens),
        cost,
    ]
}
