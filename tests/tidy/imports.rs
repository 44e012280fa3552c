//! One way to import: `use crate::…` at the top of a file, and short names below.
//!
//! `super::` moves its meaning with the file, and a long path inside a body hides what a file
//! depends on. Tests say `use super::*`, and `pub(super)` is a visibility; neither is meant.

use super::lexer;
use super::tree::{File, Tree, Violation};

/// `crate::layer::name` is the longest path that a body may spell out.
const MAX_SEGMENTS: usize = 3;

/// Imports by `super::` in production code.
pub fn relative_imports(tree: &Tree) -> Vec<Violation> {
    violations(tree, |file, found| {
        for item in uses(&file.production) {
            let path = file.production[item.clone()]
                .trim_start_matches("use")
                .trim();
            if path.starts_with("super::") {
                let line = lexer::line_at(&file.production, item.start);
                found.push(file.violation(line, "import by `crate::`, not by `super::`"));
            }
        }
    })
}

/// Long paths inside of bodies.
pub fn inline_paths(tree: &Tree) -> Vec<Violation> {
    violations(tree, |file, found| {
        let imports = uses(&file.production);
        let bodies = lexer::without(&file.production, &imports);
        for path in lexer::paths(&bodies) {
            if path.segments[0] == "crate" && path.segments.len() > MAX_SEGMENTS {
                let path_text = path.segments.join("::");
                found.push(file.violation(path.line, format!("import `{path_text}` at the top")));
            }
        }
    })
}

fn violations(tree: &Tree, search: impl Fn(&File, &mut Vec<Violation>)) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.sources().filter(|file| !file.is_test) {
        search(file, &mut found);
    }
    found
}

/// The `use` items of blanked code, from the word to the semicolon.
fn uses(code: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    for at in lexer::words(code, "use") {
        // `impl Trait + use<'_>` captures a lifetime.
        if code[at + 3..].trim_start().starts_with('<') {
            continue;
        }
        let end = code[at..].find(';').map_or(code.len(), |len| at + len);
        found.push(at..end);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tree::Rule;
    use super::*;

    fn found(rule: Rule, path: &str, code: &str) -> Vec<String> {
        let tree = Tree::sample(&[(path, code)]);
        rule(&tree).into_iter().map(|v| v.message).collect()
    }

    #[test]
    fn relative_imports_are_found_in_production_code() {
        let bad = ["import by `crate::`, not by `super::`"];
        for code in ["use super::a::B;\n", "pub use super::super::{a, b};\n"] {
            assert_eq!(found(relative_imports, "src/git/x.rs", code), bad, "{code}");
        }
        for fine in [
            "use crate::git::a::B;\npub(super) fn f() {}\n",
            "#[cfg(test)]\nmod tests {\n    use super::*;\n}\n",
            "fn f<'a>() -> impl Sized + use<'a> {}\n",
        ] {
            assert!(found(relative_imports, "src/git/x.rs", fine).is_empty());
        }
    }

    #[test]
    fn long_paths_are_found_in_bodies_only() {
        let bad = "fn f() { crate::base::fs::read() }\n";
        assert_eq!(
            found(inline_paths, "src/git/x.rs", bad),
            ["import `crate::base::fs::read` at the top"]
        );
        for fine in [
            "use crate::base::fs::{self, read};\n",
            "fn f() { crate::base::fs() }\n",
            "pub(in crate::git) fn f() {}\n",
            "#[cfg(test)]\nmod tests {\n    fn f() { crate::base::fs::read() }\n}\n",
        ] {
            assert!(
                found(inline_paths, "src/git/x.rs", fine).is_empty(),
                "{fine}"
            );
        }
    }
}
