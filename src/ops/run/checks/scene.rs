//! Where checks run and with what, and whether a path or a text leads from there into a checkout of
//! the project.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::base::path::resolved;
use crate::checks::foreign::{self, NamedPlace};
use crate::domain::sandbox::SandboxMode;
use crate::ops::error::OpError;
use crate::ops::run::checks::environment::CheckEnvironment;
use crate::ops::run::checks::place::CheckPlace;

/// Starts a command as a check would be started, and returns what it printed.
pub(crate) type Ask<'a> = dyn Fn(Vec<OsString>) -> Result<Vec<u8>, OpError> + 'a;

/// The surroundings of checks.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// The place.
    pub(crate) place: &'a CheckPlace,
    /// The environment.
    pub(crate) environment: &'a CheckEnvironment,
    /// The [sandbox mode](SandboxMode). Without it, nothing can be hidden from them.
    pub(crate) mode: SandboxMode,
}

impl Scene<'_> {
    /// The checkout into which a path leads, links followed; none for an environment that is shown,
    /// or the place itself.
    pub(crate) fn leads_into(&self, path: &Path) -> Option<PathBuf> {
        let path = resolved(path);
        let is_in = |dir: &Path| path.starts_with(dir);
        let shown = self.environment.shown.iter().any(|dir| is_in(dir));
        let own = self.place.root.parent().is_some_and(is_in);
        let checkout = self.environment.checkouts.iter().find(|dir| is_in(dir));
        checkout.filter(|_| !shown && !own).cloned()
    }

    /// Returns true if a part of a directory can be hidden from checks while the rest of it stays
    /// as it is. Landlock has no such thing.
    pub(crate) fn hides(&self) -> bool {
        self.mode.hides_parts()
    }

    /// The places that a text names.
    pub(crate) fn places_in(&self, text: &[u8]) -> Vec<PathBuf> {
        let home = self.variable("HOME");
        let named = foreign::places_in(text)
            .into_iter()
            .filter_map(|named| match named {
                NamedPlace::Absolute(path) => Some(path),
                NamedPlace::InHome(path) => Some(home.as_ref()?.join(path)),
            });
        named.collect()
    }

    /// The checkout into which a place leads that a text names.
    pub(crate) fn named(&self, text: &[u8]) -> Option<PathBuf> {
        self.places_in(text)
            .into_iter()
            .find_map(|path| self.leads_into(&path))
    }

    /// A variable that checks get.
    pub(crate) fn variable(&self, name: &str) -> Option<PathBuf> {
        let found = self
            .environment
            .variables
            .iter()
            .find(|(key, value)| key == name && !value.is_empty());
        found.map(|(_, value)| PathBuf::from(value))
    }

    /// The program of that name which a check finds.
    pub(crate) fn program(&self, name: &str) -> Option<PathBuf> {
        self.environment
            .path()
            .into_iter()
            .map(|dir| dir.join(name))
            .find(|path| path.is_file())
    }
}

/// The program of a command line, without the variables that are set before it.
pub(crate) fn first_word(command: &str) -> String {
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let is_before = |word: &str| {
        word == "env"
            || word == "exec"
            || word.split_once('=').is_some_and(|(name, _)| is_name(name))
    };
    command
        .split_whitespace()
        .find(|word| !is_before(word))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_of_a_command_is_its_first_word_that_is_one() {
        for (command, word) in [
            ("pytest -q", "pytest"),
            ("A=1 B_2=x python -m pytest", "python"),
            ("exec env CI=1 cargo test", "cargo"),
            ("  ", ""),
            ("a=b", ""),
        ] {
            assert_eq!(first_word(command), word, "{command:?}");
        }
    }
}
