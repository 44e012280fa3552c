//! Putting the work of a slot on a reference before anything touches it: changed files, untracked
//! files, commits that nothing else holds. A look that fails is an error and clears nothing.

use crate::git::error::GitError;
use crate::git::oid::Oid;
use crate::git::repo::{CommitIdentity, Head, NewCommit, RefError, Repo};
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{OwnState, SnapshotLimits, TreeLook, TreeReport};
use crate::git::worktree::PoolLimits;
use crate::git::worktree::{Slot, SlotInfo, SlotState, WorktreeError, WorktreePool, admin};

/// No rescue may fail because there is much to save. A file that is too large for a run is so here,
/// too: it is moved aside, which costs nothing, where the next run would wait for a rescue of it.
pub const RESCUE_LIMITS: SnapshotLimits = SnapshotLimits {
    files: 1_000_000,
    ..SnapshotLimits::OF_A_RUN
};

/// The limits for what is left in a slot: a lot of it is moved aside like a large file, for the same reason.
pub const SLOT_LIMITS: SnapshotLimits = SnapshotLimits {
    all_bytes: 32 << 20,
    ..RESCUE_LIMITS
};

/// Every rescue reference.
const ALL: &str = "refs/ai/rescue/";

/// The author, message and name of a rescue commit.
#[derive(Debug, Clone)]
pub struct RescueAs<'a> {
    /// The reference, `refs/ai/rescue/<task>/<epoch>`; `-2`, `-3` … is added where it is taken.
    pub reference: &'a str,
    /// The commit message.
    pub message: &'a str,
    /// The author.
    pub who: &'a CommitIdentity,
    /// Milliseconds since 1970.
    pub when_ms: i64,
    /// References on which the same work counts as saved already.
    pub known: KnownRescue,
}

/// The places in which a rescue looks for an earlier one of the same work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownRescue {
    /// Under its own name: what is saved for a run is found under that run.
    UnderItsName,
    /// On any rescue reference: what counts is that nothing is lost.
    Anywhere,
}

/// The saved work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescue {
    /// There was nothing that is not safe elsewhere already.
    Nothing,
    /// The work stands on a reference.
    Saved {
        /// The reference.
        reference: String,
        /// The commit on it.
        commit: Oid,
        /// Files that differed from the last commit.
        files: usize,
        /// Commits that nothing else held: HEAD and the like.
        tips: usize,
    },
}

/// Proof that a slot holds nothing that is not saved. Only a rescue that left nothing behind makes
/// one; it is spent by a reuse or a removal, which look again first.
#[derive(Debug)]
pub struct ClearedSlot {
    /// The slot.
    pub(super) slot: Slot,
    /// The tree that was found in the slot.
    pub(super) tree: Oid,
    /// The trusted tree whose attributes applied.
    pub(super) attributes: Oid,
    /// The commit at which the slot's HEAD stood, if at any.
    pub(super) head: Option<Oid>,
    /// The shadow through which the slot was looked at.
    pub(super) shadow: ShadowRepo,
}

/// The result of a rescue.
#[derive(Debug)]
pub struct RescueResult {
    /// The saved work.
    pub rescue: Rescue,
    /// Paths that could not be saved. Where this is not empty the slot must not be touched.
    pub left_behind: Vec<TreeReport>,
    /// The proof, where nothing was left behind and the directory is there.
    pub cleared: Option<ClearedSlot>,
}

impl RescueResult {
    fn without_directory(rescue: Rescue) -> Self {
        Self {
            rescue,
            left_behind: Vec::new(),
            cleared: None,
        }
    }
}

impl WorktreePool<'_> {
    /// Saves the work of slot `name`. `base` is the commit that its run started from; `shadow` that
    /// run's shadow, or a new one.
    pub fn rescue(
        &self,
        name: &str,
        base: Option<&Oid>,
        shadow: &ShadowRepo,
        save: &RescueAs<'_>,
    ) -> Result<RescueResult, WorktreeError> {
        // Its owner may have closed the directory itself: nothing in it could be seen, nor saved.
        admin::open(self.repo.common_dir(), &self.slot_path(name)?)?;
        match self.find(name)? {
            Some(info) => self.rescue_found(info, (base, SLOT_LIMITS), shadow, save),
            None => Ok(RescueResult::without_directory(Rescue::Nothing)),
        }
    }

    /// Rescues a slot in the state in which it was found; what is beyond the limits is left behind.
    pub(super) fn rescue_found(
        &self,
        info: SlotInfo,
        (base, limits): (Option<&Oid>, SnapshotLimits),
        shadow: &ShadowRepo,
        save: &RescueAs<'_>,
    ) -> Result<RescueResult, WorktreeError> {
        let mut tips = unsaved_tips(self.repo, &info, base)?;
        if info.state == SlotState::Missing {
            let rescued = RescueResult::without_directory(self.save(None, &tips, save)?);
            return Ok(RescueResult {
                left_behind: info
                    .admin
                    .as_deref()
                    .and_then(admin::unsaved)
                    .into_iter()
                    .collect(),
                ..rescued
            });
        }
        let head = info.head.as_ref().and_then(Head::commit);
        let stand = head.or(base);
        let stand_tree = self.tree_or_empty(stand)?;
        let attributes = self.tree_or_empty(base)?;
        if !shadow.is_primed() {
            shadow.adopt(&info.path, &stand_tree, &attributes)?;
        }
        let index = info.admin.as_deref().map(|admin| admin.join("index"));
        let look = TreeLook {
            root: &info.path,
            base: &stand_tree,
            attributes: &attributes,
            own: index.as_deref().map(|index| OwnState { index, head }),
            limits,
        };
        let look = shadow.snapshot_watched(&look, self.onlooker)?;
        let mut left_behind: Vec<TreeReport> = look.left_behind().cloned().collect();
        if info.state == SlotState::OwnRepository {
            left_behind.push(TreeReport::OwnRepository);
        }
        left_behind.extend(info.admin.as_deref().and_then(admin::unsaved));
        let dirty = (!look.changed.is_empty()).then_some(DirtySlot {
            tree: &look.tree,
            files: look.changed.len(),
            stand,
        });
        if let Some(index) = &look.index {
            tips.push(self.commit_of_index(index, stand, save)?);
        }
        let rescue = self.save(dirty, &tips, save)?;
        let head = head.cloned();
        let slot = info.usable().ok().filter(|_| left_behind.is_empty());
        let cleared = slot.map(|slot| ClearedSlot {
            slot,
            tree: look.tree,
            attributes,
            head,
            shadow: shadow.clone(),
        });
        Ok(RescueResult {
            rescue,
            left_behind,
            cleared,
        })
    }

    /// Keeps an index in which something stands alone as a commit of its own, as a stash does. The
    /// same index makes the same commit.
    fn commit_of_index(
        &self,
        index: &Oid,
        stand: Option<&Oid>,
        save: &RescueAs<'_>,
    ) -> Result<Oid, GitError> {
        let parents: Vec<Oid> = stand.cloned().into_iter().collect();
        self.repo.commit_tree(&NewCommit {
            tree: index,
            parents: &parents,
            message: "ai: what was staged there and stood nowhere else\n",
            author: save.who,
            committer: save.who,
            when_ms: 0,
        })
    }

    fn tree_or_empty(&self, commit: Option<&Oid>) -> Result<Oid, GitError> {
        commit.map_or_else(
            || Ok(self.repo.format().objects.empty_tree()),
            |commit| self.repo.tree_of(commit),
        )
    }

    fn save(
        &self,
        dirty: Option<DirtySlot<'_>>,
        tips: &[Oid],
        save: &RescueAs<'_>,
    ) -> Result<Rescue, WorktreeError> {
        let (tree, files) = match (&dirty, tips) {
            (None, []) => return Ok(Rescue::Nothing),
            (None, [only]) => {
                let reference = self.name_it(save.reference, only)?;
                return Ok(Rescue::Saved {
                    reference,
                    commit: only.clone(),
                    files: 0,
                    tips: 1,
                });
            }
            (None, [first, ..]) => (self.repo.tree_of(first)?, 0),
            (Some(dirty), _) => (dirty.tree.clone(), dirty.files),
        };
        let mut parents: Vec<Oid> = dirty.and_then(|d| d.stand.cloned()).into_iter().collect();
        parents.extend(
            tips.iter()
                .filter(|tip| !parents.contains(tip))
                .cloned()
                .collect::<Vec<_>>(),
        );
        if let Some((reference, commit)) = self.saved_before(save, &tree, &parents)? {
            return Ok(Rescue::Saved {
                reference,
                commit,
                files,
                tips: tips.len(),
            });
        }
        let new = NewCommit {
            tree: &tree,
            parents: &parents,
            message: save.message,
            author: save.who,
            committer: save.who,
            when_ms: save.when_ms,
        };
        let commit = self.repo.commit_tree(&new)?;
        let reference = self.name_it(save.reference, &commit)?;
        Ok(Rescue::Saved {
            reference,
            commit,
            files,
            tips: tips.len(),
        })
    }

    /// A rescue that is repeated after a crash finds its own work.
    fn saved_before(
        &self,
        save: &RescueAs<'_>,
        tree: &Oid,
        parents: &[Oid],
    ) -> Result<Option<(String, Oid)>, GitError> {
        for (name, commit) in self.earlier(save)? {
            let same_first = match parents {
                [] => true,
                [first, ..] => self.repo.is_ancestor(first, &commit)?,
            };
            if same_first && self.repo.tree_of(&commit)? == *tree {
                return Ok(Some((name, commit)));
            }
        }
        Ok(None)
    }

    /// Earlier rescues that may hold the same work.
    fn earlier(&self, save: &RescueAs<'_>) -> Result<Vec<(String, Oid)>, GitError> {
        if save.known == KnownRescue::Anywhere {
            let all = self.repo.list_refs(ALL)?;
            // Somebody may have put something else there.
            return Ok(all
                .into_iter()
                .filter(|(_, oid)| self.repo.tree_of(oid).is_ok())
                .collect());
        }
        let mut found = Vec::new();
        for n in 1.. {
            let name = numbered(save.reference, n);
            let Some(commit) = self.repo.find_ref(&name)? else {
                break;
            };
            found.push((name, commit));
        }
        Ok(found)
    }

    /// Creates the reference under the first free name.
    fn name_it(&self, reference: &str, commit: &Oid) -> Result<String, WorktreeError> {
        let mut n = 1;
        loop {
            let name = numbered(reference, n);
            match self.repo.create_ref(&name, commit, "ai: rescue") {
                Ok(()) => return Ok(name),
                Err(RefError::Conflict { .. }) => n += 1,
                Err(e) => return Err(e.into()),
            }
        }
    }
}

/// Puts the tree of a checkout on a reference; `stand` is the commit that it was made of.
pub fn save_tree(
    repo: &Repo,
    save: &RescueAs<'_>,
    tree: &Oid,
    stand: &Oid,
) -> Result<Rescue, WorktreeError> {
    let pool = WorktreePool::new(repo, repo.common_dir(), PoolLimits::default());
    pool.save(
        Some(DirtySlot {
            tree,
            files: 0,
            stand: Some(stand),
        }),
        &[],
        save,
    )
}

struct DirtySlot<'a> {
    tree: &'a Oid,
    files: usize,
    stand: Option<&'a Oid>,
}

fn numbered(reference: &str, n: u32) -> String {
    if n == 1 {
        reference.to_owned()
    } else {
        format!("{reference}-{n}")
    }
}

/// Commits that only this slot holds: its HEAD, and the last one its log names in case the branch
/// was deleted.
fn unsaved_tips(repo: &Repo, info: &SlotInfo, base: Option<&Oid>) -> Result<Vec<Oid>, GitError> {
    let Some(admin) = &info.admin else {
        return Ok(Vec::new());
    };
    let head = repo.head_of(admin)?;
    // A branch on which HEAD stands holds its commit, and no other has to be looked for.
    let held_by_its_branch = match &head {
        Head::Branch { name, commit } if name.starts_with("refs/heads/") => Some(commit.clone()),
        _ => None,
    };
    let head = head.commit().cloned();
    let logged = admin::last_logged(admin).filter(|oid| repo.resolve_commit(oid.as_str()).is_ok());
    let mut tips: Vec<Oid> = Vec::new();
    for tip in head.into_iter().chain(logged) {
        let covered = match base {
            _ if held_by_its_branch.as_ref() == Some(&tip) => true,
            Some(base) => repo.is_ancestor(&tip, base)?,
            None => false,
        };
        if !covered && !is_within(repo, &tip, &tips)? && !is_held(repo, &tip)? {
            tips.push(tip);
        }
    }
    Ok(tips)
}

fn is_within(repo: &Repo, tip: &Oid, tips: &[Oid]) -> Result<bool, GitError> {
    for other in tips {
        if repo.is_ancestor(tip, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// True where a branch, a tag, a remote branch or an earlier rescue reaches the commit. The branch
/// of a run counts like any other: who deletes one has to look first whether it is merged.
pub(super) fn is_held(repo: &Repo, tip: &Oid) -> Result<bool, GitError> {
    // Nearly always a branch is just there, and no history has to be walked.
    if repo
        .list_refs("refs/heads/")?
        .iter()
        .any(|(_, oid)| oid == tip)
    {
        return Ok(true);
    }
    let command = repo
        .git()
        .command([
            "for-each-ref",
            "--count=1",
            "--format=%(refname)",
            "--contains",
        ])
        .arg(tip);
    let out = command
        .args(["refs/heads", "refs/tags", "refs/remotes", "refs/ai/rescue"])
        .git_dir(repo.common_dir())
        .run()?;
    Ok(!out.stdout.trim_ascii().is_empty())
}
