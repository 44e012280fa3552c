//! `ai policy override add|list|remove`: rules that do not hold for a while.

use clap::{ArgGroup, Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::duration;
use crate::base::shown_time::local;
use crate::base::text::{flowing, one_line};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing};
use crate::domain::policy_override::PolicyOverride;
use crate::ops::agents;
use crate::ops::cx::commit;
use crate::ops::overridden;
use crate::ops::overrides::{self, NewOverride, OverrideEnd};
use crate::store::Access;

/// Have a rule not hold for a while, list such overrides, and take them away
#[derive(Subcommand)]
pub(in crate::cli) enum OverrideCommand {
    /// Have a rule warn in place of what it says, for a while and with a reason
    Add(AddOverrideArgs),
    /// List the overrides that have not ended, and say which of them do not count
    List,
    /// Take an override away: the rule holds again
    Remove(RemoveOverrideArgs),
}

#[derive(Args)]
#[command(group(ArgGroup::new("end").required(true).args(["for", "until"])))]
pub(in crate::cli) struct AddOverrideArgs {
    /// The id of the rule, as `ai policy show` has it
    #[arg(value_name = "RULE")]
    rule: String,
    /// How long it lasts, as 2h or 3d
    #[arg(long, value_name = "DURATION")]
    r#for: Option<String>,
    /// When it ends, as 2026-12-01T18:00:00Z
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The reason, which whoever looks at a decision reads
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Only where these patterns cover every path that is asked about; repeat for more
    #[arg(long, value_name = "GLOB")]
    path: Vec<String>,
    /// Only for this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
    /// Only for this task
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct RemoveOverrideArgs {
    /// The override
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) fn run(command: &OverrideCommand, context: &mut Context) -> Outcome {
    match command {
        OverrideCommand::Add(args) => add(args, context),
        OverrideCommand::List => list(context),
        OverrideCommand::Remove(args) => remove(args, context),
    }
}

/// The end as it was typed.
fn end(args: &AddOverrideArgs) -> Result<OverrideEnd, AppError> {
    if let Some(length) = &args.r#for {
        let length = duration::parse(length)?;
        let ms = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        return Ok(OverrideEnd::After(ms));
    }
    let text = args.until.as_deref().unwrap_or_default();
    let stamp: Result<jiff::Timestamp, _> = text.parse();
    let stamp = stamp.map(|stamp| OverrideEnd::At(stamp.as_millisecond()));
    stamp.map_err(|_| {
        AppError::usage(format!("`{}` is no time", one_line(text)))
            .hint("write it as 2026-12-01T18:00:00Z, or say how long: `--for 2h`")
    })
}

fn add(args: &AddOverrideArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let order = NewOverride {
        rule: args.rule.clone(),
        agent: args
            .agent
            .as_ref()
            .map(|name| agents::agent_name(name).map(|name| name.to_string()))
            .transpose()?,
        task: args.task.clone(),
        paths: args.path.clone(),
        reason: args.reason.clone(),
        end: end(args)?,
    };
    let store = context.store(Access::Write)?;
    let (given, warnings) = commit(store, &cx, |tx, cx| overrides::add(tx, cx, &order))?;
    tell(&given, &warnings, "overridden", context);
    Ok(exit::OK)
}

fn remove(args: &RemoveOverrideArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let (gone, warnings) = commit(store, &cx, |tx, cx| overrides::remove(tx, cx, &args.id))?;
    tell(&gone, &warnings, "holds again", context);
    Ok(exit::OK)
}

fn tell(one: &PolicyOverride, warnings: &[String], what: &str, context: &mut Context) {
    for warning in warnings {
        context.ui.warn(warning);
    }
    if context.ui.json() {
        context.ui.object(one);
        return;
    }
    let until = if what == "overridden" {
        format!(
            " for {} until {}",
            one_line(&one.scope()),
            local(one.until_ms)
        )
    } else {
        String::new()
    };
    context.ui.line(&format!(
        "{}  {} {what}{until}",
        one.id,
        one_line(&one.rule)
    ));
}

fn list(context: &mut Context) -> Outcome {
    let policy = context.workspace.policy().ok();
    let store = context.store(Access::Read)?;
    let active = store.read(|tx| overridden::shown(tx, policy.as_ref(), now().wall_ms))?;
    if context.ui.json() {
        context.ui.objects(&active);
        return Ok(exit::OK);
    }
    let listing = Listing::new(&[
        ("OVERRIDE", 0),
        ("RULE", 0),
        ("UNTIL", 0),
        ("FOR", 0),
        ("BY", 0),
        ("WHY", 0),
    ]);
    let rows: Vec<Vec<Cell>> = active
        .iter()
        .map(|one| {
            let given = &one.given;
            vec![
                given.id.as_str().into(),
                one_line(&given.rule).into(),
                local(given.until_ms).into(),
                one_line(&given.scope()).into(),
                one_line(&given.by.to_string()).into(),
                flowing(&one.reason()).into(),
            ]
        })
        .collect();
    context.ui.list(listing, &rows);
    Ok(exit::OK)
}
