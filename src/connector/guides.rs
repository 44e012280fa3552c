//! What a project keeps for agents, by the word of all manifests: the files and the skills that one
//! CLI or another reads by itself. Whoever stands in for another agent is told of those, too.
//!
//! Names come from manifests, so only plain relative paths count. Deliberately absent: looking
//! whether something is there.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use crate::connector::manifest::Manifest;
use crate::connector::registry::ConnectorRegistry;

/// A file that projects keep for everybody who works on them, agents included.
const FOR_EVERYBODY: &str = "CONTRIBUTING.md";

/// What a project may keep for its agents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectGuides {
    /// Files with instructions, by name. Those that the agent's own CLI reads are among them: some
    /// read one only where another is missing, and to read twice harms nobody.
    pub files: BTreeSet<String>,
    /// Directories of skills that the agent's own CLI does not list by itself.
    pub skill_dirs: BTreeSet<String>,
}

impl ProjectGuides {
    /// What all connectors name, as an agent of the connector `own` is told of it.
    pub fn of(known: &ConnectorRegistry, own: &Manifest) -> ProjectGuides {
        let mut guides = ProjectGuides::default();
        guides.files.insert(FOR_EVERYBODY.to_owned());
        for connector in known.all() {
            let manifest = connector.describe();
            guides.files.extend(manifest.context_files.iter().cloned());
            guides
                .skill_dirs
                .extend(manifest.skill_dirs.iter().cloned());
        }
        guides.files.retain(|name| is_plain(name));
        guides
            .skill_dirs
            .retain(|name| is_plain(name) && !own.skill_dirs.contains(name));
        guides
    }
}

/// True for a path that stays below the directory in which it is looked for, and that can stand in
/// a line.
fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    !name.is_empty()
        && !name.contains(char::is_control)
        && parts.all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_told_of_the_skills_that_its_own_cli_does_not_list() {
        let known = ConnectorRegistry::shipped();
        let told = |name: &str| ProjectGuides::of(&known, known.get(name).unwrap().describe());
        let (claude, codex) = (told("claude-code"), told("codex"));
        assert_eq!(claude.files, codex.files);
        insta::assert_debug_snapshot!((&codex.files, &codex.skill_dirs, &claude.skill_dirs));
    }

    #[test]
    fn only_a_plain_path_below_the_worktree_counts() {
        for (name, plain) in [
            ("AGENTS.md", true),
            (".github/copilot-instructions.md", true),
            ("", false),
            ("/etc/passwd", false),
            ("../AGENTS.md", false),
            ("a/../../b", false),
            ("a\nb", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name:?}");
        }
    }
}
