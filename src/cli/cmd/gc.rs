//! `ai gc`

use std::collections::BTreeMap;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::duration;
use crate::base::text::{counted, one_line, size};
use crate::cli::cmd::worktree::{item_row, milliseconds};
use crate::cli::context::{Context, Outcome};
use crate::domain::error_class::ErrorClass;
use crate::domain::retention::Retention;
use crate::ops::gc;
use crate::ops::worktree::{Ages, Item, Kind};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct GcArgs {
    /// Only show what would go and what stays, each with the reason
    #[arg(long)]
    dry_run: bool,
    /// Do it
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// Output of agents may go when its run ended so long ago; else `retention.age`
    #[arg(long, value_name = "90d")]
    age: Option<String>,
    /// Most runs that keep their output; else `retention.runs`
    #[arg(long, value_name = "N")]
    runs: Option<u32>,
    /// Most output that is kept in all, in MiB; else `retention.size_mb`
    #[arg(long, value_name = "N")]
    size_mb: Option<u32>,
    /// Leave worktrees alone in which a run began or ended since
    #[arg(long, value_name = "1d", default_value = "1d")]
    idle: String,
    /// How long what was given up before is kept
    #[arg(long, value_name = "30d", default_value = "30d")]
    keep: String,
}

pub(super) fn run(args: &GcArgs, context: &mut Context) -> Outcome {
    let ages = Ages {
        idle_ms: milliseconds(&args.idle)?,
        kept_ms: milliseconds(&args.keep)?,
    };
    if args.yes {
        // A person decides what goes.
        context.workspace.refuse_agents("give room back")?;
    }
    let world = context.world()?;
    let limits = limits(args, &world.config.retention)?;
    let repo = world.repo()?;
    let store = context.store(if args.yes {
        Access::Write
    } else {
        Access::Read
    })?;
    let _alone = if args.yes {
        Some(gc::alone(&world)?)
    } else {
        None
    };
    let plan = gc::plan(&world, &repo, store, (&limits, &ages))?;
    let removals = plan.removals();
    if args.yes {
        let done = gc::carry_out(&world, &repo, store, plan);
        let gone = done.iter().filter(|item| item.removes).count();
        show(done.iter(), "removed", context);
        return Ok(if gone < removals {
            exit::FAILED
        } else {
            exit::OK
        });
    }
    show(plan.items(), "removes", context);
    if args.dry_run || removals == 0 {
        return Ok(exit::OK);
    }
    Err(
        AppError::new(ErrorClass::ApprovalNeeded, "nothing was removed")
            .hint("if that is right, say --yes"),
    )
}

fn limits(args: &GcArgs, configured: &Retention) -> Result<Retention, AppError> {
    let age = args.age.as_deref().map(duration::parse).transpose()?;
    Ok(Retention {
        age: age.unwrap_or(configured.age),
        runs: args.runs.or(configured.runs),
        size_mb: args.size_mb.or(configured.size_mb),
    })
}

/// Shows each thing; output that stays is summed up for a person, since there may be thousands of runs.
fn show<'a>(items: impl Iterator<Item = &'a Item>, verb: &str, context: &mut Context) {
    let mut stays: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let (mut seen, mut going) = (0_u64, 0_u64);
    for item in items {
        seen += 1;
        if item.removes && item.kind == Kind::Output {
            going += item.bytes.unwrap_or_default();
        }
        let more = if context.ui.json() {
            context.ui.object(item)
        } else if item.kind == Kind::Output && !item.removes {
            let (runs, bytes) = stays.entry(item.why.to_string()).or_default();
            *runs += 1;
            *bytes += item.bytes.unwrap_or_default();
            true
        } else {
            context.ui.line(&item_row(item, verb))
        };
        if !more {
            return;
        }
    }
    for (why, (runs, bytes)) in stays {
        let (runs, size) = (counted(runs, "run"), size(bytes));
        let why = one_line(&why);
        if !context
            .ui
            .line(&format!("{:<9} output of {runs} ({size}): {why}", "keeps"))
        {
            return;
        }
    }
    if seen == 0 {
        context.ui.say("there is nothing to give up");
    } else if going > 0 && !context.ui.json() {
        let size = size(going);
        context.ui.say(&match verb {
            "removed" => format!("{size} of output lie in .ai/state/pruned now, for --keep longer"),
            _ => format!("{size} of output would lie in .ai/state/pruned, for --keep longer"),
        });
    }
}
