//! What people say about recurring work: on, off, and now.

use std::path::Path;

use crate::base::text::one_line;
use crate::domain::agent::Name;
use crate::domain::recurring::{RecurringSwitch, RecurringWord};
use crate::domain::task::Task;
use crate::ops::create;
use crate::ops::cx::Cx;
use crate::ops::error::OpError;
use crate::ops::recurring::file::{RecurringTemplate, shown};
use crate::ops::recurring::fire;
use crate::ops::recurring::memory::{memory, say};
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::trust;
use crate::store::Tx;

/// Whether something was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switched {
    /// The state is another one than before.
    Now,
    /// The state was the wanted one before.
    Already,
}

/// Switches it on: its moments count from now. Only a person may, and a task that could never be created is refused. Where it is on already, nothing is changed, unless the
/// clock of the machine was set back behind the last moment.
pub fn enable(
    tx: &mut dyn Tx,
    cx: &Cx,
    (name, template): (&Name, &RecurringTemplate),
) -> Result<Switched, OpError> {
    trust::require_person(tx, cx)?;
    create::look_over(tx, &cx.rules.modules, &template.task)?;
    let mut memory = memory(tx)?;
    let standing = memory.of(name.as_str());
    let is_ahead = standing.is_ahead_of(cx.now.wall_ms);
    let is_same = standing.clock == template.clock.mark();
    if standing.switch == RecurringSwitch::On && is_same && !is_ahead {
        return Ok(Switched::Already);
    }
    let word = RecurringWord::Enabled {
        name: name.to_string(),
        clock: template.clock.mark(),
    };
    say(tx, cx, &mut memory, word)?;
    Ok(Switched::Now)
}

/// Refuses a file that is not trusted on this machine as it is now.
pub fn require_trust(
    common_dir: &Path,
    (name, template): (&Name, &RecurringTemplate),
) -> Result<(), OpError> {
    if template.is_trusted(name, &trust::trusted(common_dir)?) {
        return Ok(());
    }
    let file = shown(name.as_str());
    let why = format!("an agent given the task of {file}");
    Err(Refusal::Untrusted(why).into())
}

/// Switches it off, also where its file is gone or cannot be used. Only a person may.
pub fn disable(tx: &mut dyn Tx, cx: &Cx, name: &str) -> Result<Switched, OpError> {
    trust::require_person(tx, cx)?;
    let mut memory = memory(tx)?;
    if memory.of(name).switch == RecurringSwitch::Off {
        return Ok(Switched::Already);
    }
    let name = name.to_owned();
    say(tx, cx, &mut memory, RecurringWord::Disabled { name })?;
    Ok(Switched::Now)
}

/// Creates the task now, in the name of whoever asks for it, whatever the clock says.
pub fn run(tx: &mut dyn Tx, cx: &Cx, work: (&Name, &RecurringTemplate)) -> Result<Task, OpError> {
    fire::by_hand(tx, cx, work)
}

/// Refuses a name that nothing is known of.
pub fn unknown(typed: &str) -> OpError {
    let id = one_line(typed);
    let what = Thing::Recurring;
    Refusal::NotFound { what, id }.into()
}
