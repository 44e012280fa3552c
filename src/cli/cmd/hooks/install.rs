//! `ai hooks install` and `ai hooks uninstall`

use std::path::Path;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::env;
use crate::base::text::path_bytes;
use crate::cli::context::{Context, Outcome};
use crate::domain::git_hook::HookName;
use crate::git::{Git, Repo};
use crate::ops::error::OpError;
use crate::ops::hooks::{self, DryRun, HookChange, HookOrder, HookState};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct HooksInstallArgs {
    /// Also ask when references are moved, which every `git` does that commits; slower, and not past
    /// by --no-verify
    #[arg(long)]
    reference_transaction: bool,
    /// In a repository to which others push: ask before a push updates a reference. Needs no store
    #[arg(long, conflicts_with = "reference_transaction")]
    server: bool,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
}

#[derive(Args)]
pub(in crate::cli) struct HooksUninstallArgs {}

pub(super) fn install(args: &HooksInstallArgs, context: &mut Context) -> Outcome {
    refuse_agents(context)?;
    context.workspace.require_writable()?;
    if !args.server {
        // Hooks of a project without a store would refuse everything.
        context.store(Access::Read)?;
    }
    let repo = repo(context)?;
    let program = env::lasting_program().map_err(|source| OpError::System {
        doing: "find the program itself",
        source,
    })?;
    let stands = hooks::standings(&repo)?;
    let is_there = |hook: &HookName| {
        let mut all = stands.iter();
        all.any(|one| {
            one.hook == hook.as_str()
                && !matches!(one.state, HookState::Absent | HookState::Foreign)
        })
    };
    let speaks_of_messages = !args.server && context.cx()?.policy.state().looks_at_messages();
    let wanted: Vec<HookName> = HookName::ALL
        .into_iter()
        .filter(|hook| hook.is_of_server() == args.server)
        .filter(|hook| match hook {
            HookName::ReferenceTransaction => args.reference_transaction || is_there(hook),
            // One more process for each commit, which only has something to ask where somebody has said so.
            HookName::CommitMsg => speaks_of_messages || is_there(hook),
            _ => true,
        })
        .collect();
    let order = HookOrder {
        hooks: &wanted,
        program: &program,
        run: if args.dry_run {
            DryRun::Yes
        } else {
            DryRun::No
        },
    };
    let state_dir = context.workspace.state_dir()?;
    for plan in hooks::install(&repo, &state_dir, &order)? {
        let what = match plan.change {
            HookChange::Installed => "asks `ai`",
            HookChange::Chained => "asks the hook that stood there, then `ai`",
            HookChange::Renewed => "asks `ai`; an earlier one is written anew",
            HookChange::Unchanged => "asks `ai` already",
        };
        if context.ui.json() {
            context.ui.object(&plan);
        } else {
            context.ui.line(&format!("{:<21} {what}", plan.hook));
        }
    }
    if !args.dry_run && args.server {
        context.ui.say("hint: the policy at HEAD of this repository answers each push; `ai hooks uninstall` takes the hook away");
    } else if !args.dry_run {
        context.ui.say("hint: `git commit --no-verify` passes them by, which is found when the commit is pushed; `ai hooks uninstall` takes them away");
    }
    Ok(exit::OK)
}

pub(super) fn uninstall(_args: &HooksUninstallArgs, context: &mut Context) -> Outcome {
    refuse_agents(context)?;
    context.workspace.require_writable()?;
    let repo = repo(context)?;
    let done = hooks::remove(&repo, &context.workspace.state_dir()?)?;
    if context.ui.json() {
        context.ui.object(&done);
        return Ok(exit::OK);
    }
    for path in &done.removed {
        context.ui.line(&format!("removed   {}", shown(path)));
    }
    for path in &done.restored {
        context.ui.line(&format!("restored  {}", shown(path)));
    }
    for left in &done.left {
        context
            .ui
            .line(&format!("kept      {}: {}", shown(&left.path), left.why));
    }
    if done.removed.is_empty() && done.restored.is_empty() && done.left.is_empty() {
        context.ui.say("no hook of `ai` is in this repository");
    }
    Ok(exit::OK)
}

/// The repository around.
pub(in crate::cli::cmd) fn repo(context: &Context) -> Result<Repo, AppError> {
    let git = Git::system().map_err(OpError::from)?;
    Ok(Repo::open(context.workspace.place()?, git).map_err(OpError::from)?)
}

pub(super) fn shown(path: &Path) -> String {
    path_bytes(path.as_os_str().as_encoded_bytes())
}

/// The doors are a person's to open and to close.
pub(super) fn refuse_agents(context: &Context) -> Result<(), AppError> {
    context.workspace.refuse_agents("change the hooks of Git")
}
