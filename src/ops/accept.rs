//! Accepting: only the tree that was judged goes into the target branch, by compare-and-swap, and
//! the task is done by that verdict.
//!
//! Where the target has moved, what would land is another tree than the one that was judged; the
//! checks run on that tree first. The move is recorded before it is made, so that an accept that
//! was cut off is completed by the next one, never done twice.

use std::path::PathBuf;

use crate::domain::acceptance::{LandingTree, ProofNeeded, proof_needed};
use crate::domain::action::Action;
use crate::domain::decision::Override;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::lease::ShownToken;
use crate::domain::parts::Ended;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::{Proof, Task};
use crate::git::merge::{self, MergeError};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::accept_landing::{Landing, WorkToLand};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::held_paths::{Touching, TryAgain, paths_of};
use crate::ops::landing::PreparedLanding;
use crate::ops::prove::{self, Trial};
use crate::ops::refusal::Refusal;
use crate::ops::reviewed_work::{self, ReviewedWork};
use crate::ops::run::checks::place::Judged;
use crate::ops::run::files::RunDir;
use crate::ops::run::origin;
use crate::ops::world::World;
use crate::ops::{evidence, failpoint, fit, judgement, landing, testimony, trust, unsigned};
use crate::store::Store;
use crate::store::Tx;

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

struct Case<'a> {
    world: &'a World,
    repo: Repo,
    shadow: ShadowRepo,
    task: Task,
    run: Run,
    commit: Oid,
    tree: Oid,
    order: &'a AcceptOrder<'a>,
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

/// Accepts the work of a task in review.
pub fn accept(
    world: &World,
    store: &mut dyn Store,
    order: &AcceptOrder<'_>,
) -> Result<Accepted, OpError> {
    let (typed, overridden) = (order.typed, order.overridden);
    let id = store.read(|tx| cx::resolve(tx, typed))?;
    testimony::require(world, store, &id, overridden)?;
    let (task, run) = store.read(|tx| fit::in_review(tx, typed))?;
    landing::refuse_in_use(store)?;
    let repo = world.repo()?;
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
    let (Some(commit), Some(tree)) = (&run.commit, &run.tree) else {
        return Err(Refusal::NotProven(format!(
            "run {} changed nothing, so there is nothing to accept",
            run.id
        ))
        .into());
    };
    let (commit, tree) = (
        Oid::parse(commit).kept("the commit of the run")?,
        Oid::parse(tree).kept("the tree of the run")?,
    );
    let case = Case {
        world,
        repo,
        shadow,
        task,
        run,
        commit,
        tree,
        order,
    };
    case.refuse_moved()?;
    case.refuse_tampered(store)?;
    let on = (&case.repo, &case.shadow);
    let work = ReviewedWork::measure(world, on, (&case.task, &case.run), &case.tree)?;
    work.ask_early(world, store)?;
    judgement::ask_early(world, store, (&case.task, &case.run, overridden))?;
    landing::with_patience(&case.task, ACCEPT, || case.go(store, &work))
}

/// The command for this.
const ACCEPT: &str = "ai accept";

impl Case<'_> {
    /// The branch must be where it was judged.
    fn refuse_moved(&self) -> Result<(), OpError> {
        let name = format!("refs/heads/{}", self.run.branch);
        match self.repo.find_ref(&name)? {
            Some(now) if now != self.commit => Err(Refusal::NotProven(format!(
                "branch {} was moved to {} after it was judged at {}; what was judged can no longer be told from what was not",
                self.run.branch,
                now.short(),
                self.commit.short()
            ))
            .into()),
            _ => Ok(()),
        }
    }

    /// The evidence must be what was recorded: whoever reads it later must see what was accepted.
    /// An override is told.
    fn refuse_tampered(&self, store: &mut dyn Store) -> Result<(), OpError> {
        let pieces = store.read(|tx| tx.evidence(Some(&self.task.id), Some(&self.run.id)))?;
        let broken = evidence::broken(&self.world.state(), &pieces);
        if broken.is_empty() {
            return Ok(());
        }
        let why = format!(
            "the evidence of run {} is not what was recorded: {}",
            self.run.id,
            broken.join(", ")
        );
        if self.order.overridden.is_none() {
            let next = format!(
                "`ai evidence verify {0}` shows it; `ai reject {1}` has it done again",
                self.run.id, self.task.id
            );
            return Err(Refusal::NotProven(format!("{why}; {next}")).into());
        }
        self.world.say(&format!("warning: {why}"));
        Ok(())
    }

    /// The paths that change by the landing: those of the branch, which may have part of the work
    /// already. Work that stays on its own branch is asked about as a whole, since nobody asks later.
    fn landing_paths(
        &self,
        landing: &Landing,
        work: &ReviewedWork,
    ) -> Result<Vec<Vec<u8>>, OpError> {
        let plan = match landing {
            Landing::Already(_) => return Ok(Vec::new()),
            Landing::Stay => return Ok(paths_of(&work.changed)),
            Landing::Move(planned) => &planned.plan,
        };
        let old = match &plan.old {
            Some(old) => self.repo.tree_of(old)?,
            None => self.shadow.format().empty_tree(),
        };
        Ok(paths_of(&self.shadow.changed_paths(&old, &plan.tree)?))
    }

    /// The question whether somebody else holds these paths.
    fn touching<'b>(&'b self, paths: &'b [Vec<u8>]) -> Touching<'b> {
        Touching {
            what: "what would land",
            again: TryAgain::OnTask(ACCEPT),
            task: Some(&self.task.id),
            paths,
            kept: self.order.kept,
        }
    }

    fn not_landed(&self, source: MergeError) -> OpError {
        OpError::Merge {
            task: self.task.id.clone(),
            source: Box::new(source),
        }
    }

    fn go(&self, store: &mut dyn Store, work: &ReviewedWork) -> Result<Accepted, OpError> {
        let landing = self.landing()?;
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
        let evidence = self.prove(&landing, &tree, &commit_id)?;
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
                unsigned::say(self.world, &self.repo, &accepting.commit);
                let landing = PreparedLanding {
                    plan,
                    log: &format!("{} {}", merge::ACCEPT_LOG, self.run.id),
                    may_land: &|tx| {
                        let cx = cx.at(tx.now()?);
                        touching.or_refuse(tx, &cx)?;
                        if let Some(message) = message {
                            message.look_ahead(tx, &cx)?;
                        }
                        self.still_wanted(tx, &cx, &accepting, work)
                    },
                };
                let on = (&self.repo, &self.shadow);
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

    /// The state of the target after the landing, under no override yet.
    fn accepting(&self, landing: &Landing) -> Accepting {
        let (target, commit, tree) = match landing {
            Landing::Move(planned) => {
                let plan = &planned.plan;
                (plan.target.clone(), &plan.new, &plan.tree)
            }
            Landing::Already(target) => (target.clone(), &self.commit, &self.tree),
            Landing::Stay => (own_branch(&self.run), &self.commit, &self.tree),
        };
        Accepting {
            target,
            commit: commit.to_string(),
            tree: tree.to_string(),
            reworded: landing.reworded().map(Oid::to_string),
            overridden: None,
        }
    }

    /// Asks about the work and about taking it over, and records what is going to be done together
    /// with what proves it: whoever completes this later needs no second proof. Returns the
    /// warnings of the policy.
    fn intend(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        accepting: &Accepting,
        (evidence, work): (&[Evidence], &ReviewedWork),
    ) -> Result<Vec<String>, OpError> {
        let task = self.in_review(tx)?;
        fit::require_parts(tx, &task, Ended::by(self.order.overridden), ACCEPT)?;
        let of_work = work.ask(tx, cx)?;
        let mut warnings = ask::warning(&of_work);
        let judged = judgement::of_accept((&task, &self.run, self.order.overridden));
        warnings.extend(ask::where_rules_speak(tx, cx, &judged)?);
        let question = self.question(&task, accepting, work);
        warnings.extend(reviewed_work::ask_besides(tx, cx, &of_work, question)?);
        for piece in evidence {
            cx.record(
                tx,
                &Event::EvidenceRecorded {
                    evidence: Box::new(piece.clone()),
                },
            )?;
        }
        cx.record(
            tx,
            &Event::AcceptStarted {
                run: self.run.id.clone(),
                accepting: accepting.clone(),
            },
        )?;
        Ok(warnings)
    }

    /// Refuses to move the branch where somebody has sent the work back meanwhile, or has taken a yes
    /// back: an accept waits for other landings between its intent and its own.
    fn still_wanted(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        accepting: &Accepting,
        work: &ReviewedWork,
    ) -> Result<(), OpError> {
        let task = self.in_review(tx)?;
        let judged = judgement::of_accept((&task, &self.run, self.order.overridden));
        ask::refused_where_rules_speak(tx, cx, &judged)?;
        let of_work = work.look_ahead(tx, cx)?;
        let question = self.question(&task, accepting, work);
        reviewed_work::look_besides(tx, cx, &of_work, &question)
    }

    /// The task, whose review is that of this run.
    fn in_review(&self, tx: &mut dyn Tx) -> Result<Task, OpError> {
        Ok(fit::in_review(tx, self.run.id.as_str())?.0)
    }

    /// The question whether the work may be taken over.
    fn question(&self, task: &Task, accepting: &Accepting, work: &ReviewedWork) -> Question {
        let action = match self.order.overridden {
            Some(_) => Action::TaskOverride,
            None => Action::TaskAccept,
        };
        work.taking_over(action, task, &self.run.id, &accepting.target)
    }

    /// Finds the change that would land.
    fn landing(&self) -> Result<Landing, OpError> {
        WorkToLand {
            world: self.world,
            repo: &self.repo,
            shadow: &self.shadow,
            task: &self.task,
            run: &self.run,
            commit: &self.commit,
            given: self.order.message,
            command: ACCEPT,
        }
        .landing()
    }

    /// A passing verdict on exactly `tree`: the run's own where the tree is the same, else one made
    /// now.
    fn prove(&self, landing: &Landing, tree: &Oid, commit: &Oid) -> Result<Vec<Evidence>, OpError> {
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
            ProofNeeded::Nothing => return Ok(Vec::new()),
            ProofNeeded::Impossible => {
                let why = format!("run {} did not come to its end", self.run.id);
                return Err(Refusal::NotProven(why).into());
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
            let on = (&self.repo, &self.shadow);
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
        prove::on_tree(world, &self.repo, &trial)?.passed(&self.task.id, "accept")
    }
}

/// The last step: the task is done by what stands in the branch now, under the word that was given
/// when it was begun.
fn complete(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    run: &Run,
    accepting: &Accepting,
) -> Result<Task, OpError> {
    let cx = world.cx(&world.checkout_policy())?;
    let proof = match &accepting.overridden {
        Some(word) => Proof::Overridden {
            reason: word.reason.clone(),
            by: word.by.clone(),
        },
        None => Proof::Verdict {
            tree: accepting.tree.clone(),
            commit: Some(accepting.commit.clone()),
            run: Some(run.id.clone()),
        },
    };
    commit(store, &cx, |tx, cx| {
        fit::in_review(tx, task.id.as_str())?;
        cx.record(
            tx,
            &Event::TaskDone {
                task: task.id.clone(),
                proof,
            },
        )?;
        cx::load(tx, &task.id)
    })
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

fn own_branch(run: &Run) -> String {
    format!("refs/heads/{}", run.branch)
}
