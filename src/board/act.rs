//! What the keys of the board do: the operations of the commands, with the same questions to the policy and the same
//! refusals.
//!
//! Each is carried out by a thread of its own with a workspace of its own, so that the board goes on while the checks of
//! an accept run. Absent: any question to the person, which the board has asked before.

use crate::app::error::AppError;
use crate::app::lease_time::lease_ms;
use crate::app::token;
use crate::app::workspace::{Workspace, now};
use crate::base::columns::folded;
use crate::base::shown_time::local;
use crate::base::text::{flowing, one_line};
use crate::domain::approval::ApprovalStanding;
use crate::domain::daemon::{OrderKind, StandingOrder};
use crate::domain::decision::DecisionRecord;
use crate::domain::ids::TaskId;
use crate::ops::accept::{self, AcceptOrder};
use crate::ops::claim::{self, Which};
use crate::ops::cx::commit;
use crate::ops::daemon::{self, DaemonPlace};
use crate::ops::run::origin::destination;
use crate::ops::send::{self, AddressBook};
use crate::ops::{accepted_run, approve, backup, edit, reject};
use crate::store::{Access, Store};

/// Something that a key does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BoardAct {
    /// Claims a task for the person.
    Claim(String),
    /// Says yes to a decision.
    Approve(String),
    /// Takes the work of a run over.
    Accept(String),
    /// Sends the work of a task back with a note.
    Reject(String, String),
    /// Writes to whoever works on a task.
    Message(String, String),
    /// Queues a task again.
    Retry(String),
    /// Has the daemon start nothing more.
    Pause,
    /// Takes that back.
    Resume,
}

impl BoardAct {
    /// The act while it goes on.
    pub(super) fn at_work(&self) -> String {
        match self {
            BoardAct::Claim(task) => format!("claiming {task}"),
            BoardAct::Approve(decision) => format!("saying yes to {decision}"),
            BoardAct::Accept(run) => format!("accepting {run}; its checks may have to run again"),
            BoardAct::Reject(task, _) => format!("sending {task} back"),
            BoardAct::Message(task, _) => format!("writing to {task}"),
            BoardAct::Retry(task) => format!("queueing {task} again"),
            BoardAct::Pause => "pausing the daemon".to_owned(),
            BoardAct::Resume => "letting the daemon go on".to_owned(),
        }
    }
}

/// Something that a key does once the person has said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BoardWish {
    /// A yes to the question that waits about a task.
    Approve,
    /// Taking over the work that waits for a review.
    Accept,
}

/// A question to the person, about exactly what would be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardQuestion {
    /// The question, without its mark.
    pub(super) text: String,
    /// What is done after a yes.
    pub(super) act: BoardAct,
}

impl BoardQuestion {
    /// The question as it is asked.
    pub(super) fn asked(&self) -> String {
        format!("{}? [y/N]", self.text)
    }

    /// True where all of it can be read on a screen of this size: a yes is to what was shown.
    pub(super) fn fits(&self, (columns, rows): (u16, u16)) -> bool {
        folded(&self.asked(), usize::from(columns)).len() <= usize::from(rows)
    }
}

/// Looks up what a wish would do.
pub(super) fn question(
    workspace: &Workspace,
    store: &mut dyn Store,
    (task, wish): (&str, BoardWish),
) -> Result<BoardQuestion, AppError> {
    match wish {
        BoardWish::Approve => {
            let cx = workspace.cx_for_reading()?;
            let record = store.read(|tx| approve::named(tx, &cx, task))?;
            Ok(BoardQuestion {
                text: format!(
                    "say yes to {} for {}: {}: {}{}",
                    record.action,
                    one_line(&record.actor.label()),
                    one_line(&record.rule),
                    flowing(&record.reason),
                    said(&record)
                ),
                act: BoardAct::Approve(record.id),
            })
        }
        BoardWish::Accept => {
            let config = workspace.config()?;
            // What would be refused whatever the answer is not asked about.
            let (task, run) = store.read(|tx| accept::acceptable(tx, config, task))?;
            let goes = destination(&config.accept, &run);
            let verdict = run
                .end
                .as_ref()
                .map_or("no verdict", |end| end.outcome.as_str());
            let title = one_line(&task.title);
            Ok(BoardQuestion {
                text: format!("accept {} ({verdict}), it {goes}: {title}", run.id),
                act: BoardAct::Accept(run.id.to_string()),
            })
        }
    }
}

/// The text to which a yes is wanted, where it is about one.
fn said(record: &DecisionRecord) -> String {
    let facts = record.facts.as_ref();
    let note = facts.and_then(|facts| facts.note.as_deref());
    note.map_or(String::new(), |note| format!(": \"{}\"", flowing(note)))
}

/// Does it; returns what has come of it, in a line.
pub(super) fn carry_out(workspace: &Workspace, act: &BoardAct) -> Result<String, AppError> {
    let told = carried_out(workspace, act)?;
    Ok(match workspace.scrubbed().as_slice() {
        [] => told,
        kinds => format!(
            "{told}; a secret was typed ({}) and was not stored",
            kinds.join(", ")
        ),
    })
}

fn carried_out(workspace: &Workspace, act: &BoardAct) -> Result<String, AppError> {
    match act {
        BoardAct::Claim(task) => claim(workspace, task),
        BoardAct::Approve(decision) => yes(workspace, decision),
        BoardAct::Accept(run) => take_over(workspace, run),
        BoardAct::Reject(task, note) => send_back(workspace, task, note),
        BoardAct::Message(task, text) => write_to(workspace, task, text),
        BoardAct::Retry(task) => {
            let cx = workspace.cx()?;
            let mut store = workspace.open_store(Access::Write)?;
            let task = commit(&mut *store, &cx, |tx, cx| edit::retry(tx, cx, task))?;
            Ok(format!("{} is {} again", task.id, task.status_text()))
        }
        BoardAct::Pause => pause(workspace),
        BoardAct::Resume => {
            workspace.refuse_agents("let the daemon go on")?;
            daemon::give_order(&DaemonPlace::of(&workspace.state_dir()?), None)?;
            Ok("nothing holds the daemon back".to_owned())
        }
    }
}

fn claim(workspace: &Workspace, task: &str) -> Result<String, AppError> {
    let ttl_ms = lease_ms(workspace, None)?;
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let claimed = claim::run(&mut *store, &cx, &Which::Task(task.to_owned()), ttl_ms)?;
    token::keep(workspace, &claimed.lease, &claimed.token)?;
    let warnings: Vec<String> = claimed
        .warnings
        .iter()
        .map(|one| format!("; {}", flowing(one)))
        .collect();
    Ok(format!(
        "{task} is claimed until {}; `ai task release {task}` gives it back{}",
        local(claimed.lease.expires_ms),
        warnings.concat()
    ))
}

fn yes(workspace: &Workspace, decision: &str) -> Result<String, AppError> {
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let done = commit(&mut *store, &cx, |tx, cx| {
        approve::approve(tx, cx, decision, "approved")
    })?;
    Ok(match &done.standing {
        ApprovalStanding::Approved => format!("{decision} is approved"),
        ApprovalStanding::Waits(_) => {
            format!("your yes to {decision} is kept, and more is wanted; `ai approvals` says whose")
        }
        ApprovalStanding::SaidNo(word) => format!("{decision}: {} says no", word.by),
    })
}

fn take_over(workspace: &Workspace, run: &str) -> Result<String, AppError> {
    let kept = token::at_hand(workspace)?;
    let world = workspace.world(Box::new(|_| ()))?;
    let mut store = workspace.open_store(Access::Write)?;
    let order = AcceptOrder {
        typed: run,
        overridden: None,
        message: None,
        kept: &kept,
    };
    let accepted = accept::accept(&world, &mut *store, &order)?;
    let rolled = backup::roll_if_due(&workspace.state_dir()?, now().wall_ms, backup::MAX_AGE);
    let warning = rolled.err().map_or(String::new(), |error| {
        format!("; no backup could be taken: {error}")
    });
    let place = match accepted.target.as_deref() {
        Some(target) => format!(
            "is in {}",
            one_line(target.trim_start_matches("refs/heads/"))
        ),
        None => "stays on its own branch".to_owned(),
    };
    let id = &accepted.task.id;
    Ok(format!(
        "{id} is done, and {place}; `ai undo {id}` takes it back{warning}"
    ))
}

fn send_back(workspace: &Workspace, task: &str, note: &str) -> Result<String, AppError> {
    let cx = workspace.cx()?;
    let place = workspace.place()?.clone();
    let mut store = workspace.open_store(Access::Write)?;
    accepted_run::refuse_landed(&place, &mut *store, &TaskId(task.to_owned()))?;
    let task = reject::reject(&mut *store, &cx, task, note)?;
    Ok(format!(
        "{} is sent back with your note, and {}",
        task.id,
        task.status_text()
    ))
}

/// The same as `ai send task:ID TEXT`: in full, since an agent may have the name of the task.
fn write_to(workspace: &Workspace, task: &str, text: &str) -> Result<String, AppError> {
    let book = AddressBook::of(workspace.root()?)?;
    let cx = workspace.cx()?;
    let mut store = workspace.open_store(Access::Write)?;
    let to = format!("task:{task}");
    let sent = commit(&mut *store, &cx, |tx, cx| {
        send::send(tx, cx, &book, (&to, text))
    })?;
    let warnings: Vec<String> = sent
        .warnings
        .iter()
        .map(|one| format!("; {}", flowing(one)))
        .collect();
    Ok(format!(
        "{} to {task}: {}{}",
        sent.message.id,
        sent.goes.told(),
        warnings.concat()
    ))
}

fn pause(workspace: &Workspace) -> Result<String, AppError> {
    workspace.refuse_agents("hold the daemon back")?;
    let order = StandingOrder {
        kind: OrderKind::Pause,
        reason: None,
        by: workspace.actor()?.to_string(),
        at_ms: now().wall_ms,
    };
    daemon::give_order(&DaemonPlace::of(&workspace.state_dir()?), Some(&order))?;
    Ok("the daemon starts nothing more; what is at work goes on".to_owned())
}
