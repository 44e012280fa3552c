//! The submodules of a tree that `ai` has laid out itself: their files come from where a checkout of
//! the person's has them. Nothing is fetched, and no setting of a submodule applies.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::{fs, hash};
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::{GitCommand, NulFields};
use crate::git::error::GitError;
use crate::git::path::path_of_line;
use crate::git::shadow::{ShadowRepo, free};

const GITLINK: &[u8] = b"160000 ";
/// Largest `.git` file.
const LINE_CAP: u64 = 16 << 10;

/// A tree with submodules in it, and the checkout that may have them.
struct Level<'a> {
    /// The path of the tree, within the outermost one.
    inside: RepoPath,
    root: &'a Path,
    checkout: &'a Path,
    index: PathBuf,
    objects: PathBuf,
}

impl ShadowRepo {
    /// Fills the submodules of the tree at `root`, which this shadow has laid out, from those of
    /// `checkout`. Returns those that could not be filled although they should be there: the
    /// checkout has them, or knows nothing of them.
    pub fn fill_submodules(&self, root: &Path, checkout: &Path) -> Result<Vec<RepoPath>, GitError> {
        let mut missing = Vec::new();
        self.fill(
            &Level {
                inside: RepoPath::new(""),
                root,
                checkout,
                index: self.index_path(),
                objects: self.objects_dir.clone(),
            },
            &mut missing,
        )?;
        Ok(missing)
    }

    fn fill(&self, level: &Level<'_>, missing: &mut Vec<RepoPath>) -> Result<(), GitError> {
        for (path, commit) in self.gitlinks(level)? {
            let (to, from) = (path.beneath(level.root), path.beneath(level.checkout));
            let inside = join(&level.inside, &path);
            let is_unused = from.is_dir() && std::fs::symlink_metadata(from.join(".git")).is_err();
            let objects = (!is_unused).then(|| objects_of(&from)).flatten();
            let next = objects.map(|objects| Level {
                index: self.dir.join(format!(
                    "submodule-{}",
                    &hash::sha256_hex(inside.as_bytes())[..16]
                )),
                inside: inside.clone(),
                root: &to,
                checkout: &from,
                objects,
            });
            match next {
                Some(next)
                    if is_own_dir(level.root, &to) && self.lay_out(&next, &commit).is_ok() =>
                {
                    self.fill(&next, missing)?;
                }
                _ => {
                    empty(level.root, &to)?;
                    if !is_unused {
                        missing.push(inside);
                    }
                }
            }
        }
        Ok(())
    }

    fn gitlinks(&self, level: &Level<'_>) -> Result<Vec<(RepoPath, String)>, GitError> {
        let listed = self.at_level(level, ["ls-files", "-s", "-z"]).run()?;
        let links = NulFields::of(&listed).filter_map(|line| {
            let line = line.strip_prefix(GITLINK)?;
            let (head, path) = line.split_at(line.iter().position(|byte| *byte == b'\t')?);
            let commit = head.split(|byte| *byte == b' ').next()?;
            let commit = String::from_utf8_lossy(commit).into_owned();
            Some((RepoPath::new(&path[1..]), commit))
        });
        Ok(links.collect())
    }

    fn lay_out(&self, level: &Level<'_>, commit: &str) -> Result<(), GitError> {
        if !fs::is_missing(&level.index) {
            // An index that cannot be read is made anew below.
            if let Ok(listed) = self.at_level(level, ["ls-files", "-z"]).run() {
                free::free(level.root, NulFields::of(&listed))?;
            }
        }
        let read = || {
            self.at_level(level, ["read-tree", "--reset", "-u"])
                .arg(commit)
                .run()
        };
        if read().is_err() {
            fs::remove_file(&level.index)?;
            read()?;
        }
        self.at_level(level, ["clean", "-f", "-f", "-d", "-x", "-q"])
            .run()
            .map(drop)
    }

    fn at_level<S: AsRef<OsStr>>(
        &self,
        level: &Level<'_>,
        args: impl IntoIterator<Item = S>,
    ) -> GitCommand {
        self.git
            .command(args)
            .git_dir(&self.dir)
            .work_tree(level.root)
            .env("GIT_OBJECT_DIRECTORY", &level.objects)
            .env("GIT_INDEX_FILE", &level.index)
            .isolated()
            // The cone is the outer tree's.
            .config("core.sparseCheckout", "false")
    }
}

fn join(above: &RepoPath, path: &RepoPath) -> RepoPath {
    if above.as_bytes().is_empty() {
        path.clone()
    } else {
        RepoPath::new([above.as_bytes(), b"/", path.as_bytes()].concat())
    }
}

/// The objects of the submodule that is checked out at `place`.
fn objects_of(place: &Path) -> Option<PathBuf> {
    let dot_git = place.join(".git");
    let git_dir = if dot_git.is_dir() {
        dot_git
    } else {
        let line = path_of_line(&fs::read_capped(&dot_git, LINE_CAP).ok()?);
        let target = line.as_os_str().as_bytes().strip_prefix(b"gitdir:")?;
        place.join(OsStr::from_bytes(target.trim_ascii_start()))
    };
    std::fs::canonicalize(git_dir.join("objects")).ok()
}

/// True for a directory that no link leads to. It is made where nothing stands there.
fn is_own_dir(root: &Path, dir: &Path) -> bool {
    if std::fs::symlink_metadata(dir).is_err() && fs::create_dir_all(dir).is_err() {
        return false;
    }
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let inside = dir.strip_prefix(root).ok();
    inside.is_some_and(|inside| real(root).map(|root| root.join(inside)) == real(dir))
}

/// What an earlier tree had there must not stay.
fn empty(root: &Path, dir: &Path) -> Result<(), GitError> {
    if !is_own_dir(root, dir) {
        return Ok(());
    }
    if !fs::list_dir(dir)?.is_empty() {
        fs::remove_stubborn(dir)?;
        fs::create_dir_all(dir)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::git::testing::{TestRepo, shadow};

    #[test]
    fn submodules_come_from_the_checkout_at_the_commit_that_the_tree_names() {
        let (deep, library, test) = (TestRepo::new(), TestRepo::new(), TestRepo::new());
        let add = |to: &TestRepo, from: &TestRepo, name: &str| {
            let args = ["-c", "protocol.file.allow=always", "submodule", "add", "-q"];
            to.git(&[&args[..], &[from.root.to_str().unwrap(), name]].concat());
        };
        add(&library, &deep, "deep");
        library.write("version", "1");
        let first = library.commit("one");
        library.write("version", "2");
        library.commit("two");
        add(&test, &library, "lib");
        test.git(&[
            "-c",
            "protocol.file.allow=always",
            "submodule",
            "update",
            "-q",
            "--init",
            "--recursive",
        ]);
        let second = test.commit("two");
        let entry = format!("160000,{first},lib");
        test.git(&["update-index", "--cacheinfo", &entry]);
        let entry = format!("160000,{first},new");
        test.git(&["update-index", "--add", "--cacheinfo", &entry]);
        test.git(&["commit", "-qm", "back"]);
        let back = test.oid("HEAD");
        let repo = test.open();
        let (shadow, root) = (shadow(&repo, "place"), test.base().join("place"));
        std::fs::create_dir(&root).unwrap();
        let version = || std::fs::read_to_string(root.join("lib/version")).unwrap();

        shadow
            .checkout(&root, &repo.tree_of(&second).unwrap())
            .unwrap();
        assert_eq!(shadow.fill_submodules(&root, &test.root).unwrap(), []);
        assert_eq!(version(), "2");
        assert!(root.join("lib/deep/README").exists());
        std::fs::write(root.join("lib/built"), "of an earlier tree").unwrap();

        shadow
            .reset(&root, &repo.tree_of(&back).unwrap(), &[])
            .unwrap();
        let missing = shadow.fill_submodules(&root, &test.root).unwrap();
        assert_eq!(missing, ["new".into()], "the checkout knows nothing of it");
        assert_eq!(
            (version().as_str(), root.join("lib/built").exists()),
            ("1", false)
        );

        // One that nobody uses in the checkout is none here either.
        test.git(&["submodule", "deinit", "-q", "-f", "lib"]);
        std::fs::create_dir_all(test.root.join("new")).unwrap();
        assert_eq!(shadow.fill_submodules(&root, &test.root).unwrap(), []);
        assert!(!root.join("lib/version").exists());
    }
}
