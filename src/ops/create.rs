//! Creating tasks: one, or a whole file of them in one transaction.

use std::collections::{BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::id;
use crate::base::text;
use crate::base::text::one_line;
use crate::domain::action::Action;
use crate::domain::cycle;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::path_lock::LockMode;
use crate::domain::task::{BlockReason, Hold, LockRequest, Task, TaskState};
use crate::domain::task_text::{BadText, check_priority, check_text, check_word};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx};
use crate::ops::error::{OpError, Refused};
use crate::ops::patterns;
use crate::ops::refusal::Refusal;
use crate::store::Tx;

/// The content of a new task; also one entry of a file for `ai task create --from`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewTask {
    /// A name for this entry, for `deps` and `parent` of other entries of the same file.
    pub key: Option<String>,
    /// One line for people.
    pub title: String,
    /// The prompt.
    pub body: String,
    /// Kind of work; `task` where absent.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// 0 (most urgent) to 4; 2 where absent.
    pub priority: Option<u8>,
    /// Free words.
    pub labels: Vec<String>,
    /// Globs that a claim locks exclusively.
    pub paths: Vec<String>,
    /// Globs that a claim locks shared.
    pub shared: Vec<String>,
    /// Tasks (or keys of the same file) that must be done first.
    pub deps: Vec<String>,
    /// Names of checks.
    pub checks: Vec<String>,
    /// The task (or key) that this one is a part of.
    pub parent: Option<String>,
    /// The agent that should run it.
    pub agent: Option<String>,
    /// Not before this time, in milliseconds since 1970.
    pub not_before_ms: Option<i64>,
    /// Attempts before it fails.
    pub max_attempts: Option<u32>,
    /// Create it on hold, for this reason.
    pub hold: Option<String>,
}

/// Creates one task.
pub fn create(tx: &mut dyn Tx, cx: &Cx, new: &NewTask) -> Result<Task, OpError> {
    let mut all = create_all(tx, cx, std::slice::from_ref(new))?;
    // One entry in, one task out.
    all.pop()
        .ok_or_else(|| Refusal::Invalid("nothing to create".into()).into())
}

/// Creates every entry, or none, in their order. Entries may depend on each other in any order.
pub fn create_all(tx: &mut dyn Tx, cx: &Cx, entries: &[NewTask]) -> Result<Vec<Task>, OpError> {
    let keys = keys(entries)?;
    refuse_circles(entries, &keys)?;
    ask::all_or_refuse(tx, cx, entries)?;
    // Everything is looked up before anything is written: a new id must not answer to a prefix that
    // somebody typed.
    let ids = fresh_ids(tx, entries.len())?;
    let mut known = HashMap::new();
    let mut resolve = |tx: &mut dyn Tx, typed: &str| match keys.get(typed) {
        Some(n) => Ok((ids[*n].clone(), false)),
        None => existing(tx, &mut known, typed),
    };
    let mut built = Vec::with_capacity(entries.len());
    for (n, entry) in entries.iter().enumerate() {
        let task = build(tx, cx, ids[n].clone(), entry, &mut resolve);
        built.push(task.map_err(|error| at_entry(error, entries, n))?);
    }
    let mut created = Vec::with_capacity(entries.len());
    for (task, deps) in built {
        cx.record(
            tx,
            &Event::TaskCreated {
                task: Box::new(task.clone()),
                deps,
            },
        )?;
        created.push(task);
    }
    Ok(created)
}

fn fresh_ids(tx: &mut dyn Tx, count: usize) -> Result<Vec<TaskId>, OpError> {
    let mut ids = BTreeSet::new();
    while ids.len() < count {
        ids.insert(cx::fresh_task_id(tx)?);
    }
    // A set knows no order; random ids need none.
    Ok(ids.into_iter().collect())
}

type Resolve<'a> = dyn FnMut(&mut dyn Tx, &str) -> Result<(TaskId, bool), OpError> + 'a;

fn build(
    tx: &mut dyn Tx,
    cx: &Cx,
    id: TaskId,
    new: &NewTask,
    resolve: &mut Resolve<'_>,
) -> Result<(Task, Vec<TaskId>), OpError> {
    validate(new)?;
    let mut paths = Vec::new();
    for (patterns, mode) in [
        (&new.paths, LockMode::Exclusive),
        (&new.shared, LockMode::Shared),
    ] {
        for pattern in patterns {
            patterns::expand(&cx.rules, pattern)?;
            paths.push(LockRequest {
                pattern: pattern.clone(),
                mode,
            });
        }
    }
    let (mut deps, mut open) = (BTreeSet::new(), 0);
    for typed in &new.deps {
        let (id, done) = resolve(tx, typed)?;
        if deps.insert(id) && !done {
            open += 1;
        }
    }
    let parent = new
        .parent
        .as_deref()
        .map(|typed| resolve(tx, typed))
        .transpose()?;
    let now = cx.now.wall_ms;
    let hold = new.hold.clone().map(|reason| Hold {
        kind: BlockReason::Hold,
        reason,
        since_ms: now,
    });
    let mut task = Task {
        id,
        state: TaskState::Queued,
        title: new.title.clone(),
        body: new.body.clone(),
        kind: new.kind.clone().unwrap_or_else(|| "task".into()),
        priority: new.priority.unwrap_or(2),
        labels: new.labels.iter().cloned().collect(),
        paths,
        checks: new.checks.clone(),
        open_deps: open,
        parent: parent.map(|(id, _)| id),
        agent: new.agent.clone(),
        not_before_ms: new.not_before_ms,
        max_attempts: new.max_attempts,
        hold,
        attempts: 0,
        lapses: 0,
        epoch: 0,
        next_step: None,
        notes: Vec::new(),
        created_by: cx.actor.clone(),
        created_ms: now,
        updated_ms: now,
        uid: id::random_text(26),
    };
    // As it will stand in the store, since the caller shows it.
    task.visit_texts(&mut |text| _ = cx.scrub.text(text));
    task.settle();
    Ok((task, deps.into_iter().collect()))
}

/// A task of the store, and whether it is done; asked once for each name.
fn existing(
    tx: &mut dyn Tx,
    known: &mut HashMap<String, (TaskId, bool)>,
    typed: &str,
) -> Result<(TaskId, bool), OpError> {
    if let Some(found) = known.get(typed) {
        return Ok(found.clone());
    }
    let id = cx::resolve(tx, typed)?;
    let done = matches!(cx::load(tx, &id)?.state, TaskState::Done { .. });
    known.insert(typed.to_owned(), (id.clone(), done));
    Ok((id, done))
}

fn validate(new: &NewTask) -> Result<(), OpError> {
    check_text(Some(&new.title), Some(&new.body))?;
    check_priority(new.priority)?;
    new.labels
        .iter()
        .chain(&new.kind)
        .chain(&new.checks)
        .chain(&new.agent)
        .try_for_each(|word| check_word(word))?;
    Ok(())
}

impl From<BadText> for OpError {
    fn from(bad: BadText) -> OpError {
        Refusal::Invalid(bad.to_string()).into()
    }
}

fn keys(entries: &[NewTask]) -> Result<HashMap<&str, usize>, OpError> {
    let mut keys = HashMap::new();
    for (n, entry) in entries.iter().enumerate() {
        if let Some(key) = &entry.key
            && keys.insert(key.as_str(), n).is_some()
        {
            return Err(Refusal::Invalid(format!(
                "two entries have the key `{}`",
                text::one_line(key)
            ))
            .into());
        }
    }
    Ok(keys)
}

/// Entries can wait only for each other in a circle: what the store holds already knows nothing of
/// them.
fn refuse_circles(entries: &[NewTask], keys: &HashMap<&str, usize>) -> Result<(), OpError> {
    let among = |typed: &String| keys.get(typed.as_str()).copied();
    let waits: Vec<Vec<usize>> = entries
        .iter()
        .map(|entry| entry.deps.iter().filter_map(among).collect())
        .collect();
    let parts: Vec<Vec<usize>> = entries
        .iter()
        .map(|entry| entry.parent.iter().filter_map(among).collect())
        .collect();
    match cycle::find(&waits).or_else(|| cycle::find(&parts)) {
        None => Ok(()),
        Some(circle) => {
            // Whatever is named by others has a key.
            let mut names: Vec<String> = circle
                .iter()
                .filter_map(|n| entries[*n].key.clone())
                .collect();
            names.extend(names.first().cloned());
            Err(Refusal::Cycle(names).into())
        }
    }
}

fn at_entry(error: OpError, entries: &[NewTask], n: usize) -> OpError {
    match error {
        OpError::Refused(refused) if entries.len() > 1 => OpError::Refused(Box::new(Refused {
            why: Refusal::Entry {
                number: n + 1,
                title: one_line(&entries[n].title),
                why: Box::new(refused.why),
            },
            record: refused.record,
        })),
        other => other,
    }
}

impl Question {
    /// May this task be created?
    pub(super) fn create(new: &NewTask) -> Question {
        let mut question = Question::about(Action::TaskCreate);
        question.resource.task_type = new.kind.clone();
        question.resource.labels = new.labels.clone();
        question.resource.patterns = new.paths.iter().chain(&new.shared).cloned().collect();
        question
    }
}
