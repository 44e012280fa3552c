//! One batch from the first check to the last word: asks what is next, and does it.

use crate::base::text::counted;
use crate::domain::acceptance::{LandingTree, ProofNeeded, proof_needed};
use crate::domain::check::CheckStatus;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::landing::{
    CheckPurpose, Combination, CombinationAnswer, LandingAttempt, LandingStep, WorkFate,
};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::judged_checks::{self, JudgedCheck};
use crate::ops::land::chain::Chain;
use crate::ops::land::check::{TreeAsked, TreeCheck, required};
use crate::ops::land::landing_run::LandingRun;
use crate::ops::land::queue::{self, QueuedWork};
use crate::ops::land::report::FlakyTold;
use crate::ops::land::swap::Swapped;
use crate::ops::refusal::Refusal;
use crate::ops::run::checks::runner::CheckPlan;
use crate::ops::run::origin;
use crate::store::{EventFilter, Flow, Store, Tx};

/// Tries of one batch whose target moves each time.
const TRIES: usize = 5;

/// The end of one attempt.
enum Attempted {
    /// Every work has its word.
    Ended,
    /// The target has moved.
    Overtaken,
    /// A work was refused at the last moment; the others begin anew without it.
    Without(usize, OpError),
}

impl<'a> LandingRun<'a> {
    /// Lands a batch. Begins anew on what the target is then where somebody else was faster.
    pub(super) fn batch(
        &mut self,
        store: &mut dyn Store,
        mut works: Vec<QueuedWork<'a>>,
    ) -> Result<(), OpError> {
        let mut tries = 0;
        while !works.is_empty() {
            match self.attempt(store, &mut works)? {
                Attempted::Ended => return Ok(()),
                Attempted::Without(number, why) => self.leave(&mut works, number, why)?,
                Attempted::Overtaken => {
                    tries += 1;
                    if tries == TRIES {
                        self.give_up(&works);
                        return Ok(());
                    }
                    let again = "the target has moved meanwhile; planning anew on what it is now";
                    self.at_work.says(again)?;
                }
            }
        }
        Ok(())
    }

    /// Leaves a work out, and those that need it.
    pub(super) fn leave(
        &mut self,
        works: &mut Vec<QueuedWork<'a>>,
        number: usize,
        why: OpError,
    ) -> Result<(), OpError> {
        for (work, why) in queue::leave(works, number, why)? {
            self.say_left(&work, &why)?;
            self.report.left_out.push(work.left_out(why));
        }
        Ok(())
    }

    fn say_left(&self, work: &QueuedWork<'_>, why: &OpError) -> Result<(), OpError> {
        self.at_work
            .says(&format!("{} stays in review: {why}", work.task()))
    }

    fn give_up(&mut self, works: &[QueuedWork<'_>]) {
        for work in works {
            let why = Refusal::TryLater {
                why: format!("its target moved {TRIES} times while it was being landed"),
                hint: format!("`ai land {}`", work.task()),
            };
            self.report.left_out.push(work.left_out(why.into()));
        }
    }

    fn attempt(
        &mut self,
        store: &mut dyn Store,
        works: &mut Vec<QueuedWork<'a>>,
    ) -> Result<Attempted, OpError> {
        let target = works
            .first()
            .map_or(String::new(), |one| one.target.clone());
        let mut chain = Chain::begin(self.on, &target)?;
        if let Some((number, why)) = self.last_look().unfit(store, works, &mut chain)? {
            return Ok(Attempted::Without(number, why));
        }
        self.at_work
            .combines(works.iter().map(|one| one.task().clone()).collect());
        let mut attempt = LandingAttempt::new(queue::numbered(works), self.order.partner);
        loop {
            match attempt.next() {
                LandingStep::Check {
                    combination,
                    purpose,
                } => {
                    let number = attempt.answers(&combination).len();
                    let asked = (&combination, purpose, number);
                    let before = self.checks.runs();
                    let answer = self.answer(store, works, &mut chain, asked)?;
                    if self.checks.runs() > before {
                        attempt.answered(combination, answer);
                    } else {
                        attempt.recalled(combination, answer);
                    }
                    self.tell_flaky(store, works, &mut chain, &attempt)?;
                }
                LandingStep::Land(numbers) => {
                    match self.swap(store, works, &mut chain, &numbers)? {
                        Swapped::Landed => attempt.landed(),
                        Swapped::Overtaken => return Ok(Attempted::Overtaken),
                        Swapped::Refused(number, why) => {
                            return Ok(Attempted::Without(number, why));
                        }
                    }
                }
                LandingStep::SendBack { work, proof, blame } => {
                    self.send_back(store, works, &mut chain, (work, &proof, &blame))?;
                    attempt.sent_back(work);
                }
                LandingStep::Done(fates) => {
                    self.tell_fates(works, &mut chain, &fates)?;
                    return Ok(Attempted::Ended);
                }
            }
        }
    }

    fn answer(
        &mut self,
        store: &mut dyn Store,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        (combination, purpose, number): (&Combination, CheckPurpose, usize),
    ) -> Result<CombinationAnswer, OpError> {
        let link = match chain.of(works, &combination.0)? {
            Ok(link) => link,
            Err(conflict) => return Ok(CombinationAnswer::Conflict(conflict)),
        };
        let checks = works.first().map_or(&[][..], |one| one.checks.as_slice());
        let asked = TreeAsked {
            tree: &link.tree,
            commit: link.commit.as_ref(),
            checks,
        };
        if let [only] = combination.0.as_slice()
            && let Some(work) = works.get(*only)
            && self.checks.of(asked).is_empty()
            && let Some(judged) = self.judged(store, work, asked)?
        {
            self.checks.learn(asked, judged);
        }
        if self.checks.of(asked).len() <= number {
            let what = words(works, &combination.0, purpose);
            let tree = link.tree.short();
            self.at_work.says(&format!("{what}: tree {tree}"))?;
        }
        let answer = self.checks.answer(asked, number)?;
        Ok(CombinationAnswer::Checked(required(&answer)))
    }

    /// The verdict of a run, where what would land is the very tree that it was about.
    fn judged(
        &self,
        store: &mut dyn Store,
        work: &QueuedWork<'_>,
        asked: TreeAsked<'_>,
    ) -> Result<Option<Vec<TreeCheck>>, OpError> {
        let case = &work.case;
        let cell = case.run.end.as_ref().map(|end| &end.cell);
        if *asked.tree != case.tree
            || proof_needed(cell, LandingTree::Judged) != ProofNeeded::Nothing
        {
            return Ok(None);
        }
        let plans = CheckPlan::named(asked.checks, &self.world.config, case.task.id.as_str())?;
        let judged = judged_checks::stored(store, &case.run, plans)?;
        let as_known = |one: JudgedCheck| TreeCheck {
            spec: one.spec,
            result: one.result,
            log: None,
        };
        Ok(judged.map(|all| all.into_iter().map(as_known).collect()))
    }

    /// Tells and records which checks gave both answers.
    fn tell_flaky(
        &mut self,
        store: &mut dyn Store,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        attempt: &LandingAttempt,
    ) -> Result<(), OpError> {
        for one in attempt.flaky() {
            let Ok(link) = chain.of(works, &one.combination.0)? else {
                continue;
            };
            let (check, tree) = (one.check.to_string(), link.tree.to_string());
            if !self.told.insert((check.clone(), tree.clone())) {
                continue;
            }
            let before = store.read(|tx| flaked(tx, &check))?;
            let cx = self.world.cx(&self.world.checkout_policy())?;
            commit(store, &cx, |tx, cx| {
                cx.record(
                    tx,
                    &Event::CheckFlaky {
                        check: one.check.clone(),
                        tree: tree.clone(),
                    },
                )
            })?;
            let times = counted(before, "time");
            self.at_work.says(&format!(
                "warning: check {check} is flaky: it has failed and passed on tree {}; seen {times} before",
                link.tree.short()
            ))?;
            self.report.flaky.push(FlakyTold {
                check,
                tree,
                before,
            });
        }
        Ok(())
    }

    fn tell_fates(
        &mut self,
        works: &[QueuedWork<'_>],
        chain: &mut Chain,
        fates: &[WorkFate],
    ) -> Result<(), OpError> {
        for (number, (work, fate)) in works.iter().zip(fates).enumerate() {
            let why = match fate {
                WorkFate::Landed | WorkFate::SentBack => continue,
                WorkFate::Conflict => match chain.conflict(number) {
                    Some(conflict) => conflict,
                    None => return Err(OpError::internal("a conflict without its reason")),
                },
                WorkFate::Needs(on) => match works.get(*on) {
                    Some(on) => queue::needs(&on.case.task),
                    None => return Err(OpError::internal("a work needs one that is not there")),
                },
                WorkFate::Untold => Refusal::NotProven {
                    why: format!(
                        "with it the checks cannot tell, and without it they can; `ai accept {0}` shows it, `ai reject {0} --note TEXT` has it done again",
                        work.task()
                    ),
                    hint: format!("ai accept {}", work.task()),
                }
                .into(),
                WorkFate::RedBase => self.red_base(work, chain),
                WorkFate::NoBase => self.no_base(work, chain),
            };
            let is_unproven = matches!(
                fate,
                WorkFate::Untold | WorkFate::RedBase | WorkFate::NoBase
            );
            self.report.is_blocked |= is_unproven;
            self.say_left(work, &why)?;
            self.report.left_out.push(work.left_out(why));
        }
        Ok(())
    }

    fn red_base(&self, work: &QueuedWork<'_>, chain: &Chain) -> OpError {
        let why = format!(
            "the checks fail on {} by itself ({}), and nothing of the failure is new, so nobody is blamed",
            base_name(work, chain),
            self.said_of_base(work, chain)
        );
        let hint = "`ai check --base` shows it; mend it there, then `ai land`".into();
        Refusal::NotProven { why, hint }.into()
    }

    fn no_base(&self, work: &QueuedWork<'_>, chain: &Chain) -> OpError {
        let why = format!(
            "the checks cannot tell of {} by itself ({}), so nobody can be blamed for anything",
            base_name(work, chain),
            self.said_of_base(work, chain)
        );
        let hint = "`ai check --base` shows it; then `ai land`".into();
        Refusal::NotProven { why, hint }.into()
    }

    fn said_of_base(&self, work: &QueuedWork<'_>, chain: &Chain) -> String {
        let asked = TreeAsked {
            tree: chain.base_tree(),
            commit: chain.tip(),
            checks: &work.checks,
        };
        let last = self.checks.of(asked).last();
        let not_passed = last
            .into_iter()
            .flatten()
            .filter(|one| one.result.status != CheckStatus::Passed && one.spec.required);
        let said: Vec<String> = not_passed
            .map(|one| format!("{} {}", one.spec.name, one.result.in_words()))
            .collect();
        said.join("; ")
    }
}

fn base_name(work: &QueuedWork<'_>, chain: &Chain) -> String {
    let branch = origin::shown(&work.target);
    match chain.tip() {
        Some(tip) => format!("{branch} at {}", tip.short()),
        None => branch.to_owned(),
    }
}

/// Times that a check gave both answers.
fn flaked(tx: &mut dyn Tx, check: &str) -> Result<usize, OpError> {
    let mut times = 0;
    tx.events(&EventFilter::default(), &mut |event| {
        if event.kind == "check.flaky"
            && let Ok(Event::CheckFlaky { check: other, .. }) = serde_json::from_str(&event.body)
        {
            times += usize::from(other.as_str() == check);
        }
        Ok(Flow::More)
    })?;
    Ok(times)
}

/// What is checked, and why.
fn words(works: &[QueuedWork<'_>], numbers: &[usize], purpose: CheckPurpose) -> String {
    let named = |number: &usize| works.get(*number).map(|one| one.task().clone());
    let tasks: Vec<TaskId> = numbers.iter().filter_map(named).collect();
    let together = match tasks.as_slice() {
        [] => "the target by itself".to_owned(),
        [one] => format!("{one} on the target"),
        [first, .., last] => format!(
            "{} together, {first} to {last}",
            counted(tasks.len(), "task")
        ),
    };
    let why = match purpose {
        CheckPurpose::Whole => "checking",
        CheckPurpose::Half => "that fails; checking",
        CheckPurpose::Again => "checking once more, before anybody is blamed,",
        CheckPurpose::Base => "to tell whose failure it is, checking",
        CheckPurpose::Partner => "to tell with whom it fails, checking",
    };
    format!("{why} {together}")
}
