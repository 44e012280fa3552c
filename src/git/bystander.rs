//! Changes in the main checkout, and in the git directory, while an agent worked in a
//! worktree of its own.
//!
//! Nothing keeps a process from writing there where no sandbox does, so a run looks afterwards and
//! says what it sees. The look is cheap: one list of paths, one `lstat` each, no file is read.
//! Whoever changed a file cannot be told from outside, so this is a word for the person who
//! reviews, never a proof against the agent.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat};

use crate::base::fs;
use crate::base::text::path_bytes;
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::moved_refs::{MoverPlace, RefMove, RefsBefore};
use crate::git::oid::Oid;
use crate::git::ref_trace::RefTrace;
use crate::git::repo::{Head, Repo, STASH};
use crate::git::shadow::ShadowRepo;

/// Files of the git directory by which it makes Git run programs, or read content differently.
const STEERING: [&str; 4] = [
    "config",
    "config.worktree",
    "info/attributes",
    "info/grafts",
];
/// The references that Git keeps of other repositories.
const FETCHED: &str = "refs/remotes/";
/// Settings and hooks beyond this are compared by size alone.
const CAP: u64 = 1 << 20;

/// The state of everything outside the worktree, before the agent began.
#[derive(Debug)]
pub struct BystanderState {
    /// Change time of a file that `ai` wrote just now, in seconds and nanoseconds of the file
    /// system's own clock.
    since: (i64, i64),
    refs: RefsBefore,
    /// The references of other repositories, as far as was known.
    fetched: BTreeMap<String, Oid>,
    head: Option<Head>,
    steering: BTreeMap<PathBuf, String>,
}

/// The main checkout of a repository.
pub struct CheckoutBeside<'a> {
    /// The directory.
    pub root: &'a Path,
    /// Makes what it is looked at through.
    pub shadow: &'a dyn Fn() -> Result<ShadowRepo, GitError>,
}

/// What became of moved references.
#[derive(Debug, Default)]
pub struct RefsPutBack {
    /// Moves of others, in words.
    pub others: Vec<String>,
    /// References that the agent has moved, by name.
    pub names: Vec<String>,
    /// The moves of those and what was done about them.
    pub told: Vec<String>,
}

/// The changes since that state.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct BystanderChanges {
    /// In words.
    pub told: Vec<String>,
    /// The files of the main checkout among it, relative to its root.
    pub files: Vec<String>,
    /// References that are not where they were.
    pub moves: Vec<RefMove>,
}

fn fetched(repo: &Repo) -> Result<BTreeMap<String, Oid>, GitError> {
    Ok(repo.list_refs(FETCHED)?.into_iter().collect())
}

impl BystanderState {
    /// Looks at the references and settings. `mark` is a file that was written just now.
    pub fn look(repo: &Repo, mark: &Path) -> Result<BystanderState, GitError> {
        let meta = std::fs::symlink_metadata(mark);
        let meta = meta.map_err(|source| fs::FsError {
            action: "look at",
            path: mark.to_owned(),
            source,
        })?;
        Ok(BystanderState {
            since: (meta.ctime(), meta.ctime_nsec()),
            refs: RefsBefore::look(repo)?,
            fetched: fetched(repo)?,
            head: repo.head().ok(),
            steering: steering(repo.common_dir())?,
        })
    }

    /// The references of other repositories that were brought to a commit of this work since: reachable from `tip`
    /// and not from `base`. Git notes there what it has pushed; a push to an address leaves no such trace.
    pub fn pushed(
        &self,
        repo: &Repo,
        (base, tip): (Option<&Oid>, &Oid),
    ) -> Result<Vec<(String, Oid)>, GitError> {
        let mut found = Vec::new();
        for (name, now) in fetched(repo)? {
            if self.fetched.get(&name) == Some(&now) || !repo.is_ancestor(&now, tip)? {
                continue;
            }
            if base.map_or(Ok(false), |base| repo.is_ancestor(&now, base))? {
                continue;
            }
            found.push((name, now));
        }
        Ok(found)
    }

    /// Compares with the state now. `main` is the main checkout, where it is to be looked at; `own` is the
    /// branch of the run, and `trace` what the agent's Git wrote down of references.
    pub fn changes(
        &self,
        repo: &Repo,
        main: Option<&CheckoutBeside<'_>>,
        (own, trace): (&str, &RefTrace),
    ) -> Result<BystanderChanges, GitError> {
        let (mut told, mut changed) = (Vec::new(), Vec::new());
        let head = repo.head().ok();
        if let Some(CheckoutBeside { root, shadow }) =
            main.filter(|main| !is_quiet(main.root, self.since))
        {
            let shadow = shadow()?;
            let tree = match head.as_ref().and_then(Head::commit) {
                Some(commit) => repo.tree_of(commit)?,
                None => shadow.format().empty_tree(),
            };
            let mut files = touched(&shadow, root, &tree, self.since)?;
            let by_commit = self.brought_by_head(repo, &shadow, &tree)?;
            files.retain(|file| !by_commit.contains(file));
            changed.clone_from(&files);
            if !files.is_empty() {
                told.push(format!(
                    "files of the main checkout changed during the run: {}",
                    some_of(&files)
                ));
            }
        }
        if head.as_ref().map(|h| h.branch().map(str::to_owned))
            != self.head.as_ref().map(|h| h.branch().map(str::to_owned))
        {
            told.push("HEAD of the main checkout was switched during the run".to_owned());
        }
        let moves = self.refs.moves(repo, own, trace)?;
        let steered = differing(&self.steering, &steering(repo.common_dir())?);
        if !steered.is_empty() {
            told.push(format!(
                "the repository's own settings or hooks changed during the run, by which your next git command may run a program: {}",
                some_of(&steered)
            ));
        }
        Ok(BystanderChanges {
            told,
            files: changed,
            moves,
        })
    }
}

impl BystanderState {
    /// Puts back what the agent at `place` has moved although it is not its own, and brings the main
    /// checkout along where that had followed. Returns what was told of others' moves, and what was done
    /// about its own.
    pub fn put_back(
        &self,
        repo: &Repo,
        moves: &[RefMove],
        (place, main): (&MoverPlace<'_>, Option<&CheckoutBeside<'_>>),
        rescue: &str,
    ) -> Result<RefsPutBack, GitError> {
        let mut done = RefsPutBack::default();
        for one in moves.iter().filter(|one| one.name != STASH) {
            if !self.refs.is_of_agent(repo, one, place)? {
                done.others.push(one.to_string());
                continue;
            }
            done.names.push(one.name.clone());
            done.told
                .push(match self.refs.put_back(repo, one, place, rescue) {
                    Ok(put) => match (&put.followed, main) {
                        (Some(moved), Some(main)) => {
                            let files = if self.bring_back(repo, main, moved)? {
                                "went along"
                            } else {
                                "stay as they are"
                            };
                            format!("{}; the files of the main checkout {files}", put.told)
                        }
                        _ => put.told,
                    },
                    Err(error) => could_not(one, &error),
                });
        }
        let one = moves.iter().find(|one| one.name == STASH);
        match self.refs.put_stash_right(repo, one, place, rescue) {
            Ok(None) => done.others.extend(one.map(ToString::to_string)),
            Ok(Some(told)) => {
                done.names.push(STASH.to_owned());
                done.told.push(told);
            }
            Err(error) => done.told.extend(one.map(|one| could_not(one, &error))),
        }
        Ok(done)
    }

    /// Brings the main checkout from one commit to another, unless a file that differs between them stands
    /// there as it did before the run: that is the person's, whoever committed it. True where it went along.
    fn bring_back(
        &self,
        repo: &Repo,
        main: &CheckoutBeside<'_>,
        (from, to): &(Oid, Oid),
    ) -> Result<bool, GitError> {
        let shadow = (main.shadow)()?;
        let (from, to) = (repo.tree_of(from)?, repo.tree_of(to)?);
        let changed = shadow.changed_paths(&from, &to)?;
        let is_of_run = changed.iter().all(|change| {
            let here = std::fs::symlink_metadata(change.path.beneath(main.root));
            here.map_or(true, |meta| (meta.ctime(), meta.ctime_nsec()) >= self.since)
        });
        let index = repo.common_dir().join("index");
        Ok(is_of_run && shadow.bring_along(main.root, &index, &from, &to).is_ok())
    }

    /// The number of references that there were.
    pub fn references(&self) -> usize {
        self.refs.len()
    }

    /// True where `path` is there and was changed since, by whomever.
    pub fn is_older_than(&self, path: &Path) -> bool {
        std::fs::symlink_metadata(path)
            .is_ok_and(|meta| (meta.ctime(), meta.ctime_nsec()) >= self.since)
    }

    /// Files of another worktree at `root` that changed meanwhile; `tree` is what stands there.
    pub fn changed_in(
        &self,
        shadow: &ShadowRepo,
        root: &Path,
        tree: &Oid,
    ) -> Result<Vec<String>, GitError> {
        if is_quiet(root, self.since) {
            return Ok(Vec::new());
        }
        touched(shadow, root, tree, self.since)
    }

    /// Paths that came with a new commit on the branch of the main checkout: a commit is told of as
    /// a moved branch.
    fn brought_by_head(
        &self,
        repo: &Repo,
        shadow: &ShadowRepo,
        now: &Oid,
    ) -> Result<HashSet<String>, GitError> {
        let Some(was) = self.head.as_ref().and_then(Head::commit) else {
            return Ok(HashSet::new());
        };
        let was = repo.tree_of(was)?;
        if was == *now {
            return Ok(HashSet::new());
        }
        Ok(shadow
            .changed_paths(&was, now)?
            .into_iter()
            .map(|change| change.path.to_string())
            .collect())
    }
}

fn could_not(one: &RefMove, error: &dyn std::fmt::Display) -> String {
    format!("{one}; it could not be put back: {error}")
}

/// Digests of everything in the git directory that can make Git run a program.
fn steering(common_dir: &Path) -> Result<BTreeMap<PathBuf, String>, GitError> {
    let mut files: Vec<PathBuf> = STEERING.iter().map(|name| common_dir.join(name)).collect();
    files.extend(fs::list_dir(&common_dir.join("hooks"))?);
    let mut found = BTreeMap::new();
    for file in files {
        let Ok(meta) = std::fs::symlink_metadata(&file) else {
            continue;
        };
        let is_plain = meta.is_file() && meta.len() <= CAP;
        let content = if is_plain {
            fs::digest(&file).map(|(sha, _)| sha).unwrap_or_default()
        } else {
            String::new()
        };
        let name = file.strip_prefix(common_dir).unwrap_or(&file).to_owned();
        found.insert(
            name,
            format!(
                "{} {} {content}",
                meta.mode(),
                if meta.is_dir() { 0 } else { meta.len() }
            ),
        );
    }
    Ok(found)
}

fn differing(before: &BTreeMap<PathBuf, String>, after: &BTreeMap<PathBuf, String>) -> Vec<String> {
    let names: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    changed
        .map(|name| format!(".git/{}", path_bytes(name.as_os_str().as_bytes())))
        .collect()
}

/// As many entries are looked at before Git, which passes over what it ignores, does it faster.
const FEW: usize = 4_096;

/// True where nothing at all below `root` changed since then, what Git ignores included. A name that
/// came or went shows in its directory. False says nothing: then Git has to be asked.
fn is_quiet(root: &Path, since: (i64, i64)) -> bool {
    let mut left = FEW;
    let top = openat(CWD, root, directory(), Mode::empty());
    top.is_ok_and(|top| is_quiet_below(top, since, &mut left, &[DOT_GIT]).is_some())
}

/// The name of what leads to the git directory of the checkout, which is looked at elsewhere.
const DOT_GIT: &[u8] = b".git";

fn directory() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

fn is_quiet_below(
    dir: OwnedFd,
    since: (i64, i64),
    left: &mut usize,
    passed_over: &[&[u8]],
) -> Option<()> {
    let is_old = |stat: &Stat| {
        let nanos = i64::try_from(stat.st_ctime_nsec).ok()?;
        ((stat.st_ctime, nanos) < since).then_some(())
    };
    is_old(&fstat(&dir).ok()?)?;
    let mut listed = Dir::new(dir).ok()?;
    while let Some(found) = listed.next() {
        let found = found.ok()?;
        let name = found.file_name().to_bytes();
        if matches!(name, b"." | b"..") || passed_over.contains(&name) {
            continue;
        }
        *left = left.checked_sub(1)?;
        let dir = listed.fd().ok()?;
        let stat = statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
        if FileType::from_raw_mode(stat.st_mode).is_dir() {
            let inner = openat(dir, name, directory(), Mode::empty()).ok()?;
            is_quiet_below(inner, since, left, &[])?;
        } else {
            is_old(&stat)?;
        }
    }
    Some(())
}

/// Files below `root` whose state changed since then: written, made, renamed, or removed.
fn touched(
    shadow: &ShadowRepo,
    root: &Path,
    tree: &Oid,
    since: (i64, i64),
) -> Result<Vec<String>, GitError> {
    let out = shadow.list_paths(root, tree)?;
    let mut fields = NulFields::of(&out);
    let (mut seen, mut found) = (HashSet::new(), Vec::new());
    while let Some(field) = fields.next() {
        let [tag, b' ', path @ ..] = field else {
            return Err(fields.bad("a line of ls-files"));
        };
        // A name that ends in `/` is another repository; `S` is outside of the sparse cone.
        if path.ends_with(b"/") || *tag == b'S' || !seen.insert(path.to_vec()) {
            continue;
        }
        let path = RepoPath::new(path);
        let here = path.beneath(root);
        let changed = match std::fs::symlink_metadata(&here) {
            Ok(meta) => !meta.is_dir() && (meta.ctime(), meta.ctime_nsec()) >= since,
            Err(_) => directory_changed(root, &here, since),
        };
        if changed {
            found.push(path.to_string());
        }
    }
    found.sort();
    Ok(found)
}

/// A file that is gone left its trace in the directory that held it.
fn directory_changed(root: &Path, gone: &Path, since: (i64, i64)) -> bool {
    let above = gone
        .ancestors()
        .skip(1)
        .take_while(|dir| dir.starts_with(root));
    let nearest = above
        .filter_map(|dir| std::fs::symlink_metadata(dir).ok())
        .next();
    nearest.is_some_and(|meta| (meta.ctime(), meta.ctime_nsec()) >= since)
}

fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown = names
        .iter()
        .take(SHOWN)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > SHOWN {
        format!("{shown} and {} more", names.len() - SHOWN)
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Run;
    use super::*;

    fn told(run: &Run, act: impl FnOnce(&Path)) -> String {
        let mark = run.repo.common_dir().join("mark");
        // The clock of the file system has to have moved since the scene was set up.
        let changed = |path: &Path| {
            std::fs::metadata(path)
                .map(|meta| (meta.ctime(), meta.ctime_nsec()))
                .unwrap()
        };
        let last = changed(&run.repo.common_dir().join("worktrees"));
        fs::write_atomic(&mark, b"x").unwrap();
        while changed(&mark) <= last {
            fs::write_atomic(&mark, b"x").unwrap();
        }
        let before = BystanderState::look(&run.repo, &mark).unwrap();
        act(&run.test.root);
        let shadow = || Ok(super::super::testing::shadow(&run.repo, "bystander"));
        let main = CheckoutBeside {
            root: &run.test.root,
            shadow: &shadow,
        };
        let own = ("refs/heads/ai/t-1/1", &RefTrace::default());
        let changes = before.changes(&run.repo, Some(&main), own).unwrap();
        let moves = changes.moves.iter().map(ToString::to_string);
        changes
            .told
            .into_iter()
            .chain(moves)
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_quiet_run_tells_nothing() {
        let run = Run::new();
        assert_eq!(told(&run, |_| run.write("src/lib.rs", "work")), "");
    }

    #[test]
    fn git_is_asked_only_where_something_changed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let at = |path: &str| root.join(path);
        for path in ["a/b/file", "a/gone", ".git/config"] {
            super::super::testing::write(&at(path), "x");
        }
        let now = || {
            // A mark whose time is later than that of all that is there.
            let mark = at(".git/mark");
            // A file is made and then written, and the clock may tick in between: each counts.
            let all = [
                "", "a", "a/b", "a/b/file", "a/gone", "a/new", "a/b/old", "a/link",
            ];
            let changed = |path: &str| {
                let meta = std::fs::symlink_metadata(at(path)).ok()?;
                Some((meta.ctime(), meta.ctime_nsec()))
            };
            loop {
                fs::write_atomic(&mark, b"x").unwrap();
                let since = changed(".git/mark").unwrap();
                if all
                    .iter()
                    .filter_map(|path| changed(path))
                    .all(|at| at < since)
                {
                    return since;
                }
            }
        };
        assert!(is_quiet(root, now()));
        let changes: [(&str, &dyn Fn()); 5] = [
            ("written", &|| std::fs::write(at("a/b/file"), "y").unwrap()),
            ("made", &|| std::fs::write(at("a/new"), "y").unwrap()),
            ("removed", &|| std::fs::remove_file(at("a/gone")).unwrap()),
            ("renamed", &|| {
                std::fs::rename(at("a/new"), at("a/b/old")).unwrap()
            }),
            ("linked", &|| {
                fs::symlink(Path::new("b"), &at("a/link")).unwrap()
            }),
        ];
        for (what, change) in changes {
            let since = now();
            assert!(is_quiet(root, since), "before it was {what}");
            change();
            assert!(!is_quiet(root, since), "{what}");
        }
        let since = now();
        std::fs::write(at(".git/config"), "its own").unwrap();
        assert!(
            is_quiet(root, since),
            "the git directory is looked at elsewhere"
        );
        for n in 0..FEW {
            std::fs::write(at(&format!("a/b/{n}")), "").unwrap();
        }
        assert!(!is_quiet(root, now()), "so many are for Git");
    }

    #[test]
    fn what_was_written_made_or_removed_outside_is_named() {
        let run = Run::new();
        let text = told(&run, |root| {
            std::fs::write(root.join("README"), "changed").unwrap();
            std::fs::write(root.join("new file"), "x").unwrap();
            std::fs::write(root.join("ignored.log"), "x").unwrap();
            std::fs::remove_file(root.join("src/lib.rs")).unwrap();
        });
        assert_eq!(
            text,
            "files of the main checkout changed during the run: README, new file, src/lib.rs"
        );
    }

    #[test]
    fn moved_branches_and_planted_programs_are_named() {
        let run = Run::new();
        let text = told(&run, |root| {
            run.test.git(&["branch", "other"]);
            run.test.git(&["config", "core.fsmonitor", "evil"]);
            std::fs::write(root.join(".git/hooks/pre-commit"), "evil").unwrap();
        });
        assert!(
            text.contains("refs/heads/other was made during the run"),
            "{text}"
        );
        assert!(
            text.contains(": .git/config, .git/hooks/pre-commit"),
            "{text}"
        );
        assert!(!text.contains("main checkout"), "{text}");
    }
}
