//! The policy of the commit on which a checkout stands, beside the one that lies in the checkout.
//!
//! Whoever may write in a checkout may write its policy; one who edits it there has not changed it until that
//! is committed, which is asked about. So for agents both answer, and the stricter one counts (ADR 0070).
//!
//! Deliberately absent: where that policy lies, and what it is. Whoever has it gives a function, which is
//! called when an agent is asked about and not before.

use std::fmt;
use std::sync::{Arc, LazyLock};

/// A policy `P` that is read when it is first asked for; nothing where the commit has none.
#[derive(Clone)]
pub(super) struct Committed<P>(Arc<LazyLock<Option<P>, ReadCommitted<P>>>);

type ReadCommitted<P> = Box<dyn FnOnce() -> Option<P> + Send>;

impl<P> Committed<P> {
    /// The policy that `read` will bring.
    pub(super) fn when_asked(read: impl FnOnce() -> Option<P> + Send + 'static) -> Committed<P> {
        Committed(Arc::new(LazyLock::new(Box::new(read))))
    }

    /// The policy.
    pub(super) fn policy(&self) -> Option<&P> {
        LazyLock::force(&self.0).as_ref()
    }
}

impl<P> fmt::Debug for Committed<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Committed")
    }
}
