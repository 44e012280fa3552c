//! The moves of references by the Git of one agent, as Git itself writes them down.
//!
//! `GIT_TRACE_REFS` names a file, to which each `git` that inherits it appends every transaction on
//! references, with names and objects. So a move that stands there was made from within the run, by
//! whatever directory, and one that does not may be anybody's. An agent can keep its Git from writing
//! there; then nothing is proven, and nothing rests on it. Git also writes down what it reads, so the
//! file is for one run, and is removed with it. Deliberately absent: who else moved what.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::base::fs;
use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{Repo, is_valid_ref_name};

/// The variable by which Git is told of the file.
pub const TRACE_VARIABLE: &str = "GIT_TRACE_REFS";
/// More is not read: then nothing is known.
const CAP: u64 = 256 << 20;
/// The part of each line that names the place in Git's source.
const SOURCE: &str = "refs/debug.c:";
/// The words before an entry of a log that is looked at to be taken out.
const PRUNED: &str = "reflog_expire_should_prune: ";

/// The moves of references that were made from within a run.
#[derive(Debug, Default)]
pub struct RefTrace {
    /// The objects that each reference was moved to, none where it was deleted, and what it replaced, as far as Git
    /// says it.
    moves: BTreeMap<String, BTreeMap<Option<Oid>, Option<Oid>>>,
    /// Entries of logs that were taken out, each by its text and its time in seconds.
    pruned: BTreeSet<(String, String)>,
}

/// A reference that stands where it was moved to from within a run.
#[derive(Debug, PartialEq, Eq)]
pub struct StandingMove {
    /// The name.
    pub name: String,
    /// The object that it was at before, as far as Git says it; none for a new one.
    pub from: Option<Oid>,
    /// The object that it is at; none where it was deleted.
    pub to: Option<Oid>,
}

impl RefTrace {
    /// Reads the file; one that is not there, or cannot be read, says nothing.
    pub fn read(file: &Path) -> RefTrace {
        let is_file = std::fs::symlink_metadata(file).is_ok_and(|meta| meta.is_file());
        let text = is_file.then(|| fs::read_capped(file, CAP).ok()).flatten();
        RefTrace::of(&text.unwrap_or_default())
    }

    fn of(text: &[u8]) -> RefTrace {
        let mut found = RefTrace::default();
        let mut pruned: Option<String> = None;
        for line in text.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            // The text of an entry ends its line, and the rest stands on the next.
            if let Some(text) = pruned.take()
                && let Some(time) = line.trim_start().strip_suffix(": 1")
            {
                found.pruned.insert((text, time.to_owned()));
                continue;
            }
            let said = line.split_once(SOURCE);
            let said = said.and_then(|(_, said)| said.split_once(char::is_whitespace));
            if let Some((_, said)) = said {
                let said = said.trim_start();
                pruned = said.strip_prefix(PRUNED).map(str::to_owned);
                found.take(said);
            }
        }
        found
    }

    /// `N: NAME OLD -> NEW (…) "…"` of a transaction, and `rename_ref: OLD -> NEW …`.
    fn take(&mut self, said: &str) {
        let words: Vec<&str> = said.split(' ').take(5).collect();
        match words[..] {
            ["rename_ref:", old, "->", _, ..] => self.note(old, None, None),
            [number, name, old, "->", new] if is_number(number) => {
                if let (Some(old), Some(new)) = (object(old), object(new)) {
                    self.note(name, old, new);
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, name: &str, old: Option<Oid>, new: Option<Oid>) {
        let moves = self.moves.entry(name.to_owned()).or_default();
        let replaced = moves.entry(new).or_default();
        *replaced = old.or(replaced.take());
    }

    /// The references below `refs/` that stand where they were moved to from within the run. One that came to be there and went again is none.
    pub fn standing(&self, repo: &Repo) -> Result<Vec<StandingMove>, GitError> {
        let mut found = Vec::new();
        for (name, moves) in &self.moves {
            if !name.starts_with("refs/") || !is_valid_ref_name(name) {
                continue;
            }
            let to = repo.find_ref(name)?;
            let Some(from) = moves.get(&to) else {
                continue;
            };
            // The first of several moves says where it stood before all of them.
            let mut from = from.as_ref();
            let mut left = moves.len();
            while let Some(before) = from.filter(|one| left > 0 && Some(*one) != to.as_ref()) {
                match moves.get(&Some(before.clone())) {
                    Some(earlier) => from = earlier.as_ref(),
                    None => break,
                }
                left -= 1;
            }
            if from != to.as_ref() {
                found.push(StandingMove {
                    name: name.clone(),
                    from: from.cloned(),
                    to,
                });
            }
        }
        Ok(found)
    }

    /// True where the reference was moved to this object from within the run; to none: deleted.
    pub(super) fn moved(&self, name: &str, to: Option<&Oid>) -> bool {
        let moves = self.moves.get(name);
        moves.is_some_and(|moves| moves.contains_key(&to.cloned()))
    }

    /// The object that the reference was at before it was moved to this one, as far as Git says it.
    pub(super) fn replaced(&self, name: &str, by: Option<&Oid>) -> Option<&Oid> {
        self.moves.get(name)?.get(&by.cloned())?.as_ref()
    }

    /// True where this entry of a log was taken out from within the run.
    pub(super) fn pruned(&self, text: &str, time: &str) -> bool {
        self.pruned.contains(&(text.to_owned(), time.to_owned()))
    }

    /// True where the reference was deleted with its log, and not entry by entry.
    pub(super) fn cleared(&self, name: &str) -> bool {
        self.moved(name, None) && self.pruned.is_empty()
    }
}

fn is_number(word: &str) -> bool {
    let digits = word.strip_suffix(':').unwrap_or_default();
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// An object by its name, or none for the name of nothing.
fn object(word: &str) -> Option<Option<Oid>> {
    let oid = Oid::parse(word).ok()?;
    let is_nothing = word.bytes().all(|byte| byte == b'0');
    Some((!is_nothing).then_some(oid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::testing::TestRepo;

    /// Runs these commands, and reads what Git writes down of them, each a line of words.
    fn traced(test: &TestRepo, commands: &[&str]) -> RefTrace {
        let file = test.base().join("trace");
        for command in commands {
            let words = command.split(' ');
            let done = std::process::Command::new("git")
                .args(words)
                .current_dir(&test.root)
                .envs(test.env())
                .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_NAME"), "a")))
                .envs(["AUTHOR", "COMMITTER"].map(|who| (format!("GIT_{who}_EMAIL"), "a@b")))
                .env(TRACE_VARIABLE, &file)
                .output()
                .unwrap();
            assert!(done.status.success(), "{command}: {done:?}");
        }
        RefTrace::read(&file)
    }

    #[test]
    fn whatever_moves_a_reference_is_read_from_what_git_writes_down() {
        let test = TestRepo::new();
        let first = test.oid("HEAD");
        test.write("README", "second\n");
        let second = test.commit("second");
        test.git(&["branch", "doomed"]);
        test.git(&["branch", "named"]);
        test.write("README", "dirty\n");
        let trace = traced(
            &test,
            &[
                "status",
                "branch -f other HEAD~1",
                "update-ref refs/tags/t HEAD",
                "branch -D doomed",
                "branch -m named renamed",
                "stash -q",
                "reset -q --hard HEAD~1",
            ],
        );
        let main = test.git(&["symbolic-ref", "HEAD"]);
        let moved = |name: &str, to| trace.moved(name, to);
        assert!(moved("refs/heads/other", Some(&first)));
        assert!(moved("refs/tags/t", Some(&second)));
        assert!(moved("refs/heads/doomed", None));
        assert!(moved("refs/heads/named", None));
        assert!(moved(&main, Some(&first)));
        assert_eq!(trace.replaced(&main, Some(&first)), Some(&second));
        let stash = test.oid("refs/stash");
        assert!(moved("refs/stash", Some(&stash)));
        assert!(!moved("refs/heads/other", Some(&second)));
        assert!(!trace.cleared("refs/stash") && trace.pruned.is_empty());
        assert!(traced(&test, &["stash clear"]).cleared("refs/stash"));
    }

    #[test]
    fn entries_that_are_dropped_are_read_from_what_git_writes_down() {
        let test = TestRepo::new();
        for text in ["one\n", "two\n"] {
            test.write("README", text);
            test.git(&["stash", "push", "-q", "-m", text.trim()]);
        }
        let trace = traced(&test, &["stash drop -q stash@{1}"]);
        let time = "1700000000";
        assert!(trace.pruned("On main: one", time));
        assert!(!trace.pruned("On main: two", time) && !trace.cleared("refs/stash"));
        let trace = traced(&test, &["stash drop -q"]);
        assert!(trace.pruned("On main: two", time) && !trace.cleared("refs/stash"));
    }

    #[test]
    fn what_git_does_not_say_is_not_believed() {
        let of = |text: &str| RefTrace::of(text.as_bytes());
        let id = "1".repeat(40);
        for text in [
            String::new(),
            format!("0: refs/heads/main {id} -> {id} (F"),
            format!("x refs/debug.c:80 0: refs/heads/main {id} -> short (F"),
            format!("x refs/debug.c:80 a: refs/heads/main {id} -> {id} (F"),
            format!("x refs/debug.c:238 read_raw_ref: refs/heads/main: {id} (=> x) type 0: 0"),
        ] {
            assert!(of(&text).moves.is_empty(), "{text}");
        }
        assert!(RefTrace::read(Path::new("/nowhere")).moves.is_empty());
    }
}
