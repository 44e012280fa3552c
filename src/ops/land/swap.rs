//! The landing itself: every intent in one transaction, the branch in one compare-and-swap, and every
//! task done.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::base::text::counted;
use crate::domain::evidence::Evidence;
use crate::domain::run::{Accepting, CombinedTree};
use crate::git::merge::{self, MergeError, MergePlan};
use crate::git::repo::RefError;
use crate::ops::accept_case;
use crate::ops::cx::{Cx, commit};
use crate::ops::error::OpError;
use crate::ops::land::chain::{Chain, Link};
use crate::ops::land::check::TreeAsked;
use crate::ops::land::landing_run::LandingRun;
use crate::ops::land::last_look::move_to;
use crate::ops::land::order::{Asking, LandingBy};
use crate::ops::land::queue::{self, QueuedWork};
use crate::ops::land::report::LandedTask;
use crate::ops::landing::{self, PreparedLanding};
use crate::ops::run::origin;
use crate::ops::{failpoint, unsigned};
use crate::store::{Store, Tx};

/// The end of a landing.
pub(super) enum Swapped {
    /// The branch is there.
    Landed,
    /// Somebody else was faster.
    Overtaken,
    /// Refused: this work may not land any more.
    Refused(usize, OpError),
}

/// A work on its way, with what is recorded about it.
struct Step<'s, 'w> {
    number: usize,
    one: &'s QueuedWork<'w>,
    link: Rc<Link>,
    accepting: Accepting,
    paths: Vec<Vec<u8>>,
    evidence: Vec<Evidence>,
}

impl LandingRun<'_> {
    /// Lands works whose combination has passed.
    pub(super) fn swap(
        &mut self,
        store: &mut dyn Store,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        numbers: &[usize],
    ) -> Result<Swapped, OpError> {
        let Some(plan) = move_to(works, chain, numbers)? else {
            return Err(OpError::internal("what would land is nothing"));
        };
        let steps = self.steps(works, chain, (numbers, &plan))?;
        let tasks = steps.len();
        self.at_work.says(&format!(
            "landing {} in {}: {}",
            counted(tasks, "task"),
            origin::shown(&plan.target),
            plan.new.short()
        ))?;
        let at = Cell::new(None);
        if let Err(error) = self.intend(store, &steps, &at) {
            return refused(at.get(), error);
        }
        failpoint::hit("land-intent")?;
        unsigned::say(self.world, self.on.0, plan.new.as_str());
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let runs: Vec<&str> = steps
            .iter()
            .map(|step| step.one.case.run.id.as_str())
            .collect();
        let landing = PreparedLanding {
            plan: &plan,
            log: &format!("{} {}", merge::ACCEPT_LOG, runs.join(" ")),
            may_land: &|tx| {
                let cx = cx.at(tx.now()?);
                for step in &steps {
                    at.set(Some(step.number));
                    step.may_land(self.order.by, tx, &cx)?;
                }
                at.set(None);
                Ok(())
            },
        };
        match landing::land(self.world, store, self.on, &landing) {
            Err(error) => return refused(at.get(), error),
            Ok(Err(MergeError::Ref(RefError::Conflict { .. }))) => return Ok(Swapped::Overtaken),
            Ok(Err(error)) => {
                // Somebody has begun to work in the checkout meanwhile: that concerns what touches it.
                let look = self.last_look();
                if let Some((number, why)) = look.first_obstacle(works, chain, numbers)? {
                    return Ok(Swapped::Refused(number, why));
                }
                let first = steps.first();
                let first = first.ok_or_else(|| OpError::internal("nothing was to land"))?;
                return Err(first.one.case.not_landed(error));
            }
            Ok(Ok(_landed)) => {}
        }
        failpoint::hit("land-merged")?;
        self.finish(store, &steps)?;
        failpoint::hit("land-done")?;
        Ok(Swapped::Landed)
    }

    fn steps<'s, 'w>(
        &self,
        works: &'s [QueuedWork<'w>],
        chain: &mut Chain,
        (numbers, plan): (&[usize], &MergePlan),
    ) -> Result<Vec<Step<'s, 'w>>, OpError> {
        let mut steps = Vec::new();
        let all = CombinedTree {
            commit: plan.new.to_string(),
            tree: plan.tree.to_string(),
        };
        for (at, number) in numbers.iter().enumerate() {
            let (so_far, _) = numbers.split_at(at + 1);
            let (Some(one), Ok(link)) = (works.get(*number), chain.of(works, so_far)?) else {
                return Err(OpError::internal("what is to land does not fit"));
            };
            let Some(landing) = &link.landing else {
                return Err(OpError::internal("a work without a way into its target"));
            };
            let asked = TreeAsked {
                tree: &plan.tree,
                commit: Some(&plan.new),
                checks: &one.checks,
            };
            let of = (&one.case.task.id, &one.case.run.id);
            steps.push(Step {
                number: *number,
                one,
                accepting: Accepting {
                    combined: (numbers.len() > 1).then(|| all.clone()),
                    ..one.case.accepting(landing)
                },
                paths: one.case.landing_paths(landing, &one.work)?,
                evidence: self.checks.evidence(asked, of)?,
                link,
            });
        }
        Ok(steps)
    }

    /// Asks about every work, and records what is going to be done, all or nothing. `at` is the work
    /// that is asked about.
    fn intend(
        &self,
        store: &mut dyn Store,
        steps: &[Step<'_, '_>],
        at: &Cell<Option<usize>>,
    ) -> Result<(), OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let intend = |tx: &mut dyn Tx, cx: &Cx| {
            let mut warnings = Vec::new();
            for step in steps {
                at.set(Some(step.number));
                let QueuedWork { case, work, .. } = step.one;
                queue::unasked(self.order.by, tx, cx, (case, &step.accepting.target, work))?;
                step.one.case.touching(&step.paths).or_refuse(tx, cx)?;
                if let Some(message) = step.link.landing.as_ref().and_then(|it| it.message()) {
                    warnings.extend(message.ask(tx, cx)?);
                }
                let proven = (step.evidence.as_slice(), &step.one.work);
                warnings.extend(step.one.case.intend(tx, cx, &step.accepting, proven)?);
            }
            Ok(warnings)
        };
        let warnings = commit(store, &cx, |tx, cx| {
            let intended: Result<_, OpError> = intend(tx, cx);
            intended.map_err(|error| match self.order.asking() {
                Asking::OnRecord => error,
                Asking::Silently => error.unrecorded(),
            })
        })?;
        for warning in warnings {
            self.world.say(&format!("warning: {warning}"));
        }
        Ok(())
    }

    /// Every task is done. One that somebody has ended in the moment between stays as it is.
    fn finish(&mut self, store: &mut dyn Store, steps: &[Step<'_, '_>]) -> Result<(), OpError> {
        let cx = self.world.cx(&self.world.checkout_policy())?;
        let refused = commit(store, &cx, |tx, cx| {
            let mut refused = BTreeMap::new();
            for step in steps {
                let case = &step.one.case;
                match accept_case::done(tx, cx, (&case.task, &case.run), &step.accepting) {
                    Err(why @ OpError::Refused(_)) => {
                        refused.insert(step.number, why);
                    }
                    done => drop(done?),
                }
            }
            Ok::<_, OpError>(refused)
        })?;
        let mut refused = refused;
        for step in steps {
            let case = &step.one.case;
            if let Some(why) = refused.remove(&step.number) {
                let task = &case.task.id;
                self.world
                    .say(&format!("warning: the work of {task} has landed: {why}"));
                self.report.left_out.push(step.one.left_out(why));
                continue;
            }
            self.report.landed.push(LandedTask {
                task: case.task.id.clone(),
                title: case.task.title.clone(),
                run: case.run.id.clone(),
                commit: step.accepting.commit.clone(),
                target: origin::shown(&step.accepting.target).to_owned(),
                combined: step.accepting.combined.clone(),
            });
        }
        Ok(())
    }
}

impl Step<'_, '_> {
    fn may_land(&self, by: LandingBy<'_>, tx: &mut dyn Tx, cx: &Cx) -> Result<(), OpError> {
        self.one.case.touching(&self.paths).or_refuse(tx, cx)?;
        if let Some(message) = self.link.landing.as_ref().and_then(|it| it.message()) {
            message.look_ahead(tx, cx)?;
        }
        let target = &self.accepting.target;
        let QueuedWork { case, work, .. } = self.one;
        case.still_wanted(tx, cx, target, work)?;
        queue::unasked(by, tx, cx, (case, target, work))
    }
}

/// A no to one work is its own; all else stops the landing.
fn refused(at: Option<usize>, error: OpError) -> Result<Swapped, OpError> {
    match (at, error) {
        (Some(number), why @ OpError::Refused(_)) => Ok(Swapped::Refused(number, why)),
        (_, other) => Err(other),
    }
}
