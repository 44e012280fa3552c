//! The step of the snapshot: the supervisor's own look at the tree, its commit on the run's branch,
//! and the patch.

use std::path::{Path, PathBuf};

use crate::base::fs;
use crate::domain::aftermath::TreeChange;
use crate::domain::trailer::{self, Trailers};
use crate::git::busy::unfinished;
use crate::git::diff::{DiffStats, Patch};
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{OwnState, SealRequest, Snapshot, SnapshotLimits, TreeLook, seal};
use crate::git::worktree::Slot;
use crate::git::{ExpectedRef, GitError, Oid};
use crate::ops::error::OpError;
use crate::ops::failpoint;
use crate::ops::run::model::{AgentEnd, RunCx, Sealed, Taken, Worked};
use crate::ops::world::identity;
use crate::store::Store;

/// Largest patch that is kept.
const PATCH_CAP: usize = 64 << 20;

/// The supervisor's own look at the tree, and the commit of it on the run's branch.
pub(crate) fn take(
    live: &RunCx<'_>,
    slot: &Slot,
    shadow: &ShadowRepo,
    end: AgentEnd,
) -> Result<Worked, OpError> {
    // An agent that wrecked its HEAD committed nothing that could be built upon; its files are
    // taken all the same.
    let head = slot
        .head(live.repo)
        .ok()
        .and_then(|head| head.commit().cloned());
    let own = OwnState {
        index: &slot.admin.join("index"),
        head: head.as_ref(),
    };
    let taken = take_tree(live, &slot.path, shadow, own)?;
    let end = end.left_undone(unfinished(&slot.admin), &taken.unmerged);
    let Taken {
        sealed,
        changed,
        remarks,
        rests_on_own,
        ..
    } = taken;
    // Only for who looks there; the work stands on its branch. Conflicts stay visible, and what only
    // its own Git can tell about a file.
    if !rests_on_own && end.process.unfinished.is_none() {
        let _shown = slot.show_taken(shadow);
    }
    let lifecycle = end.attempt().lifecycle(TreeChange::of(&changed));
    Ok(Worked {
        end,
        lifecycle,
        sealed,
        changed,
        remarks,
    })
}

/// The tree at `root`, whose state the shadow's index knows, as a commit on the run's branch.
/// `own` is what its own Git knows.
pub(crate) fn take_tree(
    live: &RunCx<'_>,
    root: &Path,
    shadow: &ShadowRepo,
    own: OwnState<'_>,
) -> Result<Taken, OpError> {
    let base_tree = live.base_tree(shadow)?;
    let snapshot = shadow.snapshot(&TreeLook {
        root,
        base: &base_tree,
        attributes: &base_tree,
        own: Some(own),
        limits: SnapshotLimits::default(),
    })?;
    failpoint::hit("snapshot")?;
    commit_tree(live, shadow, (base_tree, &snapshot), own.head)
}

/// The same of a tree that was looked at already.
pub(crate) fn commit_tree(
    live: &RunCx<'_>,
    shadow: &ShadowRepo,
    (base_tree, snapshot): (Oid, &Snapshot),
    head: Option<&Oid>,
) -> Result<Taken, OpError> {
    let (repo, run) = (live.repo, &live.started.run);
    let base = live.base()?;
    let task = &live.started.task;
    let trailers = Trailers {
        task: Some(task.id.to_string()),
        run: Some(run.id.to_string()),
        agent: Some(run.agent.clone()),
    };
    let message = live
        .world
        .redactor()
        .redact_text(&trailer::message(&task.title, "", &trailers));
    let who = identity()?;
    let work = SealRequest {
        snapshot,
        base: base.as_ref(),
        head,
        message: &message,
        who: &who,
        when_ms: (live.world.clock)().wall_ms,
    };
    let sealed = seal(repo, shadow, &work)?;
    let mut remarks: Vec<String> = snapshot
        .reports
        .iter()
        .map(|report| format!("in the worktree: {report}"))
        .collect();
    if let Some(unrelated) = &sealed.unrelated_head {
        remarks.push(format!(
            "HEAD of the worktree was moved to {unrelated}, which does not descend from the base"
        ));
    }
    if let Some(commit) = &sealed.commit {
        move_branch(live, commit)?;
    }
    let own_commits = sealed.own_commits.len();
    let sealed = Sealed {
        base_tree,
        tree: snapshot.tree.clone(),
        commit: sealed.commit,
        own_commits,
    };
    Ok(Taken {
        sealed,
        changed: snapshot.changed.clone(),
        remarks,
        unmerged: snapshot.unmerged.clone(),
        rests_on_own: !snapshot.filtered.is_empty() || snapshot.believed > 0,
    })
}

/// Moves the run's branch, from wherever the agent left it, to the judged commit.
pub(crate) fn move_branch(live: &RunCx<'_>, commit: &Oid) -> Result<(), OpError> {
    let name = format!("refs/heads/{}", live.started.run.branch);
    let expected = match live.repo.find_ref(&name)? {
        Some(now) if &now == commit => return Ok(()),
        Some(now) => ExpectedRef::At(now),
        None => ExpectedRef::Absent,
    };
    live.repo
        .swap_ref(&name, Some(commit), &expected, "ai: snapshot of the run")
        .map_err(OpError::from)
}

/// The patch that was written.
pub(crate) struct Written {
    /// The file.
    pub(crate) file: PathBuf,
    holds_secret: bool,
}

impl Written {
    /// Returns a remark for the reviewer.
    pub(crate) fn remark(&self) -> Option<String> {
        let text = "the change holds something that looks like a secret; it is blackened in the evidence, not in the commit";
        self.holds_secret.then(|| text.to_owned())
    }
}

/// Records the step that names the commit, and writes the patch, which is made meanwhile.
pub(crate) fn record_sealed(
    live: &RunCx<'_>,
    store: &mut dyn Store,
    shadow: &ShadowRepo,
    sealed: &Sealed,
) -> Result<(Written, DiffStats), OpError> {
    let (recorded, made) = std::thread::scope(|scope| {
        let made = scope.spawn(|| patch(shadow, sealed));
        let recorded = live.step_sealed(store, sealed);
        let recorded = recorded.and_then(|()| failpoint::hit("sealed"));
        (recorded, made.join())
    });
    recorded?;
    let made = made.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    write(live, made?)
}

/// Writes the patch into the run's directory, without secrets.
pub(crate) fn write_patch(
    live: &RunCx<'_>,
    shadow: &ShadowRepo,
    sealed: &Sealed,
) -> Result<(Written, DiffStats), OpError> {
    write(live, patch(shadow, sealed)?)
}

fn patch(shadow: &ShadowRepo, sealed: &Sealed) -> Result<(Patch, DiffStats), GitError> {
    shadow.patch_and_stats(&sealed.base_tree, &sealed.tree, PATCH_CAP)
}

fn write(
    live: &RunCx<'_>,
    (patch, stats): (Patch, DiffStats),
) -> Result<(Written, DiffStats), OpError> {
    let file = live.files.patch();
    let shown = live.world.redactor().redact(&patch.text);
    fs::write_private(&file, &shown)?;
    Ok((
        Written {
            file,
            holds_secret: shown != patch.text,
        },
        stats,
    ))
}
