//! What is installed in a directory of modules: distributions, and the files that they have put there.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::base::text::distribution_name;

/// The descriptions of what is installed in a directory under one of these names.
pub(crate) fn distributions(dir: &Path, projects: &[String]) -> Vec<PathBuf> {
    let is_one = |entry: &PathBuf| {
        let name = entry.file_name().unwrap_or_default().to_string_lossy();
        let name = name
            .strip_suffix(".dist-info")
            .or_else(|| name.strip_suffix(".egg-info"));
        name.is_some_and(|name| {
            projects.contains(&distribution_name(name.split('-').next().unwrap_or(name)))
        })
    };
    let mut entries = fs::list_dir(dir).unwrap_or_default();
    entries.retain(is_one);
    entries
}

/// Lists what a distribution has put beside its description, by its own list: packages and modules.
/// Of a namespace, which others share, its parts.
pub(crate) fn files_of(info: &Path) -> Vec<PathBuf> {
    let dir = info.parent().unwrap_or(info);
    let lists = ["RECORD", "top_level.txt", "installed-files.txt"];
    let lists = lists.map(|name| fs::read_text(&info.join(name), 4 << 20).unwrap_or_default());
    let lines = lists
        .iter()
        .flat_map(|list| list.lines())
        .filter_map(|line| line.split(',').next());
    let part = |line: &str| {
        let (first, rest) = line.split_once('/').unwrap_or((line, ""));
        if first.is_empty()
            || first.starts_with('.')
            || first.contains(".dist-info")
            || first == "__pycache__"
        {
            return None;
        }
        let second = rest.split('/').next().filter(|second| !second.is_empty());
        let is_namespace =
            dir.join(first).is_dir() && !dir.join(first).join("__init__.py").is_file();
        Some(second.filter(|_| is_namespace).map_or_else(
            || PathBuf::from(first),
            |second| Path::new(first).join(second),
        ))
    };
    let mut found: Vec<PathBuf> = lines.filter_map(part).collect();
    found.sort();
    found.dedup();
    // A list of names alone says nothing of the parts.
    let all = found.clone();
    found.retain(|path| {
        !all.iter()
            .any(|other| other != path && other.starts_with(path))
    });
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
    fn a_distribution_is_known_by_its_normal_name_and_its_own_list() {
        let temp = tree(&[
            (
                "My_Pkg-1.0.dist-info/RECORD",
                "my_pkg/__init__.py,,\n../../bin/x,,\n_my.abi3.so,,\nMy_Pkg-1.0.dist-info/RECORD,,\n",
            ),
            ("other-1.dist-info/RECORD", "other.py,,\n"),
        ]);
        let found = distributions(temp.path(), &["my-pkg".to_owned()]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            files_of(&found[0]),
            ["_my.abi3.so", "my_pkg"].map(PathBuf::from)
        );
    }
}
