//! `ai worktree list|open|rescue|adopt|prune`

use std::path::Path;

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::lease_time::lease_ms;
use crate::base::duration;
use crate::base::shown_time::time;
use crate::base::text::{counted, multi_line, one_line, path_bytes, size};
use crate::cli::answer::{Granted, WorktreeAdopted, WorktreeLook, WorktreeOpened};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::error_class::ErrorClass;
use crate::ops::create::NewTask;
use crate::ops::worktree::{
    self, AdoptableWorktree, Adopted, Ages, Item, ListedWorktree, Saved, Wanted,
};
use crate::store::Access;

/// List worktrees, go to one, save what stands there, take one up, give room back
#[derive(Subcommand)]
pub(in crate::cli) enum WorktreeCommand {
    /// List the worktrees: who works where, what is not saved, what they occupy
    List(WorktreeListArgs),
    /// Print the path of a worktree
    Open(OpenArgs),
    /// Put what stands in a worktree on a rescue reference; the worktree stays as it is
    Rescue(RescueArgs),
    /// Take up a worktree that you or another tool made: its work is saved, and the task claimed
    /// for you
    Adopt(AdoptArgs),
    /// Remove what is proven to stand elsewhere: idle worktrees, merged branches and rescues
    Prune(PruneArgs),
}

#[derive(Args)]
pub(in crate::cli) struct WorktreeListArgs {}

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
pub(in crate::cli) struct AdoptArgs {
    /// The worktree, or the branch that is checked out in it; without it, the one in which you are
    #[arg(value_name = "PATH|BRANCH")]
    place: Option<String>,
    /// The task that the work belongs to; without it, a new one
    #[arg(long, value_name = "ID")]
    task: Option<String>,
    /// The title of the new task
    #[arg(long, conflicts_with = "task")]
    title: Option<String>,
    /// How long the lease lasts without a heartbeat
    #[arg(long, value_name = "30m")]
    ttl: Option<String>,
    /// Only say what would be done, and whether something is in the way
    #[arg(long)]
    dry_run: bool,
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
        WorktreeCommand::Adopt(args) => adopt(args, context),
        WorktreeCommand::Prune(args) => prune(args, context),
    }
}

fn list(context: &mut Context) -> Outcome {
    let world = context.world()?;
    let store = context.store(Access::Read)?;
    let runs = store.read(|tx| tx.all_runs())?;
    let all = worktree::list(&world, &world.repo()?, store, &runs)?;
    let listing = Listing::new(&[
        ("SLOT", 4),
        ("STATE", 19),
        ("BRANCH", 0),
        ("CHANGES", 0),
        ("SIZE", 0),
        ("LAST USED", 0),
        ("PATH", 0),
    ]);
    let mut rows = Vec::new();
    for one in &all {
        let more = if context.ui.json() {
            context.ui.object(one)
        } else {
            let cells = row(one, context);
            rows.push(cells.to_vec());
            true
        };
        if !more {
            break;
        }
    }
    context.ui.list(listing, &rows);
    if all.is_empty() {
        context.ui.say("no run has made a worktree yet");
    }
    Ok(exit::OK)
}

fn row(one: &ListedWorktree, context: &Context) -> [Cell; 7] {
    let dirty = match one.dirty {
        Some(0) => "clean".to_owned(),
        Some(n) => counted(n, "changed file"),
        None => "unknown".to_owned(),
    };
    let branch = one.branch.as_deref().map_or("-".to_owned(), one_line);
    let used = one.last_used_ms;
    let used = used.map_or("-".to_owned(), |ms| context.ui.when(ms));
    [
        one_line(&one.slot).into(),
        one.state.to_string().into(),
        branch.into(),
        dirty.into(),
        size(one.bytes).into(),
        used.into(),
        shown(&one.path).into(),
    ]
}

fn open(args: &OpenArgs, context: &mut Context) -> Outcome {
    let world = context.world()?;
    let store = context.store(Access::Read)?;
    let found = worktree::find(&world, &world.repo()?, store, &args.which)?;
    if context.ui.json() {
        let (run, task) = (found.last.as_ref().map(|run| &run.id), found.task());
        context.ui.object(&WorktreeOpened {
            slot: &found.slot,
            path: &found.path,
            run,
            task,
        });
        return Ok(exit::OK);
    }
    context.ui.line(&shown(&found.path));
    // Not inside of that very `$(…)`.
    if context.ui.is_terminal() {
        context.ui.say(&format!(
            "hint: cd \"$(ai worktree open {})\"",
            one_line(&args.which)
        ));
    }
    Ok(exit::OK)
}

fn rescue(args: &RescueArgs, context: &mut Context) -> Outcome {
    let world = context.world()?;
    let store = context.store(Access::Read)?;
    let repo = world.repo()?;
    let found = worktree::find(&world, &repo, store, &args.which)?;
    let saved = worktree::rescue(&world, &repo, &found)?;
    if context.ui.json() {
        context.ui.object(&saved);
    } else {
        tell_saved(&saved, context);
    }
    Ok(if saved.left_behind.is_empty() {
        exit::OK
    } else {
        exit::FAILED
    })
}

fn tell_saved(saved: &Saved, context: &mut Context) {
    match &saved.reference {
        Some(reference) => {
            context.ui.line(&format!(
                "{}  {} saved on {reference}",
                saved.slot,
                files(saved.files)
            ));
            context
                .ui
                .line(&format!("  look at it:  git log -p {reference}"));
            context
                .ui
                .line(&format!("  get it back: git switch -c NAME {reference}"));
            context.ui.line(&format!(
                "  or files:    git restore --source={reference} -- PATH"
            ));
        }
        None if saved.left_behind.is_empty() => {
            context.ui.line(&format!(
                "{}  nothing to save: all of it stands on branches",
                saved.slot
            ));
        }
        None => {
            context.ui.line(&format!(
                "{}  nothing was saved: what does not stand on branches cannot be",
                saved.slot
            ));
        }
    }
    for left in &saved.left_behind {
        context.ui.warn(&format!(
            "not saved, still in the worktree: {}",
            multi_line(left)
        ));
    }
}

fn files(n: usize) -> String {
    match n {
        0 => "commits".to_owned(),
        n => counted(n, "changed file"),
    }
}

fn adopt(args: &AdoptArgs, context: &mut Context) -> Outcome {
    let ttl_ms = lease_ms(&context.workspace, args.ttl.as_deref())?;
    let world = context.world()?;
    let repo = world.repo()?;
    let here = context.workspace.start_dir()?;
    let place = args.place.as_ref().map_or(Ok(here.clone()), |typed| {
        worktree::place(&repo, &here, typed)
    })?;
    let store = context.store(if args.dry_run {
        Access::Read
    } else {
        Access::Write
    })?;
    let look = worktree::look(&world, &repo, store, &place)?;
    let wanted = match &args.task {
        Some(id) => Wanted::Task(id.clone()),
        None => Wanted::New(Box::new(NewTask {
            title: title(args, &look),
            ..NewTask::default()
        })),
    };
    if args.dry_run {
        show_look(args, &look, context);
        return Ok(exit::OK);
    }
    let cx = context.workspace.cx()?;
    let adopted = worktree::adopt(&world, &repo, store, (&cx, ttl_ms), (&look, &wanted))?;
    show_adopted(&adopted, context);
    Ok(exit::OK)
}

fn title(args: &AdoptArgs, look: &AdoptableWorktree) -> String {
    let name = || {
        look.path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    args.title
        .clone()
        .unwrap_or_else(|| format!("Work of {}", look.branch().map_or_else(name, str::to_owned)))
}

fn show_look(args: &AdoptArgs, look: &AdoptableWorktree, context: &mut Context) {
    let answer = WorktreeLook {
        path: look.path(),
        branch: look.branch(),
        task: args.task.as_deref(),
        title: args.task.is_none().then(|| title(args, look)),
        base: look.base.as_ref().map(ToString::to_string),
        target: look.target.as_deref(),
        files: look.files,
        dirty: look.dirty,
    };
    if context.ui.json() {
        context.ui.object(&answer);
        return;
    }
    let what = match (&answer.task, &answer.title) {
        (Some(id), _) => format!("task {}", one_line(id)),
        (None, title) => format!(
            "a new task \"{}\"",
            one_line(title.as_deref().unwrap_or_default())
        ),
    };
    context
        .ui
        .line(&format!("would take up {} for {what}", shown(look.path())));
    context.ui.line(&format!(
        "  {}",
        since(look.files, answer.base.as_deref(), look.target.as_deref())
    ));
    context
        .ui
        .line(&format!("  {} not committed", counted(look.dirty, "file")));
}

fn show_adopted(adopted: &Adopted, context: &mut Context) {
    for warning in &adopted.claimed.warnings {
        context.ui.warn(warning);
    }
    let (task, lease, one) = (
        &adopted.claimed.task,
        &adopted.claimed.lease,
        &adopted.adoption,
    );
    if context.ui.json() {
        let lease = Granted::new(lease, &adopted.claimed.token);
        context.ui.object(&WorktreeAdopted {
            task,
            lease,
            adoption: one,
        });
        return;
    }
    let title = one_line(&task.title);
    context.ui.line(&format!(
        "{}  claimed by {} until {}  {title}",
        task.id,
        lease.holder,
        time(lease.expires_ms)
    ));
    context
        .ui
        .line(&format!("  worktree  {}", shown(&one.path)));
    context.ui.line(&format!(
        "  work      {}",
        since(one.files, one.base.as_deref(), one.target.as_deref())
    ));
    if let Some(reference) = &one.rescue {
        context.ui.line(&format!("  saved on  {reference}"));
    }
    context
        .ui
        .line(&format!("lease  {}", adopted.claimed.token.reveal()));
    context.ui.say(&format!(
        "hint: `ai task done {}` there hands the work in",
        task.id
    ));
}

/// Describes the size of the work and where it branched off.
fn since(files: usize, base: Option<&str>, target: Option<&str>) -> String {
    let base = base.map_or(String::new(), |base| {
        format!(" since {}", &base[..base.len().min(12)])
    });
    let target = target.map_or(String::new(), |name| {
        format!(" of {}", one_line(name.trim_start_matches("refs/heads/")))
    });
    format!("{} changed{base}{target}", counted(files, "file"))
}

fn prune(args: &PruneArgs, context: &mut Context) -> Outcome {
    let ages = Ages {
        idle_ms: milliseconds(&args.idle)?,
        kept_ms: milliseconds(&args.keep)?,
    };
    if args.yes {
        // A person decides which worktrees go.
        context.workspace.refuse_agents("prune")?;
    }
    let world = context.world()?;
    let repo = world.repo()?;
    let store = context.store(if args.yes {
        Access::Write
    } else {
        Access::Read
    })?;
    let plan = worktree::plan(&world, &repo, store, &ages)?;
    let removals = plan.removals();
    if args.yes {
        let done = worktree::carry_out(&world, &repo, store, plan);
        show(&done, "removed", context);
        let failed = done.iter().filter(|item| item.removes).count() < removals;
        return Ok(if failed { exit::FAILED } else { exit::OK });
    }
    show(&plan.items, "removes", context);
    if args.dry_run || removals == 0 {
        Ok(exit::OK)
    } else {
        Err(
            AppError::new(ErrorClass::ApprovalNeeded, "nothing was removed")
                .hint("if that is right, say --yes"),
        )
    }
}

pub(super) fn milliseconds(text: &str) -> Result<i64, AppError> {
    let parsed = duration::parse(text)?;
    Ok(i64::try_from(parsed.as_millis()).unwrap_or(i64::MAX))
}

fn show(items: &[Item], verb: &str, context: &mut Context) {
    for item in items {
        let more = if context.ui.json() {
            context.ui.object(item)
        } else {
            context.ui.line(&item_row(item, verb))
        };
        if !more {
            return;
        }
    }
    if items.is_empty() {
        context.ui.say("there is nothing to prune");
    }
}

pub(super) fn item_row(item: &Item, verb: &str) -> String {
    let verb = if item.removes { verb } else { "keeps" };
    let bytes = item
        .bytes
        .map_or(String::new(), |bytes| format!(" ({})", size(bytes)));
    let back = item.back.as_ref().map_or(String::new(), |back| {
        format!("\n          way back: {}", one_line(back))
    });
    format!(
        "{verb:<9} {} {}{bytes}: {}{back}",
        item.kind.name(),
        one_line(&item.name),
        one_line(&item.why.to_string())
    )
}

fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_encoded_bytes())
}
