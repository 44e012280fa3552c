//! The shape that messages of commits have to have: the options of the guard `commit_message`, and what is wrong
//! with a message by them.

use std::sync::{Arc, OnceLock};

use regex::{Regex, RegexBuilder};

use crate::base::text::{counted, one_line};
use crate::base::yaml::{self, MappingFields, TreeStanding, YamlNode, YamlProblem};
use crate::domain::commit_message::{self, MessageParts};

/// The options by name.
pub(super) const MESSAGE_OPTIONS: [&str; 4] = ["subject_length", "subject", "body", "trailers"];
/// The words of `body`.
pub(super) const BODY_WORDS: [(&str, BodyNeed); 2] = [
    ("required", BodyNeed::Required),
    ("optional", BodyNeed::Optional),
];
/// The largest program of a pattern, in bytes.
const MAX_PATTERN: usize = 64 << 10;
/// So many letters of a subject are shown.
const SHOWN: usize = 60;

/// The need for more than a subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum BodyNeed {
    /// A message says why, too.
    Required,
    /// A subject is enough.
    #[default]
    Optional,
}

/// The shape of messages.
#[derive(Debug, Clone, Default)]
pub(super) struct MessageShape {
    subject_length: Option<u32>,
    subject: Option<SubjectPattern>,
    body: BodyNeed,
    trailers: Vec<String>,
}

/// A regular expression over subjects, compiled when it is first asked.
#[derive(Debug, Clone)]
struct SubjectPattern {
    text: String,
    compiled: Arc<OnceLock<Option<Regex>>>,
}

impl SubjectPattern {
    fn read(
        node: &YamlNode,
        standing: TreeStanding,
        problems: &mut Vec<YamlProblem>,
    ) -> Option<Self> {
        let text = yaml::text_of(node, "`subject`", problems)?;
        if standing != TreeStanding::Proven
            && let Err(why) = compiled(&text)
        {
            let why = why.to_string();
            let last = why.lines().last().unwrap_or_default().trim();
            let text = format!("`subject` is no regular expression: {last}");
            problems.push(YamlProblem::new(node.place, text));
            return None;
        }
        Some(Self {
            text,
            compiled: Arc::default(),
        })
    }

    /// True where the expression is found; nothing where it cannot be read.
    fn is_met(&self, subject: &str) -> Option<bool> {
        let found = self.compiled.get_or_init(|| compiled(&self.text).ok());
        found.as_ref().map(|pattern| pattern.is_match(subject))
    }
}

/// The keys of trailers, each one that a message can have.
fn keys_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, place) in yaml::texts_of(node, "`trailers`", problems) {
        if commit_message::is_trailer_key(&key) {
            keys.push(key);
            continue;
        }
        let why = format!(
            "`{}` is no key of a trailer: these are letters, digits and `-`, without the colon",
            one_line(&key)
        );
        problems.push(YamlProblem::new(place, why));
    }
    keys
}

fn compiled(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(MAX_PATTERN).build()
}

impl MessageShape {
    /// Takes the options out of the fields of a guard.
    pub(super) fn take(
        fields: &mut MappingFields<'_>,
        standing: TreeStanding,
        problems: &mut Vec<YamlProblem>,
    ) -> Self {
        let subject_length = fields
            .take("subject_length")
            .and_then(|node| yaml::count_of(node, "`subject_length`", 1, problems));
        let subject = fields
            .take("subject")
            .and_then(|node| SubjectPattern::read(node, standing, problems));
        let body = fields
            .take("body")
            .and_then(|node| yaml::one_of(node, "`body`", &BODY_WORDS, problems));
        let trailers = fields.take("trailers").map(|node| keys_of(node, problems));
        Self {
            subject_length,
            subject,
            body: body.unwrap_or_default(),
            trailers: trailers.unwrap_or_default(),
        }
    }

    /// True where any message is as good as another.
    pub(super) fn asks_nothing(&self) -> bool {
        self.subject_length.is_none()
            && self.subject.is_none()
            && self.body == BodyNeed::Optional
            && self.trailers.is_empty()
    }

    /// The faults of a message, in words; nothing where it is as it should be.
    pub(super) fn faults(&self, message: &str) -> Option<String> {
        let parts = MessageParts::of(message);
        let mut faults = Vec::new();
        let letters = commit_message::subject_letters(message);
        if let Some(most) = self.subject_length.filter(|most| letters > *most as usize) {
            faults.push(format!(
                "its subject has {letters} letters of {most} at most"
            ));
        }
        if let Some(pattern) = &self.subject {
            match pattern.is_met(parts.subject) {
                Some(true) => {}
                Some(false) => faults.push(format!(
                    "its subject is not as `{}`",
                    one_line(&pattern.text)
                )),
                None => faults.push("the pattern for subjects cannot be read".to_owned()),
            }
        }
        if self.body == BodyNeed::Required && parts.body.trim().is_empty() {
            faults.push("it has no body".to_owned());
        }
        let missing: Vec<String> = self
            .trailers
            .iter()
            .filter(|key| !parts.has_trailer(key))
            .map(|key| format!("`{}`", one_line(key)))
            .collect();
        if !missing.is_empty() {
            let what = counted(missing.len(), "trailer");
            faults.push(format!("it lacks {what}: {}", missing.join(", ")));
        }
        if faults.is_empty() {
            return None;
        }
        let mut shown: String = one_line(parts.subject).chars().take(SHOWN).collect();
        if letters > SHOWN {
            shown.push('…');
        }
        Some(format!("`{shown}`: {}", faults.join("; ")))
    }
}
