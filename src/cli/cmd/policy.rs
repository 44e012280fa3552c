//! `ai policy validate|show|explain|log|approve`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::app::error::AppError;
use crate::app::exit;
use crate::base::fs::read_named;
use crate::base::text::{counted, flowing, multi_line, one_line};
use crate::cli::answer::PolicyValidated;
use crate::cli::cmd::approvals::{self, ApproveArgs};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing, Tone};
use crate::cli::time::time;
use crate::config::Trees;
use crate::domain::approval::Says;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::error_class::ErrorClass;
use crate::domain::ids::TaskId;
use crate::ops::cx::{self, commit};
use crate::ops::error::OpError;
use crate::ops::{approve, project};
use crate::policy::{self, PolicyState, UnmetCondition};
use crate::store::Access;

/// Check, show and explain the policy and its decisions
#[derive(Subcommand)]
pub(in crate::cli) enum PolicyCommand {
    /// Check a policy file and the examples of its rules; exit 1 where something is wrong
    Validate(ValidateArgs),
    /// Show the rules that are in force
    Show(NoArgs),
    /// Show a decision: which rules matched and which one won
    Explain(DecisionArgs),
    /// List the decisions, newest last
    Log(PolicyLogArgs),
    /// Say yes to a decision that waits for a person (long for `approve`)
    Approve(ApproveArgs),
}

#[derive(Args)]
pub(in crate::cli) struct NoArgs {}

#[derive(Args)]
pub(in crate::cli) struct ValidateArgs {
    /// The file; .ai/policy.yaml where absent
    file: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct DecisionArgs {
    /// The decision; any unique prefix of its id
    id: String,
}

#[derive(Args)]
pub(in crate::cli) struct PolicyLogArgs {
    /// Only about this task
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// Only the last so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
}

pub(super) fn run(command: &PolicyCommand, context: &mut Context) -> Outcome {
    match command {
        PolicyCommand::Validate(args) => validate(args, context),
        PolicyCommand::Show(_) => show(context),
        PolicyCommand::Explain(args) => explain(args, context),
        PolicyCommand::Log(args) => log(args, context),
        PolicyCommand::Approve(args) => approve(args, context),
    }
}

fn validate(args: &ValidateArgs, context: &mut Context) -> Outcome {
    let (path, shown) = match &args.file {
        Some(file) => (
            context.workspace.start_dir()?.join(file),
            file.display().to_string(),
        ),
        None => (
            context.workspace.root()?.join(policy::FILE),
            policy::FILE.to_owned(),
        ),
    };
    let bytes = read_named(&path, 1 << 20).map_err(|e| {
        AppError::new(ErrorClass::NotFound, e.to_string())
            .hint("`ai init --policy default` writes one")
    })?;
    let found = policy::validate(&bytes, &shown);
    let problems = found.as_ref().map_or(&[][..], |found| &found.list);
    if context.ui.json() {
        context.ui.object(&PolicyValidated {
            file: &shown,
            ok: problems.is_empty(),
            problems,
        });
        return Ok(if problems.is_empty() {
            exit::OK
        } else {
            exit::FAILED
        });
    }
    let room = context.ui.room();
    for line in found.iter().flat_map(|found| found.shown(room)) {
        context.ui.line(&line);
    }
    match problems.len() {
        0 => {
            context
                .ui
                .line(&format!("{shown}: all rules and their examples hold"));
            Ok(exit::OK)
        }
        n => Err(AppError::new(
            ErrorClass::Failed,
            format!(
                "{shown} has {}, and denies everything until that is mended",
                counted(n, "problem")
            ),
        )),
    }
}

fn show(context: &mut Context) -> Outcome {
    let state = project::policy(context.workspace.root()?, &Trees::none());
    let shown = policy::show(&state);
    if context.ui.json() {
        context.ui.object(&shown);
    } else {
        context.ui.print(&rules_text(&shown));
    }
    if let PolicyState::Unreadable(unreadable) = state {
        let message = format!(
            "the policy cannot be read, so it denies: {}",
            unreadable.problems
        );
        return Err(AppError::of(ErrorClass::Denied, unreadable.problems)
            .saying(message)
            .hint(format!(
                "correct {}, then `ai policy validate`",
                policy::FILE
            )));
    }
    Ok(exit::OK)
}

fn rules_text(shown: &policy::Shown) -> String {
    let mut out = format!(
        "policy {} ({}), default {}, outside_paths {}\n",
        shown.state,
        &shown.digest[..shown.digest.len().min(12)],
        shown.default,
        shown.outside_paths
    );
    for rule in &shown.rules {
        let on = rule.on.join(" ");
        let kinds: Vec<String> = rule.kinds.iter().map(ToString::to_string).collect();
        let about: String = [
            ("paths", &rule.paths),
            ("by", &rule.actors),
            ("labels", &rule.labels),
            ("types", &rule.types),
            ("kinds", &kinds),
            ("tools", &rule.tools),
        ]
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(name, words)| format!("; {name} {}", one_line(&words.join(" "))))
        .collect();
        out.push_str(&format!(
            "  {:<16} {:<24} {} ({})\n",
            if rule.observes {
                format!("observe: {}", rule.effect)
            } else {
                rule.effect.to_string()
            },
            rule.id,
            flowing(&rule.reason),
            rule.layer
        ));
        out.push_str(&format!("  {:<16} on {on}{about}\n", ""));
        if let Some(when) = &rule.when {
            out.push_str(&format!("  {:<16} when {}\n", "", flowing(when)));
        }
    }
    out
}

fn explain(args: &DecisionArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let record = store.read(|tx| approve::find(tx, &args.id))?;
    if context.ui.json() {
        context.ui.object(&record);
        return Ok(exit::OK);
    }
    let root = context.workspace.root().ok();
    let unmet = root
        .map(|root| project::policy(root, &Trees::none()))
        .and_then(|state| policy::unmet_conditions(&state, &record));
    context
        .ui
        .print(&explained(&record, unmet.as_deref().unwrap_or_default()));
    Ok(exit::OK)
}

fn explained(record: &DecisionRecord, unmet: &[UnmetCondition]) -> String {
    let mut out = format!(
        "{}  {}  {} by {}\n",
        record.id, record.effect, record.action, record.actor
    );
    let resource = &record.resource;
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            out.push_str(&format!("  {name:<8} {}\n", multi_line(&text)));
        }
    };
    row("when", time(record.at_ms));
    row("task", resource.task.clone().unwrap_or_default());
    row("run", resource.run.clone().unwrap_or_default());
    row(
        "kind",
        resource
            .kind
            .map_or_else(String::new, |kind| kind.to_string()),
    );
    row(
        "tool",
        resource.tool.as_deref().map(one_line).unwrap_or_default(),
    );
    row("globs", resource.patterns.join(", "));
    row(
        "paths",
        resource
            .paths
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    );
    row(
        "won",
        format!("{} ({}): {}", record.rule, record.layer, record.reason),
    );
    for rule in &record.matched {
        row(
            "matched",
            format!(
                "{} ({}) {}: {}",
                rule.rule, rule.layer, rule.effect, rule.reason
            ),
        );
        if let Some(when) = &rule.when {
            let value = when.failed.as_ref().map_or("was true", |_| "had no value");
            row("", condition_text(&when.text, value));
        }
    }
    for rule in &record.observed {
        row(
            "observed",
            format!(
                "{} ({}) would {}: {}",
                rule.rule, rule.layer, rule.effect, rule.reason
            ),
        );
    }
    row(
        "would be",
        record.would_be().map_or_else(String::new, |would| {
            format!("{would}, were the rules that only observe in force")
        }),
    );
    for rule in unmet {
        row(
            "unmet",
            format!(
                "{} ({}): {}",
                rule.rule,
                rule.layer,
                condition_text(&rule.text, "was false")
            ),
        );
    }
    for answer in &record.answers {
        let says = match answer.says {
            Says::Yes => "a yes",
            Says::No => "a no",
        };
        let word = &answer.word;
        row(
            says,
            format!("by {} at {}: {}", word.by, time(word.at_ms), word.reason),
        );
    }
    if let Some(word) = &record.overridden {
        row(
            "approved",
            format!("by {} at {}: {}", word.by, time(word.at_ms), word.reason),
        );
    }
    row("policy", record.policy_digest.clone());
    out
}

/// A condition on one line, with the value that it had.
fn condition_text(text: &str, value: &str) -> String {
    format!("`{}` {value}", flowing(text))
}

fn log(args: &PolicyLogArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let records = store.read(|tx| -> Result<_, OpError> {
        let task: Option<TaskId> = args
            .id
            .as_ref()
            .map(|typed| cx::resolve(tx, typed))
            .transpose()?;
        Ok(tx.decisions(task.as_ref(), args.limit)?)
    })?;
    let listing = Listing::new(&[
        ("DECISION", 0),
        ("WHEN", 0),
        ("EFFECT", 15),
        ("ACTION", 11),
        ("TASK", 0),
        ("ACTOR", 0),
        ("WHY", 0),
    ]);
    let mut rows = Vec::new();
    for record in &records {
        let more = if context.ui.json() {
            context.ui.object(record)
        } else {
            let task = record.resource.task.as_deref().unwrap_or("-");
            let (rule, reason) = (&record.rule, flowing(&record.reason));
            let yes = match (&record.overridden, record.would_be()) {
                (Some(_), _) => " (approved)".to_owned(),
                (None, Some(would)) => format!(" (would {would})"),
                (None, None) => String::new(),
            };
            let tone = match record.effect {
                Effect::Allow => Tone::Plain,
                Effect::Warn | Effect::RequireApproval => Tone::Waiting,
                Effect::Deny => Tone::Bad,
            };
            let cells: [Cell; 7] = [
                record.id.as_str().into(),
                context.ui.when(record.at_ms).into(),
                Cell::toned(record.effect.as_str().to_owned() + &yes, tone),
                record.action.as_str().into(),
                one_line(task).into(),
                one_line(&record.actor.to_string()).into(),
                format!("{rule}: {reason}").into(),
            ];
            rows.push(cells.to_vec());
            true
        };
        if !more {
            break;
        }
    }
    context.ui.list(listing, &rows);
    Ok(exit::OK)
}

fn approve(args: &ApproveArgs, context: &mut Context) -> Outcome {
    let cx = context.workspace.cx()?;
    let store = context.store(Access::Write)?;
    let done = commit(store, &cx, |tx, cx| {
        approve::approve(tx, cx, &args.id, &args.reason)
    })?;
    if context.ui.json() {
        context.ui.object(&done.record);
    } else {
        approvals::tell_of_yes(&done, context);
    }
    Ok(exit::OK)
}
