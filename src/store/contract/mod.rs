//! What every backend must do, as tests over any of them. A backend names its [`Backend`] and calls
//! [`contract_tests`].

mod leases;
mod log;
mod records;
mod sums;
mod tasks;
mod transactions;

use std::sync::mpsc;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::domain::event::{Event, TaskEdit};
use crate::domain::event_chain::{CHAIN_START, record_hash};
use crate::domain::ids::{Subject, TaskId};
use crate::domain::lease::Lease;
use crate::domain::path_pattern::{overlap, prefix_candidates};
use crate::domain::run::RunStep;
use crate::domain::task::{BlockReason, Hold, Proof, Task, TaskState};
use crate::domain::time::{LeaseInstant, Now};
use crate::store::memory::MemoryTables;
use crate::store::testing::*;
use crate::store::{EventFilter, Flow, Lasting, Store, StoreError, TaskFilter, TaskSort, Tx};

/// An open store of some backend.
pub(crate) type Open = Box<dyn Store>;

/// A place that holds one store, to be opened as often as wanted.
pub(crate) trait Backend: Sync {
    /// A place with a new store in it, whose id is `store-id`.
    fn fresh() -> Self;
    /// Another connection to it.
    fn open(&self) -> Open;
}

/// One test for each clause of the contract.
macro_rules! contract_tests {
    ($backend:ty) => {
        $crate::store::contract::contract_tests! { $backend:
            tasks_are_read_as_they_were_written, prefixes_find_full_ids_in_order, ready_is_most_urgent_then_oldest,
            lists_filter_sort_and_limit, a_list_stops_when_told, finishing_unblocks_in_the_same_transaction,
            edges_are_listed_and_removed, a_lease_moves_and_goes_with_its_locks, lock_candidates_never_miss,
            leases_lapse_by_their_own_clock, runs_are_active_until_they_end, evidence_and_decisions_keep_their_order,
            events_are_numbered_chained_and_filtered, a_failed_closure_leaves_nothing, what_lasts_later_is_whole_and_seen_at_once, writers_do_not_interleave,
            readers_see_whole_transactions, the_tally_is_a_count, meta_is_kept, a_log_is_imported_as_it_was,
            only_a_creation_can_be_forgotten, the_clock_is_read_when_asked, rows_are_added_once, rows_that_make_no_sense_are_refused,
            ended_runs_are_summed, a_pause_ends_by_a_good_run_that_began_later, streams_of_events_stop_when_told,
        }
    };
    ($backend:ty: $($clause:ident),+ $(,)?) => {
        $(#[test]
        fn $clause() {
            $crate::store::contract::$clause::<$backend>();
        })+
    };
}
pub(crate) use contract_tests;
pub(crate) use {leases::*, log::*, records::*, sums::*, tasks::*, transactions::*};

fn filled<B: Backend>(events: &[Event]) -> (B, Open) {
    let backend = B::fresh();
    let mut store = backend.open();
    store.write(|tx| record(tx, events)).unwrap();
    (backend, store)
}

fn read<T>(store: &mut Open, work: impl FnOnce(&mut dyn Tx) -> Result<T, StoreError>) -> T {
    store.read(work).unwrap()
}

fn get(store: &mut Open, name: &str) -> Task {
    read(store, |tx| tx.task(&id(name))).unwrap()
}

fn names(ids: &[TaskId]) -> Vec<&str> {
    ids.iter()
        .map(|id| id.as_str().trim_start_matches("t-"))
        .collect()
}

fn done(name: &str) -> Event {
    Event::TaskDone {
        task: id(name),
        proof: Proof::Overridden {
            reason: "r".into(),
            by: ann(),
        },
    }
}
