//! `make demo` runs to its end, and the README's picture of it is a true one.

use crate::snapshot;
use crate::support::markdown::{self, Step};
use crate::support::story::Ids;
use crate::support::{Sandbox, run};

/// The steps of the demonstration's output: a command and all lines up to the next one.
fn steps(output: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (n, line) in output.lines().enumerate() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push(Step {
                line: n + 1,
                command: command.to_owned(),
                expected: Vec::new(),
            }),
            (None, Some(step)) => step.expected.push(line.to_owned()),
            (None, None) => {}
        }
    }
    steps
}

#[test]
fn the_demonstration_passes_and_the_readme_shows_it() {
    let sandbox = Sandbox::empty();
    let script = markdown::project().join("scripts/demo.sh");
    let mut command = sandbox.command("sh");
    command
        .arg(script)
        .env("AI_BIN", env!("CARGO_BIN_EXE_ai"))
        .env("DEMO_DIR", sandbox.base().join("demo"));
    // As `make demo` runs it: what other tests set must not help it.
    command.env_remove("AI_SANDBOX");
    let outcome = run(&mut command);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let passed = |line: &str| line.starts_with("The demonstration passed in");
    assert!(outcome.stdout.lines().any(passed), "{outcome}");
    let (readme, mut ids) = (markdown::page("README.md"), Ids::default());
    let blocks = markdown::blocks(&readme);
    let shown = blocks
        .iter()
        .filter(|block| block.info.contains("transcript=demo"))
        .flat_map(|block| block.steps());
    let (mut real, mut seen) = (steps(&outcome.stdout).into_iter(), 0);
    for mut step in shown {
        let found = real.find(|real| ids.fits(&step.command, &real.command));
        let found = found.unwrap_or_else(|| {
            panic!(
                "README.md:{}: no `{}` here:\n{outcome}",
                step.line, step.command
            )
        });
        ids.bind(&step.command, &found.command);
        step.expected.push("...".to_owned());
        if let Err(why) = ids.compare(&step, &found.expected) {
            panic!(
                "README.md:{}: `{}`: {why}\nThe demonstration says:\n{}",
                step.line,
                step.command,
                found.expected.join("\n")
            );
        }
        seen += 1;
    }
    assert!(seen >= 5, "the README shows {seen} commands");
}

#[test]
fn the_demonstration_touches_nothing_that_it_has_not_made() {
    let sandbox = Sandbox::repository();
    let mut command = sandbox.command("sh");
    command.arg(markdown::project().join("scripts/demo.sh"));
    command
        .env("AI_BIN", env!("CARGO_BIN_EXE_ai"))
        .env("DEMO_DIR", sandbox.root());
    snapshot!(run(&mut command), @"
    exit: 1
    ----- stdout -----
    ----- stderr -----

    The demonstration failed: [PATH]/repo exists and was not made by this script
    ");
    assert_eq!(sandbox.read("README.md"), "A project.\n");
}
