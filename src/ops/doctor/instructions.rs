//! The files that instructions of agents import (`@docs/rules.md` in CLAUDE.md or AGENTS.md): agents obey them at
//! their next start as they obey the file that names them, and no policy can know their names beforehand.
//!
//! Deliberately absent: what lies outside of the checkout, which no change of an agent's work reaches, and what is
//! imported from directories below, whose instructions count for work there alone.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::fs;
use crate::config::Trees;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::Resource;
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::ops::doctor::Finding;
use crate::ops::project;
use crate::policy::{self, Request};

/// The files from which CLIs take instructions, and follow what they import.
const FILES: [&str; 5] = [
    "AGENTS.md",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "GEMINI.md",
    "QWEN.md",
];
/// The longest such file that is read.
const CAP: u64 = 1 << 20;
/// Imports are followed so far; CLIs stop there, too.
const DEPTH: usize = 5;
/// So many files are named.
const SHOWN: usize = 5;

/// Warns of imported files that an agent may change without anybody's yes.
pub(super) fn look(root: &Path) -> Option<Finding> {
    let state = project::policy(root, &Trees::none());
    let actor = Actor::new(ActorKind::Agent, "any").ok()?;
    let is_free = |path: &String| {
        let resource = Resource {
            paths: vec![RepoPath::from(path.as_str())],
            ..Resource::default()
        };
        let request = Request {
            action: Action::Edit,
            actor: &actor,
            resource: &resource,
            facts: &Facts::default(),
        };
        policy::decide(&state, &request).effect.lets_through()
    };
    let free: Vec<String> = imported(root).into_iter().filter(is_free).collect();
    let first = free.first()?;
    let more = free.len().saturating_sub(SHOWN);
    let mut names = free[..free.len().min(SHOWN)].join(", ");
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    let text = format!(
        "instructions of agents import {names}, which an agent may change without a person's yes"
    );
    Some(Finding::warn("instructions", text).next(format!(
        "add {first} to the paths of the rule `agent-settings-need-a-human` in .ai/policy.yaml, or write one like it"
    )))
}

/// The files of the checkout that its instructions import, and those that these import.
fn imported(root: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open: Vec<String> = FILES.map(str::to_owned).into();
    for _ in 0..DEPTH {
        let texts = open.iter().filter_map(|file| {
            let text = fs::read_text_if_there(&root.join(file), CAP).ok()??;
            Some((file.as_str(), text))
        });
        let named: Vec<String> = texts
            .flat_map(|(file, text)| imports_in(file, &text))
            .collect();
        open = named
            .into_iter()
            .filter(|path| root.join(path).is_file() && found.insert(path.clone()))
            .collect();
    }
    FILES.iter().for_each(|file| {
        found.remove(*file);
    });
    found
}

/// The paths that a text imports, from the root of the checkout. Code is no import.
fn imports_in(file: &str, text: &str) -> Vec<String> {
    let dir = file.rsplit_once('/').map_or("", |(dir, _)| dir);
    let mut is_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if is_code {
            continue;
        }
        // Every second part of a line is between backticks.
        for part in line.split('`').step_by(2) {
            let words = part
                .split_whitespace()
                .filter_map(|word| word.strip_prefix('@'));
            let paths = words.map(|word| word.trim_end_matches(['.', ',', ';', ':', ')']));
            found.extend(paths.filter_map(|path| within(dir, path)));
        }
    }
    found
}

/// A path from the root of the checkout; none for one that leads out of it.
fn within(dir: &str, path: &str) -> Option<String> {
    if path.is_empty() || path.starts_with(['/', '~']) {
        return None;
    }
    let mut names: Vec<&str> = dir.split('/').filter(|name| !name.is_empty()).collect();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop()?;
            }
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_words_and_no_code() {
        let text = "See @docs/rules.md, and @./more.md.\n`@not/this.md`\n```\n@nor/this.md\n```\n\
                    mail ann@example.com, @/etc/passwd, @~/own.md, @../up.md\n- @sub/../x.md\n";
        assert_eq!(
            imports_in("AGENTS.md", text),
            ["docs/rules.md", "more.md", "x.md"]
        );
        assert_eq!(
            imports_in("docs/rules.md", "@more.md @../CLAUDE.md @../../out.md"),
            ["docs/more.md", "CLAUDE.md"]
        );
    }

    #[test]
    fn what_is_imported_is_followed_and_what_is_not_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("CLAUDE.md", "@AGENTS.md @docs/a.md @nothing.md");
        write("docs/a.md", "@b.md");
        write("docs/b.md", "@a.md");
        let found: Vec<String> = imported(dir.path()).into_iter().collect();
        assert_eq!(found, ["docs/a.md", "docs/b.md"]);
        assert_eq!(imported(&dir.path().join("docs")).len(), 0);
    }
}
