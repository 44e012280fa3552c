//! Whatever is told of a policy is so: by tables, and by questions at random.

use super::*;
use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Effect, Resource};
use crate::domain::facts::Facts;
use crate::policy::asked::Request;
use crate::policy::conflicts::names::{SearchBudget, covers_actors, covers_name, shared_name};
use crate::policy::engine::decide;
use crate::policy::load::FILE;
use crate::policy::model::PolicyState;
use crate::policy::name_globs::NameGlobs;
use proptest::prelude::*;

fn state(rules: &str) -> PolicyState {
    let text = format!("version: 1\n{rules}");
    let state = PolicyState::from_bytes(Some(text.as_bytes()), FILE);
    assert!(state.bad_files().is_empty(), "{:?}", state.bad_files());
    state
}

/// The findings about rules, in short; those about actions are left out.
fn told(rules: &str) -> Vec<String> {
    let found = conflicts(&state(rules), None).found;
    let of_rules = found.iter().filter(|one| !one.rules.is_empty());
    of_rules
        .map(|one| {
            let ids: Vec<&str> = one.rules.iter().map(|rule| rule.id.as_str()).collect();
            let path = one.example.iter().flat_map(|asked| &asked.paths).next();
            let path = path.map(|path| format!(" {path}")).unwrap_or_default();
            let may = if one.may { " may" } else { "" };
            let effect = one
                .effect
                .map(|effect| format!(" = {effect}"))
                .unwrap_or_default();
            format!("{:?}{may} {}{path}{effect}", one.kind, ids.join(" "))
        })
        .collect()
}

#[test]
fn findings_about_rules() {
    let head = "default: allow\nrules:\n";
    for (rules, wanted) in [
        // By the algebra of patterns, with the shortest path that both match.
        (
            "  - {id: a, on: edit, paths: 'src/*.rs', effect: deny, reason: x}\n  - {id: b, on: edit, paths: 'src/a*', effect: warn, reason: x}\n",
            vec!["Meet a b src/a.rs = deny"],
        ),
        (
            "  - {id: a, on: edit, paths: 'src/*', effect: deny, reason: x}\n  - {id: b, on: edit, paths: 'src/a/*', effect: warn, reason: x}\n",
            vec![],
        ),
        (
            "  - {id: a, on: edit, actors: 'agent:*', effect: deny, reason: x}\n  - {id: b, on: edit, actors: 'human:*', effect: warn, reason: x}\n",
            vec![],
        ),
        (
            "  - {id: a, on: edit, actors: 'agent:c*', effect: deny, reason: x}\n  - {id: b, on: '*', actors: '*x', effect: warn, reason: x}\n",
            vec!["Meet a b = deny"],
        ),
        // One label for each.
        (
            "  - {id: a, on: task.claim, labels: x1, effect: deny, reason: x}\n  - {id: b, on: 'task.*', labels: y1, effect: warn, reason: x}\n",
            vec!["Meet a b = deny"],
        ),
        // A condition may hold, and its rule is shadowed by nothing.
        (
            "  - {id: a, on: edit, effect: deny, reason: x}\n  - {id: b, on: edit, when: task.priority == 1, effect: warn, reason: x}\n",
            vec!["Meet may a b = deny"],
        ),
        (
            "  - {id: a, on: edit, effect: deny, reason: x}\n  - {id: b, on: edit, paths: src/, actors: 'agent:*', effect: warn, reason: x}\n",
            vec!["Shadowed b a src = deny", "Meet a b src = deny"],
        ),
        (
            "  - {id: a, on: edit, effect: warn, reason: x}\n  - {id: b, on: edit, effect: warn, reason: x}\n",
            vec!["Shadowed b a = warn"],
        ),
        (
            "  - {id: a, on: edit, effect: require_approval, reason: x}\n  - {id: b, on: edit, effect: require_approval, approvals: 2, reason: x}\n",
            vec![],
        ),
        (
            "  - {id: a, on: edit, paths: src/, effect: allow}\n",
            vec!["Redundant a src = allow"],
        ),
        (
            "  - {id: a, on: edit, actors: ['robot:*', 'agnet:x'], effect: deny, reason: x}\n",
            vec!["NeverMatches a"],
        ),
        (
            "  - {id: a, on: edit, actors: ['robot:*', x], effect: deny, reason: x}\n",
            vec![],
        ),
        // It takes the place of a built-in one.
        (
            "  - {id: built-in.protect-ai, on: edit, effect: allow}\n",
            vec![],
        ),
        (
            "  - {id: a, on: edit, effect: observe, reason: x}\n  - {id: b, on: edit, effect: warn, reason: x}\n",
            vec![],
        ),
    ] {
        let found = told(&format!("{head}{rules}"));
        // What built-in rules meet is the same everywhere.
        let own: Vec<&String> = found
            .iter()
            .filter(|one| !one.contains(" built-in."))
            .collect();
        assert_eq!(own, wanted.iter().collect::<Vec<_>>(), "{rules}");
    }
    let unasked = Action::UNASKED.map(Action::as_str).join(", ");
    assert_eq!(
        told(&format!(
            "{head}  - {{id: a, on: [{unasked}], effect: deny, reason: x}}\n"
        )),
        ["NeverMatches a"]
    );
    assert_eq!(
        told("default: deny\nrules:\n  - {id: a, on: edit, paths: src/, effect: allow}\n"),
        [""; 0]
    );
}

#[test]
fn findings_about_actions() {
    let always = |rules: &str, kind: ConflictKind| -> Vec<String> {
        let found = conflicts(&state(rules), None).found.into_iter();
        let of_kind = found.filter(|one| one.kind == kind);
        of_kind
            .map(|one| {
                format!(
                    "{} {}",
                    one.actor_kind.unwrap().as_str(),
                    one.action.unwrap()
                )
            })
            .collect()
    };
    let rules = "default: allow\nrules:\n  - {id: a, on: push, actors: 'agent:*', effect: deny, reason: x}\n  - {id: b, on: 'task.*', paths: src/, effect: deny, reason: x}\n";
    let denied = always(rules, ConflictKind::AlwaysDenied);
    assert_eq!(
        denied,
        [
            "agent push",
            "agent policy.override",
            "agent approval.grant",
            "agent trust"
        ]
    );
    let allowed = always(rules, ConflictKind::AlwaysAllowed);
    assert!(
        allowed.contains(&"human push".to_owned())
            && !allowed.iter().any(|one| one.contains("task.")),
        "{allowed:?}"
    );
    // Giving back is denied by a rule alone.
    let denied = always(
        "default: deny\nrules:\n  - {id: a, on: edit, effect: allow}\n",
        ConflictKind::AlwaysDenied,
    );
    assert!(
        !denied
            .iter()
            .any(|one| one.ends_with(" edit") || one.contains("release")),
        "{denied:?}"
    );
    assert!(denied.contains(&"human task.create".to_owned()));
}

const PATHS: [&str; 5] = [
    "",
    ", paths: src/",
    ", paths: 'src/*.rs'",
    ", paths: '**/*.md'",
    ", paths: [a, docs/]",
];
const ON: [&str; 4] = ["edit", "push", "'task.*'", "'*'"];
const ACTORS: [&str; 5] = [
    "",
    ", actors: 'agent:*'",
    ", actors: 'human:a*'",
    ", actors: '*n'",
    ", actors: 'robot:*'",
];
const MORE: [&str; 5] = [
    "",
    ", labels: hot",
    ", labels: 'h*'",
    ", types: bug",
    ", when: task.priority == 1",
];
const EFFECTS: [&str; 5] = ["allow", "warn", "require_approval", "deny", "observe"];

/// The rules of a policy, a line each, and its default.
fn policy() -> impl Strategy<Value = (&'static str, Vec<String>)> {
    let pick = |all: &'static [&'static str]| proptest::sample::select(all);
    let rule = (
        pick(&ON),
        pick(&PATHS),
        pick(&ACTORS),
        pick(&MORE),
        pick(&EFFECTS),
    );
    let rules = proptest::collection::vec(rule, 1..6).prop_map(|rules| {
        let line =
            |(n, (on, paths, actors, more, effect)): (usize, &(&str, &str, &str, &str, &str))| {
                format!(
                    "  - {{id: r{n}, on: {on}{paths}{actors}{more}, effect: {effect}, reason: x}}\n"
                )
            };
        rules.iter().enumerate().map(line).collect()
    });
    (pick(&["allow", "warn", "deny"]), rules)
}

fn written((default, rules): &(&str, Vec<String>), without: Option<&str>) -> String {
    let kept = rules
        .iter()
        .filter(|line| !without.is_some_and(|id| line.contains(&format!("id: {id},"))));
    let kept: String = kept.map(String::as_str).collect();
    let rules = if kept.is_empty() {
        String::new()
    } else {
        format!("rules:\n{kept}")
    };
    format!("default: {default}\n{rules}")
}

/// Effects of a policy on many questions, each with its words.
fn answers(state: &PolicyState) -> Vec<(Action, ActorKind, Effect, String)> {
    let mut found = Vec::new();
    for action in [
        Action::Edit,
        Action::Push,
        Action::TaskClaim,
        Action::TaskRelease,
        Action::Import,
    ] {
        for actor in ["agent:ann", "agent:x", "human:ann", "human:bob"] {
            for paths in [
                &[][..],
                &["src/a.rs"],
                &["a/b", "src/a"],
                &["docs/c.md", "z"],
            ] {
                for (label, kind, priority) in [
                    (None, None, None),
                    (Some("hot"), Some("bug"), Some(1)),
                    (Some("hut"), None, Some(2)),
                ] {
                    let actor: Actor = actor.parse().unwrap();
                    let resource = Resource {
                        task: priority.map(|_| "t-1".to_owned()),
                        paths: paths.iter().map(|path| (*path).into()).collect(),
                        labels: label.into_iter().map(str::to_owned).collect(),
                        task_type: kind.map(str::to_owned),
                        patterns: if priority == Some(2) {
                            vec!["src/**".to_owned()]
                        } else {
                            vec![]
                        },
                        ..Resource::default()
                    };
                    let facts = Facts {
                        task_priority: priority,
                        outside_paths: Some(vec![]),
                        ..Facts::default()
                    };
                    let request = Request {
                        action,
                        actor: &actor,
                        resource: &resource,
                        facts: &facts,
                    };
                    let effect = decide(state, &request).effect;
                    found.push((
                        action,
                        actor.kind,
                        effect,
                        format!("{action} {actor} {resource:?}"),
                    ));
                }
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Each example shows what its finding says, and what is told to hold always does on any question.
    #[test]
    fn what_is_told_is_so(made in policy()) {
        let state = state(&written(&made, None));
        let whole = answers(&state);
        for one in conflicts(&state, None).found {
            let decision = one.example.as_ref().map(|asked| asked.ask(|request| decide(&state, request)));
            prop_assert_eq!(decision.as_ref().map(|decision| decision.effect), one.effect);
            let matched = |id: &str| decision.as_ref().unwrap().matched.iter().any(|rule| rule.rule == id);
            match one.kind {
                ConflictKind::Meet => {
                    for rule in one.rules.iter().filter(|_| !one.may) {
                        prop_assert!(matched(&rule.id), "{one:?}");
                    }
                    prop_assert!(one.rules[0].effect != one.rules[1].effect);
                }
                ConflictKind::Shadowed | ConflictKind::Redundant | ConflictKind::NeverMatches => {
                    if one.kind != ConflictKind::NeverMatches {
                        prop_assert!(matched(&one.rules[0].id), "{one:?}");
                    }
                    let without = super::tests::state(&written(&made, Some(&one.rules[0].id)));
                    for (with, without) in whole.iter().zip(answers(&without)) {
                        prop_assert_eq!(with.2, without.2, "{:?}: {}", one, with.3);
                    }
                }
                ConflictKind::Undecided => prop_assert!(false, "{one:?}"),
                ConflictKind::AlwaysDenied | ConflictKind::AlwaysAllowed => {
                    let asked = whole.iter().filter(|(action, kind, ..)| Some(*action) == one.action && Some(*kind) == one.actor_kind);
                    for (_, _, effect, question) in asked {
                        prop_assert_eq!(Some(*effect), one.effect, "{:?}: {}", one, question);
                    }
                }
            }
        }
    }

    #[test]
    fn a_shared_name_is_one_and_none_is_missed(a in "[ab*?]{0,5}", b in "[ab*?]{0,5}") {
        let one = |pattern: &str, name: &str| NameGlobs::new([pattern]).unwrap().matches(name);
        match shared_name(&[&a, &b], &SearchBudget::new(100_000, 0)) {
            Some(name) => prop_assert!(one(&a, &name) && one(&b, &name), "{}", name),
            None => {
                for name in names() {
                    prop_assert!(!(one(&a, &name) && one(&b, &name)), "{}", name);
                }
            }
        }
        if covers_name(&a, &b) {
            for name in names() {
                prop_assert!(one(&a, &name) || !one(&b, &name), "{}", name);
            }
        }
    }

    #[test]
    fn whoever_covers_actors_matches_all_of_them(a in "(agent:|hu*:|)[ab*?]{1,4}", b in "(agent:|human:|\\*:|)[ab*?]{1,4}") {
        let globs = |text: &str| NameGlobs::new([text]).unwrap();
        let (wide, narrow) = (globs(&a), globs(&b));
        if covers_actors(Some(&wide), Some(&narrow)) {
            for name in names().into_iter().filter(|name| !name.is_empty()) {
                for kind in ["agent", "human"] {
                    let label = format!("{kind}:{name}");
                    prop_assert!(wide.matches_actor(&label) || !narrow.matches_actor(&label), "{}", label);
                }
            }
        }
    }
}

/// All names of at most four of three letters.
fn names() -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|name| ["a", "b", "x"].map(|letter| format!("{name}{letter}")))
            .collect();
        all.extend(last.clone());
    }
    all
}

/// The searches of a hundred rules whose patterns have as many states as patterns may, each pair of which takes the
/// most that a search can, are paid from one budget; what it does not pay for is named. Without it they would go
/// through a hundred times as many places.
#[test]
fn a_hostile_policy_is_looked_at_within_a_budget() {
    let stars = "a*".repeat(110);
    let rules: String = (0..100)
        .map(|n| {
            let effect = ["deny", "warn"][n % 2];
            format!("  - {{id: r{n}, on: edit, paths: '{stars}{n}', actors: '*{stars}{n}', effect: {effect}, reason: x}}\n")
        })
        .collect();
    let found = conflicts(&state(&format!("default: allow\nrules:\n{rules}")), None);
    let named = |kind: ConflictKind| found.found.iter().filter(|one| one.kind == kind).count();
    let pairs = 100 * 50 / 2;
    assert!(found.undecided > pairs / 2, "{}", found.undecided);
    assert_eq!(named(ConflictKind::Undecided), 100);
}

/// A policy of a hundred rules that nobody wrote to do harm is decided whole.
#[test]
fn the_budget_is_enough_for_an_ordinary_policy() {
    let rules: String = (0..100)
        .map(|n| {
            let effect = ["deny", "warn"][n % 2];
            format!("  - {{id: r{n}, on: edit, paths: ['src/**/m{n}*.rs', 'docs/*{n}/'], actors: 'agent:c*', effect: {effect}, reason: x}}\n")
        })
        .collect();
    let found = conflicts(&state(&format!("default: allow\nrules:\n{rules}")), None);
    assert_eq!(found.undecided, 0);
}
