//! `ai review`

use clap::Args;

use crate::app::exit;
use crate::base::text::{flowing, multi_line, one_line};
use crate::cli::answer::{ReviewAnswer, ReviewedFile};
use crate::cli::cmd::waiting::{self, Wanted};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::Tone;
use crate::domain::task::TaskState;
use crate::ops::review::{self, FileChange, Review};
use crate::ops::run::files::RunDir;
use crate::ops::run::origin::{Destination, destination, shown};
use crate::process::redact::Redactor;
use crate::store::Access;

const TO_REVIEW: Wanted = Wanted {
    command: "ai review",
    waits_for: "a review",
    statuses: &["review"],
};

#[derive(Args)]
pub(in crate::cli) struct ReviewArgs {
    /// The task; any unique prefix of its id
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// Leave the change itself out
    #[arg(long)]
    no_diff: bool,
}

pub(super) fn run(args: &ReviewArgs, context: &mut Context) -> Outcome {
    let id = waiting::task(args.id.as_deref(), &TO_REVIEW, context)?;
    let store = context.store(Access::Read)?;
    let review = store.read(|tx| review::load(tx, id))?;
    let world = context.world()?;
    let redactor = world.redactor();
    let changes = if args.no_diff {
        Vec::new()
    } else {
        review::changes(&world, &review.run)?
    };
    if context.ui.json() {
        let files = ReviewedFile::all(&changes, redactor);
        context.ui.object(&ReviewAnswer {
            task: &review.task,
            run: &review.run,
            evidence: &review.evidence,
            decisions: &review.decisions,
            changes: files,
        });
        return Ok(exit::OK);
    }
    let goes = destination(&context.workspace.config()?.accept, &review.run);
    context.ui.print(&head(&review, &goes));
    show_changes(&changes, redactor, context);
    Ok(exit::OK)
}

fn head(review: &Review, goes: &Destination) -> String {
    let (task, run) = (&review.task, &review.run);
    let mut out = format!(
        "{}  {}  {}\n",
        task.id,
        task.status_text(),
        one_line(&task.title)
    );
    let mut row = |name: &str, text: &str| out.push_str(&format!("  {name:<10} {text}\n"));
    let first = run.first_agent();
    let relief = if first == run.agent {
        String::new()
    } else {
        format!(" in place of {}", one_line(first))
    };
    row(
        "run",
        &format!(
            "{} by {}{relief} on branch {}",
            run.id,
            one_line(&run.agent),
            run.branch
        ),
    );
    row("accepted", &format!("it {goes}"));
    if let Some(undone) = run.taken_back() {
        let short = undone.commit.get(..12).unwrap_or(&undone.commit);
        row(
            "undone",
            &format!(
                "its accept was taken back in {} by {short}",
                one_line(shown(&undone.target))
            ),
        );
    }
    match &run.end {
        Some(end) => {
            row("verdict", end.outcome.as_str());
            let cell = end.cell;
            row(
                "because",
                &format!(
                    "{}, checks {}, policy {}, {}",
                    cell.lifecycle, cell.verification, cell.policy, cell.freshness
                ),
            );
            let waits =
                matches!(&task.state, TaskState::Review { run: waiting } if *waiting == run.id);
            let told = if waits {
                end.summary.as_str()
            } else {
                end.told_afterwards()
            };
            row("", &multi_line(told).replace('\n', "\n             "));
        }
        None => {
            row(
                "verdict",
                &format!("none yet: it is at step {}", run.step.name()),
            );
            row(
                "watch",
                &format!("tail -f {}", RunDir::typed_events(&run.id)),
            );
        }
    }
    if run.is_in_place() {
        row("isolation", "none: it worked in the checkout itself");
    }
    if let Some(used) = review.sandbox() {
        row("sandbox", &used.to_string());
    }
    for warning in review.warnings() {
        row(
            "warning",
            &multi_line(&warning).replace('\n', "\n             "),
        );
    }
    for check in review.checks() {
        row(
            "check",
            &format!(
                "{} {}  ({}, sha256 {})",
                check.name,
                review::told_check(check),
                check.file,
                &check.sha256[..12]
            ),
        );
    }
    for record in &review.decisions {
        row(
            "decision",
            &format!(
                "{} {} {}: {}",
                record.id,
                record.action,
                record.effect,
                flowing(&record.reason)
            ),
        );
    }
    if let Some(tree) = &run.tree {
        row("tree", tree);
    }
    out
}

pub(super) fn show_changes(changes: &[FileChange], redactor: &Redactor, context: &mut Context) {
    for change in changes {
        context.ui.line("");
        for line in change.text(redactor).lines() {
            let tone = match line.as_bytes().first() {
                Some(b'+') => Tone::Good,
                Some(b'-') => Tone::Bad,
                _ => Tone::Plain,
            };
            let shown = context.ui.paint(&multi_line(line), tone);
            if !context.ui.line(&shown) {
                return;
            }
        }
    }
}
