//! How long an agent is left alone that its provider has refused, for quota or login, or since it
//! was down.

use crate::domain::agent_event::StreamOutcome;
use crate::domain::backoff::{PauseCause, pause_ms};
use crate::domain::run::Run;
use crate::domain::time::WallMs;
use crate::domain::verdict::Lifecycle;

/// Pause of an agent whose login was refused, in milliseconds: a person must act, and other tasks
/// need not fail meanwhile.
pub(crate) const LOGIN_PAUSE_MS: i64 = 900_000;

/// Refusals of a task in a row after which it waits for a person: a provider that was down, or out
/// of quota, for most of a day may not come back by itself.
pub const MOST_REFUSALS: u32 = 24;

/// The refusal of an agent by its provider, as far as that decides how long it is left alone.
#[derive(Debug, Clone, Copy)]
pub struct ProviderRefusal<'a> {
    /// The end of the run on the verdict table's first axis.
    pub lifecycle: Lifecycle,
    /// The connector's conclusion from the agent's stream.
    pub stream: &'a StreamOutcome,
    /// Number of refusals in a row before this one that passed by themselves.
    pub before: u32,
    /// Decides where the pause lies within its spread: the id of the run.
    pub seed: &'a str,
}

impl ProviderRefusal<'_> {
    /// Until when the agent is not to be asked again. Where the provider names no time, the pause
    /// grows with each refusal before this one. Absent where the run did not end by a refusal: one
    /// that was stopped meanwhile is no reason to leave its agent alone.
    pub fn paused_until_ms(&self, now_ms: WallMs) -> Option<WallMs> {
        if !self.lifecycle.is_refused_by_provider() {
            return None;
        }
        match self.stream {
            StreamOutcome::Quota {
                retry_at_ms: Some(at),
                ..
            } => Some(*at),
            StreamOutcome::Quota {
                after_ms: Some(ms), ..
            } => Some(now_ms.saturating_add(i64::try_from(*ms).unwrap_or(i64::MAX))),
            StreamOutcome::Quota { .. } => {
                Some(now_ms + pause_ms(PauseCause::Quota, self.before, self.seed))
            }
            StreamOutcome::Failed { class, .. } => {
                Some(now_ms + pause_ms(PauseCause::Failure(*class), self.before, self.seed))
            }
            StreamOutcome::Auth { .. } => Some(now_ms + LOGIN_PAUSE_MS),
            _ => None,
        }
    }
}

/// Counts the refusals of a task in a row for quota, or by a provider that was down, by its runs so
/// far, oldest first. Runs that have not ended say nothing.
pub fn refused_in_a_row(runs: &[Run]) -> u32 {
    let ended = runs.iter().rev().filter_map(|run| run.end.as_ref());
    let refused = ended.take_while(|end| end.cell.lifecycle.passes_by_itself());
    u32::try_from(refused.count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "pause_tests.rs"]
mod tests;
