//! The place that a path leads to which an agent names: a file of the tree in which it works, one of
//! Git's own, or another.
//!
//! Invariant: links of the existing part are followed, and a path that the system would read otherwise
//! than its words say is nowhere. Nothing is read but links and, of a
//! directory that is to go elsewhere, the names in it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::base::fs;
use crate::base::path::{plain, resolved};

/// The end of the directory in which worktrees of runs may lie, seen from a checkout.
const POOL: &str = ".ai/worktrees";

/// The trees of a session, links resolved.
#[derive(Debug, Clone)]
pub struct SessionPlace {
    /// The tree in which the session works.
    pub tree: PathBuf,
    /// Another tree of the same repository, whose files have the same names.
    pub main: Option<PathBuf>,
    /// The git directory that all trees share, where it lies elsewhere.
    pub git_dir: Option<PathBuf>,
}

/// A directory holds more than is looked at for one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

/// The place of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whereabouts {
    /// A file of the tree, by its name there; empty for the tree itself.
    Inside(Vec<u8>),
    /// Git's own.
    OfGit,
    /// The tree of a run, seen from a checkout.
    OfRuns,
    /// Elsewhere on the machine.
    Beyond,
    /// Nobody can say: a link that leads nowhere could lead anywhere tomorrow.
    Nowhere,
}

impl SessionPlace {
    /// A place of one tree alone.
    pub fn of_tree(tree: PathBuf) -> SessionPlace {
        SessionPlace {
            tree,
            main: None,
            git_dir: None,
        }
    }

    /// The place that a path leads to; one that is not absolute begins at the tree.
    pub fn find(&self, word: &str) -> Whereabouts {
        let written = self.tree.join(word);
        let Some(path) = followed(&plain(&written)) else {
            return Whereabouts::Nowhere;
        };
        let climbs = written
            .components()
            .any(|part| part == Component::ParentDir);
        if climbs && resolved(&written) != path {
            return Whereabouts::Nowhere;
        }
        if self
            .git_dir
            .as_ref()
            .is_some_and(|dir| path.starts_with(dir))
        {
            return Whereabouts::OfGit;
        }
        let trees = std::iter::once(&self.tree).chain(&self.main);
        let below = trees.filter_map(|tree| path.strip_prefix(tree).ok());
        below.map(within).next().unwrap_or(Whereabouts::Beyond)
    }
}

/// True for a directory itself, not for a link to one.
fn is_dir(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|there| there.is_dir())
}

impl SessionPlace {
    /// True where a directory stands at this path of the tree.
    pub fn has_directory(&self, path: &[u8]) -> bool {
        let name = Path::new(OsStr::from_bytes(path));
        let mut trees = std::iter::once(&self.tree).chain(&self.main);
        trees.any(|tree| is_dir(&tree.join(name)))
    }

    /// True where anything stands at this path of the tree.
    pub fn has(&self, path: &[u8]) -> bool {
        let name = Path::new(OsStr::from_bytes(path));
        let mut trees = std::iter::once(&self.tree).chain(&self.main);
        trees.any(|tree| tree.join(name).symlink_metadata().is_ok())
    }

    /// The places of all that lies in the directory at a path of the tree, links as they stand; none for
    /// a file, and [`TooMany`] where there are more than `most`.
    pub fn beneath(&self, path: &[u8], most: usize) -> Result<Vec<Whereabouts>, TooMany> {
        let name = Path::new(OsStr::from_bytes(path));
        let mut trees = std::iter::once(&self.tree).chain(&self.main);
        let Some(tree) = trees.find(|tree| is_dir(&tree.join(name))) else {
            return Ok(Vec::new());
        };
        let (mut places, mut open) = (Vec::new(), vec![tree.join(name)]);
        while let Some(dir) = open.pop() {
            // What cannot be listed cannot be emptied either.
            for entry in fs::list_dir(&dir).unwrap_or_default() {
                let place = entry
                    .strip_prefix(tree)
                    .map_or(Whereabouts::Nowhere, within);
                if is_dir(&entry) && matches!(place, Whereabouts::Inside(_)) {
                    open.push(entry);
                    continue;
                }
                places.push(place);
                if places.len() > most {
                    return Err(TooMany);
                }
            }
        }
        Ok(places)
    }
}

fn within(below: &Path) -> Whereabouts {
    let is_gits = |part: Component<'_>| matches!(part, Component::Normal(name) if name.eq_ignore_ascii_case(".git"));
    if below.components().any(is_gits) {
        Whereabouts::OfGit
    } else if below.starts_with(POOL) {
        Whereabouts::OfRuns
    } else {
        Whereabouts::Inside(below.as_os_str().as_encoded_bytes().to_vec())
    }
}

/// The path with the links of its existing part followed; nothing where one leads nowhere.
fn followed(path: &Path) -> Option<PathBuf> {
    for base in path.ancestors() {
        if base.symlink_metadata().is_ok() {
            let real = base.canonicalize().ok()?;
            return Some(real.join(path.strip_prefix(base).ok()?)).map(|whole| plain(&whole));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_lies_in_a_directory_is_found_to_a_bound() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().canonicalize().unwrap();
        for (name, text) in [("d/a", ""), ("d/e/b", ""), ("d/n/.git", ""), ("other", "")] {
            std::fs::create_dir_all(tree.join(name).parent().unwrap()).unwrap();
            std::fs::write(tree.join(name), text).unwrap();
        }
        symlink("/etc", tree.join("d/out")).unwrap();
        let place = SessionPlace::of_tree(tree);
        let told = |path: &str, most| {
            let found = place.beneath(path.as_bytes(), most)?;
            let mut names: Vec<String> = found
                .iter()
                .map(|one| match one {
                    Whereabouts::Inside(path) => String::from_utf8_lossy(path).into_owned(),
                    other => format!("{other:?}"),
                })
                .collect();
            names.sort();
            Ok(names.join(" "))
        };
        assert_eq!(told("d", 4).as_deref(), Ok("OfGit d/a d/e/b d/out"));
        assert_eq!(told("d", 3), Err(TooMany));
        assert_eq!(told("", 9).as_deref(), Ok("OfGit d/a d/e/b d/out other"));
        assert_eq!(told("other", 0).as_deref(), Ok(""));
        assert_eq!(told("d/out", 0).as_deref(), Ok(""));
        assert_eq!(told("nowhere", 0).as_deref(), Ok(""));
    }

    #[test]
    fn each_path_is_where_it_really_leads() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let tree = root.join("w");
        for made in ["w/src", "w2", "repo/.ai/worktrees/w1", "repo/src", "common"] {
            std::fs::create_dir_all(root.join(made)).unwrap();
        }
        symlink(&root, tree.join("out")).unwrap();
        symlink(root.join("gone"), tree.join("dangling")).unwrap();
        symlink("src", tree.join("in")).unwrap();
        symlink(root.join("w2"), tree.join("other")).unwrap();
        let one = SessionPlace::of_tree(tree.clone());
        let whole = SessionPlace {
            main: Some(root.join("repo")),
            git_dir: Some(root.join("common")),
            ..one.clone()
        };
        let told = |place: &SessionPlace, word: &str| match place.find(word) {
            Whereabouts::Inside(path) => format!("inside {}", String::from_utf8(path).unwrap()),
            other => format!("{other:?}"),
        };
        let absolute = |word: &str| root.join(word).display().to_string();
        let table = [
            ("a/b".into(), "inside a/b", "inside a/b"),
            (
                absolute("w/src/new.rs"),
                "inside src/new.rs",
                "inside src/new.rs",
            ),
            ("in/x".into(), "inside src/x", "inside src/x"),
            ("src/../x".into(), "inside x", "inside x"),
            (".".into(), "inside ", "inside "),
            ("..".into(), "Beyond", "Beyond"),
            ("../w2/x".into(), "Beyond", "Beyond"),
            ("/etc/passwd".into(), "Beyond", "Beyond"),
            ("out/x".into(), "Beyond", "Beyond"),
            // The system leaves by the link first, the words do not.
            ("other/../x".into(), "Nowhere", "Nowhere"),
            ("dangling".into(), "Nowhere", "Nowhere"),
            ("dangling/x".into(), "Nowhere", "Nowhere"),
            ("x\0y/../../z".into(), "Beyond", "Beyond"),
            (".git".into(), "OfGit", "OfGit"),
            (".GIT/config".into(), "OfGit", "OfGit"),
            ("sub/.git/hooks/x".into(), "OfGit", "OfGit"),
            (
                ".gitignore".into(),
                "inside .gitignore",
                "inside .gitignore",
            ),
            (".ai/worktrees/w1/x".into(), "OfRuns", "OfRuns"),
            (absolute("repo/src/x"), "Beyond", "inside src/x"),
            (absolute("repo/.ai/worktrees/w1/x"), "Beyond", "OfRuns"),
            (absolute("common/config"), "Beyond", "OfGit"),
        ];
        for (word, in_one, in_whole) in table {
            assert_eq!(told(&one, &word), in_one, "{word}");
            assert_eq!(told(&whole, &word), in_whole, "{word}");
        }
    }
}
