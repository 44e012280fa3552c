//! Which module may import which. The table is the architecture; the rest of this file only
//! compares.

use super::lexer::{self, CodePath};
use super::tree::{File, Tree, Violation};

/// From the bottom up: a module may import what stands in an earlier row.
///
/// The last row holds the front ends, which know nothing of one another. A new one, such as a
/// daemon or a server, is a folder of its own, its name in that row, and its `mod` line in
/// `src/lib.rs`.
const LAYERS: Layers = &[
    &["base"],
    &["domain"],
    &["policy"],
    &["store", "git", "process", "config"],
    &["connector", "checks", "router", "notify"],
    &["ops"],
    &["app"],
    &["board", "cli", "daemon", "hatch", "mcp"],
];

type Layers = &'static [&'static [&'static str]];

/// The rooms of `src/ops/run`, from the bottom up: a step imports what stands below it, and no room
/// imports another of its row.
const ROOMS_OF_RUN: &[&[&str]] = &[
    &["files"],
    &["model"],
    &["sandbox"],
    &["agent", "watch"],
    &["checks"],
    &["recovery"],
    &["choose", "origin"],
    &["step"],
    &["drive"],
    &["batch"],
];
/// The module that holds these rooms.
const RUN: [&str; 2] = ["ops", "run"];

/// Modules of one row that may import each other: (from, to, why).
const SIBLINGS: &[(&str, &str, &str)] = &[];

/// Layers of pure decisions, and what would make them impure.
const PURE: &[&str] = &["domain", "policy", "router"];
const IMPURE: &[&str] = &[
    "crate::base::clock",
    "crate::base::env",
    "crate::base::fs",
    "git2",
    "rusqlite",
    "rustix",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net",
    "std::os::fd",
    "std::os::unix::fs",
    "std::os::unix::io",
    "std::os::unix::net",
    "std::os::unix::process",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
];

/// The one module that knows the strict YAML reader.
const STRICT_YAML: &str = "src/base/yaml";
/// The one module that knows the parser of conditions.
const CONDITIONS: &str = "src/policy/condition/syntax.rs";
/// Modules that read files written by hand, where a duplicate key is an error with its line.
const HAND_WRITTEN: &[&str] = &[STRICT_YAML, "src/config/", "src/policy/"];

/// Homes of the calls that `clippy.toml` forbids everywhere else.
const AMBIENT_HOMES: &[&str] = &["src/base/", "src/git/", "src/process/"];

/// Operations whose subject is the embedded store's file itself. All others work over the `Store`
/// trait, on whatever backend is opened.
const EMBEDDED_STORE: &[&str] = &[
    "src/ops/backup.rs",
    "src/ops/doctor/store.rs",
    "src/ops/init.rs",
    "src/ops/restore.rs",
    "src/ops/uninstall/carry_out.rs",
    "src/ops/uninstall/plan.rs",
];

/// Who gives the file of the embedded store its name, and says for all others whether it is there.
const STORE_OF_A_PROJECT: &str = "src/ops/project.rs";

/// The embedded store, named where any store would do.
pub fn embedded_store(tree: &Tree) -> Vec<Violation> {
    let above = tree.sources().filter(|file| {
        let known = EMBEDDED_STORE.contains(&file.path.as_str());
        !known
            && !file.is_test
            && !file.path.starts_with("src/store/")
            && file.path != STORE_OF_A_PROJECT
    });
    let named = |path: &CodePath| {
        starts_with_path(&path.segments.join("::"), "crate::store::sqlite")
            || path
                .segments
                .last()
                .is_some_and(|name| name == "STORE_FILE")
    };
    let message = "works over `dyn Store`, whichever backend is opened; a file of the embedded one \
                   is the business of the list in tests/tidy/layers.rs";
    above
        .flat_map(|file| {
            let paths = lexer::paths(&file.production).into_iter().filter(named);
            paths
                .map(|path| file.violation(path.line, message))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The table as `ARCHITECTURE.md` shows it: who stands above imports from below.
pub fn drawing() -> String {
    let rows: Vec<String> = LAYERS.iter().rev().map(|row| row.join("   ")).collect();
    let width = rows.iter().map(String::len).max().unwrap_or_default();
    let rule = "─".repeat(width + 4);
    let lines: Vec<String> = rows
        .iter()
        .map(|row| format!("│{row:^inner$}│\n", inner = width + 4))
        .collect();
    format!(
        "```text\n┌{rule}┐\n{}└{rule}┘\n```\n",
        lines.join(&format!("├{rule}┤\n"))
    )
}

/// Imports that point upwards, sideways, or at no known layer.
pub fn edges(tree: &Tree) -> Vec<Violation> {
    edges_by(LAYERS, tree)
}

fn edges_by(layers: Layers, tree: &Tree) -> Vec<Violation> {
    layered(tree)
        .flat_map(|(file, from)| {
            let edges = lexer::paths(&file.production)
                .into_iter()
                .filter_map(|p| target(file, &p).map(|to| (p.line, to)));
            edges
                .filter_map(|(line, to)| {
                    forbidden(layers, from, &to).map(|why| file.violation(line, why))
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// Imports between the rooms of a run that point upwards, sideways, or at no known room.
pub fn rooms(tree: &Tree) -> Vec<Violation> {
    let mut found = Vec::new();
    for file in tree.sources() {
        let Some(from) = room(&modules(&file.path)) else {
            continue;
        };
        for path in lexer::paths(&file.production) {
            if let Some(why) = room(&absolute(file, &path)).and_then(|to| misplaced(&from, &to)) {
                found.push(file.violation(path.line, why));
            }
        }
    }
    found
}

/// The room of a run in which a module lies; none for what lies elsewhere, and for the file that
/// lists the rooms.
fn room(module: &[String]) -> Option<String> {
    let (outer, inner) = module.split_at_checked(RUN.len())?;
    (outer == RUN).then(|| inner.first().cloned())?
}

/// The path of a file's module from the root of the crate.
fn modules(path: &str) -> Vec<String> {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let module = inside.trim_end_matches(".rs").trim_end_matches("/mod");
    module.split('/').map(str::to_owned).collect()
}

/// The path of an import from the root of the crate; empty where it leaves the crate.
fn absolute(file: &File, path: &CodePath) -> Vec<String> {
    let supers = path.segments.iter().take_while(|s| *s == "super").count();
    let here = modules(&file.path);
    match path.segments.first().map(String::as_str) {
        Some("crate" | "ai") => path.segments[1..].to_vec(),
        Some("super") if supers <= here.len() => {
            [&here[..here.len() - supers], &path.segments[supers..]].concat()
        }
        _ => Vec::new(),
    }
}

fn misplaced(from: &str, to: &str) -> Option<String> {
    let row = |name: &str| ROOMS_OF_RUN.iter().position(|row| row.contains(&name));
    let (Some(lower), Some(upper)) = (row(to), row(from)) else {
        let unknown = if row(from).is_none() { from } else { to };
        return Some(format!(
            "`{unknown}` is no room of a run; give it a row in tests/tidy/layers.rs"
        ));
    };
    match lower.cmp(&upper) {
        _ if from == to => None,
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(format!(
            "`{from}` and `{to}` are siblings and may not import each other"
        )),
        std::cmp::Ordering::Greater => {
            Some(format!("`{from}` lies below `{to}` and may not import it"))
        }
    }
}

/// Clock, files, processes or drivers in a layer of pure decisions.
pub fn purity(tree: &Tree) -> Vec<Violation> {
    let pure = layered(tree).filter(|(_, layer)| PURE.contains(layer));
    pure.flat_map(|(file, layer)| {
        let paths = lexer::paths(&file.production)
            .into_iter()
            .map(|p| (p.line, p.segments.join("::")));
        let impure = paths.filter(|(_, p)| {
            IMPURE
                .iter()
                .any(|bad| p == bad || starts_with_path(p, bad))
        });
        impure
            .map(|(line, p)| {
                file.violation(
                    line,
                    format!("`{layer}` is pure; pass in what `{p}` would give"),
                )
            })
            .collect::<Vec<_>>()
    })
    .collect()
}

/// The wrong one of the two YAML readers.
pub fn yaml_readers(tree: &Tree) -> Vec<Violation> {
    tree.sources()
        .flat_map(|file| {
            let by_hand = HAND_WRITTEN.iter().any(|dir| file.path.starts_with(dir));
            let strict = file.path.starts_with(STRICT_YAML);
            let wrong = move |p: &str| {
                (starts_with_path(p, "granit_parser") && !strict)
                    || (by_hand && (p.starts_with("serde_yaml::from_") || p == "serde_yaml::Value"))
            };
            let message =
                "files written by hand are read by `base::yaml`, all others by serde_yaml";
            let paths = lexer::paths(&file.production)
                .into_iter()
                .filter(move |p| wrong(&p.segments.join("::")));
            paths
                .map(|p| file.violation(p.line, message))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The parser of conditions, named where what it gives is wanted: its interface changes with each version.
pub fn condition_parser(tree: &Tree) -> Vec<Violation> {
    let elsewhere = tree
        .sources()
        .filter(|file| file.path != CONDITIONS && !file.is_test);
    elsewhere
        .flat_map(|file| {
            let named = |path: &CodePath| starts_with_path(&path.segments.join("::"), "cel");
            let paths = lexer::paths(&file.production).into_iter().filter(named);
            paths
                .map(|path| {
                    file.violation(
                        path.line,
                        "conditions are parsed in policy/condition/syntax.rs alone",
                    )
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A lifted ban on ambient calls outside the modules that are their home.
pub fn ambient_homes(tree: &Tree) -> Vec<Violation> {
    let elsewhere = tree
        .sources()
        .filter(|f| !AMBIENT_HOMES.iter().any(|home| f.path.starts_with(home)));
    elsewhere
        .flat_map(|file| {
            let lifted = lexer::attributes(&file.production)
                .into_iter()
                .filter(|(_, content)| lifts_ban(content));
            let message = "environment, clock, files and processes are reached through `base`, \
                           `git` and `process`";
            lifted
                .map(|(at, _)| file.violation(lexer::line_at(&file.production, at), message))
                .collect::<Vec<_>>()
        })
        .collect()
}

/// True for an attribute that lifts the ban in production; `cfg_attr(test, …)` lifts it in tests.
fn lifts_ban(attribute: &str) -> bool {
    let dense: String = attribute.split_whitespace().collect();
    dense.contains("disallowed_methods") && !dense.starts_with("cfg_attr(test")
}

/// Sources inside a layer; `lib.rs` and `main.rs` stand above all of them.
fn layered(tree: &Tree) -> impl Iterator<Item = (&File, &str)> {
    tree.sources().filter_map(|file| {
        let inside = file.path.strip_prefix("src/")?;
        let layer = inside
            .split_once('/')
            .map_or(inside.trim_end_matches(".rs"), |(dir, _)| dir);
        (!matches!(layer, "lib" | "main")).then_some((file, layer))
    })
}

/// The top-level module that a path leads to, or `None` where it leaves this crate or stays where
/// it is.
fn target(file: &File, path: &CodePath) -> Option<String> {
    let supers = path.segments.iter().take_while(|s| *s == "super").count();
    let rest = match path.segments.first()?.as_str() {
        "crate" | "ai" => &path.segments[1..],
        "super" if supers >= depth(&file.path) => &path.segments[supers..],
        _ => return None,
    };
    rest.first().cloned()
}

/// How many `super`s lead from a file's module to the root of the crate.
fn depth(path: &str) -> usize {
    let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
    module.matches('/').count()
}

fn forbidden(layers: Layers, from: &str, to: &str) -> Option<String> {
    let row = |name: &str| layers.iter().position(|row| row.contains(&name));
    let (Some(lower), Some(upper)) = (row(to), row(from)) else {
        let unknown = if row(from).is_none() { from } else { to };
        return Some(format!(
            "`{unknown}` is no layer; name the module, or give it a row in tests/tidy/layers.rs"
        ));
    };
    let listed = SIBLINGS.iter().any(|(f, t, _)| *f == from && *t == to);
    match lower.cmp(&upper) {
        _ if from == to || listed => None,
        std::cmp::Ordering::Less => None,
        std::cmp::Ordering::Equal => Some(format!(
            "`{from}` and `{to}` are siblings and may not import each other"
        )),
        std::cmp::Ordering::Greater => {
            Some(format!("`{from}` lies below `{to}` and may not import it"))
        }
    }
}

fn starts_with_path(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[test]
fn upward_sideways_and_unknown_imports_are_found() {
    for (path, code, part) in [
        (
            "src/domain/task.rs",
            "use crate::store::Tx;",
            "below `store`",
        ),
        (
            "src/domain/task.rs",
            "fn f() { crate::cli::main(); }",
            "below `cli`",
        ),
        (
            "src/domain/task.rs",
            "use super::super::ops::claim;",
            "below `ops`",
        ),
        (
            "src/domain/mod.rs",
            "use super::policy::Rule;",
            "below `policy`",
        ),
        (
            "src/git/refs.rs",
            "use crate::{base::id, store::Tx};",
            "siblings",
        ),
        ("src/store/mod.rs", "use crate::Shortcut;", "no layer"),
        ("src/novel/mod.rs", "use crate::base::id;", "no layer"),
        ("src/ops/claim.rs", "use crate::*;", "no layer"),
    ] {
        let found = edges(&Tree::sample(&[(path, code)]));
        assert!(
            found.len() == 1 && found[0].message.contains(part),
            "{path}: {code}: {found:?}"
        );
    }
}

#[test]
fn downward_imports_and_those_of_tests_are_fine() {
    for (path, code) in [
        (
            "src/ops/claim.rs",
            "use crate::{base::id::{self, Id}, store::Tx};\nuse crate::ops::context;",
        ),
        (
            "src/store/sqlite/tasks.rs",
            "use super::super::Tx;\nuse super::conn;",
        ),
        (
            "src/domain/task.rs",
            "#[cfg(test)]\nmod tests { use crate::store::Tx; }",
        ),
        (
            "src/domain/task.rs",
            "/// See [`crate::store`].\npub(crate) fn f() { crate::make!(x); }",
        ),
        ("src/lib.rs", "pub use crate::cli::main;"),
    ] {
        let found = edges(&Tree::sample(&[(path, code)]));
        assert!(found.is_empty(), "{path}: {code}: {found:?}");
    }
}

/// Its own folder, a name in the last row, a `mod` line: nothing else has to know of it.
#[test]
fn a_new_front_end_is_its_folder_and_two_registrations() {
    const WITH_SERVER: Layers = &[
        &["base"],
        &["store"],
        &["ops"],
        &["app"],
        &["cli", "server"],
    ];
    let tree = Tree::sample(&[
        ("src/lib.rs", "mod app;\npub mod cli;\npub mod server;"),
        (
            "src/server/mod.rs",
            "use crate::app::workspace::Workspace;\nuse crate::ops::claim;\nuse crate::store::Access;",
        ),
        ("src/cli/mod.rs", "use crate::app::error::AppError;"),
    ]);
    assert!(edges_by(WITH_SERVER, &tree).is_empty());
    let unregistered = edges(&tree);
    assert!(
        unregistered.iter().all(|v| v.path == "src/server/mod.rs") && !unregistered.is_empty(),
        "{unregistered:?}"
    );
    for (path, code) in [
        ("src/server/mod.rs", "use crate::cli::main;"),
        ("src/app/mod.rs", "use crate::server::listen;"),
    ] {
        let found = edges_by(WITH_SERVER, &Tree::sample(&[(path, code)]));
        assert_eq!(found.len(), 1, "{path}: {code}");
    }
}

#[test]
fn imports_between_the_rooms_of_a_run_point_downwards() {
    let by = |path, code| rooms(&Tree::sample(&[(path, code)]));
    for (path, code, part) in [
        (
            "src/ops/run/model.rs",
            "use crate::ops::run::step::claim;",
            "below `step`",
        ),
        (
            "src/ops/run/files.rs",
            "use crate::ops::run::model::RunCx;",
            "below `model`",
        ),
        (
            "src/ops/run/agent/launch.rs",
            "fn f() { super::super::recovery::salvage::keep(); }",
            "below `recovery`",
        ),
        (
            "src/ops/run/watch/trespass.rs",
            "use crate::ops::run::{agent::gate, model::RunCx};",
            "siblings",
        ),
        (
            "src/ops/run/step/agent.rs",
            "use crate::ops::run::drive;",
            "below `drive`",
        ),
        (
            "src/ops/run/novel.rs",
            "use crate::ops::run::model::RunCx;",
            "no room",
        ),
    ] {
        let found = by(path, code);
        assert!(
            found.len() == 1 && found[0].message.contains(part),
            "{path}: {code}: {found:?}"
        );
    }
    for (path, code) in [
        (
            "src/ops/run/step/agent.rs",
            "use crate::ops::run::{agent::launch, model::RunCx};\nuse super::snapshot;",
        ),
        (
            "src/ops/run/drive.rs",
            "use crate::ops::claim;\nuse crate::ops::run::step::claim as claim_step;",
        ),
        ("src/ops/run/mod.rs", "pub mod batch;"),
        ("src/ops/accept.rs", "use crate::ops::run::drive;"),
        (
            "src/ops/run/model.rs",
            "#[cfg(test)]\nmod tests { use crate::ops::run::step::claim; }",
        ),
    ] {
        let found = by(path, code);
        assert!(found.is_empty(), "{path}: {code}: {found:?}");
    }
}

#[test]
fn impure_decisions_are_found() {
    let bad = "use std::{collections::BTreeMap, time::SystemTime};\nuse crate::base::clock;\nfn f() { std::fs::read(p); }";
    assert_eq!(
        purity(&Tree::sample(&[("src/domain/lease.rs", bad)])).len(),
        3
    );
    assert_eq!(
        purity(&Tree::sample(&[("src/policy/mod.rs", "use tokio::time;")])).len(),
        1
    );
    assert!(purity(&Tree::sample(&[("src/store/mod.rs", bad)])).is_empty());
    assert!(
        purity(&Tree::sample(&[(
            "src/domain/x.rs",
            "use std::time::Duration; use crate::base::id;"
        )]))
        .is_empty()
    );
}

#[test]
fn the_embedded_store_is_found_where_any_would_do() {
    let by = |path, code| embedded_store(&Tree::sample(&[(path, code)])).len();
    let named = "use crate::store::sqlite::{SqliteStore, copy_to};";
    assert_eq!(by("src/ops/claim.rs", named), 2);
    assert_eq!(
        by(
            "src/cli/context.rs",
            "fn f() { crate::store::sqlite::roll(s, d); }"
        ),
        1
    );
    let by_its_file = "use crate::ops::project; fn f() { d.join(project::STORE_FILE); }";
    assert_eq!(by("src/ops/claim.rs", by_its_file), 1);
    assert_eq!(
        by("src/ops/claim.rs", "use crate::ops::project::STORE_FILE;"),
        1
    );
    assert_eq!(by("src/ops/project.rs", by_its_file), 0);
    assert_eq!(by("src/ops/backup.rs", named), 0);
    assert_eq!(by("src/store/place.rs", named), 0);
    assert_eq!(by("src/ops/claim.rs", "use crate::store::{Store, Tx};"), 0);
    let tests = "#[cfg(test)]\nmod tests { use crate::store::sqlite::SqliteStore; }";
    assert_eq!(by("src/ops/claim.rs", tests), 0);
}

/// A name that no file bears would let a later file of that name through.
#[test]
fn the_list_of_the_embedded_store_names_files_that_use_it() {
    let tree = Tree::read(env!("CARGO_MANIFEST_DIR"));
    for path in EMBEDDED_STORE {
        let file = tree.get(path);
        let uses = file.is_some_and(|file| file.production.contains("store::sqlite"));
        assert!(uses, "{path} does not use the embedded store");
    }
}

#[test]
fn the_wrong_yaml_reader_is_found() {
    let by = |path, code| yaml_readers(&Tree::sample(&[(path, code)])).len();
    assert_eq!(by("src/config/load.rs", "serde_yaml::from_str(text)"), 1);
    assert_eq!(by("src/ops/export.rs", "use granit_parser::Parser;"), 1);
    assert_eq!(by("src/config/load.rs", "use granit_parser::Span;"), 1);
    assert_eq!(
        by(
            "src/config/load.rs",
            "crate::base::yaml::parse(text); serde_yaml::to_string(x)"
        ),
        0
    );
    assert_eq!(
        by("src/base/yaml/build.rs", "use granit_parser::Parser;"),
        0
    );
}

#[test]
fn a_lifted_ban_outside_its_home_is_found() {
    let code = "#![expect(clippy::disallowed_methods, reason = \"reads a file\")]";
    assert_eq!(
        ambient_homes(&Tree::sample(&[("src/ops/claim.rs", code)])).len(),
        1
    );
    assert!(ambient_homes(&Tree::sample(&[("src/base/fs.rs", code)])).is_empty());
}

#[test]
fn the_table_names_each_module_once() {
    let mut rooms: Vec<_> = ROOMS_OF_RUN.iter().flat_map(|row| row.iter()).collect();
    let all = rooms.len();
    rooms.sort_unstable();
    rooms.dedup();
    assert_eq!(rooms.len(), all);
    let mut names: Vec<_> = LAYERS.iter().flat_map(|row| row.iter()).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(
        SIBLINGS
            .iter()
            .all(|(f, t, why)| names.contains(&f) && names.contains(&t) && !why.is_empty())
    );
}
