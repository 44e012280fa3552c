use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::decision::{DecisionRecord, Effect, Resource};
use crate::domain::facts::Facts;
use crate::domain::guards::{Guard, GuardFinding};
use crate::domain::path_pattern::CaseMode;
use crate::domain::policy_override::PolicyOverride;
use crate::policy::asked::Request;
use crate::policy::engine::decide;
use crate::policy::model::PolicyState;
use crate::policy::overrides::{may_override, soften};

const POLICY: &str = "version: 1
default: allow
guards: {tests_weakened: deny}
rules:
  - {id: ci, on: [run.finish, task.claim], paths: [ci/], effect: deny, reason: it is frozen}
  - {id: keys, on: [run.finish], paths: ['*.pem'], effect: deny, reason: a secret, locked: true}
  - {id: looks, on: [run.finish], paths: [ci/], effect: require_approval, reason: look at it}
";

fn policy(text: &str) -> PolicyState {
    PolicyState::from_bytes(Some(text.as_bytes()), "policy.yaml")
}

/// The record of a question about these paths, and what it is under an override.
fn under(one: &PolicyOverride, paths: &[&str]) -> DecisionRecord {
    let asked = |actor: &str, resource: Resource, facts: Facts| {
        let actor: Actor = actor.parse().unwrap();
        let request = Request {
            action: Action::RunFinish,
            actor: &actor,
            resource: &resource,
            facts: &facts,
        };
        let decision = decide(&policy(POLICY), &request);
        decision.record("d-1".into(), 5, Action::RunFinish, &actor, &resource)
    };
    let resource = Resource {
        task: Some("t-1".into()),
        paths: paths.iter().map(|path| (*path).into()).collect(),
        ..Resource::default()
    };
    let weakened = GuardFinding {
        guard: Guard::TestsWeakened,
        path: "a".into(),
        line: Some(1),
        what: "skipped".into(),
        bytes: None,
    };
    let facts = Facts {
        outside_paths: Some(Vec::new()),
        findings: Some(Vec::from_iter(paths.contains(&"weak").then_some(weakened))),
        ..Facts::default()
    };
    let mut record = asked("agent:bot", resource, facts);
    soften(
        &policy(POLICY),
        &mut record,
        std::slice::from_ref(one),
        CaseMode::Sensitive,
    );
    record
}

fn given(rule: &str) -> PolicyOverride {
    PolicyOverride {
        id: "o-1".into(),
        rule: rule.into(),
        agent: None,
        task: None,
        paths: Vec::new(),
        reason: "the release".into(),
        by: "human:ann".parse().unwrap(),
        at_ms: 0,
        until_ms: 10,
    }
}

#[test]
fn the_rule_warns_and_the_others_stand() {
    let record = under(&given("ci"), &["ci/a"]);
    assert_eq!(
        (record.effect, record.rule.as_str()),
        (Effect::RequireApproval, "looks")
    );
    assert_eq!(
        record
            .matched
            .iter()
            .find(|one| one.rule == "ci")
            .unwrap()
            .told(),
        "it is frozen, which human:ann has overridden (o-1): the release (ci/a)"
    );
    let used = &record.overrides[0];
    assert_eq!((used.id.as_str(), used.was), ("o-1", Effect::Deny));
}

#[test]
fn its_scope_has_to_hold_the_whole_question() {
    let scoped = |paths: &[&str], agent: Option<&str>, task: Option<&str>| PolicyOverride {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        agent: agent.map(str::to_owned),
        task: task.map(str::to_owned),
        ..given("ci")
    };
    for (one, paths, is_used) in [
        (scoped(&[], None, None), vec!["ci/a", "b"], true),
        (scoped(&["ci/"], None, None), vec!["ci/a"], true),
        (scoped(&["ci/"], None, None), vec!["ci/a", "b"], false),
        (scoped(&["ci/", "b"], None, None), vec!["ci/a", "b"], true),
        (scoped(&["ci/b"], None, None), vec!["ci/a"], false),
        (scoped(&[], Some("bot"), None), vec!["ci/a"], true),
        (scoped(&[], Some("other"), None), vec!["ci/a"], false),
        (scoped(&[], None, Some("t-1")), vec!["ci/a"], true),
        (scoped(&[], None, Some("t-2")), vec!["ci/a"], false),
    ] {
        let record = under(&one, &paths);
        assert_eq!(!record.overrides.is_empty(), is_used, "{one:?} {paths:?}");
        assert_eq!(record.effect == Effect::Deny, !is_used);
    }
}

#[test]
fn a_record_that_was_cut_is_in_no_scope() {
    let paths: Vec<String> = (0..250).map(|n| format!("ci/{n}")).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let scoped = PolicyOverride {
        paths: vec!["ci/".into()],
        ..given("ci")
    };
    assert_eq!(under(&scoped, &paths).effect, Effect::Deny);
}

#[test]
fn what_is_locked_or_of_ai_stays() {
    assert_eq!(under(&given("keys"), &["a.pem"]).effect, Effect::Deny);
    let guard = under(&given("built-in.tests-weakened"), &["weak"]);
    assert_eq!((guard.effect, guard.overrides.len()), (Effect::Warn, 1));
    let said = |rule: &str| match may_override(&policy(POLICY), rule, None) {
        Ok(()) => "may".to_owned(),
        Err(why) => why.to_string(),
    };
    for (rule, wanted) in [
        ("ci", "may"),
        ("built-in.tests-weakened", "may"),
        ("built-in.outside-paths", "may"),
        (
            "keys",
            "the rule `keys` is locked (project), and nothing weakens it",
        ),
        ("nothing", "no rule of the policy is called `nothing`"),
        (
            "default",
            "`default` is part of ai, and no override takes it back",
        ),
        (
            "limit.max_diff_lines",
            "`limit.max_diff_lines` is part of ai, and no override takes it back",
        ),
        (
            "built-in.mode-safe",
            "`built-in.mode-safe` is part of ai, and no override takes it back",
        ),
        (
            "built-in.tool-list",
            "`built-in.tool-list` is part of ai, and no override takes it back",
        ),
        (
            "built-in.humans-trust",
            "`built-in.humans-trust` is part of ai, and no override takes it back",
        ),
        (
            "policy.unreadable",
            "`policy.unreadable` is part of ai, and no override takes it back",
        ),
    ] {
        assert_eq!(said(rule), wanted);
    }
}

/// An answer that somebody else than the policy gave, such as a lock, is no rule's.
#[test]
fn an_answer_beside_the_policy_stays() {
    let mut record = under(&given("nothing"), &["ci/a"]);
    record.rule = "outside-worktree".into();
    let before = record.clone();
    soften(
        &policy(POLICY),
        &mut record,
        &[given("ci")],
        CaseMode::Sensitive,
    );
    assert_eq!(record, before);
}

#[test]
fn nothing_is_taken_back_of_a_policy_that_cannot_be_read() {
    let state = policy("version: 1\ndefault: allo\n");
    assert!(may_override(&state, "ci", None).is_err());
}
