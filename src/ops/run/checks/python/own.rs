//! The modules and projects that a tree holds.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, ListedEntry};
use crate::checks::foreign;
use crate::ops::run::checks::project_files::{CAP, DEPTH, is_of_project};

/// Directories below which packages stand by their names, beside the root.
const SOURCES: [&str; 3] = ["src", "lib", "python"];
/// Names of modules that belong to a repository and not to what it makes.
const NONE: [&str; 12] = [
    "setup",
    "conftest",
    "noxfile",
    "tests",
    "test",
    "docs",
    "doc",
    "examples",
    "tools",
    "scripts",
    "benchmarks",
    "__pycache__",
];

/// A module of the judged tree.
pub(crate) struct OwnModule {
    /// The path below a directory of modules, without an extension.
    pub(crate) name: PathBuf,
    /// The directory of the tree that holds it, relative to the root; none where the tree has it no
    /// more.
    pub(crate) dir: Option<String>,
}

/// The modules that the tree holds, wherever it keeps them.
pub(crate) fn modules(root: &Path) -> Vec<OwnModule> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), String::new(), 0)];
    while let Some((at, below, depth)) = open.pop() {
        let is_source = below
            .rsplit('/')
            .next()
            .is_some_and(|name| SOURCES.contains(&name));
        for ListedEntry {
            path: entry,
            is_dir,
        } in fs::list_kinds(&at).unwrap_or_default()
        {
            let Some(name) = entry.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let is_package = is_dir && entry.join("__init__.py").is_file();
            let stem = name.strip_suffix(".py").filter(|_| is_source && !is_dir);
            let own = |name: &str| OwnModule {
                name: name.into(),
                dir: Some(below.clone()),
            };
            if let Some(stem) = stem.or(is_package.then_some(name)) {
                if !NONE.contains(&stem) {
                    found.push(own(stem));
                }
            } else if is_dir && is_source {
                // A namespace: what it holds can be installed in parts.
                let parts = fs::list_dir(&entry).unwrap_or_default();
                let parts = parts
                    .iter()
                    .filter(|part| part.join("__init__.py").is_file());
                found.extend(parts.filter_map(|part| {
                    Some(own(&format!("{name}/{}", part.file_name()?.to_str()?)))
                }));
            } else if is_dir && depth < DEPTH && is_of_project(name) {
                let below = if below.is_empty() {
                    name.to_owned()
                } else {
                    format!("{below}/{name}")
                };
                open.push((entry.clone(), below, depth + 1));
            }
        }
    }
    // Where sources have a directory of their own, what stands beside it is not what is installed.
    let has_sources = found
        .iter()
        .any(|own| own.dir.as_deref().is_some_and(|dir| SOURCES.contains(&dir)));
    found.retain(|own| !has_sources || own.dir.as_deref() != Some(""));
    found
}

/// The names of the projects in the tree.
pub(crate) fn project_names(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((at, depth)) = open.pop() {
        for name in ["pyproject.toml", "setup.cfg", "setup.py"] {
            found.extend(foreign::project_names(
                &fs::read_text(&at.join(name), CAP).unwrap_or_default(),
            ));
        }
        for ListedEntry {
            path: entry,
            is_dir,
        } in fs::list_kinds(&at).unwrap_or_default()
        {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if is_dir && depth < DEPTH && is_of_project(&name) {
                open.push((entry.clone(), depth + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let temp = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = temp.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        temp
    }

    #[test]
    fn modules_are_found_in_every_usual_layout() {
        let temp = tree(&[
            ("flat/__init__.py", ""),
            ("flat/inner/__init__.py", ""),
            ("script.py", ""),
            ("tests/__init__.py", ""),
            ("data/x.txt", ""),
            ("src/pkg/__init__.py", ""),
            ("src/mod.py", ""),
            ("src/space/part/__init__.py", ""),
            ("packages/a/src/deep/__init__.py", ""),
            ("lib/old/__init__.py", ""),
            (".venv/lib/x/__init__.py", ""),
        ]);
        let mut found: Vec<String> = modules(temp.path())
            .into_iter()
            .map(|own| format!("{} in {:?}", own.name.display(), own.dir.unwrap()))
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "deep in \"packages/a/src\"",
                "mod in \"src\"",
                "old in \"lib\"",
                "pkg in \"src\"",
                "space/part in \"src\""
            ]
        );
    }

    #[test]
    fn packages_at_the_root_count_where_there_are_no_sources_elsewhere() {
        let temp = tree(&[
            ("flat/__init__.py", ""),
            ("flat/inner/__init__.py", ""),
            ("tests/__init__.py", ""),
        ]);
        let found = modules(temp.path());
        assert_eq!(
            found.iter().map(|own| own.name.clone()).collect::<Vec<_>>(),
            [PathBuf::from("flat")]
        );
    }
}
