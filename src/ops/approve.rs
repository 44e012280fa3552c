//! People's answers to decisions that wait for them: a yes, bound to the exact thing that was asked
//! about, or a no, whose reason goes to whoever asked.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::approval::{
    self, ApprovalStanding, Missing, Reply, Says, decision_in, needs_of,
};
use crate::domain::decision::{DecisionRecord, Effect, Judgement, Override};
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::task::{BlockReason, Hold, Note, Task, TaskState};
use crate::domain::time::WallMs;
use crate::ops::ask::{self, Question};
use crate::ops::by_id;
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::judgement;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::reject::SENT_BACK;
use crate::ops::standing::standing;
use crate::policy;
use crate::store::Tx;

/// Most records and most questions among which those are looked for that wait.
const LOOKED_AT: u64 = 5_000;
const QUESTIONS: usize = 200;

/// A question that waits for a person.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct WaitingQuestion {
    /// Its newest record.
    pub decision: DecisionRecord,
    /// The yes that is missing, by rule.
    pub missing: Vec<Missing>,
}

/// The effect of an answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The record, with the answer.
    pub record: DecisionRecord,
    /// The standing of the question now.
    pub standing: ApprovalStanding,
    /// The task that goes on, or back, for it.
    pub task: Option<Task>,
}

/// The decision that an id or a unique prefix names.
pub fn find(tx: &mut dyn Tx, typed: &str) -> Result<DecisionRecord, OpError> {
    let all = tx.decisions(None, None)?;
    by_id::one_of((Thing::Decision, "d-", typed), all, |record| &record.id)
}

/// The questions that wait for a person, newest first. What asked about a run whose work is not
/// looked at any more, or about a task that has ended, waits no longer.
pub fn waiting(tx: &mut dyn Tx, now_ms: WallMs) -> Result<Vec<WaitingQuestion>, OpError> {
    waiting_among(tx, now_ms, None)
}

fn waiting_among(
    tx: &mut dyn Tx,
    now_ms: WallMs,
    task: Option<&TaskId>,
) -> Result<Vec<WaitingQuestion>, OpError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for record in tx.asks(task, Some(LOOKED_AT))? {
        // What is asked again and again is one question.
        if !seen.insert(record.subject_digest.clone()) || !is_open(tx, &record, now_ms)? {
            continue;
        }
        if let ApprovalStanding::Waits(missing) = standing(tx, &record, now_ms)? {
            found.push(WaitingQuestion {
                decision: record,
                missing,
            });
        }
        if found.len() == QUESTIONS {
            break;
        }
    }
    Ok(found)
}

/// True where an answer would still change something.
fn is_open(tx: &mut dyn Tx, record: &DecisionRecord, now_ms: WallMs) -> Result<bool, OpError> {
    let Some(task) = record.resource.task.clone().map(TaskId) else {
        return Ok(record.at_ms.saturating_add(approval::HOLDS_MS) > now_ms);
    };
    let Some(task) = tx.task(&task)? else {
        return Ok(false);
    };
    if waits_for(&task, record) {
        return Ok(true);
    }
    Ok(match (&task.state, record.action) {
        // Work that is to be taken out again has landed.
        (TaskState::Done { .. }, Action::EvidenceJudge) => {
            record.resource.judgement == Some(Judgement::Undone)
        }
        (TaskState::Done { .. } | TaskState::Cancelled { .. }, _) => false,
        (
            _,
            Action::RunFinish | Action::TaskAccept | Action::TaskOverride | Action::EvidenceJudge,
        ) if record.resource.run.is_some() => is_reviewed(&task, record),
        (state, Action::TaskClaim | Action::RunStart | Action::SecretUse) => {
            matches!(state, TaskState::Queued | TaskState::Blocked { .. })
        }
        // An agent asked within a run, which went on without it or has ended.
        (_, Action::Edit | Action::ToolCall | Action::FileRead) => record.resource.run.is_none(),
        _ => true,
    })
}

/// True where the run that it is about waits for a review.
fn is_reviewed(task: &Task, record: &DecisionRecord) -> bool {
    match (&task.state, &record.resource.run) {
        (TaskState::Review { run }, Some(asked)) => run.to_string() == *asked,
        _ => false,
    }
}

/// True where the task is held until this very question is answered.
fn waits_for(task: &Task, record: &DecisionRecord) -> bool {
    let waits = |hold: &Hold| {
        hold.kind == BlockReason::Approval && decision_in(&hold.reason) == Some(&record.id)
    };
    let is_blocked = matches!(
        task.state,
        TaskState::Blocked {
            blocked_by: BlockReason::Approval
        }
    );
    is_blocked && task.hold.as_ref().is_some_and(waits)
}

/// Records a person's yes. The question must be one that waits for it, and the person one of whom it
/// is wanted.
pub fn approve(tx: &mut dyn Tx, cx: &Cx, typed: &str, reason: &str) -> Result<Answered, OpError> {
    let record = answerable(tx, cx, typed)?;
    let word = word(cx, reason);
    let mut same = tx.asks(record.resource.task.clone().map(TaskId).as_ref(), None)?;
    same.retain(|old| record.asks_again(old));
    // The rules that asked last say what it takes.
    let asked = same.first().cloned().unwrap_or_else(|| record.clone());
    let standing_of = |same: &[DecisionRecord]| {
        approval::standing(&asked, same, cx.now.wall_ms, policy::is_one_of)
    };
    let before = standing_of(&same);
    let is_fresh = approval::has_fresh_yes(&asked, &same, &cx.actor, cx.now.wall_ms);
    let mut after = record.clone();
    after.answers.push(Reply {
        says: Says::Yes,
        word: word.clone(),
    });
    let now = {
        same.retain(|old| old.id != record.id);
        same.push(after.clone());
        standing_of(&same)
    };
    // A second yes of one person adds nothing, and must not take the place of the first one's reason;
    // one that will have lapsed soon is said anew.
    if is_fresh || before == ApprovalStanding::Approved && now == before && !has_said(&record, cx) {
        let task = go_on(tx, cx, &record, &before)?;
        return Ok(Answered {
            record,
            standing: before,
            task,
        });
    }
    // The yes that answers the question is told as it always was.
    let event = if now == ApprovalStanding::Approved && before != now {
        after = DecisionRecord {
            overridden: Some(word.clone()),
            ..record.clone()
        };
        Event::Approved {
            decision: record.id.clone(),
            word,
        }
    } else {
        answered(&record, Says::Yes, word)
    };
    cx.record(tx, &event)?;
    let task = go_on(tx, cx, &after, &now)?;
    Ok(Answered {
        record: after,
        standing: now,
        task,
    })
}

/// Records a person's no. A task that waited for the answer, and work in review that it is about,
/// go back to the queue with the reason as a note for the next attempt.
pub fn deny(tx: &mut dyn Tx, cx: &Cx, typed: &str, reason: &str) -> Result<Answered, OpError> {
    let record = answerable(tx, cx, typed)?;
    let word = word(cx, reason);
    cx.record(tx, &answered(&record, Says::No, word.clone()))?;
    let mut after = record;
    after.answers.push(Reply {
        says: Says::No,
        word: word.clone(),
    });
    let task = send_back(tx, cx, &after, reason)?;
    Ok(Answered {
        record: after,
        standing: ApprovalStanding::SaidNo(word),
        task,
    })
}

/// The decision, where it is one that people answer and the actor is one of them.
fn answerable(tx: &mut dyn Tx, cx: &Cx, typed: &str) -> Result<DecisionRecord, OpError> {
    let record = named(tx, cx, typed)?;
    if cx.actor.kind != ActorKind::Human {
        return Err(Refusal::MergeConflict {
            why: format!("only a person can approve, and {} is none", cx.actor),
            hint: format!("ask a person for `ai approve {}`", record.id),
        }
        .into());
    }
    if record.effect != Effect::RequireApproval {
        let why = format!(
            "decision {} is `{}`: it does not wait for a yes",
            record.id, record.effect
        );
        return Err(Refusal::Conflict {
            why,
            hint: "`ai approvals` shows what waits for one".into(),
        }
        .into());
    }
    if let Some(why) = nobody_asks(cx, &record) {
        let hint = format!("ask one of them for `ai approve {}`", record.id);
        return Err(Refusal::MergeConflict { why, hint }.into());
    }
    let mut question = Question::about(Action::ApprovalGrant);
    question.resource.task = record.resource.task.clone();
    ask::or_refuse(tx, cx, question)?;
    Ok(record)
}

/// The decision that an id names, or the one question about a task that waits.
pub fn named(tx: &mut dyn Tx, cx: &Cx, typed: &str) -> Result<DecisionRecord, OpError> {
    match typed.strip_prefix("t-") {
        Some(_) => of_task(tx, cx, typed),
        None => find(tx, typed),
    }
}

/// True where the actor has said yes to this record before.
fn has_said(record: &DecisionRecord, cx: &Cx) -> bool {
    let said = record.answers.iter().map(|answer| &answer.word.by);
    said.chain(record.overridden.iter().map(|word| &word.by))
        .any(|by| approval::is_same_person(&cx.actor, by))
}

/// The one question about a task that waits.
fn of_task(tx: &mut dyn Tx, cx: &Cx, typed: &str) -> Result<DecisionRecord, OpError> {
    let id = cx::resolve(tx, typed)?;
    let mut found = waiting_among(tx, cx.now.wall_ms, Some(&id))?;
    match found.len() {
        1 => Ok(found.remove(0).decision),
        0 => Err(Refusal::MergeConflict {
            why: format!("nothing about {id} waits for a yes"),
            hint: "`ai approvals` lists what waits; an answered decision goes by its own id".into(),
        }
        .into()),
        _ => {
            let names: Vec<String> = found.into_iter().map(|one| one.decision.id).collect();
            let why = format!("several questions about {id} wait: {}", names.join(", "));
            let hint = "`ai approvals` says what each asks; answer one by its own id".to_owned();
            Err(Refusal::Unclear { why, hint }.into())
        }
    }
}

/// The reason why the actor's word counts for no rule that asks; nothing where it does for one.
fn nobody_asks(cx: &Cx, record: &DecisionRecord) -> Option<String> {
    let needs = needs_of(record);
    let wanted = |by: &[String]| by.is_empty() || policy::is_one_of(&cx.actor, by);
    if needs.iter().any(|(_, need)| wanted(&need.by)) {
        return None;
    }
    let (rule, need) = needs.first()?;
    Some(format!(
        "the rule `{rule}` wants the word of {}, and {} is not among them",
        need.by.join(", "),
        cx.actor
    ))
}

fn word(cx: &Cx, reason: &str) -> Override {
    Override {
        by: cx.actor.clone(),
        reason: reason.to_owned(),
        at_ms: cx.now.wall_ms,
    }
}

fn answered(record: &DecisionRecord, says: Says, word: Override) -> Event {
    Event::Answered {
        decision: record.id.clone(),
        task: record.resource.task.clone().map(TaskId),
        answer: Reply { says, word },
    }
}

/// Gives the task back to the queue that was waiting for this very answer, once it is a yes.
fn go_on(
    tx: &mut dyn Tx,
    cx: &Cx,
    record: &DecisionRecord,
    standing: &ApprovalStanding,
) -> Result<Option<Task>, OpError> {
    let Some(task) = asked_about(tx, record)? else {
        return Ok(None);
    };
    if *standing != ApprovalStanding::Approved || !waits_for(&task, record) {
        return Ok(None);
    }
    cx.record(
        tx,
        &Event::TaskUnheld {
            task: task.id.clone(),
        },
    )?;
    Ok(tx.task(&task.id)?)
}

/// Sends the task back that was waiting for this very answer, or whose work in review it is about.
fn send_back(
    tx: &mut dyn Tx,
    cx: &Cx,
    record: &DecisionRecord,
    reason: &str,
) -> Result<Option<Task>, OpError> {
    let Some(task) = asked_about(tx, record)? else {
        return Ok(None);
    };
    let is_held = waits_for(&task, record);
    if !is_held && !is_reviewed(&task, record) {
        return Ok(None);
    }
    ask::or_refuse(tx, cx, Question::on_task(Action::TaskReject, &task))?;
    if let TaskState::Review { run } = &task.state
        && let Some(run) = tx.run(run)?
    {
        let judged = judgement::question(&task, &run, Judgement::Rejected);
        ask::where_rules_speak(tx, cx, &judged)?;
    }
    if is_held {
        cx.record(
            tx,
            &Event::TaskUnheld {
                task: task.id.clone(),
            },
        )?;
    }
    let note = Note {
        at_ms: cx.now.wall_ms,
        by: cx.actor.clone(),
        text: format!(
            "{SENT_BACK}no to {} ({}): {reason}",
            record.action, record.reason
        ),
    };
    cx.record(
        tx,
        &Event::TaskRejected {
            task: task.id.clone(),
            note,
        },
    )?;
    Ok(tx.task(&task.id)?)
}

fn asked_about(tx: &mut dyn Tx, record: &DecisionRecord) -> Result<Option<Task>, OpError> {
    match record.resource.task.clone().map(TaskId) {
        Some(task) => Ok(tx.task(&task)?),
        None => Ok(None),
    }
}
