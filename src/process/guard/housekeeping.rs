//! The processes with which Git keeps house behind its commands: packing, and the daemons that answer its
//! questions. They come with a commit or a fetch, or by `git maintenance run --detach`, and are ended
//! with the command, but nobody left them at work on the tree.

use std::collections::HashMap;

use crate::process::procfs::{ProcessStat, command_words, descendants, program_name, stat};

/// The commands of Git that may go on behind the one that began them.
const BEHIND: [&str; 4] = [
    "maintenance",
    "gc",
    "fsmonitor--daemon",
    "credential-cache--daemon",
];
/// Options of `git` itself that are followed by a word of their own.
const WITH_VALUE: [&str; 9] = [
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--exec-path",
    "--config-env",
    "--attr-source",
    "--super-prefix",
];
/// As many words may stand before the name of the command.
const MOST_WORDS: usize = 64;

/// The processes that were seen below a keeper, and whether each keeps house.
#[derive(Debug, Default)]
pub(super) struct GitHousekeeping {
    seen: HashMap<(i32, u64), bool>,
}

impl GitHousekeeping {
    /// Looks at those that were not seen yet, before anything is done to them. What such a process has
    /// started keeps house with it.
    pub fn notice(&mut self, running: &[ProcessStat]) {
        let is_root = |stat: &&ProcessStat| match self.seen.get(&key(stat)) {
            Some(known) => *known,
            None => keeps_house(stat.pid) || has_ended(stat),
        };
        let roots: Vec<i32> = running
            .iter()
            .filter(is_root)
            .map(|stat| stat.pid)
            .collect();
        let below = descendants(&roots, running);
        for stat in running {
            let is_one = roots.contains(&stat.pid) || below.iter().any(|one| one.pid == stat.pid);
            self.seen.entry(key(stat)).or_insert(is_one);
        }
    }

    /// The number of those that keep house.
    pub fn count(&self) -> usize {
        self.seen.values().filter(|is_one| **is_one).count()
    }
}

fn key(stat: &ProcessStat) -> (i32, u64) {
    (stat.pid, stat.start_ticks)
}

/// True for one that has ended since the table was read: nobody has to end it, so it was not left behind.
fn has_ended(seen: &ProcessStat) -> bool {
    stat(seen.pid).is_none_or(|now| now.start_ticks != seen.start_ticks || !now.is_running())
}

/// True for a process that executes Git, by what the kernel says, with one of these commands.
fn keeps_house(pid: i32) -> bool {
    program_name(pid).is_some_and(|name| name == "git")
        && command_of(&command_words(pid, MOST_WORDS)).is_some_and(|name| BEHIND.contains(&name))
}

/// The name of the command in the words of a call of Git.
fn command_of(words: &[String]) -> Option<&str> {
    let (program, mut words) = words.split_first()?;
    let called_as = program.rsplit('/').next().unwrap_or(program);
    if let Some(name) = called_as.strip_prefix("git-") {
        return Some(name);
    }
    while let Some((word, rest)) = words.split_first() {
        if !word.starts_with('-') {
            return Some(word);
        }
        let skipped = usize::from(WITH_VALUE.contains(&word.as_str()));
        words = rest.get(skipped..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_stands_behind_the_options_of_git() {
        for (line, name) in [
            ("git maintenance run --detach", Some("maintenance")),
            ("/usr/bin/git -C a -c b=c --no-pager gc --auto", Some("gc")),
            ("git --git-dir=x --work-tree y status gc", Some("status")),
            ("/usr/lib/git-core/git-gc", Some("gc")),
            ("git -C", None),
            ("git --version", None),
            ("", None),
        ] {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(command_of(&words), name, "{line}");
        }
    }
}
