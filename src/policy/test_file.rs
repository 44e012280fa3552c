//! Tests of a policy: a file of questions, each with the answer that is expected.
//!
//! A test states the whole question. What it does not state is not known, as it is for a door that has not
//! measured it, but for two things that every door knows of paths at hand: their number, and that a task
//! without paths of its own has nothing beyond them.
//!
//! Deliberately absent: the user's own layer and the clock, so that a test has one answer on every machine.

use crate::base::yaml::{self, MappingFields, SourcePlace, YamlNode, YamlProblem, YamlProblems};
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::commit_message::{self, LeftOut};
use crate::domain::decision::{Decision, Effect, Judgement, Resource};
use crate::domain::facts::{Facts, RefChange};
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::policy::asked::Request;
use crate::policy::engine::decide;
use crate::policy::examples::parsed;
use crate::policy::load::{EFFECTS, check_version};
use crate::policy::model::PolicyState;
use std::collections::BTreeMap;

/// Path of the tests of the project's policy, relative to the repository root.
pub const TEST_FILE: &str = ".ai/policy.test.yaml";
/// Most tests of a file.
const MAX_TESTS: usize = 5_000;

/// The words for how names are compared.
const CASES: [(&str, CaseMode); 2] = [
    ("sensitive", CaseMode::Sensitive),
    ("folding", CaseMode::Folding),
];

/// The fields that name changed paths by what became of them, and their letters.
const CHANGES: [(&str, char); 4] = [
    ("added", 'A'),
    ("modified", 'M'),
    ("deleted", 'D'),
    ("retyped", 'T'),
];

/// One test of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyTest {
    /// The name, unique in its file.
    pub name: String,
    /// The place in its file.
    pub place: SourcePlace,
    /// The effect that is expected.
    pub effect: Effect,
    /// The rule that is expected to decide, where the test says one.
    pub rule: Option<String>,
    action: Action,
    actor: Actor,
    resource: Resource,
    facts: Facts,
}

impl PolicyTest {
    /// The answer of a policy to the question of the test.
    pub fn decide(&self, state: &PolicyState) -> Decision {
        decide(
            state,
            &Request {
                action: self.action,
                actor: &self.actor,
                resource: &self.resource,
                facts: &self.facts,
            },
        )
    }

    /// True where the answer is the expected one.
    pub fn expects(&self, decision: &Decision) -> bool {
        self.effect == decision.effect
            && self.rule.as_ref().is_none_or(|rule| *rule == decision.rule)
    }
}

/// Reads a file of tests; any problem at all makes the whole file unusable.
pub fn tests_of(bytes: &[u8], file: &str) -> Result<Vec<PolicyTest>, YamlProblems> {
    let mut problems = Vec::new();
    let tests = match yaml::parse(bytes) {
        Ok(root) => read(&root, &mut problems),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    match tests {
        Some(tests) if problems.is_empty() => Ok(tests),
        _ => Err(YamlProblems::new(file, problems).within(bytes)),
    }
}

fn read(root: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<Vec<PolicyTest>> {
    let mut fields = MappingFields::of(root, "the file of tests", problems)?;
    check_version(&mut fields, problems);
    let tests = fields.need("tests", problems);
    fields.finish(problems);
    let items = yaml::list_of(tests?, "`tests`", problems);
    if let Some(first) = items.get(MAX_TESTS) {
        let why = format!("a file has at most {MAX_TESTS} tests");
        problems.push(YamlProblem::new(first.place, why));
        return None;
    }
    let mut taken: BTreeMap<String, u64> = BTreeMap::new();
    let mut tests = Vec::new();
    for item in items {
        let Some(test) = test_of(item, problems) else {
            continue;
        };
        if let Some(line) = taken.insert(test.name.clone(), test.place.line) {
            let why = format!("the name `{}` is already taken at line {line}", test.name);
            problems.push(YamlProblem::new(test.place, why));
        }
        tests.push(test);
    }
    Some(tests)
}

fn test_of(node: &YamlNode, problems: &mut Vec<YamlProblem>) -> Option<PolicyTest> {
    let mut fields = MappingFields::of(node, "a test", problems)?;
    let name = fields
        .need("name", problems)
        .and_then(|node| yaml::text_of(node, "`name`", problems));
    let question = fields
        .need("ask", problems)
        .and_then(|node| question_of(node, problems));
    let effect = fields
        .need("expect", problems)
        .and_then(|node| yaml::one_of(node, "`expect`", &EFFECTS, problems));
    let rule = fields
        .take("rule")
        .and_then(|node| yaml::text_of(node, "`rule`", problems));
    fields.finish(problems);
    let (action, actor, resource, facts) = question?;
    Some(PolicyTest {
        name: name?,
        place: node.place,
        effect: effect?,
        rule,
        action,
        actor,
        resource,
        facts,
    })
}

fn question_of(
    node: &YamlNode,
    problems: &mut Vec<YamlProblem>,
) -> Option<(Action, Actor, Resource, Facts)> {
    let mut fields = MappingFields::of(node, "`ask`", problems)?;
    let action = fields.need("action", problems);
    let action = action.and_then(|node| word_of(node, "`action`", problems));
    let actor = fields.need("actor", problems);
    let actor = actor.and_then(|node| word_of(node, "`actor`", problems));
    let (mut resource, mut facts) = (Resource::default(), Facts::default());
    paths_of(&mut fields, (&mut resource, &mut facts), problems);
    if let Some(node) = fields.take("task") {
        task_of(node, (&mut resource, &mut facts), problems);
    }
    let mut text = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        yaml::text_of(node, &format!("`{key}`"), problems)
    };
    resource.run = text("run", problems);
    resource.branch = text("branch", problems);
    resource.tool = text("tool", problems);
    resource.secret = text("secret", problems);
    resource.worker = text("worker", problems);
    resource.recipient = text("to", problems);
    facts.command = text("command", problems);
    let judgements = Judgement::ALL.map(|one| (one.as_str(), one));
    resource.judgement = fields
        .take("judgement")
        .and_then(|node| yaml::one_of(node, "`judgement`", &judgements, problems));
    let changes = RefChange::ALL.map(|one| (one.as_str(), one));
    facts.ref_change = fields
        .take("ref_change")
        .and_then(|node| yaml::one_of(node, "`ref_change`", &changes, problems));
    resource.kind = fields
        .take("kind")
        .and_then(|node| word_of(node, "`kind`", problems));
    if let Some(node) = fields.take("globs") {
        resource.patterns = yaml::names_of(node, "`globs`", problems);
    }
    let mut number = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        yaml::count_of(node, &format!("`{key}`"), 0, problems)
    };
    facts.diff_lines = number("lines", problems).map(u64::from);
    facts.diff_files = number("files", problems)
        .map(u64::from)
        .or((!resource.paths.is_empty()).then_some(resource.paths.len() as u64));
    facts.runs_alive = number("runs_alive", problems);
    facts.outside_paths = Some(Vec::new());
    // A question that is written down has no content in which something could be found.
    facts.findings = Some(Vec::new());
    if let Some(node) = fields.take("message") {
        let text = yaml::text_of(node, "`message`", problems);
        let text = text.map(|text| commit_message::cleaned(&text, &LeftOut::Nothing));
        facts.messages = text.map(|text| vec![text]);
    }
    if let Some(node) = fields.take("outside_paths") {
        let named = yaml::names_of(node, "`outside_paths`", problems);
        facts.outside_paths = Some(named.into_iter().map(RepoPath::new).collect());
    }
    if let Some(node) = fields.take("credentials") {
        let named = yaml::names_of(node, "`credentials`", problems);
        facts.credentials_added = named.into_iter().collect();
    }
    if let Some(node) = fields.take("case") {
        facts.path_case = yaml::one_of(node, "`case`", &CASES, problems).unwrap_or_default();
    }
    fields.finish(problems);
    Some((action?, actor?, resource, facts))
}

/// Reads the changed paths, plainly or by what became of each.
fn paths_of(
    fields: &mut MappingFields<'_>,
    (resource, facts): (&mut Resource, &mut Facts),
    problems: &mut Vec<YamlProblem>,
) {
    let plain = fields.take("paths");
    let mut kinds = String::new();
    for (key, letter) in CHANGES {
        let Some(node) = fields.take(key) else {
            continue;
        };
        if plain.is_some() {
            let why = format!("`{key}` stands beside `paths`");
            let hint = "name every path by what became of it: added, modified, deleted, retyped";
            problems.push(YamlProblem::new(node.place, why).hint(hint));
        }
        for path in yaml::names_of(node, &format!("`{key}`"), problems) {
            resource.paths.push(RepoPath::new(path));
            kinds.push(letter);
        }
    }
    if let Some(node) = plain {
        let named = yaml::names_of(node, "`paths`", problems);
        resource.paths.extend(named.into_iter().map(RepoPath::new));
    } else if !kinds.is_empty() {
        facts.change_kinds = Some(kinds);
    }
}

fn task_of(
    node: &YamlNode,
    (resource, facts): (&mut Resource, &mut Facts),
    problems: &mut Vec<YamlProblem>,
) {
    let Some(mut fields) = MappingFields::of(node, "`task`", problems) else {
        return;
    };
    let mut text = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        yaml::text_of(node, &format!("`{key}`"), problems)
    };
    // A question about a task always knows which one.
    resource.task = Some(text("id", problems).unwrap_or_else(|| "t-test".to_owned()));
    resource.task_type = text("type", problems);
    if let Some(node) = fields.take("labels") {
        resource.labels = yaml::names_of(node, "`labels`", problems);
    }
    let mut number = |key: &'static str, problems: &mut Vec<YamlProblem>| {
        let node = fields.take(key)?;
        let number = yaml::count_of(node, &format!("`{key}`"), 0, problems)?;
        Some((node, number))
    };
    facts.attempts_used = number("attempts", problems).map(|(_, number)| number);
    facts.task_priority = match number("priority", problems) {
        Some((_, number @ 0..=4)) => u8::try_from(number).ok(),
        Some((node, _)) => {
            let why = "`priority` is a number from 0 to 4";
            problems.push(YamlProblem::new(node.place, why));
            None
        }
        None => None,
    };
    fields.finish(problems);
}

fn word_of<T>(node: &YamlNode, what: &str, problems: &mut Vec<YamlProblem>) -> Option<T>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text = yaml::text_of(node, what, problems)?;
    parsed(node, &text, problems)
}

#[cfg(test)]
#[path = "test_file_tests.rs"]
mod tests;
