use super::ReportsTold;
use crate::checks::parse::ParsedTests;

/// Reads one report.
fn read(bytes: &[u8]) -> ParsedTests {
    let mut told = ReportsTold::default();
    told.read("r.xml", bytes);
    told.finish("*.xml")
}

/// Counts, names of failed tests and the trouble in one line.
fn line(bytes: &[u8]) -> String {
    let parsed = read(bytes);
    let counts = parsed.counts.unwrap_or_default();
    let names: Vec<&str> = parsed.failures.iter().map(|f| f.name.as_str()).collect();
    let trouble = parsed
        .trouble
        .map(|why| format!(" ({why})"))
        .unwrap_or_default();
    format!(
        "{} passed, {} failed, {} skipped: {}{trouble}",
        counts.passed,
        counts.failed,
        counts.skipped,
        names.join(", ")
    )
}

fn stored(tool: &str) -> String {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checks");
    line(&std::fs::read(dir.join(format!("{tool}.junit.xml"))).unwrap())
}

fn case(attributes: &str, inner: &str) -> String {
    line(
        format!("<testsuite><testcase name='a' {attributes}>{inner}</testcase></testsuite>")
            .as_bytes(),
    )
}

/// Each project has a test that passes, one that fails, one that is skipped and one that is to be
/// done, as far as the tool knows them.
#[test]
fn every_tool_is_read_as_it_means_it() {
    let rows = [
        // A file that cannot be loaded is missing; the exit code tells of it.
        ("bun", "3 passed, 1 failed, 2 skipped: adds wrongly"),
        (
            "deno",
            "2 passed, 3 failed, 1 skipped: ./a_test.ts adds wrongly, ./a_test.ts parent, ./a_test.ts parent > child bad",
        ),
        // `todo` has a failure beside its skip; a parent's own failure stands in a comment alone.
        ("node", "3 passed, 2 failed, 2 skipped: test adds wrongly"),
        // `todo` is marked by nothing but the count of its suite.
        (
            "jest",
            "2 passed, 1 failed, 2 skipped:  adds wrongly  adds wrongly",
        ),
        (
            "vitest",
            "2 passed, 2 failed, 2 skipped: a.test.ts adds wrongly, broken.test.ts broken.test.ts",
        ),
        // A program that is not there fails for CTest, though it is written down as skipped.
        (
            "ctest",
            "1 passed, 3 failed, 2 skipped: bad bad, missing missing, slow slow",
        ),
        // One test was run again, one failed in two ways, one had a failed subtest.
        (
            "pytest-reruns",
            "2 passed, 4 failed, 2 skipped: test_a test_adds_wrongly, test_a test_sub, test_a test_teardown, test_a test_teardown_and_fail",
        ),
    ];
    let told = rows.map(|(tool, _)| (tool, stored(tool)));
    assert_eq!(
        told,
        rows.map(|(tool, expected)| (tool, expected.to_owned()))
    );
}

#[test]
fn what_did_not_run_is_no_pass() {
    let skipped = "0 passed, 0 failed, 1 skipped: ";
    let words = [
        "status='notrun'",
        "status='NOT_RUN'",
        "status='disabled'",
        "status='Ignored'",
        "status='run' result='skipped'",
        "status='notrun' result='suppressed'",
        "result='todo'",
        "status='pending'",
    ];
    for word in words {
        assert_eq!(case(word, ""), skipped, "{word}");
    }
    for element in ["skipped", "ignored", "disabled", "pending", "todo"] {
        assert_eq!(case("", &format!("<{element}/>")), skipped, "{element}");
    }
    let passed = "1 passed, 0 failed, 0 skipped: ";
    for word in [
        "status='run' result='completed'",
        "status='passed'",
        "",
        "status='0'",
    ] {
        assert_eq!(case(word, ""), passed, "{word}");
    }
    assert_eq!(case("", "<system-out>skipped</system-out>"), passed);
}

#[test]
fn a_failure_is_one_however_it_is_written() {
    let failed = "0 passed, 1 failed, 0 skipped: a";
    for word in ["status='FAILED'", "result='error'", "status='fail'"] {
        assert_eq!(case(word, ""), failed, "{word}");
    }
    assert_eq!(case("status='run'", "<failure/>"), failed);
    // A test that may fail did; one that broke after it was skipped is broken.
    assert_eq!(
        case("", "<skipped/><failure/>"),
        "0 passed, 0 failed, 1 skipped: "
    );
    assert_eq!(case("", "<skipped/><error/>"), failed);
    let suite = "<testsuite name='load'><error message='gone'/><testcase name='a'/></testsuite>";
    assert_eq!(
        line(suite.as_bytes()),
        "1 passed, 1 failed, 0 skipped: load"
    );
}

#[test]
fn a_name_survives_what_cannot_be_read_in_it() {
    let names = |report: &[u8]| {
        let failures = read(report).failures;
        failures
            .into_iter()
            .map(|f| format!("{}: {}", f.name, f.message))
            .collect::<Vec<_>>()
    };
    let latin =
        b"<testsuite><testcase name='\xfcber'><failure message='\xdf'/></testcase></testsuite>";
    assert_eq!(names(latin), ["\u{fffd}ber: \u{fffd}"]);
    let nothing = "<testsuite><testcase name='a&#0;b &unknown; &lt;&#x41; & c'><failure message='&amp;'/></testcase></testsuite>";
    assert_eq!(names(nothing.as_bytes()), ["a&#0;b &unknown; <A & c: &"]);
    let raw =
        b"<testsuite><testcase name='a\0\x1b[31m'><failure>\0 & x</failure></testcase></testsuite>";
    assert_eq!(names(raw), ["a\0\u{1b}[31m: \0 & x"]);
    let twice = b"<testsuite><testcase name='a' name='b'><failure/></testcase></testsuite>";
    assert_eq!(names(twice), ["a: "]);
}

#[test]
fn long_texts_are_left_out_and_all_else_is_read() {
    let long = "x ]] -- ? > ".repeat(100_000);
    let report = format!(
        "<?xml version='1.0'?><!-- {long} --><testsuite><system-out><![CDATA[{long}]]></system-out><testcase name='a'><failure>{long}\
         </failure></testcase><system-err>{long}</system-err><?{long}?><testcase name='>' x='<'/></testsuite>"
    );
    assert_eq!(line(report.as_bytes()), "1 passed, 1 failed, 0 skipped: a");
    // Wherever a block of the reader ends.
    let small = "<!--a--><testsuite><![CDATA[]]]]><testcase name='a'/><?a?><!----></testsuite>";
    for size in 1..small.len() {
        let mut told = ReportsTold::default();
        told.read(
            "r",
            std::io::BufReader::with_capacity(size, small.as_bytes()),
        );
        let parsed = told.finish("r");
        assert_eq!(
            (parsed.trouble, parsed.counts.map(|c| c.passed)),
            (None, Some(1)),
            "{size}"
        );
    }
}

/// A report of endless output, which nobody could hold in memory.
#[test]
fn a_report_is_read_in_bounded_memory() {
    use std::io::{BufReader, Read};
    let head = b"<testsuite><testcase name='a'/><system-out>".as_slice();
    let tail = b"</system-out></testsuite>".as_slice();
    let report = head
        .chain(std::io::repeat(b'x').take(256 << 20))
        .chain(tail);
    let mut clipped = super::clipped::ClippedXml::new(BufReader::new(report));
    let mut seen = Vec::new();
    clipped.read_to_end(&mut seen).unwrap();
    assert_eq!(
        seen.len(),
        head.len() + tail.len() + super::clipped::MAX_TEXT
    );
    let tag = b"<testsuite name='"
        .as_slice()
        .chain(std::io::repeat(b'x').take(64 << 20));
    let mut told = ReportsTold::default();
    told.read("r", BufReader::new(tag));
    let trouble = told.finish("r").trouble.unwrap();
    assert!(
        trouble.ends_with("a tag of more than 1048576 bytes"),
        "{trouble}"
    );
}
