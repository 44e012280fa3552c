//! `ai policy explain`: one decision, and how every rule of the policy stood to it.

use clap::Args;

use crate::app::exit;
use crate::app::workspace::now;
use crate::base::shown_time::time;
use crate::base::text::{flowing, multi_line, one_line};
use crate::cli::answer::DecisionExplained;
use crate::cli::context::{Context, Outcome};
use crate::config::Trees;
use crate::domain::approval::Says;
use crate::domain::decision::{DecisionRecord, Judgement};
use crate::domain::policy_override::PolicyOverride;
use crate::ops::error::OpError;
use crate::ops::{approve, overridden, project};
use crate::policy::{self, HeldRule, PolicyState, ShownOverride, agent_of};
use crate::store::Access;

/// Before the further lines of a row: as wide as the names of rows.
const SET_IN: &str = "\n           ";
/// So many messages of commits are shown.
const SHOWN_MESSAGES: usize = 10;

#[derive(Args)]
pub(in crate::cli) struct DecisionArgs {
    /// The decision; any unique prefix of its id
    id: String,
    /// Show how every rule stands to the question, those included that are about something else
    #[arg(long)]
    rules: bool,
}

pub(super) fn explain(args: &DecisionArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let (record, overrides) = store.read(|tx| -> Result<_, OpError> {
        let record = approve::find(tx, &args.id)?;
        Ok((record, overridden::active(tx, now().wall_ms)?))
    })?;
    if context.ui.json() && !args.rules {
        context.ui.object(&record);
        return Ok(exit::OK);
    }
    let root = context.workspace.root().ok();
    let state = root.map(|root| project::policy(root, &Trees::none()));
    let told = state.as_ref().map(|state| Told::of(state, &record));
    if context.ui.json() {
        context.ui.object(&for_programs(&record, told.as_ref()));
        return Ok(exit::OK);
    }
    let unmet: Vec<&HeldRule> = told.iter().flat_map(Told::unmet).collect();
    let void = state
        .iter()
        .flat_map(|state| void_for(state, &record, &overrides));
    let mut text = explained(&record, &unmet, &void.collect::<Vec<_>>());
    if args.rules {
        text.push_str(&told.map_or_else(String::new, |told| told.shown()));
    }
    context.ui.print(&text);
    Ok(exit::OK)
}

/// Overrides of rules that refused, which would count for the decision and do not.
fn void_for(
    state: &PolicyState,
    record: &DecisionRecord,
    all: &[PolicyOverride],
) -> Vec<ShownOverride> {
    let task = record.resource.task.as_deref();
    let refused = |one: &PolicyOverride| {
        let mut matched = record.matched.iter();
        matched.any(|rule| rule.rule == one.rule && !rule.effect.lets_through())
    };
    let about = all
        .iter()
        .filter(|one| one.is_for(&record.actor, task) && refused(one));
    about
        .map(|one| ShownOverride::of(Some(state), one.clone()))
        .filter(|one| one.void.is_some())
        .collect()
}

/// How the policy of now stands to a decision.
struct Told {
    /// True where it is the policy that decided.
    is_same: bool,
    /// Its answer, or why there is none.
    again: Result<policy::Replay, policy::NotReplayable>,
}

impl Told {
    fn of(state: &PolicyState, record: &DecisionRecord) -> Told {
        Told {
            is_same: state.digest(agent_of(&record.actor)) == record.policy_digest,
            again: policy::replay_with_rules(state, record),
        }
    }

    /// The rules whose condition was false: only the policy that decided can tell.
    fn unmet(&self) -> impl Iterator<Item = &HeldRule> {
        let rules = self.again.iter().filter(|_| self.is_same);
        rules
            .flat_map(|again| &again.rules)
            .filter(|rule| rule.is_unmet())
    }

    fn shown(&self) -> String {
        let again = match &self.again {
            Ok(again) => again,
            Err(why) => return format!("  it cannot be made again: {}\n", why.told()),
        };
        let mut out = if self.is_same {
            format!(
                "  the same policy answers {} again; its rules:\n",
                again.decision.effect
            )
        } else {
            format!(
                "  the policy is another one now, and answers {} ({}); its rules:\n",
                again.decision.effect, again.decision.rule
            )
        };
        for rule in &again.rules {
            let place = rule.file.as_ref().map_or("part of ai".to_owned(), |file| {
                one_line(&format!("{file}:{}", rule.line))
            });
            let observes = if rule.observes { "observe: " } else { "" };
            out.push_str(&format!(
                "  {:<16} {:<24} {observes}{} ({}, {place})\n",
                rule.answer.replace('_', " "),
                rule.rule,
                rule.effect,
                rule.layer
            ));
        }
        out
    }
}

fn for_programs<'a>(record: &'a DecisionRecord, told: Option<&'a Told>) -> DecisionExplained<'a> {
    let again = told.and_then(|told| told.again.as_ref().ok());
    DecisionExplained {
        decision: record,
        same_policy: told.is_some_and(|told| told.is_same),
        effect: again.map(|again| again.decision.effect),
        rule: again.map(|again| again.decision.rule.as_str()),
        not_replayable: told.and_then(|told| told.again.as_ref().err().copied()),
        rules: again.map_or(&[][..], |again| &again.rules),
    }
}

fn explained(record: &DecisionRecord, unmet: &[&HeldRule], void: &[ShownOverride]) -> String {
    let mut out = format!(
        "{}  {}  {} by {}\n",
        record.id, record.effect, record.action, record.actor
    );
    let resource = &record.resource;
    let mut row = |name: &str, text: String| {
        if !text.is_empty() {
            // Set in, further lines of what somebody wrote cannot be taken for rows of ours.
            let text = multi_line(&text).replace('\n', SET_IN);
            out.push_str(&format!("  {name:<8} {text}\n"));
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
    if let (Some(host), Some(port)) = (&resource.host, resource.port) {
        row("host", format!("{}:{port}", one_line(host)));
    }
    let plain = |text: &Option<String>| text.as_deref().map(one_line).unwrap_or_default();
    row("branch", plain(&resource.branch));
    row("secret", plain(&resource.secret));
    row("work of", plain(&resource.worker));
    let judgement = resource.judgement.map(Judgement::as_str);
    row("judged", judgement.unwrap_or_default().to_owned());
    row("to", plain(&resource.recipient));
    let facts = record.facts.as_ref();
    row(
        "text",
        facts
            .and_then(|facts| facts.note.clone())
            .unwrap_or_default(),
    );
    let messages = facts.and_then(|facts| facts.messages.as_deref());
    for message in messages.unwrap_or_default().iter().take(SHOWN_MESSAGES) {
        row("message", message.clone());
    }
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
    for one in &record.overrides {
        row(
            "override",
            format!(
                "{} of {} ({}), by {} until {}: {}; without it {}",
                one.id,
                one.rule,
                one.layer,
                one.by,
                time(one.until_ms),
                one.reason,
                one.was
            ),
        );
    }
    for one in void {
        row(
            "override",
            format!("{} by {}, {}", one.given.id, one.given.by, one.reason()),
        );
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
                condition_text(rule.when.as_deref().unwrap_or_default(), "was false")
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
