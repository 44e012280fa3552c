use crate::base::rules::rules;
use crate::domain::agent::Name;
use crate::domain::check::CheckCommand;

use super::*;

/// Whether a check has to pass.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Required,
    Optional,
}

use Kind::{Optional, Required};

fn broken() -> CheckStatus {
    CheckStatus::Broken { why: "gone".into() }
}

fn together(all: &[(Kind, CheckStatus)]) -> Verification {
    let name = Name::new("unit").unwrap();
    let ends: Vec<(CheckSpec, CheckResult)> = all
        .iter()
        .map(|(kind, status)| {
            let mut spec = CheckSpec::new(name.clone(), CheckCommand::Shell("make".into()));
            spec.required = *kind == Required;
            let result = CheckResult {
                name: name.clone(),
                status: status.clone(),
                note: None,
                exit: None,
                duration_ms: 0,
                counts: None,
                failures: Vec::new(),
                log_sha256: None,
            };
            (spec, result)
        })
        .collect();
    let ends: Vec<CheckEnd<'_>> = ends
        .iter()
        .map(|(spec, result)| CheckEnd { spec, result })
        .collect();
    verification(&ends)
}

rules! {
    no_check_verifies_nothing: together(&[]) => Verification::Unverified;
    a_required_check_that_passes_verifies:
        together(&[(Required, CheckStatus::Passed)]) => Verification::Passed;
    an_optional_check_that_passes_verifies_nothing:
        together(&[(Optional, CheckStatus::Passed)]) => Verification::Unverified;
    an_optional_check_that_fails_takes_nothing_away:
        together(&[(Required, CheckStatus::Passed), (Optional, CheckStatus::Failed)])
        => Verification::Passed;
    one_required_failure_among_passes_fails:
        together(&[(Required, CheckStatus::Passed), (Required, CheckStatus::Failed)])
        => Verification::Failed;
    a_failure_outweighs_a_broken_check:
        together(&[(Required, broken()), (Required, CheckStatus::Failed)]) => Verification::Failed;
    a_broken_check_outweighs_one_that_was_not_run:
        together(&[(Required, CheckStatus::NotRun), (Required, broken())])
        => Verification::CheckBroken;
    a_check_that_was_not_run_outweighs_a_pass:
        together(&[(Required, CheckStatus::Passed), (Required, CheckStatus::NotRun)])
        => Verification::Unverified;
}

#[test]
fn the_order_of_the_checks_changes_nothing() {
    let all = [
        CheckStatus::Passed,
        CheckStatus::Failed,
        broken(),
        CheckStatus::NotRun,
    ];
    for one in &all {
        for other in &all {
            let there = together(&[(Required, one.clone()), (Required, other.clone())]);
            let back = together(&[(Required, other.clone()), (Required, one.clone())]);
            assert_eq!(there, back, "{one:?} {other:?}");
        }
    }
}

#[test]
fn only_passes_alone_are_a_pass() {
    let all = [
        CheckStatus::Passed,
        CheckStatus::Failed,
        broken(),
        CheckStatus::NotRun,
    ];
    for one in &all {
        let found = together(&[(Required, CheckStatus::Passed), (Required, one.clone())]);
        let passes = *one == CheckStatus::Passed;
        assert_eq!(found == Verification::Passed, passes, "{one:?}");
    }
}
