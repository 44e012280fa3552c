//! How much of what `ai` is meant for is used. Only what comes near its limit is told.

use crate::base::text::size;
use crate::config::Trees;
use crate::ops::doctor::{Finding, Patient};
use crate::ops::{gc, project, queue_room};
use crate::store::{EventFilter, Flow, Store, StoreError};

/// Records of the log that a store is meant for. More are not refused; what follows the whole chain takes time in proportion.
pub const RECORDS: u64 = 1_000_000;
/// From this part of a limit on it is told, in percent.
pub const WARNED_FROM: u64 = 80;

/// Something that has a limit.
struct Use {
    what: &'static str,
    used: u64,
    most: u64,
    shown: fn(u64) -> String,
    next: &'static str,
}

impl Use {
    fn finding(&self) -> Option<Finding> {
        let near = u128::from(self.used) * 100 >= u128::from(self.most) * u128::from(WARNED_FROM);
        near.then(|| {
            let (used, most) = ((self.shown)(self.used), (self.shown)(self.most));
            Finding::warn("limits", format!("{}: {used} of {most}", self.what)).next(self.next)
        })
    }
}

pub(super) fn look(patient: &Patient<'_>, store: &mut dyn Store, findings: &mut Vec<Finding>) {
    // A configuration that cannot be read is told elsewhere.
    let config = patient
        .root
        .and_then(|root| project::config(root, &Trees::none()).ok());
    let config = config.unwrap_or_default();
    let state = project::state_dir(&patient.place.common_dir);
    let read = store.read(|tx| {
        let mut records = 0;
        let newest = EventFilter {
            last: Some(1),
            ..EventFilter::default()
        };
        tx.events(&newest, &mut |event| {
            records = event.seq;
            Ok(Flow::More)
        })?;
        let waiting = queue_room::waiting(tx)?;
        Ok::<_, StoreError>((records, waiting, gc::occupied(tx, &state)?))
    });
    let (records, waiting, output) = match read {
        Ok(read) => read,
        Err(error) => return findings.push(Finding::bad("limits", error.to_string())),
    };
    let mut uses = vec![Use {
        what: "records of the log",
        used: records,
        most: RECORDS,
        shown: |n| n.to_string(),
        next: "`ai export` writes the tasks for a fresh store; this one stays readable",
    }];
    uses.extend(config.scheduler.max_queue_size.map(|most| Use {
        what: "tasks that wait (`scheduler.max_queue_size`)",
        used: waiting,
        most: u64::from(most),
        shown: |n| n.to_string(),
        next: "ai schedule",
    }));
    uses.extend(config.retention.size_mb.map(|most| Use {
        what: "output of agents (`retention.size_mb`)",
        used: output,
        most: u64::from(most) << 20,
        shown: size,
        next: "ai gc --dry-run",
    }));
    findings.extend(uses.iter().filter_map(Use::finding));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_its_limit_is_told() {
        let at = |used, most| {
            let one = Use {
                what: "things",
                used,
                most,
                shown: |n| n.to_string(),
                next: "do it",
            };
            one.finding().map(|finding| finding.text)
        };
        assert_eq!(at(799, 1000), None);
        assert_eq!(at(800, 1000).as_deref(), Some("things: 800 of 1000"));
        assert_eq!(at(u64::MAX, u64::MAX).map(|_| ()), Some(()));
        assert_eq!(at(0, 0).as_deref(), Some("things: 0 of 0"));
    }
}
