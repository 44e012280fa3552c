//! One question to the policy, with its paths and patterns as rules are held against them.

use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::Resource;
use crate::domain::facts::Facts;
use crate::domain::path_pattern::{CaseMode, PathPattern};
use crate::domain::repo_path::RepoPath;
use crate::policy::condition::StepBudget;
use std::cell::OnceCell;

/// One question to the policy.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The action that is asked for.
    pub action: Action,
    /// The one who asks.
    pub actor: &'a Actor,
    /// The task, paths or tool that the action is about.
    pub resource: &'a Resource,
    /// The facts that were measured.
    pub facts: &'a Facts,
}

impl Request<'_> {
    /// The facts of a question about each message by itself, where it is about several; else none.
    pub(super) fn each_message(&self) -> Vec<Facts> {
        match &self.facts.messages {
            Some(all) if self.action == Action::CommitMessage && all.len() > 1 => {
                // Each text once: with all of them beside each, a push of thousands would be millions.
                let others = Facts {
                    messages: None,
                    ..self.facts.clone()
                };
                let each = all.iter().map(|text| Facts {
                    messages: Some(vec![text.clone()]),
                    ..others.clone()
                });
                each.collect()
            }
            _ => Vec::new(),
        }
    }
}

/// The paths and patterns that a question is about. Patterns are read once for all rules, and only
/// if a rule asks about them.
pub(super) struct AskedPaths<'a> {
    resource: &'a Resource,
    case: CaseMode,
    steps: StepBudget,
    steps_of_observers: StepBudget,
    patterns: OnceCell<Vec<AskedPattern>>,
}

/// One pattern that is asked about.
pub(super) struct AskedPattern {
    /// The pattern as the task has it.
    pub(super) text: String,
    /// The pattern as it was read; `None` where it names a module or cannot be read, which might
    /// mean anything.
    pub(super) pattern: Option<PathPattern>,
}

impl<'a> AskedPaths<'a> {
    /// The paths and patterns of a resource, in a repository that compares names so.
    pub(super) fn of(resource: &'a Resource, case: CaseMode) -> Self {
        Self {
            resource,
            case,
            steps: StepBudget::default(),
            steps_of_observers: StepBudget::default(),
            patterns: OnceCell::new(),
        }
    }

    /// The steps that conditions may still take.
    pub(super) fn steps(&self) -> &StepBudget {
        &self.steps
    }

    /// The steps that conditions of rules that only observe may still take: they take none from the others.
    pub(super) fn steps_of_observers(&self) -> &StepBudget {
        &self.steps_of_observers
    }

    /// The mode in which the repository compares names.
    pub(super) fn case(&self) -> CaseMode {
        self.case
    }

    /// The number of paths and patterns together.
    pub(super) fn len(&self) -> usize {
        self.resource.paths.len() + self.resource.patterns.len()
    }

    /// The paths.
    pub(super) fn paths(&self) -> &'a [RepoPath] {
        &self.resource.paths
    }

    /// The patterns.
    pub(super) fn patterns(&self) -> &[AskedPattern] {
        self.patterns.get_or_init(|| {
            let texts = self.resource.patterns.iter();
            texts
                .map(|text| AskedPattern::read(text, self.case))
                .collect()
        })
    }
}

impl AskedPattern {
    /// Reads a pattern as locks do.
    pub(super) fn read(text: &str, case: CaseMode) -> Self {
        Self {
            text: text.to_owned(),
            pattern: PathPattern::parse(text, case).ok(),
        }
    }
}
