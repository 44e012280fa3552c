//! What is known of a combination of works, and what it means beside the base.

use std::collections::BTreeSet;

use crate::domain::aftermath::{FailureOf, failure_of};
use crate::domain::agent::Name;
use crate::domain::check::{CheckResult, CheckStatus};

/// Some works of a batch on its base, by their numbers in the order of landing. With none it is the
/// base itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Combination(pub Vec<usize>);

/// The answer to the question how a combination does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CombinationAnswer {
    /// The required checks ran on its tree, with these results.
    Checked(Vec<CheckResult>),
    /// A work, by its number, that does not fit onto those before it.
    Conflict(usize),
}

/// The reason why a combination is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckPurpose {
    /// The combination is what would land.
    Whole,
    /// The fault is within or behind.
    Half,
    /// The combination has failed, and is asked once more before anybody is blamed.
    Again,
    /// The base is asked whose a failure is.
    Base,
    /// The combination tells with whom a work fails.
    Partner,
}

/// A check that has given both answers on one tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlakyCheck {
    /// The tree, by what is combined in it.
    pub combination: Combination,
    /// The check.
    pub check: Name,
}

/// The meaning of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CombinationWord {
    /// Not to land: something fails that the base does not fail in, or nothing can be told.
    Bad,
    /// All that fails in it fails on the base as well.
    LikeBase,
    /// Passed.
    Good,
}

/// The base, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base<'a> {
    /// Nothing yet.
    Unknown,
    /// The base passes.
    Good,
    /// The base fails, each time that it was asked, in this way.
    Red(&'a [CheckResult]),
    /// The checks cannot tell.
    Untold,
}

pub(super) fn has_passed(results: &[CheckResult]) -> bool {
    !results.is_empty() && results.iter().all(|one| one.status == CheckStatus::Passed)
}

fn can_tell(results: &[CheckResult]) -> bool {
    results
        .iter()
        .all(|one| matches!(one.status, CheckStatus::Passed | CheckStatus::Failed))
}

/// The base as its answers say: one that is red is asked twice.
pub(super) fn base_of(answers: &[CombinationAnswer]) -> Base<'_> {
    let results = || {
        answers.iter().filter_map(|answer| match answer {
            CombinationAnswer::Checked(results) => Some(results.as_slice()),
            CombinationAnswer::Conflict(_) => None,
        })
    };
    if results().any(has_passed) {
        return Base::Good;
    }
    let mut told = results().skip(1);
    match told.next() {
        None => Base::Unknown,
        Some(second) if can_tell(second) => Base::Red(second),
        Some(_) => Base::Untold,
    }
}

/// True where this result of a check is a failure that the base does not have.
pub(super) fn is_new(result: &CheckResult, base: Base<'_>) -> bool {
    if result.status != CheckStatus::Failed {
        return false;
    }
    let Base::Red(on_base) = base else {
        return true;
    };
    let same = on_base.iter().find(|one| one.name == result.name);
    same.is_none_or(|one| {
        failure_of(result, one) != FailureOf::Base && !fail_silently_alike(result, one)
    })
}

/// True for two that failed with the same exit code and said nothing: nobody can tell whose failure it is, and so nobody
/// is blamed.
fn fail_silently_alike(one: &CheckResult, other: &CheckResult) -> bool {
    let said = |result: &CheckResult| {
        let all = result.failures.iter();
        all.map(|failure| (failure.name.clone(), failure.message.trim().to_owned()))
            .collect::<BTreeSet<_>>()
    };
    let (mine, others) = (said(one), said(other));
    mine == others && mine.iter().all(|(_, message)| message.is_empty())
}

/// The meaning of the results of the required checks beside the base.
pub(super) fn word_of(results: &[CheckResult], base: Base<'_>) -> CombinationWord {
    if has_passed(results) {
        return CombinationWord::Good;
    }
    let is_of_base = matches!(base, Base::Red(_))
        && can_tell(results)
        && !results.iter().any(|one| is_new(one, base));
    if is_of_base {
        CombinationWord::LikeBase
    } else {
        CombinationWord::Bad
    }
}

/// The checks of which these answers, all on one tree, say both.
pub(super) fn flaky_in(answers: &[CombinationAnswer]) -> BTreeSet<&Name> {
    let (mut passed, mut failed) = (BTreeSet::new(), BTreeSet::new());
    for answer in answers {
        let CombinationAnswer::Checked(results) = answer else {
            continue;
        };
        for result in results {
            match result.status {
                CheckStatus::Passed => passed.insert(&result.name),
                CheckStatus::Failed => failed.insert(&result.name),
                CheckStatus::Broken { .. } | CheckStatus::NotRun => false,
            };
        }
    }
    passed.intersection(&failed).copied().collect()
}
