//! What the policy says of the tools that an agent has used without asking: its stream names them
//! when it is too late to refuse. A denied one denies the run; what a person should have been asked
//! about is told to the reviewer.

use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::task::Task;
use crate::domain::tool_kind::ToolKind;
use crate::ops::ask::{self, Question};
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::policy::DEFAULT_RULE;
use crate::store::Tx;

/// Most tools of one run that are looked at.
pub(crate) const MOST: usize = 256;

/// The answers to what was used, for those that are not simply allowed. A policy that is silent
/// about tools has no say here: its default is about what is asked.
pub(crate) fn judged(
    tx: &mut dyn Tx,
    cx: &Cx,
    (task, run): (&Task, &str),
    used: &[String],
) -> Result<Vec<DecisionRecord>, OpError> {
    let mut answers = Vec::new();
    for name in used {
        let mut question = Question::on_task(Action::ToolCall, task);
        question.resource.patterns.clear();
        question.resource.run = Some(run.to_owned());
        let kind = ToolKind::of_call(name);
        question.resource.kind = Some(kind);
        // What became of the files that moved is measured in the work itself.
        question.facts.change_kinds = (kind == ToolKind::Move).then(String::new);
        question.resource.tool = Some(name.clone());
        answers.push(ask::answer_here(tx, cx, &question)?);
    }
    let speaks =
        |record: &DecisionRecord| record.effect != Effect::Allow && record.rule != DEFAULT_RULE;
    answers.retain(speaks);
    Ok(answers)
}
