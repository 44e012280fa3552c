//! Why an operation changed nothing: each refusal knows its sentence, its exit class and the
//! command to type next.

use std::error::Error;

use crate::base::text;
use crate::config::ConfigError;
use crate::connector::agent_file::AgentFileError;
use crate::connector::error::ConnectorError;
use crate::domain::agent::BadName;
use crate::domain::agent_change::ChangeError;
use crate::domain::decision::{DecisionRecord, Override};
use crate::domain::eligibility::UnmetDemand;
use crate::domain::ids::{RunId, TaskId};
use crate::domain::lease::Stale;
use crate::domain::path_pattern::PatternError;
use crate::ops::refusal_words::{
    HeldPaths, OTHER_AGENT_FILE, OTHER_CHECK, OTHER_CONNECTOR, OTHER_CREDENTIALS, OTHER_ENTRIES,
    OTHER_EXPORT, OTHER_NAME, OTHER_PATTERN, after_held, after_unmet, holds_in_words, messages_of,
    passed_over,
};
pub use crate::ops::thing::Thing;
use crate::process::sandbox::NoSandbox;

/// The ways to a sandbox, or to doing without.
const GET_A_SANDBOX: &str = "install bubblewrap; or, if you accept that agents and checks may do whatever you may: \
    `ai run --no-sandbox`, AI_SANDBOX=none, or `runs: {sandbox: none}` in .ai/config.yaml";

/// An error of any type, where nothing but its words and its causes count.
pub type AnyError = Box<dyn Error + Send + Sync>;

/// The next command where the machine is in the way and nothing better is known.
pub(super) const MEND: &str =
    "mend it, then do it again; `ai doctor` looks at everything that `ai` stands on";

/// The next command where a lock is another's.
pub(super) const HOLDERS_ALONE: &str =
    "`ai lock list` shows who holds what; only its holder can give a lock back";

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No task, run or lock bears this id.
    #[error("there is no {} `{id}`", what.as_str())]
    NotFound {
        /// The kind of thing.
        what: Thing,
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
    /// A path pattern that is none.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A path pattern of the configuration that is none.
    #[error("locks.shared in .ai/config.yaml: {0}")]
    SharedPattern(#[source] PatternError),
    /// A name that is none.
    #[error(transparent)]
    Name(#[from] BadName),
    /// A check of the configuration whose name is none.
    #[error("check `{name}`: {source}")]
    Check {
        /// The check, as the file calls it.
        name: String,
        /// The fault of the name.
        source: BadName,
    },
    /// A change that makes no agent.
    #[error(transparent)]
    AgentChange(ChangeError),
    /// The file of an agent cannot be used.
    #[error(transparent)]
    AgentFile(AgentFileError),
    /// An agent's connector cannot make a command line of what it is given.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// One of several new tasks is refused, and so all are.
    #[error("entry {number} (`{title}`): {why}; nothing was created")]
    Entry {
        /// The place in the file, from 1.
        number: usize,
        /// The title.
        title: String,
        /// Why.
        #[source]
        why: Box<Refusal>,
    },
    /// New tasks that do not fit each other, and so all are refused.
    #[error("{0}; nothing was created")]
    Entries(#[source] Box<Refusal>),
    /// A line of an export cannot be taken in.
    #[error("line {number}: {source}; nothing was imported")]
    Line {
        /// The number, from 1.
        number: u64,
        /// Why.
        source: AnyError,
    },
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
        /// The holder's task or lock.
        subject: String,
        /// A path that both match.
        example: String,
        /// For how much longer, in milliseconds.
        left_ms: i64,
    },
    /// A change touches what somebody else holds exclusively.
    #[error("{what} changes {}", holds_in_words(held))]
    PathsHeld {
        /// The thing that changes the paths.
        what: String,
        /// The locks.
        held: Vec<HeldPaths>,
        /// The way in which it is tried again, in words.
        again: String,
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
    /// The token is for a lease of somebody else.
    #[error(
        "the lease on {subject} is held by {holder}, not by {actor}: a token counts for its holder alone"
    )]
    OtherHolder {
        /// Task or lock.
        subject: String,
        /// The holder.
        holder: String,
        /// The one who acts.
        actor: String,
    },
    /// No token was given and none is kept here.
    #[error("no lease on {0} is kept in this worktree")]
    NoToken(String),
    /// The task is in a state in which this cannot be done.
    #[error("{task} is {}: {why}", standing(state))]
    WrongState {
        /// The task.
        task: TaskId,
        /// The state.
        state: String,
        /// What follows from it.
        why: String,
        /// The command that helps.
        hint: String,
    },
    /// A run of the task has lost its supervisor and must be recovered first.
    #[error("run {0} was cut off and must be recovered first")]
    NeedsRecovery(RunId),
    /// The time has not come yet.
    #[error("{what} is not due for another {}", seconds(*wait_ms))]
    TooEarly {
        /// What.
        what: String,
        /// How long, in milliseconds.
        wait_ms: i64,
    },
    /// The task asks for another agent.
    #[error("{actor} cannot have {task}: {why}")]
    UnmetDemand {
        /// The task.
        task: TaskId,
        /// The one who wanted it.
        actor: String,
        /// The demand.
        why: UnmetDemand,
    },
    /// Nothing can be claimed.
    #[error("no task is ready to be claimed{}", passed_over(*locked, unfit))]
    NothingReady {
        /// Ready tasks whose paths are locked.
        locked: usize,
        /// Ready tasks that ask for another agent than who acts, with what they ask for.
        unfit: Vec<(TaskId, UnmetDemand)>,
    },
    /// The dependency would close a circle.
    #[error("this would make a cycle: {}", way(.0))]
    Cycle(Vec<String>),
    /// Policy says no.
    #[error("policy denies {}: {} (rule `{}`, decision {})", .0.action, .0.reason, .0.rule, .0.id)]
    Denied(Box<DecisionRecord>),
    /// Policy says no to the message of a commit that would land.
    #[error("policy denies the message of the commit that would land: {} (rule `{}`, decision {})", record.reason, record.rule, record.id)]
    LandingMessage {
        /// The answer.
        record: Box<DecisionRecord>,
        /// The command that gives it another.
        again: String,
    },
    /// Policy says no to messages of commits that are pushed.
    #[error("policy denies {}: {} (rule `{}`, decision {})", messages_of(commits), record.reason, record.rule, record.id)]
    Messages {
        /// The answer.
        record: Box<DecisionRecord>,
        /// The commits, by the beginnings of their ids.
        commits: Vec<String>,
    },
    /// Policy wants a human's yes.
    #[error("policy wants a person's yes for {}: {} (rule `{}`, decision {})", .0.action, .0.reason, .0.rule, .0.id)]
    NeedsApproval(Box<DecisionRecord>),
    /// A person said no to what policy wants a yes for.
    #[error("{} said no to {}: {} (decision {})", word.by, record.action, word.reason, record.id)]
    SaidNo {
        /// The question.
        record: Box<DecisionRecord>,
        /// Who said it, and why.
        word: Override,
    },
    /// Something from the repository would run, and its user has not said that it may.
    #[error(
        "{0} would run code that came with this repository, and this machine has not been told to trust it"
    )]
    Untrusted(String),
    /// The input does not say enough.
    #[error("{why}")]
    Unclear {
        /// What it leaves open.
        why: String,
        /// The command that says it.
        hint: String,
    },
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(ConfigError),
    /// The file of credentials cannot be used.
    #[error(transparent)]
    Credentials(ConfigError),
    /// The file of recurring work cannot be used.
    #[error(transparent)]
    Recurring(ConfigError),
    /// The checks do not pass on this tree.
    #[error("{why}")]
    NotProven {
        /// The checks that do not pass, or the proof that is none.
        why: String,
        /// The way on.
        hint: String,
    },
    /// A conflict with what stands in the repository.
    #[error("{why}")]
    Conflict {
        /// What is in the way.
        why: String,
        /// What helps.
        hint: String,
    },
    /// The work does not fit onto its target, or the target cannot be moved now.
    #[error("{why}")]
    MergeConflict {
        /// What is in the way.
        why: String,
        /// What helps.
        hint: String,
    },
    /// The machine cannot do it now.
    #[error("{0}")]
    Environment(String),
    /// There is no sandbox, and nobody has said that none is wanted.
    #[error("there is no sandbox: {0}")]
    NoSandbox(#[from] NoSandbox),
    /// Something has to be set up first.
    #[error("{why}")]
    Missing {
        /// What.
        why: String,
        /// How.
        hint: String,
    },
    /// Not now: something else is in the way for a while.
    #[error("{why}")]
    TryLater {
        /// What is in the way.
        why: String,
        /// What helps.
        hint: String,
    },
    /// Ended by Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
}

impl Refusal {
    /// An override without a word on why; `command` is the one that was to be overridden by.
    pub fn no_reason(command: &str) -> Refusal {
        Refusal::Unclear {
            why: "an override needs a reason".to_owned(),
            hint: format!(
                "say why, for the record: `{} --override 'seen by hand'`",
                text::one_line(command)
            ),
        }
    }

    /// The command to type next, where one helps.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Refusal::NotFound { what, .. } => what.hint().to_owned(),
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
            Refusal::PathsHeld { held, again, .. } => after_held(held, again),
            Refusal::LeaseLost { subject, .. } => {
                format!(
                    "stop working on it; `ai why {subject}` says who has it, `ai task claim {subject}` asks for it again"
                )
            }
            Refusal::OtherHolder { subject, .. } if subject.starts_with("l-") => {
                HOLDERS_ALONE.into()
            }
            Refusal::OtherHolder {
                subject, holder, ..
            } => {
                format!("leave it to {holder}; `ai why {subject}` says how it stands")
            }
            Refusal::NoToken(subject) => {
                format!(
                    "give the token with --lease or AI_LEASE, or claim it: `ai task claim {subject}`"
                )
            }
            Refusal::NeedsRecovery(run) => format!("`ai recover {run}`"),
            Refusal::TooEarly { what, .. } => {
                format!("wait, or drop the pause: `ai task edit {what} --not-before now`")
            }
            Refusal::UnmetDemand { task, why, .. } => after_unmet(task, why),
            Refusal::NothingReady { unfit, .. } if !unfit.is_empty() => {
                "`ai route explain TASK` says who can have such a task".into()
            }
            Refusal::NothingReady { .. } => {
                "`ai task list --status blocked` and `ai why TASK` say what the others wait for"
                    .into()
            }
            Refusal::Denied(record) => format!(
                "`ai policy explain {}` shows the rules that matched",
                record.id
            ),
            Refusal::Messages { record, .. } => format!(
                "`git commit --amend` or `git rebase -i` words them anew; `ai policy explain {}` shows them with the rules that matched",
                record.id
            ),
            Refusal::LandingMessage { record, again } => format!(
                "`{again}` gives it another; `ai policy explain {}` shows the rules that matched",
                record.id
            ),
            Refusal::SaidNo { record, .. } => format!(
                "do it another way; a person takes the no back with `ai approve {}`",
                record.id
            ),
            Refusal::NeedsApproval(record) => {
                format!("a person says yes with `ai approve {}`", record.id)
            }
            Refusal::WrongState { hint, .. }
            | Refusal::Conflict { hint, .. }
            | Refusal::MergeConflict { hint, .. }
            | Refusal::TryLater { hint, .. }
            | Refusal::Missing { hint, .. }
            | Refusal::NotProven { hint, .. }
            | Refusal::Unclear { hint, .. } => hint.clone(),
            Refusal::Config(error) => error.hint().to_owned(),
            Refusal::Recurring(_) => {
                "correct the file; `ai recurring list` looks at all of them".to_owned()
            }
            Refusal::Pattern(error) => error.hint().unwrap_or(OTHER_PATTERN).to_owned(),
            Refusal::SharedPattern(_) => {
                "correct `shared` below `locks` in .ai/config.yaml".to_owned()
            }
            Refusal::Name(_) | Refusal::AgentChange(ChangeError::Name(_)) => OTHER_NAME.to_owned(),
            Refusal::Check { .. } => OTHER_CHECK.to_owned(),
            Refusal::AgentFile(_) => OTHER_AGENT_FILE.to_owned(),
            Refusal::Connector(_) => OTHER_CONNECTOR.to_owned(),
            Refusal::Credentials(_) => OTHER_CREDENTIALS.to_owned(),
            Refusal::Entries(_) => OTHER_ENTRIES.to_owned(),
            Refusal::Line { .. } => OTHER_EXPORT.to_owned(),
            Refusal::OtherClock(subject) => {
                format!(
                    "`ai why {subject}` says who has it; ask there, or wait until it is given back"
                )
            }
            // Whoever ended it knows what is next; a task that was cancelled does not begin again.
            Refusal::Interrupted(_) => return None,
            Refusal::AgentChange(ChangeError::Nobody(_)) => {
                "give --connector to register it".to_owned()
            }
            Refusal::Entry { why, .. } => return why.hint(),
            Refusal::NoSandbox(_) => GET_A_SANDBOX.to_owned(),
            Refusal::Environment(_) => MEND.to_owned(),
            Refusal::Untrusted(_) => {
                "look at it with `ai trust --show`, then say `ai trust`".into()
            }
            // Said to no person.
            Refusal::Invalid(_) => return None,
        })
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
