//! Rust: Cargo looks above a package for the workspace and for its own settings.

use crate::ecosystems::matrix::{Comes, Project};

const LOCK: &str = "version = 3

[[package]]
name = \"app\"
version = \"0.1.0\"
dependencies = [
 \"calc\",
]

[[package]]
name = \"calc\"
version = \"0.1.0\"
";
const FILES: [(&str, &str); 7] = [
    (".gitignore", "target/\n"),
    (
        "Cargo.toml",
        "[workspace]\nmembers = [\"app\", \"calc\"]\nresolver = \"2\"\n[workspace.package]\nedition = \"2021\"\n",
    ),
    ("Cargo.lock", LOCK),
    (
        "app/Cargo.toml",
        "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition.workspace = true\n[dependencies]\ncalc = { path = \"../calc\" }\n",
    ),
    (
        "app/src/lib.rs",
        "#[test]\nfn adds() {\n    assert_eq!(calc::add(2, 3), 5);\n}\n",
    ),
    (
        "calc/Cargo.toml",
        "[package]\nname = \"calc\"\nversion = \"0.1.0\"\nedition.workspace = true\n",
    ),
    (
        "calc/src/lib.rs",
        "pub fn add(a: i32, b: i32) -> i32 {\n    a + b\n}\n",
    ),
];
const BREAK: &str = "sed -i 's/a + b/a - b/' calc/src/lib.rs";

#[test]
fn rust_with_a_broken_path_dependency() {
    let project = Project::new(&["cargo"], &FILES);
    project.checked_by(None, "cargo test --offline --locked --lib -p app");
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", BREAK, Comes::NotPassed),
        ("mended", "", Comes::Passed),
        ("gone", "git rm -q -r calc", Comes::NotPassed),
    ]);
}

#[test]
fn rust_whose_workspace_is_not_in_the_tree() {
    let project = Project::new(&["cargo"], &FILES);
    project.checked_by(None, "cd app && cargo test --offline --lib");
    project.judges(&[
        ("good", "", Comes::Passed),
        (
            "no-workspace",
            "git rm -q Cargo.toml Cargo.lock",
            Comes::NotPassed,
        ),
    ]);
}

#[test]
fn rust_whose_settings_are_not_in_the_tree() {
    let settings = (".cargo/config.toml", "[env]\nANSWER = \"5\"\n");
    let test =
        "#[test]\nfn adds() {\n    assert_eq!(calc::add(2, 3).to_string(), env!(\"ANSWER\"));\n}\n";
    let files =
        FILES.map(|(path, text)| (path, if path == "app/src/lib.rs" { test } else { text }));
    let project = Project::new(&["cargo"], &[&files[..], &[settings]].concat());
    project.checked_by(None, "cargo test --offline --locked --lib -p app");
    project.judges(&[
        ("good", "", Comes::Passed),
        ("no-settings", "git rm -q -r .cargo", Comes::NotPassed),
    ]);
}

#[test]
fn rust_that_was_built_from_another_tree() {
    let script = "fn main() {
    println!(\"cargo:rerun-if-changed=build.rs\");
    let value = std::fs::read_to_string(\"../data.txt\").unwrap();
    std::fs::write(format!(\"{}/value.rs\", std::env::var(\"OUT_DIR\").unwrap()), value).unwrap();
}
";
    let test = "include!(concat!(env!(\"OUT_DIR\"), \"/value.rs\"));

#[test]
fn adds() {
    assert_eq!(calc::add(2, 3), VALUE);
}
";
    let more = [
        ("data.txt", "const VALUE: i32 = 5;\n"),
        ("app/build.rs", script),
    ];
    let files =
        FILES.map(|(path, text)| (path, if path == "app/src/lib.rs" { test } else { text }));
    let project = Project::new(&["cargo"], &[&files[..], &more].concat());
    project.checked_by(None, "cargo test --offline --locked --lib -p app");
    // The script does not say that it reads the file, so a build that stays would be taken for
    // good.
    let broken = "echo 'const VALUE: i32 = 6;' > data.txt";
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", broken, Comes::NotPassed),
    ]);
}

#[test]
fn rust_that_all_projects_build_into_one_directory() {
    for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"] {
        let mut project = Project::new(&["cargo"], &FILES);
        project.variable(name, &project.outside("target"));
        project.checked_by(None, "cargo test --offline --locked --lib -p app");
        project.shell("cargo clean --quiet");
        project.judges(&[("broken", BREAK, Comes::NotPassed)]);
        // The main checkout builds its own, good one after the broken tree was checked out.
        project.shell("cargo test --offline --locked --lib -p app --quiet");
        project.judges(&[("again", BREAK, Comes::NotPassed)]);
    }
}
