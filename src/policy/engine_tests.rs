//! Tests of the policy function: strictest wins, order does not matter, nothing unreadable lets
//! anything through.

use super::*;
use crate::domain::actor::Actor;
use crate::domain::agent_imports::ImportedFile;
use crate::domain::decision::Resource;
use crate::domain::facts::Facts;
use crate::domain::path_pattern::CaseMode;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;
use crate::policy::gather::{BadFile, proven};
use crate::policy::load::FILE;
use crate::policy::packs::PACKS;
use crate::policy::show::show;
use crate::policy::source::PolicySource;
use proptest::prelude::*;

fn actor(text: &str) -> Actor {
    text.parse().unwrap()
}

fn state(text: &str) -> PolicyState {
    let state = PolicyState::from_bytes(Some(text.as_bytes()), FILE);
    assert!(matches!(state, PolicyState::Loaded(_)), "{state:?}");
    state
}

fn rules(default: &str, rules: &[&str]) -> PolicyState {
    let rules: String = rules
        .iter()
        .map(|rule| format!("  - {{{rule}}}\n"))
        .collect();
    state(&format!("version: 1\ndefault: {default}\nrules:\n{rules}"))
}

fn on_paths(paths: &[&str]) -> Resource {
    Resource {
        paths: paths.iter().copied().map(RepoPath::from).collect(),
        ..Resource::default()
    }
}

fn on_patterns(patterns: &[&str]) -> Resource {
    Resource {
        patterns: patterns.iter().map(|p| (*p).to_owned()).collect(),
        ..Resource::default()
    }
}

fn ask(state: &PolicyState, action: Action, by: &str, resource: &Resource) -> Decision {
    let (actor, facts) = (actor(by), Facts::default());
    decide(
        state,
        &Request {
            action,
            actor: &actor,
            resource,
            facts: &facts,
        },
    )
}

/// The answer about these paths, of which instructions import `docs/r.md`.
fn ask_of_imported(state: &PolicyState, paths: &[&str]) -> String {
    let (actor, resource) = (actor("agent:a"), on_paths(paths));
    let facts = Facts {
        imported_paths: vec![ImportedFile {
            path: "docs/r.md".into(),
            by: "AGENTS.md".into(),
        }],
        ..Facts::default()
    };
    let decision = decide(
        state,
        &Request {
            action: Action::Edit,
            actor: &actor,
            resource: &resource,
            facts: &facts,
        },
    );
    format!("{} {}: {}", decision.effect, decision.rule, decision.reason)
}

#[test]
fn a_rule_that_follows_imports_is_about_what_instructions_import() {
    let follows = "id: a, on: [edit], paths: [AGENTS.md], agent_imports: true, effect: require_approval, reason: x";
    let state = rules("allow", &[follows]);
    assert!(state.follows_imports());
    let told = "require_approval a: x; AGENTS.md imports it (docs/r.md)";
    assert_eq!(ask_of_imported(&state, &["docs/r.md"]), told);
    assert_eq!(ask_of_imported(&state, &["docs/o.md", "docs/r.md"]), told);
    assert_eq!(
        ask_of_imported(&state, &["AGENTS.md", "docs/r.md"]),
        "require_approval a: x (AGENTS.md)"
    );
    let free = "allow default: no rule of the policy matches; its default says so";
    assert_eq!(ask_of_imported(&state, &["docs/o.md"]), free);
    let other = rules("allow", &[&follows.replace(", agent_imports: true", "")]);
    assert!(!other.follows_imports());
    assert_eq!(ask_of_imported(&other, &["docs/r.md"]), free);
    // It answers for the file that is imported, and for no other beside it.
    let allows = follows.replace("require_approval", "allow");
    let state = rules("deny", &[&allows]);
    let effect = |paths: &[&str]| {
        ask_of_imported(&state, paths)
            .split(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    assert_eq!(effect(&["docs/r.md"]), "allow");
    assert_eq!(effect(&["docs/r.md", "docs/o.md"]), "deny");
}

#[test]
fn a_file_that_was_proven_before_answers_as_a_new_one() {
    for pack in PACKS {
        let new = state(pack.text);
        let proven = proven(pack.text);
        let resources = [
            Resource::default(),
            on_paths(&[".github/workflows/ci.yml", "src/a.rs"]),
            on_paths(&["docs/.env", ".ai/policy.yaml"]),
            on_paths(&["sub/AGENTS.md", "Cargo.toml"]),
            on_patterns(&["**/*.pem", "src/"]),
            on_patterns(&[".ai/**", "@auth"]),
        ];
        for &action in Action::ALL {
            for by in ["agent:codex", "human:ann"] {
                for resource in &resources {
                    assert_eq!(
                        ask(&proven, action, by, resource),
                        ask(&new, action, by, resource),
                        "{} {action} {by} {resource:?}",
                        pack.name
                    );
                }
            }
        }
    }
}

fn effect(state: &PolicyState, action: Action, by: &str, paths: &[&str]) -> Effect {
    ask(state, action, by, &on_paths(paths)).effect
}

const DENY_CI: &str = "id: ci, on: [edit, run.finish], paths: [ci/], effect: deny, reason: ours";

#[test]
fn without_a_file_only_the_files_of_ai_are_guarded() {
    let none = PolicyState::Absent;
    for action in Action::ALL.iter().copied() {
        assert_eq!(
            effect(&none, action, "human:alice", &[".ai/policy.yaml", "src/a"]),
            Effect::Allow,
            "{action}"
        );
    }
    for path in [
        ".ai/policy.yaml",
        ".AI/Policy.yaml",
        ".ai/workflows/x.yaml",
        ".ai",
    ] {
        for action in [
            Action::Edit,
            Action::RunFinish,
            Action::TaskAccept,
            Action::Commit,
        ] {
            assert_eq!(
                effect(&none, action, "agent:codex", &["src/a", path]),
                Effect::RequireApproval,
                "{path}"
            );
        }
    }
    assert_eq!(
        effect(
            &none,
            Action::RunFinish,
            "agent:codex",
            &["src/a", ".aim/x"]
        ),
        Effect::Allow
    );
    assert_eq!(
        effect(&none, Action::Trust, "agent:codex", &[]),
        Effect::Deny
    );
    assert_eq!(
        effect(&none, Action::TaskOverride, "daemon:main", &[]),
        Effect::RequireApproval
    );
}

#[test]
fn the_strictest_rule_wins_and_all_are_named() {
    let policy = rules(
        "allow",
        &[
            DENY_CI,
            "id: look, on: ['*'], effect: warn, reason: look",
            "id: fine, on: ['run.*'], effect: allow",
        ],
    );
    let decision = ask(
        &policy,
        Action::RunFinish,
        "agent:codex",
        &on_paths(&["src/a", "ci/x.yml"]),
    );
    assert_eq!(
        (decision.effect, decision.layer, decision.rule.as_str()),
        (Effect::Deny, PolicyLayer::Project, "ci")
    );
    assert_eq!(decision.reason, "ours (ci/x.yml)");
    let named: Vec<&str> = decision.matched.iter().map(|m| m.rule.as_str()).collect();
    assert_eq!(named, ["ci", "fine", "look"]);
    assert_eq!(
        effect(&policy, Action::RunFinish, "agent:codex", &["src/a"]),
        Effect::Warn
    );
}

#[test]
fn an_allow_for_some_paths_does_not_carry_the_others_through() {
    let policy = rules(
        "deny",
        &["id: docs, on: [edit], paths: [docs/], effect: allow"],
    );
    assert_eq!(
        effect(&policy, Action::Edit, "agent:a", &["docs/a", "docs/b"]),
        Effect::Allow
    );
    let mixed = ask(
        &policy,
        Action::Edit,
        "agent:a",
        &on_paths(&["docs/a", "src/b"]),
    );
    assert_eq!(
        (mixed.effect, mixed.rule.as_str()),
        (Effect::Deny, DEFAULT_RULE)
    );
    assert_eq!(effect(&policy, Action::Edit, "agent:a", &[]), Effect::Deny);
    let claim = |patterns: &[&str]| {
        let policy = rules(
            "deny",
            &["id: docs, on: [task.claim], paths: [docs/], effect: allow"],
        );
        ask(
            &policy,
            Action::TaskClaim,
            "agent:a",
            &on_patterns(patterns),
        )
        .effect
    };
    assert_eq!(claim(&["docs/**"]), Effect::Allow);
    assert_eq!(claim(&["**"]), Effect::Deny);
    assert_eq!(claim(&["docs/a", "d*"]), Effect::Deny);
}

#[test]
fn a_deny_holds_for_every_pattern_that_can_reach_it() {
    let policy = rules(
        "allow",
        &["id: ci, on: [task.claim], paths: [ci/], effect: deny, reason: ours"],
    );
    for pattern in ["**", "ci/*.yml", "c*"] {
        let decision = ask(
            &policy,
            Action::TaskClaim,
            "agent:a",
            &on_patterns(&[pattern]),
        );
        assert_eq!(decision.effect, Effect::Deny, "{pattern}");
    }
    assert_eq!(
        ask(
            &policy,
            Action::TaskClaim,
            "agent:a",
            &on_patterns(&["src/**"])
        )
        .effect,
        Effect::Allow
    );
}

#[test]
fn actors_labels_and_types_narrow_a_rule() {
    let policy = rules(
        "allow",
        &[
            "id: r, on: [task.claim], actors: ['agent:co*'], labels: [risky, 'sec*'], types: [bug], effect: deny, reason: x",
        ],
    );
    let task = |labels: &[&str], task_type: Option<&str>| Resource {
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        task_type: task_type.map(str::to_owned),
        ..Resource::default()
    };
    let ask = |by: &str, resource: &Resource| ask(&policy, Action::TaskClaim, by, resource).effect;
    assert_eq!(
        ask("agent:codex", &task(&["ui", "security"], Some("bug"))),
        Effect::Deny
    );
    assert_eq!(
        ask("agent:claude", &task(&["risky"], Some("bug"))),
        Effect::Allow
    );
    assert_eq!(
        ask("human:codex", &task(&["risky"], Some("bug"))),
        Effect::Allow
    );
    assert_eq!(
        ask("agent:codex", &task(&["ui"], Some("bug"))),
        Effect::Allow
    );
    assert_eq!(ask("agent:codex", &task(&[], Some("bug"))), Effect::Allow);
    assert_eq!(ask("agent:codex", &task(&["risky"], None)), Effect::Allow);
}

#[test]
fn kinds_and_names_of_tools_narrow_a_rule() {
    let text = "id: r, on: [tool.call, edit], kinds: [execute, fetch], tools: ['rm *', 'curl*'], effect: deny, reason: x";
    let policy = rules("allow", &[text]);
    let call = |kind: Option<ToolKind>, tool: &str| Resource {
        kind,
        tool: Some(tool.to_owned()),
        ..Resource::default()
    };
    let effect = |resource: &Resource| ask(&policy, Action::ToolCall, "agent:a", resource).effect;
    assert_eq!(
        effect(&call(Some(ToolKind::Execute), "rm -rf /")),
        Effect::Deny
    );
    assert_eq!(effect(&call(Some(ToolKind::Fetch), "curl x")), Effect::Deny);
    assert_eq!(
        effect(&call(Some(ToolKind::Read), "rm -rf /")),
        Effect::Allow
    );
    assert_eq!(effect(&call(Some(ToolKind::Execute), "ls")), Effect::Allow);
    assert_eq!(
        effect(&call(None, "rm -rf /")),
        Effect::Allow,
        "what is no tool has no kind"
    );
    assert_eq!(
        show(&policy, None)
            .rules
            .iter()
            .find(|rule| rule.id == "r")
            .unwrap()
            .kinds
            .len(),
        2
    );
}

#[test]
fn a_policy_that_cannot_be_read_denies_and_says_so() {
    for text in [
        "",
        "version: 1\ndefault: allow\nrules: [{id: r, on: push, effect: allow, when: 'task.risk > 2'}]\n",
    ] {
        let state = PolicyState::from_bytes(Some(text.as_bytes()), FILE);
        for action in Action::ALL.iter().copied() {
            for by in [
                "human:alice",
                "agent:codex",
                "daemon:main",
                "hook:pre-commit",
            ] {
                let decision = ask(&state, action, by, &on_paths(&["src/a"]));
                let harmless = action.nature() == Nature::Harmless;
                assert_eq!(
                    decision.effect,
                    if harmless { Effect::Warn } else { Effect::Deny },
                    "{action} {by}"
                );
                assert!(
                    decision.reason.contains(FILE) && !decision.reason.contains('\n'),
                    "{}",
                    decision.reason
                );
            }
        }
    }
    let unread = PolicyState::read(
        &|_: &PolicySource| Err(BadFile::of_read_error("permission denied", FILE)),
        &[],
    );
    let decision = ask(&unread, Action::Commit, "agent:a", &on_paths(&[]));
    assert_eq!(
        (decision.effect, decision.policy_digest.as_str()),
        (Effect::Deny, "unreadable")
    );
}

#[test]
fn a_human_can_repair_a_broken_policy_and_nothing_else() {
    let broken = PolicyState::from_bytes(Some(b"default: allow"), FILE);
    assert_eq!(
        effect(&broken, Action::Commit, "human:alice", &[FILE]),
        Effect::Warn
    );
    assert_eq!(
        effect(&broken, Action::Commit, "human:alice", &[FILE, "src/a"]),
        Effect::Deny
    );
    assert_eq!(
        effect(&broken, Action::Commit, "human:alice", &[]),
        Effect::Deny
    );
    assert_eq!(
        effect(&broken, Action::Commit, "agent:codex", &[FILE]),
        Effect::Deny
    );
    assert_eq!(
        effect(&broken, Action::Trust, "human:alice", &[FILE]),
        Effect::Deny
    );
}

#[test]
fn a_file_may_replace_only_what_is_replaceable() {
    let policy = rules(
        "allow",
        &[
            "id: built-in.protect-ai, on: [edit], paths: [.ai/policy.yaml], effect: deny, reason: never",
        ],
    );
    assert_eq!(
        effect(&policy, Action::Edit, "agent:a", &[".ai/workflows/x"]),
        Effect::Allow
    );
    assert_eq!(
        effect(&policy, Action::Edit, "agent:a", &[FILE]),
        Effect::Deny
    );
    let loose = rules("allow", &["id: all, on: ['*'], effect: allow"]);
    assert_eq!(
        effect(&loose, Action::Edit, "agent:a", &[FILE]),
        Effect::RequireApproval
    );
    assert_eq!(effect(&loose, Action::Trust, "agent:a", &[]), Effect::Deny);
}

#[test]
fn another_spelling_is_the_same_path_where_the_file_system_says_so() {
    let policy = rules("allow", &[DENY_CI]);
    let (actor, resource) = (actor("agent:a"), on_paths(&["CI/x.yml"]));
    let ask = |path_case| {
        let facts = Facts {
            path_case,
            ..Facts::default()
        };
        decide(
            &policy,
            &Request {
                action: Action::Edit,
                actor: &actor,
                resource: &resource,
                facts: &facts,
            },
        )
        .effect
    };
    assert_eq!(
        (ask(CaseMode::Folding), ask(CaseMode::Sensitive)),
        (Effect::Deny, Effect::Allow)
    );
}

#[test]
fn limits_speak_through_the_same_function() {
    let policy = state("version: 1\ndefault: allow\nlimits: {max_attempts: 2}\n");
    let (actor, resource) = (actor("agent:a"), Resource::default());
    let facts = Facts {
        attempts_used: Some(2),
        ..Facts::default()
    };
    let decision = decide(
        &policy,
        &Request {
            action: Action::RunStart,
            actor: &actor,
            resource: &resource,
            facts: &facts,
        },
    );
    assert_eq!(
        (decision.effect, decision.rule.as_str()),
        (Effect::Deny, "limit.max_attempts")
    );
    assert_eq!(decision.facts_digest, facts.digest());
}

#[test]
fn the_shown_form_has_all_rules_by_layer_and_id() {
    let shown = show(
        &rules(
            "deny",
            &[
                "id: b, on: '*', effect: allow",
                "id: a, on: 'task.*', paths: [./src/], effect: allow",
            ],
        ),
        None,
    );
    let ids: Vec<&str> = shown.rules.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "built-in.humans-override",
            "built-in.humans-trust",
            "built-in.protect-ai",
            "a",
            "b"
        ]
    );
    assert_eq!(
        (
            shown.rules[3].paths.as_slice(),
            shown.rules[3].on.as_slice()
        ),
        (&["src".to_owned()][..], &["task.*".to_owned()][..])
    );
    let broken = show(&PolicyState::from_bytes(Some(b"x: 1"), FILE), None);
    assert_eq!(
        (broken.state, broken.default, broken.rules.len()),
        ("unreadable", Effect::Deny, 0)
    );
    assert!(!broken.problems.is_empty());
}

const POOL: [&str; 6] = [
    "on: ['*'], effect: allow",
    "on: [edit], paths: [a/], effect: deny, reason: x",
    "on: [edit], paths: [b/, '*.md'], effect: require_approval, reason: x",
    "on: ['task.*'], effect: warn, reason: x",
    "on: [edit, task.claim], actors: ['agent:*'], effect: warn, reason: x",
    "on: [edit], paths: ['**'], effect: allow",
];

fn pool(order: &[usize], default: &str) -> PolicyState {
    let texts: Vec<String> = order
        .iter()
        .map(|i| format!("id: r{i}, {}", POOL[*i]))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    if texts.is_empty() {
        state(&format!("version: 1\ndefault: {default}\n"))
    } else {
        rules(default, &texts)
    }
}

fn some_rules() -> impl Strategy<Value = Vec<usize>> {
    proptest::sample::subsequence((0..POOL.len()).collect::<Vec<_>>(), 0..=POOL.len())
        .prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn order_never_matters_and_the_strictest_wins(
        order in some_rules(),
        action in prop::sample::select(Action::ALL),
        default in prop::sample::select(vec!["allow", "deny"]),
        paths in prop::collection::vec(prop::sample::select(vec!["a/x", "b/x", "c.md", "src/x", ".ai/x"]), 0..4),
        by in prop::sample::select(vec!["agent:a", "human:a"]),
    ) {
        let mut sorted = order.clone();
        sorted.sort_unstable();
        let without_digest = |d: Decision| (d.effect, d.layer, d.rule, d.reason, d.matched);
        let resource = on_paths(&paths);
        let one = without_digest(ask(&pool(&order, default), action, by, &resource));
        let two = without_digest(ask(&pool(&sorted, default), action, by, &resource));
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(Some(one.0), one.4.iter().map(|m| m.effect).max());
        prop_assert!(one.4.iter().any(|m| m.rule == one.2 && m.effect == one.0));
    }

    #[test]
    fn asking_about_more_paths_is_never_looser(
        order in some_rules(),
        default in prop::sample::select(vec!["allow", "deny"]),
        paths in prop::collection::vec(prop::sample::select(vec!["a/x", "b/x", "c.md", "src/x", ".ai/x"]), 1..4),
        more in prop::sample::select(vec!["a/y", "b/y", "d.md", "src/y", ".ai/y"]),
    ) {
        let policy = pool(&order, default);
        let few = effect(&policy, Action::Edit, "agent:a", &paths);
        let all: Vec<&str> = paths.iter().copied().chain([more]).collect();
        prop_assert!(effect(&policy, Action::Edit, "agent:a", &all) >= few);
    }

    #[test]
    fn a_rule_more_is_never_looser_where_the_default_allows(order in some_rules(), extra in 0..POOL.len(), path in prop::sample::select(vec!["a/x", "b/x", "src/x"])) {
        let fewer: Vec<usize> = order.iter().copied().filter(|i| *i != extra).collect();
        let more: Vec<usize> = fewer.iter().copied().chain([extra]).collect();
        let ask = |order: &[usize]| effect(&pool(order, "allow"), Action::Edit, "agent:a", &[path]);
        prop_assert!(ask(&more) >= ask(&fewer));
    }

    #[test]
    fn no_bytes_panic_and_none_but_a_sound_file_allows(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let state = PolicyState::from_bytes(Some(&bytes), FILE);
        if matches!(state, PolicyState::Unreadable(_)) {
            prop_assert_eq!(effect(&state, Action::Push, "human:a", &[]), Effect::Deny);
        }
    }
}

#[test]
fn rules_know_a_person_by_login_and_by_address() {
    let login = actor("human:annlee").name;
    let ann = Actor::by_git("ann@example.com", Some(login)).unwrap();
    let state = |who: &str, effect: &str, default: &str| {
        let rule = format!("id: r, on: [edit], actors: [\"{who}\"], effect: {effect}, reason: r");
        rules(default, &[&rule])
    };
    for (who, matches) in [
        ("human:annlee", true),
        ("annlee", true),
        ("human:ann@*", true),
        ("human:*@example.com", true),
        ("human:other", false),
        ("agent:*", false),
    ] {
        for (effect, default) in [("deny", "allow"), ("allow", "deny")] {
            let facts = Facts::default();
            let request = Request {
                action: Action::Edit,
                actor: &ann,
                resource: &on_paths(&["a"]),
                facts: &facts,
            };
            let answer = decide(&state(who, effect, default), &request)
                .effect
                .to_string();
            let wanted = if matches { effect } else { default };
            assert_eq!(answer, wanted, "{who} {effect}");
        }
    }
}

#[test]
fn a_rule_that_observes_is_recorded_and_decides_nothing() {
    let observer = |would: &str| {
        format!("id: o, on: [edit], paths: [src/], effect: observe{would}, reason: tried")
    };
    for (would, effect) in [
        ("", Effect::Deny),
        (", would: warn", Effect::Warn),
        (", would: allow", Effect::Allow),
    ] {
        for default in ["allow", "deny"] {
            let state = rules(default, &[&observer(would)]);
            let decision = ask(&state, Action::Edit, "human:ann", &on_paths(&["src/a"]));
            let default: Effect =
                serde_json::from_value(serde_json::Value::String(default.into())).unwrap();
            assert_eq!(
                (decision.effect, decision.rule.as_str()),
                (default, DEFAULT_RULE)
            );
            let observed = decision.observed.first().unwrap();
            assert_eq!((observed.rule.as_str(), observed.effect), ("o", effect));
            let record = decision.record(
                "d-1".into(),
                0,
                Action::Edit,
                &actor("human:ann"),
                &on_paths(&["src/a"]),
            );
            assert_eq!(
                record.would_be(),
                Some(effect).filter(|would| *would > default)
            );
        }
    }
    let elsewhere = ask(
        &rules("allow", &[&observer("")]),
        Action::Edit,
        "human:ann",
        &on_paths(&["docs/a"]),
    );
    assert_eq!(elsewhere.observed, []);
    // A built-in rule stands beside one that only observes in its name.
    let own = "id: built-in.protect-ai, on: [edit], effect: observe, reason: tried";
    let decision = ask(
        &rules("allow", &[own]),
        Action::Edit,
        "agent:x",
        &on_paths(&[".ai/policy.yaml"]),
    );
    assert_eq!(decision.effect, Effect::RequireApproval);
}

#[test]
fn giving_back_is_denied_by_a_rule_and_never_by_the_default() {
    for action in [Action::TaskRelease, Action::LockRelease, Action::RunStop] {
        for default in ["deny", "require_approval"] {
            let open = ask(
                &rules(default, &["id: r, on: [edit], effect: allow"]),
                action,
                "agent:x",
                &Resource::default(),
            );
            assert_eq!(
                (open.effect, open.rule.as_str()),
                (Effect::Allow, DEFAULT_RULE)
            );
        }
        let own = format!("id: r, on: [{action}], effect: deny, reason: it stays");
        let shut = ask(
            &rules("allow", &[&own]),
            action,
            "agent:x",
            &Resource::default(),
        );
        assert_eq!((shut.effect, shut.rule.as_str()), (Effect::Deny, "r"));
    }
}

#[test]
fn the_page_says_of_each_action_whether_it_is_asked() {
    let page = include_str!("../../docs/policy.md");
    let (_, unasked) = page.split_once("nothing asks about them yet:").unwrap();
    let (unasked, _) = unasked.split_once(" What guards").unwrap();
    for action in Action::ALL {
        let name = format!("`{action}`");
        let listed = unasked.contains(&name) && !unasked.contains(&format!("({name} is asked)"));
        assert_eq!(listed, Action::UNASKED.contains(action), "{action}");
        assert!(
            page.contains(&name) || *action == Action::Trust || *action == Action::Import,
            "{action}"
        );
    }
}
