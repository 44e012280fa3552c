//! `ai check`

use clap::Args;

use crate::app::exit;
use crate::base::fs;
use crate::base::text::{one_line, path_bytes};
use crate::cli::answer::{CheckAnswer, CheckedLine};
use crate::cli::context::{Context, Outcome};
use crate::domain::check::CheckStatus;
use crate::domain::verdict::{Lifecycle, Verification};
use crate::ops::check::{self, CheckReport, CheckTarget};
use crate::ops::run::model::Checked;

/// Lines of a failure that are shown; the log has the rest.
const EXCERPT: usize = 8;
/// Largest log that is read for them.
const LOG: u64 = 1 << 20;

#[derive(Args)]
pub(in crate::cli) struct CheckArgs {
    /// A commit, branch, tag or tree; without it, the worktree as it stands
    #[arg(value_name = "COMMIT", conflicts_with = "base")]
    commit: Option<String>,
    /// Check the commit from which the next run would start
    #[arg(long)]
    base: bool,
    /// Run this check only; may be repeated
    #[arg(long = "check", value_name = "NAME")]
    checks: Vec<String>,
}

impl CheckArgs {
    fn target(&self) -> CheckTarget {
        match &self.commit {
            Some(commit) => CheckTarget::Named(commit.clone()),
            None if self.base => CheckTarget::Base,
            None => CheckTarget::Worktree,
        }
    }
}

pub(super) fn run(args: &CheckArgs, context: &mut Context) -> Outcome {
    let target = args.target();
    let report = check::check(&context.world()?, &target, &args.checks)?;
    if context.ui.json() {
        context.ui.object(&CheckAnswer {
            tree: report.tree.to_string(),
            commit: report.commit.as_ref().map(ToString::to_string),
            verification: report.verification(),
            checks: report.checked.iter().map(CheckedLine::of).collect(),
        });
    } else {
        show(&target, &report, context);
    }
    Ok(exit::of_run(report.outcome(), Lifecycle::Finished))
}

fn show(target: &CheckTarget, report: &CheckReport, context: &mut Context) {
    let tree = report.tree.short();
    let what = match (target, &report.commit) {
        (CheckTarget::Worktree, _) => format!("tree {tree}: your worktree as it stands"),
        (_, Some(commit)) => format!("tree {tree} of commit {}", commit.short()),
        (_, None) => format!("tree {tree}"),
    };
    context.ui.line(&what);
    let rows: Vec<Vec<String>> = report.checked.iter().map(row).collect();
    context.ui.table_below(&rows);
    for failed in report.checked.iter().filter(|one| !is_passed(one)) {
        context.ui.line("");
        context.ui.line(&excerpt(failed));
    }
    let word = match report.verification() {
        Verification::Passed => "a run with this tree would pass its checks",
        Verification::Failed => "a run with this tree would be sent back",
        Verification::CheckBroken => {
            "a check could not tell: a run with this tree would wait for a person, and nothing be held against it"
        }
        Verification::Unverified | Verification::Stale => "no required check has run",
    };
    context.ui.say(word);
}

fn is_passed(checked: &Checked) -> bool {
    checked.result.status == CheckStatus::Passed
}

fn row(checked: &Checked) -> Vec<String> {
    let seconds = checked.result.duration_ms.div_ceil(100);
    let advisory = if checked.spec.required {
        ""
    } else {
        " (advisory)"
    };
    vec![
        format!("{}{advisory}", checked.spec.name),
        format!("{}.{} s", seconds / 10, seconds % 10),
        one_line(&checked.result.in_words()),
    ]
}

fn is_said(line: &&str) -> bool {
    !line.trim().is_empty()
}

/// The first failures in the tool's own words, and where the rest stands.
fn excerpt(checked: &Checked) -> String {
    let mut out = format!("{}:\n", checked.spec.name);
    let told = checked
        .result
        .failures
        .iter()
        .flat_map(|failure| failure.message.lines());
    let mut told: Vec<&str> = told.filter(is_said).collect();
    // What could not tell has no failures; its last words say the most.
    let log = fs::read_capped(&checked.log, LOG).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    if told.is_empty() {
        let mut last: Vec<&str> = log.lines().rev().filter(is_said).take(EXCERPT).collect();
        last.reverse();
        told = last;
    }
    for line in told.iter().take(EXCERPT) {
        out.push_str(&format!("  {}\n", one_line(line)));
    }
    if told.len() > EXCERPT {
        out.push_str(&format!("  … {} more lines\n", told.len() - EXCERPT));
    }
    let log = path_bytes(checked.log.as_os_str().as_encoded_bytes());
    out.push_str(&format!("  log: {log}"));
    out
}
