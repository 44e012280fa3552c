//! The work of a run as policy is asked about it when it is accepted: measured once, asked before
//! anything else is done, and again in the transaction that records what is going to be done.

use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::approval;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::event::Event;
use crate::domain::ids::RunId;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::verdict::PolicyVerdict;
use crate::git::diff::{ChangedPath, DiffStats};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
use crate::ops::findings::LookAt;
use crate::ops::messages::WorkTip;
use crate::ops::refusal::Refusal;
use crate::ops::run::step::leak::ChangeFacts;
use crate::ops::run::step::verdict;
use crate::ops::scrub::redact_record;
use crate::ops::world::World;
use crate::store::{Store, Tx};

/// The work of a run that waits for a review.
pub(super) struct ReviewedWork {
    /// The paths that it changes against its base.
    pub changed: Vec<ChangedPath>,
    /// The size of the change.
    pub stats: DiffStats,
    question: Question,
    agent: Actor,
}

impl ReviewedWork {
    /// Measures the tree that a run has come to.
    pub fn measure(
        world: &World,
        (repo, shadow): (&Repo, &ShadowRepo),
        (task, run): (&Task, &Run),
        tree: &Oid,
    ) -> Result<ReviewedWork, OpError> {
        let base = match &run.base {
            Some(base) => repo.tree_of(&Oid::parse(base).kept("the base of the run")?)?,
            None => shadow.format().empty_tree(),
        };
        let (changed, stats) = (
            shadow.changed_paths(&base, tree)?,
            shadow.stats(&base, tree)?,
        );
        let cx = world.cx(&world.checkout_policy())?;
        let look = LookAt {
            repo,
            policy: cx.policy.state(),
            base: run.base.as_deref(),
        };
        let commit = run.commit.as_deref();
        let work = (WorkTip { run, commit }, tree);
        let size = ChangeFacts::of_work(&look, world.redactor(), (&changed, stats), work)?;
        Ok(ReviewedWork {
            question: verdict::question(&cx, (task, run), &changed, size),
            changed,
            stats,
            agent: Actor::new(ActorKind::Agent, run.agent.as_str()).kept("the agent of the run")?,
        })
    }

    /// The question whether the work may be taken over into a target.
    pub fn taking_over(&self, action: Action, task: &Task, run: &RunId, target: &str) -> Question {
        let mut question = Question::on_task(action, task);
        question.resource.run = Some(run.to_string());
        question.resource.branch = Some(target.to_owned());
        // Beside those that the task has named: a rule about a path is one about work that changes it.
        question.resource.paths = self.question.resource.paths.clone();
        question.facts.diff_files = Some(self.stats.files);
        question.facts.findings = self.question.facts.findings.clone();
        question.facts.imported_paths = self.question.facts.imported_paths.clone();
        question.facts.diff_lines = Some(self.stats.insertions + self.stats.deletions);
        question
    }

    /// Asks the policy as of now. A person's yes to exactly this counts.
    pub fn ask_early(&self, world: &World, store: &mut dyn Store) -> Result<(), OpError> {
        let cx = world.cx_as(&world.checkout_policy(), self.agent.clone())?;
        let (verdict, mut record) =
            store.read(|tx| verdict::policy_verdict(tx, &cx, &self.question))?;
        redact_record(&mut record, world.redactor());
        if verdict == PolicyVerdict::Allow
            || store.read(|tx| ask::approved(tx, cx.now.wall_ms, &record))?
        {
            return Ok(());
        }
        if let Some(open) = store.read(|tx| ask::asked_already(tx, cx.now.wall_ms, &record))? {
            return Err(Refusal::NeedsApproval(Box::new(open)).into());
        }
        let record = Box::new(record);
        let events = vec![Event::Decided {
            record: record.clone(),
        }];
        let why = store.read(|tx| ask::refused(tx, cx.now.wall_ms, record))?;
        commit(store, &cx, |_, _| Err(OpError::recorded(why, events)))
    }

    /// Looks whether the answer still lets the work through, and records nothing.
    pub fn look_ahead(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<DecisionRecord, OpError> {
        let agent = Cx {
            actor: self.agent.clone(),
            ..cx.clone()
        };
        ask::look_ahead(tx, &agent, &self.question)?;
        ask::answer_here(tx, &agent, &self.question)
    }

    /// Asks again within a transaction, and records the answer.
    pub fn ask(&self, tx: &mut dyn Tx, cx: &Cx) -> Result<DecisionRecord, OpError> {
        let agent = Cx {
            actor: self.agent.clone(),
            ..cx.clone()
        };
        ask::require(tx, &agent, &self.question)
    }
}

/// Asks about an accept beside the work that is accepted, of which the answer is known, and records
/// the answer. Returns the warnings.
pub(super) fn ask_besides(
    tx: &mut dyn Tx,
    cx: &Cx,
    of_work: &DecisionRecord,
    question: Question,
) -> Result<Vec<String>, OpError> {
    let record = ask::answer_here(tx, cx, &question)?;
    if !is_answered_with(&record, of_work) {
        return ask::or_refuse(tx, cx, question);
    }
    // People have said yes to the same rules about the same work already.
    let record = Box::new(record);
    cx.record(tx, &Event::Decided { record })?;
    Ok(Vec::new())
}

/// The same without a record.
pub(super) fn look_besides(
    tx: &mut dyn Tx,
    cx: &Cx,
    of_work: &DecisionRecord,
    question: &Question,
) -> Result<(), OpError> {
    if is_answered_with(&ask::answer_here(tx, cx, question)?, of_work) {
        return Ok(());
    }
    ask::look_ahead(tx, cx, question)
}

/// True where every rule that wants a yes for the accept wanted the same of the work itself, which is
/// let through: then nobody is asked twice.
fn is_answered_with(accept: &DecisionRecord, work: &DecisionRecord) -> bool {
    let asks = |record: &DecisionRecord| record.effect == Effect::RequireApproval;
    asks(accept)
        && asks(work)
        && approval::needs_of(accept)
            .iter()
            .all(|need| approval::needs_of(work).contains(need))
}
