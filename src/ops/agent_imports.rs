//! The look at trees for files that instructions of agents take in: a fact of every question about paths, so that a rule
//! that guards the instructions guards what they import (ADR 0091).
//!
//! Invariants: trees are read, never the disk, and nothing is looked at where no rule asks for it. An import counts where
//! it stands in the tree before the change or in the one after it, so that a change cannot take away what guards it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::agent_imports::{
    self, INSTRUCTIONS, ImportedFile, ImportingFile, is_instructions,
};
use crate::domain::repo_path::RepoPath;
use crate::git::cmd::Git;
use crate::git::diff::{ChangeSide, ChangedPath};
use crate::git::repo::FileOrLink;
use crate::git::{GitError, Oid, Repo, RepoLocation};
use crate::ops::error::OpError;
use crate::policy::PolicyState;

/// A larger file is no text that an agent is instructed by.
const LARGEST: u64 = 16 << 20;

/// The place in which the imports of a session are looked up, when it is asked about a path that is to be written.
#[derive(Debug, Clone)]
pub struct ImportPlace {
    location: RepoLocation,
    commit: String,
}

impl ImportPlace {
    /// The tree of a commit, by any name that Git has for it.
    pub fn new(location: &RepoLocation, commit: &str) -> ImportPlace {
        ImportPlace {
            location: location.clone(),
            commit: commit.to_owned(),
        }
    }

    /// The tree from which a run started; none for one that started from nothing.
    pub fn of_base(repo: &Repo, base: Option<&str>) -> Option<ImportPlace> {
        base.map(|base| ImportPlace::new(repo.location(), base))
    }

    /// The paths among these that are imported there; none where no rule asks.
    pub fn among(
        &self,
        policy: &PolicyState,
        paths: &[RepoPath],
    ) -> Result<Vec<ImportedFile>, OpError> {
        if !policy.follows_imports() || paths.is_empty() {
            return Ok(Vec::new());
        }
        let repo = Repo::open(&self.location, Git::system()?)?;
        let commit = match repo.resolve_commit(&self.commit) {
            Ok(commit) => commit,
            // Before the first commit nothing is instructed by one.
            Err(GitError::NoCommit { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        among(&repo, policy, (std::slice::from_ref(&commit), paths))
    }
}

/// The paths among these that are imported in one of these commits; none where no rule asks.
pub fn among(
    repo: &Repo,
    policy: &PolicyState,
    (commits, paths): (&[Oid], &[RepoPath]),
) -> Result<Vec<ImportedFile>, OpError> {
    if !policy.follows_imports() || paths.is_empty() {
        return Ok(Vec::new());
    }
    let views = commits.iter().map(|commit| TreeView {
        repo,
        commit: Some(commit),
        over: BTreeMap::new(),
    });
    let paths: BTreeSet<&RepoPath> = paths.iter().collect();
    in_views(views, |path| paths.contains(path))
}

/// The changed files that are imported before the change, or after it; none where no rule asks.
pub fn among_changed(
    repo: &Repo,
    policy: &PolicyState,
    (base, changed): (Option<&str>, &[&ChangedPath]),
) -> Result<Vec<ImportedFile>, OpError> {
    if !policy.follows_imports() || changed.is_empty() {
        return Ok(Vec::new());
    }
    let base = base.and_then(|base| Oid::parse(base).ok());
    let over: BTreeMap<&RepoPath, Option<&ChangeSide>> = changed
        .iter()
        .map(|one| (&one.path, one.new.as_ref()))
        .collect();
    let paths: BTreeSet<&RepoPath> = over.keys().copied().collect();
    let before = TreeView {
        repo,
        commit: base.as_ref(),
        over: BTreeMap::new(),
    };
    let after = TreeView {
        repo,
        commit: base.as_ref(),
        over,
    };
    in_views([before, after], |path| paths.contains(path))
}

fn in_views<'a>(
    views: impl IntoIterator<Item = TreeView<'a>>,
    is_asked_for: impl Fn(&RepoPath) -> bool,
) -> Result<Vec<ImportedFile>, OpError> {
    let mut found: BTreeMap<RepoPath, RepoPath> = BTreeMap::new();
    for view in views {
        let starts = view.instructions()?;
        let all = agent_imports::imported(starts, &mut |path| view.read(path))?;
        for one in all.into_iter().filter(|one| is_asked_for(&one.path)) {
            found.entry(one.path).or_insert(one.by);
        }
    }
    let found = found.into_iter();
    Ok(found.map(|(path, by)| ImportedFile { path, by }).collect())
}

/// The tree of a commit, with a change over it.
struct TreeView<'a> {
    repo: &'a Repo,
    commit: Option<&'a Oid>,
    over: BTreeMap<&'a RepoPath, Option<&'a ChangeSide>>,
}

impl TreeView<'_> {
    /// The files in it from which CLIs take instructions.
    fn instructions(&self) -> Result<Vec<RepoPath>, GitError> {
        let beneath = match self.commit {
            Some(commit) => self.repo.files_called(commit, &INSTRUCTIONS)?,
            None => Vec::new(),
        };
        let over = self.over.iter().filter(|(_, side)| side.is_some());
        let over = over.map(|(path, _)| (*path).clone());
        let over = over.filter(is_instructions);
        let kept = beneath
            .into_iter()
            .filter(|path| !self.over.contains_key(path));
        Ok(kept.chain(over).collect())
    }

    fn read(&self, path: &RepoPath) -> Result<Option<ImportingFile>, GitError> {
        let found = match (self.over.get(path), self.commit) {
            (Some(None), _) | (None, None) => None,
            (Some(Some(side)), _) if side.is_file() => Some(FileOrLink::File(side.oid.clone())),
            (Some(Some(side)), _) if side.is_submodule() => None,
            (Some(Some(side)), _) => Some(FileOrLink::Link(side.oid.clone())),
            (None, Some(commit)) => self.repo.file_or_link(commit, path)?,
        };
        match found {
            Some(FileOrLink::File(oid)) => Ok(self.content(&oid)?.map(ImportingFile::Text)),
            Some(FileOrLink::Link(oid)) => Ok(self.content(&oid)?.map(ImportingFile::Link)),
            None => Ok(None),
        }
    }

    fn content(&self, oid: &Oid) -> Result<Option<Vec<u8>>, GitError> {
        let read = || {
            let is_text = self.repo.blob_size(oid)? <= LARGEST;
            is_text.then(|| self.repo.blob(oid)).transpose()
        };
        match read() {
            // A partial clone does not have all that it names.
            Err(GitError::Missing { .. }) => Ok(None),
            found => found,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::TestRepo;
    use crate::policy::FILE;

    const FOLLOWS: &str = "version: 1\ndefault: allow\nrules:\n  - {id: a, on: [edit], paths: [AGENTS.md], agent_imports: true, effect: deny, reason: x}\n";

    fn policy(text: &str) -> PolicyState {
        PolicyState::from_bytes(Some(text.as_bytes()), FILE)
    }

    fn told(found: &[ImportedFile]) -> Vec<String> {
        let told = found
            .iter()
            .map(|one| format!("{} by {}", one.path, one.by));
        told.collect()
    }

    /// A repository whose instructions import two files.
    fn instructed() -> (TestRepo, Oid) {
        let test = TestRepo::new();
        for (path, text) in [
            ("AGENTS.md", "@docs/a.md"),
            ("docs/a.md", "@b.md"),
            ("docs/b.md", "be good"),
            ("docs/free.md", "@a.md"),
            ("sub/CLAUDE.md", "@x.md"),
        ] {
            test.write(path, text);
        }
        std::os::unix::fs::symlink("docs/linked.md", test.root.join("GEMINI.md")).unwrap();
        let base = test.commit("base");
        (test, base)
    }

    /// A file with its text after a change; none where it is removed.
    type NewText<'a> = (&'a str, Option<&'a str>);

    /// The imported part of a change by these texts; nothing for a file that is removed.
    fn changed(files: &[NewText<'_>]) -> Vec<String> {
        let (test, base) = instructed();
        for (path, text) in files {
            match text {
                Some(text) => test.write(path, text),
                None => std::fs::remove_file(test.root.join(path)).unwrap(),
            }
        }
        let tip = test.commit("change");
        let repo = test.open();
        let changes = repo.changed_between(&base, &tip).unwrap();
        let changes: Vec<&ChangedPath> = changes.iter().collect();
        let ask = (Some(base.as_str()), changes.as_slice());
        told(&among_changed(&repo, &policy(FOLLOWS), ask).unwrap())
    }

    #[test]
    fn what_is_imported_before_or_after_a_change_is_found() {
        let table: [(&[NewText<'_>], &[&str]); 9] = [
            (
                &[("docs/b.md", Some("be bad"))],
                &["docs/b.md by docs/a.md"],
            ),
            (&[("docs/free.md", Some("be free"))], &[]),
            (&[("sub/x.md", Some("new"))], &["sub/x.md by sub/CLAUDE.md"]),
            (
                &[("docs/linked.md", Some("new"))],
                &["docs/linked.md by GEMINI.md"],
            ),
            (&[("docs/b.md", None)], &["docs/b.md by docs/a.md"]),
            // A change cannot take away what guards it.
            (
                &[
                    ("AGENTS.md", Some("nothing")),
                    ("docs/b.md", Some("be bad")),
                ],
                &["docs/b.md by docs/a.md"],
            ),
            (
                &[
                    ("AGENTS.md", None),
                    ("docs/a.md", None),
                    ("docs/b.md", Some("be bad")),
                ],
                &["docs/a.md by AGENTS.md", "docs/b.md by docs/a.md"],
            ),
            // Nor bring in what nobody has looked at.
            (
                &[("new/QWEN.md", Some("@y.md")), ("new/y.md", Some("be bad"))],
                &["new/y.md by new/QWEN.md"],
            ),
            (
                &[("docs/b.md", Some("@c.md")), ("docs/c.md", Some("be bad"))],
                &["docs/b.md by docs/a.md", "docs/c.md by docs/b.md"],
            ),
        ];
        for (files, wanted) in table {
            assert_eq!(changed(files), wanted, "{files:?}");
        }
    }

    #[test]
    fn a_path_is_looked_up_in_commits_and_only_where_a_rule_asks() {
        let (test, base) = instructed();
        let repo = test.open();
        let paths = ["docs/b.md", "docs/free.md", "sub/x.md"].map(RepoPath::from);
        let ask = (std::slice::from_ref(&base), paths.as_slice());
        let follows = policy(FOLLOWS);
        let wanted = ["docs/b.md by docs/a.md", "sub/x.md by sub/CLAUDE.md"];
        assert_eq!(told(&among(&repo, &follows, ask).unwrap()), wanted);
        let place = ImportPlace::new(repo.location(), "HEAD");
        assert_eq!(told(&place.among(&follows, &paths).unwrap()), wanted);
        let none = ImportPlace::new(repo.location(), "nowhere");
        assert_eq!(none.among(&follows, &paths).unwrap(), []);
        let other = policy(&FOLLOWS.replace(", agent_imports: true", ""));
        assert_eq!(among(&repo, &other, ask).unwrap(), []);
        // Before the first commit there is the change alone.
        let empty = repo.format().objects.empty_tree();
        let changes = repo.changed_between(&empty, &base).unwrap();
        let changes: Vec<&ChangedPath> = changes.iter().collect();
        let found = among_changed(&repo, &follows, (None, &changes)).unwrap();
        assert_eq!(
            told(&found),
            ["docs/a.md by AGENTS.md", "docs/b.md by docs/a.md"]
        );
    }
}
