use crate::base::rules::rules;
use crate::domain::guards::languages::Language;
use crate::domain::guards::test_file::TestFile;

/// The tests of a file with a table, each as `name rows`; `?` where they cannot be counted.
fn cases(path: &str, text: &str) -> Vec<String> {
    let file = TestFile::read(Language::of(path).unwrap(), text.as_bytes());
    let with = file
        .names()
        .filter(|name| file.tests[*name].cases > 0)
        .map(|name| match &file.tests[name] {
            test if test.is_uncounted => format!("{name} ?"),
            test => format!("{name} {}", test.cases),
        });
    with.collect()
}

rules! {
    python_rows: cases("test_a.py", "@pytest.mark.parametrize('a, b', [(1, 2), (3, (4, 5)),\n    (6, 7),  # last\n])\ndef test_a(a, b):\n    assert a\n") => ["test_a 3"];
    python_rows_are_strings_too: cases("test_a.py", "@pytest.mark.parametrize('a', ['x, y', ']', ''])\ndef test_a(a): assert a\n") => ["test_a 3"];
    tables_multiply: cases("test_a.py", "@pytest.mark.parametrize('a', [1, 2])\n@pytest.mark.parametrize('b', (1, 2, 3))\ndef test_a(a, b): assert a\n") => ["test_a 6"];
    rows_by_name: cases("test_a.py", "CASES = [\n    1,\n    2,\n]\n\n@pytest.mark.parametrize('a', CASES)\ndef test_a(a): assert a\n") => ["test_a 2"];
    rows_by_keyword: cases("test_a.py", "@pytest.mark.parametrize(argnames='a', argvalues=[1, 2])\ndef test_a(a): assert a\n") => ["test_a 2"];
    rows_from_elsewhere_cannot_be_counted: cases("test_a.py", "@pytest.mark.parametrize('a', other.rows())\ndef test_a(a): assert a\n@pytest.mark.parametrize('a', imported)\ndef test_b(a): assert a\n") => ["test_a ?", "test_b ?"];
    python_expanded: cases("test_a.py", "class T:\n    @parameterized.expand([(1,), (2,)])\n    def test_a(self, a): assert a\n") => ["test_a 2"];
    a_table_in_a_comment_is_none: cases("test_a.py", "# @pytest.mark.parametrize('a', [1])\ndef test_a(a): assert a\n") => Vec::<String>::new();

    js_rows: cases("a.test.ts", "it.each([[1, 2], [3, 4]])('adds %i', (a, b) => { expect(a).toBe(b); });\ntest.concurrent.each<[number]>([[1]]);\n") => ["adds %i 2"];
    js_rows_by_name: cases("a.test.ts", "const rows: Row[] = [1, 2, 3];\ntest.each(rows)(`takes`, f);\n") => ["takes 3"];
    js_rows_as_text: cases("a.test.js", "test.each`\n  a | b\n  ${1} | ${2}\n  ${3} | ${4}\n`('adds', f)\n") => ["adds 2"];

    js_rows_with_a_type: cases("a.test.ts", "const T = [[1], [2]];\nit.each<[number]>(T)('one', f);\ntest.each<{ a: () => void }>([1, 2, 3])('two', f);\n") => ["one 2", "two 3"];
    js_groups: cases("a.test.ts", "const T = [1, 2];\ndescribe.each(T)('group %i', (n) => {\n  it('is', () => { expect(n).toBe(1); });\n});\n") => ["group %i 2"];

    a_row_that_repeats_another_is_none: cases("test_a.py", "@pytest.mark.parametrize('a', [1, 2, 2, 2,  # again\n  2])\ndef test_a(a): assert a\n") => ["test_a 2"];
    what_is_said_in_a_string_is_another_one: cases("test_a.py", "@pytest.mark.parametrize('a', ['1 2', '12', 12, 'a', 'b'])\ndef test_a(a): assert a\n") => ["test_a 5"];
    repeated_attributes: cases("src/a.rs", "#[test_case(1)]\n#[test_case( 1 )]\n#[test_case(2)]\nfn a(n: u8) { assert!(n); }\n") => ["a 2"];

    rust_attributes: cases("src/a.rs", "#[test_case(1, \"a\")]\n#[test_case(2, \"b\"; \"named\")]\nfn a(n: u8) { assert!(n); }\n#[rstest]\n#[case::one(1)]\n#[case(2)]\n#[case(3)]\nfn b(#[case] n: u8) { assert!(n); }\n") => ["a 2", "b 3"];

    go_literals: cases("a_test.go", "func TestA(t *testing.T) {\n\tfor _, tc := range []struct {\n\t\tname string\n\t\twant func(int) (int, error)\n\t}{\n\t\t{\"a, b\", nil},\n\t\t{name: \"c\"},\n\t} {\n\t\tt.Run(tc.name, func(t *testing.T) { t.Fatal(1) })\n\t}\n}\n") => ["TestA 2"];
    go_maps_and_named_types: cases("a_test.go", "func TestA(t *testing.T) {\n\tm := map[string]struct{ n int }{\"a\": {1}, \"b\": {2}}\n}\nfunc TestB(t *testing.T) {\n\tm := []testCase{{1}, {2}, {3}}\n\tn := []int{1, 2}\n}\n") => ["TestA 2", "TestB 3"];

    go_lists_in_a_row: cases("a_test.go", "func TestA(t *testing.T) {\n\tfor _, tc := range []struct{ in []pt }{\n\t\t{[]pt{{1}, {2}, {3}}},\n\t\t{in: []pt{{1}}},\n\t} {\n\t\tt.Run(tc.name, func(t *testing.T) { t.Fatal(1) })\n\t}\n}\nfunc TestB(t *testing.T) {\n\tm := []testCase{{[]pt{{1}, {2}}}, {nil}}\n}\n") => ["TestA 2", "TestB 2"];

    java_sources: cases("ATest.java", "@ParameterizedTest\n@ValueSource(ints = {1, 2, 3})\nvoid a(int n) { assertTrue(n); }\n@ParameterizedTest @CsvSource({\"a, b\", \"c, d\"})\nvoid b(String x) { assertTrue(x); }\n") => ["a 3", "b 2"];
    java_texts_keep_their_blanks: cases("ATest.java", "@ParameterizedTest\n@ValueSource(strings = {\"\", \" \", \"   \", \"foo bar\", \"foobar\"})\nvoid a(String x) { assertTrue(x); }\n") => ["a 5"];
    java_values_do_not: cases("ATest.java", "@ParameterizedTest @CsvSource({\"a, b\", \"a,b\", \"a , c\"})\nvoid a(String x) { assertTrue(x); }\n") => ["a 2"];
    java_methods: cases("ATest.java", "@ParameterizedTest\n@MethodSource(\"rows\")\nvoid a(int n) { assertTrue(n); }\nstatic Stream<Arguments> rows() { return Stream.of(arguments(1), Arguments.of(2)); }\n") => ["a 2"];
    java_methods_elsewhere: cases("ATest.java", "@ParameterizedTest\n@MethodSource(\"rows\")\nvoid a(int n) { assertTrue(n); }\n") => ["a ?"];
    kotlin_lists: cases("ATest.kt", "@ParameterizedTest\n@ValueSource(ints = [1, 2])\nfun a(n: Int) { assertTrue(n) }\n") => ["a 2"];
    java_methods_share_what_cannot_be_told_apart: cases("ATest.java", "@ParameterizedTest\n@MethodSource(\"a\")\nvoid a(int n) { assertTrue(n); }\n@ParameterizedTest\n@MethodSource(\"b\")\nvoid b(int n) { assertTrue(n); }\nStream<Arguments> a() { return Stream.of(arguments(1), arguments(2), arguments(3)); }\nStream<Arguments> b() { return Stream.of(arguments(4), arguments(5)); }\n") => ["a 3", "b 2"];
    java_text: cases("ATest.java", "@ParameterizedTest\n@CsvSource(textBlock = \"\"\"\n    a, b\n    # none\n    c, \"d\"\n    \"\"\")\nvoid a(String x) { assertTrue(x); }\n") => ["a 2"];
    java_text_with_a_heading: cases("ATest.java", "@ParameterizedTest\n@CsvSource(useHeadersInDisplayName = true, textBlock = \"\"\"\n    x, y\n    a, b\n    c, d\n    \"\"\")\nvoid a(String x) { assertTrue(x); }\n") => ["a 2"];
    csharp_rows: cases("A.cs", "[Theory]\n[InlineData(1)]\n[InlineData(2)]\npublic void A(int n) { Assert.Equal(1, n); }\n") => ["A 2"];
}

#[test]
fn any_number_of_tests_take_their_rows_from_methods() {
    let test = |n: usize| {
        format!(
            "@ParameterizedTest\n@MethodSource(\"rows{n}\")\nvoid a{n:02}(int n) {{ assertTrue(n); }}\nStream<Arguments> rows{n}() {{ return Stream.of(arguments({n}, 1), arguments({n}, 2)); }}\n"
        )
    };
    let file: String = (0..40).map(test).collect();
    let counted: Vec<String> = (0..40).map(|n| format!("a{n:02} 2")).collect();
    assert_eq!(cases("ATest.java", &file), counted);
}

#[test]
fn any_number_of_tables_by_name_is_counted() {
    let table = |n: usize| {
        format!(
            "T{n} = [{n}, -1]\n@pytest.mark.parametrize('a', T{n})\ndef test_{n:02}(a): assert a\n"
        )
    };
    let told = cases("test_a.py", &(0..40).map(table).collect::<String>());
    let expected: Vec<String> = (0..40).map(|n| format!("test_{n:02} 2")).collect();
    assert_eq!(told, expected);
}

#[test]
fn brackets_within_brackets_take_time_in_proportion() {
    for open in [
        "@pytest.mark.parametrize(",
        "@pytest.mark.parametrize('a', [(",
        "@pytest.mark.parametrize('a', rows)\n",
    ] {
        cases("test_a.py", &format!("{open}\n").repeat(50_000));
    }
    cases("a_test.go", &"[]struct{".repeat(50_000));
    cases("a.test.js", &"it.each([".repeat(50_000));
    cases("a.test.js", &"it.each`".repeat(50_001));
}
