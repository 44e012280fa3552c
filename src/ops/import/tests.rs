use proptest::prelude::*;

use super::*;
use crate::domain::event_chain::record_hash;
use crate::domain::ids::TaskId;
use crate::domain::task::{Task, TaskState};
use crate::ops::create::{self, NewTask};
use crate::ops::error::OpError;
use crate::ops::export::{self, BODY};
use crate::ops::story_tests::{Step, step, tell};
use crate::ops::testing::World;
use crate::ops::{claim, edit, lease, log};
use crate::store::Flow;
use crate::store::memory::MemoryTables;
use crate::store::testing::{self, at, created, task};

fn exported(world: &mut World) -> String {
    let mut text = String::new();
    world.read(|tx| {
        export::export(tx, &mut |line| {
            text.extend([line, "\n"]);
            Ok(Flow::More)
        })?;
        Ok(())
    });
    text
}

fn bring_in(world: &mut World, text: &str, intent: Intent) -> Result<ImportReport, OpError> {
    let World { store, cx, .. } = world;
    import(&mut **store, cx, &mut text.as_bytes(), intent)
}

fn tables(world: &mut World) -> MemoryTables {
    world.read(|tx| Ok(MemoryTables::load(tx)?))
}

fn fault(world: &mut World) -> Option<String> {
    world.read(|tx| Ok(log::verify(tx)?)).fault
}

/// A world with the tasks `a`, `b` that waits for it, and `c` that waits for both; `a` is claimed.
fn small() -> World {
    let mut world = World::new();
    world
        .run(|tx, cx| {
            cx.record(tx, &created(task("a"), &[]))?;
            cx.record(tx, &created(task("b"), &["a"]))?;
            cx.record(
                tx,
                &created(
                    Task {
                        parent: Some(testing::id("a")),
                        ..task("c")
                    },
                    &["a", "b"],
                ),
            )
        })
        .unwrap();
    claim::run(
        &mut *world.store,
        &world.cx,
        &claim::Which::Task("t-a".into()),
        1_000,
    )
    .unwrap();
    world
}

fn refusal(text: &str) -> String {
    let mut world = World::new();
    let before = exported(&mut world);
    let why = bring_in(&mut world, text, Intent::Apply)
        .expect_err("it was taken in")
        .to_string();
    assert_eq!(exported(&mut world), before, "nothing was imported");
    let mut other = small();
    let before = exported(&mut other);
    assert!(
        bring_in(&mut other, text, Intent::Apply).is_err(),
        "nor into a store with tasks"
    );
    assert_eq!(exported(&mut other), before);
    why
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_empty_store_becomes_the_exported_one(steps in prop::collection::vec(step(), 1..40)) {
        let mut story = tell(steps);
        let text = exported(&mut story.world);
        let mut copy = World::new();
        copy.turn(story.world.cx.now.clone());
        let tried = bring_in(&mut copy, &text, Intent::DryRun).unwrap();
        prop_assert!(tables(&mut copy).tasks.is_empty(), "a dry run changes nothing");
        let report = bring_in(&mut copy, &text, Intent::Apply).unwrap();
        prop_assert_eq!(&report, &tried);
        prop_assert!(report.reproduced);
        prop_assert_eq!(exported(&mut copy), text);
        prop_assert_eq!(tables(&mut copy), tables(&mut story.world), "heartbeats included");
        prop_assert_eq!(fault(&mut copy), None);
    }

    #[test]
    fn two_stores_come_together(
        ours in prop::collection::vec(step(), 1..30),
        theirs in prop::collection::vec(step(), 1..30)
    ) {
        let (mut ours, mut theirs) = (tell([ours, vec![Step::CreateTwo { ring: false }]].concat()), tell(theirs));
        let text = exported(&mut theirs.world);
        let (before, from) = (tables(&mut ours.world).tasks, tables(&mut theirs.world).tasks);
        ours.world.turn(ours.world.cx.now.clone());
        let tried = bring_in(&mut ours.world, &text, Intent::DryRun).unwrap();
        prop_assert_eq!(&tables(&mut ours.world).tasks, &before);
        let report = bring_in(&mut ours.world, &text, Intent::Apply).unwrap();
        prop_assert_eq!((&report.created, report.tasks), (&tried.created, from.len() as u64));
        prop_assert_eq!(report.created.len(), from.len());
        ours.check();
        let after = tables(&mut ours.world);
        prop_assert_eq!(fault(&mut ours.world), None);
        prop_assert!(before.iter().all(|(id, task)| after.tasks[id] == *task), "what was here is untouched");
        for (id, there) in &from {
            let here = &after.tasks[id];
            let same = there.state == here.state || !matches!(there.state, TaskState::Done { .. });
            prop_assert!(same && here.title == there.title && here.epoch == there.epoch && !here.state.is_leased());
        }
        let again = bring_in(&mut ours.world, &text, Intent::Apply).unwrap();
        prop_assert_eq!((again.created.len(), again.unchanged.len()), (0, from.len()), "{:?}", again);
    }
}

#[test]
fn a_task_with_another_uid_gets_another_id_everywhere() {
    let mut theirs = small();
    let mut ours = World::new();
    // Another task that happens to bear the id of one of theirs.
    ours.run(|tx, cx| {
        cx.record(
            tx,
            &created(
                Task {
                    uid: "mine".into(),
                    ..task("a")
                },
                &[],
            ),
        )
    })
    .unwrap();
    let text = exported(&mut theirs);
    let report = bring_in(&mut ours, &text, Intent::Apply).unwrap();
    let [renamed] = &report.renamed[..] else {
        panic!("{report:?}")
    };
    assert_eq!(
        (
            renamed.from.as_str(),
            report.created.len(),
            report.conflicts.len()
        ),
        ("t-a", 3, 0)
    );
    let after = tables(&mut ours);
    assert_eq!(after.tasks[&testing::id("a")].uid, "mine");
    assert_eq!(after.tasks[&renamed.to].title, "title of a");
    assert_eq!(
        after.tasks[&testing::id("c")].parent.as_ref(),
        Some(&renamed.to)
    );
    let edges = |on: &TaskId| {
        after
            .deps
            .iter()
            .filter(|(dep, _)| dep == on)
            .map(|(_, t)| t.0.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(edges(&renamed.to), ["t-b", "t-c"]);
    assert!(edges(&testing::id("a")).is_empty());
    let again = bring_in(&mut ours, &text, Intent::Apply).unwrap();
    assert_eq!(
        (
            again.created.len(),
            again.renamed.len(),
            again.unchanged.len()
        ),
        (0, 0, 3),
        "known by its uid"
    );
    assert_eq!(fault(&mut ours), None);
}

#[test]
fn what_differs_is_told_and_left() {
    let mut world = small();
    let text = exported(&mut world);
    assert_eq!(
        bring_in(&mut world, &text, Intent::Apply)
            .unwrap()
            .unchanged
            .len(),
        3
    );
    world
        .run(|tx, cx| edit::hold(tx, cx, "t-b", "mine".into()))
        .unwrap();
    world
        .run(|tx, cx| {
            create::create(
                tx,
                cx,
                &NewTask {
                    title: "new".into(),
                    ..NewTask::default()
                },
            )
        })
        .unwrap();
    let before = tables(&mut world).tasks;
    let report = bring_in(&mut world, &text, Intent::Apply).unwrap();
    assert_eq!(report.conflicts, [testing::id("b")]);
    assert_eq!(report.unchanged, [testing::id("a"), testing::id("c")]);
    assert_eq!(tables(&mut world).tasks, before);
}

#[test]
fn what_is_done_here_is_not_waited_for() {
    let mut theirs = small();
    let text = exported(&mut theirs);
    let mut ours = World::new();
    let done = crate::domain::task::Proof::Overridden {
        reason: "r".into(),
        by: testing::ann(),
    };
    ours.run(|tx, cx| {
        cx.record(tx, &created(task("a"), &[]))?;
        cx.record(
            tx,
            &crate::domain::event::Event::TaskDone {
                task: testing::id("a"),
                proof: done,
            },
        )
    })
    .unwrap();
    let report = bring_in(&mut ours, &text, Intent::Apply).unwrap();
    assert_eq!(report.conflicts, [testing::id("a")]);
    let after = tables(&mut ours).tasks;
    assert_eq!(after[&testing::id("b")].state, TaskState::Queued);
    assert_eq!(after[&testing::id("c")].open_deps, 1);
    assert_eq!(fault(&mut ours), None);
}

#[test]
fn a_heartbeat_comes_along_and_no_secret_does() {
    let mut world = small();
    world.pass(1_500);
    let claimed = claim::run(
        &mut *world.store,
        &world.cx,
        &claim::Which::Task("t-a".into()),
        1_000,
    )
    .unwrap();
    world.pass(300);
    let renewed = world
        .run(|tx, cx| lease::heartbeat(tx, cx, &claimed.token, Some(9_000)))
        .unwrap();
    let text = exported(&mut world);
    let secret = claimed
        .token
        .reveal()
        .rsplit('.')
        .next()
        .unwrap()
        .to_owned();
    assert!(!text.contains(&secret));
    let mut copy = World::new();
    copy.turn(at(1_000_000));
    bring_in(&mut copy, &text, Intent::Apply).unwrap();
    assert_eq!(tables(&mut copy).leases[&renewed.subject], renewed);
}

#[test]
fn a_line_that_is_wrong_is_named_and_nothing_is_imported() {
    let text = exported(&mut small());
    let lines: Vec<&str> = text.lines().collect();
    let (events, last) = (lines.len() - 2, lines.len() - 1);
    let with = |n: usize, line: &str| {
        let mut changed = lines.clone();
        changed[n] = line;
        changed.join("\n") + "\n"
    };
    let (first, second) = lines[2].split_once(BODY).unwrap();
    let forged = second.replace("title of a", "title of x");
    for (text, expected) in [
        (String::new(), "line 1: the export is empty"),
        ("hello\n".into(), "line 1: this is no export"),
        (
            with(0, &lines[0].replace("ai-export", "other")),
            "line 1: this is no export of `ai`",
        ),
        (
            with(0, &lines[0].replace("\"version\":1", "\"version\":2")),
            "version 2, and this `ai` reads up to 1",
        ),
        (with(3, "{}"), "line 4: no event"),
        (with(3, "not json"), "line 4: no event"),
        (
            with(2, &format!("{first}{BODY}{forged}")),
            "line 3: record 2 was changed",
        ),
        (with(3, lines[4]), "line 4: the log has a gap: record 3"),
        (
            lines[..=3].join("\n") + "\n",
            "line 5: the export ends after 3 of",
        ),
        (
            lines[..last].join("\n") + "\n",
            "the export ends after 0 of 1 lease",
        ),
        (text[..text.len() - 1].to_owned(), "it is cut off"),
        (text[..text.len() / 2].to_owned(), "it is cut off"),
        (text.clone() + "{}\n", "there are more lines"),
        (with(last, "{\"lease\":\"t-a\"}"), "no lease"),
    ] {
        let why = refusal(&text);
        assert!(
            why.contains(expected) && why.contains("nothing was imported"),
            "{expected}: {why}"
        );
    }
    assert!(events > 4, "the lines that are spoilt are lines of events");
    let mut world = World::new();
    let bytes = [lines[0].as_bytes(), b"\n\xff\xfe\n"].concat();
    let refused = import(&mut *world.store, &world.cx, &mut &bytes[..], Intent::Apply)
        .err()
        .unwrap();
    assert!(
        refused.to_string().contains("line 2: it is not UTF-8"),
        "{refused}"
    );
}

/// An export whose chain was computed anew, so that only its meaning is wrong.
fn rechained(text: &str, change: impl Fn(&str) -> String) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let header: export::Header = serde_json::from_str(&lines[0]).unwrap();
    let mut prev = crate::domain::event_chain::CHAIN_START.to_owned();
    for line in &mut lines[1..=usize::try_from(header.events).unwrap()] {
        let (head, body) = line.split_once(BODY).unwrap();
        let mut head: export::EventHead = serde_json::from_str(&format!("{head}}}")).unwrap();
        let body = change(body.strip_suffix('}').unwrap());
        head.hash = record_hash(&prev, head.seq, head.at_ms, &head.actor.to_string(), &body);
        head.prev = std::mem::replace(&mut prev, head.hash.clone());
        *line = format!(
            "{}{BODY}{body}}}",
            serde_json::to_string(&head)
                .unwrap()
                .strip_suffix('}')
                .unwrap()
        );
    }
    lines[0] = serde_json::to_string(&export::Header {
        head: prev,
        ..header
    })
    .unwrap();
    lines.join("\n") + "\n"
}

#[test]
fn an_export_that_only_looks_right_is_refused_as_well() {
    let text = exported(&mut small());
    assert_eq!(rechained(&text, str::to_owned), text);
    let urgent = rechained(&text, |body| {
        body.replace("\"priority\":2", "\"priority\":9")
    });
    let mut world = World::new();
    let refused = bring_in(&mut world, &urgent, Intent::Apply).err().unwrap();
    assert!(
        refused
            .to_string()
            .contains("line 3: the store does not take it"),
        "{refused}"
    );
    let unknown = rechained(&text, |body| body.replace("task.created", "task.conjured"));
    assert!(refusal(&unknown).contains("cannot read the event"));
    let other_kind = rechained(&text, |body| {
        body.replace(
            "\"kind\":\"task.created\"",
            "\"kind\":\"task.imported\",\"from\":\"x\"",
        )
    });
    assert!(refusal(&other_kind).contains("the kind says task.created"));
    let counted = text.replacen("\"tasks\":3", "\"tasks\":4", 1);
    let refused = bring_in(&mut world, &counted, Intent::Apply).err().unwrap();
    assert!(refused.to_string().contains("as many tasks"), "{refused}");
}
