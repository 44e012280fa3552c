//! The files that instructions of agents import (`@docs/rules.md` in CLAUDE.md or AGENTS.md): agents obey them at
//! their next start as they obey the file that names them. A rule that says `agent_imports` guards them (ADR 0091); this warns where none does.
//!
//! Deliberately absent: what lies outside of the checkout, which no change of an agent's work reaches, and what is
//! imported from directories below, for which the whole checkout would have to be gone through.

use std::convert::Infallible;
use std::path::Path;

use crate::base::fs;
use crate::config::Trees;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::agent_imports::{
    self, INSTRUCTIONS, ImportedFile, ImportingFile, is_instructions,
};
use crate::domain::decision::Resource;
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::ops::doctor::Finding;
use crate::ops::project;
use crate::policy::{self, Request};

/// So many files are named.
const SHOWN: usize = 5;

/// Warns of imported files that an agent may change without anybody's yes.
pub(super) fn look(root: &Path) -> Option<Finding> {
    let state = project::policy(root, &Trees::none());
    let actor = Actor::new(ActorKind::Agent, "any").ok()?;
    let is_free = |one: &ImportedFile| {
        let resource = Resource {
            paths: vec![one.path.clone()],
            ..Resource::default()
        };
        let facts = Facts {
            imported_paths: vec![one.clone()],
            ..Facts::default()
        };
        let request = Request {
            action: Action::Edit,
            actor: &actor,
            resource: &resource,
            facts: &facts,
        };
        policy::decide(&state, &request).effect.lets_through()
    };
    let free: Vec<String> = imported(root)
        .iter()
        .filter(|one| is_free(one))
        .map(|one| one.path.to_string())
        .collect();
    let more = free.len().saturating_sub(SHOWN);
    let mut names = free[..free.len().min(SHOWN)].join(", ");
    if names.is_empty() {
        return None;
    }
    if more > 0 {
        names.push_str(&format!(" and {more} more"));
    }
    let text = format!(
        "instructions of agents import {names}, which an agent may change without a person's yes"
    );
    Some(Finding::warn("instructions", text).next(
        "write `agent_imports: true` into the rule `agent-settings-need-a-human` in .ai/policy.yaml, or into one like it",
    ))
}

/// The files of the checkout that its instructions import, and those that these import.
fn imported(root: &Path) -> Vec<ImportedFile> {
    let mut read = |path: &RepoPath| -> Result<Option<ImportingFile>, Infallible> {
        let text = fs::read_start(&path.beneath(root), agent_imports::CAP as u64);
        Ok(text.ok().map(ImportingFile::Text))
    };
    let starts = INSTRUCTIONS.map(RepoPath::from);
    let Ok(found) = agent_imports::imported(starts, &mut read);
    let is_there = |one: &ImportedFile| one.path.beneath(root).is_file();
    let others = found.into_iter().filter(|one| !is_instructions(&one.path));
    others.filter(is_there).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let found = imported(dir.path());
        let found: Vec<String> = found.iter().map(|one| one.path.to_string()).collect();
        assert_eq!(found, ["docs/a.md", "docs/b.md"]);
        assert_eq!(imported(&dir.path().join("docs")).len(), 0);
    }
}
