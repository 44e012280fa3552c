//! The generated pages of `docs/reference`: commands, exit codes and environment variables, from
//! where the program itself has them. `make gen` rewrites them; without it, these tests fail when a
//! page is stale. Nothing of this is in the program.

use std::path::Path;

use clap::{Arg, Command, CommandFactory};

use crate::base::env;
use crate::cli::args::Cli;
use crate::domain::error_class::ErrorClass;

const HEAD: &str = "<!-- Written by `make gen`; changes by hand are lost. -->\n\n";

#[test]
fn generated_reference_of_commands_is_current() {
    check("docs/reference/commands.md", &commands());
}

#[test]
fn generated_reference_of_exit_codes_is_current() {
    let mut rows = String::from("| 0 | `ok` | It happened. |\n");
    for class in ErrorClass::ALL {
        if let Some(text) = meaning(class) {
            let (code, name) = (class.code(), class.name());
            rows.push_str(&format!("| {code} | `{name}` | {text} |\n"));
        }
    }
    let text = format!(
        "# Exit codes\n\n{HEAD}Scripts and agents may branch on them; a code never changes its meaning. With `--json`, an error is one \
         object on standard error, `{{\"error\":{{\"code\":…,\"kind\":…,\"message\":…,\"next\":…}}}}`; `kind` is the name \
         below.\n\n| code | name | meaning |\n|---|---|---|\n{rows}"
    );
    check("docs/reference/exit-codes.md", &text);
}

/// The meaning of a class in the reference; nothing for one that shares the code of another.
fn meaning(class: ErrorClass) -> Option<&'static str> {
    Some(match class {
        ErrorClass::Failed => "It was tried and failed.",
        ErrorClass::Internal => return None,
        ErrorClass::Usage => "The command line, or a file that the command reads, makes no sense.",
        ErrorClass::NotFound => {
            "No repository, no such task, run, lock or agent; nothing to claim."
        }
        ErrorClass::Conflict => "Taken, locked, or in a state in which this cannot be done.",
        ErrorClass::Denied => "Policy says no.",
        ErrorClass::NotProven => "The checks do not pass on this tree.",
        ErrorClass::LeaseLost => {
            "The lease token does not open the task any more, or none is at hand."
        }
        ErrorClass::ApprovalNeeded => "A person must say yes first: an approval, or `ai trust`.",
        ErrorClass::StoreUnusable => {
            "The store is missing, damaged, foreign, newer, full or read-only; or another disk is full."
        }
        ErrorClass::TryLater => {
            "Busy, out of quota, or too early: the same command may work later."
        }
        ErrorClass::Interrupted => "Ended by Ctrl-C.",
    })
}

#[test]
fn generated_reference_of_the_environment_is_current() {
    let rows: String = env::ALL
        .iter()
        .map(|(name, text)| format!("| `{name}` | {text} |\n"))
        .collect();
    let text = format!(
        "# Environment variables\n\n{HEAD}No other variable changes what `ai` itself does.\n\n| variable | meaning |\n|---|---|\n{rows}"
    );
    check("docs/reference/environment.md", &text);
}

/// Every constant of `base::env` stands in its table.
#[test]
fn the_table_of_variables_is_whole() {
    let source = include_str!("../base/env.rs");
    let constants = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .filter(|line| line.contains(": &str = "));
    let names: Vec<&str> = constants
        .filter_map(|line| line.split('"').nth(1))
        .collect();
    assert!(names.len() >= 3, "{names:?}");
    for name in names {
        assert!(
            env::ALL.iter().any(|(listed, _)| *listed == name),
            "{name} is not in env::ALL"
        );
    }
}

/// Compares a page with what it should be, or writes it.
fn check(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::text("AI_GENERATE").is_some() {
        crate::base::fs::write_atomic(&file, text.as_bytes()).unwrap();
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(found == text, "{path} is stale: run `make gen`");
}

fn commands() -> String {
    let mut ai = Cli::command();
    ai.build();
    let about = ai.get_about().map(ToString::to_string).unwrap_or_default();
    let mut text = format!("# Commands\n\n{HEAD}{about}.\n\n## Everywhere\n\n");
    for arg in ai.get_arguments().filter(|arg| arg.is_global_set()) {
        text.push_str(&argument(arg));
    }
    for command in ai.get_subcommands() {
        section(command, &mut text);
    }
    text
}

fn section(command: &Command, text: &mut String) {
    if command.is_hide_set() {
        return;
    }
    let name = command.get_bin_name().unwrap_or_default();
    let level = if name.matches(' ').count() == 1 {
        "##"
    } else {
        "###"
    };
    let about = command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default();
    text.push_str(&format!("\n{level} `{name}`\n\n{about}.\n"));
    if command.has_subcommands() && command.is_subcommand_required_set() {
        command
            .get_subcommands()
            .for_each(|below| section(below, text));
        return;
    }
    let usage = command.clone().render_usage().to_string();
    text.push_str(&format!(
        "\n```text\n{}\n```\n",
        usage.trim_start_matches("Usage: ").trim()
    ));
    let own: String = command
        .get_arguments()
        .filter(|arg| is_own(arg))
        .map(argument)
        .collect();
    if !own.is_empty() {
        text.push_str(&format!("\n{own}"));
    }
    command
        .get_subcommands()
        .for_each(|below| section(below, text));
}

fn is_own(arg: &Arg) -> bool {
    !arg.is_global_set()
        && !arg.is_hide_set()
        && !["help", "version"].contains(&arg.get_id().as_str())
}

fn argument(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let default: Vec<_> = arg
        .get_default_values()
        .iter()
        .map(|v| v.to_string_lossy())
        .collect();
    let default = if default.is_empty() || arg.get_num_args().is_some_and(|n| n.max_values() == 0) {
        String::new()
    } else {
        format!(" Default: `{}`.", default.join(" "))
    };
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    let takes = arg.get_num_args().is_none_or(|n| n.max_values() > 0);
    let values = if values.is_empty() || !takes {
        String::new()
    } else {
        format!(" One of {}.", values.join(", "))
    };
    format!("- `{}`: {help}.{values}{default}\n", spelled(arg))
}

/// `-l, --label <L>`, or `<TITLE>`.
fn spelled(arg: &Arg) -> String {
    let takes = arg.get_num_args().is_none_or(|n| n.max_values() > 0);
    let names: Vec<&str> = arg
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| name.as_str())
        .collect();
    let value = format!(
        "<{}>",
        if names.is_empty() {
            arg.get_id().as_str()
        } else {
            names[0]
        }
    );
    let short = arg.get_short().map(|c| format!("-{c}"));
    let long = arg.get_long().map(|name| format!("--{name}"));
    let flags: Vec<String> = short.into_iter().chain(long).collect();
    match (flags.is_empty(), takes) {
        (true, _) => value,
        (false, true) => format!("{} {value}", flags.join(", ")),
        (false, false) => flags.join(", "),
    }
}
