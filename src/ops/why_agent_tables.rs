use std::collections::{BTreeMap, BTreeSet};

use crate::base::rules::rules;
use crate::domain::agent::Name;
use crate::ops::why_agent::*;
use crate::router::{Lost, RouteStanding};
use crate::store::testing::task;

/// How an agent was turned away: at which gate, and when time helps.
type Turned = (&'static str, RouteGate, Option<i64>);

/// The command that mends it, as `ai why` says of a task with these labels; `-` where the gate is
/// none of agents.
fn told(labels: &[&str], by: RoutedBy, turned: &[Turned], unready: &[&str]) -> String {
    let mut one = task("1");
    one.labels = labels.iter().map(ToString::to_string).collect();
    let mut agent = Agent::new(Name::new("a").unwrap(), Name::new("command").unwrap());
    agent.capabilities = BTreeSet::from(["rust".to_owned()]);
    let considered = turned.iter().map(|(name, gate, until_ms)| Considered {
        agent: (*name).to_owned(),
        model: None,
        standing: RouteStanding::Out,
        why: gate.as_str().to_owned(),
        lost: Some(Lost {
            gate: *gate,
            why: gate.as_str().to_owned(),
            until_ms: *until_ms,
        }),
        score: None,
    });
    let trace = Trace {
        chosen: turned.is_empty().then(|| "a".to_owned()),
        by,
        why: "because".to_owned(),
        fallback_of: None,
        fallbacks: Vec::new(),
        warnings: Vec::new(),
        considered: considered.collect(),
    };
    let unready: BTreeMap<String, String> = unready
        .iter()
        .map(|name| (ToString::to_string(name), "no program".to_owned()))
        .collect();
    let nobody = Nobody {
        task: &one,
        agents: &[agent],
        unready: &unready,
        needs: BTreeSet::from(["gpu".to_owned()]),
    };
    nobody
        .gate(&trace)
        .map_or("-".to_owned(), |gate| gate.next.unwrap())
}

rules! {
    somebody_can: told(&[], RoutedBy::Score, &[], &[]) => "-";
    the_one_who_would_cannot_start: told(&[], RoutedBy::Score, &[], &["a"]) => "ai agent doctor a";
    another_cannot_start: told(&[], RoutedBy::Score, &[], &["b"]) => "-";
    a_busy_agent_is_free_later: told(&[], RoutedBy::Score, &[("a", RouteGate::Room, None)], &[]) => "-";
    a_quota_ends: told(&[], RoutedBy::Task, &[("a", RouteGate::Quota, Some(9))], &[]) => "-";
    one_of_two_is_free_later: told(&[], RoutedBy::Score, &[("b", RouteGate::Usable, None), ("a", RouteGate::Room, None)], &[]) => "-";
    nobody_came_into_question: told(&[], RoutedBy::Score, &[("a", RouteGate::Asked, None)], &[]) => "-";
    the_named_one_is_missing: told(&[], RoutedBy::Task, &[("ghost", RouteGate::Usable, None)], &[]) => "ai task edit t-1 --agent a, or register ghost";
    the_default_is_missing: told(&[], RoutedBy::Default, &[("ghost", RouteGate::Usable, None)], &[]) => "correct `defaults.agent` in .ai/config.yaml, or register ghost";
    it_is_disabled: told(&[], RoutedBy::Task, &[("a", RouteGate::Usable, None)], &[]) => "ai agent doctor a";
    it_is_not_able: told(&[], RoutedBy::Score, &[("a", RouteGate::Capability, None)], &[]) => "ai agent register a --replace --capability gpu,rust, if it is able to";
    it_bears_no_mark: told(&["on:big", "on:new", "x"], RoutedBy::Score, &[("a", RouteGate::Label, None)], &[]) => "ai agent label a big new";
    policy_denies: told(&[], RoutedBy::Score, &[("a", RouteGate::Policy, None)], &[]) => "ai approvals, or `ai route explain t-1`";
    it_has_tried_enough: told(&[], RoutedBy::Score, &[("a", RouteGate::Attempts, None)], &[]) => "ai route explain t-1";
}
