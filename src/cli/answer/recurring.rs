//! Answers about recurring work.

use schemars::JsonSchema;
use serde::Serialize;

use crate::base::text::one_line;
use crate::domain::time::WallMs;
use crate::ops::create::NewTask;
use crate::ops::recurring::{ListedRecurring, RecurringDone, RecurringState, RecurringTrouble};

/// `ai recurring show`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecurringShown")]
pub(in crate::cli) struct RecurringShown<'a> {
    /// As a line of `ai recurring list`.
    #[serde(flatten)]
    pub(in crate::cli) listed: &'a ListedRecurring,
    /// The next times, in milliseconds since 1970; of one that is off, as if it were switched on now.
    pub(in crate::cli) next: Vec<WallMs>,
    /// The same as the clock of its place shows them.
    pub(in crate::cli) there: Vec<String>,
    /// The task that is created.
    pub(in crate::cli) new_task: &'a NewTask,
}

impl RecurringShown<'_> {
    /// What people are shown: a name and a value a line.
    pub(in crate::cli) fn rows(&self) -> Vec<(&'static str, String)> {
        let one = self.listed;
        let new = self.new_task;
        let mut rows = vec![
            ("name", one.name.clone()),
            ("state", one.state.as_str().to_owned()),
            ("file", one.file.clone()),
            ("schedule", one.schedule.clone().unwrap_or_default()),
            ("time zone", one.time_zone.clone().unwrap_or_default()),
            ("overlap", word(&one.overlap)),
            ("catch up", word(&one.catch_up)),
        ];
        rows.extend(self.there.iter().map(|at| ("due", at.clone())));
        if let Some(task) = &one.task {
            let status = one.status.as_deref().unwrap_or("gone");
            rows.push(("last task", format!("{task}  {status}")));
        }
        if let Some(last) = &one.last {
            rows.push(("last", last.told()));
        }
        if let Some(trouble) = &one.trouble {
            rows.push(("trouble", trouble.why.clone()));
            rows.push(("next", trouble.next.clone()));
        }
        rows.push(("title", new.title.clone()));
        rows.push(("type", new.kind.clone().unwrap_or_default()));
        rows.push((
            "priority",
            new.priority.map(|p| p.to_string()).unwrap_or_default(),
        ));
        rows.push(("labels", new.labels.join(", ")));
        rows.push(("paths", new.paths.join(", ")));
        rows.push(("checks", new.checks.join(", ")));
        rows.push(("agent", new.agent.clone().unwrap_or_default()));
        rows.retain(|(_, value)| !value.is_empty());
        rows.into_iter()
            .map(|(name, value)| (name, one_line(&value)))
            .collect()
    }
}

/// The word of a rule, as the file has it.
fn word(rule: &Option<impl Serialize>) -> String {
    let word = rule
        .as_ref()
        .and_then(|rule| serde_json::to_value(rule).ok());
    let word = word.and_then(|word| word.as_str().map(str::to_owned));
    word.unwrap_or_default()
}

/// `ai recurring enable` and `ai recurring disable`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecurringSwitched")]
pub(in crate::cli) struct RecurringSwitched<'a> {
    /// The name.
    pub(in crate::cli) name: &'a str,
    /// The state.
    pub(in crate::cli) state: RecurringState,
    /// The time at which it is due next, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) next_ms: Option<WallMs>,
}

/// `ai recurring tick`.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RecurringTicked")]
pub(in crate::cli) struct RecurringTicked<'a> {
    /// Everything that was done, in its order.
    pub(in crate::cli) done: &'a [RecurringDone],
    /// Everything that stands in the way of what is switched on.
    pub(in crate::cli) troubles: &'a [RecurringTrouble],
    /// The time at which something is due next, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) next_ms: Option<WallMs>,
}
