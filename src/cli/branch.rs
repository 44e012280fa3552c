//! Parsing the commands that agents call all day by their own branch of the tree alone.
//!
//! Building the tree of every command takes longer than most commands. What a branch cannot parse
//! (a mistake, a cry for help, a flag before the command) is left to the whole tree, which has the
//! words for it; so a branch decides nothing that the tree would not.

use std::ffi::OsString;
use std::mem::ManuallyDrop;

use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::cli::args::{Cli, Global};
use crate::cli::cmd;

/// The command line, where it is one of the usual ones and in order.
pub(super) fn parse(args: &[OsString]) -> Option<Cli> {
    Cli::from_arg_matches(&matches(args)?).ok()
}

fn matches(args: &[OsString]) -> Option<ArgMatches> {
    let mut words = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_str().unwrap_or_default());
    let branch = cmd::branch(words.next()?, words.next())?;
    let mut tree = ManuallyDrop::new(Global::augment_args(Command::new("ai")).subcommand(branch));
    tree.try_get_matches_from_mut(args).ok()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn split(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    /// Everything that a parse has found, in the order of the ids.
    fn found(matches: &ArgMatches) -> Vec<String> {
        let mut all: Vec<String> = matches
            .ids()
            .map(|id| {
                let values = matches
                    .try_get_raw(id.as_str())
                    .ok()
                    .flatten()
                    .map(Vec::from_iter);
                format!("{id} {values:?} {:?}", matches.value_source(id.as_str()))
            })
            .collect();
        all.sort();
        if let Some((name, below)) = matches.subcommand() {
            all.push(name.to_owned());
            all.extend(found(below));
        }
        all
    }

    #[test]
    fn a_branch_finds_what_the_tree_finds() {
        for line in [
            "ai status",
            "ai status --json -q",
            "ai status -v",
            "ai why t-1 --as bob",
            "ai run t-1 --agent codex",
            "ai task create title --json",
            "ai task create title --body x --priority 1 --label a,b --path src/** --path docs --dep t-1 -C dir",
            "ai task create --from tasks.jsonl",
            "ai task claim --next --as agent:codex --ttl 5m --json",
            "ai task claim t-1",
            "ai task show t-1 --json",
            "ai task list --status queued,done -n 5 --sort newest",
            "ai task list",
            "ai task ready -n 3 --json",
            "ai task next",
            "ai task heartbeat t-1 --lease x",
        ] {
            let branch = matches(&split(line)).unwrap_or_else(|| panic!("{line} has no branch"));
            let tree = Cli::command().try_get_matches_from(split(line)).unwrap();
            assert_eq!(found(&branch), found(&tree), "{line}");
            assert!(parse(&split(line)).is_some(), "{line}");
        }
    }

    #[test]
    fn mistakes_and_help_are_left_to_the_tree() {
        for line in [
            "ai",
            "ai --json status",
            "ai status --help",
            "ai task",
            "ai task create --edit --from b",
            "ai task create a --from b",
            "ai task claim t-1 --next",
            "ai task list --status nonsense",
            "ai task show",
            "ai task frobnicate",
            "ai frobnicate",
        ] {
            assert!(matches(&split(line)).is_none(), "{line}");
        }
    }
}
