//! A question that two rules are about, made of their patterns and then asked.

use serde::Serialize;

use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::Resource;
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::policy::asked::{AskedPaths, Request};
use crate::policy::conflicts::names::{SearchBudget, shared, shared_actor};
use crate::policy::path_globs::{PathGlobs, SharedPath};
use crate::policy::rule::{PolicyRule, RuleAnswer};

/// To hold so many letters against a pattern takes as long as one place of a search.
const LETTERS_OF_A_PLACE: usize = 16;

fn path_of(a: &PathGlobs, b: &PathGlobs, budget: &SearchBudget) -> Option<RepoPath> {
    match a.shared_with(b, budget.for_paths()) {
        SharedPath::At(path) => Some(path),
        SharedPath::Nothing => None,
        SharedPath::Undecided => {
            budget.give_up();
            None
        }
    }
}

/// A question to a policy, as a file of tests writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub struct ExampleQuestion {
    /// The action.
    pub action: Action,
    /// The actor.
    pub actor: Actor,
    /// Paths that are touched.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<RepoPath>,
    /// The type of the task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_type: Option<String>,
    /// The labels of the task.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// The kind of tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<ToolKind>,
    /// The name of the tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
}

impl ExampleQuestion {
    /// A question about an action alone.
    pub(super) fn plain(action: Action, actor: Actor) -> Self {
        Self {
            action,
            actor,
            paths: Vec::new(),
            task_type: None,
            labels: Vec::new(),
            kind: None,
            tool: None,
        }
    }

    /// A question that both rules are about, but for their conditions; nothing where none was found, be it that
    /// the budget gave up.
    pub(super) fn of(a: &PolicyRule, b: &PolicyRule, budget: &SearchBudget) -> Option<Self> {
        let is_about =
            |rule: &PolicyRule, action: Action| rule.on.iter().any(|on| on.matches(action));
        let asked = |action: &&Action| !Action::UNASKED.contains(action);
        let both = |action: &&Action| is_about(a, **action) && is_about(b, **action);
        let action = Action::ALL.iter().filter(asked).find(both)?;
        let actor = shared_actor(a.actors.as_ref(), b.actors.as_ref(), budget)?;
        let mut question = Self::plain(*action, actor);
        question.task_type = shared(a.types.as_ref(), b.types.as_ref(), budget).ok()?;
        question.labels = match shared(a.labels.as_ref(), b.labels.as_ref(), budget) {
            Ok(label) => label.into_iter().collect(),
            // One label of a task will do for one rule, and another for the other.
            Err(_) => {
                let of =
                    |rule: &PolicyRule| shared(rule.labels.as_ref(), None, budget).ok().flatten();
                [of(a), of(b)].into_iter().flatten().collect()
            }
        };
        question.tool = shared(a.tools.as_ref(), b.tools.as_ref(), budget).ok()?;
        question.kind = match (&a.kinds, &b.kinds) {
            (Some(a), Some(b)) => Some(*a.iter().find(|kind| b.contains(kind))?),
            (Some(kinds), None) | (None, Some(kinds)) => kinds.first().copied(),
            (None, None) => question.tool.as_ref().map(|_| ToolKind::Other),
        };
        question.paths = match (&a.paths, &b.paths) {
            (None, None) => Vec::new(),
            (Some(paths), None) | (None, Some(paths)) => vec![path_of(paths, paths, budget)?],
            (Some(a), Some(b)) => vec![path_of(a, b, budget)?],
        };
        (budget.pays(question.work(a) + question.work(b)) && question.meets(a) && question.meets(b))
            .then_some(question)
    }

    /// The work of holding a rule against the question, at most: letters of its patterns for each letter.
    pub(super) fn work(&self, rule: &PolicyRule) -> usize {
        let letters = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::len).sum::<usize>();
        let paths = rule.paths.as_ref().map(|globs| letters(&mut globs.texts()));
        let asked: usize = self.paths.iter().map(|path| path.as_bytes().len()).sum();
        let name = self.actor.name.as_str().len();
        let names = rule
            .actors
            .as_ref()
            .map(|globs| letters(&mut globs.texts()));
        (paths.unwrap_or(0) * asked + names.unwrap_or(0) * name) / LETTERS_OF_A_PLACE + 1
    }

    /// True where a rule is about the question, but for its condition.
    pub(super) fn meets(&self, rule: &PolicyRule) -> bool {
        self.ask(|request| {
            let asked = AskedPaths::of(request.resource, request.facts.path_case);
            matches!(
                rule.hold(request, &asked),
                RuleAnswer::Whole
                    | RuleAnswer::Parts { .. }
                    | RuleAnswer::OtherCase
                    | RuleAnswer::Failed { .. }
            )
        })
    }

    /// Hands the question to whoever answers it.
    pub(super) fn ask<T>(&self, answer: impl FnOnce(&Request<'_>) -> T) -> T {
        let resource = Resource {
            task_type: self.task_type.clone(),
            labels: self.labels.clone(),
            paths: self.paths.clone(),
            kind: self.kind,
            tool: self.tool.clone(),
            ..Resource::default()
        };
        let facts = Facts {
            outside_paths: Some(Vec::new()),
            ..Facts::default()
        };
        answer(&Request {
            action: self.action,
            actor: &self.actor,
            resource: &resource,
            facts: &facts,
        })
    }
}
