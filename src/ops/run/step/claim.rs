//! The first transaction of a run: claim, policy, slot and run row together, or nothing.

use crate::base::text::counted;
use crate::ops::run::model::{Origin, Started};
use crate::ops::run::recovery::liveness::this_process;
use std::collections::BTreeSet;

use crate::config::Config;
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::agent::Agent;
use crate::domain::event::Event;
use crate::domain::ids::RunId;
use crate::domain::resume::{self, Next};
use crate::domain::run::{Resumed, Routed, Run, RunStep};
use crate::domain::sandbox::Isolation;
use crate::domain::schedule::MachineSight;
use crate::domain::task::Task;
use crate::domain::verdict::Lifecycle;
use crate::ops::admission;
use crate::ops::ask::{self, Question};
use crate::ops::budget;
use crate::ops::claim::{self, Which};
use crate::ops::cx::{self, Cx, commit};
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::store::{Store, Tx};

/// The order to start a run.
pub struct Order<'a> {
    /// The task.
    pub which: &'a Which,
    /// By whom.
    pub agent: &'a Agent,
    /// The agent that starts it, where no person does.
    pub starter: Option<&'a Actor>,
    /// The choice of the agent.
    pub routed: &'a Routed,
    /// The project's budgets.
    pub config: &'a Config,
    /// The machine, with nothing used.
    pub machine: &'a MachineSight,
    /// From where.
    pub origin: &'a Origin,
    /// The place in which it works.
    pub isolation: Isolation,
    /// The credentials that the agent is given, by their names.
    pub secrets: &'a [&'a str],
    /// The lease's length in milliseconds.
    pub ttl_ms: i64,
    /// Tells whether the files of a lost run are there, so that it can be taken up.
    pub is_left: &'a dyn Fn(&RunId) -> bool,
    /// The session of an interrupted run, where it is still there and can be continued.
    pub session_of: &'a dyn Fn(&Run) -> Option<Resumed>,
}

/// Claims the task and records the run.
pub fn start(store: &mut dyn Store, cx: &Cx, order: &Order<'_>) -> Result<Started, OpError> {
    let Order {
        which,
        agent,
        starter,
        routed,
        config,
        machine,
        origin,
        isolation,
        secrets,
        ttl_ms,
        is_left,
        session_of,
    } = *order;
    let supervisor = this_process()?;
    claim::record_lapses(store, cx, which)?;
    commit(store, cx, |tx, cx| {
        // A task that somebody holds is told of before the agent's own limit: waiting for the agent
        // would not help.
        let claimed = claim::claim_for_run(tx, cx, which, ttl_ms)?;
        refuse_full(tx, cx, agent)?;
        let need = admission::checks_need(config, &claimed.task).enough_for(agent.resources);
        let who = (&claimed.task.id, agent.name.as_str());
        admission::refuse_no_room(tx, (machine, &need), who, cx.now.wall_ms)?;
        let budget = budget::admit(tx, cx, config, &claimed.task, agent)?;
        let mut question = Question::on_task(Action::RunStart, &claimed.task);
        let id = claimed.task.id.run(claimed.lease.epoch);
        question.resource.run = Some(id.to_string());
        question.resource.tool = Some(agent.name.to_string());
        question.facts.runs_alive = u32::try_from(tx.active_runs()?.len()).ok();
        // An agent has another one do no more than it may do itself.
        if let Some(starter) = starter {
            let by = Cx {
                actor: starter.clone(),
                ..cx.clone()
            };
            let mut of_starter = question.clone();
            // A task without paths may change any.
            let patterns = question.resource.patterns.len().max(1);
            of_starter.facts.exclusive_patterns = u32::try_from(patterns).ok();
            ask::require(tx, &by, &of_starter)?;
        }
        let given = question.clone();
        ask::or_refuse(tx, cx, question)?;
        for name in secrets {
            let mut given = given.clone();
            given.action = Action::SecretUse;
            given.facts.exclusive_patterns = None;
            given.facts.runs_alive = None;
            given.resource.patterns.clear();
            given.resource.secret = Some((*name).to_owned());
            ask::where_rules_speak(tx, cx, &given)?;
        }
        let adopted = adoptable(tx, &claimed.task, origin)?.filter(|run| is_left(run));
        let taken = slots_taken(tx)?;
        let last = match adopted {
            // What a session knew of a checkout is not there any more.
            None if isolation == Isolation::Worktree => {
                interrupted(tx, &claimed.task, agent, origin)?
                    .filter(|last| !taken.contains(&last.worktree) && !last.is_in_place())
            }
            _ => None,
        };
        let going_on = last.and_then(|last| Some((session_of(&last)?, last.worktree)));
        let (resumed, slot) = going_on.unzip();
        let run = Run {
            branch: format!("ai/{}/{}", claimed.task.id, claimed.lease.epoch),
            worktree: match (isolation, slot) {
                (Isolation::None, _) => the_checkout(tx)?,
                (Isolation::Worktree, Some(slot)) => slot,
                (Isolation::Worktree, None) => free_slot(&taken),
            },
            task: claimed.task.id.clone(),
            agent: agent.name.to_string(),
            connector: agent.connector.to_string(),
            model: agent.model.clone(),
            base: origin.base.clone(),
            target: origin.target.clone(),
            supervisor: supervisor.clone(),
            started_ms: cx.now.wall_ms,
            started: Some(cx.now.lease.clone()),
            step: RunStep::Claimed,
            tree: None,
            commit: None,
            resources: need,
            adopted,
            resumed,
            used: None,
            routed: Some(routed.clone()),
            accepting: None,
            undoing: None,
            undone: None,
            end: None,
            id,
        };
        cx.record(
            tx,
            &Event::RunStarted {
                run: Box::new(run.clone()),
            },
        )?;
        let task = cx::load(tx, &claimed.task.id)?;
        Ok(Started {
            run,
            task,
            token: claimed.token,
            budget,
        })
    })
}

/// An agent has only so many runs at once.
fn refuse_full(tx: &mut dyn Tx, _cx: &Cx, agent: &Agent) -> Result<(), OpError> {
    let at_work = tx
        .active_runs()?
        .iter()
        .filter(|run| run.agent == agent.name.as_str())
        .count();
    if at_work >= agent.limits.parallel as usize {
        let text = format!(
            "agent {} is at work on {}, which is its limit",
            agent.name,
            counted(at_work, "run")
        );
        Err(Refusal::TryLater {
            why: text,
            hint: format!(
                "wait, or raise `limits.parallel` in .ai/agents/{}.yaml and say `ai trust`",
                agent.name
            ),
        }
        .into())
    } else {
        Ok(())
    }
}

/// One checkout is for one run. A run whose supervisor died is not active any more when this is
/// asked: it was recovered before.
pub(crate) fn the_checkout(tx: &mut dyn Tx) -> Result<String, OpError> {
    match tx.active_runs()?.into_iter().find(Run::is_in_place) {
        None => Ok(Run::CHECKOUT.to_owned()),
        Some(run) => Err(Refusal::TryLater {
            why: format!(
                "run {} works in the checkout itself (isolation: none), which holds one at a time",
                run.id
            ),
            hint: format!("wait; `ai task cancel {}` stops it", run.task),
        }
        .into()),
    }
}

/// The slots of the pool in which somebody works.
fn slots_taken(tx: &mut dyn Tx) -> Result<BTreeSet<String>, OpError> {
    Ok(tx
        .active_runs()?
        .into_iter()
        .map(|run| run.worktree)
        .collect())
}

/// The first slot of the pool that is not taken.
fn free_slot(taken: &BTreeSet<String>) -> String {
    let mut n = 1;
    while taken.contains(&format!("w{n}")) {
        n += 1;
    }
    format!("w{n}")
}

/// The last run of this task, where this agent was interrupted in it and starts from the same
/// commit again.
fn interrupted(
    tx: &mut dyn Tx,
    task: &Task,
    agent: &Agent,
    origin: &Origin,
) -> Result<Option<Run>, OpError> {
    let next = Next {
        agent: agent.name.as_str(),
        connector: agent.connector.as_str(),
        model: agent.model.as_deref(),
        base: origin.base.as_deref(),
    };
    Ok(tx
        .runs(&task.id)?
        .pop()
        .filter(|last| resume::may_continue(last, &next)))
}

/// The lost run of this task whose snapshot can be taken up: its agent had ended, nobody has said
/// anything since, and the base is the same.
fn adoptable(tx: &mut dyn Tx, task: &Task, origin: &Origin) -> Result<Option<RunId>, OpError> {
    let runs = tx.runs(&task.id)?;
    let Some(last) = runs.last() else {
        return Ok(None);
    };
    let lost = last
        .end
        .as_ref()
        .is_some_and(|end| end.cell.lifecycle == Lifecycle::Lost);
    let newest_word = task.notes.last().map_or(0, |note| note.at_ms);
    let since = last.end.as_ref().map_or(0, |end| end.at_ms);
    let same_base = last.base == origin.base;
    Ok(
        (lost && last.commit.is_some() && same_base && newest_word <= since)
            .then(|| last.id.clone()),
    )
}
