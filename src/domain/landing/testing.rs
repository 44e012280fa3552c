//! A repository in which it is known what breaks what, and a landing that asks it.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::agent::Name;
use crate::domain::check::{CheckResult, CheckStatus, FailedTest};
use crate::domain::process_end::ProcessEnd;

/// What breaks what.
#[derive(Debug, Clone, Default)]
pub(super) struct Truth {
    /// Works that break by themselves.
    pub(super) culprits: BTreeSet<usize>,
    /// Works that break together.
    pub(super) pairs: Vec<(usize, usize)>,
    /// Tests that fail on the base.
    pub(super) base: Vec<&'static str>,
    /// The work that mends the base.
    pub(super) mends: Option<usize>,
    /// The second does not fit onto the first.
    pub(super) clashes: Vec<(usize, usize)>,
    /// With this work the checks cannot tell.
    pub(super) blinds: Option<usize>,
    /// The base cannot be had.
    pub(super) is_base_gone: bool,
    /// Which askings, counted from 0, fail in a flaky test.
    pub(super) flakes: BTreeSet<usize>,
}

impl Truth {
    /// The names of the tests that fail with these works.
    pub(super) fn failures(&self, works: &[usize]) -> Vec<String> {
        let has = |work: &usize| works.contains(work);
        let alone = self.culprits.iter().filter(|work| has(work));
        let mut failed: Vec<String> = alone.map(|work| format!("alone_{work}")).collect();
        let together = self.pairs.iter().filter(|(a, b)| has(a) && has(b));
        failed.extend(together.map(|(a, b)| format!("together_{a}_{b}")));
        if !self.mends.as_ref().is_some_and(has) {
            failed.extend(self.base.iter().map(|name| (*name).to_owned()));
        }
        failed
    }

    pub(super) fn answer(&self, works: &[usize], asked: usize) -> CombinationAnswer {
        let clash = self
            .clashes
            .iter()
            .filter(|(first, second)| works.contains(first) && works.contains(second))
            .map(|(_, second)| *second)
            .min();
        if let Some(work) = clash {
            return CombinationAnswer::Conflict(work);
        }
        let is_blind = self.blinds.is_some_and(|work| works.contains(&work))
            || (works.is_empty() && self.is_base_gone);
        let mut failed = self.failures(works);
        if self.flakes.contains(&asked) {
            failed.push("flaky".to_owned());
        }
        CombinationAnswer::Checked(vec![if is_blind { blind() } else { result(&failed) }])
    }
}

/// The result of the check in which these tests failed.
pub(super) fn result(failed: &[String]) -> CheckResult {
    let failures = failed.iter().map(|name| FailedTest {
        name: name.clone(),
        message: String::new(),
    });
    let (status, code) = match failed {
        [] => (CheckStatus::Passed, 0),
        _ => (CheckStatus::Failed, 1),
    };
    CheckResult {
        name: Name::new("unit").unwrap(),
        status,
        note: None,
        exit: Some(ProcessEnd::Exited { code }),
        duration_ms: 0,
        counts: None,
        failures: failures.collect(),
        log_sha256: None,
    }
}

fn blind() -> CheckResult {
    CheckResult {
        status: CheckStatus::Broken {
            why: "no compiler".into(),
        },
        ..result(&[])
    }
}

/// What a landing came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) landed: Vec<usize>,
    pub(super) back: BTreeMap<usize, (Combination, Blame)>,
    pub(super) fates: Vec<WorkFate>,
    /// Runs of the checks until the landing, and in all.
    pub(super) runs: (usize, usize),
    pub(super) flaky: usize,
}

pub(super) fn works(count: usize) -> Vec<BatchWork> {
    vec![BatchWork::default(); count]
}

/// Lands works to the end.
pub(super) fn land(works: Vec<BatchWork>, truth: &Truth, partner: PartnerSearch) -> Told {
    let mut attempt = LandingAttempt::new(works, partner);
    let (mut landed, mut back) = (Vec::new(), BTreeMap::new());
    let (mut asked, mut until) = (0, None);
    loop {
        assert!(asked < 2_000, "it does not come to an end");
        match attempt.next() {
            LandingStep::Check { combination, .. } => {
                let answer = truth.answer(&combination.0, asked);
                asked += 1;
                attempt.answered(combination, answer);
            }
            LandingStep::Land(works) => {
                let combination = Combination(works.clone());
                let passed = attempt.answers(&combination).iter().any(|answer| {
                    matches!(answer, CombinationAnswer::Checked(results)
                        if results.iter().all(|one| one.status == CheckStatus::Passed))
                });
                assert!(passed, "{works:?} never passed");
                assert_eq!(until, None, "a second landing");
                until = Some(attempt.runs());
                landed = works;
                attempt.landed();
            }
            LandingStep::SendBack { work, proof, blame } => {
                assert!(
                    attempt.answers(&proof).len() > 1,
                    "{work} was blamed at once"
                );
                attempt.sent_back(work);
                assert_eq!(back.insert(work, (proof, blame)), None, "{work} went twice");
            }
            LandingStep::Done(fates) => {
                return Told {
                    landed,
                    back,
                    fates,
                    runs: (until.unwrap_or(attempt.runs()), attempt.runs()),
                    flaky: attempt.flaky().len(),
                };
            }
        }
    }
}
