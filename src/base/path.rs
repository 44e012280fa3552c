//! Paths by what they lead to. Nothing is read but links.

use std::path::{Component, Path, PathBuf};

/// The path with the links of its existing part followed, and without `.` and `..`.
pub fn resolved(path: &Path) -> PathBuf {
    let known = path.ancestors().find_map(|dir| {
        Some((
            std::fs::canonicalize(dir).ok()?,
            path.strip_prefix(dir).ok()?,
        ))
    });
    let Some((mut real, rest)) = known else {
        return path.to_owned();
    };
    for part in rest.components() {
        match part {
            Component::ParentDir => {
                real.pop();
            }
            Component::Normal(name) => real.push(name),
            _ => {}
        }
    }
    real
}

/// The path without `.` and `..`, by its words alone.
pub fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_followed_as_far_as_it_is_there() {
        let temp = tempfile::tempdir().unwrap();
        let base = temp.path().canonicalize().unwrap();
        std::fs::create_dir_all(base.join("repo/src")).unwrap();
        std::os::unix::fs::symlink(base.join("repo"), base.join("link")).unwrap();
        for (path, real) in [
            ("link/src", "repo/src"),
            ("link/src/../gone/x", "repo/gone/x"),
            ("link/not/../../there", "there"),
            ("none/x", "none/x"),
        ] {
            assert_eq!(resolved(&base.join(path)), base.join(real), "{path}");
        }
    }

    #[test]
    fn a_path_is_made_plain_by_its_words() {
        assert_eq!(
            plain(Path::new("/r/.ai/worktrees/w1/../../../a/./b")),
            Path::new("/r/a/b")
        );
        assert_eq!(plain(Path::new("/../../x")), Path::new("/x"));
    }
}
