//! The look at the content of a change for the guards of the policy: measured where a change is measured, so that it
//! is a fact of the question like its lines and its files.
//!
//! Nothing is looked at where no guard and no condition asks for it.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::base::hash;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::facts::CredentialPlace;
use crate::domain::guards::{
    ChangeLook, ChangedFile, GeneratedFiles, Guard, GuardFinding, SecretSpan, Side, SideNeed,
    SideNeeds,
};
use crate::domain::moved_file::{FileMove, HalfOf};
use crate::domain::repo_path::RepoPath;
use crate::git::diff::{AskedFile, ChangedPath, SideRead};
use crate::git::{GitError, Oid, Repo};
use crate::ops::agent_imports;
use crate::ops::error::OpError;
use crate::ops::moves::moves_by;
use crate::policy::PolicyState;
use crate::process::redact::Redactor;

/// A change whose content is in a repository, and the policy that may ask for it.
#[derive(Clone, Copy)]
pub struct LookAt<'a> {
    /// The repository.
    pub repo: &'a Repo,
    /// The policy that will be asked.
    pub policy: &'a PolicyState,
    /// The commit that the change goes out from; none where it goes out from nothing.
    pub base: Option<&'a str>,
}

impl LookAt<'_> {
    /// The findings in the change; none where nobody asks.
    pub fn findings<'c>(
        &self,
        changed: impl IntoIterator<Item = &'c ChangedPath>,
    ) -> Result<Option<Vec<GuardFinding>>, OpError> {
        let wanted = self.policy.looked_for();
        if wanted.is_empty() {
            return Ok(None);
        }
        // Shapes alone: values that are known have a rule of their own.
        let redactor = Redactor::new(&[]);
        let shapes = |text: &[u8]| spans_in(&redactor, text);
        let mut look = ChangeLook::new(&shapes, &wanted);
        let changed: Vec<&ChangedPath> = changed.into_iter().collect();
        match self.read_into(&mut look, &changed) {
            Ok(()) => {}
            // A partial clone does not have all that it names: what is there cannot be told.
            Err(GitError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let moved = match self.look_at_moved(&mut look, &changed) {
            Ok(moved) => moved,
            Err(GitError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let base = self.base.and_then(|base| Oid::parse(base).ok());
        if let Some(base) = base
            .as_ref()
            .filter(|_| wanted.contains(&Guard::GeneratedFiles))
        {
            let stays = changed
                .iter()
                .filter(|one| one.old.is_some() && one.new.is_some())
                .map(|one| (&one.path, &one.path));
            let moved = moved.iter().map(|one| (&one.from, &one.to));
            let paths: Vec<(&RepoPath, &RepoPath)> = stays.chain(moved).collect();
            let before: Vec<&RepoPath> = paths.iter().map(|(from, _)| *from).collect();
            let generated = self.generated_at(base, &before)?;
            let all = paths.into_iter().filter(|(from, _)| generated.covers(from));
            all.for_each(|(_, to)| look.add_generated(to));
        }
        // The manifests of one tree ask for the same lock files above them.
        let known: RefCell<HashMap<RepoPath, bool>> = RefCell::default();
        let has_file = |path: &RepoPath| {
            let mut known = known.borrow_mut();
            *known.entry(path.clone()).or_insert_with(|| {
                let found = base.as_ref().map(|base| self.repo.read_blob(base, path));
                matches!(found, Some(Ok(Some(_))))
            })
        };
        Ok(Some(look.finish(&has_file)))
    }
}

impl LookAt<'_> {
    /// The changed files that instructions of agents import, before or after; none where nobody asks.
    pub fn imported<'c>(
        &self,
        changed: impl IntoIterator<Item = &'c ChangedPath>,
    ) -> Result<Vec<ImportedFile>, OpError> {
        let changed: Vec<&ChangedPath> = changed.into_iter().collect();
        agent_imports::among_changed(self.repo, self.policy, (self.base, changed.as_slice()))
    }

    /// True where somebody asks for what looks like a secret.
    pub fn asks_for_secrets(&self) -> bool {
        self.policy.looked_for().contains(&Guard::Secrets)
    }

    /// The texts in the files of one commit that look like secrets, by a redactor that knows shapes alone. What the
    /// base holds at the same path is none that comes in.
    pub fn secrets_in(
        &self,
        redactor: &Redactor,
        changed: &[ChangedPath],
    ) -> Result<Vec<GuardFinding>, OpError> {
        let wanted = BTreeSet::from([Guard::Secrets]);
        let shapes = |text: &[u8]| spans_in(redactor, text);
        let mut look = ChangeLook::new(&shapes, &wanted);
        let all: Vec<&ChangedPath> = changed.iter().collect();
        self.read_into(&mut look, &all)?;
        if look.asks_for_old_sides() {
            for one in changed {
                let before = self.at_base(&one.path)?;
                before.iter().for_each(|before| look.add_old_side(before));
            }
        }
        Ok(look.finish(&|_| false))
    }

    /// The same in a text that is no file.
    pub fn secrets_in_text(redactor: &Redactor, text: &[u8]) -> Vec<GuardFinding> {
        let wanted = BTreeSet::from([Guard::Secrets]);
        let shapes = |text: &[u8]| spans_in(redactor, text);
        let mut look = ChangeLook::new(&shapes, &wanted);
        look.add(ChangedFile {
            path: &RepoPath::new(Vec::new()),
            old: Side::Absent,
            new: Side::Read(text),
        });
        look.finish(&|_| false)
    }

    /// The content of a file before the work; none where it is no file, or cannot be had.
    pub fn at_base(&self, path: &RepoPath) -> Result<Option<Vec<u8>>, OpError> {
        let Some(base) = self.base.and_then(|base| Oid::parse(base).ok()) else {
            return Ok(None);
        };
        match self.repo.read_blob(&base, path) {
            Ok(found) => Ok(found),
            Err(GitError::NotAFile { .. } | GitError::Missing { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl LookAt<'_> {
    /// Reads what each guard has to see, and no more. Contents before the change are only read for secrets where
    /// there is one that may have been there.
    fn read_into(
        &self,
        look: &mut ChangeLook<'_>,
        changed: &[&ChangedPath],
    ) -> Result<(), GitError> {
        // A mode alone changes no content.
        let content = changed.iter().filter(|one| {
            one.old.as_ref().map(|old| &old.oid) != one.new.as_ref().map(|new| &new.oid)
        });
        let asked: Vec<AskedFile<'_>> = content.map(|one| (*one, look.needs(&one.path))).collect();
        let next = || look.part();
        let parts = self.repo.contents(&asked, next, |part, one, old, new| {
            let (old, new) = (old?, new?);
            part.add(ChangedFile {
                path: &one.path,
                old: seen(&old),
                new: seen(&new),
            });
            Ok::<(), GitError>(())
        })?;
        parts.into_iter().for_each(|part| look.join(part));
        if !look.asks_for_old_sides() {
            return Ok(());
        }
        let before = SideNeeds {
            old: SideNeed::Content,
            new: SideNeed::Nothing,
        };
        let asked: Vec<AskedFile<'_>> = changed.iter().map(|one| (*one, before)).collect();
        let next = || look.part();
        let parts = self.repo.contents(&asked, next, |part, _, old, _| {
            if let SideRead::Content(old) = old? {
                part.add_old_side(&old);
            }
            Ok::<(), GitError>(())
        })?;
        parts.into_iter().for_each(|part| look.join(part));
        Ok(())
    }

    /// Looks at the files that got another name and other content, as far as a guard asks what they held before.
    fn look_at_moved(
        &self,
        look: &mut ChangeLook<'_>,
        changed: &[&ChangedPath],
    ) -> Result<Vec<FileMove>, GitError> {
        if !look.asks_for_moved_files() {
            return Ok(Vec::new());
        }
        let side = |path: &RepoPath| changed.iter().copied().find(|one| one.path == *path);
        let mut moved = Vec::new();
        for one in moves_by(self.repo, changed, HalfOf::Either)? {
            let old = side(&one.from).and_then(|from| from.old.as_ref());
            let new = side(&one.to).and_then(|to| to.new.as_ref());
            let (Some(old), Some(new)) = (old, new) else {
                continue;
            };
            if old.oid == new.oid {
                continue;
            }
            look.add_moved(ChangedFile {
                path: &one.to,
                old: Side::Read(&self.repo.blob(&old.oid)?),
                new: Side::Read(&self.repo.blob(&new.oid)?),
            });
            moved.push(one);
        }
        Ok(moved)
    }

    /// The declarations that the attributes of a commit make of these paths.
    fn generated_at(&self, base: &Oid, paths: &[&RepoPath]) -> Result<GeneratedFiles, GitError> {
        let sources = paths.iter().flat_map(|path| GeneratedFiles::sources(path));
        let mut generated = GeneratedFiles::default();
        for source in sources.collect::<BTreeSet<RepoPath>>() {
            match self.repo.read_blob(base, &source) {
                Ok(Some(text)) => generated.add(&source, &text),
                // A link or a directory of that name is nothing that Git reads.
                Ok(None) | Err(GitError::NotAFile { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(generated)
    }
}

/// The texts that have the shape of a secret.
fn spans_in(redactor: &Redactor, text: &[u8]) -> Vec<SecretSpan> {
    let all = redactor.shapes_in(text).into_iter();
    let span = |(kind, place): (String, Range<usize>)| SecretSpan {
        kind,
        from: place.start,
        to: place.end,
    };
    all.map(span).collect()
}

fn seen(side: &SideRead) -> Side<'_> {
    match side {
        SideRead::Absent => Side::Absent,
        SideRead::Unread => Side::Unread,
        SideRead::Sized(bytes) => Side::Sized(*bytes),
        SideRead::Content(content) => Side::Read(content),
    }
}

/// SHA-256 of what was found, for a yes that holds for no more than that; none where nothing was.
pub fn digest_of(
    findings: Option<&[GuardFinding]>,
    credentials: &[CredentialPlace],
) -> Option<String> {
    let found = findings.unwrap_or_default();
    // Findings always serialise; the empty text stands for the impossible rest.
    let text = match (found, credentials) {
        ([], []) => return None,
        (found, []) => serde_json::to_string(found),
        (found, credentials) => serde_json::to_string(&(found, credentials)),
    };
    let text = text.unwrap_or_default();
    Some(hash::sha256_hex(text.as_bytes()))
}

/// The remarks of guards in an answer, for a reviewer.
pub fn in_words(decision: &DecisionRecord) -> impl Iterator<Item = String> {
    let is_guard = |rule: &str| Guard::ALL.iter().any(|guard| guard.rule_id() == rule);
    let said = decision.matched.iter();
    said.filter(move |one| one.effect >= Effect::Warn && is_guard(&one.rule))
        .map(|one| one.reason.clone())
}
