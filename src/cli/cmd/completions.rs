//! `ai completions`: the scripts that clap makes, and behind them who can be written to, which only the store knows.
//!
//! Invariant: where nothing can be looked up, nothing is completed and nothing is said. Absent: any other name that the
//! store knows.

use clap::Args;
use clap_complete::Shell;

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::text::{flowing, one_line};
use crate::cli::context::{Context, Outcome};
use crate::ops::error::OpError;
use crate::ops::send::{self, AddressBook};
use crate::store::Access;

/// The action that clap's script of zsh has for the addressee of `ai send`, and the one in its place that asks `ai`.
const ZSH: (&str, &str) = ("human\\:NAME:_default'", "human\\:NAME:_ai_addressees'");
/// The function that it calls, behind the first line, which names the command.
const ZSH_FUNCTION: &str = r#"
_ai_addressees() {
    local -a found
    local word said
    while IFS=$'\t' read -r word said; do
        found+=("${word//:/\\:}:$said")
    done < <(ai completions --addressees 2>/dev/null)
    _describe -t addressees 'addressee' found
}
"#;
/// Behind clap's script of bash, whose function it calls for all else.
const BASH: &str = r#"
_ai_with_addressees() {
    if [[ ${COMP_WORDS[1]} == send && ${COMP_CWORD} -eq 2 && ${COMP_WORDS[2]} != -* ]]; then
        COMPREPLY=($(compgen -W "$(ai completions --addressees 2>/dev/null | cut -f1)" -- "${COMP_WORDS[2]}"))
        return 0
    fi
    _ai "$@"
}
complete -F _ai_with_addressees -o bashdefault -o default ai
"#;
/// Behind clap's script of fish.
const FISH: &str = r#"
complete -c ai -n "__fish_ai_using_subcommand send" -f -a "(ai completions --addressees 2>/dev/null)"
"#;

#[derive(Args)]
pub(in crate::cli) struct CompletionsArgs {
    /// The shell
    #[arg(required_unless_present = "addressees")]
    shell: Option<Shell>,
    /// List who can be written to: how the scripts complete `ai send`
    #[arg(long, hide = true, conflicts_with = "shell")]
    addressees: bool,
}

pub(super) fn run(args: &CompletionsArgs, context: &mut Context) -> Outcome {
    let Some(shell) = args.shell else {
        return addressees(context);
    };
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut (context.tree)(), "ai", &mut script);
    let script = with_addressees(shell, &String::from_utf8_lossy(&script));
    context.ui.print(&script);
    Ok(exit::OK)
}

/// A script that completes addressees as well, in the shells in which a script can ask.
fn with_addressees(shell: Shell, script: &str) -> String {
    match shell {
        Shell::Bash => format!("{script}{BASH}"),
        Shell::Fish => format!("{script}{FISH}"),
        Shell::Zsh => {
            let script = script.replace(ZSH.0, ZSH.1);
            match script.split_once('\n') {
                Some((first, rest)) => format!("{first}\n{ZSH_FUNCTION}{rest}"),
                None => script,
            }
        }
        _ => script.to_owned(),
    }
}

/// One a line, with what it is behind a tab.
fn addressees(context: &mut Context) -> Outcome {
    context
        .workspace
        .refuse_agents("list who can be written to")?;
    let book = AddressBook::of(context.workspace.root()?)?;
    let store = context.store(Access::Read)?;
    let found = store
        .read(|tx| -> Result<_, OpError> { send::addressees(tx, &book) })
        .map_err(AppError::from)?;
    for (word, said) in found {
        let line = format!("{}\t{}", one_line(&word), flowing(&said));
        context.ui.line(&line);
    }
    Ok(exit::OK)
}
