use super::*;
use crate::checks::parse::ReportsTold;
use crate::domain::agent::Name;
use crate::domain::check::{CheckCommand, TestCounts};
use proptest::prelude::*;

const CLEAN: ProcessEnd = ProcessEnd::Exited { code: 0 };

/// One report, by its path and content.
#[derive(Clone)]
struct ReportFile {
    path: String,
    bytes: Vec<u8>,
}

fn exited(code: i32) -> ProcessEnd {
    ProcessEnd::Exited { code }
}

fn check(
    parser: CheckParser,
    end: ProcessEnd,
    stdout: &[u8],
    stderr: &[u8],
    reports: &[ReportFile],
) -> CheckResult {
    let mut told = ReportsTold::default();
    reports
        .iter()
        .for_each(|report| told.read(&report.path, report.bytes.as_slice()));
    let reports = match &parser {
        CheckParser::Junit { path } => told.finish(path),
        _ => ParsedTests::default(),
    };
    let mut spec = CheckSpec::new(Name::new("unit").unwrap(), CheckCommand::Shell("x".into()));
    spec.parser = parser;
    judge(
        &spec,
        &CheckRun {
            end,
            stdout,
            stderr,
            reports: &reports,
            duration_ms: 5,
            log_sha256: "0".repeat(64),
        },
    )
}

fn file(name: &str) -> Vec<u8> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/checks")
        .join(name);
    std::fs::read(path).unwrap_or_default()
}

/// Judges a stored output of a tool.
fn stored(parser: CheckParser, fixture: &str, code: i32) -> CheckResult {
    let (stdout, stderr) = (
        file(&format!("{fixture}.stdout")),
        file(&format!("{fixture}.stderr")),
    );
    assert!(
        !stdout.is_empty() || !stderr.is_empty(),
        "no fixture {fixture}"
    );
    check(parser, exited(code), &stdout, &stderr, &[])
}

fn report(name: &str) -> Vec<ReportFile> {
    let bytes = file(name);
    assert!(!bytes.is_empty(), "no fixture {name}");
    vec![ReportFile {
        path: name.into(),
        bytes,
    }]
}

fn junit() -> CheckParser {
    CheckParser::Junit {
        path: "**/junit.xml".into(),
    }
}

/// Status, counts and names in one line.
fn line(result: &CheckResult) -> String {
    let counts = result.counts.map_or("-".into(), |c| {
        format!("{}/{}/{} of {}", c.passed, c.failed, c.skipped, c.total)
    });
    let status = match &result.status {
        CheckStatus::Broken { why } => format!("broken ({why})"),
        other => format!("{other:?}").to_lowercase(),
    };
    let names: Vec<&str> = result.failures.iter().map(|f| f.name.as_str()).collect();
    let note = result
        .note
        .as_ref()
        .map(|note| format!("; {note}"))
        .unwrap_or_default();
    format!("{status}{note} | {counts} | {}", names.join(", "))
}

fn full(result: &CheckResult) -> String {
    let failures: Vec<String> = result
        .failures
        .iter()
        .map(|f| format!("* {}\n{}", f.name, f.message))
        .collect();
    format!("{}\n{}", line(result), failures.join("\n"))
}

#[test]
fn cargo_outputs() {
    let at = |fixture, code| line(&stored(CheckParser::Cargo, fixture, code));
    assert_eq!(at("cargo-pass", 0), "passed | 4/0/1 of 5 | ");
    assert_eq!(
        at("cargo-fail", 101),
        "failed | 4/2/1 of 7 | tests::adds_wrongly, outer_fails"
    );
    assert_eq!(
        at("cargo-fail-fast", 101),
        "failed | 2/1/1 of 4 | tests::adds_wrongly"
    );
    assert_eq!(
        at("cargo-quiet", 101),
        "failed | 2/1/1 of 4 | tests::adds_wrongly"
    );
    assert_eq!(
        at("cargo-color", 101),
        "failed | 2/1/1 of 4 | tests::adds_wrongly"
    );
    assert_eq!(
        at("cargo-abort", 101),
        "failed | 2/1/1 of 4 | target --test outer"
    );
    assert_eq!(at("cargo-none", 0), "broken (ran no test) | 0/0/0 of 0 | ");
    insta::assert_snapshot!(full(&stored(CheckParser::Cargo, "cargo-fail", 101)), @r#"
    failed | 4/2/1 of 7 | tests::adds_wrongly, outer_fails
    * tests::adds_wrongly
    thread 'tests::adds_wrongly' (1234) panicked at src/lib.rs:25:9:
    assertion `left == right` failed: sum is off
      left: 4
     right: 5
    * outer_fails
    Error: "no such luck"
    "#);
    insta::assert_snapshot!(full(&stored(CheckParser::Cargo, "cargo-compile", 101)), @r#"
    failed | - | build of tiny (test "outer")
    * build of tiny (test "outer")
    error[E0308]: mismatched types
      --> tests/outer.rs:17:22
       |
    17 | fn broken() -> i32 { "text" }
       |                ---   ^^^^^^ expected `i32`, found `&str`
       |                |
       |                expected `i32` because of return type
    "#);
    insta::assert_snapshot!(full(&stored(CheckParser::Cargo, "cargo-abort", 101)), @r#"
    failed | 2/1/1 of 4 | target --test outer
    * target --test outer
    signal: 6, SIGABRT: process abort signal
    "#);
}

#[test]
fn nextest_outputs() {
    let at = |fixture, code| line(&stored(CheckParser::Nextest, fixture, code));
    assert_eq!(at("nextest-pass", 0), "passed | 3/0/1 of 4 | ");
    assert_eq!(
        at("nextest-fail", 100),
        "failed | 3/2/1 of 6 | tiny tests::adds_wrongly, tiny::outer outer_fails"
    );
    assert_eq!(
        at("nextest-color", 100),
        "failed | 3/2/1 of 6 | tiny tests::adds_wrongly, tiny::outer outer_fails"
    );
    assert_eq!(
        at("nextest-fail-fast", 100),
        "failed | 1/1/4 of 6 | tiny tests::adds_wrongly"
    );
    assert_eq!(
        at("nextest-abort", 100),
        "failed | 3/1/1 of 5 | tiny::outer outer_aborts"
    );
    assert_eq!(
        at("nextest-none", 4),
        "broken (ran no test) | 0/0/4 of 4 | "
    );
    assert_eq!(
        at("nextest-compile", 101),
        "failed | - | build of tiny (test \"outer\")"
    );
    insta::assert_snapshot!(full(&stored(CheckParser::Nextest, "nextest-fail", 100)), @r#"
    failed | 3/2/1 of 6 | tiny tests::adds_wrongly, tiny::outer outer_fails
    * tiny tests::adds_wrongly
    thread 'tests::adds_wrongly' (1234) panicked at src/lib.rs:25:9:
    assertion `left == right` failed: sum is off
      left: 4
     right: 5
    * tiny::outer outer_fails
    Error: "no such luck"
    "#);
    insta::assert_snapshot!(full(&stored(CheckParser::Nextest, "nextest-abort", 100)), @r#"
    failed | 3/1/1 of 5 | tiny::outer outer_aborts
    * tiny::outer outer_aborts
    (test aborted with signal 6: SIGABRT)
    "#);
}

#[test]
fn nextest_lines_of_other_days() {
    let at = |text: &str, code| {
        line(&check(
            CheckParser::Nextest,
            exited(code),
            b"",
            text.as_bytes(),
            &[],
        ))
    };
    let summary = "     Summary [   9.101s] 12 tests run: 9 passed (1 slow, 2 flaky), 1 failed, 1 exec failed, 1 timed out, 3 skipped\n";
    let listed = "     TIMEOUT [  60.004s] a slow::one\n   TRY 3 FAIL [   0.004s] a b::c\n   FLAKY 2/3 [   0.004s] a b::d\n";
    let expected = "failed | 9/3/3 of 15 | a slow::one, a b::c";
    assert_eq!(
        at(&format!("{summary}{listed}error: test run failed\n"), 100),
        expected
    );
    let cut =
        "Nextest run ID x\n   TRY 1 FAIL [   0.004s] a b::d\n        FAIL [   0.004s] a b::c\n";
    assert_eq!(at(cut, 100), "failed | - | a b::c");
}

#[test]
fn pytest_outputs() {
    let at = |fixture, code| line(&stored(CheckParser::Pytest, fixture, code));
    let names = "bad/test_bad.py::test_total, bad/test_bad.py::test_param[c-d], bad/test_bad.py::TestThing::test_in_class, \
                 bad/test_bad.py::test_uses_fixture";
    for fixture in ["pytest-fail", "pytest-quiet", "pytest-verbose"] {
        assert_eq!(
            at(fixture, 1),
            format!("failed | 3/4/2 of 9 | {names}"),
            "{fixture}"
        );
    }
    assert_eq!(at("pytest-pass", 0), "passed | 1/0/2 of 3 | ");
    assert_eq!(
        at("pytest-subtests", 1),
        "failed | 3/6/2 of 11 | test_a.py::test_adds_wrongly, test_a.py::test_sub [part] (i=1), test_a.py::test_sub, \
         test_a.py::test_teardown_and_fail, test_a.py::test_teardown"
    );
    assert_eq!(
        at("pytest-qq", 1).replace("failed | - ", "failed | 3/6/2 of 11 "),
        at("pytest-subtests", 1),
        "-qq leaves out the last line and nothing else"
    );
    assert_eq!(at("pytest-qq-pass", 0), "passed | - | ");
    assert_eq!(
        at("pytest-sugar", 1),
        "failed | 1/1/0 of 2 | test_a.py::test_adds_wrongly"
    );
    assert_eq!(at("pytest-sugar-pass", 0), "passed | 1/0/0 of 1 | ");
    assert_eq!(at("pytest-tbno", 1), "failed | 3/4/2 of 9 | exit code 1");
    assert_eq!(at("pytest-none", 5), "broken (ran no test) | 0/0/0 of 0 | ");
    assert_eq!(
        at("pytest-usage", 4),
        "broken (pytest: error: unrecognized arguments: --nosuch) | - | "
    );
    insta::assert_snapshot!(full(&stored(CheckParser::Pytest, "pytest-fail", 1)), @r#"
    failed | 3/4/2 of 9 | bad/test_bad.py::test_total, bad/test_bad.py::test_param[c-d], bad/test_bad.py::TestThing::test_in_class, bad/test_bad.py::test_uses_fixture
    * bad/test_bad.py::test_total
    AssertionError: total is off
    assert 4 == 3
     +  where 4 = total([1, 2])
    * bad/test_bad.py::test_param[c-d]
    AssertionError: assert 'c-d' == 'a b'
      - a b
      + c-d
    * bad/test_bad.py::TestThing::test_in_class
    ValueError: bad <value> & more
    * bad/test_bad.py::test_uses_fixture
    RuntimeError: no database
    "#);
    insta::assert_snapshot!(full(&stored(CheckParser::Pytest, "pytest-collect", 2)), @r#"
    failed | 0/1/0 of 1 | err/test_err.py
    * err/test_err.py
    ModuleNotFoundError: No module named 'no_such_module_here'
    "#);
}

#[test]
fn pytest_words_of_the_last_line() {
    let at = |text: &str| {
        line(&check(
            CheckParser::Pytest,
            CLEAN,
            text.as_bytes(),
            b"",
            &[],
        ))
    };
    assert_eq!(
        at("== 1 passed, 2 xpassed, 3 xfailed, 4 deselected, 1 warning in 61.20s (0:01:01) =="),
        "passed | 3/0/3 of 6 | "
    );
    assert_eq!(at("12 passed in 0.1s"), "passed | 12/0/0 of 12 | ");
    assert_eq!(
        at("no tests ran in 0.01s"),
        "broken (ran no test) | 0/0/0 of 0 | "
    );
    assert_eq!(at("3 passed, 1 retried in 0.1s"), "passed | 3/0/0 of 3 | ");
    for progress in ["..s [100%]", "a/test_b.py .x [2/2]", "..", "[gw0] ."] {
        assert_eq!(at(progress), "passed | - | ", "{progress}");
    }
    for nothing in ["sx [100%]", "all is well ...", "...", ". done"] {
        let expected = if nothing == "..." { "passed" } else { "broken" };
        assert!(at(nothing).starts_with(expected), "{nothing}");
    }
    assert!(at("3 passed somewhere in 5 minutes").starts_with("broken"));
    assert!(at("99999999999999999999999 passed in 1s").starts_with("broken"));
}

#[test]
fn an_output_with_very_many_failures_is_read_in_time() {
    let names: String = (0..20_000)
        .map(|n| format!("        FAIL [   0.004s] a b::c{n}\n"))
        .collect();
    let text = format!(
        "{names}     Summary [   9.101s] 20000 tests run: 0 passed, 20000 failed, 0 skipped\n{names}"
    );
    let result = check(CheckParser::Nextest, exited(100), text.as_bytes(), b"", &[]);
    assert_eq!(
        (result.counts.unwrap().failed, result.failures.len()),
        (20_000, 100)
    );
}

#[test]
fn pytest_names_keep_their_parameters() {
    let text = "=== short test summary info ===\nFAILED a.py::t[x - y] - E: no - way\nERROR root:a.py::x\nFAILED b.py\n=== 2 failed in 1.00s ===\n";
    let result = check(CheckParser::Pytest, exited(1), text.as_bytes(), b"", &[]);
    assert_eq!(
        result.failures[0],
        FailedTest {
            name: "a.py::t[x - y]".into(),
            message: "E: no - way".into()
        }
    );
    assert_eq!(result.failures.last().unwrap().name, "b.py");
}

#[test]
fn go_outputs() {
    let at = |fixture, code| line(&stored(CheckParser::Go, fixture, code));
    assert_eq!(at("go-pass", 0), "passed | 2/0/0 of 2 | ");
    assert_eq!(at("go-none", 0), "broken (ran no test) | 0/0/0 of 0 | ");
    assert_eq!(
        at("go-build", 1),
        "failed | 0/0/0 of 0 | build of example.org/tiny"
    );
    assert_eq!(
        at("go-json", 1),
        "failed | 1/1/1 of 3 | example.org/tiny TestTotal"
    );
    assert_eq!(
        at("go-json-build", 1),
        "failed | 0/0/0 of 0 | build of example.org/tiny"
    );
    let fixtures = [
        "go-fail",
        "go-verbose",
        "go-panic",
        "go-build",
        "go-json",
        "go-json-build",
    ];
    let all = fixtures
        .map(|fixture| format!("{fixture}: {}", full(&stored(CheckParser::Go, fixture, 1))));
    insta::assert_snapshot!(all.join("\n\n"), @r#"
    go-fail: failed | 2/3/0 of 5 | example.org/tiny TestAdd, example.org/tiny TestAdd/negative_numbers, example.org/tiny TestTotal
    * example.org/tiny TestAdd

    * example.org/tiny TestAdd/negative_numbers
    tiny_test.go:21: Add(-1, -1) = 0, want -2
    * example.org/tiny TestTotal
    tiny_test.go:30: looking at the total
    tiny_test.go:31: total is off: 4

    go-verbose: failed | 2/2/1 of 5 | example.org/tiny TestAdd, example.org/tiny TestAdd/negative
    * example.org/tiny TestAdd
    tiny_test.go:21: Add(-1, -1) = 0, want -2
    * example.org/tiny TestAdd/negative


    go-panic: failed | 0/1/0 of 1 | example.org/tiny TestBoom
    * example.org/tiny TestBoom
    panic: assignment to entry in nil map [recovered]
    panic: assignment to entry in nil map
    goroutine 18 [running]:
    testing.tRunner.func1.2({0x5046a0, 0x54b0c8})

    go-build: failed | 0/0/0 of 0 | build of example.org/tiny
    * build of example.org/tiny
    # example.org/tiny [example.org/tiny.test]
    ./tiny_test.go:9:14: undefined: Subtract

    go-json: failed | 1/1/1 of 3 | example.org/tiny TestTotal
    * example.org/tiny TestTotal
    tiny_test.go:31: total is off: 4

    go-json-build: failed | 0/0/0 of 0 | build of example.org/tiny
    * build of example.org/tiny
    # example.org/tiny [example.org/tiny.test]
    ./tiny_test.go:9:14: undefined: Subtract
    "#);
}

#[test]
fn junit_reports() {
    let at = |name, code| line(&check(junit(), exited(code), b"", b"", &report(name)));
    assert_eq!(
        at("nextest.junit.xml", 100),
        "failed | 3/2/0 of 5 | tiny tests::adds_wrongly, tiny::outer outer_fails"
    );
    let both = [report("nextest.junit.xml"), report("pytest.junit.xml")].concat();
    assert!(
        line(&check(junit(), exited(1), b"", b"", &both)).starts_with("failed | 6/6/2 of 14 | ")
    );
    assert_eq!(
        line(&check(junit(), CLEAN, b"", b"", &[])),
        "broken (no new report matches **/junit.xml) | - | "
    );
    insta::assert_snapshot!(full(&check(junit(), exited(1), b"", b"", &report("pytest.junit.xml"))), @r#"
    failed | 3/4/2 of 9 | bad.test_bad test_total, bad.test_bad test_param[c-d], bad.test_bad test_uses_fixture, bad.test_bad.TestThing test_in_class
    * bad.test_bad test_total
    AssertionError: total is off
    assert 4 == 3
     +  where 4 = total([1, 2])
    * bad.test_bad test_param[c-d]
    AssertionError: assert 'c-d' == 'a b'
      - a b
      + c-d
    * bad.test_bad test_uses_fixture
    failed on setup with "RuntimeError: no database"
    * bad.test_bad.TestThing test_in_class
    ValueError: bad <value> & more
    "#);
}

fn xml(text: &str, code: i32) -> String {
    line(&check(
        junit(),
        exited(code),
        b"",
        b"",
        &[ReportFile {
            path: "r.xml".into(),
            bytes: text.into(),
        }],
    ))
}

#[test]
fn hostile_reports() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"#;
    assert_eq!(
        xml(bomb, 0),
        "broken (report r.xml: has a document type, which is refused) | 0/0/0 of 0 | "
    );
    let deep = format!("<testsuite>{}", "<a>".repeat(100_000));
    assert!(xml(&deep, 0).contains("nested deeper than 64"));
    assert!(
        xml("<testsuite><testcase name='a'/>", 0)
            .starts_with("broken (report r.xml: ends too early)")
    );
    assert!(xml("<testsuite></testcase>", 0).starts_with("broken (report r.xml: malformed: "));
    assert!(xml("", 0).contains("is not a JUnit report"));
    assert_eq!(
        xml("<html/>", 0),
        "broken (no new report matches **/junit.xml; 1 of other XML) | - | "
    );
    assert_eq!(
        xml("<testsuite/>", 0),
        "broken (ran no test) | 0/0/0 of 0 | "
    );
    let skipped = "<testsuite><testcase name='a'><skipped/></testcase></testsuite>";
    assert_eq!(
        xml(skipped, 0),
        "broken (ran no test (1 skipped)) | 0/0/1 of 1 | "
    );
    let one = "<testsuites><testsuite failures='2' errors='1'><testcase name='a'/></testsuite></testsuites>";
    assert_eq!(
        xml(one, 0),
        "failed; exit code 0 although 3 failed | 1/3/0 of 4 | exit code 0"
    );
    let nested = "<testsuite failures='1'><testsuite failures='1'><testcase name='a'><failure>&lt;x&gt; &unknown; &#65;<![CDATA[<b>]]>\
                  </failure></testcase></testsuite></testsuite>";
    let result = check(
        junit(),
        exited(1),
        b"",
        b"",
        &[ReportFile {
            path: "r".into(),
            bytes: nested.into(),
        }],
    );
    assert_eq!(line(&result), "failed | 0/1/0 of 1 | a");
    assert_eq!(result.failures[0].message, "<x> &unknown; A<b>");
}

#[test]
fn auto_recognizes_every_tool() {
    for (fixture, code, parser) in [
        ("cargo-pass", 0, CheckParser::Cargo),
        ("cargo-fail", 101, CheckParser::Cargo),
        ("cargo-compile", 101, CheckParser::Cargo),
        ("nextest-pass", 0, CheckParser::Nextest),
        ("nextest-fail", 100, CheckParser::Nextest),
        ("nextest-none", 4, CheckParser::Nextest),
        ("nextest-compile", 101, CheckParser::Nextest),
        ("pytest-pass", 0, CheckParser::Pytest),
        ("pytest-quiet", 1, CheckParser::Pytest),
        ("pytest-none", 5, CheckParser::Pytest),
        ("pytest-usage", 4, CheckParser::Pytest),
        ("go-pass", 0, CheckParser::Go),
        ("go-fail", 1, CheckParser::Go),
        ("go-json", 1, CheckParser::Go),
    ] {
        assert_eq!(
            stored(CheckParser::Auto, fixture, code),
            stored(parser, fixture, code),
            "{fixture}"
        );
    }
    assert_eq!(
        line(&stored(CheckParser::Auto, "cargo-none", 0)),
        "passed | 0/0/0 of 0 | ",
        "nobody asked for tests by name"
    );
    let script = [
        file("cargo-pass.stdout"),
        file("pytest-fail.stdout"),
        file("go-pass.stdout"),
    ]
    .concat();
    let result = check(CheckParser::Auto, exited(1), &script, b"", &[]);
    assert!(
        line(&result).starts_with("failed | 9/4/3 of 16 | bad/test_bad.py::test_total"),
        "{}",
        line(&result)
    );
    let with_docs = [file("nextest-pass.stderr"), b"   Doc-tests tiny\n".to_vec()].concat();
    let docs =
        b"running 1 test\ntest src/lib.rs - add (line 5) ... ok\n\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
    assert_eq!(
        line(&check(CheckParser::Auto, CLEAN, docs, &with_docs, &[])),
        "passed | 4/0/1 of 5 | "
    );
    assert_eq!(
        line(&check(CheckParser::Auto, CLEAN, b"all good", b"", &[])),
        "passed | - | "
    );
}

#[test]
fn the_machine_is_never_blamed_on_the_work() {
    let fails = file("cargo-fail.stdout");
    for end in [
        ProcessEnd::Signaled { signal: 9 },
        ProcessEnd::TimedOut { after_ms: 1000 },
        ProcessEnd::Silent { after_ms: 1000 },
        ProcessEnd::OutOfMemory,
        ProcessEnd::TooMuchOutput { limit_bytes: 9 },
        ProcessEnd::Stopped,
        ProcessEnd::NotStarted {
            why: "No such file or directory".into(),
        },
    ] {
        let result = check(CheckParser::Auto, end.clone(), &fails, b"", &[]);
        assert_eq!(
            result.status,
            CheckStatus::Broken {
                why: end.trouble().unwrap()
            }
        );
        assert_eq!(result.failures.len(), 2, "what was seen is still told");
    }
    let why = |parser, code, stderr: &str| {
        line(&check(parser, exited(code), b"", stderr.as_bytes(), &[]))
    };
    assert_eq!(
        why(CheckParser::ExitCode, 127, "sh: 1: x: not found"),
        "broken (`x` was not found (exit code 127); where checks run there is the judged tree, and nothing that Git ignores) | - | "
    );
    assert_eq!(
        why(CheckParser::Auto, 126, ""),
        "broken (the command is not executable (exit code 126)) | - | "
    );
    assert_eq!(
        why(CheckParser::ExitCode, 137, ""),
        "broken (killed by signal 9 (exit code 137)) | - | "
    );
    assert_eq!(
        why(CheckParser::ExitCode, 1, "cc: No space left on device"),
        "broken (no space left on the disk) | - | "
    );
    assert_eq!(
        why(
            CheckParser::Nextest,
            101,
            "error: no such command: `nextest`"
        ),
        "broken (error: no such command: `nextest`) | - | "
    );
    let oom = "error: test failed, to rerun pass `--lib`\n\nCaused by:\n  process didn't exit successfully: `t` (signal: 9, SIGKILL: kill)\n";
    assert!(
        why(CheckParser::Cargo, 101, oom)
            .starts_with("broken (a test binary was killed by signal 9")
    );
}

#[test]
fn the_worse_of_counts_and_exit_code_wins() {
    let masked = stored(CheckParser::Cargo, "cargo-fail", 0);
    assert_eq!(
        line(&masked),
        "failed; exit code 0 although 2 failed | 4/2/1 of 7 | tests::adds_wrongly, outer_fails"
    );
    assert_eq!(
        line(&stored(CheckParser::Auto, "cargo-compile", 0)),
        "failed; exit code 0 although 1 failed | - | build of tiny (test \"outer\")"
    );
    assert_eq!(
        line(&stored(CheckParser::Pytest, "pytest-pass", 1)),
        "failed; exit code 1 although no test failed | 1/0/2 of 3 | exit code 1"
    );
    let many = check(
        CheckParser::Cargo,
        exited(137),
        &file("cargo-fail.stdout"),
        b"",
        &[],
    );
    assert_eq!(
        many.status,
        CheckStatus::Failed,
        "some runners exit with the number of failures"
    );
}

#[test]
fn a_clean_exit_of_a_named_tool_proves_nothing_without_tests() {
    for parser in [
        CheckParser::Cargo,
        CheckParser::Nextest,
        CheckParser::Pytest,
        CheckParser::Go,
    ] {
        let result = check(parser, CLEAN, b"nothing to do", b"", &[]);
        assert_eq!(
            line(&result),
            "broken (ran no test: the output shows no result of the test tool) | - | "
        );
    }
    assert_eq!(
        line(&check(CheckParser::ExitCode, CLEAN, b"", b"", &[])),
        "passed | - | "
    );
}

#[test]
fn a_linter_shows_its_last_words() {
    let result = check(
        CheckParser::ExitCode,
        exited(2),
        b"a\n\n",
        b"\x1b[31mb.rs:1: bad\x1b[0m\n",
        &[],
    );
    assert_eq!(line(&result), "failed | - | exit code 2");
    assert_eq!(result.failures[0].message, "a\nb.rs:1: bad");
    assert_eq!((result.duration_ms, result.exit), (5, Some(exited(2))));
}

#[test]
fn what_a_test_prints_is_not_libtest() {
    let text = "running 1 test\ntest a ... FAILED\n\nfailures:\n\n---- a stdout ----\ntest result: ok. 900 passed; 0 failed\nrunning 5 tests\n\
                \n\nfailures:\n    a\n\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
    assert_eq!(
        line(&check(
            CheckParser::Cargo,
            exited(101),
            text.as_bytes(),
            b"",
            &[]
        )),
        "failed | 0/1/0 of 1 | a"
    );
}

fn any_parser() -> impl Strategy<Value = CheckParser> {
    prop_oneof![
        Just(CheckParser::Auto),
        Just(CheckParser::ExitCode),
        Just(CheckParser::Cargo),
        Just(CheckParser::Nextest),
        Just(CheckParser::Pytest),
        Just(CheckParser::Go),
        Just(junit()),
    ]
}

/// Bytes that look like tool output here and there.
fn any_output() -> impl Strategy<Value = Vec<u8>> {
    let names = [
        "cargo-fail.stdout",
        "cargo-abort.stderr",
        "nextest-fail.stderr",
        "pytest-verbose.stdout",
        "go-verbose.stdout",
        "go-json.stdout",
        "pytest.junit.xml",
        "nextest.junit.xml",
    ];
    let cut = (0..names.len(), any::<[prop::sample::Index; 2]>()).prop_map(move |(at, ends)| {
        let bytes = file(names[at]);
        let (a, b) = (ends[0].index(bytes.len()), ends[1].index(bytes.len()));
        bytes[a.min(b)..a.max(b)].to_vec()
    });
    let marks = "(test result: |ok\\. |[0-9]{1,20} passed; |---- |running |FAIL|\t|\\[| \\]|\n|=|_|E   |Summary \\[|s\\] | run: |<testcase>|é|\\x1b\\[|\r){0,30}";
    proptest::collection::vec(
        prop_oneof![cut, marks.prop_map(String::into_bytes), any::<Vec<u8>>()],
        0..5,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_output_is_survived_and_no_doubt_passes(parser in any_parser(), stdout in any_output(), stderr in any_output(), code in 0..256i32) {
        let reports = [ReportFile { path: "r".into(), bytes: stderr.clone() }];
        let result = check(parser.clone(), exited(code), &stdout, &stderr, &reports);
        if result.status == CheckStatus::Passed {
            prop_assert_eq!(code, 0);
            prop_assert!(result.failures.is_empty() && result.counts.is_none_or(|counts: TestCounts| counts.failed == 0));
        }
        prop_assert!(result.failures.len() <= 101 && result.failures.iter().all(|f| f.message.len() < 3000));
        let back: CheckResult = serde_json::from_str(&serde_json::to_string(&result).unwrap()).unwrap();
        prop_assert_eq!(back, result);
    }
}
