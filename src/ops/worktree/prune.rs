//! Giving room back: idle worktrees, branches and rescues whose work is merged, old things that
//! were moved out of the way. First a plan, in which each thing has its reason; then each removal
//! looks again, and what changed meanwhile stays.

use std::path::PathBuf;

use crate::base::onlooker::Onlooker;
use crate::base::text::shell_words;
use crate::base::{file_lock, fs};
use crate::domain::action::Action;
use crate::domain::ids::TaskId;
use crate::domain::pruning::{self, Ages, Fate, IdleWorktree};
use crate::domain::run::Run;
use crate::git::merge::{Containment, containment};
use crate::git::shadow::ShadowRepo;
use crate::git::worktree::{PoolLimits, Rescue, WorktreePool};
use crate::git::{Head, Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::place;
use crate::ops::run::recovery::salvage::rescue_slot;
use crate::ops::uninstall::refs::{is_checked_out, is_run_branch};
use crate::ops::worktree::list::{self, ListedWorktree, Use};
use crate::ops::worktree::prune_item::{Item, Kind};
use crate::ops::worktree::prune_reason::{PruneReason, Settled};
use crate::ops::worktree::pruned;
use crate::ops::world::World;
use crate::store::Store;

/// Everything that was looked at.
#[derive(Debug)]
pub struct PrunePlan {
    /// One by one, in the order in which they go.
    pub items: Vec<Item>,
    now_ms: i64,
}

impl PrunePlan {
    /// Counts the things that would go.
    pub fn removals(&self) -> usize {
        self.items.iter().filter(|item| item.removes).count()
    }
}

/// Looks at everything. Neither worktrees nor references are changed.
pub fn plan(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    ages: &Ages,
) -> Result<PrunePlan, OpError> {
    let runs = store.read(|tx| tx.all_runs())?;
    let now_ms = (world.clock)().wall_ms;
    let shadow = ShadowRepo::open(repo, &world.shadow_dir("main"))?;
    let look = PruneScene {
        world,
        repo,
        runs,
        now_ms,
        ages: *ages,
        shadow,
    };
    let mut items = look.slots()?;
    let going: Vec<String> = items
        .iter()
        .filter(|item| item.removes)
        .map(|item| item.name.clone())
        .collect();
    items.extend(look.branches(store, &going)?);
    items.extend(look.rescues(store)?);
    items.extend(look.kept()?);
    items.extend(look.pruned()?);
    Ok(PrunePlan { items, now_ms })
}

struct PruneScene<'a> {
    world: &'a World,
    repo: &'a Repo,
    runs: Vec<Run>,
    now_ms: i64,
    ages: Ages,
    shadow: ShadowRepo,
}

impl PruneScene<'_> {
    fn slots(&self) -> Result<Vec<Item>, OpError> {
        let all = list::slots(self.world, self.repo, &self.runs)?;
        Ok(all.iter().map(|slot| self.slot(slot)).collect())
    }

    fn slot(&self, slot: &ListedWorktree) -> Item {
        let used = slot
            .last_used_ms
            .or_else(|| fs::modified_ms(&slot.path))
            .unwrap_or(self.now_ms);
        let idle = IdleWorktree {
            name: &slot.slot,
            used_ms: used,
            dirty: slot.dirty,
        };
        let fate = match slot.usage {
            Use::Working | Use::Adopted | Use::Odd => Fate::Stays(slot.state.clone()),
            Use::Idle => idle.fate(&self.ages, self.now_ms, || self.saved_on(slot)),
        };
        let Settled { removes, why } = fate.into();
        let back = removes.then(|| "the next run makes it anew".to_owned());
        Item {
            kind: Kind::Worktree,
            name: slot.slot.clone(),
            removes,
            why,
            bytes: Some(slot.bytes),
            back,
            oid: None,
        }
    }

    /// The rescue reference that holds exactly what stands in the slot.
    fn saved_on(&self, slot: &ListedWorktree) -> Option<String> {
        let shadow = ShadowRepo::existing(self.repo, &self.world.shadow_dir(&slot.slot))?;
        let base = list::last_run(&self.runs, &slot.slot)
            .and_then(|run| Oid::parse(run.base.as_deref()?).ok());
        let attributes = base
            .and_then(|base| self.repo.tree_of(&base).ok())
            .unwrap_or_else(|| shadow.format().empty_tree());
        let all = self.repo.list_refs("refs/ai/rescue/").ok()?;
        let holds = |commit: &Oid| {
            let tree = self.repo.tree_of(commit).ok()?;
            Some(shadow.peek(&slot.path, &tree, &attributes).ok()?.is_empty())
        };
        all.into_iter()
            .find(|(_, commit)| holds(commit) == Some(true))
            .map(|(name, _)| name)
    }

    fn branches(&self, store: &mut dyn Store, going: &[String]) -> Result<Vec<Item>, OpError> {
        let mut items = Vec::new();
        for (name, oid) in self.repo.list_refs("refs/heads/ai/")? {
            let rest = name.trim_start_matches("refs/heads/ai/");
            if !is_run_branch(rest) {
                continue;
            }
            let fate = match self.stood_on(&name, going)? {
                Some(place) => Fate::Stays(place).into(),
                None => self.may_go(store, rest, &oid)?,
            };
            items.push(self.reference(Kind::Branch, name, oid, fate));
        }
        Ok(items)
    }

    /// Finds a worktree in which the branch is checked out, other than in a worktree that goes.
    fn stood_on(&self, name: &str, going: &[String]) -> Result<Option<String>, OpError> {
        if !is_checked_out(self.repo, name)? {
            return Ok(None);
        }
        let slots = list::everywhere(self.world, self.repo)?;
        let on = slots
            .iter()
            .find(|slot| slot.head.as_ref().and_then(Head::branch) == Some(name));
        Ok(match on {
            Some(slot) if going.contains(&slot.name) => None,
            Some(slot) => Some(format!("worktree {} stands on it", slot.name)),
            None => Some("a checkout stands on it".to_owned()),
        })
    }

    fn rescues(&self, store: &mut dyn Store) -> Result<Vec<Item>, OpError> {
        let mut items = Vec::new();
        for (name, oid) in self.repo.list_refs("refs/ai/rescue/")? {
            let rest = name.trim_start_matches("refs/ai/rescue/");
            let fate = if rest.starts_with("slot/") {
                self.is_merged(None, &oid)
            } else {
                self.may_go(store, rest, &oid)?
            };
            items.push(self.reference(Kind::Rescue, name, oid, fate));
        }
        Ok(items)
    }

    fn reference(&self, kind: Kind, name: String, oid: Oid, fate: Settled) -> Item {
        let Settled { removes, why } = fate;
        let back = removes.then(|| pruned::way_back(&name, self.now_ms));
        Item {
            kind,
            name,
            removes,
            why,
            bytes: None,
            back,
            oid: Some(oid),
        }
    }

    /// Decides about a reference named `<task>/<epoch>`, which goes where its task has ended and
    /// its work is merged.
    fn may_go(&self, store: &mut dyn Store, rest: &str, oid: &Oid) -> Result<Settled, OpError> {
        let (task, epoch) = rest.split_once('/').unwrap_or((rest, ""));
        let epoch = epoch.split('-').next().unwrap_or_default();
        let found = store.read(|tx| tx.task(&TaskId(task.to_owned())))?;
        let id = format!("{task}.{epoch}");
        let run = self.runs.iter().find(|run| run.id.as_str() == id);
        let merged = || self.is_merged(run, oid);
        Ok(pruning::of_run(task, found.as_ref(), merged))
    }

    /// Decides about work that stands in a branch into which work goes, or does not.
    fn is_merged(&self, run: Option<&Run>, oid: &Oid) -> Settled {
        match self.targets(run) {
            Ok(targets) => self.merged_into(&targets, oid).into(),
            Err(error) => error.into(),
        }
    }

    fn merged_into(&self, targets: &[(String, Oid)], oid: &Oid) -> Fate {
        for (name, tip) in targets {
            // A comparison that fails decides nothing.
            let found = containment(self.repo, &self.shadow, tip, oid).unwrap_or(Containment::No);
            if let Some(how) = found.how() {
                return Fate::Goes(format!("merged into {}: {how}", short(name)));
            }
        }
        let names: Vec<&str> = targets.iter().map(|(name, _)| short(name)).collect();
        Fate::Stays(format!("not merged into {}", names.join(", ")))
    }

    /// The branches into which work goes: the run's own target, the configured one, the one that is
    /// checked out, and what is known of them on `origin`.
    fn targets(&self, run: Option<&Run>) -> Result<Vec<(String, Oid)>, OpError> {
        let head = self.repo.head_of(self.repo.common_dir())?;
        let configured = [
            &self.world.config.accept.target,
            &self.world.config.defaults.base,
        ];
        let configured = configured
            .into_iter()
            .flatten()
            .map(|name| format!("refs/heads/{name}"));
        let mut names: Vec<String> = run
            .and_then(|run| run.target.clone())
            .into_iter()
            .chain(configured)
            .collect();
        names.extend(head.branch().map(str::to_owned));
        let remote = names
            .iter()
            .map(|name| name.replacen("refs/heads/", "refs/remotes/origin/", 1));
        let remote: Vec<String> = remote.collect();
        names.extend(remote);
        let mut targets: Vec<(String, Oid)> = Vec::new();
        for name in names {
            let known = targets.iter().any(|(other, _)| *other == name);
            if let Some(tip) = self.repo.find_ref(&name)?.filter(|_| !known) {
                targets.push((name, tip));
            }
        }
        Ok(targets)
    }

    fn kept(&self) -> Result<Vec<Item>, OpError> {
        let all = fs::list_dir(&self.world.state().join("kept"))?;
        Ok(all.iter().map(|path| self.kept_item(path)).collect())
    }

    fn kept_item(&self, path: &std::path::Path) -> Item {
        let since = fs::modified_ms(path).unwrap_or(self.now_ms);
        let Settled { removes, why } = pruning::of_kept(since, &self.ages, self.now_ms).into();
        let to = pruned::kept_dir(self.world, path, self.now_ms);
        let back = removes
            .then(|| shell_words(["mv".into(), to.to_string_lossy(), path.to_string_lossy()]));
        let name = self.world.below_state(path);
        Item {
            kind: Kind::Kept,
            name,
            removes,
            why,
            bytes: Some(fs::disk_usage(path)),
            back,
            oid: None,
        }
    }

    fn pruned(&self) -> Result<Vec<Item>, OpError> {
        let mut items = Vec::new();
        for (name, oid) in self.repo.list_refs(pruned::REFS)? {
            let fate = pruning::of_pruned(pruned::when_ms(&name), &self.ages, self.now_ms);
            items.push(self.expired(name, fate, None, Some(oid)));
        }
        for (path, when) in pruned::dirs(self.world)? {
            let bytes = fs::disk_usage(&path);
            let fate = pruning::of_pruned(Some(when), &self.ages, self.now_ms);
            items.push(self.expired(self.world.below_state(&path), fate, Some(bytes), None));
        }
        Ok(items)
    }

    fn expired(&self, name: String, fate: Fate, bytes: Option<u64>, oid: Option<Oid>) -> Item {
        let Settled { removes, why } = fate.into();
        let back = if removes {
            None
        } else {
            pruned::back_from(self.world, &name)
        };
        Item {
            kind: Kind::Pruned,
            name,
            removes,
            why,
            bytes,
            back,
            oid,
        }
    }
}

fn short(name: &str) -> &str {
    name.trim_start_matches("refs/heads/")
        .trim_start_matches("refs/remotes/")
}

/// Carries the plan out and says what became of each thing. One that cannot go stays, with the
/// reason, and keeps no other from going.
pub fn carry_out(world: &World, repo: &Repo, store: &mut dyn Store, plan: PrunePlan) -> Vec<Item> {
    let PrunePlan { mut items, now_ms } = plan;
    // What an earlier removal left behind when it was cut off; where it cannot go now, it goes
    // another time.
    for dir in world.places.pools() {
        let _swept = WorktreePool::new(repo, dir, PoolLimits::default()).sweep();
    }
    for item in items.iter_mut().filter(|item| item.removes) {
        if let Err(error) = remove(world, repo, store, item, now_ms) {
            (item.removes, item.back) = (false, None);
            item.why = PruneReason::Failed(error);
        }
    }
    items
}

fn remove(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    item: &Item,
    now_ms: i64,
) -> Result<(), OpError> {
    let path: PathBuf = world.state().join(&item.name);
    match (item.kind, &item.oid) {
        (Kind::Worktree, _) => remove_slot(world, repo, store, &item.name),
        (Kind::Branch, Some(_)) if is_checked_out(repo, &item.name)? => {
            Err(in_the_way("a checkout stands on it now"))
        }
        (Kind::Branch | Kind::Rescue, Some(oid)) => pruned::keep_ref(repo, &item.name, oid, now_ms),
        (Kind::Pruned, Some(oid)) => Ok(repo.delete_ref(&item.name, oid, "ai: pruned")?),
        (Kind::Kept, _) => {
            fs::create_private_dir(&pruned::dir(world))?;
            Ok(fs::relocate(
                &path,
                &pruned::kept_dir(world, &path, now_ms),
                Some(Onlooker::patient(&*world.progress)),
            )?)
        }
        (Kind::Pruned, None) => Ok(fs::remove_stubborn(&path)?),
        // Output goes by `ai gc`, which puts it on record.
        (Kind::Branch | Kind::Rescue, None) | (Kind::Output, _) => Ok(()),
    }
}

fn remove_slot(
    world: &World,
    repo: &Repo,
    store: &mut dyn Store,
    name: &str,
) -> Result<(), OpError> {
    let runs = store.read(|tx| tx.all_runs())?;
    let mut question = Question::about(Action::WorktreeRemove);
    if let Some(run) = list::last_run(&runs, name) {
        question.resource.task = Some(run.task.to_string());
        question.resource.run = Some(run.id.to_string());
    }
    let cx = world.cx(&world.checkout_policy())?;
    commit(store, &cx, |tx, cx| ask::or_refuse(tx, cx, question))?;
    let before = repo.list_refs("refs/")?;
    let rescued = rescue_slot(world, repo, name, list::last_run(&runs, name))?;
    match &rescued.rescue {
        Rescue::Saved {
            reference, commit, ..
        } if !before.iter().any(|(_, oid)| oid == commit) => {
            return Err(in_the_way(format!(
                "it held work that stood nowhere else; it stands on {reference} now"
            )));
        }
        _ => {}
    }
    let left = rescued.left_behind.first().map(ToString::to_string);
    let Some(cleared) = rescued.cleared else {
        return Err(in_the_way(
            left.unwrap_or_else(|| "it is not there any more".to_owned()),
        ));
    };
    let pool = WorktreePool::new(repo, world.places.pool_of(name), PoolLimits::default())
        .sharing(world.disk_locks());
    let removed = pool.remove_if_free(cleared, || {
        let active = store.read(|tx| tx.active_runs())?;
        Ok::<_, OpError>(active.iter().all(|run| run.worktree != name))
    });
    match removed? {
        Some(_) => forget_slot(world, name),
        None => Err(in_the_way("a run works in it now")),
    }
}

/// A thing that stays, since something happened to it after the user had been asked.
fn in_the_way(why: impl Into<String>) -> OpError {
    Refusal::Environment(why.into()).into()
}

/// The place of its checks goes with it; nobody works there but `ai`.
fn forget_slot(world: &World, name: &str) -> Result<(), OpError> {
    let own = world.state().join("slots").join(name);
    fs::create_dir_all(&own)?;
    let _held = file_lock::lock(&own.join("place.lock"))?;
    place::remove(world, name)
}
