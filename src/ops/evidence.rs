//! Looking after evidence: is every recorded file still what it was, and handing it out.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::base::fs::{self, PlainDigest};
use crate::base::meter;
use crate::base::text;
use crate::domain::evidence::Evidence;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::time::WallMs;
use crate::ops::by_id;
use crate::ops::cx;
use crate::ops::error::OpError;
use crate::ops::gc;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::testimony::{Contradiction, Testimony, evidence_row};
use crate::store::{StoreError, Tx};

/// The state of one piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "state", rename_all = "snake_case")]
#[schemars(rename = "Found")]
pub enum EvidenceState {
    /// The file is what was recorded.
    Intact,
    /// The file is not there.
    Missing,
    /// The file is another one.
    Changed {
        /// The digest now.
        sha256: String,
    },
    /// The file was given up by `ai gc` to make room, after its task had ended; the digest stays on record.
    Pruned {
        /// Time, in milliseconds since 1970.
        at_ms: WallMs,
    },
    /// Something else stands in the place of the file: a link, a directory, a pipe.
    Replaced {
        /// What it is.
        by: String,
    },
    /// The row in the store is not what the log says of this piece.
    Misstated {
        /// The difference.
        why: String,
    },
    /// The file cannot be read.
    Unreadable {
        /// The reason.
        why: String,
    },
}

impl EvidenceState {
    /// True where the file is what was recorded, or was given up as the log says.
    pub fn is_sound(&self) -> bool {
        matches!(self, EvidenceState::Intact | EvidenceState::Pruned { .. })
    }

    /// The word for it, as it follows on "is".
    pub fn in_words(&self) -> &'static str {
        match self {
            EvidenceState::Intact => "intact",
            EvidenceState::Missing => "missing",
            EvidenceState::Pruned { .. } => "pruned",
            EvidenceState::Changed { .. } => "changed",
            EvidenceState::Replaced { .. } => "replaced",
            EvidenceState::Misstated { .. } => "misstated",
            EvidenceState::Unreadable { .. } => "unreadable",
        }
    }
}

/// The evidence of a task, or of one run where a run is named.
pub fn list(tx: &mut dyn Tx, typed: &str) -> Result<(TaskId, Vec<Evidence>), OpError> {
    match typed.rsplit_once('.') {
        Some((task, epoch)) if epoch.parse::<u64>().is_ok() => {
            let task = cx::resolve(tx, task)?;
            let run = RunId(format!("{task}.{epoch}"));
            if tx.run(&run)?.is_none() {
                return Err(Refusal::NotFound {
                    what: Thing::Run,
                    id: run.0,
                }
                .into());
            }
            let all = tx.evidence(Some(&task), Some(&run))?;
            Ok((task, all))
        }
        _ => {
            let task = cx::resolve(tx, typed)?;
            let all = tx.evidence(Some(&task), None)?;
            Ok((task, all))
        }
    }
}

/// One piece by its id or a unique prefix.
pub fn find(tx: &mut dyn Tx, typed: &str) -> Result<Evidence, OpError> {
    let all = tx.evidence(None, None)?;
    by_id::one_of((Thing::Evidence, "e-", typed), all, |piece| {
        piece.id.as_str()
    })
}

/// Compares a piece with its file. A file that has another name, or that is reached by a link, can be
/// changed from there the moment after, so it is not intact whatever is in it now.
pub fn verify(state: &Path, piece: &Evidence) -> EvidenceState {
    match fs::digest_below(state, Path::new(&piece.file)) {
        Ok(PlainDigest::Of(sha256)) if sha256 == piece.sha256 => EvidenceState::Intact,
        Ok(PlainDigest::Of(sha256)) => EvidenceState::Changed { sha256 },
        Ok(PlainDigest::NotPlain(what)) => EvidenceState::Replaced { by: what.into() },
        Err(error) if error.is_not_found() => EvidenceState::Missing,
        Err(error) => EvidenceState::Unreadable {
            why: error.to_string(),
        },
    }
}

/// Compares a piece with its file, and where that is gone, with what the log says of it.
pub fn state_of(
    tx: &mut dyn Tx,
    state: &Path,
    piece: &Evidence,
) -> Result<EvidenceState, StoreError> {
    let found = verify(state, piece);
    if found != EvidenceState::Missing {
        return Ok(found);
    }
    let known = gc::given_up(tx, &piece.task)?;
    let at_ms = known.get(&piece.id).copied();
    Ok(at_ms.map_or(found, |at_ms| EvidenceState::Pruned { at_ms }))
}

/// All evidence that log or store know of a task, or of one run where a run is named: each piece as
/// the log has it, with its state.
pub struct Examination {
    /// The task.
    pub task: TaskId,
    /// The pieces.
    pub pieces: Vec<(Evidence, EvidenceState)>,
    /// Other rows that a proof rests on and that the log contradicts.
    pub contradicted: Vec<Contradiction>,
}

/// Compares the evidence of a task or run with the log and with the files.
pub fn examine(tx: &mut dyn Tx, state: &Path, typed: &str) -> Result<Examination, OpError> {
    let (task, stored) = list(tx, typed)?;
    let testimony = Testimony::of(tx, &task)?;
    let run = typed
        .rsplit_once('.')
        .map(|(_, epoch)| RunId(format!("{task}.{epoch}")));
    let mut pieces: Vec<Evidence> = testimony.evidence().to_vec();
    let unknown = |piece: &&Evidence| !pieces.iter().any(|known| known.id == piece.id);
    let added: Vec<Evidence> = stored.iter().filter(unknown).cloned().collect();
    pieces.extend(added);
    pieces.retain(|piece| run.is_none() || piece.run == run);
    let mut contradicted = testimony.contradictions(tx)?;
    let mut examined = Vec::new();
    let work = meter::begin("proving the evidence", pieces.len());
    for piece in pieces {
        work.step();
        let row = evidence_row(&piece);
        let misstated = contradicted.iter().position(|one| one.row == row);
        let found = match misstated {
            Some(at) => EvidenceState::Misstated {
                why: contradicted.remove(at).what,
            },
            None => state_of(tx, state, &piece)?,
        };
        examined.push((piece, found));
    }
    Ok(Examination {
        task,
        pieces: examined,
        contradicted,
    })
}

/// The pieces that are not what was recorded, each with what became of it; empty where all is well.
pub fn broken(
    tx: &mut dyn Tx,
    state: &Path,
    pieces: &[Evidence],
) -> Result<Vec<String>, StoreError> {
    let mut told = Vec::new();
    for piece in pieces {
        let found = state_of(tx, state, piece)?;
        if !found.is_sound() {
            let (kind, name) = (piece.kind.name(), text::one_line(&piece.name));
            told.push(format!("{kind} {name} ({})", found.in_words()));
        }
    }
    Ok(told)
}

/// Copies the evidence, with a manifest, into a new directory that the user named. Nothing that
/// stands there is replaced. The manifest names what was given up, too.
pub fn export(
    state: &Path,
    pieces: &[(Evidence, EvidenceState)],
    target: &Path,
) -> Result<Vec<PathBuf>, OpError> {
    if std::fs::symlink_metadata(target).is_ok() {
        return Err(Refusal::Conflict {
            why: format!("{} exists already", target.display()),
            hint: "name a new directory".into(),
        }
        .into());
    }
    let mut written = Vec::new();
    for (piece, found) in pieces {
        if !found.is_sound() {
            return Err(Refusal::NotProven {
                why: format!("{} ({}) is not what was recorded", piece.id, piece.file),
                hint: "`ai evidence verify` says what is wrong".into(),
            }
            .into());
        }
    }
    let there = |(_, found): &&(Evidence, EvidenceState)| *found == EvidenceState::Intact;
    for (piece, _) in pieces.iter().filter(there) {
        let to = target.join(&piece.file);
        fs::copy_if_absent(&state.join(&piece.file), &to).map_err(StoreError::from)?;
        written.push(to);
    }
    let manifest = target.join("manifest.json");
    let rows: Vec<&Evidence> = pieces.iter().map(|(piece, _)| piece).collect();
    let text = serde_json::to_string_pretty(&rows).unwrap_or_default();
    fs::write_atomic(&manifest, text.as_bytes()).map_err(StoreError::from)?;
    written.push(manifest);
    Ok(written)
}
