//! The checkout that a run without a worktree (`isolation: none`) works in, and how it is given back.
//!
//! Nothing of the person's may be mixed with the agent's, or lost. So the checkout must be clean,
//! files that Git does not know included; HEAD stands on the run's own branch meanwhile; what the
//! agent did becomes a commit there; then files, index and HEAD are put back. Files that were
//! ignored before are never removed, whatever the agent does to `.gitignore`, and taken only where
//! the agent's own Git tracks them. One
//! such run at a time: the store refuses a second one while the first is active, and a run whose
//! supervisor died is given back before the next begins.
//!
//! What has to be put back is written down before anything changes, and HEAD goes back last: a
//! crash at any point is found by the next command, and the same steps done again end in the same
//! state.

use std::path::PathBuf;

use crate::base::onlooker::Onlooker;
use crate::base::{file_lock, fs, id};
use crate::domain::ids::RunId;
use crate::domain::repo_path::RepoPath;
use crate::domain::run::Run;
use crate::git::busy::going_on;
use crate::git::repo::HeadTo;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{
    FilteredFile, OwnState, Snapshot, SnapshotLimits, TreeLook, TreeReport,
};
use crate::git::worktree::{KnownRescue, RESCUE_LIMITS, Rescue, RescueAs, move_aside, save_tree};
use crate::git::{Head, Oid, Repo};
use crate::ops::error::{Bug as _, Kept as _, OpError};
use crate::ops::failpoint;
use crate::ops::refusal::Refusal;
use crate::ops::run::recovery::ignored::{Stands, read_list, was_ignored};
use crate::ops::run::recovery::journal::{
    IGNORED_FILE, INDEX_FILE, JOURNAL_FILE, Journal, dir, read_journal,
};
use crate::ops::world::{World, identity};
use crate::store::Store;

/// Number of rounds: what an agent does while its work is put back is put back in the next; more
/// than a few are somebody who goes on working.
const ROUNDS: usize = 4;
/// The field of the journal that tells on which commit a run began.
const JOURNAL: &str = "the commit in the journal of the checkout";
/// Largest index that is kept.
const INDEX_CAP: u64 = 1 << 30;

/// The main checkout.
pub(crate) struct Checkout<'a> {
    world: &'a World,
    repo: &'a Repo,
    /// The directory.
    pub(crate) root: PathBuf,
    /// The shadow that knows its files.
    pub(crate) shadow: ShadowRepo,
}

/// The main checkout with a run in it.
pub(crate) struct Entered<'a> {
    /// The checkout.
    pub(crate) checkout: Checkout<'a>,
    /// The state that has to be put back.
    pub(crate) journal: Journal,
    /// The paths that Git ignored when the run began.
    pub(crate) ignored: Vec<RepoPath>,
}

/// The checkout as it stands while a run has it.
pub(crate) struct Standing {
    /// The work: without what was ignored before, but for what the agent's own Git tracks of it.
    pub(crate) work: Snapshot,
    /// The tree of it without anything that was ignored before, which is all that is put back. The
    /// shadow's index holds this one.
    pub(crate) besides: Oid,
    /// Reports of what could not be taken and was not there before.
    pub(crate) left: Vec<TreeReport>,
}

/// The branch and commit on which the person works, while a run has HEAD.
pub fn persons_head(world: &World, repo: &Repo, head: Head) -> Result<Head, OpError> {
    let Some(journal) = read_journal(world)? else {
        return Ok(head);
    };
    if head.branch() != Some(&journal.own_branch()) {
        return Ok(head);
    }
    let commit = Oid::parse(&journal.commit).kept(JOURNAL)?;
    Ok(match journal.branch {
        Some(name) => match repo.find_ref(&name)? {
            Some(commit) => Head::Branch { name, commit },
            None => Head::Unborn { name },
        },
        None => Head::Detached { commit },
    })
}

/// Gives the checkout back after a run that could not do so itself: what stands there is saved, and
/// where. A checkout in which somebody has switched to another branch since is somebody's again,
/// and stays as it is.
pub(crate) fn give_back(
    world: &World,
    repo: &Repo,
    run: &RunId,
) -> Result<Option<String>, OpError> {
    let Some(journal) = read_journal(world)?.filter(|journal| journal.run == *run) else {
        return Ok(None);
    };
    let checkout = Checkout::open(world, repo)?;
    let ignored = read_list(&dir(world).join(IGNORED_FILE))?;
    let entered = Entered {
        checkout,
        journal,
        ignored,
    };
    let head = repo.head_of(repo.common_dir())?;
    if entered.is_as_before(&head) {
        entered.follow()?;
        entered.forget()?;
        return Ok(None);
    }
    if head.branch() == Some(&entered.journal.own_branch()) {
        return entered.put_back(None);
    }
    let seen = entered.look(RESCUE_LIMITS)?;
    let saved = entered.save(&seen.work.tree)?;
    world.say(&format!(
        "the checkout was switched to another branch after run {run} was cut off; it stays as it is, what stands there is saved on {}",
        saved.as_deref().unwrap_or("its branch")
    ));
    entered.forget()?;
    Ok(saved)
}

/// Gives the checkout back after a run that has ended without having been able to: the machine may
/// let us do it now.
pub(crate) fn give_back_ended(
    world: &World,
    store: &mut dyn Store,
    repo: &Repo,
) -> Result<(), OpError> {
    let Some(journal) = read_journal(world)? else {
        return Ok(());
    };
    let _held = file_lock::lock(&world.state().join("recover.lock"))?;
    let ended = store
        .read(|tx| tx.run(&journal.run))?
        .is_none_or(|run| run.end.is_some());
    if ended {
        give_back(world, repo, &journal.run).map(drop)
    } else {
        Ok(())
    }
}

impl<'a> Checkout<'a> {
    /// Finds the checkout; a bare repository has none.
    pub(crate) fn open(world: &'a World, repo: &'a Repo) -> Result<Checkout<'a>, OpError> {
        let root = world
            .location
            .main_root
            .clone()
            .ok_or_else(|| Refusal::Missing {
                why: "a bare repository has no checkout in which an agent could work".into(),
                hint: "let it work in a worktree: leave `isolation: none` out".into(),
            })?;
        let shadow = ShadowRepo::open(repo, &world.shadow_dir(Run::CHECKOUT))?;
        Ok(Checkout {
            world,
            repo,
            root,
            shadow,
        })
    }

    /// Returns what nothing here touches, where the checkout is clean.
    pub(crate) fn clean(&self) -> Result<Vec<TreeReport>, OpError> {
        let dirty = |what: String| {
            let why =
                format!("the agent works in the checkout itself (isolation: none), and {what}");
            OpError::from(Refusal::MergeConflict {
                why,
                hint: "commit it or put it aside (`git stash -u`)".into(),
            })
        };
        if let Some(what) = going_on(self.repo.common_dir()) {
            return Err(dirty(format!("there {what}")));
        }
        let head = self.repo.head_of(self.repo.common_dir())?;
        let Some(commit) = head.commit() else {
            return Err(dirty("there is no commit yet".into()));
        };
        let tree = self.repo.tree_of(commit)?;
        if !self.shadow.is_primed() {
            self.shadow.adopt(&self.root, &tree, &tree)?;
        }
        let seen = self.look(&tree, Some(commit), RESCUE_LIMITS)?;
        if let Some(FilteredFile { path, filter }) = seen.filtered.first() {
            return Err(dirty(format!(
                "{path} goes through filter {filter}, which ai does not run, so it could not put the file back"
            )));
        }
        if let Some(first) = seen.changed.first() {
            let more = seen.changed.len() - 1;
            let what = if more == 0 {
                " is".to_owned()
            } else {
                format!(" and {more} more are")
            };
            return Err(dirty(format!("{}{what} not committed", first.path)));
        }
        if self.shadow.has_staged(&self.root, &self.index(), &tree)? {
            return Err(dirty("something is staged there".into()));
        }
        let left: Vec<TreeReport> = seen.left_behind().cloned().collect();
        let movable = |report: &&TreeReport| {
            !matches!(
                report,
                TreeReport::Nested { .. } | TreeReport::Submodule { .. }
            )
        };
        match left.iter().find(movable) {
            Some(first) => Err(dirty(first.to_string())),
            None => Ok(left),
        }
    }

    fn index(&self) -> PathBuf {
        self.repo.common_dir().join("index")
    }

    /// The checkout as it differs from `base`, whose attributes apply.
    fn look(
        &self,
        base: &Oid,
        head: Option<&Oid>,
        limits: SnapshotLimits,
    ) -> Result<Snapshot, OpError> {
        let index = self.index();
        Ok(self.shadow.snapshot(&TreeLook {
            root: &self.root,
            base,
            attributes: base,
            own: Some(OwnState {
                index: &index,
                head,
            }),
            limits,
        })?)
    }

    /// Lists what Git ignores there, a directory of which all is ignored as one.
    pub(crate) fn ignored(&self, head: &Head) -> Result<Vec<RepoPath>, OpError> {
        let tree = match head.commit() {
            Some(commit) => self.repo.tree_of(commit)?,
            None => self.shadow.format().empty_tree(),
        };
        Ok(self.shadow.list_ignored(&self.root, &tree)?)
    }
}

impl Entered<'_> {
    /// The commit on which the run began.
    pub(crate) fn base(&self) -> Result<Oid, OpError> {
        Oid::parse(&self.journal.commit).kept(JOURNAL)
    }

    /// The tree of that commit.
    pub(crate) fn base_tree(&self) -> Result<Oid, OpError> {
        Ok(self.checkout.repo.tree_of(&self.base()?)?)
    }

    /// The index and the list first: the journal says that they are there.
    pub(crate) fn write_down(&self) -> Result<(), OpError> {
        let dir = dir(self.checkout.world);
        let index = self.checkout.index();
        let bytes = if index.is_file() {
            fs::read_capped(&index, INDEX_CAP)?
        } else {
            Vec::new()
        };
        fs::write_private(&dir.join(INDEX_FILE), &bytes)?;
        let list: Vec<u8> = self
            .ignored
            .iter()
            .flat_map(|path| [path.as_bytes(), b"\0"].concat())
            .collect();
        fs::write_private(&dir.join(IGNORED_FILE), &list)?;
        let text = serde_json::to_string_pretty(&self.journal)
            .bug("a journal cannot be written as JSON")?;
        Ok(fs::write_private(&dir.join(JOURNAL_FILE), text.as_bytes())?)
    }

    /// The checkout as it stands.
    pub(crate) fn look(&self, limits: SnapshotLimits) -> Result<Standing, OpError> {
        let Checkout {
            shadow, root, repo, ..
        } = &self.checkout;
        let base = self.base_tree()?;
        let head = repo.head_of(repo.common_dir()).ok();
        let head = head.as_ref().and_then(Head::commit);
        let mut work = self.checkout.look(&base, head, limits)?;
        let sides = work.changed.iter().filter(|change| change.old.is_none());
        let before: Vec<RepoPath> = sides
            .filter_map(|change| Some((&change.path, Stands::of(change.new.as_ref()?))))
            .filter(|(path, stands)| was_ignored(&self.ignored, path, *stands))
            .map(|(path, _)| path.clone())
            .collect();
        let mut besides = work.tree.clone();
        if !before.is_empty() {
            let index = self.checkout.index();
            let own = OwnState {
                index: &index,
                head,
            };
            let tracked = shadow.tracked_by_own(root, &base, &own)?;
            let (forced, never): (Vec<RepoPath>, Vec<RepoPath>) =
                before.into_iter().partition(|path| tracked.contains(path));
            if !never.is_empty() {
                work.tree = shadow.leave_out(root, &base, &never)?;
                work.changed.retain(|change| !never.contains(&change.path));
                besides.clone_from(&work.tree);
            }
            if !forced.is_empty() {
                besides = shadow.leave_out(root, &base, &forced)?;
            }
        }
        work.reports
            .retain(|report| !self.journal.left.contains(&report.to_string()));
        let is_new =
            |path: &RepoPath| !was_ignored(&self.ignored, path, Stands::at(&path.beneath(root)));
        let left = work
            .left_behind()
            .filter(|report| report.path().is_none_or(is_new))
            .cloned()
            .collect();
        Ok(Standing {
            work,
            besides,
            left,
        })
    }

    /// Gives the checkout back as it was. `saved` is the tree that stands on the run's branch.
    pub(crate) fn leave(self, saved: &Oid) -> Result<Option<String>, OpError> {
        self.put_back(Some(saved))
    }

    fn put_back(self, saved: Option<&Oid>) -> Result<Option<String>, OpError> {
        let Checkout {
            world,
            repo,
            root,
            shadow,
        } = &self.checkout;
        let base = self.base_tree()?;
        let (mut reference, mut is_saved) = (None, false);
        for round in 0.. {
            let Standing {
                work,
                besides,
                left,
            } = self.look(RESCUE_LIMITS)?;
            if !left.is_empty() {
                let waits = Onlooker::patient(&*world.progress);
                let to = world.state().join("kept").join(format!(
                    "{}-{}",
                    self.journal.run,
                    id::random_text(6)
                ));
                for (what, kept) in move_aside(root, &left, &to, waits)? {
                    world.say(&format!("checkout: {what}; kept as {}", kept.display()));
                }
            } else if besides == base {
                // What was ignored stays. Where the agent tracks nothing else, it was not saved yet.
                if Some(&work.tree) != saved && !is_saved {
                    reference = self.save(&work.tree)?.or(reference);
                }
                break;
            }
            if round >= ROUNDS {
                let saved = reference.as_deref().unwrap_or("no reference");
                let why = format!(
                    "the checkout does not come clean; what stands there is saved on {saved}"
                );
                return Err(Refusal::Conflict {
                    why,
                    hint: "end what writes there, then `ai recover`".into(),
                }
                .into());
            }
            if Some(&work.tree) != saved {
                reference = self.save(&work.tree)?.or(reference);
            }
            is_saved = true;
            shadow.put_back(root, &self.checkout.index(), &base)?;
        }
        failpoint::hit("checkout-files")?;
        let index = fs::read_capped(&dir(world).join(INDEX_FILE), INDEX_CAP)?;
        if !index.is_empty() {
            shadow.restore_index(root, (&self.checkout.index(), &index), &base)?;
        }
        failpoint::hit("checkout-index")?;
        let commit = self.base()?;
        let to = self
            .journal
            .branch
            .as_deref()
            .map_or(HeadTo::Commit(&commit), HeadTo::Branch);
        repo.set_head_of(repo.common_dir(), &to)?;
        failpoint::hit("checkout-back")?;
        self.follow()?;
        self.forget()?;
        Ok(reference)
    }

    /// The person's branch may have moved meanwhile: the checkout goes along, as far as Git finds
    /// nothing in the way.
    fn follow(&self) -> Result<(), OpError> {
        let Checkout {
            world,
            repo,
            root,
            shadow,
        } = &self.checkout;
        let Some(name) = &self.journal.branch else {
            return Ok(());
        };
        let tip = repo.find_ref(name)?;
        let Some(tip) = tip.filter(|tip| tip.as_str() != self.journal.commit) else {
            return Ok(());
        };
        let (old, new) = (self.base_tree()?, repo.tree_of(&tip)?);
        if let Err(error) = shadow.bring_along(root, &self.checkout.index(), &old, &new) {
            world.say(&format!(
                "warning: {name} moved during the run, and the checkout could not follow: {error}"
            ));
        }
        Ok(())
    }

    /// Puts a tree on the run's rescue reference, unless its branch holds it.
    fn save(&self, tree: &Oid) -> Result<Option<String>, OpError> {
        let repo = self.checkout.repo;
        let tip = repo.find_ref(&self.journal.own_branch())?;
        let held = tip.as_ref().map(|tip| repo.tree_of(tip)).transpose()?;
        if held.as_ref() == Some(tree) || *tree == self.base_tree()? {
            return Ok(None);
        }
        let (who, run) = (identity()?, &self.journal.run);
        let save = RescueAs {
            reference: &run.rescue_ref(),
            message: "ai: work saved from the checkout\n",
            who: &who,
            when_ms: (self.checkout.world.clock)().wall_ms,
            known: KnownRescue::UnderItsName,
        };
        let stand = tip.map_or_else(|| self.base(), Ok)?;
        match save_tree(repo, &save, tree, &stand)? {
            Rescue::Saved { reference, .. } => Ok(Some(reference)),
            Rescue::Nothing => Ok(None),
        }
    }

    fn is_as_before(&self, head: &Head) -> bool {
        match (&self.journal.branch, head) {
            (Some(name), head) => head.branch() == Some(name),
            (None, Head::Detached { commit }) => commit.as_str() == self.journal.commit,
            (None, _) => false,
        }
    }

    /// The journal goes first: without it the rest means nothing.
    fn forget(&self) -> Result<(), OpError> {
        let dir = dir(self.checkout.world);
        for name in [JOURNAL_FILE, INDEX_FILE, IGNORED_FILE] {
            fs::remove_file(&dir.join(name))?;
        }
        Ok(())
    }
}
