//! Go: the module is the nearest directory above that has a `go.mod`, or a `go.work` that names it.

use crate::ecosystems::matrix::{Comes, Project};

const FILES: [(&str, &str); 4] = [
    ("go.mod", "module example.com/app\n\ngo 1.19\n"),
    (
        "calc/calc.go",
        "package calc\n\nfunc Add(a, b int) int { return a + b }\n",
    ),
    (
        "app.go",
        "package app\n\nimport \"example.com/app/calc\"\n\nfunc Sum() int { return calc.Add(2, 3) }\n",
    ),
    (
        "app_test.go",
        "package app\n\nimport \"testing\"\n\nfunc TestSum(t *testing.T) {\n\tif Sum() != 5 {\n\t\tt.Fatal(Sum())\n\t}\n}\n",
    ),
];
const BREAK: &str = "sed -i 's/a + b/a - b/' calc/calc.go";
/// Nothing is fetched, no other toolchain least of all.
const CHECK: &str = "GOFLAGS=-mod=mod GOPROXY=off GOTOOLCHAIN=local go test .";

#[test]
fn go_with_a_package_of_the_module() {
    let project = Project::new(&["go"], &FILES);
    project.checked_by(None, CHECK);
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", BREAK, Comes::NotPassed),
        // With a module of another checkout above, its packages would be taken.
        (
            "no-module",
            &format!("{BREAK}; git rm -q go.mod"),
            Comes::NotPassed,
        ),
    ]);
}

#[test]
fn go_with_a_workspace() {
    let module = |path, name| (path, format!("module example.com/{name}\n\ngo 1.19\n"));
    let modules = [module("app/go.mod", "app"), module("calc/go.mod", "calc")];
    let mut files: Vec<(&str, &str)> = modules
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let app = FILES[2]
        .1
        .replace("example.com/app/calc", "example.com/calc");
    files.extend([
        ("go.work", "go 1.19\n\nuse (\n\t./app\n\t./calc\n)\n"),
        ("calc/calc.go", FILES[1].1),
        ("app/app.go", app.as_str()),
        ("app/app_test.go", FILES[3].1),
    ]);
    let project = Project::new(&["go"], &files);
    project.checked_by(None, "cd app && GOPROXY=off GOTOOLCHAIN=local go test .");
    project.judges(&[
        ("good", "", Comes::Passed),
        ("broken", BREAK, Comes::NotPassed),
        (
            "no-workspace",
            &format!("{BREAK}; git rm -q go.work"),
            Comes::NotPassed,
        ),
    ]);
}
