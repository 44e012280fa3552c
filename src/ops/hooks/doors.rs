//! The memory of what has passed a hook: a file of the store's directory with a line for each commit
//! that was about to be made (the tree that it would have, and the HEAD on which it would stand), and for each
//! commit that was found to have passed by. A second file has the tips that were there at the beginning:
//! what they reach is older than the hooks.
//!
//! It is a memory and no proof: whoever can write in the git directory can write here. It tells commits
//! that were made past the hooks from others when they are pushed. Lines are only added, each by one
//! write under the file's lock; a file that has grown long loses its older half.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::fs::{self, FsError};
use crate::git::history::CommitLine;
use crate::git::{GitError, Oid, Repo};
use crate::ops::error::OpError;

/// The file below the state directory.
const FILE: &str = "doors";
/// The file with the tips at the beginning.
const BASE: &str = "doors-base";
/// A file of this length, or twice, four times as long, is shortened.
const LONG: u64 = 4 << 20;
/// The longest file that is read.
const CAP: u64 = 64 << 20;
/// Before the name of a commit that was told to have passed by.
const TOLD: &str = "! ";
/// So many times the commits are asked for on which amended ones stood.
const ROUNDS: usize = 8;

/// Begins the memory where there is none: what is there now is older than it.
pub fn begin(repo: &Repo, state_dir: &Path) -> Result<(), OpError> {
    let base = state_dir.join(BASE);
    if base.exists() {
        return Ok(());
    }
    let mut tips: BTreeSet<Oid> = repo
        .list_refs("refs/")?
        .into_iter()
        .map(|(_, oid)| oid)
        .collect();
    let mut git_dirs = fs::list_dir(&repo.common_dir().join("worktrees"))?;
    git_dirs.push(repo.common_dir().to_owned());
    for dir in git_dirs {
        // A worktree whose HEAD cannot be read has none that could be pushed.
        tips.extend(
            repo.head_of(&dir)
                .ok()
                .and_then(|head| head.commit().cloned()),
        );
    }
    let text: String = tips.iter().map(|tip| format!("{tip}\n")).collect();
    Ok(fs::write_private(&base, text.as_bytes())?)
}

/// Forgets everything: the hooks are gone.
pub(super) fn forget(state_dir: &Path) -> Result<(), FsError> {
    for name in [FILE, BASE] {
        let file = state_dir.join(name);
        if file.exists() {
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}

/// Notes that a commit of `tree` onto `head` may be made.
pub(super) fn passed(state_dir: &Path, tree: &Oid, head: &Oid) -> Result<(), FsError> {
    add(state_dir, &format!("{tree} {head}\n"))
}

/// Notes that these commits were told to have passed by.
pub(super) fn told(state_dir: &Path, commits: &[Oid]) -> Result<(), FsError> {
    let lines: String = commits.iter().map(|id| format!("{TOLD}{id}\n")).collect();
    add(state_dir, &lines)
}

fn add(state_dir: &Path, lines: &str) -> Result<(), FsError> {
    let file = file(state_dir);
    let length = fs::append_locked(&file, lines.as_bytes())?;
    let doublings = |length: u64| (length / LONG).checked_ilog2();
    if doublings(length) > doublings(length.saturating_sub(lines.len() as u64)) {
        fs::rewrite_locked(&file, CAP, |text| newer_half(text).to_owned())?;
    }
    Ok(())
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// The second half of the lines.
fn newer_half(text: &str) -> &str {
    let middle = text.len() / 2;
    // The lines are ASCII; a text that is not is left as it is.
    match text.get(middle..).and_then(|rest| rest.find('\n')) {
        Some(end) => &text[middle + end + 1..],
        None => text,
    }
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct DoorMemory {
    /// The tips at the beginning.
    pub(super) base: Vec<Oid>,
    /// The HEADs, by the tree that was about to be committed.
    passed: BTreeMap<String, BTreeSet<String>>,
    told: BTreeSet<String>,
}

impl DoorMemory {
    /// Reads it; nothing where it has not begun.
    pub(super) fn read(state_dir: &Path) -> Result<Option<DoorMemory>, FsError> {
        let Some(base) = fs::read_text_if_there(&state_dir.join(BASE), CAP)? else {
            return Ok(None);
        };
        let text = fs::read_text_if_there(&file(state_dir), CAP)?.unwrap_or_default();
        Ok(Some(DoorMemory::of(&base, &text)))
    }

    fn of(base: &str, text: &str) -> DoorMemory {
        let mut memory = DoorMemory {
            base: base
                .lines()
                .filter_map(|line| Oid::parse(line).ok())
                .collect(),
            ..DoorMemory::default()
        };
        for line in text.lines() {
            if let Some(commit) = line.strip_prefix(TOLD) {
                memory.told.insert(commit.to_owned());
            } else if let Some((tree, head)) = line.split_once(' ') {
                let heads = memory.passed.entry(tree.to_owned()).or_default();
                heads.insert(head.to_owned());
            }
        }
        memory
    }

    /// True where this commit was told to have passed by already.
    pub(super) fn is_told(&self, commit: &Oid) -> bool {
        self.told.contains(commit.as_str())
    }

    /// The commits of a list that passed no hook, told or not. One that was amended stands on
    /// what its HEAD stood on; `look_up` brings such commits.
    pub(super) fn unasked(
        &self,
        commits: &[CommitLine],
        look_up: impl Fn(&[Oid]) -> Result<Vec<CommitLine>, GitError>,
    ) -> Result<Vec<Oid>, GitError> {
        let mut known: BTreeMap<Oid, CommitLine> = commits
            .iter()
            .map(|one| (one.id.clone(), one.clone()))
            .collect();
        for _ in 0..ROUNDS {
            let heads = known.values().flat_map(|one| self.heads_of(one));
            let missing: BTreeSet<Oid> = heads
                .filter_map(|head| Oid::parse(head).ok())
                .filter(|head| !head.is_zero() && !known.contains_key(head))
                .collect();
            let found = look_up(&missing.into_iter().collect::<Vec<_>>())?;
            if found.is_empty() {
                break;
            }
            known.extend(found.into_iter().map(|one| (one.id.clone(), one)));
        }
        let passed_by = commits
            .iter()
            .filter(|one| !self.has_passed(one, &known, &mut BTreeSet::new()));
        Ok(passed_by.map(|one| one.id.clone()).collect())
    }

    fn heads_of(&self, commit: &CommitLine) -> impl Iterator<Item = &str> {
        let heads = self.passed.get(commit.tree.as_str()).into_iter().flatten();
        heads.map(String::as_str)
    }

    fn has_passed(
        &self,
        commit: &CommitLine,
        known: &BTreeMap<Oid, CommitLine>,
        seen: &mut BTreeSet<Oid>,
    ) -> bool {
        if !seen.insert(commit.id.clone()) {
            return false;
        }
        let is_on = |head: &str| match commit.parents.first() {
            Some(parent) => parent.as_str() == head,
            None => head.bytes().all(|byte| byte == b'0'),
        };
        let heads: Vec<&str> = self.heads_of(commit).collect();
        heads.iter().any(|head| is_on(head))
            || heads.iter().any(|head| {
                let amended = Oid::parse(head).ok().and_then(|head| known.get(&head));
                amended.is_some_and(|before| {
                    before.parents == commit.parents && self.has_passed(before, known, seen)
                })
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_lines_stay_whole() {
        assert_eq!(newer_half("a\nb\nc\nd\n"), "d\n");
        assert_eq!(newer_half(""), "");
        assert_eq!(
            newer_half("one line without an end"),
            "one line without an end"
        );
    }

    fn oid(digit: &str) -> Oid {
        Oid::parse(&digit.repeat(40)).unwrap()
    }

    fn commit(id: &str, tree: &str, parents: &[&str]) -> CommitLine {
        CommitLine {
            id: oid(id),
            tree: oid(tree),
            parents: parents.iter().map(|parent| oid(parent)).collect(),
        }
    }

    #[test]
    fn a_commit_has_passed_where_its_tree_was_asked_about_on_its_parent_or_on_what_it_amends() {
        let text: String = [
            ("a", "0"),
            ("b", "1"),
            ("c", "2"),
            ("d", "7"),
            ("e", "9"),
            ("e", "8"),
        ]
        .iter()
        .map(|(tree, head)| format!("{} {}\n", oid(tree), oid(head)))
        .collect::<String>()
            + &format!("! {}\n", oid("6"));
        let memory = DoorMemory::of("", &text);
        let before = [
            commit("2", "b", &["1"]),
            // Past the hooks.
            commit("7", "f", &["1"]),
            commit("8", "e", &["1"]),
            commit("9", "e", &["1"]),
        ];
        let look_up = |names: &[Oid]| {
            let found = before.iter().filter(|one| names.contains(&one.id));
            Ok(found.cloned().collect())
        };
        for (what, one, asked) in [
            ("the first of all", commit("1", "a", &[]), true),
            ("on its parent", commit("2", "b", &["1"]), true),
            ("another parent", commit("2", "b", &["3"]), false),
            ("another tree", commit("2", "f", &["1"]), false),
            ("amends one that has passed", commit("3", "c", &["1"]), true),
            (
                "amends one that has passed by",
                commit("3", "d", &["1"]),
                false,
            ),
            ("amends in a circle", commit("3", "e", &["1"]), false),
            // Telling asks nobody.
            ("told already", commit("6", "f", &["1"]), false),
        ] {
            let found = memory.unasked(std::slice::from_ref(&one), look_up).unwrap();
            assert_eq!(found.is_empty(), asked, "{what}");
            assert_eq!(memory.is_told(&one.id), what == "told already", "{what}");
        }
    }
}
