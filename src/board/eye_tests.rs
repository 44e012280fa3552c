use super::*;
use crate::domain::event::Event;
use crate::domain::task::{BlockReason, Hold, Proof, Task};
use crate::ops::testing::World;
use crate::store::testing::{ann, run, task};

/// Each column in a line: marks and ids.
fn told(picture: &BoardPicture) -> Vec<String> {
    let card = |card: &BoardCard| format!("{}{}", card.mark.letter(), card.id);
    let column = |at: usize| {
        picture.columns[at]
            .iter()
            .map(card)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let columns = BoardColumn::ALL.iter().enumerate();
    columns
        .map(|(at, one)| format!("{} {}: {}", one.name(), picture.counts[at], column(at)))
        .collect()
}

/// A world with a task of this name for each state.
fn world(tasks: &[(&str, TaskState, u8)]) -> World {
    let mut world = World::new();
    for (name, state, priority) in tasks {
        let hold = match state {
            TaskState::Blocked { blocked_by } if *blocked_by != BlockReason::Dependency => {
                Some(Hold {
                    kind: blocked_by.clone(),
                    reason: "\"blocked_by\":\"dependency\"".into(),
                    since_ms: 0,
                })
            }
            _ => None,
        };
        let task = Task {
            state: state.clone(),
            priority: *priority,
            title: format!("{name}\u{1b}[2J"),
            hold,
            ..task(name)
        };
        let imported = Event::TaskImported {
            task: Box::new(task),
            deps: Vec::new(),
            from: "elsewhere".into(),
            was: None,
        };
        world.run(|tx, cx| cx.record(tx, &imported)).unwrap();
    }
    world
}

fn blocked(by: BlockReason) -> TaskState {
    TaskState::Blocked { blocked_by: by }
}

#[test]
fn tasks_stand_in_columns_and_those_that_wait_for_a_person_first() {
    let done = TaskState::Done {
        proof: Proof::Overridden {
            reason: "seen".into(),
            by: ann(),
        },
        done_ms: 1,
    };
    let mut world = world(&[
        ("late", TaskState::Queued, 3),
        ("soon", TaskState::Queued, 0),
        ("own", TaskState::Claimed, 2),
        (
            "dead",
            TaskState::Running {
                run: run("dead", 1).id,
            },
            2,
        ),
        ("dep", blocked(BlockReason::Dependency), 2),
        ("hold", blocked(BlockReason::Hold), 2),
        ("yes", blocked(BlockReason::Approval), 2),
        ("park", blocked(BlockReason::Parked), 2),
        (
            "look",
            TaskState::Review {
                run: run("look", 1).id,
            },
            2,
        ),
        (
            "first",
            TaskState::Review {
                run: run("first", 1).id,
            },
            0,
        ),
        (
            "bad",
            TaskState::Failed {
                failed_because: "x".into(),
            },
            2,
        ),
        ("done", done, 2),
        (
            "not",
            TaskState::Cancelled {
                cancelled_because: "x".into(),
            },
            2,
        ),
    ]);
    let started = Event::RunStarted {
        run: Box::new(run("dead", 1)),
    };
    world.run(|tx, cx| cx.record(tx, &started)).unwrap();
    let looked = world.read(|tx| {
        picture(
            tx,
            DaemonSeen {
                held_back: false,
                told: "no daemon".into(),
            },
            &crate::store::testing::at(0),
        )
    });
    assert_eq!(
        told(&looked),
        [
            "for you 6: yt-yes rt-first rt-look !t-bad ht-hold pt-park",
            "at work 2: ct-own xt-dead",
            "queued 2: 0t-soon 3t-late",
            "blocked 1:  t-dep",
            "ended 2: +t-done -t-not",
        ]
    );
    let title = &looked.columns[0][0].title;
    assert_eq!(title, "yes\\e[2J", "titles drive no terminal");
}
