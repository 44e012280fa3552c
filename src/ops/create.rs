//! Creating tasks: one, or a whole file of them in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::base::id;
use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::path_lock::LockMode;
use crate::domain::task::{BlockReason, Hold, LockRequest, Task, TaskState};
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx};
use crate::ops::patterns;
use crate::ops::refusal::{OpError, Refusal};
use crate::store::Tx;

/// Longest title in bytes.
const MAX_TITLE: usize = 2_000;
/// Longest body in bytes.
const MAX_BODY: usize = 1 << 20;

/// What a new task is to be; also one entry of a file for `ai task create --from`.
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
    all.pop().ok_or_else(|| Refusal::Invalid("nothing to create".into()).into())
}

/// Creates every entry, or none. Entries may depend on each other in any order.
pub fn create_all(tx: &mut dyn Tx, cx: &Cx, entries: &[NewTask]) -> Result<Vec<Task>, OpError> {
    let keys = keys(entries)?;
    let order = order(entries, &keys)?;
    ask::all_or_refuse(tx, cx, entries)?;
    let mut ids: Vec<Option<TaskId>> = vec![None; entries.len()];
    let mut known = HashMap::new();
    let mut created: BTreeMap<usize, Task> = BTreeMap::new();
    for n in order {
        let name = |error: OpError| at_entry(error, entries, n);
        let mut resolve = |tx: &mut dyn Tx, typed: &str| match keys.get(typed).and_then(|k| ids[*k].clone()) {
            Some(id) => Ok((id, false)),
            None => existing(tx, &mut known, typed),
        };
        let (task, deps) = build(tx, cx, &entries[n], &mut resolve).map_err(name)?;
        cx.record(tx, &Event::TaskCreated { task: Box::new(task.clone()), deps })?;
        ids[n] = Some(task.id.clone());
        created.insert(n, task);
    }
    Ok(created.into_values().collect())
}

type Resolve<'a> = dyn FnMut(&mut dyn Tx, &str) -> Result<(TaskId, bool), OpError> + 'a;

fn build(tx: &mut dyn Tx, cx: &Cx, new: &NewTask, resolve: &mut Resolve<'_>) -> Result<(Task, Vec<TaskId>), OpError> {
    validate(new)?;
    let mut paths = Vec::new();
    for (patterns, mode) in [(&new.paths, LockMode::Exclusive), (&new.shared, LockMode::Shared)] {
        for pattern in patterns {
            patterns::expand(&cx.rules, pattern)?;
            paths.push(LockRequest { pattern: pattern.clone(), mode });
        }
    }
    let (mut deps, mut open) = (BTreeSet::new(), 0);
    for typed in &new.deps {
        let (id, done) = resolve(tx, typed)?;
        if deps.insert(id) && !done {
            open += 1;
        }
    }
    let parent = new.parent.as_deref().map(|typed| resolve(tx, typed)).transpose()?;
    let now = cx.now.wall_ms;
    let hold = new.hold.clone().map(|reason| Hold { kind: BlockReason::Hold, reason, since_ms: now });
    let mut task = Task {
        id: cx::fresh_task_id(tx)?,
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
    let wrong = |text: String| Err(Refusal::Invalid(text).into());
    if new.title.trim().is_empty() {
        return wrong("a task needs a title".into());
    }
    if new.title.len() > MAX_TITLE {
        return wrong(format!("the title is longer than {MAX_TITLE} bytes; put the text into the body"));
    }
    if new.body.len() > MAX_BODY {
        return wrong(format!("the body is longer than {MAX_BODY} bytes; put large material into a file and name it"));
    }
    if new.priority.is_some_and(|p| p > 4) {
        return wrong("priority goes from 0 (most urgent) to 4".into());
    }
    for word in new.labels.iter().chain(&new.kind).chain(&new.checks).chain(&new.agent) {
        check_word(word)?;
    }
    Ok(())
}

/// Labels, types and names are single words, so that filters and command lines can hold them.
pub fn check_word(word: &str) -> Result<(), OpError> {
    let bad = word.is_empty() || word.len() > 64 || word.chars().any(|c| c.is_whitespace() || c.is_control() || c == ',');
    match bad {
        true => {
            let shown = crate::base::text::one_line(word);
            Err(Refusal::Invalid(format!("`{shown}` is not a word of 1 to 64 characters without spaces and commas")).into())
        }
        false => Ok(()),
    }
}

fn keys(entries: &[NewTask]) -> Result<HashMap<&str, usize>, OpError> {
    let mut keys = HashMap::new();
    for (n, entry) in entries.iter().enumerate() {
        if let Some(key) = &entry.key
            && keys.insert(key.as_str(), n).is_some()
        {
            return Err(Refusal::Invalid(format!("two entries have the key `{}`", crate::base::text::one_line(key))).into());
        }
    }
    Ok(keys)
}

/// An order in which every entry comes after those that it names, or the cycle that prevents it.
fn order(entries: &[NewTask], keys: &HashMap<&str, usize>) -> Result<Vec<usize>, OpError> {
    if keys.is_empty() {
        return Ok((0..entries.len()).collect());
    }
    let mut graph = DiGraph::<usize, ()>::with_capacity(entries.len(), entries.len());
    let nodes: Vec<NodeIndex> = (0..entries.len()).map(|n| graph.add_node(n)).collect();
    for (n, entry) in entries.iter().enumerate() {
        for on in entry.deps.iter().chain(&entry.parent).filter_map(|typed| keys.get(typed.as_str())) {
            graph.add_edge(nodes[*on], nodes[n], ());
        }
    }
    if let Ok(sorted) = toposort(&graph, None) {
        return Ok(sorted.into_iter().map(|node| graph[node]).collect());
    }
    let circle = tarjan_scc(&graph)
        .into_iter()
        .find(|part| part.len() > 1 || part.iter().any(|n| graph.contains_edge(*n, *n)))
        .unwrap_or_default();
    let mut names: Vec<String> = circle.iter().rev().filter_map(|n| entries[graph[*n]].key.clone()).collect();
    names.extend(names.first().cloned());
    Err(Refusal::Cycle(names).into())
}

fn at_entry(error: OpError, entries: &[NewTask], n: usize) -> OpError {
    match error {
        OpError::Refused(mut refused) if entries.len() > 1 => {
            let title = crate::base::text::one_line(&entries[n].title);
            refused.why = Refusal::Invalid(format!("entry {} (`{title}`): {}; nothing was created", n + 1, refused.why));
            OpError::Refused(refused)
        }
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
