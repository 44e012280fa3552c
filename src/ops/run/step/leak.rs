//! The look for credentials in a change: values that a changed file holds now and did not hold
//! before, or that its name brings; and the same in each commit that would land with it, since what
//! an earlier one added and a later one took out again is in the history of the target for ever, as
//! are the messages. Encrypted or compressed ones are not found, as nowhere else.
//!
//! Invariants: what is found has a name, a file and a commit, and never a value. What the base of the work
//! holds at the same path is not brought by its commits.

use std::collections::BTreeSet;

use crate::base::text;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::facts::CredentialPlace;
use crate::domain::guards::{Guard, GuardFinding};
use crate::domain::moved_file::FileMove;
use crate::domain::repo_path::RepoPath;
use crate::git::diff::{ChangeSide, ChangedPath, DiffStats};
use crate::git::history::CommitLine;
use crate::git::{Oid, Repo};
use crate::ops::ask::Question;
use crate::ops::error::OpError;
use crate::ops::findings::LookAt;
use crate::ops::messages::{self, WorkTip};
use crate::ops::moves::moves;
use crate::process::redact::Redactor;

/// What was measured of a change, beside its paths.
#[derive(Debug, Default)]
pub struct ChangeFacts {
    /// Lines, added plus removed.
    pub lines: u64,
    /// The places in which it brings the value of a credential.
    pub credentials: Vec<CredentialPlace>,
    /// Findings in it for guards; none where nobody asks.
    pub findings: Option<Vec<GuardFinding>>,
    /// The files that got another name.
    pub moves: Vec<FileMove>,
    /// The files that instructions of agents import.
    pub imported: Vec<ImportedFile>,
    /// The messages of its commits; none where nobody asks.
    pub messages: Option<Vec<String>>,
}

impl ChangeFacts {
    /// Measures a change of this size.
    pub fn measure(
        look: &LookAt<'_>,
        redactor: &Redactor,
        changed: &[ChangedPath],
        size: DiffStats,
    ) -> Result<ChangeFacts, OpError> {
        Ok(ChangeFacts {
            lines: size.insertions + size.deletions,
            credentials: credentials_added(look.repo, redactor, changed)?,
            findings: look.findings(changed)?,
            moves: moves(look.repo, changed)?,
            imported: look.imported(changed)?,
            messages: None,
        })
    }

    /// Measures the work of a run, which comes to this tree: the change as a whole, and each commit of it.
    pub fn of_work(
        look: &LookAt<'_>,
        redactor: &Redactor,
        (changed, size): (&[ChangedPath], DiffStats),
        (work, tree): (WorkTip<'_>, &Oid),
    ) -> Result<ChangeFacts, OpError> {
        let mut facts = ChangeFacts::measure(look, redactor, changed, size)?;
        facts.messages = messages::of_work(look, work)?;
        if redactor.knows_values() || look.asks_for_secrets() {
            let commits = messages::commits_of(look, work)?;
            facts.add_commits(look, redactor, (&commits, tree))?;
        }
        Ok(facts)
    }

    /// Adds what these commits bring on the way to a tree that was measured as a whole.
    pub fn add_commits(
        &mut self,
        look: &LookAt<'_>,
        redactor: &Redactor,
        (commits, tree): (&[CommitLine], &Oid),
    ) -> Result<(), OpError> {
        let shapes = look.asks_for_secrets().then(|| Redactor::new(&[]));
        let mut brought = Brought::default();
        // What one commit changes is the change itself.
        let is_whole = |one: &CommitLine| {
            commits.len() == 1
                && one.tree == *tree
                && one.parents.iter().map(Oid::as_str).eq(look.base)
        };
        for commit in commits {
            brought.look_at_text(look, (redactor, shapes.as_ref()), commit)?;
            if !is_whole(commit) {
                brought.look_at_files(look, (redactor, shapes.as_ref()), commit)?;
            }
        }
        self.take_in(brought);
        Ok(())
    }

    /// A finding that is still there at the end is told once.
    fn take_in(&mut self, brought: Brought) {
        let is_new = |one: &CredentialPlace| {
            let at_end = |known: &CredentialPlace| known.name == one.name && known.file == one.file;
            one.file.is_none() || !self.credentials.iter().any(at_end)
        };
        let mut places: Vec<_> = brought.credentials.into_iter().filter(is_new).collect();
        self.credentials.append(&mut places);
        let Some(findings) = &mut self.findings else {
            return;
        };
        let secrets = brought.secrets.into_iter();
        let secrets: Vec<GuardFinding> = secrets
            .filter(|(one, _)| {
                let is_same = |known: &GuardFinding| {
                    known.guard == one.guard && known.path == one.path && known.what == one.what
                };
                one.path.as_bytes().is_empty() || !findings.iter().any(is_same)
            })
            .map(|(one, place)| GuardFinding {
                what: format!("{} {place}", one.what),
                ..one
            })
            .collect();
        findings.extend(secrets);
        findings.sort();
        findings.dedup();
    }

    /// Puts the credentials, and the files that instructions import, into the facts of a question.
    pub fn tell_places(&mut self, question: &mut Question) {
        question.facts.imported_paths = std::mem::take(&mut self.imported);
        let names = self.credentials.iter().map(|place| place.name.clone());
        question.facts.credentials_added = names.collect();
        question.facts.credential_places = std::mem::take(&mut self.credentials);
    }
}

/// What commits bring.
#[derive(Default)]
struct Brought {
    credentials: Vec<CredentialPlace>,
    /// With the commit in words.
    secrets: Vec<(GuardFinding, String)>,
}

impl Brought {
    /// The message of a commit, and who made it.
    fn look_at_text(
        &mut self,
        look: &LookAt<'_>,
        (values, shapes): (&Redactor, Option<&Redactor>),
        commit: &CommitLine,
    ) -> Result<(), OpError> {
        let raw = look.repo.raw_commit(&commit.id)?;
        let short = commit.id.short();
        if values.knows_values() {
            let names = values.known_values_in(&raw).into_iter();
            self.credentials.extend(names.map(|name| CredentialPlace {
                name,
                file: None,
                commit: Some(short.to_owned()),
            }));
        }
        if let Some(shapes) = shapes {
            // The head may hold a signature, which is no secret.
            let split = raw.windows(2).position(|two| two == b"\n\n");
            let message = split.map_or(&[][..], |at| &raw[at + 2..]);
            let found = LookAt::secrets_in_text(shapes, message).into_iter();
            let place = format!("in the message of commit {short}");
            self.secrets.extend(found.map(|one| {
                let one = GuardFinding { line: None, ..one };
                (one, place.clone())
            }));
        }
        Ok(())
    }

    /// The files that a commit itself changes.
    fn look_at_files(
        &mut self,
        look: &LookAt<'_>,
        (values, shapes): (&Redactor, Option<&Redactor>),
        commit: &CommitLine,
    ) -> Result<(), OpError> {
        let changed = look.repo.own_changes(commit)?;
        let short = commit.id.short();
        for place in credentials_added(look.repo, values, &changed)? {
            if !is_known(look, values, &place)? {
                self.credentials.push(CredentialPlace {
                    commit: Some(short.to_owned()),
                    ..place
                });
            }
        }
        if let Some(shapes) = shapes {
            let found = look.secrets_in(shapes, &changed)?.into_iter();
            let place = format!("of commit {short}");
            let secrets = found.filter(|one| one.guard == Guard::Secrets);
            self.secrets.extend(secrets.map(|one| (one, place.clone())));
        }
        Ok(())
    }
}

/// True where the base holds the value at the same path.
fn is_known(
    look: &LookAt<'_>,
    redactor: &Redactor,
    place: &CredentialPlace,
) -> Result<bool, OpError> {
    let Some(file) = &place.file else {
        return Ok(false);
    };
    let before = look.at_base(file)?;
    Ok(before.is_some_and(|before| {
        redactor
            .known_values_in(&text::meant(&before))
            .contains(&place.name)
    }))
}

/// The credentials whose values the change adds to a file, with the file.
fn credentials_added(
    repo: &Repo,
    redactor: &Redactor,
    changed: &[ChangedPath],
) -> Result<Vec<CredentialPlace>, OpError> {
    let mut added = Vec::new();
    if !redactor.knows_values() {
        return Ok(added);
    }
    for path in changed {
        let mut names = BTreeSet::new();
        if path.old.is_none() {
            names.extend(redactor.known_values_in(path.path.as_bytes()));
        }
        let now = held(repo, redactor, path.new.as_ref())?;
        if !now.is_empty() {
            let before = held(repo, redactor, path.old.as_ref())?;
            names.extend(now.difference(&before).cloned());
        }
        added.extend(names.into_iter().map(|name| CredentialPlace {
            name,
            // The name of a file may hold the value.
            file: Some(RepoPath::new(redactor.redact(path.path.as_bytes()))),
            commit: None,
        }));
    }
    Ok(added)
}

fn held(
    repo: &Repo,
    redactor: &Redactor,
    side: Option<&ChangeSide>,
) -> Result<BTreeSet<String>, OpError> {
    match side.filter(|side| !side.is_submodule()) {
        Some(side) => Ok(redactor.known_values_in(&text::meant(&repo.blob(&side.oid)?))),
        None => Ok(BTreeSet::new()),
    }
}
