//! Sending a message: who is meant, whether they may be written to now, and where it will be met.
//!
//! Whoever sends asks the policy where a rule speaks of messages. Deliberately absent: any act that reads a message as a yes.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::base::text::one_line;
use crate::base::{hash, id, suggest};
use crate::connector::agent_file::AgentFiles;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind, ActorName};
use crate::domain::event::Event;
use crate::domain::ids::TaskId;
use crate::domain::message::{
    Addressee, LONGEST, MOST_TURNS, MOST_UNREAD, Message, MessageRoute, PEOPLE, RunAtWork,
    shown_len, turns_taken,
};
use crate::domain::run::Run;
use crate::domain::task::{Task, TaskState};
use crate::domain::task_rules::TaskAct;
use crate::ops::ask::{self, Question};
use crate::ops::cx::{self, Cx};
use crate::ops::error::OpError;
use crate::ops::mail;
use crate::ops::refusal::{Refusal, Thing};
use crate::ops::{agents, fit, why};
use crate::store::{Flow, TaskFilter, Tx};

/// The word for whoever types it.
const ME: &str = "me";
/// As many tasks are looked through for the one, or the person, that was meant.
const LOOKED_AT: u64 = 2_000;

/// The agents of a project and how they are talked to, read before the store is held.
pub struct AddressBook {
    hints: TaskHints,
    agents: BTreeSet<String>,
    /// The connectors whose CLI takes another turn.
    conversing: BTreeSet<String>,
}

/// Whether tasks are named to whoever mistypes one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TaskHints {
    Named,
    /// The agent of a run learns of no task but its own.
    Kept,
}

/// A message that was sent, and where it will be met.
#[derive(Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MessageSent {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// The place at which it will be met, as things stand.
    pub goes: MessageRoute,
    /// Warnings of the policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl AddressBook {
    /// Reads the agents of the checkout at `root`.
    pub fn of(root: &Path) -> Result<AddressBook, OpError> {
        let AgentFiles { agents, .. } = agents::list(root)?;
        let known = agents::connectors(root)?;
        let conversing = known
            .all()
            .map(|connector| connector.describe())
            .filter(|manifest| manifest.converses());
        Ok(AddressBook {
            hints: TaskHints::Named,
            agents: agents
                .into_iter()
                .map(|agent| agent.name.to_string())
                .collect(),
            conversing: conversing
                .map(|manifest| manifest.name.to_string())
                .collect(),
        })
    }

    /// The same for the agent of a run, to whom no other task is named.
    pub fn within_a_run(self) -> AddressBook {
        AddressBook {
            hints: TaskHints::Kept,
            ..self
        }
    }

    fn at_work(&self, run: &Run, known: &[Message]) -> RunAtWork {
        RunAtWork {
            run: run.id.clone(),
            takes_turns: self.conversing.contains(run.connector.as_str())
                && turns_taken(known, &run.id) < MOST_TURNS,
        }
    }

    /// Finds the task that was typed. Within a run one that is not there and several that might be meant are the same.
    fn task(&self, tx: &mut dyn Tx, typed: &str) -> Result<TaskId, OpError> {
        cx::resolve(tx, typed).map_err(|error| match (self.hints, error.refusal()) {
            (TaskHints::Kept, Some(Refusal::Ambiguous { .. })) => Refusal::NotFound {
                what: Thing::Task,
                id: one_line(typed),
            }
            .into(),
            _ => error,
        })
    }
}

/// Sends a text to whoever was typed.
pub fn send(
    tx: &mut dyn Tx,
    cx: &Cx,
    book: &AddressBook,
    (typed, text): (&str, &str),
) -> Result<MessageSent, OpError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(unclear("a message without a text tells nobody anything"));
    }
    if text.len() > LONGEST {
        return Err(unclear(&format!(
            "a message has at most {LONGEST} bytes, and this one {}",
            text.len()
        )));
    }
    let shown = shown_len(text);
    if shown > LONGEST {
        return Err(unclear(&format!(
            "a message has at most {LONGEST} bytes as it is shown, and this one {shown}: its control characters are written out there, and \
             a long row of backticks makes the fences around it longer"
        )));
    }
    let known = mail::all(tx)?;
    let to = addressee(tx, cx, (book, &known), typed)?;
    let task = match &to {
        Addressee::Task(task) => Some(cx::load(tx, task)?),
        Addressee::Agent(_) | Addressee::Person(_) | Addressee::People => None,
    };
    if let Some(task) = &task {
        fit::require(TaskAct::Address, task)?;
    }
    let standing = Standing::look(tx, cx, (book, &known), (&to, task.as_ref()))?;
    let warnings = may_send(tx, cx, (&to, task.as_ref(), &standing), text)?;
    let waiting = known
        .iter()
        .filter(|one| one.seen.is_none() && one.to == to);
    if waiting.count() >= MOST_UNREAD {
        return Err(Refusal::TryLater {
            why: format!("{MOST_UNREAD} messages to {to} wait already, which is the most that may"),
            hint: "wait until they are seen; a person reads them by `ai inbox --all`, and takes one away by `ai inbox --ack ID`"
                .to_owned(),
        }
        .into());
    }
    let message = Message {
        id: fresh_id(&known),
        from: cx.actor.clone(),
        to,
        // As it is recorded: without the secrets that stand in it.
        text: cx.scrub.redactor().redact_text(text),
        at_ms: cx.now.wall_ms,
        given: None,
        seen: None,
    };
    let event = Event::MessageSent {
        message: Box::new(Message {
            // Which were typed is told by whoever records it.
            text: text.to_owned(),
            ..message.clone()
        }),
    };
    cx.record(tx, &event)?;
    let goes = MessageRoute::of(&message.to, &standing.runs, standing.reader.as_ref());
    Ok(MessageSent {
        message,
        goes,
        warnings,
    })
}

fn fresh_id(known: &[Message]) -> String {
    loop {
        let id = format!("m-{}", id::random_text(8));
        if known.iter().all(|one| one.id != id) {
            return id;
        }
    }
}

/// Whoever is at work for an addressee.
struct Standing {
    /// The runs that may be given the message: no run is given what its own agent says, and one whose supervisor is dead gets nothing
    /// any more.
    runs: Vec<RunAtWork>,
    /// The holder of the task.
    holder: Option<Actor>,
    /// Whoever reads it in an inbox outside of a run: the holder of the task where no run of `ai` has it and it is not the sender, or the agent without a file.
    reader: Option<Actor>,
}

impl Standing {
    fn look(
        tx: &mut dyn Tx,
        cx: &Cx,
        (book, known): (&AddressBook, &[Message]),
        (to, task): (&Addressee, Option<&Task>),
    ) -> Result<Standing, OpError> {
        let mut runs: Vec<Run> = match (to, task.map(|task| &task.state)) {
            (Addressee::Agent(name), _) => {
                let mut runs = tx.active_runs()?;
                runs.retain(|run| run.agent == name.as_str());
                runs
            }
            (_, Some(TaskState::Running { run })) => tx.run(run)?.into_iter().collect(),
            _ => Vec::new(),
        };
        let lease = match task {
            Some(task) => tx.lease(&task.id.subject())?,
            None => None,
        };
        let lease = lease.filter(|lease| lease.binds(&cx.now));
        let holder = lease.map(|lease| lease.holder);
        let all = tx.leases()?;
        runs.retain(|run| {
            let subject = run.task.subject();
            let lease = all.iter().find(|lease| lease.subject == subject);
            let is_own = lease.is_some_and(|lease| cx.actor.goes_on_for(&lease.holder));
            !is_own && why::dead(run).is_none()
        });
        let reader = match (to, task.map(|task| &task.state)) {
            // Files are of agents that `ai` starts; of another one there is no next run.
            (Addressee::Agent(name), _) if !book.agents.contains(name.as_str()) => Some(Actor {
                kind: ActorKind::Agent,
                name: name.clone(),
                incarnation: None,
                login: None,
            }),
            (_, Some(TaskState::Running { .. })) => None,
            _ => holder
                .clone()
                .filter(|holder| !cx.actor.goes_on_for(holder)),
        };
        Ok(Standing {
            runs: runs.iter().map(|run| book.at_work(run, known)).collect(),
            holder,
            reader,
        })
    }
}

/// Asks the policy, where a rule speaks of messages. A yes is to this text for this addressee.
fn may_send(
    tx: &mut dyn Tx,
    cx: &Cx,
    (to, task, standing): (&Addressee, Option<&Task>, &Standing),
    text: &str,
) -> Result<Vec<String>, OpError> {
    let mut question = match task {
        Some(task) => Question::on_task(Action::MessageSend, task),
        None => Question::about(Action::MessageSend),
    };
    question.resource.patterns.clear();
    question.resource.input = Some(hash::sha256_hex(text.as_bytes()));
    question.facts.note = Some(cx.scrub.beginning(text));
    question.resource.recipient = match to {
        Addressee::Task(_) => {
            let holder = standing.holder.as_ref();
            let other = holder.filter(|holder| !holder.same_session(&cx.actor));
            other.map(Actor::label)
        }
        Addressee::Agent(_) | Addressee::Person(_) | Addressee::People => Some(to.to_string()),
    };
    ask::where_rules_speak(tx, cx, &question)
}

/// Finds out who is meant: a task, an agent, a person, or all people.
fn addressee(
    tx: &mut dyn Tx,
    cx: &Cx,
    (book, messages): (&AddressBook, &[Message]),
    typed: &str,
) -> Result<Addressee, OpError> {
    let typed = typed.trim();
    match (typed, typed.split_once(':')) {
        (PEOPLE, _) => return Ok(Addressee::People),
        (ME, _) if cx.actor.kind == ActorKind::Human => {
            return Ok(Addressee::Person(cx.actor.name.clone()));
        }
        (ME, _) => {
            return Err(Refusal::Unclear {
                why: "`me` is a person's word".to_owned(),
                hint: "write to `people`, or to a person by name: human:NAME".to_owned(),
            }
            .into());
        }
        (_, Some(("task", task))) => return Ok(Addressee::Task(book.task(tx, task)?)),
        (_, Some(("agent", name))) => {
            let mut agents = book.agents.clone();
            let actors = actors(tx, messages)?.into_iter();
            let others = actors.filter(|one| one.kind == ActorKind::Agent);
            agents.extend(others.map(|one| one.name.to_string()));
            return match known_name(name, &agents) {
                Some(name) => Ok(Addressee::Agent(name)),
                None => Err(nobody(typed, &labels("agent", &agents))),
            };
        }
        (_, Some(("human", name))) => {
            let mut people = people(tx, messages)?;
            let own = Some(&cx.actor).filter(|one| one.kind == ActorKind::Human);
            people.extend(own.map(|one| one.name.to_string()));
            return match known_name(name, &people) {
                Some(name) => Ok(Addressee::Person(name)),
                None => Err(nobody_but(typed, name, (&people, labels("human", &people)))),
            };
        }
        (_, Some(("daemon" | "hook", _))) => {
            return Err(Refusal::Unclear {
                why: format!("`{}` reads no messages", one_line(typed)),
                hint: "write to a task, an agent, a person or `people`".to_owned(),
            }
            .into());
        }
        _ => {}
    }
    let agent = known_name(typed, &book.agents);
    let task = match book.task(tx, typed) {
        Ok(task) => Some(task),
        Err(error) if agent.is_some() || is_not_found(&error) => None,
        Err(error) => return Err(error),
    };
    match (task, agent) {
        (Some(task), Some(_)) => Err(Refusal::Missing {
            why: format!("`{typed}` is a task and an agent"),
            hint: format!("write `task:{task}` or `agent:{typed}`"),
        }
        .into()),
        (Some(task), None) => Ok(Addressee::Task(task)),
        (None, Some(name)) => Ok(Addressee::Agent(name)),
        (None, None) => {
            let mut known: Vec<String> = book.agents.iter().cloned().collect();
            known.extend([PEOPLE.to_owned(), ME.to_owned()]);
            if book.hints == TaskHints::Named {
                known.extend(open_tasks(tx)?.into_iter().map(|(id, _)| id));
            }
            let people = people(tx, messages)?;
            known.extend(labels("human", &people));
            Err(nobody_but(typed, typed, (&people, known)))
        }
    }
}

fn is_not_found(error: &OpError) -> bool {
    matches!(error.refusal(), Some(Refusal::NotFound { .. }))
}

fn known_name(name: &str, known: &BTreeSet<String>) -> Option<ActorName> {
    let known = known.get(name)?;
    ActorName::new(known.clone()).ok()
}

fn labels<'a>(kind: &str, names: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let names = names.into_iter();
    names.map(|name| format!("{kind}:{name}")).collect()
}

/// The refusal of a name that is near to none, but for a person who bears it without a kind in front, or whose address begins with it.
fn nobody_but(
    typed: &str,
    name: &str,
    (people, known): (&BTreeSet<String>, Vec<String>),
) -> OpError {
    let person = people.iter().find(|person| {
        let begins = person.split_once('@').map(|(begins, _)| begins);
        *person == name || begins == Some(name)
    });
    match person {
        Some(person) => nobody_near(typed, Some(&format!("human:{person}"))),
        None => nobody(typed, &known),
    }
}

fn nobody(typed: &str, known: &[String]) -> OpError {
    nobody_near(
        typed,
        suggest::nearest(typed, known.iter().map(String::as_str)),
    )
}

fn nobody_near(typed: &str, near: Option<&str>) -> OpError {
    let hint = match near {
        Some(near) => format!("did you mean `{near}`? `people` reaches whichever person looks first"),
        None => "write to a task, to an agent of `ai agent list`, to a person who has acted here (human:NAME), or to `people`"
            .to_owned(),
    };
    Refusal::Missing {
        why: format!(
            "neither a task nor an agent nor a person here is called `{}`",
            one_line(typed)
        ),
        hint,
    }
    .into()
}

/// Everybody who may be written to by a word alone, each with what it is: for who completes what is typed.
pub fn addressees(tx: &mut dyn Tx, book: &AddressBook) -> Result<Vec<(String, String)>, OpError> {
    let agents = book.agents.iter();
    let agents = agents.map(|name| (name.clone(), "an agent".to_owned()));
    let words = [(PEOPLE, "whoever looks first"), (ME, "yourself")];
    let words = words.map(|(word, said)| (word.to_owned(), said.to_owned()));
    Ok(open_tasks(tx)?
        .into_iter()
        .chain(agents)
        .chain(words)
        .collect())
}

/// The tasks that have not ended, with their titles.
fn open_tasks(tx: &mut dyn Tx) -> Result<Vec<(String, String)>, OpError> {
    let mut ids = Vec::new();
    let open = TaskState::NAMES
        .into_iter()
        .filter(|name| !TaskState::FINAL_NAMES.contains(name));
    let filter = TaskFilter {
        statuses: open.map(str::to_owned).collect(),
        limit: Some(LOOKED_AT),
        ..TaskFilter::default()
    };
    tx.list(&filter, &mut |line| {
        ids.push((line.id.to_owned(), line.title.to_owned()));
        Ok(Flow::More)
    })?;
    Ok(ids)
}

/// Everybody who has sent a message or holds something.
fn actors(tx: &mut dyn Tx, known: &[Message]) -> Result<Vec<Actor>, OpError> {
    let mut all: Vec<Actor> = known.iter().map(|message| message.from.clone()).collect();
    all.extend(tx.leases()?.into_iter().map(|lease| lease.holder));
    Ok(all)
}

/// The people who have made a task, hold one, or have sent a message.
fn people(tx: &mut dyn Tx, known: &[Message]) -> Result<BTreeSet<String>, OpError> {
    #[derive(Deserialize)]
    struct Made {
        created_by: Actor,
    }
    let mut all = actors(tx, known)?;
    let limit = Some(LOOKED_AT);
    let filter = TaskFilter {
        limit,
        ..TaskFilter::default()
    };
    tx.list(&filter, &mut |line| {
        all.extend(serde_json::from_str::<Made>(line.json).map(|made| made.created_by));
        Ok(Flow::More)
    })?;
    let people = all.into_iter().filter(|one| one.kind == ActorKind::Human);
    Ok(people.map(|one| one.name.to_string()).collect())
}

fn unclear(why: &str) -> OpError {
    Refusal::Unclear {
        why: why.to_owned(),
        hint: "say it in a sentence or two: `ai send TASK|AGENT TEXT`".to_owned(),
    }
    .into()
}
