//! Why an operation changed nothing: each refusal knows its sentence, its exit class and the
//! command to type next.

use crate::domain::decision::DecisionRecord;
use crate::domain::event::Event;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::lease::Stale;
use crate::store::StoreError;

/// An operation that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum OpError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A state that cannot be: a bug of ours.
    #[error("this is a bug in `ai`: {0}")]
    Internal(&'static str),
    /// The operation was refused; the events say what is recorded about it all the same.
    #[error("{}", .0.why)]
    Refused(Box<Refused>),
}

/// A refusal with what is recorded about it.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub why: Refusal,
    /// Recorded although the operation itself is not.
    pub record: Vec<Event>,
}

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No task, run or lock bears this id.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// `task`, `run`, `lock`, `agent` …
        what: &'static str,
        /// As typed.
        id: String,
    },
    /// The prefix fits several.
    #[error("`{prefix}` could be {}", candidates.join(", "))]
    Ambiguous {
        /// As typed.
        prefix: String,
        /// Some of those it fits.
        candidates: Vec<String>,
    },
    /// The input makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// Somebody holds the task.
    #[error("{task} is held by {holder} for another {}", seconds(*left_ms))]
    Taken {
        /// The task.
        task: TaskId,
        /// Who.
        holder: String,
        /// For how much longer, in milliseconds.
        left_ms: i64,
    },
    /// Somebody holds a path.
    #[error("`{wanted}` meets `{held}`, locked {mode} by {holder} ({subject}) for another {}: both match `{example}`", seconds(*left_ms))]
    Locked {
        /// The pattern that was asked for.
        wanted: String,
        /// The pattern that is held.
        held: String,
        /// How it is held.
        mode: &'static str,
        /// Who.
        holder: String,
        /// Their task or lock.
        subject: String,
        /// A path that both match.
        example: String,
        /// For how much longer, in milliseconds.
        left_ms: i64,
    },
    /// The lease was made under another clock.
    #[error(
        "{0} is leased under another time namespace of this machine; the clocks cannot be compared"
    )]
    OtherClock(String),
    /// The token does not open the subject.
    #[error("the lease on {subject} is lost: {}", stale_text(why, holder.as_deref()))]
    LeaseLost {
        /// Task or lock.
        subject: String,
        /// Why.
        why: Stale,
        /// Who holds it now.
        holder: Option<String>,
    },
    /// No token was given and none is kept here.
    #[error("no lease on {0} is kept in this worktree")]
    NoToken(String),
    /// The task is in a state in which this cannot be done.
    #[error("{task} is {}: {why}", standing(state))]
    WrongState {
        /// The task.
        task: TaskId,
        /// Its state.
        state: String,
        /// What follows from it.
        why: String,
        /// The command that helps.
        next: String,
    },
    /// A run of the task has lost its supervisor and must be recovered first.
    #[error("run {0} was cut off and must be recovered first")]
    NeedsRecovery(RunId),
    /// It is too early.
    #[error("{what} is not due for another {}", seconds(*wait_ms))]
    TooEarly {
        /// What.
        what: String,
        /// How long, in milliseconds.
        wait_ms: i64,
    },
    /// Nothing can be claimed.
    #[error("no task is ready to be claimed{}", if *.locked == 0 { String::new() } else { format!(" ({} ready, but their paths are locked)", .locked) })]
    NothingReady {
        /// Ready tasks whose paths are locked.
        locked: usize,
    },
    /// The dependency would close a circle.
    #[error("this would make a cycle: {}", way(.0))]
    Cycle(Vec<String>),
    /// Policy says no.
    #[error("policy denies {}: {} (rule `{}`, decision {})", .0.action, .0.reason, .0.rule, .0.id)]
    Denied(Box<DecisionRecord>),
    /// Policy wants a human's yes.
    #[error("policy wants a person's yes for {}: {} (rule `{}`, decision {})", .0.action, .0.reason, .0.rule, .0.id)]
    NeedsApproval(Box<DecisionRecord>),
    /// Something from the repository would run, and its user has not said that it may.
    #[error(
        "{0} would run code that came with this repository, and this machine has not been told to trust it"
    )]
    Untrusted(String),
    /// The configuration cannot be used.
    #[error("{why}")]
    BadConfig {
        /// Where and what.
        why: String,
        /// What to do.
        hint: String,
    },
    /// The checks do not pass on this tree.
    #[error("{0}")]
    NotProven(String),
    /// A conflict with what stands in the repository.
    #[error("{0}")]
    Conflict(String),
    /// The work does not fit onto its target, or the target cannot be moved now.
    #[error("{why}")]
    MergeConflict {
        /// What is in the way.
        why: String,
        /// What helps.
        next: String,
    },
    /// The machine cannot do it now.
    #[error("{0}")]
    Environment(String),
    /// Something has to be set up first.
    #[error("{why}")]
    Missing {
        /// What.
        why: String,
        /// How.
        next: String,
    },
    /// Not now: something else is in the way for a while.
    #[error("{why}")]
    TryLater {
        /// What is in the way.
        why: String,
        /// What helps.
        next: String,
    },
    /// Ended by Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
}

impl Refusal {
    /// True where a person or the machine stopped the command.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Refusal::Interrupted(_))
    }

    /// The command to type next, where one helps.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Refusal::NotFound { what: "task", .. } => "`ai task list` shows the tasks".into(),
            Refusal::NotFound { what: "agent", .. } => "`ai agent list` shows the agents".into(),
            Refusal::NotFound { what: "lock", .. } => "`ai lock list` shows the locks".into(),
            Refusal::NotFound {
                what: "decision", ..
            } => "`ai policy log` shows the decisions".into(),
            Refusal::NotFound { what: "run", .. } => {
                "`ai review TASK` names the last run of a task".into()
            }
            Refusal::NotFound {
                what: "evidence", ..
            } => "`ai evidence list TASK` shows what there is".into(),
            Refusal::NotFound {
                what: "worktree or branch",
                ..
            } => "`git worktree list` and `git branch --list` show what there is".into(),
            Refusal::Cycle(tasks) => {
                format!(
                    "`ai task dep tree {}` shows what waits for what",
                    tasks.first().map_or("TASK", String::as_str)
                )
            }
            Refusal::Ambiguous { .. } => "type more of the id".into(),
            Refusal::Taken { task, .. } => {
                format!("wait, take another (`ai task claim --next`), or see `ai why {task}`")
            }
            // Taken by hand: there is no task to look at.
            Refusal::Locked {
                subject, holder, ..
            } if subject.starts_with("l-") => {
                format!("`ai lock list` shows who holds what; wait, or ask {holder}")
            }
            Refusal::Locked { subject, .. } => {
                format!("`ai lock list` shows who holds what; `ai task show {subject}` what for")
            }
            Refusal::LeaseLost { subject, .. } => {
                format!(
                    "stop working on it; `ai why {subject}` says who has it, `ai task claim {subject}` asks for it again"
                )
            }
            Refusal::NoToken(subject) => {
                format!(
                    "give the token with --lease or AI_LEASE, or claim it: `ai task claim {subject}`"
                )
            }
            Refusal::WrongState { next, .. } => next.clone(),
            Refusal::NeedsRecovery(run) => format!("`ai recover {run}`"),
            Refusal::TooEarly { what, .. } => {
                format!("wait, or drop the pause: `ai task edit {what} --not-before now`")
            }
            Refusal::NothingReady { .. } => {
                "`ai task list --status blocked` and `ai why TASK` say what the others wait for"
                    .into()
            }
            Refusal::Denied(record) => format!(
                "`ai policy explain {}` shows the rules that matched",
                record.id
            ),
            Refusal::NeedsApproval(record) => {
                format!("a person says yes with `ai policy approve {}`", record.id)
            }
            Refusal::BadConfig { hint, .. }
            | Refusal::MergeConflict { next: hint, .. }
            | Refusal::TryLater { next: hint, .. }
            | Refusal::Missing { next: hint, .. } => hint.clone(),
            Refusal::Environment(_) => {
                "mend it, then do it again; `ai doctor` looks at everything that `ai` stands on"
                    .into()
            }
            Refusal::Untrusted(_) => {
                "look at it with `ai trust --show`, then say `ai trust`".into()
            }
            _ => return None,
        })
    }
}

impl OpError {
    /// A refusal that leaves no record.
    pub fn refused(why: Refusal) -> OpError {
        OpError::Refused(Box::new(Refused {
            why,
            record: Vec::new(),
        }))
    }

    /// A refusal with events that are recorded although the operation is not.
    pub fn recorded(why: Refusal, record: Vec<Event>) -> OpError {
        OpError::Refused(Box::new(Refused { why, record }))
    }

    /// The refusal, where it is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            OpError::Refused(refused) => Some(&refused.why),
            OpError::Store(_) | OpError::Internal(_) => None,
        }
    }
}

impl From<Refusal> for OpError {
    fn from(why: Refusal) -> OpError {
        OpError::refused(why)
    }
}

fn stale_text(why: &Stale, holder: Option<&str>) -> String {
    let now = holder.map_or("nobody holds it now".to_owned(), |holder| {
        format!("{holder} holds it now")
    });
    match why {
        Stale::NoLease => format!("it was released or has ended; {now}"),
        Stale::Superseded => format!("it was granted anew; {now}"),
        Stale::Lapsed => "it lapsed without a heartbeat".to_owned(),
        Stale::WrongSecret => "the token's secret is not the one that was granted".to_owned(),
    }
}

/// A state as it stands in a sentence.
fn standing(state: &str) -> &str {
    if state == "review" {
        "in review"
    } else {
        state
    }
}

/// A way from task to task in one line; of a long one its ends.
fn way(names: &[String]) -> String {
    match names {
        [start @ .., _, _, _] if start.len() > 9 => {
            let (head, tail) = (&names[..4], &names[names.len() - 3..]);
            format!(
                "{} → … {} more … → {}",
                head.join(" → "),
                names.len() - 7,
                tail.join(" → ")
            )
        }
        all => all.join(" → "),
    }
}

/// Milliseconds as people say them: `45s`, `12m`, `3h 5m`.
pub fn seconds(ms: i64) -> String {
    let s = (ms.max(0) + 999) / 1000;
    match s {
        0..=99 => format!("{s}s"),
        100..=5999 => format!("{}m", s / 60),
        _ => format!("{}h {}m", s / 3600, s % 3600 / 60),
    }
}
