//! `ai worktree list|open|rescue|prune`

use std::path::Path;

use clap::{Args, Subcommand};

use crate::base::text::{multi_line, one_line, path_bytes};
use crate::base::{duration, env};
use crate::cli::answer::WorktreeOpened;
use crate::cli::cmd::Outcome;
use crate::cli::cmd::world::world;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit;
use crate::cli::ui::time;
use crate::domain::actor::ActorKind;
use crate::ops::worktree::{self, Ages, Item, Listed, Saved};
use crate::store::Store;
use crate::store::sqlite::Access;

/// List worktrees, go to one, save what stands there, give room back
#[derive(Subcommand)]
pub(in crate::cli) enum WorktreeCommand {
    /// List the worktrees of the pool: who works where, what is not saved, what they occupy
    List(ListArgs),
    /// Print the path of a worktree
    Open(OpenArgs),
    /// Put what stands in a worktree on a rescue reference; the worktree stays as it is
    Rescue(RescueArgs),
    /// Remove what is proven to stand elsewhere: idle worktrees, merged branches and rescues
    Prune(PruneArgs),
}

#[derive(Args)]
pub(in crate::cli) struct ListArgs {}

#[derive(Args)]
pub(in crate::cli) struct OpenArgs {
    /// A task, or the name of a worktree such as w1
    #[arg(value_name = "TASK|SLOT")]
    which: String,
}

#[derive(Args)]
pub(in crate::cli) struct RescueArgs {
    /// The name of a worktree such as w1, or a task
    #[arg(value_name = "SLOT|TASK")]
    which: String,
}

#[derive(Args)]
pub(in crate::cli) struct PruneArgs {
    /// Only show what would go and what stays, each with the reason
    #[arg(long)]
    dry_run: bool,
    /// Do it
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// Leave worktrees alone in which a run began or ended since
    #[arg(long, value_name = "1d", default_value = "1d")]
    idle: String,
    /// How long what was moved out of the way of a run, or pruned, is kept
    #[arg(long, value_name = "30d", default_value = "30d")]
    keep: String,
}

pub(super) fn run(command: &WorktreeCommand, context: &mut Context) -> Outcome {
    match command {
        WorktreeCommand::List(_) => list(context),
        WorktreeCommand::Open(args) => open(args, context),
        WorktreeCommand::Rescue(args) => rescue(args, context),
        WorktreeCommand::Prune(args) => prune(args, context),
    }
}

fn list(context: &mut Context) -> Outcome {
    let world = world(context)?;
    let mut store = context.store(Access::Read)?;
    let runs = store.read(|tx| tx.all_runs())?;
    let all = worktree::list(&world, &world.repo()?, &runs)?;
    for one in &all {
        let more = if context.ui.json() { context.ui.object(one) } else { context.ui.line(&row(one)) };
        if !more {
            break;
        }
    }
    if all.is_empty() {
        context.ui.say("no run has made a worktree yet");
    }
    Ok(exit::OK)
}

fn row(one: &Listed) -> String {
    let dirty = match one.dirty {
        Some(0) => "clean".to_owned(),
        Some(1) => "1 changed file".to_owned(),
        Some(n) => format!("{n} changed files"),
        None => "unknown".to_owned(),
    };
    let branch = one.branch.as_deref().map_or("-".to_owned(), one_line);
    let used = one.last_used_ms.map_or("-".to_owned(), time);
    format!("{:<5} {:<20} {branch}  {dirty}  {}  {used}  {}", one.slot, one.state, size(one.bytes), shown(&one.path))
}

fn open(args: &OpenArgs, context: &mut Context) -> Outcome {
    let world = world(context)?;
    let mut store = context.store(Access::Read)?;
    let found = worktree::find(&world, &world.repo()?, &mut store, &args.which)?;
    if context.ui.json() {
        let (run, task) = (found.last.as_ref().map(|run| &run.id), found.last.as_ref().map(|run| &run.task));
        context.ui.object(&WorktreeOpened { slot: &found.slot, path: &found.path, run, task });
        return Ok(exit::OK);
    }
    context.ui.line(&shown(&found.path));
    context.ui.say(&format!("hint: cd \"$(ai worktree open {})\"", one_line(&args.which)));
    Ok(exit::OK)
}

fn rescue(args: &RescueArgs, context: &mut Context) -> Outcome {
    let world = world(context)?;
    let mut store = context.store(Access::Read)?;
    let repo = world.repo()?;
    let found = worktree::find(&world, &repo, &mut store, &args.which)?;
    let saved = worktree::rescue(&world, &repo, &found)?;
    if context.ui.json() {
        context.ui.object(&saved);
    } else {
        tell_saved(&saved, context);
    }
    Ok(if saved.left_behind.is_empty() { exit::OK } else { exit::FAILED })
}

fn tell_saved(saved: &Saved, context: &mut Context) {
    match &saved.reference {
        Some(reference) => {
            context.ui.line(&format!("{}  {} saved on {reference}", saved.slot, files(saved.files)));
            context.ui.line(&format!("  look at it:  git log -p {reference}"));
            context.ui.line(&format!("  get it back: git switch -c NAME {reference}"));
            context.ui.line(&format!("  or files:    git restore --source={reference} -- PATH"));
        }
        None => _ = context.ui.line(&format!("{}  nothing to save: all of it stands on branches", saved.slot)),
    }
    for left in &saved.left_behind {
        context.ui.warn(&format!("not saved, still in the worktree: {}", multi_line(left)));
    }
}

fn files(n: usize) -> String {
    match n {
        0 => "commits".to_owned(),
        1 => "1 changed file".to_owned(),
        n => format!("{n} changed files"),
    }
}

fn prune(args: &PruneArgs, context: &mut Context) -> Outcome {
    let ages = Ages { idle_ms: milliseconds(&args.idle)?, kept_ms: milliseconds(&args.keep)? };
    if args.yes {
        refuse_agents(context)?;
    }
    let world = world(context)?;
    let repo = world.repo()?;
    let mut store = context.store(if args.yes { Access::Write } else { Access::Read })?;
    let plan = worktree::plan(&world, &repo, &mut store, &ages)?;
    let removals = plan.removals();
    if args.yes {
        let done = worktree::carry_out(&world, &repo, &mut store, plan);
        show(&done, "removed", context);
        let failed = done.iter().filter(|item| item.removes).count() < removals;
        return Ok(if failed { exit::FAILED } else { exit::OK });
    }
    show(&plan.items, "removes", context);
    match args.dry_run || removals == 0 {
        true => Ok(exit::OK),
        false => Err(CliError::new(exit::APPROVAL, "nothing was removed").hint("if that is right, say --yes")),
    }
}

fn milliseconds(text: &str) -> Result<i64, CliError> {
    let parsed = duration::parse(text).map_err(|e| CliError::usage(e.to_string()))?;
    Ok(i64::try_from(parsed.as_millis()).unwrap_or(i64::MAX))
}

/// What goes is a person's decision; an agent in its worktree has no business here.
fn refuse_agents(context: &Context) -> Result<(), CliError> {
    if context.actor()?.kind == ActorKind::Human && env::text(env::AI_RUN).is_none() {
        return Ok(());
    }
    Err(CliError::new(exit::DENIED, "only a person may prune"))
}

fn show(items: &[Item], verb: &str, context: &mut Context) {
    for item in items {
        let more = if context.ui.json() { context.ui.object(item) } else { context.ui.line(&item_row(item, verb)) };
        if !more {
            return;
        }
    }
    if items.is_empty() {
        context.ui.say("there is nothing to prune");
    }
}

fn item_row(item: &Item, verb: &str) -> String {
    let verb = if item.removes { verb } else { "keeps" };
    let bytes = item.bytes.map_or(String::new(), |bytes| format!(" ({})", size(bytes)));
    let back = item.back.as_ref().map_or(String::new(), |back| format!("\n          way back: {}", one_line(back)));
    format!("{verb:<9} {} {}{bytes}: {}{back}", item.kind.name(), one_line(&item.name), one_line(&item.why))
}

fn size(bytes: u64) -> String {
    match bytes >> 10 {
        kib @ 0..=1023 => format!("{kib} KiB"),
        kib if kib < 1 << 20 => format!("{} MiB", kib >> 10),
        kib => format!("{:.1} GiB", kib as f64 / f64::from(1 << 20)),
    }
}

fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_encoded_bytes())
}
