//! The works that may land, in their order, and why the others may not.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;

use crate::domain::acceptance::{LandingTree, ProofNeeded, proof_needed};
use crate::domain::ids::TaskId;
use crate::domain::landing::{BatchWork, WaitingWork, landing_order};
use crate::domain::parts::Ended;
use crate::domain::task::{Task, TaskState};
use crate::git::Repo;
use crate::git::shadow::ShadowRepo;
use crate::ops::accept::AcceptOrder;
use crate::ops::accept_case::{ACCEPT, AcceptCase, send_back};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::held_paths::paths_of;
use crate::ops::land::order::{Asking, LandOrder, LandingBy};
use crate::ops::land::report::StayingWork;
use crate::ops::prove::ADD_ONE;
use crate::ops::refusal::Refusal;
use crate::ops::reviewed_work::ReviewedWork;
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::origin::{self, Destination};
use crate::ops::world::World;
use crate::ops::{fit, testimony};
use crate::store::{Flow, Store, TaskFilter, Tx};

/// A work that may land.
pub(super) struct QueuedWork<'a> {
    /// What is asked about it.
    pub(super) case: AcceptCase<'a>,
    /// The work as the policy knows it.
    pub(super) work: ReviewedWork,
    /// The full name of its target.
    pub(super) target: String,
    /// The names of its checks.
    pub(super) checks: Vec<String>,
    /// Tasks that it depends on and that are not done.
    pub(super) needs: Vec<TaskId>,
}

impl QueuedWork<'_> {
    pub(super) fn task(&self) -> &TaskId {
        &self.case.task.id
    }

    /// The work with the reason why it does not land.
    pub(super) fn left_out(&self, why: OpError) -> StayingWork {
        StayingWork {
            task: self.case.task.id.clone(),
            title: self.case.task.title.clone(),
            why,
        }
    }
}

/// Where works are looked for, and how they are asked about.
pub(super) struct LandingQueue<'a> {
    pub(super) world: &'a World,
    pub(super) on: (&'a Repo, &'a ShadowRepo),
    pub(super) order: &'a LandOrder<'a>,
    pub(super) each: &'a AcceptOrder<'a>,
    pub(super) asking: Asking,
}

impl<'a> LandingQueue<'a> {
    /// Reads what waits. Tasks that were named and are `done` by now are not asked about again.
    pub(super) fn read(
        &self,
        store: &mut dyn Store,
        done: &BTreeSet<TaskId>,
    ) -> Result<(Vec<QueuedWork<'a>>, Vec<StayingWork>), OpError> {
        let mut ids = store.read(|tx| self.wanted(tx))?;
        ids.retain(|id| !done.contains(id));
        let (mut open, mut left_out) = (BTreeMap::new(), Vec::new());
        for id in ids {
            match self.look(store, &id) {
                Ok(work) => {
                    open.insert(id, work);
                }
                // What the store or the machine refuses is no word about this task.
                Err(why @ OpError::Refused(_)) => {
                    let title = store.read(|tx| cx::load(tx, &id))?.title;
                    left_out.push(StayingWork {
                        task: id,
                        title,
                        why,
                    });
                }
                Err(other) => return Err(other),
            }
        }
        let waiting = open.values().map(|one: &QueuedWork<'_>| WaitingWork {
            task: one.task().clone(),
            priority: one.case.task.priority,
            since_ms: one.case.run.end.as_ref().map_or(0, |end| end.at_ms),
            needs: one.needs.clone(),
        });
        let mut sorted = Vec::new();
        for waiting in landing_order(waiting.collect()) {
            sorted.extend(open.remove(&waiting.task));
        }
        without_lost(store, sorted, left_out)
    }

    fn wanted(&self, tx: &mut dyn Tx) -> Result<Vec<TaskId>, OpError> {
        if !self.order.tasks.is_empty() {
            let mut ids = Vec::new();
            for typed in self.order.tasks {
                let id = cx::resolve(tx, typed)?;
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
            return Ok(ids);
        }
        let filter = TaskFilter {
            statuses: vec!["review".to_owned()],
            ..TaskFilter::default()
        };
        let mut ids = Vec::new();
        tx.list(&filter, &mut |line| {
            ids.push(TaskId(line.id.to_owned()));
            Ok(Flow::More)
        })?;
        Ok(ids)
    }

    /// Asks everything about a work that is asked before its checks.
    fn look(&self, store: &mut dyn Store, id: &TaskId) -> Result<QueuedWork<'a>, OpError> {
        testimony::require(self.world, store, id, None)?;
        let (task, run) = store.read(|tx| fit::in_review(tx, id.as_str()))?;
        store.read(|tx| fit::require_parts(tx, &task, Ended::Proven, ACCEPT))?;
        let needs = store.read(|tx| open_needs(tx, id))?;
        let case = AcceptCase::of(self.world, self.on, (task, run), self.each)?;
        if self.order.tasks.is_empty() && case.run.taken_back().is_some() {
            return Err(Refusal::Conflict {
                why: format!("the work of {id} has landed before, and that was taken back"),
                hint: format!(
                    "`ai land {id}` brings it in again, `ai reject {id}` has it done anew"
                ),
            }
            .into());
        }
        let target = self.target(&case)?;
        refuse_unproven(&case)?;
        case.refuse_moved()?;
        case.refuse_tampered(store)?;
        let plans = CheckPlan::of(&case.task, &self.world.config)?;
        if !plans.iter().any(|plan| plan.spec.required) {
            let why = format!(
                "no required check has run on {id}: configure one (checks: in .ai/config.yaml), or accept it with --override REASON"
            );
            let hint = ADD_ONE.into();
            return Err(Refusal::NotProven { why, hint }.into());
        }
        let checks = plans.iter().map(|plan| plan.spec.name.to_string());
        let checks = checks.collect();
        let work = case.measure()?;
        self.ask(store, (&case, &work), &target)?;
        Ok(QueuedWork {
            case,
            work,
            target,
            checks,
            needs,
        })
    }

    fn target(&self, case: &AcceptCase<'_>) -> Result<String, OpError> {
        let accept = format!("`{ACCEPT} {}`", case.task.id);
        let target = match origin::destination(&self.world.config.accept, &case.run) {
            Destination::Branch(target) => target,
            Destination::OwnBranch => {
                return Err(Refusal::Conflict {
                    why: "it stays on its own branch (accept.mode: branch), so there is nothing to combine it with".into(),
                    hint: format!("{accept} takes it over as it is"),
                }
                .into());
            }
            Destination::Unknown => {
                return Err(Refusal::Missing {
                    why: "its run started from a detached HEAD, so there is no branch to land in"
                        .into(),
                    hint: "set accept.target in .ai/config.yaml".into(),
                }
                .into());
            }
        };
        origin::refuse_branch_of_run(Some(&target))?;
        Ok(target)
    }

    /// Asks about locks, and the policy about the work and about taking it over.
    fn ask(
        &self,
        store: &mut dyn Store,
        (case, work): (&AcceptCase<'_>, &ReviewedWork),
        target: &str,
    ) -> Result<(), OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let paths = paths_of(&work.changed);
        let by = self.order.by;
        let ask = |tx: &mut dyn Tx, cx: &Cx| {
            case.touching(&paths).or_refuse(tx, cx)?;
            case.still_wanted(tx, cx, target, work)?;
            unasked(by, tx, cx, (case, target, work))
        };
        match self.asking {
            Asking::OnRecord => commit(store, &cx, ask),
            Asking::Silently => store.read(|tx| ask(tx, &cx)).map_err(OpError::unrecorded),
        }
    }
}

/// Refuses the daemon's own hand what people are asked about, whether it acts or who has started it.
pub(super) fn unasked(
    by: LandingBy<'_>,
    tx: &mut dyn Tx,
    cx: &Cx,
    (case, target, work): (&AcceptCase<'_>, &str, &ReviewedWork),
) -> Result<(), OpError> {
    let LandingBy::Daemon(person) = by else {
        return Ok(());
    };
    let as_person = Cx {
        actor: person.clone(),
        ..cx.clone()
    };
    case.unasked(tx, cx, target, work)?;
    case.unasked(tx, &as_person, target, work)
}

/// Refuses in a bare repository itself, where no configuration stands that would say what is checked.
pub(super) fn require_checkout(world: &World) -> Result<(), OpError> {
    let place = &world.location;
    if place.top.is_some() || place.main_root.is_some() {
        return Ok(());
    }
    Err(Refusal::Missing {
        why: format!(
            "{} is a bare repository, which has no .ai/ that says what is checked",
            place.common_dir.display()
        ),
        hint: "do it in one of its worktrees".into(),
    }
    .into())
}

/// Work whose own checks have not passed is no work to combine others with.
fn refuse_unproven(case: &AcceptCase<'_>) -> Result<(), OpError> {
    let end = case.run.end.as_ref();
    let (why, hint) = match proof_needed(end.map(|end| &end.cell), LandingTree::Judged) {
        ProofNeeded::Nothing => return Ok(()),
        ProofNeeded::Impossible => (
            format!("run {} did not come to its end", case.run.id),
            send_back(&case.task),
        ),
        ProofNeeded::ChecksAgain | ProofNeeded::ChecksOnLanding => (
            format!(
                "its own checks have not passed; `{ACCEPT} {}` runs them again",
                case.task.id
            ),
            format!("{ACCEPT} {}", case.task.id),
        ),
    };
    Err(Refusal::NotProven { why, hint }.into())
}

fn open_needs(tx: &mut dyn Tx, id: &TaskId) -> Result<Vec<TaskId>, OpError> {
    let mut open = Vec::new();
    for on in tx.deps(id)? {
        let task = tx.task(&on)?;
        if !task.is_some_and(|task| is_done(&task)) {
            open.push(on);
        }
    }
    Ok(open)
}

fn is_done(task: &Task) -> bool {
    matches!(task.state, TaskState::Done { .. })
}

/// Leaves out works that need one which does not land.
fn without_lost<'a>(
    store: &mut dyn Store,
    sorted: Vec<QueuedWork<'a>>,
    mut left_out: Vec<StayingWork>,
) -> Result<(Vec<QueuedWork<'a>>, Vec<StayingWork>), OpError> {
    let (mut kept, mut names) = (Vec::new(), BTreeSet::new());
    for work in sorted {
        match work.needs.iter().find(|need| !names.contains(*need)) {
            Some(lost) => {
                let lost = store.read(|tx| cx::load(tx, lost))?;
                left_out.push(work.left_out(needs(&lost)));
            }
            None => {
                names.insert(work.task().clone());
                kept.push(work);
            }
        }
    }
    Ok((kept, left_out))
}

/// The refusal of a work that depends on another one.
pub(super) fn needs(on: &Task) -> OpError {
    Refusal::Conflict {
        why: format!(
            "it depends on {}, which is not done ({})",
            on.id,
            on.status_text()
        ),
        hint: format!("`ai why {}` says what that one waits for", on.id),
    }
    .into()
}

/// Takes a work out of a batch, with those that need it.
pub(super) fn leave<'a>(
    works: &mut Vec<QueuedWork<'a>>,
    number: usize,
    why: OpError,
) -> Result<Vec<(QueuedWork<'a>, OpError)>, OpError> {
    if number >= works.len() {
        return Err(OpError::internal("a work that is not in its batch"));
    }
    let mut left = vec![(works.remove(number), why)];
    loop {
        let lost = |one: &QueuedWork<'_>| {
            let on = left.iter().map(|(gone, _)| &gone.case.task);
            let mut needed = on.filter(|gone| one.needs.contains(&gone.id));
            needed.next().map(needs)
        };
        let next = works
            .iter()
            .enumerate()
            .find_map(|(at, one)| Some((at, lost(one)?)));
        let Some((at, why)) = next else {
            return Ok(left);
        };
        left.push((works.remove(at), why));
    }
}

/// The next works that go into the same branch by the same checks.
pub(super) fn next_batch<'a>(
    waiting: &mut Peekable<impl Iterator<Item = QueuedWork<'a>>>,
    most: usize,
) -> Option<Vec<QueuedWork<'a>>> {
    let first = waiting.next()?;
    let mut batch = vec![first];
    while batch.len() < most.max(1) {
        let fits = |one: &QueuedWork<'_>| {
            batch
                .first()
                .is_some_and(|first| (&one.target, &one.checks) == (&first.target, &first.checks))
        };
        match waiting.next_if(fits) {
            Some(work) => batch.push(work),
            None => break,
        }
    }
    Some(batch)
}

/// The works as the decision knows them.
pub(super) fn numbered(works: &[QueuedWork<'_>]) -> Vec<BatchWork> {
    let number = |need: &TaskId| works.iter().position(|one| one.task() == need);
    works
        .iter()
        .map(|work| BatchWork {
            needs: work.needs.iter().filter_map(number).collect(),
        })
        .collect()
}
