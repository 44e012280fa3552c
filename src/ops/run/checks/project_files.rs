//! Files by which a tree is known to be a project of some language, looked for without asking Git.

use std::path::{Path, PathBuf};

use crate::base::fs::{self, ListedEntry};

/// The largest file of settings that is read.
pub(crate) const CAP: u64 = 256 << 10;
/// Depth to which a project is looked for below the root.
pub(crate) const DEPTH: usize = 3;

/// Returns true if a directory of that name holds what people wrote: no hidden one, nothing that
/// was built or installed.
pub(crate) fn is_of_project(name: &str) -> bool {
    !name.starts_with('.') && name != "node_modules" && name != "target"
}

/// Returns true if a file with such a name stands at the root or in a directory below it, hidden
/// ones and those of dependencies left out.
pub(crate) fn has_any(dir: &Path, is_wanted: &dyn Fn(&str) -> bool, depth: usize) -> bool {
    let entries = fs::list_kinds(dir).unwrap_or_default();
    if entries
        .iter()
        .any(|entry| is_wanted(&name_of(entry)) && entry.path.is_file())
    {
        return true;
    }
    depth > 1
        && entries
            .iter()
            .filter(|entry| entry.is_dir && is_of_project(&name_of(entry)))
            .any(|entry| has_any(&entry.path, is_wanted, depth - 1))
}

/// Lists the files with such names at the root and in directories below it, hidden ones and those
/// of dependencies left out.
pub(crate) fn all_of(dir: &Path, is_wanted: &dyn Fn(&str) -> bool, depth: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::list_kinds(dir).unwrap_or_default() {
        let name = name_of(&entry);
        if entry.is_dir && depth > 1 && is_of_project(&name) {
            found.extend(all_of(&entry.path, is_wanted, depth - 1));
        } else if is_wanted(&name) && entry.path.is_file() {
            found.push(entry.path);
        }
    }
    found
}

fn name_of(entry: &ListedEntry) -> String {
    let name = entry.path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_found_in_the_tree_but_not_in_what_it_depends_on() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path();
        for (dir, is_found) in [
            ("node_modules/x", false),
            (".venv/x", false),
            ("a/b/c", false),
            ("a/b", true),
        ] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
            std::fs::write(root.join(dir).join("setup.py"), "").unwrap();
            assert_eq!(
                has_any(root, &|name| name == "setup.py", DEPTH),
                is_found,
                "{dir}"
            );
        }
    }
}
