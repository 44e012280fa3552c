//! Who acts: a human, an agent, the daemon or a hook, with a name and an incarnation.
//!
//! A name belongs to whoever uses it; an incarnation is one session of it, so that a name used
//! again never inherits a lease. Written `agent:codex` or, with its incarnation,
//! `agent:codex#k3f9`; writing and reading lose nothing of that.
//!
//! A person whom Git knows is named by the address that Git has, and carries the login name while a
//! command lasts: what was taken under the login before stays theirs (ADR 0031). Such a name always
//! holds an `@`, which a login never does, so neither can be taken for the other.

use crate::base::{suggest, text};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The longest name and the longest incarnation, in bytes.
pub const MAX_NAME: usize = 64;

/// The sort of an actor.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person at a terminal.
    Human,
    /// A registered AI agent, or an interactive one that named itself.
    Agent,
    /// The background process.
    Daemon,
    /// A git hook acting for nobody known.
    Hook,
}

impl ActorKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Human, Self::Agent, Self::Daemon, Self::Hook];

    /// The stable word for this kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::Agent => "agent",
            Self::Daemon => "daemon",
            Self::Hook => "hook",
        }
    }
}

/// The name of an actor: 1 to 64 bytes, printable, without spaces and `#`, not starting with `-`;
/// kept exactly as given.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct ActorName(String);

/// One session of an actor: 1 to 64 ASCII letters, digits, `-`, `_` or `.`.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Incarnation(String);

/// The person or program that acts.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
pub struct Actor {
    /// The sort of actor.
    pub kind: ActorKind,
    /// The name.
    pub name: ActorName,
    /// The session of it, where sessions are told apart.
    pub incarnation: Option<Incarnation>,
    /// The login of a person whom Git names, while they act. No part of the written form, which an
    /// older `ai` reads, too: an event has a field of its own for it.
    pub login: Option<ActorName>,
}

/// A text that names no actor, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActorError {
    /// Nothing stands where a name is wanted.
    #[error("a name cannot be empty")]
    Empty,
    /// More than [`MAX_NAME`] bytes.
    #[error("`{}` is longer than {MAX_NAME} bytes", text::one_line(.0))]
    TooLong(String),
    /// A character that would confuse a terminal, a file name or a reader.
    #[error("`{}` contains {}, which a name cannot have", text::one_line(.name), shown_char(*.found))]
    Character {
        /// The name as given.
        name: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// A leading dash, which commands would take for a flag.
    #[error("`{}` starts with a dash, which commands would take for a flag", text::one_line(.0))]
    LeadingDash(String),
    /// No `kind:` in front.
    #[error("`{}` does not say who acts; write human:NAME, agent:NAME, daemon:NAME or hook:NAME", text::one_line(.0))]
    NoKind(String),
    /// A kind that does not exist.
    #[error("`{}` is no kind of actor; known are human, agent, daemon and hook{}", text::one_line(.0), did_you_mean(.0))]
    UnknownKind(String),
}

impl ActorName {
    /// Checks a name.
    pub fn new(name: impl Into<String>) -> Result<Self, ActorError> {
        let name = bounded(name.into())?;
        let refused = |c: &char| c.is_whitespace() || c.is_control() || *c == '#' || hidden(*c);
        match name.chars().find(refused) {
            Some(found) => Err(ActorError::Character { name, found }),
            None if name.starts_with('-') => Err(ActorError::LeadingDash(name)),
            None => Ok(Self(name)),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Incarnation {
    /// Checks an incarnation.
    pub fn new(text: impl Into<String>) -> Result<Self, ActorError> {
        let text = bounded(text.into())?;
        match text
            .chars()
            .find(|c| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.'))
        {
            Some(found) => Err(ActorError::Character { name: text, found }),
            None => Ok(Self(text)),
        }
    }

    /// The incarnation as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Actor {
    /// An actor without an incarnation.
    pub fn new(kind: ActorKind, name: impl Into<String>) -> Result<Self, ActorError> {
        Ok(Self {
            kind,
            name: ActorName::new(name)?,
            incarnation: None,
            login: None,
        })
    }

    /// The person whom Git knows by `email`, logged in as `login`; absent where the address cannot
    /// be a name. Two spellings of an address that differ in case are one person.
    pub fn by_git(email: &str, login: Option<ActorName>) -> Option<Self> {
        let (local, domain) = email.trim().split_once('@')?;
        if local.is_empty() || domain.is_empty() {
            return None;
        }
        let person = Self::new(ActorKind::Human, email.trim().to_lowercase()).ok()?;
        Some(Self { login, ..person })
    }

    /// The person as records knew them before Git named them: by the login alone.
    pub fn by_login(&self) -> Option<Self> {
        let login = self
            .login
            .clone()
            .filter(|login| !login.as_str().contains('@'))?;
        let is_person = self.kind == ActorKind::Human && self.incarnation.is_none();
        is_person.then(|| Self {
            name: login,
            login: None,
            ..self.clone()
        })
    }

    /// The same actor in a given session.
    pub fn with_incarnation(self, incarnation: Incarnation) -> Self {
        Self {
            incarnation: Some(incarnation),
            ..self
        }
    }

    /// `kind:name`, without the incarnation: what people read and what rules are compared with.
    pub fn label(&self) -> String {
        format!("{}:{}", self.kind, self.name)
    }

    /// True where both are written alike: the same session of the same actor.
    pub fn same_session(&self, other: &Self) -> bool {
        (self.kind, &self.name, &self.incarnation) == (other.kind, &other.name, &other.incarnation)
    }

    /// True where whoever acts now may continue what `holder` took: the same session, or a person
    /// whom Git names and who took it under the login. No agent is ever a person, and nobody who is
    /// named for a command is anybody else.
    pub fn goes_on_for(&self, holder: &Self) -> bool {
        let before = self.by_login();
        self.same_session(holder) || before.is_some_and(|before| before.same_session(holder))
    }
}

impl fmt::Display for ActorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.name)?;
        match &self.incarnation {
            Some(incarnation) => write!(f, "#{incarnation}"),
            None => Ok(()),
        }
    }
}

impl FromStr for ActorKind {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| ActorError::UnknownKind(text.to_owned()))
    }
}

impl FromStr for Actor {
    type Err = ActorError;

    fn from_str(text: &str) -> Result<Self, ActorError> {
        let (kind, rest) = text
            .split_once(':')
            .ok_or_else(|| ActorError::NoKind(text.to_owned()))?;
        let kind = kind.parse()?;
        let (name, incarnation) = match rest.split_once('#') {
            Some((name, incarnation)) => (name, Some(Incarnation::new(incarnation)?)),
            None => (rest, None),
        };
        Ok(Self {
            kind,
            name: ActorName::new(name)?,
            incarnation,
            login: None,
        })
    }
}

impl TryFrom<String> for ActorName {
    type Error = ActorError;

    fn try_from(text: String) -> Result<Self, ActorError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Incarnation {
    type Error = ActorError;

    fn try_from(text: String) -> Result<Self, ActorError> {
        Self::new(text)
    }
}

impl TryFrom<String> for Actor {
    type Error = ActorError;

    fn try_from(text: String) -> Result<Self, ActorError> {
        text.parse()
    }
}

impl From<ActorName> for String {
    fn from(name: ActorName) -> Self {
        name.0
    }
}

impl From<Incarnation> for String {
    fn from(incarnation: Incarnation) -> Self {
        incarnation.0
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

fn bounded(text: String) -> Result<String, ActorError> {
    match text.len() {
        0 => Err(ActorError::Empty),
        n if n > MAX_NAME => Err(ActorError::TooLong(text)),
        _ => Ok(text),
    }
}

/// Characters that the terminal-safe text of `ai` escapes: a name that shows differently from what
/// it is could pose as another.
fn hidden(c: char) -> bool {
    let mut buffer = [0; 4];
    let plain: &str = c.encode_utf8(&mut buffer);
    text::one_line(plain) != plain
}

fn shown_char(c: char) -> String {
    match c {
        ' ' => "a space".to_owned(),
        c if c.is_whitespace() => format!("the space character U+{:04X}", u32::from(c)),
        c => format!("`{}`", text::one_line(c.encode_utf8(&mut [0; 4]))),
    }
}

fn did_you_mean(word: &str) -> String {
    match suggest::nearest(word, ActorKind::ALL.map(ActorKind::as_str)) {
        Some(known) => format!("; did you mean {known}?"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn written_forms() {
        let actor: Actor = "human:alice".parse().unwrap();
        assert_eq!(
            (actor.kind, actor.name.as_str(), actor.incarnation.is_none()),
            (ActorKind::Human, "alice", true)
        );
        let actor: Actor = "agent:a:b#k3".parse().unwrap();
        assert_eq!(
            (actor.name.as_str(), actor.label().as_str()),
            ("a:b", "agent:a:b")
        );
        assert_eq!(serde_json::to_string(&actor).unwrap(), "\"agent:a:b#k3\"");
        assert_eq!(
            serde_json::from_str::<Actor>("\"agent:a:b#k3\"").unwrap(),
            actor
        );
    }

    #[test]
    fn names_that_could_mislead_are_refused() {
        for name in [
            "",
            "a b",
            "a\n",
            "a\u{1b}[2J",
            "a\u{202e}b",
            "a\u{200b}",
            "a\u{a0}b",
            "a#b",
            "-rf",
            &"x".repeat(65),
        ] {
            assert!(ActorName::new(name).is_err(), "{name:?}");
        }
        assert!(ActorName::new("é".repeat(32)).is_ok());
        assert!(ActorName::new("é".repeat(33)).is_err());
    }

    #[test]
    fn messages_help_and_cannot_drive_a_terminal() {
        assert!(
            "agnet:x"
                .parse::<Actor>()
                .unwrap_err()
                .to_string()
                .contains("did you mean agent?")
        );
        assert!(
            "alice"
                .parse::<Actor>()
                .unwrap_err()
                .to_string()
                .contains("human:NAME")
        );
        assert!(
            !ActorName::new("a\u{1b}b")
                .unwrap_err()
                .to_string()
                .contains('\u{1b}')
        );
        assert!(serde_json::from_str::<Actor>("\"agent:a b\"").is_err());
    }

    #[test]
    fn another_session_is_another_holder() {
        let one = Actor::new(ActorKind::Agent, "codex")
            .unwrap()
            .with_incarnation(Incarnation::new("s1").unwrap());
        let two = one
            .clone()
            .with_incarnation(Incarnation::new("s2").unwrap());
        assert!(one.same_session(&one.clone()) && !one.same_session(&two));
        assert_eq!(one.label(), two.label());
    }

    proptest! {
        #[test]
        fn reading_gives_back_what_was_written(kind in 0..4usize, name in "\\PC{1,20}", session in proptest::option::of("[a-z0-9._-]{1,64}")) {
            if let Ok(actor) = Actor::new(ActorKind::ALL[kind], name) {
                let actor = Actor { incarnation: session.map(|s| Incarnation::new(s).unwrap()), ..actor };
                prop_assert_eq!(actor.to_string().parse::<Actor>().unwrap(), actor);
            }
        }

        #[test]
        fn what_is_accepted_is_written_the_same(text in "(human|agent|daemon|hook):.{0,20}") {
            if let Ok(actor) = text.parse::<Actor>() {
                prop_assert_eq!(actor.to_string(), text);
            }
        }
    }
}

#[cfg(test)]
#[path = "actor_tables.rs"]
mod tables;
