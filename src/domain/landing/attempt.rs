//! The state of a landing, and the next step of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::landing::answer::{
    Base, CheckPurpose, Combination, CombinationAnswer, CombinationWord, FlakyCheck, base_of,
    flaky_in, has_passed, is_new, word_of,
};

/// One work of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchWork {
    /// Works before it without which it does not land.
    pub needs: Vec<usize>,
}

/// The length of the search for the partner with whom a work fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerSearch {
    /// As long as a landing with one culprit may take anyway ([`usual_runs`]).
    WithinBound,
    /// Until it is known.
    ToTheEnd,
}

/// The partner with whom a work fails that goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Blame {
    /// By itself.
    Alone,
    /// Together with these, or with one of them where there are several; without them it passes.
    With(Vec<usize>),
    /// On top of these. Whether it would fail without them was not asked.
    After(Vec<usize>),
}

/// The next thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LandingStep {
    /// Combine these works, and check the tree.
    Check {
        /// The works.
        combination: Combination,
        /// The reason.
        purpose: CheckPurpose,
    },
    /// Land these works; their combination has passed.
    Land(Vec<usize>),
    /// Send this work back.
    SendBack {
        /// The work.
        work: usize,
        /// The combination that fails because of it.
        proof: Combination,
        /// With whom.
        blame: Blame,
    },
    /// All is decided; this became of each work.
    Done(Vec<WorkFate>),
}

/// The fate of a work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkFate {
    /// In the target.
    Landed,
    /// Sent back: with it something fails that does not fail without it.
    SentBack,
    /// In conflict with those before it.
    Conflict,
    /// In need of this work, which does not land.
    Needs(usize),
    /// With it the checks cannot tell, and without it they can.
    Untold,
    /// The base fails by itself, and nothing that would land mends it.
    RedBase,
    /// The checks cannot tell of the base, so nobody can be blamed for anything.
    NoBase,
}

/// A work with which a combination goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Culprit {
    /// The work.
    pub(super) work: usize,
    /// The works before it, whose combination is not bad.
    pub(super) before: Vec<usize>,
}

/// Works that are to land together, and what is known of their combinations.
#[derive(Debug, Clone)]
pub struct LandingAttempt {
    works: Vec<BatchWork>,
    partner: PartnerSearch,
    answers: BTreeMap<Combination, Vec<CombinationAnswer>>,
    runs: usize,
    has_landed: bool,
    sent_back: BTreeSet<usize>,
}

/// The end of the search: what lands, and the fate of the rest.
struct SettledBatch {
    land: Vec<usize>,
    fates: BTreeMap<usize, WorkFate>,
    culprits: Vec<Culprit>,
}

/// The most check runs for a batch of `works` in which one work, or one pair, breaks, and no check is
/// flaky: the whole, the base, the halving, the culprit again, and the rest.
pub(super) fn usual_runs(works: usize) -> usize {
    let rounds = works.max(1).next_power_of_two().trailing_zeros() as usize;
    // The base is asked after the second failure; up to here a first step that is shorter than a half
    // leaves room for it.
    let has_room = works * 4 <= (1 << rounds) * 3;
    rounds + if has_room { 3 } else { 4 }
}

impl LandingAttempt {
    /// An attempt of which nothing is known yet.
    pub fn new(works: Vec<BatchWork>, partner: PartnerSearch) -> LandingAttempt {
        LandingAttempt {
            works,
            partner,
            answers: BTreeMap::new(),
            runs: 0,
            has_landed: false,
            sent_back: BTreeSet::new(),
        }
    }

    /// Takes the answer to a check, for which the checks ran.
    pub fn answered(&mut self, combination: Combination, answer: CombinationAnswer) {
        self.runs += usize::from(matches!(answer, CombinationAnswer::Checked(_)));
        self.recalled(combination, answer);
    }

    /// Takes an answer that was there already.
    pub fn recalled(&mut self, combination: Combination, answer: CombinationAnswer) {
        self.answers.entry(combination).or_default().push(answer);
    }

    /// Takes note that the branch has what was to land.
    pub fn landed(&mut self) {
        self.has_landed = true;
    }

    /// Takes note that a work was sent back, or could not be.
    pub fn sent_back(&mut self, work: usize) {
        self.sent_back.insert(work);
    }

    /// The answers for a combination, in the order in which they came.
    pub fn answers(&self, combination: &Combination) -> &[CombinationAnswer] {
        self.answers.get(combination).map_or(&[], Vec::as_slice)
    }

    /// Runs of the checks until here.
    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// The checks that have given both answers on one tree.
    pub fn flaky(&self) -> Vec<FlakyCheck> {
        let mut all = Vec::new();
        for (combination, answers) in &self.answers {
            all.extend(flaky_in(answers).into_iter().map(|check| FlakyCheck {
                combination: combination.clone(),
                check: check.clone(),
            }));
        }
        all
    }

    /// The next step.
    pub fn next(&self) -> LandingStep {
        self.step().unwrap_or_else(|check| check)
    }

    /// The next step, or a check that it needs first.
    fn step(&self) -> Result<LandingStep, LandingStep> {
        let settled = self.settle()?;
        if !self.has_landed && !settled.land.is_empty() {
            return Ok(LandingStep::Land(settled.land));
        }
        let open = |one: &&Culprit| !self.sent_back.contains(&one.work);
        if let Some(culprit) = settled.culprits.iter().find(open) {
            let mut proof = culprit.before.clone();
            proof.push(culprit.work);
            return Ok(LandingStep::SendBack {
                work: culprit.work,
                proof: Combination(proof),
                blame: self.blame(culprit)?,
            });
        }
        let fates = (0..self.works.len()).map(|work| {
            let fate = settled.fates.get(&work).copied();
            fate.unwrap_or(WorkFate::Landed)
        });
        Ok(LandingStep::Done(fates.collect()))
    }

    fn settle(&self) -> Result<SettledBatch, LandingStep> {
        let mut kept: Vec<usize> = (0..self.works.len()).collect();
        let mut settled = SettledBatch {
            land: Vec::new(),
            fates: BTreeMap::new(),
            culprits: Vec::new(),
        };
        while !kept.is_empty() {
            let gone = match self.ask(&kept, CheckPurpose::Whole)? {
                Err(conflicts) => (conflicts, WorkFate::Conflict),
                Ok(CombinationWord::Good) => break,
                Ok(CombinationWord::LikeBase) => {
                    return Ok(self.blocked(settled, &kept, WorkFate::RedBase));
                }
                Ok(CombinationWord::Bad) => match self.search(&kept)? {
                    Err(conflicts) => (conflicts, WorkFate::Conflict),
                    Ok(None) => return Ok(self.blocked(settled, &kept, WorkFate::NoBase)),
                    Ok(Some(culprit)) => {
                        let work = culprit.work;
                        let fate = self.fate(&culprit);
                        if fate == WorkFate::SentBack {
                            settled.culprits.push(culprit);
                        }
                        (work, fate)
                    }
                },
            };
            self.take_out(gone, &mut kept, &mut settled);
        }
        settled.land = kept;
        Ok(settled)
    }

    /// Takes a work out, with all that need it.
    fn take_out(
        &self,
        (work, fate): (usize, WorkFate),
        kept: &mut Vec<usize>,
        settled: &mut SettledBatch,
    ) {
        settled.fates.insert(work, fate);
        kept.retain(|one| *one != work);
        for other in kept.clone() {
            let needs = self.works.get(other).map(|it| it.needs.as_slice());
            let lost = needs
                .unwrap_or(&[])
                .iter()
                .find(|one| settled.fates.contains_key(one));
            if let Some(lost) = lost {
                settled.fates.insert(other, WorkFate::Needs(*lost));
                kept.retain(|one| *one != other);
            }
        }
    }

    /// Nothing more can be decided: only what has passed already lands.
    fn blocked(&self, mut settled: SettledBatch, kept: &[usize], fate: WorkFate) -> SettledBatch {
        let is_good = |end: &usize| self.known(&kept[..*end]) == Some(CombinationWord::Good);
        let end = (1..kept.len()).rev().find(is_good).unwrap_or(0);
        let (land, rest) = kept.split_at(end);
        settled.land = land.to_vec();
        settled.fates.extend(rest.iter().map(|work| (*work, fate)));
        settled
    }

    /// A work that only makes the checks unable to tell has failed in nothing.
    fn fate(&self, culprit: &Culprit) -> WorkFate {
        let mut proof = culprit.before.clone();
        proof.push(culprit.work);
        let base = self.base();
        let is_proven = self.answers(&Combination(proof)).iter().any(|answer| {
            matches!(answer, CombinationAnswer::Checked(results)
                if results.iter().any(|one| is_new(one, base)))
        });
        if is_proven {
            WorkFate::SentBack
        } else {
            WorkFate::Untold
        }
    }

    pub(super) fn base(&self) -> Base<'_> {
        base_of(self.answers(&Combination::default()))
    }

    /// The word on a combination, where it was asked.
    pub(super) fn known(&self, works: &[usize]) -> Option<CombinationWord> {
        let base = self.base();
        let words = self
            .answers(&Combination(works.to_vec()))
            .iter()
            .filter_map(|answer| match answer {
                CombinationAnswer::Checked(results) => Some(word_of(results, base)),
                CombinationAnswer::Conflict(_) => None,
            });
        words.max()
    }

    /// The word on a combination, or the work of it that does not fit; else the check that tells.
    pub(super) fn ask(
        &self,
        works: &[usize],
        purpose: CheckPurpose,
    ) -> Result<Result<CombinationWord, usize>, LandingStep> {
        let combination = Combination(works.to_vec());
        if let Some(CombinationAnswer::Conflict(work)) = self.answers(&combination).first() {
            return Ok(Err(*work));
        }
        let word = self.known(works);
        let check = LandingStep::Check {
            combination,
            purpose,
        };
        word.map(Ok).ok_or(check)
    }

    /// Asks about the base, a second time where it did not pass.
    pub(super) fn ask_base(&self) -> Result<Base<'_>, LandingStep> {
        match self.base() {
            Base::Unknown => Err(LandingStep::Check {
                combination: Combination::default(),
                purpose: CheckPurpose::Base,
            }),
            told => Ok(told),
        }
    }

    /// True where a further check for a partner is within the bound.
    pub(super) fn may_look_on(&self) -> bool {
        match self.partner {
            PartnerSearch::ToTheEnd => true,
            PartnerSearch::WithinBound => self.runs() < usual_runs(self.works.len()),
        }
    }

    /// True where a combination has failed once and was not asked again.
    pub(super) fn is_unconfirmed(&self, works: &[usize]) -> bool {
        let answers = self.answers(&Combination(works.to_vec()));
        let passed = answers.iter().any(
            |answer| matches!(answer, CombinationAnswer::Checked(results) if has_passed(results)),
        );
        answers.len() < 2 && !passed
    }
}
