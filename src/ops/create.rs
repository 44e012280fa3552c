//! Creating tasks: one, or a whole file of them in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::id;
use crate::base::text::one_line;
use crate::domain::action::Action;
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::parts;
use crate::domain::path_lock::LockMode;
use crate::domain::path_pattern::{self, CaseMode};
use crate::domain::task::{BlockReason, Hold, LockRequest, RecurringOrigin, Task, TaskState};
use crate::domain::task_text::{BadText, check_priority, check_text, check_word};
use crate::ops::ask::{Asked, Question};
use crate::ops::cx::{self, Cx};
use crate::ops::entry_index::{EntryIndex, EntryNames};
use crate::ops::error::{OpError, Refused};
use crate::ops::patterns;
use crate::ops::queue_room::QueueRoom;
use crate::ops::refusal::Refusal;
use crate::store::{StoreError, Tx};

/// The type of a task that names none.
const USUAL_TYPE: &str = "task";
/// The priority of a task that names none.
const USUAL_PRIORITY: u8 = 2;

/// The content of a new task; also one entry of a file for `ai task create --from`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NewTask {
    /// A name for this entry, for `deps` and `parent` of other entries of the same file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// One line for people.
    pub title: String,
    /// The prompt.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Kind of work; `task` where absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// 0 (most urgent) to 4; 2 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Free words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Globs that a claim locks exclusively.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Globs that a claim locks shared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shared: Vec<String>,
    /// Tasks (or keys of the same file) that must be done first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deps: Vec<String>,
    /// Names of checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// The task (or key) that this one is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The agent that should run it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Not before this time, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<i64>,
    /// Attempts before it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// Create it on hold, for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// The recurring work for which it is created; no file can say so.
    #[serde(skip)]
    pub recurring: Option<RecurringOrigin>,
}

impl NewTask {
    pub(super) fn names(&self) -> EntryNames<'_> {
        EntryNames {
            key: self.key.as_deref(),
            deps: &self.deps,
            parent: self.parent.as_deref(),
        }
    }
}

/// Creates one task.
pub fn create(tx: &mut dyn Tx, cx: &Cx, new: &NewTask) -> Result<Task, OpError> {
    let mut all = create_all(tx, cx, std::slice::from_ref(new))?;
    // One entry in, one task out.
    all.pop()
        .ok_or_else(|| OpError::internal("one entry made no task"))
}

/// Creates every entry, or none, in their order. Entries may depend on each other in any order.
pub fn create_all(tx: &mut dyn Tx, cx: &Cx, entries: &[NewTask]) -> Result<Vec<Task>, OpError> {
    let mut index = EntryIndex::default();
    entries
        .iter()
        .try_for_each(|entry| index.add(entry.names()))?;
    QueueRoom::of(tx, cx)?.refuse_more(index.len())?;
    let mut batch = match Batch::begin(tx, index) {
        Ok(batch) => batch,
        Err(Unfit::At(n, error)) if entries.len() > 1 => {
            return Err(at_entry(error, &entries[n].title, n));
        }
        Err(Unfit::At(_, error) | Unfit::Whole(error)) => return Err(error),
    };
    let mut created = Vec::with_capacity(entries.len());
    for (n, entry) in entries.iter().enumerate() {
        let task = batch.create(tx, cx, entry).map_err(|error| match error {
            Unfit::At(_, error) if entries.len() > 1 => at_entry(error, &entry.title, n),
            Unfit::At(_, error) | Unfit::Whole(error) => error,
        });
        created.push(task?);
    }
    Ok(created)
}

/// Why an entry was not created.
pub(super) enum Unfit {
    /// Something about the entry with this number, counted from 0.
    At(usize, OpError),
    /// Something about all of them, or an answer that is the same without the others.
    Whole(OpError),
}

/// Entries in the making, written one by one in a transaction.
pub(super) struct Batch {
    index: EntryIndex,
    ids: FreshIds,
    /// Tasks of the store that entries name, by the number of the name, and whether they are done.
    outside: HashMap<u32, (TaskId, bool)>,
    asked: Asked,
    written: usize,
}

impl Batch {
    /// Looks everything up before anything is written: a new id must not answer to a prefix that
    /// somebody typed.
    pub(super) fn begin(tx: &mut dyn Tx, mut index: EntryIndex) -> Result<Batch, Unfit> {
        index.refuse_circles().map_err(Unfit::Whole)?;
        let mut outside = HashMap::new();
        for name in index.outside() {
            let found = existing(tx, name.text).map_err(|error| Unfit::At(name.entry, error))?;
            outside.insert(name.number, found);
        }
        let ids = FreshIds::draw(tx, index.len()).map_err(|error| Unfit::Whole(error.into()))?;
        Ok(Batch {
            index,
            ids,
            outside,
            asked: Asked::default(),
            written: 0,
        })
    }

    /// Asks policy about the next entry, and writes it.
    pub(super) fn create(
        &mut self,
        tx: &mut dyn Tx,
        cx: &Cx,
        new: &NewTask,
    ) -> Result<Task, Unfit> {
        let n = self.written;
        self.asked.or_refuse(tx, cx, new).map_err(Unfit::Whole)?;
        let (task, deps) = build(cx, self, new).map_err(|error| Unfit::At(n, error))?;
        // As it will stand in the store, since the caller shows it.
        let shown = task.clone();
        let task = Box::new(task);
        cx.record(tx, &Event::TaskCreated { task, deps })
            .map_err(Unfit::Whole)?;
        self.written += 1;
        Ok(shown)
    }

    /// The task that an entry names, and whether it is done.
    fn named(&self, name: &str) -> Result<(TaskId, bool), OpError> {
        let target = self.index.target(name);
        let inside = target.and_then(|target| target.entry.and_then(|n| self.ids.get(n)));
        let outside = || target.and_then(|target| self.outside.get(&target.number));
        inside
            .map(|id| (id, false))
            .or_else(|| outside().cloned())
            .ok_or_else(|| OpError::internal("a name of an entry was not looked up"))
    }
}

/// Ids that are taken by nobody, each as long as the others and without anything between them: there
/// may be very many.
struct FreshIds {
    text: String,
    length: usize,
}

impl FreshIds {
    fn draw(tx: &mut dyn Tx, count: usize) -> Result<FreshIds, StoreError> {
        let mut ids: Vec<[u8; 16]> = Vec::with_capacity(count);
        let mut length = 0;
        while ids.len() < count {
            for _ in ids.len()..count {
                let TaskId(id) = cx::fresh_task_id(tx)?;
                length = id.len();
                let mut bytes = [0; 16];
                bytes[..length].copy_from_slice(id.as_bytes());
                ids.push(bytes);
            }
            // They lose their order; random ids need none.
            ids.sort_unstable();
            ids.dedup();
        }
        let text = ids.iter().map(|id| String::from_utf8_lossy(&id[..length]));
        Ok(FreshIds {
            text: text.collect(),
            length,
        })
    }

    fn get(&self, n: usize) -> Option<TaskId> {
        let at = n * self.length;
        let id = self.text.get(at..at + self.length);
        id.map(|id| TaskId(id.to_owned()))
    }
}

fn build(cx: &Cx, batch: &Batch, new: &NewTask) -> Result<(Task, Vec<TaskId>), OpError> {
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
        let (id, done) = batch.named(typed)?;
        if deps.insert(id) && !done {
            open += 1;
        }
    }
    let parent = new
        .parent
        .as_deref()
        .map(|typed| batch.named(typed))
        .transpose()?;
    if let Some((id, true)) = &parent {
        return Err(refuse_done_whole(id));
    }
    let now = cx.now.wall_ms;
    let hold = new.hold.clone().map(|reason| Hold {
        kind: BlockReason::Hold,
        reason,
        since_ms: now,
    });
    let id = batch.ids.get(batch.written);
    let mut task = Task {
        id: id.ok_or_else(|| OpError::internal("there are fewer ids than entries"))?,
        state: TaskState::Queued,
        title: new.title.clone(),
        body: new.body.clone(),
        kind: new.kind.clone().unwrap_or_else(|| USUAL_TYPE.into()),
        priority: new.priority.unwrap_or(USUAL_PRIORITY),
        labels: new.labels.iter().cloned().collect(),
        paths,
        checks: new.checks.clone(),
        open_deps: open,
        parent: parent.map(|(id, _)| id),
        agent: new.agent.clone(),
        not_before_ms: new.not_before_ms,
        max_attempts: new.max_attempts,
        hold,
        recurring: new.recurring.clone(),
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
    task.visit_texts(&mut |text| _ = cx.scrub.text(text));
    task.settle();
    Ok((task, deps.into_iter().collect()))
}

/// The refusal of a part of a task that is done.
fn refuse_done_whole(whole: &TaskId) -> OpError {
    let Some(misfit) = parts::closed_whole(whole, "done") else {
        return OpError::internal("a task that is done takes parts");
    };
    Refusal::WrongState {
        task: whole.clone(),
        state: "done".into(),
        why: misfit.why,
        hint: misfit.next,
    }
    .into()
}

/// A task of the store, and whether it is done.
fn existing(tx: &mut dyn Tx, typed: &str) -> Result<(TaskId, bool), OpError> {
    let id = cx::resolve(tx, typed)?;
    let done = matches!(cx::load(tx, &id)?.state, TaskState::Done { .. });
    Ok((id, done))
}

/// Refuses an entry that could not be created whoever asks for it: its words, its paths by these modules, and the tasks
/// that it names. Neither policy nor queue is asked, and nothing is written.
pub(super) fn look_over(
    tx: &mut dyn Tx,
    modules: &BTreeMap<String, Vec<String>>,
    new: &NewTask,
) -> Result<(), OpError> {
    validate(new)?;
    for pattern in new.paths.iter().chain(&new.shared) {
        // However names compare, a pattern can be read or not.
        path_pattern::expand(pattern, modules, CaseMode::Sensitive)?;
    }
    for typed in &new.deps {
        existing(tx, typed)?;
    }
    if let Some((id, true)) = new
        .parent
        .as_deref()
        .map(|typed| existing(tx, typed))
        .transpose()?
    {
        return Err(refuse_done_whole(&id));
    }
    Ok(())
}

pub(super) fn validate(new: &NewTask) -> Result<(), OpError> {
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
        let hint = match &bad {
            BadText::NoTitle => "ai task create \"TITLE\"".to_owned(),
            BadText::LongTitle => "give a short --title, and the text as --body".to_owned(),
            BadText::LongBody => "name the file in a short --body".to_owned(),
            BadText::Priority => {
                "2 is usual; leave it out, or take one of 0, 1, 2, 3, 4".to_owned()
            }
            BadText::Word(_) => "write it as one word, such as `needs-review`".to_owned(),
        };
        Refusal::Unclear {
            why: bad.to_string(),
            hint,
        }
        .into()
    }
}

pub(super) fn at_entry(error: OpError, title: &str, n: usize) -> OpError {
    match error {
        OpError::Refused(refused) => OpError::Refused(Box::new(Refused {
            why: Refusal::Entry {
                number: n + 1,
                title: one_line(title),
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
        let kind = new.kind.as_deref().unwrap_or(USUAL_TYPE);
        question.resource.task_type = Some(kind.to_owned());
        question.facts.task_priority = Some(new.priority.unwrap_or(USUAL_PRIORITY));
        question.resource.labels = new.labels.clone();
        question.resource.patterns = new.paths.iter().chain(&new.shared).cloned().collect();
        question
    }
}
