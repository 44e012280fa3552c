//! From the bytes of a policy file to what it says, or to all of its problems at once.

use crate::base::yaml::{
    self, MappingFields, SourcePlace, TreeStanding, YamlNode, YamlProblem, YamlProblems, YamlValue,
};
use crate::base::{hash, suggest};
use crate::domain::action::Action;
use crate::domain::decision::{Effect, PolicyLayer};
use crate::domain::tool_kind::ToolKind;
use crate::policy::bounds_file::AgentBounds;
use crate::policy::builtin;
use crate::policy::condition::condition_of;
use crate::policy::engine::DEFAULT_RULE;
use crate::policy::examples;
use crate::policy::guards::{GUARDS_KEY, guards_of};
use crate::policy::limits::PolicyLimits;
use crate::policy::model::PolicyPart;
use crate::policy::name_globs::NameGlobs;
use crate::policy::needs::needs_of;
use crate::policy::outside::OUTSIDE_KEY;
use crate::policy::path_globs::PathGlobs;
use crate::policy::pattern_list::BadPatterns;
use crate::policy::rule::{ActionPattern, PolicyRule, RuleForce, RuleImports, RuleStanding};
use crate::policy::source::{Extended, Target};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Path of the project's policy, relative to the repository root.
pub const FILE: &str = ".ai/policy.yaml";

/// Most rules of a policy, all of its files together.
pub(super) const MAX_RULES: usize = 5_000;

/// The words for effects in files.
pub(super) const EFFECTS: [(&str, Effect); 4] = [
    ("allow", Effect::Allow),
    ("warn", Effect::Warn),
    ("require_approval", Effect::RequireApproval),
    ("deny", Effect::Deny),
];

/// The word for a rule that only observes.
pub(super) const OBSERVE: &str = "observe";

impl PolicyPart {
    /// Reads a file of a policy; `file` is its name in messages. Any problem at all makes the whole
    /// file unusable.
    pub fn from_bytes(bytes: &[u8], file: &str) -> Result<Self, YamlProblems> {
        let root = yaml::parse(bytes).map_err(|problem| YamlProblems::new(file, vec![problem]));
        root.and_then(|root| Self::from_tree(&root, TreeStanding::New, bytes, file))
            .map_err(|problems| problems.within(bytes))
    }

    /// Makes a part of the tree of a file with these bytes.
    pub fn from_tree(
        root: &YamlNode,
        standing: TreeStanding,
        bytes: &[u8],
        file: &str,
    ) -> Result<Self, YamlProblems> {
        let digest = hash::sha256_hex(bytes);
        Self::from_digested(root, standing, (bytes, &digest), file)
    }

    /// The same, where the SHA-256 of the bytes is known.
    pub fn from_digested(
        root: &YamlNode,
        standing: TreeStanding,
        (bytes, digest): (&[u8], &str),
        file: &str,
    ) -> Result<Self, YamlProblems> {
        let mut problems = Vec::new();
        let part = part_of(root, standing, file, &mut problems);
        let Some(mut part) = part.filter(|_| problems.is_empty()) else {
            return Err(YamlProblems::new(file, problems));
        };
        part.digest = digest.to_owned();
        part.text = bytes.into();
        Ok(part)
    }
}

fn part_of(
    root: &YamlNode,
    standing: TreeStanding,
    file: &str,
    problems: &mut Vec<YamlProblem>,
) -> Option<PolicyPart> {
    let mut fields = MappingFields::of(root, "the policy", problems)?;
    check_version(&mut fields, problems);
    let extends = fields
        .take("extends")
        .map(|node| extends_of(node, problems))
        .unwrap_or_default();
    let default = fields
        .take("default")
        .and_then(|node| yaml::one_of(node, "`default`", &EFFECTS, problems));
    let empty = PolicyPart::empty(file, root.place);
    let rules = fields
        .take("rules")
        .map(|node| rules_of(node, (standing, &empty.file), problems))
        .unwrap_or_default();
    let limits = fields
        .take("limits")
        .map(|node| limits_of(node, problems))
        .unwrap_or_default();
    let outside_paths = fields
        .take(OUTSIDE_KEY)
        .and_then(|node| yaml::one_of(node, "`outside_paths`", &EFFECTS, problems));
    let guards = fields
        .take(GUARDS_KEY)
        .map(|node| guards_of(node, standing, problems))
        .unwrap_or_default();
    let bounds = AgentBounds::take(&mut fields, problems);
    fields.finish(problems);
    Some(PolicyPart {
        extends,
        rules,
        default,
        limits,
        outside_paths,
        guards,
        bounds: Some(bounds).filter(|b| !b.is_empty()).into_iter().collect(),
        ..empty
    })
}

/// The packs that a file extends.
fn extends_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Vec<Extended> {
    let texts = yaml::texts_of(node, "`extends`", problems);
    let read = |(text, place): (String, SourcePlace)| {
        let target = Target::read(&text, place).map_err(|problem| problems.push(problem));
        target.ok().map(|target| Extended { target, place })
    };
    texts.into_iter().filter_map(read).collect()
}

/// Checks the first field of every file that people write.
pub(super) fn check_version(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) {
    let Some(node) = fields.need("version", problems) else {
        return;
    };
    match yaml::count_of(node, "`version`", 1, problems) {
        Some(1) | None => {}
        Some(n) => problems.push(YamlProblem::new(
            node.place,
            format!("version {n} needs a newer version of ai"),
        )),
    }
}

fn rules_of(
    node: &YamlNode,
    (standing, file): (TreeStanding, &Arc<str>),
    problems: &mut Vec<YamlProblem>,
) -> Vec<PolicyRule> {
    let items = yaml::list_of(node, "`rules`", problems);
    if let Some(first) = items.get(MAX_RULES) {
        let why = format!("a policy has at most {MAX_RULES} rules");
        problems.push(YamlProblem::new(first.place, why));
        return Vec::new();
    }
    let mut rules = Vec::with_capacity(items.len());
    let mut taken: HashMap<String, u64> = HashMap::new();
    for item in items {
        let Some(rule) = rule_of(item, (standing, file), problems) else {
            continue;
        };
        // No two rules of a proven file have one id.
        if standing == TreeStanding::Proven {
            rules.push(rule);
            continue;
        }
        match taken.entry(rule.id.clone()) {
            Entry::Occupied(known) => problems.push(YamlProblem::new(
                rule.place,
                format!(
                    "the rule id `{}` is already taken at line {}",
                    rule.id,
                    known.get()
                ),
            )),
            Entry::Vacant(free) => {
                free.insert(rule.place.line);
                rules.push(rule);
            }
        }
    }
    rules
}

fn rule_of(
    node: &YamlNode,
    (standing, file): (TreeStanding, &Arc<str>),
    problems: &mut Vec<YamlProblem>,
) -> Option<PolicyRule> {
    let before = problems.len();
    let mut fields = MappingFields::of(node, "a rule", problems)?;
    let id = fields
        .need("id", problems)
        .and_then(|node| id_of(node, problems));
    let on = fields
        .need("on", problems)
        .map(|node| actions_of(node, problems))
        .unwrap_or_default();
    let paths = globs_of(&mut fields, "paths", problems, |texts| match standing {
        TreeStanding::New => PathGlobs::new(texts.iter().copied()),
        TreeStanding::Proven => Ok(PathGlobs::checked(texts.iter().copied())),
    });
    let imports = RuleImports::read(&mut fields, paths.as_ref(), problems);
    let actors = names_of(&mut fields, "actors", problems);
    let labels = names_of(&mut fields, "labels", problems);
    let types = names_of(&mut fields, "types", problems);
    let kinds = kinds_of(&mut fields, problems);
    let tools = names_of(&mut fields, "tools", problems);
    if (kinds.is_some() || tools.is_some())
        && !on.is_empty()
        && !TOOL_ACTIONS
            .iter()
            .any(|a| on.iter().any(|p| p.matches(*a)))
    {
        let problem = YamlProblem::new(
            node.place,
            "only `tool.call`, `edit` and `command.exec` are asked about a tool, so the rule would match nothing",
        );
        problems.push(problem.hint("write `on: [tool.call, edit]`"));
    }
    let (effect, force) = effect_of(&mut fields, problems);
    let needs = needs_of(&mut fields, effect, problems);
    let reason = reason_of(&mut fields, effect, problems);
    let examples = fields.take("examples");
    let when = fields
        .take("when")
        .map(|node| condition_of(node, standing, problems));
    let weakening = standing_of(&mut fields, problems);
    fields.finish(problems);
    let rule = PolicyRule {
        id: id?,
        layer: PolicyLayer::Project,
        on,
        paths,
        imports,
        actors,
        labels,
        types,
        kinds,
        tools,
        effect: effect?,
        force,
        when: when.map_or(Some(None), |read| read.map(Some))?,
        needs,
        reason,
        standing: weakening,
        file: Arc::clone(file),
        place: node.place,
    };
    // Examples of a rule that is itself in disorder would only repeat its problems, and those of a
    // proven file have behaved before.
    if let (Some(examples), TreeStanding::New) = (examples, standing)
        && problems.len() == before
    {
        examples::check(&rule, examples, problems);
    }
    Some(rule)
}

/// The effect of a rule and its say: one that only observes names the effect that it would have.
fn effect_of(
    fields: &mut MappingFields<'_>,
    problems: &mut Vec<YamlProblem>,
) -> (Option<Effect>, RuleForce) {
    let [a, b, c, d] = EFFECTS.map(|(word, effect)| (word, Some(effect)));
    let words = [a, b, c, d, (OBSERVE, None)];
    let written = fields
        .need("effect", problems)
        .and_then(|node| yaml::one_of(node, "`effect`", &words, problems));
    let would = fields.take("would");
    match (written, would) {
        (Some(None), Some(node)) => {
            let would = yaml::one_of(node, "`would`", &EFFECTS, problems);
            (would, RuleForce::Observes)
        }
        (Some(None), None) => (Some(Effect::Deny), RuleForce::Observes),
        (Some(Some(_)), Some(node)) => {
            let text = "`would` is the effect that a rule would have, and this one has its own";
            problems.push(YamlProblem::new(node.place, text).hint("write `effect: observe`"));
            (None, RuleForce::Binds)
        }
        (effect, _) => (effect.flatten(), RuleForce::Binds),
    }
}

/// Reads whether lower layers may answer in place of a rule, or nothing may weaken it.
fn standing_of(fields: &mut MappingFields<'_>, problems: &mut Vec<YamlProblem>) -> RuleStanding {
    let mut flag = |key| {
        let node = fields.take(key)?;
        let is_set = yaml::bool_of(node, &format!("`{key}`"), problems)?;
        is_set.then_some(node.place)
    };
    match (flag("overridable"), flag("locked")) {
        (Some(_), Some(place)) => {
            let problem = YamlProblem::new(place, "a rule is `overridable` or `locked`, not both");
            problems.push(problem.hint("leave one of them out"));
            RuleStanding::Locked
        }
        (Some(_), None) => RuleStanding::Overridable,
        (None, Some(_)) => RuleStanding::Locked,
        (None, None) => RuleStanding::Fixed,
    }
}

fn id_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<String> {
    let id = yaml::text_of(node, "`id`", problems)?;
    let plain =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    if id.len() > 64 || !id.chars().all(plain) {
        problems.push(YamlProblem::new(
            node.place,
            format!(
                "the rule id `{id}` must be 1 to 64 of lower-case letters, digits, `-`, `_` and `.`"
            ),
        ));
        return None;
    }
    let replaces = || {
        builtin::rules().is_some_and(|rules| {
            rules
                .iter()
                .any(|rule| rule.id == id && rule.standing == RuleStanding::Overridable)
        })
    };
    let reserved = id == DEFAULT_RULE
        || builtin::RESERVED
            .iter()
            .any(|prefix| id.starts_with(prefix));
    if reserved && !replaces() {
        problems.push(YamlProblem::new(
            node.place,
            format!("the rule id `{id}` belongs to ai and cannot be replaced"),
        ));
        return None;
    }
    Some(id)
}

fn actions_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Vec<ActionPattern> {
    refuse_empty(node, "`on`", problems);
    let texts = yaml::texts_in(node, "`on`", problems);
    texts
        .into_iter()
        .filter_map(|(text, place)| action_pattern(text, place, problems))
        .collect()
}

fn action_pattern(
    text: &str,
    place: SourcePlace,
    problems: &mut Vec<YamlProblem>,
) -> Option<ActionPattern> {
    if text == "*" {
        return Some(ActionPattern::All);
    }
    if let Some(prefix) = text
        .strip_suffix('*')
        .filter(|prefix| prefix.ends_with('.'))
    {
        if Action::ALL
            .iter()
            .any(|action| action.as_str().starts_with(prefix))
        {
            return Some(ActionPattern::Under(prefix.to_owned()));
        }
    } else if let Ok(action) = text.parse() {
        return Some(ActionPattern::One(action));
    }
    let problem = YamlProblem::new(place, format!("`{text}` is no action"));
    let known = Action::ALL.iter().map(|action| action.as_str());
    problems.push(match suggest::nearest(text, known) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => {
            problem.hint("write an action such as `run.finish`, a group such as `task.*`, or `*`")
        }
    });
    None
}

/// Reads the reason of a rule; only a rule that allows may be silent about it.
fn reason_of(
    fields: &mut MappingFields<'_>,
    effect: Option<Effect>,
    problems: &mut Vec<YamlProblem>,
) -> String {
    match (fields.take("reason"), effect) {
        (Some(node), _) => yaml::text_of(node, "`reason`", problems).unwrap_or_default(),
        (None, Some(Effect::Allow) | None) => "allowed by the policy".to_owned(),
        (None, Some(_)) => {
            let problem = YamlProblem::new(fields.place, "a rule needs `reason`, unless it allows");
            problems.push(problem.hint("whoever meets the rule reads it"));
            String::new()
        }
    }
}

/// The actions that are asked about a tool.
const TOOL_ACTIONS: [Action; 3] = [Action::ToolCall, Action::Edit, Action::CommandExec];

/// The kinds of tools, each one a known word.
fn kinds_of(
    fields: &mut MappingFields<'_>,
    problems: &mut Vec<YamlProblem>,
) -> Option<Vec<ToolKind>> {
    let node = fields.take("kinds")?;
    refuse_empty(node, "`kinds`", problems);
    let texts = yaml::texts_of(node, "`kinds`", problems);
    let kind = |(text, place): (String, SourcePlace)| {
        text.parse::<ToolKind>()
            .map_err(|error| problems.push(YamlProblem::new(place, error.to_string())))
            .ok()
    };
    Some(texts.into_iter().filter_map(kind).collect())
}

fn names_of(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    problems: &mut Vec<YamlProblem>,
) -> Option<NameGlobs> {
    globs_of(fields, key, problems, |texts| {
        NameGlobs::new(texts.iter().copied())
    })
}

/// A list of globs; each bad one is a problem at its own place.
fn globs_of<T>(
    fields: &mut MappingFields<'_>,
    key: &'static str,
    problems: &mut Vec<YamlProblem>,
    compile: impl FnOnce(&[&str]) -> Result<T, BadPatterns>,
) -> Option<T> {
    let node = fields.take(key)?;
    let what = format!("`{key}`");
    refuse_empty(node, &what, problems);
    let texts = yaml::texts_in(node, &what, problems);
    let all: Vec<&str> = texts.iter().map(|(text, _)| *text).collect();
    let report = |bad: BadPatterns| {
        problems.extend(
            bad.into_iter()
                .map(|(i, why)| YamlProblem::new(texts[i].1, why)),
        );
    };
    compile(&all).map_err(report).ok()
}

/// An empty list would match nothing, which nobody means.
pub(super) fn refuse_empty(node: &YamlNode, what: &str, problems: &mut Vec<YamlProblem>) {
    if matches!(&node.value, YamlValue::List(items) if items.is_empty()) {
        problems.push(YamlProblem::new(
            node.place,
            format!("{what} is an empty list, so the rule would match nothing"),
        ));
    }
}

fn limits_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> PolicyLimits {
    let Some(mut fields) = MappingFields::of(node, "`limits`", problems) else {
        return PolicyLimits::default();
    };
    let mut limit = |key: &'static str| {
        let node = fields.take(key)?;
        yaml::count_of(node, &format!("`{key}`"), 1, problems)
    };
    let limits = PolicyLimits {
        max_attempts: limit("max_attempts"),
        run_minutes: limit("run_minutes"),
        silence_minutes: limit("silence_minutes"),
        max_diff_lines: limit("max_diff_lines"),
        max_diff_files: limit("max_diff_files"),
        parallel_runs: limit("parallel_runs"),
    };
    fields.finish(problems);
    limits
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
