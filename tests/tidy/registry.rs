//! Files that do nothing unless another file names them: migrations, modules, integration tests.

use std::collections::BTreeSet;

use super::lexer;
use super::tree::{File, Tree, Violation, module_path};

const MIGRATIONS: &str = "src/store/sqlite/migrations/";
const MIGRATOR: &str = "src/store/sqlite/migrate.rs";

/// Migrations that are not registered, registered twice or out of order, or named so that they
/// cannot be ordered.
pub fn migrations(tree: &Tree) -> Vec<Violation> {
    let files: Vec<&File> = tree
        .files
        .iter()
        .filter(|f| f.path.starts_with(MIGRATIONS))
        .collect();
    let registry = tree.get(MIGRATOR).map_or("", |f| f.text.as_str());
    let mut found = Vec::new();
    let mut last = None;
    for file in &files {
        let name = file.path.trim_start_matches(MIGRATIONS);
        let at = registry.find(name);
        if !is_ordered_name(name)
            || name.find('_') != files[0].path.trim_start_matches(MIGRATIONS).find('_')
        {
            found.push(file.violation(
                1,
                "name it DIGITS_words.sql, with as many digits as the others",
            ));
        } else if at.is_none() {
            found.push(file.violation(
                1,
                format!("not registered in {MIGRATOR}: it would never run"),
            ));
        } else if at < last {
            found.push(file.violation(1, format!("registered before an older one in {MIGRATOR}")));
        } else {
            last = at;
        }
    }
    found
}

fn is_ordered_name(name: &str) -> bool {
    let Some((number, words)) = name
        .strip_suffix(".sql")
        .and_then(|stem| stem.split_once('_'))
    else {
        return false;
    };
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    number.len() >= 4
        && number.bytes().all(|b| b.is_ascii_digit())
        && !words.is_empty()
        && words.bytes().all(lower)
}

/// Rust files that no `mod` line leads to: they compile nowhere, and a test in them never runs.
pub fn modules(tree: &Tree) -> Vec<Violation> {
    let rust = tree.files.iter().filter(|f| f.path.ends_with(".rs"));
    let declared: BTreeSet<String> = rust.flat_map(declared_by).collect();
    let members = tree.files.iter().filter(|f| is_module(&f.path));
    members
        .filter(|file| !declared.contains(module(&file.path)))
        .map(|file| {
            file.violation(
                1,
                "no `mod` line names this file, so nothing in it is compiled",
            )
        })
        .collect()
}

fn is_module(path: &str) -> bool {
    let root = ["src/lib.rs", "src/main.rs", "tests/it/main.rs"].contains(&path)
        || path.starts_with("src/bin/");
    path.ends_with(".rs") && (path.starts_with("src/") || path.starts_with("tests/it/")) && !root
}

/// The path of the module that a file is, without `.rs` or `/mod.rs`.
fn module(path: &str) -> &str {
    path.trim_end_matches(".rs").trim_end_matches("/mod")
}

/// The modules that a file declares; itself, it cannot.
fn declared_by(file: &File) -> impl Iterator<Item = String> {
    let declared = lexer::declared_modules(&file.text, &lexer::blank(&file.text));
    let paths = declared
        .into_iter()
        .map(|declaration| module_path(&file.path, &declaration));
    paths.filter(|path| path != module(&file.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: (&str, &str) = ("src/store/sqlite/migrations/202601010000_tasks.sql", "");
    const B: (&str, &str) = ("src/store/sqlite/migrations/202602010000_runs.sql", "");

    #[test]
    fn unregistered_and_misordered_migrations_are_found() {
        let check = |registry: &str, files: &[(&str, &str)]| {
            let all = [files, &[(MIGRATOR, registry)]].concat();
            migrations(&Tree::sample(&all))
                .into_iter()
                .map(|v| v.message)
                .collect::<Vec<_>>()
                .join("; ")
        };
        let both = "include_str!(\"migrations/202601010000_tasks.sql\") include_str!(\"migrations/202602010000_runs.sql\")";
        assert_eq!(check(both, &[A, B]), "");
        assert!(check("202602010000_runs.sql", &[A, B]).contains("never run"));
        assert!(
            check("202602010000_runs.sql 202601010000_tasks.sql", &[A, B]).contains("older one")
        );
        let odd = ("src/store/sqlite/migrations/7_x.sql", "");
        assert!(check(&format!("{both} 7_x.sql"), &[A, B, odd]).contains("digits"));
    }

    #[test]
    fn forgotten_modules_are_found() {
        let check = |files: &[(&str, &str)]| modules(&Tree::sample(files)).len();
        assert_eq!(
            check(&[
                ("tests/it/main.rs", "mod claim;"),
                ("tests/it/claim.rs", "")
            ]),
            0
        );
        assert_eq!(
            check(&[
                ("tests/it/main.rs", "// mod claim;"),
                ("tests/it/claim.rs", "")
            ]),
            1
        );
        let support = ("tests/it/support/mod.rs", "pub mod git;");
        assert_eq!(
            check(&[
                ("tests/it/main.rs", "mod support;"),
                support,
                ("tests/it/support/git.rs", "")
            ]),
            0
        );
        assert_eq!(
            check(&[
                ("tests/it/main.rs", "mod support;"),
                support,
                ("tests/it/support/cmd.rs", "")
            ]),
            1
        );
        assert_eq!(
            check(&[
                ("src/lib.rs", "mod ops;"),
                ("src/ops.rs", "mod claim;"),
                ("src/ops/claim.rs", "")
            ]),
            0
        );
        assert_eq!(
            check(&[
                ("src/lib.rs", "mod ops;"),
                ("src/ops/mod.rs", ""),
                ("src/ops/claim.rs", "")
            ]),
            1
        );
        let aside = (
            "src/ops/mod.rs",
            "#[cfg(test)]\n#[path = \"mod_tests.rs\"]\nmod tests;",
        );
        assert_eq!(
            check(&[
                ("src/lib.rs", "mod ops;"),
                aside,
                ("src/ops/mod_tests.rs", "")
            ]),
            0
        );
    }
}
