//! Taking up a worktree that a person or another tool made. It stays where it is and as it is: its
//! work is saved, it is bound to a task, and the task is claimed for whoever asks. What is done
//! there from now on is handed in with `ai task done`.

use std::path::{Path, PathBuf};

use crate::base::text::one_line;
use crate::domain::evidence::EvidenceKind;
use crate::domain::lease::TokenReach;
use crate::git::repo;
use crate::git::shadow::ShadowRepo;
use crate::git::snapshot::{OwnState, SnapshotLimits, TreeLook};
use crate::git::worktree::{ForeignWorktree, KnownRescue, Rescue, RescueAs, registered};
use crate::git::{Oid, Repo};
use crate::ops::claim::{self, Claimed, Which};
use crate::ops::create::{self, NewTask};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::run::origin::target_of_adopted;
use crate::ops::run::step::evidence::{Filed, file_evidence};
use crate::ops::worktree::adoption::{self, Adoption};
use crate::ops::world::{World, identity};
use crate::ops::{lease, tokens};
use crate::store::Store;

/// A worktree that can be taken up, as it stands.
pub struct AdoptableWorktree {
    found: ForeignWorktree,
    shadow: ShadowRepo,
    /// The commit at which its work left the target.
    pub base: Option<Oid>,
    /// The branch that its work is to go into.
    pub target: Option<String>,
    /// Files that differ from the base.
    pub files: usize,
    /// Files that differ from its last commit.
    pub dirty: usize,
}

/// For which task.
pub enum Wanted {
    /// The task with this id.
    Task(String),
    /// A new one.
    New(Box<NewTask>),
}

/// A worktree that was taken up.
pub struct Adopted {
    /// The task, its lease and the token.
    pub claimed: Claimed,
    /// The record.
    pub adoption: Adoption,
}

impl AdoptableWorktree {
    /// The worktree's root.
    pub fn path(&self) -> &Path {
        &self.found.path
    }

    /// The branch that it stands on.
    pub fn branch(&self) -> Option<&str> {
        self.found
            .head
            .branch()
            .map(|name| name.trim_start_matches("refs/heads/"))
    }
}

/// The worktree that a path leads into, or on which a branch is checked out.
pub fn place(repo: &Repo, here: &Path, typed: &str) -> Result<PathBuf, OpError> {
    let path = here.join(typed);
    if path.exists() {
        return Ok(path);
    }
    let name = format!("refs/heads/{typed}");
    if !repo::is_valid_ref_name(&name) || repo.find_ref(&name)?.is_none() {
        return Err(Refusal::NotFound {
            what: Thing::Worktree,
            id: one_line(typed),
        }
        .into());
    }
    let main = repo
        .location()
        .main_root
        .clone()
        .map(|root| (repo.common_dir().to_owned(), root));
    let all = registered(repo.common_dir())?;
    let on = |git_dir: &Path| {
        repo.head_of(git_dir)
            .is_ok_and(|head| head.branch() == Some(name.as_str()))
    };
    match main.into_iter().chain(all).find(|(git_dir, _)| on(git_dir)) {
        Some((_, root)) => Ok(root),
        None => {
            let why = format!("branch {typed} is checked out in no worktree");
            Err(Refusal::Missing {
                why,
                hint: format!("git worktree add ../{typed} {typed}"),
            }
            .into())
        }
    }
}

/// Looks whether the worktree at `place` can be taken up. No reference and nothing of the worktree
/// is changed.
pub fn look(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    place: &Path,
) -> Result<AdoptableWorktree, OpError> {
    let found = ForeignWorktree::find(repo, place, &world.places.pools())?;
    refuse_held(world, store, &found)?;
    let (target, tip) = target_of_adopted(world, repo)?;
    let head = found.head.commit();
    let base = match (head, &tip) {
        (Some(head), Some(tip)) => Some(repo.merge_base(tip, head)?.ok_or_else(|| {
            let (path, onto) = (found.path.display(), target.as_deref().unwrap_or("HEAD"));
            Refusal::Conflict {
                why: format!(
                    "{path} shares no history with {onto}, so its work cannot be told from it"
                ),
                hint: "bring its change onto a branch that has that history, and adopt that one"
                    .into(),
            }
        })?),
        _ => None,
    };
    let shadow = ShadowRepo::create(repo, &world.shadow_dir(&adoption::key(&found.admin)))?;
    let tree = |commit: Option<&Oid>| {
        commit.map_or_else(
            || Ok(shadow.format().empty_tree()),
            |commit| repo.tree_of(commit),
        )
    };
    let (stand, attributes) = (tree(head)?, tree(base.as_ref())?);
    if found.has_conflicts(&shadow, &attributes)? {
        return Err(Refusal::Conflict {
            why: format!(
                "{} holds conflicts that are not resolved",
                found.path.display()
            ),
            hint: "resolve them there (`git status` names them), then the same command again"
                .into(),
        }
        .into());
    }
    shadow.adopt(&found.path, &stand, &attributes)?;
    let index = found.admin.join("index");
    let seen = shadow.snapshot(&TreeLook {
        root: &found.path,
        base: &stand,
        attributes: &attributes,
        own: Some(OwnState {
            index: &index,
            head,
        }),
        limits: SnapshotLimits::default(),
    })?;
    if let Some(left) = seen.left_behind().next() {
        let why = format!("{} cannot be saved whole: {left}", found.path.display());
        return Err(Refusal::Conflict {
            why,
            hint: "move that elsewhere, then the same command again".into(),
        }
        .into());
    }
    let files = shadow.changed_paths(&attributes, &seen.tree)?.len();
    let dirty = seen.changed.len();
    Ok(AdoptableWorktree {
        found,
        shadow,
        base,
        target,
        files,
        dirty,
    })
}

/// One worktree is for one task at a time.
fn refuse_held(
    world: &World,
    store: &mut dyn Store,
    found: &ForeignWorktree,
) -> Result<(), OpError> {
    let earlier = adoption::all(&world.state())?;
    let now = (world.clock)();
    for one in earlier.into_iter().filter(|one| one.git_dir == found.admin) {
        let lease = store.read(|tx| tx.lease(&one.task.subject()))?;
        let Some(lease) = lease.filter(|lease| lease.epoch == one.epoch && lease.binds(&now))
        else {
            continue;
        };
        let why = format!(
            "{} belongs to it, held by {}",
            found.path.display(),
            lease.holder
        );
        let hint = format!(
            "`ai task done {0}` there hands its work in, `ai task release {0}` gives it up",
            one.task
        );
        return Err(Refusal::WrongState {
            task: one.task,
            state: "claimed".into(),
            why,
            hint,
        }
        .into());
    }
    Ok(())
}

/// Saves the work of the worktree, binds it to the task and claims that for the actor of `cx`. A
/// lease on the task that was granted in this very worktree is gone on with.
pub fn adopt(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    (cx, ttl_ms): (&Cx, i64),
    (look, wanted): (&AdoptableWorktree, &Wanted),
) -> Result<Adopted, OpError> {
    let rescue = save(world, repo, look)?;
    if let Wanted::Task(typed) = wanted {
        claim::record_lapses(store, cx, &Which::Task(typed.clone()))?;
    }
    let adopted = commit(store, cx, |tx, cx| {
        let id = match wanted {
            Wanted::Task(typed) => cx::resolve(tx, typed)?,
            Wanted::New(new) => create::create(tx, cx, new)?.id,
        };
        // One that was granted in this very worktree, to whoever asks now.
        let kept = tokens::find(&look.found.admin, &id.subject())?;
        let granted = tx.lease(&id.subject())?;
        let own =
            kept.and_then(|kept| kept.shown_by(&cx.actor, TokenReach::Holder, granted.as_ref()));
        let claimed = match own.map(|shown| {
            lease::fenced(tx, cx, &shown.token, "adopt").map(|lease| (shown.token, lease))
        }) {
            Some(Ok((token, lease))) => Claimed {
                task: cx::load(tx, &id)?,
                lease,
                token,
                warnings: Vec::new(),
            },
            _ => claim::claim(tx, cx, &Which::Task(id.to_string()), ttl_ms)?,
        };
        let adoption = Adoption {
            version: 1,
            task: id,
            epoch: claimed.lease.epoch,
            path: look.found.path.clone(),
            git_dir: look.found.admin.clone(),
            branch: look.branch().map(str::to_owned),
            head: look.found.head.commit().map(ToString::to_string),
            base: look.base.as_ref().map(ToString::to_string),
            target: look.target.clone(),
            rescue: rescue.clone(),
            files: look.files,
            at_ms: cx.now.wall_ms,
        };
        let file = adoption::keep(&world.state(), &adoption)?;
        let filed = Filed {
            task: &adoption.task,
            run: None,
            tree: None,
        };
        let summary = serde_json::to_value(&adoption).unwrap_or_default();
        let piece = file_evidence(
            world,
            &filed,
            EvidenceKind::Adoption,
            "worktree",
            &file,
            summary,
        )?;
        cx.record_evidence(tx, &[piece])?;
        Ok(Adopted { claimed, adoption })
    })?;
    let Claimed { lease, token, .. } = &adopted.claimed;
    tokens::keep(&look.found.admin, token, &lease.holder)?;
    Ok(adopted)
}

fn save(world: &World, repo: &Repo, look: &AdoptableWorktree) -> Result<Option<String>, OpError> {
    let who = identity()?;
    let key = adoption::key(&look.found.admin);
    let save = RescueAs {
        reference: &format!("refs/ai/rescue/slot/{key}"),
        message: &format!(
            "ai: work saved from {}\n",
            one_line(&look.found.path.to_string_lossy())
        ),
        who: &who,
        when_ms: (world.clock)().wall_ms,
        known: KnownRescue::Anywhere,
    };
    let saved = look
        .found
        .rescue(repo, look.base.as_ref(), &look.shadow, &save)?;
    match saved {
        (_, left) if !left.is_empty() => Err(Refusal::Conflict {
            why: left[0].to_string(),
            hint: "move that elsewhere, then the same command again".into(),
        }
        .into()),
        (Rescue::Saved { reference, .. }, _) => Ok(Some(reference)),
        (Rescue::Nothing, _) => Ok(None),
    }
}
