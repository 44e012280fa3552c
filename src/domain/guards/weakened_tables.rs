use crate::base::rules::rules;
use crate::domain::guards::{ChangeLook, ChangedFile, Guard, Side};
use std::collections::BTreeSet;

/// The answer about a change of files, each with its content before and now; empty is not there.
fn said(files: &[(&str, &str, &str)]) -> Vec<String> {
    let wanted = BTreeSet::from([Guard::TestsWeakened]);
    let mut look = ChangeLook::new(&|_| Vec::new(), &wanted);
    for (path, old, new) in files {
        let side = |text: &'static str| match text {
            "" => Side::Absent,
            text => Side::Read(text.as_bytes()),
        };
        let (old, new): (&str, &str) = (old, new);
        look.add(ChangedFile {
            path: &(*path).into(),
            old: side(Box::leak(old.to_owned().into_boxed_str())),
            new: side(Box::leak(new.to_owned().into_boxed_str())),
        });
    }
    let found = look.finish(&|_| false).into_iter();
    let found = found.filter(|one| one.guard == Guard::TestsWeakened);
    found
        .map(|one| format!("{}:{} {}", one.path, one.line.unwrap_or_default(), one.what))
        .collect()
}

/// Two tests with rows from methods, the second from these.
fn of_methods(rows: &str) -> String {
    let test = |name: &str, rows: &str| {
        format!(
            "@ParameterizedTest\n@MethodSource(\"{name}s\")\nvoid {name}(int n) {{ assertTrue(n); }}\nStream<Arguments> {name}s() {{ return Stream.of({rows}); }}\n"
        )
    };
    test("a", "arguments(1), arguments(2), arguments(3)") + &test("b", rows)
}

const TWO: &str = "def test_a():\n    assert x\n    assert y\n\ndef test_b():\n    assert z\n";
const NOTHING: [&str; 0] = [];

rules! {
    a_test_that_grows_is_no_finding: said(&[("test_a.py", TWO, &format!("{TWO}def test_c():\n    assert q\n"))]) => NOTHING;
    a_deleted_file: said(&[("test_a.py", TWO, "")]) => ["test_a.py:1 the file is deleted with 2 tests: `test_a`, `test_b`"];
    a_moved_file_is_no_deletion: said(&[("test_a.py", TWO, ""), ("tests/test_b.py", "", TWO)]) => NOTHING;
    a_file_of_helpers_may_go: said(&[("tests/helper.py", "def make():\n    return 1\n", "")]) => NOTHING;
    moved_to_where_no_test_is_run_it_is_gone: said(&[("test_a.py", TWO, ""), ("src/a.py", "", TWO)]) => ["test_a.py:1 the file is deleted with 2 tests: `test_a`, `test_b`"];
    a_test_that_moves_to_another_file_stays: said(&[("test_a.py", TWO, "def test_a():\n    assert x\n    assert y\n"), ("test_b.py", "", "def test_b():\n    assert z\n")]) => NOTHING;
    one_that_moves_and_asserts_less_does_not: said(&[("test_a.py", TWO, "def test_b():\n    assert z\n"), ("test_b.py", "", "def test_a():\n    assert x\n")]) => ["test_b.py:1 `test_a` asserts less: 1 assertion fewer"];
    a_test_that_is_gone: said(&[("test_a.py", TWO, "def test_a():\n    assert x\n    assert y\n")]) => ["test_a.py:5 1 test gone: `test_b`"];
    one_in_a_comment_is_gone: said(&[("test_a.py", TWO, &TWO.replace("def test_b():\n    assert z", "# def test_b():\n#    assert z"))]) => ["test_a.py:5 1 test gone: `test_b`"];
    a_renamed_test_stays: said(&[("test_a.py", TWO, &TWO.replace("test_b", "test_c"))]) => NOTHING;
    one_replaced_by_nothing_much_does_not: said(&[("test_a.py", TWO, &TWO.replace("test_a", "test_c").replace("    assert x\n", "    assert True\n"))]) => ["test_a.py:1 tests are replaced by ones that assert less: `test_a`"];
    an_assertion_that_is_gone: said(&[("test_a.py", TWO, &TWO.replace("    assert x\n", ""))]) => ["test_a.py:1 `test_a` asserts less: 1 assertion fewer"];
    an_assertion_of_nothing: said(&[("test_a.py", TWO, &TWO.replace("assert z", "assert True"))]) => ["test_a.py:5 `test_b` asserts less: 1 assertion fewer"];
    an_assertion_said_in_another_way: said(&[("test_a.py", TWO, &TWO.replace("assert z", "self.assertEqual(z, 1)"))]) => NOTHING;
    a_skip: said(&[("test_a.py", TWO, &TWO.replace("def test_b", "@pytest.mark.skip\ndef test_b"))]) => ["test_a.py:5 skipped: `test_b`"];
    a_skip_that_was_there: said(&[("test_a.py", &format!("@pytest.mark.skip\n{TWO}"), &format!("# more\n@pytest.mark.skip\n{TWO}"))]) => NOTHING;
    a_skip_that_goes_to_another_test: said(&[("test_a.py", &format!("@pytest.mark.skip\n{TWO}"), &TWO.replace("def test_b", "@pytest.mark.skip\ndef test_b"))]) => ["test_a.py:5 skipped: `test_b`"];
    a_skip_that_moves_with_its_file: said(&[("test_a.py", &format!("@pytest.mark.skip\n{TWO}"), ""), ("test_b.py", "", &format!("@pytest.mark.skip\n{TWO}"))]) => NOTHING;
    a_skip_in_a_string: said(&[("a.test.js", "it('a', f)", "it('a', f)\nconst s = \"it.skip('a')\";\n")]) => NOTHING;
    a_group_of_others_alone: said(&[("a.test.js", "it('a', f)\nit('b', f)\n", "it('a', f)\nit.only('b', f)\n")]) => ["a.test.js:2 skipped: `it.only('b', f)`"];
    of_two_with_one_name_one_is_gone: said(&[("a.test.js", "it('a', f)\nit('a', g)\n", "it('a', f)\n")]) => ["a.test.js:1 1 test named `a` gone"];

    three_tests_become_three_rows: said(&[("test_a.py",
        "def test_a():\n    assert f(1)\n\ndef test_b():\n    assert f(2)\n\ndef test_c():\n    assert f(3)\n",
        "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_all(n):\n    assert f(n)\n")]) => NOTHING;
    three_tests_become_two_rows: said(&[("test_a.py",
        "def test_a():\n    assert f(1)\n\ndef test_b():\n    assert f(2)\n\ndef test_c():\n    assert f(3)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_all(n):\n    assert f(n)\n")]) => ["test_a.py:1 1 test gone: `test_a`, `test_b`, `test_c`"];
    others_become_rows_of_one_that_stays: said(&[("test_a.py",
        "def test_a():\n    assert f(1)\n\ndef test_b():\n    assert f(2)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n")]) => NOTHING;
    one_that_stays_has_too_few_rows: said(&[("test_a.py",
        "def test_a():\n    assert f(1)\n\ndef test_b():\n    assert f(2)\n\ndef test_c():\n    assert f(3)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n")]) => ["test_a.py:4 1 test gone: `test_b`, `test_c`"];
    assertions_written_out_become_rows: said(&[("test_a.py",
        "def test_a():\n    assert f(1)\n    assert f(2)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n")]) => NOTHING;
    a_row_moves_within_its_table: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', [3, 1, 2])\ndef test_a(n):\n    assert f(n)\n")]) => NOTHING;
    a_row_that_is_gone: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n")]) => ["test_a.py:2 `test_a` asserts less: 1 case fewer"];
    a_row_in_a_comment_is_gone: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [\n    1,\n    2,\n])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', [\n    1,\n    # 2,\n])\ndef test_a(n):\n    assert f(n)\n")]) => ["test_a.py:5 `test_a` asserts less: 1 case fewer"];
    a_row_that_is_skipped: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', [1, pytest.param(2, marks=pytest.mark.skip)])\ndef test_a(n):\n    assert f(n)\n")]) => ["test_a.py:1 skipped: `test_a`"];
    rows_from_elsewhere_are_not_fewer: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', rows)\ndef test_a(n):\n    assert f(n)\n")]) => NOTHING;
    rows_that_only_repeat_hide_no_test: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n\ndef test_login():\n    assert g()\n\ndef test_logout():\n    assert h()\n",
        "@pytest.mark.parametrize('n', [1, 2, 2, 2])\ndef test_a(n):\n    assert f(n)\n")]) => ["test_a.py:5 2 tests gone: `test_login`, `test_logout`"];
    rows_that_became_the_same: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', [1, 1, 1])\ndef test_a(n):\n    assert f(n)\n")]) => ["test_a.py:2 `test_a` asserts less: 2 cases fewer"];
    one_of_two_rows_that_are_the_same: said(&[("test_a.py",
        "@pytest.mark.parametrize('n', [1, 2, 2])\ndef test_a(n):\n    assert f(n)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_a(n):\n    assert f(n)\n")]) => NOTHING;
    js_typed_rows_that_are_gone: said(&[("a.test.ts",
        "const T = [1, 2];\nit.each<number>(T)('f', (n) => { expect(f(n)).toBe(1); });\n",
        "const T = [1];\nit.each<number>(T)('f', (n) => { expect(f(n)).toBe(1); });\n")]) => ["a.test.ts:2 `f` asserts less: 1 case fewer"];
    js_groups_that_are_gone: said(&[("a.test.ts",
        "const T = [1, 2];\ndescribe.each(T)('g', (n) => {\n  it('f', () => { expect(f(n)).toBe(1); });\n});\n",
        "const T = [1];\ndescribe.each(T)('g', (n) => {\n  it('f', () => { expect(f(n)).toBe(1); });\n});\n")]) => ["a.test.ts:2 `g` asserts less: 1 case fewer"];
    java_rows_of_two_methods_that_are_gone: said(&[("ATest.java", &of_methods("arguments(4), arguments(5)"), &of_methods("arguments(4)"))]) => ["ATest.java:3 `a` asserts less: 1 case fewer"];
    java_rows_become_a_text: said(&[("ATest.java",
        "@ParameterizedTest\n@CsvSource({\"a, 1\", \"b, 2\", \"c, 3\"})\nvoid a(String x) { assertTrue(x); }\n",
        "@ParameterizedTest\n@CsvSource(textBlock = \"\"\"\n    a, 1\n    b, 2\n    c, 3\n    \"\"\")\nvoid a(String x) { assertTrue(x); }\n")]) => NOTHING;
    a_row_of_a_text_that_is_gone: said(&[("ATest.java",
        "@ParameterizedTest\n@CsvSource(textBlock = \"\"\"\n    a, 1\n    b, 2\n    \"\"\")\nvoid a(String x) { assertTrue(x); }\n",
        "@ParameterizedTest\n@CsvSource(textBlock = \"\"\"\n    a, 1\n    \"\"\")\nvoid a(String x) { assertTrue(x); }\n")]) => ["ATest.java:5 `a` asserts less: 1 case fewer"];
    go_lists_in_a_row_are_no_cases: said(&[("a_test.go",
        "func TestA(t *testing.T) {\n\tfor _, tc := range []struct{ in []pt }{{[]pt{{1}, {2}, {3}}}} {\n\t\trequire.True(f(tc.in))\n\t}\n}\n",
        "func TestA(t *testing.T) {\n\tfor _, tc := range []struct{ in []pt }{{[]pt{{1}}}} {\n\t\trequire.True(f(tc.in))\n\t}\n}\n")]) => NOTHING;
    js_tests_become_rows: said(&[("a.test.js",
        "it('a', () => { expect(f(1)).toBe(1); });\nit('b', () => { expect(f(2)).toBe(2); });\n",
        "it.each([[1, 1], [2, 2]])('f %i', (n, m) => { expect(f(n)).toBe(m); });\n")]) => NOTHING;
    js_rows_that_are_gone: said(&[("a.test.js",
        "it.each([[1, 1], [2, 2]])('f %i', (n, m) => { expect(f(n)).toBe(m); });\n",
        "it.each([[1, 1]])('f %i', (n, m) => { expect(f(n)).toBe(m); });\n")]) => ["a.test.js:1 `f %i` asserts less: 1 case fewer"];
    rust_tests_become_rows: said(&[("src/a.rs",
        "#[test]\nfn a() { assert!(f(1)); }\n#[test]\nfn b() { assert!(f(2)); }\n",
        "#[test_case(1)]\n#[test_case(2)]\nfn all(n: u8) { assert!(f(n)); }\n")]) => NOTHING;
    go_subtests_become_rows: said(&[("a_test.go",
        "func TestA(t *testing.T) {\n\tt.Run(\"a\", func(t *testing.T) { require.True(f(1)) })\n\tt.Run(\"b\", func(t *testing.T) { require.True(f(2)) })\n}\n",
        "func TestA(t *testing.T) {\n\tfor _, tc := range []struct{ n int }{{1}, {2}} {\n\t\tt.Run(tc.name, func(t *testing.T) { require.True(f(tc.n)) })\n\t}\n}\n")]) => NOTHING;
    go_rows_that_are_gone: said(&[("a_test.go",
        "func TestA(t *testing.T) {\n\tfor _, tc := range []struct{ n int }{{1}, {2}} {\n\t\trequire.True(f(tc.n))\n\t}\n}\n",
        "func TestA(t *testing.T) {\n\tfor _, tc := range []struct{ n int }{{1}} {\n\t\trequire.True(f(tc.n))\n\t}\n}\n")]) => ["a_test.go:1 `TestA` asserts less: 1 case fewer"];
    java_tests_become_rows: said(&[("ATest.java",
        "@Test\nvoid a() { assertTrue(f(1)); }\n@Test\nvoid b() { assertTrue(f(2)); }\n",
        "@ParameterizedTest\n@ValueSource(ints = {1, 2})\nvoid all(int n) { assertTrue(f(n)); }\n")]) => NOTHING;
    java_rows_that_are_gone: said(&[("ATest.java",
        "@ParameterizedTest\n@ValueSource(ints = {1, 2})\nvoid all(int n) { assertTrue(f(n)); }\n",
        "@ParameterizedTest\n@ValueSource(ints = {1})\nvoid all(int n) { assertTrue(f(n)); }\n")]) => ["ATest.java:3 `all` asserts less: 1 case fewer"];
    a_bare_row_is_not_worth_what_was_asserted: said(&[("test_a.py",
        "def test_a():\n    assert f(1)\n\ndef test_b():\n    assert f(2)\n",
        "@pytest.mark.parametrize('n', [1, 2])\ndef test_all(n):\n    f(n)\n")]) => ["test_a.py:1 tests are replaced by ones that assert less: `test_a`, `test_b`"];
    code_without_tests: said(&[("src/a.rs", "fn main() { assert!(x); }\n", "fn main() {}\n")]) => NOTHING;
    a_file_that_turns_binary: said(&[("src/a.rs", "#[test]\nfn a() {}\n", "\0#[test]\nfn a() {}\n")]) => ["src/a.rs:2 the file is deleted with 1 test: `a`"];
}

#[test]
fn thousands_of_files_and_tests_take_time_in_proportion() {
    let wanted = BTreeSet::from([Guard::TestsWeakened]);
    let mut look = ChangeLook::new(&|_| Vec::new(), &wanted);
    let (kept, gone) = (
        "#[test]\nfn same_name() { assert!(x); }\n",
        "#[test]\nfn other() {}\n",
    );
    for n in 0..5_000 {
        look.add(ChangedFile {
            path: &format!("src/{n}.rs").as_str().into(),
            old: Side::Read(format!("{kept}{gone}").as_bytes()),
            new: match n % 2 {
                0 => Side::Read(kept.as_bytes()),
                _ => Side::Absent,
            },
        });
    }
    assert_eq!(look.finish(&|_| false).len(), 5_000);
}
