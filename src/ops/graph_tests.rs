//! Dependencies and bulk creation: what is refused leaves nothing, and length is no danger.

use crate::domain::event::TaskEdit;
use crate::domain::ids::TaskId;
use crate::domain::task::TaskState;
use crate::ops::create::{NewTask, create, create_all};
use crate::ops::edit;
use crate::ops::error::OpError;
use crate::ops::refusal::Refusal;
use crate::ops::testing::World;
use crate::store::testing::{listed, log};
use crate::store::{EventFilter, TaskFilter};

fn entry(key: &str, deps: &[&str]) -> NewTask {
    let deps = deps.iter().map(|dep| (*dep).to_owned()).collect();
    NewTask {
        key: Some(key.into()),
        title: format!("title {key}"),
        deps,
        ..NewTask::default()
    }
}

fn all(world: &mut World) -> Vec<String> {
    world.read(|tx| Ok(listed(tx, &TaskFilter::default())?))
}

fn events(world: &mut World) -> u64 {
    let newest = EventFilter {
        last: Some(1),
        ..EventFilter::default()
    };
    world
        .read(|tx| Ok(log(tx, &newest)?))
        .first()
        .map_or(0, |event| event.seq)
}

/// What is refused, in a world that stays as it was.
fn refused(world: &mut World, entries: &[NewTask]) -> Refusal {
    let before = (all(world), events(world));
    let error = world
        .run(|tx, cx| create_all(tx, cx, entries))
        .expect_err("it was created");
    assert_eq!((all(world), events(world)), before, "nothing was created");
    match error {
        OpError::Refused(refused) => refused.why,
        error => panic!("{error}"),
    }
}

#[test]
fn circles_are_refused_by_name() {
    let mut world = World::new();
    let circle = |world: &mut World, entries: &[NewTask]| match refused(world, entries) {
        Refusal::Cycle(names) => names.join(" "),
        other => panic!("{other}"),
    };
    assert_eq!(circle(&mut world, &[entry("a", &["a"])]), "a a");
    assert_eq!(
        circle(&mut world, &[entry("a", &["b"]), entry("b", &["a"])]),
        "a b a"
    );
    let tail = [
        entry("in", &["a"]),
        entry("a", &["b", "out"]),
        entry("out", &[]),
        entry("b", &["c"]),
        entry("c", &["a"]),
    ];
    assert_eq!(
        circle(&mut world, &tail),
        "a b c a",
        "without the way to it"
    );
    let own_part = |key: &str, of: &str| NewTask {
        parent: Some(of.into()),
        ..entry(key, &[])
    };
    assert_eq!(
        circle(&mut world, &[own_part("a", "b"), own_part("b", "a")]),
        "a b a"
    );
}

#[test]
fn entries_that_cannot_be_are_refused_as_a_whole() {
    let mut world = World::new();
    for (bad, part) in [
        (entry("a", &[]), "two entries have the key `a`"),
        (entry("b", &["t-nowhere"]), "there is no task `t-nowhere`"),
        (entry("b", &["A"]), "there is no task `A`"),
        (entry("b", &[""]), "there is no task ``"),
        (
            NewTask {
                title: " ".into(),
                ..entry("b", &[])
            },
            "needs a title",
        ),
        (
            NewTask {
                priority: Some(5),
                ..entry("b", &[])
            },
            "0 (most urgent) to 4",
        ),
        (
            NewTask {
                labels: vec!["two words".into()],
                ..entry("b", &[])
            },
            "`two words`",
        ),
        (
            NewTask {
                paths: vec!["../x".into()],
                ..entry("b", &[])
            },
            "../x",
        ),
        (
            NewTask {
                parent: Some("gone".into()),
                ..entry("b", &[])
            },
            "`gone`",
        ),
        (
            NewTask {
                title: "x".repeat(2_001),
                ..entry("b", &[])
            },
            "2000 bytes",
        ),
    ] {
        let why = refused(&mut world, &[entry("a", &[]), bad]).to_string();
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[test]
fn a_file_is_created_in_its_own_order() {
    let mut world = World::new();
    let epic = NewTask {
        deps: vec!["z".into(), "m".into()],
        ..entry("epic", &[])
    };
    let part = |key: &str, deps: &[&str]| NewTask {
        parent: Some("epic".into()),
        ..entry(key, deps)
    };
    let entries = [epic, part("z", &["m"]), part("m", &[]), entry("free", &[])];
    let created = world.run(|tx, cx| create_all(tx, cx, &entries)).unwrap();
    let titles: Vec<&str> = created.iter().map(|task| task.title.as_str()).collect();
    assert_eq!(titles, ["title epic", "title z", "title m", "title free"]);
    let ids: Vec<String> = created
        .iter()
        .map(|task| task.id.0.trim_start_matches("t-").to_owned())
        .collect();
    assert_eq!(all(&mut world), ids, "which is the order of their age");
    assert_eq!(
        created[1].parent,
        Some(created[0].id.clone()),
        "a whole may wait for its parts"
    );
    let open: Vec<u32> = created.iter().map(|task| task.open_deps).collect();
    assert_eq!(open, [2, 1, 0, 0]);
    let (whole, z) = (created[0].id.clone(), created[1].id.clone());
    assert_eq!(world.read(|tx| Ok(tx.deps(&z)?)), [created[2].id.clone()]);
    assert_eq!(world.read(|tx| Ok(tx.task(&whole)?)).unwrap(), created[0]);
}

#[test]
fn a_chain_of_ten_thousand_is_walked_without_danger() {
    let mut world = World::new();
    let n = 10_000;
    let key = |i: usize| format!("k{i}");
    let chain: Vec<NewTask> = (0..n)
        .map(|i| {
            if i == 0 {
                entry("k0", &[])
            } else {
                entry(&key(i), &[&key(i - 1)])
            }
        })
        .collect();
    let created = world.run(|tx, cx| create_all(tx, cx, &chain)).unwrap();
    let (first, last) = (created[0].id.to_string(), created[n - 1].id.to_string());
    let circle = world
        .run(|tx, cx| edit::add_dep(tx, cx, &first, &last))
        .err()
        .unwrap();
    match circle.refusal() {
        Some(Refusal::Cycle(way)) => {
            assert_eq!(
                (way.len(), &way[0], &way[1], &way[n]),
                (n + 1, &first, &last, &first)
            );
        }
        other => panic!("{other:?}"),
    }
    let text = circle.to_string();
    assert!(
        text.len() < 400 && text.contains(&first) && text.contains(&last),
        "{} bytes: {text:.200}",
        text.len()
    );
    let shortcut = world
        .run(|tx, cx| edit::add_dep(tx, cx, &last, &first))
        .unwrap();
    assert_eq!(shortcut.open_deps, 2);
    let mut ring = chain;
    ring[0].deps.push(key(n - 1));
    assert!(matches!(refused(&mut world, &ring), Refusal::Cycle(way) if way.len() == n + 1));
}

#[test]
fn a_task_is_no_part_of_itself() {
    let mut world = World::new();
    let made = |world: &mut World, parent: Option<&TaskId>| {
        let new = NewTask {
            title: "t".into(),
            parent: parent.map(ToString::to_string),
            ..NewTask::default()
        };
        world.run(|tx, cx| create(tx, cx, &new)).unwrap().id
    };
    let a = made(&mut world, None);
    let b = made(&mut world, Some(&a));
    let c = made(&mut world, Some(&b));
    let mut under = |task: &TaskId, parent: &str| {
        let change = TaskEdit {
            parent: Some(TaskId(parent.into())),
            ..TaskEdit::default()
        };
        world.run(|tx, cx| edit::edit(tx, cx, task.as_str(), change))
    };
    for parent in [&a, &b, &c] {
        assert!(
            matches!(
                under(&a, parent.as_str()).err().unwrap().refusal(),
                Some(Refusal::Cycle(_))
            ),
            "{parent}"
        );
    }
    assert!(matches!(
        under(&a, "t-none").err().unwrap().refusal(),
        Some(Refusal::NotFound { .. })
    ));
    assert_eq!(under(&c, a.as_str()).unwrap().parent, Some(a.clone()));
    assert_eq!(under(&c, "").unwrap().parent, None);
}

#[test]
fn an_empty_name_means_no_task() {
    let mut world = World::new();
    world
        .run(|tx, cx| create(tx, cx, &entry("only", &[])))
        .unwrap();
    for typed in ["", " ", "t-", "T-", "-"] {
        let found = world.store.read(|tx| crate::ops::cx::resolve(tx, typed));
        assert!(
            matches!(
                found.err().unwrap().refusal(),
                Some(Refusal::NotFound { .. })
            ),
            "{typed:?}"
        );
    }
}

#[test]
fn what_waits_is_freed_by_the_last_and_caught_again() {
    let mut world = World::new();
    let made = world
        .run(|tx, cx| create_all(tx, cx, &[entry("a", &[]), entry("b", &["a"])]))
        .unwrap();
    let (a, b) = (made[0].id.to_string(), made[1].id.clone());
    let state = |world: &mut World| world.read(|tx| Ok(tx.task(&b)?)).unwrap().state;
    assert!(matches!(state(&mut world), TaskState::Blocked { .. }));
    world
        .run(|tx, cx| edit::remove_dep(tx, cx, b.as_str(), &a))
        .unwrap();
    assert_eq!(state(&mut world), TaskState::Queued);
    let again = world
        .run(|tx, cx| edit::remove_dep(tx, cx, b.as_str(), &a))
        .err()
        .unwrap();
    assert!(matches!(again.refusal(), Some(Refusal::WrongState { .. })));
    world
        .run(|tx, cx| edit::add_dep(tx, cx, b.as_str(), &a))
        .unwrap();
    let twice = world
        .run(|tx, cx| edit::add_dep(tx, cx, b.as_str(), &a))
        .unwrap();
    assert_eq!(twice.open_deps, 1, "an edge counts once");
}
