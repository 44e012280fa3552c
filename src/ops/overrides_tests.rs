use crate::domain::action::Action;
use crate::domain::actor::Actor;
use crate::domain::event::Event;
use crate::domain::policy_override::{OverrideWord, PolicyOverride};
use crate::ops::ask::{self, Question};
use crate::ops::error::OpError;
use crate::ops::overridden;
use crate::ops::overrides::{self, NewOverride, OverrideEnd};
use crate::ops::refusal::Refusal;
use crate::ops::testing::World;
use crate::policy::PolicyState;
use crate::store::{EventFilter, Flow};

const POLICY: &str = "version: 1
default: allow
rules:
  - {id: no-locks, on: [lock.acquire], effect: deny, reason: nobody locks by hand}
  - {id: fixed, on: [lock.acquire], paths: [secrets/], effect: deny, reason: never, locked: true}
";

fn world(text: &str) -> World {
    let mut world = World::new();
    world.cx.policy = PolicyState::from_bytes(Some(text.as_bytes()), "policy.yaml").into();
    world
}

fn order(world: &World, rule: &str, ms: i64) -> NewOverride {
    NewOverride {
        rule: rule.into(),
        reason: "the release".into(),
        agent: None,
        task: None,
        paths: Vec::new(),
        end: OverrideEnd::At(world.cx.now.wall_ms + ms),
    }
}

fn add(world: &mut World, order: &NewOverride) -> Result<PolicyOverride, OpError> {
    world.run(|tx, cx| Ok(overrides::add(tx, cx, order)?.0))
}

/// True where a lock by hand may be taken.
fn may_lock(world: &mut World) -> bool {
    let mut question = Question::about(Action::LockAcquire);
    question.resource.patterns = vec!["docs/".into()];
    world.run(|tx, cx| ask::require(tx, cx, &question)).is_ok()
}

fn why(refused: Result<impl Sized, OpError>) -> String {
    match refused.err().expect("it was not refused") {
        OpError::Refused(refused) => match refused.why {
            Refusal::Denied(record) => format!("denied by {}: {}", record.rule, record.reason),
            Refusal::NeedsApproval(record) => format!("{} wants a yes", record.rule),
            other => other.to_string(),
        },
        error => panic!("{error}"),
    }
}

fn kinds(world: &mut World) -> Vec<String> {
    world.read(|tx| {
        let mut kinds = Vec::new();
        tx.events(&EventFilter::default(), &mut |event| {
            kinds.push(event.kind);
            Ok(Flow::More)
        })?;
        Ok(kinds)
    })
}

#[test]
fn it_holds_until_its_end_and_is_recorded_with_what_it_let_through() {
    let mut world = world(POLICY);
    assert!(!may_lock(&mut world));
    let ordered = order(&world, "no-locks", 1_000);
    let given = add(&mut world, &ordered).unwrap();
    assert!(may_lock(&mut world));
    let last = world.read(|tx| Ok(tx.decisions(None, Some(1))?.remove(0)));
    assert_eq!(
        (last.rule.as_str(), last.overrides[0].id.as_str()),
        ("no-locks", given.id.as_str())
    );
    world.pass(999);
    assert!(may_lock(&mut world));
    world.pass(1);
    assert!(!may_lock(&mut world));
    assert!(
        world
            .read(|tx| overridden::active(tx, given.until_ms))
            .is_empty()
    );
    assert_eq!(
        kinds(&mut world)
            .iter()
            .filter(|kind| *kind == "policy.overridden")
            .count(),
        1
    );
}

#[test]
fn what_was_taken_away_holds_again() {
    let mut world = world(POLICY);
    let ordered = order(&world, "no-locks", 1_000);
    let given = add(&mut world, &ordered).unwrap();
    let bare = given.id.trim_start_matches("o-").to_owned();
    world
        .run(|tx, cx| overrides::remove(tx, cx, &bare))
        .unwrap();
    assert!(!may_lock(&mut world));
    assert_eq!(kinds(&mut world).last().unwrap(), "policy.decided");
    assert_eq!(
        why(world.run(|tx, cx| overrides::remove(tx, cx, &bare))),
        format!("there is no override `{bare}`")
    );
}

#[test]
fn what_makes_no_sense_or_weakens_what_nothing_may_is_refused() {
    let mut world = world(POLICY);
    let good = order(&world, "no-locks", 1_000);
    for (bad, wanted) in [
        (
            order(&world, "fixed", 9),
            "denied by fixed: the rule `fixed` is locked (project), and nothing weakens it",
        ),
        (
            order(&world, "default", 9),
            "denied by default: `default` is part of ai, and no override takes it back",
        ),
        (
            order(&world, "typo", 9),
            "no rule of the policy is called `typo`",
        ),
        (
            order(&world, "no-locks", 0),
            "the override would have ended already",
        ),
        (
            NewOverride {
                reason: " ".into(),
                ..good.clone()
            },
            "an override needs a reason",
        ),
        (
            NewOverride {
                task: Some("t-none".into()),
                ..good.clone()
            },
            "there is no task `t-none`",
        ),
    ] {
        assert_eq!(why(add(&mut world, &bad)), wanted);
    }
    assert!(!may_lock(&mut world));
}

/// The policy is asked: agents never give one, and a rule may want somebody's yes.
#[test]
fn the_policy_decides_about_it() {
    let asks = format!(
        "{POLICY}  - {{id: two-eyes, on: [policy.override], effect: require_approval, reason: somebody looks}}\n"
    );
    let mut world = world(&asks);
    let ordered = order(&world, "no-locks", 1_000);
    assert_eq!(why(add(&mut world, &ordered)), "two-eyes wants a yes");
    let bot: Actor = "agent:bot".parse().unwrap();
    let refused = world.run_as(&bot, |tx, cx| overrides::add(tx, cx, &ordered));
    assert_eq!(
        why(refused),
        "denied by built-in.humans-trust: trust, approvals and overrides are a human's word"
    );
}

/// Whoever gave it takes it away without being asked; an agent does not.
#[test]
fn who_gave_it_may_always_take_it_away() {
    let mut world = world(POLICY);
    let ordered = order(&world, "no-locks", 1_000);
    let given = add(&mut world, &ordered).unwrap();
    let never = "version: 1\ndefault: deny\n";
    world.cx.policy = PolicyState::from_bytes(Some(never.as_bytes()), "policy.yaml").into();
    let bob: Actor = "human:bob".parse().unwrap();
    let refused = world.run_as(&bob, |tx, cx| overrides::remove(tx, cx, &given.id));
    assert!(why(refused).starts_with("denied by default"));
    world
        .run(|tx, cx| overrides::remove(tx, cx, &given.id))
        .unwrap();
}

/// A store that is made anew from its log has none in force: that is stricter.
#[test]
fn the_log_alone_puts_none_in_force() {
    let mut world = world(POLICY);
    let ordered = order(&world, "no-locks", 1_000);
    let given = add(&mut world, &ordered).unwrap();
    let mut other = self::world(POLICY);
    other.cx.now = world.cx.now.clone();
    other
        .run(|tx, cx| {
            let granted = given.clone();
            let said = Box::new(OverrideWord::Given { granted });
            cx.record(tx, &Event::PolicyOverridden { said })
        })
        .unwrap();
    assert!(!may_lock(&mut other));
}
