use crate::base::rules::rules;
use crate::domain::stall::*;

const LIMIT: u64 = 1_000;
const STILL: Option<u64> = Some(LIMIT);
const BUSY: Option<u64> = Some(LIMIT - 1);
const UNSEEN: Option<u64> = None;

/// The word for it: output age, then CPU time and files.
fn at(output_ms: u64, cpu_ms: Option<u64>, files_ms: Option<u64>) -> &'static str {
    let signals = StallSignals {
        output_ms,
        cpu_ms,
        files_ms,
    };
    match judge(&signals, LIMIT) {
        StallState::Fine => "fine",
        StallState::Suspect(_) => "suspect",
        StallState::Stalled(_) => "stalled",
    }
}

rules! {
    one_that_prints_is_fine: at(LIMIT - 1, STILL, STILL) => "fine";
    one_that_printed_at_the_limit_is_not: at(LIMIT, BUSY, BUSY) => "suspect";
    no_output_no_cpu_and_no_file_is_a_stall: at(LIMIT, STILL, STILL) => "stalled";
    no_output_and_no_cpu_is_a_stall_where_files_cannot_be_seen: at(LIMIT, STILL, UNSEEN)
        => "stalled";
    no_output_and_no_file_is_a_stall_where_cpu_cannot_be_seen: at(LIMIT, UNSEEN, STILL)
        => "stalled";
    no_output_alone_is_suspect: at(LIMIT, UNSEEN, UNSEEN) => "suspect";
    a_long_computation_is_suspect: at(LIMIT, BUSY, STILL) => "suspect";
    a_computation_of_which_no_file_is_seen_is_suspect: at(LIMIT, BUSY, UNSEEN) => "suspect";
    one_that_writes_without_cpu_is_suspect: at(LIMIT, STILL, BUSY) => "suspect";
    one_that_writes_where_cpu_cannot_be_seen_is_suspect: at(LIMIT, UNSEEN, BUSY) => "suspect";
    patience_has_no_end_for_one_that_works_and_writes: at(LIMIT * 9, BUSY, BUSY) => "suspect";
    patience_ends_for_one_that_spins: at(LIMIT * 4, BUSY, Some(LIMIT * 4)) => "stalled";
    patience_does_not_end_early: at(LIMIT * 4 - 1, BUSY, Some(LIMIT * 3)) => "suspect";
    patience_ends_for_one_that_only_writes: at(LIMIT * 4, Some(LIMIT * 4), BUSY) => "stalled";
}
