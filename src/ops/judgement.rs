//! The question whether somebody may judge the evidence of work: whoever takes that of a run over, sends it back or takes
//! it out again does, and whoever ends a task by its checks. It stands beside the question about that act, and knows
//! whose work it is, so that a rule can keep an agent from judging its own.
//!
//! Asked where a rule speaks of it, and else not recorded. Deliberately absent: the judgement of `ai` itself, which is
//! the verdict.

use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::Judgement;
use crate::domain::parts::Ended;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::ops::ask::{self, Question};
use crate::ops::cx::commit;
use crate::ops::error::OpError;
use crate::ops::world::World;
use crate::store::Store;

/// The question about a judgement of the work of a run.
pub(super) fn question(task: &Task, run: &Run, judgement: Judgement) -> Question {
    let mut question = Question::on_task(Action::EvidenceJudge, task);
    question.resource.patterns.clear();
    question.resource.run = Some(run.id.to_string());
    question.resource.worker = Some(run.agent.clone());
    question.resource.judgement = Some(judgement);
    question
}

/// The question about ending a task at which no run was at work, but this worker.
pub(super) fn of_done(task: &Task, worker: &Actor, ended: Ended) -> Question {
    let mut question = Question::on_task(Action::EvidenceJudge, task);
    question.resource.patterns.clear();
    question.resource.worker = Some(worker.name.to_string());
    question.resource.judgement = Some(match ended {
        Ended::Proven => Judgement::Proven,
        Ended::Overridden => Judgement::Overridden,
    });
    question
}

/// The question about taking it over, without a passing verdict where there is a reason for that.
pub(super) fn of_accept((task, run, overridden): (&Task, &Run, Option<&str>)) -> Question {
    let judgement = match overridden {
        Some(_) => Judgement::Overridden,
        None => Judgement::Accepted,
    };
    question(task, run, judgement)
}

/// Asks before minutes of checks are spent on the work.
pub(super) fn ask_early(
    world: &World,
    store: &mut dyn Store,
    accepted: (&Task, &Run, Option<&str>),
) -> Result<(), OpError> {
    let question = of_accept(accepted);
    let cx = world.cx(&world.checkout_policy())?;
    // What nobody asks about takes no lock on the store.
    if !cx.policy.state().speaks_of(question.action, &cx.actor) {
        return Ok(());
    }
    commit(store, &cx, |tx, cx| {
        ask::refused_where_rules_speak(tx, cx, &question)
    })
}
