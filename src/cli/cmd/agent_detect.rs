//! `ai agent detect`

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::env;
use crate::base::text::one_line;
use crate::cli::cmd::agent::may_change;
use crate::cli::context::{Context, Outcome};
use crate::connector::registry::ConnectorRegistry;
use crate::ops::detect::{self, DetectedCli, Project, Registration};
use crate::ops::project;
use crate::ops::version_memory::VersionMemory;
use crate::store::local_now;

#[derive(Args)]
pub(in crate::cli) struct DetectArgs {
    /// Register an agent for each one that has none of its name
    #[arg(long)]
    write: bool,
}

pub(super) fn run(args: &DetectArgs, context: &mut Context) -> Outcome {
    let is_usable = context.workspace.require_writable();
    let memory = match context.workspace.place() {
        Ok(place) if is_usable.is_ok() => {
            VersionMemory::below(&project::state_dir(&place.common_dir), local_now().wall_ms)
        }
        Ok(_) | Err(_) => VersionMemory::none(),
    };
    if args.write {
        is_usable?;
    }
    let mut all = detect::installed(&registry(args, context)?, &env::all(), &memory);
    if let Ok(root) = context.workspace.root() {
        detect::mark_registered(root, &mut all);
    }
    if !context.ui.json() {
        show(&all, context);
    }
    if args.write {
        let (root, common_dir) = (
            context.workspace.root()?.to_owned(),
            context.workspace.place()?.common_dir.clone(),
        );
        let new = all.iter().filter(|found| found.agent == Registration::None);
        let new: Vec<String> = new.map(|found| found.connector.to_string()).collect();
        for name in &new {
            may_change(name, context)?;
        }
        detect::register(&root, &common_dir, &mut all)?;
    }
    if context.ui.json() {
        for found in &all {
            context.ui.object(found);
        }
    } else {
        tell(args, &all, context);
    }
    Ok(exit::OK)
}

/// The connectors to ask. Outside of a repository those that come with `ai`, unless agents are to
/// be written.
fn registry(args: &DetectArgs, context: &mut Context) -> Result<ConnectorRegistry, AppError> {
    let (root, common_dir) = match context
        .workspace
        .place()
        .map(|place| place.common_dir.clone())
    {
        Ok(common_dir) => (context.workspace.root()?.to_owned(), common_dir),
        Err(error) if args.write => return Err(error),
        Err(_) => return Ok(ConnectorRegistry::shipped()),
    };
    let (registry, project) = detect::connectors(&root, &common_dir)?;
    if project == Project::Untrusted {
        context.ui.warn(
            "the connectors that this repository brings are not trusted, so they were not asked; see `ai trust --show`",
        );
    }
    for broken in registry.broken() {
        context.ui.warn(&one_line(&broken.to_string()));
    }
    Ok(registry)
}

fn show(all: &[DetectedCli], context: &mut Context) {
    let row = |found: &DetectedCli| {
        let version = one_line(found.version.as_deref().unwrap_or("-"));
        vec![
            found.connector.to_string(),
            version,
            one_line(&found.title),
            found.capabilities.join(","),
        ]
    };
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    context
        .ui
        .table(&["CONNECTOR", "VERSION", "PROGRAM", "CAN"], &rows);
    all.iter().for_each(|found| remark(found, context));
}

fn remark(found: &DetectedCli, context: &mut Context) {
    if let Some(problem) = &found.problem {
        context.ui.say(&format!(
            "  {}: {}: {}",
            found.connector,
            found.program,
            one_line(problem)
        ));
    }
    if found.tested_with.is_none() {
        context.ui.say(&format!(
            "  {}: this connector was never tried with the real program",
            found.connector
        ));
    }
}

fn tell(args: &DetectArgs, all: &[DetectedCli], context: &mut Context) {
    if all.is_empty() {
        context.ui.say("no AI CLI that a connector knows is on PATH; `ai agent register` takes any other command");
    }
    for found in all {
        match found.agent {
            Registration::Written => context
                .ui
                .say(&format!("registered agent {}", found.connector)),
            Registration::Exists if args.write => {
                context.ui.say(&format!(
                    "agent {} is registered already and was left",
                    found.connector
                ));
            }
            _ => {}
        }
    }
    if !args.write && all.iter().any(|found| found.agent == Registration::None) {
        context
            .ui
            .say("register them with `ai agent detect --write`");
    }
}
