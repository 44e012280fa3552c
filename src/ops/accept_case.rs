//! The work of one task on its way into its target: what must hold before it lands, and every question
//! to the policy about it. Whoever lands one work and whoever lands many at once ask the same here.

use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::evidence::Evidence;
use crate::domain::parts::Ended;
use crate::domain::run::{Accepting, Run};
use crate::domain::task::{Proof, Task};
use crate::git::merge::MergeError;
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::accept::AcceptOrder;
use crate::ops::accept_landing::{Landing, Onto, WorkToLand};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::held_paths::{Touching, TryAgain, paths_of};
use crate::ops::refusal::Refusal;
use crate::ops::reviewed_work::{self, ReviewedWork};
use crate::ops::world::World;
use crate::ops::{evidence, fit, judgement};
use crate::store::Store;
use crate::store::Tx;

/// The command for one task.
pub(super) const ACCEPT: &str = "ai accept";

/// The way on for work that nothing can prove.
pub(super) fn send_back(task: &Task) -> String {
    format!("`ai reject {} --note TEXT` has it done again", task.id)
}

/// The work of a task in review that is to be taken over.
pub(super) struct AcceptCase<'a> {
    /// The world.
    pub(super) world: &'a World,
    /// The repository.
    pub(super) repo: &'a Repo,
    /// The store of objects for what is computed.
    pub(super) shadow: &'a ShadowRepo,
    /// The task.
    pub(super) task: Task,
    /// The run that waits.
    pub(super) run: Run,
    /// The commit that was judged.
    pub(super) commit: Oid,
    /// The tree of that commit.
    pub(super) tree: Oid,
    /// The order.
    pub(super) order: &'a AcceptOrder<'a>,
}

impl<'a> AcceptCase<'a> {
    /// The work of a run; refused where it has changed nothing.
    pub(super) fn of(
        world: &'a World,
        (repo, shadow): (&'a Repo, &'a ShadowRepo),
        (task, run): (Task, Run),
        order: &'a AcceptOrder<'a>,
    ) -> Result<AcceptCase<'a>, OpError> {
        let (Some(commit), Some(tree)) = (&run.commit, &run.tree) else {
            return Err(Refusal::NotProven {
                why: format!(
                    "run {} changed nothing, so there is nothing to accept",
                    run.id
                ),
                hint: send_back(&task),
            }
            .into());
        };
        let (commit, tree) = (
            Oid::parse(commit).kept("the commit of the run")?,
            Oid::parse(tree).kept("the tree of the run")?,
        );
        Ok(AcceptCase {
            world,
            repo,
            shadow,
            task,
            run,
            commit,
            tree,
            order,
        })
    }

    /// Measures the work as the policy is asked about it.
    pub(super) fn measure(&self) -> Result<ReviewedWork, OpError> {
        let of = (&self.task, &self.run);
        ReviewedWork::measure(self.world, (self.repo, self.shadow), of, &self.tree)
    }

    /// The branch must be where it was judged.
    pub(super) fn refuse_moved(&self) -> Result<(), OpError> {
        let name = format!("refs/heads/{}", self.run.branch);
        match self.repo.find_ref(&name)? {
            Some(now) if now != self.commit => Err(Refusal::NotProven {
                why: format!(
                    "branch {} was moved to {} after it was judged at {}; what was judged can no longer be told from what was not",
                    self.run.branch,
                    now.short(),
                    self.commit.short()
                ),
                hint: format!(
                    "`git log {}..{}` shows what came after; {}",
                    self.commit.short(),
                    self.run.branch,
                    send_back(&self.task)
                ),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// The evidence must be what was recorded: whoever reads it later must see what was accepted.
    /// An override is told.
    pub(super) fn refuse_tampered(&self, store: &mut dyn Store) -> Result<(), OpError> {
        let state = self.world.state();
        let broken = store.read(|tx| {
            let pieces = tx.evidence(Some(&self.task.id), Some(&self.run.id))?;
            evidence::broken(tx, &state, &pieces)
        })?;
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
            return Err(Refusal::NotProven { why, hint: next }.into());
        }
        self.world.say(&format!("warning: {why}"));
        Ok(())
    }

    /// The paths that change by the landing: those of the branch, which may have part of the work
    /// already. Work that stays on its own branch is asked about as a whole, since nobody asks later.
    pub(super) fn landing_paths(
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
    pub(super) fn touching<'b>(&'b self, paths: &'b [Vec<u8>]) -> Touching<'b> {
        Touching {
            what: "what would land",
            again: TryAgain::OnTask(ACCEPT),
            task: Some(&self.task.id),
            paths,
            kept: self.order.kept,
        }
    }

    pub(super) fn not_landed(&self, source: MergeError) -> OpError {
        OpError::Merge {
            task: self.task.id.clone(),
            source: Box::new(source),
        }
    }

    /// The state of the target after the landing, under no override yet.
    pub(super) fn accepting(&self, landing: &Landing) -> Accepting {
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
            combined: None,
        }
    }

    /// Asks about the work and about taking it over, and records what is going to be done together
    /// with what proves it: whoever completes this later needs no second proof. Returns the
    /// warnings of the policy.
    pub(super) fn intend(
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
        let question = self.question(&task, &accepting.target, work);
        warnings.extend(reviewed_work::ask_besides(tx, cx, &of_work, question)?);
        cx.record_evidence(tx, evidence)?;
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
    pub(super) fn still_wanted(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        target: &str,
        work: &ReviewedWork,
    ) -> Result<(), OpError> {
        let task = self.in_review(tx)?;
        let judged = judgement::of_accept((&task, &self.run, self.order.overridden));
        ask::refused_where_rules_speak(tx, cx, &judged)?;
        let of_work = work.look_ahead(tx, cx)?;
        let question = self.question(&task, target, work);
        reviewed_work::look_besides(tx, cx, &of_work, &question)
    }

    /// Refuses what people are asked about before this actor takes the work over, also where they have said yes.
    pub(super) fn unasked(
        &self,
        tx: &mut dyn Tx,
        cx: &Cx,
        target: &str,
        work: &ReviewedWork,
    ) -> Result<(), OpError> {
        let task = self.in_review(tx)?;
        ask::unasked(tx, cx, &self.question(&task, target, work))
    }

    /// The task, whose review is that of this run.
    fn in_review(&self, tx: &mut dyn Tx) -> Result<Task, OpError> {
        Ok(fit::in_review(tx, self.run.id.as_str())?.0)
    }

    /// The question whether the work may be taken over.
    fn question(&self, task: &Task, target: &str, work: &ReviewedWork) -> Question {
        let action = match self.order.overridden {
            Some(_) => Action::TaskOverride,
            None => Action::TaskAccept,
        };
        work.taking_over(action, task, &self.run.id, target)
    }

    /// Finds the change that would land.
    pub(super) fn landing(&self, onto: Onto<'_>) -> Result<Landing, OpError> {
        WorkToLand {
            world: self.world,
            repo: self.repo,
            shadow: self.shadow,
            task: &self.task,
            run: &self.run,
            commit: &self.commit,
            onto,
            given: self.order.message,
            command: ACCEPT,
        }
        .landing()
    }
}

/// The last step: the task is done by what stands in the branch now, under the word that was given
/// when it was begun.
pub(super) fn complete(
    world: &World,
    store: &mut dyn Store,
    task: &Task,
    run: &Run,
    accepting: &Accepting,
) -> Result<Task, OpError> {
    let cx = world.cx(&world.checkout_policy())?;
    commit(store, &cx, |tx, cx| done(tx, cx, (task, run), accepting))
}

/// The same within a transaction.
pub(super) fn done(
    tx: &mut dyn Tx,
    cx: &Cx,
    (task, run): (&Task, &Run),
    accepting: &Accepting,
) -> Result<Task, OpError> {
    fit::in_review(tx, task.id.as_str())?;
    cx.record(
        tx,
        &Event::TaskDone {
            task: task.id.clone(),
            proof: proof(run, accepting),
        },
    )?;
    cx::load(tx, &task.id)
}

fn proof(run: &Run, accepting: &Accepting) -> Proof {
    if let Some(word) = &accepting.overridden {
        return Proof::Overridden {
            reason: word.reason.clone(),
            by: word.by.clone(),
        };
    }
    let (tree, commit) = match &accepting.combined {
        Some(all) => (&all.tree, &all.commit),
        None => (&accepting.tree, &accepting.commit),
    };
    Proof::Verdict {
        tree: tree.clone(),
        commit: Some(commit.clone()),
        run: Some(run.id.clone()),
    }
}

/// The branch of the run itself.
pub(super) fn own_branch(run: &Run) -> String {
    format!("refs/heads/{}", run.branch)
}
