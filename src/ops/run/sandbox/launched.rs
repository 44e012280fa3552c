//! The part of a sandbox that lets an agent's program start, and what tells why one did not.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::ops::run::sandbox::builder::SandboxBuilder;
use crate::ops::run::sandbox::layer::program_path;
use crate::ops::run::sandbox::program;
use crate::ops::run::sandbox::project::real;
use crate::ops::world::World;
use crate::process::environment::EnvVariable;

/// Places of a home that hold keys: nobody is told to show them to a program.
const KEYS: [&str; 12] = [
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".git-credentials",
    ".password-store",
    ".config/gcloud",
    ".config/gh",
    ".local/share/keyrings",
];

/// True for a path, relative to a home, at which keys are kept.
fn holds_keys(path: &Path) -> bool {
    KEYS.iter().any(|keys| path.starts_with(keys))
}

impl SandboxBuilder {
    /// Learns what no tree of a program may hold.
    pub(super) fn keep(&mut self, world: &World) {
        let location = &world.location;
        let project = [
            Some(&world.root),
            Some(&location.common_dir),
            location.main_root.as_ref(),
        ];
        self.kept = project
            .into_iter()
            .chain([self.home.as_ref()])
            .flatten()
            .cloned()
            .chain(world.places.of_all())
            .filter_map(|path| real(&path))
            .collect();
    }

    /// Lets an agent's program be started wherever it lies out of sight: its links, the tree of its
    /// package, the interpreters that first lines name, and files that stand in its command line.
    pub fn launched(&mut self, argv: &[OsString], env: &[EnvVariable]) {
        let dirs = program_path(env);
        let named = argv.iter().map(PathBuf::from).filter(|p| p.is_absolute());
        let found = argv
            .first()
            .filter(|word| !word.to_string_lossy().contains('/'))
            .and_then(|word| dirs.iter().map(|dir| dir.join(word)).find(|p| p.is_file()));
        let words: Vec<PathBuf> = named.chain(found).collect();
        let files = words.iter().flat_map(|word| program::files_of(word, &dirs));
        // All of it is looked for before any of it is shown: what is shown hides nothing any more.
        let shown: Vec<PathBuf> = files
            .chain(dirs.iter().cloned())
            .flat_map(|path| self.belonging_to(&path))
            .collect();
        shown.iter().for_each(|path| self.read(path));
    }

    /// The tree of a file or a directory of programs, and the file itself, where they are hidden.
    fn belonging_to(&self, path: &Path) -> Vec<PathBuf> {
        let Some(hidden) = self.policy.hidden_by(path) else {
            return Vec::new();
        };
        let tree = program::tree_of(path, hidden, &self.kept);
        let file = path.is_file().then(|| path.to_owned());
        tree.into_iter().chain(file).collect()
    }

    /// Finds what to allow, if a text of a program that did not start names a place that is hidden
    /// from it: as `runs.allow_read` wants it.
    pub fn missing_path(&self, text: &str) -> Option<String> {
        if !self.confines() {
            return None;
        }
        let allowed = program::paths_in(text).into_iter().find_map(|path| {
            let path = real(&path)?;
            let hidden = self.policy.hidden_by(&path)?.to_owned();
            let is_kept = self.kept.iter().any(|kept| path.starts_with(kept));
            let in_home = self.home.as_deref() == Some(hidden.as_path());
            let of_keys = in_home && holds_keys(path.strip_prefix(&hidden).ok()?);
            let tree = || program::tree_of(&path, &hidden, &self.kept);
            let may_be_seen = !of_keys && (in_home || !is_kept);
            may_be_seen.then(|| tree().unwrap_or(path.clone()))
        })?;
        let below = self
            .home
            .as_ref()
            .and_then(|home| allowed.strip_prefix(home).ok());
        Some(match below {
            Some(below) => format!("~/{}", below.display()),
            None => allowed.display().to_string(),
        })
    }
}
