//! How languages and their test frameworks spell tests, skips and assertions: one table.
//!
//! Patterns are over [masked](super::masked) text. A group `name` is the name of a test; a group `q` is the quote with
//! which the name begins, which is then read from the text itself.

use crate::domain::guards::case_tables::{CaseSpelling, CaseTable, CasesOf};
use crate::domain::guards::masked::{Extent, OwnQuoting, Quote, Quoting};
use regex::bytes::Regex;
use std::sync::OnceLock;

/// A language with its tests.
pub(super) struct Language {
    /// The ends of the names of its files.
    endings: &'static [&'static str],
    /// The files in which tests are.
    pub tests_in: TestPlaces,
    /// Comments and strings.
    pub quoting: Quoting,
    spelling: Spelling,
    patterns: OnceLock<Option<Patterns>>,
}

/// The files in which a language has its tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TestPlaces {
    /// Any file, since tests are marked as such.
    Anywhere,
    /// Files that are tests by their path.
    ByPath,
    /// Files of these endings, and no others.
    Ending(&'static str),
}

/// The patterns as written; an empty one matches nothing.
struct Spelling {
    /// A test with its name.
    test: &'static str,
    /// A mark that makes a test of the next function.
    mark: &'static str,
    /// A function with its name, for marks.
    function: &'static str,
    /// A skip in front of a test.
    skip_before: &'static str,
    /// A skip within a test.
    skip_inside: &'static str,
    /// A line that is skip and test at once, or skips a whole group, or all others.
    skip_itself: &'static str,
    /// The same in comments, which some tools read.
    skip_in_comment: &'static str,
    assertion: &'static str,
    /// Assertions that hold whatever the code does.
    trivial: &'static str,
    /// The cases of parametrised tests.
    cases: &'static [CaseSpelling],
}

/// The patterns, read.
pub(super) struct Patterns {
    pub test: Option<Regex>,
    pub mark: Option<Regex>,
    pub function: Option<Regex>,
    pub skip_before: Option<Regex>,
    pub skip_inside: Option<Regex>,
    pub skip_itself: Option<Regex>,
    pub skip_in_comment: Option<Regex>,
    pub assertion: Option<Regex>,
    pub trivial: Option<Regex>,
    pub cases: Vec<(CaseSpelling, Regex)>,
}

impl Language {
    /// The language of a file by its path, where tests of it may stand in that file.
    pub fn of(path: &str) -> Option<&'static Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let has_ending =
            |language: &&Language| language.endings.iter().any(|ending| name.ends_with(ending));
        LANGUAGES
            .iter()
            .find(has_ending)
            .filter(|language| match language.tests_in {
                TestPlaces::Anywhere => true,
                TestPlaces::ByPath => is_test_path(path),
                TestPlaces::Ending(ending) => name.ends_with(ending),
            })
    }

    /// The patterns; none only where the table itself is broken.
    pub fn patterns(&self) -> Option<&Patterns> {
        self.patterns.get_or_init(|| self.spelling.read()).as_ref()
    }
}

impl Spelling {
    fn read(&self) -> Option<Patterns> {
        let read = |pattern: &str| match pattern {
            "" => Some(None),
            pattern => Regex::new(&format!("(?m){pattern}")).ok().map(Some),
        };
        Some(Patterns {
            test: read(self.test)?,
            mark: read(self.mark)?,
            function: read(self.function)?,
            skip_before: read(self.skip_before)?,
            skip_inside: read(self.skip_inside)?,
            skip_itself: read(self.skip_itself)?,
            skip_in_comment: read(self.skip_in_comment)?,
            assertion: read(self.assertion)?,
            trivial: read(self.trivial)?,
            cases: self
                .cases
                .iter()
                .map(|case| Some((*case, read(case.pattern)??)))
                .collect::<Option<_>>()?,
        })
    }
}

/// True for a file that is a test by the name of a directory above it or by its own.
fn is_test_path(path: &str) -> bool {
    const DIRECTORIES: [&str; 9] = [
        "test",
        "tests",
        "__tests__",
        "spec",
        "specs",
        "e2e",
        "cypress",
        "testing",
        "t",
    ];
    let (directories, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let by_name = ["test_", "tests_"]
        .iter()
        .any(|start| stem.starts_with(start))
        || [
            "_test", "_tests", ".test", ".spec", "_spec", "-test", "-spec", ".cy", "Test", "Tests",
            "Spec",
        ]
        .iter()
        .any(|end| stem.ends_with(end))
        || matches!(stem, "test" | "tests" | "conftest");
    by_name
        || directories
            .split('/')
            .any(|name| DIRECTORIES.contains(&name))
}

const fn quote(mark: &'static [u8], extent: Extent) -> Quote {
    Quote { mark, extent }
}

const LIKE_C: Quoting = Quoting {
    line: &[b"//"],
    block: Some((b"/*", b"*/")),
    strings: &[quote(b"\"", Extent::Line), quote(b"'", Extent::Line)],
    own: OwnQuoting::None,
};

const NOTHING: Spelling = Spelling {
    test: "",
    mark: "",
    function: "",
    skip_before: "",
    skip_inside: "",
    skip_itself: "",
    skip_in_comment: "",
    assertion: "",
    trivial: "",
    cases: &[],
};

const fn cases(pattern: &'static str, of: CasesOf, table: CaseTable) -> CaseSpelling {
    CaseSpelling { pattern, of, table }
}

const fn language(
    endings: &'static [&'static str],
    tests_in: TestPlaces,
    quoting: Quoting,
    spelling: Spelling,
) -> Language {
    Language {
        endings,
        tests_in,
        quoting,
        spelling,
        patterns: OnceLock::new(),
    }
}

static LANGUAGES: [Language; 12] = [
    language(
        &[".rs"],
        TestPlaces::Anywhere,
        Quoting {
            strings: &[quote(b"\"", Extent::Lines)],
            own: OwnQuoting::Rust,
            ..LIKE_C
        },
        Spelling {
            mark: r"#\[\s*(?:[\w:]+::)?(?:test|rstest|test_case|quickcheck|bench|wasm_bindgen_test)\b",
            function: r"\bfn\s+(?P<name>\w+)",
            skip_before: r"#!?\[\s*(?:ignore\b|cfg_attr\([^\]\n]*\bignore\b|cfg\(\s*(?:any\(\s*\)|false)\s*\))",
            assertion: r"\b(?:debug_|prop_|quick_)?assert\w*!\s*[({\[]|#\[\s*should_panic|\b\w*snapshot!\s*[({\[]",
            trivial: r"\bassert!\s*\(\s*true\b|\bassert_eq!\s*\(\s*(?:true\s*,\s*true|1\s*,\s*1)\s*[,)]",
            cases: &[cases(
                r"#\[\s*(?:[\w:]+::)?(?:test_case|case(?:::\w+)?)\s*\(",
                CasesOf::NextByOne,
                CaseTable::One,
            )],
            ..NOTHING
        },
    ),
    language(
        &[".py"],
        TestPlaces::ByPath,
        Quoting {
            line: &[b"#"],
            block: None,
            strings: &[
                quote(b"\"\"\"", Extent::Lines),
                quote(b"'''", Extent::Lines),
                quote(b"\"", Extent::Line),
                quote(b"'", Extent::Line),
            ],
            own: OwnQuoting::None,
        },
        Spelling {
            test: r"^[ \t]*(?:async[ \t]+)?def[ \t]+(?P<name>test\w*)",
            skip_before: r"^[ \t]*@(?:\w+\.)*(?:skip|skipif|skipIf|skipUnless|xfail|expectedFailure)\b|\bmarks\s*=\s*[\[(]?\s*(?:\w+\.)+(?:skip|skipif|xfail)\b",
            skip_inside: r"\bpytest\.(?:skip|xfail|importorskip)\s*\(|\bself\.skipTest\s*\(|\braise\s+(?:unittest\.)?SkipTest\b",
            skip_itself: r"^[ \t]*(?:pytestmark\b.*\b(?:skip|skipif|xfail)\b|__test__\s*=\s*False|collect_ignore\w*\s*[+=])",
            assertion: r"^[ \t]*assert\b|\.assert\w+\s*\(|\b(?:pytest|self)\.(?:raises|warns|fail)\s*\(",
            trivial: r"^[ \t]*assert\s+(?:True|1|1\s*==\s*1)[ \t]*(?:,|$)|\.assertTrue\(\s*True\s*\)",
            cases: &[
                cases(
                    r"^[ \t]*@(?:\w+\.)*parametrize\s*\(",
                    CasesOf::NextByTable,
                    CaseTable::Argument(1),
                ),
                cases(
                    r"^[ \t]*@(?:\w+\.)*parameterized(?:\.expand)?\s*\(",
                    CasesOf::NextByTable,
                    CaseTable::Argument(0),
                ),
            ],
            ..NOTHING
        },
    ),
    language(
        &[
            ".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", ".vue",
        ],
        TestPlaces::ByPath,
        Quoting {
            strings: &[
                quote(b"`", Extent::Lines),
                quote(b"\"", Extent::Line),
                quote(b"'", Extent::Line),
            ],
            own: OwnQuoting::Script,
            ..LIKE_C
        },
        Spelling {
            test: r"(?:^|[^.\w$])(?:[xf]?(?:it|test|specify)|Deno\.test)(?:\.\w+)*\s*\(\s*(?P<q>[`\x22'])",
            skip_inside: r"\bthis\.skip\s*\(|(?:^|[^.\w$])pending\s*\(|\b(?:ctx|context|t)\.skip\s*\(",
            skip_itself: r"(?:^|[^.\w$])(?:(?:it|test|describe|context|suite|specify)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|fixme|failing|fails|only)\b|(?:xit|xtest|xdescribe|xcontext|xspecify|fit|fdescribe|fcontext|ftest)\s*\()",
            assertion: r"(?:^|[^.\w$])(?:expect|assert)(?:\.\w+)*\s*\(|\.should\b|\bt\.(?:is|not|deepEqual|true|false|truthy|falsy|throws|snapshot|equal|ok)\s*\(",
            cases: &[cases(
                r"(?:^|[^.\w$])[xf]?(?:it|test|specify|describe|suite|context)(?:\.\w+)*\.each\s*(?:<[^;]{0,200}?>\s*)?[(`]",
                CasesOf::Around,
                CaseTable::BeforeName,
            )],
            trivial: r"\bexpect\(\s*(?:true|1)\s*\)\.(?:toBe|toEqual|toBeTruthy|toBeDefined)\(\s*(?:true|1)?\s*\)|\bassert(?:\.ok)?\(\s*true\s*[,)]",
            ..NOTHING
        },
    ),
    language(
        &[".go"],
        TestPlaces::Ending("_test.go"),
        Quoting {
            strings: &[
                quote(b"`", Extent::Raw),
                quote(b"\"", Extent::Line),
                quote(b"'", Extent::Line),
            ],
            ..LIKE_C
        },
        Spelling {
            test: r"^func\s+(?P<name>(?:Test|Fuzz|Benchmark|Example)\w*)\s*\(|^func\s+\(\w+\s+\*?\w+\)\s+(?P<method>Test\w*)\s*\(|\b\w+\.Run\(\s*(?P<q>[`\x22])",
            skip_inside: r"\b\w+\.(?:Skip|Skipf|SkipNow)\s*\(",
            cases: &[
                cases(
                    r"(?:\[\]|map\[\w+\])struct\s*\{",
                    CasesOf::Around,
                    CaseTable::Literal,
                ),
                cases(
                    r"(?:\[\]|map\[\w+\])\*?[A-Za-z_][\w.]*\{",
                    CasesOf::Around,
                    CaseTable::LiteralOfRows,
                ),
            ],
            skip_in_comment: r"^//(?:go:build|\s*\+build)\s+(?:.*\s)?ignore\b",
            assertion: r"\bt\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\s*\(|\b(?:assert|require|is|suite|s)\.[A-Z]\w*\s*\(",
            ..NOTHING
        },
    ),
    language(
        &[".java", ".kt", ".kts", ".groovy", ".scala"],
        TestPlaces::Anywhere,
        Quoting {
            strings: &[
                quote(b"\"\"\"", Extent::Lines),
                quote(b"\"", Extent::Line),
                quote(b"'", Extent::Line),
            ],
            ..LIKE_C
        },
        Spelling {
            mark: r"@(?:[\w.]+\.)?(?:Test|ParameterizedTest|RepeatedTest|TestFactory|TestTemplate|Property|Theory)\b",
            function: r"\b(?:void|fun|def)\s+(?:<[^>\n]*>\s+)?(?P<name>\w+|`[^`\n]*`)\s*\(",
            skip_before: r"@(?:[\w.]+\.)?(?:Ignore|Disabled\w*|EnabledIf\w*)\b|\benabled\s*=\s*false\b",
            skip_inside: r"\bassume(?:True|False|That|NotNull|NoException)\s*\(|\bthrow\s+new\s+(?:SkipException|AssumptionViolatedException|TestAbortedException)\b",
            assertion: r"\b(?:assert\w*|verify\w*|fail|shouldThrow\w*)\s*[({<]|\bassert\s+[^\s]|\.(?:should\w*|isEqualTo|andExpect|expect\w*)\s*\(|\bexpected\s*=",
            trivial: r"\bassertTrue\(\s*true\s*\)|\bassert\s+true\b",
            cases: &[
                cases(
                    r"@(?:[\w.]+\.)?(?:ValueSource|CsvSource|EnumSource)\s*\(",
                    CasesOf::NextByTable,
                    CaseTable::Braces,
                ),
                cases(
                    r"@(?:[\w.]+\.)?MethodSource\b",
                    CasesOf::NextByTable,
                    CaseTable::Elsewhere(r"\b(?:arguments|Arguments\.of|argumentSet)\s*\("),
                ),
            ],
            ..NOTHING
        },
    ),
    language(
        &[".cs"],
        TestPlaces::Anywhere,
        Quoting {
            strings: &[
                quote(b"\"\"\"", Extent::Raw),
                quote(b"\"", Extent::Line),
                quote(b"'", Extent::Line),
            ],
            ..LIKE_C
        },
        Spelling {
            mark: r"\[\s*(?:[\w.]+\s*,\s*)*(?:[\w.]+\.)?(?:Fact|Theory|Test|TestCase|TestCaseSource|TestMethod|DataTestMethod)\b",
            function: r"\b(?:void|Task|ValueTask)(?:<[^>\n]*>)?\s+(?P<name>\w+)\s*\(",
            skip_before: r"\[\s*(?:[\w.]+\s*,\s*)*(?:Ignore|Explicit)\b|\bSkip\s*=",
            skip_inside: r"\bAssert\.(?:Ignore|Inconclusive|Skip\w*)\s*\(|\bSkip\.If\w*\s*\(",
            assertion: r"\b(?:Assert|CollectionAssert|StringAssert)\.\w+(?:<[^>\n]*>)?\s*\(|\.Should\w*\s*\(|\.Verify\w*\s*\(",
            cases: &[cases(
                r"\[\s*(?:[\w.]+\.)?(?:InlineData|TestCase|DataRow)\s*\(",
                CasesOf::NextByOne,
                CaseTable::One,
            )],
            trivial: r"\bAssert\.(?:True|IsTrue)\(\s*true\s*\)|\bAssert\.Pass\(",
            ..NOTHING
        },
    ),
    language(
        &[".rb"],
        TestPlaces::ByPath,
        Quoting {
            line: &[b"#"],
            block: Some((b"\n=begin", b"\n=end")),
            strings: &[quote(b"\"", Extent::Line), quote(b"'", Extent::Line)],
            own: OwnQuoting::None,
        },
        Spelling {
            test: r"^[ \t]*[xf]?(?:it|specify|scenario|example|test)\s*\(?\s*(?P<q>[\x22'])|^[ \t]*def\s+(?P<name>test_\w+)",
            skip_inside: r"^[ \t]*(?:skip|pending|omit)\b",
            skip_itself: r"^[ \t]*(?:xit|xspecify|xexample|xdescribe|xcontext|xscenario|xtest|fit|fdescribe|fcontext|fspecify)\b|,\s*(?::(?:skip|pending|focus)\b|(?:skip|pending|focus):)",
            assertion: r"\bexpect\s*[({]|\b(?:assert|refute|flunk)\w*\b|\.should(?:_not)?\b|\b(?:must|wont)_\w+|\bis_expected\b",
            trivial: r"\bassert\s*\(?\s*true\s*\)?[ \t]*$|\bexpect\(\s*true\s*\)\.to\s+(?:eq\(?\s*true|be\(?\s*true|be_truthy)",
            ..NOTHING
        },
    ),
    language(
        &[".php"],
        TestPlaces::ByPath,
        Quoting {
            line: &[b"//"],
            strings: &[quote(b"\"", Extent::Lines), quote(b"'", Extent::Lines)],
            own: OwnQuoting::Php,
            ..LIKE_C
        },
        Spelling {
            test: r"\bfunction\s+(?P<name>test\w*)\s*\(|^[ \t]*(?:it|test)\(\s*(?P<q>[\x22'])",
            mark: r"#\[(?:\w+\\)*Test\b",
            function: r"\bfunction\s+(?P<name>\w+)\s*\(",
            skip_inside: r"->markTest(?:Skipped|Incomplete)\s*\(|::markTest(?:Skipped|Incomplete)\s*\(",
            skip_itself: r"->(?:skip|todo|only)\s*\(",
            assertion: r"(?:->|::)(?:assert\w+|expect\w*)\s*\(|\bexpect\s*\(",
            trivial: r"(?:->|::)assertTrue\(\s*true\s*\)",
            ..NOTHING
        },
    ),
    language(
        &[".swift"],
        TestPlaces::Anywhere,
        Quoting {
            strings: &[quote(b"\"\"\"", Extent::Lines), quote(b"\"", Extent::Line)],
            ..LIKE_C
        },
        Spelling {
            test: r"\bfunc\s+(?P<name>test\w+)\s*\(",
            mark: r"@Test\b",
            function: r"\bfunc\s+(?P<name>\w+)\s*\(",
            skip_before: r"\.disabled\s*\(",
            skip_inside: r"\bXCTSkip(?:If|Unless)?\b",
            assertion: r"\bXCT(?:Assert\w*|Fail|Unwrap)\s*\(|#(?:expect|require)\s*\(",
            trivial: r"\bXCTAssert(?:True)?\(\s*true\s*\)|#expect\(\s*true\s*\)",
            ..NOTHING
        },
    ),
    language(
        &[".exs"],
        TestPlaces::ByPath,
        Quoting {
            line: &[b"#"],
            block: None,
            strings: &[quote(b"\"\"\"", Extent::Lines), quote(b"\"", Extent::Line)],
            own: OwnQuoting::None,
        },
        Spelling {
            test: r"^[ \t]*test\s+(?P<q>\x22)",
            skip_before: r"^[ \t]*@(?:tag|moduletag|describetag)\s+(?::skip|skip:)",
            assertion: r"\b(?:assert|refute)\w*\b",
            trivial: r"\bassert\s+true[ \t]*$",
            ..NOTHING
        },
    ),
    language(
        &[".cpp", ".cc", ".cxx", ".c", ".h", ".hpp"],
        TestPlaces::Anywhere,
        LIKE_C,
        Spelling {
            test: r"^[ \t]*(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(\s*(?P<name>\w+\s*,\s*\w+)|^[ \t]*TEST_CASE\s*\(\s*(?P<q>\x22)",
            skip_inside: r"\bGTEST_SKIP\s*\(|\bSKIP\s*\(",
            skip_itself: r"^[ \t]*(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\([^)\n]*\bDISABLED_",
            assertion: r"\b(?:ASSERT|EXPECT)_[A-Z_]+\s*\(|\b(?:REQUIRE|CHECK)(?:_[A-Z_]+)?\s*\(",
            trivial: r"\b(?:ASSERT|EXPECT)_TRUE\s*\(\s*true\s*\)|\b(?:REQUIRE|CHECK)\s*\(\s*true\s*\)",
            ..NOTHING
        },
    ),
    language(
        &[".bats"],
        TestPlaces::Anywhere,
        Quoting {
            line: &[b"# "],
            block: None,
            strings: &[quote(b"\"", Extent::Line), quote(b"'", Extent::Line)],
            own: OwnQuoting::None,
        },
        Spelling {
            test: r"^@test\s+(?P<q>[\x22'])",
            skip_inside: r"^[ \t]*skip\b",
            assertion: r"^[ \t]*(?:\[\[?\s|assert\w*\b|refute\w*\b)",
            ..NOTHING
        },
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_of_the_table_can_be_read() {
        for language in &LANGUAGES {
            assert!(language.patterns().is_some(), "{:?}", language.endings);
        }
    }

    #[test]
    fn tests_are_looked_for_where_each_language_has_them() {
        for (path, is_looked_at) in [
            ("src/a.rs", true),
            ("src/a.py", false),
            ("tests/a.py", true),
            ("pkg/test_a.py", true),
            ("src/latest.py", false),
            ("src/a.test.tsx", true),
            ("src/a.ts", false),
            ("a.go", false),
            ("a_test.go", true),
            ("spec/a_spec.rb", true),
            ("README.md", false),
        ] {
            assert_eq!(Language::of(path).is_some(), is_looked_at, "{path}");
        }
    }
}
