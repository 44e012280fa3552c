//! Stopping a supervised command from outside: a lost lease, an interrupt, a limit that only the
//! caller can see.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::domain::process_end::StopReason;
use crate::process::guard::LeaseFence;

/// Stops a supervised command. Clones stop the same command; the first reason stands. It also
/// carries the lease under which the command runs, and which stops it where it is not renewed.
#[derive(Debug, Clone)]
pub struct CancelToken {
    reason: Arc<watch::Sender<Option<StopReason>>>,
    fence: LeaseFence,
}

impl CancelToken {
    /// A token that has not been used.
    pub fn new() -> Self {
        Self {
            reason: Arc::new(watch::Sender::new(None)),
            fence: LeaseFence::default(),
        }
    }

    /// Asks for the stop; a later reason changes nothing.
    pub fn cancel(&self, reason: StopReason) {
        self.reason.send_if_modified(|current| {
            let first = current.is_none();
            current.get_or_insert(reason);
            first
        });
    }

    /// Takes note that the lease of length `ttl` lapses at `expires_ms` of the boot clock. Should
    /// nothing be heard for two thirds of that length, the command's keeper ends it by itself.
    pub fn lease_renewed(&self, expires_ms: i64, ttl: Duration) {
        self.fence.renewed(expires_ms, ttl);
    }

    /// The lease, as keepers hear of it.
    pub(in crate::process) fn fence(&self) -> &LeaseFence {
        &self.fence
    }

    /// Takes back the stop for a limit: what was to be stopped has ended. Any other reason stands.
    pub fn lift_limit(&self) {
        self.reason.send_if_modified(|current| {
            let is_limit = matches!(current, Some(StopReason::Limit(_)));
            is_limit.then(|| current.take()).is_some()
        });
    }

    /// The reason, once there is one.
    pub fn reason(&self) -> Option<StopReason> {
        self.reason.borrow().clone()
    }

    /// Waits for the reason. May be dropped and called again.
    pub async fn cancelled(&self) -> StopReason {
        let mut seen = self.reason.subscribe();
        loop {
            if let Some(reason) = seen.borrow_and_update().clone() {
                return reason;
            }
            if seen.changed().await.is_err() {
                // The sender lives in `self`, so it cannot be gone; without one there is nothing to
                // wait for.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Default for CancelToken {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stands() {
        let token = CancelToken::new();
        assert_eq!(token.reason(), None);
        token.clone().cancel(StopReason::LeaseLost);
        token.cancel(StopReason::Interrupted);
        assert_eq!(token.reason(), Some(StopReason::LeaseLost));
    }
}
