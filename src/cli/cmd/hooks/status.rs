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
    let mut all = hooks::standings(&repo(context)?)?;
    // Nearly every repository is none to which others push.
    let server = HookName::Update.as_str();
    all.retain(|one| one.hook != server || one.state != HookState::Absent);
    // Where the policy has no word on messages, this one has nothing to ask.
    let message = HookName::CommitMsg.as_str();
    let speaks = context
        .cx()
        .is_ok_and(|cx| cx.policy.state().looks_at_messages());
    all.retain(|one| one.hook != message || one.state != HookState::Absent || speaks);
    for one in &all {
        if context.ui.json() {
            context.ui.object(one);
        } else {
            context.ui.line(&line(one));
        }
    }
    Ok(if all.iter().any(|one| one.state.is_out_of_order()) {
        exit::FAILED
    } else {
        exit::OK
    })
}

fn line(one: &HookStanding) -> String {
    let program = one.program.as_deref().map(shown).unwrap_or_default();
    let why = match one.state {
        HookState::Installed => format!("asks {program}"),
        HookState::Outdated => format!("asks {program}; `ai hooks install` writes it anew"),
        HookState::Absent => "`ai hooks install` makes it".to_owned(),
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
