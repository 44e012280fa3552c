//! One rule, and how it is held against a question.

use crate::base::text;
use crate::base::yaml::{self, MappingFields, SourcePlace, YamlProblem};
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::approval::ApprovalNeed;
use crate::domain::decision::{Effect, PolicyLayer};
use crate::domain::path_pattern::CaseMode;
use crate::domain::tool_kind::ToolKind;
use crate::policy::asked::{AskedPaths, Request};
use crate::policy::condition::{Condition, ConditionFailure};
use crate::policy::name_globs::NameGlobs;
use crate::policy::path_globs::PathGlobs;
use std::sync::Arc;

/// A rule that says what an action may do.
#[derive(Debug, Clone)]
pub struct PolicyRule {
    /// Unique within its layer.
    pub id: String,
    /// The layer from which it comes.
    pub layer: PolicyLayer,
    /// The actions it is about.
    pub on: Vec<ActionPattern>,
    /// The paths it is about; `None` for all actions with and without paths.
    pub paths: Option<PathGlobs>,
    /// The standing of files that instructions of agents import.
    pub imports: RuleImports,
    /// The actors it is about; `None` for all.
    pub actors: Option<NameGlobs>,
    /// The labels of the task, one of which must match; `None` for all tasks and none.
    pub labels: Option<NameGlobs>,
    /// The type of the task; `None` for all tasks and none.
    pub types: Option<NameGlobs>,
    /// The kinds of tools it is about, of agents that call one; `None` for all actions.
    pub kinds: Option<Vec<ToolKind>>,
    /// The names of those tools; `None` for all actions.
    pub tools: Option<NameGlobs>,
    /// The effect, which a rule that only observes would have.
    pub effect: Effect,
    /// The rule's say in a decision.
    pub force: RuleForce,
    /// The condition under which it matches; `None` for always.
    pub(super) when: Option<Condition>,
    /// The yes that it takes, where the effect wants one and the rule says it.
    pub needs: Option<ApprovalNeed>,
    /// The reason, for the person or agent who meets it.
    pub reason: String,
    /// The right of a lower layer to answer in its place by a rule of the same id.
    pub standing: RuleStanding,
    /// The file, as people know it; empty for built-in rules.
    pub file: Arc<str>,
    /// The place in its file; line zero for built-in rules.
    pub place: SourcePlace,
}

/// The say of a rule in a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleForce {
    /// The rule decides, as one among others.
    Binds,
    /// The rule is recorded with the effect that it would have, and decides nothing.
    Observes,
}

/// The standing of files that instructions of agents import with a rule about paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleImports {
    /// A path like others.
    Others,
    /// The rule is about each of them.
    Covered,
}

impl RuleImports {
    /// Reads it from the fields of a rule.
    pub(super) fn read(
        fields: &mut MappingFields<'_>,
        paths: Option<&PathGlobs>,
        problems: &mut Vec<YamlProblem>,
    ) -> Self {
        let Some(node) = fields.take("agent_imports") else {
            return Self::Others;
        };
        match yaml::bool_of(node, "`agent_imports`", problems) {
            Some(true) => {
                if paths.is_none() {
                    let text = "`agent_imports` adds files to `paths`, and this rule has none";
                    let problem = YamlProblem::new(node.place, text);
                    problems.push(problem.hint("write the paths of the instructions"));
                }
                Self::Covered
            }
            Some(false) | None => Self::Others,
        }
    }
}

/// The right of a lower layer to answer in place of a rule, by one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleStanding {
    /// Lower layers can only add to it.
    Fixed,
    /// A lower layer may, where its rule matches, too.
    Overridable,
    /// Nothing may weaken it: no lower layer, and nothing that is said later.
    Locked,
}

/// The actions that a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionPattern {
    /// `*`.
    All,
    /// `task.*`, kept as `task.`.
    Under(String),
    /// One action.
    One(Action),
}

impl ActionPattern {
    /// True where the pattern is about the action.
    pub fn matches(&self, action: Action) -> bool {
        match self {
            Self::All => true,
            Self::Under(prefix) => action.as_str().starts_with(prefix),
            Self::One(one) => *one == action,
        }
    }
}

impl std::fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Under(prefix) => write!(f, "{prefix}*"),
            Self::One(action) => write!(f, "{action}"),
        }
    }
}

/// The answer of one rule to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleAnswer {
    /// The rule is about the whole question, paths or none.
    Whole,
    /// The rule is about some paths and patterns.
    Parts {
        /// The first that it matched, safe to show.
        first: String,
        /// The file that imports it, where that is why.
        by: Option<String>,
        /// For each path, then each pattern: whether the rule answers for all of it.
        covered: Vec<bool>,
        /// For each path, then each pattern: whether the rule may be about some of it.
        touched: Vec<bool>,
    },
    /// The rule is about other actions.
    OtherAction,
    /// The rule is about other actors.
    OtherActor,
    /// The rule is about tasks of other types.
    OtherType,
    /// The rule is about tasks with other labels.
    OtherLabels,
    /// The rule is about tools of other kinds.
    OtherKind,
    /// The rule is about other tools.
    OtherTool,
    /// The rule is about other paths.
    OtherPaths,
    /// The rule is about this, and its condition is not true.
    OtherCase,
    /// The rule is about this, and its condition has no value.
    Failed {
        /// The first path or pattern that it matched, safe to show.
        first: Option<String>,
        /// The reason in words.
        why: String,
    },
}

impl RuleAnswer {
    /// The answer under a condition of this value.
    fn under(self, condition: Result<bool, ConditionFailure>) -> Self {
        let first = match &self {
            Self::Whole => None,
            Self::Parts { first, .. } => Some(first.clone()),
            _ => return self,
        };
        match condition {
            Ok(true) => self,
            Ok(false) => Self::OtherCase,
            Err(failure) => Self::Failed {
                first,
                why: failure.to_string(),
            },
        }
    }
}

impl PolicyRule {
    /// True where the rule is about this action of this actor, whatever else it is about.
    pub(super) fn speaks_of(&self, action: Action, actor: &Actor) -> bool {
        let actors = self.actors.as_ref();
        self.on.iter().any(|pattern| pattern.matches(action))
            && actors.is_none_or(|globs| is_about(globs, actor))
    }

    /// Holds the rule against a question.
    pub(super) fn hold(&self, request: &Request<'_>, asked: &AskedPaths<'_>) -> RuleAnswer {
        let resource = request.resource;
        if !self
            .on
            .iter()
            .any(|pattern| pattern.matches(request.action))
        {
            return RuleAnswer::OtherAction;
        }
        if self
            .actors
            .as_ref()
            .is_some_and(|globs| !is_about(globs, request.actor))
        {
            return RuleAnswer::OtherActor;
        }
        if self.types.as_ref().is_some_and(|globs| {
            !resource
                .task_type
                .as_deref()
                .is_some_and(|t| globs.matches(t))
        }) {
            return RuleAnswer::OtherType;
        }
        if self
            .labels
            .as_ref()
            .is_some_and(|globs| !resource.labels.iter().any(|l| globs.matches(l)))
        {
            return RuleAnswer::OtherLabels;
        }
        if self
            .kinds
            .as_ref()
            .is_some_and(|kinds| !resource.kind.is_some_and(|kind| kinds.contains(&kind)))
        {
            return RuleAnswer::OtherKind;
        }
        let tool = resource.tool.as_deref().filter(|_| resource.kind.is_some());
        if self
            .tools
            .as_ref()
            .is_some_and(|globs| !tool.is_some_and(|tool| globs.matches(tool)))
        {
            return RuleAnswer::OtherTool;
        }
        let answer = match &self.paths {
            None => RuleAnswer::Whole,
            Some(globs) => hold_paths(
                (globs, self.imported(request)),
                asked,
                self.path_case(asked),
            ),
        };
        match &self.when {
            Some(when) if answer != RuleAnswer::OtherPaths => {
                let steps = match self.force {
                    RuleForce::Binds => asked.steps(),
                    RuleForce::Observes => asked.steps_of_observers(),
                };
                answer.under(when.holds(request, steps))
            }
            _ => answer,
        }
    }

    /// The files that it is about since instructions of agents import them, sorted.
    fn imported<'r>(&self, request: &Request<'r>) -> &'r [ImportedFile] {
        match self.imports {
            RuleImports::Covered => &request.facts.imported_paths,
            RuleImports::Others => &[],
        }
    }

    /// Built-in rules protect their paths under every spelling; other rules as the file system
    /// compares names.
    fn path_case(&self, asked: &AskedPaths<'_>) -> CaseMode {
        match self.layer {
            PolicyLayer::BuiltIn => CaseMode::Folding,
            _ => asked.case(),
        }
    }
}

/// True where a pattern matches the actor, by either name that a person has: a rule that was
/// written for the login goes on to bind, and to let through, whom it did.
fn is_about(globs: &NameGlobs, actor: &Actor) -> bool {
    let by_login = actor.by_login();
    let mut names = std::iter::once(actor).chain(by_login.as_ref());
    names.any(|name| globs.matches_actor(&name.label()))
}

/// True where the actor is among those whom globs name, by either name that a person has. Globs that
/// cannot be read name nobody.
pub fn is_one_of(actor: &Actor, globs: &[String]) -> bool {
    NameGlobs::new(globs.iter().map(String::as_str)).is_ok_and(|globs| is_about(&globs, actor))
}

/// A path on which nothing certain can be said counts as matched but not as answered for: it can
/// only make a decision stricter.
fn hold_paths(
    (globs, imported): (&PathGlobs, &[ImportedFile]),
    asked: &AskedPaths<'_>,
    case: CaseMode,
) -> RuleAnswer {
    let (mut first, mut by) = (None, None);
    let mut covered = Vec::with_capacity(asked.len());
    let mut touched = Vec::with_capacity(asked.len());
    for path in asked.paths() {
        let mut hit = globs.matches(path, case);
        let import = imported.binary_search_by(|one| one.path.cmp(path));
        let import = import.ok().and_then(|at| imported.get(at));
        let import = import.filter(|_| hit != Some(true));
        if import.is_some() {
            hit = Some(true);
        }
        if hit != Some(false) && first.is_none() {
            first = Some(path.to_string());
            by = import.map(|one| one.by.to_string());
        }
        covered.push(hit == Some(true));
        touched.push(hit != Some(false));
    }
    for pattern in asked.patterns() {
        let meets = globs.meet(pattern);
        if meets && first.is_none() {
            first = Some(text::one_line(&pattern.text));
        }
        covered.push(globs.certainly_cover(pattern));
        touched.push(meets);
    }
    match first {
        Some(first) => RuleAnswer::Parts {
            first,
            by,
            covered,
            touched,
        },
        None => RuleAnswer::OtherPaths,
    }
}

impl RuleAnswer {
    /// True where the rule matches, or would if its condition had a value.
    pub(super) fn says_something(&self) -> bool {
        matches!(self, Self::Whole | Self::Parts { .. } | Self::Failed { .. })
    }

    /// True where this rule certainly answers for every part that the other one may be about.
    pub(super) fn covers(&self, other: &RuleAnswer) -> bool {
        match (self, other) {
            (Self::Whole, Self::Whole | Self::Parts { .. }) => true,
            (Self::Parts { covered, .. }, Self::Parts { touched, .. }) => {
                let mut parts = touched.iter().zip(covered);
                parts.all(|(touched, covered)| !touched || *covered)
            }
            _ => false,
        }
    }
}
