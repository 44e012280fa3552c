//! Rules about single files: their length, their header, and words that must not stand in them.

use super::lexer;
use super::tree::{File, Tree, Violation};

/// A longer file holds more than one thought; split it by topic.
const MAX_FILE_LINES: usize = 500;
const MAX_MAIN_LINES: usize = 20;

/// Places on somebody's machine. `/home/user` is the placeholder that documents and tests may use.
const MACHINE_PATHS: &[&str] = &["/root/", "/home/", "/Users/", "/work/"];
const PLACEHOLDER_HOME: &str = "/home/user";

/// Hosts that documents, schemas and tests may name. A package index or a mirror is none of them.
const HOSTS: &[&str] = &[
    "127.0.0.1",
    "[::1]",
    "in-toto.io",
    "json-schema.org",
    "json.schemastore.org",
    "keepachangelog.com",
    "localhost",
    "semver.org",
    "slsa.dev",
];
/// Domains that stand for nobody.
const RESERVED_DOMAINS: &[&str] = &[
    "example",
    "example.com",
    "example.net",
    "example.org",
    "host",
    "invalid",
    "test",
];

/// Production files that are too long.
pub fn long_files(tree: &Tree) -> Vec<Violation> {
    too_long(tree, MAX_FILE_LINES, |f| f.production_lines, |_| true)
}

/// Functions in a `mod.rs`, which wires and re-exports only.
pub fn functions_in_mod_rs(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.sources().filter(|file| file.path.ends_with("/mod.rs")) {
        if let Some(at) = lexer::words(&file.production, "fn").next() {
            let line = lexer::line_at(&file.production, at);
            let message = "`mod.rs` only wires: put functions into a file named for what they do";
            found.push(file.violation(line, message));
        }
    }
    found
}

/// A `main.rs` that does more than call the library.
pub fn long_main(tree: &Tree) -> Vec<Violation> {
    too_long(
        tree,
        MAX_MAIN_LINES,
        |f| f.text.lines().count(),
        |f| f.path == "src/main.rs",
    )
}

fn too_long(
    tree: &Tree,
    max: usize,
    lines: fn(&File) -> usize,
    about: fn(&File) -> bool,
) -> Vec<Violation> {
    let files = tree
        .sources()
        .filter(|f| about(f))
        .map(|f| (f, lines(f)))
        .filter(|(_, n)| *n > max);
    files
        .map(|(f, n)| {
            f.violation(
                max + 1,
                format!("{n} production lines, at most {max}: split by topic"),
            )
        })
        .collect()
}

/// Sources that do not say what they are for.
pub fn headers(tree: &Tree) -> Vec<Violation> {
    let bare = tree
        .sources()
        .filter(|f| !f.is_test && !f.text.trim_start().starts_with("//!"));
    bare.map(|f| {
        f.violation(
            1,
            "begin with `//!`: purpose, invariants, what is deliberately absent",
        )
    })
    .collect()
}

/// Paths that exist on one machine only.
pub fn machine_paths(tree: &Tree) -> Vec<Violation> {
    by_line(tree, |line| {
        MACHINE_PATHS
            .iter()
            .find(|needle| {
                line.match_indices(**needle)
                    .any(|(at, _)| is_absolute(line, at))
            })
            .map(|needle| {
                format!(
                    "`{needle}` is a place on one machine; in an example write {PLACEHOLDER_HOME}"
                )
            })
    })
}

/// A needle inside a longer path (`src/work/x`, `$HOME/work/`, `{root}/home/`) is no absolute path.
fn is_absolute(line: &str, at: usize) -> bool {
    let inside = line[..at]
        .chars()
        .next_back()
        .is_some_and(|c| c.is_alphanumeric() || "._-*~}>)]".contains(c));
    let placeholder = line[at..].strip_prefix(PLACEHOLDER_HOME);
    !inside && placeholder.is_none_or(|rest| rest.starts_with(|c: char| c.is_alphanumeric()))
}

/// URLs on hosts that are not known to be harmless.
pub fn hosts(tree: &Tree) -> Vec<Violation> {
    by_line(tree, |line| {
        let hosts = line
            .match_indices("://")
            .map(|(at, sep)| host(&line[at + sep.len()..]));
        let strange = hosts.into_iter().find(|h| !h.is_empty() && !is_known(h));
        strange
            .map(|h| format!("host `{h}` is not in the list of tests/tidy/rules.rs; in an example write example.com"))
    })
}

/// The host of what follows `://`; empty where a placeholder stands.
fn host(rest: &str) -> &str {
    let end = rest
        .find(|c: char| !(c.is_ascii_alphanumeric() || "@:.-_[]%".contains(c)))
        .unwrap_or(rest.len());
    let host = rest[..end].rsplit('@').next().unwrap_or("");
    match host.strip_prefix('[').and_then(|inner| inner.find(']')) {
        Some(close) => &host[..close + 2],
        None => host.split(':').next().unwrap_or("").trim_end_matches('.'),
    }
}

fn is_known(host: &str) -> bool {
    let reserved = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    !host.contains(|c: char| c.is_alphanumeric())
        || HOSTS.contains(&host)
        || RESERVED_DOMAINS.iter().any(|d| reserved(d))
}

fn by_line(tree: &Tree, check: impl Fn(&str) -> Option<String>) -> Vec<Violation> {
    let lines = tree.files.iter().flat_map(|f| {
        f.text
            .lines()
            .enumerate()
            .map(move |(n, line)| (f, n + 1, line))
    });
    lines
        .filter_map(|(f, n, line)| check(line).map(|message| f.violation(n, message)))
        .collect()
}

/// Code that is not there yet, and tests that never run.
pub fn unfinished(tree: &Tree) -> Vec<Violation> {
    let macros = in_code(tree, |code| {
        ["todo!", "unimplemented!"]
            .iter()
            .flat_map(|m| lexer::words(code, m))
            .collect()
    });
    let ignored = in_code(tree, |code| {
        lexer::attributes(code)
            .into_iter()
            .filter(|(_, a)| starts_with_word(a, "ignore"))
            .map(|(at, _)| at)
            .collect()
    });
    let explain = |mut v: Violation| {
        v.message = "unfinished code and ignored tests are not committed".to_owned();
        v
    };
    macros.into_iter().chain(ignored).map(explain).collect()
}

/// A silenced lint that does not say why.
pub fn unexplained_allows(tree: &Tree) -> Vec<Violation> {
    let found = in_code(tree, |code| {
        let silent = |a: &str| {
            ["allow(", "expect("]
                .iter()
                .any(|w| lexer::words(a, w).next().is_some())
        };
        let attributes = lexer::attributes(code).into_iter();
        attributes
            .filter(|(_, a)| {
                !a.starts_with("doc") && silent(a) && lexer::words(a, "reason").next().is_none()
            })
            .map(|(at, _)| at)
            .collect()
    });
    found
        .into_iter()
        .map(|mut v| {
            v.message = "write #[expect(lint, reason = \"why it does not hold here\")]".to_owned();
            v
        })
        .collect()
}

/// Sleeping as synchronisation: it is too short on a busy machine and too long on every other.
pub fn sleeping_tests(tree: &Tree) -> Vec<Violation> {
    let sleeps = |f: &File| -> Vec<usize> {
        lexer::words(&f.tests, "sleep")
            .filter(|at| f.tests[at + 5..].trim_start().starts_with('('))
            .collect()
    };
    let message =
        "wait for the condition itself (a channel, a file lock, a polling helper with a deadline)";
    let rust = tree
        .files
        .iter()
        .filter(|f| f.path.ends_with(".rs") && !f.path.starts_with("benches/"));
    rust.flat_map(|f| {
        sleeps(f)
            .into_iter()
            .map(|at| f.violation(lexer::line_at(&f.tests, at), message))
            .collect::<Vec<_>>()
    })
    .collect()
}

/// Values shown by `Debug` outside of tests: names of fields and variants are no words for people.
pub fn debug_forms(tree: &Tree) -> Vec<Violation> {
    let message = "say it in words: `Display`, a word of its own, `base::text::listed`";
    let is_code = |line: Option<&str>| line.is_some_and(|line| !line.trim().is_empty());
    let mut found = Vec::new();
    for file in tree.sources().filter(|file| !file.is_test) {
        let (mut production, mut tests) = (file.production.lines(), file.tests.lines());
        // A line of nothing but a string is blank in both, and belongs to the code above it.
        let mut in_tests = false;
        for (n, line) in file.text.lines().enumerate() {
            match (is_code(production.next()), is_code(tests.next())) {
                (true, _) => in_tests = false,
                (false, true) => in_tests = true,
                (false, false) => {}
            }
            let is_shown = [":?}", ":#?}"].iter().any(|form| line.contains(form));
            if is_shown && !in_tests && !line.trim_start().starts_with("//") {
                found.push(file.violation(n + 1, message));
            }
        }
    }
    found
}

/// Runs a search over the code of every Rust file, tests included.
fn in_code(tree: &Tree, search: impl Fn(&str) -> Vec<usize>) -> Vec<Violation> {
    let rust = tree.files.iter().filter(|f| f.path.ends_with(".rs"));
    rust.flat_map(|f| {
        let code = lexer::blank(&f.text);
        search(&code)
            .into_iter()
            .map(|at| f.violation(lexer::line_at(&code, at), ""))
            .collect::<Vec<_>>()
    })
    .collect()
}

fn starts_with_word(text: &str, word: &str) -> bool {
    lexer::words(text.trim_start(), word).next() == Some(0)
}

#[cfg(test)]
mod tests {
    use super::super::tree::Rule;
    use super::*;

    fn found(rule: Rule, path: &str, text: &str) -> usize {
        rule(&Tree::sample(&[(path, text)])).len()
    }

    #[test]
    fn long_files_are_found_and_their_tests_do_not_count() {
        let code = "fn f() {}\n";
        assert_eq!(found(long_files, "src/ops/a.rs", &code.repeat(501)), 1);
        assert_eq!(found(long_files, "src/ops/a.rs", &code.repeat(500)), 0);
        let tests = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            code.repeat(400),
            code.repeat(400)
        );
        assert_eq!(found(long_files, "src/ops/a.rs", &tests), 0);
        let after = format!("#[cfg(test)]\nmod tests {{}}\n{}", code.repeat(501));
        assert_eq!(
            found(long_files, "src/ops/a.rs", &after),
            1,
            "code behind the tests counts"
        );
    }

    #[test]
    fn logic_in_mod_rs_and_in_main_is_found() {
        let rule = functions_in_mod_rs;
        assert_eq!(found(rule, "src/ops/mod.rs", "mod a;\npub fn f() {}\n"), 1);
        assert_eq!(found(rule, "src/ops/claim.rs", "pub fn f() {}\n"), 0);
        let wiring =
            "//! A fn.\nmod a;\npub use a::A;\n#[cfg(test)]\nmod tests {\n    fn f() {}\n}\n";
        assert_eq!(found(rule, "src/ops/mod.rs", wiring), 0);
        assert_eq!(found(long_main, "src/main.rs", &"\n".repeat(21)), 1);
        assert_eq!(found(long_main, "src/main.rs", &"\n".repeat(20)), 0);
    }

    #[test]
    fn a_missing_header_is_found() {
        assert_eq!(found(headers, "src/ops/a.rs", "use x;\n//! Late."), 1);
        assert_eq!(found(headers, "src/ops/a.rs", "\n//! Purpose.\nuse x;"), 0);
        let tests = [
            ("src/a.rs", "//! Purpose.\n#[cfg(test)]\nmod tests;"),
            ("src/a/tests.rs", "use super::*;"),
        ];
        assert!(headers(&Tree::sample(&tests)).is_empty());
    }

    #[test]
    fn machine_paths_are_found_in_any_text() {
        for bad in [
            "see /root/x",
            "\"/home/jo/x\"",
            "HOME=/Users/x",
            "(/work/x)",
            "/home/username",
        ] {
            assert_eq!(found(machine_paths, "docs/a.md", bad), 1, "{bad}");
        }
        for good in [
            "src/work/a.rs",
            "${root}/home/",
            "~/work/x",
            "/home/user/project",
            "{dir}/root/x",
        ] {
            assert_eq!(found(machine_paths, "docs/a.md", good), 0, "{good}");
        }
    }

    #[test]
    fn strange_hosts_are_found() {
        for bad in [
            "https://registry.npmjs.org/x",
            "http://a:b@mirror.corp:8080/",
            "sparse+https://index.crates.io/",
        ] {
            assert_eq!(found(hosts, "docs/a.md", bad), 1, "{bad}");
        }
        for good in [
            "https://example.com/a",
            "http://127.0.0.1:80",
            "http://[::1]:1/",
            "https://{host}/",
            "x://",
            "https://a.test",
        ] {
            assert_eq!(found(hosts, "docs/a.md", good), 0, "{good}");
        }
    }

    #[test]
    fn unfinished_code_is_found_and_words_about_it_are_not() {
        assert_eq!(
            found(
                unfinished,
                "src/a.rs",
                "fn f() { todo!() }\nfn g() { unimplemented!(\"x\") }"
            ),
            2
        );
        assert_eq!(
            found(
                unfinished,
                "tests/it/a.rs",
                "#[test]\n#[ignore = \"slow\"]\nfn f() {}"
            ),
            1
        );
        assert_eq!(
            found(
                unfinished,
                "src/a.rs",
                "// todo!\nlet s = \"todo!()\"; ignore(x);"
            ),
            0
        );
    }

    #[test]
    fn silenced_lints_want_a_reason() {
        assert_eq!(
            found(
                unexplained_allows,
                "src/a.rs",
                "#[allow(dead_code)]\nfn f() {}"
            ),
            1
        );
        assert_eq!(
            found(unexplained_allows, "src/a.rs", "#![allow(dead_code)]"),
            1
        );
        assert_eq!(
            found(
                unexplained_allows,
                "src/a.rs",
                "#[cfg_attr(test, expect(x))]"
            ),
            1
        );
        assert_eq!(
            found(
                unexplained_allows,
                "src/a.rs",
                "#[expect(x, reason = \"y\")]\nfn allow(a: u8) { b.allow(a) }"
            ),
            0
        );
    }

    #[test]
    fn debug_forms_are_found_outside_of_tests() {
        let rule = super::debug_forms;
        let code = "fn f() {\n    say(&format!(\n        \"it is {x:?}\"\n    ));\n}\n";
        assert_eq!(found(rule, "src/ops/a.rs", code), 1);
        let test = "//! {x:?}\nfn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() {\n        panic!(\n            \"{x:?}\"\n        )\n    }\n}\n";
        assert_eq!(found(rule, "src/ops/a.rs", test), 0);
        assert_eq!(found(rule, "tests/it/a.rs", code), 0);
    }

    #[test]
    fn sleeps_in_tests_are_found() {
        let code =
            "fn f() { sleep(D); }\n#[cfg(test)]\nmod tests { fn g() { std::thread::sleep(D); } }";
        assert_eq!(found(sleeping_tests, "src/a.rs", code), 1);
        assert_eq!(
            found(
                sleeping_tests,
                "tests/it/a.rs",
                "fn f() { thread::sleep(D) }"
            ),
            1
        );
        assert_eq!(
            found(
                sleeping_tests,
                "tests/it/a.rs",
                "run(\"sleep 5\"); // thread::sleep(1)"
            ),
            0
        );
    }
}
