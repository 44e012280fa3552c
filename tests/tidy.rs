//! House rules that no compiler checks: which module may import which, how long a file may be, what
//! must be registered, what must not be written. Each rule runs on this repository, and each is
//! shown to fail on a planted bad sample.
//!
//! Deliberately absent: anything that rustfmt or clippy can say.
#![expect(
    clippy::disallowed_methods,
    reason = "reads the source tree of this package, not a user's files"
)]
#![expect(
    clippy::expect_used,
    reason = "an unreadable source tree must fail the test loudly"
)]

#[path = "tidy/cycles.rs"]
mod cycles;
#[path = "tidy/errors.rs"]
mod errors;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/layers.rs"]
mod layers;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/names.rs"]
mod names;
#[path = "tidy/outcomes.rs"]
mod outcomes;
#[path = "tidy/papers.rs"]
mod papers;
#[path = "tidy/prose.rs"]
mod prose;
#[path = "tidy/registry.rs"]
mod registry;
#[path = "tidy/rules.rs"]
mod rules;
#[path = "tidy/run_files.rs"]
mod run_files;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{Rule, Tree};

/// Every rule, by the name under which an exception is listed.
const RULES: &[(&str, Rule)] = &[
    ("layers", layers::edges),
    ("rooms", layers::rooms),
    ("circle", cycles::circles),
    ("asking-doc", prose::asking),
    ("pronoun-doc", prose::leaning),
    ("no-doc", prose::undescribed),
    ("named-file", papers::named_files),
    ("walk-through", papers::walk_throughs),
    ("drawing", papers::drawing),
    ("super-import", imports::relative_imports),
    ("long-path", imports::inline_paths),
    ("type-name", names::shared_type_names),
    ("error-text", errors::errors_made_text),
    ("pure", layers::purity),
    ("yaml", layers::yaml_readers),
    ("conditions", layers::condition_parser),
    ("embedded-store", layers::embedded_store),
    ("ambient", layers::ambient_homes),
    ("long-file", rules::long_files),
    ("mod-rs", rules::functions_in_mod_rs),
    ("main-rs", rules::long_main),
    ("header", rules::headers),
    ("machine-path", rules::machine_paths),
    ("host", rules::hosts),
    ("unfinished", rules::unfinished),
    ("allow", rules::unexplained_allows),
    ("sleep", rules::sleeping_tests),
    ("debug-form", rules::debug_forms),
    ("run-file", run_files::names_of_run_files),
    ("outcomes", outcomes::partial_outcomes),
    ("migrations", registry::migrations),
    ("modules", registry::modules),
];

/// Places where a rule does not hold: (rule, path prefix, why).
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "debug-form",
        "src/ops/run/checks/on_base.rs",
        "digested into the name of what is kept, and never shown",
    ),
    (
        "sleep",
        "tests/it/support/poll.rs",
        "the one polling helper: asks again until a deadline",
    ),
    (
        "mod-rs",
        "src/cli/cmd/",
        "the register of commands: one line a command, seen at a glance",
    ),
    (
        "long-path",
        "src/ops/failpoint.rs",
        "an import would be unused without the feature of the tests",
    ),
    (
        "long-path",
        "src/ops/mutant.rs",
        "an import would be unused without the feature of the tests",
    ),
    ("machine-path", "tests/tidy", "names what it forbids"),
    ("host", "tests/tidy", "names what it forbids"),
    ("host", "LICENSE-APACHE", "the licence's own text"),
    ("host", "deny.toml", "names the one package index"),
    ("host", "tests/deps.rs", "names the one package index"),
    ("host", "Cargo.lock", "written by cargo"),
    ("host", "benches/floor/Cargo.lock", "written by cargo"),
    ("host", "fuzz/Cargo.lock", "written by cargo"),
];

#[test]
fn the_repository_is_tidy() {
    let tree = Tree::read(env!("CARGO_MANIFEST_DIR"));
    let found: Vec<String> = RULES
        .iter()
        .flat_map(|(name, rule)| rule(&tree).into_iter().map(move |v| (*name, v)))
        .filter(|(name, v)| {
            !EXCEPTIONS
                .iter()
                .any(|(rule, path, _)| rule == name && v.path.starts_with(path))
        })
        .map(|(name, v)| format!("{}:{}: [{name}] {}", v.path, v.line, v.message))
        .collect();
    assert!(
        found.is_empty(),
        "{} house rules broken:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// A rule that looks at no file would pass for ever.
#[test]
fn the_walk_sees_sources_tests_and_root_files() {
    let tree = Tree::read(env!("CARGO_MANIFEST_DIR"));
    for path in [
        "src/lib.rs",
        "src/main.rs",
        "src/base/mod.rs",
        "tests/tidy.rs",
        "Cargo.toml",
        "Makefile",
    ] {
        assert!(tree.get(path).is_some(), "{path} was not read");
    }
    assert!(
        tree.files.iter().all(|f| !f.path.starts_with("target/")),
        "build products were read"
    );
}

#[test]
fn every_exception_names_a_rule_and_a_reason() {
    for (rule, path, reason) in EXCEPTIONS {
        assert!(
            RULES.iter().any(|(name, _)| name == rule),
            "no rule {rule} (exception for {path})"
        );
        assert!(!reason.is_empty(), "{path}: an exception needs a reason");
    }
}
