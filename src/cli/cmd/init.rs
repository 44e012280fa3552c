//! `ai init`

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::{one_line, path_bytes};
use crate::cli::answer::InitAnswer;
use crate::cli::context::{Context, Outcome};
use crate::ops::init::{self, Done};
use crate::policy::{self, PACKS, Pack};

#[derive(Args)]
pub(in crate::cli) struct InitArgs {
    /// The policy to start with
    #[arg(long, value_name = "PACK", value_parser = packs())]
    policy: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

fn packs() -> PossibleValuesParser {
    PossibleValuesParser::new(
        PACKS
            .iter()
            .map(|pack| PossibleValue::new(pack.name).help(pack.summary)),
    )
}

pub(super) fn run(args: &InitArgs, context: &mut Context) -> Outcome {
    // Nothing is asked today; the flag stands for scripts that must go on when something is.
    let _ = args.yes;
    let pack = pack(args)?;
    let place = context.workspace.place()?.clone();
    let cx = context.workspace.cx()?;
    let done = init::init(&place, &cx, pack)?;
    if let Some(name) = args
        .policy
        .as_deref()
        .filter(|_| done.kept.iter().any(|path| path == policy::FILE))
    {
        let text = format!(
            "{} stands already and was left; the pack `{name}` was not written",
            policy::FILE
        );
        context.ui.warn(&text);
    }
    show(&done, context);
    Ok(exit::OK)
}

fn pack(args: &InitArgs) -> Result<&'static Pack, AppError> {
    let found = match &args.policy {
        Some(name) => policy::pack(name),
        None => PACKS.first(),
    };
    found.ok_or_else(|| {
        AppError::usage("there is no such policy pack").hint("`ai init --help` lists the packs")
    })
}

fn show(done: &Done, context: &mut Context) {
    if context.ui.json() {
        context.ui.object(&InitAnswer {
            written: &done.written,
            kept: &done.kept,
            new_store: done.new_store,
            bare: done.bare,
            untrusted: &done.untrusted,
            places: done.places.as_deref(),
        });
        return;
    }
    for path in &done.written {
        context.ui.line(&format!("wrote {path}"));
    }
    context.ui.line(if done.new_store {
        "made the task store"
    } else {
        "the task store stands"
    });
    if let Some(dir) = &done.places {
        let dir = path_bytes(dir.as_os_str().as_encoded_bytes());
        context.ui.line(&format!(
            "worktrees and checks will lie in {dir} (AI_CACHE_DIR moves it)"
        ));
    }
    if let Some(why) = &done.unfit {
        context.ui.warn(why);
    }
    if done.bare {
        context.ui.say("a bare repository has no checkout for .ai/: policy and configuration come from its worktrees");
    }
    if let Some(first) = done.untrusted.first() {
        let more = if done.untrusted.len() > 1 {
            format!(" and {} more", done.untrusted.len() - 1)
        } else {
            String::new()
        };
        let what = format!(".ai/{}{more}", one_line(&first.path));
        context.ui.warn(&format!(
            "this repository brings {what}, which would run code; nothing of it runs before `ai trust`"
        ));
    }
    if done.new_store && !done.written.is_empty() {
        let agents = "`ai agent detect --write` registers the AI CLIs that are here";
        context.ui.say(&format!(
            "hint: commit .ai/; {agents}, `ai task create TITLE` writes a task down"
        ));
    }
}
