//! `ai init`

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::{one_line, path_bytes};
use crate::cli::answer::{InitAnswer, InitCheck};
use crate::cli::context::{Context, Outcome};
use crate::config::{self, DetectedCheck};
use crate::ops::cx::Cx;
use crate::ops::init::{self, Done};
use crate::ops::tryout::{self, TriedCheck, Tryout};
use crate::policy::{self, PACKS, Pack};

#[derive(Args)]
pub(in crate::cli) struct InitArgs {
    /// The policy to start with
    #[arg(long, value_name = "PACK", value_parser = packs())]
    policy: Option<String>,
    /// Do not ask: run the checks that are found, and write down those that pass
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
    if !context.ui.json() {
        show(&done, context);
        list(&done.proposed, context);
    }
    let tried = if wants_a_try(args, &done, &cx, context) {
        try_out(&done, context)?
    } else {
        None
    };
    if let Some(start) = tried.as_ref().and_then(Tryout::config) {
        init::take_in(&place, start)?;
    }
    if context.ui.json() {
        answer(&done, tried.as_ref(), context);
        return Ok(exit::OK);
    }
    match &tried {
        Some(tried) => show_tried(tried, context),
        None => show_untried(&done, context),
    }
    if done.new_store && !done.written.is_empty() {
        let agents = "`ai agent detect --write` registers the AI CLIs that are here";
        context.ui.say(&format!(
            "hint: commit .ai/; {agents}, `ai task create TITLE` writes a task down"
        ));
    }
    Ok(exit::OK)
}

/// True where the user says that the detected commands may run: by the flag, or by an answer.
fn wants_a_try(args: &InitArgs, done: &Done, cx: &Cx, context: &mut Context) -> bool {
    if done.proposed.is_empty() || !init::may_trust(cx) {
        return false;
    }
    if args.yes {
        return true;
    }
    if context.ui.json() || !context.ui.is_interactive() {
        return false;
    }
    let question = "Run them now, on the newest commit, and write down what passes?";
    context.ui.ask(question).unwrap_or(false)
}

/// Tries what was detected. Only an interruption ends the command: the repository is set up
/// already, and says what it does not know.
fn try_out(done: &Done, context: &mut Context) -> Result<Option<Tryout>, AppError> {
    // What is told on the way stands below what was said before.
    context.ui.flush();
    match tryout::try_checks(context.world()?, &done.proposed) {
        Ok(tried) => Ok(Some(tried)),
        Err(error) if error.is_interruption() => Err(error.into()),
        Err(error) => {
            context.ui.warn(&format!(
                "the checks could not be tried: {error}; `ai init --yes` tries them again"
            ));
            Ok(None)
        }
    }
}

fn list(found: &[DetectedCheck], context: &mut Context) {
    if found.is_empty() {
        return;
    }
    context.ui.line("found checks:");
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|check| {
            let setup = check
                .setup
                .as_deref()
                .map(|setup| format!(", after `{setup}`"));
            vec![
                check.name.to_owned(),
                format!("{}{}", check.run, setup.unwrap_or_default()),
            ]
        })
        .collect();
    context.ui.table_below(&rows);
}

fn show_untried(done: &Done, context: &mut Context) {
    if !done.proposed.is_empty() {
        context.ui.say(
            "they stand in .ai/config.yaml as comments: `ai init --yes` runs them and takes in what passes",
        );
    } else if done.written.iter().any(|path| path == config::FILE) {
        context.ui.warn(
            "no check was found, and without one nothing can be proven: name one below `checks:` in .ai/config.yaml, then `ai trust` and `ai check`",
        );
    }
}

fn show_tried(tryout: &Tryout, context: &mut Context) {
    let Tryout::On { commit, tried } = tryout else {
        context.ui.warn(
            "the checks could not be tried, since there is no commit yet; commit something, then `ai init --yes`",
        );
        return;
    };
    for one in tried {
        let name = one.check.name;
        if one.passed() {
            let setup = one.check.setup.as_deref();
            let setup = setup.map_or(String::new(), |setup| format!(", after `{setup}`"));
            context.ui.line(&format!(
                "took in {name}: `{}`{setup} passes on commit {}",
                one.check.run,
                commit.short()
            ));
        } else {
            let log = path_bytes(one.tried.log.as_os_str().as_encoded_bytes());
            context
                .ui
                .line(&format!("left out {name}: `{}`", one.check.run));
            context.ui.line(&format!(
                "  {}",
                one_line(&tryout::reason(&one.tried.result))
            ));
            context.ui.line(&format!("  log: {log}"));
        }
    }
    if !tried.iter().any(TriedCheck::passed) {
        context.ui.warn(
            "no check passes on this commit, and without one nothing can be proven: mend one in .ai/config.yaml, then `ai trust` and `ai check --base`",
        );
    }
}

fn answer(done: &Done, tryout: Option<&Tryout>, context: &mut Context) {
    let (commit, checks) = match tryout {
        Some(Tryout::On { commit, tried }) => (
            Some(commit.to_string()),
            tried.iter().map(of_tried).collect(),
        ),
        _ => (None, done.proposed.iter().map(of_proposed).collect()),
    };
    context.ui.object(&InitAnswer {
        written: &done.written,
        kept: &done.kept,
        new_store: done.new_store,
        bare: done.bare,
        untrusted: &done.untrusted,
        places: done.places.as_deref(),
        commit,
        checks,
    });
}

fn of_proposed(check: &DetectedCheck) -> InitCheck<'_> {
    InitCheck {
        name: check.name,
        run: &check.run,
        setup: check.setup.as_deref(),
        because: &check.because,
        passed: None,
        why: None,
    }
}

fn of_tried(one: &TriedCheck) -> InitCheck<'_> {
    InitCheck {
        passed: Some(one.passed()),
        why: (!one.passed()).then(|| tryout::reason(&one.tried.result)),
        ..of_proposed(&one.check)
    }
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
}
