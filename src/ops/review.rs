//! What a reviewer looks at: the run's verdict, its checks, the decisions, and the change itself,
//! read from the evidence and from Git.

use serde::Deserialize;
use serde_json::Value;

use crate::base::text;
use crate::domain::check::CheckResult;
use crate::domain::decision::DecisionRecord;
use crate::domain::evidence::{Evidence, EvidenceKind};
use crate::domain::run::Run;
use crate::domain::sandbox::SandboxUsed;
use crate::domain::task::{Task, TaskState};
use crate::git::diff::{ChangeSide, ChangedPath, FileDiff, file_diff, unified};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::cx;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::files::PATCH;
use crate::ops::testimony::{self, Contradiction};
use crate::ops::world::World;
use crate::process::redact::Redactor;
use crate::store::Tx;

/// Largest file that is shown line by line, in bytes.
const SHOWN: usize = 1 << 20;

/// Everything that is stored about the run to look at.
pub struct Review {
    /// The task.
    pub task: Task,
    /// The run.
    pub run: Run,
    /// The evidence.
    pub evidence: Vec<Evidence>,
    /// The decisions on the task since the run began.
    pub decisions: Vec<DecisionRecord>,
    /// What the store says of the task and its log does not.
    pub contradicted: Vec<Contradiction>,
}

/// The review of a task: of the run that waits, or of its last one.
pub fn load(tx: &mut dyn Tx, typed: &str) -> Result<Review, OpError> {
    let id = cx::resolve(tx, typed)?;
    let task = cx::load(tx, &id)?;
    let asked = cx::epoch_in(typed);
    let run = match (asked, &task.state) {
        (Some(epoch), _) => {
            let all = tx.runs(&id)?;
            let found = all.into_iter().find(|run| run.id.epoch() == epoch);
            Some(found.ok_or_else(|| Refusal::NotFound {
                what: Thing::Run,
                id: text::one_line(typed),
            })?)
        }
        (None, TaskState::Review { run } | TaskState::Running { run }) => tx.run(run)?,
        (None, _) => tx.runs(&id)?.into_iter().last(),
    };
    let run = run.ok_or_else(|| Refusal::Missing {
        why: format!("{id} has not been run yet, so there is nothing to review"),
        hint: format!("ai run {id}"),
    })?;
    let evidence = tx.evidence(Some(&id), Some(&run.id))?;
    let decisions = tx.decisions(Some(&id), None)?;
    let decisions = decisions
        .into_iter()
        .filter(|record| record.at_ms >= run.started_ms)
        .collect();
    let contradicted = testimony::contradictions(tx, &id)?;
    Ok(Review {
        contradicted,
        task,
        run,
        evidence,
        decisions,
    })
}

/// One changed file, ready to be shown.
pub struct FileChange {
    /// The path.
    pub path: ChangedPath,
    /// The difference.
    pub diff: FileDiff,
}

/// The change of a run, file by file, from the objects that were judged.
pub fn changes(world: &World, run: &Run) -> Result<Vec<FileChange>, OpError> {
    let Some(tree) = &run.tree else {
        return Ok(Vec::new());
    };
    let repo = world.repo()?;
    let shadow = ShadowRepo::open(&repo, &world.shadow_dir(&run.worktree))?;
    let base = match &run.base {
        Some(base) => repo.tree_of(&Oid::parse(base).kept("the base of the run")?)?,
        None => shadow.format().empty_tree(),
    };
    let tree = Oid::parse(tree).kept("the tree of the run")?;
    let changed = shadow.changed_paths(&base, &tree)?;
    file_changes(&repo, changed)
}

/// Reads both sides of changed paths.
pub fn file_changes(repo: &Repo, changed: Vec<ChangedPath>) -> Result<Vec<FileChange>, OpError> {
    let changes = changed.into_iter().map(|path| file_change(repo, path));
    changes.collect()
}

fn file_change(repo: &Repo, path: ChangedPath) -> Result<FileChange, OpError> {
    // A submodule's side is a commit, which is no blob.
    let read = |side: &Option<ChangeSide>| match side {
        Some(side) if !side.is_submodule() => repo.blob(&side.oid).map(Some),
        _ => Ok(None),
    };
    let (old, new) = (read(&path.old)?, read(&path.new)?);
    let diff = file_diff(old.as_deref(), new.as_deref());
    Ok(FileChange { path, diff })
}

impl FileChange {
    /// Tells what the lines do not: that the file is new or gone, is a link, or may be executed
    /// now.
    fn sides(&self, name: &str) -> String {
        let mode = |side: &Option<ChangeSide>| side.as_ref().map(|side| side.mode);
        let told = match (mode(&self.path.old), mode(&self.path.new)) {
            (None, Some(new)) => format!("new file mode {new:06o}\n"),
            (Some(old), None) => format!("deleted file mode {old:06o}\n"),
            (Some(old), Some(new)) if old != new => {
                format!("old mode {old:06o}\nnew mode {new:06o}\n")
            }
            _ => return String::new(),
        };
        format!("diff --git a/{name} b/{name}\n{told}")
    }

    fn lines(&self, name: &str) -> String {
        let module = |side: &Option<ChangeSide>| {
            side.as_ref()
                .filter(|side| side.is_submodule())
                .map(|side| side.oid.clone())
        };
        let (old, new) = (module(&self.path.old), module(&self.path.new));
        if old.is_some() || new.is_some() {
            let line = |sign: char, oid: Option<Oid>| {
                oid.map_or(String::new(), |oid| {
                    format!("{sign}Subproject commit {oid}\n")
                })
            };
            return format!(
                "--- a/{name}\n+++ b/{name}\n{}{}",
                line('-', old),
                line('+', new)
            );
        }
        let text = unified(name, &self.diff);
        match (&self.path.old, &self.path.new) {
            (None, _) => text.replacen(&format!("--- a/{name}\n"), "--- /dev/null\n", 1),
            (_, None) => text.replacen(&format!("+++ b/{name}\n"), "+++ /dev/null\n", 1),
            _ => text,
        }
    }

    /// The difference as unified text, without secrets: what is shown is copied and kept.
    pub fn text(&self, redactor: &Redactor) -> String {
        let name = text::path_bytes(self.path.path.as_bytes());
        let text = format!("{}{}", self.sides(&name), self.lines(&name));
        let text = redactor.redact_text(&text);
        match text.char_indices().nth(SHOWN) {
            Some((end, _)) => format!(
                "{}\n(cut: the whole patch is in the run's {PATCH})\n",
                &text[..end]
            ),
            None => text,
        }
    }
}

/// The result of a check in words, as its evidence tells it. Evidence of an older version may say less; then its own
/// word has to do.
pub fn told_check(piece: &Evidence) -> String {
    match CheckResult::deserialize(&piece.summary) {
        Ok(result) => text::one_line(&result.in_words()),
        Err(_) => match piece.summary.get("status") {
            Some(Value::String(word)) => text::one_line(word),
            Some(Value::Object(told)) => told.keys().map(|word| text::one_line(word)).collect(),
            _ => "has run".to_owned(),
        },
    }
}

impl Review {
    /// The checks of the run, by name.
    pub fn checks(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence
            .iter()
            .filter(|piece| piece.kind == EvidenceKind::Check)
    }

    /// Returns the sandbox that confined the agent, as recorded with the statement; nothing for a
    /// run that came to no verdict.
    pub fn sandbox(&self) -> Option<SandboxUsed> {
        serde_json::from_value(self.statement()?.summary.get("sandbox")?.clone()).ok()
    }

    /// Lists remarks for a reviewer that forbid nothing.
    pub fn warnings(&self) -> Vec<String> {
        let list = self
            .statement()
            .and_then(|piece| piece.summary.get("warnings"))
            .cloned();
        let told: Vec<String> = list
            .and_then(|list| serde_json::from_value(list).ok())
            .unwrap_or_default();
        let rows = self.contradicted.iter();
        rows.map(|row| format!("not what the log says: {row}"))
            .chain(told)
            .collect()
    }

    fn statement(&self) -> Option<&Evidence> {
        self.evidence
            .iter()
            .rfind(|piece| piece.kind == EvidenceKind::Statement)
    }
}
