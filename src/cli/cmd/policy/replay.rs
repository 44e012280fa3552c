//! `ai policy replay`: what another policy would have changed.

use std::path::PathBuf;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs::read_named;
use crate::base::text::{counted, flowing, one_line};
use crate::base::yaml::MAX_BYTES;
use crate::cli::answer::{PolicyReplayed, ReplayedDecision};
use crate::cli::cmd::policy::log::since;
use crate::cli::context::{Context, Outcome};
use crate::domain::error_class::ErrorClass;
use crate::ops::policy_files;
use crate::ops::replay::{self, Replayed};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct ReplayArgs {
    /// The policy that takes the place of the project's
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Only decisions of the last so long, as 7d or 90m
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
}

pub(super) fn run(args: &ReplayArgs, context: &mut Context) -> Outcome {
    let from = args.since.as_deref().map(since).transpose()?;
    let file = args.policy.display().to_string();
    let path = context.workspace.start_dir()?.join(&args.policy);
    let bytes = read_named(&path, MAX_BYTES).map_err(|error| {
        AppError::unreadable(error).hint("name a file that is there, as a draft of the next policy")
    })?;
    let state = policy_files::with_project_file(context.workspace.root()?, &file, &bytes);
    if let Some(problems) = state.bad_files().first() {
        let message = format!("no decision can be judged by this policy: {problems}");
        return Err(AppError::of(ErrorClass::Usage, (*problems).clone())
            .saying(message)
            .hint(format!(
                "correct it; `ai policy validate {}`",
                one_line(&file)
            )));
    }
    let store = context.store(Access::Read)?;
    let found = store.read(|tx| replay::replay(tx, &state, from))?;
    if context.ui.json() {
        context.ui.object(&for_programs(&file, &found));
    } else {
        for_people(&found, context);
    }
    Ok(exit::OK)
}

fn for_programs<'a>(file: &'a str, found: &'a Replayed) -> PolicyReplayed<'a> {
    let changed = found.changed.iter().map(|one| ReplayedDecision {
        decision: &one.record,
        effect: one.now.effect,
        rule: &one.now.rule,
        reason: &one.now.reason,
    });
    PolicyReplayed {
        policy: file,
        same: found.same,
        changed: changed.collect(),
        not_replayable: found.not_replayable.clone(),
    }
}

fn for_people(found: &Replayed, context: &mut Context) {
    for one in &found.changed {
        let (record, now) = (&one.record, &one.now);
        let approved = record.overridden.as_ref().map_or("", |_| " (approved)");
        let task = record.resource.task.as_deref();
        let task = task.map_or_else(String::new, |task| format!(" on {}", one_line(task)));
        let more = context.ui.line(&format!(
            "{}  {}{approved} -> {}  {} by {}{task}",
            record.id,
            record.effect,
            now.effect,
            record.action,
            one_line(&record.actor.to_string())
        ));
        if !more {
            return;
        }
        context.ui.line(&format!(
            "  {} -> {}: {}",
            record.rule,
            now.rule,
            flowing(&now.reason)
        ));
    }
    context.ui.line(&format!(
        "{} would change, {} would not",
        counted(found.changed.len(), "decision"),
        found.same
    ));
    for (why, n) in &found.not_replayable {
        context.ui.line(&format!(
            "{} cannot be made again: {}",
            counted(*n, "decision"),
            why.told()
        ));
    }
}
