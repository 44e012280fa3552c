//! `ai agent doctor`

use std::collections::BTreeSet;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::{flowing, one_line};
use crate::cli::cmd::doctor::tone;
use crate::cli::context::{Context, Outcome};
use crate::cli::look::Cell;
use crate::domain::error_class::ErrorClass;
use crate::ops::agent_doctor::{self, AgentFinding};
use crate::ops::doctor::{Finding, Level};
use crate::ops::world::World;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct AgentDoctorArgs {
    /// Only these agents
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Give each a harmless prompt too, in a small repository made for it; costs a few tokens
    #[arg(long = "try")]
    try_out: bool,
    /// Do not ask whether to try
    #[arg(long, short, requires = "try_out")]
    yes: bool,
}

pub(super) fn run(args: &AgentDoctorArgs, context: &mut Context) -> Outcome {
    let world = context.world()?;
    let store = context.store(Access::Read)?;
    let mut found = agent_doctor::examine(&world, store, &args.names)?;
    show(&found, context);
    if found.is_empty() {
        context.ui.say("no agent is registered; `ai agent detect --write` registers the CLIs that are installed");
    }
    if args.try_out {
        found.extend(try_all(args, &world, &found, context)?);
    }
    let broken = found.iter().any(|one| one.finding.level == Level::Bad);
    Ok(if broken { exit::FAILED } else { exit::OK })
}

/// Tries every agent of which nothing is broken yet.
fn try_all(
    args: &AgentDoctorArgs,
    world: &World,
    found: &[AgentFinding],
    context: &mut Context,
) -> Result<Vec<AgentFinding>, AppError> {
    let all: BTreeSet<&str> = found.iter().map(|one| one.agent.as_str()).collect();
    let broken = |name: &str| {
        found
            .iter()
            .any(|one| one.agent == name && one.finding.level == Level::Bad)
    };
    let (left, sound): (Vec<&str>, Vec<&str>) = all.into_iter().partition(|name| broken(name));
    left.iter().for_each(|name| {
        context
            .ui
            .say(&format!("{name} is not tried: something of it is broken"))
    });
    if sound.is_empty() || !consent(args, &sound, context)? {
        return Ok(Vec::new());
    }
    let mut tried = Vec::new();
    for name in sound {
        let one = match agent_doctor::trial(world, name) {
            Ok(end) => AgentFinding {
                class: Some(end.class),
                ..AgentFinding::of(name, end.finding)
            },
            Err(error) if error.is_interruption() => return Err(error.into()),
            Err(error) => {
                let next = error
                    .hint()
                    .unwrap_or_else(|| format!("ai agent show {name}"));
                AgentFinding::of(name, Finding::bad("trial", error.to_string()).next(next))
            }
        };
        show(std::slice::from_ref(&one), context);
        context.ui.flush();
        tried.push(one);
    }
    Ok(tried)
}

/// Returns true if the user wants the trial, which talks to a provider and costs tokens.
fn consent(
    args: &AgentDoctorArgs,
    names: &[&str],
    context: &mut Context,
) -> Result<bool, AppError> {
    if args.yes {
        return Ok(true);
    }
    let question = format!(
        "Give one short prompt to {}? It costs a few tokens of each",
        names.join(", ")
    );
    context.ui.ask(&question).ok_or_else(|| {
        let why =
            "a trial talks to the providers and costs a few tokens, and nobody is here to say yes";
        AppError::new(ErrorClass::ApprovalNeeded, why)
            .hint("ai agent doctor --try --yes".to_owned())
    })
}

fn show(found: &[AgentFinding], context: &mut Context) {
    if context.ui.json() {
        context.ui.objects(found);
        return;
    }
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for AgentFinding { agent, finding, .. } in found {
        let level = finding.level;
        rows.push(vec![
            Cell::toned(level.as_str(), tone(level)),
            one_line(agent).into(),
            finding.check.into(),
            flowing(&finding.text).into(),
        ]);
        rows.extend(
            finding
                .next
                .iter()
                .map(|next| vec!["".into(), "".into(), "next".into(), one_line(next).into()]),
        );
    }
    context.ui.table(&[], &rows);
}
