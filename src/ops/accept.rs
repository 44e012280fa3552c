//! Accepting: only the tree that was judged goes into the target branch, by compare-and-swap, and
//! the task is done by that verdict.
//!
//! Where the target has moved, what would land is another tree than the one that was judged; the
//! checks run on that tree first. The move is recorded before it is made, so that an accept that
//! was cut off is completed by the next one, never done twice.

use std::path::PathBuf;

use crate::config::Config;
use crate::domain::acceptance::{LandingTree, ProofNeeded, proof_needed};
use crate::domain::decision::Override;
use crate::domain::evidence::Evidence;
use crate::domain::lease::ShownToken;
use crate::domain::parts::Ended;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::Task;
use crate::git::Oid;
use crate::git::merge;
use crate::git::shadow::ShadowRepo;
use crate::ops::accept_case::{ACCEPT, AcceptCase, complete, own_branch, send_back};
use crate::ops::accept_landing::{Landing, Onto};
use crate::ops::cx::{self, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::landing::PreparedLanding;
use crate::ops::prove::{self, ProofOf, Trial};
use crate::ops::refusal::Refusal;
use crate::ops::reviewed_work::ReviewedWork;
use crate::ops::run::checks::place::Judged;
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::files::RunDir;
use crate::ops::run::origin;
use crate::ops::world::World;
use crate::ops::{failpoint, fit, judged_checks, judgement, landing, testimony, trust, unsigned};
use crate::store::{Store, Tx};

/// Work that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The task, done.
    pub task: Task,
    /// The commit that is in the target now.
    pub commit: String,
    /// The branch; absent where the work stays on its own.
    pub target: Option<String>,
    /// The checkout whose files were brought along.
    pub updated: Option<PathBuf>,
}

/// The order to accept work.
pub struct AcceptOrder<'a> {
    /// The task, or its run, as typed.
    pub typed: &'a str,
    /// The reason why no passing verdict is needed, where none is.
    pub overridden: Option<&'a str>,
    /// The message of the commit that lands, where one was given.
    pub message: Option<&'a str>,
    /// The tokens at hand.
    pub kept: &'a [ShownToken],
}

/// Finds the work of a task in review for somebody who is about to be asked about it. Refuses what no answer would let in:
/// a run that did not come to its end, and work that has passed nothing and for which no check is required.
pub fn acceptable(tx: &mut dyn Tx, config: &Config, typed: &str) -> Result<(Task, Run), OpError> {
    let (task, run) = fit::in_review(tx, typed)?;
    let cell = run.end.as_ref().map(|end| &end.cell);
    match proof_needed(cell, LandingTree::Judged) {
        ProofNeeded::Impossible => Err(not_ended(&task, &run)),
        ProofNeeded::ChecksAgain | ProofNeeded::ChecksOnLanding => {
            let plans = CheckPlan::of(&task, config)?;
            if plans.iter().any(|plan| plan.spec.required) {
                return Ok((task, run));
            }
            Err(prove::unverified(&task.id, ProofOf::Accept))
        }
        ProofNeeded::Nothing => Ok((task, run)),
    }
}

fn not_ended(task: &Task, run: &Run) -> OpError {
    let why = format!("run {} did not come to its end", run.id);
    let hint = send_back(task);
    Refusal::NotProven { why, hint }.into()
}

/// Accepts the work of a task in review.
pub fn accept(
    world: &World,
    store: &mut dyn Store,
    order: &AcceptOrder<'_>,
) -> Result<Accepted, OpError> {
    let (typed, overridden) = (order.typed, order.overridden);
    let repo = world.repo()?;
    repo.clear_left_locks()?;
    let id = store.read(|tx| cx::resolve(tx, typed))?;
    testimony::require(world, store, &id, overridden)?;
    let (task, run) = store.read(|tx| fit::in_review(tx, typed))?;
    landing::refuse_in_use(store)?;
    let shadow = ShadowRepo::create(&repo, &world.shadow_dir("accept"))?;
    if let Some(started) = &run.accepting
        && landing::landed(&repo, started)?
    {
        // One of before this was refused; work that stays on its own branch is meant to.
        origin::refuse_branch_of_run(
            Some(started.target.as_str()).filter(|target| *target != own_branch(&run)),
        )?;
        let task = complete(world, store, &task, &run, started)?;
        return Ok(accepted(task, &run, started, None));
    }
    store.read(|tx| fit::require_parts(tx, &task, Ended::by(overridden), ACCEPT))?;
    let case = AcceptCase::of(world, (&repo, &shadow), (task, run), order)?;
    case.refuse_moved()?;
    case.refuse_tampered(store)?;
    let work = case.measure()?;
    work.ask_early(world, store)?;
    judgement::ask_early(world, store, (&case.task, &case.run, overridden))?;
    landing::with_patience(&case.task, ACCEPT, || case.go(store, &work))
}

impl AcceptCase<'_> {
    fn go(&self, store: &mut dyn Store, work: &ReviewedWork) -> Result<Accepted, OpError> {
        let landing = self.landing(Onto::Target)?;
        let accepting = self.accepting(&landing);
        let tree = Oid::parse(&accepting.tree).kept("the tree that is to land")?;
        let commit_id = Oid::parse(&accepting.commit).kept("the commit that is to land")?;
        let paths = self.landing_paths(&landing, work)?;
        let touching = self.touching(&paths);
        let cx = self.world.cx(&self.world.checkout_policy())?;
        // Before the checks, which may take minutes, again with what they have proven, and once more
        // in the moment in which the branch moves.
        store.read(|tx| touching.or_refuse(tx, &cx))?;
        let message = landing.message();
        if let Some(message) = message {
            message.ask_early(&cx, store)?;
        }
        let evidence = self.prove(store, &landing, (&tree, &commit_id))?;
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let accepting = Accepting {
            overridden: self.order.overridden.map(|reason| Override {
                by: cx.actor.clone(),
                reason: reason.to_owned(),
                at_ms: cx.now.wall_ms,
            }),
            ..accepting
        };
        let warnings = commit(store, &cx, |tx, cx| {
            touching.or_refuse(tx, cx)?;
            let of_message = message.map(|message| message.ask(tx, cx)).transpose()?;
            let mut warnings = self.intend(tx, cx, &accepting, (&evidence, work))?;
            warnings.extend(of_message.into_iter().flatten());
            Ok(warnings)
        })?;
        for warning in warnings {
            self.world.say(&format!("warning: {warning}"));
        }
        failpoint::hit("accept-intent")?;
        let updated = match &landing {
            Landing::Move(planned) => {
                let plan = &planned.plan;
                unsigned::say(self.world, self.repo, &accepting.commit);
                let landing = PreparedLanding {
                    plan,
                    log: &format!("{} {}", merge::ACCEPT_LOG, self.run.id),
                    may_land: &|tx| {
                        let cx = cx.at(tx.now()?);
                        touching.or_refuse(tx, &cx)?;
                        if let Some(message) = message {
                            message.look_ahead(tx, &cx)?;
                        }
                        self.still_wanted(tx, &cx, &accepting.target, work)
                    },
                };
                let on = (self.repo, self.shadow);
                let landed = landing::land(self.world, store, on, &landing)?;
                landed.map_err(|error| self.not_landed(error))?.updated
            }
            Landing::Stay | Landing::Already(_) => None,
        };
        failpoint::hit("accept-merged")?;
        let task = complete(self.world, store, &self.task, &self.run, &accepting)?;
        failpoint::hit("accept-done")?;
        Ok(accepted(task, &self.run, &accepting, updated))
    }

    /// True where the required checks are still those that its run has passed.
    fn still_counts(&self, store: &mut dyn Store) -> Result<bool, OpError> {
        let mut plans = CheckPlan::of(&self.task, &self.world.config)?;
        plans.retain(|plan| plan.spec.required);
        Ok(judged_checks::stored(store, &self.run, plans)?.is_some())
    }

    /// A passing verdict on exactly `tree`: the run's own where the tree is the same, else one made
    /// now.
    fn prove(
        &self,
        store: &mut dyn Store,
        landing: &Landing,
        (tree, commit): (&Oid, &Oid),
    ) -> Result<Vec<Evidence>, OpError> {
        if self.order.overridden.is_some() {
            return Ok(Vec::new());
        }
        let lands = if *tree == self.tree {
            LandingTree::Judged
        } else {
            LandingTree::Another
        };
        let world = self.world;
        let told = match proof_needed(self.run.end.as_ref().map(|end| &end.cell), lands) {
            ProofNeeded::Nothing if self.still_counts(store)? => return Ok(Vec::new()),
            ProofNeeded::Nothing => {
                "the checks are not any more those that have passed on this work; running them"
            }
            ProofNeeded::Impossible => {
                return Err(not_ended(&self.task, &self.run));
            }
            ProofNeeded::ChecksAgain => {
                "the checks have not passed on this work; running them again"
            }
            ProofNeeded::ChecksOnLanding => {
                "what would land is another tree than the one that was judged; checking it"
            }
        };
        trust::require(&world.root, &world.location.common_dir, "the checks")?;
        // Better said before minutes of checks than after them.
        if let Landing::Move(planned) = landing {
            let on = (self.repo, self.shadow);
            let found = landing::look_ahead(world, on, &planned.plan)?;
            found.map_err(|error| self.not_landed(error))?;
        }
        world.say(told);
        let trial = Trial {
            task: &self.task,
            run: Some(&self.run.id),
            place: "accept",
            judged: Judged {
                tree,
                commit: Some(commit),
            },
            logs: &RunDir::of(world, &self.run.id).accept_checks(tree.short()),
            label: self.run.id.as_str(),
        };
        prove::on_tree(world, self.repo, &trial)?.passed(&self.task.id, ProofOf::Accept)
    }
}

fn accepted(task: Task, run: &Run, accepting: &Accepting, updated: Option<PathBuf>) -> Accepted {
    let target = Some(accepting.target.clone()).filter(|target| *target != own_branch(run));
    Accepted {
        task,
        commit: accepting.commit.clone(),
        target,
        updated,
    }
}
