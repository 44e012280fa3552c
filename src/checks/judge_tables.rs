use crate::base::rules::rules;
use crate::domain::agent::Name;
use crate::domain::check::CheckCommand;

use super::*;

/// Status and note of a check with this parser, end and output.
fn judged(parser: CheckParser, end: ProcessEnd, output: &str) -> (CheckStatus, Option<String>) {
    let mut spec = CheckSpec::new(Name::new("unit").unwrap(), CheckCommand::Shell("x".into()));
    spec.parser = parser;
    let run = CheckRun {
        end,
        stdout: output.as_bytes(),
        stderr: b"",
        reports: &ParsedTests::default(),
        duration_ms: 1,
        log_sha256: String::new(),
    };
    let result = judge(&spec, &run);
    (result.status, result.note)
}

fn plain(code: i32) -> CheckStatus {
    judged(CheckParser::ExitCode, ProcessEnd::Exited { code }, "").0
}

fn ended(end: ProcessEnd) -> CheckStatus {
    judged(CheckParser::ExitCode, end, "all is well").0
}

fn pytest(code: i32, output: &str) -> (CheckStatus, Option<String>) {
    judged(CheckParser::Pytest, ProcessEnd::Exited { code }, output)
}

fn broken(why: &str) -> CheckStatus {
    CheckStatus::Broken { why: why.into() }
}

fn killed(signal: i32) -> CheckStatus {
    broken(&format!(
        "killed by signal {signal} (exit code {})",
        128 + signal
    ))
}

rules! {
    exit_code_zero_passes: plain(0) => CheckStatus::Passed;
    exit_code_one_fails: plain(1) => CheckStatus::Failed;
    exit_code_two_fails: plain(2) => CheckStatus::Failed;
    a_command_that_cannot_be_executed_is_broken:
        plain(126) => broken("the command is not executable (exit code 126)");
    a_command_that_is_not_there_is_broken:
        plain(127) => broken("a command was not found (exit code 127); where checks run there is the judged tree, and nothing that Git ignores");
    exit_code_128_fails: plain(128) => CheckStatus::Failed;
    a_hang_up_is_broken: plain(129) => killed(1);
    an_interrupt_is_broken: plain(130) => killed(2);
    an_illegal_instruction_is_broken: plain(132) => killed(4);
    exit_code_133_fails: plain(133) => CheckStatus::Failed;
    an_abort_is_broken: plain(134) => killed(6);
    a_kill_is_broken: plain(137) => killed(9);
    exit_code_138_fails: plain(138) => CheckStatus::Failed;
    a_segmentation_fault_is_broken: plain(139) => killed(11);
    a_broken_pipe_is_broken: plain(141) => killed(13);
    a_termination_is_broken: plain(143) => killed(15);
    a_limit_of_cpu_time_is_broken: plain(152) => killed(24);
    a_limit_of_file_size_is_broken: plain(153) => killed(25);
    exit_code_255_fails: plain(255) => CheckStatus::Failed;
    a_time_limit_is_broken:
        ended(ProcessEnd::TimedOut { after_ms: 60_000 })
        => broken("stopped after 60 s: time limit");
    a_signal_is_broken:
        ended(ProcessEnd::Signaled { signal: 11 }) => broken("killed by signal 11");
    want_of_memory_is_broken: ended(ProcessEnd::OutOfMemory) => broken("killed: out of memory");
    a_stop_is_broken: ended(ProcessEnd::Stopped) => broken("stopped from outside");
    a_program_that_is_not_there_is_broken:
        ended(ProcessEnd::NotStarted { why: "gone".into() }) => broken("could not start: gone");
    passing_tests_pass: pytest(0, "3 passed in 0.1s").0 => CheckStatus::Passed;
    failing_tests_fail: pytest(1, "1 failed, 3 passed in 0.1s").0 => CheckStatus::Failed;
    failing_tests_fail_whatever_the_exit_code:
        pytest(0, "2 failed, 3 passed in 0.1s")
        => (CheckStatus::Failed, Some("exit code 0 although 2 failed".to_owned()));
    a_bad_exit_code_fails_whatever_the_tests:
        pytest(1, "3 passed in 0.1s")
        => (CheckStatus::Failed, Some("exit code 1 although no test failed".to_owned()));
    no_result_of_a_named_tool_proves_nothing:
        pytest(0, "hello").0
        => broken("ran no test: the output shows no result of the test tool");
    skipped_tests_alone_prove_nothing:
        pytest(0, "2 skipped in 0.1s").0 => broken("ran no test (2 skipped)");
    no_tests_prove_nothing: pytest(0, "no tests ran in 0.1s").0 => broken("ran no test");
    without_a_named_tool_the_exit_code_is_enough:
        judged(CheckParser::Auto, ProcessEnd::Exited { code: 0 }, "hello").0
        => CheckStatus::Passed;
}
