//! `ai policy test`: the examples that rules carry, and a file of questions with the answers that are expected.
//!
//! What is tried is the project's policy alone, as it would be once it is committed, so that a test has one
//! answer on every machine.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs::{is_missing, read_capped, read_named};
use crate::base::text::{counted, flowing, one_line};
use crate::base::yaml::{MAX_BYTES, YamlProblems};
use crate::cli::answer::{BadPolicyFile, PolicyTested, TestedQuestion};
use crate::cli::cmd::policy::look::read_policy;
use crate::cli::context::{Context, Outcome};
use crate::cli::junit::{JunitReport, ReportedCase};
use crate::domain::decision::Decision;
use crate::domain::error_class::ErrorClass;
use crate::ops::policy_files;
use crate::policy::{self, PolicyTest, TriedExample};

#[derive(Args)]
pub(in crate::cli) struct TestArgs {
    /// The file of tests; `.ai/policy.test.yaml` where absent
    file: Option<PathBuf>,
    /// The form of the report
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<TestFormat>,
}

/// The form of a report on tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TestFormat {
    /// For people.
    Text,
    /// One object, as with `--json`.
    Json,
    /// JUnit XML, as CI systems read it.
    Junit,
}

/// One test with the answer that it got.
struct Tried {
    test: PolicyTest,
    decision: Decision,
}

impl Tried {
    fn passed(&self) -> bool {
        self.test.expects(&self.decision)
    }

    /// The expected answer and the one that came, in words.
    fn difference(&self) -> String {
        let (test, decision) = (&self.test, &self.decision);
        let by = |rule: &str| format!(" by {rule}");
        let wanted = test.rule.as_deref().map(by).unwrap_or_default();
        format!(
            "expected {}{wanted}, got {} by {} ({}): {}",
            test.effect,
            decision.effect,
            decision.rule,
            decision.layer,
            flowing(&decision.reason)
        )
    }
}

/// Everything that was tried.
struct Report {
    file: String,
    /// False where there is no file of tests, and none was named.
    has_file: bool,
    examples: Vec<TriedExample>,
    tried: Vec<Tried>,
    bad: Vec<YamlProblems>,
}

impl Report {
    fn failed(&self) -> usize {
        self.tried.iter().filter(|one| !one.passed()).count()
    }

    fn is_good(&self) -> bool {
        self.bad.is_empty() && self.failed() == 0
    }
}

pub(super) fn run(args: &TestArgs, context: &mut Context) -> Outcome {
    let format = match (args.format, context.ui.json()) {
        (None | Some(TestFormat::Json), true) => TestFormat::Json,
        (Some(_), true) => {
            let message = "`--json` and `--format` ask for two forms of one report";
            return Err(AppError::usage(message).hint("leave one of them out"));
        }
        (format, false) => format.unwrap_or(TestFormat::Text),
    };
    let report = tried(args, context)?;
    match format {
        TestFormat::Json => {
            context.ui.object(&for_programs(&report));
        }
        TestFormat::Junit => {
            context.ui.print(&for_ci(&report));
        }
        TestFormat::Text => return told(&report, context),
    }
    Ok(if !report.bad.is_empty() {
        exit::USAGE
    } else if report.failed() > 0 {
        exit::FAILED
    } else {
        exit::OK
    })
}

fn tried(args: &TestArgs, context: &Context) -> Result<Report, AppError> {
    let root = context.workspace.tree_here()?.to_owned();
    let (path, file) = match &args.file {
        Some(file) => (
            context.workspace.start_dir()?.join(file),
            file.display().to_string(),
        ),
        None => (root.join(policy::TEST_FILE), policy::TEST_FILE.to_owned()),
    };
    let (state, examples) = policy_files::of_project(&root);
    if state.is_absent() {
        read_policy(&root.join(policy::FILE))?;
    }
    let mut report = Report {
        has_file: args.file.is_some() || !is_missing(&path),
        file,
        examples,
        tried: Vec::new(),
        bad: state.bad_files().into_iter().cloned().collect(),
    };
    if !report.has_file {
        return Ok(report);
    }
    // What a person names may be a pipe; what lies there in any clone may not.
    let bytes = match &args.file {
        Some(_) => read_named(&path, MAX_BYTES),
        None => read_capped(&path, MAX_BYTES),
    };
    let bytes = bytes.map_err(|error| {
        AppError::unreadable(error).hint("`ai schema policy-test` describes such a file")
    })?;
    match policy::tests_of(&bytes, &report.file) {
        Ok(tests) => {
            report.tried = tests
                .into_iter()
                .map(|test| Tried {
                    decision: test.decide(&state),
                    test,
                })
                .collect();
        }
        Err(problems) => report.bad.push(problems),
    }
    Ok(report)
}

fn told(report: &Report, context: &mut Context) -> Outcome {
    let room = context.ui.room();
    for line in report.bad.iter().flat_map(|file| file.shown(room)) {
        context.ui.line(&line);
    }
    for one in report.tried.iter().filter(|one| !one.passed()) {
        let (test, decision) = (&one.test, &one.decision);
        context.ui.line(&format!(
            "FAILED {} ({}:{})",
            one_line(&test.name),
            report.file,
            test.place.line
        ));
        context.ui.line(&format!("  {}", one.difference()));
        for rule in &decision.matched {
            context.ui.line(&format!(
                "  matched {} ({}) {}",
                rule.rule, rule.layer, rule.effect
            ));
        }
    }
    if let Some(first) = report.bad.first() {
        let n: usize = report.bad.iter().map(|file| file.list.len()).sum();
        let also = match report.bad.len() - 1 {
            0 => String::new(),
            others => format!(" with {}", counted(others, "other file")),
        };
        let message = format!("{}{also} has {}", first.named(), counted(n, "problem"));
        return Err(AppError::usage(message)
            .hint("correct it; `ai policy validate` reads the policy alone"));
    }
    let (failed, all) = (report.failed(), report.tried.len());
    if failed > 0 {
        let message = format!("{failed} of {} of the policy failed", counted(all, "test"));
        return Err(AppError::new(ErrorClass::Failed, message)
            .hint("correct the policy, or what the test expects"));
    }
    let examples = counted(report.examples.len(), "example");
    context.ui.line(&if report.has_file {
        format!("{}, {examples}: all hold", counted(all, "test"))
    } else {
        format!("{examples}: all hold; there is no {}", report.file)
    });
    Ok(exit::OK)
}

fn for_programs(report: &Report) -> PolicyTested<'_> {
    PolicyTested {
        file: &report.file,
        ok: report.is_good(),
        examples: report.examples.len(),
        failed: report.failed(),
        tests: report
            .tried
            .iter()
            .map(|one| TestedQuestion {
                name: &one.test.name,
                line: one.test.place.line,
                ok: one.passed(),
                expected: one.test.effect,
                expected_rule: one.test.rule.as_deref(),
                effect: one.decision.effect,
                layer: one.decision.layer,
                rule: &one.decision.rule,
                reason: &one.decision.reason,
                matched: &one.decision.matched,
            })
            .collect(),
        bad_files: report
            .bad
            .iter()
            .map(|file| BadPolicyFile {
                file: &file.file,
                version: file.version(),
                problems: &file.list,
            })
            .collect(),
    }
}

fn for_ci(report: &Report) -> String {
    let mut out = JunitReport::new("ai policy test");
    for one in &report.examples {
        let word = if one.must_match { "matches" } else { "leaves" };
        out.add(&ReportedCase {
            class: &one.file,
            name: &format!("{} {word} {}, line {}", one.rule, one.text, one.place.line),
            failure: None,
        });
    }
    for one in &report.tried {
        let failure = (!one.passed()).then(|| one.difference());
        out.add(&ReportedCase {
            class: &report.file,
            name: &one.test.name,
            failure: failure.as_deref(),
        });
    }
    for file in &report.bad {
        for problem in &file.list {
            out.add(&ReportedCase {
                class: &file.file,
                name: "the file can be read",
                failure: Some(&problem.to_string()),
            });
        }
    }
    out.finish()
}
