//! Recurring work: files that cannot be used, and what keeps a clock from creating tasks.

use std::path::Path;

use crate::base::clock;
use crate::base::text::{counted, one_line};
use crate::ops::doctor::{Finding, Patient};
use crate::ops::project;
use crate::ops::recurring::{self, RecurringState};
use crate::store::Access;

/// The name of these findings.
const WHAT: &str = "recurring";

pub(super) fn look(patient: &Patient<'_>, root: &Path, findings: &mut Vec<Finding>) {
    let state = project::state_dir(&patient.place.common_dir);
    // A store that cannot be read has been told of.
    let Ok(mut store) = project::store_place(&state).open(Access::Read) else {
        return;
    };
    let around = (root, patient.place.common_dir.as_path());
    let all = match recurring::overview(around, &mut *store, clock::wall_ms()) {
        Ok(all) => all,
        Err(error) => {
            findings.push(Finding::warn(WHAT, one_line(&error.to_string())));
            return;
        }
    };
    let before = findings.len();
    for (file, why) in &all.misnamed {
        let text = format!(".ai/recurring/{file} does not count: {why}");
        findings.push(Finding::warn(WHAT, one_line(&text)));
    }
    for one in &all.listed {
        let Some(trouble) = &one.trouble else {
            continue;
        };
        let text = one_line(&format!("{}: {}", one.name, trouble.why));
        let finding = match one.state {
            RecurringState::Broken | RecurringState::Gone if one.enabled => {
                Finding::bad(WHAT, text)
            }
            _ => Finding::warn(WHAT, text),
        };
        findings.push(finding.next(trouble.next.clone()));
    }
    if findings.len() == before && !all.listed.is_empty() {
        let on = all.listed.iter().filter(|one| one.enabled).count();
        let files = counted(all.listed.len(), "file");
        findings.push(Finding::ok(WHAT, format!("{files}, {on} switched on")));
    }
}
