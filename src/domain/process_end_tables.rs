use crate::base::rules::rules;
use crate::domain::process_end::*;

fn trouble(end: ProcessEnd) -> Option<String> {
    end.trouble()
}

rules! {
    an_exit_is_no_trouble_of_the_machine: trouble(ProcessEnd::Exited { code: 1 }) => None;
    a_dismissed_process_is_no_trouble: trouble(ProcessEnd::Dismissed) => None;
    a_signal_is_told: trouble(ProcessEnd::Signaled { signal: 9 })
        => Some("killed by signal 9".to_owned());
    a_time_limit_is_told_in_seconds: trouble(ProcessEnd::TimedOut { after_ms: 61_999 })
        => Some("stopped after 61 s: time limit".to_owned());
    silence_is_told_in_seconds: trouble(ProcessEnd::Silent { after_ms: 61_000 })
        => Some("stopped after 61 s without output".to_owned());
    too_much_output_is_told: trouble(ProcessEnd::TooMuchOutput { limit_bytes: 9 })
        => Some("stopped after 9 bytes of output".to_owned());
    a_stop_is_told: trouble(ProcessEnd::Stopped) => Some("stopped from outside".to_owned());
    its_own_limit_is_told: trouble(ProcessEnd::OverMemory { limit_bytes: 4 << 30 }) => Some("ended by its memory limit of 4 GiB".to_owned());
    want_of_memory_is_told: trouble(ProcessEnd::OutOfMemory)
        => Some("killed: out of memory".to_owned());
    a_program_that_is_not_there_is_told:
        trouble(ProcessEnd::NotStarted { why: "no such file".into() })
        => Some("could not start: no such file".to_owned());
    a_failed_command_names_its_exit_code:
        ProcessEnd::Exited { code: 3 }.failure() => "exit code 3".to_owned();
    a_failed_command_names_its_signal:
        ProcessEnd::Signaled { signal: 9 }.failure() => "killed by signal 9".to_owned();
    a_dismissed_command_did_not_succeed:
        ProcessEnd::Dismissed.failure() => "it did not succeed".to_owned();
    only_an_exit_has_a_code: ProcessEnd::Signaled { signal: 9 }.code() => None;
    an_exit_has_its_code: ProcessEnd::Exited { code: 7 }.code() => Some(7);
    only_code_zero_is_zero: ProcessEnd::Exited { code: 0 }.is_zero() => true;
    another_code_is_not: ProcessEnd::Exited { code: 1 }.is_zero() => false;
    a_dismissed_process_has_no_code: ProcessEnd::Dismissed.is_zero() => false;
}
