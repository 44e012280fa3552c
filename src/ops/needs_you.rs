//! What waits for a person, and the command that answers each: reviews, approvals, failures, holds,
//! rescued work that nobody took, and trust that was not given.
//!
//! A look must stay short in a store of any size, so that each kind has a bound; what waits for
//! another task goes on by itself and is not here.

use std::path::Path;

use serde::Serialize;

use crate::base::fs;
use crate::base::text::{counted, flowing, one_line};
use crate::domain::actor::Actor;
use crate::domain::bypass::Bypass;
use crate::domain::ids::TaskId;
use crate::domain::message::{Addressee, Message, MessageReader};
use crate::domain::policy_override::PolicyOverride;
use crate::domain::rescued::{self, RESCUES};
use crate::domain::task::{BlockReason, Task};
use crate::domain::time::WallMs;
use crate::git::{Git, Repo, RepoLocation};
use crate::ops::cx::PolicyAtHand;
use crate::ops::error::OpError;
use crate::ops::hooks::bypass;
use crate::ops::recurring::{self, ListedRecurring, RecurringState};
use crate::ops::{approve, gates, mail, overridden, trust};
use crate::policy::ShownOverride;
use crate::store::{Flow, Store, TaskFilter, Tx};

/// So many letters of a message are told.
const BEGINNING: usize = 80;
/// Most of one kind that are told one by one.
pub const SHOWN: usize = 20;
/// Among how many blocked tasks those that wait for a person are looked for.
const LOOKED_AT: u64 = 500;
/// The largest list of packed references that is looked into, in bytes.
const PACKED: u64 = 64 << 20;

/// The kind of answer that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NeedKind {
    /// A yes to a decision of the policy.
    Approval,
    /// A review.
    Review,
    /// A word on what failed.
    Failed,
    /// The end of a hold.
    Hold,
    /// A word on a task that lapsed too often.
    Parked,
    /// A look at work that was saved and that nobody took.
    Rescue,
    /// Trust in what the repository would run.
    Trust,
    /// A look at what passed the hooks of Git by.
    Bypass,
    /// A look at a rule of the policy that does not hold for a while.
    Override,
    /// A look at recurring work of which nothing is created.
    Recurring,
    /// A look at a message to people that nobody has seen.
    Message,
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct Need {
    /// The kind.
    pub kind: NeedKind,
    /// The task or the decision, the reference with the rescued work, or the directory that is not
    /// trusted.
    pub id: String,
    /// What it is, in a few words.
    pub what: String,
    /// The command that answers it.
    pub next: String,
    /// The title of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

impl Need {
    /// A task that waits.
    fn of_task(kind: NeedKind, (id, title): (&str, &str), what: &str, next: String) -> Need {
        Need {
            kind,
            id: id.to_owned(),
            what: what.to_owned(),
            next,
            title: Some(title.to_owned()),
        }
    }
}

/// The tasks that wait for a person, the most pressing kind first.
pub fn tasks(tx: &mut dyn Tx, now_ms: WallMs) -> Result<Vec<Need>, OpError> {
    let mut needs = held(tx)?;
    add_questions(tx, now_ms, &mut needs)?;
    each(tx, "review", |id, title| {
        let next = format!("ai review {id}");
        needs.push(Need::of_task(
            NeedKind::Review,
            (id, title),
            "waits for your review",
            next,
        ));
    })?;
    each(tx, "failed", |id, title| {
        let next = format!("ai task retry {id}");
        needs.push(Need::of_task(
            NeedKind::Failed,
            (id, title),
            "has failed",
            next,
        ));
    })?;
    needs.sort_by_key(|need| need.kind as u8);
    Ok(needs)
}

/// The messages that wait for people, without those that `looker` has written to others.
pub fn messages(tx: &mut dyn Tx, looker: &Actor) -> Result<Vec<Need>, OpError> {
    let messages = mail::for_people(tx)?.into_iter();
    let needs = messages.filter_map(|message| need_of_message(message, looker));
    Ok(needs.take(SHOWN).collect())
}

/// A message that waits, with the command that shows it to `looker`. Its text stands where others have their title.
fn need_of_message(message: Message, looker: &Actor) -> Option<Need> {
    let reader = MessageReader {
        actor: looker,
        held: &[],
        run: None,
    };
    let next = if message.reaches(&reader) {
        "ai inbox"
    } else if looker.goes_on_for(&message.from) {
        return None;
    } else {
        "ai inbox --all"
    };
    let from = message.from.label();
    let what = match &message.to {
        Addressee::People => format!("{from} writes"),
        to => format!("{from} writes to {to}"),
    };
    let text: String = flowing(&message.text).chars().take(BEGINNING).collect();
    Some(Need {
        kind: NeedKind::Message,
        id: message.id,
        what: one_line(&what),
        next: next.to_owned(),
        title: Some(text),
    })
}

/// Questions that wait for a yes and hold no task by themselves: the start of a run, an accept, or a
/// command of somebody who may not do it alone.
fn add_questions(tx: &mut dyn Tx, now_ms: WallMs, needs: &mut Vec<Need>) -> Result<(), OpError> {
    for question in approve::waiting(tx, now_ms)?.into_iter().take(SHOWN) {
        let record = question.decision;
        let is_told = |need: &Need| {
            need.kind == NeedKind::Approval && Some(&need.id) == record.resource.task.as_ref()
        };
        if needs.iter().any(is_told) {
            continue;
        }
        let task = match record.resource.task.clone().map(TaskId) {
            Some(task) => tx.task(&task)?,
            None => None,
        };
        needs.push(Need {
            kind: NeedKind::Approval,
            id: record.resource.task.unwrap_or_else(|| record.id.clone()),
            what: format!("wants your yes to {}", record.action),
            next: format!("ai approve {}", record.id),
            title: task.map(|task| task.title),
        });
    }
    Ok(())
}

fn each(tx: &mut dyn Tx, status: &str, mut add: impl FnMut(&str, &str)) -> Result<(), OpError> {
    let filter = TaskFilter {
        statuses: vec![status.to_owned()],
        limit: Some(SHOWN as u64),
        ..TaskFilter::default()
    };
    tx.list(&filter, &mut |line| {
        add(line.id, line.title);
        Ok(Flow::More)
    })?;
    Ok(())
}

/// Blocked tasks that wait for a person, not for another task.
fn held(tx: &mut dyn Tx) -> Result<Vec<Need>, OpError> {
    let mut found = Vec::new();
    let filter = TaskFilter {
        statuses: vec!["blocked".into()],
        limit: Some(LOOKED_AT),
        ..TaskFilter::default()
    };
    tx.list(&filter, &mut |line| {
        // Most wait for another task, which is told without taking the whole of them apart.
        if !line.json.contains("\"blocked_by\":\"dependency\"")
            && let Ok(task) = serde_json::from_str::<Task>(line.json)
        {
            found.extend(need_of_held(&task));
        }
        Ok(if found.len() < SHOWN {
            Flow::More
        } else {
            Flow::Stop
        })
    })?;
    Ok(found)
}

fn need_of_held(task: &Task) -> Option<Need> {
    let (kind, what) = match task
        .hold
        .as_ref()
        .map_or(BlockReason::Hold, |hold| hold.kind.clone())
    {
        BlockReason::Dependency => return None,
        BlockReason::Approval => (NeedKind::Approval, "waits for your yes"),
        BlockReason::Parked => (NeedKind::Parked, "is parked"),
        BlockReason::Hold => (NeedKind::Hold, "is on hold"),
    };
    let gate = gates::held(task);
    let decision = gate.by.filter(|_| kind == NeedKind::Approval);
    let next = match decision {
        Some(decision) => format!("ai approve {decision}"),
        None => gate.next.unwrap_or_else(|| format!("ai why {}", task.id)),
    };
    let names = (task.id.as_str(), task.title.as_str());
    Some(Need::of_task(kind, names, what, next))
}

/// Rescued work that nobody took. The repository is opened only where there may be any.
pub fn rescues(place: &RepoLocation, store: &mut dyn Store) -> Result<Vec<Need>, OpError> {
    if !may_have_rescues(&place.common_dir) {
        return Ok(Vec::new());
    }
    let repo = Repo::open(place, Git::system()?)?;
    let names = repo.list_refs(RESCUES)?.into_iter().map(|(name, _)| name);
    store.read(|tx| {
        let mut needs = Vec::new();
        for name in names {
            let task = match rescued::run_of(&name) {
                Some(run) => {
                    let task = tx.task(&run.task())?;
                    let runs = tx.runs(&run.task())?;
                    if !rescued::waits(&run, task.as_ref(), &runs) {
                        continue;
                    }
                    task
                }
                None => None,
            };
            needs.push(Need {
                kind: NeedKind::Rescue,
                what: "rescued, and nobody took it".to_owned(),
                next: format!("git show {name}"),
                id: name,
                title: task.map(|task| task.title),
            });
            if needs.len() == SHOWN {
                break;
            }
        }
        Ok(needs)
    })
}

/// True unless there is certainly no rescue: to look at a directory is a hundredth of opening a
/// repository.
fn may_have_rescues(common_dir: &Path) -> bool {
    let packed = || {
        // One that cannot be read in whole may have some.
        let Ok(all) = fs::read_capped(&common_dir.join("packed-refs"), PACKED) else {
            return common_dir.join("packed-refs").exists();
        };
        let name = RESCUES.as_bytes();
        all.windows(name.len()).any(|window| window == name)
    };
    common_dir.join(RESCUES).is_dir() || common_dir.join("reftable").is_dir() || packed()
}

/// Trust that was not given: nothing of it runs on this machine.
pub fn trust(root: &Path, common_dir: &Path) -> Result<Option<Need>, OpError> {
    let missing = trust::untrusted(root, common_dir)?;
    let files = counted(missing.len(), "file");
    let verb = if missing.len() == 1 { "waits" } else { "wait" };
    Ok((!missing.is_empty()).then(|| Need {
        kind: NeedKind::Trust,
        id: ".ai/".to_owned(),
        what: format!("{files} {verb} for your trust"),
        next: "ai trust".to_owned(),
        title: None,
    }))
}

/// What passed the hooks of Git by and nobody has looked at, in the log or still in a note.
pub fn bypasses(tx: &mut dyn Tx, state_dir: &Path) -> Result<Vec<Need>, OpError> {
    let mut told: Vec<String> = bypass::unseen(tx)?
        .into_iter()
        .map(|one| one.what)
        .collect();
    told.extend(bypass::notes(state_dir).iter().map(Bypass::told));
    let need = |what: String| Need {
        kind: NeedKind::Bypass,
        id: "hooks".to_owned(),
        what: one_line(&what),
        next: "ai hooks status --seen".to_owned(),
        title: None,
    };
    Ok(told.into_iter().take(SHOWN).map(need).collect())
}

/// Recurring work that is switched on and of which nothing is created, but for trust and for a yes, which are told by
/// themselves.
pub fn recurring(
    around: (&Path, &Path),
    store: &mut dyn Store,
    now_ms: WallMs,
) -> Result<Vec<Need>, OpError> {
    let all = recurring::overview(around, store, now_ms)?;
    let is_told = |one: &ListedRecurring| match one.state {
        RecurringState::Untrusted | RecurringState::Off => true,
        RecurringState::On => one.waits_for_a_yes,
        RecurringState::Broken | RecurringState::Gone => !one.enabled,
    };
    let told = all.listed.into_iter().filter(|one| !is_told(one));
    let needs = told.filter_map(|one| {
        let trouble = one.trouble?;
        Some(Need {
            kind: NeedKind::Recurring,
            id: one.name,
            what: one_line(&format!("creates nothing: {}", trouble.why)),
            next: trouble.next,
            title: one.title,
        })
    });
    Ok(needs.take(SHOWN).collect())
}

/// Overrides that have not ended: each is a hole that somebody made for a while.
pub fn overridden(
    tx: &mut dyn Tx,
    policy: Option<&PolicyAtHand>,
    now_ms: WallMs,
) -> Result<Vec<Need>, OpError> {
    let need = |shown: ShownOverride| {
        let (reason, one) = (shown.reason(), shown.given);
        overriding(one, &reason)
    };
    let active = overridden::shown(tx, policy, now_ms)?;
    Ok(active.into_iter().take(SHOWN).map(need).collect())
}

fn overriding(one: PolicyOverride, reason: &str) -> Need {
    Need {
        kind: NeedKind::Override,
        what: one_line(&format!(
            "overrides `{}` for {}, by {}: {reason}",
            one.rule,
            one.scope(),
            one.by
        )),
        next: format!("ai policy override remove {}", one.id),
        id: one.id,
        title: None,
    }
}

/// A need as a line for people: id, what, command, title.
pub fn row(need: &Need) -> Vec<String> {
    let title = need.title.as_deref().map(one_line).unwrap_or_default();
    vec![need.id.clone(), need.what.clone(), need.next.clone(), title]
}
