use crate::domain::actor::{Actor, ActorKind, Incarnation};
use crate::domain::ids::TaskId;
use crate::domain::lease::{Lease, Token};
use crate::domain::path_lock::LockMode;
use crate::domain::task::{BlockReason, Proof, TaskState};
use crate::domain::time::{LeaseInstant, Now};
use crate::ops::claim::{self, Which};
use crate::ops::create::{NewTask, create};
use crate::ops::error::OpError;
use crate::ops::finish::{self, Ending, Right};
use crate::ops::refusal::Refusal;
use crate::ops::testing::World;
use crate::ops::{lease, lock};
use crate::policy::PolicyState;
use crate::store::testing::ann;

const TTL: i64 = 1_000;

fn made(world: &mut World, new: NewTask) -> TaskId {
    let new = NewTask {
        title: "t".into(),
        ..new
    };
    world.run(|tx, cx| create(tx, cx, &new)).unwrap().id
}

fn with_path(path: &str) -> NewTask {
    NewTask {
        paths: vec![path.into()],
        ..NewTask::default()
    }
}

fn claim(world: &mut World, which: &Which) -> Result<claim::Claimed, OpError> {
    claim::run(&mut *world.store, &world.cx, which, TTL)
}

fn one(id: &TaskId) -> Which {
    Which::Task(id.to_string())
}

fn state(world: &mut World, id: &TaskId) -> TaskState {
    world.read(|tx| Ok(tx.task(id)?)).unwrap().state
}

fn why(refused: Result<impl Sized, OpError>) -> Refusal {
    match refused.err().expect("it was not refused") {
        OpError::Refused(refused) => refused.why,
        error => panic!("{error}"),
    }
}

#[test]
fn a_task_that_lapses_too_often_is_parked_by_whoever_looks() {
    for which in [|id: &TaskId| one(id), |_: &TaskId| Which::Next] {
        let mut world = World::new();
        let id = made(&mut world, NewTask::default());
        for _ in 0..2 {
            claim(&mut world, &which(&id)).unwrap();
            world.pass(TTL);
        }
        let refused = why(claim(&mut world, &which(&id)));
        assert!(
            matches!(
                refused,
                Refusal::WrongState { .. } | Refusal::NothingReady { .. }
            ),
            "{refused}"
        );
        assert_eq!(
            state(&mut world, &id),
            TaskState::Blocked {
                blocked_by: BlockReason::Parked
            },
            "it stays so"
        );
    }
}

#[test]
fn a_clock_that_starts_anew_ends_every_lease_and_a_foreign_one_none() {
    let mut world = World::new();
    let id = made(&mut world, with_path("src/"));
    let old = claim(&mut world, &one(&id)).unwrap();
    let at = |epoch: &str| Now {
        wall_ms: 1_000_000,
        lease: LeaseInstant {
            epoch: epoch.into(),
            ms: 3,
        },
    };
    world.turn(at("boot/container"));
    assert!(matches!(
        why(claim(&mut world, &one(&id))),
        Refusal::OtherClock(_)
    ));
    let taken =
        why(world.run(|tx, cx| lock::acquire(tx, cx, &["src/a".into()], LockMode::Exclusive, TTL)));
    assert!(matches!(taken, Refusal::Locked { .. }), "{taken}");
    world.turn(at("next/ns"));
    let new = claim(&mut world, &one(&id)).unwrap();
    assert_eq!((old.lease.epoch, new.lease.epoch), (1, 2));
    assert!(matches!(
        why(world.run(|tx, cx| lease::heartbeat(tx, cx, &old.token, None))),
        Refusal::LeaseLost { .. }
    ));
}

#[test]
fn next_passes_over_what_it_cannot_have() {
    let mut world = World::new();
    let taken = made(&mut world, with_path("src/"));
    let behind = made(&mut world, with_path("src/a.rs"));
    let nameless = made(&mut world, NewTask::default());
    let edit = crate::domain::event::TaskEdit {
        paths: Some(vec![crate::domain::task::LockRequest {
            pattern: "@gone".into(),
            mode: LockMode::Exclusive,
        }]),
        ..Default::default()
    };
    // The module was configured when the task was made, and is not any more.
    world
        .run(|tx, cx| {
            cx.record(
                tx,
                &crate::domain::event::Event::TaskEdited {
                    task: nameless.clone(),
                    edit: Box::new(edit),
                },
            )
        })
        .unwrap();
    let last = made(
        &mut world,
        NewTask {
            priority: Some(4),
            ..with_path("docs/")
        },
    );
    assert_eq!(claim(&mut world, &Which::Next).unwrap().task.id, taken);
    assert_eq!(
        claim(&mut world, &Which::Next).unwrap().task.id,
        last,
        "neither the locked nor the nameless one"
    );
    assert!(matches!(
        why(claim(&mut world, &Which::Next)),
        Refusal::NothingReady { locked: 1, .. }
    ));
    assert!(matches!(
        why(claim(&mut world, &one(&behind))),
        Refusal::Locked { .. }
    ));
    assert!(matches!(
        why(claim(&mut world, &one(&nameless))),
        Refusal::Pattern(_)
    ));
}

#[test]
fn next_passes_over_what_policy_keeps_from_this_actor() {
    let mut world = World::new();
    let text = "version: 1\ndefault: allow\nrules:\n  - id: no-secrets\n    on: [task.claim]\n    labels: [secret]\n    actors: [\"agent:*\"]\n    \
                effect: deny\n    reason: for people\n";
    world.cx.policy = PolicyState::from_bytes(Some(text.as_bytes()), "policy.yaml").into();
    assert!(matches!(world.cx.policy.state(), PolicyState::Loaded(_)));
    let secret = made(
        &mut world,
        NewTask {
            labels: vec!["secret".into()],
            ..NewTask::default()
        },
    );
    let open = made(
        &mut world,
        NewTask {
            priority: Some(4),
            ..NewTask::default()
        },
    );
    world.cx.actor = Actor::new(ActorKind::Agent, "bot").unwrap();
    assert_eq!(claim(&mut world, &Which::Next).unwrap().task.id, open);
    let refused = why(claim(&mut world, &Which::Next));
    assert!(
        matches!(&refused, Refusal::Denied(record) if record.rule == "no-secrets"),
        "{refused}"
    );
    let records = world.read(|tx| Ok(tx.decisions(Some(&secret), None)?));
    assert_eq!(
        records.len(),
        1,
        "the refusal is on record, the passing over is not"
    );
    world.cx.actor = ann();
    assert_eq!(claim(&mut world, &Which::Next).unwrap().task.id, secret);
}

#[test]
fn a_token_opens_its_own_task_alone() {
    let mut world = World::new();
    let (mine, other) = (
        made(&mut world, NewTask::default()),
        made(&mut world, NewTask::default()),
    );
    let token = claim(&mut world, &one(&mine)).unwrap().token;
    claim(&mut world, &one(&other)).unwrap();
    let proof = Proof::Overridden {
        reason: "r".into(),
        by: ann(),
    };
    let World { store, cx, .. } = &mut world;
    let refused = why(finish::done(
        &mut **store,
        cx,
        &other,
        Ending::plain(&Right::Token(&token), proof),
    ));
    assert!(
        matches!(&refused, Refusal::Unclear { why, .. } if why.contains(mine.as_str())),
        "{refused}"
    );
    assert_eq!(state(&mut world, &other), TaskState::Claimed);
}

#[test]
fn a_name_used_again_gives_no_right_to_a_lock() {
    let mut world = World::new();
    let session = |name: &str| {
        Actor::new(ActorKind::Agent, "bot")
            .unwrap()
            .with_incarnation(Incarnation::new(name).unwrap())
    };
    let held = world
        .run_as(&session("one"), |tx, cx| {
            lock::acquire(tx, cx, &["src/".into()], LockMode::Exclusive, TTL)
        })
        .unwrap();
    let id = held.lease.subject.to_string();
    let refused = why(world.run_as(&session("two"), |tx, cx| lock::release(tx, cx, &id, None)));
    assert!(
        matches!(refused, Refusal::MergeConflict { .. }),
        "{refused}"
    );
    world
        .run_as(&session("one"), |tx, cx| lock::release(tx, cx, &id, None))
        .unwrap();
}

#[test]
fn locks_that_lapsed_are_swept_by_the_next_one() {
    let mut world = World::new();
    let acquire = |world: &mut World, glob: &str| {
        world
            .run(|tx, cx| lock::acquire(tx, cx, &[glob.to_owned()], LockMode::Exclusive, TTL))
            .unwrap()
            .lease
    };
    acquire(&mut world, "src/");
    world.pass(TTL);
    let kept = acquire(&mut world, "src/a.rs");
    let all: Vec<Lease> = world.read(|tx| Ok(tx.leases()?));
    assert_eq!(all, [kept]);
}

#[test]
fn the_longest_lease_does_not_overflow() {
    let mut world = World::new();
    let id = made(&mut world, NewTask::default());
    let claimed = claim::run(&mut *world.store, &world.cx, &one(&id), i64::MAX).unwrap();
    assert_eq!(
        (claimed.lease.expires_ms, claimed.lease.expires.ms),
        (i64::MAX, i64::MAX)
    );
    let token: &Token = &claimed.token;
    world
        .run(|tx, cx| lease::heartbeat(tx, cx, token, Some(i64::MAX)))
        .unwrap();
}

#[test]
fn a_path_is_asked_about_as_it_is_named() {
    let mut world = World::new();
    world
        .run(|tx, cx| lock::acquire(tx, cx, &["src/".into()], LockMode::Exclusive, TTL))
        .unwrap();
    for path in [
        "src/a*b",
        "src/[x]",
        "src/{a}",
        "src/back\\slash",
        "src/a b ",
        "src/!x",
        "src/@y",
    ] {
        let blocked = world
            .store
            .read(|tx| lock::check(tx, &world.cx, &[path.to_owned()], &[]))
            .unwrap();
        assert_eq!(blocked.len(), 1, "{path}");
    }
}
