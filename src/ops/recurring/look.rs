//! Looks at recurring work, which change nothing: how each stands, and what comes next.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use crate::config::Trees;

use crate::domain::ids::TaskId;
use crate::domain::recurring::{
    AskedMoment, CatchUpRule, ClockKind, OverlapRule, RecurringDue, RecurringStanding,
    RecurringSwitch, RecurringWord,
};
use crate::domain::time::WallMs;
use crate::domain::trusted_set::ExecutableSet;
use crate::ops::create::{self, NewTask};
use crate::ops::error::OpError;
use crate::ops::project;
use crate::ops::recurring::file::{RecurringFiles, RecurringTemplate, load_all, shown};
use crate::ops::recurring::fire::{asked_about, due_now, open_task};
use crate::ops::recurring::memory::memory;
use crate::ops::recurring::tick::{RecurringTrouble, behind, broken, usable};
use crate::ops::refusal::Refusal;
use crate::ops::trust;
use crate::store::{Store, Tx};

/// The state of recurring work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecurringState {
    /// Switched on; the clock creates its tasks.
    On,
    /// Switched on; its file waits for trust.
    Untrusted,
    /// The file cannot be used, or not be looked at, whether it is switched on or not.
    Broken,
    /// Switched on; its file is gone.
    Gone,
    /// Off.
    Off,
}

impl RecurringState {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            RecurringState::On => "on",
            RecurringState::Untrusted => "untrusted",
            RecurringState::Broken => "broken",
            RecurringState::Gone => "gone",
            RecurringState::Off => "off",
        }
    }
}

/// Recurring work as it stands.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub struct ListedRecurring {
    /// The name.
    pub name: String,
    /// The state.
    pub state: RecurringState,
    /// True where somebody has switched it on, whatever is in the way.
    pub enabled: bool,
    /// The file.
    pub file: String,
    /// The schedule, as it is written; absent where the file cannot be used, as is all else of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The place whose clock counts; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Conduct while the last task is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<OverlapRule>,
    /// Conduct with what was missed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUpRule>,
    /// The title of the tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The time at which it is due next, in milliseconds since 1970; absent unless it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<WallMs>,
    /// The last task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    /// The status of the last task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The last word on one of its moments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<RecurringWord>,
    /// The time of that word, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<WallMs>,
    /// Something that is in the way, or was the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<RecurringTrouble>,
    /// True where people are asked, which is told where all questions are.
    #[serde(skip)]
    pub waits_for_a_yes: bool,
}

/// Everything that there is of recurring work.
#[derive(Debug, Default)]
pub struct RecurringOverview {
    /// By name: the files, and what is switched on without one.
    pub listed: Vec<ListedRecurring>,
    /// Files that no name can have, with the reason; without a name where the directory cannot be looked into.
    pub misnamed: Vec<(String, String)>,
}

/// A moment that comes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct UpcomingRecurring {
    /// The time, in milliseconds since 1970; one that has passed is due now.
    pub at_ms: WallMs,
    /// The name.
    pub name: String,
    /// The title of the task.
    pub title: String,
    /// The same time as the clock of its place shows it.
    pub there: String,
}

/// Looks at all of it.
pub fn overview(
    (root, common_dir): (&Path, &Path),
    store: &mut dyn Store,
    now_ms: WallMs,
) -> Result<RecurringOverview, OpError> {
    let files = load_all(root);
    let trusted = trust::trusted(common_dir)?;
    // A configuration that cannot be read is told of elsewhere; then no path is looked over.
    let config = match files.files.as_slice() {
        [] => None,
        _ => project::config(root, &Trees::none()).ok(),
    };
    let seen = Seen {
        files: &files,
        trusted: &trusted,
        modules: config.map(|config| config.modules),
    };
    store.read(|tx| {
        let memory = memory(tx)?;
        let on = memory.switched_on().map(str::to_owned);
        let named = files.files.iter().map(|file| file.name.to_string());
        let mut names: Vec<String> = on.chain(named).collect();
        names.sort();
        names.dedup();
        let mut listed = Vec::with_capacity(names.len());
        for name in names {
            let standing = memory.of(&name);
            let mut one = ListedRecurring {
                state: RecurringState::Off,
                enabled: standing.switch == RecurringSwitch::On,
                file: shown(&name),
                schedule: None,
                time_zone: None,
                overlap: None,
                catch_up: None,
                title: None,
                next_ms: None,
                task: standing.task.clone(),
                status: None,
                last: standing.last_word.as_ref().map(|(_, word)| word.clone()),
                last_ms: standing.last_word.as_ref().map(|(at_ms, _)| *at_ms),
                trouble: None,
                waits_for_a_yes: false,
                name,
            };
            if let Some(task) = &standing.task {
                one.status = tx.task(task)?.map(|task| task.status_text().to_owned());
            }
            let file = files.of(&one.name);
            if let Some(Ok(template)) = file.map(|file| &file.read) {
                one.describe(template);
            }
            one.judge(tx, &seen, (&standing, now_ms))?;
            listed.push(one);
        }
        let unseen = files
            .unseen
            .iter()
            .map(|one| (String::new(), one.why.clone()));
        Ok(RecurringOverview {
            listed,
            misnamed: unseen.chain(files.misnamed.clone()).collect(),
        })
    })
}

/// What recurring work is judged by, beside the store.
struct Seen<'a> {
    files: &'a RecurringFiles,
    trusted: &'a ExecutableSet,
    /// The modules that paths may name.
    modules: Option<BTreeMap<String, Vec<String>>>,
}

impl ListedRecurring {
    fn describe(&mut self, template: &RecurringTemplate) {
        self.schedule = Some(template.clock.schedule().to_owned());
        let is_placed = template.clock.kind() == ClockKind::OnTheWall;
        self.time_zone = is_placed.then(|| template.clock.zone().name().to_owned());
        self.overlap = Some(template.rules.overlap);
        self.catch_up = Some(template.rules.catch_up);
        self.title = Some(template.task.title.clone());
    }

    /// Says how it stands, when it is due, and what is in the way.
    fn judge(
        &mut self,
        tx: &mut dyn Tx,
        seen: &Seen<'_>,
        (standing, now_ms): (&RecurringStanding, WallMs),
    ) -> Result<(), OpError> {
        let (files, trusted) = (seen.files, seen.trusted);
        let file = files.of(&self.name);
        self.state = match file.map(|file| &file.read) {
            None if files.unseen.is_some() => RecurringState::Broken,
            None => RecurringState::Gone,
            Some(Err(error)) => {
                self.trouble = Some(RecurringTrouble {
                    name: self.name.clone(),
                    why: broken(error),
                    next: format!("ai recurring show {}", self.name),
                });
                RecurringState::Broken
            }
            Some(Ok(_)) if !self.enabled => RecurringState::Off,
            Some(Ok(_)) => RecurringState::On,
        };
        if !self.enabled {
            return Ok(());
        }
        let template = match usable(files, trusted, &self.name) {
            Ok((_, template)) => template,
            Err(trouble) => {
                self.trouble = Some(*trouble);
                if self.state == RecurringState::On {
                    self.state = RecurringState::Untrusted;
                }
                return Ok(());
            }
        };
        self.next_ms = next_of(tx, template, standing, now_ms)?;
        let asked = asked_about(tx, standing, now_ms)?;
        self.waits_for_a_yes = matches!(asked, Some(AskedMoment::Waits { .. }));
        let (name, task) = (&self.name, &template.task);
        let impossible = match &seen.modules {
            Some(modules) => impossible(tx, (name, task), modules)?,
            None => None,
        };
        self.trouble = behind(name, standing, now_ms)
            .or(impossible)
            .or_else(|| refusal_of(name, standing, asked));
        Ok(())
    }
}

/// The time of the next moment; now where one is due.
fn next_of(
    tx: &mut dyn Tx,
    template: &RecurringTemplate,
    standing: &RecurringStanding,
    now_ms: WallMs,
) -> Result<Option<WallMs>, OpError> {
    if standing.clock != template.clock.mark() {
        // Its moments count from the next look.
        return Ok(template.clock.next_after(now_ms, now_ms));
    }
    Ok(match due_now(tx, template, standing, now_ms)? {
        RecurringDue::NotYet(next) => next,
        RecurringDue::Fire { at_ms, .. } | RecurringDue::Skip { at_ms, .. } => Some(at_ms),
    })
}

/// The trouble of a task that could not be created at any time, as it is written.
fn impossible(
    tx: &mut dyn Tx,
    (name, new): (&str, &NewTask),
    modules: &BTreeMap<String, Vec<String>>,
) -> Result<Option<RecurringTrouble>, OpError> {
    match create::look_over(tx, modules, new) {
        Ok(()) => Ok(None),
        Err(OpError::Refused(refused)) => Ok(Some(RecurringTrouble {
            name: name.to_owned(),
            why: format!("its task cannot be created: {}", refused.why),
            next: format!("correct {}, then ai trust", shown(name)),
        })),
        Err(other) => Err(other),
    }
}

/// What went wrong with it the last time; nothing where that is settled.
fn refusal_of(
    name: &str,
    standing: &RecurringStanding,
    asked: Option<AskedMoment>,
) -> Option<RecurringTrouble> {
    let why = standing.refused()?.to_owned();
    let next = match (asked, standing.asked()) {
        (Some(AskedMoment::Approved { .. }), _) => return None,
        (Some(AskedMoment::Waits { .. }), Some((_, decision))) => format!("ai approve {decision}"),
        _ => format!("ai recurring show {name}"),
    };
    let name = name.to_owned();
    Some(RecurringTrouble { name, why, next })
}

/// The moments that come until a time, the nearest first, at most so many. Where `most` is reached there may be more.
pub fn upcoming(
    around: (&Path, &Path),
    store: &mut dyn Store,
    (now_ms, until_ms, most): (WallMs, WallMs, usize),
) -> Result<Vec<UpcomingRecurring>, OpError> {
    let mut all = coming(around, store, (now_ms, until_ms, most))?;
    all.truncate(most);
    Ok(all)
}

/// The same, so many of each name.
fn coming(
    (root, common_dir): (&Path, &Path),
    store: &mut dyn Store,
    (now_ms, until_ms, of_each): (WallMs, WallMs, usize),
) -> Result<Vec<UpcomingRecurring>, OpError> {
    let files = load_all(root);
    // What cannot be looked into is not empty.
    if let Some(unseen) = files.unseen {
        return Err(Refusal::Missing {
            why: format!("what is due cannot be told: .ai/recurring: {}", unseen.why),
            hint: unseen.next,
        }
        .into());
    }
    let trusted = trust::trusted(common_dir)?;
    store.read(|tx| {
        let memory = memory(tx)?;
        let mut all = Vec::new();
        for name in memory.switched_on() {
            let Ok((_, template)) = usable(&files, &trusted, name) else {
                continue;
            };
            let mut standing = memory.of(name);
            let first = next_of(tx, template, &standing, now_ms)?;
            if standing.clock != template.clock.mark() {
                standing.began_ms = now_ms;
            }
            let mut next = first;
            for _ in 0..of_each {
                let Some(at_ms) = next.filter(|at| *at <= until_ms) else {
                    break;
                };
                all.push(UpcomingRecurring {
                    at_ms,
                    name: name.to_owned(),
                    title: template.task.title.clone(),
                    there: template.clock.zone().shown(at_ms),
                });
                next = template
                    .clock
                    .next_after(standing.began_ms, at_ms.max(now_ms));
            }
        }
        all.sort_by(|a, b| (a.at_ms, &a.name).cmp(&(b.at_ms, &b.name)));
        Ok(all)
    })
}

/// The next moment of each that is switched on and can be used, the nearest first.
pub fn next_of_each(
    around: (&Path, &Path),
    store: &mut dyn Store,
    now_ms: WallMs,
) -> Result<Vec<UpcomingRecurring>, OpError> {
    coming(around, store, (now_ms, WallMs::MAX, 1))
}

/// The task of a name that is open, for who is about to create another.
pub fn last_open(tx: &mut dyn Tx, name: &str) -> Result<Option<TaskId>, OpError> {
    let standing = memory(tx)?.of(name);
    Ok(open_task(tx, &standing)?)
}

/// The moments after another, as if counting began at it.
pub fn due_after(template: &RecurringTemplate, from_ms: WallMs, most: usize) -> Vec<WallMs> {
    let mut all = Vec::new();
    let mut at = from_ms;
    while all.len() < most
        && let Some(next) = template.clock.next_after(from_ms, at)
    {
        all.push(next);
        at = next;
    }
    all
}
