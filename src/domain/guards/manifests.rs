//! Manifests of dependencies and the lock files that pin them.

use crate::domain::guards::kind::{Guard, GuardFinding};
use crate::domain::repo_path::RepoPath;
use std::collections::BTreeSet;

/// A manifest, its lock files, and how its dependencies are found in it.
struct Ecosystem {
    manifest: &'static str,
    locks: &'static [&'static str],
    declares: Declares,
}

/// The part of a manifest that declares dependencies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Declares {
    /// All of it.
    Everything,
    /// Sections of a TOML file whose names hold one of these.
    TomlSections(&'static [&'static str]),
    /// Members of a JSON file of these names.
    JsonMembers(&'static [&'static str]),
}

const JSON_MEMBERS: Declares = Declares::JsonMembers(&[
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "overrides",
    "resolutions",
    "require",
    "require-dev",
]);

const ECOSYSTEMS: [Ecosystem; 13] = [
    Ecosystem {
        manifest: "Cargo.toml",
        locks: &["Cargo.lock"],
        declares: Declares::TomlSections(&["dependencies", "patch", "replace"]),
    },
    Ecosystem {
        manifest: "package.json",
        locks: &[
            "package-lock.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "bun.lock",
            "bun.lockb",
            "npm-shrinkwrap.json",
        ],
        declares: JSON_MEMBERS,
    },
    Ecosystem {
        manifest: "pyproject.toml",
        locks: &["poetry.lock", "uv.lock", "pdm.lock"],
        declares: Declares::TomlSections(&[
            "dependencies",
            "project",
            "build-system",
            "dependency-groups",
        ]),
    },
    Ecosystem {
        manifest: "Pipfile",
        locks: &["Pipfile.lock"],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "go.mod",
        locks: &["go.sum"],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "Gemfile",
        locks: &["Gemfile.lock"],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "composer.json",
        locks: &["composer.lock"],
        declares: JSON_MEMBERS,
    },
    Ecosystem {
        manifest: "mix.exs",
        locks: &["mix.lock"],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "flake.nix",
        locks: &["flake.lock"],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "requirements.txt",
        locks: &[],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "pom.xml",
        locks: &[],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "build.gradle",
        locks: &["gradle.lockfile"],
        declares: Declares::Everything,
    },
    Ecosystem {
        manifest: "build.gradle.kts",
        locks: &["gradle.lockfile"],
        declares: Declares::Everything,
    },
];

/// Locks whose manifest is often another file: a change of them alone is none without a reason.
const ALONE_IS_USUAL: [&str; 2] = ["go.sum", "gradle.lockfile"];

/// A changed manifest.
#[derive(Debug)]
struct ChangedManifest {
    path: RepoPath,
    locks: &'static [&'static str],
    /// True where what it declares has changed, and not its version or a script.
    declares_otherwise: bool,
}

/// A changed lock file.
#[derive(Debug)]
struct ChangedLock {
    path: RepoPath,
    manifests: Vec<&'static str>,
}

/// The manifests and lock files of a change.
#[derive(Debug, Default)]
pub(super) struct DependencyLook {
    manifests: Vec<ChangedManifest>,
    locks: Vec<ChangedLock>,
}

impl DependencyLook {
    /// Adds what was noted of later files.
    pub fn join(&mut self, later: DependencyLook) {
        self.manifests.extend(later.manifests);
        self.locks.extend(later.locks);
    }

    /// Notes a changed file, if it is one of them.
    pub fn add(&mut self, path: &RepoPath, old: Option<&[u8]>, new: Option<&[u8]>) {
        let (_, name) = parts(path);
        let name = String::from_utf8_lossy(name);
        for ecosystem in ECOSYSTEMS.iter().filter(|one| one.manifest == name) {
            self.manifests.push(ChangedManifest {
                path: path.clone(),
                locks: ecosystem.locks,
                declares_otherwise: declared(ecosystem.declares, old)
                    != declared(ecosystem.declares, new),
            });
        }
        let of = ECOSYSTEMS
            .iter()
            .filter(|one| one.locks.contains(&name.as_ref()));
        let manifests: Vec<&str> = of.map(|one| one.manifest).collect();
        if !manifests.is_empty() {
            self.locks.push(ChangedLock {
                path: path.clone(),
                manifests,
            });
        }
    }

    /// The findings; `has_file` tells whether a path was there before the change.
    pub fn finish(self, has_file: &dyn Fn(&RepoPath) -> bool) -> Vec<GuardFinding> {
        let mut found = Vec::new();
        let mut add = |guard, path: &RepoPath, what: &str| {
            found.push(GuardFinding {
                guard,
                path: path.clone(),
                line: None,
                what: what.to_owned(),
                bytes: None,
            });
        };
        for lock in &self.locks {
            add(Guard::Dependencies, &lock.path, "a lock file changes");
            let (directory, name) = parts(&lock.path);
            // One lock file may serve the manifests of a whole tree.
            let serves = |manifest: &ChangedManifest| {
                let (own, name) = parts(&manifest.path);
                lock.manifests.iter().any(|known| known.as_bytes() == name)
                    && (directory.is_empty() || own == directory || is_below(own, directory))
            };
            let is_usual = ALONE_IS_USUAL.iter().any(|usual| usual.as_bytes() == name);
            if !is_usual && !self.manifests.iter().any(serves) {
                add(
                    Guard::LockFiles,
                    &lock.path,
                    "the lock file changes, and no manifest of it",
                );
            }
        }
        let changed: BTreeSet<&RepoPath> = self.locks.iter().map(|lock| &lock.path).collect();
        for manifest in self.manifests.iter().filter(|one| one.declares_otherwise) {
            add(
                Guard::Dependencies,
                &manifest.path,
                "declared dependencies change",
            );
            let beside = lock_beside(&manifest.path, manifest.locks, &|path| {
                changed.contains(path)
            });
            if beside.is_none()
                && let Some(lock) = lock_beside(&manifest.path, manifest.locks, has_file)
            {
                let what = format!("declared dependencies change, and {lock} does not");
                add(Guard::LockFiles, &manifest.path, &what);
            }
        }
        found
    }
}

/// True for a file that declares dependencies.
pub(super) fn is_manifest(path: &RepoPath) -> bool {
    let (_, name) = parts(path);
    ECOSYSTEMS.iter().any(|one| one.manifest.as_bytes() == name)
}

/// True for a file that a package manager writes whenever dependencies change.
pub(super) fn is_lock(path: &RepoPath) -> bool {
    let (_, name) = parts(path);
    let mut locks = ECOSYSTEMS.iter().flat_map(|one| one.locks);
    locks.any(|lock| lock.as_bytes() == name)
}

/// The lock file that pins what a manifest declares: the nearest one in its directory or above.
fn lock_beside(
    manifest: &RepoPath,
    locks: &[&str],
    has_file: &dyn Fn(&RepoPath) -> bool,
) -> Option<RepoPath> {
    let root: &[u8] = b"";
    let directories = manifest.parents().chain([root]);
    let mut all = directories.flat_map(|directory| {
        locks.iter().map(move |lock| match directory {
            b"" => RepoPath::new(*lock),
            _ => RepoPath::new([directory, b"/", lock.as_bytes()].concat()),
        })
    });
    all.find(|path| has_file(path))
}

fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.starts_with(b"/"))
}

/// Directory and name.
fn parts(path: &RepoPath) -> (&[u8], &[u8]) {
    let bytes = path.as_bytes();
    match bytes.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (b"", bytes),
    }
}

/// The declarations of a manifest in a form to be compared; all of it where it cannot be told.
fn declared(declares: Declares, text: Option<&[u8]>) -> Vec<String> {
    let Some(text) = text else {
        return Vec::new();
    };
    let whole = || vec![String::from_utf8_lossy(text).into_owned()];
    match declares {
        Declares::Everything => {
            let text = String::from_utf8_lossy(text);
            let lines = text.lines().map(str::trim);
            let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '/']));
            lines.map(str::to_owned).collect()
        }
        Declares::TomlSections(names) => sections(&String::from_utf8_lossy(text), names),
        Declares::JsonMembers(names) => match serde_json::from_slice::<serde_json::Value>(text) {
            Ok(value) => names
                .iter()
                .filter_map(|name| Some(format!("{name} {}", value.get(name)?)))
                .collect(),
            Err(_) => whole(),
        },
    }
}

/// The lines of the sections whose names hold one of these words, each with its section. Of what describes a
/// package, only its lists of dependencies.
fn sections(text: &str, names: &[&str]) -> Vec<String> {
    const DESCRIBES: [&str; 12] = [
        "name",
        "version",
        "description",
        "authors",
        "readme",
        "license",
        "keywords",
        "classifiers",
        "urls",
        "maintainers",
        "scripts",
        "license-files",
    ];
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with('[') && line.ends_with(']') {
            section = line.trim_matches(['[', ']']).to_owned();
            continue;
        }
        let key = line.split(['=', '.']).next().unwrap_or_default().trim();
        let is_described = section == "project" && DESCRIBES.contains(&key);
        // `dependencies.x = "1"` at the top of a file declares as well.
        let is_declared = names.iter().any(|name| section.contains(name)) || names.contains(&key);
        if is_declared && !is_described {
            lines.push(format!("{section} {line}"));
        }
    }
    lines
}

#[cfg(test)]
#[path = "manifests_tables.rs"]
mod tables;
