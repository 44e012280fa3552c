use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::domain::eligibility::TaskDemands;
use crate::domain::routing::{Relief, Weights};
use crate::domain::run::RoutedBy;
use crate::router::model::{Considered, RouteStanding};

fn agent(name: &str) -> Candidate {
    Candidate {
        name: name.into(),
        max_attempts: 3,
        parallel: 1,
        ..Candidate::default()
    }
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn demands(capabilities: BTreeSet<String>, labels: BTreeSet<String>) -> TaskDemands {
    TaskDemands {
        named: None,
        capabilities,
        labels,
    }
}

fn ask(pin: Pin) -> RouteRequest {
    RouteRequest {
        labels: set(&[]),
        demands: demands(set(&[]), set(&[])),
        pin,
        prefer: Vec::new(),
        weights: Weights::default(),
        now_ms: 1_000_000,
    }
}

fn standing<'t>(trace: &'t Trace, name: &str) -> &'t Considered {
    trace.considered.iter().find(|c| c.agent == name).unwrap()
}

#[test]
fn each_gate_turns_away_with_its_reason_and_in_order() {
    let mut all = Vec::new();
    let mut add = |name: &str, change: fn(&mut Candidate)| {
        let mut one = agent(name);
        one.capabilities = set(&["rust"]);
        one.labels = set(&["fast"]);
        change(&mut one);
        all.push(one);
    };
    add("usable", |c| {
        (c.unusable, c.capabilities) = (Some("it is disabled".into()), BTreeSet::new())
    });
    add("capability", |c| {
        (c.capabilities, c.labels) = (BTreeSet::new(), BTreeSet::new())
    });
    add("label", |c| {
        (c.labels, c.denied) = (BTreeSet::new(), Some("no".into()))
    });
    add("policy", |c| {
        (c.denied, c.quota_until_ms) = (Some("no".into()), Some(2_000_000))
    });
    add("quota", |c| {
        (c.quota_until_ms, c.login_until_ms) = (Some(1_000_001), Some(2_000_000))
    });
    add("login", |c| {
        (c.login_until_ms, c.budget) = (Some(2_000_000), Some(("b".into(), 1)))
    });
    add("budget", |c| {
        (c.budget, c.attempts) = (Some(("used up".into(), 1)), 3)
    });
    add("attempts", |c| (c.attempts, c.load) = (3, 1));
    add("room", |c| c.load = 1);
    add("winner", |c| c.quota_until_ms = Some(1_000_000));
    let wanted = RouteRequest {
        demands: demands(set(&["rust"]), set(&["fast"])),
        ..ask(Pin::Nobody)
    };
    let trace = route(&wanted, &all);
    assert_eq!(trace.chosen.as_deref(), Some("winner"));
    assert_eq!(trace.considered[0].agent, "winner");
    for entry in &trace.considered[1..] {
        assert_eq!(
            entry.lost.as_ref().unwrap().gate.as_str(),
            entry.agent,
            "{entry:?}"
        );
    }
}

#[test]
fn success_preference_load_price_and_failures_move_the_choice() {
    let with = |change: fn(&mut Candidate)| {
        let (a, mut b) = (agent("a"), agent("b"));
        change(&mut b);
        (a, b)
    };
    let wins = |pair: (Candidate, Candidate), ask: &RouteRequest| {
        route(ask, &[pair.0, pair.1]).chosen.unwrap()
    };
    let free = ask(Pin::Nobody);
    assert_eq!(wins(with(|_| ()), &free), "a", "the name decides");
    assert_eq!(wins(with(|b| b.history.good = 1), &free), "b");
    assert_eq!(wins(with(|b| b.history.bad = 1), &free), "a");
    assert_eq!(
        wins(
            with(|b| b.labels = set(&["ui"])),
            &RouteRequest {
                labels: set(&["ui"]),
                ..free.clone()
            }
        ),
        "b"
    );
    assert_eq!(
        wins(
            with(|_| ()),
            &RouteRequest {
                prefer: vec!["b".into()],
                ..free.clone()
            }
        ),
        "b"
    );
    let busy = |mut pair: (Candidate, Candidate)| {
        (pair.0.parallel, pair.0.load) = (2, 1);
        pair
    };
    assert_eq!(wins(busy(with(|_| ())), &free), "b");
    let dear = |mut pair: (Candidate, Candidate)| {
        (pair.0.history.priced, pair.0.history.cost) = (1, 10);
        (pair.1.history.priced, pair.1.history.cost) = (1, 9);
        pair
    };
    assert_eq!(wins(dear(with(|_| ())), &free), "b");
    let failing = |mut pair: (Candidate, Candidate)| {
        pair.0.streak = 1;
        pair
    };
    assert_eq!(wins(failing(with(|_| ())), &free), "b");
}

fn paused(name: &str, fallback: &[&str]) -> Candidate {
    let fallback = fallback.iter().map(|name| (*name).to_owned()).collect();
    Candidate {
        quota_until_ms: Some(2_000_000),
        fallback,
        ..agent(name)
    }
}

#[test]
fn a_fallback_is_taken_for_quota_and_only_where_it_is_configured() {
    let asked = ask(Pin::Task("a".into()));
    let alone = route(&asked, &[paused("a", &[]), agent("b")]);
    assert_eq!((alone.chosen.as_deref(), alone.by), (None, RoutedBy::Task));
    assert_eq!(
        standing(&alone, "b").lost.as_ref().unwrap().gate,
        RouteGate::Asked
    );

    let trace = route(&asked, &[paused("a", &["b"]), agent("b")]);
    assert_eq!(
        (trace.chosen.as_deref(), trace.by),
        (Some("b"), RoutedBy::Fallback)
    );
    assert_eq!(trace.fallback_of.as_deref(), Some("a"));

    let busy = Candidate {
        load: 1,
        fallback: vec!["b".into()],
        ..agent("a")
    };
    let trace = route(&asked, &[busy, agent("b")]);
    assert_eq!(
        trace.chosen, None,
        "a queue is no reason to change the model"
    );
    assert_eq!(trace.fallbacks, ["b"]);
}

#[test]
fn fallbacks_of_fallbacks_are_followed_once() {
    let all = [paused("a", &["b"]), paused("b", &["a", "c"]), agent("c")];
    let trace = route(&ask(Pin::Interrupted("a".into())), &all);
    assert_eq!(
        (trace.chosen.as_deref(), trace.fallbacks.len()),
        (Some("c"), 0)
    );
    let missing = route(&ask(Pin::Default("a".into())), &[paused("a", &["gone"])]);
    assert_eq!(standing(&missing, "gone").why, "there is no agent `gone`");
}

#[test]
fn an_override_is_stopped_by_nothing_but_what_cannot_start() {
    let all = [
        paused("a", &["b"]),
        Candidate {
            unusable: Some("it is disabled".into()),
            ..agent("b")
        },
    ];
    let trace = route(&ask(Pin::Override("a".into())), &all);
    assert_eq!(
        (trace.chosen.as_deref(), trace.warnings.len()),
        (Some("a"), 1)
    );
    for name in ["b", "nobody"] {
        let trace = route(&ask(Pin::Override(name.into())), &all);
        assert_eq!(
            (trace.chosen, trace.considered[0].standing),
            (None, RouteStanding::Out)
        );
    }
}

prop_compose! {
    fn any_agent()(
        name in "[a-f]", words in proptest::collection::btree_set("[xyz]", 0..3), fallback in proptest::collection::vec("[a-f]", 0..3),
        quota in proptest::option::of(0_i64..2_000_000), load in 0_u32..3, parallel in 1_u32..3, streak in 0_u32..9,
        good in 0_u64..9, bad in 0_u64..9, cost in 0_u64..99, broken in proptest::bool::weighted(0.1),
    ) -> Candidate {
        Candidate {
            labels: words.clone(), capabilities: words, fallback, quota_until_ms: quota, load, parallel, streak,
            history: History { good, bad, priced: cost.min(1), cost },
            unusable: broken.then(|| "broken".to_owned()), max_attempts: 1, name, ..Candidate::default()
        }
    }
}

fn any_pin() -> impl Strategy<Value = Pin> {
    prop_oneof![
        Just(Pin::Nobody),
        "[a-f]".prop_map(Pin::Task),
        "[a-f]".prop_map(Pin::Default),
        "[a-f]".prop_map(Pin::Interrupted),
        "[a-f]".prop_map(Pin::Override),
    ]
}

proptest! {
    #[test]
    fn everybody_is_told_why_and_the_order_of_the_input_does_not_matter(
        all in proptest::collection::vec(any_agent(), 0..6), pin in any_pin(),
        needs in proptest::collection::btree_set("[xyz]", 0..2), turn in 0_usize..6,
    ) {
        let mut all = all;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all.dedup_by(|a, b| a.name == b.name);
        let asked = RouteRequest { demands: demands(needs.clone(), set(&[])), ..ask(pin.clone()) };
        let trace = route(&asked, &all);
        let mut turned = all.clone();
        turned.rotate_left(if all.is_empty() { 0 } else { turn % all.len() });
        prop_assert_eq!(&route(&asked, &turned), &trace);

        prop_assert!(trace.considered.iter().all(|c| !c.why.is_empty()));
        if !matches!(pin, Pin::Override(_)) {
            for one in &all {
                prop_assert_eq!(trace.considered.iter().filter(|c| c.agent == one.name).count(), 1);
            }
        }
        let chosen: Vec<_> = trace.considered.iter().filter(|c| c.standing == RouteStanding::Chosen).collect();
        prop_assert_eq!(chosen.len(), usize::from(trace.chosen.is_some()));
        let Some(name) = &trace.chosen else { return Ok(()) };
        let winner = all.iter().find(|c| &c.name == name).unwrap();
        prop_assert!(winner.unusable.is_none());
        if !matches!(pin, Pin::Override(_)) {
            prop_assert!(needs.is_subset(&winner.capabilities) && winner.load < winner.parallel);
            prop_assert!(winner.quota_until_ms.is_none_or(|until| until <= asked.now_ms));
        }
        prop_assert!(!trace.fallbacks.contains(name));
    }
}

#[test]
fn who_could_go_on_says_how_long_the_task_itself_pauses() {
    let chain = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    let first = || Candidate {
        fallback: chain(&["b", "c"]),
        ..agent("a")
    };
    let later = |name: &str, until| Candidate {
        quota_until_ms: Some(until),
        ..agent(name)
    };
    let busy = |name: &str| Candidate {
        load: 1,
        ..agent(name)
    };
    let disabled = |name: &str| Candidate {
        unusable: Some("it is disabled".into()),
        ..agent(name)
    };
    let relief = |others: [Candidate; 2]| {
        let all = [
            first(),
            others[0].clone(),
            others[1].clone(),
            agent("stranger"),
        ];
        route(&ask(Pin::Interrupted("a".into())), &all).relief("a")
    };
    assert_eq!(relief([later("b", 2_000_000), agent("c")]), Relief::Now);
    assert_eq!(relief([later("b", 2_000_000), busy("c")]), Relief::Room);
    assert_eq!(
        relief([later("b", 2_000_000), later("c", 1_500_000)]),
        Relief::At(1_500_000)
    );
    assert_eq!(
        relief([disabled("b"), disabled("c")]),
        Relief::Nobody,
        "strangers are not asked"
    );
    assert_eq!(Relief::Now.pause(Some(9)), None);
    assert_eq!(Relief::Room.pause(Some(9)), None);
    assert_eq!(
        (Relief::At(5).pause(Some(9)), Relief::At(9).pause(Some(5))),
        (Some(5), Some(5))
    );
    assert_eq!(
        (Relief::Nobody.pause(Some(9)), Relief::Nobody.pause(None)),
        (Some(9), None)
    );
}
