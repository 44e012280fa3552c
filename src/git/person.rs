//! The address by which Git knows the person who works in a repository.
//!
//! It is read from the files that Git reads, in this process: commands that take a few milliseconds
//! cannot wait for another one. Only a file that includes others is left to Git, which alone knows
//! all conditions of that. As everywhere in this layer, Git's environment counts as far as it says
//! where the user keeps the own configuration: `GIT_COMMITTER_EMAIL` and the like name nobody, here
//! and in the commits that `ai` makes.
//!
//! What the repository's own file says is the word of whoever could write it; agents cannot.

use std::path::{Path, PathBuf};

use crate::base::env;
use crate::git::cmd::Git;
use crate::git::discover::RepoLocation;
use crate::git::error::GitError;
use crate::git::format;

/// The address that Git would put into a commit of this user, as configured; `None` where it would
/// have to invent one.
pub fn email(place: &RepoLocation) -> Option<String> {
    let mut files = files_of_user();
    files.push(place.common_dir.join("config"));
    match Address::read(&files, &place.git_dir) {
        Ok(address) if address.is_certain => address.chosen(),
        _ => asked(&Git::system().ok()?, place),
    }
}

/// The addresses that were found so far. A later one of the same key counts.
#[derive(Default)]
struct Address {
    of_committer: Option<String>,
    of_user: Option<String>,
    has_worktree_file: bool,
    is_certain: bool,
}

impl Address {
    /// Reads the files in order, and after them that of the worktree, where Git does.
    fn read(files: &[PathBuf], git_dir: &Path) -> Result<Address, GitError> {
        let mut address = Address {
            is_certain: true,
            ..Address::default()
        };
        for file in files {
            address.take_all(file)?;
        }
        if address.has_worktree_file {
            address.take_all(&git_dir.join("config.worktree"))?;
        }
        Ok(address)
    }

    fn take_all(&mut self, file: &Path) -> Result<(), GitError> {
        for (key, value) in format::entries(file)? {
            self.take(&key, value);
        }
        Ok(())
    }

    fn take(&mut self, key: &str, value: String) {
        match key {
            "committer.email" => self.of_committer = Some(value),
            "user.email" => self.of_user = Some(value),
            "extensions.worktreeconfig" => self.has_worktree_file = format::is_true(&value),
            _ if key.starts_with("include.") || key.starts_with("includeif.") => {
                self.is_certain = false;
            }
            _ => {}
        }
    }

    fn chosen(self) -> Option<String> {
        self.of_committer.or(self.of_user)
    }
}

/// The files of the system and of the user, in the order in which Git reads them.
fn files_of_user() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let named = |name: &str| env::os(name).map(PathBuf::from);
    let is_without = env::text("GIT_CONFIG_NOSYSTEM").is_some_and(|text| format::is_true(&text));
    if !is_without {
        files.push(named("GIT_CONFIG_SYSTEM").unwrap_or_else(|| "/etc/gitconfig".into()));
    }
    match named("GIT_CONFIG_GLOBAL") {
        Some(file) => files.push(file),
        None => {
            let dir = env::user_config_dir();
            files.extend(dir.and_then(|dir| Some(dir.parent()?.join("git/config"))));
            files.extend(named("HOME").map(|home| home.join(".gitconfig")));
        }
    }
    files.retain(|file| file.is_absolute());
    files
}

/// The same by Git itself.
fn asked(git: &Git, place: &RepoLocation) -> Option<String> {
    let all = [
        "config",
        "--null",
        "--get-regexp",
        r"^(committer|user)\.email$",
    ];
    let out = git.command(all).git_dir(&place.git_dir).run_any().ok()?;
    let mut address = Address::default();
    for entry in String::from_utf8_lossy(&out.stdout).split_terminator('\0') {
        if let Some((key, value)) = entry.split_once('\n') {
            address.take(key, value.to_owned());
        }
    }
    address.chosen()
}

#[cfg(test)]
#[path = "person_tests.rs"]
mod tests;
