//! Tests of what several files make together: what a file extends, and layers that lie on one another.

use crate::base::yaml::YamlProblems;
use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::{Decision, Effect, MatchedRule, PolicyLayer, Resource};
use crate::domain::facts::Facts;
use crate::domain::path_pattern::CaseMode;
use crate::domain::policy_override::PolicyOverride;
use crate::policy::asked::Request;
use crate::policy::engine::decide;
use crate::policy::gather::BadFile;
use crate::policy::model::{PolicyPart, PolicyState};
use crate::policy::overrides::soften;
use crate::policy::packs::pack;
use crate::policy::replay::replay;
use crate::policy::show::show;
use crate::policy::source::PolicySource;
use proptest::prelude::*;
use std::collections::BTreeMap;

const OF_USER: &str = "~/policy.yaml";
const OF_PROJECT: &str = ".ai/policy.yaml";
const OF_BOT: &str = ".ai/agents/bot/policy.yaml";
const HEAD: &str = "version: 1\ndefault: allow\n";

/// The policy of files with these names and texts.
fn policy(files: &[(&str, &str)]) -> PolicyState {
    let files: BTreeMap<String, &str> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), *text))
        .collect();
    let read = |source: &PolicySource| {
        let (name, text) = match source {
            PolicySource::Pack(pack) => (pack.file(), Some(pack.text)),
            PolicySource::OfUser(path) => {
                let name = format!("~/{path}");
                (name.clone(), files.get(&name).copied())
            }
            PolicySource::OfProject(path) => {
                let name = format!(".ai/{path}");
                (name.clone(), files.get(&name).copied())
            }
            PolicySource::OfAgentFile(_) => {
                let name = source.name();
                return files.get(&name).map_or(Ok(None), |text| {
                    PolicyPart::of_agent_file(text.as_bytes(), &name)
                        .map_err(|problems| BadFile::of_bytes(problems, text.as_bytes()))
                });
            }
        };
        text.map(|text| {
            PolicyPart::from_bytes(text.as_bytes(), &name)
                .map_err(|problems| BadFile::of_bytes(problems, text.as_bytes()))
        })
        .transpose()
    };
    PolicyState::read(&read, &["bot".to_owned(), "other".to_owned()])
}

fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let bad = policy(files);
    bad.bad_files()
        .iter()
        .map(|file| YamlProblems::to_string(file))
        .collect()
}

fn asked(state: &PolicyState, by: &str, action: Action, paths: &[&str]) -> Decision {
    let actor: Actor = by.parse().unwrap();
    let resource = Resource {
        paths: paths.iter().map(|path| (*path).into()).collect(),
        ..Resource::default()
    };
    let facts = Facts {
        outside_paths: Some(Vec::new()),
        ..Facts::default()
    };
    decide(
        state,
        &Request {
            action,
            actor: &actor,
            resource: &resource,
            facts: &facts,
        },
    )
}

fn won(state: &PolicyState, by: &str, action: Action, paths: &[&str]) -> (Effect, PolicyLayer) {
    let decision = asked(state, by, action, paths);
    (decision.effect, decision.layer)
}

fn rule(text: &str) -> String {
    format!("version: 1\nrules:\n  - {{reason: x, {text}}}\n")
}

#[test]
fn what_is_extended_counts_and_the_strictest_answers() {
    let own = rule("id: own, on: edit, paths: docs/, effect: deny");
    let files = [
        (
            OF_PROJECT,
            "version: 1\nextends: [default, ./policies/own.yaml]\nlimits: {max_diff_lines: 90}\n",
        ),
        (".ai/policies/own.yaml", own.as_str()),
    ];
    let state = policy(&files);
    assert_eq!(problems(&files), [""; 0]);
    for (path, wanted) in [
        (".github/a.yml", Effect::RequireApproval),
        ("docs/a.md", Effect::Deny),
        ("src/a.rs", Effect::Allow),
    ] {
        let (effect, _) = won(&state, "agent:bot", Action::Edit, &[path]);
        assert_eq!(effect, wanted, "{path}");
    }
    let shown = show(&state, None);
    assert_eq!(shown.limits.max_diff_lines, Some(90), "the smaller one");
    assert_eq!(shown.limits.max_attempts, Some(5));
    let files: Vec<&str> = shown.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(files, [OF_PROJECT, ".ai/policies/own.yaml", "pack:default"]);
    let place = |id: &str| {
        let rule = shown.rules.iter().find(|rule| rule.id == id).unwrap();
        (rule.file.clone().unwrap_or_default(), rule.line)
    };
    assert_eq!(place("own"), (".ai/policies/own.yaml".to_owned(), 3));
    assert_eq!(place("ci-needs-a-human"), ("pack default".to_owned(), 15));
    assert_eq!(place("built-in.humans-trust"), (String::new(), 0));
}

#[test]
fn the_digest_covers_every_file_that_took_part() {
    let text = format!("{HEAD}extends: ./policies/own.yaml\n");
    let one = rule("id: a, on: edit, effect: deny");
    let two = rule("id: a, on: edit, effect: warn");
    let digest = |files: &[(&str, &str)], by: &str| {
        asked(&policy(files), by, Action::Edit, &[]).policy_digest
    };
    let single = [(OF_PROJECT, HEAD)];
    assert_eq!(
        digest(&single, "agent:bot"),
        crate::base::hash::sha256_hex(HEAD.as_bytes())
    );
    let own = |text| [(OF_PROJECT, text), (".ai/policies/own.yaml", one.as_str())];
    let all = [
        digest(&single, "agent:bot"),
        digest(&own(&text), "agent:bot"),
        digest(
            &[(OF_PROJECT, &text), (".ai/policies/own.yaml", &two)],
            "agent:bot",
        ),
        digest(&[(OF_PROJECT, HEAD), (OF_USER, &one)], "agent:bot"),
        digest(&[(OF_USER, &one)], "agent:bot"),
        digest(&[(OF_PROJECT, HEAD), (OF_BOT, &one)], "agent:bot"),
    ];
    let different: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(different.len(), all.len());
    let with_bot = [(OF_PROJECT, HEAD), (OF_BOT, one.as_str())];
    assert_eq!(
        digest(&with_bot, "agent:other"),
        all[0],
        "no layer of its own"
    );
    assert_eq!(digest(&with_bot, "human:bot"), all[0], "nor has a person");
}

#[test]
fn chains_that_lead_nowhere_are_named_with_their_place() {
    let extends = |what: &str| format!("version: 1\ndefault: allow\nextends: [{what}]\n");
    let a = extends("./policies/a.yaml");
    let b = extends("./policies/b.yaml");
    let pair = extends("./policies/a.yaml, ./policies/b.yaml");
    let deep: Vec<(String, String)> = (0..12)
        .map(|n| {
            (
                format!(".ai/policies/p{n}.yaml"),
                extends(&format!("./policies/p{}.yaml", n + 1)),
            )
        })
        .collect();
    let deep_root = extends("./policies/p0.yaml");
    let mut deep_files = vec![(OF_PROJECT, deep_root.as_str())];
    deep_files.extend(
        deep.iter()
            .map(|(name, text)| (name.as_str(), text.as_str())),
    );
    for (name, files, wanted) in [
        (
            "missing",
            vec![(OF_PROJECT, a.as_str())],
            ".ai/policy.yaml:3:11: there is no file .ai/policies/a.yaml; correct the name, or write the file",
        ),
        (
            "cycle",
            vec![
                (OF_PROJECT, &a),
                (".ai/policies/a.yaml", &b),
                (".ai/policies/b.yaml", &a),
            ],
            ".ai/policies/b.yaml:3:11: the file extends itself: .ai/policies/a.yaml → .ai/policies/b.yaml → .ai/policies/a.yaml",
        ),
        (
            "itself",
            vec![(OF_PROJECT, &a), (".ai/policies/a.yaml", &a)],
            ".ai/policies/a.yaml:3:11: the file extends itself: .ai/policies/a.yaml → .ai/policies/a.yaml",
        ),
        (
            "deep",
            deep_files,
            ".ai/policies/p6.yaml:3:11: a policy has at most 32 files, of which at most 8 extend one another",
        ),
        (
            "broken",
            vec![
                (OF_PROJECT, &a),
                (".ai/policies/a.yaml", "version: 1\ndefault: no\n"),
            ],
            ".ai/policies/a.yaml:2:10: `default` cannot be `no`; known are allow, warn, require_approval, deny",
        ),
        (
            "silent",
            vec![(OF_PROJECT, "version: 1\n")],
            ".ai/policy.yaml:1:1: the policy needs `default`, which answers where no rule matches; write `default: allow` or `default: deny`",
        ),
    ] {
        assert_eq!(problems(&files), [wanted], "{name}");
        let decision = asked(&policy(&files), "human:a", Action::TaskCreate, &[]);
        assert_eq!(decision.effect, Effect::Deny, "{name}");
    }
    // Two ways lead to one file, which counts once.
    let diamond = [
        (OF_PROJECT, pair.as_str()),
        (".ai/policies/a.yaml", &extends("./policies/c.yaml")),
        (".ai/policies/b.yaml", &extends("./policies/c.yaml")),
        (
            ".ai/policies/c.yaml",
            &rule("id: c, on: edit, effect: warn"),
        ),
    ];
    assert_eq!(problems(&diamond), [""; 0]);
    let decision = asked(&policy(&diamond), "human:a", Action::Edit, &[]);
    assert_eq!(decision.matched.iter().filter(|m| m.rule == "c").count(), 1);
    // Two files have rules of one id: both stand, and the strictest answers, in either order.
    for text in [&pair, &extends("./policies/b.yaml, ./policies/a.yaml")] {
        let twice = policy(&[
            (OF_PROJECT, text),
            (
                ".ai/policies/a.yaml",
                &rule("id: c, on: edit, effect: warn"),
            ),
            (
                ".ai/policies/b.yaml",
                &rule("id: c, on: edit, effect: deny"),
            ),
        ]);
        assert_eq!(won(&twice, "human:a", Action::Edit, &[]).0, Effect::Deny);
    }
}

#[test]
fn a_whole_policy_has_a_bound_on_its_rules() {
    let many = |from: usize| {
        let rule = |n| format!("  - {{id: r{n}, on: edit, effect: allow}}\n");
        let rules: String = (from..from + 3_000).map(rule).collect();
        format!("version: 1\nrules:\n{rules}")
    };
    let (a, b) = (many(0), many(3_000));
    let files = [
        (
            OF_PROJECT,
            "version: 1\ndefault: allow\nextends: [./policies/a.yaml, ./policies/b.yaml]\n",
        ),
        (".ai/policies/a.yaml", a.as_str()),
        (".ai/policies/b.yaml", b.as_str()),
    ];
    assert_eq!(
        problems(&files),
        [".ai/policy.yaml: the files together have 6000 rules, and a policy has at most 5000"]
    );
}

#[test]
fn lower_layers_tighten_and_loosen_only_where_they_may() {
    let ask = |more: &str| {
        format!(
            "{HEAD}rules:\n  - {{id: r, on: [edit, push], paths: [docs/, src/], effect: require_approval, reason: x{more}}}\n"
        )
    };
    let bot = |text: &str| rule(&format!("id: r, {text}"));
    let loose = bot("on: edit, paths: docs/, effect: allow");
    let all = bot("on: '*', effect: allow");
    use Action::{Edit, Push};
    for (name, project, own, action, path, wanted) in [
        (
            "not marked",
            ask(""),
            &loose,
            Edit,
            "docs/a",
            Effect::RequireApproval,
        ),
        (
            "locked",
            ask(", locked: true"),
            &loose,
            Edit,
            "docs/a",
            Effect::RequireApproval,
        ),
        (
            "marked",
            ask(", overridable: true"),
            &loose,
            Edit,
            "docs/a",
            Effect::Allow,
        ),
        (
            "other path",
            ask(", overridable: true"),
            &loose,
            Edit,
            "src/a",
            Effect::RequireApproval,
        ),
        (
            "other action",
            ask(", overridable: true"),
            &loose,
            Push,
            "docs/a",
            Effect::RequireApproval,
        ),
        (
            "all of it",
            ask(", overridable: true"),
            &all,
            Push,
            "src/a",
            Effect::Allow,
        ),
        (
            "stricter",
            ask(", overridable: true"),
            &bot("on: edit, effect: deny"),
            Edit,
            "src/a",
            Effect::Deny,
        ),
        (
            "only looks",
            ask(", overridable: true"),
            &bot("on: edit, effect: observe, would: allow"),
            Edit,
            "src/a",
            Effect::RequireApproval,
        ),
        (
            "no value",
            ask(", overridable: true"),
            &bot("on: edit, when: change.lines > 1, effect: allow"),
            Edit,
            "src/a",
            Effect::Deny,
        ),
        (
            "not the case",
            ask(", overridable: true"),
            &bot("on: edit, when: 'actor.name == \"x\"', effect: allow"),
            Edit,
            "src/a",
            Effect::RequireApproval,
        ),
        (
            "another id",
            ask(", overridable: true"),
            &rule("id: s, on: edit, effect: allow"),
            Edit,
            "src/a",
            Effect::RequireApproval,
        ),
    ] {
        let state = policy(&[(OF_PROJECT, &project), (OF_BOT, own)]);
        assert_eq!(
            won(&state, "agent:bot", action, &[path]).0,
            wanted,
            "{name}"
        );
        // Nobody else has that layer.
        for by in ["agent:other", "human:bot"] {
            let without = won(&state, by, action, &[path]).0;
            assert_eq!(without, Effect::RequireApproval, "{name} {by}");
        }
    }
    // One of two paths is beyond the rule that answers in place: the rule above stands for both.
    let state = policy(&[(OF_PROJECT, &ask(", overridable: true")), (OF_BOT, &loose)]);
    assert_eq!(
        won(&state, "agent:bot", Action::Edit, &["docs/a", "src/a"]).0,
        Effect::RequireApproval
    );
    // A rule that answers in place of one answers for no more than that one does.
    let narrow = "version: 1\ndefault: deny\nrules:\n  - {id: r, on: edit, paths: docs/, effect: warn, reason: x, overridable: true}\n";
    let state = policy(&[(OF_PROJECT, narrow), (OF_BOT, &all)]);
    assert_eq!(
        won(&state, "agent:bot", Action::Edit, &["docs/a"]).0,
        Effect::Allow
    );
    assert_eq!(
        won(&state, "agent:bot", Action::Edit, &["src/a"]),
        (Effect::Deny, PolicyLayer::Project)
    );
}

#[test]
fn each_layer_answers_by_itself_and_is_named() {
    let user = format!(
        "{}limits: {{max_attempts: 2}}\n",
        rule("id: u, on: push, effect: deny, locked: true")
    );
    let project = "version: 1\ndefault: allow\noutside_paths: deny\n";
    let bot =
        "version: 1\ndefault: deny\nrules:\n  - {id: b, on: edit, paths: docs/, effect: allow}\n";
    let state = policy(&[(OF_USER, &user), (OF_PROJECT, project), (OF_BOT, bot)]);
    for (by, action, paths, wanted) in [
        (
            "agent:bot",
            Action::Push,
            &[][..],
            (Effect::Deny, PolicyLayer::Global),
        ),
        (
            "agent:bot",
            Action::Edit,
            &["docs/a"],
            (Effect::Allow, PolicyLayer::Agent),
        ),
        (
            "agent:bot",
            Action::Edit,
            &["src/a"],
            (Effect::Deny, PolicyLayer::Agent),
        ),
        (
            "agent:other",
            Action::Edit,
            &["src/a"],
            (Effect::Allow, PolicyLayer::Project),
        ),
        (
            "agent:other",
            Action::RunStart,
            &[],
            (Effect::Deny, PolicyLayer::Global),
        ),
    ] {
        assert_eq!(won(&state, by, action, paths), wanted, "{by} {action}");
    }
    // The user's alone, without a file of the project.
    let alone = policy(&[(OF_USER, &user)]);
    assert_eq!(
        won(&alone, "human:a", Action::Push, &[]),
        (Effect::Deny, PolicyLayer::Global)
    );
    assert_eq!(
        won(&alone, "human:a", Action::Edit, &[]),
        (Effect::Allow, PolicyLayer::BuiltIn)
    );
    // Only the agent whose layer cannot be read is kept from what is not harmless.
    let broken = policy(&[(OF_PROJECT, project), (OF_BOT, "x")]);
    assert_eq!(
        won(&broken, "agent:bot", Action::Edit, &[]),
        (Effect::Deny, PolicyLayer::Agent)
    );
    assert_eq!(
        won(&broken, "agent:other", Action::Edit, &[]).0,
        Effect::Allow
    );
    let broken = policy(&[(OF_USER, "x"), (OF_PROJECT, project)]);
    assert_eq!(
        won(&broken, "human:a", Action::Edit, &[]),
        (Effect::Deny, PolicyLayer::Global)
    );
}

/// What decides about an agent lies below `.ai/`, where no agent changes a file without a person's yes,
/// and no layer of an agent says otherwise.
#[test]
fn an_agent_cannot_loosen_what_binds_it() {
    let own = rule("id: built-in.protect-ai, on: '*', effect: allow");
    let state = policy(&[(OF_PROJECT, HEAD), (OF_BOT, &own)]);
    for path in [
        OF_PROJECT,
        OF_BOT,
        ".ai/policies/own.yaml",
        ".AI/agents/bot/policy.yaml",
    ] {
        for action in [
            Action::Edit,
            Action::RunFinish,
            Action::TaskAccept,
            Action::Commit,
            Action::Push,
        ] {
            let decision = asked(&state, "agent:bot", action, &[path]);
            assert_eq!(decision.effect, Effect::RequireApproval, "{action} {path}");
            assert_eq!(decision.rule, "built-in.protect-ai");
        }
    }
    // The user and the project may say it otherwise, as before.
    for file in [OF_USER, OF_PROJECT] {
        let text = own.replacen('\n', "\ndefault: allow\n", 1);
        let state = policy(&[(file, &text)]);
        assert_eq!(
            won(&state, "agent:bot", Action::Edit, &[OF_BOT]).0,
            Effect::Allow
        );
    }
    let said = policy(&[
        (OF_PROJECT, HEAD),
        (OF_BOT, "version: 1\noutside_paths: allow\n"),
    ]);
    assert_eq!(show(&said, Some("bot")).outside_paths, Effect::Warn);
}

#[test]
fn for_agents_the_policy_of_the_commit_beneath_answers_as_well() {
    let strict = format!(
        "{HEAD}rules:\n  - {{id: no-ci, on: [edit], paths: [ci/], effect: deny, reason: ours}}\n"
    );
    let open = format!(
        "{HEAD}rules:\n  - {{id: no-ci, on: [edit], paths: [ci/], effect: warn, reason: ours, overridable: true}}\n"
    );
    let loosens = "version: 1\nrules:\n  - {id: no-ci, on: [edit], paths: [ci/], effect: allow, reason: mine}\n".to_owned();
    let bad = "version: 2\n".to_owned();
    let of = |files: &[(&str, &String)]| {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        policy(&files)
    };
    type Files<'a> = &'a [(&'a str, &'a String)];
    let table: [(&str, Files<'_>, Option<Files<'_>>, [Effect; 3]); 7] = [
        ("no commit", &[(OF_PROJECT, &open)], None, [Effect::Warn; 3]),
        (
            "the same",
            &[(OF_PROJECT, &open)],
            Some(&[(OF_PROJECT, &open)]),
            [Effect::Warn; 3],
        ),
        (
            "a rule was loosened",
            &[(OF_PROJECT, &open)],
            Some(&[(OF_PROJECT, &strict)]),
            [Effect::Deny, Effect::Deny, Effect::Warn],
        ),
        (
            "a rule was tightened",
            &[(OF_PROJECT, &strict)],
            Some(&[(OF_PROJECT, &open)]),
            [Effect::Deny; 3],
        ),
        (
            "an agent has given itself a layer",
            &[(OF_PROJECT, &open), (OF_BOT, &loosens)],
            Some(&[(OF_PROJECT, &open)]),
            [Effect::Warn, Effect::Warn, Effect::Warn],
        ),
        (
            "the layer of an agent is gone",
            &[(OF_PROJECT, &open)],
            Some(&[(OF_PROJECT, &open), (OF_BOT, &strict)]),
            [Effect::Deny, Effect::Warn, Effect::Warn],
        ),
        (
            "what is committed cannot be read",
            &[(OF_PROJECT, &open)],
            Some(&[(OF_PROJECT, &bad)]),
            [Effect::Deny, Effect::Deny, Effect::Warn],
        ),
    ];
    for (name, checkout, commit, effects) in table {
        let alone = of(checkout);
        let beneath = commit.map(of);
        let both = of(checkout).beside_committed(move || beneath);
        for (by, effect) in ["agent:bot", "agent:other", "human:ann"]
            .into_iter()
            .zip(effects)
        {
            let decision = asked(&both, by, Action::Edit, &["ci/a"]);
            assert_eq!(decision.effect, effect, "{name}, {by}");
            // A record names both where both have answered.
            let agent = by.strip_prefix("agent:");
            let is_both = both.committed(agent).is_some();
            assert_eq!(
                decision.policy_digest != alone.digest(agent),
                is_both,
                "{name}, {by}"
            );
            assert_eq!(decision.policy_digest, both.digest(agent), "{name}, {by}");
        }
    }
}

#[test]
fn origins_name_file_and_line_and_what_is_replaced() {
    let project = format!(
        "{HEAD}rules:\n  - id: r\n    on: edit\n    effect: deny\n    reason: x\n    overridable: true\n"
    );
    let bot = rule("id: r, on: edit, effect: warn");
    let shown = show(
        &policy(&[(OF_PROJECT, &project), (OF_BOT, &bot)]),
        Some("bot"),
    );
    let rules: Vec<String> = shown
        .rules
        .iter()
        .filter(|rule| rule.id == "r")
        .map(|rule| {
            serde_json::to_string(&(
                &rule.layer,
                &rule.file,
                rule.line,
                rule.standing,
                &rule.replaces,
            ))
            .unwrap()
        })
        .collect();
    assert_eq!(
        rules,
        [
            r#"["project",".ai/policy.yaml",4,"overridable",[]]"#,
            r#"["agent",".ai/agents/bot/policy.yaml",3,null,[{"layer":"project","file":".ai/policy.yaml","line":4,"effect":"deny"}]]"#,
        ]
    );
    assert!(pack("default").is_some());
}

const IDS: [&str; 3] = ["a", "b", "c"];
const ON: [&str; 3] = ["edit", "push", "'*'"];
const PATHS: [&str; 4] = [
    "",
    ", paths: docs/",
    ", paths: [src/, docs/]",
    ", paths: '**/b'",
];
const ASKED: [&[&str]; 5] = [&[], &["docs/a"], &["src/b"], &["docs/b", "src/a"], &["x"]];

/// A rule of a random layer.
#[derive(Debug, Clone)]
struct Made {
    id: &'static str,
    effect: Effect,
    standing: &'static str,
    rest: String,
}

fn made() -> impl Strategy<Value = Made> {
    let pick = |all: &'static [&'static str]| proptest::sample::select(all);
    let effect = proptest::sample::select(&Effect::ALL[..]);
    let standing = pick(&["", ", overridable: true", ", locked: true"]);
    (pick(&IDS), pick(&ON), pick(&PATHS), effect, standing).prop_map(
        |(id, on, paths, effect, standing)| Made {
            id,
            effect,
            standing,
            rest: format!("on: {on}{paths}, reason: x"),
        },
    )
}

type MadeLayer = (Option<Effect>, Vec<Made>);

fn layer() -> impl Strategy<Value = MadeLayer> {
    let default = proptest::option::of(proptest::sample::select(&Effect::ALL[..]));
    let rules = proptest::collection::vec(made(), 0..5).prop_map(|mut rules: Vec<Made>| {
        rules.sort_by_key(|rule| rule.id);
        rules.dedup_by_key(|rule| rule.id);
        rules
    });
    (default, rules)
}

fn written((default, rules): &MadeLayer) -> String {
    let mut text = "version: 1\n".to_owned();
    text += &default.map_or_else(String::new, |effect| format!("default: {effect}\n"));
    text += if rules.is_empty() { "" } else { "rules:\n" };
    for rule in rules {
        let Made {
            id,
            effect,
            standing,
            rest,
        } = rule;
        text += &format!("  - {{id: {id}, effect: {effect}{standing}, {rest}}}\n");
    }
    text
}

/// An override for everybody.
fn given(rule: &str, paths: &[&str]) -> PolicyOverride {
    PolicyOverride {
        id: format!("o-{rule}"),
        rule: rule.to_owned(),
        agent: None,
        task: None,
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        reason: "x".into(),
        by: "human:ann".parse().unwrap(),
        at_ms: 0,
        until_ms: 10,
    }
}

/// The decisions of some of the three layers on all questions.
fn decisions(layers: [Option<&MadeLayer>; 3]) -> Vec<Decision> {
    let decided = decided(layers).1.into_iter();
    decided.map(|(_, _, decision)| decision).collect()
}

/// The same, with the policy and the questions.
fn decided(layers: [Option<&MadeLayer>; 3]) -> (PolicyState, Vec<(Action, Resource, Decision)>) {
    let mut files = Vec::new();
    for (layer, name) in layers.into_iter().zip([OF_USER, OF_PROJECT, OF_BOT]) {
        let mut text = layer.map(written);
        if let (Some(text), OF_PROJECT, Some((None, _))) = (&mut text, name, layer) {
            text.push_str("default: allow\n");
        }
        files.extend(text.map(|text| (name, text)));
    }
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let state = policy(&files);
    assert_eq!(problems(&files), [""; 0]);
    let questions = [Action::Edit, Action::Push]
        .into_iter()
        .flat_map(|action| ASKED.map(|paths| (action, paths)));
    let decided = questions.map(|(action, paths)| {
        let resource = Resource {
            paths: paths.iter().map(|path| (*path).into()).collect(),
            ..Resource::default()
        };
        (action, resource, asked(&state, "agent:bot", action, paths))
    });
    let decided = decided.collect();
    (state, decided)
}

fn is_overridable(above: &[&MadeLayer], layer: PolicyLayer, id: &str) -> bool {
    let at = if layer == PolicyLayer::Global { 0 } else { 1 };
    let rules = above.get(at).map_or(&[][..], |(_, rules)| rules);
    rules
        .iter()
        .any(|rule| rule.id == id && rule.standing == ", overridable: true")
}

/// The mode that binds `bot`, and the tools that its layers name.
fn bounds(files: &[(&str, &str)]) -> String {
    let shown = show(&policy(files), Some("bot"));
    let mut said = vec![
        shown
            .mode
            .map_or("none".to_owned(), |mode| mode.to_string()),
    ];
    said.extend(
        shown
            .bounds
            .iter()
            .map(|one| format!("{one} at {}:{}", one.file, one.line)),
    );
    said.join("\n")
}

#[test]
fn the_narrowest_mode_counts_wherever_it_stands() {
    const FILE: &str = ".ai/agents/bot.yaml";
    let says = |mode: &str| format!("{HEAD}mode: {mode}\n");
    let agent = |mode: &str| format!("version: 1\nname: bot\nconnector: c\nmode: {mode}\n");
    for (files, wanted) in [
        (vec![(OF_PROJECT, HEAD.to_owned())], "none"),
        (vec![(FILE, agent("safe"))], "safe"),
        (
            vec![(OF_PROJECT, says("safe")), (FILE, agent("normal"))],
            "safe",
        ),
        (
            vec![(OF_PROJECT, says("normal")), (FILE, agent("safe"))],
            "safe",
        ),
        (
            vec![(OF_USER, says("analysis_only")), (OF_PROJECT, says("safe"))],
            "analysis_only",
        ),
        (
            vec![
                (OF_BOT, "version: 1\nmode: analysis_only\n".to_owned()),
                (FILE, agent("safe")),
            ],
            "analysis_only",
        ),
        (
            vec![
                (OF_BOT, "version: 1\nmode: safe\n".to_owned()),
                (FILE, agent("analysis_only")),
            ],
            "analysis_only",
        ),
    ] {
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (*name, text.as_str()))
            .collect();
        let said = bounds(&files);
        assert_eq!(said.lines().next(), Some(wanted), "{files:?}");
    }
}

#[test]
fn the_file_of_an_agent_binds_this_agent_and_has_its_part_in_the_digest() {
    let agent = "version: 1\nname: bot\nconnector: c\nmode: safe\ntools: {deny: [Bash]}\n";
    let files = [(OF_PROJECT, HEAD), (".ai/agents/bot.yaml", agent)];
    assert_eq!(
        bounds(&files),
        "safe\nagents           mode safe; tools never Bash (agent) at .ai/agents/bot.yaml:4"
    );
    let state = policy(&files);
    for (by, wanted) in [
        ("agent:bot", (Effect::Deny, PolicyLayer::Agent)),
        ("agent:other", (Effect::Allow, PolicyLayer::Project)),
        ("human:bot", (Effect::Allow, PolicyLayer::Project)),
    ] {
        assert_eq!(won(&state, by, Action::CommandExec, &[]), wanted, "{by}");
    }
    assert_ne!(state.digest(Some("bot")), state.digest(Some("other")));
    // A file that sets no bounds is no part of the policy.
    let plain = policy(&[
        (OF_PROJECT, HEAD),
        (".ai/agents/bot.yaml", "name: bot\nmodel: m\n"),
    ]);
    assert_eq!(plain.digest(Some("bot")), plain.digest(None));
}

#[test]
fn bounds_that_cannot_be_read_deny_this_agent() {
    let state = policy(&[
        (OF_PROJECT, HEAD),
        (".ai/agents/bot.yaml", "name: bot\nmode: saef\n"),
    ]);
    let effects =
        ["agent:bot", "agent:other"].map(|by| asked(&state, by, Action::TaskClaim, &[]).effect);
    assert_eq!(effects, [Effect::Deny, Effect::Allow]);
    let bad: Vec<String> = state
        .bad_files()
        .iter()
        .map(|file| file.to_string())
        .collect();
    assert_eq!(
        bad,
        [".ai/agents/bot.yaml:2:7: `mode` cannot be `saef`; did you mean `safe`?"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever a lower layer says, no answer of a rule that is not overridable is weakened, and so no
    /// decision that such a rule made. Locked ones are among them.
    #[test]
    fn a_lower_layer_never_loosens_what_it_may_not(user in layer(), project in layer(), bot in layer()) {
        for (before, after, above) in [
            ([Some(&user), None, None], [Some(&user), Some(&project), None], vec![&user]),
            ([Some(&user), Some(&project), None], [Some(&user), Some(&project), Some(&bot)], vec![&user, &project]),
            ([None, None, None], [None, Some(&project), Some(&bot)], vec![]),
        ] {
            for (before, after) in decisions(before).iter().zip(decisions(after)) {
                let kept = before.matched.iter().filter(|one| !is_overridable(&above, one.layer, &one.rule));
                let least = kept.map(|one| one.effect).max().unwrap_or(Effect::Allow);
                prop_assert!(after.effect >= least, "{before:?}\n{after:?}");
            }
        }
    }

    /// Where nothing above is overridable, a lower layer only tightens.
    #[test]
    fn without_a_mark_nothing_loosens(user in layer(), project in layer(), bot in layer()) {
        let fixed = |layer: MadeLayer| {
            let rules = layer.1.into_iter().map(|rule| Made {
                standing: if rule.standing == ", overridable: true" { "" } else { rule.standing },
                ..rule
            });
            (layer.0, rules.collect::<Vec<_>>())
        };
        let (user, project) = (fixed(user), fixed(project));
        let stacks = [
            [None, None, None],
            [Some(&user), None, None],
            [Some(&user), Some(&project), None],
            [Some(&user), Some(&project), Some(&bot)],
        ];
        for pair in stacks.windows(2) {
            for (before, after) in decisions(pair[0]).iter().zip(decisions(pair[1])) {
                prop_assert!(after.effect >= before.effect, "{before:?}\n{after:?}");
            }
        }
    }

    /// A stricter rule or default in any layer never loosens a decision.
    #[test]
    fn tightening_a_layer_never_loosens(
        layers in [layer(), layer(), layer()],
        at in 0_usize..3,
        which in 0_usize..6,
        effect in proptest::sample::select(&Effect::ALL[..]),
    ) {
        let mut tighter = layers.clone();
        match tighter[at].1.get_mut(which) {
            Some(rule) => rule.effect = rule.effect.max(effect),
            None => tighter[at].0 = tighter[at].0.map(|default| default.max(effect)),
        }
        let all = |layers: &[MadeLayer; 3]| decisions([Some(&layers[0]), Some(&layers[1]), Some(&layers[2])]);
        for (before, after) in all(&layers).iter().zip(all(&tighter)) {
            prop_assert!(after.effect >= before.effect, "{before:?}\n{after:?}");
        }
    }

    /// Whatever overrides are in force, what a locked rule says stands, and what nobody named stands, too.
    #[test]
    fn no_override_weakens_a_locked_rule(
        layers in [layer(), layer(), layer()],
        named in proptest::sample::subsequence(&IDS[..], 0..=IDS.len()),
        paths in proptest::sample::select(vec![vec![], vec!["docs/"], vec!["src/", "docs/"]]),
    ) {
        let [user, project, bot] = &layers;
        let (state, decisions) = decided([Some(user), Some(project), Some(bot)]);
        let actor: Actor = "agent:bot".parse().unwrap();
        let active: Vec<PolicyOverride> = named.iter().map(|rule| given(rule, &paths)).collect();
        for (action, resource, decision) in decisions {
            let before = decision.record("d-1".into(), 5, action, &actor, &resource);
            let mut after = before.clone();
            soften(&state, &mut after, &active, CaseMode::Sensitive);
            let stands = |one: &&MatchedRule| {
                let layer = match one.layer {
                    PolicyLayer::Global => user,
                    PolicyLayer::Project => project,
                    PolicyLayer::Agent => bot,
                    PolicyLayer::BuiltIn => return true,
                };
                let locked = |rule: &Made| rule.id == one.rule && rule.standing == ", locked: true";
                !named.contains(&one.rule.as_str()) || layer.1.iter().any(locked)
            };
            let least = before.matched.iter().filter(stands).map(|one| one.effect).max();
            prop_assert!(after.effect >= least.unwrap_or(Effect::Allow), "{before:?}\n{after:?}");
            prop_assert!(after.effect <= before.effect);
            // A decision that is made again has the same answer, and names the same rules.
            let again = replay(&state, &after).unwrap();
            prop_assert_eq!((again.effect, &again.rule), (after.effect, &after.rule));
            let used: Vec<&str> = after.overrides.iter().map(|one| one.rule.as_str()).collect();
            prop_assert!(used.iter().all(|rule| named.contains(rule)));
        }
    }

    /// With the policy of a commit beneath it no policy is looser for an agent than either of them.
    #[test]
    fn two_policies_together_are_never_looser(checkout in [layer(), layer()], commit in [layer(), layer()]) {
        let of = |[project, bot]: &[MadeLayer; 2]| {
            let (mut own, bot) = (written(project), written(bot));
            if project.0.is_none() {
                own.push_str("default: allow\n");
            }
            let project = own;
            move || policy(&[(OF_PROJECT, project.as_str()), (OF_BOT, bot.as_str())])
        };
        let both = of(&checkout)().beside_committed({
            let beneath = of(&commit);
            move || Some(beneath())
        });
        let limit = |state: &PolicyState| asked(state, "agent:bot", Action::Edit, &["src/a", "docs/b"]).effect;
        prop_assert_eq!(limit(&both), limit(&of(&checkout)()).max(limit(&of(&commit)())));
    }
}
