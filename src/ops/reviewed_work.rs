//! The work of a run as policy is asked about it when it is accepted: measured once, asked before
//! anything else is done, and again in the transaction that records what is going to be done.

use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::DecisionRecord;
use crate::domain::event::Event;
use crate::domain::run::Run;
use crate::domain::task::Task;
use crate::domain::verdict::PolicyVerdict;
use crate::git::diff::{ChangedPath, DiffStats};
use crate::git::shadow::ShadowRepo;
use crate::git::{Oid, Repo};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{Cx, commit};
use crate::ops::error::{Kept as _, OpError};
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
        let size = ChangeFacts::measure(repo, world.redactor(), &changed, stats)?;
        let cx = world.cx(&world.checkout_policy())?;
        Ok(ReviewedWork {
            question: verdict::question(&cx, (task, run), &changed, size),
            changed,
            stats,
            agent: Actor::new(ActorKind::Agent, run.agent.as_str()).kept("the agent of the run")?,
        })
    }

    /// Asks the policy as of now. A person's yes to exactly this counts.
    pub fn ask_early(&self, world: &World, store: &mut dyn Store) -> Result<(), OpError> {
        let cx = world.cx_as(&world.checkout_policy(), self.agent.clone())?;
        let (verdict, mut record) = verdict::policy_verdict(&cx, &self.question);
        redact_record(&mut record, world.redactor());
        if verdict == PolicyVerdict::Allow
            || store.read(|tx| ask::approved(tx, cx.now.wall_ms, &record))?
        {
            return Ok(());
        }
        let record = Box::new(record);
        let events = vec![Event::Decided {
            record: record.clone(),
        }];
        let why = store.read(|tx| ask::refused(tx, cx.now.wall_ms, record))?;
        commit(store, &cx, |_, _| Err(OpError::recorded(why, events)))
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
