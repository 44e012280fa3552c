//! What was decided is decided again from its record, whatever the policy and the question were.

use super::*;
use crate::domain::action::Action;
use crate::domain::actor::ActorName;
use crate::domain::decision::Resource;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::policy::load::FILE;
use proptest::prelude::*;

/// Parts of which rules are made; some have a value for some questions only.
const WHEN: [&str; 6] = [
    "",
    ", when: change.lines > 3",
    ", when: 'task.priority == 1 || \"hot\" in task.labels'",
    ", when: 'change.files.exists(f, f.status == \"deleted\")'",
    ", when: actor.kind == \"agent\"",
    ", when: size(change.outside_paths) > 0",
];
const PATHS: [&str; 4] = [
    "",
    ", paths: src/",
    ", paths: '**/*.md'",
    ", paths: [a, SRC/]",
];
const EFFECTS: [&str; 5] = ["allow", "warn", "require_approval", "deny", "observe"];
const ON: [&str; 4] = ["edit", "'run.*'", "commit", "'*'"];
const ACTORS: [&str; 3] = ["", ", actors: 'agent:*'", ", actors: ann"];

fn policy() -> impl Strategy<Value = String> {
    let pick = |all: &'static [&'static str]| proptest::sample::select(all);
    let rule = (
        pick(&ON),
        pick(&PATHS),
        pick(&ACTORS),
        pick(&WHEN),
        pick(&EFFECTS),
    );
    let head = (
        pick(&EFFECTS[..4]),
        pick(&EFFECTS[..4]),
        proptest::option::of(1_u32..5),
    );
    (head, proptest::collection::vec(rule, 0..6)).prop_map(|((default, outside, lines), rules)| {
        let mut text = format!("version: 1\ndefault: {default}\noutside_paths: {outside}\n");
        if let Some(lines) = lines {
            text += &format!("limits: {{max_diff_lines: {lines}}}\n");
        }
        text += if rules.is_empty() { "" } else { "rules:\n" };
        for (n, (on, paths, actors, when, effect)) in rules.iter().enumerate() {
            text += &format!(
                "  - {{id: r{n}, on: {on}{paths}{actors}{when}, effect: {effect}, reason: x}}\n"
            );
        }
        text
    })
}

fn question() -> impl Strategy<Value = (Action, Actor, Resource, Facts)> {
    let action = proptest::sample::select(vec![Action::Edit, Action::RunFinish, Action::Commit]);
    // A rule knows a person whom Git names by the login, too.
    let actor = proptest::sample::select(vec![
        ("agent:zed", None),
        ("human:ann", None),
        ("human:bob@example.com", Some("ann")),
    ]);
    let path = proptest::sample::select(vec!["src/a", "Src/b", "docs/c.md", "a"]);
    let paths = proptest::collection::btree_set(path, 0..4);
    let task = proptest::option::of((0_u8..5, any::<bool>()));
    let facts = (
        proptest::option::of(0_u64..6),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    );
    let globs =
        proptest::collection::vec(proptest::sample::select(vec!["src/**", "*.md", "@m"]), 0..2);
    (action, actor, paths, task, facts, globs).prop_map(
        |(action, (actor, login), paths, task, (lines, kinds, outside, folding), globs)| {
            let paths: Vec<RepoPath> = paths.into_iter().map(RepoPath::new).collect();
            let facts = Facts {
                path_case: if folding {
                    CaseMode::Folding
                } else {
                    CaseMode::Sensitive
                },
                task_priority: task.map(|(priority, _)| priority),
                diff_lines: lines,
                change_kinds: kinds.then(|| "D".repeat(paths.len())),
                outside_paths: outside.then(|| paths.clone()),
                ..Facts::default()
            };
            let resource = Resource {
                task: task.map(|_| "t-1".to_owned()),
                labels: if task.is_some_and(|(_, hot)| hot) {
                    vec!["hot".to_owned()]
                } else {
                    vec![]
                },
                patterns: globs.into_iter().map(str::to_owned).collect(),
                paths,
                ..Resource::default()
            };
            let actor = Actor {
                login: login.map(|login| ActorName::new(login).unwrap()),
                ..actor.parse().unwrap()
            };
            (action, actor, resource, facts)
        },
    )
}

/// The decision of a policy as it is kept, and read again.
fn kept(state: &PolicyState, asked: &(Action, Actor, Resource, Facts)) -> DecisionRecord {
    let (action, actor, resource, facts) = asked;
    let request = Request {
        action: *action,
        actor,
        resource,
        facts,
    };
    let record = decide(state, &request).record("d-1".into(), 1, *action, actor, resource);
    serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap()
}

proptest! {
    #[test]
    fn every_decision_is_made_again_from_its_record(text in policy(), asked in question()) {
        let state = PolicyState::from_bytes(Some(text.as_bytes()), FILE);
        prop_assert_eq!(state.bad_files().len(), 0, "{}", text);
        let record = kept(&state, &asked);
        let again = replay(&state, &record).unwrap();
        prop_assert_eq!(again.effect, record.effect);
        prop_assert_eq!((&again.rule, again.layer, &again.reason), (&record.rule, record.layer, &record.reason));
        prop_assert_eq!((&again.matched, &again.observed), (&record.matched, &record.observed));
        // The rules that are told to have matched are those of the record, and no others.
        let told = replay_with_rules(&state, &record).unwrap().rules;
        let told = told.iter().filter(|one| matches!(one.answer, "matched" | "failed"));
        let mut told: Vec<_> = told.map(|one| (one.layer, one.rule.as_str(), one.observes)).collect();
        told.sort_unstable();
        // A module may be any path, those of `ai` among them.
        let is_rule = |id: &str| id.starts_with('r') || id == "built-in.protect-ai";
        let bound = record.matched.iter().filter(|one| is_rule(&one.rule));
        let bound = bound.map(|one| (one.layer, one.rule.as_str(), false));
        let observed = record.observed.iter().map(|one| (one.layer, one.rule.as_str(), true));
        let mut wanted: Vec<_> = bound.chain(observed).collect();
        wanted.sort_unstable();
        prop_assert_eq!(told, wanted, "{}", text);
    }
}

#[test]
fn what_a_record_does_not_hold_is_not_guessed() {
    let state = PolicyState::from_bytes(Some(b"version: 1\ndefault: allow\n"), FILE);
    let asked = |n: usize| {
        let paths: Vec<RepoPath> = (0..n).map(|i| RepoPath::new(format!("f{i}"))).collect();
        let facts = Facts {
            change_kinds: Some("A".repeat(n)),
            ..Facts::default()
        };
        let resource = Resource {
            paths,
            ..Resource::default()
        };
        kept(
            &state,
            &(
                Action::Commit,
                "human:ann".parse().unwrap(),
                resource,
                facts,
            ),
        )
    };
    assert!(replay(&state, &asked(KEPT_PATHS)).is_ok());
    assert_eq!(
        replay(&state, &asked(KEPT_PATHS + 1)).unwrap_err(),
        NotReplayable::Cut
    );
    let mut scrubbed = asked(1);
    scrubbed.resource.tool = Some("[REDACTED]".to_owned());
    assert_eq!(
        replay(&state, &scrubbed).unwrap_err(),
        NotReplayable::Incomplete
    );
    let mut older = asked(1);
    older.facts = None;
    assert_eq!(
        held_rules(&state, &older).unwrap_err(),
        NotReplayable::Incomplete
    );
}
