//! Repositories whose landings are cut off between any two steps, whose targets move meanwhile, and
//! whose checks are flaky at times; after every step the promises are looked at. The schedule follows
//! from a seed, which a failure names.
//!
//! `AI_SCHEDULES=10000` asks for so many schedules, `AI_SCHEDULE_SEED=7` for one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::testing::*;
use super::*;
use crate::domain::check::CheckStatus;

/// Schedules of a usual run of the tests.
const SCHEDULES: u64 = 10_000;
/// The most commands until everything is decided.
const COMMANDS: usize = 200;

/// A generator whose numbers follow from its seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }
}

/// The state of a task as the store has it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Review,
    /// The landing that takes it is recorded: the target will be that.
    Begun(Vec<usize>),
    Done,
    Queued,
}

struct Repository {
    dice: Dice,
    truth: Truth,
    /// What the target has, in the order in which it came; numbers from `count` on are of others.
    target: Vec<usize>,
    tasks: BTreeMap<usize, State>,
    /// Trees on which the checks have passed.
    passed: Vec<Vec<usize>>,
    /// Trees on which the check was flaky.
    flaked: BTreeSet<Vec<usize>>,
    foreign: usize,
    asked: usize,
}

/// The command was killed here.
struct Killed;

impl Repository {
    fn new(seed: u64) -> Repository {
        let mut dice = Dice(seed);
        let count = 1 + dice.roll(12);
        let mut truth = Truth::default();
        for _ in 0..dice.roll(3) {
            truth.culprits.insert(dice.roll(count));
        }
        for _ in 0..dice.roll(3) {
            let (a, b) = (dice.roll(count), dice.roll(count));
            truth.pairs.push((a.min(b), a.max(b)));
        }
        truth.pairs.retain(|(a, b)| a != b);
        if dice.one_in(4) {
            // Work of somebody else will break with one of ours.
            truth.pairs.push((dice.roll(count), count + dice.roll(2)));
        }
        Repository {
            dice,
            truth,
            target: Vec::new(),
            tasks: (0..count).map(|task| (task, State::Review)).collect(),
            passed: Vec::new(),
            flaked: BTreeSet::new(),
            foreign: count,
            asked: 0,
        }
    }

    /// A step that may be the last of this command.
    fn step(&mut self) -> Result<(), Killed> {
        self.look();
        if self.dice.one_in(12) {
            return Err(Killed);
        }
        Ok(())
    }

    /// The promises.
    fn look(&self) {
        let ours: Vec<usize> = self
            .target
            .iter()
            .copied()
            .filter(|work| self.tasks.contains_key(work))
            .collect();
        for (task, state) in &self.tasks {
            let is_there = self.target.contains(task);
            match state {
                State::Done => assert!(is_there, "{task} is done and not in the target"),
                State::Queued => assert!(!is_there, "{task} went back and is in the target"),
                State::Review => {
                    assert!(!is_there, "{task} is in the target, and no intent says so")
                }
                State::Begun(_) => {}
            }
        }
        let mut once = ours.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), ours.len(), "something landed twice");
    }

    /// What a command that was cut off has left is seen through first.
    fn reconcile(&mut self) -> Result<(), Killed> {
        let begun: Vec<usize> = self
            .tasks
            .iter()
            .filter(|(_, state)| matches!(state, State::Begun(_)))
            .map(|(task, _)| *task)
            .collect();
        for task in begun {
            let next = if self.target.contains(&task) {
                State::Done
            } else {
                State::Review
            };
            self.tasks.insert(task, next);
            self.step()?;
        }
        Ok(())
    }

    fn answer(&mut self, works: &[usize]) -> CombinationAnswer {
        // A check that is flaky twice on one tree blames the wrong one: that is all that is known.
        if self.dice.one_in(40) && self.flaked.insert(works.to_vec()) {
            self.truth.flakes.insert(self.asked);
        }
        let answer = self.truth.answer(works, self.asked);
        self.asked += 1;
        if let CombinationAnswer::Checked(results) = &answer
            && results.iter().all(|one| one.status == CheckStatus::Passed)
        {
            self.passed.push(works.to_vec());
        }
        answer
    }

    /// Somebody else commits to the target, before a landing that is planned on what it was.
    fn is_overtaken(&mut self) -> bool {
        let is_so = self.foreign < self.tasks.len() + 2 && self.dice.one_in(8);
        if is_so {
            self.target.push(self.foreign);
            self.foreign += 1;
        }
        is_so
    }

    fn command(&mut self) -> Result<(), Killed> {
        self.reconcile()?;
        let open: Vec<usize> = self
            .tasks
            .iter()
            .filter(|(_, state)| **state == State::Review)
            .map(|(task, _)| *task)
            .collect();
        let base = self.target.clone();
        let tree = |works: &[usize]| {
            let mut tree = base.clone();
            tree.extend(works.iter().map(|at| open[*at]));
            tree
        };
        let mut attempt = LandingAttempt::new(works(open.len()), PartnerSearch::WithinBound);
        loop {
            self.step()?;
            match attempt.next() {
                LandingStep::Check { combination, .. } => {
                    let answer = self.answer(&tree(&combination.0));
                    attempt.answered(combination, answer);
                }
                LandingStep::Land(works) => {
                    let new = tree(&works);
                    assert!(self.passed.contains(&new), "{new:?} has not passed");
                    for at in &works {
                        self.tasks.insert(open[*at], State::Begun(new.clone()));
                    }
                    self.step()?;
                    if self.is_overtaken() || self.target != base {
                        // The swap is refused; the next command plans anew.
                        return Ok(());
                    }
                    self.target = new;
                    self.step()?;
                    works.iter().for_each(|at| {
                        self.tasks.insert(open[*at], State::Done);
                    });
                    attempt.landed();
                }
                LandingStep::SendBack { work, proof, .. } => {
                    let failed = self.truth.failures(&tree(&proof.0));
                    assert!(!failed.is_empty(), "{work} was sent back for a flake");
                    self.tasks.insert(open[work], State::Queued);
                    attempt.sent_back(work);
                }
                LandingStep::Done(_) => return Ok(()),
            }
        }
    }
}

/// Runs commands until everything is decided.
fn run(seed: u64) {
    let mut repository = Repository::new(seed);
    for _ in 0..COMMANDS {
        let is_open = |state: &State| matches!(state, State::Review | State::Begun(_));
        let was_open: Vec<State> = repository.tasks.values().cloned().collect();
        if !was_open.iter().any(is_open) {
            break;
        }
        let _cut_off = repository.command();
        repository.look();
    }
    let (truth, target) = (&repository.truth, &repository.target);
    for (task, state) in &repository.tasks {
        let is_involved = truth.culprits.contains(task)
            || truth.pairs.iter().any(|(a, b)| a == task || b == task);
        match state {
            State::Done => assert!(!truth.culprits.contains(task), "{task} landed"),
            State::Queued => assert!(is_involved, "{task} is innocent"),
            // Somebody else has broken the target meanwhile: nothing lands, and nobody is blamed.
            State::Review | State::Begun(_) => {
                assert!(!truth.failures(target).is_empty(), "{task} is left");
            }
        }
    }
}

#[test]
fn every_landing_keeps_the_promises() {
    crate::base::simulated::each(SCHEDULES, run);
}
