//! Command lines that make no sense, told in the words of whoever typed them: commands that other
//! tools have, a title without quotes, a value that is none. What nothing is known about is left to clap.
//!
//! Nothing is guessed into action: the command that was meant is named, and typed by a person. No
//! tip leads to a command that takes something away.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::app::error::AppError;
use crate::base::suggest;
use crate::base::text::one_line;

/// Words of other tools, and what does here what they do there.
const WORDS: [(&[&str], &str); 17] = [
    (
        &["ls", "tasks", "todo"],
        "`ai task list` lists the tasks, `ai list` the agents",
    ),
    (
        &["ps", "top", "jobs"],
        "`ai status` shows who works on what",
    ),
    (
        &["add", "new", "create"],
        "`ai task create \"TITLE\"` writes a task down",
    ),
    (
        &["rm", "remove", "delete", "cancel", "close"],
        "`ai task cancel TASK` gives a task up; `ai worktree prune` gives room back",
    ),
    (
        &["tail", "output", "attach"],
        "`ai logs TASK --follow` shows what the agent of a run says; `ai log` shows what happened",
    ),
    (
        &["show", "view", "info"],
        "`ai task show TASK` shows a task, `ai review TASK` its last run",
    ),
    (
        &["diff", "patch"],
        "`ai review TASK` shows the change of its last run",
    ),
    (
        &["stop", "kill", "abort"],
        "Ctrl-C stops a run where it was started; `ai task cancel TASK` gives the task up",
    ),
    (
        &["revert", "rollback"],
        "`ai undo TASK` takes an accept back",
    ),
    (
        &["allow"],
        "`ai approve DECISION` says yes to a decision, `ai accept TASK` takes reviewed work",
    ),
    (
        &["next", "ready"],
        "`ai task next` shows the next task, `ai run --next` runs it",
    ),
    (
        &["merge", "apply"],
        "`ai accept TASK` takes reviewed work into its branch",
    ),
    (
        &["start", "exec", "work"],
        "`ai run TASK` runs a task by an agent",
    ),
    (
        &["verify", "test", "checks"],
        "`ai check` runs the checks on your worktree",
    ),
    (
        &["claim", "done", "release", "edit", "retry", "hold"],
        "it is a command of `ai task`: `ai task --help` shows all of them",
    ),
    (&["agents"], "`ai agent list` lists the agents"),
    (&["locks"], "`ai lock list` lists the locks"),
];
/// Never proposed for a slip of the keyboard.
const GRAVE: &str = "uninstall";

/// The mistake in a command line that clap has refused, where it is one of those known here.
/// `tree` has the commands that there are.
pub(super) fn mistake(
    args: &[OsString],
    error: &clap::Error,
    tree: &clap::Command,
) -> Option<AppError> {
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let commands = tree.get_subcommands().map(clap::Command::get_name);
            no_command(&invalid(error)?, args, commands)
        }
        ErrorKind::UnknownArgument => no_quotes(args, &invalid(error)?),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            Some(in_clap_words(&error.render().to_string(), args, tree))
        }
        _ => None,
    }
}

/// An error out of the text that clap writes: the first paragraph is the message, a tip the hint, else the
/// command that says what can be typed.
pub(super) fn in_clap_words(text: &str, args: &[OsString], tree: &clap::Command) -> AppError {
    let first = text.split("\n\n").next().unwrap_or_default();
    let message: Vec<&str> = first
        .trim_start_matches("error: ")
        .lines()
        .map(str::trim)
        .collect();
    let tip = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("tip: "));
    let help = || format!("`{} --help` says what can be typed", named(args, tree));
    AppError::usage(message.join(" ")).hint(tip.map_or_else(help, str::to_owned))
}

/// The command that was named, as far as there is one: `ai mcp install`.
fn named(args: &[OsString], tree: &clap::Command) -> String {
    let (mut words, mut at) = (vec![tree.get_name()], tree);
    for arg in args.iter().skip(1) {
        if let Some(next) = at.find_subcommand(arg) {
            words.push(next.get_name());
            at = next;
        }
    }
    words.join(" ")
}

/// The word at which clap stopped.
fn invalid(error: &clap::Error) -> Option<String> {
    let of = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => Some(word.clone()),
        _ => None,
    };
    of(ContextKind::InvalidSubcommand).or_else(|| of(ContextKind::InvalidArg))
}

fn no_command<'a>(
    word: &str,
    args: &[OsString],
    commands: impl Iterator<Item = &'a str>,
) -> Option<AppError> {
    // The commands below a noun are few, and its help lists them.
    let first = args
        .iter()
        .skip(1)
        .find(|arg| !arg.to_string_lossy().starts_with('-'))?;
    if first.to_str() != Some(word) {
        return None;
    }
    let known = WORDS.iter().find(|(words, _)| words.contains(&word));
    let near = || suggest::nearest(word, commands.filter(|name| *name != GRAVE));
    let hint = match known {
        Some((_, hint)) => (*hint).to_owned(),
        None => near().map_or_else(
            || "`ai --help` lists the commands".to_owned(),
            |near| format!("did you mean `ai {near}`?"),
        ),
    };
    Some(AppError::usage(format!("there is no command `{}`", one_line(word))).hint(hint))
}

fn no_quotes(args: &[OsString], word: &str) -> Option<AppError> {
    let words: Vec<String> = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let (["task", "create"] | ["task", "new"]) = [words.first()?.as_str(), words.get(1)?.as_str()]
    else {
        return None;
    };
    if word.starts_with('-') {
        return None;
    }
    let title: Vec<&str> = words
        .iter()
        .skip(2)
        .map(String::as_str)
        .take_while(|word| !word.starts_with('-'))
        .collect();
    let title = title.join(" ");
    let shown = if title.contains(['"', '$', '`', '\\', '!']) {
        "TITLE".to_owned()
    } else {
        one_line(&title)
    };
    Some(
        AppError::usage(format!(
            "a title is one word to the shell, and `{}` is one too many",
            one_line(word)
        ))
        .hint(format!("put it in quotes: ai task create \"{shown}\"")),
    )
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Cli;

    fn told(line: &str) -> Option<String> {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let tree = Cli::command();
        let error = tree.clone().try_get_matches_from(&args).unwrap_err();
        let mistake = mistake(&args, &error, &tree)?;
        Some(format!(
            "{mistake} | {}",
            mistake.hint.as_deref().unwrap_or_default()
        ))
    }

    #[test]
    fn words_of_other_tools_lead_to_a_command_that_is_there() {
        let tree = Cli::command();
        for (words, _) in WORDS {
            for word in words {
                assert!(
                    tree.find_subcommand(word).is_none(),
                    "{word} is a command of its own"
                );
                assert!(told(&format!("ai {word}")).is_some(), "{word}");
            }
        }
    }

    #[test]
    fn a_slip_is_named_and_nothing_leads_to_uninstall() {
        for (line, said) in [
            (
                "ai stauts",
                Some("there is no command `stauts` | did you mean `ai status`?"),
            ),
            (
                "ai install",
                Some("there is no command `install` | `ai --help` lists the commands"),
            ),
            (
                "ai unistall --yes",
                Some("there is no command `unistall` | `ai --help` lists the commands"),
            ),
            (
                "ai --json ls",
                Some(
                    "there is no command `ls` | `ai task list` lists the tasks, `ai list` the agents",
                ),
            ),
            (
                "ai task create Fix the parser --priority 1",
                Some(
                    "a title is one word to the shell, and `the` is one too many | put it in quotes: ai task create \"Fix the parser\"",
                ),
            ),
            (
                "ai --as ann mcp install nosuch --user",
                Some(
                    "invalid value 'nosuch' for '<CLI>': known are claude, codex, gemini, opencode, copilot and qwen | `ai mcp install --help` says what can be typed",
                ),
            ),
            ("ai task frobnicate", None),
            ("ai task create x --nope", None),
            ("ai status extra", None),
        ] {
            assert_eq!(told(line).as_deref(), said, "{line}");
        }
    }
}
