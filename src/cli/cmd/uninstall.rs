//! `ai uninstall`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::{counted, one_line, path_bytes};
use crate::cli::answer::UninstallAnswer;
use crate::cli::context::{Context, Outcome};
use crate::domain::error_class::ErrorClass;
use crate::git::{Git, GitError, Repo};
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::uninstall::{self, Farewell, Keep, UninstallPlan};

#[derive(Args)]
pub(in crate::cli) struct UninstallArgs {
    /// Only show what would go and what stays
    #[arg(long)]
    dry_run: bool,
    /// Do it
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// Copy the store and the files of its runs into this new directory first
    #[arg(long, value_name = "DIR")]
    backup_to: Option<PathBuf>,
    /// Let the tasks, the log and the evidence be lost
    #[arg(long, conflicts_with = "backup_to")]
    discard: bool,
    /// Remove the branches ai/TASK/EPOCH and refs/ai too, after writing them to this new bundle
    #[arg(long, value_name = "FILE")]
    branches: Option<PathBuf>,
}

pub(super) fn run(args: &UninstallArgs, context: &mut Context) -> Outcome {
    let place = context.workspace.place()?.clone();
    let git = |error: GitError| AppError::new(ErrorClass::Failed, error.to_string());
    let repo = Repo::open(&place, Git::system().map_err(git)?).map_err(git)?;
    let plan = uninstall::plan(&place, &repo)?;
    if plan.is_empty() {
        context.ui.say("nothing of `ai` is in this repository");
        return Ok(exit::OK);
    }
    if !args.yes {
        show(&plan, None, context);
        return if args.dry_run {
            Ok(exit::OK)
        } else {
            Err(AppError::new(ErrorClass::ApprovalNeeded, "nothing was removed").hint(ways(&plan)))
        };
    }
    // An agent in its worktree has no business here.
    context.workspace.refuse_agents("uninstall")?;
    context.workspace.require_writable()?;
    if let Some(daemon) = daemon::at_work(&DaemonPlace::of(&context.workspace.state_dir()?))? {
        let message = format!("a daemon works this repository: {}", daemon.named());
        return Err(AppError::new(ErrorClass::Conflict, message)
            .hint("`ai daemon stop`, then the same command again"));
    }
    let here = context.workspace.start_dir()?;
    let keep = match (&args.backup_to, args.discard) {
        (Some(dir), _) => Keep::Copy(here.join(dir)),
        (None, true) => Keep::Discard,
        (None, false) => Keep::Unsaid,
    };
    let bundle = args.branches.as_ref().map(|file| here.join(file));
    let shown = if context.ui.json() {
        Some(uninstall::plan(&place, &repo)?)
    } else {
        None
    };
    let done = uninstall::carry_out(&place, &repo, plan, &keep, bundle.as_deref(), &now())?;
    match shown {
        Some(plan) => show(&plan, Some(done), context),
        None => farewell(&done, context),
    }
    Ok(exit::OK)
}

/// The command lines that go on from here. Where tasks would go, it has to be said what becomes of
/// them.
fn ways(plan: &UninstallPlan) -> &'static str {
    if plan.store.as_ref().is_some_and(|store| store.tasks > 0) {
        uninstall::WAYS
    } else {
        "if that is right, say --yes"
    }
}

fn show(plan: &UninstallPlan, done: Option<Farewell>, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(&UninstallAnswer { plan, done });
        return;
    }
    if let Some(store) = &plan.store {
        let text = format!(
            "the store holds {}, {} and {}",
            counted(store.tasks, "task"),
            counted(store.events, "record"),
            counted(store.runs, "run")
        );
        context.ui.line(&text);
    }
    for run in &plan.active_runs {
        context.ui.line(&format!(
            "at work   run {run}; nothing is removed before it ends"
        ));
    }
    for path in &plan.removes {
        context.ui.line(&format!("removes   {}", shown(path)));
    }
    for path in &plan.hooks {
        context.ui.line(&format!(
            "removes   {}, and gives back what was there before",
            shown(path)
        ));
    }
    for path in &plan.settings {
        context
            .ui
            .line(&format!("removes   the entry of `ai` in {}", shown(path)));
    }
    for path in plan.standing() {
        context.ui.line(&format!(
            "removes   {}, after its work was looked at",
            shown(&path)
        ));
    }
    for kept in &plan.keeps {
        context
            .ui
            .line(&format!("keeps     {}: {}", one_line(&kept.path), kept.why));
    }
    for name in &plan.refs {
        context.ui.line(&format!(
            "keeps     {}, without --branches FILE",
            one_line(name)
        ));
    }
}

fn farewell(done: &Farewell, context: &mut Context) {
    for kept in &done.keeps {
        context
            .ui
            .line(&format!("kept      {}: {}", one_line(&kept.path), kept.why));
    }
    if let Some(copy) = &done.copy {
        context.ui.line(&format!(
            "copied    the store and its runs to {}",
            shown(copy)
        ));
    }
    if let Some(bundle) = &done.bundle {
        context.ui.line(&format!(
            "bundled   branches and refs in {}; `git fetch` reads them from there",
            shown(bundle)
        ));
    }
    context
        .ui
        .line("everything else of `ai` is gone from this repository");
}

fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_encoded_bytes())
}
