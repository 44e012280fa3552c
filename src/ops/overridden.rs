//! The overrides in force: where the store remembers them, and what an answer is under them.
//!
//! They stand in the store's memory of itself, so that a store that is made anew from its log has none: what is
//! forgotten here is stricter. They are looked at only where an answer would refuse.

use crate::domain::decision::DecisionRecord;
use crate::domain::policy_override::PolicyOverride;
use crate::domain::time::WallMs;
use crate::ops::cx::{Cx, PolicyAtHand};
use crate::ops::error::OpError;
use crate::policy::{self, ShownOverride};
use crate::store::Tx;

/// The place in the store's memory.
const KEY: &str = "policy_overrides";

/// The overrides that have not ended, oldest first, each with how it stands to this policy; without one nobody
/// can tell.
pub fn shown(
    tx: &mut dyn Tx,
    policy: Option<&PolicyAtHand>,
    now_ms: WallMs,
) -> Result<Vec<ShownOverride>, OpError> {
    let active = active(tx, now_ms)?.into_iter();
    Ok(active
        .map(|one| ShownOverride::of(policy.map(PolicyAtHand::state), one))
        .collect())
}

/// The overrides in force, oldest first.
pub fn active(tx: &mut dyn Tx, now_ms: WallMs) -> Result<Vec<PolicyOverride>, OpError> {
    let text = tx.meta(KEY)?;
    // A memory that cannot be read has nothing in force.
    let all: Vec<PolicyOverride> = text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    Ok(all
        .into_iter()
        .filter(|one| one.is_active(now_ms))
        .collect())
}

/// Takes back in an answer what overrides in force take back.
pub fn apply(tx: &mut dyn Tx, cx: &Cx, record: &mut DecisionRecord) -> Result<(), OpError> {
    if !record.effect.lets_through() {
        let active = active(tx, cx.now.wall_ms)?;
        policy::soften(cx.policy.state(), record, &active, cx.rules.case);
    }
    Ok(())
}

/// Keeps these as those in force.
pub(super) fn remember(tx: &mut dyn Tx, all: &[PolicyOverride]) -> Result<(), OpError> {
    // Texts and numbers always serialise; nothing in force stands for the impossible rest.
    let text = serde_json::to_string(all).unwrap_or_else(|_| "[]".to_owned());
    Ok(tx.set_meta(KEY, &text)?)
}
