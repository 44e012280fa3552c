//! The paths that need a look: Git lists what differs from the shadow's index, and the index of the
//! worktree's own Git says what is tracked now.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::domain::repo_path::RepoPath;
use crate::git::cmd::NulFields;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::own_index::{OwnIndex, Presence, TrackedAs, split_line};

/// What Git says about a directory that it may not open, before the name and after it.
const NOT_OPENED: (&str, &str) = ("warning: could not open directory '", "'");

/// The paths that Git lists for the tree.
#[derive(Debug, Default)]
pub(super) struct ListedPaths {
    /// Every path of the shadow's index, in Git's order, which is that of bytes.
    tracked: Vec<KnownPath>,
    /// Tracked paths that may have changed.
    changed: BTreeSet<RepoPath>,
    /// Untracked paths that are not ignored; a repository of its own ends in `/`.
    untracked: BTreeSet<RepoPath>,
    /// Every directory that holds a tracked or an untracked file; the root is the empty one.
    pub(super) dirs: BTreeSet<Vec<u8>>,
    /// Directories that could not be opened.
    pub(super) unreadable: Vec<RepoPath>,
}

#[derive(Debug)]
struct KnownPath {
    path: RepoPath,
    tracked: TrackedAs,
    presence: Presence,
}

/// One process: everything tracked (`H`, `S` where it is left out), changed (`C`), deleted (`R`)
/// and untracked but not ignored (`?`). Without `attributes`, those that stand in the tree apply.
pub(super) fn list(
    shadow: &ShadowRepo,
    root: &Path,
    attributes: Option<&Oid>,
) -> Result<ListedPaths, GitError> {
    let args = [
        "ls-files",
        "-z",
        "-t",
        "-s",
        "-c",
        "-o",
        "-m",
        "-d",
        "--exclude-standard",
    ];
    let command = match attributes {
        Some(attributes) => shadow.in_tree(root, attributes, args)?,
        None => shadow.in_tree_as_it_is(root, args),
    };
    let out = command.env("GIT_OPTIONAL_LOCKS", "0").run()?;
    let mut listed = ListedPaths {
        dirs: BTreeSet::from([Vec::new()]),
        unreadable: unreadable(&out.stderr),
        ..ListedPaths::default()
    };
    let mut fields = NulFields::of(&out);
    while let Some(field) = fields.next() {
        let [tag, b' ', line @ ..] = field else {
            return Err(fields.bad("a line of ls-files"));
        };
        if *tag == b'?' {
            listed.untracked(RepoPath::new(line));
            continue;
        }
        let Some((tracked, _, path)) = split_line(line) else {
            return Err(fields.bad("a line of ls-files"));
        };
        let path = RepoPath::new(path);
        match tag {
            b'C' | b'R' => _ = listed.changed.insert(path),
            b'H' | b'S' => listed.tracked(KnownPath {
                path,
                tracked: TrackedAs::new(tracked),
                presence: if *tag == b'S' {
                    Presence::Optional
                } else {
                    Presence::Expected
                },
            }),
            _ => return Err(fields.bad("an unexpected state in ls-files")),
        }
    }
    Ok(listed)
}

fn unreadable(stderr: &str) -> Vec<RepoPath> {
    let (before, after) = NOT_OPENED;
    let names = stderr.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix(before)?.rsplit_once(after)?;
        Some(RepoPath::new(name.trim_end_matches('/')))
    });
    names.collect()
}

impl ListedPaths {
    fn tracked(&mut self, known: KnownPath) {
        self.note_dirs(&known.path);
        self.tracked.push(known);
    }

    fn untracked(&mut self, path: RepoPath) {
        self.note_dirs(&path);
        self.untracked.insert(path);
    }

    fn note_dirs(&mut self, path: &RepoPath) {
        // A name that ends in `/` is a repository of its own, whose directory is not ours to look
        // through.
        let own = usize::from(path.as_bytes().ends_with(b"/"));
        for dir in path.parents().skip(own) {
            if !self.dirs.insert(dir.to_vec()) {
                break;
            }
        }
    }

    /// Submodules that the own Git tracks no more: Git lists nothing beneath them as long as the
    /// shadow's index holds them.
    pub(super) fn former_submodules(&self, own: &OwnIndex) -> Vec<RepoPath> {
        let is_one = |path: &RepoPath| {
            let entry = own.entries.get(path);
            entry.is_some_and(|entry| entry.tracked.as_ref().is_some_and(TrackedAs::is_gitlink))
        };
        let known = self
            .tracked
            .iter()
            .filter(|known| known.tracked.is_gitlink());
        known
            .filter(|known| !is_one(&known.path))
            .map(|known| known.path.clone())
            .collect()
    }

    /// Every path of the shadow's index, and every untracked one.
    pub(super) fn all_paths(&self) -> impl Iterator<Item = &RepoPath> {
        let tracked = self.tracked.iter().map(|known| &known.path);
        tracked.chain(&self.untracked)
    }

    /// Every path that differs from the shadow's index, and every directory that cannot be looked through.
    pub(super) fn differing(&self) -> impl Iterator<Item = &RepoPath> {
        let listed = self.changed.iter().chain(&self.untracked);
        listed.chain(&self.unreadable)
    }

    /// The submodules that are tracked.
    pub(super) fn submodules(&self) -> impl Iterator<Item = &RepoPath> {
        let known = self.tracked.iter();
        known
            .filter(|known| known.tracked.is_gitlink())
            .map(|known| &known.path)
    }

    /// True where the shadow's index has something in this directory, which has a slash behind it.
    pub(super) fn tracks_beneath(&self, dir: &[u8]) -> bool {
        let at = self
            .tracked
            .partition_point(|known| known.path.as_bytes() < dir);
        self.tracked
            .get(at)
            .is_some_and(|known| known.path.as_bytes().starts_with(dir))
    }

    fn known(&self, path: &RepoPath) -> Option<&KnownPath> {
        let at = self.tracked.binary_search_by(|known| known.path.cmp(path));
        at.ok().map(|at| &self.tracked[at])
    }
}

/// The place of a path between the shadow's index and the own Git's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Both hold the same.
    Agreed,
    /// The own Git tracks something else than the shadow, which may know nothing of it.
    Own,
    /// The own Git does not track it any more.
    Forgotten,
    /// Neither tracks it.
    Untracked,
}

/// A path that needs a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Suspect {
    /// Where it stands.
    pub(super) standing: Standing,
    /// What stays in the tree where the file cannot be taken.
    pub(super) kept: Option<TrackedAs>,
    /// What the shadow's index holds, and whether that may be missing.
    pub(super) before: Option<(TrackedAs, Presence)>,
    /// Whether the file may be missing on purpose.
    pub(super) presence: Presence,
}

/// Everything that needs a look.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    /// The paths.
    pub(super) paths: BTreeMap<RepoPath, Suspect>,
    /// Every submodule that is tracked.
    pub(super) gitlinks: BTreeSet<RepoPath>,
}

impl Suspects {
    /// Compares what Git listed with what the own Git tracks; without that, only the first counts.
    pub(super) fn of(listed: &ListedPaths, own: Option<&OwnIndex>) -> Suspects {
        let mut found = Suspects::default();
        for known in &listed.tracked {
            found.known(listed, known, own);
        }
        for (path, entry) in own.iter().flat_map(|own| &own.entries) {
            if listed.known(path).is_none() {
                found.add_gitlink(path, entry.tracked.as_ref());
                let suspect = Suspect {
                    standing: Standing::Own,
                    kept: entry.tracked.clone(),
                    before: None,
                    presence: entry.presence,
                };
                found.paths.insert(path.clone(), suspect);
            }
        }
        for path in &listed.untracked {
            let is_gitlink = path
                .as_bytes()
                .strip_suffix(b"/")
                .is_some_and(|dir| found.gitlinks.contains(&RepoPath::new(dir)));
            if !is_gitlink {
                found.paths.entry(path.clone()).or_insert(Suspect {
                    standing: Standing::Untracked,
                    kept: None,
                    before: None,
                    presence: Presence::Expected,
                });
            }
        }
        found.leave_submodules();
        found
    }

    fn known(&mut self, listed: &ListedPaths, known: &KnownPath, own: Option<&OwnIndex>) {
        let entry = own.map(|own| own.entries.get(&known.path));
        let (standing, kept, presence) = match entry {
            None => (Standing::Agreed, Some(&known.tracked), known.presence),
            Some(None) => (Standing::Forgotten, None, Presence::Expected),
            Some(Some(entry)) if entry.tracked.as_ref() == Some(&known.tracked) => {
                (Standing::Agreed, Some(&known.tracked), entry.presence)
            }
            Some(Some(entry)) => (Standing::Own, entry.tracked.as_ref(), entry.presence),
        };
        self.add_gitlink(&known.path, kept);
        let is_quiet = standing == Standing::Agreed
            && presence == known.presence
            && !listed.changed.contains(&known.path);
        if !is_quiet {
            let suspect = Suspect {
                standing,
                kept: kept.cloned(),
                before: Some((known.tracked.clone(), known.presence)),
                presence,
            };
            self.paths.insert(known.path.clone(), suspect);
        }
    }

    fn add_gitlink(&mut self, path: &RepoPath, tracked: Option<&TrackedAs>) {
        if tracked.is_some_and(TrackedAs::is_gitlink) {
            self.gitlinks.insert(path.clone());
        }
    }

    /// What stands beneath a submodule belongs to that; what was tracked there before is gone.
    fn leave_submodules(&mut self) {
        if self.gitlinks.is_empty() {
            return;
        }
        let gitlinks = &self.gitlinks;
        self.paths.retain(|path, suspect| {
            let is_beneath = path
                .parents()
                .any(|dir| gitlinks.contains(&RepoPath::new(dir)));
            if is_beneath && suspect.before.is_some() {
                suspect.standing = Standing::Forgotten;
                suspect.kept = None;
            }
            !is_beneath || suspect.before.is_some()
        });
    }

    /// True for a path beneath a submodule.
    pub(super) fn is_in_submodule(&self, path: &RepoPath) -> bool {
        !self.gitlinks.is_empty()
            && path
                .parents()
                .any(|dir| self.gitlinks.contains(&RepoPath::new(dir)))
    }
}
