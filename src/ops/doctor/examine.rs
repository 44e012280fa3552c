//! The examination as a whole.

use crate::ops::doctor::{
    Finding, Level, Patient, limits, locks, machine, project, repository, resources, store, work,
};

/// The result of an examination.
pub struct Examination {
    /// Everything that was looked at, in reading order.
    pub findings: Vec<Finding>,
    /// True where the store cannot be used, so that nothing works.
    pub store_unusable: bool,
}

impl Examination {
    /// The worst of it.
    pub fn worst(&self) -> Level {
        self.findings
            .iter()
            .map(|finding| finding.level)
            .max()
            .unwrap_or(Level::Ok)
    }
}

/// Looks at everything.
pub fn examine(patient: &Patient<'_>) -> Examination {
    let mut findings = Vec::new();
    let repo = repository::look(patient, &mut findings);
    let opened = store::look(patient, &mut findings);
    let store_unusable = opened.is_none();
    project::look(patient, &mut findings);
    if let Some(mut opened) = opened {
        work::look(patient, &mut opened, &mut findings);
        limits::look(patient, &mut opened, &mut findings);
    }
    findings.extend(locks::look(patient));
    if let Some(repo) = &repo {
        work::slots(patient, repo, &mut findings);
    }
    machine::look(patient, &mut findings);
    resources::look(patient, &mut findings);
    Examination {
        findings,
        store_unusable,
    }
}
