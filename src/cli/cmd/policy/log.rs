//! `ai policy log`: the decisions of the past, as far as somebody wants to see them.

use std::collections::BTreeSet;

use clap::Args;

use crate::app::error::AppError;
use crate::app::exit;
use crate::app::workspace::now;
use crate::base::text::{flowing, one_line};
use crate::base::{duration, suggest};
use crate::cli::context::{Context, Outcome};
use crate::cli::look::{Cell, Listing, Tone};
use crate::domain::action::Action;
use crate::domain::decision::{DecisionRecord, Effect};
use crate::domain::ids::TaskId;
use crate::domain::time::WallMs;
use crate::ops::cx;
use crate::ops::error::OpError;
use crate::policy;
use crate::store::Access;

#[derive(Args)]
pub(in crate::cli) struct PolicyLogArgs {
    /// Only about this task
    #[arg(value_name = "TASK")]
    id: Option<String>,
    /// Only the last so many
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
    /// Only what this actor asked: agent:NAME, human:NAME, or a name alone
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Only where this rule decided, matched or observed
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only with this effect
    #[arg(long, value_name = "EFFECT", value_parser = effect)]
    effect: Option<Effect>,
    /// Only this action
    #[arg(long, value_name = "ACTION")]
    action: Option<Action>,
    /// Only of the last so long, as 7d or 90m
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
}

/// Reads the word of an effect.
fn effect(text: &str) -> Result<Effect, String> {
    let all = [
        Effect::Allow,
        Effect::Warn,
        Effect::RequireApproval,
        Effect::Deny,
    ];
    let found = all.into_iter().find(|effect| effect.as_str() == text);
    found.ok_or_else(|| "effects are allow, warn, require_approval and deny".to_owned())
}

/// The time that lies so long in the past.
pub(in crate::cli) fn since(text: &str) -> Result<WallMs, AppError> {
    let length = duration::parse(text)?;
    let length = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    Ok(now().wall_ms.saturating_sub(length))
}

impl PolicyLogArgs {
    fn selects(&self, record: &DecisionRecord, since: Option<WallMs>) -> bool {
        let of_actor = |wanted: &String| {
            let label = record.actor.label();
            *wanted == label || *wanted == record.actor.name.as_str()
        };
        let of_rule = |wanted: &String| {
            let all = record.matched.iter().chain(&record.observed);
            record.rule == *wanted || all.into_iter().any(|one| one.rule == *wanted)
        };
        self.actor.as_ref().is_none_or(of_actor)
            && self.rule.as_ref().is_none_or(of_rule)
            && self.effect.is_none_or(|effect| record.effect == effect)
            && self.action.is_none_or(|action| record.action == action)
            && since.is_none_or(|since| record.at_ms >= since)
    }

    /// True where more is asked than for a task: the store knows no more than that.
    fn narrows(&self) -> bool {
        self.actor.is_some()
            || self.rule.is_some()
            || self.effect.is_some()
            || self.action.is_some()
            || self.since.is_some()
    }
}

/// A hint for whoever asks about a rule that neither the policy has nor any of these decisions names.
fn unless_known(rule: &str, records: &[DecisionRecord], context: &Context) -> Option<String> {
    let named = records.iter().flat_map(|record| {
        let all = record.matched.iter().chain(&record.observed);
        std::iter::once(&record.rule).chain(all.map(|one| &one.rule))
    });
    let of_policy = context.cx().ok()?.policy.state().rule_ids();
    let of_policy = of_policy.iter().map(String::as_str);
    let known: BTreeSet<&str> = named.map(String::as_str).chain(of_policy).collect();
    if known.contains(rule) || policy::is_of_ai(rule) {
        return None;
    }
    let shown = one_line(rule);
    Some(match suggest::nearest(rule, known) {
        Some(near) => format!("hint: no rule is called `{shown}`; did you mean `{near}`?"),
        None => {
            format!("hint: no rule is called `{shown}`; `ai policy show` lists those of the policy")
        }
    })
}

pub(super) fn log(args: &PolicyLogArgs, context: &mut Context) -> Outcome {
    let store = context.store(Access::Read)?;
    let records = store.read(|tx| -> Result<_, OpError> {
        let task: Option<TaskId> = args
            .id
            .as_ref()
            .map(|typed| cx::resolve(tx, typed))
            .transpose()?;
        let limit = args.limit.filter(|_| !args.narrows());
        Ok(tx.decisions(task.as_ref(), limit)?)
    })?;
    let since = args.since.as_deref().map(since).transpose()?;
    let mut records = records;
    if let Some(rule) = &args.rule
        && let Some(hint) = unless_known(rule, &records, context)
    {
        context.ui.say(&hint);
    }
    records.retain(|record| args.selects(record, since));
    let kept = args.limit.and_then(|limit| usize::try_from(limit).ok());
    let first = kept.map_or(0, |kept| records.len().saturating_sub(kept));
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
    for record in &records[first..] {
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
