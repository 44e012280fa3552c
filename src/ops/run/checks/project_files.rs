//! Files by which a tree is known to be a project of some language, looked for without asking Git.

use std::path::Path;

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
    let name_of = |entry: &ListedEntry| {
        entry
            .path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
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
