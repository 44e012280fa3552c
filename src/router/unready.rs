//! Agents that cannot be started on this machine are passed over where another one can.

use std::collections::BTreeMap;

use crate::router::model::{Candidate, Pin};

/// Takes those out that cannot be started here, where another one can; `unready` says why, by
/// agent. Somebody who was named, or who is alone, is told what is missing by the start itself.
pub fn pass_over_unready(
    unready: &BTreeMap<String, String>,
    pin: &Pin,
    candidates: &mut [Candidate],
) {
    let cannot_start = |one: &Candidate| one.unusable.is_some() || unready.contains_key(&one.name);
    if candidates.iter().all(cannot_start) {
        return;
    }
    for one in candidates {
        if one.unusable.is_none() && pin.name() != Some(one.name.as_str()) {
            one.unusable = unready.get(&one.name).cloned();
        }
    }
}
