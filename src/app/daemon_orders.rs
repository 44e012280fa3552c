//! The orders of people to the daemon of a repository, by whichever front end they are given.

use crate::app::error::AppError;
use crate::app::workspace::{Workspace, now};
use crate::base::text::one_line;
use crate::domain::daemon::{OrderKind, StandingOrder};
use crate::ops::daemon::{self, DaemonPlace};
use crate::store::Access;

/// Has nothing more started until somebody takes it back. The reason is kept without secrets.
pub fn hold_back(
    workspace: &Workspace,
    (kind, reason): (OrderKind, Option<&str>),
) -> Result<StandingOrder, AppError> {
    workspace.refuse_agents("hold the daemon back")?;
    // Where no store is, there is nothing to hold back.
    workspace.open_store(Access::Read)?;
    let place = DaemonPlace::of(&workspace.state_dir()?);
    let scrub = workspace.scrub()?;
    let order = StandingOrder {
        kind,
        reason: reason.map(|text| scrub.redactor().redact_text(&one_line(text))),
        by: workspace.actor()?.to_string(),
        at_ms: now().wall_ms,
    };
    daemon::give_order(&place, Some(&order))?;
    Ok(order)
}

/// Takes back what has held the daemon back.
pub fn let_go_on(workspace: &Workspace) -> Result<(), AppError> {
    workspace.refuse_agents("let the daemon go on")?;
    let place = DaemonPlace::of(&workspace.state_dir()?);
    Ok(daemon::give_order(&place, None)?)
}
