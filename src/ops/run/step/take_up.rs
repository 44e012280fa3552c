//! What a run leaves for a successor, should its supervisor die after the agent has ended: how the
//! agent ended, and what was seen in its tree. With the commit in the store, the successor judges
//! the same work instead of asking an agent again.

use serde::{Deserialize, Serialize};

use crate::base::fs;
use crate::domain::verdict::Lifecycle;
use crate::git::Oid;
use crate::git::shadow::ShadowRepo;
use crate::ops::error::{Kept as _, OpError};
use crate::ops::run::files::RunDir;
use crate::ops::run::model::{AgentEnd, RunCx, Sealed, Worked};
use crate::ops::run::step::snapshot::move_branch;
use crate::store::Store;

/// Larger ones were not written by `ai`.
const CAP: u64 = 64 << 20;

#[derive(Serialize, Deserialize)]
struct Left {
    version: u32,
    end: AgentEnd,
    lifecycle: Lifecycle,
    own_commits: usize,
    remarks: Vec<String>,
}

/// Writes down how the agent ended, before the store says that its work stands.
pub(crate) fn leave(live: &RunCx<'_>, worked: &Worked) -> Result<(), OpError> {
    let left = Left {
        version: 1,
        end: worked.end.clone(),
        lifecycle: worked.lifecycle,
        own_commits: worked.sealed.own_commits,
        remarks: worked.remarks.clone(),
    };
    let text = serde_json::to_string_pretty(&left).unwrap_or_default();
    let text = live.world.redactor().redact_text(&text);
    fs::write_private(&live.files.agent_end(), text.as_bytes()).map_err(OpError::from)
}

/// The work of the lost run that this one takes up; nothing where it cannot be had whole, so that
/// an agent has to be asked.
pub(crate) fn take_up(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    shadow: &ShadowRepo,
) -> Result<Option<Worked>, OpError> {
    let Some(from) = &live.started.run.adopted else {
        return Ok(None);
    };
    let Some(lost) = store.read(|tx| tx.run(from))? else {
        return Ok(None);
    };
    let (Some(tree), Some(commit)) = (&lost.tree, &lost.commit) else {
        return Ok(None);
    };
    let (tree, commit) = (
        Oid::parse(tree).kept("the tree of the run")?,
        Oid::parse(commit).kept("the commit of the run")?,
    );
    let files = RunDir::of(live.world, from);
    let Some(left) = read(&files)? else {
        return Ok(None);
    };
    if !live.repo.has_object(&commit)? {
        return Ok(None);
    }
    let base_tree = live.base_tree(shadow)?;
    let changed = shadow.changed_paths(&base_tree, &tree)?;
    move_branch(live, &commit)?;
    live.files.copy_logs_of(&files)?;
    live.world.say(&format!(
        "taking up the work of run {from}, which was cut off after its agent had ended"
    ));
    let sealed = Sealed {
        base_tree,
        tree,
        commit: Some(commit),
        own_commits: left.own_commits,
    };
    Ok(Some(Worked {
        end: left.end,
        lifecycle: left.lifecycle,
        sealed,
        changed,
        remarks: left.remarks,
    }))
}

/// True where a run left enough to be taken up. Only work of an agent that got to its end is: what
/// a failed attempt left goes the way of failed attempts.
pub(crate) fn is_left(files: &RunDir) -> bool {
    matches!(read(files), Ok(Some(_)))
}

fn read(files: &RunDir) -> Result<Option<Left>, OpError> {
    let text = fs::read_text_if_there(&files.agent_end(), CAP)?;
    let left: Option<Left> = text.and_then(|text| serde_json::from_str(&text).ok());
    Ok(left.filter(|left| left.lifecycle == Lifecycle::Finished))
}
