//! What conditions may ask about: the facts by name, each with its type, and how it is read from a question.
//!
//! A fact that is not known of a question is absent there, and `has(…)` says so. The table is the
//! reference: what conditions are checked against, and what the documentation lists.

use crate::domain::action::Action;
use crate::domain::actor::ActorKind;
use crate::domain::decision::{Judgement, Resource};
use crate::domain::facts::RefChange;
use crate::domain::guards::Guard;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::policy::asked::Request;

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A text, which may be one of a few words.
    Text(Words),
    /// A changed file.
    File,
    /// A list of values of one type.
    List(ItemType),
}

/// The type of the items of a list. Lists hold no lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemType {
    /// True or false.
    Bool,
    /// Whole numbers.
    Int,
    /// Texts.
    Text(Words),
    /// Changed files.
    File,
}

/// The words that a text can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// Anything.
    Any,
    /// The name of an action.
    Actions,
    /// The kind of an actor.
    Actors,
    /// The kind of a tool.
    Tools,
    /// The status of a changed file.
    Statuses,
    /// The change of a reference.
    RefChanges,
    /// A judgement of work.
    Judgements,
}

impl Type {
    /// A text that can be anything.
    pub(super) const TEXT: Self = Self::Text(Words::Any);

    /// The type in words.
    pub(super) const fn named(self) -> &'static str {
        match self {
            Self::Bool => "a bool",
            Self::Int => "a number",
            Self::Text(_) => "a text",
            Self::File => "a changed file",
            Self::List(ItemType::Bool) => "a list of bools",
            Self::List(ItemType::Int) => "a list of numbers",
            Self::List(ItemType::Text(_)) => "a list of texts",
            Self::List(ItemType::File) => "a list of changed files",
        }
    }

    /// True where values of both types can be compared.
    pub(super) const fn meets(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Bool, Self::Bool) | (Self::Int, Self::Int) | (Self::Text(_), Self::Text(_))
        )
    }

    /// The type of a list of such values.
    pub(super) const fn listed(self) -> Option<ItemType> {
        match self {
            Self::Bool => Some(ItemType::Bool),
            Self::Int => Some(ItemType::Int),
            Self::Text(words) => Some(ItemType::Text(words)),
            Self::File => Some(ItemType::File),
            Self::List(_) => None,
        }
    }
}

impl ItemType {
    /// The type of one item.
    pub(super) const fn item(self) -> Type {
        match self {
            Self::Bool => Type::Bool,
            Self::Int => Type::Int,
            Self::Text(words) => Type::Text(words),
            Self::File => Type::File,
        }
    }
}

impl Words {
    /// All words of this kind; none where a text can be anything.
    pub(super) fn all(self) -> Vec<&'static str> {
        match self {
            Self::Any => Vec::new(),
            Self::Actions => Action::ALL.iter().map(|action| action.as_str()).collect(),
            Self::Actors => ActorKind::ALL.iter().map(|kind| kind.as_str()).collect(),
            Self::Tools => ToolKind::ALL.iter().map(|kind| kind.word()).collect(),
            Self::Statuses => FILE_STATUSES.to_vec(),
            Self::RefChanges => RefChange::ALL.iter().map(|one| one.as_str()).collect(),
            Self::Judgements => Judgement::ALL.iter().map(|one| one.as_str()).collect(),
        }
    }
}

/// The words for what became of a file.
const FILE_STATUSES: [&str; 4] = ["added", "modified", "deleted", "retyped"];

/// A value that a question holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum KnownFact<'a> {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A text in bytes, as paths are.
    Text(&'a [u8]),
    /// Texts.
    Texts(&'a [String]),
    /// The subjects of messages.
    Subjects(&'a [String]),
    /// Paths.
    Paths(&'a [RepoPath]),
    /// Changed files, and what became of each.
    Files(&'a Resource, &'a str),
}

/// Writes the enum of facts and their table.
macro_rules! facts {
    ($($variant:ident = $name:literal, $type:expr;)*) => {
        /// A fact.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Fact { $(#[doc = $name] $variant,)* }

        impl Fact {
            /// All facts, in the order of the reference.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The full name.
            pub(super) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The type.
            pub(super) const fn type_of(self) -> Type {
                match self { $(Self::$variant => $type,)* }
            }
        }
    };
}

facts! {
    Action = "action", Type::Text(Words::Actions);
    ActorKind = "actor.kind", Type::Text(Words::Actors);
    ActorName = "actor.name", Type::TEXT;
    ActorLogin = "actor.login", Type::TEXT;
    TaskId = "task.id", Type::TEXT;
    TaskType = "task.type", Type::TEXT;
    TaskLabels = "task.labels", Type::List(ItemType::Text(Words::Any));
    TaskPriority = "task.priority", Type::Int;
    TaskAttempts = "task.attempts", Type::Int;
    RunId = "run.id", Type::TEXT;
    RunsAlive = "run.others_alive", Type::Int;
    ChangePaths = "change.paths", Type::List(ItemType::Text(Words::Any));
    ChangeFiles = "change.files", Type::List(ItemType::File);
    ChangeLines = "change.lines", Type::Int;
    ChangeFileCount = "change.file_count", Type::Int;
    ChangeOutside = "change.outside_paths", Type::List(ItemType::Text(Words::Any));
    ChangeTestsWeakened = "change.tests_weakened", Type::Bool;
    ChangeSecretsAdded = "change.secrets_added", Type::Bool;
    ChangeMessages = "change.messages", Type::List(ItemType::Text(Words::Any));
    ChangeSubjects = "change.subjects", Type::List(ItemType::Text(Words::Any));
    Globs = "globs", Type::List(ItemType::Text(Words::Any));
    Branch = "branch", Type::TEXT;
    RefChange = "ref.change", Type::Text(Words::RefChanges);
    EvidenceWorker = "evidence.worker", Type::TEXT;
    EvidenceJudgement = "evidence.judgement", Type::Text(Words::Judgements);
    SecretName = "secret.name", Type::TEXT;
    MessageTo = "message.to", Type::TEXT;
    HostName = "host.name", Type::TEXT;
    HostPort = "host.port", Type::Int;
    ToolName = "tool.name", Type::TEXT;
    ToolKind = "tool.kind", Type::Text(Words::Tools);
    ToolCommand = "tool.command", Type::TEXT;
}

/// The guards for whose findings a condition has a word: they are only found in the content of a change.
pub(in crate::policy) fn asked_for_content(condition: &str) -> impl Iterator<Item = Guard> {
    let facts = [
        (Fact::ChangeTestsWeakened, Guard::TestsWeakened),
        (Fact::ChangeSecretsAdded, Guard::Secrets),
    ];
    let named = facts
        .into_iter()
        .filter(move |(fact, _)| names_any(condition, &[*fact]));
    named.map(|(_, guard)| guard)
}

/// True where a condition has a word for the messages of commits.
pub(in crate::policy) fn asks_for_messages(condition: &str) -> bool {
    names_any(condition, &[Fact::ChangeMessages, Fact::ChangeSubjects])
}

fn names_any(condition: &str, facts: &[Fact]) -> bool {
    let words = facts.iter().filter_map(|fact| fact.name().rsplit_once('.'));
    words.into_iter().any(|(_, word)| condition.contains(word))
}

/// A field of a changed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileField {
    /// Its path.
    Path,
    /// What became of it.
    Status,
}

impl FileField {
    /// All fields by name.
    pub(super) const ALL: [(&'static str, Self); 2] =
        [("path", Self::Path), ("status", Self::Status)];

    /// The type.
    pub(super) const fn type_of(self) -> Type {
        match self {
            Self::Path => Type::TEXT,
            Self::Status => Type::Text(Words::Statuses),
        }
    }
}

/// A changed file of a question.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileFact<'a> {
    path: &'a [u8],
    kind: u8,
}

impl<'a> FileFact<'a> {
    /// The file at this place of the resource, of which `kinds` has a letter for each path.
    pub(super) fn at(resource: &'a Resource, kinds: &str, index: usize) -> Option<Self> {
        Some(Self {
            path: resource.paths.get(index)?.as_bytes(),
            kind: *kinds.as_bytes().get(index)?,
        })
    }

    /// A field.
    pub(super) fn field(self, field: FileField) -> &'a [u8] {
        match (field, self.kind) {
            (FileField::Path, _) => self.path,
            (FileField::Status, b'A') => b"added",
            (FileField::Status, b'D') => b"deleted",
            (FileField::Status, b'T') => b"retyped",
            (FileField::Status, _) => b"modified",
        }
    }
}

impl Fact {
    /// The value in a question; `None` where it is not known there.
    pub(super) fn of<'a>(self, request: &Request<'a>) -> Option<KnownFact<'a>> {
        let (resource, facts) = (request.resource, request.facts);
        let text =
            |text: &'a Option<String>| text.as_deref().map(|t| KnownFact::Text(t.as_bytes()));
        let found = |guard: Guard| {
            let found = facts.findings.as_ref()?;
            Some(KnownFact::Bool(found.iter().any(|one| one.guard == guard)))
        };
        // What is not about a task knows nothing of one, not even that it has no labels.
        let of_task = resource.task.is_some() || resource.task_type.is_some();
        Some(match self {
            Self::Action => KnownFact::Text(request.action.as_str().as_bytes()),
            Self::ActorKind => KnownFact::Text(request.actor.kind.as_str().as_bytes()),
            Self::ActorName => KnownFact::Text(request.actor.name.as_str().as_bytes()),
            Self::ActorLogin => KnownFact::Text(request.actor.login.as_ref()?.as_str().as_bytes()),
            Self::TaskId => text(&resource.task)?,
            Self::TaskType => text(&resource.task_type)?,
            Self::TaskLabels if of_task => KnownFact::Texts(&resource.labels),
            Self::TaskLabels => return None,
            Self::TaskPriority => KnownFact::Int(i64::from(facts.task_priority?)),
            Self::TaskAttempts => KnownFact::Int(i64::from(facts.attempts_used?)),
            Self::RunId => text(&resource.run)?,
            Self::RunsAlive => KnownFact::Int(i64::from(facts.runs_alive?)),
            Self::ChangePaths if resource.paths.is_empty() && facts.diff_files != Some(0) => {
                return None;
            }
            Self::ChangePaths => KnownFact::Paths(&resource.paths),
            Self::ChangeFiles => {
                let kinds = facts.change_kinds.as_deref()?;
                if kinds.len() != resource.paths.len() {
                    return None;
                }
                KnownFact::Files(resource, kinds)
            }
            Self::ChangeLines => {
                KnownFact::Int(i64::try_from(facts.diff_lines?).unwrap_or(i64::MAX))
            }
            Self::ChangeFileCount => {
                KnownFact::Int(i64::try_from(facts.diff_files?).unwrap_or(i64::MAX))
            }
            Self::ChangeOutside => KnownFact::Paths(facts.outside_paths.as_deref()?),
            Self::ChangeTestsWeakened => found(Guard::TestsWeakened)?,
            Self::ChangeSecretsAdded => found(Guard::Secrets)?,
            Self::ChangeMessages => KnownFact::Texts(facts.messages.as_deref()?),
            Self::ChangeSubjects => KnownFact::Subjects(facts.messages.as_deref()?),
            Self::Globs if resource.patterns.is_empty() => return None,
            Self::Globs => KnownFact::Texts(&resource.patterns),
            Self::Branch => text(&resource.branch)?,
            Self::RefChange => KnownFact::Text(facts.ref_change?.as_str().as_bytes()),
            Self::EvidenceWorker => text(&resource.worker)?,
            Self::EvidenceJudgement => KnownFact::Text(resource.judgement?.as_str().as_bytes()),
            Self::SecretName => text(&resource.secret)?,
            Self::MessageTo => text(&resource.recipient)?,
            Self::HostName => text(&resource.host)?,
            Self::HostPort => KnownFact::Int(i64::from(resource.port?)),
            Self::ToolName => text(&resource.tool)?,
            Self::ToolKind => KnownFact::Text(resource.kind?.word().as_bytes()),
            Self::ToolCommand => text(&facts.command)?,
        })
    }
}
