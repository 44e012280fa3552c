//! Dealing with a moment of recurring work: the task and the word that it was created are one transaction, so that of
//! two who look at once, or of one that is killed, there is one task or none.

use crate::domain::agent::Name;
use crate::domain::approval::{ApprovalStanding, HOLDS_MS};
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::recurring::{
    AskedMoment, DueSight, RecurringDue, RecurringStanding, RecurringSwitch, RecurringWord, due,
};
use crate::domain::task::{RecurringOrigin, Task};
use crate::domain::time::WallMs;
use crate::ops::create::{self, NewTask};
use crate::ops::cx::Cx;
use crate::ops::error::{OpError, Refused};
use crate::ops::failpoint;
use crate::ops::recurring::file::RecurringTemplate;
use crate::ops::recurring::memory::{memory, open_tasks, say};
use crate::ops::standing::standing as question_standing;
use crate::store::{StoreError, Tx};

/// The result of one step.
pub(super) enum FiredStep {
    /// Nothing was due.
    NotYet(Option<WallMs>),
    /// This was recorded; more may be due.
    Said(Box<FiredWord>),
}

/// A word that was recorded, with what it came from.
pub(super) struct FiredWord {
    /// The word.
    pub(super) word: RecurringWord,
    /// The task that was created.
    pub(super) task: Option<Task>,
    /// The refusal of one that was not.
    pub(super) refusal: Option<OpError>,
}

impl FiredWord {
    fn alone(word: RecurringWord) -> FiredWord {
        FiredWord {
            word,
            task: None,
            refusal: None,
        }
    }
}

/// The decision for a name at this moment.
pub(super) fn due_now(
    tx: &mut dyn Tx,
    template: &RecurringTemplate,
    standing: &RecurringStanding,
    now_ms: WallMs,
) -> Result<RecurringDue, OpError> {
    if standing.switch == RecurringSwitch::Off {
        return Ok(RecurringDue::NotYet(None));
    }
    let open = open_task(tx, standing)?;
    let sight = DueSight {
        now_ms,
        began_ms: standing.began_ms,
        last_ms: standing.last_ms,
        open: open.as_ref(),
        asked: asked_about(tx, standing, now_ms)?,
    };
    Ok(due(&template.clock, template.rules, &sight))
}

/// The newest task, whoever asked for it, that is neither done nor given up.
pub(super) fn open_task(
    tx: &mut dyn Tx,
    standing: &RecurringStanding,
) -> Result<Option<TaskId>, StoreError> {
    Ok(open_tasks(tx, standing)?.pop())
}

/// The moment about which people were asked last, by what was said to that question; nothing where there is none, or
/// somebody said no.
pub(super) fn asked_about(
    tx: &mut dyn Tx,
    standing: &RecurringStanding,
    now_ms: WallMs,
) -> Result<Option<AskedMoment>, OpError> {
    let Some((at_ms, decision)) = standing.asked() else {
        return Ok(None);
    };
    let Some(record) = tx.decision(decision)? else {
        return Ok(None);
    };
    let until_ms = record.at_ms.saturating_add(HOLDS_MS);
    Ok(match question_standing(tx, &record, now_ms)? {
        ApprovalStanding::Approved => Some(AskedMoment::Approved { at_ms }),
        ApprovalStanding::Waits(_) => Some(AskedMoment::Waits { until_ms }),
        ApprovalStanding::SaidNo(_) => None,
    })
}

/// Nothing where something is due now; else the time of the next moment, if any comes.
pub(super) fn waits(
    tx: &mut dyn Tx,
    template: &RecurringTemplate,
    standing: &RecurringStanding,
    now_ms: WallMs,
) -> Result<Option<Option<WallMs>>, OpError> {
    if standing.switch == RecurringSwitch::On && standing.clock != template.clock.mark() {
        return Ok(None);
    }
    Ok(match due_now(tx, template, standing, now_ms)? {
        RecurringDue::NotYet(next) => Some(next),
        RecurringDue::Fire { .. } | RecurringDue::Skip { .. } => None,
    })
}

/// Deals with what is due, one moment, or several that are passed over together.
pub(super) fn step(
    tx: &mut dyn Tx,
    cx: &Cx,
    (name, template): (&Name, &RecurringTemplate),
) -> Result<FiredStep, OpError> {
    let mut memory = memory(tx)?;
    let standing = memory.of(name.as_str());
    if standing.switch == RecurringSwitch::Off {
        return Ok(FiredStep::NotYet(None));
    }
    let name = name.to_string();
    if standing.clock != template.clock.mark() {
        let clock = template.clock.mark();
        let word = RecurringWord::Rescheduled { name, clock };
        say(tx, cx, &mut memory, word.clone())?;
        return Ok(FiredStep::Said(Box::new(FiredWord::alone(word))));
    }
    let fired = match due_now(tx, template, &standing, cx.now.wall_ms)? {
        RecurringDue::NotYet(next) => return Ok(FiredStep::NotYet(next)),
        RecurringDue::Skip { at_ms, passed, why } => {
            let due_ms = at_ms;
            FiredWord::alone(RecurringWord::Skipped {
                name,
                due_ms,
                passed,
                why,
            })
        }
        RecurringDue::Fire { at_ms, passed } => {
            let origin = RecurringOrigin {
                name,
                due_ms: Some(at_ms),
            };
            create_for(tx, cx, (&template.task, &standing), origin, passed)?
        }
    };
    say(tx, cx, &mut memory, fired.word.clone())?;
    failpoint::hit("recurring-created")?;
    Ok(FiredStep::Said(Box::new(fired)))
}

/// Creates the task for a moment; where it is refused, that is recorded in the same transaction, so that nobody asks
/// again for the same moment.
fn create_for(
    tx: &mut dyn Tx,
    cx: &Cx,
    (new, standing): (&NewTask, &RecurringStanding),
    origin: RecurringOrigin,
    passed: u32,
) -> Result<FiredWord, OpError> {
    let (name, due_ms) = (origin.name.clone(), origin.due_ms);
    let new = NewTask {
        recurring: Some(origin),
        ..new.clone()
    };
    match create::create(tx, cx, &new) {
        Ok(task) => {
            let word = RecurringWord::Fired {
                name,
                task: task.id.clone(),
                due_ms,
                passed,
            };
            Ok(FiredWord {
                task: Some(task),
                ..FiredWord::alone(word)
            })
        }
        Err(OpError::Refused(refused)) => {
            let Refused { why, record } = *refused;
            for event in &record {
                cx.record(tx, event)?;
            }
            let told = format!("{why}");
            let word = RecurringWord::Refused {
                again: standing.was_refused_so(&told),
                name,
                due_ms: due_ms.unwrap_or(cx.now.wall_ms),
                why: told,
                decision: record.iter().find_map(asked).map(|one| one.id.clone()),
            };
            Ok(FiredWord {
                refusal: Some(why.into()),
                ..FiredWord::alone(word)
            })
        }
        Err(error) => Err(error),
    }
}

/// The question that a refusal has put to people.
fn asked(event: &Event) -> Option<&DecisionRecord> {
    match event {
        Event::Decided { record } if record.effect == Effect::RequireApproval => Some(record),
        _ => None,
    }
}

/// Creates the task now, because somebody asks for it, in that one's name.
pub(super) fn by_hand(
    tx: &mut dyn Tx,
    cx: &Cx,
    (name, template): (&Name, &RecurringTemplate),
) -> Result<Task, OpError> {
    let mut memory = memory(tx)?;
    let name = name.to_string();
    let origin = RecurringOrigin {
        name: name.clone(),
        due_ms: None,
    };
    let new = NewTask {
        recurring: Some(origin),
        ..template.task.clone()
    };
    let task = create::create(tx, cx, &new)?;
    let word = RecurringWord::Fired {
        name,
        task: task.id.clone(),
        due_ms: None,
        passed: 0,
    };
    say(tx, cx, &mut memory, word)?;
    Ok(task)
}
