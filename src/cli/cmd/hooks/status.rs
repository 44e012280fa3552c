//! `ai hooks status`

use clap::Args;

use crate::app::exit;
use crate::cli::cmd::hooks::install::{refuse_agents, repo, shown};
use crate::cli::context::{Context, Outcome};
use crate::domain::git_hook::HookName;
use crate::ops::hooks::{self, HookStanding, HookState, bypass};
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct HooksStatusArgs {
    /// Say that you have looked at what passed the hooks by; the log keeps it
    #[arg(long)]
    seen: bool,
}

pub(super) fn run(args: &HooksStatusArgs, context: &mut Context) -> Outcome {
    if args.seen {
        refuse_agents(context)?;
        let cx = context.cx()?;
        bypass::seen(context.store(Access::Write)?, cx)?;
    }
    let repo = repo(context)?;
    let mut all = match context.cx() {
        Ok(cx) => hooks::standings_under(cx.policy.state(), &repo)?,
        Err(_) => hooks::standings(&repo)?,
    };
    // Nearly every repository is none to which others push.
    let server = HookName::Update.as_str();
    all.retain(|one| one.hook != server || one.state != HookState::Absent);
    let refused = hooks::refused_here(&repo);
    for one in &all {
        if context.ui.json() {
            context.ui.object(one);
        } else {
            context.ui.line(&line(one, refused.as_deref()));
        }
    }
    Ok(if all.iter().any(|one| one.state.is_out_of_order()) {
        exit::FAILED
    } else {
        exit::OK
    })
}

/// One hook in a line; `refused` says why none is put in its place here.
fn line(one: &HookStanding, refused: Option<&str>) -> String {
    let program = one.program.as_deref().map(shown).unwrap_or_default();
    let why = match one.state {
        HookState::Installed => format!("asks {program}"),
        HookState::Outdated => format!("asks {program}; `ai hooks install` writes it anew"),
        HookState::Absent => made_by(one, refused),
        HookState::Missing => {
            format!("the policy speaks of messages, and nobody asks it; {}", made_by(one, refused))
        }
        HookState::Foreign => "it is not of `ai`".to_owned(),
        HookState::Changed => "somebody has changed it since `ai` wrote it".to_owned(),
        HookState::Broken => {
            format!("it is not executable, or {program} is gone; `ai hooks install` mends it")
        }
        HookState::Shadowed => {
            let path = one.shadowed_by.as_deref().map(shown).unwrap_or_default();
            format!("Git looks in {path} (core.hooksPath), and never runs it")
        }
        HookState::Displaced => {
            "it was installed, and something else stands there, or nothing; `ai hooks install` puts it back"
                .to_owned()
        }
    };
    let first = match &one.before {
        Some(path) => format!("; first it asks {}", shown(path)),
        None => String::new(),
    };
    format!("{:<21} {:<9}  {why}{first}", one.hook, one.state.as_str())
}

/// The command that makes a hook, where it does.
fn made_by(one: &HookStanding, refused: Option<&str>) -> String {
    let command = if one.hook == HookName::ReferenceTransaction.as_str() {
        "ai hooks install --reference-transaction"
    } else {
        "ai hooks install"
    };
    match refused {
        Some(why) => format!("{why}: `{command}` makes none, and names the line to add there"),
        None => format!("`{command}` makes it"),
    }
}
