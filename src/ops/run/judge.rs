//! The policy is asked about what a run changed. What follows from its answer is decided in
//! [`crate::domain::aftermath`].

use crate::domain::action::Action;
use crate::domain::decision::DecisionRecord;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::verdict::PolicyVerdict;
use crate::git::diff::ChangedPath;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;

/// Asks the policy about the changed paths, with its record.
pub fn policy_verdict(
    cx: &Cx,
    task: &Task,
    run: &Run,
    changed: &[ChangedPath],
    lines: u64,
) -> (PolicyVerdict, DecisionRecord) {
    let mut question = Question::on_task(Action::RunFinish, task);
    question.resource.run = Some(run.id.to_string());
    question.resource.patterns.clear();
    question.resource.paths = changed.iter().map(|c| c.path.clone()).collect();
    question.facts.diff_files = Some(changed.len() as u64);
    question.facts.diff_lines = Some(lines);
    let record = ask::answer(cx, &question);
    (PolicyVerdict::of(record.effect), record)
}
