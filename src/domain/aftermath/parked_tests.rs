use crate::domain::action::Action;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::decision::{Decision, Effect, PolicyLayer, Resource};
use crate::domain::facts::Facts;
use crate::domain::repo_path::RepoPath;
use crate::domain::tool_kind::ToolKind;

use super::*;

fn what(resource: &Resource) -> String {
    let decision = Decision {
        effect: Effect::RequireApproval,
        layer: PolicyLayer::Project,
        rule: "ask".into(),
        reason: "ask first".into(),
        matched: Vec::new(),
        observed: Vec::new(),
        policy_digest: String::new(),
        facts_digest: String::new(),
        facts: Facts::default(),
    };
    let actor = Actor::new(ActorKind::Agent, "codex").unwrap();
    let record = decision.record("d-1".into(), 0, Action::ToolCall, &actor, resource);
    let parked = Parked::on(&record);
    assert_eq!(
        (parked.decision.as_str(), parked.reason.as_str()),
        ("d-1", "ask first")
    );
    parked.what
}

fn paths(count: usize) -> Vec<RepoPath> {
    (0..count)
        .map(|n| RepoPath::from(format!("f{n}").as_str()))
        .collect()
}

#[test]
fn a_call_of_a_tool_is_told_by_its_kind_and_name() {
    let resource = Resource {
        tool: Some("make\u{1b}".into()),
        kind: Some(ToolKind::Execute),
        ..Resource::default()
    };
    assert_eq!(what(&resource), "execute `make\\e`");
}

#[test]
fn a_change_of_files_is_told_by_their_paths_whatever_the_tool() {
    let resource = Resource {
        tool: Some("Write".into()),
        kind: Some(ToolKind::Edit),
        paths: paths(2),
        ..Resource::default()
    };
    assert_eq!(what(&resource), "edit f0, f1");
}

#[test]
fn of_many_paths_the_first_three_are_told() {
    let resource = Resource {
        kind: Some(ToolKind::Edit),
        paths: paths(5),
        ..Resource::default()
    };
    assert_eq!(what(&resource), "edit f0, f1, f2");
}

#[test]
fn a_call_of_which_nothing_is_known_is_a_call() {
    assert_eq!(what(&Resource::default()), "call");
}

#[test]
fn the_task_waits_for_a_yes_to_the_decision() {
    let parked = Parked {
        decision: "d-7".into(),
        what: "edit ci.yml".into(),
        reason: "CI is ours".into(),
    };
    assert_eq!(
        parked.waits(),
        "waits for your yes to d-7: edit ci.yml (CI is ours)"
    );
}
