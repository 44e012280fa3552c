//! Node.js: packages are looked for in `node_modules` of every directory above.

use crate::ecosystems::matrix::{Comes, Project};

const TEST: &str = "const assert = require('node:assert');
const test = require('node:test');
const { add } = require('adder');

test('adds', () => assert.strictEqual(add(2, 3), 5));
";
const ADD: &str = "exports.add = (a, b) => a + b;\n";
const ADDER: &str = r#"{"name": "adder", "version": "1.0.0", "main": "index.js"}"#;
const BREAK: &str = "sed -i 's/a + b/a - b/'";

/// A project whose only dependency is a package in an archive of its own; `programs` install it.
fn with_a_dependency(programs: &[&str]) -> Project {
    let files = [
        // Where pnpm can make no link into the home, as in Landlock, its store stands in the
        // project.
        (".gitignore", "node_modules/\n.pnpm-store/\n"),
        (
            "package.json",
            r#"{"name": "app", "version": "1.0.0", "private": true, "scripts": {"test": "node app.test.js"}}"#,
        ),
        ("app.test.js", TEST),
    ];
    let project = Project::new(&[&["node", "npm"], programs].concat(), &files);
    let package = project.outside("package");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("package.json"), ADDER).unwrap();
    std::fs::write(package.join("index.js"), ADD).unwrap();
    project.shell("mkdir vendor; tar -czf vendor/adder-1.0.0.tgz -C \"$HOME\" package");
    project
}

#[test]
fn node_with_a_dependency_that_the_tree_has_dropped() {
    let project = with_a_dependency(&[]);
    project.shell("npm install --offline --no-audit --no-fund ./vendor/adder-1.0.0.tgz");
    project.checked_by(Some("npm ci --offline --no-audit --no-fund"), "npm test");
    project.judges(&[
        ("good", "", Comes::Passed),
        (
            "dropped",
            "npm uninstall --offline --no-audit --no-fund adder; rm -r vendor",
            Comes::NotPassed,
        ),
    ]);
}

#[test]
fn node_by_pnpm_with_a_dependency_that_the_tree_has_dropped() {
    let project = with_a_dependency(&["pnpm"]);
    project.shell("pnpm add --offline ./vendor/adder-1.0.0.tgz");
    // Each sandbox has a store of its own, and without `CI` pnpm asks before it makes
    // `node_modules` anew.
    project.checked_by(
        Some("CI=true pnpm install --offline --frozen-lockfile"),
        "pnpm test",
    );
    project.judges(&[
        ("good", "", Comes::Passed),
        (
            "dropped",
            "CI=true pnpm remove adder; rm -r vendor",
            Comes::NotPassed,
        ),
    ]);
}

#[test]
fn node_with_workspaces() {
    let files = [
        (".gitignore", "node_modules/\n"),
        (
            "package.json",
            r#"{"name": "app", "private": true, "workspaces": ["packages/*"]}"#,
        ),
        (
            "packages/a/package.json",
            r#"{"name": "a", "version": "1.0.0", "scripts": {"test": "node a.test.js"}, "dependencies": {"adder": "1.0.0"}}"#,
        ),
        ("packages/a/a.test.js", TEST),
        ("packages/b/package.json", ADDER),
        ("packages/b/index.js", ADD),
    ];
    let project = Project::new(&["node", "npm"], &files);
    project.shell("npm install --offline --no-audit --no-fund");
    project.checked_by(
        Some("npm ci --offline --no-audit --no-fund"),
        "npm test --workspace a",
    );
    project.judges(&[
        ("good", "", Comes::Passed),
        (
            "broken",
            &format!("{BREAK} packages/b/index.js"),
            Comes::NotPassed,
        ),
        ("gone", "git rm -q -r packages/b", Comes::NotPassed),
    ]);
}

#[test]
fn node_whose_installed_packages_are_only_in_the_main_checkout() {
    let project = with_a_dependency(&[]);
    project.shell("npm install --offline --no-audit --no-fund ./vendor/adder-1.0.0.tgz");
    // Without a setup nothing installs anything where the check runs.
    project.checked_by(None, "npm test");
    project.judges(&[("good", "", Comes::NotPassed)]);
}
