//! The look for credentials in a change: values that a changed file holds now and did not hold
//! before, or that its name brings. Encrypted or compressed ones are not found, as nowhere else.

use std::collections::BTreeSet;

use crate::base::text;
use crate::domain::guards::GuardFinding;
use crate::domain::moved_file::FileMove;
use crate::git::Repo;
use crate::git::diff::{ChangeSide, ChangedPath, DiffStats};
use crate::ops::error::OpError;
use crate::ops::findings::LookAt;
use crate::ops::moves::moves;
use crate::process::redact::Redactor;

/// What was measured of a change, beside its paths.
#[derive(Debug, Default)]
pub struct ChangeFacts {
    /// Lines, added plus removed.
    pub lines: u64,
    /// The credentials whose values it adds, by their names.
    pub credentials_added: BTreeSet<String>,
    /// Findings in it for guards; none where nobody asks.
    pub findings: Option<Vec<GuardFinding>>,
    /// The files that got another name.
    pub moves: Vec<FileMove>,
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
            credentials_added: credentials_added(look.repo, redactor, changed)?,
            findings: look.findings(changed)?,
            moves: moves(look.repo, changed)?,
            messages: None,
        })
    }
}

/// The names of the credentials whose values the change adds to a file.
fn credentials_added(
    repo: &Repo,
    redactor: &Redactor,
    changed: &[ChangedPath],
) -> Result<BTreeSet<String>, OpError> {
    let mut added = BTreeSet::new();
    if !redactor.knows_values() {
        return Ok(added);
    }
    for path in changed {
        if path.old.is_none() {
            added.extend(redactor.known_values_in(path.path.as_bytes()));
        }
        let now = held(repo, redactor, path.new.as_ref())?;
        if now.is_empty() {
            continue;
        }
        let before = held(repo, redactor, path.old.as_ref())?;
        added.extend(now.difference(&before).cloned());
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
