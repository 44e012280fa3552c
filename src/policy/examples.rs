//! Examples that a rule carries: what it must match and what it must not, checked whenever the file
//! is read.
//!
//! An example states as much as it wants to: a path, an action, an actor, a label, a type, a kind
//! of tool, a tool. It matches where the rule agrees with all that it states. Written as plain text
//! it is a path for a rule about paths, else an action.

use crate::base::yaml::{self, MappingFields, SourcePlace, YamlNode, YamlProblem, YamlValue};
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::policy::model::PolicyPart;
use crate::policy::rule::PolicyRule;

/// The statement of one example.
#[derive(Debug, Default)]
struct Example {
    action: Option<Action>,
    actor: Option<Actor>,
    path: Option<String>,
    label: Option<String>,
    task_type: Option<String>,
    kind: Option<ToolKind>,
    tool: Option<String>,
}

/// Most letters of patterns times letters of examples of one rule: what trying them may cost. The rules
/// that ship stay below a tenth of it.
const MOST_TRIED: usize = 1_000_000;

/// An example of a rule that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedExample {
    /// The file, as people know it.
    pub file: String,
    /// The place in the file.
    pub place: SourcePlace,
    /// The rule that carries it.
    pub rule: String,
    /// The parts that it states.
    pub text: String,
    /// True where the rule must match it, false where it must not.
    pub must_match: bool,
}

/// The value of a field, where the node is a mapping that has it.
fn field_of<'n>(node: &'n YamlNode<'n>, key: &str) -> Option<&'n YamlNode<'n>> {
    let YamlValue::Map(entries) = &node.value else {
        return None;
    };
    let mut entries = entries.iter();
    entries.find_map(|(name, _, value)| (name == key).then_some(value))
}

/// The examples of a file that was found in order: every one of them behaves.
pub fn examples_of(part: &PolicyPart) -> Vec<TriedExample> {
    let Ok(root) = yaml::parse(&part.text) else {
        return Vec::new();
    };
    let rules = field_of(&root, "rules").map(|node| &node.value);
    let Some(YamlValue::List(rules)) = rules else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // The rules of a file in order stand in it one for one.
    for (rule, node) in part.rules.iter().zip(rules) {
        if let Some(examples) = field_of(node, "examples") {
            let mut none = Vec::new();
            each(rule, examples, &mut none, |example, (item, must_match)| {
                found.push(TriedExample {
                    file: part.file.to_string(),
                    place: item.place,
                    rule: rule.id.clone(),
                    text: example.shown(),
                    must_match,
                });
                None
            });
        }
    }
    found
}

/// Checks the examples of a rule; each one that does not behave is a problem.
pub(super) fn check(rule: &PolicyRule, node: &YamlNode, problems: &mut Vec<YamlProblem>) {
    each(rule, node, problems, |example, (item, wanted)| {
        if example.agrees(rule) == wanted {
            return None;
        }
        let word = if wanted { "does not match" } else { "matches" };
        let what = format!(
            "the example {} {word} the rule `{}`",
            example.shown(),
            rule.id
        );
        Some(YamlProblem::new(item.place, what).hint("correct the rule, or the example"))
    });
}

/// Reads the examples of a rule and tries each: with its node, and true where it must match.
fn each(
    rule: &PolicyRule,
    node: &YamlNode,
    problems: &mut Vec<YamlProblem>,
    mut tried: impl FnMut(&Example, (&YamlNode, bool)) -> Option<YamlProblem>,
) {
    let Some(mut fields) = MappingFields::of(node, "`examples`", problems) else {
        return;
    };
    if cost(rule, node) > MOST_TRIED {
        let why = format!(
            "the examples of the rule `{}` cost too much to try",
            rule.id
        );
        problems.push(YamlProblem::new(node.place, why).hint("name fewer, or split the rule"));
        return;
    }
    let (must, must_not) = (fields.take("match"), fields.take("no_match"));
    fields.finish(problems);
    for (list, wanted) in [(must, true), (must_not, false)] {
        let Some(list) = list else { continue };
        for item in yaml::list_of(list, "a list of examples", problems) {
            let Some(example) = example_of(rule, item, problems) else {
                continue;
            };
            problems.extend(tried(&example, (item, wanted)));
        }
    }
}

/// The letters of the patterns of a rule times those of its examples: each step of trying them looks at
/// one of both.
fn cost(rule: &PolicyRule, examples: &YamlNode) -> usize {
    let names = [&rule.actors, &rule.labels, &rule.types, &rule.tools];
    let names = names.into_iter().flatten().flat_map(|globs| globs.texts());
    let paths = rule.paths.iter().flat_map(|globs| globs.texts());
    let patterns: usize = names.chain(paths).map(|text| text.len() + 1).sum();
    patterns.saturating_mul(letters(examples))
}

fn letters(node: &YamlNode) -> usize {
    match &node.value {
        YamlValue::Null => 1,
        YamlValue::Plain(text) | YamlValue::Quoted(text) => text.len() + 1,
        YamlValue::List(items) => items.iter().map(letters).sum(),
        YamlValue::Map(entries) => entries.iter().map(|(_, _, value)| letters(value)).sum(),
    }
}

fn example_of(
    rule: &PolicyRule,
    node: &YamlNode,
    problems: &mut Vec<YamlProblem>,
) -> Option<Example> {
    if !matches!(node.value, YamlValue::Map(_)) {
        let text = yaml::text_of(node, "an example", problems)?;
        if rule.paths.is_some() {
            return Some(Example {
                path: Some(text),
                ..Example::default()
            });
        }
        return Some(Example {
            action: Some(parsed(node, &text, problems)?),
            ..Example::default()
        });
    }
    let before = problems.len();
    let mut fields = MappingFields::of(node, "an example", problems)?;
    let mut text = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        Some((node, yaml::text_of(node, "an example", problems)?))
    };
    let example = Example {
        action: text("action", problems).and_then(|(node, text)| parsed(node, &text, problems)),
        actor: text("actor", problems).and_then(|(node, text)| parsed(node, &text, problems)),
        path: text("path", problems).map(|(_, text)| text),
        label: text("label", problems).map(|(_, text)| text),
        task_type: text("type", problems).map(|(_, text)| text),
        kind: text("kind", problems).and_then(|(node, text)| parsed(node, &text, problems)),
        tool: text("tool", problems).map(|(_, text)| text),
    };
    fields.finish(problems);
    if problems.len() == before && example.states_nothing() {
        problems.push(YamlProblem::new(node.place, "the example states nothing"));
    }
    (problems.len() == before).then_some(example)
}

/// Reads a word; one that cannot be read is a problem.
pub(super) fn parsed<T>(node: &YamlNode, text: &str, problems: &mut Vec<YamlProblem>) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    text.parse()
        .map_err(|error: T::Err| problems.push(YamlProblem::new(node.place, error.to_string())))
        .ok()
}

impl Example {
    fn states_nothing(&self) -> bool {
        self.action.is_none()
            && self.actor.is_none()
            && self.path.is_none()
            && self.label.is_none()
            && self.task_type.is_none()
            && self.kind.is_none()
            && self.tool.is_none()
    }

    /// True where the rule agrees with everything that is stated.
    fn agrees(&self, rule: &PolicyRule) -> bool {
        let path = |text: &String| {
            let path = RepoPath::from(text.as_str());
            rule.paths
                .as_ref()
                .is_none_or(|globs| globs.matches(&path, CaseMode::Sensitive) == Some(true))
        };
        self.action
            .is_none_or(|action| rule.on.iter().any(|pattern| pattern.matches(action)))
            && stated(&self.actor, |actor| {
                rule.actors
                    .as_ref()
                    .is_none_or(|g| g.matches_actor(&actor.label()))
            })
            && stated(&self.path, path)
            && stated(&self.label, |label| {
                rule.labels
                    .as_ref()
                    .is_none_or(|globs| globs.matches(label))
            })
            && stated(&self.task_type, |text| {
                rule.types.as_ref().is_none_or(|globs| globs.matches(text))
            })
            && stated(&self.kind, |kind| {
                rule.kinds.as_ref().is_none_or(|kinds| kinds.contains(kind))
            })
            && stated(&self.tool, |text| {
                rule.tools.as_ref().is_none_or(|globs| globs.matches(text))
            })
    }

    fn shown(&self) -> String {
        let actor = self.actor.as_ref().map(Actor::label);
        let action = self.action.map(|action| action.to_string());
        let kind = self.kind.map(|kind| kind.to_string());
        let parts = [
            action,
            actor,
            self.path.clone(),
            self.label.clone(),
            self.task_type.clone(),
            kind,
            self.tool.clone(),
        ];
        format!(
            "`{}`",
            parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
        )
    }
}

fn stated<T>(value: &Option<T>, agrees: impl Fn(&T) -> bool) -> bool {
    value.as_ref().is_none_or(agrees)
}
