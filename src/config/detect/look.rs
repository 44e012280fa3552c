//! The order in which guesses are made, and what else of a repository is worth a proposal.

use std::borrow::Cow;
use std::path::Path;

use crate::config::detect::found::{DetectedCheck, content};
use crate::config::detect::{native, node, python};

/// The checks that would suit the repository at `root`, the likeliest of each family first.
pub fn detect(root: &Path) -> Vec<DetectedCheck> {
    let mut found = native::cargo(root);
    found.extend(node::checks(root));
    found.extend(python::checks(root));
    found.extend(native::go(root));
    found.extend(native::builds(root));
    found.extend(native::make(root));
    found
}

/// The command that installs what the repository at `root` depends on into a fresh directory, where
/// its files tell and no check of it was found: nothing of the checkout is found from there.
pub fn detect_setup(root: &Path) -> Option<Cow<'static, str>> {
    node::setup(root)
        .map(Into::into)
        .or_else(|| python::setup(root))
}

/// The ignored directories of the repository at `root` whose copy spares a fresh worktree much
/// work. What a setup makes anew is none, nor is an environment of Python, which knows its place.
pub fn detect_caches(root: &Path) -> Vec<&'static str> {
    let is_ignored = |name: &str| {
        let text = content(root, ".gitignore").unwrap_or_default();
        text.lines()
            .any(|line| line.trim().trim_matches('/') == name)
    };
    let has_cargo = root.join("Cargo.toml").is_file();
    (has_cargo && is_ignored("target"))
        .then_some("target")
        .into_iter()
        .collect()
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
