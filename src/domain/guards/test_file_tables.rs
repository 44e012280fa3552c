use super::*;
use crate::base::rules::rules;

/// The tests of a file, each as `name assertions`, and its skips.
fn read(path: &str, text: &str) -> (Vec<String>, Vec<String>) {
    let file = TestFile::read(Language::of(path).unwrap(), text.as_bytes());
    let tests = file
        .names()
        .map(|name| format!("{name} {}", file.tests[name].assertions));
    let skips = file
        .skips
        .iter()
        .map(|skip| format!("{}: {}", skip.line, skip.of));
    (tests.collect(), skips.collect())
}

fn tests(path: &str, text: &str) -> Vec<String> {
    read(path, text).0
}

fn skips(path: &str, text: &str) -> Vec<String> {
    read(path, text).1
}

rules! {
    rust_tests_are_marked: tests("src/a.rs", "#[test]\nfn a() {\n    assert!(x);\n    assert_eq!(1, y);\n}\nfn b() {}\n#[tokio::test]\nasync fn c() {}\n") => ["a 2", "c 0"];
    a_mark_in_a_comment_or_string_is_none: tests("src/a.rs", "// #[test]\nfn a() {}\nconst S: &str = \"\n#[test]\nfn b() {}\";\n/* /* */ #[test]\n*/ fn c() {}\nconst R: &str = r#\"#[test] fn d() {}\"#;\n") => Vec::<String>::new();
    a_lifetime_and_a_quote_open_no_string: tests("src/a.rs", "fn f<'a>(x: &'a str) -> char { '\"' }\n#[test]\nfn a() { let c = '\\''; }\n") => ["a 0"];
    rust_skips: skips("src/a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}\n#[cfg(any())]\nmod tests {\n#[test]\nfn b() {}\n}\n") => ["2: a", "4: b"];
    an_ignored_word_is_no_skip: skips("src/a.rs", "// #[ignore]\n#[test]\nfn a() { ignore(\"#[ignore]\"); }\n") => Vec::<String>::new();
    an_assertion_of_nothing_counts_for_none: tests("src/a.rs", "#[test]\nfn a() { assert!(true); assert!(x); }\n") => ["a 1"];

    python_tests: tests("tests/test_a.py", "def test_a():\n    assert x == 1\n    self.assertEqual(1, x)\n\nclass T:\n    async def test_b(self):\n        with pytest.raises(E):\n            pass\n") => ["test_a 2", "test_b 1"];
    python_skips: skips("tests/test_a.py", "import pytest\n@pytest.mark.skip(reason='x')\ndef test_a(): pass\n@unittest.skipIf(True, '')\ndef test_b(self): self.skipTest('no')\n") => ["2: test_a", "4: test_b", "5: test_b"];
    python_words_are_no_skips: skips("tests/test_a.py", "def test_a():\n    '''\n    @pytest.mark.skip\n    '''\n    # pytest.skip()\n    skip = 'pytest.skip()'\n") => Vec::<String>::new();
    a_whole_module_of_python: skips("tests/test_a.py", "pytestmark = pytest.mark.skip\n") => ["1: pytestmark = pytest.mark.skip"];
    a_docstring_is_no_assertion: tests("tests/test_a.py", "def test_a():\n    \"\"\"\n    assert me\n    \"\"\"\n    assert True\n") => ["test_a 0"];

    js_tests: tests("a.test.ts", "describe('x', () => {\n  it('adds', () => { expect(add(1)).toBe(2); });\n  test(`takes ${a}`, () => {});\n  obj.it('no');\n});\n") => ["adds 1", "takes ${a} 0"];
    js_skips: skips("a.spec.js", "it.skip('a', f);\nxit('b', f);\ndescribe.only('c', f);\ntest.todo('d');\n") => ["1: it.skip('a', f);", "2: xit('b', f);", "3: describe.only('c', f);", "4: test.todo('d');"];
    js_words_are_no_skips: skips("a.spec.js", "// it.skip('a')\nconst s = \"xit('b')\";\nsplit('x'); unit('y'); a.skip('z');\n/* describe.skip */\n") => Vec::<String>::new();
    a_quote_in_a_regular_expression_of_js_opens_nothing:
        tests("a.test.js", "const q = /[\"'`/]/g;\nit('a', () => { expect(s.replace(/`/g, '')).toBe(/'\\/`/); });\nit('b', () => { expect(x); });\n")
        => ["a 1", "b 1"];
    a_division_is_none: tests("a.test.js", "const a = b / c, d = (e) / f;\nit('a', () => { expect(x[0] / 2); });\n") => ["a 1"];
    a_word_in_a_regular_expression_is_no_test: tests("a.test.js", "return /it('a', f)/;\n") => Vec::<String>::new();
    a_string_that_is_never_closed_hides_nothing: tests("a.test.js", "const s = <p>`</p>;\nit('a', () => { expect(x); });\n") => ["a 1"];
    a_quote_in_a_comment_of_php_opens_nothing:
        tests("tests/ATest.php", "<?php\n# it's a note\n#[Test]\npublic function a() { $this->assertSame(1, $x); }\n") => ["a 1"];
    js_assertions_of_nothing: tests("a.test.js", "it('a', () => { expect(true).toBe(true); expect(x).toBe(1); });\n") => ["a 1"];

    go_tests: tests("a_test.go", "func TestA(t *testing.T) {\n\tt.Run(\"sub\", func(t *testing.T) { t.Fatal(1) })\n}\nfunc helper() {}\n") => ["TestA 0", "sub 1"];
    go_skips: skips("a_test.go", "//go:build ignore\n\nfunc TestA(t *testing.T) {\n\tt.Skip(\"no\")\n}\n") => ["1: //go:build ignore", "4: TestA"];
    go_raw_strings: skips("a_test.go", "func TestA(t *testing.T) {\n\ts := `\n\tt.Skip()\n\\`\n}\n") => Vec::<String>::new();

    java_tests: tests("src/test/java/ATest.java", "class ATest {\n  @Test\n  public void adds() { assertEquals(1, x); }\n  void helper() {}\n  @ParameterizedTest @ValueSource(ints = {1})\n  void many(int x) { verify(m).x(); }\n}\n") => ["adds 1", "many 1"];
    java_skips: skips("ATest.java", "@Disabled(\"x\")\n@Test\nvoid a() {}\n@Test\nvoid b() { assumeTrue(false); }\n@Test(enabled = false)\nvoid c() {}\n") => ["1: a", "5: b", "6: c"];
    kotlin_names_in_backticks: tests("ATest.kt", "@Test fun `adds two`() { assertThat(x).isEqualTo(1) }\n") => ["`adds two` 2"];
    csharp: read("A.cs", "[Fact(Skip = \"x\")]\npublic void A() { Assert.Equal(1, x); }\n[Test, Ignore]\npublic async Task B() {}\n") => (vec!["A 1".into(), "B 0".into()], vec!["1: A".into(), "3: B".into()]);

    ruby: read("spec/a_spec.rb", "describe 'x' do\n  it 'adds' do\n    expect(a).to eq 1\n  end\n  xit 'b' do\n  end\n  it 'c', :skip do\n    skip 'later'\n  end\nend\n") => (
        vec!["adds 1".into(), "b 0".into(), "c 0".into()],
        vec!["5: xit 'b' do".into(), "7: it 'c', :skip do".into(), "8: c".into()]);
    php: read("tests/ATest.php", "<?php\n#[Test]\npublic function adds() { $this->assertSame(1, $x); }\npublic function testB() { $this->markTestSkipped(); }\n") => (
        vec!["adds 1".into(), "testB 0".into()], vec!["4: testB".into()]);
    swift: read("ATests.swift", "func testA() throws { throw XCTSkip(\"\") }\n@Test func b() { #expect(x == 1) }\n") => (
        vec!["b 1".into(), "testA 0".into()], vec!["1: testA".into()]);
    elixir: read("test/a_test.exs", "@tag :skip\ntest \"adds\" do\n  assert x\nend\n") => (vec!["adds 1".into()], vec!["1: adds".into()]);
    cpp: read("a_test.cpp", "TEST(A, DISABLED_b) { ASSERT_TRUE(true); }\nTEST(A, c) { EXPECT_EQ(1, x); GTEST_SKIP(); }\n") => (
        vec!["A, DISABLED_b 0".into(), "A, c 1".into()], vec!["1: TEST(A, DISABLED_b) { ASSERT_TRUE(true); }".into(), "2: A, c".into()]);
}

#[test]
fn no_text_is_too_odd_and_a_long_one_takes_time_in_proportion() {
    for text in [
        "",
        "\"",
        "'",
        "r#",
        "r#\"",
        "/*",
        "#[test]",
        "'\\",
        "it('",
        "\u{feff}\u{202e}it(\"",
        "`",
        "'''",
    ] {
        for path in [
            "a.rs",
            "test_a.py",
            "a.test.js",
            "a_test.go",
            "a_spec.rb",
            "ATest.java",
            "A.cs",
            "test/a.php",
        ] {
            read(path, text);
        }
    }
    let many: String = (0..20_000)
        .map(|n| format!("#[test]\nfn t{n}() {{ assert!(x); }}\n"))
        .collect();
    assert_eq!(tests("a.rs", &many).len(), 20_000);
    let one_line = "it.skip('a', f);".repeat(20_000);
    assert_eq!(skips("a.test.js", &one_line).len(), 20_000);
    let open = "/*".repeat(100_000) + &"r#\"".repeat(100_000) + &"'".repeat(100_000);
    assert!(tests("a.rs", &open).is_empty());
}
