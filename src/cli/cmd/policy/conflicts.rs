//! `ai policy conflicts`: what the rules of a policy do to one another.

use clap::Args;

use crate::app::exit;
use crate::base::text::one_line;
use crate::cli::cmd::policy::look::refuse_unreadable;
use crate::cli::context::{Context, Outcome};
use crate::config::Trees;
use crate::domain::repo_path::RepoPath;
use crate::ops::project;
use crate::policy::{self, ConflictKind, ExampleQuestion, FoundConflict, RuleName};

#[derive(Args)]
pub(in crate::cli) struct ConflictsArgs {
    /// With the layer of this agent
    #[arg(long, value_name = "NAME")]
    agent: Option<String>,
}

pub(super) fn run(args: &ConflictsArgs, context: &mut Context) -> Outcome {
    let state = project::policy(context.workspace.root()?, &Trees::none());
    let agent = args.agent.as_deref();
    refuse_unreadable(&state, agent)?;
    let found = policy::conflicts(&state, agent);
    if context.ui.json() {
        context.ui.objects(&found.found);
    } else {
        for one in &found.found {
            if !context.ui.line(&told(one)) {
                return Ok(exit::OK);
            }
            if let Some(example) = &one.example {
                let effect = one.effect.map_or("", |effect| effect.as_str());
                context
                    .ui
                    .line(&format!("  e.g. {}: {effect}", question(example)));
            }
        }
        let named = found
            .found
            .iter()
            .filter(|one| one.kind == ConflictKind::Undecided);
        let others = found.undecided - named.count();
        if others > 0 {
            context.ui.line(&format!("undecided: {others} more"));
        }
        if found.found.is_empty() {
            context.ui.line("no rule is in the way of another one");
        }
    }
    if found.is_cut {
        context
            .ui
            .warn("the policy has more pairs of rules than are looked at; what is listed holds, and there may be more");
    }
    Ok(exit::OK)
}

fn told(found: &FoundConflict) -> String {
    let rule = |at: usize| found.rules.get(at).map_or_else(String::new, named);
    match found.kind {
        ConflictKind::Meet if found.may => format!("may meet: {} and {}", rule(0), rule(1)),
        ConflictKind::Meet => format!("meet: {} and {}", rule(0), rule(1)),
        ConflictKind::Shadowed => format!("shadowed: {} never decides beside {}", rule(0), rule(1)),
        ConflictKind::Redundant => format!("redundant: {} allows what the default allows", rule(0)),
        ConflictKind::NeverMatches => {
            format!(
                "never matches: {} is about nobody, or about nothing that is asked yet",
                rule(0)
            )
        }
        ConflictKind::Undecided if found.rules.len() > 1 => format!(
            "undecided: {} and {}; their patterns take too long to be held against one another",
            rule(0),
            rule(1)
        ),
        ConflictKind::Undecided => {
            format!(
                "undecided: {}; its patterns take too long to look at",
                rule(0)
            )
        }
        ConflictKind::AlwaysDenied => format!("always denied: {}", whose(found)),
        ConflictKind::AlwaysAllowed => format!("always allowed: {}", whose(found)),
    }
}

fn whose(found: &FoundConflict) -> String {
    let action = found.action.map_or("", |action| action.as_str());
    let kind = found.actor_kind.map_or("", |kind| kind.as_str());
    format!("{action} by {kind}:*")
}

fn named(rule: &RuleName) -> String {
    let place = match &rule.file {
        Some(file) => format!("{file}:{}", rule.line),
        None => "part of ai".to_owned(),
    };
    one_line(&format!(
        "{} ({}, {}, {place})",
        rule.id, rule.effect, rule.layer
    ))
}

/// A question on one line, as words of a test.
fn question(asked: &ExampleQuestion) -> String {
    let mut words = vec![format!("{} by {}", asked.action, asked.actor)];
    let paths: Vec<String> = asked.paths.iter().map(RepoPath::to_string).collect();
    let kind = asked.kind.map(|kind| kind.to_string());
    let labels = (!asked.labels.is_empty()).then(|| asked.labels.join(" "));
    for (name, text) in [
        ("path", paths.first()),
        ("type", asked.task_type.as_ref()),
        ("labels", labels.as_ref()),
        ("kind", kind.as_ref()),
        ("tool", asked.tool.as_ref()),
    ] {
        words.extend(text.map(|text| format!("{name} {text}")));
    }
    one_line(&words.join(", "))
}
